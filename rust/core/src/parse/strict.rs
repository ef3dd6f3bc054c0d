//! The strict, complete parser.

use super::describe::{Description, actions, chip_of_ipi, describe};
use super::names::{readable, tell_apart};
use super::table::{Columns, Row, Table, read_table};
use super::{Cell, Layout, TextKind};
use crate::{Kind, Line, ParseError};

/// What one text says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    /// Its lines and cells.
    pub layout: Layout,
    /// One count per cell of the layout.
    pub counts: Vec<u64>,
    /// Indices of the lines with more numbers than the header has CPUs. Their cells have no CPU: which is which, the
    /// text does not say.
    pub extra_numbers: Vec<u32>,
}

/// Parses a whole text. `path` is what errors call it.
///
/// # Errors
///
/// Where any byte does not fit the format, or a row contradicts the header. The message is `empty` for a text with
/// nothing in it, as a container's mask gives.
pub fn parse(text: &[u8], kind: TextKind, path: &str) -> Result<Parsed, ParseError> {
    Ok(interpret(text, &mut read_table(text, kind, path)?))
}

/// Gives rows their meaning; takes the counts out of them.
pub(super) fn interpret(text: &[u8], table: &mut Table) -> Parsed {
    let without_chips = has_no_chips(text, table);
    let mut parsed = Parsed { counts: std::mem::take(&mut table.counts), ..Parsed::default() };
    let layout = &mut parsed.layout;
    layout.cpus.clone_from(&table.cpus);
    layout.cells.reserve_exact(parsed.counts.len());
    for (line, row) in (0_u32..).zip(&table.rows) {
        layout.lines.push(line_of(text, row, without_chips));
        if row.columns == Columns::Extra {
            parsed.extra_numbers.push(line);
        }
        if row.columns == Columns::Cpus && !row.cells.is_empty() {
            layout.cells.extend(table.cpus.iter().map(|&cpu| Cell { line, cpu: Some(cpu) }));
        } else {
            layout.cells.extend(row.cells.clone().map(|_| Cell { line, cpu: None }));
        }
    }
    tell_apart(&mut layout.lines);
    parsed
}

/// Whether the numbered lines of a text name no chips, as old ARM and SPARC kernels print them: each action list then
/// begins in one column, while chips end in one, and no second column follows. SPARC marks a fast handler with a plus
/// two places before its name.
fn has_no_chips(text: &[u8], table: &Table) -> bool {
    // In SPARC's column a chip could begin as well, but SPARC prints no header.
    let columns = if table.has_header { 3..=3 } else { 3..=4 };
    let rows = || table.rows.iter().filter(|row| row.kind == Kind::Irq && !row.tail.is_empty());
    let names_no_chip = |row: &Row, column| {
        let tail = &text[row.tail.clone()];
        let gap = row.tail.start - row.fields.end;
        // A chip, its number and its trigger stand before any comma.
        let first = tail.split(|&byte| byte == b',').next().unwrap_or(tail);
        let Description { hwirq, trigger, .. } = describe(first.strip_prefix(b"+ ").unwrap_or(first));
        (gap == column || gap + 2 == column && tail[0] == b'+')
            && hwirq.is_none()
            && trigger.is_none()
            && !tail.windows(2).any(|pair| pair == b"  ")
    };
    rows().next().is_some() && columns.into_iter().any(|column| rows().all(|row| names_no_chip(row, column)))
}

fn line_of(text: &[u8], row: &Row, without_chips: bool) -> Line {
    let irq = readable(text[row.label.clone()].trim_ascii_end());
    let tail = &text[row.tail.clone()];
    let mut line = Line {
        kind: row.kind,
        name: String::new(),
        number: row.number,
        chip: None,
        hwirq: None,
        trigger: None,
        actions: Vec::new(),
        irq,
    };
    if row.kind == Kind::Irq {
        let Description { chip, hwirq, trigger, actions } = if without_chips {
            Description { actions: actions(tail), ..Description::default() }
        } else {
            describe(tail)
        };
        line.name = actions.join(", ");
        line = Line { chip, hwirq, trigger, actions, ..line };
    } else if line.irq.starts_with("IPI")
        && let Some((chip, hwirq, description)) = chip_of_ipi(tail)
    {
        line.chip = Some(readable(chip));
        line.hwirq = Some(hwirq);
        line.name = readable(description);
    } else {
        line.name = readable(tail);
    }
    if line.name.is_empty() {
        line.name.clone_from(&line.irq);
    }
    line
}
