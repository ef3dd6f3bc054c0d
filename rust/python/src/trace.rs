//! Traces and tables: what has an Arrow stream.

use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchIterator, RecordBatchReader, StructArray};
use arrow_schema::Field;
use irqtrace_core as core;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use pyo3_arrow::error::PyArrowResult;
use pyo3_arrow::ffi::{ArrayIterator, to_stream_pycapsule};

use crate::errors::Outcome;

/// Makes the reader of a table, again for each that wants to read it.
pub type Reader = Box<dyn Fn() -> Box<dyn RecordBatchReader + Send> + Send + Sync>;

/// A table: anything that takes `__arrow_c_stream__` reads it without a copy.
#[pyclass(frozen, module = "irqtrace._core")]
pub struct Stream(Reader);

impl Stream {
    /// The table that such readers read.
    pub const fn new(reader: Reader) -> Self {
        Self(reader)
    }

    /// The table of one batch.
    pub fn of_batch(batch: RecordBatch) -> Self {
        Self(Box::new(move || Box::new(RecordBatchIterator::new([Ok(batch.clone())], batch.schema()))))
    }
}

#[pymethods]
impl Stream {
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyCapsule>>,
    ) -> PyArrowResult<Bound<'py, PyCapsule>> {
        capsule(py, (self.0)(), requested_schema)
    }
}

/// What was measured, in memory.
#[pyclass(frozen, module = "irqtrace._core")]
pub struct Trace(Arc<core::Trace>);

impl Trace {
    pub fn new(trace: core::Trace) -> Self {
        Self(Arc::new(trace))
    }

    fn stream<R: RecordBatchReader + Send + 'static>(&self, table: fn(&core::Trace) -> R) -> Stream {
        let trace = Arc::clone(&self.0);
        Stream(Box::new(move || Box::new(table(&trace))))
    }
}

#[pymethods]
impl Trace {
    #[getter]
    fn meta(&self) -> Outcome<String> {
        Ok(self.0.meta.to_json()?)
    }

    #[getter]
    fn deltas_rows(&self) -> usize {
        self.0.deltas_rows()
    }

    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyCapsule>>,
    ) -> PyArrowResult<Bound<'py, PyCapsule>> {
        capsule(py, Box::new(self.0.deltas()), requested_schema)
    }

    fn samples(&self) -> Stream {
        self.stream(core::Trace::samples)
    }

    fn flat(&self) -> Stream {
        self.stream(core::Trace::flat)
    }
}

fn capsule<'py>(
    py: Python<'py>,
    reader: Box<dyn RecordBatchReader + Send>,
    requested_schema: Option<Bound<'py, PyCapsule>>,
) -> PyArrowResult<Bound<'py, PyCapsule>> {
    let schema = reader.schema();
    let field = Field::new_struct("", schema.fields().clone(), false).with_metadata(schema.metadata().clone());
    let arrays = reader.map(|batch| Ok(Arc::new(StructArray::from(batch?)) as _));
    to_stream_pycapsule(py, Box::new(ArrayIterator::new(arrays, Arc::new(field))), requested_schema)
}
