//! The three tables of a trace say the same, each in its way.

mod traces;

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int8Type, Int64Type, TimestampNanosecondType, UInt16Type, UInt32Type};
use arrow_array::{Array, RecordBatch};
use irqtrace_core::{Cells, ChunkBuilder, NO_CPU, Reads, Trace, conform, schema};
use proptest::prelude::*;
use traces::{Reading, any_chunks, flat_rows, lines, meta, oracle, text, trace};

fn read(sample: i64, group: u8, cells: Vec<(u32, Option<u16>, i64)>) -> Reading {
    Reading { sample, time: sample * 1_000_000 + 7, read_ns: 48_000, group, late_ns: 7, cells }
}

fn flat(trace: &Trace) -> Vec<RecordBatch> {
    trace.flat().collect::<Result<_, _>>().unwrap()
}

proptest! {
    #![proptest_config(traces::cases(256))]

    #[test]
    fn the_flat_table_has_a_row_for_each_cell_and_one_for_each_read_without(chunks in any_chunks()) {
        let trace = trace(&chunks, meta(lines()));
        let rows: Vec<_> = flat(&trace).iter().flat_map(flat_rows).collect();
        prop_assert_eq!(rows, oracle(&chunks, &trace.meta));
    }

    #[test]
    fn deltas_and_samples_hold_every_read(chunks in any_chunks()) {
        let trace = trace(&chunks, meta(lines()));
        let mut cells = vec![];
        for batch in trace.deltas() {
            let batch = batch.unwrap();
            prop_assert_eq!(batch.schema(), schema::deltas());
            let cpu = batch.column(4).as_primitive::<UInt16Type>();
            for row in 0..batch.num_rows() {
                cells.push((
                    batch.column(0).as_primitive::<Int64Type>().value(row),
                    batch.column(1).as_primitive::<TimestampNanosecondType>().value(row),
                    batch.column(2).as_primitive::<UInt32Type>().value(row),
                    batch.column(3).as_primitive::<UInt32Type>().value(row),
                    cpu.is_valid(row).then(|| cpu.value(row)),
                    batch.column(5).as_primitive::<Int64Type>().value(row),
                ));
            }
        }
        let expected: Vec<_> = chunks
            .iter()
            .flatten()
            .flat_map(|read| {
                read.cells.iter().map(|&(line, cpu, delta)| (read.sample, read.time, read.read_ns, line, cpu, delta))
            })
            .collect();
        prop_assert_eq!(&cells, &expected);
        prop_assert_eq!(trace.deltas_rows(), cells.len());

        let mut reads = vec![];
        for batch in trace.samples() {
            let batch = batch.unwrap();
            prop_assert_eq!(batch.schema(), schema::samples());
            for row in 0..batch.num_rows() {
                reads.push((
                    batch.column(0).as_primitive::<Int64Type>().value(row),
                    batch.column(1).as_primitive::<TimestampNanosecondType>().value(row),
                    batch.column(2).as_primitive::<UInt32Type>().value(row),
                    text::<Int8Type>(batch.column(3), row).unwrap(),
                    text::<Int8Type>(batch.column(4), row).unwrap(),
                    batch.column(5).as_primitive::<Int64Type>().value(row),
                ));
            }
        }
        let groups = traces::groups();
        let expected: Vec<_> = chunks
            .iter()
            .flatten()
            .map(|read| {
                let group = groups[usize::from(read.group)];
                let (kind, engine) = (group.kind.as_str().to_owned(), group.engine.as_str().to_owned());
                (read.sample, read.time, read.read_ns, kind, engine, read.late_ns)
            })
            .collect();
        prop_assert_eq!(reads, expected);
    }
}

#[test]
fn a_read_in_which_nothing_changed_has_one_row_without_a_line() {
    let trace = trace(&[vec![read(0, 0, vec![])]], meta(lines()));
    let rows = flat_rows(&flat(&trace)[0]);
    assert_eq!(rows.len(), 1);
    assert_eq!((&rows[0].irq, &rows[0].name, rows[0].cpu, rows[0].delta), (&None, &None, None, 0));
}

#[test]
fn a_count_that_is_not_of_one_cpu_has_none() {
    let chunks = [vec![read(0, 2, vec![(3, None, 1), (3, Some(4094), 2)])], vec![read(1, 2, vec![(3, Some(0), 1)])]];
    let trace = trace(&chunks, meta(lines()));
    let cpus: Vec<_> = flat(&trace).iter().flat_map(flat_rows).map(|row| row.cpu).collect();
    assert_eq!(cpus, [None, Some(4094), Some(0)]);
    let batches: Vec<_> = trace.deltas().map(Result::unwrap).collect();
    assert_eq!(batches[0].column(4).null_count(), 1);
    assert!(batches[1].column(4).nulls().is_none(), "no bitmap where no CPU is null");
}

#[test]
fn the_frame_deltas_is_the_memory_of_the_chunks() {
    let trace = trace(&[vec![read(0, 0, vec![(0, Some(1), 5)])]], meta(lines()));
    let (one, two) = (trace.deltas().next().unwrap().unwrap(), trace.deltas().next().unwrap().unwrap());
    for (one, two) in one.columns().iter().zip(two.columns()) {
        assert_eq!(one.to_data().buffers()[0].as_ptr(), two.to_data().buffers()[0].as_ptr());
    }
}

#[test]
fn room_that_was_not_used_is_given_back() {
    let mut builder = ChunkBuilder::with_capacity(ChunkBuilder::ROWS);
    traces::append(&mut builder, &[read(0, 0, vec![(0, Some(1), 5)])]);
    assert_eq!((builder.rows(), builder.reads()), (1, 1));
    let chunk = builder.freeze().unwrap();
    assert_eq!((chunk.reads().rows, chunk.cells().delta), ([1].as_slice(), [5].as_slice()));
    assert!(chunk.memory_bytes() < 4096, "{}", chunk.memory_bytes());
}

#[test]
fn batches_of_the_flat_table_are_bounded_but_for_one_large_read() {
    let cells = |count: u32| (0..count).map(|cell| (cell % 7, Some(0), i64::from(cell))).collect::<Vec<_>>();
    let large = u32::try_from(ChunkBuilder::ROWS).unwrap() + 1;
    let mut reads: Vec<_> = (0..200).map(|sample| read(sample, 0, cells(1000))).collect();
    reads.push(read(200, 0, cells(large)));
    reads.push(read(201, 0, vec![]));
    let chunks = [reads];
    let trace = trace(&chunks, meta(lines()));
    let batches = flat(&trace);
    let rows: Vec<_> = batches.iter().map(RecordBatch::num_rows).collect();
    assert_eq!(rows, [131_000, 69_000, ChunkBuilder::ROWS + 1, 1]);
    assert_eq!(batches.iter().flat_map(flat_rows).collect::<Vec<_>>(), oracle(&chunks, &trace.meta));
}

#[test]
fn a_trace_without_a_boot_id_says_null() {
    let mut meta = meta(lines());
    meta.host.boot = None;
    let trace = trace(&[vec![read(0, 0, vec![(0, Some(1), 5)]), read(1, 0, vec![])]], meta);
    assert!(flat_rows(&flat(&trace)[0]).iter().all(|row| row.boot.is_none() && row.host == "here"));
}

#[test]
fn a_row_of_a_line_that_nobody_knows_is_an_error() {
    let trace = trace(&[vec![read(0, 0, vec![(99, Some(1), 5)])]], meta(lines()));
    let error = trace.flat().next().unwrap().unwrap_err().to_string();
    assert!(error.contains("line 99"), "{error}");
}

#[test]
fn a_read_of_a_group_that_nobody_knows_is_an_error() {
    let trace = trace(&[vec![read(0, 9, vec![])]], meta(lines()));
    assert!(trace.flat().next().unwrap().unwrap_err().to_string().contains("group 9"));
    assert!(trace.samples().next().unwrap().unwrap_err().to_string().contains("group 9"));
}

#[test]
fn columns_that_do_not_match_are_an_error_and_never_rows() {
    let reads = Reads { sample: &[0], time: &[0], read_ns: &[0], group: &[0], late_ns: &[0], rows: &[2] };
    let mut builder = ChunkBuilder::default();
    builder.append(reads, Cells { line: &[0], cpu: &[NO_CPU], delta: &[1] });
    assert!(builder.freeze().is_err(), "a read promises two cells and has one");
    let mut builder = ChunkBuilder::default();
    builder.append(Reads { time: &[], ..reads }, Cells { line: &[0, 1], cpu: &[0, 0], delta: &[1, 1] });
    assert!(builder.freeze().is_err(), "a read has no time");
}

#[test]
fn flat_tables_of_data_frame_libraries_are_taken() {
    use arrow_array::StringViewArray;
    use arrow_array::{ArrayRef, DictionaryArray, UInt32Array};
    let trace = trace(&[vec![read(0, 0, vec![(0, Some(1), 5), (6, None, 1)]), read(1, 3, vec![])]], meta(lines()));
    let ours = flat(&trace).remove(0);
    // Polars: keys of 32 bits into texts that are views, shared by all columns, and every column nullable.
    let shared: Vec<String> = (0..300).map(|other| format!("other {other}")).collect();
    let schema = ours.schema();
    let columns = schema.fields().iter().zip(ours.columns()).map(|(field, column)| {
        let column: ArrayRef = if let arrow_schema::DataType::Dictionary(_, texts) = field.data_type() {
            let texts = arrow_cast::cast(column, texts).unwrap();
            let texts = texts.as_string::<i32>();
            let values = shared.iter().map(String::as_str).chain(texts.iter().flatten()).collect::<Vec<_>>();
            let keys: UInt32Array = texts
                .iter()
                .map(|text| {
                    text.map(|text| u32::try_from(values.iter().position(|value| *value == text).unwrap()).unwrap())
                })
                .collect();
            Arc::new(DictionaryArray::new(keys, Arc::new(StringViewArray::from(values))))
        } else {
            column.clone()
        };
        (field.name().clone(), column, true)
    });
    let columns: Vec<_> = columns.collect();
    let theirs = RecordBatch::try_from_iter_with_nullable(columns.clone().into_iter().rev()).unwrap();
    let conformed = conform(&theirs).unwrap();
    assert_eq!(conformed.schema(), irqtrace_core::schema::flat());
    assert_eq!(flat_rows(&conformed), flat_rows(&ours));

    let lacking = RecordBatch::try_from_iter_with_nullable(columns.into_iter().skip(1)).unwrap();
    assert_eq!(conform(&lacking).unwrap_err(), "column \"sample\" is missing");
}
