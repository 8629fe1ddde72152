//! The floors of `src`: a module imports from lower floors and from its own folder, and from nowhere else.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// From the lowest floor to the highest. Modules of one floor do not know each other, but for the pairs below.
const FLOORS: [&[&str]; 11] = [
    &["heap", "effect", "json", "time", "secret", "sample", "private"],
    &["config"],
    &["runtime", "logging", "error_reports"],
    &["metrics"],
    &["http", "cluster"],
    &["probe"],
    &["switchboard"],
    &["websocket"],
    &["socketio"],
    &["service"],
    &["music", "watch", "signal", "devices", "radio"],
];

/// Everything above the services.
const TOP: [&str; 7] = ["settings", "check", "cli", "process", "fuzz", "lib", "main"];

fn floor_of(module: &str) -> usize {
    let floor = FLOORS.iter().position(|floor| floor.contains(&module));
    floor.unwrap_or_else(|| {
        assert!(TOP.contains(&module), "{module} has no floor: give it one");
        FLOORS.len()
    })
}

/// Every Rust file of the program, without tests and benchmarks.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && !["tests", "benches"].contains(&name) {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && !["tests.rs", "properties.rs", "stage.rs"].contains(&name)
        {
            found.push(path);
        }
    }
}

/// The modules that a file names by `crate::`, one by one or in braces.
fn imports(text: &str) -> BTreeSet<String> {
    let word = |rest: &str| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut found = BTreeSet::new();
    for (_, rest) in text.match_indices("crate::").map(|(at, matched)| text.split_at(at + matched.len())) {
        match rest.strip_prefix('{') {
            Some(group) => {
                let group = group.split("};").next().unwrap();
                let mut depth = 0;
                let mut item = String::new();
                for c in group.chars().chain([',']) {
                    match c {
                        '{' => depth += 1,
                        '}' => depth -= 1,
                        ',' if depth == 0 => {
                            found.insert(word(item.trim()));
                            item.clear();
                        }
                        _ => item.push(c),
                    }
                }
            }
            None => {
                found.insert(word(rest));
            }
        }
    }
    found.remove("");
    found
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
        let module = place.components().next().unwrap().as_os_str().to_str().unwrap().trim_end_matches(".rs");
        for import in imports(&fs::read_to_string(&file).unwrap()) {
            n_imports += 1;
            let is_own = import == module;
            if !is_own && floor_of(module) < FLOORS.len() && floor_of(&import) >= floor_of(module) {
                wrong.push(format!("{}: crate::{import}", place.display()));
            }
        }
    }
    assert!(n_imports > 60, "only {n_imports} imports were looked at");
    assert!(wrong.is_empty(), "imports that go sideways or up:\n{}", wrong.join("\n"));
}
