//! `roomhub erase persons`: what a person said in rooms, in recordings and in the event log, and its name.
//!
//! Rooms know people by the names that they gave themselves, so all who had that name are erased. A service that runs does it
//! itself, by its rules and in its files, on all nodes; of one that is stopped, the files are changed here.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use rusqlite::{Connection, Error, ErrorCode, params};

use crate::control::{self, Erased, ErasedFromRooms, Request};
use crate::recordings::{self, RECORDED_LINES};
use crate::rooms::{EVENT_LOG, erase_from_text};
use crate::settings::Settings;
use crate::watch::event_log;
use crate::{music, watch};

/// Takes a person out of the text of a room.
type FromText = fn(&str, &str) -> serde_json::Result<(ErasedFromRooms, String)>;

/// Erases a person by name, from what `music` and `watch` keep.
///
/// # Errors
/// A service that runs cannot be asked, or something cannot be written. It may be done again.
pub fn person(settings: &Settings, name: &str) -> Result<Erased> {
    ensure!(!name.is_empty(), "a name is expected");
    let services: [(&str, FromText, &str); 2] = [
        ("music", erase_from_text::<music::Room>, &settings.music.recordings_dir),
        ("watch", erase_from_text::<watch::Room>, &settings.watch.recordings_dir),
    ];
    let mut erased = Erased::new();
    for (service, from_text, recordings_dir) in services {
        let request = Request::Erase(name.to_owned());
        let found = match control::ask(service, &settings.rooms.data_dir, &request)? {
            Some(found) => found,
            None => of_stopped(settings, service, from_text, recordings_dir, name)?,
        };
        for (place, n) in found {
            *erased.entry(place).or_default() += n;
        }
    }
    Ok(erased)
}

fn of_stopped(
    settings: &Settings,
    service: &str,
    from_text: FromText,
    recordings_dir: &str,
    name: &str,
) -> Result<Erased> {
    let mut erased = ErasedFromRooms::default().counts();
    let path = settings.rooms.data_dir.join(format!("{service}.rooms.db"));
    if path.exists() {
        erased = from_rooms(&path, from_text, name).with_context(|| path.display().to_string())?.counts();
    }
    if !recordings_dir.is_empty() && Path::new(recordings_dir).is_dir() {
        let n = recordings::erase::from_folder(Path::new(recordings_dir), name);
        erased.insert(RECORDED_LINES.to_owned(), n.with_context(|| recordings_dir.to_owned())?);
    }
    if service == "watch" && !settings.watch.event_log.is_empty() {
        let mut n_lines = 0;
        for path in event_log::files(Path::new(&settings.watch.event_log), settings.watch.event_logs_kept) {
            n_lines += event_log::erase_from(&path, name).with_context(|| path.display().to_string())?;
        }
        erased.insert(EVENT_LOG.to_owned(), n_lines);
    }
    Ok(erased)
}

fn from_rooms(path: &Path, from_text: FromText, name: &str) -> Result<ErasedFromRooms> {
    let mut database = Connection::open(path)?;
    database.pragma_update(None, "locking_mode", "exclusive")?;
    let is_busy = |error: &Error| error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy);
    let transaction = database.transaction_with_behavior(rusqlite::TransactionBehavior::Exclusive);
    let transaction = transaction.map_err(|error| {
        let is_busy = is_busy(&error);
        let error = anyhow::Error::new(error);
        if is_busy {
            error.context("a running roomhub has these rooms and cannot be asked; stop it first")
        } else {
            error
        }
    })?;
    let rooms: Vec<(String, String)> = transaction
        .prepare("SELECT id, room FROM rooms")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut erased = ErasedFromRooms::default();
    for (id, text) in rooms {
        let (found, room) = from_text(&text, name).with_context(|| format!("room {id}"))?;
        if found.chats + found.names > 0 {
            transaction.execute("UPDATE rooms SET room = ?2 WHERE id = ?1", params![id, room])?;
            erased.chats += found.chats;
            erased.names += found.names;
        }
    }
    transaction.commit()?;
    // Without what was there before.
    database.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)")?;
    Ok(erased)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_that_a_running_service_has_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("music.rooms.db");
        let database = Connection::open(&path).unwrap();
        database
            .execute_batch(
                "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; CREATE TABLE rooms (id TEXT, room TEXT)",
            )
            .unwrap();
        let refused = format!("{:#}", from_rooms(&path, erase_from_text::<music::Room>, "Ann").unwrap_err());
        assert!(refused.contains("stop it first"), "{refused}");
    }
}
