//! What happens between two reads of a text.

use crate::generate::count;
use crate::model::{Columns, File, Model};
use crate::rng::Rng;

/// What happens between two reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// Some counts grow; those at the end of 32 bits wrap.
    Grow,
    /// Nothing.
    Rest,
    /// A row goes.
    RowGone,
    /// A device comes.
    RowNew,
    /// A CPU goes.
    CpuGone,
    /// A CPU comes.
    CpuNew,
    /// Labels take another width.
    Width,
    /// Some counts grow; in this read alone, a byte is another one.
    Flip,
    /// Some counts grow; in this read alone, a byte is missing or one more.
    Shift,
    /// Some counts grow; in this read alone, the end is missing.
    Cut,
}

impl Mutation {
    /// Everything that can happen.
    pub const ALL: [Self; 10] = [
        Self::Grow,
        Self::Rest,
        Self::RowGone,
        Self::RowNew,
        Self::CpuGone,
        Self::CpuNew,
        Self::Width,
        Self::Flip,
        Self::Shift,
        Self::Cut,
    ];
}

/// Lets one thing happen, and returns the text that is read after it.
pub fn mutate(model: &mut Model, mutation: Mutation, rng: &mut Rng) -> Vec<u8> {
    match mutation {
        Mutation::Grow | Mutation::Flip | Mutation::Shift | Mutation::Cut => grow(model, rng),
        Mutation::RowGone if model.rows.len() > 1 => {
            model.rows.remove(rng.below(model.rows.len()));
        }
        Mutation::RowNew if model.file == File::Interrupts => {
            let row = model.device(900 + rng.below(99), rng);
            let is_numbered = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
            let devices = model.rows.iter().take_while(|row| is_numbered(&row.label)).count();
            model.rows.insert(devices, row);
        }
        Mutation::CpuGone if model.header && model.cpus.len() > 4 => {
            let column = rng.below(model.cpus.len());
            model.cpus.remove(column);
            for row in model.rows.iter_mut().filter(|row| row.columns == Columns::Cpus) {
                row.counts.remove(column);
            }
        }
        Mutation::CpuNew if model.header && model.cpus.len() > 2 && model.cpus.len() < 4096 => {
            model.cpus.push(model.cpus.iter().max().map_or(0, |last| last + 1));
            for row in model.rows.iter_mut().filter(|row| row.columns == Columns::Cpus) {
                row.counts.push(count(rng));
            }
        }
        Mutation::Width => model.label_width += 1,
        _ => {}
    }
    let mut text = model.render();
    let at = rng.below(text.len());
    match mutation {
        Mutation::Flip => text[at] = odd_byte(rng),
        Mutation::Shift if rng.chance(1, 2) => text.insert(at, odd_byte(rng)),
        Mutation::Shift => {
            text.remove(at);
        }
        Mutation::Cut => text.truncate(at),
        _ => {}
    }
    text
}

fn grow(model: &mut Model, rng: &mut Rng) {
    let share = 1 + rng.below(8);
    for count in model.rows.iter_mut().flat_map(|row| &mut row.counts) {
        if rng.chance(1, share) {
            *count = (*count + (rng.next() >> (32 + rng.below(32)))) % (1 << 32);
        }
    }
}

/// A byte that may mean something in a text, or nothing anywhere.
fn odd_byte(rng: &mut Rng) -> u8 {
    let bytes = b"   0123456789\n:-,CPUx\t\r\0\x1b\xff";
    bytes[rng.below(bytes.len())]
}
