//! What is known of the machine that was sampled.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Facts of the machine; `None` where not known. The CPUs are lists of ids.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HostFacts {
    /// The host name.
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
