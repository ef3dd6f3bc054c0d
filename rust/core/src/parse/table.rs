//! The rows of a text: where each label, count and description stands.
//!
//! The counts of one row are tokens of digits between blanks. The kernel prints them right-aligned, [`STRIDE`] bytes
//! apart, which [`columns`](super::columns) holds them to.

use std::ops::Range;

use super::TextKind;
use super::columns::{is_in_column, is_text_alone, lost_count};
use super::header::{BadHeader, Header, is_header, read_header};
use super::number::{STRIDE, digits, field, stride_field};
use crate::{Kind, ParseError};

/// What some editors put before a text in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// How far the first count of an IPI may end after the colon: its label may take the place of the blank before it, or
/// leave place for one more. The widest stand first, since a narrower one can end inside a count.
const IPI_WIDTHS: [usize; 3] = [STRIDE + 1, STRIDE, STRIDE - 1];

const OUTSIDE: &str = "a count that does not end where its column does";

/// The labels of rows with one number on any number of CPUs.
const LONE_LABELS: [&[u8]; 4] = [b"ERR", b"MIS", b"Err", b"BAD"];

/// The label of old PowerPC's one row for IPIs, which has two counts for all CPUs: `IPI (recv/sent):       1234/5678`.
const RECEIVED_AND_SENT: &[u8] = b"IPI (recv/sent)";

/// Where the counts of a row end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ends {
    /// The first at this offset, each further one [`STRIDE`] after it.
    Strided(usize),
    /// At the offsets in [`Table::ends`] from this index on.
    Listed(usize),
}

/// Which CPUs the counts of a row belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Columns {
    /// One for each CPU of the header; or none at all.
    Cpus,
    /// All together: a lone number under several CPUs, or the two of [`RECEIVED_AND_SENT`].
    All,
    /// More than the header has CPUs.
    Extra,
}

/// One counter row.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) kind: Kind,
    pub(super) number: Option<u32>,
    /// The first byte of the row's line.
    pub(super) begin: usize,
    pub(super) label: Range<usize>,
    /// From after the colon to the end of the last count.
    pub(super) fields: Range<usize>,
    pub(super) ends: Ends,
    pub(super) columns: Columns,
    /// Index of the first count, and after the last.
    pub(super) cells: Range<usize>,
    /// What follows the counts, without the blanks around it.
    pub(super) tail: Range<usize>,
}

/// The rows of a text, and its counts.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) cpus: Vec<u16>,
    pub(super) rows: Vec<Row>,
    pub(super) counts: Vec<u64>,
    pub(super) ends: Vec<usize>,
    pub(super) has_header: bool,
    /// Whether counts must stand in the kernel's columns: in all texts but those whose header does not.
    pub(super) in_columns: bool,
}

/// What is wrong with a row, before line and path are known.
struct Bad {
    offset: usize,
    message: String,
}

impl Bad {
    fn new(offset: usize, message: impl Into<String>) -> Self {
        Self { offset, message: message.into() }
    }
}

/// Blanks between the parts of a row. The kernel prints spaces alone; the others come from what a text went through.
pub(super) const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r')
}

/// Finds the rows of a text.
///
/// Under a header in the kernel's columns the counts have to be in them too. If those of several rows are not, or those
/// of no row are, the text has been written or reformatted by somebody else, and blanks alone tell the counts; one row
/// among others is damaged.
pub(super) fn read_table(text: &[u8], kind: TextKind, path: &str) -> Result<Table, ParseError> {
    let error = match scan(text, kind, path, true) {
        Ok(table) => return Ok(table),
        Err(error) => error,
    };
    let Ok(table) = scan(text, kind, path, false) else { return Err(error) };
    let is_whole = |row: &&Row| row.columns == Columns::Cpus && !row.cells.is_empty();
    let whole = || table.rows.iter().filter(is_whole);
    let is_in_columns = |row: &&Row| match row.ends {
        Ends::Strided(first_end) => {
            first_end - row.fields.start == STRIDE || text[row.label.clone()].starts_with(b"IPI")
        }
        Ends::Listed(_) => false,
    };
    let in_columns = whole().filter(is_in_columns).count();
    match whole().count() - in_columns {
        0 => Err(error),
        1 if in_columns > 0 => Err(error),
        _ => Ok(table),
    }
}

/// Finds the rows of a text, whose counts are in the kernel's columns if its header is and `may_be_in_columns` is set.
fn scan(text: &[u8], kind: TextKind, path: &str, may_be_in_columns: bool) -> Result<Table, ParseError> {
    let (mut begin, mut line) = (if text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 }, 1);
    let mut scan = Scan {
        text,
        kind,
        may_be_in_columns,
        ipi_width: None,
        // A cell takes a stride nearly everywhere: what follows allocates once.
        found: Table {
            counts: Vec::with_capacity(text.len() / STRIDE + 1),
            in_columns: may_be_in_columns,
            ..Table::default()
        },
    };
    while begin < text.len() {
        match scan.line(begin) {
            Ok(end) => begin = end + 1,
            Err(Bad { offset, message }) => return Err(ParseError { path: path.into(), line, offset, message }),
        }
        line += 1;
    }
    if scan.found.rows.is_empty() {
        let message = if scan.found.has_header { "header without rows" } else { "empty" };
        return Err(ParseError { path: path.into(), line, offset: text.len(), message: message.into() });
    }
    Ok(scan.found)
}

struct Scan<'a> {
    text: &'a [u8],
    kind: TextKind,
    may_be_in_columns: bool,
    /// How far the first count of IPI rows ends after the colon: in one text, all alike.
    ipi_width: Option<usize>,
    found: Table,
}

impl Scan<'_> {
    /// Takes the line that begins at `begin`; returns where it ends.
    fn line(&mut self, begin: usize) -> Result<usize, Bad> {
        let first = self.skip_blanks(begin);
        let rest = &self.text[first..];
        let stop = rest.iter().position(|&byte| matches!(byte, b':' | b'\n')).map_or(self.text.len(), |at| first + at);
        if self.text.get(stop) == Some(&b':') {
            if self.found.cpus.is_empty() {
                self.found.cpus.push(0);
            }
            return self.row(begin, first..stop);
        }
        let line = &self.text[begin..stop];
        if first == stop {
            return Ok(stop);
        }
        if !self.found.cpus.is_empty() {
            return Err(Bad::new(first, "a row needs a label and a colon"));
        }
        if !is_header(line) {
            return Err(Bad::new(first, "neither a header of CPUs nor a row with a label and a colon"));
        }
        self.found.has_header = true;
        let bad = |BadHeader { offset, message }| Bad::new(begin + offset, message);
        Header { cpus: self.found.cpus, in_columns: self.found.in_columns } = read_header(line).map_err(bad)?;
        self.found.in_columns &= self.may_be_in_columns;
        Ok(stop)
    }

    /// Takes the row with this label; returns where its line ends.
    fn row(&mut self, begin: usize, label: Range<usize>) -> Result<usize, Bad> {
        let (kind, number) = self.label(&label)?;
        let start = label.end + 1;
        let first_cell = self.found.counts.len();
        let is_pair = kind == Kind::Arch && self.text[label.clone()] == *RECEIVED_AND_SENT;
        let (ends, end) = if is_pair { self.received_and_sent(start)? } else { self.counts(kind, &label, start)? };
        let rest = &self.text[end..];
        let line_end = rest.iter().position(|&byte| byte == b'\n').map_or(self.text.len(), |at| end + at);
        let tail_start = self.skip_blanks(end);
        let blanks = self.text[tail_start..line_end].iter().rev().take_while(|&&byte| is_blank(byte)).count();
        let tail = tail_start..line_end - blanks;
        let cells = first_cell..self.found.counts.len();
        let columns =
            if is_pair { Columns::All } else { self.columns(kind, &label, cells.len(), end..line_end, &tail)? };
        self.found.rows.push(Row { kind, number, begin, label, fields: start..end, ends, columns, cells, tail });
        Ok(line_end)
    }

    /// Takes the counts of a row, which stand from `start` on; returns where they end.
    fn counts(&mut self, kind: Kind, label: &Range<usize>, start: usize) -> Result<(Ends, usize), Bad> {
        let first = self.found.counts.len();
        let cpus = self.found.cpus.len();
        let in_columns = self.found.in_columns;
        let is_ipi = in_columns && self.text[label.clone()].starts_with(b"IPI");
        let widths: &[usize] = if is_ipi || !in_columns { &IPI_WIDTHS } else { &[STRIDE] };
        // A chip may follow the last count without a blank; columns alone tell it from a count that is none.
        let may_touch = in_columns && kind == Kind::Irq;
        let (ends, mut end) = match self.strided_counts(start, cpus, widths, may_touch) {
            Some(first_end) => (Ends::Strided(first_end), first_end + (cpus - 1) * STRIDE),
            None => self.listed_counts(start, cpus, widths, may_touch)?,
        };
        if let Ends::Strided(first_end) = ends
            && is_ipi
            && *self.ipi_width.get_or_insert(first_end - start) != first_end - start
        {
            return Err(Bad::new(start, "a count that does not end where those of other IPIs do"));
        }
        if self.found.counts.len() - first == cpus {
            end = self.extra_counts(end, ends)?;
        }
        Ok((ends, end))
    }

    /// Takes two counts with a slash between them and nothing after them.
    fn received_and_sent(&mut self, start: usize) -> Result<(Ends, usize), Bad> {
        let listed = self.found.ends.len();
        let token = self.token(start);
        let bytes = &self.text[token.clone()];
        let slash = token.start + bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (received, sent) = (token.start..slash, (slash + 1).min(token.end)..token.end);
        let is_count = |count: &Range<usize>| digits(&self.text[count.clone()]).is_some();
        // Only its newline says that the second count is there in full.
        let is_pair = self.text.get(slash) == Some(&b'/') && self.text.get(self.skip_blanks(token.end)) == Some(&b'\n');
        if !is_pair || !is_count(&received) || !is_count(&sent) {
            return Err(Bad::new(token.start, "not two counts with a slash between them"));
        }
        if self.found.in_columns && !is_in_column(&received, start, &[STRIDE]) {
            return Err(Bad::new(token.start, OUTSIDE));
        }
        for count in [received, sent] {
            self.found.ends.push(count.end);
            self.push_count(count)?;
        }
        Ok((Ends::Listed(listed), token.end))
    }

    /// Which CPUs the counts of a row belong to, if nothing in `after`, which follows them, speaks against it.
    fn columns(
        &self,
        kind: Kind,
        label: &Range<usize>,
        counts: usize,
        after: Range<usize>,
        tail: &Range<usize>,
    ) -> Result<Columns, Bad> {
        let cpus = self.found.cpus.len();
        let bytes = &self.text[after.clone()];
        if counts == 0 && kind != Kind::Softirq && !tail.is_empty() {
            // The one row that kernels print without counts.
            let is_fiq = self.text[label.clone()] == *b"FIQ" && is_text_alone(bytes, self.found.in_columns);
            return if is_fiq { Ok(Columns::Cpus) } else { Err(Bad::new(tail.start, "not a count")) };
        }
        // Without its newline, a row of one number may be the beginning of another one.
        let is_ended = after.end < self.text.len() || LONE_LABELS.contains(&&self.text[label.clone()]);
        let columns = columns_of(kind, counts, cpus, tail.is_empty(), is_ended)
            .map_err(|message| Bad::new(after.start, message))?;
        if self.found.in_columns {
            if kind == Kind::Arch
                && let Some(offset) = lost_count(&self.text[label.clone()], bytes)
            {
                return Err(Bad::new(after.start + offset, "neither a count in its column nor text after the counts"));
            }
        } else if !tail.is_empty() && self.text[self.token(tail.start)].iter().all(u8::is_ascii_digit) {
            return Err(Bad::new(tail.start, "more counts than CPUs, or a number that begins the text"));
        }
        Ok(columns)
    }

    /// The kind and number that a label stands for.
    fn label(&self, label: &Range<usize>) -> Result<(Kind, Option<u32>), Bad> {
        let bytes = self.text[label.clone()].trim_ascii_end();
        if bytes.is_empty() {
            return Err(Bad::new(label.start, "a row without a label"));
        }
        if bytes.iter().any(|&byte| is_blank(byte)) && !is_numbered_word(bytes) && bytes != RECEIVED_AND_SENT {
            return Err(Bad::new(label.start, "a label with blanks inside"));
        }
        if self.kind == TextKind::Softirqs {
            return Ok((Kind::Softirq, None));
        }
        if !bytes.iter().all(u8::is_ascii_digit) {
            return Ok((Kind::Arch, None));
        }
        match digits(bytes).and_then(|number| u32::try_from(number).ok()) {
            Some(number) => Ok((Kind::Irq, Some(number))),
            None => Err(Bad::new(label.start, "an interrupt number that does not fit in 32 bits")),
        }
    }

    /// Takes one count per CPU where they stand in the kernel's columns, and says where the first ends. The rule is
    /// that of [`Self::listed_counts`], only faster.
    fn strided_counts(&mut self, start: usize, cpus: usize, widths: &[usize], may_touch: bool) -> Option<usize> {
        let (first_end, first) =
            widths.iter().find_map(|width| Some((start + width, field(self.text.get(start..start + width)?)?)))?;
        let end = first_end + (cpus - 1) * STRIDE;
        let fields = self.text.get(first_end..end)?;
        let before = self.found.counts.len();
        self.found.counts.push(first);
        if strides(fields, &mut self.found.counts).is_none() || !self.may_end_at(end, may_touch) {
            self.found.counts.truncate(before);
            return None;
        }
        Some(first_end)
    }

    /// Whether the last count may end here: before a blank, or before a chip, but not inside a number.
    fn may_end_at(&self, end: usize, may_touch: bool) -> bool {
        let token = end..end + self.text[end..].iter().take_while(|&&byte| byte != b'\n' && !is_blank(byte)).count();
        token.is_empty() || may_touch && !self.text[token].iter().all(u8::is_ascii_digit)
    }

    /// Takes up to one count per CPU, wherever they stand; in columns, where those are.
    fn listed_counts(
        &mut self,
        start: usize,
        cpus: usize,
        widths: &[usize],
        may_touch: bool,
    ) -> Result<(Ends, usize), Bad> {
        let listed = self.found.ends.len();
        let mut end = start;
        for column in 0..cpus {
            let token = self.token(end);
            let bytes = &self.text[token.clone()];
            let widths = if column == 0 { widths } else { &[STRIDE] };
            let stop = if !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit) {
                if self.found.in_columns && !is_in_column(&token, end, widths) && !self.is_errors_of_arm(start, &token)
                {
                    return Err(Bad::new(token.start, OUTSIDE));
                }
                token.end
            } else if column + 1 == cpus && may_touch && self.is_touched_at(end + STRIDE, &token) {
                end + STRIDE
            } else {
                break;
            };
            self.push_count(token.start..stop)?;
            self.found.ends.push(stop);
            end = stop;
        }
        Ok((Ends::Listed(listed), end))
    }

    /// A count alone in its row, one place further right, as some ARM kernels print `Err`.
    fn is_errors_of_arm(&self, start: usize, token: &Range<usize>) -> bool {
        let after = self.skip_blanks(token.end);
        token.end == start + STRIDE + 1 && matches!(self.text.get(after), None | Some(b'\n'))
    }

    /// Whether a token is a count up to the end of its column, and a chip from there on.
    fn is_touched_at(&self, stop: usize, token: &Range<usize>) -> bool {
        token.start < stop && stop < token.end && self.text[token.start..stop].iter().all(u8::is_ascii_digit)
    }

    /// Takes counts beyond those of the header's CPUs: digits alone that end at the next columns.
    fn extra_counts(&mut self, mut end: usize, ends: Ends) -> Result<usize, Bad> {
        loop {
            let token = self.token(end);
            let is_count = end < token.start
                && token.start < token.end
                && token.end == end + STRIDE
                && self.text[token.clone()].iter().all(u8::is_ascii_digit);
            if !is_count {
                return Ok(end);
            }
            end = token.end;
            self.push_count(token)?;
            if let Ends::Listed(_) = ends {
                self.found.ends.push(end);
            }
        }
    }

    fn push_count(&mut self, token: Range<usize>) -> Result<(), Bad> {
        let count = digits(&self.text[token.clone()]);
        self.found.counts.push(count.ok_or_else(|| Bad::new(token.start, "a count that does not fit in 64 bits"))?);
        Ok(())
    }

    fn skip_blanks(&self, from: usize) -> usize {
        from + self.text[from..].iter().take_while(|&&byte| is_blank(byte)).count()
    }

    /// The next run of bytes that are neither blank nor the end of the line; empty at that end.
    fn token(&self, from: usize) -> Range<usize> {
        let start = self.skip_blanks(from);
        let ends = |&&byte: &&u8| byte != b'\n' && !is_blank(byte);
        start..start + self.text[start..].iter().take_while(ends).count()
    }
}

/// A name and a number, as m68k labels its lines: `auto  4`, `via1  2`.
fn is_numbered_word(label: &[u8]) -> bool {
    let word = label.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    label[0].is_ascii_alphabetic() && label[word..].trim_ascii_start().iter().all(u8::is_ascii_digit)
}

/// The counts of whole columns. Nearly all are zero, so these are taken eight at a time.
fn strides(fields: &[u8], counts: &mut Vec<u64>) -> Option<()> {
    const RUN: usize = 8;
    const ZEROS: [[u8; STRIDE]; RUN] = [*b"          0"; RUN];
    let (runs, rest) = fields.as_chunks::<{ RUN * STRIDE }>();
    for run in runs {
        if run == ZEROS.as_flattened() {
            counts.extend_from_slice(&[0; RUN]);
        } else {
            for column in run.as_chunks::<STRIDE>().0 {
                counts.push(column_count(column)?);
            }
        }
    }
    for column in rest.as_chunks::<STRIDE>().0 {
        counts.push(column_count(column)?);
    }
    Some(())
}

/// The count of a column that does not touch the one before it.
fn column_count(column: &[u8; STRIDE]) -> Option<u64> {
    if column[0] == b' ' { stride_field(column) } else { None }
}

/// Which CPUs `counts` numbers belong to, if they can be told.
fn columns_of(
    kind: Kind,
    counts: usize,
    cpus: usize,
    nothing_follows: bool,
    is_ended: bool,
) -> Result<Columns, String> {
    match counts {
        _ if kind == Kind::Softirq && !nothing_follows => Err("not a count".into()),
        _ if counts == cpus => Ok(Columns::Cpus),
        1 if kind == Kind::Arch && nothing_follows && is_ended => Ok(Columns::All),
        _ if kind == Kind::Arch && counts > cpus => Ok(Columns::Extra),
        _ => Err(format!("{} in a row for {}", several(counts, "count"), several(cpus, "CPU"))),
    }
}

fn several(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
