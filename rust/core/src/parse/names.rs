//! What lines are called.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt::Write;

use crate::{Kind, Line};

/// The bytes as text; those that are not UTF-8 as `\xNN`.
pub(super) fn readable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // Writing to a String cannot fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// Tells lines with the same kind, irq and name apart: the second is called ` #2`, the third ` #3`.
pub(super) fn tell_apart(lines: &mut [Line]) {
    // Each name that is taken, and the last ordinal given to a line that would have it too: none is tried twice.
    let mut taken: HashMap<(Kind, String, String), usize> = HashMap::with_capacity(lines.len());
    for line in lines {
        let plain = (line.kind, line.irq.clone(), line.name.clone());
        let Some(&(mut ordinal)) = taken.get(&plain) else {
            taken.insert(plain, 1);
            continue;
        };
        loop {
            ordinal += 1;
            line.name = format!("{} #{ordinal}", plain.2);
            if let Entry::Vacant(free) = taken.entry((line.kind, line.irq.clone(), line.name.clone())) {
                free.insert(1);
                break;
            }
        }
        taken.insert(plain, ordinal);
    }
}
