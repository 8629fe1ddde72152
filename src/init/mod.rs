//! `roomhub init`: a configuration that has what differs from the defaults, each key with its reason.
//!
//! Answers become lines of a file, which is loaded as any other before it is written: what is wrong is told in the
//! loader's words.

pub mod next_steps;
pub mod questions;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use toml::Value;

use crate::cli::Init;
use crate::config::{Mistake, Source};
use crate::http::tls;
use crate::random;
use crate::secret::Secret;
use crate::settings::{self, Service};

/// Bytes of a key: nobody guesses 128 bits. In hex, every client and player can be given it.
const KEY_BYTES: usize = 16;

/// A configuration that is not written yet.
pub struct Draft {
    /// What runs with it.
    pub services: Vec<Service>,
    lines: Vec<Line>,
    /// What stands behind all sections.
    tables: String,
    /// Keys that were made for it.
    pub keys: Vec<Key>,
    /// Names under which services are found without one of their own.
    pub names: Vec<String>,
    mistakes: Vec<Mistake>,
}

/// One key with its value.
struct Line {
    section: &'static str,
    name: &'static str,
    value: Value,
    reason: &'static str,
    is_secret: bool,
}

/// A key that was made.
pub struct Key {
    /// Where it stands, like `watch.auth_key`.
    pub path: String,
    /// The key.
    pub word: Secret,
    /// Who needs it.
    pub reason: &'static str,
}

impl Draft {
    /// The configuration that the answers make, with fresh keys.
    pub fn new(answers: &Init) -> Self {
        let mut services = answers.services.clone();
        services.sort_unstable();
        services.dedup();
        if services.is_empty() {
            services = Service::all().to_vec();
        }
        let mut draft = Self {
            services,
            lines: Vec::new(),
            tables: String::new(),
            keys: Vec::new(),
            names: Vec::new(),
            mistakes: Vec::new(),
        };
        draft.network(answers);
        draft.folders(answers);
        draft.stations(answers);
        draft.kept_of_members(answers);
        draft.servers(answers);
        draft.calls(answers);
        draft.make_keys(answers);
        draft
    }

    /// Whether a service runs with it.
    pub fn has(&self, service: Service) -> bool {
        self.services.contains(&service)
    }

    /// Whether it holds what only its owner may read.
    pub fn has_secrets(&self) -> bool {
        self.lines.iter().any(|line| line.is_secret)
    }

    /// The text of the file.
    pub fn text(&self) -> String {
        let mut text = "# Written by `roomhub init`. It has what differs from the defaults: config.example.toml has every key.\n"
            .to_owned();
        if self.has_secrets() {
            text.push_str("# It holds secrets, so only its owner may read it (mode 0600).\n");
        }
        let mut sections: Vec<&str> = self.lines.iter().map(|line| line.section).collect();
        sections.sort_by_key(|section| place(section));
        sections.dedup();
        for section in sections {
            let _ = write!(text, "\n[{section}]\n");
            for Line { name, value, reason, .. } in self.lines.iter().filter(|line| line.section == section) {
                let _ = write!(text, "# {reason}\n{name} = {value}\n");
            }
        }
        text.push_str(&self.tables);
        text
    }

    /// What is wrong with the answers, as the file of that name would be refused.
    pub fn mistakes(&self, file: &Path) -> Vec<Mistake> {
        let mut mistakes = self.mistakes.clone();
        match settings::load_text(&self.services, file, self.text()) {
            Err(others) => mistakes.extend(others),
            Ok(loaded) if loaded.values.tls.is_on() => {
                let problem = tls::check(&loaded.values.tls).err();
                mistakes.extend(problem.map(|problem| mistake("--tls-cert", format!("{problem:#}"))));
            }
            Ok(_) => {}
        }
        mistakes
    }

    fn network(&mut self, answers: &Init) {
        if !answers.proxy.is_empty() {
            let reason = "The proxy: whom it names in X-Forwarded-For is believed.";
            self.set("network", "trusted_proxies", list(&answers.proxy), reason);
        }
        let has_door = self.services.len() > 1 && !answers.listen.is_empty();
        if has_door {
            self.set("door", "listen", list(&answers.listen), "All services are at this one address.");
        } else if let ([service], false) = (self.services.as_slice(), answers.listen.is_empty()) {
            self.set(service.name(), "listen", list(&answers.listen), "Where it listens.");
        } else if !answers.proxy.is_empty() && answers.proxy.iter().all(|proxy| is_this_machine(proxy)) {
            for service in self.services.clone() {
                self.set(service.name(), "host", "127.0.0.1", "The proxy is on this machine.");
            }
        }
        if let (Some(cert), Some(key)) = (&answers.tls_cert, &answers.tls_key) {
            self.set("tls", "cert", path(cert), "Read again when it changes.");
            self.set("tls", "key", path(key), "Its key.");
        }
        let mut of_services: Vec<(Service, Vec<String>)> = Vec::new();
        for text in &answers.name {
            let Some((service, name)) = text.split_once('=') else {
                self.names.push(text.clone());
                continue;
            };
            match self.services.iter().find(|known| known.name() == service) {
                Some(service) if has_door => match of_services.iter_mut().find(|(known, _)| known == service)
                {
                    Some((_, names)) => names.push(name.to_owned()),
                    None => of_services.push((*service, vec![name.to_owned()])),
                },
                Some(_) => self.mistakes.push(mistake(
                    "--name",
                    format!("{text}: names of single services need one address for all (--listen)"),
                )),
                None => {
                    self.mistakes
                        .push(mistake("--name", format!("{text}: no service that runs is called {service}")));
                }
            }
        }
        for (service, names) in of_services {
            self.set("door", service.name(), list(&names), "Found at this name without a path.");
        }
    }

    fn folders(&mut self, answers: &Init) {
        for (service, folder, flag, section, name, reason) in [
            (Service::Music, &answers.music, "--music", "music", "media_dir", "Music that rooms play."),
            (Service::Watch, &answers.films, "--films", "watch", "media_dir", "Films that rooms play."),
            (Service::Radio, &answers.audio, "--audio", "radio", "audio_dir", "What is broadcast."),
        ] {
            let Some(folder) = folder.as_ref().filter(|_| self.has(service)) else { continue };
            if !folder.is_dir() && (service != Service::Radio || !folder.is_file()) {
                self.mistakes.push(mistake(flag, format!("{}: not a folder", folder.display())));
            }
            self.set(section, name, path(folder), reason);
        }
        let Some(data) = &answers.data else { return };
        if self.has(Service::Music) || self.has(Service::Watch) {
            self.set("rooms", "data_dir", path(data), "Rooms and uploads, over restarts.");
        }
        if self.has(Service::Devices) {
            self.set(
                "devices",
                "data_dir",
                path(data),
                "Messages, until the database has them, and SQLite's file.",
            );
        }
        if self.has(Service::Radio) {
            self.set("radio", "data_dir", path(data), "What is known of tracks; it may be deleted.");
        }
    }

    /// Each is a table: all else that stations may have is added there.
    fn stations(&mut self, answers: &Init) {
        let stations: &[String] = if self.has(Service::Radio) { &answers.stations } else { &[] };
        for text in stations {
            let Some((route, folder)) = text.split_once('=') else {
                self.mistakes.push(mistake("--stations", format!("{text}: ROUTE=FOLDER is expected")));
                continue;
            };
            if !Path::new(folder).is_dir() {
                self.mistakes.push(mistake("--stations", format!("{folder}: not a folder")));
            }
            if self.tables.is_empty() {
                self.tables.push_str("\n# Stations. docs/radio.md has what else one may have.\n");
            } else {
                self.tables.push('\n');
            }
            let route = Value::from(format!("/{}", route.trim().trim_start_matches('/')));
            let folders = Value::from(vec![Value::from(path(Path::new(folder)))]);
            let _ = write!(self.tables, "[[radio.stations]]\nroute = {route}\nfolders = {folders}\n");
        }
    }

    /// What members may leave on the disk.
    fn kept_of_members(&mut self, answers: &Init) {
        if let Some(folder) = &answers.recordings {
            for service in [Service::Music, Service::Watch] {
                if self.has(service) {
                    let folder = path(&folder.join(service.name()));
                    let reason = "Hosts may record their rooms; [recordings] has the limits.";
                    self.set(service.name(), "recordings_dir", folder, reason);
                }
            }
        }
        if let Some(megabytes) = answers.uploads.filter(|_| self.has(Service::Music)) {
            let bytes = i64::from(megabytes) * 1_000_000;
            self.set("music", "max_upload_bytes", bytes, "Members may upload files up to so many bytes.");
        }
    }

    /// The server that leads calls through routers; coturn answers STUN and TURN at one port.
    fn calls(&mut self, answers: &Init) {
        let calls = [Service::Music, Service::Watch, Service::Signal];
        let Some(server) = answers.turn.as_ref().filter(|_| calls.iter().any(|service| self.has(*service)))
        else {
            return;
        };
        let reason = "Tells browsers where they are seen from.";
        self.set("signal", "stun_urls", list(&[format!("stun:{server}")]), reason);
        self.set(
            "signal",
            "turn_urls",
            list(&[format!("turn:{server}")]),
            "Carries calls that no direct way leads to.",
        );
        self.make_key(
            "signal",
            "turn_secret",
            "coturn has the same as static-auth-secret, with use-auth-secret.",
        );
    }

    fn servers(&mut self, answers: &Init) {
        if let Some(database) = answers.database.as_ref().filter(|_| self.has(Service::Devices)) {
            self.set_url(
                "devices",
                ["database_url", "database_url_file"],
                database,
                "The database of devices.",
            );
        }
        if let Some(redis) = &answers.redis {
            self.set_url("cluster", ["url", "url_file"], redis, "The Redis that nodes share rooms through.");
        }
    }

    /// A URL may hold a password, and may be in a file for it.
    fn set_url(
        &mut self,
        section: &'static str,
        [key, file_key]: [&'static str; 2],
        text: &str,
        reason: &'static str,
    ) {
        if text.contains("://") {
            self.lines.push(Line { section, name: key, value: text.into(), reason, is_secret: true });
        } else {
            self.set(section, file_key, path(Path::new(text)), reason);
        }
    }

    fn make_keys(&mut self, answers: &Init) {
        if self.has(Service::Watch) {
            self.make_key("watch", "auth_key", "Clients of watch bring it.");
        }
        if answers.client_keys && self.has(Service::Signal) {
            self.make_key("signal", "auth_key", "Clients of signal bring it.");
        }
        if answers.client_keys && self.has(Service::Devices) {
            self.set("devices", "auth", "key", "Devices bring the key below.");
            self.make_key("devices", "auth_key", "Devices bring it.");
        }
        // Behind a proxy, nobody is on this machine itself.
        if answers.operator_keys || !answers.proxy.is_empty() {
            self.make_key("metrics", "token", "Opens /metrics.");
            self.make_key("admin", "key", "Opens /admin, of all services.");
            if self.has(Service::Watch) {
                self.make_key("watch", "admin_key", "Opens /admin/api of watch.");
            }
            if self.has(Service::Devices) {
                self.make_key("devices", "console_key", "Opens the console of devices.");
            }
            if self.has(Service::Radio) {
                self.make_key("radio", "admin_key", "Skips and shuffles on radio.");
            }
        }
        if answers.live && self.has(Service::Radio) {
            self.make_key("radio", "source_password", "Live sources bring it, as the user \"source\".");
        }
    }

    fn make_key(&mut self, section: &'static str, name: &'static str, reason: &'static str) {
        let word = hex::encode(random::bytes::<KEY_BYTES>());
        self.lines.push(Line { section, name, value: word.clone().into(), reason, is_secret: true });
        self.keys.push(Key { path: format!("{section}.{name}"), word: Secret::new(word), reason });
    }

    fn set(
        &mut self,
        section: &'static str,
        name: &'static str,
        value: impl Into<Value>,
        reason: &'static str,
    ) {
        self.lines.push(Line { section, name, value: value.into(), reason, is_secret: false });
    }
}

/// Sections stand in the order of `config.example.toml`.
fn place(section: &str) -> usize {
    let sections = ["network", "tls", "door", "metrics", "cluster", "rooms"];
    let services = Service::all().map(Service::name);
    sections.iter().chain(&services).position(|known| *known == section).unwrap_or(usize::MAX)
}

fn mistake(flag: &'static str, problem: String) -> Mistake {
    Mistake { source: Source::Flag(flag), key: String::new(), value: String::new(), problem }
}

fn list(texts: &[String]) -> Value {
    texts.iter().map(|text| Value::from(text.trim())).collect::<Vec<_>>().into()
}

/// Services may be started in another folder than this one.
fn path(path: &Path) -> String {
    let absolute: PathBuf = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    absolute.display().to_string()
}

fn is_this_machine(proxy: &str) -> bool {
    proxy == "::1" || proxy.starts_with("127.")
}

#[cfg(test)]
mod tests;
