//! What this program's own commands ask of a running service: a line of JSON over a unix socket in its data folder.
//!
//! The socket is its owner's alone, and who connects must be the same user, or root. Each process has one of its own, named by
//! its number, so that several may share a folder; who asks, asks all that listen there.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream as Stream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::broadcast;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::{debug, warn};

use crate::private;
use crate::runtime::Context;

mod executed;

pub use executed::{Executed, KEPT};

/// How names of sockets end.
pub const SUFFIX: &str = ".control";

/// The longest request: a name.
const MAX_REQUEST_BYTES: u64 = 64 * 1024;

/// Who connects asks within this time.
const ASKING_TIME: Duration = Duration::from_secs(5);

/// All of a service's files are rewritten within this time, or the answer is that it goes on.
const ERASING_TIME: Duration = Duration::from_mins(1);

/// Reports that may wait for who reads them: each request reads its own.
const MAX_REPORTS: usize = 64;

/// What was erased, by where it was.
pub type Erased = BTreeMap<String, u64>;

/// How much of a person was in rooms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ErasedFromRooms {
    /// Connections that had the name, and were let go of.
    pub members: u64,
    /// Chat messages.
    pub chats: u64,
    /// How often the name stood elsewhere: at what somebody has added, owns, or has invited with.
    pub names: u64,
}

impl ErasedFromRooms {
    /// By what it is.
    pub fn counts(self) -> Erased {
        let counts =
            [("connections", self.members), ("chat_messages", self.chats), ("names_in_rooms", self.names)];
        counts.map(|(what, n)| (what.to_owned(), n)).into()
    }
}

/// What is asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// A device, or a person, is to be taken out of all that is kept.
    Erase(String),
}

/// What whoever asks is told.
type Answer = Result<Erased, String>;

/// One place from which somebody has been erased.
#[derive(Debug, Clone)]
pub struct Report {
    /// Whom.
    pub whom: String,
    /// Where.
    pub place: &'static str,
    /// How much, or why not.
    pub outcome: Result<u64, String>,
}

/// Where those report that write files on tasks and threads of their own.
#[derive(Debug, Clone)]
pub struct Reports(broadcast::Sender<Report>);

impl Default for Reports {
    fn default() -> Self {
        Self(broadcast::channel(MAX_REPORTS).0)
    }
}

impl Reports {
    /// Somebody has been erased from a place; nobody may have asked.
    pub fn tell(&self, whom: &str, place: &'static str, outcome: Result<u64, String>) {
        if let Err(problem) = &outcome {
            warn!(place, problem, "somebody could not be erased: try it again");
        }
        let _ = self.0.send(Report { whom: whom.to_owned(), place, outcome });
    }

    /// What is told from now on.
    pub fn listen(&self) -> broadcast::Receiver<Report> {
        self.0.subscribe()
    }
}

/// Waits until a person or a device has been erased from each of those places.
///
/// # Errors
/// What could not be done, or not yet.
pub async fn await_reports(
    mut reports: broadcast::Receiver<Report>,
    whom: &str,
    places: &[&'static str],
    erased: &mut Erased,
) -> Result<(), String> {
    let deadline = Instant::now() + ERASING_TIME;
    let mut left: Vec<&str> = places.to_vec();
    while !left.is_empty() {
        let report = match timeout_at(deadline, reports.recv()).await {
            Ok(Ok(report)) => report,
            Ok(Err(broadcast::error::RecvError::Lagged(_))) => continue,
            Ok(Err(broadcast::error::RecvError::Closed)) => return Err("stopping".into()),
            Err(_) => {
                return Err(format!(
                    "{} is not done yet: it is as soon as that can be written, also after a restart",
                    left.join(", ")
                ));
            }
        };
        if report.whom == whom {
            left.retain(|place| *place != report.place);
            *erased.entry(report.place.to_owned()).or_default() +=
                report.outcome.map_err(|problem| format!("{}: {problem}", report.place))?;
        }
    }
    Ok(())
}

/// Answers requests to a service until the process stops. Without a socket the service runs all the same.
pub fn serve<F>(
    service: &'static str,
    folder: &Path,
    context: &Context,
    answer: impl Fn(Request) -> F + Send + Sync + 'static,
) where
    F: Future<Output = Answer> + Send,
{
    let name = format!("{service}.{}{SUFFIX}", std::process::id());
    let listener = match listen(service, folder, &name) {
        Ok(listener) => listener,
        Err(problem) => {
            warn!(service, %problem, "there is no socket for `roomhub erase`: it needs this service stopped");
            return;
        }
    };
    let (path, stopping) = (folder.join(name), context.clone());
    context.spawn(async move {
        loop {
            tokio::select! {
                () = stopping.stopping() => break,
                connected = listener.accept() => match connected {
                    // One after the other: who asks is an operator.
                    Ok((stream, _)) => tokio::select! {
                        () = stopping.stopping() => break,
                        outcome = converse(stream, &answer) => if let Err(problem) = outcome {
                            debug!(service, %problem, "a request over the socket ended early");
                        },
                    },
                    Err(problem) => debug!(service, %problem, "a request over the socket was lost"),
                },
            }
        }
        let _ = fs::remove_file(path);
    });
}

fn listen(service: &str, folder: &Path, name: &str) -> io::Result<UnixListener> {
    private::make_folder(folder)?;
    for name in names(service, folder)? {
        // Those that a crash has left go.
        let _ = connect(folder, &name);
    }
    let place = Place::of(folder, name)?;
    let _ = fs::remove_file(&place.path);
    let listener = UnixListener::bind(&place.path)?;
    fs::set_permissions(&place.path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

async fn converse<F>(mut stream: UnixStream, answer: &impl Fn(Request) -> F) -> Result<()>
where
    F: Future<Output = Answer>,
{
    let peer = stream.peer_cred()?.uid();
    let own = rustix::process::geteuid().as_raw();
    if peer != own && peer != 0 {
        bail!("user {peer} may not ask");
    }
    let (reader, mut writer) = stream.split();
    let mut line = String::new();
    let mut reader = tokio::io::BufReader::new(reader.take(MAX_REQUEST_BYTES));
    timeout(ASKING_TIME, reader.read_line(&mut line)).await.context("nothing was asked")??;
    let answered = match serde_json::from_str(&line) {
        Ok(request) => answer(request).await,
        Err(_) => Err("this version does not know that request".to_owned()),
    };
    let mut line = serde_json::to_vec(&answered)?;
    line.push(b'\n');
    writer.write_all(&line).await?;
    Ok(())
}

/// Asks each process of a service that has that folder; `None` if there is none.
///
/// # Errors
/// What one of them could not do.
pub fn ask(service: &str, folder: &Path, request: &Request) -> Result<Option<Erased>> {
    let mut found: Option<Erased> = None;
    for name in names(service, folder).with_context(|| folder.display().to_string())? {
        let connected = connect(folder, &name).with_context(|| folder.join(&name).display().to_string())?;
        let Some(mut stream) = connected else { continue };
        stream.set_read_timeout(Some(ERASING_TIME * 2))?;
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        stream.write_all(&line)?;
        let mut told = String::new();
        BufReader::new(stream).read_line(&mut told).context("the running service does not answer")?;
        let answer: Answer = serde_json::from_str(&told)
            .with_context(|| format!("the running {service} has gone away, or is of another version"))?;
        let erased = answer.map_err(|problem| anyhow::anyhow!("{service}: {problem}"))?;
        let sum = found.get_or_insert_default();
        for (place, n) in erased {
            *sum.entry(place).or_default() += n;
        }
    }
    Ok(found)
}

/// Connects to a socket; one whose process has ended without a word is removed.
fn connect(folder: &Path, name: &str) -> io::Result<Option<Stream>> {
    let place = Place::of(folder, name)?;
    match Stream::connect(&place.path) {
        Ok(stream) => Ok(Some(stream)),
        Err(problem) if problem.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(&place.path)?;
            Ok(None)
        }
        Err(problem) => Err(problem),
    }
}

fn names(service: &str, folder: &Path) -> io::Result<Vec<String>> {
    let entries = match folder.read_dir() {
        Ok(entries) => entries,
        Err(problem) if problem.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(problem) => return Err(problem),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let is_of_service = name.strip_prefix(service).is_some_and(|rest| rest.starts_with('.'));
        if is_of_service && name.ends_with(SUFFIX) {
            names.push(name);
        }
    }
    Ok(names)
}

/// Addresses of sockets are short: the folder is named by its handle.
struct Place {
    _folder: File,
    path: PathBuf,
}

impl Place {
    fn of(folder: &Path, name: &str) -> io::Result<Self> {
        let folder = File::open(folder)?;
        let path = PathBuf::from(format!("/proc/self/fd/{}/{name}", folder.as_raw_fd()));
        Ok(Self { _folder: folder, path })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileTypeExt;

    use super::*;
    use crate::runtime::{Clock, Config};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_service_answers_its_own_user_over_a_socket_that_goes_with_it() {
        let root = tempfile::tempdir().unwrap();
        let folder = root
            .path()
            .join("a folder with a name that is longer than addresses of sockets are")
            .join("x".repeat(80));
        let context = Context::new(Clock::start(), &Config::default());
        serve("music", &folder, &context, |Request::Erase(name)| async move {
            if name == "Ann" { Ok(Erased::from([("chats".to_owned(), 3)])) } else { Err("nobody".to_owned()) }
        });
        let files = || -> Vec<_> { folder.read_dir().unwrap().map(|entry| entry.unwrap()).collect() };
        assert_eq!(files().len(), 1);
        assert_eq!(files()[0].metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(files()[0].file_type().unwrap().is_socket());
        let erase = |service: &'static str, name: &str| {
            let (folder, request) = (folder.clone(), Request::Erase(name.to_owned()));
            tokio::task::spawn_blocking(move || ask(service, &folder, &request))
        };
        let erased = erase("music", "Ann").await.unwrap().unwrap().unwrap();
        assert_eq!(erased["chats"], 3);
        assert_eq!(erase("music", "Bob").await.unwrap().unwrap_err().to_string(), "music: nobody");
        assert!(erase("watch", "Ann").await.unwrap().unwrap().is_none());
        context.stop();
        context.stopped().await;
        assert!(files().is_empty());
        assert!(erase("music", "Ann").await.unwrap().unwrap().is_none());
    }
}
