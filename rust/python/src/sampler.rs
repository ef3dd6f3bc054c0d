//! The sampler as Python drives it.

use std::collections::BTreeMap;
use std::time::Duration;

use irqtrace_core as core;
use irqtrace_core::recording;
use pyo3::prelude::*;

use crate::counts::Counts;
use crate::errors::Outcome;
use crate::trace::Trace;

/// One entry of `irqs`: the number of a line, or a glob.
#[derive(FromPyObject)]
pub enum Irq {
    Number(u32),
    Pattern(String),
}

/// What is wanted, in the core's words.
pub fn wanted(
    interval_ns: i64,
    kinds: Option<BTreeMap<String, i64>>,
    irqs: Option<Vec<Irq>>,
) -> Outcome<core::plan::Wanted> {
    let kinds = match kinds {
        None => core::Kind::ALL.into_iter().map(|kind| (kind, interval_ns)).collect(),
        Some(kinds) => kinds
            .into_iter()
            .map(|(kind, interval_ns)| Ok((kind.parse()?, interval_ns)))
            .collect::<Result<_, core::ConfigError>>()?,
    };
    let choice = |irq| match irq {
        Irq::Number(number) => core::IrqChoice::Number(number),
        Irq::Pattern(text) => core::IrqChoice::Pattern(text),
    };
    Ok(core::plan::Wanted { interval_ns, kinds, irqs: irqs.map(|irqs| irqs.into_iter().map(choice).collect()) })
}

/// How far a sampler is.
#[pyclass(frozen, get_all, module = "irqtrace._core")]
pub struct Progress {
    elapsed_ns: i64,
    samples: u64,
    reads: u64,
    missed: u64,
    rows: u64,
    file_bytes: u64,
    memory_bytes: usize,
    late_last_ns: i64,
}

/// Samples on a thread of its own from `start()` until `stop()`, the end of its duration, or an error.
#[pyclass(frozen, module = "irqtrace._core")]
pub struct Sampler(recording::Recording);

#[pymethods]
impl Sampler {
    #[new]
    #[pyo3(signature = (
        *, interval_ns, kinds=None, irqs=None, pin=None, fifo=None, lock_memory=false, dma_latency_us=None, spin_ns=0,
        batch_every_ns=100_000_000, memory_limit=1 << 30, stop_at_memory_limit=false, duration_ns=None, path=None,
        flush_every_ns=1_000_000_000, rotate_every_ns=None, rotate_bytes=None, keep_ns=None, overwrite=false, procfs="/proc".into(), sysfs="/sys".into()
    ))]
    #[expect(clippy::too_many_arguments, reason = "keyword-only options, each with its name in Python")]
    fn new(
        py: Python<'_>,
        interval_ns: i64,
        kinds: Option<BTreeMap<String, i64>>,
        irqs: Option<Vec<Irq>>,
        pin: Option<u16>,
        fifo: Option<u8>,
        lock_memory: bool,
        dma_latency_us: Option<u32>,
        spin_ns: i64,
        batch_every_ns: i64,
        memory_limit: usize,
        stop_at_memory_limit: bool,
        duration_ns: Option<i64>,
        path: Option<std::path::PathBuf>,
        flush_every_ns: i64,
        rotate_every_ns: Option<i64>,
        rotate_bytes: Option<u64>,
        keep_ns: Option<i64>,
        overwrite: bool,
        procfs: std::path::PathBuf,
        sysfs: std::path::PathBuf,
    ) -> Outcome<Self> {
        let core::plan::Wanted { kinds, irqs, .. } = wanted(interval_ns, kinds, irqs)?;
        let settings = core::Settings { kinds, irqs, pin, fifo, lock_memory, dma_latency_us, spin_ns, batch_every_ns };
        let config = core::Config {
            interval_ns,
            settings,
            duration_ns,
            path,
            flush_every_ns,
            rotation: core::Rotation {
                every_ns: rotate_every_ns,
                bytes: rotate_bytes,
                keep_ns,
                ..core::Rotation::default()
            },
            overwrite,
            memory_limit,
            stop_at_memory_limit,
            procfs,
            sysfs,
        };
        py.detach(|| Ok(Self(core::open(&config)?)))
    }

    fn start(&self, py: Python<'_>) -> Outcome<()> {
        py.detach(|| Ok(self.0.start()?))
    }

    fn stop(&self, py: Python<'_>) -> Outcome<()> {
        py.detach(|| Ok(self.0.stop()?))
    }

    fn abandon(&self, py: Python<'_>) {
        py.detach(|| self.0.abandon());
    }

    fn wait(&self, py: Python<'_>, timeout_s: f64) -> bool {
        py.detach(|| self.0.wait(seconds(timeout_s)))
    }

    fn next_batch(&self, py: Python<'_>, timeout_s: f64) -> Outcome<Option<Trace>> {
        py.detach(|| Ok(self.0.next_batch(seconds(timeout_s))?.map(Trace::new)))
    }

    #[getter]
    fn ended(&self, py: Python<'_>) -> Outcome<bool> {
        py.detach(|| Ok(self.0.exhausted()?))
    }

    fn trace(&self, py: Python<'_>) -> Outcome<Trace> {
        py.detach(|| Ok(Trace::new(self.0.trace()?)))
    }

    fn mark(&self, py: Python<'_>, text: &str) -> Outcome<()> {
        py.detach(|| Ok(self.0.mark(text)?))
    }

    fn counts(&self, py: Python<'_>) -> PyResult<Counts> {
        Counts::new(py.detach(|| Outcome::Ok(self.0.counts()?))?)
    }

    fn files(&self, py: Python<'_>) -> Outcome<Vec<std::ffi::OsString>> {
        Ok(py.detach(|| self.0.files())?.into_iter().map(Into::into).collect())
    }

    fn not_removed(&self, py: Python<'_>) -> Outcome<Vec<(std::ffi::OsString, i32)>> {
        Ok(py.detach(|| self.0.not_removed())?.into_iter().map(|(path, errno)| (path.into(), errno)).collect())
    }

    fn progress(&self, py: Python<'_>) -> Outcome<Progress> {
        let recording::Progress { elapsed_ns, samples, reads, missed, rows, file_bytes, memory_bytes, late_last_ns } =
            py.detach(|| self.0.progress())?;
        Ok(Progress { elapsed_ns, samples, reads, missed, rows, file_bytes, memory_bytes, late_last_ns })
    }
}

/// A time-out as Python gives it. One that is no time, or longer than a century, is as good as none.
fn seconds(timeout_s: f64) -> Duration {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 86_400);
    if timeout_s <= 0.0 {
        return Duration::ZERO;
    }
    Duration::try_from_secs_f64(timeout_s).unwrap_or(CENTURY).min(CENTURY)
}
