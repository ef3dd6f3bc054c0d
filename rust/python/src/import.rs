//! Texts that were captured elsewhere.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use irqtrace_core::{ConfigError, import};
use pyo3::prelude::*;

use crate::errors::Failure;
use crate::trace::Trace;

/// How often it is told how far it is, and signals are heard.
const STEP: Duration = Duration::from_millis(100);

/// The trace of captured texts.
#[pyfunction]
#[pyo3(signature = (
    sources, *, within_ns, times=None, since_1970=false, zone=None, host=None, same_machine=false, path=None, overwrite=false, progress=None
))]
#[expect(clippy::too_many_arguments, reason = "keyword-only options, each with its name in Python")]
pub fn import_text(
    py: Python<'_>,
    sources: Vec<(PathBuf, Option<String>)>,
    within_ns: i64,
    times: Option<String>,
    since_1970: bool,
    zone: Option<String>,
    host: Option<String>,
    same_machine: bool,
    path: Option<PathBuf>,
    overwrite: bool,
    progress: Option<Py<PyAny>>,
) -> PyResult<Option<Trace>> {
    let options = import::Options {
        sources: sources.into_iter().map(|(path, at)| import::Source { path, at }).collect(),
        times: times.map(|times| times.parse()).transpose().map_err(Failure::from)?,
        since_1970,
        zone,
        host,
        same_machine,
        within_ns,
        now_ns: None,
    };
    let mut ended_by = None;
    let mut told: Option<Instant> = None;
    let mut tell = |done, total| {
        if told.is_some_and(|told| told.elapsed() < STEP) {
            return Ok(());
        }
        told = Some(Instant::now());
        let heard = Python::attach(|py| {
            py.check_signals()?;
            progress.as_ref().map_or(Ok(()), |progress| progress.call1(py, (done, total)).map(drop))
        });
        heard.map_err(|error| {
            ended_by = Some(error);
            ConfigError("ended by the caller".to_owned()).into()
        })
    };
    let file = path.as_deref().map(|path| (path, overwrite));
    let made = py.detach(|| import::import(&options, file, &mut tell));
    match ended_by {
        Some(error) => Err(error),
        None => Ok(made.map_err(Failure::from)?.map(Trace::new)),
    }
}
