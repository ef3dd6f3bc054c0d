//! A recording is there up to its last flush, whatever becomes of its recorder.

mod machine;
mod scripted;
mod traces;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;

use irqtrace_core::{IrqtraceError, Meta, Recorder, Repaired, Rotation, TraceWriter, Unfinished, WarningType, repair};
use machine::{Machine, change};
use proptest::prelude::*;
use scripted::{OnRead, beside, complete, names, place};
use tempfile::TempDir;
use traces::{FlatRow, flat_rows};

/// Records texts into `path`.
fn record(path: &Path, texts: Vec<String>, on_read: OnRead) -> Result<(), IrqtraceError> {
    scripted::record(TraceWriter::under_way(path, false)?.into(), texts, on_read)
}

/// The unfinished recording once so many reads of each group have come to it, as the recorder is at its next.
fn with_reads(path: &Path, reads: usize) -> Unfinished {
    loop {
        let there = Unfinished::open(path);
        if let Ok(there) = there
            && there.meta().groups.iter().all(|group| group.reads == reads as u64)
        {
            return there;
        }
        thread::yield_now();
    }
}

fn rows(recording: &Unfinished) -> Vec<FlatRow> {
    recording.flat(None).unwrap().flat_map(|batch| flat_rows(&batch.unwrap())).collect()
}

/// As a crash would leave them: the files as they are, elsewhere. The journal first, as for any reader.
fn cut_off(path: &Path, folder: &Path) -> PathBuf {
    let copy = folder.join("t.parquet");
    for suffix in [".journal", ".partial"] {
        fs::copy(beside(path, suffix), beside(&copy, suffix)).unwrap();
    }
    copy
}

/// What is the same in an unfinished recording and in the file that it becomes without another read.
fn lasting(meta: &Meta) -> Meta {
    let warnings = meta.warnings.iter().filter(|warning| warning.r#type != WarningType::Incomplete).cloned().collect();
    // The last of a cost is told with the last block.
    Meta { warnings, marks: vec![], cost: irqtrace_core::Cost::default(), ..meta.clone() }
}

fn steady(cells: usize, reads: usize) -> Vec<String> {
    let text = |read: usize| {
        let mut text = String::from("           CPU0       CPU1       \n");
        for line in 0..cells / 2 {
            let count = |cpu: usize| (2 * line + cpu + 1) * read;
            text += &format!("{line:>3}: {:>10} {:>10}  PIC  {line}-edge  dev{line}\n", count(0), count(1));
        }
        text
    };
    (0..reads).map(text).collect()
}

/// Of a recording of steady growth, everything adds up: the rows are those of so many reads, and the counts theirs.
fn assert_steady(recording: &Unfinished, cells: usize) -> usize {
    let rows = rows(recording);
    let reads = recording.meta().groups.iter().map(|group| group.reads).max().unwrap_or(0);
    let reads = usize::try_from(reads).unwrap();
    assert_eq!(rows.len(), cells * reads);
    for (at, row) in rows.iter().enumerate() {
        let (read, cell) = (at / cells, at % cells);
        assert_eq!(row.sample, i64::try_from(read).unwrap());
        assert_eq!(row.delta, if read == 0 { 0 } else { i64::try_from(cell).unwrap() + 1 });
    }
    let finals = &recording.meta().finals;
    let counts: Vec<u64> = (1..=cells as u64).map(|cell| cell * (reads as u64).saturating_sub(1)).collect();
    assert_eq!(finals.count, counts.into_iter().filter(|&count| count > 0).collect::<Vec<_>>());
    reads
}

proptest! {
    #![proptest_config(traces::cases(32))]

    /// Lines and CPUs come and go, counts wrap and fall.
    #[test]
    fn what_was_flushed_is_what_the_file_will_have(
        start in prop::array::uniform6(prop::array::uniform5(prop_oneof![0_u32..500, (u32::MAX - 5_000)..=u32::MAX])),
        steps in prop::collection::vec(prop::collection::vec(change(), 0..5), 1..25),
    ) {
        let mut machine = Machine { lines: [true; 6], cpus: [true; 5], counts: start };
        let mut texts = vec![machine.text()];
        for changes in &steps {
            for change in changes {
                machine.apply(change);
            }
            texts.push(machine.text());
        }
        let (_folder, path) = place();
        let (reads, watched) = (texts.len(), path.clone());
        let (tell, told) = std::sync::mpsc::channel();
        record(&path, texts, Box::new(move |at| {
            if at == reads {
                let unfinished = with_reads(&watched, reads);
                let _ = tell.send((rows(&unfinished), unfinished.meta().clone(), unfinished.is_under_way()));
            }
        })).unwrap();
        let (unfinished_rows, unfinished_meta, under_way) = told.recv().unwrap();
        let (rows, meta) = complete(&path);
        prop_assert!(under_way);
        prop_assert!(unfinished_rows == rows);
        prop_assert_eq!(lasting(&unfinished_meta), lasting(&meta));
        let incomplete = |meta: &Meta| meta.warnings.iter().filter(|w| w.r#type == WarningType::Incomplete).count();
        prop_assert_eq!((incomplete(&unfinished_meta), incomplete(&meta)), (1, 0));
        prop_assert_eq!(meta.marks.len(), 1);
    }
}

#[test]
fn a_finished_recording_leaves_its_file_and_nothing_else() {
    let (folder, path) = place();
    record(&path, steady(8, 20), Box::new(|_| ())).unwrap();
    assert_eq!(names(folder.path()), ["t.parquet"]);
}

#[test]
fn a_recording_in_progress_is_seen_again_and_again() {
    let (_folder, path) = place();
    let watched = path.clone();
    let mut seen: Vec<Unfinished> = Vec::new();
    record(
        &path,
        steady(8, 30),
        Box::new(move |at| {
            if at % 10 == 5 {
                seen.push(with_reads(&watched, at));
                // Those that were opened before are what they were.
                let reads: Vec<usize> = seen.iter().map(|recording| assert_steady(recording, 8)).collect();
                assert_eq!(reads, (0..seen.len()).map(|before| 10 * before + 5).collect::<Vec<_>>());
            }
        }),
    )
    .unwrap();
}

/// A recording of `reads` reads that was cut off after the last.
fn cut(cells: usize, reads: usize) -> (TempDir, PathBuf) {
    let (_folder, path) = place();
    let (other, _) = place();
    let (watched, into) = (path.clone(), other.path().to_owned());
    record(
        &path,
        steady(cells, reads),
        Box::new(move |at| {
            // Of a small one each read is a flush.
            if at == reads || (at > 0 && reads < 100) {
                with_reads(&watched, at);
            }
            if at == reads {
                cut_off(&watched, &into);
            }
        }),
    )
    .unwrap();
    let copy = other.path().join("t.parquet");
    (other, copy)
}

#[test]
fn a_recording_that_was_cut_off_says_so() {
    let (_folder, path) = cut(8, 20);
    let recording = Unfinished::open(&path).unwrap();
    assert!(!recording.is_under_way());
    assert_eq!(assert_steady(&recording, 8), 20);
    let [warning] = &recording.meta().warnings[..] else { panic!("{:?}", recording.meta().warnings) };
    assert_eq!(warning.r#type, WarningType::Incomplete);
    assert!(warning.message.contains("cut off"), "{}", warning.message);
}

#[test]
fn a_journal_that_is_cut_anywhere_is_right_up_to_there_or_an_error() {
    let (_folder, path) = cut(8, 12);
    let journal = beside(&path, ".journal");
    let whole = fs::read(&journal).unwrap();
    let mut reads = 0;
    for length in 0..whole.len() {
        fs::write(&journal, &whole[..length]).unwrap();
        match Unfinished::open(&path) {
            Ok(recording) => {
                let there = assert_steady(&recording, 8);
                assert!((reads..=reads + 1).contains(&there), "{there} reads in {length} bytes, {reads} in fewer");
                reads = there;
            }
            Err(IrqtraceError::TraceFormat(error)) => {
                assert_eq!(reads, 0, "{error}");
                assert!(error.path.ends_with("t.parquet.journal"), "{error}");
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(reads >= 11, "all but the last flush are there: {reads} reads");
}

#[test]
fn a_journal_with_a_wrong_byte_is_right_up_to_there_or_an_error() {
    let (_folder, path) = cut(8, 12);
    let journal = beside(&path, ".journal");
    let whole = fs::read(&journal).unwrap();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..3_000 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut damaged = whole.clone();
        let at = usize::try_from(random >> 33).unwrap() % damaged.len();
        damaged[at] ^= 1 << (random >> 29 & 7);
        fs::write(&journal, &damaged).unwrap();
        match Unfinished::open(&path) {
            Ok(recording) => drop(assert_steady(&recording, 8)),
            Err(error) => assert!(matches!(error, IrqtraceError::TraceFormat(_)), "{error}"),
        }
    }
}

/// Where each frame of a journal begins: as zstd's frames do.
fn frames(journal: &[u8]) -> Vec<usize> {
    (0..journal.len()).filter(|&at| journal[at..].starts_with(&[0x28, 0xb5, 0x2f, 0xfd])).collect()
}

#[test]
fn a_journal_of_which_a_flush_is_missing_or_there_twice_is_damaged() {
    let (_folder, path) = cut(8, 12);
    let journal = beside(&path, ".journal");
    let whole = fs::read(&journal).unwrap();
    let frames = frames(&whole);
    assert!(frames.len() > 8, "{} frames", frames.len());
    // The head and the last are told apart from others by what they hold, or by nothing that comes.
    for flush in 1..frames.len() - 1 {
        let (begin, end) = (frames[flush], frames[flush + 1]);
        let missing = [&whole[..begin], &whole[end..]].concat();
        let twice = [&whole[..end], &whole[begin..]].concat();
        for damaged in [missing, twice] {
            fs::write(&journal, damaged).unwrap();
            let error = Unfinished::open(&path).map(|_| ()).unwrap_err();
            assert!(error.to_string().contains("should"), "{error}");
        }
    }
    let last = *frames.last().unwrap();
    fs::write(&journal, [&whole[..], &whole[last..]].concat()).unwrap();
    assert!(Unfinished::open(&path).is_err());
}

/// So many that two row groups and a rest come of them.
const MANY: (usize, usize) = (1_024, 2_300);

#[test]
fn row_groups_are_read_from_the_file_and_the_rest_from_the_journal() {
    let (cells, reads) = MANY;
    let (folder, path) = cut(cells, reads);
    let recording = Unfinished::open(&path).unwrap();
    let partial = beside(&path, ".partial");
    let length = fs::metadata(&partial).unwrap().len();
    assert!(length > 100_000, "{length} bytes in row groups");
    // Two row groups, and less than one in the journal.
    assert_eq!(assert_steady(&recording, cells), reads);

    let some = recording.flat(Some(&["delta".to_owned(), "sample".to_owned()])).unwrap();
    assert_eq!(
        some.schema().fields().iter().map(|field| field.name().as_str()).collect::<Vec<_>>(),
        ["sample", "delta"]
    );
    assert_eq!(some.map(|batch| batch.unwrap().num_rows()).sum::<usize>(), cells * reads);
    assert!(recording.flat(Some(&["none".to_owned()])).is_err());

    // What came after the last row group and belongs to none yet is of no interest.
    let whole = fs::read(&partial).unwrap();
    fs::write(&partial, [&whole[..], b"half a row group"].concat()).unwrap();
    assert_eq!(assert_steady(&Unfinished::open(&path).unwrap(), cells), reads);

    repair(&path, false).unwrap();
    assert_eq!(names(folder.path()), ["t.parquet"]);
    assert!(complete(&path).0 == rows(&recording));
}

#[test]
fn a_file_that_is_shorter_than_its_journal_says_is_an_error() {
    let (cells, reads) = MANY;
    let (_folder, path) = cut(cells, reads);
    let partial = beside(&path, ".partial");
    let whole = fs::read(&partial).unwrap();
    for length in [0, 4, 100, whole.len() / 2, whole.len() - 5_000, whole.len() - 100, whole.len() - 8, whole.len() - 1]
    {
        fs::write(&partial, &whole[..length]).unwrap();
        let error = Unfinished::open(&path).map(|_| ()).unwrap_err();
        assert!(matches!(&error, IrqtraceError::TraceFormat(error) if error.path.ends_with(".partial")), "{error}");
    }
}

#[test]
fn a_wrong_bit_anywhere_in_its_row_groups_is_found() {
    let (cells, reads) = MANY;
    let (folder, path) = cut(cells, reads);
    let partial = beside(&path, ".partial");
    let whole = fs::read(&partial).unwrap();
    let bytes = usize::try_from(Unfinished::open(&path).unwrap().bytes()).unwrap();
    assert!(bytes > 100_000 && bytes <= whole.len(), "{bytes} of {}", whole.len());
    let mut random = 7_u64;
    for step in 0..60 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // The first, the last, and others.
        let at = [0, bytes - 1].get(step).copied().unwrap_or(usize::try_from(random >> 33).unwrap() % bytes);
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << (random >> 29 & 7);
        fs::write(&partial, &damaged).unwrap();
        let error = Unfinished::open(&path).and_then(|recording| recording.verify()).unwrap_err();
        assert!(matches!(&error, IrqtraceError::TraceFormat(error) if error.path.ends_with(".partial")), "{error}");
        assert!(repair(&path, false).is_err());
        assert_eq!(names(folder.path()), ["t.parquet.journal", "t.parquet.partial"]);
    }
    fs::write(&partial, &whole).unwrap();
    Unfinished::open(&path).unwrap().verify().unwrap();
}

#[test]
fn what_is_repaired_is_a_plain_trace_file() {
    let (folder, path) = cut(8, 20);
    let before = Unfinished::open(&path).unwrap();
    // By any of its names.
    repair(&beside(&path, ".partial"), false).unwrap();
    assert_eq!(names(folder.path()), ["t.parquet"]);
    let (there, meta) = complete(&path);
    assert!(there == rows(&before));
    assert_eq!(&meta, before.meta());
    let error = repair(&path, false).unwrap_err().to_string();
    assert!(error.contains("nothing unfinished"), "{error}");
}

#[test]
fn a_repair_leaves_alone_what_has_the_name_and_what_is_still_being_written() {
    let (folder, path) = cut(8, 20);
    fs::write(&path, "dear data").unwrap();
    let Err(IrqtraceError::Io { source, .. }) = repair(&path, false) else { panic!("repaired") };
    assert_eq!(source.kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(fs::read(&path).unwrap(), b"dear data");
    let recorder = File::open(beside(&path, ".partial")).unwrap();
    recorder.try_lock().unwrap();
    let error = repair(&path, true).unwrap_err().to_string();
    assert!(error.contains("still being written"), "{error}");
    drop(recorder);
    assert_eq!(names(folder.path()), ["t.parquet", "t.parquet.journal", "t.parquet.partial"]);
    repair(&path, true).unwrap();
    assert_eq!(names(folder.path()), ["t.parquet"]);
    assert!(!complete(&path).0.is_empty());
}

#[test]
fn a_complete_recording_without_its_name_is_given_it() {
    let (folder, path) = place();
    let in_the_way = path.clone();
    let error = record(
        &path,
        steady(8, 20),
        Box::new(move |at| {
            if at == 10 {
                fs::write(&in_the_way, "dear data").unwrap();
            }
        }),
    )
    .unwrap_err();
    assert!(matches!(&error, IrqtraceError::NotNamed { kept, .. } if *kept == beside(&path, ".partial")), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"dear data");
    assert_eq!(names(folder.path()), ["t.parquet", "t.parquet.partial"]);
    fs::remove_file(&path).unwrap();
    repair(&path, false).unwrap();
    assert_eq!(names(folder.path()), ["t.parquet"]);
    assert_eq!(complete(&path).1.groups[0].reads, 20);
}

#[test]
fn a_recording_does_not_take_the_place_of_an_unfinished_one() {
    let (folder, path) = cut(8, 20);
    let refused = |overwrite| match TraceWriter::under_way(&path, overwrite) {
        Err(IrqtraceError::Io { source, .. }) => source,
        _ => panic!("taken"),
    };
    for overwrite in [false, true] {
        let error = refused(overwrite);
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert!(error.to_string().contains("irqtrace repair"), "{error}");
    }
    fs::remove_file(beside(&path, ".journal")).unwrap();
    let recorder = File::open(beside(&path, ".partial")).unwrap();
    recorder.try_lock().unwrap();
    assert!(refused(true).to_string().contains("somebody else"));
    drop(recorder);
    assert_eq!(names(folder.path()), ["t.parquet.partial"]);
    fs::remove_file(beside(&path, ".partial")).unwrap();
    drop(TraceWriter::under_way(&path, true).unwrap());
    assert_eq!(names(folder.path()), [""; 0], "what never began leaves nothing");
}

#[test]
fn a_recording_whose_file_is_taken_away_ends() {
    let (folder, path) = place();
    let taken = path.clone();
    let error = record(
        &path,
        steady(8, 100_000),
        Box::new(move |at| {
            if at == 10 {
                with_reads(&taken, 10);
                fs::remove_file(beside(&taken, ".partial")).unwrap();
            }
        }),
    )
    .unwrap_err();
    assert!(error.to_string().contains("was removed while it was being written"), "{error}");
    assert!(!path.exists());
    assert_eq!(names(folder.path()), ["t.parquet.journal"]);
}

#[test]
fn a_journal_that_is_taken_away_is_begun_anew() {
    let (folder, path) = place();
    let (taken, elsewhere) = (path.clone(), TempDir::new().unwrap());
    let copies = elsewhere.path().to_owned();
    record(
        &path,
        steady(8, 60),
        Box::new(move |at| {
            if at == 10 || at == 30 {
                with_reads(&taken, at);
                fs::remove_file(beside(&taken, ".journal")).unwrap();
            }
            if at == 20 || at == 40 {
                // All of it is there again, and what comes after that too.
                with_reads(&taken, at);
                cut_off(&taken, &copies);
                assert_eq!(assert_steady(&Unfinished::open(&copies.join("t.parquet")).unwrap(), 8), at);
            }
        }),
    )
    .unwrap();
    assert_eq!(names(folder.path()), ["t.parquet"]);
    assert_eq!(complete(&path).1.groups[0].reads, 60);
}

#[test]
fn what_took_the_place_of_a_journal_stays() {
    let (folder, path) = place();
    let taken = path.clone();
    let error = record(
        &path,
        steady(8, 100_000),
        Box::new(move |at| {
            if at == 10 {
                with_reads(&taken, 10);
                fs::rename(beside(&taken, ".journal"), taken.with_file_name("saved")).unwrap();
                fs::write(beside(&taken, ".journal"), "notes").unwrap();
            }
        }),
    )
    .unwrap_err();
    assert!(error.to_string().contains("has the name of its journal, and is left alone"), "{error}");
    assert_eq!(fs::read(beside(&path, ".journal")).unwrap(), b"notes");
    assert_eq!(names(folder.path()), ["saved", "t.parquet", "t.parquet.journal"]);
    // Without its journal it can be complete all the same.
    let (rows, meta) = complete(&path);
    assert!((10..100_000).contains(&meta.groups[0].reads), "{}", meta.groups[0].reads);
    assert_eq!(rows.iter().map(|row| row.sample).max(), i64::try_from(meta.groups[0].reads - 1).ok());
    assert_eq!(meta.warnings.iter().map(|told| told.r#type).collect::<Vec<_>>(), [WarningType::Incomplete]);
}

#[test]
fn notes_that_took_the_place_of_a_journal_are_there_at_the_end() {
    let (_folder, path) = place();
    let taken = path.clone();
    let on_read: OnRead = Box::new(move |at| {
        if at == 10 {
            with_reads(&taken, 10);
            fs::rename(beside(&taken, ".journal"), taken.with_file_name("saved")).unwrap();
            fs::write(beside(&taken, ".journal"), "notes").unwrap();
        }
    });
    // Whether there was a flush before the end, or none.
    let _ = record(&path, steady(8, 10), on_read);
    assert_eq!(fs::read(beside(&path, ".journal")).unwrap(), b"notes");
    assert_eq!(complete(&path).1.groups[0].reads, 10);
}

/// A complete recording, beside which its journal was left, as by a crash at the last moment.
fn with_its_journal(path: &Path) {
    let taken = path.to_owned();
    let on_read: OnRead = Box::new(move |at| {
        if at == 10 {
            with_reads(&taken, 10);
            fs::copy(beside(&taken, ".journal"), taken.with_file_name("saved")).unwrap();
        }
    });
    record(path, steady(8, 10), on_read).unwrap();
    fs::rename(path.with_file_name("saved"), beside(path, ".journal")).unwrap();
}

#[test]
fn a_journal_that_was_left_beside_its_complete_recording_is_in_nobodys_way() {
    let (folder, path) = place();
    with_its_journal(&path);
    let journal = fs::read(beside(&path, ".journal")).unwrap();
    assert_eq!(repair(&path, false).unwrap(), Repaired::JournalRemoved);
    assert_eq!(names(folder.path()), ["t.parquet"]);
    fs::write(beside(&path, ".journal"), &journal).unwrap();
    drop(TraceWriter::under_way(&path, true).unwrap());
    assert_eq!(names(folder.path()), ["t.parquet"]);

    // A repair that was cut off leaves the same, beside a file that does not begin with its recording.
    let (_cut, unfinished) = cut(8, 20);
    let journal = fs::read(beside(&unfinished, ".journal")).unwrap();
    assert_eq!(repair(&unfinished, false).unwrap(), Repaired::Made);
    fs::write(beside(&unfinished, ".journal"), &journal).unwrap();
    assert_eq!(repair(&unfinished, false).unwrap(), Repaired::JournalRemoved);

    // That of another recording is not, nor is anything else.
    for other in [&journal, b"dear data".as_slice()] {
        fs::write(beside(&path, ".journal"), other).unwrap();
        assert!(repair(&path, false).unwrap_err().to_string().contains("nothing unfinished"));
        let refused = TraceWriter::under_way(&path, true).err().unwrap().to_string();
        assert!(refused.contains("unfinished recording"), "{refused}");
        assert_eq!(fs::read(beside(&path, ".journal")).unwrap(), other);
    }
}

#[test]
fn numbers_that_go_on_leave_no_journal_behind() {
    let (folder, path) = place();
    with_its_journal(&folder.path().join("t-000007.parquet"));
    let rotation = Rotation { every_ns: Some(4_000_000), ..Rotation::default() };
    scripted::record(Recorder::create(&path, false, rotation).unwrap(), steady(8, 3), Box::new(|_| ())).unwrap();
    assert_eq!(names(folder.path()), ["t-000007.parquet", "t-000008.parquet"]);
}

#[test]
fn what_was_cut_off_as_it_made_its_first_journal_is_taken_over() {
    let (folder, path) = place();
    for begin in [b"".as_slice(), b"\x28\xb5", b"\x28\xb5\x2f\xfd\x04\x58"] {
        fs::write(beside(&path, ".partial"), b"PAR1irqtrace\x01\x02\x03\x04\x05\x06\x07\x08").unwrap();
        fs::write(beside(&path, ".journal.new"), begin).unwrap();
        record(&path, steady(8, 3), Box::new(|_| ())).unwrap();
        assert_eq!(names(folder.path()), ["t.parquet"]);
        fs::remove_file(&path).unwrap();
    }
    fs::write(beside(&path, ".journal.new"), "dear data").unwrap();
    assert!(TraceWriter::under_way(&path, true).is_err());
    assert_eq!(names(folder.path()), ["t.parquet.journal.new"]);
}

#[test]
fn a_repair_removes_only_what_is_of_the_recording() {
    let (folder, path) = cut(8, 20);
    fs::write(beside(&path, ".journal.new"), "dear data").unwrap();
    repair(&path, false).unwrap();
    assert_eq!(names(folder.path()), ["t.parquet", "t.parquet.journal.new"]);
    // The same of one that only lacks its name.
    fs::remove_file(&path).unwrap();
    fs::remove_file(beside(&path, ".journal.new")).unwrap();
    record(&path, steady(8, 3), Box::new(|_| ())).unwrap();
    fs::rename(&path, beside(&path, ".partial")).unwrap();
    fs::write(beside(&path, ".journal"), "dear data").unwrap();
    repair(&path, false).unwrap();
    assert_eq!(names(folder.path()), ["t.parquet", "t.parquet.journal"]);
}

#[cfg(unix)]
#[test]
fn no_link_is_followed_to_what_it_leads_to() {
    let (folder, path) = place();
    let planted = folder.path().join("planted");
    fs::write(&planted, "").unwrap();
    std::os::unix::fs::symlink(&planted, beside(&path, ".partial")).unwrap();
    for overwrite in [false, true] {
        let error = TraceWriter::under_way(&path, overwrite).err().unwrap().to_string();
        assert!(error.contains("a link, or something else that is no file"), "{error}");
    }
    assert_eq!(fs::read(&planted).unwrap(), b"");
    let error = repair(&path, false).unwrap_err().to_string();
    assert!(error.contains("t.parquet.partial: is a link"), "{error}");
    assert_eq!(names(folder.path()), ["planted", "t.parquet.partial"]);
}
