//! `/dev/cpu_dma_latency`: keeps CPUs out of idle states that take long to leave, for as long as it is held open.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};

use super::refused;
use crate::{ConfigError, IrqtraceError};

const DEVICE: &str = "/dev/cpu_dma_latency";

/// The request; closing the file withdraws it.
#[derive(Debug)]
pub(super) struct DmaLatency {
    _file: File,
}

impl DmaLatency {
    pub(super) fn acquire(latency_us: u32) -> Result<Self, IrqtraceError> {
        let latency = i32::try_from(latency_us)
            .map_err(|_| ConfigError(format!("a latency of {latency_us} µs; at most {}", i32::MAX)))?;
        let request = || {
            let mut file = open()?;
            file.write_all(&latency.to_ne_bytes())?;
            Ok(Self { _file: file })
        };
        request().map_err(|error| refusal(latency_us, error))
    }
}

/// `None` where `/dev/cpu_dma_latency` may be opened for writing, else why not and what would help. Nothing is
/// requested.
#[must_use]
pub fn can_dma_latency() -> Option<String> {
    open().err().map(|error| refusal(0, error).to_string())
}

fn open() -> io::Result<File> {
    OpenOptions::new().write(true).open(DEVICE)
}

fn refusal(latency_us: u32, error: io::Error) -> IrqtraceError {
    let help = match error.kind() {
        io::ErrorKind::NotFound => {
            "this kernel or container has no such device; in a container: --device /dev/cpu_dma_latency"
        }
        _ => "run as root, or give the device a group that may write it (a udev rule for cpu_dma_latency)",
    };
    refused(format!("{DEVICE} with {latency_us} µs refused"), help, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_in_advance_is_the_answer() {
        assert_eq!(can_dma_latency().is_none(), DmaLatency::acquire(100).is_ok());
    }

    #[test]
    fn a_latency_that_the_kernel_cannot_take_is_no_question_of_rights() {
        assert!(matches!(DmaLatency::acquire(u32::MAX).unwrap_err(), IrqtraceError::Config(_)));
    }

    #[test]
    fn a_refusal_says_what_helps() {
        let text = refusal(0, io::ErrorKind::PermissionDenied.into()).to_string();
        assert!(text.starts_with("/dev/cpu_dma_latency with 0 µs refused: permission denied; run as root"), "{text}");
    }
}
