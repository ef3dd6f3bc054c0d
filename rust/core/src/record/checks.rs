//! Checksums of a trace file: what was damaged on the disk or on the way is never taken for numbers.
//!
//! They stand before the file's own footer, where readers of Parquet pass over them: a CRC-32 of each MiB before them
//! and one of the footer. `docs/format.md` has the layout.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use crc32fast::Hasher;
use parquet::file::reader::{ChunkReader, Length};
use serde::{Deserialize, Serialize};

use super::place::PlacedFile;
use super::row_groups::io_error;
use crate::{IrqtraceError, TraceFormatError};

/// So many bytes have a checksum of their own.
const BLOCK_BYTES: u64 = 1 << 20;

/// What the checksums end with.
const MAGIC: &[u8; 8] = b"IRQCRC32";

/// Behind the sums of the blocks: how many bytes they are of, the footer's sum, the sum of all this, the magic.
const FIXED_BYTES: u64 = 8 + 4 + 4 + 8;

/// Length of the footer, and Parquet's magic.
const TAIL_BYTES: u64 = 8;

/// The sums of what was written so far. Written down and read back, they go on where they were.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Sums {
    whole_blocks: Vec<u32>,
    /// Bytes behind them, and the sum of these.
    bytes: u64,
    sum: u32,
}

impl Sums {
    fn add(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = usize::try_from(BLOCK_BYTES - self.bytes).unwrap_or(usize::MAX);
            let (now, rest) = bytes.split_at(room.min(bytes.len()));
            let mut hasher = Hasher::new_with_initial_len(self.sum, self.bytes);
            hasher.update(now);
            self.sum = hasher.finalize();
            self.bytes += now.len() as u64;
            if self.bytes == BLOCK_BYTES {
                self.whole_blocks.push(self.sum);
                (self.bytes, self.sum) = (0, 0);
            }
            bytes = rest;
        }
    }

    /// How many bytes they are of.
    pub(super) const fn file_bytes(&self) -> u64 {
        self.whole_blocks.len() as u64 * BLOCK_BYTES + self.bytes
    }

    fn blocks(&self) -> impl Iterator<Item = u32> {
        self.whole_blocks.iter().copied().chain((self.bytes > 0).then_some(self.sum))
    }

    /// That the begin of a file is what was written.
    pub(super) fn verify(&self, file: &PlacedFile) -> io::Result<Result<(), String>> {
        let end = self.file_bytes();
        for (block, sum) in self.blocks().enumerate() {
            let begin = block as u64 * BLOCK_BYTES;
            let length = BLOCK_BYTES.min(end - begin);
            let Some(bytes) = part(file, begin, length)? else { return Ok(Err("it is cut off".to_owned())) };
            if crc32fast::hash(&bytes) != sum {
                let after = begin + length;
                return Ok(Err(format!("bytes {begin} to {after} are not what was written")));
            }
        }
        Ok(Ok(()))
    }
}

/// A file under way, with the sums of what was written.
pub(super) struct CheckedFile {
    file: File,
    sums: Sums,
}

impl CheckedFile {
    pub(super) fn new(file: File) -> Self {
        Self { file, sums: Sums::default() }
    }

    pub(super) const fn file(&self) -> &File {
        &self.file
    }

    pub(super) const fn sums(&self) -> &Sums {
        &self.sums
    }

    /// Writes the checksums, and the footer behind them.
    pub(super) fn complete(&mut self, footer: &[u8]) -> io::Result<()> {
        let mut checks: Vec<u8> = self.sums.blocks().flat_map(u32::to_le_bytes).collect();
        checks.extend(self.sums.file_bytes().to_le_bytes());
        checks.extend(crc32fast::hash(footer).to_le_bytes());
        checks.extend(crc32fast::hash(&checks).to_le_bytes());
        checks.extend(MAGIC);
        self.file.write_all(&checks)?;
        self.file.write_all(footer)
    }
}

impl Write for CheckedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.sums.add(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// How long the footer is at the end of a Parquet file, with its length and magic.
fn footer_bytes(end: &[u8]) -> Option<usize> {
    let (_, tail) = end.split_last_chunk::<8>()?;
    let (length, magic) = tail.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    (magic == b"PAR1").then_some(length + tail.len())
}

/// The checksums of a trace file.
pub struct Checks {
    file: PlacedFile,
    path: String,
    sums: Sums,
}

impl Checks {
    /// The checksums of the file at `path`, whose footer is what was written. `None` where it has none: a file of schema
    /// 1, or one that another tool wrote.
    ///
    /// # Errors
    ///
    /// It cannot be read, or its footer or the checksums are damaged.
    pub fn open(path: &Path) -> Result<Option<Self>, IrqtraceError> {
        let fail = |source| IrqtraceError::Io { path: path.to_owned(), source };
        let file = PlacedFile::new(File::open(path).map_err(fail)?);
        let name = path.display().to_string();
        match sums(&file).map_err(fail)? {
            Ok(sums) => Ok(sums.map(|sums| Self { file, path: name, sums })),
            Err(what) => Err(damaged(name, what).into()),
        }
    }

    /// How many bytes [`Checks::verify`] reads.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.sums.file_bytes()
    }

    /// That all of the file is what was written.
    ///
    /// # Errors
    ///
    /// It cannot be read, or it is damaged: the message says where.
    pub fn verify(&self) -> Result<(), IrqtraceError> {
        let verified = self.sums.verify(&self.file);
        let verified = verified.map_err(|source| IrqtraceError::Io { path: self.path.clone().into(), source })?;
        verified.map_err(|what| damaged(self.path.clone(), &what).into())
    }
}

fn damaged(path: String, what: &str) -> TraceFormatError {
    TraceFormatError { path, message: format!("damaged: {what}") }
}

/// The sums that stand before a footer, and that the footer is the one that they are of.
fn sums(file: &PlacedFile) -> io::Result<Result<Option<Sums>, &'static str>> {
    const NONE: Result<Option<Sums>, &str> = Ok(None);
    let length = file.len();
    let Some(tail_at) = length.checked_sub(TAIL_BYTES) else { return Ok(NONE) };
    let Some(footer) = part(file, tail_at, TAIL_BYTES)?.as_deref().and_then(footer_bytes) else { return Ok(NONE) };
    let footer_at = length.checked_sub(footer as u64);
    let Some((footer_at, fixed_at)) = footer_at.and_then(|at| Some((at, at.checked_sub(FIXED_BYTES)?))) else {
        return Ok(NONE);
    };
    let Some(fixed) = part(file, fixed_at, FIXED_BYTES)? else { return Ok(NONE) };
    let Some(Fixed { file_bytes: count, footer_sum, own_sum }) = Fixed::of(&fixed) else { return Ok(NONE) };
    // A length that is damaged may be any.
    let begin = count.div_ceil(BLOCK_BYTES).checked_mul(4).and_then(|sums| fixed_at.checked_sub(sums));
    if begin != Some(count) {
        return Ok(Err("its checksums are not where they should be"));
    }
    let Some(checks) = part(file, count, footer_at - count)? else { return Ok(Err("it is cut off")) };
    if crc32fast::hash(&checks[..checks.len() - 12]) != own_sum {
        return Ok(Err("its checksums are not what was written"));
    }
    let Some(footer) = part(file, footer_at, length - footer_at)? else { return Ok(Err("it is cut off")) };
    if crc32fast::hash(&footer) != footer_sum {
        return Ok(Err("its footer is not what was written"));
    }
    let words = checks[..checks.len() - fixed.len()].chunks_exact(4);
    let mut whole_blocks: Vec<u32> =
        words.map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]])).collect();
    let bytes = count % BLOCK_BYTES;
    let sum = if bytes > 0 { whole_blocks.pop().unwrap_or_default() } else { 0 };
    Ok(Ok(Some(Sums { whole_blocks, bytes, sum })))
}

struct Fixed {
    file_bytes: u64,
    footer_sum: u32,
    own_sum: u32,
}

impl Fixed {
    fn of(bytes: &[u8]) -> Option<Self> {
        let (file_bytes, bytes) = bytes.split_first_chunk()?;
        let (footer_sum, bytes) = bytes.split_first_chunk()?;
        let (own_sum, magic) = bytes.split_first_chunk()?;
        (magic == MAGIC).then(|| Self {
            file_bytes: u64::from_le_bytes(*file_bytes),
            footer_sum: u32::from_le_bytes(*footer_sum),
            own_sum: u32::from_le_bytes(*own_sum),
        })
    }
}

/// Some bytes of a file; none where it ends before.
fn part(file: &PlacedFile, at: u64, length: u64) -> io::Result<Option<bytes::Bytes>> {
    let Ok(length) = usize::try_from(length) else { return Ok(None) };
    match file.get_bytes(at, length) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) => match io_error(error) {
            error if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            error => Err(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The footer of a Parquet file, whatever it says.
    fn footer(says: &[u8]) -> Vec<u8> {
        let length = u32::try_from(says.len()).unwrap();
        [says, &length.to_le_bytes(), b"PAR1"].concat()
    }

    fn written(pieces: &[Vec<u8>], footer: &[u8]) -> PlacedFile {
        let file = tempfile::tempfile().unwrap();
        let mut checked = CheckedFile::new(file.try_clone().unwrap());
        for piece in pieces {
            checked.write_all(piece).unwrap();
        }
        checked.complete(footer).unwrap();
        PlacedFile::new(file)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

        /// Pieces of any length, shorter and longer than a block.
        #[test]
        fn the_sums_are_those_of_the_blocks_however_they_were_written(
            lengths in prop::collection::vec(0_usize..700_000, 0..8),
            says in 0_usize..100,
        ) {
            let piece = |length: usize| (0..length).map(|at| at.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
            let pieces: Vec<Vec<u8>> = lengths.into_iter().map(piece).collect();
            let file = written(&pieces, &footer(&vec![2; says]));
            let before = pieces.concat();
            let found = sums(&file).unwrap().unwrap().unwrap();
            prop_assert_eq!(found.file_bytes(), before.len() as u64);
            let slow: Vec<u32> = before.chunks(1 << 20).map(crc32fast::hash).collect();
            prop_assert_eq!(found.blocks().collect::<Vec<_>>(), slow);
            prop_assert!(found.verify(&file).unwrap().is_ok());
        }
    }

    #[test]
    fn a_wrong_bit_in_the_checksums_or_the_footer_is_found() {
        let file = written(&[vec![3; 2_000_000]], &footer(b"footer"));
        let whole = part(&file, 0, file.len()).unwrap().unwrap();
        for at in 2_000_000..whole.len() {
            for bit in 0..8 {
                let mut damaged = whole[2_000_000..].to_vec();
                damaged[at - 2_000_000] ^= 1 << bit;
                let mut copy = tempfile::tempfile().unwrap();
                copy.set_len(2_000_000).unwrap();
                io::Seek::seek(&mut copy, io::SeekFrom::End(0)).unwrap();
                copy.write_all(&damaged).unwrap();
                // One without its magic looks like a file that never had any, which its footer then contradicts.
                assert!(!matches!(sums(&PlacedFile::new(copy)).unwrap(), Ok(Some(_))), "byte {at}, bit {bit}");
            }
        }
    }

    #[test]
    fn a_file_of_another_tool_has_none() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[vec![0; 100], footer(b"footer")].concat()).unwrap();
        assert!(matches!(sums(&PlacedFile::new(file)).unwrap(), Ok(None)));
    }
}
