//! What listening rooms set of their media, and who may have them.

use std::path::{Path, PathBuf};

use super::Config;
use super::hub::Hub;
use crate::media::{Caller, Kind, Settings, UploadLimits};
use crate::party::{Holder, PartyHub, Right};
use crate::time::Timestamp;

impl Config {
    /// The media, with what members bring kept below `data_dir`.
    pub(super) fn media(&self, data_dir: &Path) -> Settings {
        Settings {
            service: "music",
            folder: (&self.media_dir).into(),
            kinds: &[Kind::Audio],
            max_files: self.media_max_files,
            rescan_interval: self.media_rescan_interval,
            ffmpeg: String::new(),
            data_dir: data_dir.join("music.media"),
            max_cache_bytes: 0,
            max_streams: self.media_max_streams,
            transcoding: None,
            uploads: (self.max_upload_bytes > 0).then(|| (self.uploads_dir(data_dir), self.upload_limits())),
        }
    }

    /// Where uploads are kept.
    fn uploads_dir(&self, data_dir: &Path) -> PathBuf {
        if self.uploads_dir.is_empty() {
            data_dir.join("music.media").join("uploads")
        } else {
            PathBuf::from(&self.uploads_dir)
        }
    }

    fn upload_limits(&self) -> UploadLimits {
        UploadLimits {
            max_bytes: self.max_upload_bytes,
            max_files: self.max_uploads,
            max_total_bytes: self.max_uploads_bytes,
            max_files_of_address: self.max_uploads_per_address,
            max_bytes_of_address: self.max_uploads_bytes_per_address.max(self.max_upload_bytes),
            at_once: self.max_concurrent_uploads,
            kept: self.upload_kept,
        }
    }
}

impl Hub {
    /// Somebody who may have the media: whoever has a good ticket. Who adds something must be there.
    pub(super) fn media_caller(&self, holder: &Holder, now: Timestamp) -> Option<Caller> {
        let room = self.room_of_holder(holder, now)?;
        let member = room.party.connection_of(holder.person);
        let may_add = member.is_some_and(|member| room.may(member, Right::Queue, &self.moment(now)));
        let address = member.and_then(|member| Some(self.members.get(&member)?.address));
        let from = address.and_then(|address| self.quota.counted(address));
        Some(Caller { person: holder.person, may_add, from })
    }
}
