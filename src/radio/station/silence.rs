//! Silence where there is no sound: before the first frame, and during an underrun.

use std::mem;
use std::time::Duration;

use tracing::warn;

use super::{Batch, CHUNK_SECONDS, Station};
use crate::audio::format::Format;
use crate::audio::mp3::Frame;
use crate::radio::output::pace::Pacer;
use crate::runtime::Context;

/// Silence is sent this long after the burst has been played.
const UNDERRUN_TIMEOUT: Duration = Duration::from_secs(1);

/// A listener who joins before the first frame waits this long for silence, unless there is known to be nothing…
const FIRST_FRAME_TIMEOUT: Duration = Duration::from_secs(10);

/// …which is checked this often.
const IDLE_CHECK_INTERVAL: Duration = Duration::from_millis(250);

/// The bitrate of silence before the first frame.
const SILENCE_KBPS: u32 = 128;

impl Station {
    /// How long to wait for a frame before silence is sent: until listeners have played the burst and
    /// `UNDERRUN_TIMEOUT` has passed, and during an underrun at the pace of the stream.
    pub(super) fn time_until_silence(&self) -> Option<Duration> {
        let Some(pacer) = self.pacer.as_ref().filter(|_| self.silence.is_some()) else {
            let (_, checked_at) = self.waiting_since.filter(|_| self.silence.is_none())?;
            return Some((checked_at + IDLE_CHECK_INTERVAL).since(self.context.clock.now()));
        };
        let due = pacer.due();
        let grace = if self.is_starved { Duration::ZERO } else { self.settings.burst + UNDERRUN_TIMEOUT };
        Some((due + grace).since(self.context.clock.now()))
    }

    /// Sends a chunk of silence, so that players stay connected; false when the station is to end.
    pub(super) async fn send_silence(&mut self, batch: &mut Batch, context: &Context) -> bool {
        if let Some(switch) = self.pending.take() {
            self.switch(*switch);
        }
        if self.silence.is_none() {
            self.start_silent();
        }
        let Some(frame) = &self.silence else { return true };
        if !mem::replace(&mut self.is_starved, true) {
            warn!(route = %self.state.route, "underrun: silence is sent until there is audio again");
            metrics::counter!("roomhub_radio_underruns_total").increment(1);
        }
        while batch.seconds() < CHUNK_SECONDS {
            batch.add(frame);
            if self.state.sound_feed.is_some() {
                batch.frames.push(frame.clone());
            }
        }
        self.send_batch(batch, context).await
    }

    /// Chooses a format for silence before the first frame, once no frame is expected soon.
    fn start_silent(&mut self) {
        let now = self.context.clock.now();
        let Some((since, checked_at)) = &mut self.waiting_since else { return };
        *checked_at = now;
        if self.program.queue.has_been_idle() || now.since(*since) >= FIRST_FRAME_TIMEOUT {
            let format = *self.program.queue.format.get_or_init(|| Format::USUAL);
            self.state.on_air.lock().format.get_or_insert(format);
            self.silence = Frame::silent(format, SILENCE_KBPS);
            self.pacer = Some(Pacer::ahead(format.rate, self.settings.burst, now));
        }
    }
}
