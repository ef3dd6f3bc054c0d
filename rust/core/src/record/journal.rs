//! The journal of a recording: what is not yet in a row group of its file.
//!
//! Beside `NAME.partial`, the file under way, lies `NAME.journal`: JSON lines under zstd, so that `zstdcat` shows them.
//! The first frame is the head, all that was known when the last row group ended and where that is; each flush adds a
//! frame with what happened since. A frame has a checksum, and one that is cut off or damaged ends the journal: what
//! stands before it is whole. When a row group ends, a new journal takes the place of the old one.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tempfile::TempPath;
use zstd::stream::read::Decoder;
use zstd::stream::write::Encoder;

use super::checks::Sums;
use super::packed::PackedBlock;
use super::place;
use super::target::{remove_if_there, sync_folder};
use super::under_way::{NEW, is_at, with_suffix};
use crate::TraceFormatError;
use crate::block::Block;
use crate::ledger::{Ledger, Remark};

/// The version of the journal that this crate writes and reads: a journal outlives its recorder only until it is repaired.
const VERSION: u32 = 2;

/// Frames are small and live for minutes.
const ZSTD_LEVEL: i32 = 1;

/// What a frame begins with.
const ZSTD_MAGIC: [u8; 4] = 0xFD2F_B528_u32.to_le_bytes();

/// A frame is read into memory: one beyond this is no journal's. A flush holds seconds of rows, a head the counts of a
/// host.
const FRAME_LIMIT: u64 = 1 << 30;

/// What a journal begins with.
#[derive(Serialize, Deserialize)]
pub(super) struct Head {
    journal: u32,
    /// The recording's number, which its file has as well.
    pub(super) recording: u64,
    /// The place of this segment in the recording, if it is one.
    pub(super) segment: Option<u32>,
    /// So long is the part of the file that holds the rows before this journal.
    pub(super) file_bytes: u64,
    /// The checksums of that part.
    pub(super) sums: Sums,
    /// All that was known then.
    pub(super) ledger: Ledger,
}

#[derive(Serialize)]
struct HeadNow<'a> {
    journal: u32,
    recording: u64,
    segment: Option<u32>,
    file_bytes: u64,
    sums: &'a Sums,
    ledger: &'a Ledger,
}

/// Something that happened since.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Entry {
    Block(Box<PackedBlock>),
    /// The end of a flush, and how many there were before it: one that is missing or there twice is told.
    Flush(u64),
    #[serde(untagged)]
    Remark(Remark),
}

/// A journal that is being written.
pub(super) struct Journal {
    path: PathBuf,
    recording: u64,
    segment: Option<u32>,
    file: Option<Arc<File>>,
    /// JSON lines that wait for the next flush.
    waiting: Vec<u8>,
    /// The last look at the clocks, where nothing came since: it alone is not worth a flush.
    clocks: Vec<u8>,
    /// Bytes in the file.
    bytes: u64,
    /// How many frames it has behind its head.
    flushes: u64,
}

impl Journal {
    /// One that will be at `path`; nothing is there yet.
    pub(super) fn new(path: PathBuf, recording: u64, segment: Option<u32>) -> Self {
        Self { path, recording, segment, file: None, waiting: Vec::new(), clocks: Vec::new(), bytes: 0, flushes: 0 }
    }

    /// The recording's number.
    pub(super) const fn recording(&self) -> u64 {
        self.recording
    }

    /// Whether it is there.
    pub(super) fn is_begun(&self) -> bool {
        self.file.is_some()
    }

    /// Bytes in the file so far.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Begins it anew, with what is known when the file's first `file_bytes` bytes hold all rows. The old one stands until
    /// the new one is on the disk. `create` makes a file of a name that is free.
    pub(super) fn begin(
        &mut self,
        ledger: &Ledger,
        file_bytes: u64,
        sums: &Sums,
        create: impl FnOnce(&Path) -> io::Result<File>,
    ) -> io::Result<()> {
        let (recording, segment) = (self.recording, self.segment);
        let head = serde_json::to_vec(&HeadNow { journal: VERSION, recording, segment, file_bytes, sums, ledger })?;
        let new = with_suffix(&self.path, NEW);
        let file = create(&new).map_err(in_the_way)?;
        let begun = write_frame(&file, &head).and_then(|bytes| {
            file.sync_data()?;
            self.name(&new)?;
            sync_folder(&self.path);
            Ok(bytes)
        });
        match begun {
            Ok(bytes) => self.bytes = bytes,
            Err(error) => {
                remove_own(&file, &new)?;
                return Err(error);
            }
        }
        self.file = Some(Arc::new(file));
        self.flushes = 0;
        self.waiting.clear();
        self.clocks.clear();
        Ok(())
    }

    /// Gives the new one its name, in the place of the old one and of nothing else.
    fn name(&self, new: &Path) -> io::Result<()> {
        if self.is_begun() && !self.is_lost()? {
            return fs::rename(new, &self.path);
        }
        let named = TempPath::try_from_path(new)?.persist_noclobber(&self.path);
        named.map_err(|failed| in_the_way(failed.error))
    }

    /// Whether it was begun and was taken away since, or something else has its name.
    pub(super) fn is_lost(&self) -> io::Result<bool> {
        self.file.as_ref().map_or(Ok(false), |file| Ok(!is_at(file, &self.path)?))
    }

    /// Takes down a block.
    pub(super) fn block(&mut self, block: &Block) -> io::Result<()> {
        self.add(&Entry::Block(Box::new(PackedBlock::new(block))))
    }

    /// Takes down what is said.
    pub(super) fn remark(&mut self, remark: &Remark) -> io::Result<()> {
        self.add(&Entry::Remark(remark.clone()))
    }

    /// Before the journal has begun, what happens is part of what its head will know.
    fn add(&mut self, entry: &Entry) -> io::Result<()> {
        if !self.is_begun() {
            return Ok(());
        }
        let lines = if matches!(entry, Entry::Remark(Remark::Clocks(_))) {
            self.clocks.clear();
            &mut self.clocks
        } else {
            self.waiting.append(&mut self.clocks);
            &mut self.waiting
        };
        serde_json::to_writer(&mut *lines, entry)?;
        lines.push(b'\n');
        Ok(())
    }

    /// Writes what waits. The file is then to be brought to the disk.
    pub(super) fn flush(&mut self) -> io::Result<Option<Arc<File>>> {
        let Some(file) = self.file.as_ref().filter(|_| !self.waiting.is_empty()) else { return Ok(None) };
        self.waiting.append(&mut self.clocks);
        serde_json::to_writer(&mut self.waiting, &Entry::Flush(self.flushes))?;
        self.bytes += write_frame(file, &self.waiting)?;
        self.flushes += 1;
        self.waiting.clear();
        Ok(Some(Arc::clone(file)))
    }

    /// Takes it away, unless something else has its name.
    pub(super) fn remove(&mut self) -> io::Result<()> {
        self.file.take().map_or(Ok(()), |file| remove_own(&file, &self.path))
    }
}

fn remove_own(file: &File, path: &Path) -> io::Result<()> {
    if is_at(file, path)? { remove_if_there(path) } else { Ok(()) }
}

/// What is there already was made by somebody else: it stays.
fn in_the_way(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::AlreadyExists {
        let why = "what somebody else made has the name of its journal, and is left alone: the recording ends with what \
                   was read until then";
        return io::Error::new(error.kind(), why);
    }
    error
}

/// Writes a frame with a checksum; how many bytes it has.
fn write_frame(mut file: &File, lines: &[u8]) -> io::Result<u64> {
    let mut encoder = Encoder::new(Vec::new(), ZSTD_LEVEL)?;
    encoder.include_checksum(true)?;
    encoder.write_all(lines)?;
    let frame = encoder.finish()?;
    // In one go: a frame is there or it is not, as far as the system can help.
    file.write_all(&frame)?;
    Ok(frame.len() as u64)
}

/// What a journal holds: its head, and what happened since, up to the last whole flush.
pub(super) struct Recovered {
    pub(super) head: Head,
    pub(super) entries: Vec<Entry>,
}

/// Which recording the journal at `path` is of, whatever its version. `None` where it is none.
pub(super) fn recording(path: &Path) -> io::Result<Option<u64>> {
    #[derive(Deserialize)]
    struct Whose {
        recording: u64,
    }
    if !path.symlink_metadata()?.is_file() {
        return Ok(None);
    }
    let head = read_frame(&mut BufReader::new(place::open(path)?));
    Ok(head.and_then(|head| serde_json::from_slice(&head).ok()).map(|Whose { recording }| recording))
}

/// Whether what is at `path` begins as a journal does that was cut off while it was made, perhaps before its first byte.
pub(super) fn is_begin_of_one(path: &Path) -> bool {
    if !path.symlink_metadata().is_ok_and(|found| found.is_file()) {
        return false;
    }
    let mut begin = Vec::new();
    let read = place::open(path).and_then(|file| file.take(ZSTD_MAGIC.len() as u64).read_to_end(&mut begin));
    read.is_ok() && ZSTD_MAGIC.starts_with(&begin)
}

/// Reads the journal at `path`.
///
/// # Errors
///
/// The system's, where it cannot be read at all.
pub(super) fn read(path: &Path) -> io::Result<Result<Recovered, TraceFormatError>> {
    let mut file = BufReader::new(place::open(path)?);
    let wrong = |message: String| TraceFormatError { path: path.display().to_string(), message };
    let Some(head) = read_frame(&mut file) else {
        return Ok(Err(wrong("the journal's head is cut off or damaged".to_owned())));
    };
    let head: Head = match serde_json::from_slice(&head) {
        Ok(head) => head,
        Err(error) => return Ok(Err(wrong(format!("no journal that this irqtrace reads: {error}")))),
    };
    if head.journal != VERSION {
        let message = format!("a journal of version {}; the irqtrace that recorded it reads it", head.journal);
        return Ok(Err(wrong(message)));
    }
    let mut entries = Vec::new();
    for flush in 0.. {
        let Some(frame) = read_frame(&mut file) else { break };
        for line in frame.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            match serde_json::from_slice(line) {
                Ok(Entry::Flush(number)) if number == flush => {}
                Ok(Entry::Flush(number)) => {
                    return Ok(Err(wrong(format!(
                        "the journal is damaged: flush {number} stands where {flush} should"
                    ))));
                }
                Ok(entry) => entries.push(entry),
                Err(error) => {
                    return Ok(Err(wrong(format!("the journal tells what this irqtrace does not know: {error}"))));
                }
            }
        }
    }
    Ok(Ok(Recovered { head, entries }))
}

/// The next frame; none at the end, or where it is cut off or damaged.
fn read_frame(file: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    // Only this frame: the decoder stops at its end.
    let mut decoder = Decoder::with_buffer(file).ok()?.single_frame().take(FRAME_LIMIT);
    decoder.read_to_end(&mut text).ok()?;
    (!text.is_empty()).then_some(text)
}
