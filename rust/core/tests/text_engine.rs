//! The text files as an engine: how much of a text is read, and what is noticed when.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use irqtrace_core::engine::{Engine, EngineError, Reading, TextEngine};
use irqtrace_core::parse::TextKind;
use irqtrace_core::select::Selection;
use irqtrace_core::source::{ReadError, TextSource};
use irqtrace_core::{Clock, EngineName, Kind, ManualClock, Window};

/// Texts one after the other, and how much of each was asked for.
#[derive(Clone, Default)]
struct Script(Arc<Mutex<Shared>>);

#[derive(Default)]
struct Shared {
    texts: VecDeque<String>,
    asked: Vec<Option<usize>>,
}

impl Script {
    fn push(&self, text: &str) {
        self.0.lock().unwrap().texts.push_back(text.to_owned());
    }

    /// How much was asked for since the last call.
    fn asked(&self) -> Vec<Option<usize>> {
        std::mem::take(&mut self.0.lock().unwrap().asked)
    }
}

impl TextSource for Script {
    fn path(&self) -> &'static str {
        "interrupts"
    }

    /// The first text, which stays until another was pushed.
    fn read(&mut self, limit: Option<usize>, _: &dyn Clock, text: &mut Vec<u8>) -> Result<Window, ReadError> {
        let mut script = self.0.lock().unwrap();
        script.asked.push(limit);
        if script.texts.len() > 1 {
            script.texts.pop_front();
        }
        let now = script.texts.front().ok_or(ReadError::End)?.as_bytes();
        text.clear();
        text.extend_from_slice(&now[..limit.unwrap_or(now.len()).min(now.len())]);
        Ok(Window::default())
    }
}

fn text(lines: &[(u32, u64)], loc: u64) -> String {
    let mut text = String::from("           CPU0       \n");
    for (irq, count) in lines {
        text += &format!("{irq:>3}: {count:>10}  PIC  {irq}-edge  dev{irq}\n");
    }
    text + &format!("LOC: {loc:>10}   Local timer interrupts\n")
}

fn engine(script: &Script, kinds: &[Kind], full_every: u32) -> TextEngine<Script> {
    let selection = Selection { kinds: kinds.to_vec(), irqs: None };
    let mut engine = TextEngine::new(script.clone(), TextKind::Interrupts, selection, EngineName::Proc);
    engine.learn(&ManualClock::new(0, 0)).unwrap();
    engine.use_prefix(full_every);
    script.asked();
    engine
}

fn read(engine: &mut TextEngine<Script>, due: u32) -> Result<Vec<Reading>, EngineError> {
    let mut readings: Vec<Reading> = engine.groups().iter().map(|_| Reading::default()).collect();
    engine.read(due, &ManualClock::new(0, 0), &mut readings)?;
    Ok(readings)
}

fn changes(reading: &Reading) -> Vec<(u32, u64)> {
    reading.changes.iter().map(|change| (change.cell, change.count)).collect()
}

#[test]
fn where_only_device_lines_are_due_only_they_are_read_and_now_and_then_all() {
    let script = Script::default();
    script.push(&text(&[(1, 5), (2, 6)], 7));
    let mut engine = engine(&script, &[Kind::Irq], 4);
    let prefix = Some(text(&[(1, 5), (2, 6)], 7).find("LOC").unwrap());
    for _ in 0..8 {
        read(&mut engine, 1).unwrap();
    }
    assert_eq!(script.asked(), [prefix, prefix, prefix, None, prefix, prefix, prefix, None]);
}

#[test]
fn where_an_arch_line_is_due_all_of_the_text_is_read() {
    let script = Script::default();
    script.push(&text(&[(1, 5)], 7));
    let mut engine = engine(&script, &[Kind::Irq, Kind::Arch], 100);
    let prefix = Some(text(&[(1, 5)], 7).find("LOC").unwrap());
    for due in [0b11, 0b01, 0b10, 0b01] {
        read(&mut engine, due).unwrap();
    }
    assert_eq!(script.asked(), [None, prefix, None, prefix]);
}

#[test]
fn a_prefix_that_is_not_what_was_learned_is_read_again_whole_for_the_same_sample() {
    let script = Script::default();
    script.push(&text(&[(1, 5), (3, 6)], 7));
    let mut engine = engine(&script, &[Kind::Irq], 100);
    assert!(read(&mut engine, 1).unwrap()[0].relearned);
    script.push(&text(&[(1, 5), (2, 1), (3, 8)], 7));
    script.asked();
    let readings = read(&mut engine, 1).unwrap();
    assert_eq!(script.asked().len(), 2);
    assert!(readings[0].relearned);
    assert_eq!(changes(&readings[0]), [(0, 5), (1, 1), (2, 8)]);
    assert_eq!(engine.layout(0).lines.len(), 3);
}

#[test]
fn a_line_that_comes_behind_the_last_is_noticed_by_the_next_full_read() {
    let script = Script::default();
    script.push(&text(&[(1, 5)], 7));
    let mut engine = engine(&script, &[Kind::Irq], 3);
    read(&mut engine, 1).unwrap();
    script.push(&text(&[(1, 6), (2, 1)], 7));
    let seen: Vec<_> = (0..2).map(|_| read(&mut engine, 1).unwrap()[0].relearned).collect();
    assert_eq!(seen, [false, true]);
    assert_eq!(engine.layout(0).lines[1].name, "dev2");
}

#[test]
fn changes_that_pass_while_a_group_is_not_due_are_in_its_next_reading() {
    let script = Script::default();
    script.push(&text(&[(1, 5)], 7));
    let mut engine = engine(&script, &[Kind::Irq, Kind::Arch], 100);
    read(&mut engine, 0b11).unwrap();
    script.push(&text(&[(1, 9)], 17));
    assert_eq!(changes(&read(&mut engine, 0b10).unwrap()[1]), [(0, 17)]);
    assert_eq!(changes(&read(&mut engine, 0b01).unwrap()[0]), [(0, 9)]);
    assert_eq!(changes(&read(&mut engine, 0b11).unwrap()[0]), []);
}

#[test]
fn after_a_sample_that_could_not_be_read_nothing_is_lost() {
    let script = Script::default();
    let good = text(&[(1, 5)], 7);
    script.push(&good);
    let mut engine = engine(&script, &[Kind::Irq, Kind::Arch], 100);
    read(&mut engine, 0b11).unwrap();
    script.push(&text(&[(1, 6)], 9).replace("LOC", "L C"));
    script.asked();
    let error = read(&mut engine, 0b11).unwrap_err();
    let EngineError::Unreadable(error) = error else { panic!("{error}") };
    assert_eq!((error.path.as_str(), error.line), ("interrupts", 3));
    assert_eq!(script.asked(), [None; 4], "it is read again three times");
    script.push(&text(&[(1, 6)], 9));
    let readings = read(&mut engine, 0b11).unwrap();
    assert_eq!([changes(&readings[0]), changes(&readings[1])], [[(0, 6)], [(0, 9)]]);
}

#[test]
fn lines_that_are_not_selected_are_in_no_layout() {
    let script = Script::default();
    script.push(&text(&[(1, 5), (2, 6)], 7));
    let mut engine = engine(&script, &[Kind::Irq, Kind::Arch], 100);
    let only = Selection { kinds: vec![Kind::Irq], irqs: Some(vec![irqtrace_core::select::Pattern::Number(2)]) };
    engine.select(only);
    let readings = read(&mut engine, 1).unwrap();
    assert_eq!(engine.groups().len(), 1);
    assert_eq!(engine.layout(0).lines.iter().map(|line| line.irq.as_str()).collect::<Vec<_>>(), ["2"]);
    assert_eq!(changes(&readings[0]), [(0, 6)]);
}
