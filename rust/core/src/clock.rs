//! The clocks of the running kernel.

use rustix::io::Errno;
use rustix::thread::clock_nanosleep_absolute;
use rustix::time::{ClockId, Timespec, clock_gettime};

use crate::{Clock, ClockAnchor, MonoNs};

/// `CLOCK_MONOTONIC`, and sleeps to its absolute times.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

const NS_PER_S: i64 = 1_000_000_000;

/// An anchor is the best of so many tries: one try may be torn apart by an interrupt or a preemption.
const ANCHOR_TRIES: usize = 3;

impl Clock for SystemClock {
    fn now(&self) -> MonoNs {
        read_ns(ClockId::Monotonic)
    }

    fn sleep_until(&self, deadline: MonoNs) {
        if deadline <= 0 {
            return;
        }
        let request = Timespec { tv_sec: deadline / NS_PER_S, tv_nsec: deadline % NS_PER_S };
        while clock_nanosleep_absolute(ClockId::Monotonic, &request) == Err(Errno::INTR) {}
    }

    fn anchor(&self) -> ClockAnchor {
        let mut best = bracketed();
        for _ in 1..ANCHOR_TRIES {
            let anchor = bracketed();
            if anchor.bracket_ns < best.bracket_ns {
                best = anchor;
            }
        }
        best
    }

    fn thread_cpu_ns(&self) -> i64 {
        read_ns(ClockId::ThreadCPUTime)
    }
}

fn bracketed() -> ClockAnchor {
    let before = read_ns(ClockId::Monotonic);
    let real_ns = read_ns(ClockId::Realtime);
    let boot_ns = read_ns(ClockId::Boottime);
    let raw_ns = read_ns(ClockId::MonotonicRaw);
    let bracket_ns = read_ns(ClockId::Monotonic) - before;
    ClockAnchor { mono_ns: before + bracket_ns / 2, real_ns, boot_ns, raw_ns, bracket_ns }
}

fn read_ns(id: ClockId) -> i64 {
    let time = clock_gettime(id);
    // 292 years fit, and no clock of a kernel reaches that.
    time.tv_sec * NS_PER_S + time.tv_nsec
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleep_never_ends_before_its_deadline() {
        let clock = SystemClock;
        let deadline = clock.now() + 200_000;
        clock.sleep_until(deadline);
        assert!(clock.now() >= deadline);
    }

    #[test]
    fn a_deadline_in_the_past_is_no_sleep_and_no_error() {
        let clock = SystemClock;
        for deadline in [i64::MIN, -1, 0, 1, clock.now() - 1] {
            clock.sleep_until(deadline);
        }
    }

    #[test]
    fn an_anchor_lies_inside_its_bracket() {
        let clock = SystemClock;
        let before = clock.now();
        let anchor = clock.anchor();
        let after = clock.now();
        assert!(before <= anchor.mono_ns && anchor.mono_ns <= after);
        assert!(anchor.bracket_ns >= 0 && anchor.bracket_ns <= after - before);
        assert!(anchor.boot_ns + anchor.bracket_ns >= anchor.mono_ns, "boot time includes all monotonic time");
        assert!(anchor.real_ns > 0 && anchor.raw_ns > 0);
    }

    #[test]
    fn the_cpu_time_of_a_thread_grows_with_its_work() {
        let clock = SystemClock;
        let before = clock.thread_cpu_ns();
        while clock.thread_cpu_ns() == before {}
        assert!(clock.thread_cpu_ns() > before);
    }
}
