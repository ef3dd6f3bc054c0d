//! The CPU that a thread runs on.

use std::fs;
use std::path::Path;

use super::syscalls::{CpuMask, affinity, set_affinity};
use super::{on_a_thread, refused};
use crate::{ConfigError, IrqtraceError, format_cpulist, parse_cpulist};

/// Holds the thread on one CPU; the CPUs that it had before come back with the drop.
#[derive(Debug)]
pub(super) struct Pin {
    before: CpuMask,
}

impl Pin {
    pub(super) fn acquire(cpu: u16, sysfs: &Path) -> Result<Self, IrqtraceError> {
        let before = affinity().map_err(|error| pin_refused(cpu, error))?;
        let error = match set_affinity(&CpuMask::only(cpu)) {
            Ok(()) => return Ok(Self { before }),
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => error,
            Err(error) => return Err(pin_refused(cpu, error)),
        };
        // The kernel does not say whether the CPU is away or forbidden, nor which are allowed. Asking for all CPUs
        // tells: what it leaves of them is the cpuset.
        let allowed = set_affinity(&CpuMask::all()).and_then(|()| affinity()).map(|mask| mask.cpus());
        set_affinity(&before).map_err(|error| pin_refused(cpu, error))?;
        let Ok(allowed) = allowed else { return Err(pin_refused(cpu, error)) };
        let online = fs::read_to_string(sysfs.join("devices/system/cpu/online"))
            .ok()
            .and_then(|list| parse_cpulist(&list))
            .filter(|online| !online.is_empty())
            .unwrap_or_else(|| allowed.clone());
        Err(unusable(cpu, &online, &allowed).into())
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        // It was granted before. Should those CPUs all be gone by now, the kernel has no better answer either.
        let _ = set_affinity(&self.before);
    }
}

/// Whether a thread may be pinned to `cpu`, tried on a thread that ends with it.
///
/// # Errors
///
/// The error that the pin would have, naming the CPUs that exist or are allowed.
pub fn check_pin(cpu: u16, sysfs: &Path) -> Result<(), IrqtraceError> {
    on_a_thread(|| Pin::acquire(cpu, sysfs).map(drop)).map_err(|error| pin_refused(cpu, error))?
}

fn pin_refused(cpu: u16, error: std::io::Error) -> IrqtraceError {
    refused(format!("pinning to CPU {cpu} refused"), "record without a pin", error)
}

fn unusable(cpu: u16, online: &[u16], allowed: &[u16]) -> ConfigError {
    let (online_list, allowed_list) = (format_cpulist(online), format_cpulist(allowed));
    ConfigError(if online.contains(&cpu) {
        format!(
            "CPU {cpu} cannot be pinned to: this process's cpuset allows {allowed_list} of the online {online_list}"
        )
    } else {
        format!("CPU {cpu} cannot be pinned to: it is not online; online are {online_list}, allowed {allowed_list}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cpu_that_is_not_there_is_named_with_those_that_are() {
        let before = affinity().unwrap();
        let error = Pin::acquire(u16::MAX, Path::new("/sys")).unwrap_err();
        assert!(matches!(&error, IrqtraceError::Config(_)), "{error}");
        let allowed = format_cpulist(&before.cpus());
        assert!(error.to_string().contains("it is not online; online are "), "{error}");
        assert!(check_pin(u16::MAX, Path::new("/sys")).is_err());
        assert_eq!(format_cpulist(&affinity().unwrap().cpus()), allowed, "and the CPUs stay as they were");
    }

    #[test]
    fn a_cpu_outside_the_cpuset_is_told_apart_from_one_that_is_offline() {
        let online: Vec<u16> = (0..8).collect();
        let error = unusable(5, &online, &[0, 1]);
        assert_eq!(error.0, "CPU 5 cannot be pinned to: this process's cpuset allows 0-1 of the online 0-7");
        let error = unusable(9, &online, &[0, 1]);
        assert_eq!(error.0, "CPU 9 cannot be pinned to: it is not online; online are 0-7, allowed 0-1");
    }
}
