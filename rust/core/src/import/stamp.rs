//! Times as people and `date` write them down.

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike};

use super::iso;

const NS_PER_S: i64 = 1_000_000_000;

/// The year 2262, in which nanoseconds come to their end.
const BEYOND_NS: i64 = 9_214_646_400 * NS_PER_S;

/// A time that was written down, to how much of a second, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) when: When,
    pub(super) resolution_ns: i64,
    /// The digits of what is a bare number, and neither a fraction nor an `@` says that it is one of seconds.
    pub(super) number: Option<String>,
}

/// A time of UTC, or of a zone that has to be known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// Nanoseconds.
    Utc(i64),
    /// As a clock on a wall shows it, with the letters that stood beside it: `CET`. They name no zone, since many share
    /// them.
    Local { at: NaiveDateTime, letters: Option<String> },
}

/// What was found, or what is wrong with something that is a time and none that can be used.
pub(super) type Found = Result<Stamp, String>;

/// Hour, minute and second as far as they were written, and digits of a fraction.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clock<'a> {
    pub(super) hour: u32,
    pub(super) minute: Option<u32>,
    pub(super) second: Option<u32>,
    pub(super) fraction: &'a str,
    /// 0 before noon, 1 after it, where hours are counted to 12.
    pub(super) half: Option<u32>,
}

/// What stands beside a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Beside {
    Nothing,
    /// Seconds east of UTC.
    Offset(i32),
    Letters(String),
}

impl Stamp {
    /// The time that a line is: all of it, but for punctuation around it. `None` for any other line.
    pub(super) fn of_line(line: &str) -> Option<Found> {
        let line =
            line.trim_matches(|letter: char| letter.is_whitespace() || "=#*_[]()<>|~:;\u{feff}".contains(letter));
        let text = line.trim_matches('-').trim();
        // Seconds since 1970 are those of UTC, also where that stands beside them.
        let number =
            text.rsplit_once(' ').filter(|(_, letters)| is_utc(letters)).map_or(text, |(number, _)| number.trim());
        let seconds = || Some(epoch(number.strip_prefix('@')?)?.map(|stamp| Self { number: None, ..stamp }));
        epoch(number).or_else(seconds).or_else(|| iso::of_text(text)).or_else(|| of_words(text))
    }

    /// The time of a date and a clock, `text` as it was written.
    pub(super) fn new((year, month, day): (i32, u32, u32), clock: Clock<'_>, beside: Beside, text: &str) -> Found {
        let Clock { hour, minute: Some(minute), second: Some(second), fraction, half } = clock else {
            return Err(format!(
                "{text} has no seconds: a time has to tell the second, since a trace holds windows of 4 s at most"
            ));
        };
        let date =
            NaiveDate::from_ymd_opt(year, month, day).ok_or_else(|| format!("{text} is no day of the calendar"))?;
        let hour = half.map_or(Some(hour), |half| (1..=12).contains(&hour).then_some(hour % 12 + 12 * half));
        let time = hour.and_then(|hour| NaiveTime::from_hms_opt(hour, minute, second));
        let time = time.ok_or_else(|| format!("{text} is no time of a day"))?;
        let (nanos, resolution_ns) = fraction_of(fraction);
        let at = date.and_time(time.with_nanosecond(nanos).unwrap_or(time));
        let ns = at.and_utc().timestamp_nanos_opt();
        let utc = |east_s: i64| in_range(ns.and_then(|ns| ns.checked_sub(east_s * NS_PER_S)), text);
        let when = match beside {
            Beside::Offset(east_s) => When::Utc(utc(i64::from(east_s))?),
            Beside::Letters(letters) if is_utc(&letters) => When::Utc(utc(0)?),
            Beside::Letters(letters) => When::Local { at, letters: Some(letters) },
            Beside::Nothing => When::Local { at, letters: None },
        };
        Ok(Self { when, resolution_ns, number: None })
    }
}

/// Whether letters beside a time say that it is UTC.
pub(super) fn is_utc(letters: &str) -> bool {
    ["UTC", "GMT", "UCT", "Z"].iter().any(|utc| letters.eq_ignore_ascii_case(utc))
}

/// Nanoseconds since 1970, if they are not before it, nor so late that the window of a read would have no end.
pub(super) fn in_range(ns: Option<i64>, text: &str) -> Result<i64, String> {
    ns.filter(|ns| (0..BEYOND_NS).contains(ns)).ok_or_else(|| format!("{text} is not between 1970 and 2262"))
}

/// Seconds since 1970, with or without a fraction, or the milli-, micro- or nanoseconds: their digits tell which.
pub(super) fn epoch(text: &str) -> Option<Found> {
    let (whole, fraction) = text.split_once(['.', ',']).map_or((text, None), |(whole, rest)| (whole, Some(rest)));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() == 10 && is_digits(whole) && matches!(fraction, Some("" | "N" | "%N")) {
        return Some(Err(format!("{text}: the `date` that wrote this knows no %N: `date +%s` is what all know")));
    }
    if !is_digits(whole) || fraction.is_some_and(|rest| !is_digits(rest) || rest.len() > 9 || whole.len() != 10) {
        return None;
    }
    let (seconds, fraction) = match (whole.len(), fraction) {
        (10 | 13 | 16 | 19, None) => whole.split_at(10),
        (10, Some(fraction)) => (whole, fraction),
        _ => return None,
    };
    let (nanos, resolution_ns) = fraction_of(fraction);
    let seconds: i64 = seconds.parse().ok()?;
    let ns = seconds.checked_mul(NS_PER_S).and_then(|ns| ns.checked_add(i64::from(nanos)));
    // No date has a fraction.
    let number = (whole == text).then(|| whole.to_owned());
    Some(in_range(ns, text).map(|ns| Stamp { when: When::Utc(ns), resolution_ns, number }))
}

/// What up to nine digits behind the point are, and the last of them is, in nanoseconds.
fn fraction_of(digits: &str) -> (u32, i64) {
    let mut value = 0;
    let mut unit = NS_PER_S;
    for digit in digits.bytes().take(9) {
        unit /= 10;
        value += i64::from(digit - b'0') * unit;
    }
    (u32::try_from(value).unwrap_or(0), unit)
}

/// What `date` prints in English: weekday, month, day, time, zone and year in any order, each once.
fn of_words(text: &str) -> Option<Found> {
    let mut words = Words::default();
    text.split([' ', '\t', ',']).filter(|word| !word.is_empty()).try_for_each(|word| words.put(word))?;
    let Words {
        weekday,
        month: Some(month),
        day: Some(day),
        year: Some(year),
        clock: Some(mut clock),
        half,
        beside,
        ..
    } = words
    else {
        return None;
    };
    clock.half = half;
    let year = i32::try_from(year).ok()?;
    let found = Stamp::new((year, month, day), clock, beside.unwrap_or(Beside::Nothing), text);
    let date = NaiveDate::from_ymd_opt(year, month, day);
    let is = date.map(|date| date.weekday().num_days_from_monday() as usize);
    Some(match weekday.zip(is) {
        Some((told, is)) if told != is => Err(format!("{text}: that day is a {}", WEEKDAYS[is])),
        _ => found,
    })
}

/// The words of a time, each in its place.
#[derive(Default)]
struct Words<'a> {
    weekday: Option<usize>,
    month: Option<u32>,
    day: Option<u32>,
    year: Option<u32>,
    clock: Option<Clock<'a>>,
    /// 0 before noon, 1 after it.
    half: Option<u32>,
    beside: Option<Beside>,
    /// The word before is the time of day, or what tells its half.
    behind_clock: bool,
}

impl<'a> Words<'a> {
    /// Takes a word; none where it is no word of a time, or its place is taken.
    fn put(&mut self, word: &'a str) -> Option<()> {
        let behind_clock = std::mem::take(&mut self.behind_clock);
        if let Some(found) = named(word, &WEEKDAYS) {
            first(&mut self.weekday, found)
        } else if let Some(found) = named(word, &MONTHS) {
            first(&mut self.month, u32::try_from(found).ok()? + 1)
        } else if let Some(found) = (0..).zip(["AM", "PM"]).find(|(_, half)| word.eq_ignore_ascii_case(half)) {
            self.behind_clock = behind_clock;
            first(&mut self.half, found.0)
        } else if word.bytes().all(|byte| byte.is_ascii_digit()) {
            match word.len() {
                1 | 2 => first(&mut self.day, word.parse().ok()?),
                4 => first(&mut self.year, word.parse().ok()?),
                _ => None,
            }
        } else if let Some(found) = iso::clock(word) {
            self.behind_clock = true;
            first(&mut self.clock, found)
        } else if behind_clock || self.is_whole() {
            first(&mut self.beside, iso::beside(word)?)
        } else {
            // Within a date it is a word of another language: `mar 6 gen`, in Italian, is no day of March.
            None
        }
    }

    /// Whether date and time are there.
    fn is_whole(&self) -> bool {
        self.month.is_some() && self.day.is_some() && self.year.is_some() && self.clock.is_some()
    }
}

const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Which of these names a word is, in full or by its first three letters.
fn named(word: &str, names: &[&str]) -> Option<usize> {
    names.iter().position(|name| word.eq_ignore_ascii_case(name) || word.eq_ignore_ascii_case(&name[..3]))
}

fn first<T>(place: &mut Option<T>, found: T) -> Option<()> {
    place.replace(found).is_none().then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 1_767_700_800 * NS_PER_S;

    fn utc(line: &str) -> (i64, i64) {
        match Stamp::of_line(line) {
            Some(Ok(Stamp { when: When::Utc(ns), resolution_ns, .. })) => (ns - NOON, resolution_ns),
            other => panic!("{line:?} is {other:?}"),
        }
    }

    #[test]
    fn every_form_that_date_prints_is_read() {
        for line in [
            "Tue Jan  6 12:00:00 UTC 2026",
            "Tue Jan  6 12:00:00 PM UTC 2026",
            "Tue  6 Jan 12:00:00 GMT 2026",
            "Tue 06 Jan 2026 12:00:00 PM UTC",
            "Tue 06 Jan 2026 07:00:00 PM +07",
            "Tuesday, 06 January 2026, 12:00:00 UTC",
            "Tue, 06 Jan 2026 13:00:00 +0100",
            "2026-01-06T12:00:00+00:00",
            "2026-01-06 06:30:00-05:30",
            "2026-01-06T12:00:00Z",
            "2026-01-06 12:00:00 UTC",
            "2026-01-06 12:00:00 PM UTC",
            "2026-01-06 07:00:00 pm +07",
            "20260106T120000Z",
            "2026-01-06_12:00:00Z",
            "2026-01-06-12:00:00 utc",
            "20260106-120000Z",
            "20260106_120000Z",
            "Tue Jan  6 12:00:00 2026 +0000",
            "1767700800",
            "@1767700800",
            "1767700800 UTC",
            "@1767700800 utc",
            "=== Tue Jan  6 12:00:00 UTC 2026 ===",
            "--- 1767700800 ---",
            "# [2026-01-06 12:00:00 +0000]\r",
        ] {
            assert_eq!(utc(line), (0, NS_PER_S), "{line}");
        }
        assert_eq!(utc("1767700800.5"), (500_000_000, 100_000_000));
        assert_eq!(utc("1767700800.123456789"), (123_456_789, 1));
        assert_eq!(utc("1767700800123"), (123_000_000, 1_000_000));
        assert_eq!(utc("1767700800123456789"), (123_456_789, 1));
        assert_eq!(utc("2026-01-06T12:00:00,250000000+00:00"), (250_000_000, 1));
        assert_eq!(utc("Tue Jan  6 12:00:00 AM UTC 2026").0, -12 * 3_600 * NS_PER_S);
    }

    #[test]
    fn a_time_without_utc_or_an_offset_is_of_a_zone_that_is_not_known() {
        for (line, letters) in [
            ("Tue Jan  6 12:00:00 CET 2026", Some("CET")),
            ("2026-01-06 12:00:00 EST", Some("EST")),
            ("Tue Jan  6 12:00:00 2026", None),
            ("2026-01-06 12:00:00", None),
            ("2026-01-06_12:00:00", None),
            ("2026-01-06-12:00:00", None),
            ("20260106_120000", None),
            ("20260106-120000", None),
            ("2026-01-06 12:00:00 ChST", Some("ChST")),
        ] {
            let Some(Ok(Stamp { when: When::Local { at, letters: found }, .. })) = Stamp::of_line(line) else {
                panic!("{line}");
            };
            assert_eq!((at.and_utc().timestamp_nanos_opt(), found.as_deref()), (Some(NOON), letters), "{line}");
        }
    }

    #[test]
    fn what_is_a_time_and_cannot_be_used_is_told() {
        for (line, wrong) in [
            ("2026-01-06T12:00+00:00", "no seconds"),
            ("2026-01-06T12+00:00", "no seconds"),
            ("Tue Jan  6 12:00 UTC 2026", "no seconds"),
            ("2026-02-30 12:00:00", "no day"),
            ("2026-01-06 25:00:00", "no time"),
            ("Tue Jan  6 13:00:00 PM UTC 2026", "no time"),
            ("Mon Jan  6 12:00:00 UTC 2026", "a Tuesday"),
            ("2026-01-06 13:00:00 PM", "no time"),
            ("1960-01-06 12:00:00Z", "1970"),
            ("1970-01-01 00:30:00+01:00", "1970"),
            ("9223372036", "2262"),
            ("1767700800.", "no %N"),
            ("1767700800.N", "no %N"),
            ("2262-04-11T23:47:16Z", "2262"),
            ("2262-04-11T23:47:16-14:00", "2262"),
        ] {
            let Some(Err(told)) = Stamp::of_line(line) else { panic!("{line}") };
            assert!(told.contains(wrong), "{told}");
        }
    }

    #[test]
    fn other_lines_are_no_times() {
        for line in [
            "",
            "---",
            "           CPU0       CPU1",
            " 24:         11          0  IO-APIC   5-edge      eth0-rx-0",
            "  8: 1767700800",
            "mar. 6 janv. 2026 12:00:00 CET",
            // Italian: the 6th of January.
            "mar 6 gen 2026, 12:00:00",
            "12:00:00 mar 6 gen 2026",
            "Jan 6 CET 2026 12:00:00",
            "2026-01-06 12:00:00 start",
            "Tue Jan  6 12:00:00 carra 2026",
            "12:00:00 up 3 days",
            // In some languages what AM and PM are.
            "2026-01-06 01:00:00 CH",
            "Tue Jan  6 12:00:00 UTC 2026 and more",
            "Tue Tue Jan  6 12:00:00 UTC 2026",
            "176770080",
            "2026-01-06",
            "1767700800.1234567890",
        ] {
            assert_eq!(Stamp::of_line(line), None, "{line}");
        }
    }
}
