//! Texts of the running kernel, or any file that is like them.

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::io::pread;

use super::chunks::read_pieces;
use super::{ReadError, TextSource};
use crate::{Clock, SourceUnavailable, Window};

/// A text file that is kept open and read from its start each time: `/proc/interrupts`, `/proc/softirqs`, or a
/// regular file in their place.
#[derive(Debug)]
pub struct ProcText {
    path: String,
    file: File,
}

impl ProcText {
    /// Opens the file and looks whether it gives anything.
    ///
    /// # Errors
    ///
    /// Where it is missing, may not be read, or reads empty; the error tells what would help.
    pub fn open(path: &Path) -> Result<Self, SourceUnavailable> {
        let name = path.display().to_string();
        let file = File::open(path).map_err(|error| unavailable(&name, &error))?;
        match pread(&file, &mut [0_u8; 1], 0) {
            Ok(0) => Err(masked(&name)),
            Ok(_) => Ok(Self { path: name, file }),
            Err(errno) => Err(unavailable(&name, &errno.into())),
        }
    }
}

impl TextSource for ProcText {
    fn path(&self) -> &str {
        &self.path
    }

    fn read(&mut self, limit: Option<usize>, clock: &dyn Clock, text: &mut Vec<u8>) -> Result<Window, ReadError> {
        let begin = clock.now();
        let mut end = begin;
        // The window ends with the last piece that brought cells. The read that finds the end (0.3 to 0.4 µs) comes
        // after it: no length proves a text to be complete, as another record may be what did not fit the buffer.
        read_pieces(limit, text, |buffer, offset| Ok(pread(&self.file, buffer, offset)?), || end = clock.now())
            .map_err(|error| unavailable(&self.path, &error))?;
        if text.is_empty() && limit != Some(0) {
            return Err(masked(&self.path).into());
        }
        Ok(Window { begin, end })
    }
}

pub(crate) fn unavailable(path: &str, error: &io::Error) -> SourceUnavailable {
    let (reason, help) = match error.kind() {
        io::ErrorKind::NotFound => (
            "there is no such file".to_owned(),
            "mount procfs (mount -t proc proc /proc; the option subset=pid hides this file) \
             or give procfs=PATH where it is mounted",
        ),
        io::ErrorKind::PermissionDenied => (
            "permission denied".to_owned(),
            "run as a user who may read it, or ask for its mode or the security policy to be changed",
        ),
        _ => (error.to_string(), "give procfs=PATH of a procfs that can be read"),
    };
    SourceUnavailable {
        path: path.to_owned(),
        reason,
        help: help.to_owned(),
        errno: error.raw_os_error().unwrap_or_default(),
    }
}

fn masked(path: &str) -> SourceUnavailable {
    SourceUnavailable {
        path: path.to_owned(),
        reason: "it opens but reads empty: a container runtime masks it".to_owned(),
        help: "run on the host, or mount the host's /proc into the container (-v /proc:/host/proc:ro) \
               and give procfs=/host/proc"
            .to_owned(),
        errno: 0,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::SystemClock;

    fn read(source: &mut ProcText, limit: Option<usize>) -> Vec<u8> {
        let mut text = Vec::new();
        source.read(limit, &SystemClock, &mut text).unwrap();
        text
    }

    #[test]
    fn a_regular_file_stands_in_for_procfs() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("interrupts");
        let long: String = (0..5_000).map(|irq| format!("{irq:>5}:          0          1  IO-APIC eth0\n")).collect();
        fs::write(&path, &long).unwrap();
        let mut source = ProcText::open(&path).unwrap();
        assert_eq!(source.path(), path.to_str().unwrap());
        assert_eq!(read(&mut source, None), long.as_bytes());
        assert_eq!(read(&mut source, Some(4_500)), &long.as_bytes()[..4_500]);
        assert_eq!(read(&mut source, Some(long.len() + 1)), long.as_bytes());

        fs::write(&path, "           CPU0\n  1:          7  XT-PIC  rtc0\n").unwrap();
        assert_eq!(read(&mut source, None), b"           CPU0\n  1:          7  XT-PIC  rtc0\n", "it is read anew");
    }

    #[test]
    fn a_masked_file_is_told_apart_when_it_is_opened() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("interrupts");
        fs::write(&path, "").unwrap();
        let error = ProcText::open(&path).unwrap_err();
        assert_eq!((error.errno, error.reason.contains("container runtime masks it")), (0, true));
        assert!(error.help.contains("procfs=/host/proc"));
    }

    #[test]
    fn a_file_that_is_masked_later_is_an_error_and_no_empty_text() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("interrupts");
        fs::write(&path, "text").unwrap();
        let mut source = ProcText::open(&path).unwrap();
        fs::write(&path, "").unwrap();
        let error = source.read(None, &SystemClock, &mut Vec::new()).unwrap_err();
        assert!(matches!(error, ReadError::Unavailable(error) if error.reason.contains("reads empty")));
    }

    #[test]
    fn what_cannot_be_opened_says_why_and_what_helps() {
        let dir = tempfile::tempdir().unwrap();
        let missing = ProcText::open(&dir.path().join("interrupts")).unwrap_err();
        assert_eq!(missing.errno, rustix::io::Errno::NOENT.raw_os_error());
        assert!(missing.help.contains("procfs=PATH"));
        let denied = unavailable("interrupts", &io::Error::from(rustix::io::Errno::ACCESS));
        assert_eq!(denied.to_string().find("interrupts: permission denied; run as"), Some(0));
        let directory = ProcText::open(dir.path()).unwrap_err();
        assert_eq!(directory.errno, rustix::io::Errno::ISDIR.raw_os_error());
    }

    #[test]
    fn the_live_text_is_complete_at_every_read() {
        let Ok(mut source) = ProcText::open(Path::new("/proc/interrupts")) else {
            eprintln!("skipped: no /proc/interrupts here");
            return;
        };
        let labels = |text: &[u8]| -> Vec<String> {
            let text = String::from_utf8_lossy(text);
            text.lines().map(|line| line.split(':').next().unwrap_or_default().to_owned()).collect()
        };
        let whole = fs::read("/proc/interrupts").unwrap();
        let clock = SystemClock;
        let mut text = Vec::new();
        for _ in 0..3 {
            let before = clock.now();
            let window = source.read(None, &clock, &mut text).unwrap();
            assert!(before <= window.begin && window.begin <= window.end && window.end <= clock.now());
            assert_eq!(text.last(), Some(&b'\n'));
            assert_eq!(labels(&text).last(), labels(&whole).last());
        }
        source.read(Some(100), &clock, &mut text).unwrap();
        assert_eq!(text.len(), 100);
    }
}
