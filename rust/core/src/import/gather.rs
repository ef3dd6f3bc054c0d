//! From what somebody has to texts with their times: files, folders of them, logs, reports.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use super::report::{self, Report};
use super::scan::{Place, Section, Text, is_parquet, sections};
use super::stamp::{Found, Stamp, in_range};
use super::zone::Zones;
use super::{Options, Progress, Source, Times, name, number};
use crate::{ConfigError, HostFacts, IrqtraceError, SourceUnavailable};

/// Times of last change in whole seconds may be those of a file system or an archive that keeps every other second.
const COARSE_NS: i64 = 2_000_000_000;

/// The kernel takes times of last change from a clock that it moves on at its ticks, 100 a second or more.
const TICK_NS: i64 = 10_000_000;

const NS_PER_S: i64 = 1_000_000_000;

/// What a time says of the texts that have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Basis {
    /// It was written down before they were read: in a log or a name.
    Before,
    /// The same, by hand.
    ByHand,
    /// It is that of the file in which they ended up.
    Changed,
    /// It is that of a report, which took its time.
    Report,
}

/// Texts that were taken at one time.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    pub(super) ns: i64,
    pub(super) resolution_ns: i64,
    pub(super) basis: Basis,
    /// The number of the log that it stands in: in one log, a text was read before the next time was written.
    pub(super) log: Option<usize>,
    pub(super) place: Place,
    pub(super) texts: Vec<Text>,
}

/// All texts that were found, and what is known of their machine.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) taken: Vec<Taken>,
    pub(super) host: HostFacts,
}

/// A text whose time stands in no file.
struct Untimed {
    section: Section,
    at: Option<String>,
}

struct Gathering<'a> {
    options: &'a Options,
    written: Option<PathBuf>,
    zones: Zones,
    logs: usize,
    taken: Vec<Taken>,
    untimed: Vec<Untimed>,
    reports: Vec<(PathBuf, Report)>,
}

/// Looks through all sources. The trace that is to be replaced may stand in a folder of them.
pub(super) fn gather(
    options: &Options,
    written: Option<&Path>,
    progress: &mut Progress<'_>,
) -> Result<Gathered, IrqtraceError> {
    let mut gathering = Gathering {
        options,
        written: written.and_then(|path| path.canonicalize().ok()),
        zones: Zones::new(options.zone.as_deref())?,
        logs: 0,
        taken: Vec::new(),
        untimed: Vec::new(),
        reports: Vec::new(),
    };
    gathering.expect_no_dates_by_hand()?;
    for source in &options.sources {
        gathering.source(source, progress)?;
    }
    gathering.time_the_untimed()?;
    let mut host = report::one_machine(&gathering.reports, options.host.is_some())?;
    if let Some(name) = &options.host {
        host.host.clone_from(name);
    }
    Ok(Gathered { taken: gathering.taken, host })
}

impl Gathering<'_> {
    fn source(&mut self, source: &Source, progress: &mut Progress<'_>) -> Result<(), IrqtraceError> {
        let path = &source.path;
        let found = fs::metadata(path).map_err(|source| IrqtraceError::Io { path: path.clone(), source })?;
        if !found.is_dir() || report::is_report(path) {
            return self.entry(path, source.at.as_deref(), progress);
        }
        if source.at.is_some() {
            let said =
                format!("{}: a time by hand is that of one file or report, and this is a folder", path.display());
            return Err(ConfigError(said).into());
        }
        let before = self.taken.len() + self.untimed.len();
        self.folder(path, progress)?;
        if self.taken.len() + self.untimed.len() == before {
            return Err(SourceUnavailable {
                path: path.display().to_string(),
                reason: "the folder holds no files".to_owned(),
                help: "give one with copies of /proc/interrupts, or a report with proc/interrupts in it".to_owned(),
                errno: 0,
            }
            .into());
        }
        Ok(())
    }

    /// All that is in a folder, but for hidden names, links to folders, and a trace that is to be replaced.
    fn folder(&mut self, folder: &Path, progress: &mut Progress<'_>) -> Result<(), IrqtraceError> {
        let fail = |source| IrqtraceError::Io { path: folder.to_path_buf(), source };
        let entries = fs::read_dir(folder).map_err(fail)?;
        let mut paths: Vec<PathBuf> =
            entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<_>>().map_err(fail)?;
        paths.sort();
        for path in paths {
            let fail = |source| IrqtraceError::Io { path: path.clone(), source };
            let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            let is_link = fs::symlink_metadata(&path).map_err(fail)?.is_symlink();
            let is_folder = fs::metadata(&path).map_err(fail)?.is_dir();
            // The trace of the last time; any other file there is a source like the rest.
            let is_written = self.written.is_some()
                && path.canonicalize().ok() == self.written
                && is_parquet(&path).map_err(fail)?;
            if is_hidden || is_link && is_folder || is_written {
                continue;
            }
            if is_folder && !report::is_report(&path) {
                self.folder(&path, progress)?;
            } else {
                self.entry(&path, None, progress)?;
            }
        }
        Ok(())
    }

    /// A file, or a report.
    fn entry(&mut self, path: &Path, at: Option<&str>, progress: &mut Progress<'_>) -> Result<(), IrqtraceError> {
        if path.is_dir() {
            return self.report(path, at, progress);
        }
        progress(0, 0)?;
        let found = sections(path, progress)?;
        let place = Place { path: path.into(), line: 1, offset: 0 };
        if found.is_empty() {
            return Err(place.wrong("empty, as /proc/interrupts is in a container that masks it"));
        }
        let timed = found.iter().any(|section| section.stamp.is_some());
        if timed && at.is_some() {
            let said = format!("{}: it was given a time by hand, and has times of its own", path.display());
            return Err(ConfigError(said).into());
        }
        let log = timed.then(|| {
            self.logs += 1;
            self.logs
        });
        self.expect_one_form_of_numbers(&found)?;
        let mut before: Option<Taken> = None;
        for section in found {
            let Some(stamp) = &section.stamp else {
                if timed {
                    return Err(section.place.wrong("a text before the first time: each needs its time before it"));
                }
                self.untimed.push(Untimed { section, at: at.map(ToOwned::to_owned) });
                continue;
            };
            let taken = self.taken_at(stamp, &section, log).map_err(|message| section.place.wrong(message))?;
            if let Some(before) = before.filter(|before| before.ns > taken.ns) {
                return Err(section.place.wrong(format!(
                    "the clock does not run forward: {} here, after {} in line {}",
                    shown(taken.ns),
                    shown(before.ns),
                    before.place.line
                )));
            }
            before = Some(Taken { texts: Vec::new(), ..taken.clone() });
            self.taken.push(taken);
        }
        Ok(())
    }

    /// That numbers of a log are of so many digits each, and can be nothing but times since 1970.
    fn expect_one_form_of_numbers(&self, log: &[Section]) -> Result<(), IrqtraceError> {
        let numbers =
            log.iter().filter_map(|section| Some((&section.place, section.stamp.as_ref()?.number.as_deref()?)));
        let Some((first, number)) = numbers.clone().next() else { return Ok(()) };
        if let Some((place, other)) = numbers.clone().find(|(_, other)| other.len() != number.len()) {
            return Err(place.wrong(format!(
                "{other} has {} digits, and the number of line {} has {}: if a time was cut off and the next one joined to \
                 it, leave out what stands between that line and the next",
                other.len(),
                first.line,
                number.len()
            )));
        }
        self.expect_seconds(numbers.map(|(_, number)| number)).map_err(|message| first.wrong(message))
    }

    /// That numbers of one capture can be nothing but times since 1970, or a person has said that they are.
    fn expect_seconds<'a>(&self, numbers: impl Iterator<Item = &'a str>) -> Result<(), String> {
        let doubt = number::doubt(&numbers.collect::<Vec<_>>());
        doubt.filter(|_| !self.options.since_1970).map_or(Ok(()), Err)
    }

    /// The same of all times that were given by hand.
    fn expect_no_dates_by_hand(&self) -> Result<(), IrqtraceError> {
        let given = self.options.sources.iter().filter_map(|source| source.at.as_deref());
        let stamps: Vec<Stamp> = given.map(by_hand).collect::<Result<_, _>>()?;
        let numbers = stamps.iter().filter_map(|stamp| stamp.number.as_deref());
        self.expect_seconds(numbers).map_err(|message| ConfigError(message).into())
    }

    fn taken_at(&mut self, stamp: &Stamp, section: &Section, log: Option<usize>) -> Result<Taken, String> {
        Ok(Taken {
            ns: self.zones.utc_ns(&stamp.when)?,
            resolution_ns: stamp.resolution_ns,
            basis: Basis::Before,
            log,
            place: section.place.clone(),
            texts: section.texts.clone(),
        })
    }

    /// That no file of a report would be replaced, of which more is read than its texts.
    fn expect_nothing_written_in(&self, report: &Path) -> Result<(), IrqtraceError> {
        let fail = |source| IrqtraceError::Io { path: report.to_path_buf(), source };
        let Some(written) = &self.written else { return Ok(()) };
        if !written.starts_with(report.canonicalize().map_err(fail)?) || is_parquet(written).map_err(fail)? {
            return Ok(());
        }
        let said = format!("{}: the trace would replace this file of the report", written.display());
        Err(ConfigError(said).into())
    }

    fn report(&mut self, path: &Path, at: Option<&str>, progress: &mut Progress<'_>) -> Result<(), IrqtraceError> {
        self.expect_nothing_written_in(path)?;
        let mut report = Report::read(path, progress)?;
        let place = Place { path: path.into(), line: 1, offset: 0 };
        let section = Section { stamp: None, place, texts: std::mem::take(&mut report.texts) };
        let (stamp, place) = match at {
            // All numbers that were given by hand have been judged together.
            Some(at) => (Stamp { number: None, ..by_hand(at)? }, section.place.clone()),
            None => report.date()?,
        };
        let alone = self.expect_seconds(stamp.number.as_deref().into_iter());
        let taken = alone.and_then(|()| self.taken_at(&stamp, &section, None));
        let taken = taken.map_err(|message| place.wrong(message))?;
        self.taken.push(Taken { basis: if at.is_some() { Basis::ByHand } else { Basis::Report }, ..taken });
        self.reports.push((path.to_path_buf(), report));
        Ok(())
    }

    /// Gives times to the texts that have none of their own: by hand, by their names, or by their last change.
    fn time_the_untimed(&mut self) -> Result<(), IrqtraceError> {
        let (mut named, mut unnamed, mut changed) = (None, None, Vec::new());
        let mut numbers: BTreeMap<PathBuf, Vec<(Arc<Path>, String)>> = BTreeMap::new();
        for Untimed { section, at } in std::mem::take(&mut self.untimed) {
            let path = Arc::clone(&section.place.path);
            let wrong = |message: String| IrqtraceError::from(ConfigError(format!("{}: {message}", path.display())));
            if let Some(at) = at {
                let taken = self.taken_at(&by_hand(&at)?, &section, None).map_err(wrong)?;
                self.taken.push(Taken { basis: Basis::ByHand, ..taken });
            } else if self.options.times == Some(Times::Mtimes) {
                changed.push((section, last_change(&path)?));
            } else if let Some((folder, found)) = time_in_path(&path) {
                let stamp = found.map_err(wrong)?;
                let taken = self.taken_at(&stamp, &section, None).map_err(wrong)?;
                self.taken.push(taken);
                if let Some(number) = stamp.number {
                    numbers.entry(folder).or_default().push((Arc::clone(&path), number));
                }
                named = Some(path);
            } else {
                unnamed.get_or_insert(path);
            }
        }
        if let Some(path) = unnamed {
            return Err(nothing_tells(&path, named.as_deref()).into());
        }
        for capture in numbers.values() {
            self.expect_seconds(capture.iter().map(|(_, number)| number.as_str()))
                .map_err(|message| ConfigError(format!("{}: {message}", capture[0].0.display())))?;
        }
        for (section, ns) in changed {
            let resolution_ns = if ns % NS_PER_S == 0 { COARSE_NS } else { TICK_NS };
            let Section { place, texts, .. } = section;
            self.taken.push(Taken { ns, resolution_ns, basis: Basis::Changed, log: None, place, texts });
        }
        Ok(())
    }
}

fn nothing_tells(path: &Path, named: Option<&Path>) -> ConfigError {
    let others = named.map(|named| format!(", as {} does", named.display())).unwrap_or_default();
    ConfigError(format!(
        "{}: its name tells no time{others}, and no line in it does: give the time by hand (--at TIME FILE), or take the \
         times of last change (--times mtimes) where no copying has changed them",
        path.display()
    ))
}

/// The time in the name of a file, or else in that of its folder, be that the one that we are in; and the folder in which
/// what has that name stands beside others of its capture.
fn time_in_path(path: &Path) -> Option<(PathBuf, Found)> {
    let of = |path: &Path| Some((path.parent()?.into(), name::time_of(&path.file_name()?.to_string_lossy())?));
    let folder = |path: &Path| {
        let folder = std::path::absolute(path).ok()?.parent()?.to_path_buf();
        if folder.ends_with("..") { folder.canonicalize().ok() } else { Some(folder) }
    };
    of(path).or_else(|| of(&folder(path)?))
}

fn by_hand(text: &str) -> Result<Stamp, IrqtraceError> {
    let unknown = || {
        Err(format!(
            "{text:?} is no time: write it as 2026-01-01T12:00:00Z, as seconds since 1970, or as `date` prints it"
        ))
    };
    Stamp::of_line(text).unwrap_or_else(unknown).map_err(|message| ConfigError(message).into())
}

fn last_change(path: &Path) -> Result<i64, IrqtraceError> {
    let changed = fs::metadata(path).and_then(|found| found.modified());
    let changed = changed.map_err(|source| IrqtraceError::Io { path: path.to_path_buf(), source })?;
    let since = changed.duration_since(UNIX_EPOCH).ok().and_then(|since| i64::try_from(since.as_nanos()).ok());
    let ns =
        in_range(since, "its last change").map_err(|message| ConfigError(format!("{}: {message}", path.display())))?;
    Ok(ns)
}

/// An instant for a person.
pub(super) fn shown(ns: i64) -> String {
    chrono::DateTime::from_timestamp_nanos(ns).to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
}
