//! What is counted: kinds, groups and lines, in the words of the design.

use serde::{Deserialize, Serialize};

use crate::ConfigError;

/// What a counter row counts. The order is the order of rows in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A numbered line of `/proc/interrupts`: a device's.
    Irq,
    /// A lettered line of `/proc/interrupts`: NMI, LOC, RES, IPI0, ERR…
    Arch,
    /// A line of `/proc/softirqs`.
    Softirq,
}

impl Kind {
    /// Every kind, in order.
    pub const ALL: [Self; 3] = [Self::Irq, Self::Arch, Self::Softirq];

    /// The word for it in frames, options and messages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Irq => "irq",
            Self::Arch => "arch",
            Self::Softirq => "softirq",
        }
    }
}

impl std::str::FromStr for Kind {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| {
            ConfigError(format!(
                "kinds: there is no kind {text:?}; there are {}",
                Self::ALL.map(Self::as_str).join(", ")
            ))
        })
    }
}

/// Where counts come from. The order is the order of rows in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineName {
    /// The text files of `/proc`, unprivileged.
    Proc,
    /// Single lines of `/sys/kernel/irq`, unprivileged.
    Sysfs,
    /// Tracepoints, privileged.
    Bpf,
    /// Captured texts.
    Replay,
}

impl EngineName {
    /// Every engine, in order.
    pub const ALL: [Self; 4] = [Self::Proc, Self::Sysfs, Self::Bpf, Self::Replay];

    /// The word for it in frames, options and messages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proc => "proc",
            Self::Sysfs => "sysfs",
            Self::Bpf => "bpf",
            Self::Replay => "replay",
        }
    }
}

/// What is read together: it has its own reads, windows and misses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Group {
    /// What its lines count.
    pub kind: Kind,
    /// Where its counts come from.
    pub engine: EngineName,
}

/// One counter row, described as the kernel describes it.
///
/// Its identity is (kind, irq, name, chip, hwirq), see [`Line::same_line`]. Bytes that are not UTF-8 are kept as
/// `\xNN` in every text field.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Line {
    /// What it counts.
    pub kind: Kind,
    /// The label as the kernel prints it: `36`, `LOC`, `NET_RX`.
    pub irq: String,
    /// What a person would call it: its actions joined by `, `, else the description, else the label. The second
    /// line of one text with the same kind, irq and name has ` #2` at the end, the third ` #3`, so that the four
    /// columns kind, engine, irq and name tell the present lines of a trace apart.
    pub name: String,
    /// The number of a numbered line.
    pub number: Option<u32>,
    /// The interrupt controller: `IO-APIC`, `PCI-MSIX-0000:00:05.0`, `RISC-V INTC`.
    pub chip: Option<String>,
    /// The controller's own number of the line.
    pub hwirq: Option<u64>,
    /// How the line signals, as printed: `edge`, `fasteoi`, `Level`.
    pub trigger: Option<String>,
    /// Who asked for the line, one handler each, in the kernel's order.
    pub actions: Vec<String>,
}

impl Line {
    /// Whether two rows, of different reads, are one line: the same (kind, irq, name, chip, hwirq).
    #[must_use]
    pub fn same_line(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.irq == other.irq
            && self.name == other.name
            && self.chip == other.chip
            && self.hwirq == other.hwirq
    }
}
