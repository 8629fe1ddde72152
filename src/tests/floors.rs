//! The floors of `src`: a module imports from lower floors and from its own folder, and from nowhere else, and no files
//! import each other in a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// From the lowest floor to the highest. Modules of one floor do not know each other, but for the pairs below.
const FLOORS: [&[&str]; 14] = [
    &["system", "json", "time", "secret", "sample", "private", "random", "audio"],
    &["effect", "jwt", "rate", "ice", "folder"],
    &["config"],
    &["runtime", "logging", "error_reports"],
    &["metrics", "control"],
    &["http", "cluster"],
    &["probe", "recordings", "admin"],
    &["rooms"],
    &["websocket"],
    &["socketio"],
    &["service"],
    &["party"],
    &["media"],
    &["music", "watch", "signal", "devices", "radio", "door"],
];

/// Everything above the services.
const TOP: [&str; 10] =
    ["settings", "backup", "erase", "check", "init", "cli", "process", "fuzz", "lib", "main"];

fn floor_of(module: &str) -> usize {
    let floor = FLOORS.iter().position(|floor| floor.contains(&module));
    floor.unwrap_or_else(|| {
        assert!(TOP.contains(&module), "{module} has no floor: give it one");
        FLOORS.len()
    })
}

/// Every Rust file of the program, without tests and benchmarks.
pub fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && !["tests", "benches"].contains(&name) {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && !["tests.rs", "properties.rs", "test_stage.rs"].contains(&name)
        {
            found.push(path);
        }
    }
}

/// Every path in a text that begins with `crate` or `super`, word by word; a group in braces is several.
fn paths(text: &str) -> Vec<Vec<&str>> {
    let mut found = Vec::new();
    for root in ["crate::", "super::"] {
        for (at, _) in text.match_indices(root) {
            // `super::super::` begins once.
            if !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':') {
                read_path(&[], &text[at..], &mut found);
            }
        }
    }
    found
}

/// Reads what follows the words `before`.
fn read_path<'a>(before: &[&'a str], text: &'a str, found: &mut Vec<Vec<&'a str>>) {
    if let Some(group) = text.strip_prefix('{') {
        return items(group).into_iter().for_each(|item| read_path(before, item.trim_start(), found));
    }
    let n_bytes = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    let (word, rest) = text.split_at(n_bytes);
    if word.is_empty() {
        return;
    }
    let path = [before, &[word]].concat();
    match rest.strip_prefix("::") {
        Some(rest) => read_path(&path, rest, found),
        None => found.push(path),
    }
}

/// The items of a group, up to its closing brace.
fn items(group: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                found.push(&group[start..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found
}

/// The modules of the crate that a file names.
fn imports(text: &str) -> BTreeSet<&str> {
    let paths = paths(text).into_iter();
    paths.filter(|path| path[0] == "crate").filter_map(|path| path.get(1).copied()).collect()
}

/// A file's module, like `["http", "guarded", "read"]`.
fn module_of(place: &Path) -> Vec<&str> {
    let words = place.iter().map(|word| word.to_str().unwrap().trim_end_matches(".rs"));
    words.filter(|word| *word != "mod").collect()
}

/// What a file says in earnest: no comments, and not its tests.
fn code(text: &str) -> String {
    let text = text.split("\n#[cfg(test)]\nmod tests").next().unwrap();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).flat_map(|line| [line, "\n"]).collect()
}

#[test]
fn no_module_imports_from_its_own_floor_or_from_above() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 30, "only {} files were looked at", files.len());
    let mut n_imports = 0;
    let mut wrong = Vec::new();
    for file in files {
        let place = file.strip_prefix(&root).unwrap();
        let module = module_of(place)[0];
        for import in imports(&fs::read_to_string(&file).unwrap()) {
            n_imports += 1;
            let is_own = import == module;
            if !is_own && floor_of(module) < FLOORS.len() && floor_of(import) >= floor_of(module) {
                wrong.push(format!("{}: crate::{import}", place.display()));
            }
        }
    }
    assert!(n_imports > 60, "only {n_imports} imports were looked at");
    assert!(wrong.is_empty(), "imports that go sideways or up:\n{}", wrong.join("\n"));
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let texts: Vec<(&Path, String)> = files
        .iter()
        .map(|file| (file.strip_prefix(&root).unwrap(), code(&fs::read_to_string(file).unwrap())))
        .collect();
    // A folder and its `mod.rs` are one, so what files have from there closes no circle.
    let is_file = |place: &Path| !["mod.rs", "lib.rs", "main.rs"].iter().any(|name| place.ends_with(name));
    let modules: BTreeSet<Vec<&str>> =
        texts.iter().filter(|(place, _)| is_file(place)).map(|(place, _)| module_of(place)).collect();
    let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (place, text) in texts.iter().filter(|(place, _)| is_file(place)) {
        let module = module_of(place);
        let own = module.join("::");
        let named = paths(text).into_iter().filter_map(|path| {
            let n_up = path.iter().take_while(|word| **word == "super").count();
            let below = if n_up > 0 { &module[..module.len().checked_sub(n_up)?] } else { &[] };
            let path = [below, &path[n_up.max(1)..]].concat();
            (1..=path.len()).rev().find_map(|n| modules.get(&path[..n])).map(|named| named.join("::"))
        });
        let named = named.filter(|named| *named != own).collect();
        graph.insert(own, named);
    }
    let n_imports: usize = graph.values().map(BTreeSet::len).sum();
    assert!(n_imports > 300, "only {n_imports} imports were looked at");
    // Who imports nobody that is left is in no circle.
    loop {
        let n_before = graph.len();
        let left: BTreeSet<String> = graph.keys().cloned().collect();
        graph.retain(|_, named| !named.is_disjoint(&left));
        if graph.len() == n_before {
            break;
        }
    }
    let left: BTreeSet<String> = graph.keys().cloned().collect();
    let lines: Vec<String> = graph
        .iter()
        .map(|(module, named)| format!("{module}: {:?}", named.intersection(&left).collect::<Vec<_>>()))
        .collect();
    assert!(lines.is_empty(), "imports in circles, and what imports those:\n{}", lines.join("\n"));
}
