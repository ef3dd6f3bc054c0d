//! Reading a file at places, through one descriptor and by several readers at once.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use parquet::errors::Result;
use parquet::file::reader::{ChunkReader, Length};

/// Opens a file for reading. What has its name may be anything: a pipe would wait for its other end.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let file = |is_file: bool| {
        is_file.then_some(()).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "is not a file"))
    };
    file(path.metadata()?.is_file())?;
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // Nor does one that has come to be there since.
        options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    }
    let opened = options.open(path)?;
    file(opened.metadata()?.is_file())?;
    Ok(opened)
}

/// A file that stays the same one when its name is given to another, read without moving any position in it.
#[derive(Clone, Debug)]
pub(super) struct PlacedFile(Arc<File>);

impl PlacedFile {
    pub(super) fn new(file: File) -> Self {
        Self(Arc::new(file))
    }

    /// Reads from its begin.
    pub(super) fn begin(&self) -> FromPlace {
        self.from(0)
    }

    fn from(&self, at: u64) -> FromPlace {
        FromPlace { file: self.clone(), at }
    }

    #[cfg(unix)]
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(&*self.0, buffer, at)
    }

    #[cfg(windows)]
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_read(&*self.0, buffer, at)
    }
}

impl Length for PlacedFile {
    fn len(&self) -> u64 {
        self.0.metadata().map_or(0, |found| found.len())
    }
}

impl ChunkReader for PlacedFile {
    type T = BufReader<FromPlace>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(BufReader::new(self.from(start)))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let mut bytes = Vec::new();
        // Not taken in advance: a damaged length may be any.
        self.from(start).take(length as u64).read_to_end(&mut bytes)?;
        if bytes.len() < length {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        Ok(bytes.into())
    }
}

/// Reads on from a place.
pub(super) struct FromPlace {
    file: PlacedFile,
    at: u64,
}

impl Read for FromPlace {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}
