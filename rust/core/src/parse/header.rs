//! The header: `CPU0       CPU1       CPU4`.

use super::number::STRIDE;
use crate::NO_CPU;

/// The least blanks that a kernel prints before the first CPU: those of a label of one place, its colon and a count.
const LEAST_INDENT: usize = 9;

/// What a header says.
pub(super) struct Header {
    pub(super) cpus: Vec<u16>,
    /// Whether the CPUs stand where a kernel prints them; if not, the text came through other hands, and where its
    /// counts stand says nothing.
    pub(super) in_columns: bool,
}

/// A token that is no CPU id: where it begins in the line, and what is wrong with it.
pub(super) struct BadHeader {
    pub(super) offset: usize,
    pub(super) message: String,
}

/// Whether a line without a colon means to be a header.
pub(super) fn is_header(line: &[u8]) -> bool {
    line.trim_ascii_start().starts_with(b"CPU")
}

/// The CPUs of a header line.
pub(super) fn read_header(line: &[u8]) -> Result<Header, BadHeader> {
    let (mut ids, mut offsets) = (Vec::new(), Vec::new());
    let mut offset = 0;
    for token in line.split(u8::is_ascii_whitespace) {
        if !token.is_empty() {
            let bad = |what| BadHeader { offset, message: format!("{what} in the header: {}", token.escape_ascii()) };
            let id = token.strip_prefix(b"CPU").and_then(super::number::digits).ok_or_else(|| bad("not a CPU"))?;
            // The last number of 16 bits stands for no CPU.
            let id = u16::try_from(id).ok().filter(|&id| id != NO_CPU);
            ids.push(id.ok_or_else(|| bad("CPU id beyond 65534"))?);
            offsets.push(offset);
        }
        offset += token.len() + 1;
    }
    let mut sorted = ids.clone();
    sorted.sort_unstable();
    match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(BadHeader { offset: 0, message: format!("CPU{} twice in the header", pair[0]) }),
        None => Ok(Header { cpus: ids, in_columns: in_columns(&offsets) }),
    }
}

fn in_columns(offsets: &[usize]) -> bool {
    match offsets {
        [only] => *only >= LEAST_INDENT,
        _ => offsets.windows(2).all(|pair| pair[1] - pair[0] == STRIDE),
    }
}
