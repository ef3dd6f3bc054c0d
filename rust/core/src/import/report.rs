//! A tree of files that a report tool (sosreport and its like) has collected from one machine, unpacked.

use std::fmt::Debug;
use std::fs;
use std::path::{Path, PathBuf};

use super::Progress;
use super::scan::{Place, Text, sections};
use super::stamp::Stamp;
use crate::parse::TextKind;
use crate::{ConfigError, HostFacts, IrqtraceError};

/// Where the date may stand: that of UTC first, which needs no zone.
const DATES: [&str; 3] = ["sos_commands/date/date_--utc", "date", "sos_commands/date/date"];
const HOSTS: [&str; 2] = ["hostname", "sos_commands/host/hostname"];
const UNAMES: [&str; 2] = ["uname", "sos_commands/kernel/uname_-a"];

/// The kernel reckons from the present time when it was started, which moves when somebody sets the clock.
const CLOCK_SET_S: u64 = 60;

/// What a report tells.
#[derive(Debug)]
pub(super) struct Report {
    path: PathBuf,
    pub(super) texts: Vec<Text>,
    host: HostFacts,
    started_s: Option<i64>,
}

/// Whether a folder is such a tree.
pub(super) fn is_report(folder: &Path) -> bool {
    folder.join("proc/interrupts").exists()
}

impl Report {
    /// Reads a report.
    pub(super) fn read(path: &Path, progress: &mut Progress<'_>) -> Result<Self, IrqtraceError> {
        let mut texts = Vec::new();
        for (file, kind) in [("proc/interrupts", TextKind::Interrupts), ("proc/softirqs", TextKind::Softirqs)] {
            let file = path.join(file);
            if kind == TextKind::Softirqs && !file.exists() {
                continue;
            }
            let place = Place { path: file.as_path().into(), line: 1, offset: 0 };
            let found = sections(&file, progress)?;
            match &found[..] {
                [] if kind == TextKind::Softirqs => {
                    return Err(place.wrong("empty: remove it, if it could not be read"));
                }
                [] => return Err(place.wrong("empty, as /proc/interrupts is in a container that masks it")),
                [only] if only.stamp.is_none() && only.texts.len() == 1 => {
                    texts.push(Text { kind, ..only.texts[0].clone() });
                }
                [first, ..] if first.stamp.is_some() => {
                    let line = "a line with a time, which no report has there: give the file by itself, as a log";
                    return Err(first.place.wrong(line));
                }
                _ => return Err(place.wrong("more than one text, where a report has one")),
            }
        }
        Ok(Self { path: path.to_path_buf(), texts, host: facts(path), started_s: started_s(path) })
    }

    /// When it was made, and where that stands: the first that can be read. None where nothing tells it; `may_be_else` says
    /// that something else does then.
    pub(super) fn date(&self, may_be_else: bool) -> Result<Option<(Stamp, Place)>, IrqtraceError> {
        let mut wrong = None;
        for date in DATES {
            let path = self.path.join(date);
            let Ok(text) = fs::read_to_string(&path) else { continue };
            let place = Place { path: path.into(), line: 1, offset: 0 };
            if text.trim().is_empty() {
                continue;
            }
            let unknown =
                || Err("not what `date` prints in English: give the time by hand (--at TIME FOLDER)".to_owned());
            match Stamp::of_line(&text).unwrap_or_else(unknown) {
                Ok(stamp) => return Ok(Some((stamp, place))),
                Err(message) => wrong = wrong.or_else(|| Some(place.wrong(message))),
            }
        }
        wrong.filter(|_| !may_be_else).map_or(Ok(None), Err)
    }
}

/// That nothing tells the time of a report.
pub(super) fn no_time(path: &Path) -> ConfigError {
    ConfigError(format!(
        "{}: the report has no time in any of {}, nor in the name of its folder: give it by hand (--at TIME FOLDER), or take \
         the times of last change (--times mtimes) where no copying has changed them",
        path.display(),
        DATES.join(", ")
    ))
}

/// The machine that all reports are of. What a report does not tell it has in common with the others; where a person has
/// named the machine (`is_named`), it may have several names.
pub(super) fn one_machine(reports: &[(PathBuf, Report)], is_named: bool) -> Result<HostFacts, ConfigError> {
    let Some((_, first)) = reports.first() else { return Ok(HostFacts::default()) };
    let anew = "the machine was started anew between them, and its counts with it; import each by itself";
    let host = |report: &Report| Some(report.host.host.clone()).filter(|name| !name.is_empty());
    let host = if is_named {
        None
    } else {
        let help = "a trace is of one machine; import each by itself, or name the machine of both (--host)";
        in_common(reports, ("is of the host", help), host, PartialEq::eq)?
    };
    let boot = in_common(reports, ("has the boot id", anew), |report| report.host.boot.clone(), PartialEq::eq)?;
    let kernel = in_common(reports, ("has the kernel", anew), |report| report.host.kernel.clone(), PartialEq::eq)?;
    if reports.iter().any(|(_, report)| report.host.boot.is_none()) {
        let is_near = |one: &i64, two: &i64| one.abs_diff(*two) <= CLOCK_SET_S;
        in_common(reports, ("was started (btime) at", anew), |report| report.started_s, is_near)?;
    }
    Ok(HostFacts { host: host.unwrap_or_default(), boot, kernel, ..first.host.clone() })
}

/// What all reports that tell it tell alike. An error says `what` is not, and what that means.
fn in_common<T: Debug>(
    reports: &[(PathBuf, Report)],
    (what, help): (&str, &str),
    told: impl Fn(&Report) -> Option<T>,
    is_same: impl Fn(&T, &T) -> bool,
) -> Result<Option<T>, ConfigError> {
    let mut first: Option<(&Path, T)> = None;
    for (path, report) in reports {
        let Some(two) = told(report) else { continue };
        match &first {
            Some((of, one)) if !is_same(one, &two) => {
                let (path, of) = (path.display(), of.display());
                return Err(ConfigError(format!("{path}: {what} {two:?}, and {of} {one:?}: {help}")));
            }
            Some(_) => {}
            None => first = Some((path, two)),
        }
    }
    Ok(first.map(|(_, told)| told))
}

/// When the kernel was started, in seconds since 1970, as its statistics tell it.
fn started_s(path: &Path) -> Option<i64> {
    let text = fs::read_to_string(path.join("proc/stat")).ok()?;
    text.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

/// What the tree tells of its machine.
fn facts(path: &Path) -> HostFacts {
    let word = |files: &[&str]| {
        let read = |file: &&str| fs::read_to_string(path.join(file)).ok();
        files.iter().find_map(read).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    };
    // `Linux db7 6.1.0-9-amd64 #1 SMP … x86_64 GNU/Linux`
    let uname = word(&UNAMES).unwrap_or_default();
    let words: Vec<&str> = uname.split_ascii_whitespace().collect();
    let known = HostFacts::of_tree(&path.join("proc"), &path.join("sys"));
    HostFacts {
        host: word(&HOSTS).or_else(|| words.get(1).map(ToString::to_string)).unwrap_or(known.host),
        kernel: words.get(2).map(ToString::to_string).or(known.kernel),
        arch: words
            .iter()
            .rev()
            .find(|word| **word != "GNU/Linux")
            .filter(|_| words.len() > 4)
            .map(ToString::to_string)
            .or(known.arch),
        ..known
    }
}
