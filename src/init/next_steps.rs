//! What is told once a configuration has been written: how to check it, to start with it, and where to find what it starts.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::Draft;
use crate::cli::Init;
use crate::http::socket::Listen;
use crate::settings::{Service, Settings};

/// Where the units of the packages look for it.
pub const OF_UNITS: &str = "/etc/roomhub/config.toml";

/// Where the units keep what is to be kept.
const OF_UNITS_DATA: &str = "/var/lib/roomhub";

/// What `ProtectHome=` hides.
const HOMES: [&str; 3] = ["/home", "/root", "/run/user"];

/// Where the units of the packages may write recordings.
pub const UNITS_RECORDINGS: &str = "/var/lib/roomhub/recordings";

/// Whether whoever reads this may be told keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// Somebody at a terminal.
    Person,
    /// Somebody's log, for all that is known.
    Other,
}

/// The whole text.
pub fn text(draft: &Draft, answers: &Init, file: &Path, reader: Reader) -> String {
    let shown = file.display();
    let mode = if draft.has_secrets() { ", and only its owner may read it: it holds secrets" } else { "" };
    let mut text = format!("{shown} was written{mode}.\n");
    if !draft.keys.is_empty() && reader == Reader::Person {
        let _ = write!(text, "\nKeys, which are in the file and are not shown again:\n");
        for key in &draft.keys {
            let _ = writeln!(text, "  {:<22}{}  {}", key.path, key.word.expose(), key.reason);
        }
    }
    let is_all = draft.services.len() == Service::all().len();
    let named: Vec<&str> = draft.services.iter().map(|service| service.name()).collect();
    let start = match draft.services.as_slice() {
        [one] => one.name().to_owned(),
        _ if is_all => "all".to_owned(),
        _ => format!("all --only {}", named.join(",")),
    };
    let checked = if is_all { String::new() } else { format!(" {}", named.join(" ")) };
    let _ = write!(
        text,
        "\nNext:\n  roomhub check{checked} --config {shown}\n  roomhub {start} --config {shown}\n"
    );
    let _ = write!(text, "\nAs a service of systemd, with the units of the package:\n");
    if file == Path::new(OF_UNITS) {
        if draft.has_secrets() {
            let _ = writeln!(text, "  chown roomhub {OF_UNITS}");
        }
    } else {
        let _ = writeln!(text, "  install -o roomhub -m 600 {shown} {OF_UNITS}");
    }
    let units = if is_all {
        "roomhub".to_owned()
    } else if draft.services.len() == 1 || answers.listen.is_empty() {
        named.iter().map(|name| format!("roomhub@{name}")).collect::<Vec<_>>().join(" ")
    } else {
        let _ = writeln!(
            text,
            "  systemctl edit roomhub        # [Service], ExecStart=, ExecStart=/usr/bin/roomhub {start}"
        );
        "roomhub".to_owned()
    };
    for what in surprises(draft, answers) {
        let _ = writeln!(text, "  # {what}");
    }
    let _ = write!(text, "  systemctl enable --now {units}\n\nThen open:\n");
    for url in urls(draft, answers) {
        let _ = writeln!(text, "  {url}");
    }
    text
}

/// What the units do otherwise than the file says: they see no homes, and write below their own folders alone.
fn surprises(draft: &Draft, answers: &Init) -> Vec<String> {
    let absolute = |folder: &Path| std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let stations = answers.stations.iter().filter_map(|station| station.split_once('='));
    let stations = stations.map(|(_, folder)| Path::new(folder));
    let read = [&answers.films, &answers.music, &answers.audio].into_iter().flatten().map(PathBuf::as_path);
    let is_home = |folder: &PathBuf| HOMES.iter().any(|homes| folder.starts_with(homes));
    let mut told: Vec<String> = read
        .chain(stations)
        .map(absolute)
        .filter(is_home)
        .map(|folder| {
            format!("{}: the units see no homes; move it, or set ProtectHome=read-only", folder.display())
        })
        .collect();
    if answers.data.is_some() && draft.services.as_slice() != [Service::Signal] {
        told.push(format!("the units keep their data in {OF_UNITS_DATA}, whatever data_dir says"));
    }
    let recordings = answers.recordings.as_deref().map(absolute);
    if let Some(folder) = recordings.filter(|folder| !folder.starts_with(UNITS_RECORDINGS)) {
        told.push(format!("{}: the units may not write there without ReadWritePaths=", folder.display()));
    }
    told
}

/// Where browsers find it.
fn urls(draft: &Draft, answers: &Init) -> Vec<String> {
    let is_public = !draft.names.is_empty();
    let host = draft.names.first().map_or("localhost", String::as_str);
    let scheme = if answers.tls_cert.is_some() { "https" } else { "http" };
    if is_public && !answers.proxy.is_empty() {
        return vec![format!("https://{host}/, if that is where the proxy leads here from")];
    }
    if let Some(first) = answers.listen.first() {
        let port = first.rsplit_once(':').map_or("", |(_, port)| port);
        return vec![if first.starts_with("unix:") {
            first.clone()
        } else {
            format!("{scheme}://{host}:{port}/")
        }];
    }
    let settings = Settings::default();
    let port = |service: Service| {
        let Listen { port, .. } = settings.listen(service);
        port
    };
    draft
        .services
        .iter()
        .map(|service| format!("{scheme}://{host}:{}/  {}", port(*service), service.name()))
        .collect()
}
