//! A folder of films and music that rooms play: `--media-dir` of `watch` and `music`.
//!
//! ```text
//! folder --library--> items --routes--> members          access: who may have them
//!             probe, sidecars   file_body, subtitles, posters
//! ```
//! Files are named by hashes that are looked up, so no address says where a file lies, and none leads elsewhere. A ticket
//! is asked for with every request, and the hub whether its member still sits in a room.

mod access;
mod file_body;
mod formats;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod item;
mod library;
mod posters;
mod probe;
mod range;
mod routes;
pub mod sent_file;
mod sidecars;
mod subtitles;
#[cfg(test)]
mod tests;
mod tool;
mod transcoder;
mod uploads;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use axum::Router;
use tracing::warn;

pub use access::{Caller, TicketCheck, ticket_check};
pub use formats::Kind;
pub use transcoder::TranscodeLimits;
pub use uploads::UploadLimits;

use self::access::{MAX_SENT_TO_PERSON, MAX_TAKEN_FROM_PERSON, Slots};
use self::item::Abilities;
use self::library::{Library, LibrarySettings};
use self::posters::Posters;
use self::routes::Site;
use self::tool::Tools;
use self::transcoder::Transcoder;
use self::uploads::Uploads;
use crate::private;
use crate::runtime::Context;

/// What a service sets of its media.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The service.
    pub service: &'static str,
    /// The folder; without one nothing is listed.
    pub folder: PathBuf,
    /// What is looked for in it.
    pub kinds: &'static [Kind],
    /// The most files in it.
    pub max_files: usize,
    /// How often it is looked through.
    pub rescan_interval: Duration,
    /// The name or the path of ffmpeg; empty uses none.
    pub ffmpeg: String,
    /// Where pictures and films that are transcoded are kept.
    pub data_dir: PathBuf,
    /// Bytes of pictures that are kept.
    pub max_cache_bytes: u64,
    /// Files that are sent at a time.
    pub max_streams: usize,
    /// What transcoding may take, if there is to be any.
    pub transcoding: Option<TranscodeLimits>,
    /// Where uploads are kept, and what they may take, if there are to be any.
    pub uploads: Option<(PathBuf, UploadLimits)>,
}

/// Where a member's upload goes to: its body may be as large and take as long as the limits say.
pub const UPLOAD_PATH: &str = "/media/upload";

/// Begins to look through the folder, and gives the routes of what is in it; without a folder, a list that says so.
///
/// # Errors
/// If a folder is none, or cannot be made.
pub fn start(settings: Settings, check: TicketCheck, context: &Context) -> Result<Router> {
    let Settings { service, folder, data_dir, .. } = settings;
    let has_folder = !folder.as_os_str().is_empty();
    if has_folder {
        let shown = folder.display();
        let about = std::fs::metadata(&folder)
            .with_context(|| format!("[{service}] media_dir = {shown}: cannot be looked into"))?;
        ensure!(about.is_dir(), "[{service}] media_dir = {shown}: a folder is expected");
    }
    let tools = if has_folder { Tools::find(&settings.ffmpeg) } else { None };
    let frames = data_dir.join("frames");
    let for_frames = tools.clone().filter(|_| {
        let made = private::make_own_folder(&frames);
        if let Err(error) = &made {
            warn!(service, folder = %frames.display(), %error, "no frames are taken: they cannot be kept");
        }
        made.is_ok()
    });
    let transcoder = match (tools.clone(), settings.transcoding) {
        (Some(tools), Some(limits)) => Some(Transcoder::new(tools, data_dir.join("hls"), limits, context)?),
        (None, Some(_)) if has_folder => {
            warn!(
                service,
                ffmpeg = settings.ffmpeg,
                "nothing is transcoded: ffmpeg and ffprobe do not run here"
            );
            None
        }
        (_, _) => None,
    };
    let uploads_at_once = settings.uploads.as_ref().map_or(0, |(_, limits)| limits.at_once);
    let uploads = settings.uploads.map(|(folder, limits)| Uploads::open(folder, limits, context));
    let abilities = Abilities { frames: for_frames.is_some(), hls: transcoder.is_some() };
    let posters = Posters::new(for_frames, frames, settings.max_cache_bytes, context);
    let library = LibrarySettings {
        folder,
        kinds: settings.kinds,
        max_files: settings.max_files,
        rescan_interval: settings.rescan_interval,
    };
    let library = if has_folder { Library::start(library, tools, context)? } else { Arc::default() };
    Ok(routes::router(Arc::new(Site {
        service,
        has_folder,
        library,
        posters,
        transcoder,
        uploads: uploads.transpose()?,
        abilities,
        check,
        slots: Slots::new(settings.max_streams, MAX_SENT_TO_PERSON),
        uploading: Slots::new(uploads_at_once, MAX_TAKEN_FROM_PERSON),
    })))
}
