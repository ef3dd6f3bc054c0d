//! The measurement.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rustix::io::pread;

use super::ReadCost;
use crate::source::proc::unavailable;
use crate::source::{ProcText, ReadError, TextSource};
use crate::{Clock, Kind, SourceUnavailable, SystemClock};

/// Reads each source `reads` times (at least once) and tells what that took, or why it cannot be read: in this order
/// all of interrupts, its device lines only, softirqs, and one sysfs line.
#[must_use]
pub fn read_costs(procfs: &Path, sysfs: &Path, reads: usize) -> Vec<Result<ReadCost, SourceUnavailable>> {
    let interrupts = procfs.join("interrupts");
    let mut text = Vec::new();
    let whole = text_cost("interrupts", &interrupts, &[Kind::Irq, Kind::Arch], None, reads, &mut text);
    let mut costs = Vec::with_capacity(4);
    if whole.is_ok() {
        let prefix = Some(device_lines_end(&text));
        let source = "interrupts, device lines only";
        costs.push(text_cost(source, &interrupts, &[Kind::Irq], prefix, reads, &mut text));
    }
    costs.insert(0, whole);
    costs.push(text_cost("softirqs", &procfs.join("softirqs"), &[Kind::Softirq], None, reads, &mut text));
    costs.push(sysfs_cost(sysfs, reads));
    costs
}

/// Where the device lines of a text of `/proc/interrupts` end: at the first line that is neither the header nor begins
/// with a digit.
fn device_lines_end(text: &[u8]) -> usize {
    let is_device_line = |line: &&[u8]| {
        let label = line.trim_ascii_start();
        label.is_empty() || label.starts_with(b"CPU") || label[0].is_ascii_digit()
    };
    text.split_inclusive(|&byte| byte == b'\n').take_while(is_device_line).map(<[u8]>::len).sum()
}

fn text_cost(
    source: &'static str,
    path: &Path,
    kinds: &'static [Kind],
    limit: Option<usize>,
    reads: usize,
    text: &mut Vec<u8>,
) -> Result<ReadCost, SourceUnavailable> {
    let mut file = ProcText::open(path)?;
    let (median_ns, worst_ns) = durations(reads, || match file.read(limit, &SystemClock, text) {
        Err(ReadError::Unavailable(error)) => Err(error),
        // Those are of captured texts.
        Ok(_) | Err(ReadError::Absent | ReadError::End) => Ok(()),
    })?;
    Ok(ReadCost { source, path: path.display().to_string(), kinds, bytes: text.len(), median_ns, worst_ns })
}

fn sysfs_cost(sysfs: &Path, reads: usize) -> Result<ReadCost, SourceUnavailable> {
    let path = any_line(&sysfs.join("kernel/irq"))?;
    let name = path.display().to_string();
    let file = File::open(&path).map_err(|error| sysfs_unavailable(&name, &error))?;
    let mut buffer = vec![0; 1 << 16];
    let mut bytes = 0;
    let (median_ns, worst_ns) = durations(reads, || {
        bytes = pread(&file, buffer.as_mut_slice(), 0).map_err(|errno| sysfs_unavailable(&name, &errno.into()))?;
        Ok(())
    })?;
    Ok(ReadCost { source: "one sysfs line", path: name, kinds: &[Kind::Irq], bytes, median_ns, worst_ns })
}

/// The line with the lowest number.
fn any_line(dir: &Path) -> Result<PathBuf, SourceUnavailable> {
    let name = dir.display().to_string();
    fs::read_dir(dir)
        .map_err(|error| sysfs_unavailable(&name, &error))?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .min()
        .map(|number| dir.join(number.to_string()).join("per_cpu_count"))
        .ok_or_else(|| sysfs_unavailable(&name, &io::ErrorKind::NotFound.into()))
}

fn sysfs_unavailable(path: &str, error: &io::Error) -> SourceUnavailable {
    let help =
        "counts come from procfs all the same; single lines need sysfs (Linux 4.9 and later) and sysfs=PATH of it";
    let reason = match error.kind() {
        io::ErrorKind::NotFound => "there is no numbered line".to_owned(),
        _ => unavailable(path, error).reason,
    };
    SourceUnavailable { reason, help: help.to_owned(), ..unavailable(path, error) }
}

/// The median and the longest.
fn durations(
    reads: usize,
    mut read: impl FnMut() -> Result<(), SourceUnavailable>,
) -> Result<(i64, i64), SourceUnavailable> {
    // The first read finds cold caches and makes buffers grow: it is not what a sampler pays each time.
    read()?;
    let mut durations = Vec::with_capacity(reads.max(1));
    for _ in 0..reads.max(1) {
        let begin = SystemClock.now();
        read()?;
        durations.push(SystemClock.now() - begin);
    }
    durations.sort_unstable();
    Ok((durations[durations.len() / 2], durations[durations.len() - 1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERRUPTS: &str = "           CPU0       CPU1\n  1:          7          0  IO-APIC   1-edge  i8042\n\
                              240:          1          2  PCI-MSI 5-edge  nvme0q1\nNMI:          0          0   Non-maskable\n";

    #[test]
    fn each_source_is_measured_with_its_own_length() {
        let root = tempfile::tempdir().unwrap();
        let (procfs, sysfs) = (root.path().join("proc"), root.path().join("sys"));
        for irq in ["240", "31"] {
            let dir = sysfs.join("kernel/irq").join(irq);
            fs::create_dir_all(&dir).unwrap();
            fs::write(dir.join("per_cpu_count"), "7,0\n").unwrap();
        }
        fs::create_dir_all(&procfs).unwrap();
        fs::write(procfs.join("interrupts"), INTERRUPTS).unwrap();
        fs::write(procfs.join("softirqs"), "  CPU0\nHI: 1\n").unwrap();
        let costs: Vec<_> = read_costs(&procfs, &sysfs, 5).into_iter().map(Result::unwrap).collect();
        let seen: Vec<_> = costs.iter().map(|cost| (cost.source, cost.bytes)).collect();
        let device_lines = INTERRUPTS.find("NMI").unwrap();
        assert_eq!(
            seen,
            [
                ("interrupts", INTERRUPTS.len()),
                ("interrupts, device lines only", device_lines),
                ("softirqs", 13),
                ("one sysfs line", 4)
            ]
        );
        assert!(costs[3].path.ends_with("kernel/irq/31/per_cpu_count"));
        assert!(costs.iter().all(|cost| 0 < cost.median_ns && cost.median_ns <= cost.worst_ns));
    }

    #[test]
    fn a_source_that_is_missing_says_so_and_hides_no_other() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("interrupts"), "").unwrap();
        fs::write(root.path().join("softirqs"), "  CPU0\nHI: 1\n").unwrap();
        let costs = read_costs(root.path(), root.path(), 1);
        let [Err(masked), Ok(softirqs), Err(sysfs)] = costs.as_slice() else { panic!("{costs:?}") };
        assert!(masked.reason.contains("reads empty"));
        assert_eq!(softirqs.bytes, 13);
        assert!(sysfs.path.ends_with("kernel/irq"));
    }

    #[test]
    fn live_costs_can_be_had() {
        for cost in read_costs(Path::new("/proc"), Path::new("/sys"), 101) {
            match cost {
                Ok(cost) => eprintln!(
                    "{}: {} bytes, median {} ns, worst {} ns",
                    cost.source, cost.bytes, cost.median_ns, cost.worst_ns
                ),
                Err(error) => eprintln!("{error}"),
            }
        }
    }
}
