//! What the licences of others ask for: their texts come along with the program, and their source is beside it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn at(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn names_in(folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(at(folder)).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// The name of a project, which files of it begin with.
fn project(name: &str) -> &str {
    name.split(['.', '-']).next().unwrap()
}

/// Crates in `Cargo.lock` whose names begin so, with their versions.
fn locked(beginning: &str) -> Vec<(String, String)> {
    let lock: toml::Table = fs::read_to_string(at("Cargo.lock")).unwrap().parse().unwrap();
    let text = |package: &toml::Value, key: &str| package[key].as_str().unwrap().to_owned();
    let packages = lock["package"].as_array().unwrap().iter();
    let packages = packages.map(|package| (text(package, "name"), text(package, "version")));
    packages.filter(|(name, _)| name.starts_with(beginning)).collect()
}

#[test]
fn every_script_that_others_wrote_brings_the_text_of_its_licence() {
    let licences = names_in("assets/licenses");
    let readme = fs::read_to_string(at("assets/licenses/README.md")).unwrap();
    for script in names_in("assets/common/vendor") {
        let is_text = |name: &&String| Path::new(name.as_str()).extension().is_some_and(|end| end == "txt");
        let text = licences.iter().filter(is_text).find(|name| project(name) == project(&script));
        let text = text.unwrap_or_else(|| panic!("{script} has no licence in assets/licenses"));
        assert!(readme.contains(&format!("({text})")), "{text} is not in the list");
    }
}

/// Packages, archives and images have the folder without the tree around it.
#[test]
fn the_list_of_licences_leads_to_files_beside_it() {
    let readme = fs::read_to_string(at("assets/licenses/README.md")).unwrap();
    let links = readme.split("](").skip(1).map(|rest| rest.split(')').next().unwrap());
    let mut n_files = 0;
    for link in links.filter(|link| !link.starts_with("https://")) {
        assert!(!link.contains('/') && at("assets/licenses").join(link).is_file(), "{link}");
        n_files += 1;
    }
    assert!(n_files >= 8, "{n_files}");
}

/// Both packages, the archive and the image.
#[test]
fn all_that_is_released_has_the_licences() {
    let manifest = fs::read_to_string(at("Cargo.toml")).unwrap();
    for file in ["assets/licenses/*.txt", "assets/licenses/README.md"] {
        assert_eq!(manifest.matches(&format!("\"{file}\"")).count(), 2, "{file} is not in both packages");
    }
    assert!(manifest.contains("license-file = [\"assets/packaging/copyright\"]"));
    assert!(manifest.contains("{ source = \"LICENSE\""));
    let copyright = fs::read_to_string(at("assets/packaging/copyright")).unwrap();
    let (_, terms) = copyright.rsplit_once("License: MIT\n").unwrap();
    let terms: Vec<&str> = terms.lines().map(|line| line.trim_start().trim_start_matches('.')).collect();
    let licence = fs::read_to_string(at("LICENSE")).unwrap();
    assert!(licence.ends_with(&(terms.join("\n") + "\n")), "{terms:?}");
    for licence in ["LGPL-2+", "LGPL-3", "MPL-2.0"] {
        assert!(copyright.contains(&format!("License: {licence}\n")), "{licence}");
    }
    for (file, copies) in [
        ("src/release/release.sh", ["LICENSE", "assets/licenses"]),
        ("Dockerfile", ["COPY LICENSE ", "COPY assets/licenses "]),
    ] {
        let text = fs::read_to_string(at(file)).unwrap();
        assert!(copies.iter().all(|copied| text.contains(copied)), "{file}");
    }
}

/// The LGPL asks for it, of LAME and what binds it, and the MPL of symphonia; a new version or part is noticed.
#[test]
fn the_source_archive_takes_in_each_crate_under_copyleft() {
    let script = fs::read_to_string(at("src/release/source.sh")).unwrap();
    let exceptions = fs::read_to_string(at(".deny.toml")).unwrap();
    let lgpl: Vec<&str> = exceptions
        .lines()
        .filter(|line| line.contains("LGPL") && line.contains("allow"))
        .map(|line| line.split('"').nth(1).unwrap())
        .collect();
    assert_eq!(lgpl, ["mp3lame-encoder", "mp3lame-sys"]);
    assert!(script.contains("mp3lame-.*|symphonia.*") && locked("mp3lame-").len() == 2);
    assert!(locked("symphonia").len() > 5);
    let release = fs::read_to_string(at("src/release/release.sh")).unwrap();
    assert!(release.contains("src/release/source.sh"));
}
