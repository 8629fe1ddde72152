//! What a process has used so far, as Linux counts it under /proc.

use std::fmt::Display;
use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// The unit of CPU time in /proc: 100 ticks a second on every architecture that the server is built for.
pub const TICK: Duration = Duration::from_millis(10);

/// Places of user and system time in `stat`, counted from what follows the program's name.
const CPU_FIELDS: [usize; 2] = [11, 12];

/// CPU time, the kernel's part included, to a tick; `process` is a number or `self`.
pub fn cpu_time(process: impl Display) -> Result<Duration> {
    let path = format!("/proc/{process}/stat");
    let stat = fs::read_to_string(&path).with_context(|| path.clone())?;
    // A name may hold spaces and parentheses, so the last one is looked for.
    let (_, fields) = stat.rsplit_once(')').with_context(|| format!("{path} names no program"))?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let mut ticks = 0;
    for place in CPU_FIELDS {
        let field = fields.get(place).with_context(|| format!("{path} is too short"))?;
        ticks += field.parse::<u32>().with_context(|| format!("{path}: {field}"))?;
    }
    Ok(TICK * ticks)
}

/// Resident memory, in KiB.
pub fn resident_kib(process: u32) -> Result<u64> {
    let path = format!("/proc/{process}/status");
    let status = fs::read_to_string(&path).with_context(|| path.clone())?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let figure = resident.and_then(|rest| rest.split_whitespace().next());
    figure.with_context(|| format!("{path} has no VmRSS"))?.parse().context(path)
}
