//! The complete segments of a recording, of which the oldest may be removed.

use std::collections::VecDeque;
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};

use super::target::remove_if_there;

/// The segments that are complete.
#[derive(Default)]
pub(super) struct Kept {
    segments: VecDeque<Segment>,
    /// Those that were to be removed and cannot be, each with the system's number for why.
    stuck: Vec<(Segment, i32)>,
}

struct Segment {
    path: PathBuf,
    /// What was written under this name, so that nothing else is removed.
    written: Option<Metadata>,
    last_sample: i64,
}

impl Kept {
    /// Adds the newest, which ends with this sample. How many bytes it has.
    pub(super) fn add(&mut self, path: PathBuf, last_sample: i64) -> u64 {
        let written = path.metadata().ok();
        let bytes = written.as_ref().map_or(0, Metadata::len);
        self.segments.push_back(Segment { path, written, last_sample });
        bytes
    }

    /// Those that are kept.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.segments.iter().map(|segment| segment.path.as_path())
    }

    /// Those that could not be removed, each with the system's number for why.
    pub(super) fn stuck(&self) -> Vec<(PathBuf, i32)> {
        self.stuck.iter().map(|(segment, errno)| (segment.path.clone(), *errno)).collect()
    }

    /// Removes those of which all samples are before this one. What cannot be removed is in nobody's way: it is tried
    /// again when the next one ends.
    pub(super) fn remove_before(&mut self, sample: i64) {
        self.remove_by(sample, remove_if_there);
    }

    fn remove_by(&mut self, sample: i64, remove: impl Fn(&Path) -> io::Result<()>) {
        let old = self.segments.partition_point(|segment| segment.last_sample < sample);
        let before = std::mem::take(&mut self.stuck).into_iter().map(|(segment, _)| segment);
        for segment in before.chain(self.segments.drain(..old)) {
            let is_own = segment.written.as_ref().is_some_and(|written| is_same(written, &segment.path));
            if is_own && let Err(error) = remove(&segment.path) {
                self.stuck.push((segment, error.raw_os_error().unwrap_or_default()));
            }
        }
    }
}

/// Whether what is at a path now is what was written there.
fn is_same(written: &Metadata, path: &Path) -> bool {
    // A link that was put in its place is not it.
    let Ok(found) = path.symlink_metadata() else { return false };
    // The number of a file that was removed is given to another.
    let as_it_was = written.len() == found.len() && written.modified().ok() == found.modified().ok();
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        as_it_was && (written.dev(), written.ino()) == (found.dev(), found.ino())
    }
    #[cfg(not(unix))]
    {
        as_it_was
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_cannot_be_removed_holds_nothing_up_and_is_tried_again() {
        const EPERM: i32 = 1;
        let folder = tempfile::tempdir().unwrap();
        let place = |number: i64| folder.path().join(format!("t-{number:06}.parquet"));
        let mut kept = Kept::default();
        for number in 1..=6 {
            fs::write(place(number), "rows").unwrap();
            assert_eq!(kept.add(place(number), number * 10), 4);
        }
        // As of a file that nobody may change.
        let stuck = [place(1), place(3)];
        kept.remove_by(45, |path| {
            if stuck.iter().any(|stuck| stuck == path) {
                return Err(io::Error::from_raw_os_error(EPERM));
            }
            remove_if_there(path)
        });
        assert_eq!((1..=6).filter(|&number| place(number).exists()).collect::<Vec<_>>(), [1, 3, 5, 6]);
        assert_eq!(kept.paths().collect::<Vec<_>>(), [place(5), place(6)]);
        assert_eq!(kept.stuck(), [(place(1), EPERM), (place(3), EPERM)]);
        // What has come to be another's meanwhile is of no interest any more.
        fs::write(place(3), "another's").unwrap();
        kept.remove_before(55);
        assert_eq!((1..=6).filter(|&number| place(number).exists()).collect::<Vec<_>>(), [3, 6]);
        assert_eq!(kept.stuck(), []);
    }
}
