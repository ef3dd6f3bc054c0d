//! Times by numbers, as ISO 8601 and RFC 3339 have them, also as they stand in names.

use super::stamp::{Beside, Clock, Found, Stamp, is_utc};

/// The letters that clocks show beside a time somewhere: in names, letters of other words may stand there.
const LETTERS: [&str; 49] = [
    "ACDT", "ACST", "ADT", "AEDT", "AEST", "AKDT", "AKST", "AST", "AWST", "BST", "CAT", "CDT", "CEST", "CET", "CST",
    "EAT", "EDT", "EEST", "EET", "EST", "GMT", "HDT", "HKT", "HST", "IDT", "IST", "JST", "KST", "MDT", "MSK", "MST",
    "NDT", "NST", "NZDT", "NZST", "PDT", "PKT", "PST", "SAST", "SST", "UTC", "WAT", "WEST", "WET", "WIB", "WIT",
    "WITA", "ChST", "MSD",
];

/// Whether letters beside a time look like those of a zone. Two letters are none: in some languages they are what AM and PM
/// are; nor are small ones, which may be a word.
fn is_like_a_zone(letters: &str) -> bool {
    (3..=5).contains(&letters.len()) && letters.bytes().all(|byte| byte.is_ascii_uppercase())
        || LETTERS.contains(&letters)
}

/// Walks over a text.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
    /// In names other signs stand between numbers, and what may be a counter is no zone.
    in_name: bool,
    /// Four digits behind a minus are a counter, also where they may be an offset.
    counters: bool,
    /// What such digits behind a `T` time were taken for.
    digits: Option<Digits>,
}

/// What four digits behind a minus are, where they follow a time that a `T` joins to its date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Digits {
    /// They may be an offset from UTC, and were taken for one unless all are counters.
    Offset,
    /// They are no offset.
    Counter,
}

/// A time in a name, and where it ends.
pub(super) struct InName {
    pub(super) found: Found,
    pub(super) end: usize,
    pub(super) digits: Option<Digits>,
}

/// The time that a text is.
pub(super) fn of_text(text: &str) -> Option<Found> {
    let mut cursor = Cursor::new(text);
    let found = cursor.time()?;
    cursor.is_at_end().then_some(found)
}

/// The time that begins at this byte of a name. `counters` says that four digits behind a minus are no offset.
pub(super) fn in_name(name: &str, at: usize, counters: bool) -> Option<InName> {
    let mut cursor = Cursor { text: name, at, in_name: true, counters, digits: None };
    let found = cursor.time()?;
    let Cursor { at: end, digits, .. } = cursor;
    (!cursor.is_digit_at(end)).then_some(InName { found, end, digits })
}

/// `12:00`, `9:00:00`, `12:00:00.25`.
pub(super) fn clock(word: &str) -> Option<Clock<'_>> {
    let mut cursor = Cursor::new(word);
    let hour = cursor.digits(2).or_else(|| cursor.digits(1))?;
    let clock = cursor.clock_from(hour);
    (cursor.is_at_end() && clock.minute.is_some()).then_some(clock)
}

/// A zone beside a time: `UTC`, `CET`, `+0100`, `-03`.
pub(super) fn beside(word: &str) -> Option<Beside> {
    let mut cursor = Cursor::new(word);
    let found = cursor.beside();
    (found != Beside::Nothing && cursor.is_at_end()).then_some(found)
}

impl<'a> Cursor<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, at: 0, in_name: false, counters: false, digits: None }
    }

    /// `2026-01-06 12:00:00.5+01:00` and its like.
    fn time(&mut self) -> Option<Found> {
        let begin = self.at;
        let year = self.digits(4)?;
        let sign = self.one_of(if self.in_name { b"-._" } else { b"-/" });
        let month = self.digits(2)?;
        self.same(sign)?;
        let day = self.digits(2)?;
        let joined = match self.one_of(if self.in_name { b"Tt-._ " } else { b"Tt-_ " }) {
            None if sign.is_some() => return None,
            joined => joined,
        };
        while !self.in_name && self.one_of(b" ").is_some() {}
        let hour = self.digits(2)?;
        let mut clock = self.clock_from(hour);
        let is_compact = sign.is_none() && joined.is_none();
        if is_compact && self.in_name && clock.second.is_none() {
            // 10 or 12 digits may be anything.
            return None;
        }
        clock.half = self.half();
        let end = self.at;
        let beside = if self.in_name {
            match self.beside_in_name(matches!(joined, Some(b'T' | b't'))) {
                Ok(beside) => beside,
                Err(message) => return Some(Err(message)),
            }
        } else {
            self.beside()
        };
        let is_fraction =
            matches!(clock.fraction.len(), 0 | 6 | 9) || clock.half.is_some() || beside != Beside::Nothing;
        if self.in_name && !is_fraction {
            // A counter, as `split` writes it, as easily as milliseconds.
            self.at -= 1 + clock.fraction.len();
            clock.fraction = "";
        }
        let text = self.text[begin..end].trim();
        Some(Stamp::new((i32::try_from(year).ok()?, month, day), clock, beside, text))
    }

    /// What follows the hour.
    fn clock_from(&mut self, hour: u32) -> Clock<'a> {
        let mut clock = Clock { hour, ..Clock::default() };
        let before = self.at;
        if self.in_name && self.clock_with_units(&mut clock).is_some() {
            return clock;
        }
        let sign = self.one_of(if self.in_name { b":-._" } else { b":" });
        let Some(minute) = self.digits(2) else {
            self.at = before;
            return clock;
        };
        clock.minute = Some(minute);
        let before = self.at;
        if self.same(sign).is_some()
            && let Some(second) = self.digits(2)
        {
            clock.second = Some(second);
            clock.fraction = self.fraction();
        } else {
            self.at = before;
        }
        clock
    }

    /// `h30m15s` or `h30m15`, and nothing else.
    fn clock_with_units(&mut self, clock: &mut Clock<'a>) -> Option<()> {
        let before = self.at;
        let mut units = || {
            self.one_of(b"hH")?;
            let minute = self.digits(2)?;
            self.one_of(b"mM")?;
            let second = self.digits(2)?;
            self.one_of(b"sS");
            Some((minute, second))
        };
        let Some((minute, second)) = units() else {
            self.at = before;
            return None;
        };
        (clock.minute, clock.second) = (Some(minute), Some(second));
        Some(())
    }

    /// Up to nine digits behind a point.
    fn fraction(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let Some(digits) = rest.strip_prefix(['.', ',']) else { return "" };
        let count = digits.bytes().take_while(u8::is_ascii_digit).count();
        if !(1..=9).contains(&count) {
            return "";
        }
        self.at += 1 + count;
        &digits[..count]
    }

    /// `AM` is 0 and `PM` is 1, where one of them follows.
    fn half(&mut self) -> Option<u32> {
        let before = self.at;
        if self.in_name {
            self.one_of(b"-._ ");
        } else {
            while self.one_of(b" ").is_some() {}
        }
        let half = ["AM", "PM"].iter().position(|half| self.letters().eq_ignore_ascii_case(half));
        self.at = if half.is_some() { self.at + 2 } else { before };
        half.and_then(|half| u32::try_from(half).ok())
    }

    /// The letters that stand here, and no digit behind them.
    fn letters(&self) -> &'a str {
        let rest = &self.text[self.at..];
        let (letters, after) = rest.split_at(rest.bytes().take_while(u8::is_ascii_alphabetic).count());
        if after.starts_with(char::is_alphanumeric) { "" } else { letters }
    }

    /// The zone behind a time, of any form.
    fn beside(&mut self) -> Beside {
        let before = self.at;
        while self.one_of(b" ").is_some() {}
        let letters = self.letters();
        if is_utc(letters) || is_like_a_zone(letters) {
            self.at += letters.len();
            return Beside::Letters(letters.to_owned());
        }
        self.offset(true).map_or_else(
            || {
                self.at = before;
                Beside::Nothing
            },
            Beside::Offset,
        )
    }

    /// In a name: `Z`, `UTC`, `-utc`, `CET`, `-CET`, `UTC+02`, `+01`, `_+01-00`, `-05:00`; `-0500` only behind a date and a
    /// time that a `T` joins, since it may be a counter else. An offset that cannot be read, or that may be none, is an error.
    fn beside_in_name(&mut self, joined_by_t: bool) -> Result<Beside, String> {
        let before = self.at;
        if self.letters().eq_ignore_ascii_case("Z") {
            self.at += 1;
            return Ok(Beside::Letters("Z".to_owned()));
        }
        self.one_of(b"-._ ");
        let letters = self.letters();
        let is_long_utc = is_utc(letters) && letters.len() > 1;
        if is_long_utc || LETTERS.contains(&letters) {
            self.at += letters.len();
            if is_long_utc && self.has_plus() {
                return self.whole_offset().map(Beside::Offset);
            }
            let offset = if is_long_utc { self.behind_utc()? } else { None };
            return Ok(offset.map_or_else(|| Beside::Letters(letters.to_owned()), Beside::Offset));
        }
        if self.has_plus() {
            return self.whole_offset().map(Beside::Offset);
        }
        self.at = before;
        if self.peek() != Some(b'-') {
            return Ok(Beside::Nothing);
        }
        let count = self.count_digits(self.at + 1);
        let offset = self.offset(false);
        let has_colon = self.text[before..self.at].contains(':');
        if joined_by_t && count == 4 {
            self.digits = Some(offset.map_or(Digits::Counter, |_| Digits::Offset));
        }
        match offset {
            Some(east_s) if has_colon || joined_by_t && !self.counters => Ok(Beside::Offset(east_s)),
            _ => {
                self.at = before;
                Ok(Beside::Nothing)
            }
        }
    }

    /// Whether digits stand here behind a plus, and no letters behind them: `+5GB` is something else.
    fn has_plus(&self) -> bool {
        let end = self.at + 1 + self.count_digits(self.at + 1);
        let is_word = self.text.as_bytes().get(end).is_some_and(u8::is_ascii_alphabetic);
        self.peek() == Some(b'+') && end > self.at + 1 && !is_word
    }

    /// What stands behind `UTC` and a minus: an offset if it has a colon. Two or four digits may be one as well as a counter,
    /// and which is not known unless another name tells it.
    fn behind_utc(&mut self) -> Result<Option<i32>, String> {
        let before = self.at;
        let count = self.count_digits(before + 1);
        if self.peek() != Some(b'-') || !matches!(count, 2 | 4) {
            return Ok(None);
        }
        let offset = self.offset(true);
        let written = &self.text[before..self.at];
        if written.contains(':') {
            return Ok(offset);
        }
        // `UTC-10.2.3.4` goes on, and so does `UTC-05-00`, which may be an offset.
        let more = self.peek().filter(|sign| b"-._".contains(sign)).map_or(0, |_| self.count_digits(self.at + 1));
        let minutes = self.text.get(self.at + 1..self.at + 3).filter(|_| count == 2 && more == 2);
        let goes_on = more > 0 && !matches!(minutes, Some("00" | "15" | "30" | "45"));
        self.digits = Some(offset.map_or(Digits::Counter, |_| Digits::Offset));
        if offset.is_some() && !goes_on && !self.counters {
            let (hours, minutes) = (&written[..3], if count == 4 { &written[3..] } else { minutes.unwrap_or("00") });
            return Err(format!(
                "{written} behind UTC in its name may be an offset or a counter: give the time by hand (--at TIME FILE), or \
                 write it as {hours}:{minutes}"
            ));
        }
        self.at = before;
        Ok(None)
    }

    /// An offset that can be nothing else, behind a plus. Other signs may stand for its colon, which no name
    /// of a file may have everywhere.
    fn whole_offset(&mut self) -> Result<i32, String> {
        let before = self.at;
        let hours = self.at + 1 + self.count_digits(self.at + 1);
        let is_pair = |sign: &u8| b":-._".contains(sign) && self.count_digits(hours + 1) == 2;
        let is_parted = hours - before == 3 && self.text.as_bytes().get(hours).is_some_and(is_pair);
        let end = if is_parted { hours + 3 } else { hours };
        let mut text = self.text[before..end].to_owned();
        if is_parted {
            text.replace_range(3..4, ":");
        }
        let mut cursor = Cursor::new(&text);
        let found = cursor.offset(true).filter(|_| cursor.is_at_end());
        // Whatever it is, all of it.
        self.at = end;
        found.ok_or_else(|| {
            let written = &self.text[before..end];
            format!(
                "{written} behind the time in its name is no offset from UTC: those are such as +02, +0200 and +02:00"
            )
        })
    }

    /// `+01:00`, `+0100`, and `+01` where that is enough: seconds east of UTC.
    fn offset(&mut self, hours_are_enough: bool) -> Option<i32> {
        let before = self.at;
        let found = self.offset_from(hours_are_enough);
        if found.is_none() {
            self.at = before;
        }
        found
    }

    fn offset_from(&mut self, hours_are_enough: bool) -> Option<i32> {
        let sign = if self.one_of(b"+-")? == b'-' { -1 } else { 1 };
        let hours = self.digits(2)?;
        let colon = self.one_of(b":");
        let minutes = match self.digits(2) {
            Some(minutes) => minutes,
            None if hours_are_enough && colon.is_none() => 0,
            None => return None,
        };
        let is_offset = hours <= 14 && matches!(minutes, 0 | 15 | 30 | 45);
        is_offset.then_some(sign * i32::try_from(hours * 3_600 + minutes * 60).ok()?)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn is_digit_at(&self, at: usize) -> bool {
        self.text.as_bytes().get(at).is_some_and(u8::is_ascii_digit)
    }

    fn count_digits(&self, from: usize) -> usize {
        self.text.as_bytes().iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count()
    }

    fn is_at_end(&self) -> bool {
        self.at == self.text.len()
    }

    /// Exactly so many digits, as a number.
    fn digits(&mut self, count: usize) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + count)?;
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        self.at += count;
        digits.parse().ok()
    }

    fn one_of(&mut self, bytes: &[u8]) -> Option<u8> {
        let byte = self.peek().filter(|byte| bytes.contains(byte))?;
        self.at += 1;
        Some(byte)
    }

    /// The same sign once more, or again none.
    fn same(&mut self, sign: Option<u8>) -> Option<()> {
        sign.is_none_or(|sign| self.one_of(&[sign]).is_some()).then_some(())
    }
}
