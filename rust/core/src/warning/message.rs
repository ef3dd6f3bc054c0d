//! The sentence of each warning: what happened, and what would help.

use super::{Tally, WarningType};
use crate::{Group, LineMeta};

pub(super) fn message(r#type: WarningType, group: Option<Group>, line: Option<&LineMeta>, tally: &Tally) -> String {
    let Tally { count, worst, detail, .. } = tally;
    let worst = worst.unwrap_or_default();
    let at = place(group, line);
    let detail = detail.as_deref().map(|detail| format!(" ({detail})")).unwrap_or_default();
    match r#type {
        WarningType::MissedSamples => format!(
            "{}{at} passed without a read, at most {worst} in a row: a longer interval, pin (--pin), fifo (--fifo) or \
             an otherwise idle CPU helps",
            counted(*count, "point of the grid", "points of the grid"),
        ),
        WarningType::LongReads => format!(
            "{}{at} took longer than the interval, the longest {}: choose a longer interval, or fewer lines with irqs \
             (--irqs) or kinds (--kinds)",
            counted(*count, "read", "reads"),
            duration(worst),
        ),
        WarningType::Reset => format!(
            "the counts{at} began anew {}: its driver was probably bound again, and what was counted before stands \
             under the line that ended",
            times(*count),
        ),
        WarningType::CountFell => format!(
            "a count{at} fell {}, at most by {worst}: its growth counts as 0 until the old count is passed",
            if *count == 0 { "earlier".to_owned() } else { times(*count) },
        ),
        WarningType::LayoutChanged => {
            format!(
                "lines or CPUs{at} came or went {}{detail}: see first_sample and last_sample in lines",
                times(*count)
            )
        }
        WarningType::ExtraNumbers => format!(
            "{}{at} had more numbers than the header has CPUs: the counts are kept, with cpu null",
            counted(*count, "read", "reads"),
        ),
        WarningType::UnreadableText => format!(
            "{}{at} did not fit the kernel's format or contradicted {}{detail}: CPUs or lines that come and go do this; \
             a longer interval for this kind (--kinds) leaves more time to read again",
            counted(*count, "read", "reads"),
            if *count == 1 { "itself each time and was left out" } else { "themselves each time and were left out" },
        ),
        WarningType::DroppedBlocks => format!(
            "{} not taken in time and dropped: take batches more often, or raise memory_limit; the next reads carry the \
             growth",
            counted(*count, "block of reads was", "blocks of reads were"),
        ),
        WarningType::MemoryLimit => format!(
            "the limit of memory was reached{detail}: raise memory_limit, take batches more often, or \
             record to a file with path",
        ),
        WarningType::Suspend => format!(
            "the machine was suspended {}, the longest for {}{detail}: nothing was read meanwhile, and time runs on \
             without it",
            times(*count),
            duration(worst),
        ),
        WarningType::ClockStep => format!(
            "the wall clock was stepped {}, the worst by {}{detail}: time keeps to the first anchor, and anchors has \
             both clocks",
            times(*count),
            duration(worst),
        ),
        WarningType::SysfsFallback => {
            format!("sysfs does not show all counts{at}: /proc/interrupts is read instead, which is slower")
        }
        WarningType::RoughTimes => format!(
            "when counts were read is known only to some minutes{detail}: the time of a report is not that of its texts, \
             and rates between reports may lie outside their bounds",
        ),
        WarningType::LongWraps => format!(
            "counts fell between reads that are far apart, and were taken to have wrapped{detail}: they may have begun anew \
             with their driver, or wrapped more often where minutes lie between; texts that follow sooner tell more",
        ),
        WarningType::Incomplete => {
            format!("the recording has not come to its end{detail}: what was read until then is complete")
        }
        WarningType::MissingSegments => format!(
            "{} not there{detail}: nothing is claimed for that time, and no count goes on across it",
            counted(*count, "segment of the recording is", "segments of the recording are"),
        ),
    }
}

/// ` of line 36 (eth0-rx-0)`, ` of irq by proc`, or nothing.
fn place(group: Option<Group>, line: Option<&LineMeta>) -> String {
    match (line, group) {
        (Some(LineMeta { line, .. }), _) if line.irq == line.name => format!(" of line {}", line.irq),
        (Some(LineMeta { line, .. }), _) => format!(" of line {} ({})", line.irq, line.name),
        (None, Some(group)) => format!(" of {} by {}", group.kind.as_str(), group.engine.as_str()),
        (None, None) => String::new(),
    }
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn times(count: u64) -> String {
    match count {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        _ => format!("{count} times"),
    }
}

/// Nanoseconds for a person: three digits and a unit.
pub(crate) fn duration(ns: i64) -> String {
    let sign = if ns < 0 { "-" } else { "" };
    let size = ns.unsigned_abs();
    let (unit, digits) = match size {
        0..1_000 => return format!("{ns} ns"),
        1_000..1_000_000 => (1_000, "µs"),
        1_000_000..1_000_000_000 => (1_000_000, "ms"),
        _ => (1_000_000_000, "s"),
    };
    let whole = size / unit;
    let thousandths = size % unit * 1_000 / unit;
    match whole {
        100.. => format!("{sign}{whole} {digits}"),
        10.. => format!("{sign}{whole}.{} {digits}", thousandths / 100),
        _ => format!("{sign}{whole}.{:02} {digits}", thousandths / 10),
    }
}
