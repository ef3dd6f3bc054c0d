//! What the kernel says of a numbered line after its counts: chip, number at the chip, trigger, actions.
//!
//! Kernels print, each part of it only if there is one: the chip (which may hold single blanks), the number, `Edge` or
//! `Level`, the name of the flow after a dash, and after two blanks the actions:
//!
//! ```text
//! IR-IO-APIC   16-fasteoi   idma64.0, i801_smbus
//! SiFive PLIC  10 Level     ttyS0
//! GPIO  31 Edge    -davinci_gpio  connector
//! xen-dyn    -event     vif0
//! IO-APIC-edge  timer
//! ```

use super::names::readable;
use super::number::digits;
use super::table::is_blank;

/// The parts of a description.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Description {
    pub(super) chip: Option<String>,
    pub(super) hwirq: Option<u64>,
    pub(super) trigger: Option<String>,
    pub(super) actions: Vec<String>,
}

/// Flows that kernels without a column for the chip's number print right after the chip and a dash. The longer ones
/// stand first.
const GLUED_FLOWS: [&[u8]; 14] = [
    b"-ioapic-edge",
    b"-ioapic-level",
    b"-fasteoi",
    b"-percpu",
    b"-simple",
    b"-XT-PIC",
    b"-<NULL>",
    b"-event",
    b"-level",
    b"-msi-x",
    b"-edge",
    b"-virq",
    b"-msi",
    b"-ipi",
];

/// Takes apart what follows the counts of a numbered line, without the blanks around it.
pub(super) fn describe(tail: &[u8]) -> Description {
    let (mut chip, mut rest) = split_chip(tail);
    let mut description = Description::default();
    if let Some((number, after)) = take_hwirq(rest) {
        description.hwirq = Some(number);
        rest = after;
    }
    let (trigger, after) = take_trigger(rest);
    description.trigger = trigger;
    rest = after;
    if description.hwirq.is_none()
        && description.trigger.is_none()
        && let Some(flow) = GLUED_FLOWS.iter().find(|flow| chip.len() > flow.len() && chip.ends_with(flow))
    {
        chip = &chip[..chip.len() - flow.len()];
        description.trigger = Some(readable(&flow[1..]));
    }
    // What the kernel prints for a line without a chip, for a chip without a name, and what printf makes of the latter.
    if !matches!(chip, b"" | b"-" | b"None" | b"<NULL>") {
        description.chip = Some(readable(chip));
    }
    description.actions = actions(rest);
    description
}

/// The actions of a list: separated by a comma and at least one blank. Alpha's mark of a fast handler, a plus before
/// the name, stays as printed.
pub(super) fn actions(list: &[u8]) -> Vec<String> {
    let mut actions = Vec::new();
    let mut rest = list;
    while !rest.is_empty() {
        let comma = rest.windows(2).position(|pair| pair[0] == b',' && is_blank(pair[1]));
        let (action, after) = comma.map_or((rest, &rest[rest.len()..]), |at| (&rest[..at], &rest[at + 1..]));
        let action = action.trim_ascii();
        if !action.is_empty() {
            actions.push(readable(action));
        }
        rest = after;
    }
    actions
}

/// A chip and its number before the text of an IPI row (`LoongArch  1 Rescheduling interrupts`).
pub(super) fn chip_of_ipi(tail: &[u8]) -> Option<(&[u8], u64, &[u8])> {
    let chip = &tail[..token_len(tail)];
    let (number, text) = take_hwirq(tail[chip.len()..].trim_ascii_start())?;
    let text = text.trim_ascii_start();
    text.first()?.is_ascii_alphabetic().then_some((chip, number, text))
}

fn token_len(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|&&byte| !is_blank(byte)).count()
}

/// The chip, and what follows it. The chip goes up to the first two blanks, or up to a number or trigger after it.
fn split_chip(tail: &[u8]) -> (&[u8], &[u8]) {
    let mut end = token_len(tail);
    if digits(&tail[..end]).is_some() && take_trigger(tail[end..].trim_ascii_start()).0.is_some() {
        return (&[], tail);
    }
    loop {
        let rest = tail[end..].trim_ascii_start();
        let blanks = tail.len() - end - rest.len();
        let is_chip = blanks == 1 && (ends_chip(rest) || take_hwirq(rest).is_none() && take_trigger(rest).0.is_none());
        if !is_chip {
            return (&tail[..end], rest);
        }
        end += blanks + token_len(rest);
    }
}

/// Whether a number belongs to the name of a chip (`MPIC 1     16 Edge`): that of the line then follows it, or its
/// trigger further off than it stands from the chip's number.
fn ends_chip(rest: &[u8]) -> bool {
    let Some((_, after)) = take_hwirq(rest) else { return false };
    let is_apart = rest[..rest.len() - after.len()].ends_with(b"   ");
    match take_hwirq(after) {
        Some((_, last)) => is_apart || take_trigger(last).0.is_some(),
        None => is_apart && take_trigger(after).0.is_some(),
    }
}

/// The chip's number, and what follows it: digits up to a blank or to the dash of a flow. Older kernels print its lower
/// 32 bits with a sign.
fn take_hwirq(rest: &[u8]) -> Option<(u64, &[u8])> {
    let unsigned = rest.strip_prefix(b"-").unwrap_or(rest);
    let is_negative = unsigned.len() < rest.len();
    let len = unsigned.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let after = &unsigned[len..];
    let ends = match after {
        [] => true,
        [b'-', flow, ..] => flow.is_ascii_alphabetic(),
        [byte, ..] => is_blank(*byte),
    };
    let number = digits(&unsigned[..len]).filter(|_| ends)?;
    let number = if is_negative { (1_u64 << 32).checked_sub(number)? } else { number };
    Some((number, after.trim_ascii_start()))
}

/// `Edge` or `Level` and the flow after a dash, either of which may be missing, and what follows.
fn take_trigger(rest: &[u8]) -> (Option<String>, &[u8]) {
    let mut trigger = Vec::new();
    let mut after = rest;
    let word = &after[..token_len(after)];
    if matches!(word, b"Edge" | b"Level") {
        trigger.extend_from_slice(word);
        after = after[word.len()..].trim_ascii_start();
    }
    let flow = &after[..token_len(after)];
    if let [b'-', _, ..] = flow {
        trigger.extend_from_slice(if trigger.is_empty() { &flow[1..] } else { flow });
        after = after[flow.len()..].trim_ascii_start();
    }
    if trigger.is_empty() { (None, rest) } else { (Some(readable(&trigger)), after) }
}
