//! A text, and what it means.

use std::fmt::Write;
use std::ops::Range;

/// Which of the two files a text is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum File {
    /// `/proc/interrupts`.
    Interrupts,
    /// `/proc/softirqs`.
    Softirqs,
}

/// The label of the one row that has two counts for all CPUs, of PowerPC to 2.6.
pub(crate) const RECEIVED_AND_SENT: &str = "IPI (recv/sent)";

/// How a kernel prints a numbered line after its counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// ARM before chips had names: actions alone.
    Chipless,
    /// 32-bit SPARC: one CPU and no header; actions alone, a plus and a blank before those of fast handlers.
    Sparc,
    /// Alpha: a wide column of chips, and actions with two blanks after the comma.
    Alpha,
    /// x86 to about 2.6.38, and ia64: chip and flow joined by a dash (`IO-APIC-edge`).
    Glued,
    /// x86 since: `IO-APIC   2-edge`.
    Flow,
    /// ARM, RISC-V, PowerPC: `GICv3  27 Level`.
    Level,
    /// MIPS, `LoongArch`: `MIPS   7`.
    Number,
    /// x86 of 6.x: as [`Self::Flow`], with a blank before each count and none after.
    Narrow,
    /// The format that kernels to come print: chips stand to the left, as wide as the longest.
    Coming,
}

impl Format {
    /// Every format, from old to coming.
    pub const ALL: [Self; 9] = [
        Self::Chipless,
        Self::Sparc,
        Self::Alpha,
        Self::Glued,
        Self::Flow,
        Self::Level,
        Self::Number,
        Self::Narrow,
        Self::Coming,
    ];

    pub(crate) const fn blank_before_counts(self) -> bool {
        matches!(self, Self::Narrow | Self::Coming)
    }

    /// A chip's number as printed: by older kernels, its lower 32 bits with a sign.
    fn hwirq(self, number: u64) -> String {
        match u32::try_from(number) {
            Ok(number) if !self.blank_before_counts() => number.cast_signed().to_string(),
            _ => number.to_string(),
        }
    }
}

/// Which CPUs the counts of a row belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Columns {
    /// One for each CPU of the header.
    Cpus,
    /// None known: a lone number, more than the header has, or none at all.
    Unknown,
}

/// What a row says after its counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tail {
    /// Of a numbered line.
    Device {
        /// The interrupt controller.
        chip: Option<String>,
        /// Its number for the line.
        hwirq: Option<u64>,
        /// `edge`, `Level`.
        trigger: Option<String>,
        /// The handlers.
        actions: Vec<String>,
    },
    /// Of any other line; it may be empty.
    Text(String),
}

/// A counter row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// `36`, `LOC`, `NET_RX`.
    pub label: String,
    /// The counts as printed.
    pub counts: Vec<u64>,
    /// Whose they are.
    pub columns: Columns,
    /// The description.
    pub tail: Tail,
}

/// A text, as the kernel knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// The file.
    pub file: File,
    /// How numbered lines look.
    pub format: Format,
    /// Whether there is a header; a text without one has CPU 0 alone.
    pub header: bool,
    /// The CPUs of the header.
    pub cpus: Vec<u16>,
    /// Whether a byte order mark stands before the text, as editors put it.
    pub marked: bool,
    /// The rows.
    pub rows: Vec<Row>,
    /// The width of labels.
    pub label_width: usize,
    /// Whether the last line ends in a newline.
    pub final_newline: bool,
}

impl Model {
    /// The text.
    #[must_use]
    pub fn render(&self) -> Vec<u8> {
        self.render_with_fields().0
    }

    /// The text, and where in it each count stands with the blanks that pad it, in the order of [`Self::cells`].
    #[must_use]
    pub fn render_with_fields(&self) -> (Vec<u8>, Vec<Range<usize>>) {
        let mut fields = Vec::new();
        let mut text = String::from(if self.marked { "\u{feff}" } else { "" });
        if self.header {
            text.push_str(&" ".repeat(self.label_width + 8));
            self.cpus.iter().for_each(|cpu| push(&mut text, format_args!("CPU{cpu:<8}")));
            text.push('\n');
        }
        for row in &self.rows {
            self.render_row(row, &mut text, &mut fields);
        }
        // Its newline alone says where a row with two counts between no columns ends.
        if !self.final_newline && self.rows.last().is_none_or(|row| row.label != RECEIVED_AND_SENT) {
            text.pop();
        }
        (text.into_bytes(), fields)
    }

    /// The cells: the row, the CPU where it is known, and the count.
    pub fn cells(&self) -> impl Iterator<Item = (usize, Option<u16>, u64)> {
        self.rows.iter().enumerate().flat_map(move |(index, row)| {
            row.counts
                .iter()
                .enumerate()
                .map(move |(column, &count)| (index, (row.columns == Columns::Cpus).then(|| self.cpus[column]), count))
        })
    }

    fn render_row(&self, row: &Row, text: &mut String, fields: &mut Vec<Range<usize>>) {
        if let (RECEIVED_AND_SENT, [received, sent]) = (row.label.as_str(), &row.counts[..]) {
            push(text, format_args!("{RECEIVED_AND_SENT}: {received:10}/"));
            fields.push(text.len() - 11..text.len() - 1);
            let start = text.len();
            push(text, format_args!("{sent}\n"));
            fields.push(start..text.len() - 1);
            return;
        }
        let width = self.label_width;
        let before = self.file == File::Softirqs || self.format.blank_before_counts();
        // ARM's IPI labels stick out to the left of three places, and take the blank after the colon for it; in more
        // places the blank is there whether or not another one stands before each count.
        let has_blank = if row.label.starts_with("IPI") { row.label.len() <= width } else { !before };
        push(text, format_args!("{:>width$}:{}", row.label, if has_blank { " " } else { "" }));
        for count in &row.counts {
            text.push_str(if before { " " } else { "" });
            let start = text.len();
            push(text, format_args!("{count:10}"));
            fields.push(start..text.len());
            text.push_str(if before { "" } else { " " });
        }
        match &row.tail {
            Tail::Text(words) if words.is_empty() => {}
            Tail::Text(words) if row.counts.is_empty() => push(text, format_args!("             {words}")),
            Tail::Text(words) if self.format == Format::Alpha && row.label == "PMI" => {
                push(text, format_args!("          {words}"));
            }
            Tail::Text(words) => push(text, format_args!("  {words}")),
            Tail::Device { chip, hwirq, trigger, actions } => {
                let device = Device { chip: chip.as_deref(), hwirq: *hwirq, trigger: trigger.as_deref(), actions };
                self.render_device(&device, text);
            }
        }
        text.push('\n');
    }

    fn render_device(&self, device: &Device<'_>, text: &mut String) {
        let width = self.label_width;
        let number = device.hwirq.map(|number| self.format.hwirq(number)).unwrap_or_default();
        let chip = match device.chip {
            None => "-",
            // PowerMac's names hold blanks around them too.
            Some("MPIC 1") => " MPIC 1   ",
            Some(chip) => chip,
        };
        match self.format {
            Format::Chipless => {}
            Format::Sparc if device.actions.first().is_none_or(|action| action.starts_with("+ ")) => {}
            Format::Sparc => text.push_str("  "),
            Format::Alpha => push(text, format_args!(" {chip:>14}")),
            Format::Glued => push(text, format_args!(" {chip:>8}")),
            Format::Coming => {
                let longest = self.rows.iter().filter_map(Row::chip_len).max().unwrap_or_default();
                push(text, format_args!("  {:<longest$} {number:>width$}", device.chip.unwrap_or("None")));
            }
            _ => push(text, format_args!(" {chip:>8} {number:>width$}")),
        }
        match (self.format, device.trigger) {
            (Format::Level, Some(trigger)) => push(text, format_args!(" {trigger:<8}")),
            (_, Some(trigger)) => push(text, format_args!("-{trigger:<8}")),
            (_, None) => {}
        }
        if !device.actions.is_empty() {
            let between = if self.format == Format::Alpha { ",  " } else { ", " };
            let before = if self.format == Format::Sparc { " " } else { "  " };
            push(text, format_args!("{before}{}", device.actions.join(between)));
        }
    }
}

struct Device<'a> {
    chip: Option<&'a str>,
    hwirq: Option<u64>,
    trigger: Option<&'a str>,
    actions: &'a [String],
}

impl Row {
    fn chip_len(&self) -> Option<usize> {
        match &self.tail {
            Tail::Device { chip, .. } => Some(chip.as_deref().map_or("None".len(), str::len)),
            Tail::Text(_) => None,
        }
    }
}

pub(crate) fn push(text: &mut String, words: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = text.write_fmt(words);
}
