//! Which CPU runs what: the server on the first, the load on the second, by the `taskset` of util-linux.

use std::env;
use std::ffi::OsStr;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

/// The argument by which this program, started anew on the load's CPU, knows that it is there.
pub const PARTED: &str = "--parted";

const SERVER_CPU: &str = "0";
const LOAD_CPU: &str = "1";

/// Whether server and load have a CPU each.
#[derive(Debug, Clone, Copy)]
pub enum Cores {
    /// They have.
    Apart,
    /// The system moves both about; the figures are rougher.
    Shared,
}

impl Cores {
    /// Starts this program anew on the load's CPU; returns only where that cannot be.
    pub fn part(args: &[&str]) -> Self {
        let why = if !can_run_on(SERVER_CPU) {
            "taskset (util-linux) cannot be used".to_owned()
        } else if !can_run_on(LOAD_CPU) {
            "there is no second CPU".to_owned()
        } else {
            match env::current_exe() {
                Ok(program) => on(LOAD_CPU, program).args(args).arg(PARTED).exec().to_string(),
                Err(error) => error.to_string(),
            }
        };
        eprintln!("server and load share the CPUs, so expect rougher figures: {why}");
        Self::Shared
    }

    /// A command for what is measured: the server, or the writer of the floor.
    pub fn server_side(self, program: impl AsRef<OsStr>) -> Command {
        match self {
            Self::Apart => on(SERVER_CPU, program),
            Self::Shared => Command::new(program),
        }
    }
}

fn on(cpu: &str, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", cpu]).arg(program);
    command
}

fn can_run_on(cpu: &str) -> bool {
    let tried = on(cpu, "true").stdout(Stdio::null()).stderr(Stdio::null()).status();
    tried.is_ok_and(|status| status.success())
}
