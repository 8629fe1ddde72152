//! External sources of a station: they take the place of its folder, are muted, and end.

use std::mem;

use super::Station;
use super::fading::External;
use crate::audio::streams::Tags;
use crate::radio::news::Event;
use crate::radio::output::ring::title_block;
use crate::radio::sources::muted::MutedSource;
use crate::radio::sources::source_slot::SourceKind;
use crate::radio::station_handle::{LiveOnAir, NewSource};

impl Station {
    /// Plays an external source in place of the folder.
    pub(super) fn play_source(&mut self, NewSource { kind, dj, items, track }: NewSource) {
        self.skip();
        self.external = Some(External::new(items, 0));
        self.muted = None;
        let live = (kind == SourceKind::Live).then_some(LiveOnAir { dj, is_muted: false });
        let mut on_air = self.state.on_air.lock();
        on_air.source = kind;
        on_air.live = live;
        drop(on_air);
        if kind == SourceKind::Live {
            self.state.tell(self.context.clock.now(), &Event::LiveStart);
        }
        if let Some(track) = track {
            self.start_track(0, track);
        }
    }

    /// Ends a live source, heard or not.
    pub(super) fn end_live_source(&mut self) {
        self.arriving = None;
        if self.muted.take().is_some() {
            self.forget_live_source();
        } else if self.state.on_air.lock().source == SourceKind::Live
            && let Some(external) = &mut self.external
        {
            external.items = None;
        }
    }

    /// Plays the folder in place of a live source.
    pub(super) fn mute(&mut self) {
        let mut on_air = self.state.on_air.lock();
        let track = on_air.track.clone();
        let Some(live) = on_air.live.as_mut().filter(|live| !live.is_muted) else { return };
        live.is_muted = true;
        drop(on_air);
        let items = self.external.as_mut().and_then(|external| external.items.take());
        self.muted = items.map(|items| MutedSource::new(items, track));
    }

    /// Plays a live source again.
    pub(super) fn unmute(&mut self) {
        let Some(MutedSource { items, track, .. }) = self.muted.take() else { return };
        let dj = self.state.on_air.lock().live.take().and_then(|live| live.dj);
        self.receive_source(NewSource { kind: SourceKind::Live, dj, items, track });
    }

    /// A muted source is passed over at the pace of the station, and may end meanwhile.
    pub(super) fn pass_over_muted(&mut self, n_samples: u32) {
        if self.muted.as_mut().is_some_and(|muted| muted.pass_over(n_samples).is_err()) {
            self.muted = None;
            self.forget_live_source();
        }
    }

    fn forget_live_source(&mut self) {
        self.state.on_air.lock().live = None;
        self.state.changes.send_modify(|n| *n += 1);
    }

    /// Returns to the folder, which starts its next track.
    pub(super) fn end_external_source(&mut self) {
        self.external = None;
        let mut on_air = self.state.on_air.lock();
        let ended = mem::take(&mut on_air.source);
        // One that is muted is still there.
        on_air.live = on_air.live.take().filter(|_| self.muted.is_some());
        on_air.track = None;
        drop(on_air);
        if ended == SourceKind::Live {
            self.state.tell(self.context.clock.now(), &Event::LiveEnd);
        }
        self.tags = Tags::default();
        self.title = title_block("");
        self.state.changes.send_modify(|n| *n += 1);
    }
}
