//! A recording in segments is the recording in one piece, cut.

mod machine;
mod scripted;
mod traces;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use irqtrace_core::{
    CellColumns, IrqtraceError, LineMeta, Meta, Recorder, Rotation, TraceWriter, Unfinished, WarningType,
};
use machine::{Machine, change};
use proptest::prelude::*;
use scripted::{beside, complete, names, place, record};
use tempfile::TempDir;
use traces::FlatRow;

const MS: i64 = 1_000_000;

fn every(samples: i64) -> Rotation {
    Rotation { every_ns: Some(samples * MS), ..Rotation::default() }
}

fn record_in_segments(path: &Path, rotation: Rotation, texts: Vec<String>) -> Result<(), IrqtraceError> {
    record(Recorder::create(path, false, rotation)?, texts, Box::new(|_| ()))
}

fn segments(path: &Path) -> Vec<PathBuf> {
    let folder = path.parent().unwrap();
    names(folder).into_iter().map(|name| folder.join(name)).collect()
}

fn counts(cells: &CellColumns) -> BTreeMap<(u32, Option<u16>), u64> {
    (0..cells.len())
        .map(|at| ((cells.line[at], cells.cpu[at]), cells.count[at]))
        .filter(|(_, count)| *count > 0)
        .collect()
}

/// The counts of the cells that a segment ends with: those of its last reads.
fn last_counts(meta: &Meta) -> BTreeMap<(u32, Option<u16>), u64> {
    let newest = meta.finals.sample.iter().copied().max();
    let all = (0..meta.finals.len()).filter(|&at| Some(meta.finals.sample[at]) == newest);
    all.map(|at| ((meta.finals.line[at], meta.finals.cpu[at]), meta.finals.count[at]))
        .filter(|&((line, _), count)| count > 0 && meta.line(line).unwrap().last_sample.is_none())
        .collect()
}

/// The cells of which baselines and deltas are not the finals.
fn unsound(rows: &[FlatRow], meta: &Meta) -> Vec<(u32, Option<u16>)> {
    let mut left: BTreeMap<(u32, Option<u16>), i64> = BTreeMap::new();
    for (cells, sign) in [(&meta.baselines, 1), (&meta.finals, -1)] {
        for at in 0..cells.len() {
            *left.entry((cells.line[at], cells.cpu[at])).or_default() += sign * cells.count[at].cast_signed();
        }
    }
    for row in grown(rows) {
        let is_of = |line: &&LineMeta| {
            (Some(&line.line.irq), Some(&line.line.name)) == (row.irq.as_ref(), row.name.as_ref())
                && (line.first_sample..=line.last_sample.unwrap_or(i64::MAX)).contains(&row.sample)
        };
        let line = meta.lines.iter().find(is_of).unwrap().id;
        *left.entry((line, row.cpu)).or_default() += row.delta;
    }
    left.into_iter().filter(|(_, left)| left % (1 << 32) != 0).map(|(cell, _)| cell).collect()
}

/// Growth by cell and sample, without the rows that say nothing.
fn grown(rows: &[FlatRow]) -> Vec<&FlatRow> {
    rows.iter().filter(|row| row.delta > 0).collect()
}

fn reads(rows: &[FlatRow]) -> Vec<(i64, i64, u32, String)> {
    let mut reads: Vec<_> = rows.iter().map(|row| (row.sample, row.time, row.read_ns, row.kind.clone())).collect();
    reads.dedup();
    reads
}

fn steady(reads: usize) -> Vec<String> {
    (0..reads).map(|read| format!("    CPU0  CPU1\n  5:  {read}  {}  PIC  5-edge  dev5\n", 2 * read)).collect()
}

proptest! {
    #![proptest_config(traces::cases(32))]

    /// Lines and CPUs come and go, counts wrap and fall.
    #[test]
    fn segments_are_the_whole_recording_cut(
        start in prop::array::uniform6(prop::array::uniform5(prop_oneof![0_u32..500, (u32::MAX - 5_000)..=u32::MAX])),
        steps in prop::collection::vec(prop::collection::vec(change(), 0..5), 1..25),
        samples in 1_i64..8,
    ) {
        let mut machine = Machine { lines: [true; 6], cpus: [true; 5], counts: start };
        let mut texts = vec![machine.text()];
        for changes in &steps {
            for change in changes {
                machine.apply(change);
            }
            texts.push(machine.text());
        }
        let (_folder, one) = place();
        record(TraceWriter::under_way(&one, false).unwrap().into(), texts.clone(), Box::new(|_| ())).unwrap();
        let (rows, meta) = complete(&one);
        let (_folder, path) = place();
        record_in_segments(&path, every(samples), texts.clone()).unwrap();

        let files = segments(&path);
        prop_assert_eq!(files.len(), texts.len().div_ceil(usize::try_from(samples).unwrap()));
        let parts: Vec<_> = files.iter().map(|file| complete(file)).collect();
        let all: Vec<FlatRow> = parts.iter().flat_map(|(rows, _)| rows.clone()).collect();
        let (of_parts, of_whole) = (grown(&all), grown(&rows));
        let differs = of_parts.iter().zip(&of_whole).find(|(part, whole)| part != whole);
        prop_assert!(of_parts == of_whole, "{differs:?}");
        prop_assert_eq!(reads(&all), reads(&rows));
        for (place, (rows, part)) in (1..).zip(&parts) {
            prop_assert_eq!(part.segment, Some(place));
            prop_assert!(part.recording.is_some());
            prop_assert_eq!(&part.recording, &parts[0].1.recording);
            prop_assert_eq!((part.t0_ns, part.interval_ns, part.anchors[0]), (meta.t0_ns, meta.interval_ns, meta.anchors[0]));
            // Each line as in the whole, if it was there at all.
            for line in &part.lines {
                let whole = meta.line(line.id).unwrap();
                prop_assert_eq!(&line.line, &whole.line);
                prop_assert!(line.last_sample.is_none() || line.last_sample == whole.last_sample);
            }
            for cell in unsound(rows, part) {
                let warned = part.warnings.iter().any(|told| told.r#type == WarningType::CountFell && told.line == Some(cell.0));
                prop_assert!(warned, "{cell:?} does not add up, and nothing says so: {:?}", part.warnings);
            }
            let ids = part.groups.iter().map(|group| group.reads).sum::<u64>();
            prop_assert_eq!(ids, reads(rows).len() as u64);
        }
        for pair in parts.windows(2) {
            let (before, after) = (&pair[0].1, &pair[1].1);
            prop_assert_eq!(before.span.map_or(after.span.unwrap()[0], |span| span[1]), after.span.unwrap()[0]);
            // What a segment begins with is what the one before ended with.
            let newest = after.span.unwrap()[0] - 1;
            let begins: BTreeMap<_, _> = counts(&CellColumns {
                line: after.baselines.line.clone(),
                cpu: after.baselines.cpu.clone(),
                sample: after.baselines.sample.clone(),
                count: (0..after.baselines.len())
                    .map(|at| if after.baselines.sample[at] <= newest { after.baselines.count[at] } else { 0 })
                    .collect(),
            });
            prop_assert_eq!(begins, last_counts(before));
            // Each group's first read has a row for every cell that its text shows.
            for group in &after.groups {
                let kind = group.group.kind.as_str();
                let first = pair[1].0.iter().find(|row| row.kind == kind).unwrap().sample;
                let there = pair[1].0.iter().filter(|row| row.kind == kind && row.sample == first && row.irq.is_some());
                let text = &texts[usize::try_from(first).unwrap()];
                let cpus = text.lines().next().unwrap().split_whitespace().count();
                let lines = text.lines().skip(1).filter(|line| line.starts_with("AR") == (kind == "arch")).count();
                prop_assert_eq!(there.count(), cpus * lines);
            }
        }
        let missed = parts.iter().flat_map(|(_, part)| &part.groups).map(|group| group.missed).sum::<u64>();
        prop_assert_eq!(missed, meta.groups.iter().map(|group| group.missed).sum::<u64>());
    }
}

#[test]
fn the_first_read_of_a_segment_has_a_row_for_every_cell() {
    let (_folder, path) = place();
    // Nothing grows: the whole recording has rows only at its first read.
    record_in_segments(&path, every(3), vec![steady(1)[0].clone(); 10]).unwrap();
    for file in segments(&path) {
        let (rows, _) = complete(&file);
        let first = rows[0].sample;
        let cells: Vec<_> =
            rows.iter().filter(|row| row.irq.is_some()).map(|row| (row.sample, row.cpu, row.delta)).collect();
        assert_eq!(cells, [(first, Some(0), 0), (first, Some(1), 0)]);
    }
}

#[test]
fn segments_are_numbered_and_nothing_else_remains() {
    let (folder, path) = place();
    record_in_segments(&path, every(4), steady(11)).unwrap();
    assert_eq!(names(folder.path()), ["t-000001.parquet", "t-000002.parquet", "t-000003.parquet"]);
    // A recording of the same name goes on behind them, and is another.
    record_in_segments(&path, every(8), steady(11)).unwrap();
    let files = segments(&path);
    assert_eq!(files.len(), 5);
    let (old, new) = (complete(&files[2]).1, complete(&files[3]).1);
    assert_eq!((old.segment, new.segment), (Some(3), Some(1)));
    assert_ne!(old.recording, new.recording);
}

#[test]
fn a_segment_ends_where_it_has_so_many_bytes() {
    let (_folder, path) = place();
    record_in_segments(&path, Rotation { bytes: Some(2_000), ..Rotation::default() }, steady(1_500)).unwrap();
    let files = segments(&path);
    assert!(files.len() > 1, "{files:?}");
    let rows: usize = files.iter().map(|file| complete(file).0.iter().filter(|row| row.delta > 0).count()).sum();
    assert_eq!(rows, 2 * 1_499);
}

/// So many reads of a machine with so many lines, each of which grows each time.
fn wide(cells: usize, reads: usize) -> Vec<String> {
    let text = |read: usize| {
        let rows: String =
            (0..cells).map(|line| format!("{line:>4}: {read:>10}  PIC  {line}-edge  dev{line}\n")).collect();
        format!("           CPU0\n{rows}")
    };
    (0..reads).map(text).collect()
}

/// Less than the footer of any trace has.
const SHORT: Rotation = Rotation { every_ns: None, bytes: None, keep_ns: None, footer_bytes: 1_000 };

#[test]
fn a_file_whose_footer_would_be_too_long_is_cut_by_itself() {
    let (cells, reads) = (1_024, 2_300);
    let (folder, path) = place();
    record_in_segments(&path, SHORT, wide(cells, reads)).unwrap();
    // A row group each, but for the rest.
    assert_eq!(names(folder.path()), ["t-000001.parquet", "t-000002.parquet", "t-000003.parquet"]);
    let files = segments(&path);
    assert_eq!(complete(&files[0]).1.segment, Some(1));
    let rows: usize = files.iter().map(|file| complete(file).0.iter().filter(|row| row.delta > 0).count()).sum();
    assert_eq!(rows, cells * (reads - 1));

    let (folder, path) = place();
    record_in_segments(&path, Rotation::default(), steady(20)).unwrap();
    assert_eq!(names(folder.path()), ["t.parquet"], "what fits one file is one");
    assert_eq!(complete(&path).1.segment, None);
}

#[test]
fn a_footer_that_is_long_without_any_row_group_has_some_all_the_same() {
    let (folder, path) = place();
    record_in_segments(&path, Rotation { footer_bytes: 100_000, ..Rotation::default() }, wide(1_024, 2_300)).unwrap();
    assert_eq!(names(folder.path()), ["t.parquet"]);
    assert!(complete(&path).1.to_json().unwrap().len() > 100_000);
}

#[test]
fn segments_replace_the_file_that_their_recording_was_to_replace() {
    let (folder, path) = place();
    fs::write(&path, "of an earlier recording").unwrap();
    let file = Recorder::create(&path, true, SHORT).unwrap();
    record(file, wide(1_024, 1_200), Box::new(|_| ())).unwrap();
    assert_eq!(names(folder.path()), ["t-000001.parquet", "t-000002.parquet"]);
}

#[test]
fn a_recording_that_would_hide_segments_is_refused() {
    let (folder, path) = place();
    record_in_segments(&path, every(4), steady(9)).unwrap();
    let before = names(folder.path());
    for overwrite in [false, true] {
        let error = Recorder::create(&path, overwrite, Rotation::default()).err().unwrap();
        assert!(error.to_string().contains("segments of this name are there"), "{error}");
    }
    assert_eq!(names(folder.path()), before);
}

/// A recording in one file that was cut off, beside which nothing else is.
fn cut_off_in_one_piece(path: &Path) {
    let (from, elsewhere) = place();
    let to = path.to_owned();
    let watched = elsewhere.clone();
    let on_read: scripted::OnRead = Box::new(move |at| {
        if at == 9 {
            while !Unfinished::open(&watched).is_ok_and(|there| there.meta().groups[0].reads == 9) {
                std::thread::yield_now();
            }
            for suffix in [".journal", ".partial"] {
                fs::copy(beside(&watched, suffix), beside(&to, suffix)).unwrap();
            }
        }
    });
    record(TraceWriter::under_way(&elsewhere, false).unwrap().into(), steady(9), on_read).unwrap();
    drop(from);
}

#[test]
fn segments_that_an_unfinished_recording_would_hide_are_not_begun() {
    let (folder, path) = place();
    let recorder = Recorder::create(&path, false, Rotation::default()).unwrap();
    let refused = || Recorder::create(&path, true, every(4)).err().unwrap().to_string();
    assert!(refused().contains("is being recorded by somebody else"), "{}", refused());
    drop(recorder);
    cut_off_in_one_piece(&path);
    assert!(refused().contains("an unfinished recording of this name is there"), "{}", refused());
    fs::remove_file(beside(&path, ".partial")).unwrap();
    assert!(refused().contains("unfinished recording"), "{}", refused());
    assert_eq!(names(folder.path()), ["t.parquet.journal"]);
    // One that never had anything in it is in nobody's way.
    fs::rename(beside(&path, ".journal"), path.with_file_name("elsewhere")).unwrap();
    fs::write(beside(&path, ".partial"), "PAR1irqtrace").unwrap();
    record_in_segments(&path, every(4), steady(7)).unwrap();
    assert_eq!(names(folder.path()), ["elsewhere", "t-000001.parquet", "t-000002.parquet"]);
}

#[test]
fn a_repair_hides_no_segments() {
    let (folder, path) = place();
    record_in_segments(&path, every(4), steady(7)).unwrap();
    cut_off_in_one_piece(&path);
    let before = names(folder.path());
    for overwrite in [false, true] {
        let error = irqtrace_core::repair(&path, overwrite).unwrap_err().to_string();
        assert!(error.contains("segments of this name are there, and would be hidden"), "{error}");
    }
    assert_eq!(names(folder.path()), before);
    for segment in ["t-000001.parquet", "t-000002.parquet"] {
        fs::remove_file(folder.path().join(segment)).unwrap();
    }
    // What a recorder leaves that was killed as it began to cut its file into segments.
    fs::write(folder.path().join("t-000002.parquet.partial"), "PAR1irqtrace").unwrap();
    irqtrace_core::repair(&path, false).unwrap();
    assert_eq!(names(folder.path()), ["t-000002.parquet.partial", "t.parquet"]);
    assert_eq!(complete(&path).1.groups[0].reads, 9);
    // Nor is it in the way of a recording.
    drop(Recorder::create(&path, true, Rotation::default()).unwrap());
}

#[test]
fn a_trace_with_the_name_of_a_segment_that_is_none_is_not_hidden() {
    let (folder, path) = place();
    // Two files that are whole recordings, and one of another tool.
    for name in ["t-120000.parquet", "t-120100.parquet"] {
        let whole = folder.path().join(name);
        record(TraceWriter::create(&whole, false).unwrap().into(), steady(4), Box::new(|_| ())).unwrap();
    }
    fs::write(folder.path().join("t-202611.parquet"), "PAR1, and nothing else").unwrap();
    cut_off_in_one_piece(&path);
    irqtrace_core::repair(&path, false).unwrap();
    fs::remove_file(&path).unwrap();
    drop(Recorder::create(&path, false, Rotation::default()).unwrap());
    // A damaged segment is one all the same.
    record_in_segments(&path, every(4), steady(7)).unwrap();
    let newest = folder.path().join("t-202613.parquet");
    fs::remove_file(folder.path().join("t-202612.parquet")).unwrap();
    let bytes = fs::read(&newest).unwrap();
    fs::write(&newest, &bytes[..bytes.len() - 20]).unwrap();
    let error = Recorder::create(&path, false, Rotation::default()).err().unwrap().to_string();
    assert!(error.contains("segments of this name are there"), "{error}");
}

#[test]
fn a_name_that_somebody_takes_ends_the_recording_with_the_place_of_what_there_is() {
    let (folder, path) = place();
    let taken = folder.path().join("t-000002.parquet");
    let file = Recorder::create(&path, false, every(4)).unwrap();
    let take = taken.clone();
    let on_read: scripted::OnRead = Box::new(move |at| {
        if at == 6 {
            fs::write(&take, "another's").unwrap();
        }
    });
    let error = record(file, steady(30), on_read).err().unwrap().to_string();
    assert!(error.contains("t-000002.parquet: was made by somebody else"), "{error}");
    assert!(error.contains("what was flushed until then is in"), "{error}");
    assert!(error.ends_with("t-000002.parquet.partial"), "{error}");
    assert_eq!(fs::read(&taken).unwrap(), b"another's");
    assert!(Unfinished::open(&taken).unwrap().meta().groups[0].reads >= 3);
}

#[test]
fn nobody_is_told_that_a_segment_may_replace_what_has_its_name() {
    // While the first is recorded, and while the second is, which is the last.
    for at in [2, 6] {
        let (folder, path) = place();
        let taken = folder.path().join("t-000002.parquet");
        let file = Recorder::create(&path, true, every(4)).unwrap();
        let take = taken.clone();
        let on_read: scripted::OnRead = Box::new(move |read| {
            if read == at {
                fs::write(&take, "another's").unwrap();
            }
        });
        let error = record(file, steady(7), on_read).err().unwrap().to_string();
        assert!(error.contains("t-000002.parquet: is not of this recording, and is left alone"), "{error}");
        assert!(!error.contains("--force"), "{error}");
        assert_eq!(fs::read(&taken).unwrap(), b"another's");
    }
}

#[cfg(unix)]
#[test]
fn a_link_in_the_place_of_a_segment_is_left_alone() {
    let (folder, path) = place();
    let (oldest, archive) = (folder.path().join("t-000001.parquet"), TempDir::new().unwrap());
    let (link, kept) = (oldest.clone(), archive.path().join("kept.parquet"));
    let file = Recorder::create(&path, false, Rotation { keep_ns: Some(6 * MS), ..every(3) }).unwrap();
    let on_read: scripted::OnRead = Box::new(move |at| {
        if at == 6 {
            fs::rename(&link, &kept).unwrap();
            std::os::unix::fs::symlink(&kept, &link).unwrap();
        }
    });
    record(file, steady(60), on_read).unwrap();
    assert!(oldest.is_symlink());
    assert_eq!(complete(&oldest).1.segment, Some(1));
}

#[test]
fn only_the_newest_segments_are_kept_and_nothing_that_another_wrote_is_removed() {
    let (folder, path) = place();
    let others = ["t-000001.parquet", "other.parquet", "t-notes.parquet"];
    for other in others {
        fs::write(folder.path().join(other), "another's").unwrap();
    }
    let rotation = Rotation { keep_ns: Some(6 * MS), ..every(3) };
    let (seen, watched) = std::sync::mpsc::channel();
    let (own, replaced) = (folder.path().to_owned(), folder.path().join("t-000003.parquet"));
    let file = Recorder::create(&path, false, rotation).unwrap();
    let texts = steady(60);
    record(
        file,
        texts,
        Box::new(move |at| {
            if at == 9 {
                // The second segment is taken away, and something else has its name.
                fs::remove_file(&replaced).unwrap();
                fs::write(&replaced, "another's").unwrap();
            }
            if at % 3 == 0 {
                let _ = seen.send(names(&own).iter().filter(|name| name.ends_with(".parquet")).count());
            }
        }),
    )
    .unwrap();
    // Six samples are two segments, or three where these do not begin with one; and four files are another's.
    let most = watched.iter().max().unwrap();
    assert!(most <= 4 + 4, "{most} files");
    for other in others.into_iter().chain(["t-000003.parquet"]) {
        assert_eq!(fs::read(folder.path().join(other)).unwrap(), b"another's");
    }
    let kept = names(folder.path());
    assert_eq!(kept.iter().filter(|name| name.starts_with("t-0000")).count(), 5, "{kept:?}");
    let newest = segments(&path).into_iter().rfind(|file| file.to_string_lossy().contains("t-0000")).unwrap();
    let (_, meta) = complete(&newest);
    assert!(meta.segment.is_some_and(|segment| segment >= 20), "{:?}", meta.segment);
}

#[test]
fn a_segment_that_was_cut_off_is_found_with_its_place() {
    let (folder, path) = place();
    let (last, elsewhere) = (folder.path().join("t-000003.parquet"), TempDir::new().unwrap());
    let copy = elsewhere.path().join("t-000003.parquet");
    let (from, to) = (last.clone(), copy.clone());
    let file = Recorder::create(&path, false, every(4)).unwrap();
    record(
        file,
        steady(11),
        Box::new(move |at| {
            if at == 11 {
                while Unfinished::open(&from).is_ok_and(|there| there.meta().groups[0].reads < 3) {
                    std::thread::yield_now();
                }
                for suffix in [".journal", ".partial"] {
                    fs::copy(beside(&from, suffix), beside(&to, suffix)).unwrap();
                }
            }
        }),
    )
    .unwrap();
    irqtrace_core::repair(&copy, false).unwrap();
    let (unfinished, finished) = (complete(&copy), complete(&last));
    assert_eq!((unfinished.1.segment, finished.1.segment), (Some(3), Some(3)));
    assert_eq!(unfinished.1.recording, finished.1.recording);
    assert_eq!(unfinished.0, finished.0);
}

#[test]
fn somebody_elses_series_under_way_is_refused() {
    let (_folder, path) = place();
    let held = Recorder::create(&path, false, every(4)).unwrap();
    let error = Recorder::create(&path, false, every(4)).err().unwrap();
    assert!(error.to_string().contains("is being recorded by somebody else"), "{error}");
    drop(held);
    Recorder::create(&path, false, every(4)).unwrap();
}
