//! Requests of listeners: who may ask for which track, what waits, and when it plays.
//!
//! `settings` are the limits, `book` holds what waits and is pure, `desk` is the book of one station as its threads and
//! handlers share it, `catalogue` finds tracks, and `routes` are the HTTP interface. Nothing is kept between starts.

mod book;
pub mod catalogue;
pub mod desk;
pub mod routes;
pub mod settings;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{Semaphore, watch};

use super::library::track_index::TrackIndex;
use super::library::track_queue::TrackQueue;
use catalogue::Catalogue;
use desk::RequestDesk;
use settings::Rules;

/// What a station needs to take requests.
pub struct StationRequests {
    /// What waits.
    pub desk: Arc<RequestDesk>,
    /// What can be asked for.
    pub catalogue: Catalogue,
    /// One search at a time, so that strangers keep one thread busy at most.
    pub searching: Arc<Semaphore>,
}

impl StationRequests {
    /// Of a station that plays `queue` from these folders.
    pub fn new(
        rules: Rules,
        queue: &Arc<TrackQueue>,
        index: &Arc<TrackIndex>,
        folders: Vec<PathBuf>,
        (route, changes): (&str, &Arc<watch::Sender<u64>>),
    ) -> Arc<Self> {
        let desk = Arc::new(RequestDesk::new(rules, route, changes));
        queue.take_requests(&desk);
        let catalogue = Catalogue::new(Arc::clone(queue), Arc::clone(index), folders);
        Arc::new(Self { desk, catalogue, searching: Arc::new(Semaphore::new(1)) })
    }
}
