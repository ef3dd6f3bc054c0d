//! The names of a recording's segments: `NAME-000001.parquet`, `NAME-000002.parquet`, and so on.
//!
//! Python has the same rule in `listing.py`, and both are tested on the names in `tests/segment-names.txt`.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::leftover;
use super::place;
use super::target::behind_links;
use super::under_way::{JOURNAL, NEW, PARTIAL, is_empty, is_locked, recording_of, with_suffix};

/// A number has six digits at least. Eight are a date: numbers that would have as many are written with nine. More are an
/// instant: a billion segments are more than any recording has.
const DIGITS: usize = 6;
const MORE_DIGITS: usize = 9;
const FIRST_WITH_MORE: u64 = 10_000_000;

/// The segments of a recording that is called `NAME.parquet`.
pub(super) struct Series {
    folder: PathBuf,
    /// `NAME-` and `.parquet`.
    before: OsString,
    after: OsString,
}

impl Series {
    pub(super) fn of(recording: &Path) -> io::Result<Self> {
        let path = behind_links(recording)?;
        let (Some(folder), Some(stem)) = (path.parent(), path.file_stem()) else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "names no file"));
        };
        let mut before = stem.to_owned();
        before.push("-");
        let mut after = OsString::new();
        if let Some(extension) = path.extension() {
            after.push(".");
            after.push(extension);
        }
        Ok(Self { folder: folder.to_owned(), before, after })
    }

    /// The name of a segment.
    pub(super) fn path(&self, number: u64) -> PathBuf {
        let digits = if number < FIRST_WITH_MORE { DIGITS } else { MORE_DIGITS };
        let mut name = self.before.clone();
        name.push(format!("{number:0digits$}"));
        name.push(&self.after);
        self.folder.join(name)
    }

    /// Whether there are segments, complete or not. A file that never had anything in it, and that nobody writes, is none;
    /// nor is a part of a recording that somebody named so, or what another tool made.
    pub(super) fn is_there(&self) -> io::Result<bool> {
        for name in self.names()? {
            let (name, _) = name?;
            if !is_nothing(&self.folder.join(name)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn newest(&self) -> io::Result<u64> {
        let mut newest = 0;
        for name in self.names()? {
            let (_, number) = name?;
            newest = newest.max(number);
        }
        Ok(newest)
    }

    /// The names that are taken, each with its number.
    fn names(&self) -> io::Result<impl Iterator<Item = io::Result<(OsString, u64)>>> {
        Ok(fs::read_dir(&self.folder)?.filter_map(|entry| {
            let name = entry.map(|entry| entry.file_name());
            name.map(|name| self.number(&name).map(|number| (name, number))).transpose()
        }))
    }

    /// The number after all that are taken, be it by segments of an earlier recording, complete or not.
    ///
    /// # Errors
    ///
    /// The folder cannot be read, or somebody records this series.
    pub(super) fn next_number(&self) -> io::Result<u64> {
        let newest = self.newest()?;
        // It is in nobody's way where it cannot be removed.
        let _ = leftover::remove_journal(&self.path(newest));
        let partial = with_suffix(&self.path(newest), PARTIAL);
        match place::open(&partial) {
            Ok(file) if is_locked(&file) => {
                let why = "is being recorded by somebody else; choose another name";
                Err(io::Error::new(io::ErrorKind::AlreadyExists, why))
            }
            _ => Ok(newest + 1),
        }
    }

    /// The number of a file of this series, be it complete or not.
    fn number(&self, name: &OsStr) -> Option<u64> {
        let mut name = name.as_encoded_bytes();
        for suffix in [NEW, JOURNAL, PARTIAL] {
            name = name.strip_suffix(suffix.as_bytes()).unwrap_or(name);
        }
        let name = name.strip_prefix(self.before.as_encoded_bytes())?;
        let digits = str::from_utf8(name.strip_suffix(self.after.as_encoded_bytes())?).ok()?;
        number(digits)
    }
}

/// The number that these digits are.
fn number(digits: &str) -> Option<u64> {
    let may_be = matches!(digits.len(), 6 | 7 | MORE_DIGITS);
    (may_be && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())?
}

/// Whether this is no segment: a recorder left it before there was anything of its recording, or it is another file.
fn is_nothing(path: &Path) -> bool {
    let name = path.as_os_str().as_encoded_bytes();
    let Ok(mut file) = place::open(path) else { return false };
    if name.ends_with(PARTIAL.as_bytes()) {
        return is_empty(&file).unwrap_or(false) && !is_locked(&file);
    }
    if [JOURNAL, NEW].iter().any(|suffix| name.ends_with(suffix.as_bytes())) {
        return false;
    }
    // Also a damaged one begins as a recorder began it.
    let is_begun = recording_of(&mut file).ok().flatten().is_some();
    leftover::described(&file).map_or(!is_begun, |meta| meta.segment.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_on_behind_all_that_are_taken() {
        let folder = tempfile::tempdir().unwrap();
        let series = Series::of(&folder.path().join("t.parquet")).unwrap();
        assert_eq!(series.next_number().unwrap(), 1);
        for (name, next) in [
            ("t-000001.parquet", 2),
            ("t-000007.parquet.partial", 8),
            ("t-000009.parquet.journal.new", 10),
            ("t-1234567.parquet", 1_234_568),
            ("t-20261128.parquet", 1_234_568),
            ("u-2000000.parquet", 1_234_568),
            ("t-9999999.parquet", 10_000_000),
            ("t-010000000.parquet", 10_000_001),
        ] {
            fs::write(folder.path().join(name), "").unwrap();
            assert_eq!(series.next_number().unwrap(), next, "{name}");
        }
    }

    #[test]
    fn a_name_has_the_number_that_python_finds_in_it_too() {
        let series = Series::of(Path::new("/nowhere/t.parquet")).unwrap();
        let names = include_str!("../../tests/segment-names.txt").lines().filter(|line| !line.starts_with('#'));
        for (name, number) in names.map(|line| line.split_once(' ').unwrap()) {
            assert_eq!(series.number(name.as_ref()), number.parse().ok(), "{name}");
        }
    }

    #[test]
    fn a_number_is_found_in_the_name_that_it_is_given() {
        let series = Series::of(Path::new("/nowhere/t.parquet")).unwrap();
        let name = |number| series.path(number).file_name().unwrap().to_owned();
        let written = [(12, "t-000012.parquet"), (9_999_999, "t-9999999.parquet"), (10_000_000, "t-010000000.parquet")];
        for (number, written) in written {
            assert_eq!(name(number), written);
        }
        for number in [0, 1, 999_999, 1_000_000, 9_999_999, 10_000_000, 99_999_999, 123_456_789, 999_999_999] {
            assert_eq!(series.number(&name(number)), Some(number));
        }
    }

    #[test]
    fn a_name_without_an_ending_has_none_in_its_segments() {
        let series = Series::of(Path::new("/nowhere/t")).unwrap();
        assert_eq!(series.path(1), Path::new("/nowhere/t-000001"));
    }
}
