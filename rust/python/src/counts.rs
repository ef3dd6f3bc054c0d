//! The counts of the newest reads as a buffer of numbers.

#![expect(unsafe_code, reason = "the buffer protocol hands out pointers")]

use std::ffi::{c_int, c_void};
use std::ptr;

use irqtrace_core::ledger;
use pyo3::exceptions::PyBufferError;
use pyo3::ffi::{self, Py_ssize_t};
use pyo3::prelude::*;

/// An immutable copy of the counts of the newest reads: a read-only C-contiguous uint64 buffer (lines, columns).
#[pyclass(frozen, module = "irqtrace._core")]
pub struct Counts {
    newest: ledger::Counts,
    shape: [Py_ssize_t; 2],
    strides: [Py_ssize_t; 2],
}

impl Counts {
    pub fn new(newest: ledger::Counts) -> PyResult<Self> {
        let shape = [newest.lines.len().try_into()?, newest.cpus.len().try_into()?];
        let cell: Py_ssize_t = size_of::<u64>().try_into()?;
        Ok(Self { strides: [shape[1] * cell, cell], shape, newest })
    }
}

#[pymethods]
impl Counts {
    #[getter]
    fn shape(&self) -> (usize, usize) {
        (self.newest.lines.len(), self.newest.cpus.len())
    }

    #[getter]
    fn lines(&self) -> Vec<u32> {
        self.newest.lines.clone()
    }

    #[getter]
    fn cpus(&self) -> Vec<Option<u16>> {
        self.newest.cpus.clone()
    }

    #[getter]
    fn sample(&self) -> i64 {
        self.newest.sample
    }

    /// Fills in a view of the counts.
    ///
    /// # Safety
    ///
    /// `view` is null or points to a `Py_buffer` that may be written, as the interpreter's call guarantees.
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        if view.is_null() {
            return Err(PyBufferError::new_err("the view is null"));
        }
        if flags & ffi::PyBUF_WRITABLE == ffi::PyBUF_WRITABLE {
            return Err(PyBufferError::new_err("the counts are read-only"));
        }
        let this = slf.get();
        let asked = |what: c_int| flags & what == what;
        // SAFETY: the interpreter passes a view that may be written. Every pointer put into it points into `this`, which
        // is frozen and is kept alive by the reference in `obj` until the view is released; the format is static.
        unsafe {
            (*view).buf = this.newest.counts.as_ptr().cast_mut().cast::<c_void>();
            (*view).len = this.shape[0] * this.strides[0];
            (*view).readonly = 1;
            (*view).itemsize = this.strides[1];
            (*view).format = if asked(ffi::PyBUF_FORMAT) { c"Q".as_ptr().cast_mut() } else { ptr::null_mut() };
            let flat = !asked(ffi::PyBUF_ND);
            (*view).ndim = if flat { 1 } else { 2 };
            (*view).shape = if flat { ptr::null_mut() } else { this.shape.as_ptr().cast_mut() };
            let strided = asked(ffi::PyBUF_STRIDES);
            (*view).strides = if strided { this.strides.as_ptr().cast_mut() } else { ptr::null_mut() };
            (*view).suboffsets = ptr::null_mut();
            (*view).internal = ptr::null_mut();
            (*view).obj = slf.into_any().into_ptr();
        }
        Ok(())
    }
}
