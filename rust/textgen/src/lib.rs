//! Texts in the kernel's own formats, for tests, fuzzers and benchmarks.
