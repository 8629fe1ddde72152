//! Files and folders that the configuration names.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::fs::Access;

use super::Report;
use crate::config::Loaded;
use crate::http::tls;
use crate::radio;
use crate::settings::{Service, Settings};

/// Bytes that a disk should have left: two files of the spool, a database that grows, a log.
const FEW_BYTES: u64 = 256 * 1024 * 1024;

/// Looks at every path of the configuration.
pub fn look(services: &[Service], loaded: &Loaded<Settings>, report: &mut Report) {
    let settings = &loaded.values;
    if settings.tls.is_on() {
        let chain = tls::check(&settings.tls).map(|n| format!("{n} certificates, and their key"));
        report.add("tls.cert", chain);
    }
    for (key, value) in loaded.keys() {
        let is_read = key.ends_with("_file") || key.ends_with("_ca");
        if let (true, Some(path)) = (is_read, value.as_str().filter(|path| !path.is_empty())) {
            report.add(key, readable_file(Path::new(path)));
        }
    }
    let has_any = |wanted: &[Service]| services.iter().any(|service| wanted.contains(service));
    if has_any(&[Service::Music, Service::Watch]) && settings.rooms.persist {
        folder("rooms.data_dir", &settings.rooms.data_dir, report);
    }
    if has_any(&[Service::Devices]) {
        folder("devices.data_dir", &settings.devices.data_dir, report);
    }
    let audit_log = settings.admin.audit_path(&settings.rooms.data_dir);
    if let Err(problem) = writable_folder(folder_of(&audit_log)) {
        report.warn("admin.audit_log", format!("{problem:#}: what operators do is only in the log"));
    }
    if has_any(&[Service::Watch]) && !settings.watch.event_log.is_empty() {
        folder("watch.event_log", folder_of(Path::new(&settings.watch.event_log)), report);
    }
    for (service, key, path) in [
        (Service::Music, "music.recordings_dir", &settings.music.recordings_dir),
        (Service::Music, "music.uploads_dir", &settings.music.uploads_dir),
        (Service::Watch, "watch.recordings_dir", &settings.watch.recordings_dir),
        (Service::Radio, "radio.recordings_dir", &settings.radio.recordings_dir),
    ] {
        if has_any(&[service]) && !path.is_empty() {
            folder(key, Path::new(path), report);
        }
    }
    for (service, key, path) in [
        (Service::Music, "music.media_dir", &settings.music.media_dir),
        (Service::Watch, "watch.media_dir", &settings.watch.media_dir),
    ] {
        if has_any(&[service]) && !path.is_empty() {
            report.add(key, source_folder(Path::new(path)));
        }
    }
    if has_any(&[Service::Radio]) {
        if !settings.radio.data_dir.is_empty() {
            folder("radio.data_dir", Path::new(&settings.radio.data_dir), report);
        }
        for (key, path) in radio::audio_folders(&settings.radio) {
            report.add(key, source_folder(&path));
        }
        let countries = &settings.radio.geoip_database;
        if !countries.is_empty() {
            report.add("radio.geoip_database", radio::check_countries(Path::new(countries)));
        }
        for (key, path) in radio::playlist_files(&settings.radio) {
            report.add(key, readable_file(&path));
        }
    }
}

fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn readable_file(path: &Path) -> Result<String> {
    let shown = path.display();
    let mut file = File::open(path).with_context(|| format!("{shown}: cannot be opened"))?;
    ensure!(
        !file.metadata().is_ok_and(|about| about.is_dir()),
        "{shown}: a file is expected, this is a folder"
    );
    let n = file.read(&mut [0]).with_context(|| format!("{shown}: cannot be read"))?;
    ensure!(n > 0, "{shown}: is empty");
    Ok(format!("{shown} can be read"))
}

fn source_folder(path: &Path) -> Result<String> {
    let shown = path.display();
    let about = fs::metadata(path).with_context(|| format!("{shown}: cannot be looked into"))?;
    ensure!(about.is_dir(), "{shown}: a folder is expected, this is a file");
    fs::read_dir(path).with_context(|| format!("{shown}: cannot be looked into"))?;
    Ok(format!("{shown} can be looked through"))
}

/// A folder that is written to; it need not be there yet.
fn folder(key: &str, path: &Path, report: &mut Report) {
    let looked = writable_folder(path);
    let Ok(nearest) = &looked else { return report.add(key, looked.map(|_| String::new())) };
    let state = if nearest == path { "can be written to" } else { "would be made" };
    let free = rustix::fs::statvfs(nearest).map_or(u64::MAX, |disk| disk.f_bavail * disk.f_frsize);
    let shown = path.display();
    if free < FEW_BYTES {
        report.warn(key, format!("{shown} {state}, and its disk has only {} MiB left", free >> 20));
    } else {
        report.ok(key, format!("{shown} {state}"));
    }
}

/// The folder itself, or the nearest one above it that is there, if it can be written to.
fn writable_folder(path: &Path) -> Result<PathBuf> {
    let shown = path.display();
    let mut nearest = if path.is_absolute() { path.to_owned() } else { Path::new(".").join(path) };
    while fs::symlink_metadata(&nearest).is_err() {
        if !nearest.pop() {
            bail!("{shown}: no folder above it is there");
        }
    }
    let about =
        fs::metadata(&nearest).with_context(|| format!("{}: cannot be looked at", nearest.display()))?;
    ensure!(about.is_dir(), "{}: a folder is expected, this is a file", nearest.display());
    rustix::fs::access(&nearest, Access::WRITE_OK | Access::EXEC_OK)
        .with_context(|| format!("{}: cannot be written to", nearest.display()))?;
    Ok(if nearest.ends_with(path) { path.to_owned() } else { nearest })
}
