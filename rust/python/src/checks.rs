//! Checksums of trace files.

use std::path::PathBuf;

use irqtrace_core as core;
use pyo3::prelude::*;

use crate::errors::Outcome;

/// Checks a trace file's footer; whether it has checksums at all.
#[pyfunction]
pub fn check_footer(py: Python<'_>, path: PathBuf) -> Outcome<bool> {
    py.detach(|| Ok(core::Checks::open(&path)?.is_some()))
}

/// Checks all of a trace file that has checksums, unless it has more than so many bytes; whether it was checked.
#[pyfunction]
#[pyo3(signature = (path, at_most=None))]
pub fn check_file(py: Python<'_>, path: PathBuf, at_most: Option<u64>) -> Outcome<bool> {
    py.detach(|| match core::Checks::open(&path)? {
        Some(checks) if at_most.is_none_or(|limit| checks.bytes() <= limit) => {
            checks.verify()?;
            Ok(true)
        }
        _ => Ok(false),
    })
}
