//! Successive reads made up by the fuzzer.

use irqtrace_core::parse::TextKind;
use irqtrace_textgen::{File, Format, Model, Shape};

#[path = "../../core/tests/agreement/mod.rs"]
mod agreement;

/// A machine to begin with, what is written over its text before each further read, and a text of the fuzzer's own,
/// which is read first and last.
pub type Reads<'a> = ((u8, u8, bool, u8, u64), Vec<Vec<(u16, u8)>>, &'a [u8]);

/// Reads with both parsers, which must agree on each read and on each prefix of it.
pub fn agree(file: File, (machine, reads, own): Reads<'_>) {
    let kind = if file == File::Interrupts { TextKind::Interrupts } else { TextKind::Softirqs };
    let (format, cpus, gaps, devices, seed) = machine;
    let format = Format::ALL[usize::from(format) % Format::ALL.len()];
    let shape = Shape { file, format, cpus: u16::from(cpus % 40), gaps, devices: usize::from(devices % 16), seed };
    let generated = Model::generate(shape).render();
    let mut both = agreement::Both::new(kind);
    // Each text is edited in place: what one read changes, the next one begins with.
    for start in [own, &generated] {
        let mut text = start.to_vec();
        both.read(&text);
        for edits in &reads {
            for &(at, byte) in edits {
                let at = usize::from(at) % text.len().max(1);
                if let Some(place) = text.get_mut(at) {
                    *place = byte;
                }
            }
            both.read_prefix(&text);
            both.read(&text);
        }
    }
    both.read(own);
}
