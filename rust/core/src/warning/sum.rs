//! Warnings of traces that follow one another, as those of one.

use serde::Deserialize;

use super::{Occurrence, Tally, Warning, WarningType, Warnings, find, message::message};
use crate::{EngineName, Group, Kind, LineMeta, TraceFormatError};

/// A warning of a trace, or one that is yet to get its message.
#[derive(Clone, Debug, Deserialize)]
pub struct Told {
    /// What it is about.
    pub r#type: WarningType,
    /// The kind of the group, where it is about one.
    pub kind: Option<Kind>,
    /// The engine of the group, where it is about one.
    pub engine: Option<EngineName>,
    /// The line's id, where it is about one.
    pub line: Option<u32>,
    /// How often.
    pub count: u64,
    /// The first sample with it.
    pub first_sample: i64,
    /// The last sample with it.
    pub last_sample: i64,
    /// The worst case, in the unit of its type.
    pub worst: Option<i64>,
    /// Its sentence, where it has one.
    pub message: Option<String>,
    /// A fragment for the message; where there is none, that of the sentence.
    pub detail: Option<String>,
}

impl Told {
    fn group(&self) -> Option<Group> {
        Some(Group { kind: self.kind?, engine: self.engine? })
    }

    /// The fragment in its sentence: what stands in brackets where the same sentence has another there.
    fn detail(&self, line: Option<&LineMeta>) -> Option<String> {
        const ANY: &str = "\0";
        let tally = Tally {
            count: self.count,
            first_sample: self.first_sample,
            last_sample: self.last_sample,
            worst: self.worst,
            detail: Some(ANY.to_owned()),
        };
        let sentence = message(self.r#type, self.group(), line, &tally);
        let (before, after) = sentence.split_once(&format!(" ({ANY})"))?;
        let inner = self.message.as_deref()?.strip_prefix(before)?.strip_suffix(after)?;
        Some(inner.strip_prefix(" (")?.strip_suffix(')')?.to_owned())
    }
}

impl Warning {
    /// Adds up warnings as [`add_up`] does. Both lists, and the answer, are JSON as in a trace's metadata; a warning may
    /// have a `detail` in place of its message.
    ///
    /// # Errors
    ///
    /// One of the lists is none.
    pub fn added_up(told: &str, lines: &str) -> Result<String, TraceFormatError> {
        let wrong = |error: serde_json::Error| TraceFormatError {
            path: "warnings to add up".to_owned(),
            message: error.to_string(),
        };
        let told: Vec<Told> = serde_json::from_str(told).map_err(wrong)?;
        let lines: Vec<LineMeta> = serde_json::from_str(lines).map_err(wrong)?;
        serde_json::to_string(&add_up(told, &lines)).map_err(wrong)
    }
}

/// Adds up warnings of the same type, group and line, in the order of these. `lines` are those of all the traces.
#[must_use]
pub fn add_up(told: impl IntoIterator<Item = Told>, lines: &[LineMeta]) -> Vec<Warning> {
    let mut sum = Warnings::default();
    for warning in told {
        let detail = warning.detail.clone();
        let detail = detail.or_else(|| warning.detail(warning.line.and_then(|id| find(lines, id))));
        sum.add(Occurrence {
            r#type: warning.r#type,
            group: warning.group(),
            line: warning.line,
            first: warning.first_sample,
            last: warning.last_sample,
            count: warning.count,
            worst: warning.worst,
            detail,
        });
    }
    sum.list(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(warning: Warning) -> Told {
        let Warning { r#type, kind, engine, line, count, first_sample, last_sample, worst, message } = warning;
        let message = Some(message);
        Told { r#type, kind, engine, line, count, first_sample, last_sample, worst, message, detail: None }
    }

    fn occurrence(r#type: WarningType, first: i64, count: u64, worst: Option<i64>, detail: Option<&str>) -> Occurrence {
        let group = matches!(r#type, WarningType::MissedSamples | WarningType::LayoutChanged)
            .then_some(Group { kind: Kind::Irq, engine: EngineName::Proc });
        let detail = detail.map(str::to_owned);
        Occurrence { r#type, group, line: None, first, last: first + 2, count, worst, detail }
    }

    #[test]
    fn what_is_added_up_part_by_part_reads_as_if_it_had_been_one() {
        let all = [
            occurrence(WarningType::MissedSamples, 3, 2, Some(2), None),
            occurrence(WarningType::LayoutChanged, 4, 1, None, Some("CPU 2 went")),
            occurrence(WarningType::ClockStep, 5, 1, Some(-3_000_000), Some("it shows 5 ns where 7 (8) ns was due")),
            occurrence(WarningType::MissedSamples, 9, 5, Some(4), None),
            occurrence(WarningType::ClockStep, 11, 2, Some(9_000_000), Some("it shows 9 ns where 1 ns was due")),
            occurrence(WarningType::LayoutChanged, 12, 1, None, Some("CPU 2 came")),
            occurrence(WarningType::Incomplete, 13, 1, None, None),
        ];
        let mut whole = Warnings::default();
        all.iter().cloned().for_each(|occurrence| whole.add(occurrence));
        for cut in 0..=all.len() {
            let (mut before, mut after) = (Warnings::default(), Warnings::default());
            all[..cut].iter().cloned().for_each(|occurrence| before.add(occurrence));
            all[cut..].iter().cloned().for_each(|occurrence| after.add(occurrence));
            let parts = before.list(&[]).into_iter().chain(after.list(&[])).map(told);
            assert_eq!(add_up(parts, &[]), whole.list(&[]), "cut at {cut}");
        }
    }

    #[test]
    fn a_sentence_of_another_version_has_no_detail_and_still_counts() {
        let mut warnings = Warnings::default();
        warnings.add(occurrence(WarningType::LayoutChanged, 4, 1, None, Some("CPU 2 went")));
        let mut old = told(warnings.list(&[])[0].clone());
        old.message = Some("something else (CPU 2 went)".to_owned());
        let sum = add_up([old], &[]);
        assert_eq!((sum[0].count, sum[0].message.contains("CPU 2")), (1, false));
    }
}
