//! From texts with their times to samples: in the order of time, each with the window in which it was read.

use super::gather::{Basis, Taken, shown};
use super::scan::{Place, Text};
use crate::{IrqtraceError, Window};

/// Texts of one sample.
#[derive(Clone, Debug)]
pub(super) struct Moment {
    pub(super) window: Window,
    pub(super) place: Place,
    pub(super) texts: Vec<Text>,
    /// What its time is; of several texts, the roughest.
    pub(super) basis: Basis,
    /// The number of the log that all of it stands in.
    log: Option<usize>,
}

impl Moment {
    /// Whether this one, which comes after the other, may as well have been read before it. In one log the order is known.
    pub(super) fn may_precede(&self, other: &Self) -> bool {
        self.window.begin < other.window.end && (self.log.is_none() || self.log != other.log)
    }
}

/// The samples. `within_ns` is how far from its time a text was read at most.
pub(super) fn moments(mut taken: Vec<Taken>, within_ns: i64) -> Result<Vec<Moment>, IrqtraceError> {
    let windows = windows(&taken, within_ns);
    let mut order: Vec<usize> = (0..taken.len()).collect();
    order.sort_by_key(|&at| windows[at].begin);
    let mut moments: Vec<Moment> = Vec::with_capacity(taken.len());
    for at in order {
        let texts = std::mem::take(&mut taken[at].texts);
        let Taken { place, basis, log, .. } = &taken[at];
        match moments.last_mut().filter(|last| last.window.begin == windows[at].begin) {
            None => moments.push(Moment { window: windows[at], place: place.clone(), texts, basis: *basis, log: *log }),
            Some(last) if last.texts.iter().all(|one| texts.iter().all(|other| one.kind != other.kind)) => {
                last.window.end = last.window.end.max(windows[at].end);
                if *basis == Basis::Report {
                    last.basis = *basis;
                }
                last.log = last.log.filter(|_| last.log == *log);
                last.texts.extend(texts);
            }
            Some(last) => return Err(at_one_time(&taken[at], &last.place)),
        }
    }
    Ok(moments)
}

fn at_one_time(Taken { place, basis, log, ns, .. }: &Taken, other: &Place) -> IrqtraceError {
    let path = other.path.display();
    let finer = match (basis, log) {
        (Basis::Changed, _) => "; copying may have given both the time of the copy",
        (Basis::Before, Some(_)) => "; finer times are missing, as `date +%s.%N` prints them",
        (Basis::Before, None) => "; finer times are missing: in names a fraction of a second has six or nine digits",
        (Basis::ByHand | Basis::Report, _) => "; finer times are missing",
    };
    let what = if *basis == Basis::Changed { "was last changed" } else { "is of" };
    let line = if other.path == place.path { format!("line {}", other.line) } else { format!("{path}") };
    place.wrong(format!("{what} {}, as {line} is: two texts of one kind cannot be of one time{finer}", shown(*ns)))
}

/// When each was read: what its time, and how it was taken, leave possible.
fn windows(taken: &[Taken], within_ns: i64) -> Vec<Window> {
    let window = |(at, one): (usize, &Taken)| {
        let last_ns = one.ns + one.resolution_ns - 1;
        match one.basis {
            Basis::Changed => Window { begin: one.ns - within_ns, end: last_ns },
            Basis::Before | Basis::ByHand | Basis::Report => {
                let end = last_ns + within_ns;
                // In one log, the next time was written when the text was there.
                let next = taken.get(at + 1).filter(|next| one.log.is_some() && next.log == one.log);
                let latest = next.map_or(end, |next| next.ns + next.resolution_ns - 1);
                Window { begin: one.ns, end: end.min(latest) }
            }
        }
    };
    taken.iter().enumerate().map(window).collect()
}
