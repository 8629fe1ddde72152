//! Takes a device out of all that is kept: rows, the spool, dead letters, the directory, what waits for it or comes from it.
//!
//! ```text
//! running: command -> Record::Erased in the spool -> directory -> drain: database, letters, directory, spool
//! stopped: the spool is locked, and the same is done here
//! ```
//! While the service runs, the erasure is a record of the spool: what comes before it goes, what comes after it stays, and a
//! crash or a database that is away only puts it off. A record in the spool is overwritten where it lies, by one of the same
//! length that says nothing: places in the spool, which others remember, stay as they are.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow};

use super::directory::Directory;
use super::durable_hub::{Command, Done, DurableHub};
use super::protocol::names::DeviceId;
use super::record::Record;
use super::spool::segment::{self, Found, Position};
use super::spool::{self, dead, recovery};
use super::store::TABLES;
use super::{Config, SERVICE};
use crate::control::{self, Erased, Reports, Request};
use crate::private;
use crate::rooms::Commands;
use crate::runtime::Context;
use crate::time::Timestamp;

/// Where the drain erases, as its reports say it.
pub const PLACES: [&str; 7] =
    ["devices", "connections", "messages", "room_queries", "dead_letters", "damaged_parts", SPOOL];

/// The spool, which comes last.
pub const SPOOL: &str = "spool";

/// Behind every record.
const END: Position = Position { segment: u64::MAX, offset: u64::MAX };

/// Erases a device, by the service that runs or in its place.
///
/// # Errors
/// Something cannot be written, or the database is away. It may be done again.
pub async fn device(config: &Config, name: &str) -> Result<Erased> {
    let device = DeviceId::new(name).context("that is no id of a device")?;
    if let Some(erased) = control::ask(SERVICE, &config.data_dir, &Request::Erase(name.to_owned()))? {
        return Ok(erased);
    }
    let folder = config.spool_folder();
    let mut erased = Erased::new();
    let lock = if folder.is_dir() { Some(spool::lock(&folder)?) } else { None };
    if lock.is_some() {
        erased.extend(from_letters_and_damage(&folder, &device)?.map(|(place, n)| (place.to_owned(), n)));
        erased.insert(SPOOL.to_owned(), from_spool(&folder, &device, END)?);
    }
    let directory = config.data_dir.join(super::backup::DIRECTORY);
    if directory.exists() {
        erased.insert("directory".to_owned(), Directory::open(&directory)?.erase(&device)?);
    }
    let store = super::export::open(config).await?;
    for table in TABLES.iter().rev().filter(|table| table.names_devices()) {
        let n = store.delete_device(table, &device, None).await;
        erased.insert(table.name.to_owned(), n.map_err(|failure| anyhow!("{}: {failure}", table.name))?);
    }
    store.settle_deletions().await.map_err(|failure| anyhow!("{failure}"))?;
    drop(lock);
    Ok(erased)
}

/// Answers requests to a running service.
pub fn serve(config: &Config, commands: Commands<DurableHub>, reports: Reports, context: &Context) {
    control::serve(SERVICE, &config.data_dir, context, move |Request::Erase(name)| {
        let (commands, reports) = (commands.clone(), reports.clone());
        async move {
            let device = DeviceId::new(&name).ok_or("that is no id of a device")?;
            let whom = device.as_str().to_owned();
            let listening = reports.listen();
            let done = commands.give(Command::Erase(device)).await;
            let Some(Done::Erasing(n_connections)) = done else { return Err("stopping".to_owned()) };
            let mut erased = Erased::from([("open_connections".to_owned(), n_connections as u64)]);
            control::await_reports(listening, &whom, &PLACES, &mut erased).await?;
            Ok(erased)
        }
    });
}

/// Takes a device out of what was set aside.
pub fn from_letters_and_damage(folder: &Path, device: &DeviceId) -> io::Result<[(&'static str, u64); 2]> {
    Ok([("dead_letters", from_letters(folder, device)?), ("damaged_parts", from_damaged(folder, device)?)])
}

/// Overwrites the records of a device that lie before `end`.
pub fn from_spool(folder: &Path, device: &DeviceId, end: Position) -> io::Result<u64> {
    let nothing = Record::Revoked { records: Vec::new(), at: Timestamp::default() }.to_bytes();
    let mut n_erased = 0;
    for number in segment::list(folder)?.into_iter().filter(|number| *number <= end.segment) {
        let file = match File::options().read(true).write(true).open(segment::path(folder, number)) {
            Ok(file) => file,
            // It has been drained, and is deleted.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let mut offset = 0;
        while (Position { segment: number, offset }) < end {
            match segment::read_at(&file, offset)? {
                Found::Record { id, payload, next } => {
                    if Record::from_bytes(&payload).is_ok_and(|record| record.names(device)) {
                        let mut blank = nothing.clone();
                        // A record of a device is longer; JSON may end in spaces.
                        blank.resize(payload.len(), b' ');
                        let mut bytes = Vec::new();
                        segment::put(&mut bytes, id, &blank);
                        file.write_all_at(&bytes, offset)?;
                        n_erased += 1;
                    }
                    offset = next;
                }
                Found::Nothing | Found::Damage => match segment::next_record(&file, offset)? {
                    Some(next) => offset = next,
                    None => break,
                },
            }
        }
        file.sync_data()?;
    }
    Ok(n_erased)
}

fn from_letters(folder: &Path, device: &DeviceId) -> io::Result<u64> {
    let mut n_erased = 0;
    for path in [dead::FILE, dead::RETRIED].map(|name| folder.join(name)) {
        if !path.exists() {
            continue;
        }
        let text = fs::read_to_string(&path)?;
        let is_left = |line: &&str| {
            serde_json::from_str::<dead::DeadLetter>(line).map_or_else(
                // What cannot be read is not kept if it may be about the device.
                |_| !line.contains(device.as_str()),
                |letter| !letter.record.names(device),
            )
        };
        let left: Vec<&str> = text.lines().filter(is_left).collect();
        let n_here = (text.lines().count() - left.len()) as u64;
        if n_here > 0 {
            let fresh = path.with_extension("unfinished");
            let text: String = left.iter().flat_map(|line| [*line, "\n"]).collect();
            private::write(&fresh, text.as_bytes())?;
            private::give_to_owner_of(&path, &fresh);
            fs::rename(&fresh, &path)?;
        }
        n_erased += n_here;
    }
    Ok(n_erased)
}

/// Bytes that were set aside may be half a record: all of a file goes that has the name in it.
fn from_damaged(folder: &Path, device: &DeviceId) -> io::Result<u64> {
    let folder = folder.join(recovery::QUARANTINE);
    if !folder.is_dir() {
        return Ok(0);
    }
    let mut n_erased = 0;
    for entry in folder.read_dir()? {
        let path = entry?.path();
        let name = device.as_str().as_bytes();
        if fs::read(&path)?.windows(name.len()).any(|bytes| bytes == name) {
            fs::remove_file(&path)?;
            n_erased += 1;
        }
    }
    Ok(n_erased)
}
