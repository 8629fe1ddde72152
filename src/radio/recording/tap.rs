//! What a source's thread hands to its recording. It never waits: what the queue has no room for is left out.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError};

use bytes::Bytes;
use parking_lot::Mutex;
use tracing::warn;

use super::Show;
use super::shelf::Shelf;
use super::writer::{self, Piece};
use crate::audio::stream_decoder::StreamKind;
use crate::radio::library::track::Track;
use crate::radio::station_handle::OnAir;

/// Bytes before the first sound that are kept: tags may be longer, and are left out then.
const MAX_EARLY_BYTES: usize = 1024 * 1024;

/// What is recorded of a source.
pub struct Recording {
    shelf: Arc<Shelf>,
    show: Show,
    on_air: Arc<Mutex<OnAir>>,
    state: State,
    /// A title that has not been handed on.
    title: Option<Arc<Track>>,
    /// Seconds of sound that were heard.
    seconds: f64,
    is_behind: bool,
}

enum State {
    /// No sound was found yet; what came so far.
    Waiting(Vec<Bytes>),
    Writing(SyncSender<Piece>),
    /// It has ended, or cannot begin.
    Ended,
}

impl Recording {
    /// Of a show, which begins with its first sound.
    pub fn new(shelf: &Arc<Shelf>, show: Show, on_air: &Arc<Mutex<OnAir>>) -> Self {
        Self {
            shelf: Arc::clone(shelf),
            show,
            on_air: Arc::clone(on_air),
            state: State::Waiting(Vec::new()),
            title: None,
            seconds: 0.0,
            is_behind: false,
        }
    }

    /// Takes bytes as they come; a muted source is not recorded.
    pub fn audio(&mut self, audio: &Bytes) {
        if let State::Waiting(early) = &mut self.state {
            early.push(audio.clone());
            if early.iter().map(Bytes::len).sum::<usize>() > MAX_EARLY_BYTES {
                early.clear();
            }
            return;
        }
        if self.is_muted() {
            return;
        }
        if let Some(track) = self.title.take() {
            self.send(Piece::Title(track, self.seconds));
        }
        self.send(Piece::Audio(audio.clone(), self.seconds));
    }

    /// Takes a title.
    pub fn title(&mut self, track: &Arc<Track>) {
        self.title = Some(Arc::clone(track));
    }

    /// Counts sound that is on the air; the first of it begins the recording.
    pub fn heard(&mut self, kind: StreamKind, seconds: f64) {
        if let State::Waiting(early) = &mut self.state {
            let early = std::mem::take(early);
            self.state = writer::start(&self.shelf, &self.show, kind).map_or(State::Ended, State::Writing);
            for audio in &early {
                self.audio(audio);
            }
        }
        if !self.is_muted() {
            self.seconds += seconds;
        }
    }

    /// Whether the folder plays in place of the source.
    fn is_muted(&self) -> bool {
        self.on_air.lock().live.as_ref().is_some_and(|live| live.is_muted)
    }

    fn send(&mut self, piece: Piece) {
        let State::Writing(pieces) = &self.state else { return };
        match pieces.try_send(piece) {
            Ok(()) => self.is_behind = false,
            Err(TrySendError::Full(_)) => {
                if !std::mem::replace(&mut self.is_behind, true) {
                    let route = &self.show.route;
                    warn!(%route, "the disk is too slow for a recording: a part of the show is left out of it");
                }
            }
            Err(TrySendError::Disconnected(_)) => self.state = State::Ended,
        }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.send(Piece::End(self.seconds));
    }
}
