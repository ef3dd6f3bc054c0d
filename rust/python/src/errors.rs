//! The core's errors as Python's.

use irqtrace_core::IrqtraceError;
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// What a failed call returns; it becomes an exception at the border.
pub struct Failure(IrqtraceError);

/// The result of a call into the core.
pub type Outcome<T> = Result<T, Failure>;

impl<E: Into<IrqtraceError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl From<Failure> for PyErr {
    fn from(Failure(error): Failure) -> Self {
        Python::attach(|py| raise(py, error)).unwrap_or_else(|error| error)
    }
}

fn raise(py: Python<'_>, error: IrqtraceError) -> PyResult<PyErr> {
    let message = error.to_string();
    match error {
        IrqtraceError::Parse(error) => made(py, "ParseError", (error.message, error.path, error.line, error.offset)),
        IrqtraceError::Source(error) => made(py, "SourceUnavailable", (error.errno, message, error.path)),
        IrqtraceError::TraceFormat(_) => made(py, "TraceFormatError", (message,)),
        IrqtraceError::Config(_) => Ok(PyValueError::new_err(message)),
        IrqtraceError::Privilege { source, .. } => {
            made(py, "PrivilegeError", (source.raw_os_error().unwrap_or_default(), message))
        }
        IrqtraceError::Io { path, source } => Ok(match errno(&source) {
            // OSError itself chooses the subclass, and puts the path behind the text.
            Some(errno) => {
                let said = source.to_string();
                let said = said.strip_suffix(&format!(" (os error {errno})")).unwrap_or(&said).to_owned();
                PyOSError::new_err((errno, said, path.display().to_string()))
            }
            None => PyOSError::new_err(message),
        }),
    }
}

fn errno(error: &std::io::Error) -> Option<i32> {
    const EEXIST: i32 = 17;
    let exists = error.kind() == std::io::ErrorKind::AlreadyExists;
    error.raw_os_error().or(exists.then_some(EEXIST))
}

/// An exception of `irqtrace.errors`.
fn made<'py>(
    py: Python<'py>,
    class: &str,
    args: impl IntoPyObject<'py, Target = PyTuple, Output = Bound<'py, PyTuple>, Error = PyErr>,
) -> PyResult<PyErr> {
    let class = py.import("irqtrace.errors")?.getattr(class)?;
    Ok(PyErr::from_value(class.call1(args.into_pyobject(py)?)?))
}
