//! A trace file is complete or not there, and any tool can read it.

mod traces;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use irqtrace_core::{ChunkBuilder, Flattener, IrqtraceError, META_KEY, Meta, TraceWriter, schema};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, Encoding};
use proptest::prelude::*;
use tempfile::TempDir;
use traces::{Reading, any_chunks, flat_rows, lines, meta, oracle, trace};

/// A folder with the path of a file that is not there yet.
fn place() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("trace.parquet");
    (folder, path)
}

fn open(path: &Path) -> ParquetRecordBatchReaderBuilder<File> {
    ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap()
}

fn files(folder: &TempDir) -> Vec<String> {
    fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// As a machine of two CPUs at 1 kHz has it: some ten cells change at a sample, by small amounts. One text serves the
/// groups irq and arch, so they share a window.
fn busy(first: i64, samples: i64) -> Vec<Reading> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64 ^ u64::try_from(first).unwrap();
    let mut random = move |below: u32| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        u32::try_from((state >> 16) % u64::from(below)).unwrap()
    };
    let mut reads = vec![];
    for sample in first..first + samples {
        let late_ns = 15_000 + i64::from(random(10_000));
        let read_ns = 45_000 + random(4_000);
        let softirqs_late_ns = late_ns + i64::from(read_ns) + 200;
        let softirqs_ns = 2_300 + random(400);
        for (group, lines, every, late_ns, read_ns) in [
            (0_u8, [0, 1, 2].as_slice(), 2, late_ns, read_ns),
            (2, [3, 4].as_slice(), 1, late_ns, read_ns),
            (3, [5].as_slice(), 1, softirqs_late_ns, softirqs_ns),
        ] {
            let time = 1_700_000_000_000_000_000 + sample * 1_000_000 + late_ns;
            let mut cells = vec![];
            for &line in lines {
                for cpu in [0, 1] {
                    if random(every) == 0 {
                        cells.push((line, Some(cpu), i64::from(1 + random(3) / 2)));
                    }
                }
            }
            reads.push(Reading { sample, time, read_ns, group, late_ns, cells });
        }
    }
    reads
}

proptest! {
    #![proptest_config(traces::cases(48))]

    #[test]
    fn a_file_read_back_is_the_flat_table(chunks in any_chunks()) {
        let (_folder, path) = place();
        let trace = trace(&chunks, meta(lines()));
        let mut writer = TraceWriter::create(&path, false).unwrap();
        for batch in trace.flat() {
            writer.write_flat(&batch.unwrap()).unwrap();
        }
        writer.finish(&trace.meta.to_json().unwrap()).unwrap();

        let file = open(&path);
        prop_assert_eq!(file.schema().fields().clone(), schema::flat().fields().clone());
        let metadata = file.metadata().file_metadata().key_value_metadata().unwrap();
        let json = metadata.iter().find(|pair| pair.key == META_KEY).and_then(|pair| pair.value.as_deref());
        prop_assert_eq!(&Meta::from_json("trace.parquet", json).unwrap(), &*trace.meta);
        let rows: Vec<_> = file.build().unwrap().flat_map(|batch| flat_rows(&batch.unwrap())).collect();
        prop_assert_eq!(rows, oracle(&chunks, &trace.meta));
    }
}

#[test]
fn lines_that_come_later_join_the_dictionaries() {
    let (_folder, path) = place();
    let chunks: Vec<Vec<Reading>> = (0..7)
        .map(|line: u32| {
            let time = i64::from(line);
            vec![Reading { sample: time, time, read_ns: 1, group: 0, late_ns: 0, cells: vec![(line, Some(0), 1)] }]
        })
        .collect();
    let trace = trace(&chunks, meta(lines()));
    let mut writer = TraceWriter::create(&path, false).unwrap();
    for (known, chunk) in trace.chunks.iter().enumerate() {
        let flattener = Flattener::new(&trace.meta.host, &traces::groups(), &trace.meta.lines[..=known]);
        writer.write_chunk(chunk, &flattener).unwrap();
    }
    writer.finish("{}").unwrap();
    let rows: Vec<_> = open(&path).build().unwrap().flat_map(|batch| flat_rows(&batch.unwrap())).collect();
    assert_eq!(rows, oracle(&chunks, &trace.meta));
}

#[test]
fn times_are_delta_packed_lengths_are_plain_and_the_rest_are_dictionaries_under_zstd() {
    let (_folder, path) = place();
    let trace = trace(&[busy(0, 1_000)], meta(lines()));
    let mut writer = TraceWriter::create(&path, false).unwrap();
    for batch in trace.flat() {
        writer.write_flat(&batch.unwrap()).unwrap();
    }
    writer.finish("{}").unwrap();
    let file = open(&path);
    let group = file.metadata().row_group(0);
    assert_eq!(group.num_columns(), schema::flat().fields().len());
    for column in group.columns() {
        let name = column.column_path().string();
        let encodings: Vec<_> = column.encodings().collect();
        assert!(matches!(column.compression(), Compression::ZSTD(_)), "{name}");
        assert!(column.statistics().is_some(), "{name}");
        if ["sample", "time", "read_ns"].contains(&name.as_str()) {
            let wanted = if name == "read_ns" { Encoding::PLAIN } else { Encoding::DELTA_BINARY_PACKED };
            assert!(encodings.contains(&wanted), "{name}: {encodings:?}");
            assert_eq!(column.dictionary_page_offset(), None, "{name}");
        } else {
            assert!(encodings.contains(&Encoding::RLE_DICTIONARY), "{name}: {encodings:?}");
            assert!(column.dictionary_page_offset().is_some(), "{name}");
        }
    }
}

#[test]
fn a_row_takes_few_bytes() {
    let (_folder, path) = place();
    let trace = trace(&[busy(0, 20_000)], meta(lines()));
    let mut writer = TraceWriter::create(&path, false).unwrap();
    let mut rows = 0;
    for batch in trace.flat() {
        let batch = batch.unwrap();
        rows += batch.num_rows() as u64;
        writer.write_flat(&batch).unwrap();
    }
    writer.finish(&trace.meta.to_json().unwrap()).unwrap();
    let mut columns = BTreeMap::new();
    for group in open(&path).metadata().row_groups() {
        for column in group.columns() {
            *columns.entry(column.column_path().string()).or_insert(0) += column.compressed_size();
        }
    }
    let bytes = fs::metadata(&path).unwrap().len();
    println!("{rows} rows, {}/100 bytes a row: {columns:?}", 100 * bytes / rows);
    assert!(bytes < 5 * rows, "{bytes} bytes for {rows} rows");
}

fn write_something(writer: &mut TraceWriter) {
    let trace = trace(&[busy(0, 100)], meta(lines()));
    for batch in trace.flat() {
        writer.write_flat(&batch.unwrap()).unwrap();
    }
}

#[test]
fn a_file_that_exists_is_refused_unless_it_may_be_replaced() {
    let (folder, path) = place();
    fs::write(&path, "dear data").unwrap();
    let Err(IrqtraceError::Io { path: named, source }) = TraceWriter::create(&path, false) else {
        panic!("taken");
    };
    assert_eq!((named, source.kind()), (path.clone(), io::ErrorKind::AlreadyExists));
    assert!(source.to_string().contains("--force"), "{source}");

    let mut writer = TraceWriter::create(&path, true).unwrap();
    write_something(&mut writer);
    assert_eq!(fs::read(&path).unwrap(), b"dear data", "replaced only when complete");
    writer.finish("{}").unwrap();
    assert!(open(&path).metadata().file_metadata().num_rows() > 0);
    assert_eq!(files(&folder), ["trace.parquet"]);
}

#[test]
fn a_file_that_came_meanwhile_is_not_replaced() {
    let (_folder, path) = place();
    let mut writer = TraceWriter::create(&path, false).unwrap();
    write_something(&mut writer);
    fs::write(&path, "dear data").unwrap();
    let error = writer.finish("{}").unwrap_err();
    let message = error.to_string();
    let IrqtraceError::NotNamed { path: named, source, kept } = error else { panic!("{error}") };
    assert_eq!((named, source.kind()), (path.clone(), io::ErrorKind::AlreadyExists));
    assert_eq!(fs::read(&path).unwrap(), b"dear data");
    assert!(message.ends_with(&format!("the recording is complete in {}", kept.display())), "{message}");
    assert!(open(&kept).metadata().file_metadata().num_rows() > 0);
}

#[test]
fn a_recording_that_went_with_its_folder_is_said_to_be_nowhere() {
    let (folder, _) = place();
    let inner = folder.path().join("inner");
    fs::create_dir(&inner).unwrap();
    let path = inner.join("trace.parquet");
    let writer = TraceWriter::create(&path, false).unwrap();
    fs::remove_dir_all(&inner).unwrap();
    let Err(IrqtraceError::Io { path: named, source }) = writer.finish("{}") else { panic!("written") };
    assert_eq!((named, source.kind()), (path, io::ErrorKind::NotFound));
}

#[test]
fn a_recording_that_is_given_up_leaves_nothing() {
    let (folder, path) = place();
    let mut writer = TraceWriter::create(&path, false).unwrap();
    write_something(&mut writer);
    assert!(!path.exists(), "no half a file under the name");
    assert_eq!(files(&folder).len(), 1);
    drop(writer);
    assert_eq!(files(&folder), [""; 0]);
}

#[test]
fn only_files_are_replaced() {
    let (folder, _) = place();
    let error = TraceWriter::create(folder.path(), true).err().unwrap().to_string();
    assert!(error.contains("is not a file"), "{error}");
    assert!(TraceWriter::create(Path::new("/"), true).is_err());
}

#[test]
fn a_path_that_is_empty_names_no_file() {
    let error = TraceWriter::create(Path::new(""), true).err().unwrap();
    assert!(matches!(&error, IrqtraceError::Config(_)), "{error}");
    assert!(error.to_string().starts_with("path is empty"), "{error}");
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let (folder, _) = place();
    let path = folder.path().join("none/trace.parquet");
    let Err(IrqtraceError::Io { path: named, source }) = TraceWriter::create(&path, false) else { panic!("written") };
    assert_eq!((named, source.kind()), (path, io::ErrorKind::NotFound));
    assert!(source.raw_os_error().is_some(), "the system's own error, with its number: {source}");
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_nowhere_is_refused_before_the_recording_and_not_after() {
    let (folder, path) = place();
    std::os::unix::fs::symlink(folder.path().join("nowhere"), &path).unwrap();
    let Err(IrqtraceError::Io { source, .. }) = TraceWriter::create(&path, false) else { panic!("taken") };
    assert_eq!(source.kind(), io::ErrorKind::AlreadyExists);
}

#[cfg(unix)]
#[test]
fn a_link_stays_and_what_it_leads_to_is_replaced() {
    use std::os::unix::fs::symlink;
    let (folder, path) = place();
    let inner = folder.path().join("inner");
    fs::create_dir(&inner).unwrap();
    symlink("inner/link", &path).unwrap();
    symlink("real", inner.join("link")).unwrap();
    // First there is nothing behind the links, then a file.
    for _ in 0..2 {
        let mut writer = TraceWriter::create(&path, true).unwrap();
        write_something(&mut writer);
        writer.finish("{}").unwrap();
        assert!(path.is_symlink() && inner.join("link").is_symlink());
        assert!(open(&inner.join("real")).metadata().file_metadata().num_rows() > 0);
    }
}

#[cfg(unix)]
#[test]
fn a_trace_that_is_replaced_hands_on_its_rights() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, path) = place();
    for rights in [0o600, 0o666] {
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(rights)).unwrap();
        let writer = TraceWriter::create(&path, true).unwrap();
        for name in files(&folder) {
            assert_eq!(fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777, rights);
        }
        writer.finish("{}").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, rights);
    }
}

#[cfg(unix)]
#[test]
fn a_trace_has_the_rights_of_any_new_file() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, path) = place();
    TraceWriter::create(&path, false).unwrap().finish("{}").unwrap();
    let other = folder.path().join("other");
    fs::write(&other, "").unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&path), mode(&other));
}

#[test]
fn what_waits_in_memory_is_bounded_and_goes_to_disk_by_row_groups() {
    let (_folder, path) = place();
    let flattener = {
        let meta = meta(lines());
        Flattener::new(&meta.host, &traces::groups(), &meta.lines)
    };
    // No two deltas alike and times without order: the most that a row can take.
    let mut writer = TraceWriter::create(&path, false).unwrap();
    let (mut rows, mut worst) = (0_u64, 0);
    for block in 0..40_u64 {
        let reads: Vec<Reading> = (0..400_u64)
            .map(|read| {
                let random = |salt: u64| ((block * 400 + read) * 131 + salt).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 1;
                let signed = |salt| i64::try_from(random(salt)).unwrap();
                let cells = (0..100).map(|cell| (2, Some(cell), signed(u64::from(cell)))).collect();
                Reading { sample: signed(101), time: signed(102), read_ns: 1, group: 0, late_ns: 0, cells }
            })
            .collect();
        let mut builder = ChunkBuilder::default();
        traces::append(&mut builder, &reads);
        rows += builder.rows() as u64;
        writer.write_chunk(&builder.freeze().unwrap().into(), &flattener).unwrap();
        worst = worst.max(writer.memory_bytes());
    }
    assert!(worst <= 64 << 20, "{worst} bytes in memory");
    assert!(writer.bytes_written() > 0);
    writer.finish("{}").unwrap();
    let file = open(&path);
    assert_eq!(file.metadata().file_metadata().num_rows().unsigned_abs(), rows);
    assert!(file.metadata().num_row_groups() > 1);
}

#[test]
fn rows_that_are_no_flat_table_are_refused() {
    let (_folder, path) = place();
    let mut writer = TraceWriter::create(&path, false).unwrap();
    let deltas = trace(&[busy(0, 10)], meta(lines())).deltas().next().unwrap().unwrap();
    let error = writer.write_flat(&deltas).unwrap_err();
    assert!(matches!(error, IrqtraceError::TraceFormat(_)));
    assert!(error.to_string().contains("column \"engine\" is missing"), "{error}");
}
