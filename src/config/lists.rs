//! Lists of tables, like `[[radio.stations]]`: their mistakes are told key by key, and their secrets are masked.
//!
//! A table in a list is named by its number, from 1: `radio.stations[2].order`.

use toml::{Table, Value};

/// The keys that tell tables of a list apart for people, the best first.
const NAMES: [&str; 2] = ["route", "name"];

/// A key within a list of tables.
pub struct Leaf {
    /// Its path, like `radio.stations[2].order`.
    pub key: String,
    /// Its value.
    pub value: Value,
    /// A list in which nothing else is set, for the same deserialiser.
    pub alone: Value,
}

enum Step {
    Item,
    Key(String),
}

/// The tables of a list that has no other items.
pub fn tables(value: &Value) -> Option<&Vec<Value>> {
    value.as_array().filter(|items| !items.is_empty() && items.iter().all(Value::is_table))
}

/// Every key in a list of tables, and in the tables and lists within it.
pub fn leaves(key: &str, list: &Value) -> Vec<Leaf> {
    let mut found = Vec::new();
    collect(key.to_owned(), list, &mut Vec::new(), &mut found);
    found
}

fn collect(key: String, value: &Value, steps: &mut Vec<Step>, found: &mut Vec<Leaf>) {
    match (value, tables(value)) {
        (_, Some(items)) => {
            for (place, item) in items.iter().enumerate() {
                steps.push(Step::Item);
                collect(format!("{key}[{}]", place + 1), item, steps, found);
                steps.pop();
            }
        }
        (Value::Table(inner), None) => {
            for (name, value) in inner {
                steps.push(Step::Key(name.clone()));
                collect(format!("{key}.{name}"), value, steps, found);
                steps.pop();
            }
        }
        (_, None) => {
            let alone = steps.iter().rev().fold(value.clone(), |inner, step| match step {
                Step::Item => Value::Array(vec![inner]),
                Step::Key(name) => Value::Table(Table::from_iter([(name.clone(), inner)])),
            });
            found.push(Leaf { key, value: value.clone(), alone });
        }
    }
}

/// The value at a path into a list of tables, and what its tables are called, like `route "/jazz"`.
pub fn value_at(table: &Table, key: &str) -> (Option<Value>, String) {
    let mut names = Vec::new();
    let mut value = Value::Table(table.clone());
    for part in key.split('.') {
        let (name, number) = part.trim_end_matches(']').split_once('[').unwrap_or((part, ""));
        let Some(mut next) = value.get(name).cloned() else { return (None, names.join(", ")) };
        if let Ok(number) = number.parse::<usize>() {
            let item = number.checked_sub(1).and_then(|place| next.get(place).cloned());
            let Some(item) = item else { return (None, names.join(", ")) };
            let called = |known: &&str| Some(format!("{known} {:?}", item.get(known)?.as_str()?));
            names.extend(NAMES.iter().find_map(called));
            next = item;
        }
        value = next;
    }
    (Some(value), names.join(", "))
}

/// A value whose secrets are masked by `mask`, which is told the name of each text.
pub fn masked(name: &str, value: &Value, mask: &impl Fn(&str, &Value) -> Value) -> Value {
    match value {
        Value::Table(inner) => Value::Table(
            inner.iter().map(|(name, value)| (name.clone(), masked(name, value, mask))).collect(),
        ),
        Value::Array(items) => Value::Array(items.iter().map(|item| masked(name, item, mask)).collect()),
        other => mask(name, other),
    }
}
