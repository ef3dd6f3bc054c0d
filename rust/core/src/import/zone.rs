//! Zones: what makes UTC of the time that a clock on a wall shows.

use chrono::{FixedOffset, LocalResult, NaiveDateTime, TimeZone};
use chrono_tz::{OffsetName, Tz};

use super::iso;
use super::stamp::{Beside, When, in_range, is_utc};
use crate::ConfigError;

/// Where local times are from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Zone {
    Named(Tz),
    Fixed(FixedOffset),
}

/// Makes UTC of times, those of a zone among them if it is known.
#[derive(Clone, Debug, Default)]
pub(super) struct Zones {
    zone: Option<Zone>,
    /// The letters beside the first time that was taken for one of a fixed offset.
    letters: Option<String>,
}

impl Zones {
    /// For times of this zone: `UTC`, `Europe/Berlin`, `+01:00`.
    pub(super) fn new(zone: Option<&str>) -> Result<Self, ConfigError> {
        let known = |name: &str| match iso::beside(name) {
            Some(Beside::Offset(east_s)) => FixedOffset::east_opt(east_s).map(Zone::Fixed),
            _ => name.parse().ok().or_else(|| is_utc(name).then_some(Tz::UTC)).map(Zone::Named),
        };
        let unknown = |name| {
            ConfigError(format!(
                "zone {name:?} is not known; zones are such as UTC, Europe/Berlin (see tzselect) or +01:00"
            ))
        };
        let zone = zone.map(|name| known(name).ok_or_else(|| unknown(name))).transpose()?;
        Ok(Self { zone, letters: None })
    }

    /// UTC nanoseconds of a time; or what is wrong, and what would help.
    pub(super) fn utc_ns(&mut self, when: &When) -> Result<i64, String> {
        let (at, letters) = match when {
            When::Utc(ns) => return Ok(*ns),
            When::Local { at, letters } => (*at, letters.as_deref()),
        };
        let shown = letters.map_or_else(|| at.to_string(), |letters| format!("{at} {letters}"));
        let ns = match self.zone {
            None => Err(format!(
                "{shown} is of a zone that it does not tell: give zone (--zone) as UTC, Europe/Berlin or +01:00"
            )),
            Some(Zone::Named(zone)) => in_zone(zone, at, letters, &shown),
            Some(Zone::Fixed(offset)) => {
                self.expect_same_letters(letters, offset)?;
                Ok(offset.from_local_datetime(&at).single().and_then(|time| time.timestamp_nanos_opt()))
            }
        }?;
        in_range(ns, &shown)
    }

    /// One offset is not that of two zones, as where a log goes on from winter into summer.
    fn expect_same_letters(&mut self, letters: Option<&str>, offset: FixedOffset) -> Result<(), String> {
        let Some(letters) = letters else { return Ok(()) };
        let first = self.letters.get_or_insert_with(|| letters.to_owned());
        if first == letters {
            return Ok(());
        }
        Err(format!("{letters} here and {first} before cannot both be {offset}: give a zone (--zone) as Europe/Berlin"))
    }
}

fn in_zone(zone: Tz, at: NaiveDateTime, letters: Option<&str>, shown: &str) -> Result<Option<i64>, String> {
    let name = zone.name();
    let candidates = match zone.from_local_datetime(&at) {
        LocalResult::Single(time) => vec![time],
        LocalResult::Ambiguous(earlier, later) => vec![earlier, later],
        LocalResult::None => {
            return Err(format!("{shown} was never shown in {name}: its clocks were put forward past it"));
        }
    };
    let matching: Vec<_> = candidates
        .iter()
        .filter(|time| letters.is_none_or(|letters| time.offset().abbreviation() == Some(letters)))
        .collect();
    match matching[..] {
        [time] => Ok(time.timestamp_nanos_opt()),
        [] => {
            let offset = candidates[0].offset().fix_text();
            let known = candidates[0].offset().abbreviation();
            let known = known.map_or_else(|| format!("no letters and {offset}"), ToOwned::to_owned);
            Err(format!(
                "{shown} is no time of {name}, which has {known} then: give the zone of the machine, or its offset \
                 (--zone)"
            ))
        }
        _ => Err(format!(
            "{shown} was twice in {name}, before and after its clocks were put back: give the offset of this part as \
             zone (--zone), such as {}",
            candidates[0].offset().fix_text()
        )),
    }
}

/// The offset in numbers.
trait FixText {
    fn fix_text(&self) -> String;
}

impl<O: chrono::Offset> FixText for O {
    fn fix_text(&self) -> String {
        self.fix().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::stamp::Stamp;

    fn utc(zone: Option<&str>, lines: &[&str]) -> Result<i64, String> {
        let mut zones = Zones::new(zone).unwrap();
        let mut last = Err("no line".to_owned());
        for line in lines {
            last = zones.utc_ns(&Stamp::of_line(line).unwrap().unwrap().when);
            if last.is_err() {
                break;
            }
        }
        last
    }

    fn same(zone: &str, local: &str, line: &str) {
        assert_eq!(utc(Some(zone), &[local]), utc(None, &[line]), "{local} in {zone}");
    }

    #[test]
    fn a_local_time_is_that_of_its_zone_winter_and_summer() {
        same("Europe/Berlin", "2026-01-06 13:00:00", "2026-01-06 12:00:00Z");
        same("Europe/Berlin", "Mon Jul  6 14:00:00 CEST 2026", "2026-07-06 12:00:00Z");
        same("+01:00", "Tue Jan  6 13:00:00 CET 2026", "2026-01-06 12:00:00Z");
        same("America/Sao_Paulo", "2026-01-06 09:00:00 AM", "2026-01-06 12:00:00Z");
        same("-03:00", "2026-01-06 01:00:00 PM", "2026-01-06 16:00:00Z");
        same("-03:00", "Tue Jan  6 09:00:00 BRT 2026", "2026-01-06 12:00:00Z");
        same("-0330", "2026-01-06 08:30:00", "2026-01-06 12:00:00Z");
        for zone in ["UTC", "utc", "GMT", "gmt", "Z"] {
            same(zone, "2026-01-06 12:00:00", "2026-01-06 12:00:00Z");
        }
    }

    #[test]
    fn a_zone_that_a_time_does_not_tell_is_asked_for() {
        let told = utc(None, &["Tue Jan  6 12:00:00 CET 2026"]).unwrap_err();
        assert!(told.contains("2026-01-06 12:00:00 CET") && told.contains("--zone"), "{told}");
        let told = Zones::new(Some("Mars/Olympus")).unwrap_err().to_string();
        assert!(told.contains("Mars/Olympus") && told.contains("Europe/Berlin"), "{told}");
    }

    #[test]
    fn letters_that_contradict_the_zone_are_an_error() {
        for (zone, line) in [
            ("Europe/London", "Tue Jan  6 12:00:00 CET 2026"),
            ("UTC", "Tue Jan  6 12:00:00 CET 2026"),
            ("America/Sao_Paulo", "Tue Jan  6 12:00:00 CET 2026"),
        ] {
            let told = utc(Some(zone), &[line]).unwrap_err();
            assert!(told.contains("CET") && told.contains(zone), "{told}");
        }
        let both = ["Tue Jan  6 12:00:00 CET 2026", "Mon Jul  6 12:00:00 CEST 2026"];
        let told = utc(Some("+01:00"), &both).unwrap_err();
        assert!(told.contains("CEST") && told.contains("CET before"), "{told}");
    }

    #[test]
    fn an_hour_that_came_twice_is_told_by_its_letters_or_asked_for() {
        same("Europe/Berlin", "Sun Oct 25 02:30:00 CEST 2026", "2026-10-25 00:30:00Z");
        same("Europe/Berlin", "Sun Oct 25 02:30:00 CET 2026", "2026-10-25 01:30:00Z");
        let told = utc(Some("Europe/Berlin"), &["2026-10-25 02:30:00"]).unwrap_err();
        assert!(told.contains("twice") && told.contains("+02:00"), "{told}");
        let told = utc(Some("Europe/Berlin"), &["2026-03-29 02:30:00"]).unwrap_err();
        assert!(told.contains("never"), "{told}");
    }
}
