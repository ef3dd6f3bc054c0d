//! A capture of any form is the trace that a sampler would have recorded from the same texts.

mod machine;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, UInt16Type, UInt32Type};
use irqtrace_core::import::{Options, Source, import};
use irqtrace_core::plan::Wanted;
use irqtrace_core::replay::{CapturedRead, replay};
use irqtrace_core::{HostFacts, IrqtraceError, Kind, NO_CPU, Trace, TraceWriter, WarningType, Window};
use machine::{Change, Machine, change};
use proptest::prelude::*;

const BEGIN_NS: i64 = 1_767_268_800_000_000_000;

fn imported(paths: &[PathBuf]) -> Result<Trace, IrqtraceError> {
    let sources = paths.iter().map(|path| Source { path: path.clone(), at: None }).collect();
    let options = Options { sources, ..Options::default() };
    import(&options, None, &mut |_, _| Ok(())).map(Option::unwrap)
}

/// The number of the read, line, CPU and delta.
type Row = (usize, u32, u16, i64);

/// Rows of a trace by the number of their read, and the instants of the reads.
fn rows(trace: &Trace) -> (Vec<Row>, Vec<i64>) {
    let mut rows = Vec::new();
    let mut reads = BTreeSet::new();
    for batch in trace.deltas() {
        let batch = batch.unwrap();
        let column = |name| batch.column_by_name(name).unwrap();
        let (sample, delta) =
            (column("sample").as_primitive::<Int64Type>(), column("delta").as_primitive::<Int64Type>());
        let (line, cpu) = (column("line").as_primitive::<UInt32Type>(), column("cpu").as_primitive::<UInt16Type>());
        for row in 0..batch.num_rows() {
            let cpu = cpu.iter().nth(row).unwrap().unwrap_or(NO_CPU);
            rows.push((sample.value(row), line.value(row), cpu, delta.value(row)));
        }
    }
    let mut instants = Vec::new();
    for batch in trace.samples() {
        let batch = batch.unwrap();
        for (sample, time) in batch
            .column(0)
            .as_primitive::<Int64Type>()
            .values()
            .iter()
            .zip(batch.column(1).as_primitive::<arrow_array::types::TimestampNanosecondType>().values())
        {
            if reads.insert(*sample) {
                instants.push(*time);
            }
        }
    }
    let number: BTreeMap<i64, usize> = reads.into_iter().enumerate().map(|(at, sample)| (sample, at)).collect();
    (rows.into_iter().map(|(sample, line, cpu, delta)| (number[&sample], line, cpu, delta)).collect(), instants)
}

fn assert_conserved(trace: &Trace) {
    let mut cells: BTreeMap<(u32, u16), (u64, u64)> = BTreeMap::new();
    let (baselines, finals) = (&trace.meta.baselines, &trace.meta.finals);
    for at in 0..baselines.len() {
        cells.entry((baselines.line[at], baselines.cpu[at].unwrap_or(NO_CPU))).or_default().0 += baselines.count[at];
    }
    for (_, line, cpu, delta) in rows(trace).0 {
        cells.entry((line, cpu)).or_default().0 += u64::try_from(delta).unwrap();
    }
    for at in 0..finals.len() {
        cells.entry((finals.line[at], finals.cpu[at].unwrap_or(NO_CPU))).or_default().1 += finals.count[at];
    }
    for (cell, (counted, last)) in cells {
        assert_eq!(counted % (1 << 32), last % (1 << 32), "{cell:?}");
    }
}

/// A text of softirqs of the machine's five CPUs, whatever of them is there.
fn softirqs(counts: &[[u32; 5]; 3]) -> String {
    let mut text = String::from("                    CPU0       CPU1       CPU2       CPU3       CPU4       \n");
    for (label, counts) in ["HI", "NET_RX", "RCU"].iter().zip(counts) {
        write!(text, "{label:>12}:").unwrap();
        for count in counts {
            write!(text, " {count:>10}").unwrap();
        }
        text.push('\n');
    }
    text
}

/// What was captured: instants, and the two texts of each.
type Capture = Vec<(i64, String, String)>;

fn captures() -> impl Strategy<Value = Capture> {
    let steps = prop::collection::vec(
        // In less, no CPU takes as many interrupts as there may be.
        (5_000_000_i64..10_000_000_000, prop::collection::vec(change(), 0..6), any::<[[u16; 5]; 3]>()),
        1..9,
    );
    (any::<[[u32; 5]; 6]>(), any::<[[u32; 5]; 3]>(), steps).prop_map(|(counts, mut soft, steps)| {
        let mut machine = Machine { lines: [true; 6], cpus: [true; 5], counts };
        let mut at = BEGIN_NS;
        let mut capture = Vec::new();
        for (after, changes, grown) in steps {
            capture.push((at, machine.text(), softirqs(&soft)));
            at += after;
            // A machine of which most counts fall is another one.
            changes
                .iter()
                .filter(|change| !matches!(change, Change::Fall(..)))
                .for_each(|change| machine.apply(change));
            for (count, grown) in soft.iter_mut().flatten().zip(grown.iter().flatten()) {
                *count = count.wrapping_add(u32::from(*grown) % 5_000);
            }
        }
        capture
    })
}

/// The same by the sampler, which reads a text at each point of a grid.
fn replayed(capture: &Capture) -> Trace {
    const MS: i64 = 1_000_000;
    let read = |(at, (_, interrupts, softirqs)): (i64, &(i64, String, String))| CapturedRead {
        window: Window { begin: at * MS, end: at * MS + 20_000 },
        interrupts: Some(interrupts.clone().into_bytes()),
        softirqs: Some(softirqs.clone().into_bytes()),
    };
    let reads = (0..).zip(capture).map(read).collect();
    let kinds = Kind::ALL.into_iter().map(|kind| (kind, MS)).collect();
    replay(reads, &Wanted { interval_ns: MS, kinds, irqs: None }, HostFacts::default(), 0, None).unwrap().unwrap()
}

fn log(folder: &Path, capture: &Capture) -> Vec<PathBuf> {
    let path = folder.join("a.log");
    let text: String = capture
        .iter()
        .enumerate()
        .map(|(at, (ns, interrupts, softirqs))| {
            let time = match at % 3 {
                0 => format!("{}.{:09}\n", ns / 1_000_000_000, ns % 1_000_000_000),
                1 => format!("=== {} ===\n\n", rfc3339(*ns)),
                _ => format!("---\n{},{:09}\n==> /proc/interrupts <==\n", ns / 1_000_000_000, ns % 1_000_000_000),
            };
            if at % 2 == 0 { time + interrupts + "\n" + softirqs } else { time + softirqs + interrupts }
        })
        .collect();
    fs::write(&path, text).unwrap();
    vec![path]
}

fn copies(folder: &Path, capture: &Capture) -> Vec<PathBuf> {
    let folder = folder.join("copies");
    fs::create_dir(&folder).unwrap();
    for (ns, interrupts, softirqs) in capture {
        fs::write(folder.join(format!("interrupts-{ns}.txt")), interrupts).unwrap();
        fs::write(folder.join(format!("softirqs-{ns}.txt")), softirqs).unwrap();
    }
    vec![folder]
}

fn folders(folder: &Path, capture: &Capture) -> Vec<PathBuf> {
    let in_folder = |(ns, interrupts, softirqs): &(i64, String, String)| {
        let one = folder.join(format!("at-{}.{:09}", ns / 1_000_000_000, ns % 1_000_000_000));
        fs::create_dir(&one).unwrap();
        fs::write(one.join("interrupts"), interrupts).unwrap();
        fs::write(one.join("softirqs"), softirqs).unwrap();
        one
    };
    // In whatever order they are given.
    capture.iter().rev().map(in_folder).collect()
}

fn rfc3339(ns: i64) -> String {
    chrono::DateTime::from_timestamp_nanos(ns).to_rfc3339_opts(chrono::SecondsFormat::Nanos, false)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_capture_of_any_form_is_what_a_sampler_would_have_recorded(capture in captures()) {
        let expected = replayed(&capture);
        for form in [log, copies, folders] {
            let folder = tempfile::tempdir().unwrap();
            let trace = imported(&form(folder.path(), &capture)).unwrap();
            let (found, instants) = rows(&trace);
            prop_assert_eq!(&found, &rows(&expected).0);
            prop_assert_eq!(instants, capture.iter().map(|(ns, ..)| *ns).collect::<Vec<_>>());
            let lines = |trace: &Trace| trace.meta.lines.iter().map(|line| line.line.clone()).collect::<Vec<_>>();
            prop_assert_eq!(lines(&trace), lines(&expected));
            prop_assert_eq!(&trace.meta.finals.count, &expected.meta.finals.count);
            assert_conserved(&trace);
            let of_a_grid = [WarningType::MissedSamples, WarningType::LongReads];
            prop_assert!(trace.meta.warnings.iter().all(|warning| !of_a_grid.contains(&warning.r#type)));
            prop_assert!(trace.meta.irregular && trace.meta.groups.iter().all(|group| group.missed == 0));
        }
    }

    /// Bytes that somebody has damaged are an error with a place, or texts all the same; nothing else happens.
    #[test]
    fn whatever_stands_in_a_file_there_is_no_panic(
        capture in captures(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let paths = log(folder.path(), &capture);
        let mut bytes = fs::read(&paths[0]).unwrap();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        fs::write(&paths[0], bytes).unwrap();
        match imported(&paths) {
            // Only growth adds up.
            Ok(trace) if trace.meta.warnings.iter().any(|warning| warning.r#type == WarningType::CountFell) => {}
            Ok(trace) => assert_conserved(&trace),
            Err(IrqtraceError::Parse(error)) => prop_assert!(error.line > 0 && error.path.ends_with("a.log")),
            Err(error) => prop_assert!(matches!(error, IrqtraceError::Source(_)), "{error}"),
        }
    }
}

#[test]
fn what_cannot_be_imported_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("a.log");
    fs::write(&source, "1767268800\n           CPU0\n  1:          x  IO-APIC   1-edge      dev1\n").unwrap();
    let target = folder.path().join("t.parquet");
    fs::write(&target, "kept").unwrap();
    let options = Options { sources: vec![Source { path: source.clone(), at: None }], ..Options::default() };
    let error = import(&options, Some((&target, true)), &mut |_, _| Ok(())).unwrap_err();
    assert!(matches!(error, IrqtraceError::Parse(ref error) if error.line == 3 && error.offset == 41), "{error}");
    assert_eq!(fs::read(&target).unwrap(), b"kept");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing temporary is left");
    assert!(TraceWriter::create(&target, false).is_err());
}

#[test]
fn an_import_ends_when_it_is_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("1767268800");
    fs::write(&source, "           CPU0\n  1:          1  IO-APIC   1-edge      dev1\n").unwrap();
    let options = Options { sources: vec![Source { path: source, at: None }], ..Options::default() };
    let target = folder.path().join("t.parquet");
    let ended = || IrqtraceError::Config(irqtrace_core::ConfigError("enough".to_owned()));
    let result = import(&options, Some((&target, false)), &mut |_, _| Err(ended()));
    assert!(matches!(result, Err(IrqtraceError::Config(_))));
    assert!(!target.exists());
}

#[test]
fn a_number_in_a_name_is_its_time_unless_that_is_more_than_a_day_to_come() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("i-1767268800");
    fs::write(&path, "           CPU0\n  1:          1  IO-APIC   1-edge      dev1\n").unwrap();
    let at = |now_ns, since_1970| {
        let sources = vec![Source { path: path.clone(), at: None }];
        let options = Options { sources, since_1970, now_ns: Some(now_ns), ..Options::default() };
        import(&options, None, &mut |_, _| Ok(()))
    };
    let day_before = BEGIN_NS - 86_400_000_000_000;
    assert!(at(day_before, false).is_ok());
    let error = at(day_before - 1, false).unwrap_err().to_string();
    assert!(error.contains("1767268800 in its name") && error.contains("2026-01-01T12:00:00Z"), "{error}");
    assert!(at(day_before - 1, true).is_ok());
}
