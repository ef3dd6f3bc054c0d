//! Every text cut at every byte: no panic, and what still parses says nothing that the whole text does not say.

mod agreement;

use agreement::Both;
use irqtrace_core::parse::{Parsed, TextKind, parse};
use irqtrace_textgen::{File, Format, Model, Shape};

/// Small texts of every format; of two machines each, one of them with gaps between its CPUs.
fn fixtures() -> Vec<(TextKind, Vec<u8>)> {
    let mut texts = Vec::new();
    for (seed, format) in (0..).zip(Format::ALL) {
        for (cpus, gaps) in [(1, false), (2, false), (11, true)] {
            let shape = Shape { file: File::Interrupts, format, cpus, gaps, devices: 4, seed };
            texts.push((TextKind::Interrupts, Model::generate(shape).render()));
        }
    }
    let shape = Shape { file: File::Softirqs, format: Format::Flow, cpus: 3, gaps: false, devices: 0, seed: 1 };
    texts.push((TextKind::Softirqs, Model::generate(shape).render()));
    let glued = b"           CPU0       CPU1\n 27:       1966       1900GIC-0  27 Level     arch_timer\nFIQ:              usb_fiq\nIPI0:2768808080 2844211768       Rescheduling interrupts\nIPI (recv/sent):       1234/5678\nErr:          0\n";
    texts.push((TextKind::Interrupts, glued.to_vec()));
    texts
}

/// All rows of a cut text are those of the whole one; the last may have lost its end, but no count went to another
/// CPU or to none. (A row with more numbers than the header has CPUs, cut after as many as those, looks like any other.)
fn assert_beginning_of(whole: &Parsed, cut: &Parsed) {
    assert_eq!(cut.layout.cpus, whole.layout.cpus);
    let last = cut.layout.lines.len() - 1;
    assert_eq!(cut.layout.lines[..last], whole.layout.lines[..last]);
    assert_eq!(cut.layout.lines[last].irq, whole.layout.lines[last].irq);
    for (index, (cell, printed)) in cut.layout.cells.iter().zip(&whole.layout.cells).enumerate() {
        if (cell.line as usize) < last {
            assert_eq!((cell, cut.counts[index]), (printed, whole.counts[index]));
        } else if printed.cpu.is_some() {
            assert_eq!(cell, printed);
        }
    }
}

#[test]
fn a_text_cut_at_any_byte_is_refused_or_says_what_the_whole_text_says() {
    for (kind, text) in fixtures() {
        let whole = parse(&text, kind, "text").unwrap();
        for len in 0..text.len() {
            match parse(&text[..len], kind, "text") {
                Ok(cut) => assert_beginning_of(&whole, &cut),
                Err(error) => assert!(error.offset <= len, "{error}"),
            }
        }
    }
}

#[test]
fn a_read_cut_at_any_byte_leaves_both_parsers_in_agreement() {
    for (kind, text) in fixtures() {
        for len in (0..text.len()).rev() {
            let mut both = Both::new(kind);
            both.read(&text);
            both.read_prefix(&text[..len]);
            both.read(&text[..len]);
            both.read(&text);
        }
    }
}

#[test]
fn after_a_bad_read_counts_are_compared_with_the_last_good_ones() {
    let text =
        |count: &str, colon| format!("CPU0\n  1: {count:>10}   XT-PIC  timer\nERR{colon}         0\n").into_bytes();
    let mut both = Both::new(TextKind::Interrupts);
    both.read(&text("4294967295", ':'));
    for (bad, good) in [("8", "7"), ("1234567890", "0"), ("10", "1234"), ("5678", "1234"), ("1234", "1")] {
        both.read(&text(bad, ' '));
        both.read(&text(good, ':'));
    }
}
