//! The HTTP routes of media. Each asks for a ticket first, and refuses every other in the same words.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path as FilePath;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, StatusCode, Uri};
use percent_encoding::percent_decode_str;
use serde_json::json;

use super::access::{Busy, Caller, Slot, Slots, TicketCheck};
use super::formats::media_type;
use super::item::{Abilities, Item, ItemId};
use super::library::Library;
use super::posters::Posters;
use super::probe::extension;
use super::sent_file::{self, Asked, PRIVATE};
use super::transcoder::{NoPiece, PLAYLIST, Transcoder, with_ticket};
use super::uploads::{Refusal, Uploads};
use super::{UPLOAD_PATH, subtitles};
use crate::http::problem::with_problems;
use crate::http::routes;

/// Characters of a search that count.
const MAX_QUERY_CHARS: usize = 200;

/// What an upload is called, percent-encoded.
const FILE_NAME: HeaderName = HeaderName::from_static("x-file-name");

/// What the routes share.
pub struct Site {
    /// The service's name.
    pub service: &'static str,
    /// Whether a folder is configured.
    pub has_folder: bool,
    /// The files.
    pub library: Arc<Library>,
    /// Their pictures.
    pub posters: Arc<Posters>,
    /// Makes HLS of them.
    pub transcoder: Option<Arc<Transcoder>>,
    /// What members have brought.
    pub uploads: Option<Arc<Uploads>>,
    /// What can be made of them.
    pub abilities: Abilities,
    /// Who may have them.
    pub check: TicketCheck,
    /// How many may at a time.
    pub slots: Slots,
    /// How many may upload at a time.
    pub uploading: Slots,
}

/// The routes.
pub fn router(site: Arc<Site>) -> Router {
    let router = Router::new()
        .route("/media/list", get(list))
        .route("/media/file/{id}", get(file))
        .route("/media/poster/{id}", get(poster))
        .route("/media/subtitle/{id}/{subtitle}", get(subtitle))
        .route("/media/lyrics/{id}", get(lyrics))
        .route("/media/hls/{id}/{piece}", get(piece))
        .route(UPLOAD_PATH, post(upload));
    with_problems(router).with_state(site)
}

async fn list(State(site): State<Arc<Site>>, uri: Uri) -> Response {
    if let Err(refusal) = site.admit(&uri).await {
        return refusal;
    }
    let query: String = value(&uri, "q").unwrap_or_default().chars().take(MAX_QUERY_CHARS).collect();
    let after = value(&uri, "after").filter(|after| !after.is_empty()).map(|after| ItemId::named(&after));
    let page = site.library.search(&query, after.as_ref());
    let items: Vec<_> = page.items.iter().map(|item| item.report(site.abilities)).collect();
    let max_upload_bytes = site.uploads.as_ref().map_or(0, |uploads| uploads.max_bytes());
    routes::json(&json!({
        "hasFolder": site.has_folder,
        "isScanning": site.has_folder && !page.is_complete,
        "maxUploadBytes": max_upload_bytes,
        "items": items,
        "after": page.after,
    }))
}

async fn file(State(site): State<Arc<Site>>, Path(id): Path<String>, request: Request) -> Response {
    let (item, slot) = match site.item(request.uri(), &id).await {
        Ok(found) => found,
        Err(refusal) => return refusal,
    };
    sent_file::send(&item.path, media_type(&extension(&item.path)), Asked::of(&request), slot)
        .await
        .unwrap_or_else(|_| no_such_file())
}

async fn poster(State(site): State<Arc<Site>>, Path(id): Path<String>, uri: Uri) -> Response {
    let (item, _slot) = match site.item(&uri, &id).await {
        Ok(found) => found,
        Err(refusal) => return refusal,
    };
    let Some((picture, media_type)) = site.posters.picture(item).await else { return no_such_file() };
    ([(CONTENT_TYPE, HeaderValue::from_static(media_type)), (CACHE_CONTROL, PRIVATE)], picture)
        .into_response()
}

async fn subtitle(
    State(site): State<Arc<Site>>,
    Path((id, subtitle)): Path<(String, String)>,
    uri: Uri,
) -> Response {
    let (item, _slot) = match site.item(&uri, &id).await {
        Ok(found) => found,
        Err(refusal) => return refusal,
    };
    let subtitle = ItemId::named(&subtitle);
    let found = item.sidecars.subtitles.iter().find(|known| known.id == subtitle);
    let Some(path) = found.map(|found| found.path.clone()) else { return no_such_file() };
    text("text/vtt; charset=utf-8", move || Ok(subtitles::to_webvtt(&read_text(&path)?, &extension(&path))))
        .await
}

async fn lyrics(State(site): State<Arc<Site>>, Path(id): Path<String>, uri: Uri) -> Response {
    let (item, _slot) = match site.item(&uri, &id).await {
        Ok(found) => found,
        Err(refusal) => return refusal,
    };
    let Some(path) = item.sidecars.lyrics.clone() else { return no_such_file() };
    text("text/plain; charset=utf-8", move || Ok(subtitles::decode(&read_text(&path)?))).await
}

async fn piece(
    State(site): State<Arc<Site>>,
    Path((id, piece)): Path<(String, String)>,
    request: Request,
) -> Response {
    let uri = request.uri();
    let (item, slot) = match site.item(uri, &id).await {
        Ok(found) => found,
        Err(refusal) => return refusal,
    };
    let Some(transcoder) = &site.transcoder else { return no_such_file() };
    if item.facts.streams.problem().is_none() || !item.facts.streams.is_known() {
        return no_such_file();
    }
    let path = match transcoder.piece(&item, &piece).await {
        Ok(path) => path,
        Err(NoPiece::Unknown) => return no_such_file(),
        Err(NoPiece::Busy | NoPiece::Late) => {
            site.count("transcoder");
            let answer = routes::error(StatusCode::SERVICE_UNAVAILABLE, "other films are being transcoded");
            return ([(RETRY_AFTER, "10")], answer).into_response();
        }
    };
    if piece != PLAYLIST {
        let sent = sent_file::send(&path, media_type(&extension(&path)), Asked::of(&request), slot).await;
        return sent.unwrap_or_else(|_| no_such_file());
    }
    let ticket = value(uri, "ticket").unwrap_or_default();
    let Ok(playlist) = tokio::fs::read_to_string(path).await else { return no_such_file() };
    let fields = [(CONTENT_TYPE, "application/vnd.apple.mpegurl"), (CACHE_CONTROL, "no-store")];
    (fields, with_ticket(&playlist, &ticket)).into_response()
}

async fn upload(State(site): State<Arc<Site>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let caller = match site.admit(&head.uri).await {
        Ok(caller) => caller,
        Err(refusal) => return refusal,
    };
    let Some(uploads) = &site.uploads else {
        return routes::error(StatusCode::NOT_FOUND, "uploads are not taken here");
    };
    if !caller.may_add {
        return routes::error(StatusCode::FORBIDDEN, "the right to add to the queue is needed");
    }
    let _slot = match site.uploading.take(caller.person) {
        Ok(slot) => slot,
        Err(busy) => return site.busy(busy),
    };
    let text = |name: &HeaderName| head.headers.get(name).and_then(|value| value.to_str().ok());
    let name = percent_decode_str(text(&FILE_NAME).unwrap_or_default()).decode_utf8_lossy().into_owned();
    let announced = text(&CONTENT_LENGTH).and_then(|n_bytes| n_bytes.parse().ok());
    let mut pieces = body.into_data_stream();
    let refusal = match uploads.take(&name, announced, caller.from, &mut pieces).await {
        Ok(item) => return routes::json(&json!({ "item": item.report(site.abilities) })),
        Err(refusal) => refusal,
    };
    let (reason, status, message) = match refusal {
        Refusal::TooLarge => ("too_large", StatusCode::PAYLOAD_TOO_LARGE, "the file is too large".into()),
        Refusal::Full => ("no_room", StatusCode::INSUFFICIENT_STORAGE, "there is no room for it".into()),
        Refusal::Enough => {
            let message = "enough of your address is kept already".into();
            ("too_many_of_address", StatusCode::INSUFFICIENT_STORAGE, message)
        }
        Refusal::NoMusic(why) => ("no_music", StatusCode::UNSUPPORTED_MEDIA_TYPE, why),
        Refusal::Broken => ("broken", StatusCode::BAD_REQUEST, "the file did not come whole".into()),
    };
    site.count(reason);
    routes::error(status, &message)
}

impl Site {
    /// Lets in who brings a good ticket.
    async fn admit(&self, uri: &Uri) -> Result<Caller, Response> {
        let ticket = value(uri, "ticket").unwrap_or_default();
        (self.check)(&ticket).await.ok_or_else(|| {
            self.count("ticket");
            routes::error(StatusCode::FORBIDDEN, "a ticket of a member of a room is needed")
        })
    }

    /// The item of that name, for who brings a good ticket and has not too much already.
    async fn item(&self, uri: &Uri, id: &str) -> Result<(Arc<Item>, Slot), Response> {
        let caller = self.admit(uri).await?;
        let id = ItemId::named(id);
        let item = match (self.library.item(&id), &self.uploads) {
            (None, Some(uploads)) => uploads.item(&id).await,
            (item, _) => item,
        };
        let item = item.ok_or_else(no_such_file)?;
        let slot = self.slots.take(caller.person).map_err(|busy| self.busy(busy))?;
        Ok((item, slot))
    }

    /// What is told to who cannot be sent anything, or send anything, now.
    fn busy(&self, busy: Busy) -> Response {
        let (reason, status) = match busy {
            Busy::Full => ("full", StatusCode::SERVICE_UNAVAILABLE),
            Busy::TooManyOfPerson => ("too_many_of_person", StatusCode::TOO_MANY_REQUESTS),
        };
        self.count(reason);
        ([(RETRY_AFTER, "2")], routes::error(status, "too much is being sent: try again")).into_response()
    }

    fn count(&self, reason: &'static str) {
        metrics::counter!("roomhub_media_refused_total", "service" => self.service, "reason" => reason)
            .increment(1);
    }
}

/// A text that is read and written where waiting for a disk holds nobody up.
async fn text<F>(media_type: &'static str, make: F) -> Response
where
    F: FnOnce() -> io::Result<String> + Send + 'static,
{
    match tokio::task::spawn_blocking(make).await {
        Ok(Ok(text)) => {
            ([(CONTENT_TYPE, HeaderValue::from_static(media_type)), (CACHE_CONTROL, PRIVATE)], text)
                .into_response()
        }
        Ok(Err(_)) | Err(_) => no_such_file(),
    }
}

fn read_text(path: &FilePath) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(subtitles::MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The first value of that name in a query.
fn value(uri: &Uri, name: &str) -> Option<String> {
    let query = uri.query().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

fn no_such_file() -> Response {
    routes::error(StatusCode::NOT_FOUND, "no such file")
}
