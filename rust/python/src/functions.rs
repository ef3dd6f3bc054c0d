//! What is no method: snapshots, costs, replays, writing.

use std::path::PathBuf;

use irqtrace_core as core;
use irqtrace_core::parse::TextKind;
use irqtrace_core::replay::CapturedRead;
use pyo3::prelude::*;
use pyo3_arrow::PyRecordBatchReader;

use crate::errors::Outcome;
use crate::sampler::{Irq, wanted};
use crate::trace::{Stream, Trace};
use std::collections::BTreeMap;

/// One read of everything, and sentences that warn.
#[pyfunction]
#[pyo3(signature = (procfs="/proc".into(), interrupts=None, softirqs=None))]
pub fn snapshot(
    py: Python<'_>,
    procfs: PathBuf,
    interrupts: Option<PathBuf>,
    softirqs: Option<PathBuf>,
) -> Outcome<(Stream, Vec<String>)> {
    py.detach(|| {
        let mut snapshot = core::Snapshot::default();
        if interrupts.is_none() && softirqs.is_none() {
            snapshot.add_live(&procfs.join("interrupts"), TextKind::Interrupts)?;
            snapshot.add_live(&procfs.join("softirqs"), TextKind::Softirqs)?;
        }
        if let Some(path) = interrupts {
            snapshot.add_file(&path, TextKind::Interrupts)?;
        }
        if let Some(path) = softirqs {
            snapshot.add_file(&path, TextKind::Softirqs)?;
        }
        Ok((Stream::of_batch(snapshot.table()?), snapshot.notes().to_vec()))
    })
}

/// What one read of one source costs here, measured now, back to back.
#[pyclass(frozen, get_all, module = "irqtrace._core")]
pub struct ReadCost {
    source: String,
    path: String,
    kinds: Vec<String>,
    bytes: usize,
    median_ns: i64,
    worst_ns: i64,
}

/// The costs of the sources that can be read, and for those that cannot a sentence each.
#[pyfunction]
#[pyo3(signature = (procfs="/proc".into(), sysfs="/sys".into(), reads=50))]
pub fn read_costs(py: Python<'_>, procfs: PathBuf, sysfs: PathBuf, reads: usize) -> (Vec<ReadCost>, Vec<String>) {
    let mut costs = Vec::new();
    let mut refused = Vec::new();
    for cost in py.detach(|| core::read_costs(&procfs, &sysfs, reads)) {
        match cost {
            Ok(cost) => costs.push(ReadCost {
                source: cost.source.to_owned(),
                path: cost.path,
                kinds: cost.kinds.iter().map(|kind| kind.as_str().to_owned()).collect(),
                bytes: cost.bytes,
                median_ns: cost.median_ns,
                worst_ns: cost.worst_ns,
            }),
            Err(error) => refused.push(error.to_string()),
        }
    }
    (costs, refused)
}

/// JSON of the machine's facts.
#[pyfunction]
#[pyo3(signature = (procfs="/proc".into(), sysfs="/sys".into()))]
pub fn host_facts(procfs: PathBuf, sysfs: PathBuf) -> Outcome<String> {
    Ok(core::HostFacts::read(&procfs, &sysfs).to_json()?)
}

/// None where `SCHED_FIFO` may be used, else why not. Changes nothing.
#[pyfunction]
pub fn can_fifo(py: Python<'_>) -> Option<String> {
    py.detach(core::can_fifo)
}

/// None where `/dev/cpu_dma_latency` may be opened for writing, else why not.
#[pyfunction]
pub fn can_dma_latency(py: Python<'_>) -> Option<String> {
    py.detach(core::can_dma_latency)
}

/// None where memory may be locked, as far as the limits and capabilities tell, else why not. Locks nothing.
#[pyfunction]
pub fn can_lock_memory(py: Python<'_>) -> Option<String> {
    py.detach(core::can_lock_memory)
}

type Captured = (i64, i64, Option<Vec<u8>>, Option<Vec<u8>>);

/// The trace that a sampler would have recorded from captured texts.
#[pyfunction]
#[pyo3(signature = (
    reads, *, interval_ns, kinds=None, irqs=None, real_offset_ns=0, path=None, overwrite=false
))]
#[expect(clippy::too_many_arguments, reason = "keyword-only options, each with its name in Python")]
pub fn replay(
    py: Python<'_>,
    reads: Vec<Captured>,
    interval_ns: i64,
    kinds: Option<BTreeMap<String, i64>>,
    irqs: Option<Vec<Irq>>,
    real_offset_ns: i64,
    path: Option<PathBuf>,
    overwrite: bool,
) -> Outcome<Option<Trace>> {
    let wanted = wanted(interval_ns, kinds, irqs)?;
    py.detach(|| {
        let file = path.map(|path| core::TraceWriter::create(&path, overwrite)).transpose()?;
        let read = |(begin, end, interrupts, softirqs)| CapturedRead {
            window: core::Window { begin, end },
            interrupts,
            softirqs,
        };
        let reads = reads.into_iter().map(read).collect();
        let trace =
            core::replay::replay(reads, &wanted, core::HostFacts::default(), real_offset_ns, file.map(Into::into))?;
        Ok(trace.map(Trace::new))
    })
}

/// Writes a flat table as a trace file.
#[pyfunction]
#[pyo3(signature = (flat, meta, path, overwrite=false))]
pub fn write_trace(
    py: Python<'_>,
    flat: PyRecordBatchReader,
    meta: &str,
    path: PathBuf,
    overwrite: bool,
) -> PyResult<()> {
    let reader = flat.into_reader()?;
    py.detach(|| Outcome::Ok(core::write_flat(reader, meta, &path, overwrite)?))?;
    Ok(())
}

/// Adds up the warnings of traces that follow one another, given and returned as JSON.
#[pyfunction]
pub fn add_up_warnings(warnings: &str, lines: &str) -> Outcome<String> {
    Ok(core::Warning::added_up(warnings, lines)?)
}
