//! What is put into an archive, and in which order.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::archive::Writer;
use super::manifest::Manifest;
use super::{CONFIGURATION, DATABASE, PUT_ASIDE, STAGING, UNPACKED, configuration, database, folders, same};
use crate::devices;
use crate::private;
use crate::settings::Settings;
use crate::time::Timestamp;

/// What belongs to a running process, or is made again: names of files and folders.
const LEFT_OUT: [&str; 6] = ["lock", "cursor.new", "hls", "frames", UNPACKED, STAGING];

/// What SQLite and unfinished work keep beside a file.
const LEFT_OUT_ENDS: [&str; 4] = ["-wal", "-shm", "-journal", ".unfinished"];

/// Whether keys and passwords of the configuration are in an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrets {
    /// They are, and keys that the program has made up too.
    Kept,
    /// They are not.
    LeftOut,
}

/// Writes the rows of a database server to a file.
pub type Dump<'a> = dyn Fn(&Path) -> Result<()> + 'a;

/// What is being collected.
struct Collection {
    writer: Writer,
    /// A folder for copies of databases.
    staging: Staging,
    archive: PathBuf,
    secrets: Secrets,
}

/// A folder that is removed in the end.
struct Staging(PathBuf);

impl Drop for Staging {
    fn drop(&mut self) {
        // It is beside the archive, and is removed by the next one otherwise.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Writes everything into an archive. `configured` is the text of the configuration file; `dump` is asked for
/// the rows of a database server after the spool.
pub fn create(
    settings: &Settings,
    configured: Option<&str>,
    secrets: Secrets,
    dump: Option<&Dump<'_>>,
    path: &Path,
    now: Timestamp,
) -> Result<Manifest> {
    let mut roots: BTreeMap<&'static str, PathBuf> = BTreeMap::new();
    for (key, folder) in folders(settings) {
        let is_in_another = roots.values().any(|root| same(&folder).starts_with(same(root)));
        if folder.is_dir() && !is_in_another {
            roots.retain(|_, root| !same(root).starts_with(same(&folder)));
            roots.insert(key, folder);
        }
    }
    if roots.is_empty() {
        let named: Vec<String> =
            folders(settings).iter().map(|(key, folder)| format!("{key} = {:?}", folder.display())).collect();
        bail!("there is nothing to back up: no such folder is there ({})", named.join(", "));
    }
    let told = roots.iter().map(|(key, folder)| ((*key).to_owned(), folder.display().to_string())).collect();
    let staging = path.with_file_name(STAGING);
    let _ = fs::remove_dir_all(&staging);
    private::make_own_folder(&staging).with_context(|| format!("{}: cannot be made", staging.display()))?;
    let staging = Staging(staging);
    let writer = Writer::create(path, Manifest::new(now.to_string(), told))?;
    let mut collection = Collection { writer, staging, archive: path.to_owned(), secrets };
    if let Some(text) = configured {
        let text = configuration(text, secrets)?;
        collection.writer.add(CONFIGURATION, text.len() as u64, text.as_bytes())?;
    }
    for (key, folder) in &roots {
        collection.devices(key, folder)?;
    }
    if let Some(dump) = dump {
        let rows = collection.staging.0.join(DATABASE);
        dump(&rows)?;
        collection.put_copy(&rows, DATABASE)?;
    }
    for (key, folder) in &roots {
        collection.walk(folder, key).with_context(|| format!("{}: cannot be read", folder.display()))?;
    }
    collection.writer.finish()
}

impl Collection {
    /// The spool and the directory, before any database.
    fn devices(&mut self, key: &str, data_dir: &Path) -> Result<()> {
        let directory = self.staging.0.join(devices::backup::DIRECTORY);
        let Some(pieces) = devices::backup::pieces(data_dir, &directory, database::copy)? else {
            return Ok(());
        };
        if directory.exists() {
            self.put_copy(&directory, &format!("{key}/{}", devices::backup::DIRECTORY))?;
        }
        for piece in pieces {
            if let Some((name, file)) = piece.open()? {
                self.writer.add_file(&format!("{key}/{name}"), &file)?;
            }
        }
        Ok(())
    }

    fn put_copy(&mut self, copy: &Path, name: &str) -> Result<()> {
        // Opened and settled by whoever made it, it has no log beside it any longer.
        self.writer.add_file(name, &File::open(copy)?)?;
        Ok(fs::remove_file(copy)?)
    }

    fn walk(&mut self, folder: &Path, name: &str) -> Result<()> {
        let mut entries: Vec<_> = folder.read_dir()?.collect::<io::Result<_>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        let has_spool = folder.join("spool").is_dir();
        for entry in entries {
            let file_name = entry.file_name();
            let Some(text) = file_name.to_str() else { continue };
            let is_done = has_spool && ["spool", devices::backup::DIRECTORY].contains(&text);
            let is_key = self.secrets == Secrets::LeftOut && text.ends_with(".auth_key");
            let is_left_out = LEFT_OUT.contains(&text)
                || LEFT_OUT_ENDS.iter().any(|end| text.ends_with(end))
                || text.starts_with(PUT_ASIDE);
            if is_done || is_key || is_left_out || same(&entry.path()) == same(&self.archive) {
                continue;
            }
            let name = format!("{name}/{text}");
            let kind = entry.file_type()?;
            if kind.is_dir() {
                self.walk(&entry.path(), &name)?;
            } else if kind.is_file() {
                self.file(&entry.path(), &name).with_context(|| entry.path().display().to_string())?;
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, name: &str) -> Result<()> {
        if path.extension().is_some_and(|end| end == "db") {
            let copy = self.staging.0.join("copy.db");
            database::copy(path, &copy)?;
            return self.put_copy(&copy, name);
        }
        match File::open(path) {
            Ok(file) => Ok(self.writer.add_file(name, &file)?),
            // It was deleted meanwhile, as recordings and uploads are.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
