//! A server process of its own for each test, on a free port, stopped when the test ends.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, JoinHandle};

use serde_json::Value;

use super::{PATIENCE, eventually, http};

/// The program, without the environment of whoever runs the tests, and without what earlier runs kept.
pub fn roomhub(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_roomhub"));
    command.args(args).env_clear().stdin(Stdio::null()).current_dir(std::env::temp_dir());
    command.env("ROOMHUB_ROOMS__PERSIST", "false");
    command
}

/// Runs the program to its end.
pub fn run(args: &[&str], environment: &[(&str, &str)]) -> Output {
    roomhub(args).envs(environment.iter().copied()).output().unwrap()
}

/// A running service: `roomhub music`, if nothing else is said.
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// Every line of its log so far.
    log: Arc<Mutex<Vec<String>>>,
    /// Reads the log, until it ends.
    reader: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts with defaults.
    pub fn start() -> Self {
        Self::start_with(&[], &[])
    }

    /// Starts with more flags and variables.
    pub fn start_with(flags: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::of("music", flags, environment)
    }

    /// Starts a service of that name.
    pub fn of(service: &str, flags: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut args = vec![service, "--host", "127.0.0.1", "--port", "0", "--log-format", "json"];
        args.extend(flags);
        let mut command = roomhub(&args);
        command.envs(environment.iter().copied());
        Self::spawn(command)
    }

    /// Starts a service under limits that a shell sets, like `ulimit -n 64`.
    pub fn limited(limits: &str, service: &str, environment: &[(&str, &str)]) -> Self {
        let program = roomhub(&[service, "--host", "127.0.0.1", "--port", "0", "--log-format", "json"]);
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &format!("{limits}; exec \"$0\" \"$@\"")]);
        command.arg(program.get_program()).args(program.get_args());
        command.env_clear().stdin(Stdio::null()).current_dir(std::env::temp_dir());
        command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.envs(environment.iter().copied());
        Self::spawn(command)
    }

    /// Starts a command that logs as JSON.
    pub fn spawn(command: Command) -> Self {
        Self::spawn_with_output(command, Stdio::null())
    }

    /// Starts a command that logs as JSON, with something of its own as standard output.
    pub fn spawn_with_output(mut command: Command, output: Stdio) -> Self {
        let mut child = command.stdout(output).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let (found, address) = mpsc::channel();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let kept = Arc::clone(&log);
        let reader = thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let entry: Value = serde_json::from_str(&line).unwrap_or_default();
                // A unix socket has no address that is one.
                if entry["message"] == "listening"
                    && let Ok(address) = entry["address"].as_str().unwrap().parse()
                {
                    let _ = found.send(address);
                }
                kept.lock().unwrap().push(line);
            }
        });
        let Ok(address) = address.recv_timeout(PATIENCE) else {
            panic!("the server does not listen: {:?}", log.lock().unwrap());
        };
        Self { child, address, log, reader: Some(reader) }
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }

    /// Waits until it has logged that: its log comes here after what it does is seen elsewhere.
    pub fn await_log(&self, words: &str) {
        eventually(&format!("{words:?} in the log"), || self.log().contains(words).then_some(()));
    }

    /// The services that it runs so far, by name, and where they listen.
    pub fn services(&self) -> Vec<(String, SocketAddr)> {
        let lines = self.log.lock().unwrap();
        let entries = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let listening = entries.filter(|entry| entry["message"] == "listening");
        let text = |entry: &Value, field: &str| entry[field].as_str().unwrap().to_owned();
        listening.map(|entry| (text(&entry, "service"), text(&entry, "address").parse().unwrap())).collect()
    }

    /// Sends it a signal, by name.
    pub fn signal(&self, name: &str) {
        let status =
            Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status().unwrap();
        assert!(status.success());
    }

    /// Waits for its end, with the code it exits by.
    pub fn wait(&mut self) -> i32 {
        let child = &mut self.child;
        let status: ExitStatus = eventually("the end of the server", || child.try_wait().unwrap());
        // The last lines of its log may still be on their way.
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        status.code().unwrap_or_else(|| -status.signal().unwrap_or(0))
    }

    /// The programs that it runs.
    pub fn children(&self) -> Vec<u32> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.pid())).unwrap();
        let children = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("children")).ok());
        children
            .flat_map(|line| line.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<u32>>())
            .collect()
    }

    /// Resident memory, in KiB.
    pub fn rss_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// A figure of `/metrics`, by its name and labels as they are printed; 0 while it is not there.
    pub fn metric(&self, name: &str) -> f64 {
        let text = http::get(self.address, "/metrics").body;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        value.unwrap_or(0.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let mut rest = String::new();
        if let Some(stderr) = &mut self.child.stderr {
            let _ = stderr.read_to_string(&mut rest);
        }
        let _ = self.child.wait();
    }
}
