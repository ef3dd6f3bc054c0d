//! The core's errors as Python's.

use std::io::ErrorKind;
use std::path::PathBuf;

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
        IrqtraceError::Io { path, source } => Ok(os_error(&source, said(&source), path)),
        IrqtraceError::CutOff { path, source, kept } => {
            let text = format!("{}; what was flushed until then is in {}", said(&source), kept.display());
            Ok(os_error(&source, text, path))
        }
        IrqtraceError::NotNamed { path, source, kept } => {
            let text = format!("{}; the recording is complete in {}", said(&source), kept.display());
            Ok(os_error(&source, text, path))
        }
    }
}

/// `OSError` itself chooses the subclass, and puts the path behind the text.
fn os_error(source: &std::io::Error, text: String, path: PathBuf) -> PyErr {
    match errno(source) {
        Some(errno) => PyOSError::new_err((errno, text, path.into_os_string())),
        None => PyOSError::new_err(format!("{}: {text}", path.display())),
    }
}

/// What the system said, without the number.
fn said(source: &std::io::Error) -> String {
    let text = source.to_string();
    let number = source.raw_os_error().map(|errno| format!(" (os error {errno})")).unwrap_or_default();
    text.strip_suffix(&number).unwrap_or(&text).to_owned()
}

/// The system's number, or the one that stands for what was found out without the system.
fn errno(source: &std::io::Error) -> Option<i32> {
    const EEXIST: i32 = 17;
    const EINVAL: i32 = 22;
    source.raw_os_error().or(match source.kind() {
        ErrorKind::AlreadyExists => Some(EEXIST),
        ErrorKind::InvalidInput => Some(EINVAL),
        _ => None,
    })
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
