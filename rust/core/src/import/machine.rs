//! Whether two texts are of one machine, and of one start of it.
//!
//! CPUs come and go, and so do drivers: what is told apart here is what neither can do.

use std::collections::{HashMap, HashSet};

use crate::parse::{Layout, TextKind};
use crate::track::{NS_PER_INTERRUPT, wrapped};
use crate::warning::duration;
use crate::{Kind, Line};

/// Of fewer lines in common nothing is concluded from their names.
const FEW_LINES: usize = 3;

/// How much has to speak for it that the kernel's own counts are those of before and went on: another machine's would stand so
/// little above them once in a thousand times.
const BITS: u32 = 10;

/// Counts of no interrupts, or of those of other rows: old kernels of x86 print CAL as a difference, which may fall, and
/// STK of parisc is a gauge.
const NOT_STEADY: [&str; 2] = ["CAL", "STK"];

/// Counts that may tell how long a machine has been up, which is the same for all that were started together.
const OF_UPTIME: [&str; 2] = ["LOC", "MCP"];

/// The CPUs that each file's texts had, the lines and the counts: as of the last text of each.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) layout: Layout,
    pub(super) counts: Vec<u64>,
}

/// What says that a text is of another machine than the one before, or was read after another start of it.
#[derive(Debug)]
pub(super) struct Contradiction {
    pub(super) why: String,
    /// What else may have done that, if a person says so.
    pub(super) unless: Option<&'static str>,
}

/// Of a text that was read in so much time at most after the one before; `is_rough` where that may have been more.
pub(super) fn contradiction(
    kind: TextKind,
    before: &Seen,
    now: &Seen,
    (elapsed_ns, is_rough): (u64, bool),
) -> Option<Contradiction> {
    let fallen = Fallen::between(before, now, elapsed_ns);
    let is_bare = fallen.own.1 == 0;
    let certain = other_cpus(kind, before, now)
        .or_else(|| other_letters(before, now))
        .or(fallen.timer)
        .or_else(|| most(fallen.own))
        .map(|why| Contradiction { why, unless: None });
    let doubt = || {
        let other = other_devices(before, now).filter(|_| !goes_on(before, now, elapsed_ns));
        let why = other.or_else(|| most(fallen.devices).filter(|_| is_bare))?;
        Some(Contradiction { why, unless: Some("only drivers began anew") })
    };
    let too_fast = || {
        let why = fallen.too_fast.filter(|_| !is_rough)?;
        Some(Contradiction { why, unless: Some("what counts there does so in large steps") })
    };
    certain.or_else(doubt).or_else(too_fast)
}

/// Whether a count of the second text is below that of the first.
pub(super) fn any_fell(before: &Seen, now: &Seen, elapsed_ns: u64) -> bool {
    let fallen = Fallen::between(before, now, elapsed_ns);
    fallen.own.0 + fallen.devices.0 > 0
}

/// What says that texts of the two files are of two machines: the CPUs of the one are not all among those of the other.
pub(crate) fn missing_cpu(interrupts: &Layout, softirqs: &Layout) -> Option<String> {
    let missing = interrupts.cpus.iter().find(|cpu| !softirqs.cpus.contains(cpu))?;
    Some(format!(
        "texts of two machines: CPU {missing} is in the text of /proc/interrupts, and not in that of /proc/softirqs, which names all CPUs"
    ))
}

/// Whether the second text ends early: it has the first lines of the one before, and none of its last ones, of which some are
/// the kernel's own. What a machine loses are lines of devices.
pub(super) fn ends_early(before: &Seen, now: &Seen) -> bool {
    let (old, new) = (&before.layout.lines, &now.layout.lines);
    let has_first = new.len() < old.len() && new.iter().zip(old).all(|(new, old)| new.same_line(old));
    has_first && old[new.len()..].iter().any(|line| line.kind != Kind::Irq)
}

fn cpus(count: usize) -> String {
    if count == 1 { "1 CPU".to_owned() } else { format!("{count} CPUs") }
}

fn other_cpus(kind: TextKind, before: &Seen, now: &Seen) -> Option<String> {
    (kind == TextKind::Softirqs && before.layout.cpus != now.layout.cpus).then(|| {
        format!(
            "it has {} and that {}, and this file names all CPUs that a machine can have",
            cpus(now.layout.cpus.len()),
            cpus(before.layout.cpus.len())
        )
    })
}

fn other_letters(before: &Seen, now: &Seen) -> Option<String> {
    let lettered = |seen: &Seen| -> HashSet<String> {
        seen.layout.lines.iter().filter(|line| line.kind == Kind::Arch).map(|line| line.irq.clone()).collect()
    };
    let (old, new) = (lettered(before), lettered(now));
    let is_other = !old.is_empty() && !new.is_empty() && old.is_disjoint(&new);
    is_other.then(|| "they have no lettered line in common".to_owned())
}

fn most((fell, all): (usize, usize)) -> Option<String> {
    (fell * 2 > all).then(|| format!("{fell} of the {all} counts that were above 0 have fallen"))
}

/// Numbers that stand for other devices at other chips.
fn other_devices(before: &Seen, now: &Seen) -> Option<String> {
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

/// What fell from one text to the next. Counts of devices start anew with their driver; those of the kernel's own lines only
/// with the kernel.
#[derive(Debug, Default)]
struct Fallen {
    /// How many of the kernel's own fell, and were above 0.
    own: (usize, usize),
    /// The same of devices' counts.
    devices: (usize, usize),
    /// The timer of a CPU, where it fell: that alone is enough.
    timer: Option<String>,
    /// A count that has grown by more than a CPU can count, or all that share it.
    too_fast: Option<String>,
}

impl Fallen {
    fn between(before: &Seen, now: &Seen, elapsed_ns: u64) -> Self {
        let mut fallen = Self::default();
        let within = (elapsed_ns, now.layout.cpus.len().max(1) as u64);
        if before.layout == now.layout {
            let counts = before.counts.iter().zip(cells(now));
            counts.for_each(|(&old, (cell, new))| fallen.compare(cell, (old, new), within));
        } else {
            let old: HashMap<_, u64> = cells(before).filter(|(cell, _)| cell.3.is_some()).collect();
            let both = cells(now).filter_map(|(cell, new)| Some((cell, (*old.get(&cell)?, new))));
            both.for_each(|(cell, counts)| fallen.compare(cell, counts, within));
        }
        fallen
    }

    /// Counts of a cell; one without a CPU is of all `cpus`.
    fn compare(&mut self, (kind, irq, _, cpu): Cell<'_>, (old, new): (u64, u64), (elapsed_ns, cpus): (u64, u64)) {
        if NOT_STEADY.contains(&irq) {
            return;
        }
        let fell = new < old && wrapped(old, new, elapsed_ns).is_none();
        // A count that fell began anew at 0, where it was not of another machine.
        let grown = new.checked_sub(old).unwrap_or(if fell { new } else { 0 });
        let counts_at_once = if cpu.is_some() { 1 } else { cpus };
        if grown / counts_at_once > elapsed_ns / NS_PER_INTERRUPT && self.too_fast.is_none() {
            let of_cpu = cpu.map(|cpu| format!(" of CPU {cpu}")).unwrap_or_default();
            let elapsed = duration(i64::try_from(elapsed_ns).unwrap_or(i64::MAX));
            self.too_fast = Some(format!(
                "{irq}{of_cpu} went from {old} to {new} in {elapsed} at most, and where both times are right no CPU \
                 takes more than one in {NS_PER_INTERRUPT} ns"
            ));
        }
        let counted = if kind == Kind::Irq { &mut self.devices } else { &mut self.own };
        counted.0 += usize::from(fell);
        counted.1 += usize::from(old > 0);
        if fell && let ("LOC", Some(cpu)) = (irq, cpu) {
            self.timer.get_or_insert_with(|| format!("LOC of CPU {cpu} fell from {old} to {new}"));
        }
    }
}

/// Whether the kernel's own counts are those of before, a little later: by what part the counts of a line have grown tells
/// how often those of another machine, which may be any, would stand there. Of a line the CPU that says the least is asked,
/// since what makes the counts of one CPU alike makes those of all.
fn goes_on(before: &Seen, now: &Seen, elapsed_ns: u64) -> bool {
    let old: HashMap<_, u64> = cells(before).collect();
    let mut bits: HashMap<(&str, &str), u32> = HashMap::new();
    for ((kind, irq, name, cpu), new) in cells(now) {
        let Some(&old) = old.get(&(kind, irq, name, cpu)).filter(|&&old| old > 0) else { continue };
        if kind == Kind::Irq || NOT_STEADY.contains(&irq) {
            continue;
        }
        let Some(grown) = new.checked_sub(old).or_else(|| wrapped(old, new, elapsed_ns)) else { return false };
        if OF_UPTIME.contains(&irq) {
            continue;
        }
        let told = (old / (grown + 1)).checked_ilog2().unwrap_or(0);
        bits.entry((irq, name)).and_modify(|least| *least = told.min(*least)).or_insert(told);
    }
    bits.values().sum::<u32>() >= BITS
}

/// What tells a count apart: kind, label and name of its line, and the CPU.
type Cell<'a> = (Kind, &'a str, &'a str, Option<u16>);

/// All counts.
fn cells(seen: &Seen) -> impl Iterator<Item = (Cell<'_>, u64)> {
    seen.layout.cells.iter().zip(&seen.counts).map(|(cell, &count)| {
        let line = &seen.layout.lines[cell.line as usize];
        ((line.kind, line.irq.as_str(), line.name.as_str(), cell.cpu), count)
    })
}
