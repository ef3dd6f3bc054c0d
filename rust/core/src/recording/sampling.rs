//! The sampler's thread, and its ends of the rings.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread::Thread;

use rtrb::{Consumer, Producer};

use super::{Prepare, Shared};
use crate::block::Block;
use crate::engine::EngineError;
use crate::sampler::{Outlet, Plan, Sampler};
use crate::{ClockAnchor, IrqtraceError};

/// What the sampler's thread needs.
pub(super) struct Sampling {
    pub(super) shared: Arc<Shared>,
    pub(super) plan: Plan,
    pub(super) prepare: Prepare,
    pub(super) full: Producer<Box<Block>>,
    pub(super) empty: Consumer<Box<Block>>,
    pub(super) tell: mpsc::Sender<Result<(i64, ClockAnchor), IrqtraceError>>,
}

/// The sampler's last block, and how its sampling ended.
pub(super) type Sampled = (Option<Box<Block>>, Result<(), EngineError>);

impl Sampling {
    pub(super) fn run(self) -> Sampled {
        let Self { shared, plan, prepare, full, empty, tell } = self;
        let mut outlet = Rings { full, empty, collector: None, shared: &shared };
        let privileges = match prepare() {
            Ok(privileges) => privileges,
            Err(error) => {
                // The starting thread waits for this; were it gone, there would be nobody to tell.
                let _ = tell.send(Err(error));
                return (None, Ok(()));
            }
        };
        let anchor = shared.clock.anchor();
        let mut sampler = match Sampler::new(plan, shared.clock.clone(), anchor) {
            Ok(sampler) => sampler,
            Err(error) => {
                let _ = tell.send(Err(error.into()));
                return (None, Ok(()));
            }
        };
        let _ = tell.send(Ok((sampler.t0(), anchor)));
        let (block, result) = sampler.run(&mut outlet, &shared.control);
        drop(privileges);
        (Some(block), result)
    }
}

/// The sampler's ends of the rings.
struct Rings<'a> {
    full: Producer<Box<Block>>,
    empty: Consumer<Box<Block>>,
    collector: Option<Thread>,
    shared: &'a Shared,
}

impl Drop for Rings<'_> {
    /// Nothing more comes, be it by a panic: the collector, which may be asleep, has to know.
    fn drop(&mut self) {
        self.shared.sampler_over.store(true, Ordering::Release);
        self.wake();
    }
}

impl Rings<'_> {
    fn wake(&mut self) {
        if self.collector.is_none() {
            self.collector = self.shared.collector.try_lock().ok().and_then(|collector| collector.clone());
        }
        if let Some(collector) = &self.collector {
            collector.unpark();
        }
    }
}

impl Outlet for Rings<'_> {
    fn hand_over(&mut self, block: Box<Block>) {
        // There are no more blocks than the ring has room for.
        let _ = self.full.push(block);
        self.wake();
    }

    fn take_empty(&mut self) -> Option<Box<Block>> {
        self.empty.pop().ok()
    }
}
