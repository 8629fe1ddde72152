//! The events of stations: tracks, live sources and shows that begin or end.
//!
//! Whoever tells waits for nobody: each reader has a box of bounded size, whose oldest news are dropped.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::library::track::Track;
use super::sources::source_slot::SourceKind;
use crate::time::Timestamp;

/// What has happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A track from this kind of source has begun.
    Track(Arc<Track>, SourceKind),
    /// A jingle has begun whose title listeners do not see.
    Jingle(Arc<Track>),
    /// A live source is on the air.
    LiveStart,
    /// It has ended.
    LiveEnd,
    /// A show of that name is on.
    ShowStart(Arc<str>),
    /// It is over.
    ShowEnd(Arc<str>),
}

/// What has happened at a station.
#[derive(Debug, Clone, PartialEq)]
pub struct News {
    /// The station.
    pub route: Arc<str>,
    /// When.
    pub at: Timestamp,
    /// What.
    pub event: Event,
}

/// Everybody who wants to know.
#[derive(Default)]
pub struct Newsroom {
    readers: Vec<Arc<NewsBox>>,
}

/// Chooses the events for a reader.
pub type Wish = Box<dyn Fn(&News) -> bool + Send + Sync>;

/// News that have not been read.
pub struct NewsBox {
    most: usize,
    wish: Wish,
    unread: Mutex<Unread>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Unread {
    news: VecDeque<News>,
    n_dropped: u64,
}

impl Newsroom {
    /// For those readers.
    pub fn new(readers: Vec<Arc<NewsBox>>) -> Self {
        Self { readers }
    }

    /// Tells all of them.
    pub fn tell(&self, route: &Arc<str>, at: Timestamp, event: &Event) {
        for reader in &self.readers {
            reader.put(News { route: Arc::clone(route), at, event: event.clone() });
        }
    }
}

impl NewsBox {
    /// An empty box with room for this many of the wanted events.
    pub fn new(most: usize, wish: Wish) -> Arc<Self> {
        Arc::new(Self { most, wish, unread: Mutex::default(), arrived: Notify::new() })
    }

    fn put(&self, news: News) {
        if !(self.wish)(&news) {
            return;
        }
        let mut unread = self.unread.lock();
        if unread.news.len() >= self.most {
            unread.news.pop_front();
            unread.n_dropped += 1;
        }
        unread.news.push_back(news);
        drop(unread);
        self.arrived.notify_one();
    }

    /// The oldest, as soon as there is one, and how many were dropped before it.
    pub async fn next(&self) -> (News, u64) {
        loop {
            if let Some(next) = self.take() {
                return next;
            }
            self.arrived.notified().await;
        }
    }

    /// The oldest, if there is one, and how many were dropped before it.
    pub fn take(&self) -> Option<(News, u64)> {
        let mut unread = self.unread.lock();
        let news = unread.news.pop_front()?;
        Some((news, std::mem::take(&mut unread.n_dropped)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_does_not_read_loses_the_oldest_and_is_told_how_many() {
        let reader = NewsBox::new(2, Box::new(|news| news.event != Event::LiveEnd));
        let newsroom = Newsroom::new(vec![Arc::clone(&reader)]);
        let route: Arc<str> = "/a".into();
        for show in ["one", "two", "three", "four"] {
            newsroom.tell(&route, Timestamp::default(), &Event::ShowStart(show.into()));
            newsroom.tell(&route, Timestamp::default(), &Event::LiveEnd);
        }
        let (first, n_dropped) = reader.next().await;
        assert_eq!((first.event, n_dropped), (Event::ShowStart("three".into()), 2));
        let (second, n_dropped) = reader.next().await;
        assert_eq!((second.event, n_dropped), (Event::ShowStart("four".into()), 0));
        assert!(reader.take().is_none());
    }
}
