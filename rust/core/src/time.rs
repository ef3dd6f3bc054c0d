//! Clocks, and the times that they give.

use std::sync::atomic::{AtomicI64, Ordering};

use serde::{Deserialize, Serialize};

/// Nanoseconds of `CLOCK_MONOTONIC`.
pub type MonoNs = i64;

/// The span of time in which the cells of one read were read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// Before the first cell was read.
    pub begin: MonoNs,
    /// After the last cell was read.
    pub end: MonoNs,
}

/// The four clocks of one instant, read between two readings of the monotonic one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockAnchor {
    /// `CLOCK_MONOTONIC`, the middle of the bracket.
    pub mono_ns: i64,
    /// `CLOCK_REALTIME`.
    pub real_ns: i64,
    /// `CLOCK_BOOTTIME`: it runs on in suspend.
    pub boot_ns: i64,
    /// `CLOCK_MONOTONIC_RAW`: it is not slewed.
    pub raw_ns: i64,
    /// How far apart the two monotonic readings were: the uncertainty of the others.
    pub bracket_ns: i64,
}

/// Time as the sampler knows it: passed in, so that tests take none.
pub trait Clock: Send + Sync {
    /// `CLOCK_MONOTONIC` now.
    fn now(&self) -> MonoNs;

    /// Sleeps until `deadline`, which may be past. Interruptions by signals are slept through.
    fn sleep_until(&self, deadline: MonoNs);

    /// All clocks of one instant.
    fn anchor(&self) -> ClockAnchor;

    /// CPU time of the calling thread.
    fn thread_cpu_ns(&self) -> i64;
}

/// A clock that moves only when told to: by [`ManualClock::set`] or by sleeping.
#[derive(Debug)]
pub struct ManualClock {
    now: AtomicI64,
    /// Realtime minus monotonic: a step of the wall clock changes it.
    real_offset: AtomicI64,
    /// Boottime minus monotonic: a suspend changes it.
    boot_offset: AtomicI64,
}

impl ManualClock {
    /// A clock that shows `now`, with the wall clock ahead of it by `real_offset` nanoseconds.
    #[must_use]
    pub const fn new(now: MonoNs, real_offset: i64) -> Self {
        Self { now: AtomicI64::new(now), real_offset: AtomicI64::new(real_offset), boot_offset: AtomicI64::new(0) }
    }

    /// Moves the clock forward to `now`; a time before the present one is ignored.
    pub fn set(&self, now: MonoNs) {
        self.now.fetch_max(now, Ordering::SeqCst);
    }

    /// Moves the clock back to `now`, as if what happened since had not.
    pub(crate) fn undo_to(&self, now: MonoNs) {
        self.now.store(now, Ordering::SeqCst);
    }

    /// Steps the wall clock by `ns`.
    pub fn step(&self, ns: i64) {
        self.real_offset.fetch_add(ns, Ordering::SeqCst);
    }

    /// Lets `ns` pass in suspend: boot time and wall clock run on, the monotonic clock does not.
    pub fn suspend(&self, ns: i64) {
        self.boot_offset.fetch_add(ns, Ordering::SeqCst);
        self.real_offset.fetch_add(ns, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> MonoNs {
        self.now.load(Ordering::SeqCst)
    }

    fn sleep_until(&self, deadline: MonoNs) {
        self.set(deadline);
    }

    fn anchor(&self) -> ClockAnchor {
        let mono_ns = self.now();
        ClockAnchor {
            mono_ns,
            real_ns: mono_ns + self.real_offset.load(Ordering::SeqCst),
            boot_ns: mono_ns + self.boot_offset.load(Ordering::SeqCst),
            raw_ns: mono_ns,
            bracket_ns: 0,
        }
    }

    fn thread_cpu_ns(&self) -> i64 {
        0
    }
}
