//! The strict and the incremental parser agree on any sequence of reads of /proc/interrupts.
#![no_main]

mod reads;

libfuzzer_sys::fuzz_target!(|input: reads::Reads<'_>| reads::agree(irqtrace_textgen::File::Interrupts, input));
