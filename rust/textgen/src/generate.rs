//! Models of machines, old and new, made up from a seed.

use crate::model::{Columns, File, Format, Model, RECEIVED_AND_SENT, Row, Tail};
use crate::rng::Rng;

/// What a machine is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The file.
    pub file: File,
    /// How its kernel prints.
    pub format: Format,
    /// How many CPUs are in the header, 1 to 4,096.
    pub cpus: u16,
    /// Whether CPU ids are missing between others.
    pub gaps: bool,
    /// How many numbered lines there are.
    pub devices: usize,
    /// Everything else.
    pub seed: u64,
}

/// How many CPU ids may be missing in one place.
const GAPS: [u16; 4] = [1, 2, 3, 4];
const CHIPS: [&str; 14] = [
    "IO-APIC",
    "IR-PCI-MSI",
    "PCI-MSIX-0000:00:05.0",
    "GICv3",
    "GICv3-23",
    "GIC-0",
    "RISC-V INTC",
    "SiFive PLIC",
    "BRCM STB PCIe MSI",
    "C-SKY SMP Intc",
    "11910000.pinctrl",
    "4020KEY",
    "periph_intc@14e00048",
    "I",
];
const GLUED: [(&str, Option<&str>); 7] = [
    ("IO-APIC", Some("edge")),
    ("IO-APIC", Some("fasteoi")),
    ("PCI-MSI", Some("edge")),
    ("XT-PIC", Some("XT-PIC")),
    ("xen-pirq", Some("ioapic-edge")),
    ("LSAPIC", None),
    ("DMAR_MSI", Some("edge")),
];
const ACTIONS: [&str; 18] = [
    "timer",
    "eth0-rx-0",
    "nvme0q1",
    "PS/2 Mouse",
    "PCIe PME",
    "ahci[0000:00:1f.2]",
    "mlx5_async@pci:0002:00:00.0",
    "gpio-keys: KEY_POWER",
    "1004b800.serial:rx err",
    "bcm2708_sdhci (dma)",
    "ls2x-i2c",
    "ls2x-i2c",
    "+ide0",
    "snd_hda_intel:card1",
    "11820000.dma-controller:0",
    "ünïcode",
    "a,b",
    "uhci_hcd:usb3",
];
const LETTERED: [(&str, &str); 14] = [
    ("NMI", "Non-maskable interrupts"),
    ("LOC", "Local timer interrupts"),
    ("LOC", "Local timer interrupts for others"),
    ("RES", "Rescheduling interrupts"),
    ("CAL", "Function call interrupts"),
    ("TLB", "TLB shootdowns"),
    ("I/O", ""),
    ("EXT", ""),
    ("C15", "[CPU] 15"),
    ("PMI", "Performance Monitoring"),
    ("via1  2", "ADB"),
    ("VPMI", "Perf Guest Mediated PMI"),
    ("IPI0", "Rescheduling interrupts"),
    ("IPI5", "IRQ work interrupts"),
];
const SOFTIRQS: [&str; 10] =
    ["HI", "TIMER", "NET_TX", "NET_RX", "BLOCK", "BLOCK_IOPOLL", "TASKLET", "SCHED", "HRTIMER", "RCU"];

impl Model {
    /// The model of this shape: always the same one.
    #[must_use]
    pub fn generate(mut shape: Shape) -> Self {
        let mut rng = Rng::new(shape.seed);
        if shape.format == Format::Sparc {
            shape = Shape { cpus: 1, gaps: false, ..shape };
        }
        let mut next = 0;
        let cpus: Vec<u16> = (0..shape.cpus.clamp(1, 4096))
            .map(|_| {
                let cpu = next + if shape.gaps && rng.chance(1, 3) { GAPS[rng.below(GAPS.len())] } else { 0 };
                next = cpu + 1;
                cpu
            })
            .collect();
        let header = cpus != [0] || shape.format != Format::Sparc && rng.chance(1, 2);
        let label_width = if shape.file == File::Softirqs { 12 } else { 3 + rng.below(3) };
        let final_newline = rng.chance(9, 10);
        let marked = rng.chance(1, 10);
        let rows = Vec::new();
        let Shape { file, format, .. } = shape;
        let mut model = Self { file, format, header, cpus, marked, rows, label_width, final_newline };
        if file == File::Softirqs {
            let counted = SOFTIRQS.iter().map(|&label| model.per_cpu(label, Tail::Text(String::new()), &mut rng));
            model.rows = counted.collect();
            return model;
        }
        let mut number = 0;
        for _ in 0..shape.devices {
            number += rng.below(3);
            model.rows.push(model.device(number, &mut rng));
            number += 1;
        }
        model.push_lettered(&mut rng);
        model
    }

    fn per_cpu(&self, label: &str, tail: Tail, rng: &mut Rng) -> Row {
        let counts = self.cpus.iter().map(|_| count(rng)).collect();
        Row { label: label.into(), counts, columns: Columns::Cpus, tail }
    }

    /// A numbered line.
    pub(crate) fn device(&self, number: usize, rng: &mut Rng) -> Row {
        let mark = |rng: &mut Rng| if self.format == Format::Sparc && rng.chance(1, 3) { "+ " } else { "" };
        let actions: Vec<String> =
            (0..=rng.below(3) * rng.below(3)).map(|_| mark(rng).to_owned() + rng.pick(&ACTIONS)).collect();
        let hwirq = if rng.chance(1, 8) { None } else { Some(rng.next() >> (32 + rng.below(32))) };
        let (flow, level) = (rng.pick(&["edge", "fasteoi"]), rng.pick(&["Edge", "Level"]));
        let chip = rng.pick(&CHIPS);
        let (chip, hwirq, trigger) = match self.format {
            Format::Chipless | Format::Sparc => (None, None, None),
            Format::Alpha => (Some(rng.pick(&["XT-PIC", "SRM", "RTC"])), None, None),
            Format::Glued => {
                let (chip, flow) = GLUED[rng.below(GLUED.len())];
                (Some(chip), None, flow)
            }
            Format::Level => (Some(if rng.chance(1, 8) { "MPIC 1" } else { chip }), hwirq, Some(level)),
            Format::Number => (Some(chip), hwirq, None),
            Format::Flow | Format::Narrow | Format::Coming => (Some(chip), hwirq, Some(flow)),
        };
        // What has neither number nor actions cannot be told from actions without a chip.
        let actions = if hwirq.is_some() && rng.chance(1, 6) { Vec::new() } else { actions };
        // A chip without a name.
        let chip = chip.filter(|_| hwirq.is_none() || !rng.chance(1, 12)).map(Into::into);
        let tail = Tail::Device { chip, hwirq, trigger: trigger.map(Into::into), actions };
        self.per_cpu(&number.to_string(), tail, rng)
    }

    fn push_lettered(&mut self, rng: &mut Rng) {
        for (label, words) in LETTERED {
            if rng.chance(2, 3) {
                let mut row = self.per_cpu(label, Tail::Text(words.into()), rng);
                // Old Android prints the IPIs of CPUs that are offline too.
                if label.starts_with("IPI") && self.cpus.len() < 3 && rng.chance(1, 4) {
                    row.counts.extend((0..=rng.below(3)).map(|_| count(rng)));
                    row.columns = Columns::Unknown;
                }
                self.rows.push(row);
            }
        }
        if self.format == Format::Level && self.cpus.len() > 1 && rng.chance(1, 4) {
            let (counts, tail) = (vec![count(rng), count(rng)], Tail::Text(String::new()));
            self.rows.push(Row { label: RECEIVED_AND_SENT.into(), counts, columns: Columns::Unknown, tail });
        }
        if rng.chance(1, 4) {
            let tail = Tail::Text("usb_fiq".into());
            self.rows.push(Row { label: "FIQ".into(), counts: Vec::new(), columns: Columns::Unknown, tail });
        }
        let columns = if self.cpus.len() == 1 { Columns::Cpus } else { Columns::Unknown };
        let tail = Tail::Text(String::new());
        self.rows.push(Row { label: "ERR".into(), counts: vec![count(rng)], columns, tail });
    }
}

/// Mostly zero, else of any width up to ten digits.
pub(crate) fn count(rng: &mut Rng) -> u64 {
    if rng.chance(1, 2) { 0 } else { (rng.next() >> 32) >> rng.below(32) }
}
