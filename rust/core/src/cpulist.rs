//! The kernel's way of writing sets of CPUs: `0-3,8,10-11`.

use std::fmt::Write;

/// The CPU ids of a list, ascending as written; empty for an empty list. `None` where the text is no list.
///
/// `(null)` is what kernels before 5.18 print in `nohz_full` where none is set: an empty list.
#[must_use]
pub fn parse_cpulist(text: &str) -> Option<Vec<u16>> {
    let text = text.trim();
    if text.is_empty() || text == "(null)" {
        return Some(Vec::new());
    }
    let mut cpus = Vec::new();
    for range in text.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (u16, u16) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        if first > last {
            return None;
        }
        cpus.extend(first..=last);
    }
    Some(cpus)
}

/// The list of ascending CPU ids as the kernel writes it; `none` for no CPU.
#[must_use]
pub fn format_cpulist(cpus: &[u16]) -> String {
    let mut list = String::new();
    for run in cpus.chunk_by(|a, b| a.checked_add(1) == Some(*b)) {
        let comma = if list.is_empty() { "" } else { "," };
        // Writing to a String does not fail.
        let _ = match run {
            [cpu] => write!(list, "{comma}{cpu}"),
            [first, .., last] => write!(list, "{comma}{first}-{last}"),
            [] => Ok(()),
        };
    }
    if list.is_empty() { "none".to_owned() } else { list }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_as_the_kernel_writes_them() {
        assert_eq!(parse_cpulist("0-3,8,10-11\n"), Some(vec![0, 1, 2, 3, 8, 10, 11]));
        assert_eq!(parse_cpulist("0\n"), Some(vec![0]));
        assert_eq!(parse_cpulist("\n"), Some(vec![]));
        assert_eq!(parse_cpulist("(null)\n"), Some(vec![]));
    }

    #[test]
    fn what_is_no_list_is_not_guessed_at() {
        for text in ["a", "1-", "3-1", "0,,1", "70000", "0-3:1/2"] {
            assert_eq!(parse_cpulist(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_written_list_reads_back() {
        for cpus in [vec![5], vec![0, 1], vec![0, 2, 4], vec![0, 1, 2, 7, 9, 10, u16::MAX]] {
            assert_eq!(parse_cpulist(&format_cpulist(&cpus)), Some(cpus));
        }
        assert_eq!(format_cpulist(&[0, 1, 2, 7]), "0-2,7");
        assert_eq!(format_cpulist(&[]), "none");
    }
}
