//! Secrets that stand in files of their own: what `KEY` would hold is in the file that `KEY_file` names.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;

use toml::{Table, Value};

use super::layers::{file_key, leaf, leaves, put};
use super::{Mistake, Source, is_secret, lists};
use crate::secret::Secret;

/// No key is as long: a device or a film that was named by mistake is not read to its end.
const MAX_BYTES: u64 = 64 * 1024;

/// Puts what is in the files that `table` names where it belongs; what cannot be read becomes a mistake.
pub fn read(
    table: &mut Table,
    schema: &Table,
    sources: &mut BTreeMap<String, Source>,
    mistakes: &mut Vec<Mistake>,
) {
    let text = |table: &Table, key: &str| leaf(table, key).and_then(Value::as_str).unwrap_or("").to_owned();
    for (key, _) in leaves(schema, schema) {
        let Some(file_key) = file_key(&key, schema) else { continue };
        let path = text(table, &file_key);
        if path.is_empty() {
            continue;
        }
        let secret = if text(table, &key).is_empty() {
            secret_in(&path)
        } else {
            Err(format!("either {key} or {file_key} is expected, not both"))
        };
        match secret {
            Ok(secret) => {
                put(table, &key, Value::String(secret.expose().to_owned()));
                sources.insert(key, Source::File(path.into()));
            }
            Err(problem) => {
                let source = sources.get(&file_key).cloned().unwrap_or(Source::Default);
                mistakes.push(Mistake { source, key: file_key, value: format!("{path:?}"), problem });
            }
        }
    }
    for (key, _) in leaves(schema, schema).into_iter().filter(|(_, value)| value.is_array()) {
        let Some(mut list) = leaf(table, &key).filter(|list| lists::tables(list).is_some()).cloned() else {
            continue;
        };
        let source = sources.get(&key).cloned().unwrap_or(Source::Default);
        for (place, item) in list.as_array_mut().into_iter().flatten().enumerate() {
            let Value::Table(item) = item else { continue };
            read_in_list(item, &format!("{key}[{}]", place + 1), &source, mistakes);
        }
        put(table, &key, list);
    }
}

/// The same in a table of a list.
fn read_in_list(table: &mut Table, owner: &str, source: &Source, mistakes: &mut Vec<Mistake>) {
    let named: Vec<(String, String)> = table
        .iter()
        .filter_map(|(name, path)| Some((name.strip_suffix("_file")?.to_owned(), path.as_str()?.to_owned())))
        .filter(|(name, path)| is_secret(name) && !path.is_empty())
        .collect();
    for (name, path) in named {
        let is_set = table.get(&name).and_then(Value::as_str).is_some_and(|secret| !secret.is_empty());
        let secret = if is_set {
            Err(format!("either {name} or {name}_file is expected, not both"))
        } else {
            secret_in(&path)
        };
        match secret {
            Ok(secret) => {
                table.insert(name, Value::String(secret.expose().to_owned()));
            }
            Err(problem) => {
                let key = format!("{owner}.{name}_file");
                mistakes.push(Mistake { source: source.clone(), key, value: format!("{path:?}"), problem });
            }
        }
    }
}

/// The secret in a file, without the line break at its end.
///
/// # Errors
/// It cannot be read, or holds none: an empty key would open what it is to close.
pub fn secret_in(path: &str) -> Result<Secret, String> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_string(&mut text));
    match read {
        Err(error) => Err(format!("the file cannot be read: {error}")),
        Ok(n) if n as u64 > MAX_BYTES => Err(format!("the file has more than {} KiB", MAX_BYTES / 1024)),
        Ok(_) if text.trim().is_empty() => Err("the file is empty".into()),
        Ok(_) => Ok(Secret::new(text.trim())),
    }
}
