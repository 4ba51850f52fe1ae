//! What processes and the machine have used, as Linux counts it (`man 5 proc`).

use std::path::PathBuf;
use std::process;

use crate::error::BenchError;

/// Linux shows times to programs in hundredths of a second, whatever it counts in.
const TICKS_PER_SECOND: f64 = 100.0;

/// The memory of a process, in MB (2^20 bytes) of pages in use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    /// VmRSS.
    pub(crate) rss_mb: f64,
    /// VmHWM: the most since the start.
    pub(crate) peak_mb: f64,
    /// RssAnon: without the pages of files, of which the program itself is most.
    pub(crate) anonymous_mb: f64,
}

/// The memory of the process with this id.
pub(crate) fn memory(id: u32) -> Result<Memory, BenchError> {
    let status = read(PathBuf::from(format!("/proc/{id}/status")))?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok());
        kilobytes.unwrap_or(f64::NAN) / 1024.0
    };
    Ok(Memory { rss_mb: field("VmRSS"), peak_mb: field("VmHWM"), anonymous_mb: field("RssAnon") })
}

/// CPU seconds that the process with this id has used, with those of threads that have ended.
pub(crate) fn cpu_seconds(id: u32) -> Result<f64, BenchError> {
    let stat = read(PathBuf::from(format!("/proc/{id}/stat")))?;
    Ok(cpu_ticks(&stat).unwrap_or(f64::NAN) / TICKS_PER_SECOND)
}

/// utime and stime: fields 14 and 15, of which the second one, a name in parentheses, may hold anything.
fn cpu_ticks(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(11).map_while(|field| field.parse::<f64>().ok());
    Some(times.next()? + times.next()?)
}

/// CPU seconds that this program has used.
pub(crate) fn own_cpu_seconds() -> Result<f64, BenchError> {
    cpu_seconds(process::id())
}

/// CPU seconds that all of the machine has used, stolen time included.
pub(crate) fn machine_cpu_seconds() -> Result<f64, BenchError> {
    let stat = read(PathBuf::from("/proc/stat"))?;
    let times: Vec<f64> =
        stat.lines().next().unwrap_or_default().split_whitespace().filter_map(|field| field.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal; guest time is in user already.
    let busy: f64 =
        times.iter().take(8).enumerate().filter(|(field, _)| !matches!(field, 3 | 4)).map(|(_, time)| time).sum();
    Ok(busy / TICKS_PER_SECOND)
}

pub(crate) fn read(path: PathBuf) -> Result<String, BenchError> {
    std::fs::read_to_string(&path).map_err(|source| BenchError::Proc { path, source })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_name_of_a_process_does_not_shift_its_times() {
        let stat = "42 (a) S 1 (b)) R 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0";
        assert_eq!(cpu_ticks(stat), Some(300.0));
    }

    #[test]
    fn this_process_uses_memory_and_time() {
        let memory = memory(process::id()).unwrap();
        assert!(memory.rss_mb > 0.0 && memory.peak_mb >= memory.rss_mb && memory.anonymous_mb > 0.0);
        assert!(own_cpu_seconds().unwrap() >= 0.0 && machine_cpu_seconds().unwrap() > 0.0);
    }
}
