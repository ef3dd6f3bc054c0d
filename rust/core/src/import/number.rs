//! Bare numbers: seconds since 1970, or dates. Those of one capture are all of one form.

use chrono::{Datelike, NaiveDateTime};

use super::gather::shown;

/// A date of ten digits.
struct Date {
    /// What `date` is told to print it.
    form: &'static str,
    /// What stands around its digits in a year, a month, a day and a time with seconds.
    around: [&'static str; 2],
    /// As a person sees it.
    shown: &'static str,
}

/// A month without its year is one of a leap year, which has all days.
const DATES: [Date; 3] = [
    Date { form: "%y%m%d%H%M", around: ["20", "00"], shown: "%Y-%m-%d %H:%M" },
    Date { form: "%m%d%H%M%S", around: ["2000", ""], shown: "%m-%d %H:%M:%S" },
    Date { form: "%Y%m%d%H", around: ["", "0000"], shown: "%Y-%m-%d %H h" },
];

impl Date {
    /// What a number of ten digits is in this form.
    fn read(&self, number: &str) -> Option<NaiveDateTime> {
        let [before, after] = self.around;
        let text = (number.len() == 10).then(|| format!("{before}{number}{after}"))?;
        let at = NaiveDateTime::parse_from_str(&text, "%Y%m%d%H%M%S").ok()?;
        (1970..2070).contains(&at.year()).then_some(at)
    }
}

/// What is in doubt of the numbers of a capture, where all of them may as well be dates of one form.
pub(super) fn doubt(numbers: &[&str]) -> Option<String> {
    let first = *numbers.first()?;
    let fits = |date: &&Date| numbers.iter().all(|number| date.read(number).is_some());
    let shown_as = |date: &Date| Some(format!("{} ({})", date.read(first)?.format(date.shown), date.form));
    let dates: Vec<String> = DATES.iter().filter(fits).filter_map(shown_as).collect();
    if dates.is_empty() {
        return None;
    }
    let seconds: i64 = first.parse().ok()?;
    Some(format!(
        "{first} may be {} or, in seconds since 1970, {}: give since_1970 (--since-1970) if it is seconds, and the time in \
         another form if not",
        dates.join(" or "),
        shown(seconds * 1_000_000_000),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_digits_that_are_a_date_as_well_are_in_doubt_with_both_readings() {
        for (number, seconds, date) in [
            ("2601061200", "2052-06-03T21:00:00Z", "2026-01-06 12:00 (%y%m%d%H%M)"),
            ("1106120000", "2005-01-19T07:33:20Z", "11-06 12:00:00 (%m%d%H%M%S)"),
            ("0229120000", "1977-04-05T20:26:40Z", "02-29 12:00:00 (%m%d%H%M%S)"),
            ("2026013112", "2034-03-15T05:25:12Z", "2026-01-31 12 h (%Y%m%d%H)"),
            ("1712312359", "2024-04-05T10:19:19Z", "2017-12-31 23:59 (%y%m%d%H%M)"),
        ] {
            let told = doubt(&[number]).unwrap();
            assert!(told.starts_with(number) && told.contains(seconds) && told.contains(date), "{told}");
        }
        for number in ["1767700800", "1712312360", "1702300000", "1332010000", "2026013124", "1106120000123"] {
            assert_eq!(doubt(&[number]), None, "{number}");
        }
    }

    #[test]
    fn one_number_that_is_no_date_is_enough_for_all_of_a_capture() {
        assert_eq!(doubt(&["1801061259", "1801061269"]), None);
        assert_eq!(doubt(&["2601061260", "2601061200"]), None);
        assert!(doubt(&["1801061249", "1801061259"]).is_some());
        assert_eq!(doubt(&[]), None);
    }
}
