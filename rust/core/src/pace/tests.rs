use std::sync::Mutex;

use proptest::prelude::*;

use super::*;
use crate::{ClockAnchor, ManualClock};

const T0: i64 = 1_000;

fn pacer(interval_ns: i64, every: &[u32]) -> Pacer {
    Pacer::new(T0, interval_ns, every).unwrap()
}

/// The next point, and how many points each of so many groups was passed over.
fn next(pacer: &mut Pacer, now: i64, groups: usize) -> (Due, Vec<u64>) {
    let mut missed = vec![0; groups];
    let due = pacer.next(now, |passed| missed[passed.group] += passed.count);
    (due, missed)
}

#[test]
fn points_come_in_order_while_there_is_time() {
    let mut pacer = pacer(10, &[1]);
    for sample in 0..100 {
        let due = Due { sample, deadline: T0 + sample * 10, groups: 1 };
        assert_eq!(next(&mut pacer, T0 + sample * 10 - 3, 1), (due, vec![0]));
    }
}

#[test]
fn a_point_due_exactly_now_is_not_passed_over() {
    let mut pacer = pacer(10, &[1]);
    assert_eq!(next(&mut pacer, T0, 1).0.sample, 0);
    assert_eq!(next(&mut pacer, T0 + 10, 1).0.sample, 1);
    let (due, missed) = next(&mut pacer, T0 + 21, 1);
    assert_eq!((due.sample, missed), (3, vec![1]));
}

#[test]
fn a_point_is_handed_out_once_even_if_time_stands_still() {
    let mut pacer = pacer(10, &[1]);
    for (sample, now) in [(0, T0), (1, T0), (2, T0 - 500)] {
        let (due, missed) = next(&mut pacer, now, 1);
        assert_eq!((due.sample, missed), (sample, vec![0]));
    }
}

#[test]
fn points_where_no_group_is_due_are_skipped_and_missed_by_nobody() {
    let mut pacer = pacer(10, &[6, 4]);
    for point in [(0, 0b11), (4, 0b10), (6, 0b01), (8, 0b10), (12, 0b11)] {
        let (due, missed) = next(&mut pacer, T0, 2);
        assert_eq!(((due.sample, due.groups), missed), (point, vec![0, 0]));
    }
}

#[test]
fn points_passed_over_are_told_group_by_group_with_the_first_and_the_last() {
    let mut pacer = pacer(10, &[1, 3]);
    assert_eq!(next(&mut pacer, T0, 2).0.sample, 0);
    // Points 1 to 7 are over: group 1 was due at 3 and 6.
    let mut told = Vec::new();
    assert_eq!(pacer.next(T0 + 71, |passed| told.push(passed)).sample, 8);
    let first = Passed { group: 0, count: 7, first: 1, last: 7 };
    assert_eq!(told, [first, Passed { group: 1, count: 2, first: 3, last: 6 }]);
}

#[test]
fn extreme_times_do_not_overflow() {
    for (t0, interval) in [(i64::MIN, 1), (i64::MAX, 1), (0, i64::MAX), (i64::MAX, i64::MAX), (-5, 3)] {
        let mut pacer = Pacer::new(t0, interval, &[1, u32::MAX]).unwrap();
        for now in [i64::MIN, 0, i64::MAX, i64::MIN, i64::MAX] {
            pacer.next(now, |_| ());
        }
    }
}

#[test]
fn a_grid_that_makes_no_sense_is_refused() {
    assert!(Pacer::new(0, 0, &[1]).is_err());
    assert!(Pacer::new(0, -1, &[1]).is_err());
    assert!(Pacer::new(0, 1, &[]).is_err());
    assert!(Pacer::new(0, 1, &[1, 0]).is_err());
    assert!(Pacer::new(0, 1, &[1; MAX_GROUPS + 1]).is_err());
}

/// The rules, one point after the other: the next point, and how many each group was passed over.
fn naive_next(interval: i64, every: &[u32], settled: &mut i64, now: i64) -> (i64, u32, Vec<u64>) {
    let mut missed = vec![0; every.len()];
    loop {
        *settled += 1;
        let over = T0 + *settled * interval < now;
        let mut due = 0;
        for (group, &every) in every.iter().enumerate() {
            if *settled % i64::from(every) == 0 {
                due |= 1 << group;
                missed[group] += u64::from(over);
            }
        }
        if due != 0 && !over {
            return (*settled, due, missed);
        }
    }
}

proptest! {
    #[test]
    fn the_pacer_agrees_with_a_walk_over_every_point(
        interval in 1_i64..20,
        every in prop::collection::vec(1_u32..9, 1..5),
        steps in prop::collection::vec(-30_i64..120, 1..60),
    ) {
        let mut pacer = pacer(interval, &every);
        let mut settled = -1;
        let mut now = T0 - 15;
        for step in steps {
            now += step;
            let (due, missed) = next(&mut pacer, now, every.len());
            let expected = naive_next(interval, &every, &mut settled, now);
            prop_assert_eq!((due.sample, due.groups, missed), expected);
            prop_assert_eq!(due.deadline, T0 + due.sample * interval);
        }
    }
}

/// A clock that moves by `tick` at each look, and writes down the sleeps.
struct TickingClock {
    inner: ManualClock,
    tick: i64,
    sleeps: Mutex<Vec<(i64, i64)>>,
}

impl TickingClock {
    fn new(tick: i64) -> Self {
        Self { inner: ManualClock::new(0, 0), tick, sleeps: Mutex::default() }
    }
}

impl Clock for TickingClock {
    fn now(&self) -> MonoNs {
        let now = self.inner.now();
        self.inner.set(now + self.tick);
        now
    }

    fn sleep_until(&self, deadline: MonoNs) {
        self.sleeps.lock().unwrap().push((self.inner.now(), deadline));
        self.inner.sleep_until(deadline);
    }

    fn anchor(&self) -> ClockAnchor {
        self.inner.anchor()
    }

    fn thread_cpu_ns(&self) -> i64 {
        0
    }
}

static GO: AtomicBool = AtomicBool::new(false);

#[test]
fn a_wait_is_one_sleep_to_the_deadline() {
    let clock = TickingClock::new(0);
    assert_eq!(wait(&clock, 500_000, 0, &GO), Waited { sleeps: 1, spun: false, stopped: false });
    assert_eq!(*clock.sleeps.lock().unwrap(), [(0, 500_000)]);
}

#[test]
fn a_deadline_that_is_over_costs_no_sleep() {
    let clock = TickingClock::new(0);
    clock.inner.set(10);
    for spin_ns in [0, 5] {
        assert_eq!(wait(&clock, 10, spin_ns, &GO), Waited::default());
    }
    assert_eq!(*clock.sleeps.lock().unwrap(), []);
}

#[test]
fn a_long_sleep_is_cut_into_slices_and_ends_when_told_to_stop() {
    let clock = TickingClock::new(0);
    let waited = wait(&clock, 3 * SLICE_NS + 1, 0, &GO);
    assert_eq!(waited.sleeps, 4);
    assert!(clock.sleeps.lock().unwrap().iter().all(|(from, to)| to - from <= SLICE_NS));
    let stopped = wait(&clock, i64::MAX, 0, &AtomicBool::new(true));
    assert_eq!(stopped, Waited { sleeps: 0, spun: false, stopped: true });
}

#[test]
fn a_spin_begins_before_the_deadline_and_ends_at_it() {
    let clock = TickingClock::new(100);
    let waited = wait(&clock, 500_000, 20_000, &GO);
    assert_eq!(waited, Waited { sleeps: 1, spun: true, stopped: false });
    assert_eq!(clock.sleeps.lock().unwrap()[0].1, 480_000);
    assert!(clock.inner.now() >= 500_000 && clock.inner.now() <= 500_200);
}

#[test]
fn a_spin_is_bounded_whatever_was_asked_for() {
    let clock = TickingClock::new(1_000);
    wait(&clock, 50_000_000, i64::MAX, &GO);
    assert_eq!(clock.sleeps.lock().unwrap()[0].1, 50_000_000 - MAX_SPIN_NS);
}

#[test]
fn a_spin_ends_on_a_clock_that_stands_still() {
    let clock = TickingClock::new(0);
    wait(&clock, 5_000, 1_000, &GO);
    assert_eq!(clock.inner.now(), 5_000);
}
