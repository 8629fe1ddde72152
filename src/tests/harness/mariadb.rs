//! A private MariaDB for a test: its own folder, its own port, its own process.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server takes about a second to come up; much longer on a machine that is busy.
const PATIENCE: Duration = Duration::from_mins(1);

/// A server that ends with the test.
pub struct MariaDb {
    folder: tempfile::TempDir,
    /// Where it listens, also when it is started again.
    pub port: u16,
    child: Option<Child>,
}

impl MariaDb {
    /// A running server with an empty database `rooms`.
    pub fn start() -> Self {
        let mut server = Self::absent();
        server.come_up();
        server.run("CREATE DATABASE rooms CHARACTER SET utf8mb4; SET GLOBAL max_connections = 50");
        server.run(
            "CREATE USER 'hub'@'127.0.0.1' IDENTIFIED BY 'pass'; GRANT ALL ON rooms.* TO 'hub'@'127.0.0.1'",
        );
        server
    }

    /// A server that has been set up and has not been started.
    pub fn absent() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let output = Command::new("mariadb-install-db")
            .args([
                "--no-defaults",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                "--user=root",
            ])
            .arg("--innodb-log-file-size=16M")
            .arg(format!("--datadir={}", folder.path().join("data").display()))
            .env("TMPDIR", folder.path())
            .output()
            .unwrap_or_else(|error| panic!("mariadb-install-db: {error}; src/tests/all.sh installs it"));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Self { folder, port, child: None }
    }

    /// Starts it, and waits until it answers.
    pub fn come_up(&mut self) {
        self.come_up_with(&[]);
    }

    /// The same with more options.
    pub fn come_up_with(&mut self, options: &[&str]) {
        self.child = Some(self.spawn(options));
        let deadline = Instant::now() + PATIENCE;
        while self.try_run("SELECT 1").is_err() {
            let log = || std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "MariaDB does not come up: {}", log());
            // Some client's connection may have its port for a moment.
            let has_ended = self.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_some());
            if has_ended {
                self.child = Some(self.spawn(options));
            }
            std::thread::yield_now();
        }
    }

    fn spawn(&self, options: &[&str]) -> Child {
        let log = std::fs::File::create(self.folder.path().join("log")).unwrap();
        Command::new("mariadbd")
            .args(["--no-defaults", "--user=root", "--bind-address=127.0.0.1", "--skip-log-bin"])
            .args([
                "--innodb-log-file-size=16M",
                "--innodb-buffer-pool-size=64M",
                "--sql-mode=STRICT_ALL_TABLES",
            ])
            .arg(format!("--datadir={}", self.folder.path().join("data").display()))
            .arg(format!("--socket={}", self.socket().display()))
            .arg(format!("--pid-file={}", self.folder.path().join("pid").display()))
            .arg(format!("--port={}", self.port))
            .args(options)
            .env("TMPDIR", self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("mariadbd: {error}; src/tests/all.sh installs it"))
    }

    /// The URL for the program.
    pub fn url(&self) -> String {
        Self::url_at(self.port)
    }

    /// The URL by way of another port, like a proxy's.
    pub fn url_at(port: u16) -> String {
        format!("mysql://hub:pass@127.0.0.1:{port}/rooms")
    }

    /// Runs statements as root; gives the rows, one a line, tabs between fields.
    pub fn run(&self, sql: &str) -> String {
        self.try_run(sql).unwrap_or_else(|problem| panic!("{sql}: {problem}"))
    }

    /// The same, or what the server says against it.
    pub fn try_run(&self, sql: &str) -> Result<String, String> {
        let output = Command::new("mariadb")
            .args([
                "--no-defaults",
                "--user=root",
                "--batch",
                "--skip-column-names",
                "--default-character-set=utf8mb4",
            ])
            .arg(format!("--socket={}", self.socket().display()))
            .args(if sql.starts_with("SELECT 1") || sql.contains("DATABASE rooms") || sql.contains("USER") {
                &[][..]
            } else {
                &["--database=rooms"][..]
            })
            .args(["--execute", sql])
            .output()
            .unwrap_or_else(|error| panic!("mariadb: {error}; src/tests/all.sh installs it"));
        if output.status.success() {
            Ok(String::from_utf8(output.stdout).unwrap())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }

    /// Sends it a signal, by name.
    pub fn signal(&self, name: &str) {
        let pid = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").arg(format!("-{name}")).arg(pid).status().unwrap().success());
    }

    /// Ends it by a signal, and waits for its end.
    pub fn go_down(&mut self, signal: &str) {
        self.signal(signal);
        self.child.take().unwrap().wait().unwrap();
    }

    fn socket(&self) -> PathBuf {
        Path::new(self.folder.path()).join("socket")
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
