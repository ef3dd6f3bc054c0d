//! What lines are called.

use std::collections::HashSet;
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
    let mut taken: HashSet<(Kind, String, String)> = HashSet::with_capacity(lines.len());
    for line in lines {
        let plain = line.name.clone();
        let mut ordinal = 1;
        while !taken.insert((line.kind, line.irq.clone(), line.name.clone())) {
            ordinal += 1;
            line.name = format!("{plain} #{ordinal}");
        }
    }
}
