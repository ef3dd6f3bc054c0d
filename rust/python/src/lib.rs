//! The extension module `irqtrace._core`: it converts, delegates and maps errors, and computes nothing.

#![expect(clippy::needless_pass_by_value, reason = "arguments come from Python by value")]

mod checks;
mod counts;
mod errors;
mod functions;
mod import;
mod sampler;
mod trace;
mod unfinished;

/// The Rust core: sampling, parsing and writing.
#[pyo3::pymodule]
mod _core {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::checks::{check_file, check_footer};
    #[pymodule_export]
    use crate::counts::Counts;
    #[pymodule_export]
    use crate::functions::{
        ReadCost, add_up_warnings, can_dma_latency, can_fifo, can_lock_memory, host_facts, read_costs, replay,
        snapshot, write_trace,
    };
    #[pymodule_export]
    use crate::import::import_text;
    #[pymodule_export]
    use crate::sampler::{Progress, Sampler};
    #[pymodule_export]
    use crate::trace::{Stream, Trace};
    #[pymodule_export]
    use crate::unfinished::{Unfinished, begun_for, repair};

    #[pymodule_export]
    #[expect(non_upper_case_globals, reason = "Python's name for it")]
    const __version__: &str = env!("CARGO_PKG_VERSION");

    /// Whether this build can sample the running kernel.
    #[pymodule_export]
    const LIVE: bool = irqtrace_core::LIVE;

    #[pymodule_init]
    fn init(_module: &Bound<'_, PyModule>) {}
}
