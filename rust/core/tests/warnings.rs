//! Warnings are added up, bounded, and say what helps.

mod traces;

use irqtrace_core::{EngineName, Group, Kind, Occurrence, WarningType, Warnings};
use traces::lines;

const IRQ: Option<Group> = Some(Group { kind: Kind::Irq, engine: EngineName::Proc });
const ARCH: Option<Group> = Some(Group { kind: Kind::Arch, engine: EngineName::Proc });

const EVERY: [WarningType; 13] = [
    WarningType::MissedSamples,
    WarningType::LongReads,
    WarningType::Reset,
    WarningType::CountFell,
    WarningType::LayoutChanged,
    WarningType::ExtraNumbers,
    WarningType::UnreadableText,
    WarningType::DroppedBlocks,
    WarningType::MemoryLimit,
    WarningType::Suspend,
    WarningType::ClockStep,
    WarningType::SysfsFallback,
    WarningType::Incomplete,
];

fn occurrence(
    r#type: WarningType,
    group: Option<Group>,
    line: Option<u32>,
    sample: i64,
    count: u64,
    worst: Option<i64>,
) -> Occurrence {
    Occurrence { r#type, group, line, first: sample, last: sample, count, worst, detail: None }
}

fn add(
    warnings: &mut Warnings,
    r#type: WarningType,
    group: Option<Group>,
    line: Option<u32>,
    sample: i64,
    count: u64,
    worst: Option<i64>,
) {
    warnings.add(occurrence(r#type, group, line, sample, count, worst));
}

#[test]
fn warnings_are_added_up_per_type_group_and_line() {
    let mut warnings = Warnings::default();
    assert!(warnings.is_empty());
    add(&mut warnings, WarningType::MissedSamples, IRQ, None, 5, 2, Some(2));
    add(&mut warnings, WarningType::MissedSamples, IRQ, None, 9, 7, Some(7));
    add(&mut warnings, WarningType::MissedSamples, IRQ, None, 12, 1, Some(1));
    add(&mut warnings, WarningType::MissedSamples, ARCH, None, 9, 1, Some(1));
    add(&mut warnings, WarningType::Reset, IRQ, Some(0), 3, 1, None);
    add(&mut warnings, WarningType::Reset, IRQ, Some(1), 3, 1, None);
    let list = warnings.list(&lines());
    let places: Vec<_> = list.iter().map(|warning| (warning.r#type, warning.kind, warning.line)).collect();
    assert_eq!(
        places,
        [
            (WarningType::MissedSamples, Some(Kind::Irq), None),
            (WarningType::MissedSamples, Some(Kind::Arch), None),
            (WarningType::Reset, Some(Kind::Irq), Some(0)),
            (WarningType::Reset, Some(Kind::Irq), Some(1)),
        ]
    );
    let first = &list[0];
    assert_eq!((first.count, first.first_sample, first.last_sample, first.worst), (10, 5, 12, Some(7)));
    assert_eq!(
        first.message,
        "10 points of the grid of irq by proc passed without a read, at most 7 in a row: a longer interval, pin \
         (--pin), fifo (--fifo) or an otherwise idle CPU helps"
    );
    assert!(list[2].message.contains("line 36 (eth0-rx-0)"), "{}", list[2].message);
}

#[test]
fn lines_beyond_the_bound_are_added_up_without_their_line() {
    let mut warnings = Warnings::default();
    let bound = u32::try_from(Warnings::MAX_LINES).unwrap();
    for _ in 0..2 {
        for line in 0..bound + 5 {
            add(&mut warnings, WarningType::CountFell, ARCH, Some(line), i64::from(line), 1, Some(i64::from(line)));
        }
    }
    let list = warnings.list(&[]);
    assert_eq!(list.len(), Warnings::MAX_LINES + 1);
    let rest = list.iter().find(|warning| warning.line.is_none()).unwrap();
    assert_eq!((rest.count, rest.first_sample), (10, i64::from(bound)));
    assert_eq!(list.iter().map(|warning| warning.count).sum::<u64>(), 2 * u64::from(bound + 5));
}

#[test]
fn the_worst_step_keeps_its_sign_and_both_clocks() {
    let mut warnings = Warnings::default();
    for (sample, step) in [(1, 3_000), (2, -5_250_000_000), (3, 40)] {
        warnings.add(Occurrence {
            detail: Some(format!("real {step}, monotonic 0")),
            ..occurrence(WarningType::ClockStep, None, None, sample, 1, Some(step))
        });
    }
    let list = warnings.list(&[]);
    assert_eq!((list[0].count, list[0].worst), (3, Some(-5_250_000_000)));
    assert!(
        list[0].message.contains("3 times, the worst by -5.25 s (real -5250000000, monotonic 0)"),
        "{}",
        list[0].message
    );
}

#[test]
fn every_type_has_its_sentence_and_its_word() {
    for r#type in EVERY {
        let mut warnings = Warnings::default();
        add(&mut warnings, r#type, IRQ, Some(6), 0, 1, Some(1_500));
        let warning = warnings.list(&lines()).remove(0);
        let sentence = &warning.message;
        assert!(!sentence.ends_with('.') && !sentence.contains("  ") && !sentence.contains('\n'), "{sentence}");
        let json = serde_json::to_value(&warning).unwrap();
        assert!(json["type"].as_str().unwrap().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
        println!("{}: {sentence}", json["type"]);
    }
}

#[test]
fn a_text_that_is_left_out_may_have_been_anything_and_is_counted_in_words() {
    for (count, says) in [
        (1, "1 read of irq by proc did not fit the kernel's format or contradicted itself each time and was left out"),
        (
            9,
            "9 reads of irq by proc did not fit the kernel's format or contradicted themselves each time and were left out",
        ),
    ] {
        let mut warnings = Warnings::default();
        add(&mut warnings, WarningType::UnreadableText, IRQ, None, 0, count, None);
        let message = &warnings.list(&[])[0].message;
        assert!(message.starts_with(says), "{message}");
    }
}
