//! Medians and quantiles, and what /proc says of a process.

use hdrhistogram::Histogram;
use rustix::time::{ClockId, clock_gettime};
use std::{fs, time::Duration};

/// The middle value; of an even number the lower one. Zero of nothing.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or(0.0)
}

/// Latencies, kept in microseconds to three digits.
#[derive(Debug, Clone)]
pub(crate) struct Latencies(Histogram<u64>);

impl Latencies {
    /// None yet.
    pub(crate) fn new() -> Self {
        // Cannot fail: three digits are a legal precision.
        let Ok(histogram) = Histogram::new(3) else { unreachable!() };
        Self(histogram)
    }

    /// Adds one.
    pub(crate) fn add(&mut self, latency: Duration) {
        // Cannot fail: the histogram grows by itself; saturating it would flatten the tail.
        let _recorded = self.0.record(u64::try_from(latency.as_nanos() / 100).unwrap_or(u64::MAX));
    }

    /// A quantile (0.5 is the median), milliseconds.
    pub(crate) fn quantile_ms(&self, quantile: f64) -> f64 {
        self.0.value_at_quantile(quantile) as f64 / 10_000.0
    }
}

/// A process' memory in KiB by a line of /proc: `VmRSS` now, `VmHWM` at its peak.
pub(crate) fn memory_kib(process: u32, line: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let value = status.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':'))?;
    value.split_whitespace().next()?.parse().ok()
}

/// CPU time a process has used so far, user and system. A clock tick is 10 ms on Linux.
pub(crate) fn cpu_time(process: u32) -> Option<Duration> {
    ticks(&process.to_string(), 11)
}

/// The same of this process's children that have ended.
pub(crate) fn children_cpu_time() -> Option<Duration> {
    ticks("self", 13)
}

/// The sum of two fields of a process's statistics.
fn ticks(process: &str, first: usize) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name in parentheses may hold spaces; the fields after it do not.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: u64 = fields.get(first)?.parse::<u64>().ok()? + fields.get(first + 1)?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 10))
}

/// CPU time this process has used so far, on all cores, to the nanosecond.
pub(crate) fn own_cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Bytes a process has read so far, from files and sockets.
pub(crate) fn bytes_read(process: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/io")).ok()?;
    text.lines().find_map(|line| line.strip_prefix("rchar: "))?.parse().ok()
}

/// The load average of the last minute.
pub(crate) fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), 2.0);
        assert_eq!(median(&[]), 0.0);
    }

    #[test]
    fn this_process_has_memory_and_latencies_come_back() {
        assert!(memory_kib(std::process::id(), "VmRSS").unwrap() > 100);
        assert!(cpu_time(std::process::id()).is_some());
        let before = own_cpu_time();
        assert!((0..1_000_000u64).map(std::hint::black_box).sum::<u64>() > 0 && own_cpu_time() > before);
        let before = bytes_read(std::process::id()).unwrap();
        fs::read("/proc/self/status").unwrap();
        assert!(bytes_read(std::process::id()).unwrap() > before);
        let mut latencies = Latencies::new();
        (1..=100).for_each(|ms| latencies.add(Duration::from_millis(ms)));
        assert!((latencies.quantile_ms(0.5) - 50.0).abs() < 0.5);
    }
}
