//! A loop that only reads: what the sampler is held against.

use std::fs::File;
use std::time::Duration;

use irqtrace_core::{Clock, SystemClock};
use rustix::io::pread;
use rustix::thread::set_current_timer_slack;

/// A kernel text that is read and thrown away.
pub struct BareText {
    file: File,
    buffer: Vec<u8>,
    /// Of the text when it was opened: counts stand in columns, so it stays.
    len: usize,
}

impl BareText {
    pub fn open(path: &str) -> Self {
        let mut text = Self { file: File::open(path).expect(path), buffer: vec![0; 1 << 16], len: usize::MAX };
        text.len = text.read_to_end();
        text
    }

    /// Reads until everything has come that is known to be there: one `pread` where the text fits the kernel's buffer.
    pub fn read(&mut self) {
        self.read_until(self.len);
    }

    /// Reads until nothing comes any more, as a reader must that does not know the length.
    pub fn read_to_end(&mut self) -> usize {
        self.read_until(usize::MAX)
    }

    fn read_until(&mut self, len: usize) -> usize {
        let mut filled = 0;
        while filled < len {
            if filled == self.buffer.len() {
                self.buffer.resize(2 * filled, 0);
            }
            match pread(&self.file, &mut self.buffer[filled..], filled as u64).expect("the text can be read") {
                0 => break,
                bytes => filled += bytes,
            }
        }
        filled
    }
}

/// Sleeps to each point of the grid and reads the texts, for so long. Returns how many points it read, and how many
/// passed before it asked for the next one.
pub fn paced_loop(paths: &[&str], interval_ns: i64, duration: Duration) -> (u64, u64) {
    let clock = SystemClock;
    let mut texts: Vec<_> = paths.iter().map(|path| BareText::open(path)).collect();
    set_current_timer_slack(std::num::NonZeroU64::new(1)).expect("timer slack");
    let points = i64::try_from(duration.as_nanos()).expect("a short turn") / interval_ns;
    let t0 = clock.now();
    let (mut point, mut read, mut missed) = (0, 0, 0);
    while point <= points {
        clock.sleep_until(t0 + point * interval_ns);
        texts.iter_mut().for_each(BareText::read);
        read += 1;
        // A point whose time is exactly now is not over.
        let over = ((clock.now() - t0 - 1) / interval_ns).min(points);
        missed += u64::try_from(over - point).unwrap_or(0);
        point = over.max(point) + 1;
    }
    (read, missed)
}
