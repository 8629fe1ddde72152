//! What a process has used so far, as Linux counts it under /proc.

use std::fmt::Display;
use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// CPU time of all threads that a process has, the kernel's part included, to the nanosecond; `process` is a number or
/// `self`.
pub fn cpu_time(process: impl Display) -> Result<Duration> {
    let threads = format!("/proc/{process}/task");
    let mut nanos = 0;
    for thread in fs::read_dir(&threads).with_context(|| threads.clone())? {
        // A thread may end while they are counted.
        let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
        let figure = text.split_whitespace().next().with_context(|| format!("{threads}: no CPU time"))?;
        nanos += figure.parse::<u64>().with_context(|| format!("{threads}: {figure}"))?;
    }
    Ok(Duration::from_nanos(nanos))
}

/// The same with the processes that it has started and that still run.
pub fn cpu_time_with_children(process: u32) -> Result<Duration> {
    let mut sum = cpu_time(process)?;
    for entry in fs::read_dir("/proc")? {
        let Ok(child) = entry?.file_name().into_string().unwrap_or_default().parse::<u32>() else { continue };
        if parent(child) == Some(process) {
            // It may have ended meanwhile.
            sum += cpu_time(child).unwrap_or_default();
        }
    }
    Ok(sum)
}

/// The process that has started another one.
fn parent(process: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name in parentheses may have spaces and parentheses.
    let (_, after) = stat.rsplit_once(')')?;
    after.split_whitespace().nth(1)?.parse().ok()
}

/// Resident memory, in KiB.
pub fn resident_kib(process: u32) -> Result<u64> {
    let path = format!("/proc/{process}/status");
    let status = fs::read_to_string(&path).with_context(|| path.clone())?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let figure = resident.and_then(|rest| rest.split_whitespace().next());
    figure.with_context(|| format!("{path} has no VmRSS"))?.parse().context(path)
}
