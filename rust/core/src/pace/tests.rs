use std::sync::Mutex;

use proptest::prelude::*;

use super::*;
use crate::{ClockAnchor, ManualClock};

const T0: i64 = 1_000;

fn pacer(interval_ns: i64, every: &[u32]) -> Pacer {
    Pacer::new(T0, interval_ns, every).unwrap()
}

fn totals(pacer: &Pacer) -> Vec<u64> {
    pacer.misses().map(|misses| misses.total).collect()
}

#[test]
fn points_come_in_order_while_there_is_time() {
    let mut pacer = pacer(10, &[1]);
    for sample in 0..100 {
        let due = pacer.next(T0 + sample * 10 - 3);
        assert_eq!(due, Due { sample, deadline: T0 + sample * 10, groups: 1 });
    }
    assert_eq!(totals(&pacer), [0]);
}

#[test]
fn a_point_due_exactly_now_is_not_passed_over() {
    let mut pacer = pacer(10, &[1]);
    assert_eq!(pacer.next(T0).sample, 0);
    assert_eq!(pacer.next(T0 + 10).sample, 1);
    assert_eq!(pacer.next(T0 + 21).sample, 3);
    assert_eq!(totals(&pacer), [1]);
}

#[test]
fn a_point_is_handed_out_once_even_if_time_stands_still() {
    let mut pacer = pacer(10, &[1]);
    assert_eq!(pacer.next(T0).sample, 0);
    assert_eq!(pacer.next(T0).sample, 1);
    assert_eq!(pacer.next(T0 - 500).sample, 2);
    assert_eq!(totals(&pacer), [0]);
}

#[test]
fn points_where_no_group_is_due_are_skipped_and_missed_by_nobody() {
    let mut pacer = pacer(10, &[6, 4]);
    let dues: Vec<_> = (0..5).map(|_| pacer.next(T0)).map(|due| (due.sample, due.groups)).collect();
    assert_eq!(dues, [(0, 0b11), (4, 0b10), (6, 0b01), (8, 0b10), (12, 0b11)]);
    assert_eq!(totals(&pacer), [0, 0]);
}

#[test]
fn misses_are_counted_per_group_with_the_longest_run() {
    let mut pacer = pacer(10, &[1, 3]);
    assert_eq!(pacer.next(T0).sample, 0);
    // Points 1 to 7 are over: group 1 was due at 3 and 6.
    assert_eq!(pacer.next(T0 + 71).sample, 8);
    assert_eq!(pacer.next(T0 + 71).sample, 9);
    assert_eq!(pacer.next(T0 + 131).sample, 14);
    let misses: Vec<_> = pacer.misses().collect();
    assert_eq!(misses, [Misses { total: 11, longest: 7 }, Misses { total: 3, longest: 2 }]);
}

#[test]
fn a_run_of_misses_goes_on_over_points_that_were_due_for_others_only() {
    let mut pacer = pacer(10, &[1, 4]);
    pacer.next(T0);
    assert_eq!(pacer.next(T0 + 41).sample, 5, "group 1 misses point 4");
    assert_eq!(pacer.next(T0 + 81).sample, 9, "and point 8: it was not read at 5");
    assert_eq!(pacer.misses().nth(1), Some(Misses { total: 2, longest: 2 }));
}

#[test]
fn a_point_that_could_not_be_read_is_missed_and_prolongs_the_run() {
    let mut pacer = pacer(10, &[1, 1]);
    pacer.next(T0);
    pacer.next(T0 + 11); // point 1 is missed
    pacer.not_read(0b01); // and so is point 2, by the first group
    pacer.next(T0 + 31); // point 3
    let misses: Vec<_> = pacer.misses().collect();
    assert_eq!(misses, [Misses { total: 3, longest: 3 }, Misses { total: 2, longest: 1 }]);
    pacer.not_read(0b01);
    pacer.not_read(0b01);
    assert_eq!(totals(&pacer), [4, 2], "a point is missed once");
}

#[test]
fn the_end_of_a_recording_counts_what_was_still_due() {
    let mut pacer = pacer(10, &[1, 2]);
    pacer.next(T0);
    pacer.pass(T0 + 40);
    assert_eq!(totals(&pacer), [3, 1], "points 1, 2, 3 are over at 40, point 4 is not");
    pacer.pass(T0 + 40);
    assert_eq!(totals(&pacer), [3, 1], "and they are counted once");
}

#[test]
fn extreme_times_do_not_overflow() {
    for (t0, interval) in [(i64::MIN, 1), (i64::MAX, 1), (0, i64::MAX), (i64::MAX, i64::MAX), (-5, 3)] {
        let mut pacer = Pacer::new(t0, interval, &[1, u32::MAX]).unwrap();
        for now in [i64::MIN, 0, i64::MAX, i64::MIN, i64::MAX] {
            pacer.next(now);
            pacer.pass(now);
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

/// The rules, one point after the other.
struct Naive {
    interval: i64,
    every: Vec<u32>,
    k: i64,
    history: Vec<Vec<bool>>,
}

impl Naive {
    fn next(&mut self, now: i64) -> (i64, u32) {
        loop {
            self.k += 1;
            let mut due = 0;
            for (group, &every) in self.every.iter().enumerate() {
                due |= u32::from(self.k % i64::from(every) == 0) << group;
            }
            let over = T0 + self.k * self.interval < now;
            for (group, read) in self.history.iter_mut().enumerate() {
                if due & (1 << group) != 0 {
                    read.push(!over);
                }
            }
            if due != 0 && !over {
                return (self.k, due);
            }
        }
    }

    fn misses(&self) -> Vec<Misses> {
        let count = |read: &Vec<bool>| Misses {
            total: read.iter().filter(|read| !**read).count() as u64,
            longest: read.split(|read| *read).map(|run| run.len() as u64).max().unwrap_or(0),
        };
        self.history.iter().map(count).collect()
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
        let history = vec![Vec::new(); every.len()];
        let mut naive = Naive { interval, every, k: -1, history };
        let mut now = T0 - 15;
        for step in steps {
            now += step;
            let due = pacer.next(now);
            prop_assert_eq!((due.sample, due.groups), naive.next(now));
            prop_assert_eq!(due.deadline, T0 + due.sample * interval);
            prop_assert_eq!(pacer.misses().collect::<Vec<_>>(), naive.misses());
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
