//! Texts in the kernel's own formats, for tests, fuzzers and benchmarks.
//!
//! A [`Model`] knows what its text means, so that a parser can be held against the truth and not only against itself.
//!
//! ```
//! use irqtrace_textgen::{File, Format, Model, Mutation, Rng, Shape, mutate};
//!
//! let shape = Shape { file: File::Interrupts, format: Format::Flow, cpus: 4, gaps: true, devices: 5, seed: 1 };
//! let mut model = Model::generate(shape);
//! let first = model.render();
//! let second = mutate(&mut model, Mutation::Grow, &mut Rng::new(2));
//! assert_eq!(first.len(), second.len());
//! ```

mod big;
mod generate;
mod model;
mod mutate;
mod rng;
mod strategy;

pub use big::{big_interrupts, bump};
pub use generate::Shape;
pub use model::{Columns, File, Format, Model, Row, Tail};
pub use mutate::{Mutation, mutate};
pub use rng::Rng;
pub use strategy::{mutations, shapes};
