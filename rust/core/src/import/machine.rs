//! Whether two texts are of one machine, and of one start of it.
//!
//! CPUs come and go, and so do drivers: what is told apart here is what neither can do.

use std::collections::{HashMap, HashSet};

use crate::parse::{Layout, TextKind};
use crate::{Kind, Line};

/// Of fewer lines in common nothing is concluded from their names.
const FEW_LINES: usize = 3;

/// A count that lies this far below has wrapped rather than fallen.
const WRAPPED: u64 = 1 << 31;

/// The CPUs that each file's texts had, the lines and the counts: as of the last text of each.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) layout: Layout,
    pub(super) counts: Vec<u64>,
}

/// What says that the second text is of another machine than the first, or was read after another start of it.
pub(super) fn contradiction(kind: TextKind, before: &Seen, now: &Seen) -> Option<String> {
    if kind == TextKind::Softirqs && before.layout.cpus != now.layout.cpus {
        return Some(format!(
            "it has {} and that {}, and this file names all CPUs that a machine can have",
            cpus(now.layout.cpus.len()),
            cpus(before.layout.cpus.len())
        ));
    }
    other_lines(before, now).or_else(|| fallen(before, now))
}

/// What says that texts of the two files are of two machines: the CPUs of the one are not all among those of the other.
pub(super) fn missing_cpu(interrupts: &Seen, softirqs: &Seen) -> Option<String> {
    let missing = interrupts.layout.cpus.iter().find(|cpu| !softirqs.layout.cpus.contains(cpu))?;
    Some(format!(
        "CPU {missing} is in the text of /proc/interrupts, and not in that of /proc/softirqs, which names all CPUs"
    ))
}

/// Whether the second text ends early: it has the first lines of the one before, and none of its last ones. What a machine
/// loses stands in the middle: the lines of CPUs, and the kernel's own, stay.
pub(super) fn ends_early(before: &Seen, now: &Seen) -> bool {
    let (old, new) = (&before.layout.lines, &now.layout.lines);
    new.len() < old.len() && new.iter().zip(old).all(|(new, old)| new.same_line(old))
}

fn cpus(count: usize) -> String {
    if count == 1 { "1 CPU".to_owned() } else { format!("{count} CPUs") }
}

/// Lines that cannot be those of before: none is shared, or numbers stand for other devices at other chips.
fn other_lines(before: &Seen, now: &Seen) -> Option<String> {
    let lettered = |seen: &Seen| -> HashSet<String> {
        seen.layout.lines.iter().filter(|line| line.kind == Kind::Arch).map(|line| line.irq.clone()).collect()
    };
    let (old, new) = (lettered(before), lettered(now));
    if !old.is_empty() && !new.is_empty() && old.is_disjoint(&new) {
        return Some("they have no lettered line in common".to_owned());
    }
    let numbered: HashMap<u32, &Line> =
        before.layout.lines.iter().filter_map(|line| Some((line.number?, line))).collect();
    let both: Vec<(&Line, &Line)> =
        now.layout.lines.iter().filter_map(|line| Some((*numbered.get(&line.number?)?, line))).collect();
    let is_other =
        |(old, new): &&(&Line, &Line)| old.name != new.name && (&old.chip, old.hwirq) != (&new.chip, new.hwirq);
    let other = both.iter().filter(is_other).count();
    let (old, new) = both.iter().find(is_other)?;
    (both.len() >= FEW_LINES && other * 2 > both.len()).then(|| {
        let told = |line: &Line| format!("{} ({})", line.name, line.chip.as_deref().unwrap_or("no chip"));
        format!(
            "{other} of the {} numbers that both have stand for something else, such as {}: {} here and {} there",
            both.len(),
            new.irq,
            told(new),
            told(old)
        )
    })
}

/// More than half of the counts fell at once.
fn fallen(before: &Seen, now: &Seen) -> Option<String> {
    let (mut fell, mut all) = (0, 0);
    let mut compare = |old: u64, new: u64| {
        all += usize::from(old > 0);
        fell += usize::from(new < old && old - new <= WRAPPED);
    };
    if before.layout == now.layout {
        before.counts.iter().zip(&now.counts).for_each(|(&old, &new)| compare(old, new));
    } else {
        let old: HashMap<_, u64> = cells(before).collect();
        cells(now).filter_map(|(cell, new)| Some((*old.get(&cell)?, new))).for_each(|(old, new)| compare(old, new));
    }
    (fell * 2 > all).then(|| format!("{fell} of the {all} counts that were above 0 have fallen"))
}

/// The counts of CPUs, and what tells each apart.
fn cells(seen: &Seen) -> impl Iterator<Item = ((Kind, &str, &str, u16), u64)> {
    seen.layout.cells.iter().zip(&seen.counts).filter_map(|(cell, &count)| {
        let line = &seen.layout.lines[cell.line as usize];
        Some(((line.kind, line.irq.as_str(), line.name.as_str(), cell.cpu?), count))
    })
}
