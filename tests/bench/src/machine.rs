//! The machine that was measured on.

use std::path::PathBuf;

use serde::Serialize;

use crate::process;

/// What a reader needs in order to compare.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    /// How many cores this program may use.
    pub(crate) cores: usize,
    /// The processor's name.
    pub(crate) processor: String,
    /// Memory in GiB.
    pub(crate) memory_gib: f64,
    /// Version of Linux.
    pub(crate) kernel: String,
}

impl Machine {
    /// This machine; what it does not tell is left empty.
    pub(crate) fn this() -> Self {
        let field = |file: &str, name: &str| {
            let text = process::read(PathBuf::from(file)).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.split_once(':'));
            line.map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
        };
        let kilobytes: f64 = field("/proc/meminfo", "MemTotal").trim_end_matches(" kB").parse().unwrap_or_default();
        Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            processor: field("/proc/cpuinfo", "model name"),
            memory_gib: kilobytes / 1024.0 / 1024.0,
            kernel: process::read(PathBuf::from("/proc/sys/kernel/osrelease")).unwrap_or_default().trim().to_owned(),
        }
    }
}
