//! Every complete text of the corpus parses and loses nothing; the oracle is a few lines that split at blanks.
//!
//! The corpus lies beside the repository or where `IRQTRACE_CORPUS` says. Without it the tests say so and pass.

use std::path::{Path, PathBuf};

use irqtrace_core::Kind;
use irqtrace_core::parse::{Incremental, TextKind, Update, parse};

fn corpus() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    let folder = std::env::var_os("IRQTRACE_CORPUS").map_or_else(beside, PathBuf::from);
    if folder.join("index.jsonl").is_file() {
        return Some(folder);
    }
    println!("skipped: no corpus at {}", folder.display());
    None
}

fn texts(folder: &str) -> Vec<(String, Vec<u8>)> {
    let Some(corpus) = corpus() else { return Vec::new() };
    let mut paths: Vec<_> =
        std::fs::read_dir(corpus.join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: PathBuf| (path.display().to_string(), std::fs::read(&path).unwrap());
    paths.into_iter().map(read).collect()
}

fn complete() -> impl Iterator<Item = (String, Vec<u8>, TextKind)> {
    let with = |kind| move |(path, text)| (path, text, kind);
    let interrupts = texts("interrupts").into_iter().map(with(TextKind::Interrupts));
    interrupts.chain(texts("softirqs").into_iter().map(with(TextKind::Softirqs)))
}

/// What a text holds, told by splitting it at blanks: for each row the label, and the leading numbers, as many as the
/// header has CPUs. Lettered rows of the one text that has more are told by hand.
struct Oracle {
    cpus: Vec<u16>,
    rows: Vec<(String, Vec<u64>)>,
}

fn oracle(path: &str, text: &[u8]) -> Oracle {
    let text = String::from_utf8_lossy(text);
    let mut lines = text.lines().filter(|line| !line.trim().is_empty()).peekable();
    let mut cpus = vec![0];
    if lines.peek().is_some_and(|line| line.trim().starts_with("CPU")) {
        let header = lines.next().unwrap();
        cpus = header.split_whitespace().map(|cpu| cpu.trim_start_matches("CPU").parse().unwrap()).collect();
    }
    let rows = lines.map(|line| {
        let (label, rest) = line.split_once(':').unwrap();
        let limit = if path.contains("mt65xx") && label.starts_with("IPI") { 4 } else { cpus.len() };
        let numbers = rest.split_whitespace().map_while(|token| token.parse().ok()).take(limit).collect();
        (label.trim().to_string(), numbers)
    });
    Oracle { rows: rows.collect(), cpus: cpus.clone() }
}

#[test]
fn every_complete_text_parses_and_no_count_is_lost() {
    for (path, text, kind) in complete() {
        let parsed = parse(&text, kind, &path).unwrap_or_else(|error| panic!("{error}"));
        let oracle = oracle(&path, &text);
        let layout = &parsed.layout;
        assert_eq!(layout.cpus, oracle.cpus, "{path}");
        assert_eq!(layout.lines.len(), oracle.rows.len(), "{path}");
        assert_eq!(layout.cells.len(), parsed.counts.len(), "{path}");
        let mut cells = layout.cells.iter().zip(&parsed.counts);
        for (index, (label, numbers)) in oracle.rows.iter().enumerate() {
            assert_eq!(&layout.lines[index].irq, label, "{path}");
            for (column, number) in numbers.iter().enumerate() {
                let (cell, count) = cells.next().unwrap();
                assert_eq!((cell.line as usize, count), (index, number), "{path}: {label}");
                let cpu = (numbers.len() == oracle.cpus.len()).then(|| oracle.cpus[column]);
                assert_eq!(cell.cpu, cpu, "{path}: {label}");
            }
        }
        assert!(cells.next().is_none(), "{path}");
    }
}

#[test]
fn every_word_of_a_description_is_kept() {
    for (path, text, kind) in complete() {
        let parsed = parse(&text, kind, &path).unwrap();
        let oracle = oracle(&path, &text);
        let text = String::from_utf8_lossy(&text);
        let rows = text.lines().filter(|line| line.contains(':'));
        for ((line, row), (_, numbers)) in parsed.layout.lines.iter().zip(rows).zip(&oracle.rows) {
            let tail = row.split_once(':').unwrap().1.split_whitespace().skip(numbers.len());
            let printed: String = tail.collect();
            let kept = if line.kind == Kind::Irq { line.actions.concat() } else { line.name.clone() };
            let parts = [
                line.chip.clone().unwrap_or_default(),
                line.hwirq.map(|number| number.to_string()).unwrap_or_default(),
                line.trigger.clone().unwrap_or_default(),
                kept,
            ];
            // Commas between actions, dashes before flows and the kernel's words for "no chip" are no one's name.
            let plain = |text: &str| text.replace([' ', ',', '-'], "").replace("<NULL>", "");
            let second = [" #2", " #3"].iter().find_map(|end| line.name.strip_suffix(end)).is_some();
            if printed.is_empty() || second {
                continue;
            }
            assert_eq!(plain(&parts.concat()), plain(&printed), "{path}: {line:?}");
        }
    }
}

#[test]
fn names_and_labels_tell_the_lines_of_every_text_apart() {
    for (path, text, kind) in complete() {
        let lines = parse(&text, kind, &path).unwrap().layout.lines;
        let keys: std::collections::HashSet<_> = lines.iter().map(|line| (line.kind, &line.irq, &line.name)).collect();
        assert_eq!(keys.len(), lines.len(), "{path}");
    }
}

#[test]
fn excerpts_and_artefacts_never_panic() {
    for (path, text) in texts("partial") {
        for kind in [TextKind::Interrupts, TextKind::Softirqs] {
            match parse(&text, kind, &path) {
                Ok(parsed) => assert_eq!(parsed.layout.cells.len(), parsed.counts.len()),
                Err(error) => assert!(error.offset <= text.len(), "{error}"),
            }
        }
    }
}

#[test]
fn every_complete_text_can_be_learned_and_read_again() {
    for (path, text, kind) in complete() {
        let mut incremental = Incremental::new(kind, &path);
        let mut changes = Vec::new();
        assert_eq!(incremental.update(&text, &mut changes), Ok(Update::Learned { same_layout: false }), "{path}");
        assert_eq!(incremental.update(&text, &mut changes), Ok(Update::Changed), "{path}");
        assert!(changes.is_empty(), "{path}");
        if let Some(len) = incremental.prefix_len() {
            assert!(incremental.update_prefix(&text[..len], &mut changes), "{path}");
            assert!(changes.is_empty(), "{path}");
        }
    }
}
