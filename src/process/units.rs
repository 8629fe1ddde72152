//! What the units of the packages give their services: so commands find the same folders and the same database.
//!
//! It is read from the units themselves, as they are packaged.

use std::fs;
use std::path::{Path, PathBuf};

use super::environment::variables;
use crate::cli;
use crate::config::{Loaded, Mistake, Source};
use crate::settings::{self, Service, Settings};

/// One process for all services, and one for each.
const ALL: &str = include_str!("../../assets/systemd/roomhub.service");
const ONE: &str = include_str!("../../assets/systemd/roomhub@.service");

/// What the units read.
const CONFIG: &str = "/etc/roomhub/config.toml";

/// The configuration by which a command finds what is kept.
///
/// # Errors
/// Every mistake in it.
pub fn load(kept: &cli::Kept) -> Result<Loaded<Settings>, Vec<Mistake>> {
    let mut file = kept.config.path.clone();
    let mut environment: Vec<(String, String)> = variables().collect();
    if let Some(unit) = &kept.unit {
        let given = given_by(unit, Path::new("/")).map_err(|problem| {
            vec![Mistake {
                source: Source::Flag("--unit"),
                key: String::new(),
                value: String::new(),
                problem,
            }]
        })?;
        // What was said here is meant.
        let is_said = |name: &str| environment.iter().any(|(known, _)| known == name);
        let given: Vec<_> = given.into_iter().filter(|(name, _)| !is_said(name)).collect();
        environment.extend(given);
        file = file.or_else(|| Some(PathBuf::from(CONFIG)).filter(|path| path.exists()));
    }
    settings::load(&Service::all(), file.as_deref(), environment.into_iter(), Vec::new())
}

/// The variables of a unit: its own, and those of its file, which lies below `root`.
fn given_by(unit: &str, root: &Path) -> Result<Vec<(String, String)>, String> {
    let unit = unit.strip_suffix(".service").unwrap_or(unit);
    let is_service = |name: &str| Service::all().iter().any(|service| service.name() == name);
    let (text, instance) = match unit.split_once('@') {
        None if unit == "roomhub" => (ALL, ""),
        Some(("roomhub", service)) if is_service(service) => (ONE, service),
        _ => {
            return Err(format!(
                "{unit}: roomhub, or roomhub@ and a service is expected, like roomhub@music"
            ));
        }
    };
    let mut given = Vec::new();
    for line in text.lines() {
        if let Some((name, value)) = line.strip_prefix("Environment=").and_then(|line| line.split_once('=')) {
            let value = value.replace("%S", "/var/lib").replace("%C", "/var/cache").replace("%i", instance);
            given.push((name.to_owned(), value));
        } else if let Some(path) = line.strip_prefix("EnvironmentFile=-/") {
            let path = root.join(path);
            match fs::read_to_string(&path) {
                Ok(text) => given.extend(text.lines().filter_map(assignment)),
                Err(problem) if problem.kind() == std::io::ErrorKind::NotFound => {}
                Err(problem) => return Err(format!("{}: cannot be read: {problem}", path.display())),
            }
        }
    }
    Ok(given)
}

/// A line of an environment file.
fn assignment(line: &str) -> Option<(String, String)> {
    let line = line.trim();
    let (name, value) = line.split_once('=').filter(|_| !line.starts_with(['#', ';']))?;
    let bare = ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
    Some((name.trim().to_owned(), bare.unwrap_or(value).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_find_the_folders_and_the_database_of_a_unit() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("etc/roomhub")).unwrap();
        let text = "# a comment\nDATABASE_URL='mysql://hub:pass@host/rooms'\n\nAUTH_KEY=open sesame\n";
        fs::write(root.path().join("etc/roomhub/environment"), text).unwrap();
        let of = |unit: &str| {
            let given = given_by(unit, root.path()).unwrap();
            move |name: &str| {
                given.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()).unwrap()
            }
        };
        let all = of("roomhub");
        assert_eq!(all("ROOMHUB_ROOMS__DATA_DIR"), "/var/lib/roomhub/rooms");
        assert_eq!(all("ROOMHUB_DEVICES__DATA_DIR"), "/var/lib/roomhub/devices");
        assert_eq!(all("DATABASE_URL"), "mysql://hub:pass@host/rooms");
        let one = of("roomhub@devices.service");
        assert_eq!(one("ROOMHUB_DEVICES__DATA_DIR"), "/var/lib/roomhub/devices");
        assert_eq!(of("roomhub@radio")("ROOMHUB_RADIO__DATA_DIR"), "/var/cache/roomhub/radio");
        assert_eq!(one("AUTH_KEY"), "open sesame");
        for wrong in ["roomhub@tv", "nginx", "roomhub@", ""] {
            assert!(given_by(wrong, root.path()).is_err(), "{wrong}");
        }
        fs::remove_file(root.path().join("etc/roomhub/environment")).unwrap();
        assert!(given_by("roomhub", root.path()).is_ok(), "the file may be missing");
    }
}
