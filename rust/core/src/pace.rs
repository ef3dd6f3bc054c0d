//! The grid of samples: which point comes next, which were missed, and the wait for it.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::{Clock, ConfigError, MonoNs};

/// So many groups fit a bit mask of due groups.
pub const MAX_GROUPS: usize = 32;

/// No spin is longer, whatever was asked for: the kernel throttles a `SCHED_FIFO` thread that never sleeps.
pub const MAX_SPIN_NS: i64 = 1_000_000;

/// Sleeps are cut into slices of this length, so that a wish to stop is seen.
const SLICE_NS: i64 = 100_000_000;

/// A point of the grid to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// Its ordinal k.
    pub sample: i64,
    /// Its time, `t0 + k · interval`.
    pub deadline: MonoNs,
    /// The groups that are due at it, one bit each.
    pub groups: u32,
}

/// Points that a group was due at and that passed before it could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passed {
    /// Index of the group.
    pub group: usize,
    /// How many.
    pub count: u64,
    /// The ordinal of the first.
    pub first: i64,
    /// The ordinal of the last.
    pub last: i64,
}

/// Walks over the grid `t0 + k · interval_ns`, on which each group is due at every n-th point.
///
/// A read that comes late keeps the ordinal that it slept for. The points whose time is over when the next one is
/// asked for are passed over: they are missed by the groups that were due at them.
#[derive(Clone, Debug)]
pub struct Pacer {
    t0: MonoNs,
    interval_ns: i64,
    /// For each group, at every how many points it is due.
    every: Vec<i64>,
    /// The last ordinal that is settled: handed out or passed over.
    settled: i64,
}

impl Pacer {
    /// A pacer before its point 0, for groups that are due at every `every[g]`-th point.
    ///
    /// # Errors
    ///
    /// For an interval below 1 ns, a group that is never due, and no group or more than [`MAX_GROUPS`].
    pub fn new(t0: MonoNs, interval_ns: i64, every: &[u32]) -> Result<Self, ConfigError> {
        if interval_ns < 1 {
            return Err(ConfigError(format!("an interval of {interval_ns} ns; it must be at least 1 ns")));
        }
        if every.is_empty() || every.len() > MAX_GROUPS || every.contains(&0) {
            return Err(ConfigError(format!(
                "groups due at every n-th point with n of {every:?}; wanted are 1 to {MAX_GROUPS} groups and n >= 1"
            )));
        }
        Ok(Self { t0, interval_ns, every: every.iter().map(|&every| i64::from(every)).collect(), settled: -1 })
    }

    /// The time of point `sample`.
    #[must_use]
    pub fn deadline(&self, sample: i64) -> MonoNs {
        self.t0.saturating_add(sample.saturating_mul(self.interval_ns))
    }

    /// The next point at which a group is due and whose time is not over: a time that is exactly `now` is not over.
    /// The points after the one handed out before whose time is over are told to `passed`, group by group.
    pub fn next(&mut self, now: MonoNs, mut passed: impl FnMut(Passed)) -> Due {
        let since = now.saturating_sub(self.t0);
        let over = since.saturating_sub(1).div_euclid(self.interval_ns).max(self.settled);
        if over > self.settled {
            for (group, &every) in self.every.iter().enumerate() {
                let first = round_up(self.settled + 1, every);
                let last = over.div_euclid(every) * every;
                if first <= last {
                    let count = ((last - first) / every + 1).unsigned_abs();
                    passed(Passed { group, count, first, last });
                }
            }
        }
        let first = over.saturating_add(1);
        let sample = self.every.iter().map(|&every| round_up(first, every)).min().unwrap_or(first);
        let due = |every: i64| u32::from(sample % every == 0);
        let groups = self.every.iter().enumerate().fold(0, |groups, (at, &every)| groups | due(every) << at);
        self.settled = sample;
        Due { sample, deadline: self.deadline(sample), groups }
    }
}

/// The smallest multiple of `step` that is not below `value`.
pub(crate) fn round_up(value: i64, step: i64) -> i64 {
    match value.rem_euclid(step) {
        0 => value,
        rest => value.saturating_add(step - rest),
    }
}

/// How a wait went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waited {
    /// Sleeps that it took, each about one local timer interrupt. None where the deadline was near or over.
    pub sleeps: u32,
    /// It ended in a spin.
    pub spun: bool,
    /// It was given up because `stop` was set; the deadline may lie ahead.
    pub stopped: bool,
}

/// Waits for `deadline`: sleeps until `spin_ns` before it and reads the clock for the rest, for [`MAX_SPIN_NS`] at
/// most. `stop` is looked at before each sleep, and a long sleep is cut into slices for its sake.
pub fn wait(clock: &dyn Clock, deadline: MonoNs, spin_ns: i64, stop: &AtomicBool) -> Waited {
    let spin_ns = spin_ns.clamp(0, MAX_SPIN_NS);
    let wake = deadline.saturating_sub(spin_ns);
    let mut waited = Waited::default();
    loop {
        if stop.load(Ordering::Relaxed) {
            return Waited { stopped: true, ..waited };
        }
        let now = clock.now();
        if now >= wake {
            break;
        }
        clock.sleep_until(wake.min(now.saturating_add(SLICE_NS)));
        waited.sleeps += 1;
    }
    // A reading of the clock takes longer than 1 ns, so no real spin ends by this count: it bounds the spin on a clock
    // that stands still, and the sleep after it then moves that clock.
    for _ in 0..spin_ns {
        if clock.now() >= deadline {
            return waited;
        }
        waited.spun = true;
        std::hint::spin_loop();
    }
    if spin_ns > 0 {
        clock.sleep_until(deadline);
    }
    waited
}

#[cfg(test)]
mod tests;
