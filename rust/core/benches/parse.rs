//! What parsing costs, beside a plain comparison of the same texts. All measurements take turns, round by round.

mod common;

use std::hint::black_box;

use common::{ns, report, turns};
use irqtrace_core::parse::{Incremental, TextKind, parse};
use irqtrace_textgen::{big_interrupts, bump};

const ROUNDS: usize = 31;
/// The small text is parsed this often per measurement: one parse is near the clock's own cost.
const SMALL_REPEATS: u32 = 1000;

/// A text that changes where it is, as the kernel prints each read into the same buffer, and a parser that follows it.
struct Followed {
    text: Vec<u8>,
    /// The bytes that it changes to, and back, and where they stand.
    other: Vec<(usize, u8)>,
    parser: Incremental,
}

impl Followed {
    /// `changing` cells change from one read to the next.
    fn new(text: Vec<u8>, changing: usize) -> Self {
        let mut changed = text.clone();
        assert_eq!(bump(&mut changed, changing, 7), changing);
        let bytes = text.iter().zip(changed).enumerate();
        let other = bytes.filter(|(_, (old, new))| *old != new).map(|(at, (_, new))| (at, new)).collect();
        let mut parser = Incremental::new(TextKind::Interrupts, "bench");
        parser.update(&text, &mut Vec::new()).expect("a generated text parses");
        Self { text, other, parser }
    }

    /// Prints the other version into the buffer.
    fn print(&mut self) {
        for (at, byte) in &mut self.other {
            std::mem::swap(&mut self.text[*at], byte);
        }
    }

    /// Parses what is there, and says how many cells changed.
    fn parse(&mut self, changes: &mut Vec<irqtrace_core::engine::Change>) -> usize {
        self.parser.update(&self.text, changes).expect("a generated text parses");
        changes.len()
    }
}

/// Of one of many turns.
fn ns_each(mut work: impl FnMut()) -> f64 {
    ns(|| (0..SMALL_REPEATS).for_each(|_| work())) / f64::from(SMALL_REPEATS)
}

fn main() {
    let text = big_interrupts(1152, 1050, 1);
    let len = u32::try_from(text.len()).expect("13 MB");
    let mb = f64::from(len) / 1e6;
    let cells = parse(&text, TextKind::Interrupts, "bench").expect("a generated text parses").counts.len();
    let copy = text.clone();
    let mut sparse = Followed::new(text.clone(), cells / 100);
    let mut still = Followed::new(text.clone(), 0);
    let small_text = big_interrupts(2, 36, 1);
    let (small_len, small_copy) = (small_text.len(), small_text.clone());
    let mut small = Followed::new(small_text.clone(), 4);
    let mut changes = Vec::with_capacity(cells);

    let mut results: [Vec<f64>; 6] = Default::default();
    for _ in 0..turns(ROUNDS) {
        // The first comparison of a round brings both copies back into the cache.
        black_box(black_box(&text) == black_box(&copy));
        results[0].push(ns(|| {
            black_box(black_box(&text) == black_box(&copy));
        }));
        for (result, followed) in [(1, &mut sparse), (2, &mut still)] {
            // A read before it does the same for the buffer and the parser.
            followed.print();
            followed.parse(&mut changes);
            followed.print();
            results[result].push(ns(|| {
                black_box(followed.parse(&mut changes));
            }));
        }
        results[3].push(ns(|| {
            black_box(parse(black_box(&text), TextKind::Interrupts, "bench").is_ok());
        }));
        results[4].push(ns_each(|| {
            black_box(black_box(&small_text) == black_box(&small_copy));
        }));
        results[5].push(ns_each(|| {
            small.print();
            black_box(small.parse(&mut changes));
        }));
    }
    let [compare, sparse, still, strict, small_compare, small] = results;

    println!("# one core; texts of {len} bytes ({cells} cells) and {small_len} bytes");
    let ms = |values: &[f64]| values.iter().map(|ns| ns / 1e6).collect::<Vec<_>>();
    report("compare_big", "ms", &ms(&compare));
    report("incremental_big_1_percent", "ms", &ms(&sparse));
    report("incremental_big_unchanged", "ms", &ms(&still));
    report("strict_big", "MB/s", &strict.iter().map(|ns| mb * 1e9 / ns).collect::<Vec<_>>());
    report("compare_small", "ns", &small_compare);
    report("incremental_small_4_changes", "ns", &small);
}
