//! A station's source slot: which external source, if any, replaces the folder.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::{MappedMutexGuard, Mutex, MutexGuard};
use serde::Serialize;
use tokio::sync::mpsc::Sender;

use crate::radio::library::track::Track;

/// How long a title waits for the audio before it to be read.
const TITLE_TIMEOUT: Duration = Duration::from_secs(2);

/// What kind of source a station plays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// The station's own folder.
    #[default]
    Folder,
    /// A live source client.
    Live,
    /// A relayed station.
    Relay,
}

/// Holds at most one external source at a time.
#[derive(Debug, Default)]
pub struct SourceSlot {
    holder: Mutex<Option<Holder>>,
    n_leases: AtomicU64,
}

#[derive(Debug)]
struct Holder {
    lease: u64,
    kind: SourceKind,
    inputs: Option<Sender<SourceInput>>,
}

/// What an external source sends.
#[derive(Debug)]
pub enum SourceInput {
    /// Bytes of MP3.
    Audio(Bytes),
    /// The track that the audio after it belongs to.
    Title(Arc<Track>),
}

/// The right to replace the folder; given up on drop.
pub struct SourceLease {
    slot: Arc<SourceSlot>,
    number: u64,
}

impl SourceSlot {
    /// Acquires the slot; `None` if it is taken. A live source preempts a relay, and nothing preempts a live source.
    pub fn acquire(self: &Arc<Self>, kind: SourceKind) -> Option<SourceLease> {
        let mut holder = self.holder.lock();
        let is_available = match holder.as_ref().map(|holder| holder.kind) {
            None | Some(SourceKind::Folder) => true,
            Some(SourceKind::Relay) => kind == SourceKind::Live,
            Some(SourceKind::Live) => false,
        };
        if !is_available {
            return None;
        }
        let number = self.n_leases.fetch_add(1, Ordering::Relaxed);
        *holder = Some(Holder { lease: number, kind, inputs: None });
        drop(holder);
        Some(SourceLease { slot: Arc::clone(self), number })
    }

    /// Whether no external source holds the slot.
    pub fn is_free(&self) -> bool {
        self.holder.lock().is_none()
    }

    /// Sets the title of a live source from here on; false if there is no live source.
    pub async fn set_title(&self, track: Track) -> bool {
        let live = self
            .holder
            .lock()
            .as_ref()
            .filter(|holder| holder.kind == SourceKind::Live)
            .and_then(|holder| holder.inputs.clone());
        let Some(inputs) = live else { return false };
        inputs.send_timeout(SourceInput::Title(Arc::new(track)), TITLE_TIMEOUT).await.is_ok()
    }
}

impl SourceLease {
    /// Whether the lease has not been preempted.
    pub fn is_held(&self) -> bool {
        self.holder().is_some()
    }

    /// Routes titles that come by separate requests to `inputs`; `None` refuses them.
    pub fn receive_titles_on(&self, inputs: Option<Sender<SourceInput>>) {
        if let Some(mut holder) = self.holder() {
            holder.inputs = inputs;
        }
    }

    /// The holder, as long as it is this lease.
    fn holder(&self) -> Option<MappedMutexGuard<'_, Holder>> {
        let holder = self.slot.holder.lock();
        MutexGuard::try_map(holder, |holder| holder.as_mut().filter(|holder| holder.lease == self.number))
            .ok()
    }
}

impl Drop for SourceLease {
    fn drop(&mut self) {
        let mut holder = self.slot.holder.lock();
        if holder.as_ref().is_some_and(|holder| holder.lease == self.number) {
            *holder = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_live_source_preempts_a_relay_and_nothing_preempts_a_live_source() {
        let slot = Arc::new(SourceSlot::default());
        let relay = slot.acquire(SourceKind::Relay).unwrap();
        assert!(slot.acquire(SourceKind::Relay).is_none());
        let live = slot.acquire(SourceKind::Live).unwrap();
        assert!(!relay.is_held() && live.is_held());
        assert!(slot.acquire(SourceKind::Live).is_none() && slot.acquire(SourceKind::Relay).is_none());
        drop(relay);
        assert!(live.is_held() && !slot.is_free());
        drop(live);
        assert!(slot.is_free());
    }
}
