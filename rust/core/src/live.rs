//! A recording of the running kernel: opens what is asked for, and chooses the cheapest way to read it.

use std::sync::Arc;
use std::time::Duration;

use crate::config::Config;
use crate::engine::{ChosenLines, Engine, EngineError, Reading, SysfsLines, TextEngine};
use crate::parse::TextKind;
use crate::plan::Wanted;
use crate::recording::{Recording, Setup};
use crate::select::Selection;
use crate::source::{ProcText, TextSource};
use crate::{
    Clock, EngineName, HostFacts, IrqtraceError, Kind, Line, PrivilegeRequest, Privileges, Recorder, SystemClock,
    check_pin,
};

/// New lines are looked for this often where usual reads would not show them.
const LOOK_FOR_LINES_NS: i64 = 1_000_000_000;

/// Reads of each kind for a comparison of their costs.
const TRIALS: usize = 9;

type Text = TextEngine<ProcText>;

/// Opens the sources, settles which lines are wanted, and makes a recording that is ready to start.
///
/// # Errors
///
/// Where a source cannot be read, what is asked for makes no sense here, or the file cannot be begun.
pub fn open(config: &Config) -> Result<Recording, IrqtraceError> {
    let clock = SystemClock;
    let Config { interval_ns, settings, procfs, sysfs, .. } = config;
    let wanted = Wanted { interval_ns: *interval_ns, kinds: settings.kinds.clone(), irqs: settings.irqs.clone() };
    let mut selection = wanted.selection()?;
    if let Some(cpu) = settings.pin {
        check_pin(cpu, sysfs)?;
    }
    let open = |file: &str, kind| -> Result<Text, IrqtraceError> {
        let mut text = TextEngine::new(ProcText::open(&procfs.join(file))?, kind, selection.clone(), EngineName::Proc);
        text.learn(&clock)?;
        Ok(text)
    };
    let wants = |kind| selection.kinds.contains(&kind);
    let mut interrupts = (wants(Kind::Irq) || wants(Kind::Arch)).then(|| open("interrupts", TextKind::Interrupts));
    let softirqs = wants(Kind::Softirq).then(|| open("softirqs", TextKind::Softirqs));
    if let (Some(Err(IrqtraceError::Source(refused))), Some(Ok(_))) = (&mut interrupts, &softirqs) {
        refused.help.push_str("; what can be read here is kinds=softirq (--kinds softirq)");
    }
    let (interrupts, softirqs) = (interrupts.transpose()?, softirqs.transpose()?);
    let present: Vec<&Line> = interrupts.iter().chain(&softirqs).flat_map(Text::lines).collect();
    selection.settle(&present)?;

    let host = HostFacts::read(procfs, sysfs);
    let mut engines: Vec<Box<dyn Engine>> = Vec::new();
    if let Some(text) = interrupts {
        engines.extend(interrupt_engines(text, &selection, &wanted, config, &host)?);
    }
    if let Some(mut text) = softirqs.filter(|_| selection.kinds.contains(&Kind::Softirq)) {
        text.select(selection.clone());
        engines.push(Box::new(text));
    }
    let plan = wanted.plan(engines, settings, config.duration_ns)?;
    let file =
        config.path.as_ref().map(|path| Recorder::create(path, config.overwrite, config.rotation)).transpose()?;
    let request = PrivilegeRequest {
        pin: settings.pin,
        fifo: settings.fifo,
        lock_memory: settings.lock_memory,
        dma_latency_us: settings.dma_latency_us,
    };
    let sysfs = sysfs.clone();
    let setup = Setup {
        host,
        settings: settings.clone(),
        file,
        flush_every: Duration::from_nanos(config.flush_every_ns.max(1).unsigned_abs()),
        memory_limit: config.memory_limit,
        stop_at_memory_limit: config.stop_at_memory_limit,
        prepare: Box::new(move || Ok(Box::new(Privileges::acquire(&request, &sysfs)?))),
    };
    Ok(Recording::new(plan, setup, Arc::new(clock)))
}

/// The engines for the lines of `/proc/interrupts` that are wanted: the text, or single sysfs files where these are
/// fewer and cheaper and the text is not read at the same points for other lines anyway.
fn interrupt_engines(
    mut text: Text,
    selection: &Selection,
    wanted: &Wanted,
    config: &Config,
    host: &HostFacts,
) -> Result<Vec<Box<dyn Engine>>, IrqtraceError> {
    let clock = SystemClock;
    let every = |kind: &Kind| wanted.kinds.get(kind).copied().unwrap_or(wanted.interval_ns);
    let numbered = selection.kinds.contains(&Kind::Irq);
    let numbered_apart =
        numbered && !(selection.kinds.contains(&Kind::Arch) && every(&Kind::Arch) == every(&Kind::Irq));
    if !numbered_apart {
        if selection.kinds.iter().any(|kind| matches!(kind, Kind::Irq | Kind::Arch)) {
            text.select(selection.clone());
            return Ok(vec![Box::new(text)]);
        }
        return Ok(Vec::new());
    }
    let reads_between_looks = u32::try_from(LOOK_FOR_LINES_NS / every(&Kind::Irq).max(1)).unwrap_or(u32::MAX).max(1);
    let prefix = text.parser().prefix_len();
    let mut buffer = Vec::new();
    let full_ns = read_cost(&clock, || text.source().read(None, &clock, &mut buffer).map_err(EngineError::from))?;
    let prefix_ns = match prefix {
        Some(_) => read_cost(&clock, || text.source().read(prefix, &clock, &mut buffer).map_err(EngineError::from))?,
        None => full_ns,
    };
    if prefix_ns < full_ns * 4 / 5 {
        text.use_prefix(reads_between_looks);
    }
    let lines: Vec<Line> =
        text.lines().iter().filter(|line| line.kind == Kind::Irq && selection.takes(line)).cloned().collect();
    let possible = host.cpus_possible.clone().unwrap_or_default();
    if selection.irqs.is_some() && !possible.is_empty() {
        let (mut chosen, refused) = SysfsLines::open(&config.sysfs, lines.clone(), &possible);
        let mut trial = [Reading::default()];
        if refused.is_empty() && read_cost(&clock, || chosen.read(1, &clock, &mut trial))? < prefix_ns {
            let mut engines: Vec<Box<dyn Engine>> = Vec::new();
            let only = |kind| Selection { kinds: vec![kind], ..selection.clone() };
            // The first sample is of all cells again.
            let (chosen, _) = SysfsLines::open(&config.sysfs, lines, &possible);
            let look = ProcText::open(&config.procfs.join("interrupts"))?;
            engines.push(Box::new(ChosenLines::new(chosen, look, only(Kind::Irq), LOOK_FOR_LINES_NS)));
            if selection.kinds.contains(&Kind::Arch) {
                text.select(only(Kind::Arch));
                engines.push(Box::new(text));
            }
            return Ok(engines);
        }
    }
    text.select(selection.clone());
    Ok(vec![Box::new(text)])
}

/// The median time of a few reads, here and now.
fn read_cost<T>(clock: &dyn Clock, mut read: impl FnMut() -> Result<T, EngineError>) -> Result<i64, IrqtraceError> {
    let mut costs = Vec::with_capacity(TRIALS);
    for _ in 0..TRIALS {
        let begin = clock.now();
        read()?;
        costs.push(clock.now() - begin);
    }
    costs.sort_unstable();
    Ok(costs[TRIALS / 2])
}
