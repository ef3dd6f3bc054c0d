//! The generators as proptest strategies.

use proptest::prelude::*;

use crate::generate::Shape;
use crate::model::{File, Format};
use crate::mutate::Mutation;

/// Machines of every format, of 1 to 4,096 CPUs: mostly small ones, where more can be tried.
pub fn shapes() -> impl Strategy<Value = Shape> {
    let cpus = prop_oneof![12 => 1_u16..=4, 6 => 5_u16..=40, 1 => 41_u16..=4096];
    let file = prop_oneof![4 => Just(File::Interrupts), 1 => Just(File::Softirqs)];
    let format = prop::sample::select(&Format::ALL[..]);
    (file, format, cpus, any::<bool>(), 0_usize..=12, any::<u64>())
        .prop_map(|(file, format, cpus, gaps, devices, seed)| Shape { file, format, cpus, gaps, devices, seed })
}

/// What happens between successive reads: mostly that counts grow.
pub fn mutations() -> impl Strategy<Value = Vec<Mutation>> {
    let any = prop::sample::select(&Mutation::ALL[..]);
    prop::collection::vec(prop_oneof![2 => Just(Mutation::Grow), 3 => any], 1..12)
}
