//! Texts in the kernel's own formats, for tests, fuzzers and benchmarks.

mod big;
mod rng;

pub use big::{big_interrupts, bump};
pub use rng::Rng;
