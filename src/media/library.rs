//! The files of a folder, in the order in which they are listed: found, read and watched by a thread of its own.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use arc_swap::ArcSwap;
use tracing::{info, warn};

use super::formats::Kind;
use super::item::{Facts, Item, ItemId};
use super::probe;
use super::sidecars::Neighbours;
use super::tool::Tools;
use crate::folder::changes::watch_in_background;
use crate::folder::file_stamp::FileStamp;
use crate::folder::stable_files::StableFiles;
use crate::folder::walk::{LinkPolicy, has_extension, walk};
use crate::runtime::Context;

/// A folder with files that are not complete yet is looked at again after this time.
const UNSTABLE_RESCAN: Duration = Duration::from_millis(700);

/// Changes come in bursts.
const DEBOUNCE: Duration = Duration::from_millis(200);

/// After a scan, the disk is left alone for this many times as long as the scan took.
const IDLE_FACTOR: u32 = 4;

/// While files are read, those that have been are listed this often.
const LIST_EVERY: Duration = Duration::from_millis(500);

/// Items in one answer to a search.
const PAGE_ITEMS: usize = 100;

/// What a library is made of.
pub struct LibrarySettings {
    /// The folder.
    pub folder: PathBuf,
    /// What is looked for.
    pub kinds: &'static [Kind],
    /// The most files.
    pub max_files: usize,
    /// The folder is looked through this often, for file systems that report no changes.
    pub rescan_interval: Duration,
}

/// The files of a folder.
#[derive(Default)]
pub struct Library(ArcSwap<Listing>);

/// All files as they were at one time.
#[derive(Default)]
struct Listing {
    items: Vec<Arc<Item>>,
    places: HashMap<ItemId, usize>,
    /// Whether all files that there were have been read.
    is_complete: bool,
}

/// One page of a search.
pub struct Page {
    /// Its items.
    pub items: Vec<Arc<Item>>,
    /// What the next page comes after, if there is one.
    pub after: Option<ItemId>,
    /// Whether all files of the folder have been read.
    pub is_complete: bool,
}

struct Scanner {
    settings: LibrarySettings,
    library: Arc<Library>,
    tools: Option<Tools>,
    context: Context,
    files: StableFiles,
    /// What was read, and of which state of the file.
    known: HashMap<Arc<Path>, (FileStamp, Arc<Facts>)>,
    problem: Option<String>,
}

impl Library {
    /// Begins to look through a folder; its files are listed as they are found.
    pub fn start(settings: LibrarySettings, tools: Option<Tools>, context: &Context) -> Result<Arc<Self>> {
        let library = Arc::new(Self(ArcSwap::default()));
        let mut scanner = Scanner {
            settings,
            library: Arc::clone(&library),
            tools,
            context: context.clone(),
            files: StableFiles::default(),
            known: HashMap::new(),
            problem: None,
        };
        let run = move || scanner.run();
        thread::Builder::new().name("media library".into()).spawn(run).context("a thread for a library")?;
        Ok(library)
    }

    /// The file of that name.
    pub fn item(&self, id: &ItemId) -> Option<Arc<Item>> {
        let listing = self.0.load();
        listing.places.get(id).map(|place| Arc::clone(&listing.items[*place]))
    }

    /// The items that have all words of `query` in their title, artist, album or path, from the one behind `after` on.
    pub fn search(&self, query: &str, after: Option<&ItemId>) -> Page {
        let listing = self.0.load();
        let words: Vec<String> = query.split_whitespace().map(str::to_lowercase).collect();
        let first = after.and_then(|after| listing.places.get(after)).map_or(0, |place| place + 1);
        let found = listing.items[first..].iter().filter(|item| has_words(item, &words));
        let mut items: Vec<Arc<Item>> = found.take(PAGE_ITEMS + 1).map(Arc::clone).collect();
        let has_more = items.len() > PAGE_ITEMS;
        items.truncate(PAGE_ITEMS);
        let after = items.last().filter(|_| has_more).map(|item| item.id.clone());
        Page { items, after, is_complete: listing.is_complete }
    }

    fn list(&self, mut items: Vec<Arc<Item>>, is_complete: bool) {
        items.sort_by(|one, other| {
            natural(&one.relative, &other.relative).then_with(|| one.id.cmp(&other.id))
        });
        let places = items.iter().enumerate().map(|(place, item)| (item.id.clone(), place)).collect();
        self.0.store(Arc::new(Listing { items, places, is_complete }));
    }
}

impl Scanner {
    fn run(&mut self) {
        let (requests, requested) = sync_channel(1);
        let mut starting = self.watch(&requests);
        let mut watcher = None;
        while !self.context.is_stopping() {
            let (took, n_listed) = self.scan();
            match starting.try_recv() {
                Ok(started) => watcher = Some(started),
                // The folder may not have been there.
                Err(TryRecvError::Disconnected) if watcher.is_none() => starting = self.watch(&requests),
                Err(TryRecvError::Disconnected | TryRecvError::Empty) => {}
            }
            let has_unstable = self.files.n_seen() > n_listed;
            let pause = if has_unstable { UNSTABLE_RESCAN } else { self.settings.rescan_interval };
            // A request and the end of the pause come to the same.
            let _ = requested.recv_timeout(pause);
            thread::park_timeout(DEBOUNCE.max(took * IDLE_FACTOR));
            while requested.try_recv().is_ok() {}
        }
    }

    fn watch(&self, requests: &SyncSender<()>) -> Receiver<notify::RecommendedWatcher> {
        watch_in_background(self.settings.folder.clone(), requests.clone())
    }

    /// Looks through the folder, and reads what is new; returns how long the looking took, and how many files are listed.
    fn scan(&mut self) -> (Duration, usize) {
        let LibrarySettings { folder, kinds, max_files, .. } = &self.settings;
        let clock = self.context.clock;
        let started = clock.uptime();
        let extensions: Vec<&str> = kinds.iter().flat_map(|kind| kind.extensions()).collect();
        let files = &mut self.files;
        let report = walk(folder, &extensions, *max_files, LinkPolicy::StayInside, |path, stamp| {
            files.observe(path, stamp, clock.now());
        });
        files.end_scan(&report);
        let took = clock.uptime().saturating_sub(started);
        let stable: Vec<(Arc<Path>, FileStamp)> =
            files.stable(clock.now()).map(|(path, stamp)| (Arc::clone(path), stamp)).collect();
        let there: HashSet<&Arc<Path>> = stable.iter().map(|(path, _)| path).collect();
        self.known.retain(|path, _| there.contains(path));
        let problem = report.problem.map(str::to_owned).or_else(|| {
            report.is_truncated.then(|| format!("there are more files than media_max_files, {max_files}"))
        });
        if problem != self.problem {
            if let Some(problem) = &problem {
                warn!(folder = %folder.display(), problem, "media are not all listed");
            }
            self.problem = problem;
        }
        let n_known = self.known.len();
        self.list(&stable);
        if self.known.len() != n_known {
            info!(folder = %self.settings.folder.display(), files = self.known.len(), "media have been read");
        }
        (took, stable.len())
    }

    /// Lists the files, and reads those that are new or have changed.
    fn list(&mut self, stable: &[(Arc<Path>, FileStamp)]) {
        let clock = self.context.clock;
        let mut neighbours = Neighbours::default();
        let mut items = Vec::new();
        let mut listed_at = clock.uptime();
        for (path, stamp) in stable {
            if self.context.is_stopping() {
                return;
            }
            let kind = kind_of(path);
            let known = self.known.get(path).filter(|(known, _)| known == stamp);
            let facts = match known {
                Some((_, facts)) => Arc::clone(facts),
                None => Arc::new(probe::read(path, kind, self.tools.as_ref(), &self.context)),
            };
            self.known.insert(Arc::clone(path), (*stamp, Arc::clone(&facts)));
            let relative = path.strip_prefix(&self.settings.folder).unwrap_or(path);
            let has_no_picture = facts.streams.is_known() && facts.streams.video.is_none();
            items.push(Arc::new(Item {
                id: ItemId::of(relative),
                path: Arc::clone(path),
                relative: relative.to_string_lossy().to_lowercase(),
                stamp: *stamp,
                kind: if has_no_picture { Kind::Audio } else { kind },
                facts,
                sidecars: neighbours.of(path),
            }));
            // Until all are read, what was listed before stays, if it was more.
            if clock.uptime().saturating_sub(listed_at) >= LIST_EVERY {
                listed_at = clock.uptime();
                if items.len() > self.library.0.load().items.len() {
                    self.library.list(items.clone(), false);
                }
            }
        }
        self.library.list(items, true);
    }
}

fn kind_of(path: &Path) -> Kind {
    if has_extension(path, &Kind::Audio.extensions()) { Kind::Audio } else { Kind::Video }
}

fn has_words(item: &Item, words: &[String]) -> bool {
    let facts = &item.facts;
    let texts = [&facts.title, &facts.artist, &facts.album].map(|text| text.to_lowercase());
    words.iter().all(|word| item.relative.contains(word) || texts.iter().any(|text| text.contains(word)))
}

/// Orders texts as people do: numbers by what they are worth.
fn natural(one: &str, other: &str) -> Ordering {
    let (mut one, mut other) = (one, other);
    loop {
        let (digits, rest) = split_number(one);
        let (other_digits, other_rest) = split_number(other);
        let order = if digits.is_empty() || other_digits.is_empty() {
            let (Some(c), Some(d)) = (one.chars().next(), other.chars().next()) else {
                return one.len().cmp(&other.len());
            };
            (one, other) = (&one[c.len_utf8()..], &other[d.len_utf8()..]);
            c.cmp(&d)
        } else {
            (one, other) = (rest, other_rest);
            let worth = |digits: &str| digits.trim_start_matches('0').len();
            let by_length = worth(digits).cmp(&worth(other_digits));
            let value = |digits: &str| digits.trim_start_matches('0').to_owned();
            by_length.then_with(|| value(digits).cmp(&value(other_digits)))
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// The digits at the beginning, and the rest.
fn split_number(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn library(paths: &[&str]) -> Library {
        let library = Library(ArcSwap::default());
        let item = |path: &&str| {
            Arc::new(Item {
                id: ItemId::of(Path::new(path)),
                path: Path::new(path).into(),
                relative: path.to_lowercase(),
                stamp: FileStamp { n_bytes: 1, modified_at: crate::time::Timestamp::default() },
                kind: Kind::Video,
                facts: Arc::new(Facts { title: (*path).to_owned(), ..Facts::default() }),
                sidecars: crate::media::item::Sidecars::default(),
            })
        };
        library.list(paths.iter().map(item).collect(), true);
        library
    }

    fn titles(page: &Page) -> Vec<&str> {
        page.items.iter().map(|item| &*item.facts.title).collect()
    }

    #[test]
    fn files_are_listed_as_people_count() {
        let library =
            library(&["Show 10.mp4", "show 2.mp4", "Show 02a.mp4", "a/b.mp4", "Ärger.mp4", "Show.mp4"]);
        let page = library.search("", None);
        let expected = ["a/b.mp4", "show 2.mp4", "Show 02a.mp4", "Show 10.mp4", "Show.mp4", "Ärger.mp4"];
        assert_eq!(titles(&page), expected);
        assert_eq!(page.after, None);
        assert_eq!(titles(&library.search("SHOW 2", None)), ["show 2.mp4", "Show 02a.mp4"]);
        assert!(library.search("nothing of this", None).items.is_empty());
    }

    #[test]
    fn a_folder_that_is_still_read_is_not_taken_for_a_small_one() {
        let library = library(&["a.mp4", "b.mp4"]);
        assert!(library.search("", None).is_complete);
        library.list(library.search("a", None).items, false);
        assert!(!library.search("", None).is_complete);
        assert!(!Library::default().search("", None).is_complete);
    }

    #[test]
    fn a_long_list_comes_in_pages() {
        let names: Vec<String> = (0..250).map(|n| format!("{n}.mp4")).collect();
        let library = library(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let (mut after, mut seen) = (None, Vec::new());
        loop {
            let page = library.search("mp4", after.as_ref());
            seen.extend(titles(&page).into_iter().map(str::to_owned));
            after = page.after;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen, names);
        let gone = ItemId::named("gone");
        assert_eq!(library.search("", Some(&gone)).items.len(), PAGE_ITEMS, "from the start");
        assert!(library.item(&gone).is_none());
    }
}
