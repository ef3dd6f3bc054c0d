//! A live recording to disk of a machine whose CPUs, driver and clocks are moved: what the file says of it.

mod scripted;
mod traces;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use irqtrace_core::engine::{Engine, TextEngine};
use irqtrace_core::parse::TextKind;
use irqtrace_core::plan::Wanted;
use irqtrace_core::recording::{Recording, Setup};
use irqtrace_core::select::Selection;
use irqtrace_core::source::{ReadError, TextSource};
use irqtrace_core::{
    Clock, ClockAnchor, EngineName, HostFacts, Kind, ManualClock, Meta, Settings, TraceWriter, WarningType, Window,
};
use scripted::{complete, place};
use traces::FlatRow;

const MS: i64 = 1_000_000;
const S: i64 = 1_000_000_000;
const REAL_OFFSET: i64 = 1_700_000_000 * S;

/// Counts the looks at a clock, and lets nobody look while it is moved.
struct Watched {
    clock: ManualClock,
    looks: Mutex<u64>,
    /// Whether what is read is taken in before the next read: else nobody says what he has seen.
    is_taken_in: bool,
}

impl Watched {
    /// Moves the clock, and waits until somebody has seen that, and has said so.
    fn moved(&self, change: impl FnOnce(&ManualClock)) {
        let before = {
            let looks = self.looks.lock().unwrap();
            change(&self.clock);
            *looks
        };
        // With the second look, what the first showed has been taken in.
        while self.is_taken_in && *self.looks.lock().unwrap() < before + 2 {
            thread::yield_now();
        }
    }
}

impl Clock for Watched {
    fn now(&self) -> i64 {
        self.clock.now()
    }

    fn sleep_until(&self, deadline: i64) {
        self.clock.sleep_until(deadline);
    }

    fn anchor(&self) -> ClockAnchor {
        let mut looks = self.looks.lock().unwrap();
        *looks += 1;
        self.clock.anchor()
    }

    fn thread_cpu_ns(&self) -> i64 {
        0
    }
}

/// What the machine shows at one read, and what is done to it before.
struct Shown {
    cpus: &'static [u16],
    /// The device's counts on CPUs 0 to 3, if its driver is bound.
    device: Option<[u64; 4]>,
    timer: u64,
    before: fn(&ManualClock),
}

impl Shown {
    fn text(&self) -> String {
        let row = |counts: &dyn Fn(u16) -> u64| -> String {
            self.cpus.iter().map(|&cpu| format!(" {:>10}", counts(cpu))).collect()
        };
        let header: String = self.cpus.iter().map(|cpu| format!("CPU{cpu:<8}")).collect();
        let device = self.device.map_or(String::new(), |counts| {
            format!(" 27:{}  PCI-MSI 5-edge      rng\n", row(&|cpu| counts[usize::from(cpu)]))
        });
        let timer = row(&|cpu| 1_000 * u64::from(cpu + 1) + self.timer);
        format!("           {header}\n{device}LOC:{timer}   Local timer interrupts\n")
    }
}

const ALL: &[u16] = &[0, 1, 2, 3];
const WITHOUT_2: &[u16] = &[0, 1, 3];

/// A machine of four CPUs. Read by read: CPU 2 goes, the wall clock is stepped, the driver is unbound and bound, CPU 2
/// comes back, the machine sleeps and meanwhile the driver is bound anew.
fn machine() -> Vec<Shown> {
    let shown = |cpus, device, timer, before| Shown { cpus, device, timer, before };
    let nothing: fn(&ManualClock) = |_| ();
    vec![
        shown(ALL, Some([0, 50, 7, 0]), 0, nothing),
        shown(ALL, Some([0, 52, 8, 0]), 1, nothing),
        shown(WITHOUT_2, Some([0, 53, 8, 0]), 2, nothing),
        shown(WITHOUT_2, Some([0, 54, 8, 0]), 3, |clock| clock.step(3_600 * S)),
        shown(WITHOUT_2, None, 4, nothing),
        shown(WITHOUT_2, Some([0, 1, 0, 3]), 5, nothing),
        shown(ALL, Some([0, 30, 0, 4]), 7, nothing),
        shown(ALL, Some([2, 0, 0, 0]), 8, |clock| clock.suspend(90 * S)),
        shown(ALL, Some([5, 0, 0, 0]), 9, nothing),
    ]
}

/// Shows the machine read by read.
struct Changing {
    shown: std::vec::IntoIter<Shown>,
    clock: Arc<Watched>,
}

impl TextSource for Changing {
    fn path(&self) -> &'static str {
        "interrupts"
    }

    fn read(&mut self, _: Option<usize>, clock: &dyn Clock, text: &mut Vec<u8>) -> Result<Window, ReadError> {
        let shown = self.shown.next().ok_or(ReadError::End)?;
        self.clock.moved(shown.before);
        *text = shown.text().into_bytes();
        let begin = clock.now();
        Ok(Window { begin, end: begin + 20_000 })
    }
}

/// The file of a recording of the machine whose blocks are handed over this often, and what it says of itself.
fn recorded(batch_every_ns: i64) -> (Vec<FlatRow>, Meta) {
    let (_folder, path) = place();
    let kinds = [Kind::Irq, Kind::Arch];
    let wanted = Wanted { interval_ns: MS, kinds: kinds.map(|kind| (kind, MS)).into(), irqs: None };
    let clock = Arc::new(Watched {
        clock: ManualClock::new(5 * S, REAL_OFFSET),
        looks: Mutex::new(0),
        is_taken_in: batch_every_ns == 1,
    });
    let source = Changing { shown: machine().into_iter(), clock: clock.clone() };
    let selection = Selection { kinds: kinds.to_vec(), irqs: None };
    let engine = TextEngine::new(source, TextKind::Interrupts, selection, EngineName::Replay);
    let engines: Vec<Box<dyn Engine>> = vec![Box::new(engine)];
    let settings = Settings { batch_every_ns, ..Settings::default() };
    let setup = Setup {
        host: HostFacts::default(),
        settings: settings.clone(),
        file: Some(TraceWriter::under_way(&path, false).unwrap().into()),
        // The clocks are looked at all the time.
        flush_every: Duration::ZERO,
        memory_limit: usize::MAX,
        stop_at_memory_limit: false,
        prepare: Box::new(|| Ok(Box::new(()))),
    };
    let recording = Recording::new(wanted.plan(engines, &settings, None).unwrap(), setup, clock);
    recording.start().unwrap();
    while !recording.wait(Duration::from_secs(1)) {}
    recording.stop().unwrap();
    complete(&path)
}

/// Blocks are handed over at each sample, or at the very end.
const HANDED_OVER: [i64; 2] = [1, i64::MAX];

#[test]
fn each_change_is_a_warning_of_its_sample() {
    for every in HANDED_OVER {
        let (_, meta) = recorded(every);
        let told = |w: &irqtrace_core::Warning| (w.r#type, w.kind, w.line, w.count, w.first_sample, w.last_sample);
        let told: Vec<_> = meta.warnings.iter().map(told).collect();
        let (irq, arch) = (Some(Kind::Irq), Some(Kind::Arch));
        // Clocks have no sample of their own: it is the newest of those that are known when their move is.
        let (slept, stepped) = if every == 1 { (6, 2) } else { (8, 8) };
        assert_eq!(
            told,
            [
                (WarningType::Reset, irq, Some(3), 1, 7, 7),
                // CPU 2, the driver, and the driver that nobody saw go.
                (WarningType::LayoutChanged, irq, None, 5, 2, 7),
                (WarningType::LayoutChanged, arch, None, 2, 2, 6),
                (WarningType::Suspend, None, None, 1, slept, slept),
                (WarningType::ClockStep, None, None, 1, stepped, stepped),
            ],
            "handed over each {every} ns"
        );
        let worst = |r#type| meta.warnings.iter().find(|warning| warning.r#type == r#type).unwrap().worst;
        assert_eq!((worst(WarningType::ClockStep), worst(WarningType::Suspend)), (Some(3_600 * S), Some(90 * S)));
    }
}

#[test]
fn lines_end_and_begin_with_their_driver_and_their_counts() {
    let (_, meta) = recorded(1);
    let spans: Vec<_> =
        meta.lines.iter().map(|line| (line.id, line.line.irq.as_str(), line.first_sample, line.last_sample)).collect();
    assert_eq!(spans, [(0, "27", 0, Some(3)), (1, "LOC", 0, None), (2, "27", 5, Some(6)), (3, "27", 7, None)]);
}

#[test]
fn no_cpu_has_a_row_while_it_is_away_and_nothing_is_claimed_for_that_time() {
    let (rows, _) = recorded(1);
    let grown = |irq: &str, cpu: u16| -> Vec<(i64, i64)> {
        let mine = rows.iter().filter(|row| row.irq.as_deref() == Some(irq) && row.cpu == Some(cpu));
        mine.map(|row| (row.sample, row.delta)).collect()
    };
    // A row for every cell where an epoch begins, and for what grew.
    assert_eq!(grown("LOC", 2), [(0, 0), (1, 1), (6, 0), (7, 1), (8, 1)]);
    assert_eq!(grown("LOC", 3), [(0, 0), (1, 1), (2, 1), (3, 1), (4, 1), (5, 1), (6, 2), (7, 1), (8, 1)]);
    assert_eq!(grown("27", 2), [(0, 0), (1, 1), (6, 0), (7, 0)]);
    assert_eq!(grown("27", 1), [(0, 0), (1, 2), (2, 1), (3, 1), (5, 0), (6, 29), (7, 0)]);
}

#[test]
fn counts_are_conserved_in_every_span_of_every_cell() {
    for every in HANDED_OVER {
        let (rows, meta) = recorded(every);
        let line = |row: &FlatRow| {
            let mine = |line: &&irqtrace_core::LineMeta| {
                Some(&line.line.irq) == row.irq.as_ref()
                    && (line.first_sample..=line.last_sample.unwrap_or(i64::MAX)).contains(&row.sample)
            };
            meta.lines.iter().find(mine).map(|line| line.id)
        };
        let mut spans: BTreeMap<(u32, u16, bool), (u64, u64)> = BTreeMap::new();
        // CPU 2 is there up to sample 1 and from sample 6.
        let span = |line: u32, cpu: Option<u16>, sample: i64| (line, cpu.unwrap(), cpu == Some(2) && sample > 5);
        for at in 0..meta.baselines.len() {
            let counts = &meta.baselines;
            spans.entry(span(counts.line[at], counts.cpu[at], counts.sample[at])).or_default().0 += counts.count[at];
        }
        for row in rows.iter().filter(|row| row.irq.is_some()) {
            let counted = &mut spans.entry(span(line(row).unwrap(), row.cpu, row.sample)).or_default().0;
            *counted += u64::try_from(row.delta).unwrap();
        }
        for at in 0..meta.finals.len() {
            let counts = &meta.finals;
            spans.entry(span(counts.line[at], counts.cpu[at], counts.sample[at])).or_default().1 += counts.count[at];
        }
        for (span, (counted, last)) in spans {
            assert_eq!(counted, last, "{span:?}");
        }
        let of_timer = |at: &usize| (meta.finals.line[*at], meta.finals.cpu[*at]) == (1, Some(2));
        let last = (0..meta.finals.len()).filter(of_timer).map(|at| (meta.finals.sample[at], meta.finals.count[at]));
        assert_eq!(last.collect::<Vec<_>>(), [(1, 3_001), (8, 3_009)], "also of the CPU that went");
    }
}

#[test]
fn no_clock_that_is_moved_bends_the_times_of_reads() {
    let (rows, meta) = recorded(1);
    for row in rows {
        assert_eq!(row.time, 5 * S + REAL_OFFSET + row.sample * MS, "{row:?}");
    }
    let offsets: Vec<_> =
        meta.anchors.iter().map(|anchor| (anchor.real_ns - anchor.mono_ns - REAL_OFFSET) / S).collect();
    assert_eq!(offsets, [0, 3_600, 3_690]);
}
