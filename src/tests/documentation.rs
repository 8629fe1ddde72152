//! README and `docs`: what they link to is there, what they name exists, and what they tell people to run runs.
//!
//! A block `sh` is run to its end, in a home with the folders `films` and `music`. A block `sh service` is one command
//! that starts services; they run on free ports until the next such block of the page, and later blocks of the page reach
//! them as `localhost:3000` and so on. Blocks of any other kind (`console`, with an answer in it, or needing root, Docker or
//! a second machine) are read by people alone.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use roomhub::settings::Service;
use tempfile::TempDir;

use crate::harness::eventually;
use crate::harness::process::{Server, roomhub};

/// What is not below `docs`, and has links all the same.
const OTHERS: [&str; 7] = [
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "src/ARCHITECTURE.md",
    "assets/deploy/systemd.md",
    "assets/licenses/README.md",
];

/// The two commands that the README begins with, word for word.
const BUILD_AND_RUN: &str = "cargo run --release -- all\n";
const TEST: &str = "bash src/tests/all.sh\n";

struct Page {
    /// From the root of the repository.
    path: PathBuf,
    /// The text between its blocks.
    prose: String,
    blocks: Vec<Block>,
}

struct Block {
    /// What stands behind the fence, like `sh service`.
    kind: String,
    text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

impl Page {
    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(root().join(path)).unwrap();
        let mut page = Self { path: path.to_owned(), prose: String::new(), blocks: Vec::new() };
        let mut open: Option<Block> = None;
        for line in text.lines() {
            match (line.trim_start().strip_prefix("```"), open.take()) {
                (Some(kind), None) => open = Some(Block { kind: kind.to_owned(), text: String::new() }),
                (Some(_), Some(block)) => page.blocks.push(block),
                (None, Some(mut block)) => {
                    block.text.extend([line, "\n"]);
                    open = Some(block);
                }
                (None, None) => page.prose.extend([line, "\n"]),
            }
        }
        assert!(open.is_none(), "{} ends within a block", path.display());
        page
    }

    fn is_of_the_book(&self) -> bool {
        self.path.starts_with("docs")
    }

    /// What stands between backticks in its prose.
    fn code_spans(&self) -> impl Iterator<Item = &str> {
        self.prose.lines().flat_map(|line| line.split('`').skip(1).step_by(2))
    }

    /// Where its links and pictures lead.
    fn links(&self) -> BTreeSet<String> {
        let mut links = BTreeSet::new();
        for line in self.prose.lines() {
            let plain: String = line.split('`').step_by(2).collect();
            for (before, after) in [("](", ')'), ("src=\"", '"')] {
                let targets = plain.split(before).skip(1).filter_map(|rest| rest.split_once(after));
                links.extend(targets.map(|(target, _)| target.to_owned()));
            }
        }
        links
    }

    /// By which anchors its headings are linked to, on code hosts and in the book alike.
    fn anchors(&self) -> Vec<String> {
        let headings = self.prose.lines().filter_map(|line| line.strip_prefix('#'));
        let titles = headings.map(|line| line.trim_start_matches('#').trim().to_lowercase());
        let is_kept = |letter: &char| letter.is_alphanumeric() || "-_ ".contains(*letter);
        titles.map(|title| title.chars().filter(is_kept).collect::<String>().replace(' ', "-")).collect()
    }
}

fn files_of_the_book(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(root().join(folder)).unwrap() {
        let path = folder.join(entry.unwrap().file_name());
        if root().join(&path).is_dir() {
            files_of_the_book(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}

fn pages() -> Vec<Page> {
    let mut paths: Vec<PathBuf> = OTHERS.iter().map(PathBuf::from).collect();
    files_of_the_book(Path::new("docs"), &mut paths);
    paths.iter().map(|path| Page::read(path)).collect()
}

/// A path without `.` and `..`.
fn resolved(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => assert!(clean.pop(), "{} leads out of the repository", path.display()),
            Component::CurDir => {}
            part => clean.push(part),
        }
    }
    clean
}

#[test]
fn every_link_leads_somewhere_and_those_of_the_book_stay_in_it() {
    let pages = pages();
    for page in &pages {
        let shown = page.path.display();
        for link in page.links() {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = match file {
                "" => page.path.clone(),
                file => resolved(&page.path.parent().unwrap().join(file)),
            };
            assert!(root().join(&target).exists(), "{shown} links to {link}, which is not there");
            let stays = !page.is_of_the_book() || target.starts_with("docs");
            assert!(stays, "{shown} links to {link}, which is not in the book: name it instead");
            if !anchor.is_empty() {
                let anchors = pages.iter().find(|page| page.path == target).map(Page::anchors);
                let is_there = anchors.is_some_and(|anchors| anchors.contains(&anchor.to_owned()));
                assert!(is_there, "{shown} links to {link}, where no heading is called so");
            }
        }
    }
}

#[test]
fn the_summary_lists_every_page_of_the_book() {
    let summary = Page::read(Path::new("docs/SUMMARY.md"));
    let listed: BTreeSet<PathBuf> = summary.links().iter().map(|link| Path::new("docs").join(link)).collect();
    let mut files = Vec::new();
    files_of_the_book(Path::new("docs"), &mut files);
    files.retain(|path| *path != summary.path);
    assert_eq!(listed, files.into_iter().collect());
}

#[test]
fn every_key_that_is_named_exists() {
    let example: toml::Table =
        fs::read_to_string(root().join("config.example.toml")).unwrap().parse().unwrap();
    for page in pages().iter().filter(|page| page.path != Path::new("CHANGELOG.md")) {
        for span in page.code_spans() {
            let is_of_a_key = |letter: char| letter.is_ascii_lowercase() || "_.".contains(letter);
            let word = span.split(|letter| !is_of_a_key(letter)).next().unwrap_or_default();
            let Some((section, key)) = word.split_once('.') else { continue };
            let Some(keys) = example.get(section).and_then(toml::Value::as_table) else { continue };
            let is_there = key.contains('.') || keys.contains_key(key);
            assert!(is_there, "{} names {word}, which is no key", page.path.display());
        }
    }
}

/// The first string literal after each place where `before` stands.
fn literals<'a>(source: &'a str, before: &'a str) -> impl Iterator<Item = &'a str> {
    source.split(before).skip(1).filter_map(|rest| rest.split('"').nth(1))
}

#[test]
fn every_metric_is_described_and_every_one_that_is_named_exists() {
    let source = fs::read_to_string(root().join("src/metrics.rs")).unwrap();
    let kinds = ["describe_gauge!(", "describe_counter!(", "describe_histogram!("];
    let metrics: BTreeSet<&str> = kinds.iter().flat_map(|kind| literals(&source, kind)).collect();
    let pages: Vec<Page> = pages().into_iter().filter(Page::is_of_the_book).collect();
    let named: BTreeSet<&str> = pages.iter().flat_map(Page::code_spans).collect();
    for metric in &metrics {
        assert!(named.contains(metric), "{metric} is not in the book");
    }
    for name in named.iter().filter(|name| name.starts_with("roomhub_")) {
        assert!(metrics.contains(name), "{name} is in the book, and is no metric");
    }
}

#[test]
fn every_route_is_on_the_page_of_its_service() {
    for service in Service::all() {
        let page = fs::read_to_string(root().join(format!("docs/{}.md", service.name()))).unwrap();
        for entry in fs::read_dir(root().join("src").join(service.name())).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            let source = fs::read_to_string(&path).unwrap();
            for route in literals(&source, ".route(").filter(|route| !route.contains('*')) {
                let spelled = page.contains(&format!("{route}`")) || page.contains(&format!("{route}?"));
                assert!(spelled, "{route} of {} is not in docs/{}.md", path.display(), service.name());
            }
        }
    }
}

/// A home in which the commands of one page are run, one after another.
struct Home {
    folder: TempDir,
    running: Option<Server>,
}

impl Home {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["films", "music"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        Self { folder, running: None }
    }

    /// A script in which `roomhub` is the program that is tested, listening on free ports.
    fn shell(&self, script: &str) -> Command {
        let program = roomhub(&[]).get_program().to_owned();
        let folder = Path::new(&program).parent().unwrap();
        let mut command = Command::new("/bin/sh");
        command.args(["-ec", script]).env_clear().current_dir(self.folder.path());
        command.env("HOME", self.folder.path());
        command.env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", folder.display()));
        command.env("ROOMHUB_LOG__FORMAT", "json");
        for service in Service::all() {
            let section = service.name().to_uppercase();
            command.env(format!("ROOMHUB_{section}__HOST"), "127.0.0.1");
            command.env(format!("ROOMHUB_{section}__PORT"), "0");
        }
        command
    }

    fn start(&mut self, script: &str) {
        // Its data directory is free for the next one then.
        self.running = None;
        let services = if script.contains("roomhub all") { Service::all().len() } else { 1 };
        let server = Server::spawn(self.shell(&script.replacen("roomhub", "exec roomhub", 1)));
        eventually("all services of the command", || (server.services().len() == services).then_some(()));
        self.running = Some(server);
    }

    fn run(&self, script: &str) -> Result<(), String> {
        let mut script = script.to_owned();
        for (name, address) in self.running.iter().flat_map(Server::services) {
            let service = Service::all().into_iter().find(|service| service.name() == name).unwrap();
            script = script.replace(&format!("localhost:{}", service.default_port()), &address.to_string());
        }
        let output = self.shell(&script).output().unwrap();
        if output.status.success() { Ok(()) } else { Err(format!("{output:?}")) }
    }
}

#[test]
fn what_people_are_told_to_run_runs() {
    for page in pages() {
        if !page.is_of_the_book() && page.path != Path::new("README.md") {
            continue;
        }
        let mut home = Home::new();
        for block in &page.blocks {
            match block.kind.as_str() {
                // Whoever runs this has built it; and this is what the other one runs.
                "sh" if block.text == BUILD_AND_RUN => home.start("roomhub all\n"),
                "sh" if block.text == TEST => {}
                "sh service" => home.start(&block.text),
                "sh" => {
                    let outcome = home.run(&block.text);
                    assert_eq!(outcome, Ok(()), "{} says {}", page.path.display(), block.text);
                }
                kind => assert!(!kind.starts_with("sh"), "{}: what is `{kind}`?", page.path.display()),
            }
        }
    }
}

#[test]
fn the_readme_begins_with_the_command_that_runs_it_and_has_the_one_that_tests_it() {
    let readme = Page::read(Path::new("README.md"));
    let commands: Vec<&str> =
        readme.blocks.iter().filter(|block| block.kind == "sh").map(|block| block.text.as_str()).collect();
    assert_eq!(commands[..2], [BUILD_AND_RUN, TEST]);
}
