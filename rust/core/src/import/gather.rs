//! From what somebody has to texts with their times: files, folders of them, logs, reports.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::report::{self, Report};
use super::scan::{Place, Section, Text, is_parquet, sections};
use super::stamp::Stamp;
use super::untimed::{Untimed, parts_of};
use super::zone::Zones;
use super::{Options, Progress, Source, number};
use crate::{ConfigError, HostFacts, IrqtraceError, SourceUnavailable};

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

pub(super) struct Gathering<'a> {
    pub(super) options: &'a Options,
    written: Option<PathBuf>,
    zones: Zones,
    logs: usize,
    pub(super) taken: Vec<Taken>,
    pub(super) untimed: Vec<Untimed>,
    reports: Vec<(PathBuf, Report)>,
    /// What has been read, and by which name.
    seen: HashMap<FileId, PathBuf>,
    /// Links to files in the folder that is looked through.
    links: Vec<PathBuf>,
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
        seen: HashMap::new(),
        links: Vec::new(),
    };
    gathering.expect_no_dates_by_hand()?;
    for source in &options.sources {
        gathering.source(source, progress)?;
    }
    gathering.links(progress)?;
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
        let found = |all: &Self| all.taken.len() + all.untimed.len() + all.links.len();
        let before = found(self);
        self.folder(path, progress)?;
        if found(self) == before {
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

    /// The links of all folders, but for those that are a second name of a file that is there, as `latest`.
    fn links(&mut self, progress: &mut Progress<'_>) -> Result<(), IrqtraceError> {
        let mut links = std::mem::take(&mut self.links);
        links.retain(|link| !file_id(link).is_ok_and(|id| self.seen.contains_key(&id)));
        links.iter().try_for_each(|link| self.entry(link, None, progress))
    }

    /// All that is in a folder, but for hidden names, links to folders or to what is there anyway, and a trace that is to be
    /// replaced.
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
            if is_link {
                self.links.push(path);
            } else if is_folder && !report::is_report(&path) {
                self.folder(&path, progress)?;
            } else {
                self.entry(&path, None, progress)?;
            }
        }
        Ok(())
    }

    /// That nothing is read twice, by whatever names.
    fn expect_not_seen(&mut self, path: &Path) -> Result<(), IrqtraceError> {
        let id = file_id(path).map_err(|source| IrqtraceError::Io { path: path.to_path_buf(), source })?;
        let Some(other) = self.seen.insert(id, path.to_path_buf()) else { return Ok(()) };
        let place = Place { path: path.into(), line: 1, offset: 0 };
        let name = if other == path { String::new() } else { format!(", also as {}", other.display()) };
        Err(place.wrong(format!("this was given twice{name}")))
    }

    /// A file, or a report.
    fn entry(&mut self, path: &Path, at: Option<&str>, progress: &mut Progress<'_>) -> Result<(), IrqtraceError> {
        self.expect_not_seen(path)?;
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
                self.untimed.push(Untimed { section, at: at.map(ToOwned::to_owned), tree: None });
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
    pub(super) fn expect_seconds<'a>(&self, numbers: impl Iterator<Item = &'a str>) -> Result<(), String> {
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

    pub(super) fn taken_at(&mut self, stamp: &Stamp, section: &Section, log: Option<usize>) -> Result<Taken, String> {
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
        let told = match at {
            // All numbers that were given by hand have been judged together.
            Some(at) => Some((Stamp { number: None, ..by_hand(at)? }, section.place.clone())),
            None => report.date(self.options.times.is_some())?,
        };
        let Some((stamp, place)) = told else {
            let tree = || Some(path.to_path_buf());
            let parts = parts_of(section, self.options.times);
            self.untimed.extend(parts.map(|section| Untimed { section, at: None, tree: tree() }));
            self.reports.push((path.to_path_buf(), report));
            return Ok(());
        };
        let alone = self.expect_seconds(stamp.number.as_deref().into_iter());
        let taken = alone.and_then(|()| self.taken_at(&stamp, &section, None));
        let taken = taken.map_err(|message| place.wrong(message))?;
        self.taken.push(Taken { basis: if at.is_some() { Basis::ByHand } else { Basis::Report }, ..taken });
        self.reports.push((path.to_path_buf(), report));
        Ok(())
    }
}

/// What tells a file apart, whatever name it has.
#[cfg(unix)]
type FileId = (u64, u64);

#[cfg(unix)]
fn file_id(path: &Path) -> io::Result<FileId> {
    use std::os::unix::fs::MetadataExt;

    let found = fs::metadata(path)?;
    Ok((found.dev(), found.ino()))
}

/// The same where it has no numbers.
#[cfg(not(unix))]
type FileId = PathBuf;

#[cfg(not(unix))]
fn file_id(path: &Path) -> io::Result<FileId> {
    path.canonicalize()
}

pub(super) fn by_hand(text: &str) -> Result<Stamp, IrqtraceError> {
    let unknown = || {
        Err(format!(
            "{text:?} is no time: write it as 2026-01-01T12:00:00Z, as seconds since 1970, or as `date` prints it"
        ))
    };
    Stamp::of_line(text).unwrap_or_else(unknown).map_err(|message| ConfigError(message).into())
}

/// An instant for a person.
pub(super) fn shown(ns: i64) -> String {
    chrono::DateTime::from_timestamp_nanos(ns).to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
}
