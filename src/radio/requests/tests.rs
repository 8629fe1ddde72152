//! Requests and the queue of tracks that plays them, without a station.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::desk::{RequestDesk, Wish};
use super::settings::Rules;
use crate::audio::track_info::TrackInfo;
use crate::radio::library::playlist::Order;
use crate::radio::library::track_queue::TrackQueue;

const NOW: Duration = Duration::from_secs(1000);

/// A queue of `a` to `d` by name, and its desk, where each of these was asked for.
fn asked(names: &[&str]) -> (Arc<TrackQueue>, Arc<RequestDesk>) {
    let rules = Rules { interval: Duration::ZERO, track_interval: Duration::ZERO, ..Rules::default() };
    let desk = Arc::new(RequestDesk::new(rules, "/", &Arc::new(watch::channel(0).0)));
    let queue = TrackQueue::new(Order::Name, 1, None);
    queue.playlist.lock().add(["a", "b", "c", "d"].map(path));
    queue.take_requests(&desk);
    for name in names {
        let wish = Wish {
            path: path(name),
            id: 0,
            title: (*name).to_owned(),
            artist: String::new(),
            duration_seconds: None,
        };
        desk.ask(wish, [192, 0, 2, 1].into(), NOW).unwrap();
    }
    (queue, desk)
}

fn path(name: &str) -> Arc<Path> {
    Path::new(name).into()
}

fn next(queue: &TrackQueue) -> String {
    queue.next_track(NOW).unwrap().to_string_lossy().into_owned()
}

#[test]
fn what_was_asked_for_plays_between_tracks_and_is_told_before() {
    let (queue, desk) = asked(&["d", "c"]);
    assert_eq!(queue.next_file(), "d");
    assert_eq!([(); 5].map(|()| next(&queue)), ["d", "a", "c", "b", "c"]);
    let is_requested = |name| queue.track(&path(name), &TrackInfo::default()).is_requested;
    assert_eq!(["a", "d", "c"].map(is_requested), [false, true, true]);
    assert_eq!(desk.all(|request| request.is_next).iter().filter(|is_next| **is_next).count(), 2);
    desk.note_on_air(&path("d"), NOW);
    assert_eq!(desk.count().0, 1);
}

#[test]
fn what_was_opened_and_is_given_up_waits_again_and_what_cannot_be_played_is_dropped() {
    let (queue, desk) = asked(&["d", "c"]);
    assert_eq!(next(&queue), "d");
    queue.put_requests_back(|_| true);
    assert!(desk.all(|request| request.is_next) == [false, false]);
    assert_eq!([(); 2].map(|()| next(&queue)), ["a", "d"]);
    queue.drop_request(Path::new("a"), "it was not asked for");
    queue.drop_request(Path::new("d"), "it is broken");
    assert_eq!(desk.all(|request| request.wish.title.clone()), ["c"]);
}
