//! The trace that a sampler would have recorded from captured texts.

use std::sync::Arc;

use crate::block::Block;
use crate::engine::{Engine, TextEngine};
use crate::ledger::{Facts, Remark};
use crate::parse::{TextKind, parse};
use crate::plan::Wanted;
use crate::sampler::{Control, Outlet, Sampler};
use crate::source::ReplayText;
use crate::store::Store;
use crate::trace::Trace;
use crate::{
    Clock, ConfigError, EngineName, HostFacts, IrqtraceError, Kind, Line, ManualClock, Recorder, Settings, WarningType,
    Window,
};

/// A captured read: its window, and the texts that were read in it.
#[derive(Clone, Debug, Default)]
pub struct CapturedRead {
    /// When.
    pub window: Window,
    /// `/proc/interrupts`, where it was read.
    pub interrupts: Option<Vec<u8>>,
    /// `/proc/softirqs`, where it was read.
    pub softirqs: Option<Vec<u8>>,
}

/// Samples captured texts in the place of the kernel's, each read taking the text of its time. Where a text contradicts
/// itself, the next one is the second attempt of the same read. The recording ends with the texts.
///
/// `real_offset_ns` is the wall clock's lead over the times of the windows. With a file, the trace is written to it and
/// `None` returned.
///
/// # Errors
///
/// Where what is wanted makes no sense with these texts, a text stays wrong, or the file cannot be written.
pub fn replay(
    reads: Vec<CapturedRead>,
    wanted: &Wanted,
    host: HostFacts,
    real_offset_ns: i64,
    file: Option<Recorder>,
) -> Result<Option<Trace>, IrqtraceError> {
    let begin = reads.first().map_or(0, |read| read.window.begin);
    let clock = Arc::new(ManualClock::new(begin, real_offset_ns));
    let (mut interrupts, mut softirqs) = (Vec::new(), Vec::new());
    for CapturedRead { window, interrupts: first, softirqs: second } in reads {
        interrupts.push((window, first));
        softirqs.push((window, second));
    }
    let mut present: Vec<Line> = Vec::new();
    for (texts, kind, path) in
        [(&interrupts, TextKind::Interrupts, "interrupts"), (&softirqs, TextKind::Softirqs, "softirqs")]
    {
        // The first that can be read tells which lines there are; whether all can is for the sampler to find out.
        let mut parsed = texts.iter().filter_map(|(_, text)| Some(parse(text.as_ref()?, kind, path)));
        match parsed.next() {
            Some(Ok(first)) => present.extend(first.layout.lines),
            Some(Err(error)) => present.extend(parsed.find_map(Result::ok).ok_or(error)?.layout.lines),
            None => {}
        }
    }
    let mut selection = wanted.selection()?;
    selection.settle(&present.iter().collect::<Vec<_>>())?;
    let mut engines: Vec<Box<dyn Engine>> = Vec::new();
    for (texts, kind, path, kinds) in [
        (interrupts, TextKind::Interrupts, "interrupts", &[Kind::Irq, Kind::Arch][..]),
        (softirqs, TextKind::Softirqs, "softirqs", &[Kind::Softirq][..]),
    ] {
        let any = texts.iter().any(|(_, text)| text.is_some());
        if any && kinds.iter().any(|kind| selection.kinds.contains(kind)) {
            let source = ReplayText::new(path, texts, Arc::clone(&clock));
            engines.push(Box::new(TextEngine::new(source, kind, selection.clone(), EngineName::Replay)));
        }
    }
    if engines.is_empty() {
        return Err(ConfigError("there is no captured text of the kinds that are wanted".to_owned()).into());
    }
    let settings = Settings {
        kinds: wanted.kinds.clone(),
        irqs: wanted.irqs.clone(),
        batch_every_ns: i64::MAX,
        ..Settings::default()
    };
    let plan = wanted.plan(engines, &settings, None)?;
    let groups = plan.groups.iter().map(|group| (group.group, group.every)).collect::<Vec<_>>();
    let anchor = clock.anchor();
    let mut sampler = Sampler::new(plan, clock, anchor)?;
    let facts = Facts {
        interval_ns: wanted.interval_ns,
        irregular: false,
        t0: sampler.t0(),
        groups: groups.clone(),
        host,
        settings,
        anchor,
    };
    let in_memory = file.is_none();
    let mut desk = Desk { store: Store::new(facts, file), groups: groups.len(), result: Ok(()) };
    let (block, result) = sampler.run(&mut desk, &Control::default());
    desk.hand_over(block);
    let Desk { mut store, result: kept, .. } = desk;
    kept?;
    let result = result.map_err(IrqtraceError::from);
    if let Err(error) = &result {
        store.remark(Remark::Note { r#type: WarningType::Incomplete, detail: error.to_string() })?;
    }
    let trace = in_memory.then(|| store.trace()).transpose()?;
    store.finish()?;
    result?;
    Ok(trace)
}

/// The reader in the sampler's own thread: a block is taken in as soon as it is handed over.
struct Desk {
    store: Store,
    groups: usize,
    result: Result<(), IrqtraceError>,
}

impl Outlet for Desk {
    fn hand_over(&mut self, block: Box<Block>) {
        if self.result.is_ok() {
            self.result = self.store.add(&block);
        }
    }

    fn take_empty(&mut self) -> Option<Box<Block>> {
        Some(Box::new(Block::with_capacity(1_024, 256, self.groups)))
    }
}
