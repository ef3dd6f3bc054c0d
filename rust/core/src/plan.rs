//! From what was asked for to what is sampled: kinds, intervals, lines.

use std::collections::BTreeMap;

use crate::engine::Engine;
use crate::meta::{IrqChoice, Settings};
use crate::sampler::{GroupPlan, Plan};
use crate::select::{Pattern, Selection};
use crate::{ConfigError, Kind};

/// The grid, and what is read on it.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// The grid's interval.
    pub interval_ns: i64,
    /// The interval of each kind that is wanted.
    pub kinds: BTreeMap<Kind, i64>,
    /// The lines that are wanted; all if none are named.
    pub irqs: Option<Vec<IrqChoice>>,
}

impl Wanted {
    /// At how many points of the grid the kind is due.
    ///
    /// # Errors
    ///
    /// Where its interval is no whole multiple of the grid's.
    fn every(&self, kind: Kind) -> Result<u32, ConfigError> {
        let interval_ns = self.kinds.get(&kind).copied().unwrap_or(self.interval_ns);
        let every = interval_ns / self.interval_ns;
        match u32::try_from(every) {
            Ok(1..) if every * self.interval_ns == interval_ns => Ok(u32::try_from(every).unwrap_or(1)),
            _ => Err(ConfigError(format!(
                "kinds: the interval of {}, {interval_ns} ns, is no whole multiple of the grid's, {} ns",
                kind.as_str(),
                self.interval_ns
            ))),
        }
    }

    /// The lines that are wanted, before anything is known of those that there are.
    ///
    /// # Errors
    ///
    /// Where the interval is no interval, no kind is wanted, or a pattern is no glob.
    pub fn selection(&self) -> Result<Selection, ConfigError> {
        if self.interval_ns <= 0 {
            return Err(ConfigError(format!("interval: {} ns is no interval", self.interval_ns)));
        }
        if self.kinds.is_empty() {
            return Err(ConfigError("kinds: the selection is empty; there are irq, arch and softirq".into()));
        }
        for &kind in self.kinds.keys() {
            self.every(kind)?;
        }
        let pattern = |choice: &IrqChoice| match choice {
            IrqChoice::Number(number) => Ok(Pattern::Number(*number)),
            IrqChoice::Pattern(text) => Pattern::glob(text),
        };
        let irqs = self.irqs.as_ref().map(|irqs| irqs.iter().map(pattern).collect::<Result<_, _>>()).transpose()?;
        Ok(Selection { kinds: self.kinds.keys().copied().collect(), irqs })
    }

    /// The plan for these engines, which read what was selected.
    ///
    /// # Errors
    ///
    /// Where a kind's interval is no whole multiple of the grid's.
    pub fn plan(
        &self,
        engines: Vec<Box<dyn Engine>>,
        settings: &Settings,
        duration_ns: Option<i64>,
    ) -> Result<Plan, ConfigError> {
        let mut groups = Vec::new();
        for (engine, source) in engines.iter().enumerate() {
            for (at, &group) in source.groups().iter().enumerate() {
                groups.push(GroupPlan { group, every: self.every(group.kind)?, engine: (engine, at) });
            }
        }
        groups.sort_by_key(|plan| plan.group);
        Ok(Plan {
            engines,
            groups,
            interval_ns: self.interval_ns,
            spin_ns: settings.spin_ns,
            batch_every_ns: settings.batch_every_ns,
            last_sample: duration_ns.map(|duration_ns| duration_ns / self.interval_ns),
        })
    }
}
