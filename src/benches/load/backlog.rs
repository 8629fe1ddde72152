//! A backlog of messages that were stored while the database was away, and how fast it goes into the embedded one.

use std::fmt;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rusqlite::{Connection, OpenFlags};
use tokio::time::sleep;

use crate::cores::Cores;
use crate::nodes::Nodes;
use crate::rooms::Load;
use crate::server::Server;

/// A database that nobody serves, and devices that do not wait for it.
const AWAY: [(&str, &str); 2] =
    [("DATABASE_URL", "mysql://load:load@127.0.0.1:1/load"), ("ROOMHUB_DEVICES__FIRST_START_WAIT", "0s")];

/// Between two looks at how much is there.
const LOOK: Duration = Duration::from_millis(5);

/// The longest that all of it may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// What was found.
pub struct Backlog {
    n_messages: usize,
    /// From the first look that found some in the database to the one that found all.
    messages_per_second: f64,
}

impl fmt::Display for Backlog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { n_messages, messages_per_second } = self;
        write!(
            f,
            "Backlog: {n_messages} messages into the embedded database, {messages_per_second:.0} a second."
        )
    }
}

/// Lets messages gather for that long, and starts the server again where there is a database.
pub async fn measure(load: &Load, span: Duration, cores: Cores) -> Result<Backlog> {
    let folder = Rc::new(tempfile::tempdir()?);
    let away = Server::start_in(Rc::clone(&folder), "devices", cores, &[], &AWAY)?;
    let (figures, _) = load.run(Nodes::of(away), span).await.context("the gathering of a backlog")?;
    let n_messages = figures.n_deliveries / load.n_listeners;

    let _server = Server::start_in(Rc::clone(&folder), "devices", cores, &[], &[])?;
    let path = folder.path().join("data/devices.db");
    let waits_since = Instant::now();
    let mut database = None;
    let mut first = None;
    loop {
        let n_stored = n_stored(&mut database, &path);
        if n_stored > 0 && first.is_none() {
            first = Some((n_stored, Instant::now()));
        }
        if n_stored == n_messages {
            break;
        }
        ensure!(waits_since.elapsed() < PATIENCE, "{n_stored} of {n_messages} messages are in the database");
        sleep(LOOK).await;
    }
    let (n_before, since) = first.context("no message was sent")?;
    ensure!(n_before < n_messages, "{n_messages} messages are too few to measure");
    let messages_per_second = (n_messages - n_before) as f64 / since.elapsed().as_secs_f64();
    Ok(Backlog { n_messages, messages_per_second })
}

/// Messages in the database, none as long as it has no table for them. Ids are given out one by one.
fn n_stored(database: &mut Option<Connection>, path: &Path) -> usize {
    if database.is_none() {
        *database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).ok();
    }
    let Some(database) = database else { return 0 };
    let last = database.query_row("SELECT MAX(id) FROM messages", [], |row| row.get::<_, Option<u32>>(0));
    last.ok().flatten().map_or(0, |last| last as usize)
}
