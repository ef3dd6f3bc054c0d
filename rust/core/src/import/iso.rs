//! Times by numbers, as ISO 8601 and RFC 3339 have them, also as they stand in names.

use super::stamp::{Beside, Clock, Found, Stamp};

/// The letters that clocks show beside a time somewhere: in names, letters of other words may stand there.
const LETTERS: [&str; 49] = [
    "ACDT", "ACST", "ADT", "AEDT", "AEST", "AKDT", "AKST", "AST", "AWST", "BST", "CAT", "CDT", "CEST", "CET", "CST",
    "EAT", "EDT", "EEST", "EET", "EST", "GMT", "HDT", "HKT", "HST", "IDT", "IST", "JST", "KST", "MDT", "MSK", "MST",
    "NDT", "NST", "NZDT", "NZST", "PDT", "PKT", "PST", "SAST", "SST", "UTC", "WAT", "WEST", "WET", "WIB", "WIT",
    "WITA", "ChST", "MSD",
];

/// Walks over a text.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
    /// In names other signs stand between numbers, and what may be a counter is no zone.
    in_name: bool,
}

/// The time that a text is.
pub(super) fn of_text(text: &str) -> Option<Found> {
    let mut cursor = Cursor { text, at: 0, in_name: false };
    let found = cursor.time()?;
    cursor.is_at_end().then_some(found)
}

/// The time that begins at this byte of a name, and where it ends.
pub(super) fn in_name(name: &str, at: usize) -> Option<(Found, usize)> {
    let mut cursor = Cursor { text: name, at, in_name: true };
    let found = cursor.time()?;
    (!cursor.peek().is_some_and(|byte| byte.is_ascii_digit())).then_some((found, cursor.at))
}

/// `12:00`, `9:00:00`, `12:00:00.25`.
pub(super) fn clock(word: &str) -> Option<Clock<'_>> {
    let mut cursor = Cursor { text: word, at: 0, in_name: false };
    let hour = cursor.digits(2).or_else(|| cursor.digits(1))?;
    let clock = cursor.clock_from(hour);
    (cursor.is_at_end() && clock.minute.is_some()).then_some(clock)
}

/// A zone beside a time: `UTC`, `CET`, `+0100`, `-03`.
pub(super) fn beside(word: &str) -> Option<Beside> {
    let mut cursor = Cursor { text: word, at: 0, in_name: false };
    let found = cursor.beside();
    (found != Beside::Nothing && cursor.is_at_end()).then_some(found)
}

impl<'a> Cursor<'a> {
    /// `2026-01-06 12:00:00.5+01:00` and its like.
    fn time(&mut self) -> Option<Found> {
        let begin = self.at;
        let year = self.digits(4)?;
        let sign = self.one_of(if self.in_name { b"-._" } else { b"-/" });
        let month = self.digits(2)?;
        self.same(sign)?;
        let day = self.digits(2)?;
        let joined = match self.one_of(if self.in_name { b"Tt-._ " } else { b"Tt " }) {
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
        let beside =
            if self.in_name { self.beside_in_name(matches!(joined, Some(b'T' | b't'))) } else { self.beside() };
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

    /// The zone behind a time, of any form. Two letters are no zone: in some languages they are what AM and PM are.
    fn beside(&mut self) -> Beside {
        let before = self.at;
        while self.one_of(b" ").is_some() {}
        let letters = self.letters();
        if (3..=5).contains(&letters.len()) || letters.eq_ignore_ascii_case("Z") {
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

    /// In a name: `Z`, `UTC`, `CET`, `-CET`, `+01:00`, `-05:00`, `+0100`; `-0500` only behind a date and a time that a `T`
    /// joins, since it may be a counter else.
    fn beside_in_name(&mut self, joined_by_t: bool) -> Beside {
        let before = self.at;
        if self.letters() == "Z" {
            self.at += 1;
            return Beside::Letters("Z".to_owned());
        }
        self.one_of(b"-._ ");
        let letters = self.letters();
        if LETTERS.contains(&letters) {
            self.at += letters.len();
            return Beside::Letters(letters.to_owned());
        }
        self.at = before;
        let is_minus = self.peek() == Some(b'-');
        match self.offset(false) {
            Some(east_s) if !is_minus || joined_by_t || self.text[before..self.at].contains(':') => {
                Beside::Offset(east_s)
            }
            _ => {
                self.at = before;
                Beside::Nothing
            }
        }
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
