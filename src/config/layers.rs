//! The layers, flattened to one list of keys and values, weakest first.

use toml::{Table, Value};

use super::{KBPS, Layers, Mistake, PREFIX, Source, VARIABLE_OF_FILE};

/// One key that a layer sets.
#[derive(Debug, Clone)]
pub struct Entry {
    pub key: String,
    pub value: Value,
    pub source: Source,
}

impl Layers {
    /// Everything that is set over the defaults; keys that do not exist become mistakes.
    pub fn entries(&self, schema: &Table, mistakes: &mut Vec<Mistake>) -> Vec<Entry> {
        let mut entries = self.entries_of_file(schema, mistakes);
        entries.extend(self.entries_of_aliases(schema));
        entries.extend(self.entries_of_environment(schema, mistakes));
        entries.extend(self.flags.iter().map(|(key, value, flag)| Entry {
            key: (*key).to_owned(),
            value: Value::String(value.clone()),
            source: Source::Flag(flag),
        }));
        entries
    }

    /// Whether a key lies in a section that is not this command's business.
    pub fn is_ignored(&self, key: &str) -> bool {
        self.ignored_sections.contains(key.split('.').next().unwrap_or_default())
    }

    fn entries_of_file(&self, schema: &Table, mistakes: &mut Vec<Mistake>) -> Vec<Entry> {
        let Some((path, text)) = &self.file else { return Vec::new() };
        let source = Source::File(path.clone());
        let table: Table = match text.parse() {
            Ok(table) => table,
            Err(error) => {
                let problem = format!("not TOML: {}", place_of(&error, text));
                mistakes.push(Mistake { source, key: String::new(), value: String::new(), problem });
                return Vec::new();
            }
        };
        let mut entries = Vec::new();
        for (key, value) in leaves(&table, schema) {
            if self.is_ignored(&key) {
                continue;
            }
            let entry = Entry { key, value, source: source.clone() };
            if leaf(schema, &entry.key).is_some_and(|like| !is_section(like)) {
                entries.push(entry);
            } else {
                let problem = unknown(&entry.key, schema, self.renamed);
                mistakes.push(entry.unknown(problem));
            }
        }
        entries
    }

    fn entries_of_aliases(&self, schema: &Table) -> Vec<Entry> {
        let entry = |alias: &super::Alias| {
            let (name, value) = self.environment.iter().find(|(name, _)| name == alias.variable)?;
            let is_number = value.trim().parse::<f64>().is_ok();
            let value = match alias.unit {
                KBPS => kilobits(value.trim()),
                unit if is_number => format!("{}{unit}", value.trim()),
                _ => value.trim().to_owned(),
            };
            Some(Entry {
                key: alias.key.to_owned(),
                value: Value::String(value),
                source: Source::Environment(name.clone()),
            })
        };
        // `AUTH_KEY_FILE` names the file of what `AUTH_KEY` would hold, as container platforms hand out secrets.
        let file_entry = |alias: &super::Alias| {
            let name = format!("{}_FILE", alias.variable);
            let (_, path) = self.environment.iter().find(|(known, _)| *known == name)?;
            let key = file_key(alias.key, schema)?;
            Some(Entry { key, value: Value::String(path.clone()), source: Source::Environment(name) })
        };
        let aliases = self.aliases.iter();
        aliases.flat_map(|alias| entry(alias).into_iter().chain(file_entry(alias))).collect()
    }

    fn entries_of_environment(&self, schema: &Table, mistakes: &mut Vec<Mistake>) -> Vec<Entry> {
        let known: Vec<String> = leaves(schema, schema).into_iter().map(|(key, _)| key).collect();
        let mut entries = Vec::new();
        let is_key = |name: &str| name.starts_with(PREFIX) && name != VARIABLE_OF_FILE;
        for (name, value) in self.environment.iter().filter(|(name, _)| is_key(name)) {
            let source = Source::Environment(name.clone());
            let value = Value::String(value.clone());
            match known.iter().find(|key| variable_of(key) == *name) {
                Some(key) if self.is_ignored(key) => {}
                Some(key) => entries.push(Entry { key: key.clone(), value, source }),
                None => {
                    let key = name[PREFIX.len()..].to_lowercase().replace("__", ".");
                    if !self.is_ignored(&key) {
                        let problem = unknown(&key, schema, self.renamed);
                        mistakes.push(Entry { key, value, source }.unknown(problem));
                    }
                }
            }
        }
        entries
    }
}

/// A bitrate as a bare number of kilobits a second; what is no bitrate stays as it is.
fn kilobits(text: &str) -> String {
    let digits = text.find(|c: char| !c.is_ascii_digit()).map_or(text, |at| &text[..at]);
    let unit = text[digits.len()..].trim().to_ascii_lowercase();
    match (digits.parse::<u64>(), unit.as_str()) {
        (Ok(bits), "" | "bps") if bits >= 8000 => (bits / 1000).to_string(),
        (Ok(kilobits), "" | "k" | "kbps" | "kbit/s" | "kb/s") => kilobits.to_string(),
        _ => text.to_owned(),
    }
}

impl Entry {
    /// The value in the kind of `like`: text from flags and variables is read as what the key holds.
    pub fn value_like(&self, like: &Value) -> Result<Value, String> {
        let (Value::String(text), false) = (&self.value, matches!(self.source, Source::File(_))) else {
            return Ok(whole_as_float(&self.value, like));
        };
        let text = text.trim();
        match like {
            Value::Integer(_) => {
                text.parse().map(Value::Integer).map_err(|_| "a whole number is expected".into())
            }
            Value::Float(_) => text.parse().map(Value::Float).map_err(|_| "a number is expected".into()),
            Value::Boolean(_) => {
                text.parse().map(Value::Boolean).map_err(|_| "true or false is expected".into())
            }
            Value::Array(_) if is_list_of_tables(text) => {
                let table: Result<Table, _> = format!("list = {text}").parse();
                let list = table.ok().and_then(|mut table| table.remove("list"));
                list.ok_or_else(|| "a list of tables in TOML is expected, on one line".into())
            }
            Value::Array(_) => Ok(Value::Array(
                text.split(',')
                    .map(str::trim)
                    .filter(|item| !item.is_empty())
                    .map(|item| Value::String(item.into()))
                    .collect(),
            )),
            Value::String(_) | Value::Datetime(_) | Value::Table(_) => Ok(Value::String(text.into())),
        }
    }
}

/// Whether text is a list of tables as TOML writes it: `[{route = "/jazz"}]`; addresses begin with a bracket too.
fn is_list_of_tables(text: &str) -> bool {
    text.strip_prefix('[').is_some_and(|rest| rest.trim_start().starts_with('{'))
}

/// `2` where `2.0` is meant.
fn whole_as_float(value: &Value, like: &Value) -> Value {
    match (value, like) {
        (Value::Integer(whole), Value::Float(_)) => Value::Float(*whole as f64),
        _ => value.clone(),
    }
}

/// The environment variable that sets a key.
pub fn variable_of(key: &str) -> String {
    format!("{PREFIX}{}", key.to_uppercase().replace('.', "__"))
}

/// The key that names the file of the secret `key`, if there is one.
pub fn file_key(key: &str, schema: &Table) -> Option<String> {
    let file_key = format!("{key}_file");
    leaf(schema, &file_key).map(|_| file_key)
}

/// Every key of `table` that is not a section of `schema`, with its value, in order.
pub fn leaves(table: &Table, schema: &Table) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for (key, value) in table {
        match (value, schema.get(key)) {
            (Value::Table(inner), Some(Value::Table(like))) if !like.is_empty() => {
                found.extend(
                    leaves(inner, like).into_iter().map(|(name, value)| (format!("{key}.{name}"), value)),
                );
            }
            _ => found.push((key.clone(), value.clone())),
        }
    }
    found
}

/// The value at a key's path.
pub fn leaf<'a>(table: &'a Table, key: &str) -> Option<&'a Value> {
    let (first, rest) = key.split_once('.').map_or((key, None), |(first, rest)| (first, Some(rest)));
    match (table.get(first)?, rest) {
        (value, None) => Some(value),
        (Value::Table(inner), Some(rest)) => leaf(inner, rest),
        _ => None,
    }
}

/// Sets the value at a path whose sections exist.
pub fn put(table: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            table.insert(key.to_owned(), value);
        }
        Some((first, rest)) => {
            if let Some(Value::Table(inner)) = table.get_mut(first) {
                put(inner, rest, value);
            }
        }
    }
}

/// What is wrong with a file, and where; never the line itself, which may hold a secret.
fn place_of(error: &toml::de::Error, text: &str) -> String {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    format!("line {}, column {column}: {}", before.matches('\n').count() + 1, error.message())
}

fn is_section(value: &Value) -> bool {
    matches!(value, Value::Table(inner) if !inner.is_empty())
}

/// What to say of a key that does not exist: what it is called now, or the nearest one that does.
fn unknown(key: &str, schema: &Table, renamed: &[(&str, &str)]) -> String {
    if let Some((_, now)) = renamed.iter().find(|(before, _)| *before == key) {
        return format!("this key is called {now} now");
    }
    let known: Vec<String> = leaves(schema, schema).into_iter().map(|(key, _)| key).collect();
    match nearest(key, known.iter().map(String::as_str)) {
        Some(candidate) => format!("unknown key; did you mean {candidate}?"),
        None => "unknown key; config.example.toml lists them all".into(),
    }
}

/// The name that may have been meant.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|candidate| (distance(name, candidate), candidate))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= 3)
        .map(|(_, candidate)| candidate)
}

/// Edits between two keys (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}
