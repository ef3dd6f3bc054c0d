//! What a ledger is told besides blocks: the facts of a recording at its begin, and remarks while it goes on.

use serde::{Deserialize, Serialize};

use crate::{ClockAnchor, Group, HostFacts, Settings, WarningType};

/// The facts that stay the same for a whole recording.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Facts {
    /// The grid's interval.
    pub interval_ns: i64,
    /// Reads came at times of their own, and no point of the grid was due.
    pub irregular: bool,
    /// Monotonic time of the grid's point 0.
    pub t0: i64,
    /// The groups, and at how many points of the grid each is due.
    pub groups: Vec<(Group, u32)>,
    /// The machine.
    pub host: HostFacts,
    /// What was asked for.
    pub settings: Settings,
    /// The anchor that makes UTC of the monotonic clock.
    pub anchor: ClockAnchor,
}

impl Facts {
    /// UTC of the grid's point 0.
    #[must_use]
    pub const fn t0_ns(&self) -> i64 {
        self.t0.saturating_add(self.anchor.real_ns.saturating_sub(self.anchor.mono_ns))
    }

    /// UTC of the begin of a read, which was so late after its point of the grid.
    #[must_use]
    pub const fn time_ns(&self, sample: i64, late_ns: i64) -> i64 {
        self.t0_ns().wrapping_add(sample.wrapping_mul(self.interval_ns)).wrapping_add(late_ns)
    }
}

/// What is said of a recording besides its blocks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Remark {
    /// The clocks were looked at: a step or a suspend since they were last looked at is a warning.
    Clocks(ClockAnchor),
    /// An instant was named.
    Mark {
        /// The newest sample.
        sample: i64,
        /// When, on the monotonic clock.
        mono_ns: i64,
        /// The name.
        text: String,
    },
    /// Something of the recording as a whole, at its newest sample.
    Note {
        /// What it is about.
        r#type: WarningType,
        /// A fragment for the message.
        detail: String,
    },
}
