//! From samples to a trace: each text is parsed, and what grew is written down.

use std::collections::BTreeMap;

use super::Progress;
use super::gather::Basis;
use super::machine::{Contradiction, Seen, any_fell, contradiction, ends_early, missing_cpu};
use super::order::Moment;
use super::scan::{Text, missing};
use crate::block::{Block, Event, Indirect, Read, read_ns};
use crate::engine::{Engine, EngineError, Reading, TextEngine};
use crate::ledger::{Facts, Remark};
use crate::parse::{TextKind, parse};
use crate::select::Selection;
use crate::source::{ReadError, TextSource};
use crate::store::Store;
use crate::track::{LineKeys, Tracker};
use crate::{
    Clock, ClockAnchor, EngineName, HostFacts, IrqtraceError, Kind, ManualClock, Settings, Trace, TraceWriter,
    WarningType, Window,
};

/// The interval of a trace of one sample, which has none.
const ONE_SAMPLE_NS: i64 = 1_000_000_000;

const KINDS: [TextKind; 2] = [TextKind::Interrupts, TextKind::Softirqs];

/// Makes the trace of these samples, of which there is one at least. With a file it goes there and nowhere else.
pub(super) fn write(
    moments: &[Moment],
    mut host: HostFacts,
    same_machine: bool,
    file: Option<TraceWriter>,
    progress: &mut Progress<'_>,
) -> Result<Option<Trace>, IrqtraceError> {
    let (Some(first), Some(last)) = (moments.first(), moments.last()) else { return Ok(None) };
    know_cpus(&mut host, moments)?;
    // As wide as the smallest distance: each text then has a point of its own, less than an interval before it.
    let distances = moments.windows(2).map(|pair| pair[1].window.begin - pair[0].window.begin);
    let interval_ns = distances.min().unwrap_or(ONE_SAMPLE_NS);
    let t0 = first.window.begin;
    let mut files: Vec<Followed<'_>> = Vec::new();
    for kind in KINDS {
        if moments.iter().any(|moment| moment.texts.iter().any(|text| text.kind == kind)) {
            let groups = files.iter().map(|followed| followed.trackers.len()).sum();
            files.push(Followed::new(kind, groups));
        }
    }
    let groups: Vec<_> =
        files.iter().flat_map(|followed| followed.engine.groups().iter().map(|&group| (group, 1))).collect();
    let kinds: BTreeMap<Kind, i64> = groups.iter().map(|(group, _)| (group.kind, interval_ns)).collect();
    let settings = Settings { kinds, ..Settings::default() };
    let anchor = ClockAnchor { mono_ns: t0, real_ns: t0, boot_ns: t0, raw_ns: t0, bracket_ns: 0 };
    let mut block = Block::with_capacity(0, 0, groups.len());
    let facts = Facts { interval_ns, irregular: true, t0, groups, host, settings, anchor };
    let in_memory = file.is_none();
    let mut store = Store::new(facts, file.map(Into::into));
    let mut keys = LineKeys::default();
    let total = moments.iter().flat_map(|moment| &moment.texts).map(|text| text.bytes).sum();
    let (mut done, mut wraps) = (0, 0);
    for moment in moments {
        let sample = (moment.window.begin - t0) / interval_ns;
        let late_ns = moment.window.begin - t0 - sample * interval_ns;
        for followed in &mut files {
            let Some(text) = moment.texts.iter().find(|text| text.kind == followed.kind) else { continue };
            let is_last = sample > 0 && std::ptr::eq(moment, last);
            followed.read(text, moment.window).map_err(|error| if is_last { cut_off(error) } else { error })?;
            followed.expect_same_machine(text, moment, same_machine)?;
            let events = block.events.len();
            followed.write(&mut block, &mut keys, (sample, late_ns), moment.window);
            let is_wrap = |event: &&Event| matches!(event, Event::Direct { why: Indirect::Wrapped, .. });
            wraps += block.events[events..].iter().filter(is_wrap).count();
            done += text.bytes;
        }
        if let [interrupts, softirqs] = &files[..]
            && let Some(why) = interrupts
                .seen
                .as_ref()
                .zip(softirqs.seen.as_ref())
                .and_then(|(a, b)| missing_cpu(&a.0.layout, &b.0.layout))
        {
            return Err(moment.place.wrong(why));
        }
        store.add(&block)?;
        block.clear();
        progress(done, total)?;
    }
    let rough = moments.iter().filter(|moment| moment.basis == Basis::Report).count();
    if rough > 0 && first.window != last.window {
        let detail = format!("{rough} of {} samples", moments.len());
        store.remark(Remark::Note { r#type: WarningType::RoughTimes, detail })?;
    }
    if wraps > 0 {
        let detail = if wraps == 1 { "once".to_owned() } else { format!("{wraps} times") };
        store.remark(Remark::Note { r#type: WarningType::LongWraps, detail })?;
    }
    let trace = in_memory.then(|| store.trace()).transpose()?;
    store.finish()?;
    Ok(trace)
}

/// The CPUs that the first texts name, where nothing else has told them.
fn know_cpus(host: &mut HostFacts, moments: &[Moment]) -> Result<(), IrqtraceError> {
    for kind in KINDS {
        let known = match kind {
            TextKind::Interrupts => &mut host.cpus_online,
            TextKind::Softirqs => &mut host.cpus_possible,
        };
        let first = moments.iter().flat_map(|moment| &moment.texts).find(|text| text.kind == kind);
        if let (None, Some(text)) = (&known, first) {
            let parsed = parse(&text.read()?, kind, "").map_err(|error| placed(text, error))?;
            *known = Some(parsed.layout.cpus);
        }
    }
    Ok(())
}

/// One of the two files, from text to text.
struct Followed<'a> {
    kind: TextKind,
    engine: TextEngine<OneText>,
    readings: Vec<Reading>,
    trackers: Vec<Tracker>,
    /// The last text, where it stands, and the moment that it is of.
    seen: Option<(Seen, Text, &'a Moment)>,
}

impl<'a> Followed<'a> {
    /// Its groups are numbered from `first_group` on.
    fn new(kind: TextKind, first_group: usize) -> Self {
        let selection = Selection { kinds: Kind::ALL.to_vec(), irqs: None };
        let engine = TextEngine::new(OneText(None), kind, selection, EngineName::Replay);
        let groups = engine.groups();
        Self {
            kind,
            readings: groups.iter().map(|_| Reading::default()).collect(),
            trackers: (0_u8..).skip(first_group).zip(groups).map(|(at, group)| Tracker::new(at, group.kind)).collect(),
            engine,
            seen: None,
        }
    }

    /// Reads and parses a text.
    fn read(&mut self, text: &Text, window: Window) -> Result<(), IrqtraceError> {
        self.engine.source().0 = Some((window, text.read()?));
        let due = (1 << self.readings.len()) - 1;
        match self.engine.read(due, &ManualClock::new(window.begin, 0), &mut self.readings) {
            Ok(()) => match missing(self.kind, text.has_header, self.engine.parser().layout()) {
                Some(missing) => Err(text.place.wrong(missing)),
                None => Ok(()),
            },
            Err(EngineError::Unreadable(error)) => Err(placed(text, error)),
            Err(error) => Err(error.into()),
        }
    }

    /// That what was read is of the machine of the text before, and was read after it; where that is in doubt, a person may
    /// have said so.
    fn expect_same_machine(
        &mut self,
        text: &Text,
        moment: &'a Moment,
        same_machine: bool,
    ) -> Result<(), IrqtraceError> {
        let parser = self.engine.parser();
        let now = Seen { layout: parser.layout().clone(), counts: parser.counts().to_vec() };
        if let Some((before, of, then)) = &self.seen {
            if ends_early(before, &now) {
                return Err(text.place.wrong(format!(
                    "the text ends early: it has the first {} of the {} rows of the one before; leave it and its time out",
                    now.layout.lines.len(),
                    before.layout.lines.len()
                )));
            }
            let elapsed_ns = u64::try_from(moment.window.end - then.window.begin).unwrap_or(0);
            let place = &of.place;
            let other = if place.path == text.place.path {
                format!("the text of line {}", place.line)
            } else {
                format!("{}, line {}", place.path.display(), place.line)
            };
            if moment.may_precede(then) && any_fell(before, &now, elapsed_ns) {
                return Err(text.place.wrong(format!(
                    "whether this was read before or after {other} is not known, since their times may be the same, and \
                     counts are less here: leave one of them out, or give finer times"
                )));
            }
            // A report took its time, which is not known.
            let is_rough = [moment, *then].iter().any(|moment| moment.basis == Basis::Report);
            let contradiction = contradiction(self.kind, before, &now, (elapsed_ns, is_rough));
            if let Some(Contradiction { why, unless }) =
                contradiction.filter(|found| found.unless.is_none() || !same_machine)
            {
                let help = unless.map(|unless| format!(", or give same_machine (--same-machine) if {unless}"));
                let help = help.unwrap_or_default();
                let is_by_hand = moment.basis == Basis::ByHand && then.basis == Basis::ByHand;
                let swapped = if is_by_hand { ", or their two times are swapped" } else { "" };
                return Err(text.place.wrong(format!(
                    "this is of another machine than {other}, or the machine was started anew between \
                     them{swapped}: {why}; import each by itself{help}"
                )));
            }
        }
        self.seen = Some((now, text.clone(), moment));
        Ok(())
    }

    /// Writes down what grew since the text before.
    fn write(&mut self, block: &mut Block, keys: &mut LineKeys, (sample, late_ns): (i64, i64), window: Window) {
        for (at, tracker) in self.trackers.iter_mut().enumerate() {
            let reading = &mut self.readings[at];
            let relearned = reading.relearned;
            let group = tracker.group();
            let rows = tracker.apply(reading, || self.engine.layout(at), keys, sample, block);
            if relearned {
                for (r#type, line) in self.engine.oddities(at) {
                    block.events.push(Event::Odd { sample, group, r#type, line: Box::new(line) });
                }
            }
            let read_ns = read_ns(window.begin, window.end);
            block.reads.push(Read { sample, time: window.begin, read_ns, group, late_ns, rows });
            block.stats[usize::from(group)].reads += 1;
        }
    }
}

/// An error of a text as one of the file that it stands in.
fn placed(text: &Text, error: crate::ParseError) -> IrqtraceError {
    let offset = usize::try_from(text.place.offset).unwrap_or(usize::MAX);
    crate::ParseError {
        path: text.place.path.display().to_string(),
        line: error.line + text.place.line - 1,
        offset: error.offset.saturating_add(offset),
        message: error.message,
    }
    .into()
}

/// The same of the last text, which whatever ended the capture may have cut off.
fn cut_off(error: IrqtraceError) -> IrqtraceError {
    let IrqtraceError::Parse(mut error) = error else { return error };
    error.message += "; if the capture was cut off in this text, leave it and its time out";
    error.into()
}

/// One text, given once: each stands for itself, and no other is a second attempt of its read.
struct OneText(Option<(Window, Vec<u8>)>);

impl TextSource for OneText {
    fn path(&self) -> &'static str {
        "a captured text"
    }

    fn read(&mut self, _limit: Option<usize>, _clock: &dyn Clock, text: &mut Vec<u8>) -> Result<Window, ReadError> {
        let (window, mut next) = self.0.take().ok_or(ReadError::End)?;
        std::mem::swap(text, &mut next);
        Ok(window)
    }
}
