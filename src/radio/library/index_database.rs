//! The track index on disk: a table of a small SQLite database, which only its owner may read.
//!
//! It is a cache. A table of another version is dropped, and a damaged database is deleted.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rusqlite::{Connection, ErrorCode, Row, params};
use tracing::warn;

use crate::audio::album_place::AlbumPlace;
use crate::audio::cue_points::CuePoints;
use crate::audio::format::Format;
use crate::audio::loudness::Loudness;
use crate::audio::track_info::TrackInfo;
use crate::folder::file_stamp::FileStamp;
use crate::private;
use crate::time::Timestamp;

/// The database in the data directory.
const FILE: &str = "radio.tracks.db";

/// The files that SQLite keeps beside it.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

/// The index of versions before the database.
const OBSOLETE_FILE: &str = "radio-index.jsonl";

/// The version of the table, in `user_version`; it changes whenever files have to be analysed again.
const VERSION: u32 = 3;

/// How long to wait for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Creates the table. The loudness of a file that has been measured and has none is silence.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS tracks (
        path BLOB PRIMARY KEY,
        n_bytes INTEGER NOT NULL,
        modified_micros INTEGER NOT NULL,
        sample_rate INTEGER,
        channels INTEGER,
        title TEXT NOT NULL,
        artist TEXT NOT NULL,
        duration_seconds REAL,
        is_duration_exact INTEGER NOT NULL,
        is_measured INTEGER NOT NULL,
        lufs REAL,
        peak_db REAL,
        tagged_lufs REAL,
        album TEXT,
        disc INTEGER,
        track INTEGER,
        year INTEGER,
        cue_in REAL,
        cue_out REAL,
        crossfade REAL
    ) WITHOUT ROWID;
";

/// A row of the table.
pub type Entry = (Arc<Path>, FileStamp, TrackInfo);

/// A change of the table: `None` deletes the row.
pub type Change = (Arc<Path>, Option<(FileStamp, TrackInfo)>);

/// An open database.
#[derive(Debug)]
pub struct IndexDatabase {
    connection: Connection,
}

impl IndexDatabase {
    /// Opens the database in a folder, and reads all rows.
    ///
    /// # Errors
    /// If the folder cannot be written to. A damaged database is replaced by an empty one.
    pub fn open(folder: &Path) -> Result<(Self, Vec<Entry>)> {
        private::make_folder(folder)?;
        // It may never have existed.
        let _ = fs::remove_file(folder.join(OBSOLETE_FILE));
        let path = folder.join(FILE);
        match Self::read(&path) {
            Err(error) if is_damage(&error) => {
                let error = format!("{error:#}");
                warn!(file = %path.display(), error, "the index of tracks is damaged and is built anew");
                remove(&path)?;
                Self::read(&path)
            }
            result => result,
        }
    }

    fn read(path: &Path) -> Result<(Self, Vec<Entry>)> {
        private::prepare_database(path)?;
        let connection = Connection::open(path)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "normal")?;
        let version: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if version != VERSION {
            connection.execute_batch("DROP TABLE IF EXISTS tracks")?;
        }
        connection.execute_batch(SCHEMA)?;
        connection.pragma_update(None, "user_version", VERSION)?;
        let entries = connection
            .prepare(
                "SELECT path, n_bytes, modified_micros, sample_rate, channels, title, artist,
                 duration_seconds, is_duration_exact, is_measured, lufs, peak_db, tagged_lufs,
                 album, disc, track, year, cue_in, cue_out, crossfade FROM tracks",
            )?
            .query_map([], entry)?
            .collect::<rusqlite::Result<_>>()?;
        Ok((Self { connection }, entries))
    }

    /// Writes changes in one transaction.
    pub fn write(&mut self, changes: &[Change]) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        {
            let mut put = transaction.prepare_cached(
                "INSERT OR REPLACE INTO tracks VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12,
                 ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)",
            )?;
            let mut delete = transaction.prepare_cached("DELETE FROM tracks WHERE path = ?1")?;
            for (path, change) in changes {
                let path = path.as_os_str().as_bytes();
                let Some((stamp, info)) = change else {
                    delete.execute([path])?;
                    continue;
                };
                let level = match info.loudness {
                    Some(Loudness::Level { lufs, peak_db }) => Some((lufs, peak_db)),
                    Some(Loudness::Silence) | None => None,
                };
                let cue_points = info.cue_points.as_deref().copied().unwrap_or_default();
                put.execute(params![
                    path,
                    stamp.n_bytes.cast_signed(),
                    stamp.modified_at.as_micros().cast_signed(),
                    info.format.map(|format| format.rate),
                    info.format.map(|format| format.channels),
                    info.title,
                    info.artist,
                    info.duration_seconds,
                    info.is_duration_exact,
                    info.loudness.is_some(),
                    level.map(|(lufs, _)| lufs),
                    level.map(|(_, peak_db)| peak_db),
                    info.tagged_lufs,
                    info.place.as_ref().map(|place| &place.album),
                    info.place.as_ref().map(|place| place.disc),
                    info.place.as_ref().map(|place| place.track),
                    info.place.as_ref().map(|place| place.year),
                    cue_points.cue_in,
                    cue_points.cue_out,
                    cue_points.crossfade,
                ])?;
            }
        }
        transaction.commit()
    }
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let path: PathBuf = OsString::from_vec(row.get("path")?).into();
    let stamp = FileStamp {
        n_bytes: row.get::<_, i64>("n_bytes")?.cast_unsigned(),
        modified_at: Timestamp::from_micros(row.get::<_, i64>("modified_micros")?.cast_unsigned()),
    };
    let (rate, channels) = (row.get::<_, Option<u32>>("sample_rate")?, row.get("channels")?);
    let level = (row.get::<_, Option<f64>>("lufs")?, row.get::<_, Option<f64>>("peak_db")?);
    let loudness = match level {
        (Some(lufs), Some(peak_db)) => Loudness::Level { lufs, peak_db },
        _ => Loudness::Silence,
    };
    let cue_points = CuePoints {
        cue_in: row.get("cue_in")?,
        cue_out: row.get("cue_out")?,
        crossfade: row.get("crossfade")?,
    };
    let info = TrackInfo {
        format: rate.zip(channels).map(|(rate, channels)| Format { rate, channels }),
        title: row.get("title")?,
        artist: row.get("artist")?,
        duration_seconds: row.get("duration_seconds")?,
        is_duration_exact: row.get("is_duration_exact")?,
        loudness: row.get::<_, bool>("is_measured")?.then_some(loudness),
        tagged_lufs: row.get("tagged_lufs")?,
        place: match row.get("album")? {
            Some(album) => {
                let (disc, track, year) = (row.get("disc")?, row.get("track")?, row.get("year")?);
                Some(Box::new(AlbumPlace { album, disc, track, year }))
            }
            None => None,
        },
        cue_points: Some(cue_points).filter(|points| *points != CuePoints::default()).map(Box::new),
    };
    Ok((path.into(), stamp, info))
}

/// Whether an error is a property of the database's content, so that a new database helps.
fn is_damage(error: &anyhow::Error) -> bool {
    match error.downcast_ref() {
        Some(rusqlite::Error::SqliteFailure(failure, _)) => matches!(
            failure.code,
            // An SQL error means that the table has other columns.
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::Unknown
        ),
        Some(
            rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::InvalidColumnName(_)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::Utf8Error(..)
            | rusqlite::Error::SqlInputError { .. },
        ) => true,
        _ => false,
    }
}

/// Deletes a database.
fn remove(path: &Path) -> Result<()> {
    for suffix in BESIDE {
        let mut beside = OsString::from(path);
        beside.push(suffix);
        // It exists only while the database is in use.
        let _ = fs::remove_file(beside);
    }
    fs::remove_file(path).context("cannot be deleted")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const STAMP: FileStamp =
        FileStamp { n_bytes: 5000, modified_at: Timestamp::from_millis(1_700_000_000_000) };

    fn change(path: &[u8], info: TrackInfo) -> Change {
        (PathBuf::from(OsString::from_vec(path.to_vec())).into(), Some((STAMP, info)))
    }

    #[test]
    fn rows_are_read_as_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        let measured = TrackInfo {
            format: Some(Format::USUAL),
            title: "歌".into(),
            artist: "Ann".into(),
            duration_seconds: Some(2.5),
            is_duration_exact: true,
            loudness: Some(Loudness::Level { lufs: -14.5, peak_db: -1.0 }),
            tagged_lufs: Some(-14.0),
            place: Some(Box::new(AlbumPlace { album: "Live".into(), disc: 0, track: 7, year: 1999 })),
            cue_points: Some(Box::new(CuePoints { cue_in: Some(1.5), ..CuePoints::default() })),
        };
        let silent = TrackInfo { loudness: Some(Loudness::Silence), ..TrackInfo::default() };
        let changes = [
            change("/music/歌.mp3".as_bytes(), measured),
            change(b"/music/\xff\xfe.mp3", silent),
            change(b"/music/new.mp3", TrackInfo::default()),
            change(b"/music/deleted.mp3", TrackInfo::default()),
        ];
        let (mut database, entries) = IndexDatabase::open(folder.path()).unwrap();
        assert!(entries.is_empty());
        database.write(&changes).unwrap();
        database.write(&[(Arc::clone(&changes[3].0), None)]).unwrap();
        drop(database);
        let (_, mut entries) = IndexDatabase::open(folder.path()).unwrap();
        let mut expected: Vec<Entry> = changes[..3]
            .iter()
            .map(|(path, row)| (Arc::clone(path), STAMP, row.clone().unwrap().1))
            .collect();
        entries.sort_by(|one, two| one.0.cmp(&two.0));
        expected.sort_by(|one, two| one.0.cmp(&two.0));
        assert_eq!(entries, expected);
        let mode = fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_database_and_a_table_of_another_version_are_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let write = || {
            let (mut database, entries) = IndexDatabase::open(folder.path()).unwrap();
            database.write(&[change(b"/music/a.mp3", TrackInfo::default())]).unwrap();
            entries.len()
        };
        assert_eq!((write(), write()), (0, 1));
        fs::write(&path, "this is a file of another program, as long as a header of SQLite is. ".repeat(9))
            .unwrap();
        assert_eq!((write(), write()), (0, 1));
        for statement in ["PRAGMA user_version = 99", "ALTER TABLE tracks DROP COLUMN lufs"] {
            Connection::open(&path).unwrap().execute_batch(statement).unwrap();
            assert_eq!((write(), write()), (0, 1), "{statement}");
        }
        let mut bytes = fs::read(&path).unwrap();
        let end = bytes.len();
        bytes[200..end].fill(0x55);
        fs::write(&path, bytes).unwrap();
        assert_eq!((write(), write()), (0, 1));
    }

    #[test]
    fn the_index_of_earlier_versions_is_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let obsolete = folder.path().join(OBSOLETE_FILE);
        fs::write(&obsolete, "{\"roomhub_radio_index\":2,\"files\":0,\"crc32c\":0}\n").unwrap();
        assert!(IndexDatabase::open(folder.path()).unwrap().1.is_empty());
        assert!(!obsolete.exists());
    }
}
