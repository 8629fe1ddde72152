//! What the types of `[radio]` do not rule out.

use std::time::Duration;

use super::encodings::{allowed_bitrates, validate_mountpoints};
use super::{Config, StreamMode, station};
use crate::audio::encode::BITRATES;
use crate::config::Findings;
use crate::radio::sources::track_settings::{MAX_CROSSFADE, MAX_TRIMMED};
use crate::radio::{djs, paths, recording, schedule, webhooks, yp};

/// The most frames that `source_max_queued_frames` may allow: an hour.
const MAX_QUEUED_FRAMES: usize = 150_000;

/// The most that `max_cover_bytes` may allow: tags are read no further.
const MAX_COVER_BYTES: usize = 16 * 1024 * 1024;

/// The least that `ffmpeg_max_bytes` may allow: its libraries alone take some 200 MiB of addresses.
const MIN_FFMPEG_BYTES: u64 = 512 * 1024 * 1024;

impl Config {
    /// Checks what the types do not.
    pub fn validate(&self, findings: &mut Findings) {
        findings.at_least_one("radio.max_preload_tracks", self.max_preload_tracks);
        findings.at_least_one("radio.max_listeners", self.max_listeners);
        findings.at_least_one("radio.max_listeners_per_station", self.max_listeners_per_station);
        findings.at_least_one("radio.max_listeners_per_address", self.max_listeners_per_address);
        findings.at_least_one("radio.max_individual_listeners", self.max_individual_listeners);
        findings.at_least_one("radio.max_tracks", self.max_tracks);
        findings.not_zero("radio.stall_timeout", self.stall_timeout);
        findings.not_zero("radio.rescan_interval", self.rescan_interval);
        findings.not_zero("radio.hls_listener_timeout", self.hls_listener_timeout);
        if self.ffmpeg_max_cpu_time < Duration::from_secs(1) {
            findings.add("radio.ffmpeg_max_cpu_time", "at least a second is expected");
        }
        if self.ffmpeg_max_bytes < MIN_FFMPEG_BYTES {
            findings.add("radio.ffmpeg_max_bytes", format!("at least {MIN_FFMPEG_BYTES} bytes are expected"));
        }
        findings.not_zero("radio.event_interval", self.event_interval);
        findings.at_least_one("radio.listener_send_buffer_bytes", self.listener_send_buffer_bytes);
        findings.at_least_one("radio.relay_max_head_bytes", self.relay_max_head_bytes);
        findings.at_least_one("radio.relay_max_playlist_bytes", self.relay_max_playlist_bytes);
        findings.at_least_one("radio.source_max_junk_bytes", self.source_max_junk_bytes);
        if !(1..=MAX_QUEUED_FRAMES).contains(&self.source_max_queued_frames) {
            findings.add("radio.source_max_queued_frames", format!("1 to {MAX_QUEUED_FRAMES} are expected"));
        }
        if self.max_cover_bytes > MAX_COVER_BYTES {
            findings.add("radio.max_cover_bytes", format!("at most {MAX_COVER_BYTES} are expected"));
        }
        if self.buffer_size < 512 * 1024 {
            findings.add("radio.buffer_size", "at least 524288 bytes are expected: the burst must fit");
        }
        if self.crossfade.as_secs_f64() > MAX_CROSSFADE {
            findings.add("radio.crossfade", format!("0 to {MAX_CROSSFADE} seconds are expected"));
        }
        if self.live_fade.as_secs_f64() > MAX_CROSSFADE {
            findings.add("radio.live_fade", format!("0 to {MAX_CROSSFADE} seconds are expected"));
        }
        if self.trim_silence.as_secs_f64() > MAX_TRIMMED {
            findings.add("radio.trim_silence", format!("0 to {MAX_TRIMMED} seconds are expected"));
        }
        if !(-96.0..=-30.0).contains(&self.silence_dbfs) {
            findings.add("radio.silence_dbfs", "-96 to -30 decibels are expected");
        }
        if !(0.0..=30.0).contains(&self.burst_seconds) {
            findings.add("radio.burst_seconds", "0 to 30 seconds are expected");
        }
        if !BITRATES.iter().any(|(kbps, _)| *kbps == self.bitrate_kbps) {
            findings.add("radio.bitrate_kbps", allowed_bitrates());
        }
        validate_mountpoints("radio.mountpoints", &self.mountpoints, findings);
        if let Err(problem) = self.directories() {
            findings.add("radio.directory_routes", problem);
        }
        if let Err(problem) = self.orders_of_routes() {
            findings.add("radio.orders", problem);
        }
        match self.relayed() {
            Err(problem) => findings.add("radio.relays", problem),
            Ok(relayed) if !relayed.is_empty() && self.stream_mode == StreamMode::Individual => {
                findings.add(
                    "radio.relays",
                    "stations to relay are the same for all: stream_mode = \"radio\" is expected",
                );
            }
            Ok(_) => {}
        }
        findings.not_zero("radio.relay_max_pause", self.relay_max_pause);
        for route in self.stream_routes.iter().filter(|route| !paths::is_route(&paths::route(route))) {
            findings.add(
                "radio.stream_routes",
                format!("{route:?}: a path like \"/humor\" that no page has is expected"),
            );
        }
        findings.not_zero("radio.source_timeout", self.source_timeout);
        recording::validate(self, findings);
        if let Err(problem) = schedule::zone(&self.time_zone) {
            findings.add("radio.time_zone", problem);
        }
        findings.not_zero("radio.statistics_max_age", self.statistics_max_age);
        findings.at_least_one("radio.statistics_max_queued", self.statistics_max_queued);
        if self.statistics_max_rows == 0 {
            findings.add("radio.statistics_max_rows", "at least 1 is expected");
        }
        findings.at_least_one("radio.report_max_rows", self.report_max_rows);
        if self.statistics && self.data_dir.is_empty() {
            findings.add("radio.statistics", "radio.data_dir is empty, so that there is no place for them");
        }
        webhooks::validate(self, findings);
        yp::validate(self, findings);
        djs::validate(self, findings);
        self.requests.validate("radio.requests", findings);
        if self.requests.enabled && self.stream_mode == StreamMode::Individual {
            findings.add("radio.requests.enabled", station::SHARED);
        }
        station::validate(self, findings);
    }
}
