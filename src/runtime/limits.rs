//! How many files the process may open: every connection is one.

use rlimit::Resource;
use tracing::warn;

/// Files that the process needs beside its connections: listeners, databases, logs, the runtime's own.
const SPARE: u64 = 64;

/// Raises the soft limit on open files to the hard one; warns when even that is too low.
pub fn raise_open_files(max_connections: usize) {
    let allowed = Resource::NOFILE.get().and_then(|(_, hard)| {
        Resource::NOFILE.set(hard, hard)?;
        Ok(hard)
    });
    let needed = max_connections as u64 + SPARE;
    match allowed {
        Ok(allowed) if allowed < needed => warn!(
            allowed,
            needed,
            "too few open files are allowed for [network] max_connections: raise LimitNOFILE= (systemd) or ulimit -Hn"
        ),
        Ok(_) => {}
        Err(error) => warn!(%error, "the limit on open files cannot be raised"),
    }
}
