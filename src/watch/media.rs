//! What watch parties set of their media, and who may have them.

use std::path::Path;

use anyhow::Result;
use axum::Router;

use super::Config;
use super::hub::Hub;
use crate::media::{self, Caller, Kind, Settings, TranscodeLimits};
use crate::party::{Holder, PartyHub, TicketKey};
use crate::rooms::Queries;
use crate::service::ServiceContext;
use crate::time::Timestamp;

/// The routes of the media, for the members of rooms.
pub fn router(
    config: &Config,
    queries: Queries<Hub>,
    tickets: TicketKey,
    service_context: &ServiceContext<'_>,
) -> Result<Router> {
    let check = media::ticket_check(queries, tickets, Hub::media_caller);
    media::start(config.media(&service_context.rooms.data_dir), check, service_context.context)
}

impl Config {
    /// The media, with what is made of them kept below `data_dir`.
    fn media(&self, data_dir: &Path) -> Settings {
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
    fn media_caller(&self, holder: &Holder, now: Timestamp) -> Option<Caller> {
        self.room_of_holder(holder, now).map(|_| Caller { person: holder.person, may_add: false, from: None })
    }
}
