//! What watch parties set of their media, and who may have them.

use std::path::Path;

use super::Config;
use super::hub::Hub;
use crate::media::{Caller, Kind, Settings, TranscodeLimits};
use crate::party::{Holder, PartyHub};
use crate::time::Timestamp;

impl Config {
    /// The media, with what is made of them kept below `data_dir`.
    pub(super) fn media(&self, data_dir: &Path) -> Settings {
        Settings {
            service: "watch",
            folder: (&self.media_dir).into(),
            kinds: &[Kind::Video, Kind::Audio],
            max_files: self.media_max_files,
            rescan_interval: self.media_rescan_interval,
            ffmpeg: self.ffmpeg.clone(),
            data_dir: data_dir.join("watch.media"),
            max_cache_bytes: self.media_cache_bytes,
            max_streams: self.media_max_streams,
            transcoding: self.transcode.then_some(TranscodeLimits {
                jobs: self.transcode_jobs,
                max_bytes: self.transcode_max_bytes,
                timeout: self.transcode_timeout,
                idle: self.transcode_idle,
            }),
            uploads: None,
        }
    }
}

impl Hub {
    /// Somebody who may have the media: whoever has a good ticket. Films are not brought along.
    pub(super) fn media_caller(&self, holder: &Holder, now: Timestamp) -> Option<Caller> {
        self.room_of_holder(holder, now).map(|_| Caller { person: holder.person, may_add: false, from: None })
    }
}
