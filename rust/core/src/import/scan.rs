//! What stands in a file: times, and the kernel's texts under them.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use super::Progress;
use super::stamp::Stamp;
use crate::parse::{Layout, TextKind};
use crate::{IrqtraceError, ParseError, SourceUnavailable};

/// The labels that lines of `/proc/softirqs` have, and none of `/proc/interrupts`.
const SOFTIRQS: [&[u8]; 11] = [
    b"HI",
    b"TIMER",
    b"NET_TX",
    b"NET_RX",
    b"BLOCK",
    b"BLOCK_IOPOLL",
    b"IRQ_POLL",
    b"TASKLET",
    b"SCHED",
    b"HRTIMER",
    b"RCU",
];

/// How packed files begin, and texts of UTF-16, with and without a mark; and where.
const PACKED: [(usize, &[u8]); 12] = [
    (0, b"\x1f\x8b"),
    (0, b"\xfd7zXZ"),
    (0, b"\x28\xb5\x2f\xfd"),
    (0, b"BZh"),
    (0, b"PK\x03\x04"),
    (0, b"\x04\x22\x4d\x18"),
    (0, b"7z\xbc\xaf\x27\x1c"),
    (257, b"ustar"),
    (0, b"\xff\xfe"),
    (0, b"\xfe\xff"),
    (0, b"\0"),
    (1, b"\0"),
];

/// How Parquet files begin, as traces are.
const PARQUET: &[u8] = b"PAR1";

/// What is wrong with a text whose last line has no end.
pub(crate) const CUT_OFF: &str = "the text ends within a line, as where a copy was cut off: the kernel's ends with a whole one; if all of it is there, \
     end its last line";

const UNKNOWN: &str =
    "neither a time in a form that is known, as `date +%s.%N`, `LC_ALL=C date` and `date -Is` print it, nor";

/// No line with a time is longer.
const LONGEST_TIME: usize = 128;

/// Lines that are looked at between two times that it is said that the work goes on.
const LINES: usize = 8_192;

/// A place in a file, for those who are to look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) path: Arc<Path>,
    pub(super) line: usize,
    pub(super) offset: u64,
}

impl Place {
    /// The error that something is wrong there.
    pub(super) fn wrong(&self, message: impl Into<String>) -> IrqtraceError {
        let offset = usize::try_from(self.offset).unwrap_or(usize::MAX);
        let path = self.path.display().to_string();
        ParseError { path, line: self.line, offset, message: message.into() }.into()
    }
}

/// One text of the kernel, as a range of a file.
#[derive(Clone, Debug)]
pub(super) struct Text {
    pub(super) kind: TextKind,
    pub(super) place: Place,
    pub(super) bytes: u64,
    /// Texts of few machines have none, and what is no text at all.
    pub(super) has_header: bool,
}

impl Text {
    /// Reads it.
    pub(super) fn read(&self) -> Result<Vec<u8>, IrqtraceError> {
        let path = &self.place.path;
        let read = || {
            let mut file = File::open(path)?;
            file.seek(SeekFrom::Start(self.place.offset))?;
            let mut text = Vec::new();
            file.take(self.bytes).read_to_end(&mut text)?;
            Ok(text)
        };
        read().map_err(|source| IrqtraceError::Io { path: path.to_path_buf(), source })
    }
}

/// A time, if there was one, and the texts that stand under it.
#[derive(Clone, Debug)]
pub(super) struct Section {
    pub(super) stamp: Option<Stamp>,
    /// That of the time, or else of the first text.
    pub(super) place: Place,
    pub(super) texts: Vec<Text>,
}

/// The sections of a file, in its order.
///
/// A text begins with its header of CPUs, or with what follows a time. It ends where another begins, at a time, at a line of
/// punctuation alone or one that names the file, and at the end. Whatever else stands in it is for the parser to judge.
pub(super) fn sections(path: &Path, progress: &mut Progress<'_>) -> Result<Vec<Section>, IrqtraceError> {
    let fail = |source| IrqtraceError::Io { path: path.to_path_buf(), source };
    // Looked at by its name: to open a pipe waits for somebody who writes to it.
    if !fs::metadata(path).map_err(fail)?.is_file() {
        return Err(unavailable(path, "is no regular file", "texts are read twice: save it as a file").into());
    }
    let mut reader = BufReader::with_capacity(1 << 16, File::open(path).map_err(fail)?);
    expect_text(path, reader.fill_buf().map_err(fail)?)?;
    let mut scan = Scan { path: path.into(), sections: Vec::new(), open: false, rows: 0 };
    let (mut line, mut number, mut offset) = (Vec::new(), 1, 0);
    let mut is_ended = true;
    loop {
        line.clear();
        let bytes = reader.read_until(b'\n', &mut line).map_err(fail)?;
        if bytes == 0 {
            break;
        }
        is_ended = line.ends_with(b"\n");
        scan.line(&line, number, offset)?;
        number += 1;
        if number.is_multiple_of(LINES) {
            progress(0, 0)?;
        }
        offset += bytes as u64;
    }
    scan.check()?;
    if let Some(Section { stamp, place, .. }) = scan.sections.last().filter(|_| !is_ended) {
        return Err(place.wrong(match stamp {
            Some(_) => "the log ends within a line of the text of this time: leave both out",
            None => CUT_OFF,
        }));
    }
    Ok(scan.sections)
}

/// That a file which begins so may be a text.
pub(crate) fn expect_text(path: &Path, begin: &[u8]) -> Result<(), SourceUnavailable> {
    if PACKED.iter().any(|&(at, magic)| begin.get(at..).is_some_and(|rest| rest.starts_with(magic))) {
        return Err(unavailable(
            path,
            "is packed or binary, and no text",
            "unpack archives first (tar -xf, gunzip, unxz, unzip …), and make UTF-8 of UTF-16 (iconv -f UTF-16)",
        ));
    }
    if begin.starts_with(PARQUET) {
        return Err(unavailable(path, "is a Parquet file, as a trace is, and no text", "open_trace opens traces"));
    }
    Ok(())
}

fn unavailable(path: &Path, reason: &str, help: &str) -> SourceUnavailable {
    let (path, reason, help) = (path.display().to_string(), reason.to_owned(), help.to_owned());
    SourceUnavailable { path, reason, help, errno: 0 }
}

/// Whether a file is one of Parquet, as a trace is.
pub(super) fn is_parquet(path: &Path) -> io::Result<bool> {
    if !fs::metadata(path)?.is_file() {
        return Ok(false);
    }
    let mut begin = Vec::new();
    File::open(path)?.take(PARQUET.len() as u64).read_to_end(&mut begin)?;
    Ok(begin == PARQUET)
}

struct Scan {
    path: Arc<Path>,
    sections: Vec<Section>,
    /// The last text goes on.
    open: bool,
    /// How many rows it has so far.
    rows: usize,
}

impl Scan {
    fn line(&mut self, bytes: &[u8], number: usize, offset: u64) -> Result<(), IrqtraceError> {
        let path = Arc::clone(&self.path);
        let place = || Place { path: Arc::clone(&path), line: number, offset };
        let line = if bytes.len() > LONGEST_TIME { "…" } else { std::str::from_utf8(bytes).unwrap_or("…") };
        let begins = is_header(bytes);
        if bytes.trim_ascii().is_empty() {
            // The parser passes over it.
        } else if let Some(stamp) = Stamp::of_line(line) {
            self.check()?;
            let stamp = stamp.map_err(|message| place().wrong(message))?;
            let section = Section { stamp: Some(stamp), place: place(), texts: Vec::new() };
            self.sections.push(section);
            self.open = false;
            return Ok(());
        } else if is_between(line) {
            self.open = false;
            return Ok(());
        } else if begins || !self.open {
            if !begins && !bytes.contains(&b':') {
                return Err(place().wrong(format!("{UNKNOWN} a header of CPUs, nor a row")));
            }
            let text = Text { kind: TextKind::Interrupts, place: place(), bytes: 0, has_header: begins };
            self.begin(text)?;
        }
        let Some(text) = self.sections.last_mut().and_then(|section| section.texts.last_mut()) else { return Ok(()) };
        if self.open {
            text.bytes = offset + bytes.len() as u64 - text.place.offset;
            if !begins && !bytes.trim_ascii().is_empty() {
                if self.rows > 0 && text.kind == TextKind::Interrupts && is_softirq(bytes) {
                    return Err(place().wrong(
                        "a row of /proc/softirqs within a text of /proc/interrupts: its header of CPUs is missing, as where \
                         `grep` took it alone",
                    ));
                }
                if self.rows == 0 && is_softirq(bytes) {
                    text.kind = TextKind::Softirqs;
                }
                self.rows += 1;
            }
        }
        Ok(())
    }

    fn begin(&mut self, text: Text) -> Result<(), IrqtraceError> {
        self.check_kinds()?;
        let place = text.place.clone();
        match self.sections.last_mut() {
            Some(section) => section.texts.push(text),
            None => self.sections.push(Section { stamp: None, place, texts: vec![text] }),
        }
        (self.open, self.rows) = (true, 0);
        Ok(())
    }

    /// That the last section has a text, and no two of one kind.
    fn check(&self) -> Result<(), IrqtraceError> {
        if let Some(section) = self.sections.last()
            && section.texts.is_empty()
        {
            // As the last line of a log that begins with a text.
            let is_behind = self.sections[0].stamp.is_none();
            return Err(section.place.wrong(if is_behind {
                "a time behind a text: each has to stand before its text, as of `date; cat`"
            } else {
                "a time without a text after it: leave the line out, or put its text there"
            }));
        }
        self.check_kinds()
    }

    fn check_kinds(&self) -> Result<(), IrqtraceError> {
        let Some(Section { stamp, texts, .. }) = self.sections.last() else { return Ok(()) };
        let Some((last, before)) = texts.split_last() else { return Ok(()) };
        let Some(first) = before.iter().find(|text| text.kind == last.kind) else { return Ok(()) };
        if !first.has_header && last.has_header {
            return Err(first.place.wrong(format!("{UNKNOWN} a part of the kernel's text that follows it")));
        }
        let file = match last.kind {
            TextKind::Interrupts => "/proc/interrupts",
            TextKind::Softirqs => "/proc/softirqs",
        };
        let time = if stamp.is_some() { "under one time" } else { "and no time between them" };
        let message = format!(
            "a second text of {file} {time}, after that of line {}: each needs a line with its time, as of `date +%s.%N`",
            first.place.line
        );
        Err(last.place.wrong(message))
    }
}

/// What the text of one of the two files would have, and rows of any other file lack. Few kernels print no header of CPUs,
/// and then rows of devices all the same, each with its number (of m68k, behind a word).
pub(crate) fn missing(kind: TextKind, has_header: bool, layout: &Layout) -> Option<&'static str> {
    let is_device = |irq: &str| irq.contains(' ') || irq.bytes().all(|byte| byte.is_ascii_digit());
    let (is_of_file, missing): (&dyn Fn(&str) -> bool, _) = match kind {
        TextKind::Interrupts => (
            &is_device,
            "no text of /proc/interrupts: a header of CPUs is missing, and there are no numbered rows either",
        ),
        TextKind::Softirqs => (
            &|irq| SOFTIRQS.contains(&irq.as_bytes()),
            "no text of /proc/softirqs: a header of CPUs is missing, and there are no rows of softirqs either",
        ),
    };
    (!has_header && !layout.lines.iter().any(|line| is_of_file(&line.irq))).then_some(missing)
}

/// Whether a text has a header of CPUs.
pub(crate) fn has_header(text: &[u8]) -> bool {
    text.split(|&byte| byte == b'\n').any(is_header)
}

/// Whether a line is a header of CPUs.
fn is_header(line: &[u8]) -> bool {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).trim_ascii();
    line.strip_prefix(b"CPU").is_some_and(|rest| rest.first().is_some_and(u8::is_ascii_digit))
}

fn is_softirq(line: &[u8]) -> bool {
    let label = line.split(|&byte| byte == b':').next().unwrap_or_default().trim_ascii();
    SOFTIRQS.contains(&label)
}

/// Whether a line only keeps texts apart: punctuation alone, or with the name of the file, as `tail` prints it and a shell
/// shows `cat`.
fn is_between(line: &str) -> bool {
    let text =
        line.trim_matches(|letter: char| letter.is_ascii_punctuation() && letter != '/' || letter.is_whitespace());
    let name = text.strip_prefix("cat ").map_or(text, str::trim_start);
    matches!(name, "" | "/proc/interrupts" | "/proc/softirqs") || text.bytes().all(|byte| byte.is_ascii_punctuation())
}
