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
        if *holders == 0 && locked_kb() > 0 {
            return Err(refused(
                "locking memory refused",
                "record without it: letting go of it would also unlock the memory that this process has locked itself",
                io::Error::other(format!("{} kB are locked already", locked_kb())),
            ));
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

fn refusal(errno: Errno) -> IrqtraceError {
    refused(
        "locking memory refused",
        "run as root, grant CAP_IPC_LOCK (setcap cap_ipc_lock+ep; in a container --cap-add IPC_LOCK), \
         or set `ulimit -l unlimited`: the whole address space counts",
        errno,
    )
}

fn locked_kb() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = status.lines().find_map(|line| line.strip_prefix("VmLck:"));
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
        assert!(locked_kb() > 0);
        drop(second);
    }
}
