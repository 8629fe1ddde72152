//! Who listens: each listener of a stream with where it is from, its player, and since when.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::addresses::Origin;
use crate::audio::one_line::clean;
use crate::radio::statistics::{Entry, Ledger, Session};
use crate::time::Timestamp;

/// A listener.
#[derive(Debug, Clone)]
pub struct ListenerInfo {
    /// The path of what it hears: a station's route, or that of a mountpoint.
    pub path: Arc<str>,
    /// The station that it hears.
    pub route: Arc<str>,
    /// Where it is from.
    pub origin: Origin,
    /// What its player calls itself, on one line.
    pub player: Box<str>,
    /// When it joined.
    pub joined_at: Timestamp,
    /// Bytes of sound that it has been sent.
    n_bytes: Arc<AtomicU64>,
    orders: Arc<Orders>,
}

/// What an operator wants of a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenerOrder {
    /// Its stream is to end.
    End,
    /// It is to hear what is at that path.
    Move(Arc<str>),
}

/// The last order, until it is taken.
#[derive(Debug, Default)]
struct Orders {
    order: Mutex<Option<ListenerOrder>>,
    given: Notify,
}

impl ListenerInfo {
    /// Of one that joins a station, or one of its mountpoints, now.
    pub fn new(path: Arc<str>, route: &Arc<str>, origin: Origin, player: &str, joined_at: Timestamp) -> Self {
        Self {
            path,
            route: Arc::clone(route),
            origin,
            player: clean(player).into(),
            joined_at,
            n_bytes: Arc::default(),
            orders: Arc::default(),
        }
    }

    /// Bytes of sound that it has been sent.
    pub fn n_bytes(&self) -> u64 {
        self.n_bytes.load(Ordering::Relaxed)
    }

    fn session(&self, now: Timestamp) -> Session {
        Session {
            route: Arc::clone(&self.route),
            path: Arc::clone(&self.path),
            origin: self.origin.clone(),
            player: self.player.clone(),
            joined_at: self.joined_at,
            seconds: now.since(self.joined_at).as_secs_f64(),
            n_bytes: self.n_bytes(),
        }
    }
}

/// All listeners but those of HLS, by their numbers.
#[derive(Debug, Default)]
pub struct Audience {
    listeners: Mutex<Listeners>,
    /// Where sessions are written down.
    ledger: Option<Ledger>,
}

#[derive(Debug, Default)]
struct Listeners {
    by_number: BTreeMap<u64, ListenerInfo>,
    by_path: BTreeMap<Arc<str>, OfPath>,
    n_joined: u64,
}

/// The listeners of a path.
#[derive(Debug, Default)]
struct OfPath {
    n_listeners: usize,
    /// Bytes that those who have gone were sent.
    n_bytes: u64,
}

impl Listeners {
    fn count(&mut self, path: &Arc<str>) {
        self.by_path.entry(Arc::clone(path)).or_default().n_listeners += 1;
    }

    fn discount(&mut self, path: &str) {
        if let Some(of_path) = self.by_path.get_mut(path) {
            of_path.n_listeners -= 1;
        }
    }
}

/// A listener's place, given up on drop.
pub struct Place {
    audience: Arc<Audience>,
    number: u64,
    /// Bytes of sound that the listener has been sent.
    pub n_bytes: Arc<AtomicU64>,
    orders: Arc<Orders>,
}

impl Audience {
    /// Nobody yet; sessions are written down there.
    pub fn new(ledger: Option<Ledger>) -> Arc<Self> {
        Arc::new(Self { listeners: Mutex::default(), ledger })
    }

    /// Counts a listener in.
    pub fn join(self: &Arc<Self>, listener: ListenerInfo) -> Place {
        let (n_bytes, orders) = (Arc::clone(&listener.n_bytes), Arc::clone(&listener.orders));
        let mut listeners = self.listeners.lock();
        listeners.n_joined += 1;
        let number = listeners.n_joined;
        listeners.count(&listener.path);
        listeners.by_number.insert(number, listener);
        drop(listeners);
        Place { audience: Arc::clone(self), number, n_bytes, orders }
    }

    /// The listeners of a path, with their numbers, the first to join first.
    pub fn of(&self, path: &str) -> Vec<(u64, ListenerInfo)> {
        self.listed(usize::MAX, |listener| *listener.path == *path)
    }

    /// At most so many listeners of a station and its mountpoints, with their numbers, the first to join first.
    pub fn of_station(&self, route: &str, most: usize) -> Vec<(u64, ListenerInfo)> {
        self.listed(most, |listener| *listener.route == *route)
    }

    fn listed(&self, most: usize, is_wanted: impl Fn(&ListenerInfo) -> bool) -> Vec<(u64, ListenerInfo)> {
        let listeners = self.listeners.lock();
        let found = listeners.by_number.iter().filter(|(_, listener)| is_wanted(listener)).take(most);
        found.map(|(number, listener)| (*number, listener.clone())).collect()
    }

    /// The number of listeners of a path.
    pub fn count(&self, path: &str) -> usize {
        self.listeners.lock().by_path.get(path).map_or(0, |of_path| of_path.n_listeners)
    }

    /// Bytes of sound that all listeners of a path were sent, those who have gone too.
    pub fn n_bytes(&self, path: &str) -> u64 {
        let listeners = self.listeners.lock();
        let here = listeners.by_number.values().filter(|listener| *listener.path == *path);
        let gone = listeners.by_path.get(path).map_or(0, |of_path| of_path.n_bytes);
        gone + here.map(ListenerInfo::n_bytes).sum::<u64>()
    }

    /// How many have ever joined.
    pub fn n_joined(&self) -> u64 {
        self.listeners.lock().n_joined
    }

    /// Whether nobody listens.
    pub fn is_empty(&self) -> bool {
        self.listeners.lock().by_number.is_empty()
    }

    /// Orders a listener; false if that number does not hear that path.
    pub fn order(&self, path: &str, number: u64, order: ListenerOrder) -> bool {
        self.order_if(number, order, |listener| *listener.path == *path)
    }

    /// Ends the stream of a listener of a station; false if that number does not hear it.
    pub fn end_in_station(&self, route: &str, number: u64) -> bool {
        self.order_if(number, ListenerOrder::End, |listener| *listener.route == *route)
    }

    fn order_if(&self, number: u64, order: ListenerOrder, fits: impl Fn(&ListenerInfo) -> bool) -> bool {
        let listeners = self.listeners.lock();
        let Some(listener) = listeners.by_number.get(&number).filter(|listener| fits(listener)) else {
            return false;
        };
        let mut last = listener.orders.order.lock();
        // Whoever is to go is not moved any more.
        if *last != Some(ListenerOrder::End) {
            *last = Some(order);
        }
        listener.orders.given.notify_one();
        true
    }
}

impl Place {
    /// Waits until an operator orders something.
    pub async fn ordered(&self) -> ListenerOrder {
        loop {
            if let Some(order) = self.orders.order.lock().take() {
                return order;
            }
            self.orders.given.notified().await;
        }
    }

    /// The listener hears another stream from now on, in the same session.
    pub fn move_to(&self, path: &Arc<str>, route: &Arc<str>) {
        let mut guard = self.audience.listeners.lock();
        let listeners = &mut *guard;
        let Some(listener) = listeners.by_number.get_mut(&self.number) else { return };
        let before = std::mem::replace(&mut listener.path, Arc::clone(path));
        listener.route = Arc::clone(route);
        listeners.discount(&before);
        listeners.count(path);
    }

    /// Writes the session down, if sessions are.
    pub fn note(&self, now: Timestamp) {
        let Some(ledger) = &self.audience.ledger else { return };
        let listeners = self.audience.listeners.lock();
        let session = listeners.by_number.get(&self.number).map(|listener| listener.session(now));
        drop(listeners);
        if let Some(session) = session {
            ledger.enter(Entry::Session(session));
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut listeners = self.audience.listeners.lock();
        if let Some(listener) = listeners.by_number.remove(&self.number) {
            listeners.discount(&listener.path);
            if let Some(of_path) = listeners.by_path.get_mut(&listener.path) {
                of_path.n_bytes += listener.n_bytes();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn join(audience: &Arc<Audience>, path: &str) -> Place {
        let path: Arc<str> = path.into();
        audience.join(ListenerInfo::new(
            Arc::clone(&path),
            &path,
            Origin::default(),
            "mpv",
            Timestamp::default(),
        ))
    }

    #[tokio::test]
    async fn a_listener_that_is_moved_counts_where_it_went() {
        let audience = Audience::new(None);
        let (first, second) = (join(&audience, "/a"), join(&audience, "/a"));
        let to: Arc<str> = "/b".into();
        assert!(audience.order("/a", 1, ListenerOrder::Move(Arc::clone(&to))));
        assert!(!audience.order("/b", 1, ListenerOrder::End) && !audience.order("/a", 3, ListenerOrder::End));
        assert_eq!(first.ordered().await, ListenerOrder::Move(Arc::clone(&to)));
        first.move_to(&to, &to);
        assert_eq!((audience.count("/a"), audience.count("/b")), (1, 1));
        assert_eq!(audience.of("/b")[0].0, 1);
        drop((first, second));
        assert!(audience.is_empty() && audience.count("/b") == 0);
    }

    #[tokio::test]
    async fn whoever_is_to_go_is_not_moved_any_more() {
        let audience = Audience::new(None);
        let place = join(&audience, "/a");
        assert!(audience.order("/a", 1, ListenerOrder::End));
        assert!(audience.order("/a", 1, ListenerOrder::Move("/b".into())));
        assert_eq!(place.ordered().await, ListenerOrder::End);
    }
}
