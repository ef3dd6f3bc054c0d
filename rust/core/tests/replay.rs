//! What a recording says of counts that wrap, fall, vanish and come back: replayed texts, no clock and no kernel.

mod machine;

use std::collections::BTreeMap;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, UInt16Type, UInt32Type};
use irqtrace_core::plan::Wanted;
use irqtrace_core::replay::{CapturedRead, replay};
use irqtrace_core::{HostFacts, IrqChoice, IrqtraceError, Kind, LineMeta, NO_CPU, Trace, Warning, WarningType, Window};
use machine::{Machine, change};
use proptest::prelude::*;

const MS: i64 = 1_000_000;

/// Reads 1 ms apart of 20 µs each.
fn reads(texts: &[&str]) -> Vec<CapturedRead> {
    let window = |at: usize| {
        let begin = i64::try_from(at).unwrap() * MS;
        Window { begin, end: begin + 20_000 }
    };
    let read = |(at, text): (usize, &&str)| CapturedRead {
        window: window(at),
        interrupts: Some(text.as_bytes().to_vec()),
        softirqs: None,
    };
    texts.iter().enumerate().map(read).collect()
}

fn wanted() -> Wanted {
    Wanted { interval_ns: MS, kinds: BTreeMap::from([(Kind::Irq, MS), (Kind::Arch, MS)]), irqs: None }
}

fn record(texts: &[&str]) -> Trace {
    replay(reads(texts), &wanted(), HostFacts::default(), 0, None).unwrap().unwrap()
}

/// A row of the frame deltas with the line's label: (sample, irq, line, cpu, delta).
type Row = (i64, String, u32, u16, i64);

fn rows(trace: &Trace) -> Vec<Row> {
    let label = |line: u32| trace.meta.line(line).unwrap().line.irq.clone();
    let mut rows = Vec::new();
    for batch in trace.deltas() {
        let batch = batch.unwrap();
        let column = |name| batch.column_by_name(name).unwrap();
        let (sample, delta) =
            (column("sample").as_primitive::<Int64Type>(), column("delta").as_primitive::<Int64Type>());
        let (line, cpu) = (column("line").as_primitive::<UInt32Type>(), column("cpu").as_primitive::<UInt16Type>());
        for row in 0..batch.num_rows() {
            let cpu = cpu.iter().nth(row).unwrap().unwrap_or(NO_CPU);
            let line = line.value(row);
            rows.push((sample.value(row), label(line), line, cpu, delta.value(row)));
        }
    }
    rows
}

fn grown(trace: &Trace) -> Vec<(i64, String, u16, i64)> {
    rows(trace)
        .into_iter()
        .filter(|row| row.4 != 0)
        .map(|(sample, irq, _, cpu, delta)| (sample, irq, cpu, delta))
        .collect()
}

fn warnings(trace: &Trace, r#type: WarningType) -> Vec<&Warning> {
    trace.meta.warnings.iter().filter(|warning| warning.r#type == r#type).collect()
}

/// For every cell, the sums of its baselines, deltas, and final counts over the times when it was there.
fn balance(trace: &Trace) -> BTreeMap<(u32, u16), (u64, u64)> {
    let mut cells: BTreeMap<(u32, u16), (u64, u64)> = BTreeMap::new();
    let baselines = &trace.meta.baselines;
    for at in 0..baselines.len() {
        cells.entry((baselines.line[at], baselines.cpu[at].unwrap_or(NO_CPU))).or_default().0 += baselines.count[at];
    }
    for (_, _, line, cpu, delta) in rows(trace) {
        cells.entry((line, cpu)).or_default().0 += u64::try_from(delta).unwrap();
    }
    let finals = &trace.meta.finals;
    for at in 0..finals.len() {
        cells.entry((finals.line[at], finals.cpu[at].unwrap_or(NO_CPU))).or_default().1 += finals.count[at];
    }
    cells
}

fn assert_conserved(trace: &Trace) {
    for (cell, (counted, last)) in balance(trace) {
        assert_eq!(counted % (1 << 32), last % (1 << 32), "{cell:?}");
    }
}

/// A text of device lines of two CPUs.
fn two_cpus(lines: &[(u32, u64, u64, &str)]) -> String {
    let mut text = String::from("           CPU0       CPU1       \n");
    for (irq, first, second, action) in lines {
        text += &format!("{irq:>3}: {first:>10} {second:>10}  IO-APIC   {irq}-edge      {action}\n");
    }
    text
}

#[test]
fn the_first_read_has_a_row_for_every_cell_and_claims_no_growth() {
    let trace = record(&[&two_cpus(&[(1, 5, 7, "a"), (2, 0, 0, "b")])]);
    let rows: Vec<_> = rows(&trace).into_iter().map(|(_, irq, _, cpu, delta)| (irq, cpu, delta)).collect();
    let cell = |irq: &str, cpu| (irq.to_owned(), cpu, 0);
    assert_eq!(rows, [cell("1", 0), cell("1", 1), cell("2", 0), cell("2", 1)]);
    assert_eq!(trace.meta.baselines.count, [5, 7]);
    assert_conserved(&trace);
}

#[test]
fn only_cells_that_changed_have_a_row() {
    let texts = [
        two_cpus(&[(1, 5, 7, "a"), (2, 0, 0, "b")]),
        two_cpus(&[(1, 5, 9, "a"), (2, 0, 0, "b")]),
        two_cpus(&[(1, 5, 9, "a"), (2, 0, 0, "b")]),
        two_cpus(&[(1, 6, 9, "a"), (2, 3, 0, "b")]),
    ];
    let trace = record(&texts.each_ref().map(String::as_str));
    let row = |sample, irq: &str, cpu, delta| (sample, irq.to_owned(), cpu, delta);
    assert_eq!(grown(&trace), [row(1, "1", 1, 2), row(3, "1", 0, 1), row(3, "2", 0, 3)]);
    assert_eq!(rows(&trace).len(), 4 + 3);
    assert_conserved(&trace);
}

#[test]
fn a_u32_wrap_is_growth_and_no_reset() {
    let top = u64::from(u32::MAX);
    let trace = record(&[&two_cpus(&[(1, top - 1, 0, "a")]), &two_cpus(&[(1, 8, 0, "a")])]);
    assert_eq!(grown(&trace), [(1, "1".to_owned(), 0, 10)]);
    assert_eq!(trace.meta.finals.count, [8], "the kernel's own count");
    assert!(trace.meta.warnings.is_empty(), "{:?}", trace.meta.warnings);
    assert_conserved(&trace);
}

#[test]
fn a_fall_that_no_cpu_could_wrap_in_the_time_is_a_reset() {
    // 1 ms is time for some 10,000 interrupts, not for 20,000.
    let top = u64::from(u32::MAX);
    let trace = record(&[&two_cpus(&[(1, top, 0, "a")]), &two_cpus(&[(1, 20_000, 0, "a")])]);
    assert_eq!(grown(&trace), []);
    assert_eq!(warnings(&trace, WarningType::Reset).len(), 1);
}

#[test]
fn a_reset_ends_the_line_and_begins_another_with_a_baseline_of_its_own() {
    let texts = [
        two_cpus(&[(1, 100, 50, "a"), (2, 10, 10, "b")]),
        two_cpus(&[(1, 103, 50, "a"), (2, 10, 10, "b")]),
        two_cpus(&[(1, 4, 50, "a"), (2, 11, 10, "b")]),
        two_cpus(&[(1, 6, 51, "a"), (2, 11, 10, "b")]),
    ];
    let trace = record(&texts.each_ref().map(String::as_str));
    let span = |line: &LineMeta| (line.id, line.line.irq.clone(), line.first_sample, line.last_sample);
    let spans: Vec<_> = trace.meta.lines.iter().map(span).collect();
    let of = |id, irq: &str, first, last| (id, irq.to_owned(), first, last);
    assert_eq!(spans, [of(0, "1", 0, Some(1)), of(1, "2", 0, None), of(2, "1", 2, None)]);
    let row = |sample, irq: &str, cpu, delta| (sample, irq.to_owned(), cpu, delta);
    assert_eq!(grown(&trace), [row(1, "1", 0, 3), row(2, "2", 0, 1), row(3, "1", 0, 2), row(3, "1", 1, 1)]);
    assert_eq!(warnings(&trace, WarningType::Reset)[0].line, Some(2));
    assert_eq!(rows(&trace).iter().filter(|row| row.0 == 2).count(), 4, "an epoch begins with every cell");
    assert_conserved(&trace);
}

#[test]
fn rows_of_one_read_are_in_the_order_of_lines_and_cpus_also_when_a_new_line_stands_in_between() {
    let texts =
        [two_cpus(&[(1, 1, 1, "a"), (3, 1, 1, "c")]), two_cpus(&[(1, 2, 1, "a"), (2, 5, 6, "b"), (3, 1, 2, "c")])];
    let trace = record(&[&texts[0], &texts[1], &two_cpus(&[(1, 3, 1, "a"), (2, 6, 7, "b"), (3, 2, 2, "c")])]);
    let keys: Vec<_> = rows(&trace).into_iter().map(|(sample, _, line, cpu, _)| (sample, line, cpu)).collect();
    assert!(keys.is_sorted(), "{keys:?}");
    assert_eq!(keys.iter().filter(|key| key.0 == 2).count(), 4);
    assert_conserved(&trace);
}

#[test]
fn an_arch_count_that_falls_grows_by_nothing_until_its_old_mark_is_passed() {
    let text = |count: u64| format!("           CPU0       \nCAL: {count:>10}   Function call interrupts\n");
    let texts = [100, 90, 95, 130, 131].map(text);
    let trace = record(&texts.each_ref().map(String::as_str));
    let row = |sample, delta| (sample, "CAL".to_owned(), 0, delta);
    assert_eq!(grown(&trace), [row(3, 30), row(4, 1)]);
    let [warning] = warnings(&trace, WarningType::CountFell)[..] else { panic!("{:?}", trace.meta.warnings) };
    assert_eq!((warning.count, warning.first_sample, warning.worst), (1, 1, Some(10)));
    assert_eq!(trace.meta.finals.count, [131]);
    assert_conserved(&trace);
}

#[test]
fn the_final_count_of_a_cell_that_fell_is_the_kernels_own() {
    let text = |count: u64| format!("           CPU0       \nCAL: {count:>10}   Function call interrupts\n");
    let trace = record(&[&text(100), &text(90)]);
    assert_eq!(trace.meta.finals.count, [90]);
}

#[test]
fn a_difference_that_falls_through_zero_is_a_fall_and_not_four_billion_interrupts() {
    let text = |count: u64| format!("           CPU0       \nCAL: {count:>10}   Function call interrupts\n");
    let below = |zero: u64| (1 << 32) - zero;
    let texts = [5, 2, below(3), below(1), 3, 6].map(text);
    let trace = record(&texts.each_ref().map(String::as_str));
    assert_eq!(grown(&trace), [(5, "CAL".to_owned(), 0, 1)], "it grows once it is above its mark");
    let [warning] = warnings(&trace, WarningType::CountFell)[..] else { panic!("{:?}", trace.meta.warnings) };
    assert_eq!((warning.count, warning.worst), (2, Some(8)));
    assert_conserved(&trace);
    // The other way it is a wrap like any.
    let trace = record(&[&text(below(3)), &text(4)]);
    assert_eq!(grown(&trace), [(1, "CAL".to_owned(), 0, 7)]);
}

#[test]
fn cpus_in_another_order_lose_no_growth() {
    let text = |ids: [u16; 3], counts: [u64; 3]| {
        let header: String = ids.iter().map(|id| format!("CPU{id:<8}")).collect();
        let counts: String = counts.iter().map(|count| format!(" {count:>10}")).collect();
        format!("           {header}\n  1:{counts}  IO-APIC   1-edge      a\n")
    };
    let trace = record(&[&text([0, 1, 2], [1, 2, 3]), &text([2, 0, 1], [6, 2, 4]), &text([2, 0, 1], [9, 3, 6])]);
    let of = |cpu| grown(&trace).into_iter().filter(|row| row.2 == cpu).map(|row| row.3).sum::<i64>();
    assert_eq!([of(0), of(1), of(2)], [2, 4, 6]);
    assert!(warnings(&trace, WarningType::LayoutChanged)[0].message.contains("only in another order"));
    assert_conserved(&trace);
}

#[test]
fn of_lines_that_are_alike_none_takes_the_counts_of_another_that_went() {
    let text = |counts: &[u64]| {
        let rows: String = counts.iter().map(|count| format!("IPI: {count:>10}   Empty interrupts\n")).collect();
        format!("           CPU0       \nLOC:          7   Local timer interrupts\n{rows}")
    };
    let trace = record(&[&text(&[5, 900]), &text(&[6, 903]), &text(&[905]), &text(&[907])]);
    let rows: Vec<_> = grown(&trace).into_iter().map(|(sample, irq, _, delta)| (sample, irq, delta)).collect();
    let row = |sample, irq: &str, delta| (sample, irq.to_owned(), delta);
    assert_eq!(
        rows,
        [row(1, "IPI", 1), row(1, "IPI", 3), row(3, "IPI", 2)],
        "nothing is claimed for the change itself"
    );
    let spans: Vec<_> = trace.meta.lines.iter().map(|line| (line.line.name.as_str(), line.last_sample)).collect();
    let empty = "Empty interrupts";
    assert_eq!(
        spans,
        [("Local timer interrupts", None), (empty, Some(1)), ("Empty interrupts #2", Some(1)), (empty, None)]
    );
    assert_eq!(warnings(&trace, WarningType::CountFell).len(), 0);
    assert_conserved(&trace);
}

/// A text with the CPUs of `ids`, one device line and one arch line whose counts are those of the CPUs.
fn cpus(ids: &[u16], count: impl Fn(u16) -> u64) -> String {
    let header: String = ids.iter().map(|id| format!("CPU{id:<8}")).collect();
    let counts: String = ids.iter().map(|&id| format!(" {:>10}", count(id))).collect();
    format!("           {header}\n  1:{counts}  IO-APIC   1-edge      a\nLOC:{counts}   Local timer interrupts\n")
}

#[test]
fn a_cpu_that_comes_back_starts_at_its_first_count_and_no_column_is_mislabelled() {
    let base = |id: u16| 1_000 * u64::from(id + 1);
    let texts = [
        cpus(&[0, 1, 2, 3], base),
        cpus(&[0, 1, 3], |id| base(id) + 1),
        cpus(&[0, 1, 3], |id| base(id) + 3),
        cpus(&[0, 1, 2, 3], |id| base(id) + 5),
        cpus(&[0, 1, 2, 3], |id| base(id) + 6),
    ];
    let trace = record(&texts.each_ref().map(String::as_str));
    for irq in ["1", "LOC"] {
        let of = |cpu: u16| -> Vec<(i64, i64)> {
            let mine = grown(&trace).into_iter().filter(|row| row.1 == irq && row.2 == cpu);
            mine.map(|row| (row.0, row.3)).collect()
        };
        assert_eq!(of(3), [(1, 1), (2, 2), (3, 2), (4, 1)]);
        assert_eq!(of(2), [(4, 1)], "nothing is claimed for the time of its absence");
    }
    assert_eq!(warnings(&trace, WarningType::LayoutChanged).iter().map(|w| w.count).sum::<u64>(), 4);
    let message = &warnings(&trace, WarningType::LayoutChanged)[0].message;
    assert!(message.contains("CPU 2 went"), "{message}");
    assert_conserved(&trace);
}

#[test]
fn a_cpu_that_goes_between_two_chunks_of_a_read_is_read_again() {
    let whole = cpus(&[0, 1, 2], |_| 10);
    let torn = format!("{}LOC:         10         10   Local timer interrupts\n", &whole[..whole.find("LOC").unwrap()]);
    let mut reads = reads(&[&whole, &torn, &cpus(&[0, 1], |_| 12)]);
    reads[2].window = Window { begin: MS + 30_000, end: MS + 50_000 };
    let trace = replay(reads, &wanted(), HostFacts::default(), 0, None).unwrap().unwrap();
    assert_eq!(trace.meta.groups.iter().map(|group| group.missed).sum::<u64>(), 0);
    assert!(warnings(&trace, WarningType::UnreadableText).is_empty());
    assert!(grown(&trace).iter().all(|row| row.2 < 2 && row.3 == 2), "{:?}", grown(&trace));
    assert_conserved(&trace);
}

#[test]
fn a_cpu_that_comes_between_two_chunks_of_a_read_is_read_again() {
    let whole = cpus(&[0, 1], |_| 10);
    let torn = whole.replace("LOC:         10         10 ", "LOC:         10         10          3 ");
    let trace = record(&[&whole, &torn, &cpus(&[0, 1, 2], |id| if id == 2 { 4 } else { 12 })]);
    assert!(warnings(&trace, WarningType::ExtraNumbers).is_empty());
    assert!(rows(&trace).iter().all(|row| row.3 != NO_CPU));
    assert_eq!(trace.meta.host.cpus_online, None);
    assert_conserved(&trace);
}

#[test]
fn a_text_that_prints_more_numbers_than_cpus_each_time_is_kept_with_a_warning() {
    let text = |count: u64| {
        format!(
            "           CPU0       \n  1: {count:>10}  GIC  tick\nIPI1: {count:>10} {count:>10} {count:>10}  \
             Rescheduling interrupts\n"
        )
    };
    let trace = record(&[&text(5), &text(6), &text(7)]);
    let ipi: Vec<_> = rows(&trace).into_iter().filter(|row| row.1 == "IPI1").map(|row| (row.3, row.4)).collect();
    assert_eq!(ipi, [[(NO_CPU, 0); 3], [(NO_CPU, 1); 3], [(NO_CPU, 1); 3]].concat());
    assert_eq!(warnings(&trace, WarningType::ExtraNumbers).len(), 1);
    assert_conserved(&trace);
}

#[test]
fn lines_with_more_numbers_than_cpus_are_no_change_of_layout_at_the_first_sample() {
    let text = |counts: [u64; 2]| {
        format!(
            "           CPU0       \n  1:          5  GIC  tick\nIPI1: {:>10} {:>10}  Rescheduling interrupts\n",
            counts[0], counts[1]
        )
    };
    let trace = record(&[&text([100, 200]), &text([50, 200]), &text([50, 200]), &text([50, 201])]);
    assert!(warnings(&trace, WarningType::LayoutChanged).is_empty(), "{:?}", trace.meta.warnings);
    assert_eq!(warnings(&trace, WarningType::ExtraNumbers)[0].line, Some(1));
    // A fall is the count's that fell, though neither has a CPU.
    assert_eq!(trace.meta.finals.count, [5, 50, 201]);
}

/// An old Android text: IPIs of CPUs that the header does not name.
fn android(cpus: usize, ipis: &[u64]) -> String {
    let header: String = (0..cpus).map(|id| format!("CPU{id:<8}")).collect();
    let ticks = "          5".repeat(cpus);
    let ipis: String = ipis.iter().map(|count| format!(" {count:>10}")).collect();
    format!("           {header}\n  1:{ticks}  GIC  tick\nIPI1:{ipis}  Rescheduling interrupts\n")
}

#[test]
fn each_count_of_a_line_with_more_numbers_than_cpus_is_followed_apart() {
    let top = 1 << 32;
    let ipis = [[1, top - 30, 3, 4], [1, top - 10, 3, 4], [1, 5, 3, 4], [2, 5, 3, 9]];
    let texts = ipis.map(|counts| android(1, &counts));
    let trace = record(&texts.each_ref().map(String::as_str));
    assert_eq!(trace.meta.finals.count, [5, 2, 5, 3, 9]);
    assert_eq!(grown(&trace).iter().map(|row| row.3).collect::<Vec<_>>(), [20, 15, 1, 5]);
    assert_conserved(&trace);
    // How many there are says which is which: with another number of them nothing is claimed.
    let trace = record(&[&android(1, &[10, 20, 30]), &android(1, &[25, 35]), &android(1, &[26, 35])]);
    assert_eq!(grown(&trace), [(2, "IPI1".to_owned(), NO_CPU, 1)]);
    assert_conserved(&trace);
}

#[test]
fn no_captured_text_is_lost_where_a_line_has_more_numbers_than_cpus() {
    let alone = record(&[&android(1, &[1, 2])]);
    assert_eq!((rows(&alone).len(), alone.meta.groups[0].reads), (3, 1));
    let texts =
        [android(1, &[1, 2, 3, 4]), android(1, &[2, 2, 3, 4]), android(2, &[3, 2, 3, 4]), android(2, &[4, 2, 3, 4])];
    let trace = record(&texts.each_ref().map(String::as_str));
    assert_eq!(trace.meta.groups.iter().map(|group| (group.reads, group.missed)).collect::<Vec<_>>(), [(4, 0), (4, 0)]);
    assert_eq!(trace.meta.finals.count.iter().max(), Some(&5));
    assert_conserved(&trace);
}

#[test]
fn a_second_attempt_is_a_text_and_neither_one_that_was_not_read_nor_the_end_of_a_good_one() {
    let read = |at: i64, interrupts: Option<String>| CapturedRead {
        window: Window { begin: at * MS, end: at * MS + 20_000 },
        interrupts: interrupts.map(String::into_bytes),
        softirqs: Some(format!("                    CPU0       \n      NET_RX: {at:>10}\n").into_bytes()),
    };
    let wanted = Wanted { kinds: Kind::ALL.map(|kind| (kind, MS)).into(), ..wanted() };
    let samples = |texts: Vec<Option<String>>| -> (Vec<i64>, Trace) {
        let reads = (0..).zip(texts).map(|(at, text)| read(at, text)).collect();
        let trace = replay(reads, &wanted, HostFacts::default(), 0, None).unwrap().unwrap();
        let grown = rows(&trace).into_iter().filter(|row| row.1 == "IPI1").map(|row| row.0);
        let mut samples: Vec<i64> = grown.collect();
        samples.dedup();
        (samples, trace)
    };
    let text = |count: u64| Some(android(1, &[count, 2]));
    let (seen, trace) = samples(vec![text(1), None, text(2), None, text(3), None]);
    assert_eq!(seen, [0, 2, 4]);
    let missed: Vec<_> = trace.meta.groups.iter().map(|group| (group.reads, group.missed)).collect();
    assert_eq!(missed, [(3, 2), (3, 2), (6, 0)], "what comes after the last text is missed by nobody");
    let (seen, trace) = samples(vec![text(1), Some("garbage\n".to_owned()), text(2), text(3)]);
    assert_eq!(seen, [0, 2, 3]);
    assert_conserved(&trace);
}

#[test]
fn captured_texts_that_end_with_wrong_ones_end_with_a_warning() {
    let good = cpus(&[0, 1], |_| 10);
    for wrong in 1..4 {
        let mut texts = vec![good.as_str(), &good];
        texts.extend(["no text of the kernel\n"].repeat(wrong));
        let trace = record(&texts);
        assert_eq!(warnings(&trace, WarningType::UnreadableText).len(), 1, "{wrong}");
        let missed: Vec<_> = trace.meta.groups.iter().map(|group| usize::try_from(group.missed).unwrap()).collect();
        assert_eq!(missed, [wrong, wrong]);
    }
}

#[test]
fn texts_are_read_at_their_own_times_also_where_one_file_was_read_more_seldom() {
    let softirqs = |count: i64| format!("                    CPU0       \n      NET_RX: {count:>10}\n").into_bytes();
    let count = |at: i64| u64::try_from(at).unwrap();
    let read = |at: i64| CapturedRead {
        window: Window { begin: at * MS, end: at * MS + 20_000 },
        interrupts: Some(two_cpus(&[(1, count(at), 0, "a")]).into_bytes()),
        softirqs: [0, 1, 3].contains(&at).then(|| softirqs(at)),
    };
    let kinds = |irq| BTreeMap::from([(Kind::Irq, irq), (Kind::Softirq, MS)]);
    let trace =
        replay((0..5).map(read).collect(), &Wanted { kinds: kinds(MS), ..wanted() }, HostFacts::default(), 0, None)
            .unwrap()
            .unwrap();
    let of = |trace: &Trace, label: &str| -> Vec<(i64, i64)> {
        grown(trace).into_iter().filter(|row| row.1 == label).map(|row| (row.0, row.3)).collect()
    };
    assert_eq!(of(&trace, "1"), [(1, 1), (2, 1), (3, 1), (4, 1)]);
    assert_eq!(of(&trace, "NET_RX"), [(1, 1), (3, 2)]);
    assert_eq!(trace.meta.groups.iter().map(|group| (group.reads, group.missed)).collect::<Vec<_>>(), [(5, 0), (3, 1)]);
    let seldom = Wanted { kinds: BTreeMap::from([(Kind::Irq, 2 * MS)]), ..wanted() };
    let trace = replay((0..5).map(read).collect(), &seldom, HostFacts::default(), 0, None).unwrap().unwrap();
    assert_eq!(of(&trace, "1"), [(2, 2), (4, 2)], "what lies between is passed over");
}

#[test]
fn a_line_that_goes_in_a_sample_of_which_another_text_is_torn_was_last_there_at_the_read_before() {
    let softirqs = "                    CPU0       \n      NET_RX:          1\n";
    let read = |at: i64, attempt: i64, lines: &[(u32, u64, u64, &str)], softirqs: &str| CapturedRead {
        window: Window { begin: at * MS + attempt * 30_000, end: at * MS + attempt * 30_000 + 10_000 },
        interrupts: (attempt == 0).then(|| two_cpus(lines).into_bytes()),
        softirqs: Some(softirqs.as_bytes().to_vec()),
    };
    let torn = softirqs.replace("1\n", "x\n");
    let both: &[_] = &[(1, 5, 5, "a"), (2, 6, 6, "b")];
    let mut reads = vec![read(0, 0, both, softirqs), read(1, 0, both, softirqs)];
    reads.extend((0..4).map(|attempt| read(2, attempt, &both[..1], &torn)));
    reads.push(read(3, 0, &both[..1], softirqs));
    let wanted = Wanted { kinds: BTreeMap::from([(Kind::Irq, MS), (Kind::Softirq, MS)]), ..wanted() };
    let trace = replay(reads, &wanted, HostFacts::default(), 0, None).unwrap().unwrap();
    assert_eq!(trace.meta.lines[1].last_sample, Some(1));
    let gone: Vec<_> = (0..trace.meta.finals.len()).filter(|&at| trace.meta.finals.line[at] == 1).collect();
    assert!(gone.iter().all(|&at| trace.meta.finals.sample[at] == 1), "{:?}", trace.meta.finals);
    assert_eq!(warnings(&trace, WarningType::UnreadableText)[0].first_sample, 2);
}

#[test]
fn a_sample_whose_text_contradicts_itself_each_time_is_missed_with_a_warning() {
    let good = cpus(&[0, 1], |_| 10);
    let torn = good.replace("LOC:         10         10 ", "LOC:         10 ");
    let later = cpus(&[0, 1], |_| 15);
    let mut reads = reads(&[&good, &torn, &torn, &torn, &torn, &later]);
    for (attempt, read) in (0..).zip(&mut reads[1..5]) {
        read.window = Window { begin: MS + 30_000 * attempt, end: MS + 30_000 * attempt + 20_000 };
    }
    reads[5].window = Window { begin: 2 * MS, end: 2 * MS + 20_000 };
    let trace = replay(reads, &wanted(), HostFacts::default(), 0, None).unwrap().unwrap();
    assert_eq!(trace.meta.groups.iter().map(|group| group.missed).collect::<Vec<_>>(), [1, 1]);
    let [warning] = warnings(&trace, WarningType::UnreadableText)[..] else { panic!("{:?}", trace.meta.warnings) };
    assert!(warning.message.contains("interrupts: line 3"), "{}", warning.message);
    assert!(grown(&trace).iter().all(|row| row.3 == 5), "{:?}", grown(&trace));
    assert_conserved(&trace);
}

#[test]
fn a_text_that_stays_wrong_is_an_error_with_its_place_and_the_recording_so_far_is_on_disk() {
    let good = cpus(&[0, 1], |_| 10);
    let torn = good.replace("LOC:         10         10 ", "LOC:         10 ");
    let mut texts = vec![good.as_str()];
    texts.extend([torn.as_str()].repeat(40));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.parquet");
    let file = irqtrace_core::TraceWriter::create(&path, false).unwrap();
    let error = replay(reads(&texts), &wanted(), HostFacts::default(), 0, Some(file.into())).unwrap_err();
    let IrqtraceError::Parse(error) = error else { panic!("{error}") };
    assert_eq!((error.path.as_str(), error.line), ("interrupts", 3));
    assert!(path.exists());
}

#[test]
fn texts_of_which_none_can_be_read_are_an_error_with_its_place() {
    let torn = cpus(&[0, 1], |_| 10).replace("LOC:         10         10 ", "LOC:         10 ");
    let error = replay(reads(&[&torn, &torn]), &wanted(), HostFacts::default(), 0, None).unwrap_err();
    assert!(matches!(&error, IrqtraceError::Parse(error) if error.line == 3), "{error}");
}

#[test]
fn a_line_that_comes_joins_if_it_is_wanted() {
    let texts = [two_cpus(&[(1, 1, 1, "eth0")]), two_cpus(&[(1, 2, 1, "eth0"), (2, 5, 6, "eth1"), (3, 1, 1, "sda")])];
    let wanted = Wanted { irqs: Some(vec![IrqChoice::Pattern("eth*".into())]), ..wanted() };
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let trace = replay(reads(&texts), &wanted, HostFacts::default(), 0, None).unwrap().unwrap();
    assert_eq!(trace.meta.lines.iter().map(|line| line.line.name.as_str()).collect::<Vec<_>>(), ["eth0", "eth1"]);
    assert_eq!(trace.meta.groups.len(), 1, "a kind without a match is not read");
    assert_conserved(&trace);
}

#[test]
fn a_kind_is_read_at_its_own_points_only_and_loses_nothing_in_between() {
    let texts: Vec<String> = (0..7).map(|at| cpus(&[0, 1], |_| 100 + 2 * at)).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    for (irq, arch) in [(MS, 3 * MS), (3 * MS, MS)] {
        let wanted = Wanted { kinds: BTreeMap::from([(Kind::Irq, irq), (Kind::Arch, arch)]), ..wanted() };
        let trace = replay(reads(&texts), &wanted, HostFacts::default(), 0, None).unwrap().unwrap();
        let reads: Vec<u64> = trace.meta.groups.iter().map(|group| group.reads).collect();
        assert_eq!(reads, if irq < arch { [7, 3] } else { [3, 7] });
        for (label, step) in [("1", 2 * irq / MS), ("LOC", 2 * arch / MS)] {
            assert!(grown(&trace).iter().filter(|row| row.1 == label).all(|row| row.3 == step), "{:?}", grown(&trace));
        }
        assert_conserved(&trace);
    }
}

#[test]
fn a_late_read_keeps_its_ordinal_and_the_points_passed_over_are_missed() {
    let text = |count| cpus(&[0], |_| count);
    let mut reads = reads(&[&text(1), &text(2), &text(3), &text(4)]);
    // The second read begins 0.4 ms late and takes 3 ms.
    reads[1].window = Window { begin: MS + 400_000, end: 4 * MS + 400_000 };
    reads[2].window = Window { begin: 5 * MS, end: 5 * MS + 10 };
    reads[3].window = Window { begin: 6 * MS + 7, end: 6 * MS + 10 };
    let trace = replay(reads, &wanted(), HostFacts::default(), 0, None).unwrap().unwrap();
    let mut samples = Vec::new();
    for batch in trace.samples() {
        let batch = batch.unwrap();
        let column = |name| batch.column_by_name(name).unwrap().as_primitive::<Int64Type>().values().to_vec();
        samples.extend(column("sample").into_iter().zip(column("late_ns")));
    }
    samples.dedup();
    assert_eq!(samples, [(0, 0), (1, 400_000), (5, 0), (6, 7)]);
    assert_eq!(trace.meta.groups.iter().map(|group| group.missed).collect::<Vec<_>>(), [3, 3]);
    let [irq, arch] = warnings(&trace, WarningType::MissedSamples)[..] else { panic!("{:?}", trace.meta.warnings) };
    assert_eq!((irq.count, irq.first_sample, irq.last_sample, irq.worst), (3, 2, 4, Some(3)));
    assert_eq!(arch.count, 3);
    assert_eq!(warnings(&trace, WarningType::LongReads)[0].worst, Some(3 * MS));
}

proptest! {
    /// Against a slow oracle that knows the machine itself: each cell's growth from read to read, wherever the cell was
    /// in both and nothing of its line fell.
    #[test]
    #[expect(clippy::needless_range_loop, reason = "lines and CPUs are numbers here, and index several tables")]
    fn deltas_are_the_growth_of_the_machine(
        start in prop::array::uniform6(prop::array::uniform5(prop_oneof![0_u32..500, (u32::MAX - 5_000)..=u32::MAX])),
        steps in prop::collection::vec(prop::collection::vec(change(), 0..5), 1..25),
    ) {
        let mut machine = Machine { lines: [true; 6], cpus: [true; 5], counts: start };
        let mut machines = vec![machine.clone()];
        for changes in &steps {
            for change in changes {
                machine.apply(change);
            }
            machines.push(machine.clone());
        }
        let texts: Vec<String> = machines.iter().map(Machine::text).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let trace = record(&texts);
        let rows = rows(&trace);
        let keys: Vec<_> = rows.iter().map(|row| (row.0, row.1.starts_with('A'), row.2, row.3)).collect();
        prop_assert!(rows.iter().all(|row| row.4 >= 0));
        let delta = |sample: usize, line: usize, cpu: usize| -> i64 {
            let label = if line < 3 { line.to_string() } else { format!("AR{line}") };
            let sample = i64::try_from(sample).unwrap();
            rows.iter().filter(|row| row.0 == sample && row.1 == label && usize::from(row.3) == cpu).map(|row| row.4).sum()
        };
        let mut marks: [[Option<u64>; 5]; 6] = [[None; 5]; 6];
        for (at, now) in machines.iter().enumerate() {
            for line in 0..6 {
                let before = at.checked_sub(1).map(|at| &machines[at]);
                let here = |machine: &Machine, cpu: usize| machine.lines[line] && machine.cpus[cpu];
                // (mark before, count) of the cells that both reads have.
                let both: Vec<_> = (0..5)
                    .filter(|&cpu| here(now, cpu) && before.is_some_and(|before| here(before, cpu)))
                    .map(|cpu| (cpu, marks[line][cpu].unwrap(), u64::from(now.counts[line][cpu])))
                    .collect();
                // 1.02 ms from begin to end: 10,200 interrupts at most.
                let wrapped = |cpu: usize, mark: u64, count: u64| {
                    let direct = u64::from(before.unwrap().counts[line][cpu]);
                    direct == mark && count + (1 << 32) - mark <= 10_200
                };
                let fell = |&(cpu, mark, count): &(usize, u64, u64)| count < mark && !wrapped(cpu, mark, count);
                let reset = line < 3 && both.iter().any(fell);
                for cpu in 0..5 {
                    let Some(&(_, mark, count)) = both.iter().find(|cell| cell.0 == cpu) else {
                        marks[line][cpu] = here(now, cpu).then(|| u64::from(now.counts[line][cpu]));
                        prop_assert_eq!(delta(at, line, cpu), 0, "sample {} line {} cpu {}", at, line, cpu);
                        continue;
                    };
                    let expected = if reset || fell(&(cpu, mark, count)) {
                        0
                    } else if count < mark {
                        i64::try_from(count + (1 << 32) - mark).unwrap()
                    } else {
                        i64::try_from(count - mark).unwrap()
                    };
                    prop_assert_eq!(delta(at, line, cpu), expected, "sample {} line {} cpu {}", at, line, cpu);
                    marks[line][cpu] = Some(if reset || count >= mark || wrapped(cpu, mark, count) { count } else { mark });
                }
            }
        }
        prop_assert!(keys.is_sorted(), "rows are in the order sample, kind, line, cpu: {:?}", keys);
        if warnings(&trace, WarningType::CountFell).is_empty() {
            assert_conserved(&trace);
        }
    }
}
