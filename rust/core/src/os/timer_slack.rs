//! Timer slack: how late the kernel may wake a sleeping thread to save a wakeup, 50 µs by default.

use std::num::NonZeroU64;

use rustix::thread::{current_timer_slack, set_current_timer_slack};

use super::refused;
use crate::IrqtraceError;

/// Holds the thread's timer slack at 1 ns, the least there is.
#[derive(Debug)]
pub(super) struct TimerSlack {
    before_ns: u64,
}

impl TimerSlack {
    pub(super) fn acquire() -> Result<Self, IrqtraceError> {
        let set = || {
            let before_ns = current_timer_slack()?;
            set_current_timer_slack(Some(NonZeroU64::MIN))?;
            Ok(Self { before_ns })
        };
        set().map_err(|errno: rustix::io::Errno| {
            refused("timer slack of 1 ns refused", "allow prctl(PR_SET_TIMERSLACK) in the seccomp filter", errno)
        })
    }
}

impl Drop for TimerSlack {
    fn drop(&mut self) {
        // It was granted a moment ago. Zero is what a real-time thread reads, and setting it means the default.
        let _ = set_current_timer_slack(NonZeroU64::new(self.before_ns));
    }
}
