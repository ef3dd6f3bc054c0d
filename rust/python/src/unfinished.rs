//! Recordings without their end.

use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::{RecordBatchIterator, RecordBatchReader};
use arrow_schema::ArrowError;
use irqtrace_core as core;
use pyo3::prelude::*;

use crate::errors::Outcome;
use crate::trace::Stream;

/// A recording without its end, up to its last flush.
#[pyclass(frozen, module = "irqtrace._core")]
pub struct Unfinished(Arc<core::Unfinished>);

#[pymethods]
impl Unfinished {
    #[new]
    fn new(py: Python<'_>, path: PathBuf) -> Outcome<Self> {
        py.detach(|| Ok(Self(Arc::new(core::Unfinished::open(&path)?))))
    }

    #[getter]
    fn meta(&self) -> Outcome<String> {
        Ok(self.0.meta().to_json()?)
    }

    #[getter]
    fn under_way(&self) -> bool {
        self.0.is_under_way()
    }

    /// Checks its row groups, unless they have more than so many bytes.
    #[pyo3(signature = (at_most=None))]
    fn check(&self, py: Python<'_>, at_most: Option<u64>) -> Outcome<()> {
        if at_most.is_some_and(|limit| self.0.bytes() > limit) {
            return Ok(());
        }
        py.detach(|| Ok(self.0.verify()?))
    }

    #[pyo3(signature = (columns=None))]
    fn flat(&self, columns: Option<Vec<String>>) -> Outcome<Stream> {
        // What is wrong with the columns is said here; what is wrong with the file, by the reader.
        let schema = self.0.flat(columns.as_deref())?.schema();
        let recording = Arc::clone(&self.0);
        Ok(Stream::new(Box::new(move || match recording.flat(columns.as_deref()) {
            Ok(reader) => reader,
            Err(error) => {
                let error = ArrowError::ExternalError(Box::new(error));
                Box::new(RecordBatchIterator::new([Err(error)], schema.clone()))
            }
        })))
    }
}

/// Which recording the file of this name was begun for, or that which is to have it.
#[pyfunction]
pub fn begun_for(py: Python<'_>, path: PathBuf) -> Option<String> {
    py.detach(|| core::begun_for(&path))
}

/// Makes a trace file of an unfinished recording; false if it was one, and only a journal was left, which is removed.
#[pyfunction]
#[pyo3(signature = (path, overwrite=false))]
pub fn repair(py: Python<'_>, path: PathBuf, overwrite: bool) -> Outcome<bool> {
    py.detach(|| Ok(core::repair(&path, overwrite)? == core::Repaired::Made))
}
