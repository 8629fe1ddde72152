//! Icecast beside it: on the server's CPU, with the same sound from files that ffmpeg sends on the load's.

use std::fs::{self, Permissions};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::cores::Cores;
use crate::http;

const PROGRAM: &str = "icecast2";

/// How long it may take to listen, and its sources to be heard.
const PATIENCE: Duration = Duration::from_secs(20);

/// Between two looks at whether it is so.
const LOOK: Duration = Duration::from_millis(100);

/// A stream that is sent to it.
pub struct Sent<'a> {
    pub path: &'a str,
    pub file: &'a Path,
    /// ffmpeg's name for what the bytes are in.
    pub container: &'a str,
    pub media_type: &'a str,
}

/// A running Icecast with its sources.
pub struct Icecast {
    child: Child,
    sources: Vec<Child>,
    pub address: SocketAddr,
}

impl Icecast {
    /// Starts it for so many listeners, and waits until all streams are there.
    pub fn start(folder: &Path, cores: Cores, n_listeners: usize, streams: &[Sent<'_>]) -> Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        // Whoever starts it as root has it become nobody, who reads and writes there.
        fs::set_permissions(folder, Permissions::from_mode(0o777))?;
        let configuration = folder.join("icecast.xml");
        fs::write(&configuration, configuration_of(folder, address, n_listeners))?;
        let mut command = cores.server_side(PROGRAM);
        command
            .arg("-c")
            .arg(&configuration)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = command.spawn().context(PROGRAM)?;
        let mut icecast = Self { child, sources: Vec::new(), address };
        let started_at = Instant::now();
        while TcpStream::connect(address).is_err() {
            ensure!(started_at.elapsed() < PATIENCE, "Icecast does not listen on {address}");
            thread::sleep(LOOK);
        }
        for stream in streams {
            icecast.sources.push(send(stream, address)?);
        }
        loop {
            let told = http::get(address, "/status-json.xsl").unwrap_or_default();
            let is_there = |stream: &Sent<'_>| told.contains(&format!("{}\"", stream.path));
            if streams.iter().all(is_there) {
                return Ok(icecast);
            }
            ensure!(started_at.elapsed() < PATIENCE, "Icecast has not all streams: {told}");
            thread::sleep(LOOK);
        }
    }

    /// The number of its process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Icecast {
    fn drop(&mut self) {
        for child in self.sources.iter_mut().chain([&mut self.child]) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// ffmpeg sends a file, as it is, at the pace of its sound, again and again.
fn send(stream: &Sent<'_>, address: SocketAddr) -> Result<Child> {
    Command::new("ffmpeg")
        .args(["-loglevel", "error", "-re", "-stream_loop", "-1", "-i"])
        .arg(stream.file)
        .args(["-c", "copy", "-f", stream.container, "-content_type", stream.media_type])
        .arg(format!("icecast://source:load@{address}{}", stream.path))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .context("ffmpeg")
}

/// As it is delivered, but for the numbers; the burst is five seconds at 128 kbit/s.
fn configuration_of(folder: &Path, address: SocketAddr, n_listeners: usize) -> String {
    let owner = if rustix::process::geteuid().is_root() {
        "<changeowner><user>nobody</user><group>nogroup</group></changeowner>"
    } else {
        ""
    };
    format!(
        "<icecast>
          <limits>
            <clients>{clients}</clients><sources>10</sources><queue-size>524288</queue-size>
            <burst-on-connect>1</burst-on-connect><burst-size>80000</burst-size>
          </limits>
          <authentication>
            <source-password>load</source-password><relay-password>load</relay-password>
            <admin-user>admin</admin-user><admin-password>load</admin-password>
          </authentication>
          <hostname>localhost</hostname>
          <listen-socket><port>{port}</port><bind-address>127.0.0.1</bind-address></listen-socket>
          <fileserve>1</fileserve>
          <paths>
            <basedir>/usr/share/icecast2</basedir><logdir>{folder}</logdir>
            <webroot>/usr/share/icecast2/web</webroot><adminroot>/usr/share/icecast2/admin</adminroot>
          </paths>
          <logging><accesslog>access.log</accesslog><errorlog>error.log</errorlog><loglevel>2</loglevel></logging>
          <security><chroot>0</chroot>{owner}</security>
        </icecast>",
        clients = n_listeners + 100,
        port = address.port(),
        folder = folder.display(),
    )
}
