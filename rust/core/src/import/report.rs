//! A tree of files that a report tool (sosreport and its like) has collected from one machine, unpacked.

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

/// What a report tells.
#[derive(Debug)]
pub(super) struct Report {
    path: PathBuf,
    pub(super) texts: Vec<Text>,
    host: HostFacts,
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
                [] => return Err(place.wrong("empty, as /proc/interrupts is in a container that masks it")),
                [only] if only.stamp.is_none() && only.texts.len() == 1 => {
                    texts.push(Text { kind, ..only.texts[0].clone() });
                }
                _ => return Err(place.wrong("more than one text, where a report has one")),
            }
        }
        Ok(Self { path: path.to_path_buf(), texts, host: facts(path) })
    }

    /// When it was made, and where that stands.
    pub(super) fn date(&self) -> Result<(Stamp, Place), IrqtraceError> {
        for date in DATES {
            let path = self.path.join(date);
            let Ok(text) = fs::read_to_string(&path) else { continue };
            let place = Place { path: path.into(), line: 1, offset: 0 };
            let stamp = Stamp::of_line(&text).ok_or_else(|| place.wrong("not what `date` prints in English"))?;
            return Ok((stamp.map_err(|message| place.wrong(message))?, place));
        }
        Err(ConfigError(format!(
            "{}: the report has none of {}: give its time by hand (--at TIME FOLDER)",
            self.path.display(),
            DATES.join(", ")
        ))
        .into())
    }
}

/// The machine that all reports are of.
pub(super) fn one_machine(reports: &[(PathBuf, Report)]) -> Result<HostFacts, IrqtraceError> {
    let Some(((first_path, first), others)) = reports.split_first() else { return Ok(HostFacts::default()) };
    for (path, other) in others {
        let differ = |what: &str, one: &str, two: &str, help: &str| {
            let (path, first_path) = (path.display(), first_path.display());
            ConfigError(format!("{path}: {what} {two:?}, and {first_path} {one:?}: {help}"))
        };
        if other.host.host != first.host.host {
            let help = "a trace is of one machine; import each by itself";
            return Err(differ("is of the host", &first.host.host, &other.host.host, help).into());
        }
        if let (Some(one), Some(two)) = (&first.host.boot, &other.host.boot)
            && one != two
        {
            let help = "the machine was started anew between them, and its counts with it; import each by itself";
            return Err(differ("has the boot id", one, two, help).into());
        }
    }
    Ok(first.host.clone())
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
