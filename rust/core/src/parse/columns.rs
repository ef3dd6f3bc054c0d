//! The kernel's columns: what tells a count that lost or changed a byte from text, and text from a count.
//!
//! Every count ends [`STRIDE`] bytes after the one before it, the first as far after the colon. A number elsewhere, or
//! something else in its place, means that a byte does not fit.

use std::ops::Range;

use super::number::{STRIDE, field};
use super::table::is_blank;

/// Whether a number stands where the kernel prints one after `previous_end`: it ends its column, or is wider than that
/// and begins it. `widths` are the possible ones of the column with the blank before it.
pub(super) fn is_in_column(number: &Range<usize>, previous_end: usize, widths: &[usize]) -> bool {
    let is_wide = number.len() >= STRIDE;
    widths.iter().any(|width| {
        let end = previous_end + width;
        number.end == end || is_wide && number.start + STRIDE == end + 1
    })
}

/// Whether what follows the colon of a row without counts is text, and so far from it that no count was lost.
pub(super) fn is_text_alone(after: &[u8], in_columns: bool) -> bool {
    let gap = blanks(after);
    after.get(gap).is_some_and(u8::is_ascii_alphabetic) && (gap > STRIDE || !in_columns)
}

/// Where something stands, after the counts of a lettered row, that is a further count or was one.
pub(super) fn lost_count(label: &[u8], after: &[u8]) -> Option<usize> {
    let gap = blanks(after);
    // The kernel puts up to seven blanks before the text, and one after counts without text.
    if gap + 1 >= STRIDE {
        // Alpha's row of this label alone has ten before it, after a count with or without one.
        let is_alpha = label == b"PMI" && gap <= STRIDE && after[gap..].starts_with(b"Performance");
        return (!is_alpha).then_some(gap);
    }
    let word = &after[gap..][..after[gap..].iter().take_while(|&&byte| !is_blank(byte)).count()];
    // Where the counts of an IPI may end in one of several places, a digit beside them may be their own.
    if label.starts_with(b"IPI") && word.first().is_some_and(u8::is_ascii_digit) {
        return Some(gap);
    }
    let column = &after[..after.len().min(STRIDE)];
    let has_digit = |bytes: &[u8]| bytes.iter().any(u8::is_ascii_digit);
    let others = column.iter().filter(|&&byte| !is_blank(byte) && !byte.is_ascii_digit()).count();
    let ends_column = column.len() == STRIDE && after.get(STRIDE).is_none_or(|&byte| is_blank(byte));
    let is_spoiled = match others {
        0 => has_digit(column),
        1 => ends_column && has_digit(column),
        _ => gap + word.len() == STRIDE && has_digit(word),
    };
    if is_spoiled {
        return Some(gap);
    }
    let is_count = |column: &[u8]| column[0] == b' ' && field(column).is_some();
    after.chunks_exact(STRIDE).position(is_count).map(|column| column * STRIDE)
}

fn blanks(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|&&byte| is_blank(byte)).count()
}
