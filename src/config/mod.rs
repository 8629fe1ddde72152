//! Configuration: defaults < file < environment < flags, merged leaf by leaf, with all mistakes told at once.
//!
//! The defaults are the schema: what `T::default()` serialises to says which keys exist and of which
//! kind each is. Knows no service; `settings` composes theirs.

mod file;
mod findings;
mod layers;
mod lists;
mod secret_files;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

pub use file::{VARIABLE_OF_FILE, read_file};
pub use findings::Findings;
use layers::{Entry, leaf, leaves, nearest, put};
pub use secret_files::secret_in;

use crate::secret::MASK;

/// The prefix of this program's own environment variables: `ROOMHUB_MUSIC__PORT` is `music.port`.
const PREFIX: &str = "ROOMHUB_";

/// The unit of aliases that may say `128`, `128k` or `128kbps`, or bits a second, where the key holds kilobits.
pub const KBPS: &str = "kbps";

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Nobody set it.
    Default,
    /// The configuration file.
    File(PathBuf),
    /// An environment variable.
    Environment(String),
    /// A flag on the command line.
    Flag(&'static str),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// One thing wrong with the configuration, said so that it can be mended without asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Where it stands.
    pub source: Source,
    /// The key's path, like `music.port`; empty when it is the whole file.
    pub key: String,
    /// The value as it was given, masked if it is a secret.
    pub value: String,
    /// What is wrong, or what is allowed.
    pub problem: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.key.is_empty(), self.value.is_empty()) {
            (true, _) => write!(f, "{}: {}", self.source, self.problem),
            (false, true) => write!(f, "{}: {}: {}", self.source, self.key, self.problem),
            (false, false) => write!(f, "{}: {} = {}: {}", self.source, self.key, self.value, self.problem),
        }
    }
}

/// An environment variable that an earlier server already used for a key of ours.
#[derive(Debug, Clone, Copy)]
pub struct Alias {
    /// Its name, like `MAX_ROOMS`.
    pub variable: &'static str,
    /// The key that it sets.
    pub key: &'static str,
    /// The unit to append where the variable is a bare number and the key is not.
    pub unit: &'static str,
}

/// What the layers above the defaults say.
#[derive(Debug, Default)]
pub struct Layers {
    /// The file's path and text.
    pub file: Option<(PathBuf, String)>,
    /// The process's environment.
    pub environment: Vec<(String, String)>,
    /// Other names for variables, weaker than this program's own.
    pub aliases: Vec<Alias>,
    /// Keys of earlier versions, and what they are called now.
    pub renamed: &'static [(&'static str, &'static str)],
    /// Key, value, and the flag's name.
    pub flags: Vec<(&'static str, String, &'static str)>,
    /// Sections that are not this command's business: their keys are neither read nor checked.
    pub ignored_sections: BTreeSet<&'static str>,
}

/// A configuration, with the source of each of its values.
#[derive(Debug)]
pub struct Loaded<T> {
    /// The values in effect.
    pub values: T,
    /// The file that was read.
    pub file: Option<PathBuf>,
    table: Table,
    sources: BTreeMap<String, Source>,
    ignored_sections: BTreeSet<&'static str>,
}

/// Merges the layers over `T::default()`.
///
/// # Errors
/// Every mistake found, in the order of the layers.
pub fn load<T>(layers: &Layers) -> Result<Loaded<T>, Vec<Mistake>>
where
    T: Default + Serialize + DeserializeOwned + Validate,
{
    let schema = Table::try_from(T::default()).expect("a configuration serialises to a table");
    let mut mistakes = Vec::new();
    let mut table = schema.clone();
    let mut sources = BTreeMap::new();
    for entry in layers.entries(&schema, &mut mistakes) {
        match accepted::<T>(&schema, &entry) {
            Ok(value) => {
                put(&mut table, &entry.key, value);
                sources.insert(entry.key, entry.source);
            }
            Err(problems) => mistakes.extend(problems),
        }
    }
    secret_files::read(&mut table, &schema, &mut sources, &mut mistakes);
    let values: T = table.clone().try_into().expect("every leaf was accepted by itself");
    let mut findings = Findings::default();
    values.validate(&mut findings);
    for (key, problem) in findings {
        if layers.is_ignored(&key) {
            continue;
        }
        let owner = key.split('[').next().unwrap_or_default();
        let source = sources.get(owner).cloned().unwrap_or(Source::Default);
        let (value, names) = lists::value_at(&table, &key);
        let value = value.map(|value| shown(&key, &value)).unwrap_or_default();
        mistakes.push(Mistake { source, key, value, problem: of(&names, problem) });
    }
    if mistakes.is_empty() {
        let file = layers.file.as_ref().map(|(path, _)| path.clone());
        Ok(Loaded { values, file, table, sources, ignored_sections: layers.ignored_sections.clone() })
    } else {
        Err(mistakes)
    }
}

/// What a configuration checks beyond the type of each value.
pub trait Validate {
    /// Tells `findings` what is wrong, key by key.
    fn validate(&self, findings: &mut Findings);
}

impl<T> Loaded<T> {
    /// Every key that is this command's business, with its value.
    pub fn keys(&self) -> Vec<(String, Value)> {
        let is_ignored =
            |key: &str| self.ignored_sections.contains(key.split('.').next().unwrap_or_default());
        leaves(&self.table, &self.table).into_iter().filter(|(key, _)| !is_ignored(key)).collect()
    }

    /// The same as they may be shown, each with its source.
    pub fn shown(&self) -> Vec<ShownValue> {
        let shown = |(key, value): (String, Value)| {
            let (value, source) = (shown(&key, &value), self.source(&key).to_string());
            ShownValue { key, value, source }
        };
        self.keys().into_iter().map(shown).collect()
    }

    /// Where the value of a key came from.
    pub fn source(&self, key: &str) -> Source {
        self.sources.get(key).cloned().unwrap_or(Source::Default)
    }
}

/// A value in effect, as it may be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShownValue {
    /// The key's path.
    pub key: String,
    /// The value as TOML, masked if it is a secret.
    pub value: String,
    /// Where it came from, in words.
    pub source: String,
}

/// The effective values as TOML, each with its source; secrets masked.
impl<T> fmt::Display for Loaded<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut section = String::new();
        for ShownValue { key, value, source } in self.shown() {
            let (owner, name) = key.rsplit_once('.').unwrap_or(("", &key));
            if owner != section {
                let gap = if section.is_empty() { "" } else { "\n" };
                writeln!(f, "{gap}[{owner}]")?;
                owner.clone_into(&mut section);
            }
            writeln!(f, "{:<52} # {source}", format!("{name} = {value}"))?;
        }
        Ok(())
    }
}

impl Entry {
    fn mistake(self, problem: String) -> Mistake {
        let value = shown(&self.key, &self.value);
        Mistake { source: self.source, key: self.key, value, problem }
    }

    /// A key that does not exist may be a secret's, misspelt: its value is not shown.
    fn unknown(self, problem: String) -> Mistake {
        Mistake { source: self.source, key: self.key, value: String::new(), problem }
    }
}

/// Tries one leaf on top of the defaults, so that one bad value hides no other. In a list of tables, each key is a leaf.
fn accepted<T: DeserializeOwned>(schema: &Table, entry: &Entry) -> Result<Value, Vec<Mistake>> {
    let like = leaf(schema, &entry.key).expect("an entry's key is in the schema");
    let value = match entry.value_like(like) {
        Ok(value) => value,
        // It may hold secrets.
        Err(problem) if like.is_array() => return Err(vec![entry.clone().unknown(problem)]),
        Err(problem) => return Err(vec![entry.clone().mistake(problem)]),
    };
    let Err(problem) = tried::<T>(schema, &entry.key, value.clone()) else { return Ok(value) };
    if lists::tables(&value).is_none() {
        return Err(vec![entry.clone().mistake(allowed(&problem))]);
    }
    let mut whole = schema.clone();
    put(&mut whole, &entry.key, value.clone());
    let mistake = |leaf: lists::Leaf| {
        let problem = tried::<T>(schema, &entry.key, leaf.alone).err()?;
        let (_, names) = lists::value_at(&whole, &leaf.key);
        let entry = Entry { key: leaf.key, value: leaf.value, source: entry.source.clone() };
        Some(match unknown_field(&problem) {
            Some(problem) => entry.unknown(of(&names, problem)),
            None => entry.mistake(of(&names, allowed(&problem))),
        })
    };
    let mistakes: Vec<Mistake> = lists::leaves(&entry.key, &value).into_iter().filter_map(mistake).collect();
    Err(if mistakes.is_empty() { vec![entry.clone().unknown(allowed(&problem))] } else { mistakes })
}

/// What keeps a value of a key from being read.
fn tried<T: DeserializeOwned>(schema: &Table, key: &str, value: Value) -> Result<(), String> {
    let mut trial = schema.clone();
    put(&mut trial, key, value);
    let read = serde_path_to_error::deserialize::<_, T>(Value::Table(trial));
    read.map(|_| ()).map_err(|error| error.inner().message().to_owned())
}

/// What to say of a key that a table in a list does not have; `None` if the problem is another one.
fn unknown_field(message: &str) -> Option<String> {
    let mut names = message.strip_prefix("unknown field ")?.split('`').skip(1).step_by(2);
    let name = names.next()?;
    let known: Vec<&str> = names.collect();
    let longer = || known.iter().copied().find(|candidate| candidate.starts_with(name));
    Some(match nearest(name, known.iter().copied()).or_else(longer) {
        Some(near) => format!("unknown key; did you mean {near}?"),
        None => format!("unknown key; known are {}", known.join(", ")),
    })
}

/// A problem, with what the tables are called in which it stands.
fn of(names: &str, problem: String) -> String {
    if names.is_empty() { problem } else { format!("{problem} ({names})") }
}

/// A deserialiser's message in the words of an operator.
fn allowed(message: &str) -> String {
    let Some((_, expected)) = message.rsplit_once("expected ") else { return message.to_owned() };
    let expected = expected.trim_end();
    match expected {
        "u16" => "a whole number from 0 to 65535 is expected".into(),
        "u32" => "a whole number from 0 to 4294967295 is expected".into(),
        "u64" | "usize" => "a whole number, not negative, is expected".into(),
        "f64" => "a number is expected".into(),
        "a boolean" => "true or false is expected".into(),
        "a sequence" => "a list is expected, like [\"a\", \"b\"]".into(),
        _ if message.contains("unknown variant") => {
            format!("{} is expected", expected.replace("one of ", ""))
        }
        _ => format!("{expected} is expected"),
    }
}

/// What the names of secrets end with.
const SECRET: [&str; 7] = ["token", "secret", "dsn", "key", "password", "database_url", "cluster.url"];

/// A value as it may be shown: secrets are masked whatever is wrong with them, and so are those within URLs.
fn shown(key: &str, value: &Value) -> String {
    let is_unset = value.as_str().is_some_and(str::is_empty);
    if is_secret(key) && !is_unset {
        return format!("\"{MASK}\"");
    }
    let mask = |name: &str, value: &Value| {
        let is_unset = value.as_str().is_some_and(str::is_empty);
        if is_secret(name) && !is_unset { Value::String(MASK.into()) } else { value.clone() }
    };
    without_credentials(&lists::masked(key, value, &mask).to_string())
}

fn is_secret(key: &str) -> bool {
    SECRET.iter().any(|word| key.ends_with(word))
}

/// The text of a configuration file without its secrets: their keys are left out, with the comments.
///
/// # Errors
/// It is no TOML.
pub fn without_secrets(text: &str) -> Result<String, toml::de::Error> {
    fn leave_out(table: &mut Table, path: &str) {
        table.retain(|key, value| {
            let key = format!("{path}{key}");
            if let Value::Table(inner) = value {
                leave_out(inner, &format!("{key}."));
                return true;
            }
            if lists::tables(value).is_some() {
                let items = value.as_array_mut().into_iter().flatten();
                items.filter_map(Value::as_table_mut).for_each(|inner| leave_out(inner, &format!("{key}.")));
                return true;
            }
            shown(&key, value) == value.to_string()
        });
    }
    let mut table: Table = text.parse()?;
    leave_out(&mut table, "");
    Ok(table.to_string())
}

/// A text whose URLs show neither user and password nor query.
pub fn without_credentials(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + "://".len());
        shown.push_str(before);
        let end = after.find(|c: char| c == '"' || c.is_whitespace()).unwrap_or(after.len());
        let (url, further) = after.split_at(end);
        // A password may hold anything that ends a host elsewhere.
        let place = url.rfind('@').map_or(url, |at| {
            shown.push_str(MASK);
            &url[at..]
        });
        match place.split_once('?') {
            Some((place, _)) => shown.extend([place, "?", MASK]),
            None => shown.push_str(place),
        }
        rest = further;
    }
    shown + rest
}

#[cfg(test)]
mod tests;
