//! The scheduler's system calls for the calling thread, and the C library's for its memory.
//!
//! rustix has none for the policy, and its CPU sets end at 1,024 CPUs, which is too few for `sched_getaffinity` on a
//! larger machine. They are called directly because musl's wrappers of the policy calls only say that they do nothing.
#![expect(unsafe_code, reason = "system calls that no safe wrapper at hand has")]

use std::ffi::{c_int, c_ulong};
use std::io;
use std::mem::size_of_val;

const BITS: usize = c_ulong::BITS as usize;

/// Room for every CPU id that fits 16 bits.
const WORDS: usize = (1 << 16) / BITS;

/// A set of CPUs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CpuMask(Vec<c_ulong>);

impl CpuMask {
    pub(super) fn all() -> Self {
        Self(vec![c_ulong::MAX; WORDS])
    }

    pub(super) fn only(cpu: u16) -> Self {
        let mut words = vec![0; WORDS];
        words[usize::from(cpu) / BITS] = 1 << (usize::from(cpu) % BITS);
        Self(words)
    }

    pub(super) fn cpus(&self) -> Vec<u16> {
        let has = |cpu: &u16| self.0[usize::from(*cpu) / BITS] >> (usize::from(*cpu) % BITS) & 1 == 1;
        (0..=u16::MAX).filter(has).collect()
    }
}

/// A scheduling policy and its real-time priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Policy {
    policy: c_int,
    priority: c_int,
}

impl Policy {
    pub(super) fn fifo(priority: u8) -> Self {
        Self { policy: libc::SCHED_FIFO, priority: c_int::from(priority) }
    }
}

/// The CPUs that the thread may run on.
pub(super) fn affinity() -> io::Result<CpuMask> {
    let mut words = vec![0; WORDS];
    // SAFETY: the kernel writes at most the given number of bytes to the buffer, which is that long and lives on.
    let result =
        unsafe { libc::syscall(libc::SYS_sched_getaffinity, 0, size_of_val(words.as_slice()), words.as_mut_ptr()) };
    check(result)?;
    Ok(CpuMask(words))
}

pub(super) fn set_affinity(mask: &CpuMask) -> io::Result<()> {
    let words = mask.0.as_slice();
    // SAFETY: the kernel reads at most the given number of bytes from the buffer, which is that long and lives on.
    let result = unsafe { libc::syscall(libc::SYS_sched_setaffinity, 0, size_of_val(words), words.as_ptr()) };
    check(result).map(drop)
}

pub(super) fn policy() -> io::Result<Policy> {
    // SAFETY: the call has no pointer argument.
    let policy = check(unsafe { libc::syscall(libc::SYS_sched_getscheduler, 0) })?;
    let mut priority: c_int = 0;
    // SAFETY: the kernel's sched_param is one int, written to an int that lives on.
    check(unsafe { libc::syscall(libc::SYS_sched_getparam, 0, &raw mut priority) })?;
    Ok(Policy { policy, priority })
}

pub(super) fn set_policy(policy: Policy) -> io::Result<()> {
    let Policy { policy, priority } = policy;
    // SAFETY: the kernel's sched_param is one int, read from an int that lives on.
    check(unsafe { libc::syscall(libc::SYS_sched_setscheduler, 0, policy, &raw const priority) }).map(drop)
}

fn check(result: libc::c_long) -> io::Result<c_int> {
    match c_int::try_from(result) {
        Ok(value) if value >= 0 => Ok(value),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Gives memory that is free back to the system, which glibc otherwise keeps between blocks that are in use. Other C
/// libraries do so by themselves, or not at all.
pub(crate) fn give_free_memory_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes a number, and may be called by any thread at any time.
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_holds_every_cpu_id() {
        for cpu in [0, 1, 31, 32, 63, 64, 1023, 1024, 1151, u16::MAX] {
            assert_eq!(CpuMask::only(cpu).cpus(), [cpu]);
        }
        assert_eq!(CpuMask::all().cpus().len(), 1 << 16);
    }

    #[test]
    fn the_present_state_can_be_set_again() {
        let (mask, policy) = (affinity().unwrap(), policy().unwrap());
        assert!(!mask.cpus().is_empty());
        set_affinity(&mask).unwrap();
        set_policy(policy).unwrap();
        assert_eq!((affinity().unwrap(), super::policy().unwrap()), (mask, policy));
    }
}
