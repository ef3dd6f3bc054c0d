//! The files of one line: its counts, and what tells whose line it is.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rustix::io::{Errno, pread};

use crate::Line;

/// One more than the longest text of so many CPUs: what fills it cannot be right.
pub(super) fn longest(cpus: usize) -> usize {
    // Ten digits of a u32 and a comma or the newline.
    (11 * cpus + 1).max(256)
}

/// What came of a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// All counts are there.
    Complete,
    /// The text has not one number for each CPU. On hosts with many the kernel cuts it at a page.
    Cut,
    /// The file cannot be read any more.
    Failed,
}

/// An open line.
#[derive(Debug)]
pub(super) struct LineFile {
    counts: File,
    /// The last text that was read.
    text: Vec<u8>,
    actions: PathBuf,
    /// The text of the file `actions` when the line was opened.
    owners: Vec<u8>,
}

impl LineFile {
    /// Opens the files of `line` below `dir`, makes sure that they are of this very line, and reads the first counts;
    /// else tells why not, as a lowercase fragment.
    pub(super) fn open(dir: &Path, line: &Line, counts: &mut [u64], buffer: &mut [u8]) -> Result<Self, String> {
        let Some(number) = line.number else { return Err("not a numbered line".to_owned()) };
        if counts.is_empty() {
            return Err("the possible CPUs are not known".to_owned());
        }
        let dir = dir.join(number.to_string());
        let at = |name: &str, error: io::Error| format!("{}: {error}", dir.join(name).display());
        let read = |name: &str| fs::read(dir.join(name)).map_err(|error| at(name, error));
        // The counts are opened first: if the number changes hands from here on, they fail for good.
        let file = File::open(dir.join("per_cpu_count")).map_err(|error| at("per_cpu_count", error))?;
        let owners = read("actions")?;
        if !same_actions(&owners, line) {
            return Err(format!("its actions in sysfs are {}", shown(&owners)));
        }
        let chip = shown(&read("chip_name")?);
        // Some chips print more of themselves in procfs than their name.
        if line.chip.as_ref().is_some_and(|printed| !printed.starts_with(&chip)) {
            return Err(format!("its chip in sysfs is {chip}"));
        }
        let hwirq = shown(&read("hwirq")?);
        if let (Some(printed), Ok(hwirq)) = (line.hwirq, hwirq.parse::<u64>())
            && printed != hwirq
        {
            return Err(format!("its hwirq in sysfs is {hwirq}"));
        }
        let text = Vec::with_capacity(longest(counts.len()));
        let mut opened = Self { counts: file, text, actions: dir.join("actions"), owners };
        match opened.read(counts, buffer, |_, _| ()) {
            Content::Complete => Ok(opened),
            Content::Cut => Err(format!("its text has not one number for each of {} possible CPUs", counts.len())),
            Content::Failed => Err("it went away while it was opened".to_owned()),
        }
    }

    /// Reads the counts, and calls `changed(index, count)` for each that is another than in `counts`.
    pub(super) fn read(&mut self, counts: &mut [u64], buffer: &mut [u8], changed: impl FnMut(usize, u64)) -> Content {
        let Ok(bytes) = read_start(&self.counts, buffer) else { return Content::Failed };
        let text = &buffer[..bytes];
        if text == self.text {
            return Content::Complete;
        }
        if bytes == buffer.len() || !parse(text, counts, changed) {
            return Content::Cut;
        }
        self.text.clear();
        self.text.extend_from_slice(text);
        Content::Complete
    }

    /// Whether the handlers of the line are those that it was opened with. Allocates nothing.
    pub(super) fn is_still_its_own(&self, buffer: &mut [u8]) -> bool {
        let read = |buffer: &mut [u8]| read_start(&File::open(&self.actions).ok()?, buffer).ok();
        let Some(bytes) = read(buffer) else { return false };
        // A long list of handlers is compared as far as the buffer goes.
        buffer[..bytes] == self.owners[..self.owners.len().min(buffer.len())]
    }
}

/// A sysfs file is one record and comes in one piece.
fn read_start(file: &File, buffer: &mut [u8]) -> Result<usize, Errno> {
    loop {
        match pread(file, &mut *buffer, 0) {
            Err(Errno::INTR) => {}
            result => return result,
        }
    }
}

/// Takes exactly one number for each count from a text like `0,7186\n`; false where there is anything else.
fn parse(text: &[u8], counts: &mut [u64], mut changed: impl FnMut(usize, u64)) -> bool {
    let Some(text) = text.strip_suffix(b"\n") else { return false };
    let mut fields = text.split(|&byte| byte == b',');
    for (index, count) in counts.iter_mut().enumerate() {
        let Some(new) = fields.next().and_then(number) else { return false };
        if *count != new {
            *count = new;
            changed(index, new);
        }
    }
    fields.next().is_none()
}

fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 19 {
        return None;
    }
    digits.iter().try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + u64::from(byte - b'0')))
}

/// Procfs parts the actions by a comma and blanks, sysfs by a comma.
fn same_actions(file: &[u8], line: &Line) -> bool {
    let squeeze = |text: &str| text.replace(' ', "");
    squeeze(&shown(file)) == squeeze(&line.actions.join(","))
}

/// A file of one line as the text fields of a [`Line`] have it: bytes that are not UTF-8 as `\xNN`.
fn shown(file: &[u8]) -> String {
    let mut text = String::new();
    for chunk in file.trim_ascii_end().utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_complete_or_refused() {
        let parsed = |text: &str| {
            let mut counts = [5; 3];
            parse(text.as_bytes(), &mut counts, |_, _| ()).then_some(counts)
        };
        assert_eq!(parsed("0,7186,4294967295\n"), Some([0, 7186, 4_294_967_295]));
        for text in
            ["", "\n", "1,2\n", "1,2,3", "1,2,3,4\n", "1,,3\n", "1,2,x\n", "1,2,-3\n", "1,2,99999999999999999999\n"]
        {
            assert_eq!(parsed(text), None, "{text:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_as_everywhere() {
        assert_eq!(shown(b"eth\xff0\n"), "eth\\xff0");
    }
}
