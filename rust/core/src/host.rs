//! What is known of the machine that was sampled.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{TraceFormatError, parse_cpulist};

/// Facts of the machine; `None` where not known. The CPUs are lists of ids.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HostFacts {
    /// The host name; empty where not known.
    pub host: String,
    /// The boot id.
    pub boot: Option<String>,
    /// The kernel's release.
    pub kernel: Option<String>,
    /// The architecture, as `uname -m` has it.
    pub arch: Option<String>,
    /// CPUs that were online when the recording began.
    pub cpus_online: Option<Vec<u16>>,
    /// CPUs that could ever come online.
    pub cpus_possible: Option<Vec<u16>>,
    /// The CPUs of each NUMA node; the keys are node ids.
    pub numa_nodes: Option<BTreeMap<String, Vec<u16>>>,
    /// CPUs that the scheduler leaves alone.
    pub isolated: Option<Vec<u16>>,
    /// CPUs without a periodic tick.
    pub nohz_full: Option<Vec<u16>>,
}

impl HostFacts {
    /// The facts that the files below `procfs` (`/proc`) and `sysfs` (`/sys`) tell. What cannot be read is `None`,
    /// never an error: nothing that is counted depends on it.
    #[must_use]
    pub fn read(procfs: &Path, sysfs: &Path) -> Self {
        let facts = Self::of_tree(procfs, sysfs);
        // The kernel tells it since Linux 6.1; else it is what this program was built for.
        Self { arch: facts.arch.or_else(|| Some(std::env::consts::ARCH.to_owned())), ..facts }
    }

    /// The same of another machine, of which files were copied.
    pub(crate) fn of_tree(procfs: &Path, sysfs: &Path) -> Self {
        let kernel = procfs.join("sys/kernel");
        let cpu = sysfs.join("devices/system/cpu");
        let cpus = |file: &str| parse_cpulist(&fs::read_to_string(cpu.join(file)).ok()?);
        Self {
            host: word(&kernel.join("hostname")).unwrap_or_default(),
            boot: word(&kernel.join("random/boot_id")),
            kernel: word(&kernel.join("osrelease")),
            arch: word(&kernel.join("arch")),
            cpus_online: cpus("online"),
            cpus_possible: cpus("possible"),
            numa_nodes: numa_nodes(&sysfs.join("devices/system/node")),
            isolated: cpus("isolated"),
            nohz_full: cpus("nohz_full"),
        }
    }
}

impl HostFacts {
    /// The JSON object `host` of `docs/format.md`.
    ///
    /// # Errors
    ///
    /// None in practice: every key is a text.
    pub fn to_json(&self) -> Result<String, TraceFormatError> {
        serde_json::to_string(self)
            .map_err(|error| TraceFormatError { path: "host facts".to_owned(), message: error.to_string() })
    }
}

fn word(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn numa_nodes(dir: &Path) -> Option<BTreeMap<String, Vec<u16>>> {
    let nodes = parse_cpulist(&fs::read_to_string(dir.join("online")).ok()?)?;
    nodes
        .into_iter()
        .map(|node| {
            let cpus = fs::read_to_string(dir.join(format!("node{node}/cpulist"))).ok()?;
            Some((node.to_string(), parse_cpulist(&cpus)?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(root: &Path, files: &[(&str, &str)]) {
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }

    #[test]
    fn every_fact_is_read_from_its_file() {
        let root = tempfile::tempdir().unwrap();
        put(
            root.path(),
            &[
                ("proc/sys/kernel/hostname", "db7\n"),
                ("proc/sys/kernel/random/boot_id", "0b0c7f3e-aaaa-bbbb-cccc-000000000000\n"),
                ("proc/sys/kernel/osrelease", "6.1.0-9-amd64\n"),
                ("proc/sys/kernel/arch", "x86_64\n"),
                ("sys/devices/system/cpu/online", "0-2\n"),
                ("sys/devices/system/cpu/possible", "0-3\n"),
                ("sys/devices/system/cpu/isolated", "\n"),
                ("sys/devices/system/cpu/nohz_full", "2\n"),
                ("sys/devices/system/node/online", "0-1\n"),
                ("sys/devices/system/node/node0/cpulist", "0,2\n"),
                ("sys/devices/system/node/node1/cpulist", "1\n"),
            ],
        );
        let facts = HostFacts::read(&root.path().join("proc"), &root.path().join("sys"));
        assert_eq!(facts.host, "db7");
        assert_eq!(facts.boot.as_deref(), Some("0b0c7f3e-aaaa-bbbb-cccc-000000000000"));
        assert_eq!(facts.kernel.as_deref(), Some("6.1.0-9-amd64"));
        assert_eq!(facts.arch.as_deref(), Some("x86_64"));
        assert_eq!(facts.cpus_online, Some(vec![0, 1, 2]));
        assert_eq!(facts.cpus_possible, Some(vec![0, 1, 2, 3]));
        assert_eq!(facts.numa_nodes, Some(BTreeMap::from([("0".into(), vec![0, 2]), ("1".into(), vec![1])])));
        assert_eq!(facts.isolated, Some(vec![]), "none isolated is a fact, not a gap in what is known");
        assert_eq!(facts.nohz_full, Some(vec![2]));
    }

    #[test]
    fn what_is_not_known_is_null_and_never_an_error() {
        let root = tempfile::tempdir().unwrap();
        let facts = HostFacts::read(&root.path().join("proc"), &root.path().join("sys"));
        let unknown = HostFacts { arch: facts.arch.clone(), ..HostFacts::default() };
        assert_eq!(facts, unknown);
        let json = serde_json::to_value(&facts).unwrap();
        assert!(json["numa_nodes"].is_null() && json["boot"].is_null());
    }
}
