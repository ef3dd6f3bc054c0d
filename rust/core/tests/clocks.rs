//! What the ledger makes of clocks that move against each other.

use irqtrace_core::ledger::{Facts, Ledger, Remark};
use irqtrace_core::{Clock, ClockAnchor, EngineName, Group, HostFacts, Kind, ManualClock, Meta, Settings, WarningType};

const S: i64 = 1_000_000_000;
const REAL_OFFSET: i64 = 1_700_000_000 * S;

/// A ledger whose recording began with the clock, and that clock.
fn ledger() -> (Ledger, ManualClock) {
    let clock = ManualClock::new(5 * S, REAL_OFFSET);
    let group = Group { kind: Kind::Irq, engine: EngineName::Replay };
    let facts = Facts {
        irregular: false,
        interval_ns: 1_000_000,
        t0: clock.now(),
        groups: vec![(group, 1)],
        host: HostFacts::default(),
        settings: Settings::default(),
        anchor: clock.anchor(),
    };
    (Ledger::new(facts), clock)
}

/// A second later the clocks are looked at.
fn look(ledger: &mut Ledger, clock: &ManualClock) {
    clock.set(clock.now() + S);
    ledger.remark(Remark::Clocks(clock.anchor()));
}

/// Type, count and worst of each warning.
fn told(meta: &Meta) -> Vec<(WarningType, u64, Option<i64>)> {
    meta.warnings.iter().map(|warning| (warning.r#type, warning.count, warning.worst)).collect()
}

#[test]
fn clocks_that_run_together_say_nothing_and_leave_one_anchor() {
    let (mut ledger, clock) = ledger();
    (0..100).for_each(|_| look(&mut ledger, &clock));
    let meta = ledger.meta();
    assert_eq!((told(&meta), meta.anchors.len()), (vec![], 1));
}

#[test]
fn a_step_of_the_wall_clock_is_a_warning_with_both_clocks_and_bends_no_time() {
    for step in [3 * S, -3 * S, 2_100_000 + S / 1_000, -2_100_000 - S / 1_000] {
        let (mut ledger, clock) = ledger();
        let t0_ns = ledger.meta().t0_ns;
        look(&mut ledger, &clock);
        clock.step(step);
        look(&mut ledger, &clock);
        look(&mut ledger, &clock);
        let meta = ledger.meta();
        assert_eq!(told(&meta), [(WarningType::ClockStep, 1, Some(step))]);
        let due = REAL_OFFSET + clock.now() - S;
        assert!(meta.warnings[0].message.contains(&format!("it shows {} ns where {due} ns was due", due + step)));
        assert_eq!(meta.t0_ns, t0_ns);
        let kept: Vec<_> = meta.anchors.iter().map(|anchor| anchor.real_ns - anchor.mono_ns - REAL_OFFSET).collect();
        assert_eq!(kept, [0, step]);
    }
}

#[test]
fn a_clock_that_is_slewed_is_not_stepped_but_its_way_is_kept_in_anchors() {
    let (mut ledger, clock) = ledger();
    for _ in 0..10 {
        clock.step(500_000);
        look(&mut ledger, &clock);
    }
    let meta = ledger.meta();
    assert_eq!((told(&meta), meta.anchors.len()), (vec![], 11));
}

#[test]
fn a_suspend_is_a_warning_of_its_length_and_no_step_of_the_clock() {
    let (mut ledger, clock) = ledger();
    look(&mut ledger, &clock);
    clock.suspend(90 * S);
    look(&mut ledger, &clock);
    clock.suspend(5 * S);
    look(&mut ledger, &clock);
    let meta = ledger.meta();
    assert_eq!(told(&meta), [(WarningType::Suspend, 2, Some(90 * S))]);
    assert!(
        meta.warnings[0].message.contains("suspended twice, the longest for 90.0 s"),
        "{}",
        meta.warnings[0].message
    );
    assert_eq!(meta.anchors.len(), 3);
}

#[test]
fn a_clock_that_was_set_in_suspend_is_told_apart_from_the_suspend() {
    let (mut ledger, clock) = ledger();
    clock.suspend(60 * S);
    clock.step(-7 * S);
    look(&mut ledger, &clock);
    assert_eq!(
        told(&ledger.meta()),
        [(WarningType::Suspend, 1, Some(60 * S)), (WarningType::ClockStep, 1, Some(-7 * S))]
    );
}

#[test]
fn a_batch_begins_with_the_first_anchor_and_the_newest_clocks() {
    let (mut ledger, clock) = ledger();
    clock.step(3 * S);
    look(&mut ledger, &clock);
    assert_eq!(told(&ledger.take()).len(), 1);
    let meta = ledger.meta();
    let offset = |anchor: &ClockAnchor| anchor.real_ns - anchor.mono_ns - REAL_OFFSET;
    assert_eq!(meta.anchors.iter().map(offset).collect::<Vec<_>>(), [0, 3 * S]);
    assert_eq!(told(&meta), []);
}
