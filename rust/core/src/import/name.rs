//! Times in the names of files and folders.

use std::ops::Range;

use super::iso::{self, Digits, InName};
use super::stamp::{Found, Stamp, When, epoch};

/// A time that a name tells.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) found: Found,
    /// What four digits behind it were taken for, where they may be an offset or a counter.
    pub(super) digits: Option<Digits>,
}

/// The time that a name tells: `interrupts-20260101-120000`, `interrupts.2026-01-01T12:00:00Z`, `1767268800.txt`. `None`
/// for a name without one. `counters` says that four digits behind a minus are no offset.
pub(super) fn time_of(name: &str, counters: bool) -> Option<Named> {
    let mut named: Option<Named> = None;
    let when = |found: &Found| found.as_ref().map(|stamp| stamp.when.clone()).map_err(Clone::clone);
    let mut at = 0;
    while at < name.len() {
        let begins = name.as_bytes()[at].is_ascii_digit() && !(at > 0 && name.as_bytes()[at - 1].is_ascii_digit());
        let Some(InName { found, end, digits }) = begins.then(|| time_at(name, at, counters)).flatten() else {
            at += 1;
            continue;
        };
        match &named {
            Some(other) if when(&other.found) != when(&found) => {
                return Some(Named { found: Err("there are two times in its name".to_owned()), digits: None });
            }
            _ => named = Some(Named { found, digits }),
        }
        at = end;
    }
    named
}

fn time_at(name: &str, at: usize, counters: bool) -> Option<InName> {
    day_first_at(name, at).or_else(|| iso::in_name(name, at, counters)).or_else(|| epoch_at(name, at))
}

/// `06-01-2026-12`: a date that begins with its day or its month, and a time. Where a whole time begins with the year, what
/// stands before it is something else, as the end of an address; nor is a number of more digits than a time of day has one.
fn day_first_at(name: &str, at: usize) -> Option<InName> {
    let text = name.get(at..at + 13)?;
    let is_like =
        |(letter, like): (u8, u8)| if like == b'0' { letter.is_ascii_digit() } else { b"-._ T".contains(&letter) };
    if !text.bytes().zip(*b"00-00-0000-00").all(is_like)
        || matches!(iso::in_name(name, at + 6, false), Some(InName { found: Ok(_), .. }))
    {
        return None;
    }
    let number = |digits: Range<usize>| text[digits].parse::<u32>().ok();
    let (one, other, year, hour) = (number(0..2)?, number(3..5)?, number(6..10)?, number(11..13)?);
    let is_date = (1..=31).contains(&one.max(other)) && (1..=12).contains(&one.min(other));
    let is_time = hour < 24 && matches!(digits(name, at + 11), 2 | 4 | 6);
    (is_date && (1970..2262).contains(&year) && is_time).then(|| {
        let date = &text[..10];
        let both = format!("{date} begins with its day or its month, and which is not known: write it as 2026-01-31");
        InName { found: Err(both), end: at + text.len(), digits: None }
    })
}

fn digits(name: &str, from: usize) -> usize {
    name[from..].bytes().take_while(u8::is_ascii_digit).count()
}

/// Seconds since 1970, with six or nine digits of a fraction; or milli-, micro- or nanoseconds. Behind a letter a number is
/// something else.
fn epoch_at(name: &str, at: usize) -> Option<InName> {
    if name[..at].ends_with(char::is_alphanumeric) {
        return None;
    }
    let whole = digits(name, at);
    let mut end = at + whole;
    // Three digits may be those of a counter, as `split` writes it.
    if whole == 10 && name[end..].starts_with('.') && matches!(digits(name, end + 1), 6 | 9) {
        end += 1 + digits(name, end + 1);
    }
    let found = epoch(&name[at..end])?;
    // A number of so many digits that is no time of these centuries is something else.
    matches!(found, Ok(Stamp { when: When::Utc(ns), .. }) if ns >= 1_000_000_000_000_000_000).then_some(InName {
        found,
        end,
        digits: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time_of(name: &str) -> Option<Found> {
        super::time_of(name, false).map(|named| named.found)
    }

    const NS_PER_S: i64 = 1_000_000_000;
    const NOON: i64 = 1_767_268_800 * NS_PER_S;

    #[test]
    fn times_are_found_in_names() {
        for (name, after_noon, resolution_ns) in [
            ("interrupts.2026-01-01T12:00:00Z", 0, NS_PER_S),
            ("interrupts-2026-01-01T12-00-00Z.txt", 0, NS_PER_S),
            ("2026-01-01_13.00.00+0100", 0, NS_PER_S),
            ("db7-20260101T070000-0500-interrupts.txt", 0, NS_PER_S),
            ("1767268800.txt", 0, NS_PER_S),
            ("1767268800.123456789", 123_456_789, 1),
            ("2026-01-01T12:00:00.250Z", 250_000_000, 1_000_000),
            ("20260101T120000.5Z", 500_000_000, 100_000_000),
            ("20260101-120000-UTC.txt", 0, NS_PER_S),
            ("20260101T120000UTC", 0, NS_PER_S),
            ("20260101-120000_utc", 0, NS_PER_S),
            ("20260101T120000z.txt", 0, NS_PER_S),
            ("20260101-120000-UTC-db7.txt", 0, NS_PER_S),
            ("i_2026-01-01_14-00-00_UTC+02.txt", 0, NS_PER_S),
            ("i_2026-01-01_13-00-00-GMT+01:00.txt", 0, NS_PER_S),
            ("i-20260101-120000-UTC-1.txt", 0, NS_PER_S),
            ("i-20260101-120000-UTC-001.txt", 0, NS_PER_S),
            ("i-20260101-120000-UTC-5.14.0-305.el8.txt", 0, NS_PER_S),
            ("i-20260101-120000-UTC-10.2.3.4.txt", 0, NS_PER_S),
            ("i-20260101-120000-UTC-99.txt", 0, NS_PER_S),
            ("i-20260101-120000-UTC-05-14.txt", 0, NS_PER_S),
            ("i-20260101-120000-UTC-0001.txt", 0, NS_PER_S),
            ("i_2026-01-01_07-00-00_UTC-05:00", 0, NS_PER_S),
            ("i_2026-01-01T13-00-00+01-00", 0, NS_PER_S),
            ("i_2026-01-01T13-00-00+01_00.txt", 0, NS_PER_S),
            ("i_2026-01-01T17-30-00+05.30", 0, NS_PER_S),
            ("i_2026-01-01T13-00-00+01", 0, NS_PER_S),
            ("i_2026-01-01T13-00-00+01-001.txt", 0, NS_PER_S),
            ("i_20260101-130000_+0100.txt", 0, NS_PER_S),
            ("i_2026-01-01_12h00m00s_utc.txt", 0, NS_PER_S),
            // Three digits may be a counter.
            ("int_1767268800.250.log", 0, NS_PER_S),
            ("interrupts.1767268800.001", 0, NS_PER_S),
            ("interrupts.1767268800.1", 0, NS_PER_S),
            ("1767268800250", 250_000_000, 1_000_000),
            ("20260101120000Z-20260101120000Z", 0, NS_PER_S),
            ("192.168.10.20-2026-01-01T12-00-00Z", 0, NS_PER_S),
            ("20260101120000Z-1767268800", 0, NS_PER_S),
            ("interrupts_01-01-2026_1767268800", 0, NS_PER_S),
            ("host-10-20-3000-40-1767268800", 0, NS_PER_S),
            ("rack-40-41-2026-01-1767268800", 0, NS_PER_S),
        ] {
            match time_of(name) {
                Some(Ok(Stamp { when: When::Utc(ns), resolution_ns: found, .. })) => {
                    assert_eq!((ns - NOON, found), (after_noon, resolution_ns), "{name}");
                }
                other => panic!("{name} is {other:?}"),
            }
        }
    }

    #[test]
    fn a_time_in_a_name_without_an_offset_is_of_a_zone_that_is_not_known() {
        for name in [
            "interrupts-20260101-120000",
            "20260101_120000.txt",
            "20260101120000",
            "2026-01-01 12:00:00",
            // What follows may be a counter.
            "20260101-120000-0001.txt",
            "20260101-120000-0500.txt",
            "20260101-120000-02",
            "20260101-120000-z",
            "2026-01-01_12h00m00s",
            "2026-01-01_12h00m00.txt",
            "20260101-120000+interrupts",
            "i_20260101-120000_+5GB",
        ] {
            let Some(Ok(Stamp { when: When::Local { at, letters: None }, .. })) = time_of(name) else {
                panic!("{name}")
            };
            assert_eq!(at.and_utc().timestamp_nanos_opt(), Some(NOON), "{name}");
        }
        let Some(Ok(Stamp { resolution_ns, .. })) = time_of("interrupts-20260101-120000.002") else { panic!() };
        assert_eq!(resolution_ns, NS_PER_S, "it may be a counter");
    }

    #[test]
    fn letters_behind_a_time_in_a_name_are_those_of_its_zone_where_a_clock_shows_such() {
        for (name, expected) in [
            ("20260101-120000EST", Some("EST")),
            ("2026-01-01_12.00.00-CET.txt", Some("CET")),
            ("20260101-120000_CEST", Some("CEST")),
            ("2026-01-01_12.00.00PM", None),
            ("2026-01-01_12.00.00-pm-CET", Some("CET")),
            ("20260101-120000-cat.txt", None),
            ("20260101-120000-IRQ", None),
            ("20260101-120000-EST2", None),
        ] {
            let Some(Ok(Stamp { when: When::Local { at, letters }, .. })) = time_of(name) else { panic!("{name}") };
            assert_eq!((at.and_utc().timestamp_nanos_opt(), letters.as_deref()), (Some(NOON), expected), "{name}");
        }
        let Some(Ok(Stamp { when: When::Local { at, .. }, .. })) = time_of("2026-01-01_01.00.00PM") else { panic!() };
        assert_eq!(at.and_utc().timestamp_nanos_opt(), Some(NOON + 3_600 * NS_PER_S));
    }

    #[test]
    fn four_digits_behind_a_minus_are_an_offset_or_a_counter_and_what_they_were_taken_for_is_told() {
        for (name, digits) in [
            ("20260101T070000-0500", Some(Digits::Offset)),
            ("20260101T120000-0501", Some(Digits::Counter)),
            ("20260101-120000-0500", None),
            ("20260101T070000-05:00", None),
            ("20260101T120000-050", None),
        ] {
            assert_eq!(super::time_of(name, false).unwrap().digits, digits, "{name}");
        }
        let counted = super::time_of("20260101T120000-0500", true).unwrap().found;
        assert!(matches!(counted, Ok(Stamp { when: When::Local { .. }, .. })), "{counted:?}");
    }

    #[test]
    fn other_numbers_are_no_times() {
        for name in [
            "interrupts",
            "interrupts.1",
            "db-10.0.0.17",
            "20260101",
            "0123456789",
            "176726880",
            "before.txt",
            "sn1234567890.txt",
            "06-01-2026",
        ] {
            assert_eq!(time_of(name), None, "{name}");
        }
        for (name, wrong) in [
            ("interrupts-20260101-1200.txt", "no seconds"),
            ("20260101T120000Z-20260101T130000Z", "two times"),
            ("20261301-120000", "no day"),
            ("20260101-120000UTC+1", "+1 behind the time in its name is no offset"),
            ("20260101-120000-UTC-0500.txt", "-0500 behind UTC in its name may be an offset or a counter"),
            (
                "20260101-120000-UTC-05-30.txt",
                "may be an offset or a counter: give the time by hand (--at TIME FILE), or write it as -05:30",
            ),
            ("20260101-120000-GMT-05.txt", "-05 behind UTC in its name may be an offset or a counter"),
            ("20260101-120000UTC+25", "+25 behind"),
            ("20260101T120000+01-07", "+01-07 behind"),
            ("20260101T120000+013", "+013 behind"),
            ("06-01-2026-12-00-00.txt", "06-01-2026 begins with its day or its month"),
            ("i_06.01.2026_120000", "06.01.2026 begins with its day or its month"),
            ("i_31.12.2026_2359", "31.12.2026 begins with its day or its month"),
        ] {
            let Some(Err(told)) = time_of(name) else { panic!("{name}") };
            assert!(told.contains(wrong), "{told}");
        }
    }

    #[test]
    fn a_name_of_any_letters_is_looked_through() {
        assert_eq!(time_of("ünïcode-日本-1"), None);
        assert!(time_of("日本-1767268800").is_some());
    }
}
