//! Takes a device out of all that is kept: rows, the spool, dead letters, the directory, what waits for it or comes from it.
//!
//! The spool belongs to whoever has locked it, so the service is stopped for this. A record in the spool is overwritten where it
//! lies, by one of the same length that says nothing: places in the spool, which others remember, stay as they are.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow};

use super::Config;
use super::directory::Directory;
use super::protocol::names::DeviceId;
use super::record::Record;
use super::spool::segment::{self, Found};
use super::spool::{self, dead, recovery};
use super::store::TABLES;
use crate::private;
use crate::time::Timestamp;

/// What was erased, by where it was.
pub type Erased = Vec<(&'static str, u64)>;

/// Erases a device.
///
/// # Errors
/// A running service has the spool, or something cannot be written. It may be done again.
pub async fn device(config: &Config, name: &str) -> Result<Erased> {
    let device = DeviceId::new(name).context("that is no id of a device")?;
    let folder = config.spool_folder();
    let mut erased = Vec::new();
    let lock = if folder.is_dir() { Some(spool::lock(&folder)?) } else { None };
    if lock.is_some() {
        erased.push(("spool", from_spool(&folder, &device)?));
        erased.push(("dead_letters", from_letters(&folder, &device)?));
        erased.push(("damaged_parts", from_damaged(&folder, &device)?));
    }
    let directory = config.data_dir.join(super::backup::DIRECTORY);
    if directory.exists() {
        erased.push(("directory", Directory::open(&directory)?.erase(&device)?));
    }
    let store = super::export::open(config).await?;
    for table in TABLES.iter().rev().filter(|table| table.names_devices()) {
        let n = store.delete_device(table, &device).await;
        erased.push((table.name, n.map_err(|failure| anyhow!("{}: {failure}", table.name))?));
    }
    store.settle_deletions().await.map_err(|failure| anyhow!("{failure}"))?;
    drop(lock);
    Ok(erased)
}

/// Whether a record names a device. Ends of connections name nobody.
fn names(record: &Record, erased: &DeviceId) -> bool {
    match record {
        Record::DeviceSeen { device, .. }
        | Record::DeviceNamed { device, .. }
        | Record::Connected { device, .. }
        | Record::RoomQuery { device, .. }
        | Record::Collected { device, .. } => device == erased,
        Record::Message(message) => message.from == *erased || message.to.as_ref() == Some(erased),
        Record::RoomCreated { .. } | Record::Disconnected { .. } | Record::Revoked { .. } => false,
    }
}

fn from_spool(folder: &Path, device: &DeviceId) -> Result<u64> {
    let nothing = Record::Revoked { records: Vec::new(), at: Timestamp::default() }.to_bytes();
    let mut n_erased = 0;
    for number in segment::list(folder)? {
        let file = File::options().read(true).write(true).open(segment::path(folder, number))?;
        let mut offset = 0;
        loop {
            match segment::read_at(&file, offset)? {
                Found::Record { id, payload, next } => {
                    if Record::from_bytes(&payload).is_ok_and(|record| names(&record, device)) {
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

fn from_letters(folder: &Path, device: &DeviceId) -> Result<u64> {
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
                |letter| !names(&letter.record, device),
            )
        };
        let left: Vec<&str> = text.lines().filter(is_left).collect();
        let n_here = (text.lines().count() - left.len()) as u64;
        if n_here > 0 {
            let fresh = path.with_extension("unfinished");
            let text: String = left.iter().flat_map(|line| [*line, "\n"]).collect();
            private::write(&fresh, text.as_bytes())?;
            fs::rename(&fresh, &path)?;
        }
        n_erased += n_here;
    }
    Ok(n_erased)
}

/// Bytes that were set aside may be half a record: all of a file goes that has the name in it.
fn from_damaged(folder: &Path, device: &DeviceId) -> Result<u64> {
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
