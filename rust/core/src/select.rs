//! Which lines are wanted: kinds, and patterns on their names.

use globset::{GlobBuilder, GlobMatcher};

use crate::{ConfigError, Kind, Line};

/// One entry of the option `irqs`.
#[derive(Clone, Debug)]
pub enum Pattern {
    /// A numbered line, by its number.
    Number(u32),
    /// A case-sensitive glob on the whole irq, name or action, of lines of every kind.
    Glob(Box<GlobMatcher>),
}

impl Pattern {
    /// Reads a glob: `*`, `?`, `[a-z]`, `{a,b}`.
    ///
    /// # Errors
    ///
    /// Where the glob's own syntax is wrong.
    pub fn glob(text: &str) -> Result<Self, ConfigError> {
        match GlobBuilder::new(text).literal_separator(false).build() {
            Ok(glob) => Ok(Self::Glob(Box::new(glob.compile_matcher()))),
            Err(error) => Err(ConfigError(format!("irqs: {text:?} is no glob: {}", error.kind()))),
        }
    }

    /// Whether the line is meant. A text that equals the pattern to the letter is, whatever its brackets mean.
    #[must_use]
    pub fn matches(&self, line: &Line) -> bool {
        match self {
            Self::Number(number) => line.number == Some(*number),
            Self::Glob(glob) => [&line.irq, &line.name]
                .into_iter()
                .chain(&line.actions)
                .any(|text| text.as_str() == glob.glob().glob() || glob.is_match(text)),
        }
    }

    /// As the user wrote it.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Glob(glob) => glob.glob().glob().to_owned(),
        }
    }
}

/// The lines that a recording is of.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// The kinds.
    pub kinds: Vec<Kind>,
    /// If given, only lines that one of these matches.
    pub irqs: Option<Vec<Pattern>>,
}

impl Selection {
    /// Whether the line is wanted.
    #[must_use]
    pub fn takes(&self, line: &Line) -> bool {
        self.kinds.contains(&line.kind)
            && self.irqs.as_ref().is_none_or(|patterns| patterns.iter().any(|pattern| pattern.matches(line)))
    }

    /// Checks the patterns against the lines that there are, and drops the kinds in which nothing is wanted.
    ///
    /// # Errors
    ///
    /// Where a pattern matches no line of the selected kinds: the message names the lines that there are.
    pub fn settle(&mut self, present: &[&Line]) -> Result<(), ConfigError> {
        let Some(patterns) = &self.irqs else { return Ok(()) };
        let selected = || present.iter().filter(|line| self.kinds.contains(&line.kind));
        if patterns.is_empty() {
            return Err(ConfigError(
                "irqs: the list is empty, so nothing would be sampled; leave it out for all".into(),
            ));
        }
        for pattern in patterns {
            if !selected().any(|line| pattern.matches(line)) {
                let pattern = pattern.text();
                return Err(ConfigError(format!(
                    "irqs: {pattern:?} matches no line; there are {}",
                    listed(selected())
                )));
            }
        }
        let kinds = self.kinds.iter().copied().filter(|kind| present.iter().any(|l| l.kind == *kind && self.takes(l)));
        self.kinds = kinds.collect();
        Ok(())
    }
}

/// The lines by irq and name, the first few of them.
fn listed<'a>(lines: impl Iterator<Item = &'a &'a Line>) -> String {
    const SHOWN: usize = 40;
    let mut names: Vec<String> =
        lines.map(|l| if l.irq == l.name { l.irq.clone() } else { format!("{} ({})", l.irq, l.name) }).collect();
    if names.is_empty() {
        return "none of the selected kinds".into();
    }
    let more = names.len().saturating_sub(SHOWN);
    names.truncate(SHOWN);
    let names = names.join(", ");
    if more == 0 { names } else { format!("{names}, and {more} more") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(kind: Kind, irq: &str, actions: &[&str]) -> Line {
        let name = if actions.is_empty() { irq.to_owned() } else { actions.join(", ") };
        Line {
            kind,
            irq: irq.to_owned(),
            name,
            number: irq.parse().ok().filter(|_| kind == Kind::Irq),
            chip: None,
            hwirq: None,
            trigger: None,
            actions: actions.iter().map(|&a| a.to_owned()).collect(),
        }
    }

    #[test]
    fn a_glob_is_case_sensitive_and_matches_the_whole_of_irq_name_or_an_action() {
        let shared = line(Kind::Irq, "16", &["ehci_hcd:usb1", "eth0-rx/0"]);
        for (pattern, expected) in
            [("16", true), ("eth0*", true), ("ETH0*", false), ("eth0", false), ("*usb1, eth0*", true), ("1", false)]
        {
            assert_eq!(Pattern::glob(pattern).unwrap().matches(&shared), expected, "{pattern}");
        }
    }

    #[test]
    fn brackets_of_an_action_may_be_given_as_they_are() {
        let ahci = line(Kind::Irq, "31", &["ahci[0000:00:1f.2]"]);
        assert!(Pattern::glob("ahci[0000:00:1f.2]").unwrap().matches(&ahci));
    }

    #[test]
    fn a_number_is_a_numbered_line_only() {
        assert!(Pattern::Number(36).matches(&line(Kind::Irq, "36", &[])));
        assert!(!Pattern::Number(36).matches(&line(Kind::Arch, "36", &[])));
    }

    #[test]
    fn a_pattern_without_a_match_names_what_exists() {
        let lines = [line(Kind::Irq, "36", &["eth0"]), line(Kind::Arch, "LOC", &[])];
        let present: Vec<&Line> = lines.iter().collect();
        let mut selection = Selection { kinds: Kind::ALL.to_vec(), irqs: Some(vec![Pattern::Number(7)]) };
        let message = selection.settle(&present).unwrap_err().to_string();
        assert!(message.contains("\"7\"") && message.contains("36 (eth0), LOC"), "{message}");
    }

    #[test]
    fn a_kind_without_a_match_is_not_read() {
        let lines = [line(Kind::Irq, "36", &["eth0"]), line(Kind::Arch, "LOC", &[])];
        let present: Vec<&Line> = lines.iter().collect();
        let mut selection = Selection { kinds: Kind::ALL.to_vec(), irqs: Some(vec![Pattern::glob("L*").unwrap()]) };
        selection.settle(&present).unwrap();
        assert_eq!(selection.kinds, [Kind::Arch]);
    }
}
