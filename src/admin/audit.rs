//! The audit log: a line of JSON for each thing that was done, in a file that its owner alone may read, and in the log.

use std::fs::{self, File};
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use serde::Serialize;
use tracing::{error, info};

use super::access::{Identity, Role, Way};
use super::managed::Order;
use crate::logging::clean_json;
use crate::private;
use crate::time::Timestamp;

/// A line.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    who: &'a str,
    role: Role,
    way: Way,
    address: IpAddr,
    did: &'a str,
    outcome: &'a str,
    #[serde(flatten)]
    order: Option<&'a Order>,
}

/// The file, which is opened for the first line.
pub struct AuditLog {
    path: PathBuf,
    max_bytes: u64,
    open: Mutex<Option<Open>>,
}

struct Open {
    file: File,
    n_bytes: u64,
}

impl AuditLog {
    /// Nothing is opened yet.
    pub fn new(path: PathBuf, max_bytes: u64) -> Self {
        Self { path, max_bytes, open: Mutex::default() }
    }

    /// Notes what somebody did, and what came of it.
    ///
    /// A disk that fails takes no line and is told of; what was done stands in the log all the same.
    pub async fn note(
        self: &Arc<Self>,
        identity: &Identity,
        did: &'static str,
        order: Option<&Order>,
        outcome: &'static str,
        at: Timestamp,
    ) {
        let Identity { who, role, way, address, .. } = identity;
        match order {
            None => info!(who, %address, did, outcome, "admin action"),
            Some(Order { service, action, kind, id, .. }) => {
                info!(who, %address, did, service, action, kind, id, outcome, "admin action");
            }
        }
        let line = Line {
            time: at.to_string(),
            who,
            role: *role,
            way: *way,
            address: *address,
            did,
            outcome,
            order,
        };
        let line = serde_json::to_string(&line).expect("a line has string keys");
        let log = Arc::clone(self);
        let written = tokio::task::spawn_blocking(move || log.write(&(clean_json(&line) + "\n")));
        if let Ok(Err(problem)) = written.await {
            error!(path = %self.path.display(), %problem, "a line of the audit log is lost");
        }
    }

    fn write(&self, line: &str) -> io::Result<()> {
        let mut open = self.open.lock();
        let is_full = |open: &Open| open.n_bytes > 0 && open.n_bytes + line.len() as u64 > self.max_bytes;
        let mut log = match open.take() {
            Some(log) => log,
            None => Open::at(&self.path)?,
        };
        if is_full(&log) {
            fs::rename(&self.path, aside(&self.path))?;
            log = Open::at(&self.path)?;
        }
        log.file.write_all(line.as_bytes())?;
        log.file.sync_data()?;
        log.n_bytes += line.len() as u64;
        *open = Some(log);
        Ok(())
    }
}

impl Open {
    fn at(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            private::make_folder(folder)?;
        }
        let file = private::append_to(path)?;
        let n_bytes = file.metadata()?.len();
        Ok(Self { file, n_bytes })
    }
}

/// The name of a log that was put aside.
fn aside(path: &Path) -> PathBuf {
    PathBuf::from(format!("{}.1", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_log_that_has_grown_is_put_aside_and_one_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/audit.jsonl");
        for n in 0..5 {
            let log = AuditLog::new(path.clone(), 8);
            log.write(&format!("line {n}a\n")).unwrap();
            log.write(&format!("line {n}b\n")).unwrap();
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "line 4b\n");
        assert_eq!(fs::read_to_string(aside(&path)).unwrap(), "line 4a\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(path.parent().unwrap().read_dir().unwrap().count(), 2);
    }
}
