//! A station's source slot: which external source, if any, replaces the folder.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::{MappedMutexGuard, Mutex, MutexGuard};
use serde::Serialize;
use tokio::sync::mpsc::Sender;
use tokio::sync::watch;

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

impl SourceKind {
    /// What its tracks have in place of a file name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Folder => "folder",
            Self::Live => "live",
            Self::Relay => "relay",
        }
    }
}

/// Holds at most one external source at a time.
#[derive(Debug, Default)]
pub struct SourceSlot {
    holder: Mutex<Option<Holder>>,
    n_leases: AtomicU64,
    /// Changes when a lease is lost.
    losses: watch::Sender<()>,
}

#[derive(Debug)]
struct Holder {
    lease: u64,
    kind: SourceKind,
    /// Whose a live source is, if it is a DJ's.
    dj: Option<Arc<str>>,
    inputs: Option<Sender<SourceInput>>,
}

/// What an external source sends.
#[derive(Debug)]
pub enum SourceInput {
    /// Encoded sound.
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
    pub fn acquire(self: &Arc<Self>, kind: SourceKind, dj: Option<Arc<str>>) -> Option<SourceLease> {
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
        *holder = Some(Holder { lease: number, kind, dj, inputs: None });
        drop(holder);
        self.losses.send_replace(());
        Some(SourceLease { slot: Arc::clone(self), number })
    }

    /// Whether no external source holds the slot.
    pub fn is_free(&self) -> bool {
        self.holder.lock().is_none()
    }

    /// Takes the slot away from a live source; false if there is none.
    pub fn end_live(&self) -> bool {
        let ended = self.holder.lock().take_if(|holder| holder.kind == SourceKind::Live);
        self.losses.send_replace(());
        ended.is_some()
    }

    /// Sets the title of a live source from here on, at the wish of a DJ, or else of whoever has the source password; false if
    /// there is no live source, or it is another DJ's.
    pub async fn set_title(&self, track: Track, dj: Option<&Arc<str>>) -> bool {
        let live = self
            .holder
            .lock()
            .as_ref()
            .filter(|holder| holder.kind == SourceKind::Live && (dj.is_none() || holder.dj.as_ref() == dj))
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

    /// Waits until the lease is preempted.
    pub async fn lost(&self) {
        let mut losses = self.slot.losses.subscribe();
        while self.is_held() {
            // The slot outlives its leases.
            let _ = losses.changed().await;
        }
    }

    /// Whose the source is, if it is a DJ's.
    pub fn dj(&self) -> Option<Arc<str>> {
        self.holder().and_then(|holder| holder.dj.clone())
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
        let relay = slot.acquire(SourceKind::Relay, None).unwrap();
        assert!(slot.acquire(SourceKind::Relay, None).is_none());
        let live = slot.acquire(SourceKind::Live, None).unwrap();
        assert!(!relay.is_held() && live.is_held());
        assert!(
            slot.acquire(SourceKind::Live, None).is_none() && slot.acquire(SourceKind::Relay, None).is_none()
        );
        drop(relay);
        assert!(live.is_held() && !slot.is_free());
        drop(live);
        assert!(slot.is_free());
        let live = slot.acquire(SourceKind::Live, None).unwrap();
        assert!(slot.end_live() && !live.is_held() && !slot.end_live());
        drop((slot.acquire(SourceKind::Relay, None).unwrap(), live));
    }
}
