//! `roomhub erase persons`: what a person said in rooms that are kept, and in recordings.
//!
//! Rooms know people by the names that they gave themselves, so all who had that name are erased. Services are stopped for it:
//! they have their rooms in memory.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use rusqlite::{Connection, Error, ErrorCode, params};
use serde_json::Value;

use crate::private;
use crate::settings::Settings;

/// What was erased, by where it was.
pub type Erased = Vec<(&'static str, u64)>;

/// Services that keep rooms.
const SERVICES: [&str; 2] = ["music", "watch"];

/// Lines of a recording that are a person's alone. Of others, which move the film, only the name goes.
const OWN_LINES: [&str; 4] = ["chat", "reaction", "joined", "left"];

/// Erases a person by name.
///
/// # Errors
/// A running service has the rooms, or something cannot be written. It may be done again.
pub fn person(settings: &Settings, name: &str) -> Result<Erased> {
    ensure!(!name.is_empty(), "a name is expected");
    let mut n_chats = 0;
    for service in SERVICES {
        let path = settings.rooms.data_dir.join(format!("{service}.rooms.db"));
        if path.exists() {
            n_chats += from_rooms(&path, name).with_context(|| path.display().to_string())?;
        }
    }
    let mut n_lines = 0;
    for folder in [&settings.music.recordings_dir, &settings.watch.recordings_dir] {
        if folder.is_empty() || !Path::new(folder).is_dir() {
            continue;
        }
        for entry in Path::new(folder).read_dir()? {
            let path = entry?.path();
            if path.extension().is_some_and(|end| end == "jsonl") {
                n_lines += from_recording(&path, name).with_context(|| path.display().to_string())?;
            }
        }
    }
    Ok(vec![("chat_messages", n_chats), ("recorded_lines", n_lines)])
}

fn from_rooms(path: &Path, name: &str) -> Result<u64> {
    let mut database = Connection::open(path)?;
    database.pragma_update(None, "locking_mode", "exclusive")?;
    let is_busy = |error: &Error| error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy);
    let transaction = database.transaction_with_behavior(rusqlite::TransactionBehavior::Exclusive);
    let transaction = transaction.map_err(|error| {
        let is_busy = is_busy(&error);
        let error = anyhow::Error::new(error);
        if is_busy { error.context("a running roomhub has these rooms; stop it first") } else { error }
    })?;
    let rooms: Vec<(String, String)> = transaction
        .prepare("SELECT id, room FROM rooms")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut n_erased = 0;
    for (id, text) in rooms {
        let mut room: Value = serde_json::from_str(&text)?;
        let Some(chats) = room.get_mut("chats").and_then(Value::as_array_mut) else { continue };
        let n_before = chats.len();
        chats.retain(|chat| chat["userName"] != name);
        let n_here = n_before - chats.len();
        if n_here > 0 {
            transaction.execute("UPDATE rooms SET room = ?2 WHERE id = ?1", params![id, room.to_string()])?;
            n_erased += n_here as u64;
        }
    }
    transaction.commit()?;
    // Without what was there before.
    database.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)")?;
    Ok(n_erased)
}

fn from_recording(path: &Path, name: &str) -> Result<u64> {
    let fresh = path.with_extension("unfinished");
    let mut n_erased = 0;
    let options = &mut File::options();
    let mut out = BufWriter::new(private::open(&fresh, options.create(true).write(true).truncate(true))?);
    for line in BufReader::new(File::open(path)?).split(b'\n') {
        let mut line = line?;
        if let Ok(mut entry) = serde_json::from_slice::<Value>(&line)
            && entry["by"]["name"] == name
        {
            n_erased += 1;
            if entry["kind"].as_str().is_none_or(|kind| OWN_LINES.contains(&kind)) {
                continue;
            }
            entry["by"] = Value::Null;
            line = entry.to_string().into_bytes();
        }
        line.push(b'\n');
        out.write_all(&line)?;
    }
    if n_erased == 0 {
        fs::remove_file(&fresh)?;
        return Ok(0);
    }
    out.into_inner()?.sync_all()?;
    fs::rename(&fresh, path)?;
    Ok(n_erased)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_said_and_did_is_erased_and_the_film_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings::default();
        settings.rooms.data_dir = folder.path().to_owned();
        settings.watch.recordings_dir = folder.path().display().to_string();
        let recording = folder.path().join("abcdefghijklmnop.jsonl");
        let others = "{\"roomhub\":\"recording\"}\n{\"n\":0,\"at\":1,\"kind\":\"chat\",\"by\":{\"id\":\"x\",\"name\":\"Bob\"},\"content\":\"Ann?\"}\n";
        let hers = "{\"n\":1,\"at\":1,\"kind\":\"chat\",\"by\":{\"id\":\"y\",\"name\":\"Ann\"},\"content\":\"hi\"}\n";
        let played =
            "{\"n\":2,\"at\":2,\"kind\":\"play\",\"by\":{\"id\":\"y\",\"name\":\"Ann\"},\"position\":1.5}\n";
        fs::write(&recording, [others, hers, played].concat()).unwrap();
        let path = folder.path().join("watch.rooms.db");
        let database = Connection::open(&path).unwrap();
        database
            .execute_batch("CREATE TABLE rooms (id TEXT PRIMARY KEY, room TEXT NOT NULL) WITHOUT ROWID")
            .unwrap();
        let room = r#"{"name":"Films","chats":[{"userName":"Ann","content":"her words"},{"userName":"Bob","content":"his"}]}"#;
        database.execute("INSERT INTO rooms VALUES ('A', ?1)", [room]).unwrap();
        drop(database);

        let erased = person(&settings, "Ann").unwrap();
        assert_eq!(erased, [("chat_messages", 1), ("recorded_lines", 2)]);
        let left = fs::read_to_string(&recording).unwrap();
        let silent = "{\"n\":2,\"at\":2,\"kind\":\"play\",\"by\":null,\"position\":1.5}\n";
        assert_eq!(left, [others, silent].concat());
        let bytes = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        assert!(bytes.contains("his") && !bytes.contains("her words"));
        assert_eq!(person(&settings, "Ann").unwrap(), [("chat_messages", 0), ("recorded_lines", 0)]);
    }

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
        let refused = format!("{:#}", from_rooms(&path, "Ann").unwrap_err());
        assert!(refused.contains("stop it first"), "{refused}");
    }
}
