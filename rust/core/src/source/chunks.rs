//! A whole text from a file that gives it in pieces.

use std::cmp::Ordering;
use std::io;

/// The room that is held ready beyond what has come: `seq_file`'s smallest buffer, so that a piece is rarely cut.
const ROOM: usize = 4096;

/// Room to look for the end with.
const PROBE: usize = 64;

/// Replaces `text` by what `pread(buffer, offset)` gives from offset 0 up to its end, or up to `limit` bytes.
///
/// A short piece is not the end: `seq_file` hands out only whole records that fit its own buffer. The end is where
/// nothing comes any more. Each piece is asked for at the exact end of the one before, because at any other offset
/// the kernel begins anew and counts from the start. `after_piece` is called after each piece that brought something.
///
/// The old bytes of `text` are the room for the new ones: it grows, and zeroes what it grows by, only beyond them.
pub(super) fn read_pieces(
    limit: Option<usize>,
    text: &mut Vec<u8>,
    mut pread: impl FnMut(&mut [u8], u64) -> io::Result<usize>,
    mut after_piece: impl FnMut(),
) -> io::Result<()> {
    let limit = limit.unwrap_or(usize::MAX);
    let mut filled = 0;
    // Usually a text is as long as the last time, and what is asked for behind it only shows that nothing is there.
    let usual = text.len();
    while filled < limit {
        let wanted = match filled.cmp(&usual) {
            Ordering::Less => usual,
            Ordering::Equal if usual > 0 => filled.saturating_add(PROBE),
            _ => filled.saturating_add(ROOM),
        };
        if text.len() < wanted.min(limit) {
            text.resize(wanted.min(limit), 0);
        }
        let end = text.len().min(limit);
        match pread(&mut text[filled..end], filled as u64) {
            Ok(0) => break,
            Ok(bytes) => filled += bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        }
        after_piece();
    }
    text.truncate(filled);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Gives whole records as long as they fit `buffer` bytes, as `seq_file` does; what of the last one the reader has
    /// no room for is kept. It refuses every offset but 0 and the exact end of what it gave.
    struct SeqFile {
        records: Vec<Vec<u8>>,
        buffer: usize,
        given: usize,
        offsets: Vec<u64>,
    }

    impl SeqFile {
        fn new(records: Vec<Vec<u8>>, buffer: usize) -> Self {
            Self { records, buffer, given: 0, offsets: Vec::new() }
        }

        fn text(&self) -> Vec<u8> {
            self.records.concat()
        }

        fn pread(&mut self, buffer: &mut [u8], offset: u64) -> usize {
            self.offsets.push(offset);
            let offset = usize::try_from(offset).unwrap();
            assert!(offset == 0 || offset == self.given, "offset {offset} where {} bytes were given", self.given);
            let text = self.text();
            let mut end = 0;
            for record in &self.records {
                let next = end + record.len();
                let fits = next - offset.min(next) <= self.buffer.max(record.len()) || end <= offset;
                if end >= offset + buffer.len() || !fits {
                    break;
                }
                end = next;
            }
            let bytes = (end - offset).min(buffer.len());
            buffer[..bytes].copy_from_slice(&text[offset..offset + bytes]);
            self.given = offset + bytes;
            bytes
        }
    }

    fn read(file: &mut SeqFile, limit: Option<usize>, text: &mut Vec<u8>) -> usize {
        let mut pieces = 0;
        read_pieces(limit, text, |buffer, offset| Ok(file.pread(buffer, offset)), || pieces += 1).unwrap();
        pieces
    }

    fn records(count: usize, length: usize) -> Vec<Vec<u8>> {
        (0..count).map(|index| format!("{index:>width$}\n", width = length - 1).into_bytes()).collect()
    }

    #[test]
    fn a_short_piece_is_not_the_end() {
        let mut file = SeqFile::new(records(100, 300), 4096);
        let mut text = Vec::new();
        let pieces = read(&mut file, None, &mut text);
        assert_eq!(text, file.text());
        assert_eq!(pieces, 8, "13 records of 300 bytes fit 4096");
        assert_eq!(file.offsets.len(), 9, "the last one found the end");
    }

    #[test]
    fn a_limit_is_kept_to_the_byte_and_asks_for_no_end() {
        let mut file = SeqFile::new(records(100, 300), 4096);
        let mut text = vec![b'x'; 20_000];
        read(&mut file, Some(1455), &mut text);
        assert_eq!(text, file.text()[..1455]);
        assert_eq!(file.offsets, [0]);
        read(&mut file, Some(0), &mut text);
        assert!(text.is_empty());
    }

    #[test]
    fn a_text_that_does_not_grow_allocates_nothing() {
        let mut file = SeqFile::new(records(64, 512), 4096);
        let mut text = Vec::new();
        read(&mut file, None, &mut text);
        let (pointer, capacity) = (text.as_ptr(), text.capacity());
        for limit in [None, Some(700), None, Some(30_000), None] {
            read(&mut file, limit, &mut text);
            assert_eq!((text.as_ptr(), text.capacity()), (pointer, capacity));
        }
        assert_eq!(text, file.text());
    }

    #[test]
    fn an_interruption_is_not_an_error() {
        let mut calls = 0;
        let mut text = Vec::new();
        let pread = |buffer: &mut [u8], _| {
            calls += 1;
            match calls {
                1 | 3 => Err(io::ErrorKind::Interrupted.into()),
                2 => {
                    buffer[..2].copy_from_slice(b"ok");
                    Ok(2)
                }
                _ => Ok(0),
            }
        };
        read_pieces(None, &mut text, pread, || ()).unwrap();
        assert_eq!(text, b"ok");
    }

    proptest! {
        #[test]
        fn the_text_is_complete_whatever_the_pieces(
            lengths in prop::collection::vec(1_usize..6000, 0..40),
            buffer in 1_usize..9000,
            limit in prop::option::of(0_usize..100_000),
            old in 0_usize..50_000,
        ) {
            let records = lengths.iter().map(|&length| vec![u8::try_from(length % 251).unwrap(); length]).collect();
            let mut file = SeqFile::new(records, buffer);
            let mut text = vec![b'x'; old];
            read(&mut file, limit, &mut text);
            let whole = file.text();
            prop_assert_eq!(&text[..], &whole[..limit.unwrap_or(usize::MAX).min(whole.len())]);
        }
    }
}
