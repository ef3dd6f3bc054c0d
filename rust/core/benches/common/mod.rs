//! What the benchmarks share: how results are told, and the bare loop's reading.

#![allow(dead_code, reason = "each benchmark uses its own part")]

#[cfg(target_os = "linux")]
pub mod bare;

use std::time::Instant;

/// Tells a result: `name median unit: value value …`, a value for each turn.
pub fn report(name: &str, unit: &str, values: &[f64]) {
    let all: Vec<String> = values.iter().map(|value| format!("{value:.4}")).collect();
    println!("{name} {:.4} {unit}: {}", median(values), all.join(" "));
}

pub fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// How long `work` takes.
pub fn ns(work: impl FnOnce()) -> f64 {
    let begin = Instant::now();
    work();
    begin.elapsed().as_secs_f64() * 1e9
}

/// The number of turns: the first argument that is a number, else `default`.
pub fn turns(default: usize) -> usize {
    std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(default)
}
