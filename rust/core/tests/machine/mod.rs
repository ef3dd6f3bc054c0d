//! A small machine whose counts, lines and CPUs change.

use proptest::prelude::*;

/// What may happen to a machine between two reads.
#[derive(Clone, Debug)]
pub enum Change {
    Grow(usize, u16, u32),
    Line(usize),
    Cpu(u16),
    Fall(usize, u16),
}

pub fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        6 => (0_usize..6, 0_u16..5, 0_u32..9_000).prop_map(|(line, cpu, by)| Change::Grow(line, cpu, by)),
        1 => (0_usize..6).prop_map(Change::Line),
        1 => (0_u16..5).prop_map(Change::Cpu),
        1 => (0_usize..6, 0_u16..5).prop_map(|(line, cpu)| Change::Fall(line, cpu)),
    ]
}

/// A machine of up to 6 lines, the first three of devices, and 5 CPUs.
#[derive(Clone, Debug)]
pub struct Machine {
    pub lines: [bool; 6],
    pub cpus: [bool; 5],
    pub counts: [[u32; 5]; 6],
}

impl Machine {
    pub fn text(&self) -> String {
        let ids = || (0..5_u16).filter(|&id| self.cpus[usize::from(id)]);
        let mut text = String::from("           ") + &ids().map(|id| format!("CPU{id:<8}")).collect::<String>() + "\n";
        for line in (0..6).filter(|&line| self.lines[line]) {
            let counts: String = ids().map(|id| format!(" {:>10}", self.counts[line][usize::from(id)])).collect();
            text += &match line {
                0..3 => format!("{line:>3}:{counts}  IO-APIC   {line}-edge      dev{line}\n"),
                _ => format!("AR{line}:{counts}   Something of line {line}\n"),
            };
        }
        text
    }

    pub fn apply(&mut self, change: &Change) {
        match *change {
            Change::Grow(line, cpu, by) => {
                let count = &mut self.counts[line][usize::from(cpu)];
                *count = count.wrapping_add(by);
            }
            // One stays: a text without rows is none.
            Change::Line(line) => self.lines[line] = line == 5 || !self.lines[line],
            // CPU 0 stays: a header has at least one.
            Change::Cpu(cpu) => self.cpus[usize::from(cpu)] = cpu == 0 || !self.cpus[usize::from(cpu)],
            Change::Fall(line, cpu) => self.counts[line][usize::from(cpu)] /= 2,
        }
    }
}
