//! A station's microphone: who speaks in the folder's place.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::{MappedMutexGuard, Mutex, MutexGuard};
use serde::Serialize;
use tokio::sync::mpsc::Sender;

use super::track::Track;

/// What a title may wait for sound that is before it.
const TITLE_PATIENCE: Duration = Duration::from_secs(2);

/// Where a station's sound comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// Its own folder.
    #[default]
    Folder,
    /// Somebody who broadcasts.
    Live,
    /// Another station.
    Relay,
}

/// A station's microphone: one guest has it at a time.
#[derive(Debug, Default)]
pub struct Microphone {
    holder: Mutex<Option<Holder>>,
    n_guests: AtomicU64,
}

#[derive(Debug)]
struct Holder {
    number: u64,
    origin: Origin,
    pieces: Option<Sender<Piece>>,
}

/// What a guest hands in.
#[derive(Debug)]
pub enum Piece {
    /// Sound.
    Sound(Bytes),
    /// What follows is called so.
    Title(Arc<Track>),
}

/// The microphone in a guest's hand, until dropped.
pub struct Turn {
    microphone: Arc<Microphone>,
    number: u64,
}

impl Microphone {
    /// Takes the microphone: a live guest from a relay too, nobody from a live guest.
    pub fn take(self: &Arc<Self>, origin: Origin) -> Option<Turn> {
        let mut holder = self.holder.lock();
        let is_free = match holder.as_ref().map(|holder| holder.origin) {
            None | Some(Origin::Folder) => true,
            Some(Origin::Relay) => origin == Origin::Live,
            Some(Origin::Live) => false,
        };
        if !is_free {
            return None;
        }
        let number = self.n_guests.fetch_add(1, Ordering::Relaxed);
        *holder = Some(Holder { number, origin, pieces: None });
        drop(holder);
        Some(Turn { microphone: Arc::clone(self), number })
    }

    /// Whether nobody has it.
    pub fn is_free(&self) -> bool {
        self.holder.lock().is_none()
    }

    /// Names what the live guest plays from here on; false without one.
    pub async fn name(&self, track: Track) -> bool {
        let live = self
            .holder
            .lock()
            .as_ref()
            .filter(|holder| holder.origin == Origin::Live)
            .and_then(|holder| holder.pieces.clone());
        let Some(pieces) = live else { return false };
        pieces.send_timeout(Piece::Title(Arc::new(track)), TITLE_PATIENCE).await.is_ok()
    }
}

impl Turn {
    /// Whether nobody has taken the microphone away.
    pub fn is_on(&self) -> bool {
        self.held().is_some()
    }

    /// Where names go that come by another way, from here on; nowhere with `None`.
    pub fn take_names_by(&self, pieces: Option<Sender<Piece>>) {
        if let Some(mut holder) = self.held() {
            holder.pieces = pieces;
        }
    }

    /// What is known of the holder, while this is it.
    fn held(&self) -> Option<MappedMutexGuard<'_, Holder>> {
        let holder = self.microphone.holder.lock();
        MutexGuard::try_map(holder, |holder| holder.as_mut().filter(|holder| holder.number == self.number))
            .ok()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut holder = self.microphone.holder.lock();
        if holder.as_ref().is_some_and(|holder| holder.number == self.number) {
            *holder = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_live_guest_takes_the_microphone_from_a_relay_and_nobody_takes_it_from_one() {
        let microphone = Arc::new(Microphone::default());
        let relay = microphone.take(Origin::Relay).unwrap();
        assert!(microphone.take(Origin::Relay).is_none());
        let live = microphone.take(Origin::Live).unwrap();
        assert!(!relay.is_on() && live.is_on());
        assert!(microphone.take(Origin::Live).is_none() && microphone.take(Origin::Relay).is_none());
        drop(relay);
        assert!(live.is_on() && !microphone.is_free());
        drop(live);
        assert!(microphone.is_free());
    }
}
