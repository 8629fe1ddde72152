//! Which configuration file is read: the one that is named, else the first of the usual ones that exists.

use std::path::{Path, PathBuf};

use super::{Mistake, Source};

/// The variable that names the file, where no flag does.
pub const VARIABLE_OF_FILE: &str = "ROOMHUB_CONFIG";

/// The file to read, with its text.
///
/// # Errors
/// One clear mistake when it cannot be read.
pub fn read_file(
    named: Option<&Path>,
    environment: &[(String, String)],
) -> Result<Option<(PathBuf, String)>, Mistake> {
    let named = named.map(Path::to_owned).or_else(|| variable(environment, VARIABLE_OF_FILE));
    let Some(path) = named.or_else(|| usual(environment).into_iter().find(|path| path.exists())) else {
        return Ok(None);
    };
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some((path, text))),
        Err(error) => Err(Mistake {
            source: Source::File(path),
            key: String::new(),
            value: String::new(),
            problem: format!("cannot be read: {error}"),
        }),
    }
}

/// Where a file is looked for, the strongest first.
fn usual(environment: &[(String, String)]) -> Vec<PathBuf> {
    // The XDG specification has relative folders ignored.
    let of_user = variable(environment, "XDG_CONFIG_HOME")
        .filter(|folder| folder.is_absolute())
        .or_else(|| variable(environment, "HOME").map(|home| home.join(".config")));
    let mut places = vec![PathBuf::from("roomhub.toml"), PathBuf::from("config.toml")];
    places.extend(of_user.map(|folder| folder.join("roomhub/config.toml")));
    places.push(PathBuf::from("/etc/roomhub/config.toml"));
    places
}

/// The path that a variable holds; one that is empty is not set.
fn variable(environment: &[(String, String)], name: &str) -> Option<PathBuf> {
    let (_, value) = environment.iter().find(|(known, value)| known == name && !value.is_empty())?;
    Some(PathBuf::from(value))
}
