//! `/cover/<id>`: the covers of what stations play and have played.
//!
//! An id names a picture and not a place. It is looked for among the tracks that stations tell of, so nothing else can
//! be asked for, and only by whoever may hear one of these stations.

use std::path::Path;
use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, StatusCode};

use super::answers::failure;
use super::library::cover::CoverId;
use super::library::track::Track;
use super::station_handle::StationHandle;
use super::stations::Stations;
use super::visitor::Visitor;

/// The first part of a cover's path.
const FOLDER: &str = "cover/";

/// The id in a path like `cover/0123456789abcdef0123456789abcdef`.
pub fn id_in(path: &str) -> Option<CoverId> {
    CoverId::parse(path.strip_prefix(FOLDER)?)
}

/// The path of a cover, with the slash.
pub fn path(id: CoverId) -> String {
    format!("/{FOLDER}{id}")
}

/// Answers a request for a cover.
pub async fn answer(stations: &Stations, id: CoverId, visitor: &Visitor, headers: &HeaderMap) -> Response {
    let (station, path) = match find(stations, id, visitor) {
        Ok(Some(found)) => found,
        Ok(None) => return failure(StatusCode::NOT_FOUND, "there is no such cover"),
        Err(denied) => return *denied,
    };
    let is_private = stations.listener_keys.is_private(&station.route);
    // An id always stands for the same picture.
    let caching =
        if is_private { "private, max-age=86400, immutable" } else { "public, max-age=86400, immutable" };
    let tag = format!("\"{id}\"");
    let known = headers.get(IF_NONE_MATCH).and_then(|tags| tags.to_str().ok()).unwrap_or_default();
    let head = [(CACHE_CONTROL, caching.to_owned()), (ETAG, tag.clone())];
    if known.split(',').any(|known| known.trim().trim_start_matches("W/") == tag) {
        return (StatusCode::NOT_MODIFIED, head).into_response();
    }
    match stations.covers.read(id, path).await {
        Some(cover) => (head, [(CONTENT_TYPE, cover.media_type)], cover.bytes).into_response(),
        None => failure(StatusCode::NOT_FOUND, "there is no such cover"),
    }
}

/// A station that this visitor may hear and that tells of a track with this cover, and the track's file.
fn find(
    stations: &Stations,
    id: CoverId,
    visitor: &Visitor,
) -> Result<Option<(StationHandle, Arc<Path>)>, Box<Response>> {
    let found = |station: &StationHandle| path_at(station, id).map(|path| (station.clone(), path));
    let is_private = |station: &&StationHandle| stations.listener_keys.is_private(&station.route);
    if let Some(public) = stations.all.values().filter(|station| !is_private(station)).find_map(found) {
        return Ok(Some(public));
    }
    let private: Vec<_> = stations.all.values().filter(is_private).filter_map(found).collect();
    let Some((first, _)) = private.first() else { return Ok(None) };
    let opened = visitor.opened_by_its_key(stations)?;
    if !private.iter().any(|(station, _)| opened.contains(&*station.route)) {
        visitor.admit(stations, first)?;
    }
    Ok(private.into_iter().find(|(station, _)| opened.contains(&*station.route)))
}

/// The file of a track with this cover that is on a station's air, or was.
fn path_at(station: &StationHandle, id: CoverId) -> Option<Arc<Path>> {
    let on_air = station.on_air.lock();
    let mut tracks = on_air.track.iter().chain(on_air.history.iter().rev().map(|entry| &entry.track));
    let path = |track: &Arc<Track>| track.path.clone().filter(|_| track.cover == Some(id));
    tracks.find_map(path)
}
