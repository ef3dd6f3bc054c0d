//! Texts whose time stands in no file: it is given by hand, in a name, or that of their last change.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::gather::{Basis, Gathering, Taken, by_hand, shown};
use super::iso::Digits;
use super::name::{self, Named};
use super::scan::{Section, Text};
use super::stamp::in_range;
use super::{Times, report};
use crate::{ConfigError, IrqtraceError};

/// Times of last change in whole seconds may be those of a file system or an archive that keeps every other second.
const COARSE_NS: i64 = 2_000_000_000;

/// The kernel takes times of last change from a clock that it moves on at its ticks, 100 a second or more.
const TICK_NS: i64 = 10_000_000;

const NS_PER_S: i64 = 1_000_000_000;

/// How far a clock may be behind that of another machine, of whose texts the names tell times.
const DAY_NS: i64 = 86_400 * NS_PER_S;

/// A text whose time stands in no file.
pub(super) struct Untimed {
    pub(super) section: Section,
    pub(super) at: Option<String>,
    /// The folder of the report that it is of.
    pub(super) tree: Option<PathBuf>,
}

impl Untimed {
    /// The time that a name tells, and the folder in which what has that name stands.
    fn time_in_name(&self, counters: bool) -> Option<(PathBuf, Named)> {
        if let Some(tree) = &self.tree {
            // More than one report may stand in a folder whose name tells a time.
            return time_in_name_of(&folder_of(&tree.join("proc"))?, counters);
        }
        let path = &self.section.place.path;
        time_in_name_of(path, counters).or_else(|| time_in_name_of(&folder_of(path)?, counters))
    }
}

/// A bare number in a name.
struct Number {
    path: Arc<Path>,
    digits: String,
    ns: i64,
}

impl Gathering<'_> {
    /// Gives times to the texts that have none of their own: by hand, by their names, or by their last change.
    pub(super) fn time_the_untimed(&mut self) -> Result<(), IrqtraceError> {
        let untimed = std::mem::take(&mut self.untimed);
        let counter = self.name_with_a_counter(&untimed);
        let (mut named, mut unnamed) = (None, None);
        let mut numbers: BTreeMap<PathBuf, Vec<Number>> = BTreeMap::new();
        for one in untimed {
            let Untimed { section, at, tree } = &one;
            let path = Arc::clone(&section.place.path);
            let wrong = |message: String| IrqtraceError::from(ConfigError(format!("{}: {message}", path.display())));
            if let Some(at) = at {
                let taken = self.taken_at(&by_hand(at)?, section, None).map_err(wrong)?;
                self.taken.push(Taken { basis: Basis::ByHand, ..taken });
            } else if self.options.times == Some(Times::Mtimes) {
                let ns = last_change(&path)?;
                let resolution_ns = if ns % NS_PER_S == 0 { COARSE_NS } else { TICK_NS };
                let Section { place, texts, .. } = one.section;
                self.taken.push(Taken { ns, resolution_ns, basis: Basis::Changed, log: None, place, texts });
            } else if let Some((folder, Named { found, digits })) = one.time_in_name(counter.is_some()) {
                let because = || {
                    let counter = digits.and(counter.as_deref())?;
                    Some(format!(
                        "; the digits behind its time are taken for a counter, since those of {} are no offset",
                        counter.display()
                    ))
                };
                let stamp = found.map_err(wrong)?;
                let taken = self.taken_at(&stamp, section, None);
                let taken = taken.map_err(|message| wrong(message + &because().unwrap_or_default()))?;
                if let Some(digits) = stamp.number {
                    let number = Number { path: Arc::clone(&path), digits, ns: taken.ns };
                    numbers.entry(folder).or_default().push(number);
                }
                self.taken.push(Taken { basis: if tree.is_some() { Basis::Report } else { taken.basis }, ..taken });
                named = Some(path);
            } else {
                unnamed.get_or_insert((path, tree.is_some()));
            }
        }
        match unnamed {
            Some((path, true)) => return Err(report::no_time(&path).into()),
            Some((path, false)) => return Err(nothing_tells(&path, named.as_deref()).into()),
            None => {}
        }
        numbers.values().try_for_each(|capture| self.expect_times(capture)).map_err(IrqtraceError::from)
    }

    /// A name with four digits behind its time that are no offset: those of the other names are none either then.
    fn name_with_a_counter(&self, untimed: &[Untimed]) -> Option<Arc<Path>> {
        let is_named = |one: &&Untimed| one.at.is_none() && self.options.times != Some(Times::Mtimes);
        let has_counter =
            |one: &&Untimed| one.time_in_name(false).is_some_and(|(_, named)| named.digits == Some(Digits::Counter));
        untimed.iter().filter(is_named).find(has_counter).map(|one| Arc::clone(&one.section.place.path))
    }

    /// That the numbers in names of one capture can be nothing but times since 1970, and such that have been.
    fn expect_times(&self, capture: &[Number]) -> Result<(), ConfigError> {
        let wrong = |path: &Path, message| ConfigError(format!("{}: {message}", path.display()));
        self.expect_seconds(capture.iter().map(|number| number.digits.as_str()))
            .map_err(|message| wrong(&capture[0].path, message))?;
        let now = self.options.now_ns.or_else(now_ns).filter(|_| !self.options.since_1970);
        let latest = now.map_or(i64::MAX, |now| now.saturating_add(DAY_NS));
        capture.iter().find(|number| number.ns > latest).map_or(Ok(()), |Number { path, digits, ns }| {
            Err(wrong(
                path,
                format!(
                    "{digits} in its name is hardly its time, which would be {}, yet to come: give the time by hand (--at \
                     TIME FILE), or take the times of last change (--times mtimes) where no copying has changed them; or \
                     give since_1970 (--since-1970) if it is the time",
                    shown(*ns)
                ),
            ))
        })
    }
}

/// The texts of a report, which have one time; those of last change each have their own.
pub(super) fn parts_of(section: Section, times: Option<Times>) -> impl Iterator<Item = Section> {
    let parts = if times == Some(Times::Mtimes) {
        let part = |text: Text| Section { stamp: None, place: text.place.clone(), texts: vec![text] };
        section.texts.into_iter().map(part).collect()
    } else {
        vec![section]
    };
    parts.into_iter()
}

fn now_ns() -> Option<i64> {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_nanos()).ok()
}

fn nothing_tells(path: &Path, named: Option<&Path>) -> ConfigError {
    let others = named.map(|named| format!(", as {} does", named.display())).unwrap_or_default();
    ConfigError(format!(
        "{}: its name tells no time{others}, and no line in it does: give the time by hand (--at TIME FILE), or take the \
         times of last change (--times mtimes) where no copying has changed them",
        path.display()
    ))
}

/// The time in the name of a file or folder, and the folder in which that stands beside others of its capture.
fn time_in_name_of(path: &Path, counters: bool) -> Option<(PathBuf, Named)> {
    Some((path.parent()?.into(), name::time_of(&path.file_name()?.to_string_lossy(), counters)?))
}

/// The folder that something stands in, be it the one that we are in.
fn folder_of(path: &Path) -> Option<PathBuf> {
    let folder = std::path::absolute(path).ok()?.parent()?.to_path_buf();
    if folder.ends_with("..") { folder.canonicalize().ok() } else { Some(folder) }
}

fn last_change(path: &Path) -> Result<i64, IrqtraceError> {
    let changed = fs::metadata(path).and_then(|found| found.modified());
    let changed = changed.map_err(|source| IrqtraceError::Io { path: path.to_path_buf(), source })?;
    let since = changed.duration_since(UNIX_EPOCH).ok().and_then(|since| i64::try_from(since.as_nanos()).ok());
    let ns =
        in_range(since, "its last change").map_err(|message| ConfigError(format!("{}: {message}", path.display())))?;
    Ok(ns)
}
