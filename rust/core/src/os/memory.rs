//! Locked memory: no page that the sampler touches is ever read back from swap.
//!
//! It is the whole process that is locked (`mlockall`), as it is at this moment, and each page from when it is touched
//! (`MCL_ONFAULT`). Locking ranges instead would have to know every buffer, stack and code page on the sampler's way,
//! and unlocking them would unlock whatever else lies on their first and last pages. What is mapped later is left
//! alone (no `MCL_FUTURE`): with a limit on locked memory, a frame that an analysis loads would otherwise fail to be
//! allocated. So the sampler takes the lock once its buffers exist.

use std::fs;
use std::io;
use std::sync::{Mutex, PoisonError};

use rustix::io::Errno;
use rustix::mm::{MlockAllFlags, mlockall, munlockall};
use rustix::process::{Resource, getrlimit};
use rustix::thread::{CapabilitySet, capabilities};

use super::refused;
use crate::IrqtraceError;

/// How many hold the lock: `munlockall` knows no count.
static HOLDERS: Mutex<usize> = Mutex::new(0);

/// Keeps the process's memory locked.
#[derive(Debug)]
pub(super) struct LockedMemory(());

impl LockedMemory {
    pub(super) fn acquire() -> Result<Self, IrqtraceError> {
        let mut holders = HOLDERS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(refusal) = locked_by_others(*holders) {
            return Err(refusal);
        }
        match mlockall(MlockAllFlags::CURRENT | MlockAllFlags::ONFAULT) {
            Ok(()) => {}
            // ONFAULT is there since Linux 4.4; before it, all of the process has to be brought in.
            Err(Errno::INVAL) => mlockall(MlockAllFlags::CURRENT).map_err(refusal)?,
            Err(errno) => return Err(refusal(errno)),
        }
        *holders += 1;
        Ok(Self(()))
    }
}

impl Drop for LockedMemory {
    fn drop(&mut self) {
        let mut holders = HOLDERS.lock().unwrap_or_else(PoisonError::into_inner);
        *holders -= 1;
        if *holders == 0 {
            // It cannot fail but for a process without memory.
            let _ = munlockall();
        }
    }
}

/// `None` where memory may be locked, else why not and what would help. The limits and capabilities of the process are
/// asked, as the kernel does; nothing is locked.
#[must_use]
pub fn can_lock_memory() -> Option<String> {
    let holders = HOLDERS.lock().unwrap_or_else(PoisonError::into_inner);
    let errno = match getrlimit(Resource::Memlock).current {
        None => None,
        Some(_) if has_capability() => None,
        Some(0) => Some(Errno::PERM),
        Some(limit) => (status_kb("VmSize:") > limit / 1024).then_some(Errno::NOMEM),
    };
    locked_by_others(*holders).or_else(|| errno.map(refusal)).map(|error| error.to_string())
}

/// Whether the process has `CAP_IPC_LOCK` where it counts: in the first user namespace, which maps every user to
/// itself. A container's root may hold it in a namespace of its own.
fn has_capability() -> bool {
    let held = capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::IPC_LOCK));
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    held && map.split_whitespace().eq(["0", "0", "4294967295"])
}

fn locked_by_others(holders: usize) -> Option<IrqtraceError> {
    let locked_kb = status_kb("VmLck:");
    (holders == 0 && locked_kb > 0).then(|| {
        refused(
            "locking memory refused",
            "record without it: letting go of it would also unlock the memory that this process has locked itself",
            io::Error::other(format!("{locked_kb} kB are locked already")),
        )
    })
}

fn refusal(errno: Errno) -> IrqtraceError {
    refused(
        "locking memory refused",
        "run as root, grant CAP_IPC_LOCK (setcap cap_ipc_lock+ep; in a container --cap-add IPC_LOCK), \
         or set `ulimit -l unlimited`: the whole address space counts",
        errno,
    )
}

/// A size in `/proc/self/status`.
fn status_kb(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = status.lines().find_map(|line| line.strip_prefix(name));
    field.and_then(|text| text.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_stays_locked_until_the_last_holder_lets_go() {
        let Ok(first) = LockedMemory::acquire() else {
            eprintln!("skipped: memory may not be locked here");
            return;
        };
        let second = LockedMemory::acquire().unwrap();
        drop(first);
        assert!(status_kb("VmLck:") > 0);
        drop(second);
    }

    #[test]
    fn the_answer_in_advance_is_the_answer() {
        let answer = can_lock_memory();
        assert_eq!(answer, LockedMemory::acquire().err().map(|error| error.to_string()));
    }
}
