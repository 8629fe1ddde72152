//! The book of one station, as its threads and its handlers share it; counts, and says so when something changes.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tracing::{debug, info};

use super::book::RequestBook;
pub use super::book::{Refusal, Request, Wish};
use super::settings::Rules;

/// What listeners have asked for.
#[derive(Debug)]
pub struct RequestDesk {
    /// The limits.
    pub rules: Rules,
    route: String,
    book: Mutex<RequestBook>,
    /// Counts up with every change.
    version: AtomicU64,
    changes: Arc<watch::Sender<u64>>,
}

impl RequestDesk {
    /// An empty one.
    pub fn new(rules: Rules, route: &str, changes: &Arc<watch::Sender<u64>>) -> Self {
        Self {
            rules,
            route: route.to_owned(),
            book: Mutex::new(RequestBook::new(rules)),
            version: AtomicU64::new(0),
            changes: Arc::clone(changes),
        }
    }

    /// What is to be told of each request, in the order in which they play.
    pub fn all<T>(&self, told: impl Fn(&Request) -> T) -> Vec<T> {
        self.book.lock().all().into_iter().map(told).collect()
    }

    /// How many requests there are, and a number that changes with them and their votes.
    pub fn count(&self) -> (usize, u64) {
        (self.book.lock().n_requests(), self.version.load(Ordering::Acquire))
    }

    /// Takes a request; returns its number.
    ///
    /// # Errors
    /// A limit forbids it.
    pub fn ask(&self, wish: Wish, by: IpAddr, now: Duration) -> Result<u64, Refusal> {
        let title = wish.title.clone();
        let asked = self.book.lock().ask(wish, by, now);
        self.count_outcome(asked.is_ok());
        match asked {
            Ok(id) => {
                info!(route = self.route, id, track = title, "a listener asks for a track");
                self.note_change();
            }
            Err(reason) => debug!(route = self.route, ?reason, "a request is refused"),
        }
        asked
    }

    /// Counts a vote; returns how many there are.
    ///
    /// # Errors
    /// There is no such request, or the person has voted for it.
    pub fn vote(&self, id: u64, by: IpAddr) -> Result<usize, Refusal> {
        let voted = self.book.lock().vote(id, by);
        match voted {
            Ok(n) => {
                let route = self.route.clone();
                metrics::counter!("roomhub_radio_request_votes_total", "route" => route).increment(1);
                debug!(route = self.route, id, votes = n, "a listener votes for a request");
                self.note_change();
            }
            Err(reason) => debug!(route = self.route, id, ?reason, "a vote is refused"),
        }
        voted
    }

    /// Takes a request out; returns whether there was one that waited.
    pub fn remove(&self, id: u64) -> bool {
        let Some(removed) = self.book.lock().remove(id) else { return false };
        info!(route = self.route, id, track = removed.wish.title, "a request is taken out");
        self.note_change();
        true
    }

    /// How long a track cannot be asked for, because it has played.
    pub fn wait_for_track(&self, path: &Path, now: Duration) -> Option<Duration> {
        self.book.lock().wait_for_track(path, now)
    }

    /// The file of the request that plays next, if one is due.
    pub fn due(&self, can_play: impl Fn(&Arc<Path>) -> bool) -> Option<Arc<Path>> {
        self.book.lock().due(can_play).map(|request| Arc::clone(&request.wish.path))
    }

    /// The same; its track is read from now on.
    pub fn take_due(&self, now: Duration, can_play: impl Fn(&Arc<Path>) -> bool) -> Option<Arc<Path>> {
        let taken = self.book.lock().take_due(now, can_play)?;
        debug!(route = self.route, file = %taken.display(), "a track that was asked for is next");
        self.note_change();
        Some(taken)
    }

    /// Counts a track whose turn has come without a request; returns whether one waited for it all the same.
    pub fn note_turn(&self, path: &Arc<Path>, now: Duration) -> bool {
        let was_asked_for = self.book.lock().note_turn(path, now);
        if was_asked_for {
            self.note_change();
        }
        was_asked_for
    }

    /// Counts a track that is on the air.
    pub fn note_on_air(&self, path: &Arc<Path>, now: Duration) {
        if self.book.lock().note_on_air(path, now) {
            let route = self.route.clone();
            metrics::counter!("roomhub_radio_requests_played_total", "route" => route).increment(1);
            self.note_change();
        }
    }

    /// Drops the request for a track that cannot be played.
    pub fn drop_track(&self, path: &Path, reason: &str) {
        if self.book.lock().drop_track(path) {
            info!(route = self.route, file = %path.display(), reason, "a request cannot be played and is dropped");
            self.note_change();
        }
    }

    /// Lets tracks wait again that were being read.
    pub fn put_back(&self, paths: impl IntoIterator<Item = Arc<Path>>) {
        let mut book = self.book.lock();
        paths.into_iter().for_each(|path| book.put_back(&path));
        drop(book);
        self.note_change();
    }

    fn count_outcome(&self, is_accepted: bool) {
        let outcome = if is_accepted { "accepted" } else { "refused" };
        let route = self.route.clone();
        metrics::counter!("roomhub_radio_requests_total", "route" => route, "outcome" => outcome)
            .increment(1);
    }

    fn note_change(&self) {
        let (n_waiting, route) = (self.book.lock().n_requests(), self.route.clone());
        metrics::gauge!("roomhub_radio_requests_waiting", "route" => route).set(n_waiting as f64);
        self.version.fetch_add(1, Ordering::AcqRel);
        self.changes.send_modify(|n| *n += 1);
    }
}
