//! The sampler at 1 kHz: beside a bare loop for what it misses and takes, and beside cyclictest for how late it wakes.
//! All take turns of a second; who is first changes from turn to turn.

#![expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "counts of a turn are small")]

mod common;

use std::fs;
use std::process::Command;
use std::thread;
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use common::bare::paced_loop;
use common::{report, turns};
use irqtrace_core::{Config, HostFacts, IrqtraceError, Kind, Settings, Trace, can_dma_latency, can_fifo, open};
use rustix::time::{ClockId, clock_gettime};

const TURNS: usize = 20;
const INTERVAL_NS: i64 = 1_000_000;
const TURN: Duration = Duration::from_secs(1);
const PRIORITY: u8 = 80;

fn process_cpu_ms() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
}

fn settings() -> Settings {
    let kinds = Kind::ALL.map(|kind| (kind, INTERVAL_NS)).into();
    Settings { kinds, batch_every_ns: 100_000_000, ..Settings::default() }
}

/// Records for a turn into memory. The second number is the CPU time of the whole process from start to end, all
/// threads, the first that with opening before it.
fn record(settings: Settings) -> Result<(Trace, [f64; 2]), IrqtraceError> {
    let before_ms = process_cpu_ms();
    let recording = open(&Config {
        interval_ns: INTERVAL_NS,
        settings,
        duration_ns: i64::try_from(TURN.as_nanos()).ok(),
        path: None,
        flush_every_ns: 1_000_000_000,
        rotation: irqtrace_core::Rotation::default(),
        overwrite: false,
        memory_limit: 1 << 30,
        stop_at_memory_limit: true,
        procfs: "/proc".into(),
        sysfs: "/sys".into(),
    })?;
    let opened_ms = process_cpu_ms();
    recording.start()?;
    let _ended = recording.wait(2 * TURN);
    recording.stop()?;
    let ended_ms = process_cpu_ms();
    Ok((recording.trace()?, [ended_ms - before_ms, ended_ms - opened_ms]))
}

fn missed_share(trace: &Trace) -> f64 {
    let sum = |count: fn(&irqtrace_core::GroupMeta) -> u64| trace.meta.groups.iter().map(count).sum::<u64>() as f64;
    sum(|group| group.missed) / sum(|group| group.reads + group.missed)
}

/// Runs both, the second first in every other turn.
fn in_turns(turns: usize, mut first: impl FnMut(), mut second: impl FnMut()) {
    for turn in 0..turns {
        if turn % 2 == 0 {
            first();
            second();
        } else {
            second();
            first();
        }
    }
}

/// The bare loop for a turn: the share that it missed, and the CPU time of the process.
fn bare_turn(paths: &'static [&'static str]) -> (f64, f64) {
    let before_ms = process_cpu_ms();
    let (read, passed) = thread::spawn(|| paced_loop(paths, INTERVAL_NS, TURN)).join().expect("the bare loop");
    (passed as f64 / (read + passed) as f64, process_cpu_ms() - before_ms)
}

/// What is missed and taken, with the defaults.
fn missed_and_cpu(turns: usize) {
    let (mut missed, mut cpu_ms, mut cpu_opening_ms) = (Vec::new(), Vec::new(), Vec::new());
    let (mut bare_missed, mut bare_cpu_ms, mut bare_interrupts_us) = (Vec::new(), Vec::new(), Vec::new());
    in_turns(
        turns,
        || {
            let (trace, [with_opening, from_start]) = record(settings()).expect("a recording");
            missed.push(missed_share(&trace));
            cpu_opening_ms.push(with_opening);
            cpu_ms.push(from_start);
        },
        || {
            let (missed, cpu_ms) = bare_turn(&["/proc/interrupts", "/proc/softirqs"]);
            bare_missed.push(missed);
            bare_cpu_ms.push(cpu_ms);
            // A millisecond in a second is a microsecond a sample.
            bare_interrupts_us.push(bare_turn(&["/proc/interrupts"]).1);
        },
    );
    println!("# paced at 1 kHz, {turns} turns of 1 s");
    report("paced_missed", "of-1", &missed);
    report("bare_paced_missed", "of-1", &bare_missed);
    report("paced_cpu", "ms/s", &cpu_ms);
    report("paced_cpu_with_opening", "ms/s", &cpu_opening_ms);
    report("bare_paced_cpu", "ms/s", &bare_cpu_ms);
    report("bare_interrupts_cpu", "us/sample", &bare_interrupts_us);
}

/// How late the first read of each sample began.
fn lateness_ns(trace: &Trace) -> Vec<i64> {
    let mut late_ns = Vec::new();
    let mut previous = None;
    for batch in trace.samples() {
        let batch = batch.expect("a batch");
        let column = |name| batch.column_by_name(name).expect(name).as_primitive::<Int64Type>().values();
        for (&sample, &late) in column("sample").iter().zip(column("late_ns")) {
            if previous.replace(sample) != Some(sample) {
                late_ns.push(late);
            }
        }
    }
    late_ns.sort_unstable();
    late_ns
}

/// The value below which `percent` of the sorted values lie, in microseconds.
fn percentile_us(sorted_ns: &[i64], percent: usize) -> f64 {
    let at = (sorted_ns.len() * percent / 100).min(sorted_ns.len() - 1);
    sorted_ns[at] as f64 / 1e3
}

/// cyclictest for a turn: how late it woke, sorted.
fn cyclictest(cpu: u16) -> Result<Vec<i64>, String> {
    let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
    let path = dir.path().join("cyclictest.json");
    let run = Command::new("cyclictest")
        .args(["--quiet", "--threads=1", "--mlockall", "--nsecs", "--histogram=1000000", "--duration=1"])
        .arg(format!("--affinity={cpu}"))
        .arg(format!("--priority={PRIORITY}"))
        .arg(format!("--interval={}", INTERVAL_NS / 1_000))
        .arg(format!("--json={}", path.display()))
        .output()
        .map_err(|error| format!("cyclictest (package rt-tests): {error}"))?;
    if !run.status.success() {
        return Err(format!("cyclictest: {}", String::from_utf8_lossy(&run.stderr)));
    }
    let text = fs::read(&path).map_err(|error| error.to_string())?;
    let json: serde_json::Value = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
    let thread = &json["thread"]["0"];
    let histogram = thread["histogram"].as_object().ok_or("cyclictest printed no histogram")?;
    let mut late_ns = Vec::new();
    for (ns, count) in histogram {
        let ns = ns.parse().map_err(|_| format!("cyclictest: a latency of {ns:?}"))?;
        late_ns.resize(late_ns.len() + count.as_u64().unwrap_or(0) as usize, ns);
    }
    // What lies beyond the histogram's millisecond is in the number of cycles alone.
    let cycles = thread["cycles"].as_u64().unwrap_or(0) as usize;
    late_ns.resize(late_ns.len().max(cycles), INTERVAL_NS);
    late_ns.sort_unstable();
    Ok(late_ns)
}

fn lateness(turns: usize) -> Result<(), String> {
    if let Some(refused) = can_fifo().or_else(can_dma_latency) {
        return Err(refused);
    }
    let host = HostFacts::read("/proc".as_ref(), "/sys".as_ref());
    let cpu = host.cpus_online.and_then(|cpus| cpus.last().copied()).ok_or("no list of online CPUs")?;
    cyclictest(cpu)?;
    let ours =
        Settings { pin: Some(cpu), fifo: Some(PRIORITY), lock_memory: true, dma_latency_us: Some(0), ..settings() };
    let mut ours_us: [Vec<f64>; 2] = Default::default();
    let mut theirs_us: [Vec<f64>; 2] = Default::default();
    let note = |into: &mut [Vec<f64>; 2], sorted_ns: &[i64]| {
        into[0].push(percentile_us(sorted_ns, 50));
        into[1].push(percentile_us(sorted_ns, 99));
    };
    in_turns(
        turns,
        || note(&mut ours_us, &lateness_ns(&record(ours.clone()).expect("a recording").0)),
        || note(&mut theirs_us, &cyclictest(cpu).expect("cyclictest")),
    );
    println!("# lateness at 1 kHz, CPU {cpu}, SCHED_FIFO {PRIORITY}, memory locked, latency request 0; {turns} turns");
    report("late_p50", "us", &ours_us[0]);
    report("cyclictest_p50", "us", &theirs_us[0]);
    report("late_p99", "us", &ours_us[1]);
    report("cyclictest_p99", "us", &theirs_us[1]);
    Ok(())
}

fn main() {
    let turns = turns(TURNS);
    missed_and_cpu(turns);
    if let Err(reason) = lateness(turns) {
        println!("# skipped late_p50 late_p99: {reason}");
    }
}
