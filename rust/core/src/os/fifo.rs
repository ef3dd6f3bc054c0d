//! `SCHED_FIFO`: the thread runs before every ordinary one.

use super::syscalls::{Policy, policy, set_policy};
use super::{on_a_thread, refused};
use crate::{ConfigError, IrqtraceError};

const HELP: &str = "run as root, grant CAP_SYS_NICE (setcap cap_sys_nice+ep; in a container --cap-add SYS_NICE), \
                    or raise `ulimit -r`";

/// Holds the thread at a real-time priority; the policy that it had before comes back with the drop.
#[derive(Debug)]
pub(super) struct Fifo {
    before: Policy,
}

impl Fifo {
    pub(super) fn acquire(priority: u8) -> Result<Self, IrqtraceError> {
        if !(1..=99).contains(&priority) {
            return Err(ConfigError(format!("SCHED_FIFO priority {priority}; priorities are 1 to 99")).into());
        }
        let set = || {
            let before = policy()?;
            set_policy(Policy::fifo(priority))?;
            Ok(Self { before })
        };
        set().map_err(|error: std::io::Error| refused(format!("SCHED_FIFO priority {priority} refused"), HELP, error))
    }
}

impl Drop for Fifo {
    fn drop(&mut self) {
        // Going back to a lower policy is always granted.
        let _ = set_policy(self.before);
    }
}

/// `None` where `SCHED_FIFO` may be used, else why not and what would help. It is tried with priority 1 on a thread
/// that ends with the trial, so nothing changes.
#[must_use]
pub fn can_fifo() -> Option<String> {
    match on_a_thread(|| Fifo::acquire(1).map(drop)) {
        Ok(tried) => tried.err().map(|error| error.to_string()),
        Err(error) => Some(format!("no thread to try it on: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_priority_out_of_range_is_no_question_of_rights() {
        for priority in [0, 100, 255] {
            let error = Fifo::acquire(priority).unwrap_err();
            assert!(matches!(&error, IrqtraceError::Config(_)), "{error}");
            assert!(error.to_string().contains("1 to 99"));
        }
    }

    #[test]
    fn the_answer_in_advance_is_the_answer() {
        assert_eq!(can_fifo(), Fifo::acquire(1).err().map(|error| error.to_string()));
    }
}
