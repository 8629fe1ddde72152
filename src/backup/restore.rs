//! Puts an archive's files where the configuration of this machine wants them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};

use super::archive::{check, each_file};
use super::manifest::Manifest;
use super::{CONFIGURATION, DATABASE, PUT_ASIDE, UNPACKED, folders, same};
use crate::devices;
use crate::private;
use crate::settings::Settings;
use crate::time::Timestamp;

/// What becomes of what is in the folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Nothing is restored where something is.
    Refused,
    /// It is moved into a folder of its own, beside what is restored.
    PutAside,
}

/// Restores an archive: all of it is checked before anything is touched. The configuration goes to `configuration`, if there is
/// one in the archive and somebody wants it.
pub fn restore(
    settings: &Settings,
    path: &Path,
    configuration: Option<&Path>,
    existing: Existing,
    now: Timestamp,
) -> Result<Manifest> {
    let manifest = check(path).with_context(|| format!("{}: nothing was changed", path.display()))?;
    let named: BTreeMap<&str, PathBuf> = folders(settings).into_iter().collect();
    let mut roots: BTreeMap<String, PathBuf> = BTreeMap::new();
    for key in manifest.folders.keys() {
        let Some(folder) = named.get(&key[..]) else { bail!("{key} is not set: say where to restore it") };
        look_at(key, folder, existing)?;
        let is_shared = roots
            .values()
            .any(|root| same(root).starts_with(same(folder)) || same(folder).starts_with(same(root)));
        ensure!(
            !is_shared,
            "{key} = {:?} is in another folder that is restored: set another one",
            folder.display()
        );
        roots.insert(key.clone(), folder.clone());
    }
    if let Some(file) = configuration {
        ensure!(!file.exists(), "{}: is there already; nothing was changed", file.display());
        ensure!(
            manifest.files.contains_key(CONFIGURATION),
            "no configuration is in the archive; nothing was changed"
        );
    }
    for folder in roots.values() {
        private::make_own_folder(&folder.join(UNPACKED))
            .with_context(|| format!("{}: cannot be made", folder.display()))?;
    }
    let unpacked = each_file(path, |name, content| {
        let target = if name == CONFIGURATION {
            configuration.map(Path::to_owned)
        } else {
            let root = name.split_once('/').and_then(|(key, rest)| Some((roots.get(key)?, rest)));
            root.map(|(folder, rest)| folder.join(UNPACKED).join(rest))
        };
        let Some(target) = target else { return Ok(()) };
        if let Some(folder) = target.parent().filter(|_| name != CONFIGURATION) {
            private::make_folder(folder)?;
        }
        let mut file = private::open(&target, File::options().create_new(true).write(true))
            .with_context(|| format!("{}: cannot be written", target.display()))?;
        io::copy(content, &mut file)?;
        Ok(file.sync_all()?)
    });
    if unpacked.is_err() {
        for folder in roots.values() {
            // What was there is as it was.
            let _ = fs::remove_dir_all(folder.join(UNPACKED));
        }
    }
    unpacked?;
    for folder in roots.values() {
        put_in_place(folder, now).with_context(|| folder.display().to_string())?;
    }
    Ok(manifest)
}

/// Takes the rows of a database server out of an archive; false if there are none.
pub fn take_database(path: &Path, to: &Path) -> Result<bool> {
    let mut is_there = false;
    each_file(path, |name, content| {
        if name == DATABASE {
            let mut file = private::open(to, File::options().create(true).write(true).truncate(true))?;
            io::copy(content, &mut file)?;
            is_there = true;
        }
        Ok(())
    })?;
    Ok(is_there)
}

/// Refuses a folder that is in use, or that holds something, unless that may be put aside.
fn look_at(key: &str, folder: &Path, existing: Existing) -> Result<()> {
    ensure!(
        !devices::backup::is_in_use(folder),
        "{key} = {:?}: a running roomhub has it; stop that first. Nothing was changed",
        folder.display()
    );
    // What an earlier attempt has left is nobody's.
    let _ = fs::remove_dir_all(folder.join(UNPACKED));
    let is_empty = match folder.read_dir() {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        Err(error) => return Err(error).with_context(|| folder.display().to_string()),
    };
    ensure!(
        is_empty || existing == Existing::PutAside,
        "{key} = {:?}: something is in it; --force moves that aside. Nothing was changed",
        folder.display()
    );
    Ok(())
}

fn put_in_place(folder: &Path, now: Timestamp) -> Result<()> {
    let aside = folder.join(format!("{PUT_ASIDE}{}", now.to_string().replace(':', "")));
    for entry in folder.read_dir()? {
        let entry = entry?;
        let name = entry.file_name();
        let is_kept = name.to_str().is_some_and(|name| name == UNPACKED || name.starts_with(PUT_ASIDE));
        if !is_kept {
            private::make_folder(&aside)?;
            fs::rename(entry.path(), aside.join(name))?;
        }
    }
    let unpacked = folder.join(UNPACKED);
    for entry in unpacked.read_dir()? {
        let entry = entry?;
        fs::rename(entry.path(), folder.join(entry.file_name()))?;
    }
    fs::remove_dir(&unpacked)?;
    Ok(File::open(folder)?.sync_all()?)
}
