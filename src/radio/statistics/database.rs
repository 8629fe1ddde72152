//! The statistics on disk: a SQLite database, which only its owner may read.
//!
//! It is no cache: a database of a version that is not known is left as it is, and not opened.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use rusqlite::{Connection, OpenFlags, Transaction, params};

use super::{Play, Session};
use crate::private;
use crate::time::Timestamp;

/// The version of the tables, in `user_version`.
const VERSION: u32 = 1;

/// How long to wait for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Creates the tables. Times are milliseconds since the epoch, by the wall clock.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS plays (
        id INTEGER PRIMARY KEY,
        route TEXT NOT NULL,
        kind TEXT NOT NULL,
        started_at INTEGER NOT NULL,
        seconds REAL NOT NULL,
        artist TEXT NOT NULL,
        title TEXT NOT NULL,
        album TEXT NOT NULL,
        isrc TEXT NOT NULL,
        listeners_at_start INTEGER NOT NULL,
        listeners_at_end INTEGER NOT NULL,
        listeners_peak INTEGER NOT NULL,
        listener_seconds INTEGER NOT NULL
    );
    CREATE INDEX IF NOT EXISTS plays_by_time ON plays (started_at);
    CREATE TABLE IF NOT EXISTS sessions (
        id INTEGER PRIMARY KEY,
        route TEXT NOT NULL,
        mount TEXT NOT NULL,
        started_at INTEGER NOT NULL,
        seconds REAL NOT NULL,
        n_bytes INTEGER NOT NULL,
        player TEXT NOT NULL,
        country TEXT NOT NULL,
        address TEXT NOT NULL
    );
    CREATE INDEX IF NOT EXISTS sessions_by_time ON sessions (started_at);
    CREATE TABLE IF NOT EXISTS peaks (
        route TEXT PRIMARY KEY,
        listeners INTEGER NOT NULL,
        at INTEGER NOT NULL
    ) WITHOUT ROWID;
";

/// An open database.
pub struct Database {
    pub(super) connection: Connection,
}

/// Rows that are written together.
pub struct Batch<'a> {
    transaction: Transaction<'a>,
}

impl Database {
    /// Opens the database, and makes it if there is none.
    ///
    /// # Errors
    /// It cannot be opened, or is of a later version.
    pub fn open(path: &Path) -> Result<Self> {
        if let Some(folder) = path.parent() {
            private::make_folder(folder)?;
        }
        private::prepare_database(path)?;
        let connection = Connection::open(path)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "normal")?;
        let version: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        ensure!(version <= VERSION, "a later version of roomhub has written these statistics");
        connection.execute_batch(SCHEMA)?;
        connection.pragma_update(None, "user_version", VERSION)?;
        Ok(Self { connection })
    }

    /// Opens the database to read it alone.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open_to_read(path: &Path) -> rusqlite::Result<Self> {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        Ok(Self { connection })
    }

    /// The most that ever listened, by route.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn peaks(&self) -> rusqlite::Result<BTreeMap<String, usize>> {
        let mut peaks = self.connection.prepare("SELECT route, listeners FROM peaks")?;
        let rows = peaks.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as usize)))?;
        rows.collect()
    }

    /// Begins to write.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn batch(&mut self) -> rusqlite::Result<Batch<'_>> {
        Ok(Batch { transaction: self.connection.transaction()? })
    }

    /// Deletes at most so many rows of each table that began before a moment, and as many that are more than are kept; says
    /// how many.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn prune(&mut self, before: Timestamp, kept: u64, most: usize) -> rusqlite::Result<usize> {
        let kept = i64::try_from(kept).unwrap_or(i64::MAX);
        let mut n_deleted = 0;
        for table in ["plays", "sessions"] {
            // Ids count up: what is far behind the last one is too much.
            n_deleted += self.connection.execute(
                &format!(
                    "DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE id <= \
                     (SELECT MAX(id) FROM {table}) - ?1 ORDER BY id LIMIT ?2)"
                ),
                params![kept, number(most)],
            )?;
            n_deleted += self.connection.execute(
                &format!(
                    "DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE started_at < ?1 \
                     ORDER BY started_at LIMIT ?2)"
                ),
                params![millis(before), number(most)],
            )?;
        }
        Ok(n_deleted)
    }
}

impl Batch<'_> {
    /// Adds a track that was played, with its album and its ISRC.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn add_play(&mut self, play: &Play, started_at: Timestamp, tags: [&str; 2]) -> rusqlite::Result<()> {
        let [at_start, at_end, peak] = play.listeners.map(number);
        let mut insert = self.transaction.prepare_cached(
            "INSERT INTO plays (route, kind, started_at, seconds, artist, title, album, isrc, listeners_at_start, \
             listeners_at_end, listeners_peak, listener_seconds) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?;
        insert.execute(params![
            &*play.route,
            play.kind,
            millis(started_at),
            play.seconds,
            play.track.artist,
            play.track.title,
            tags[0],
            tags[1],
            at_start,
            at_end,
            peak,
            play.listener_seconds.cast_signed(),
        ])?;
        Ok(())
    }

    /// Adds the session of a listener, with the family of its player.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn add_session(
        &mut self,
        session: &Session,
        started_at: Timestamp,
        family: &str,
    ) -> rusqlite::Result<()> {
        let mut insert = self.transaction.prepare_cached(
            "INSERT INTO sessions (route, mount, started_at, seconds, n_bytes, player, country, address) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?;
        insert.execute(params![
            &*session.route,
            &*session.path,
            millis(started_at),
            session.seconds,
            session.n_bytes.cast_signed(),
            family,
            &*session.origin.country,
            &*session.origin.address,
        ])?;
        Ok(())
    }

    /// More listen to a station than ever.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn set_peak(&mut self, route: &str, n_listeners: usize, at: Timestamp) -> rusqlite::Result<()> {
        let mut put = self.transaction.prepare_cached("INSERT OR REPLACE INTO peaks VALUES (?1, ?2, ?3)")?;
        put.execute(params![route, number(n_listeners), millis(at)]).map(drop)
    }

    /// Keeps all of it.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn commit(self) -> rusqlite::Result<()> {
        self.transaction.commit()
    }
}

fn number(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn millis(moment: Timestamp) -> i64 {
    moment.as_millis().cast_signed()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::radio::output::addresses::Origin;

    fn at(second: u64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + second * 1000)
    }

    /// Ten sessions, each a second after the one before.
    fn ten_sessions(path: &Path) -> Database {
        let mut database = Database::open(path).unwrap();
        let mut batch = database.batch().unwrap();
        for second in 0..10 {
            let session = Session {
                route: "/a".into(),
                path: "/a.opus".into(),
                origin: Origin::default(),
                player: "mpv 0.35".into(),
                joined_at: at(second),
                seconds: 1.5,
                n_bytes: 7,
            };
            batch.add_session(&session, at(second), "mpv").unwrap();
        }
        batch.set_peak("/a", 12, at(0)).unwrap();
        batch.commit().unwrap();
        database
    }

    /// How many sessions are left, and the id of the first.
    fn left(database: &Database) -> (i64, i64) {
        let sql = "SELECT COUNT(*), MIN(id) FROM sessions";
        database.connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
    }

    #[test]
    fn whoever_comes_and_goes_without_end_does_not_fill_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let mut database = ten_sessions(&folder.path().join("statistics.db"));
        let pruned: Vec<usize> = (0..4).map(|_| database.prune(at(0), 5, 2).unwrap()).collect();
        assert_eq!((pruned.as_slice(), left(&database)), ([2, 2, 1, 0].as_slice(), (5, 6)));
    }

    #[test]
    fn rows_that_are_too_old_are_deleted_a_few_at_a_time_and_peaks_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("statistics.db");
        let mut database = ten_sessions(&path);
        let pruned: Vec<usize> = (0..4).map(|_| database.prune(at(5), 1000, 2).unwrap()).collect();
        assert_eq!(pruned, [2, 2, 1, 0]);
        drop(database);
        let database = Database::open(&path).unwrap();
        assert_eq!(left(&database), (5, 6));
        assert_eq!(database.peaks().unwrap(), BTreeMap::from([("/a".to_owned(), 12)]));
    }

    #[test]
    fn statistics_of_a_later_version_are_left_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = Arc::new(folder.path().join("statistics.db"));
        drop(Database::open(&path).unwrap());
        Connection::open(&*path).unwrap().pragma_update(None, "user_version", 99).unwrap();
        assert!(Database::open(&path).err().unwrap().to_string().contains("later version"));
    }
}
