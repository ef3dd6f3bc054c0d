//! What a thread may ask of the operating system to be on time, each put back when it is let go of.
//!
//! Everything but the locked memory and the latency request is the calling thread's own.

mod affinity;
mod dma_latency;
mod fifo;
mod memory;
mod syscalls;
mod timer_slack;

use std::io;
use std::marker::PhantomData;
use std::path::Path;

pub use affinity::check_pin;
pub use dma_latency::can_dma_latency;
pub use fifo::can_fifo;
pub use memory::can_lock_memory;
pub(crate) use syscalls::give_free_memory_back;

use crate::IrqtraceError;

/// What is asked for; nothing by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PrivilegeRequest {
    /// The only CPU to run on.
    pub pin: Option<u16>,
    /// `SCHED_FIFO` with this priority, 1 to 99.
    pub fifo: Option<u8>,
    /// Keep the process's memory from being paged out.
    pub lock_memory: bool,
    /// The most time that a CPU may take to leave an idle state, in microseconds.
    pub dma_latency_us: Option<u32>,
}

/// What a thread was granted. It belongs to that thread, and dropping it puts everything back as it was.
#[derive(Debug)]
pub struct Privileges {
    // Fields are dropped in this order: the scheduler first, because a real-time thread has no timer slack to set.
    _fifo: Option<fifo::Fifo>,
    _pin: Option<affinity::Pin>,
    _dma_latency: Option<dma_latency::DmaLatency>,
    _memory: Option<memory::LockedMemory>,
    _timer_slack: timer_slack::TimerSlack,
    /// Threads are what most of it applies to.
    not_send: PhantomData<*const ()>,
}

impl Privileges {
    /// Takes for the calling thread the smallest timer slack, which needs no privilege, and all that is asked for.
    /// `sysfs` (`/sys`) tells which CPUs there are.
    ///
    /// # Errors
    ///
    /// [`IrqtraceError::Privilege`] where something is refused, [`IrqtraceError::Config`] for a CPU that cannot be
    /// run on or a number out of range. What was granted before is put back.
    pub fn acquire(request: &PrivilegeRequest, sysfs: &Path) -> Result<Self, IrqtraceError> {
        // In the order in which each is harmless to those after it; at a real-time priority nothing slow is left to do.
        let timer_slack = timer_slack::TimerSlack::acquire()?;
        let memory = request.lock_memory.then(memory::LockedMemory::acquire).transpose()?;
        let dma_latency = request.dma_latency_us.map(dma_latency::DmaLatency::acquire).transpose()?;
        let pin = request.pin.map(|cpu| affinity::Pin::acquire(cpu, sysfs)).transpose()?;
        let fifo = request.fifo.map(fifo::Fifo::acquire).transpose()?;
        Ok(Self {
            _fifo: fifo,
            _pin: pin,
            _dma_latency: dma_latency,
            _memory: memory,
            _timer_slack: timer_slack,
            not_send: PhantomData,
        })
    }
}

fn refused(what: impl Into<String>, help: impl Into<String>, source: impl Into<io::Error>) -> IrqtraceError {
    IrqtraceError::Privilege { what: what.into(), help: help.into(), source: source.into() }
}

/// Runs `check` on a thread of its own, which takes with it all that `check` changes of itself.
fn on_a_thread<T: Send>(check: impl FnOnce() -> T + Send) -> io::Result<T> {
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name("irqtrace-check".to_owned())
            .spawn_scoped(scope, check)?
            .join()
            .map_err(|_| io::Error::other("the checking thread panicked"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What of a thread's state privileges touch.
    fn state() -> (u64, syscalls::Policy, Vec<u16>) {
        let slack = rustix::thread::current_timer_slack().unwrap();
        (slack, syscalls::policy().unwrap(), syscalls::affinity().unwrap().cpus())
    }

    #[test]
    fn without_a_request_only_the_timer_slack_changes_and_comes_back() {
        let before = state();
        let held = Privileges::acquire(&PrivilegeRequest::default(), Path::new("/sys")).unwrap();
        assert_eq!(state(), (1, before.1, before.2.clone()));
        drop(held);
        assert_eq!(state(), before);
    }

    #[test]
    fn everything_that_is_granted_is_put_back() {
        let before = state();
        let pin = *before.2.last().unwrap();
        let request = PrivilegeRequest { pin: Some(pin), fifo: Some(1), lock_memory: true, dma_latency_us: Some(100) };
        match Privileges::acquire(&request, Path::new("/sys")) {
            Ok(held) => {
                assert_eq!(state().1, syscalls::Policy::fifo(1));
                assert_eq!(state().2, [pin]);
                drop(held);
            }
            Err(error) => eprintln!("refused here, as may be: {error}"),
        }
        assert_eq!(state(), before);
    }

    #[test]
    fn a_refusal_puts_back_what_was_granted_before_it() {
        let before = state();
        let request = PrivilegeRequest { pin: Some(before.2[0]), fifo: Some(100), ..PrivilegeRequest::default() };
        let error = Privileges::acquire(&request, Path::new("/sys")).unwrap_err();
        assert!(matches!(error, IrqtraceError::Config(_)), "{error}");
        assert_eq!(state(), before);
    }

    #[test]
    fn asking_what_is_allowed_changes_nothing() {
        let before = state();
        eprintln!("fifo: {:?}; dma latency: {:?}; memory: {:?}", can_fifo(), can_dma_latency(), can_lock_memory());
        check_pin(before.2[0], Path::new("/sys")).unwrap();
        assert_eq!(state(), before);
    }
}
