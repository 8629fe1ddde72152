//! Where one track becomes the next: how much of both is read for it, and the seam.

use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::anyhow;
use tracing::debug;

use super::{FolderSource, StationClosed};
use crate::audio::format::Format;
use crate::radio::library::playlist::Order;
use crate::radio::sources::open_track::OpenTrack;
use crate::radio::sources::seam::{self, LOOKAHEAD_FRAMES, STRETCHED, Seam, SeamSettings, Succession};

/// What is held of a track more than is joined, in seconds: what is heard at its very end is looked at, and frames are whole.
const MARGIN: f64 = 0.1;

impl FolderSource {
    /// Goes from the end of a track to the beginning of the next.
    pub(super) fn join(
        &mut self,
        track: &mut OpenTrack,
        next: &mut OpenTrack,
        format: Format,
    ) -> Result<(), StationClosed> {
        if self.queue.is_abandoned(self.serial) {
            self.transcoder = None;
            return self.begin(next);
        }
        let n_needed = self.n_needed(track, next, format);
        self.read(next, |next| next.fill(n_needed));
        let settings = SeamSettings {
            format,
            bitrate_kbps: self.opener.settings.bitrate_kbps,
            crossfade: self.opener.settings.crossfade.as_secs_f64(),
            succession: self.succession(track, next),
        };
        let transcoder = &mut self.transcoder;
        let seam = catch_unwind(AssertUnwindSafe(|| seam::join(track, next, transcoder, settings)));
        match seam.unwrap_or_else(|_| Err(anyhow!("a panic"))) {
            Ok(Some(Seam { before, after, n_frames, has_reservoir, transcoder })) => {
                let serial = self.queue.start_track(&next.track);
                self.send(before)?;
                self.transcoder = transcoder;
                self.announce(serial, next)?;
                self.send(after)?;
                next.skip_joined(n_frames);
                if !has_reservoir {
                    next.silence_incomplete();
                }
                Ok(())
            }
            Ok(None) => {
                self.send_rest(track, format)?;
                self.begin(next)
            }
            Err(error) => {
                let route = &self.opener.settings.route;
                debug!(route, error = format!("{error:#}"), "two tracks follow each other without a seam");
                self.transcoder = None;
                self.send_rest(track, format)?;
                self.begin(next)
            }
        }
    }

    /// How much of the end of a track is read before it is played, in samples of all channels.
    pub(super) fn n_held(&self, track: &OpenTrack, format: Format) -> usize {
        let trimmed = self.opener.settings.trim_silence.longest.as_secs_f64();
        format.samples(self.joined_seconds(track, track) + trimmed)
    }

    /// How much of the beginning of the next track is read before it is joined, in samples of all channels.
    fn n_needed(&self, track: &OpenTrack, next: &OpenTrack, format: Format) -> usize {
        let n_frames = LOOKAHEAD_FRAMES + 4;
        format.samples(self.joined_seconds(track, next))
            + n_frames * format.frame_samples() * usize::from(format.channels)
    }

    /// How much is joined of one of two tracks, the first of which is `track`.
    fn joined_seconds(&self, track: &OpenTrack, one: &OpenTrack) -> f64 {
        let crossfade = self.opener.settings.crossfade.as_secs_f64();
        let crossfade = track.crossfade.filter(|_| crossfade > 0.0).unwrap_or(crossfade);
        // Where tracks are shuffled, hardly one follows another one in its album.
        let is_in_order = self.queue.playlist.lock().order() != Order::Shuffle;
        crossfade.max(if one.is_passed() && is_in_order { STRETCHED } else { 0.0 }) + MARGIN
    }

    /// How a track follows another one: in its album by their tags, or in a folder by the station's order.
    fn succession(&self, track: &OpenTrack, next: &OpenTrack) -> Succession {
        let is_in_folder = track.path.parent() == next.path.parent();
        match (&track.place, &next.place, self.queue.playlist.lock().order()) {
            (Some(place), Some(next), _) if place.is_followed_by(next) => Succession::Album,
            (None, None, Order::Album) if is_in_folder => Succession::Album,
            (None, None, Order::Name) if is_in_folder => Succession::Folder,
            _ => Succession::None,
        }
    }
}
