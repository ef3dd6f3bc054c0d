//! Traces made up for tests, and the flat table row by row as a person would write it down.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int8Type, Int32Type, Int64Type, TimestampNanosecondType, UInt16Type, UInt32Type};
use arrow_array::{Array, ArrayRef, DictionaryArray, RecordBatch, StringArray};
use irqtrace_core::{
    Cells, ChunkBuilder, ClockAnchor, EngineName, Group, GroupMeta, HostFacts, Kind, Line, LineMeta, Meta, NO_CPU,
    Reads, Trace,
};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

/// One read as it is described in a test: its place among the groups, and (line, cpu, delta) of each cell.
#[derive(Clone, Debug)]
pub struct Reading {
    pub sample: i64,
    pub time: i64,
    pub read_ns: u32,
    pub group: u8,
    pub late_ns: i64,
    pub cells: Vec<(u32, Option<u16>, i64)>,
}

/// One row of the flat table.
#[derive(Clone, Debug, PartialEq)]
pub struct FlatRow {
    pub sample: i64,
    pub time: i64,
    pub read_ns: u32,
    pub engine: String,
    pub kind: String,
    pub irq: Option<String>,
    pub name: Option<String>,
    pub cpu: Option<u16>,
    pub delta: i64,
    pub host: String,
    pub boot: Option<String>,
}

pub fn groups() -> Vec<Group> {
    vec![
        Group { kind: Kind::Irq, engine: EngineName::Proc },
        Group { kind: Kind::Irq, engine: EngineName::Sysfs },
        Group { kind: Kind::Arch, engine: EngineName::Proc },
        Group { kind: Kind::Softirq, engine: EngineName::Replay },
    ]
}

pub fn line(id: u32, kind: Kind, irq: &str, name: &str) -> LineMeta {
    let line = Line {
        kind,
        irq: irq.to_owned(),
        name: name.to_owned(),
        number: irq.parse().ok(),
        chip: None,
        hwirq: None,
        trigger: None,
        actions: vec![],
    };
    LineMeta { id, engine: EngineName::Proc, line, first_sample: 0, last_sample: None }
}

/// Lines of which some share their irq or their name, and one has bytes that no terminal should get.
pub fn lines() -> Vec<LineMeta> {
    vec![
        line(0, Kind::Irq, "36", "eth0-rx-0"),
        line(1, Kind::Irq, "37", "eth0-rx-0"),
        line(2, Kind::Irq, "36", "nvme0q1"),
        line(3, Kind::Arch, "LOC", "Local timer interrupts"),
        line(4, Kind::Arch, "LOC", "Local timer interrupts #2"),
        line(5, Kind::Softirq, "NET_RX", "NET_RX"),
        line(6, Kind::Irq, "38", "\u{1b}[31m\\xff \"q\", é"),
    ]
}

pub fn meta(lines: Vec<LineMeta>) -> Meta {
    Meta {
        schema: irqtrace_core::SCHEMA_VERSION,
        irregular: false,
        irqtrace: "0.1.0".to_owned(),
        recording: None,
        segment: None,
        interval_ns: 1_000_000,
        t0_ns: 1_700_000_000_000_000_000,
        span: None,
        groups: groups().into_iter().map(|group| GroupMeta { group, every: 1, reads: 0, missed: 0 }).collect(),
        anchors: vec![ClockAnchor { mono_ns: 1, real_ns: 2, boot_ns: 3, raw_ns: 4, bracket_ns: 5 }],
        host: HostFacts { host: "here".to_owned(), boot: Some("b00t".to_owned()), ..HostFacts::default() },
        lines,
        baselines: irqtrace_core::CellColumns::default(),
        finals: irqtrace_core::CellColumns::default(),
        previous: vec![],
        settings: irqtrace_core::Settings::default(),
        cost: irqtrace_core::Cost::default(),
        warnings: vec![],
        marks: vec![],
    }
}

/// Adds reads to a chunk under way, column by column as a producer does.
pub fn append(builder: &mut ChunkBuilder, reads: &[Reading]) {
    let rows: Vec<u32> = reads.iter().map(|read| u32::try_from(read.cells.len()).unwrap()).collect();
    let cells: Vec<_> = reads.iter().flat_map(|read| &read.cells).copied().collect();
    builder.append(
        Reads {
            sample: &column(reads, |read| read.sample),
            time: &column(reads, |read| read.time),
            read_ns: &column(reads, |read| read.read_ns),
            group: &column(reads, |read| read.group),
            late_ns: &column(reads, |read| read.late_ns),
            rows: &rows,
        },
        Cells {
            line: &column(&cells, |cell| cell.0),
            cpu: &column(&cells, |cell| cell.1.unwrap_or(NO_CPU)),
            delta: &column(&cells, |cell| cell.2),
        },
    );
}

fn column<R, T>(rows: &[R], value: impl Fn(&R) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}

/// A trace of these reads, one chunk for each list.
pub fn trace(chunks: &[Vec<Reading>], meta: Meta) -> Trace {
    let chunks = chunks.iter().map(|reads| {
        let mut builder = ChunkBuilder::with_capacity(ChunkBuilder::ROWS);
        // In two blocks, to see that blocks join.
        let (one, two) = reads.split_at(reads.len() / 2);
        append(&mut builder, one);
        append(&mut builder, two);
        Arc::new(builder.freeze().unwrap())
    });
    Trace { chunks: chunks.collect(), meta: Arc::new(meta) }
}

/// The rule of docs/format.md, one row after the other.
pub fn oracle(chunks: &[Vec<Reading>], meta: &Meta) -> Vec<FlatRow> {
    let mut rows = vec![];
    for read in chunks.iter().flatten() {
        let group = meta.groups[usize::from(read.group)].group;
        let row = FlatRow {
            sample: read.sample,
            time: read.time,
            read_ns: read.read_ns,
            engine: group.engine.as_str().to_owned(),
            kind: group.kind.as_str().to_owned(),
            irq: None,
            name: None,
            cpu: None,
            delta: 0,
            host: meta.host.host.clone(),
            boot: meta.host.boot.clone(),
        };
        for &(line, cpu, delta) in &read.cells {
            let line = &meta.lines.iter().find(|other| other.id == line).unwrap().line;
            let (irq, name) = (Some(line.irq.clone()), Some(line.name.clone()));
            rows.push(FlatRow { irq, name, cpu, delta, ..row.clone() });
        }
        if read.cells.is_empty() {
            rows.push(row);
        }
    }
    rows
}

/// What a batch of the flat table says, row by row.
pub fn flat_rows(batch: &RecordBatch) -> Vec<FlatRow> {
    let column = |name: &str| batch.column_by_name(name).unwrap().clone();
    let (sample, time, read_ns) = (column("sample"), column("time"), column("read_ns"));
    let (cpu, delta) = (column("cpu"), column("delta"));
    (0..batch.num_rows())
        .map(|row| FlatRow {
            sample: sample.as_primitive::<Int64Type>().value(row),
            time: time.as_primitive::<TimestampNanosecondType>().value(row),
            read_ns: read_ns.as_primitive::<UInt32Type>().value(row),
            engine: text::<Int8Type>(&column("engine"), row).unwrap(),
            kind: text::<Int8Type>(&column("kind"), row).unwrap(),
            irq: text::<Int32Type>(&column("irq"), row),
            name: text::<Int32Type>(&column("name"), row),
            cpu: cpu.is_valid(row).then(|| cpu.as_primitive::<UInt16Type>().value(row)),
            delta: delta.as_primitive::<Int64Type>().value(row),
            host: text::<Int8Type>(&column("host"), row).unwrap(),
            boot: text::<Int8Type>(&column("boot"), row),
        })
        .collect()
}

pub fn text<K: arrow_array::types::ArrowDictionaryKeyType>(column: &ArrayRef, row: usize) -> Option<String> {
    let column: &DictionaryArray<K> = column.as_dictionary::<K>();
    let values: &StringArray = column.values().as_string();
    column.key(row).map(|key| values.value(key).to_owned())
}

/// So many cases of a property. A failure is kept beside the test and tried again first.
pub fn cases(cases: u32) -> ProptestConfig {
    let regressions = FileFailurePersistence::WithSource("regressions");
    ProptestConfig { cases, failure_persistence: Some(Box::new(regressions)), ..ProptestConfig::default() }
}

/// Some chunks of some reads of the [`groups`] and [`lines`] here.
pub fn any_chunks() -> impl Strategy<Value = Vec<Vec<Reading>>> {
    let cpu = prop_oneof![4 => (0..4096_u16).prop_map(Some), 1 => Just(None)];
    let cell = (0..7_u32, cpu, 0..=i64::MAX);
    let read = (0..1_000_000_i64, any::<i64>(), any::<u32>(), 0..4_u8, any::<i64>());
    let read =
        (read, prop::collection::vec(cell, 0..6)).prop_map(|((sample, time, read_ns, group, late_ns), cells)| {
            Reading { sample, time, read_ns, group, late_ns, cells }
        });
    prop::collection::vec(prop::collection::vec(read, 0..12), 0..4)
}
