//! Large texts for benchmarks, shaped like that of a server with 1,152 CPUs.

use crate::model::push;
use crate::rng::Rng;

/// Bytes from one count's end to the next.
const STRIDE: usize = 11;
/// 1,000 device lines of a hundred: the rest are lettered.
const LETTERED: [(&str, &str); 16] = [
    ("NMI", "Non-maskable interrupts"),
    ("LOC", "Local timer interrupts"),
    ("SPU", "Spurious interrupts"),
    ("PMI", "Performance monitoring interrupts"),
    ("IWI", "IRQ work interrupts"),
    ("RTR", "APIC ICR read retries"),
    ("RES", "Rescheduling interrupts"),
    ("CAL", "Function call interrupts"),
    ("TLB", "TLB shootdowns"),
    ("TRM", "Thermal event interrupts"),
    ("THR", "Threshold APIC interrupts"),
    ("DFR", "Deferred Error APIC interrupts"),
    ("MCE", "Machine check exceptions"),
    ("MCP", "Machine check polls"),
    ("PIN", "Posted-interrupt notification event"),
    ("PIW", "Posted-interrupt wakeup event"),
];

/// A text of `/proc/interrupts` with `cpus` CPUs and `lines` rows in the format of an x86 server, as the kernel prints
/// it: nearly all device cells are zero, as each interrupt goes to one CPU; lettered rows are not.
#[must_use]
pub fn big_interrupts(cpus: u16, lines: usize, seed: u64) -> Vec<u8> {
    let mut rng = Rng::new(seed);
    let mut text = String::with_capacity((usize::from(cpus) + 8) * STRIDE * (lines + 1));
    text.push_str("             ");
    for cpu in 0..cpus {
        push(&mut text, format_args!("CPU{cpu:<8}"));
    }
    text.push('\n');
    let lettered = LETTERED.len().min(lines / 2);
    for line in 0..lines - lettered {
        push(&mut text, format_args!("{line:5}: "));
        let home = rng.below(cpus.into());
        for cpu in 0..usize::from(cpus) {
            let count = if cpu == home { rng.below(3_000_000) } else { 0 };
            push_count(&mut text, count);
        }
        push(&mut text, format_args!(" IR-PCI-MSI {:6}-edge      eth{}-TxRx-{line}\n", 524_288 + line, line % 4));
    }
    for (label, description) in &LETTERED[..lettered] {
        push(&mut text, format_args!("{label:>5}: "));
        let busy = rng.chance(1, 4);
        for _ in 0..cpus {
            push_count(&mut text, if busy { rng.below(40_000_000) } else { 0 });
        }
        push(&mut text, format_args!("  {description}\n"));
    }
    text.push_str("  ERR:          0\n  MIS:          0\n");
    text.into_bytes()
}

fn push_count(text: &mut String, count: usize) {
    push(text, format_args!("{count:10} "));
}

/// Lets `changed` counts of a text in the kernel's columns grow, chosen evenly over the text; returns how many did.
pub fn bump(text: &mut [u8], changed: usize, seed: u64) -> usize {
    let mut rng = Rng::new(seed);
    let ends = count_ends(text);
    let mut done = 0;
    for index in 0..changed.min(ends.len()) {
        // One of each slice of equal length, so that none is taken twice.
        let (from, to) = (index * ends.len() / changed, (index + 1) * ends.len() / changed);
        let end = ends[from + rng.below(to - from)];
        let field = &mut text[end + 1 - STRIDE..end];
        let printed = String::from_utf8_lossy(field).trim().parse().unwrap_or(0_u64);
        let grown = format!("{:10}", (printed + 1 + rng.next() % 999) % (1 << 32));
        field.copy_from_slice(grown.as_bytes());
        done += 1;
    }
    done
}

/// Where the counts of a text in the kernel's columns end: a digit before a blank, ten places and a multiple of the
/// stride after the colon and its blank.
fn count_ends(text: &[u8]) -> Vec<usize> {
    let mut ends = Vec::with_capacity(text.len() / STRIDE);
    let mut begin = 0;
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        if let Some(colon) = line.iter().position(|&byte| byte == b':') {
            let fields = line[colon + 1..].as_chunks::<STRIDE>().0;
            let is_count = |field: &&[u8; STRIDE]| {
                field[0] == b' '
                    && field[STRIDE - 1].is_ascii_digit()
                    && field.trim_ascii_start().iter().all(u8::is_ascii_digit)
            };
            let counts = fields.iter().take_while(is_count).count();
            ends.extend((1..=counts).map(|index| begin + colon + 1 + index * STRIDE));
        }
        begin += line.len();
    }
    ends
}
