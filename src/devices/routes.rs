//! What HTTP tells and does: rooms and devices live, messages and connections from the database, sending, kicking.
//!
//! Behind the console's key when one is set; for this machine alone otherwise.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use parking_lot::Mutex;
use rust_embed::Embed;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use super::drain::DatabaseStatus;
use super::durable_hub::{Command, Done, DurableHub};
use super::protocol::names::{DeviceId, GivenId, RoomId, Spelling};
use super::protocol::{MessageType, Refusal};
use super::spool::Spool;
use super::store::{Failure, MessageQuery, Store, StoredMessage};
use crate::http::operators::{OperatorAccess, admit};
use crate::http::problem::with_problems;
use crate::http::{assets, routes};
use crate::json;
use crate::rooms::{Commands, Queries};
use crate::runtime::Clock;

/// Rows of one page, unless fewer are asked for.
const MAX_PAGE: usize = 500;
const PAGE: usize = 50;

/// Connections told of in one answer; the last room of a page is told of in full.
const MAX_CLIENTS: usize = 2000;

/// Messages in an answer end with the one that makes it this long: each may have a megabyte.
const MAX_PAGE_BYTES: usize = 4 * 1024 * 1024;

/// Messages that the database is asked for at once.
const CHUNK: usize = 16;

/// The chart shows so many minutes.
const CHART_MINUTES: u64 = 60;

/// Whose name messages from the console bear.
const CONSOLE: &str = "console";

/// The page and everything that it loads, and the description of the interface.
#[derive(Embed)]
#[folder = "assets/devices/"]
struct Assets;

/// What the routes share.
pub struct Site {
    /// Asks the rooms.
    pub queries: Queries<DurableHub>,
    /// Has the rooms do something.
    pub commands: Commands<DurableHub>,
    /// The database.
    pub store: Arc<Store>,
    /// The spool.
    pub spool: Spool,
    /// How the database stands.
    pub status: Arc<Mutex<DatabaseStatus>>,
    /// The time.
    pub clock: Clock,
}

/// The routes, of which all that tell or do something need `access`.
pub fn routes(site: Site, access: OperatorAccess) -> Router {
    let site = Arc::new(site);
    let guarded = Router::new()
        .route("/rooms", get(rooms))
        .route("/rooms/{id}", get(room))
        .route("/rooms/{id}/messages", post(send))
        .route("/devices/{id}", get(device))
        .route("/devices/{id}/connections", delete(kick))
        .route("/messages", get(messages))
        .route("/messages/per-minute", get(per_minute))
        .route("/status", get(status))
        .layer(from_fn_with_state(access, admit));
    let router = Router::new()
        .route("/", get(front))
        .route("/openapi.json", get(description))
        .merge(assets::router::<Assets, _>())
        .merge(guarded);
    with_problems(router).with_state(site)
}

async fn front(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    if assets::prefers_html(&headers)
        && let Some(page) = assets::page::<Assets>("index.html", &headers)
    {
        return page;
    }
    routes::json(&json!({
        "status": "ok",
        "message": "roomhub devices",
        "version": env!("CARGO_PKG_VERSION"),
        "timestamp": site.clock.wall().to_string(),
    }))
}

async fn description(headers: HeaderMap) -> Response {
    assets::file::<Assets>("openapi.json", &headers).unwrap_or_else(routes::not_found)
}

/// A page of rooms: those whose ids come after the last one of the page before.
#[derive(Deserialize)]
struct RoomPage {
    after: Option<String>,
    limit: Option<usize>,
}

async fn rooms(State(site): State<Arc<Site>>, Query(page): Query<RoomPage>) -> Response {
    let after = page.after.filter(|name| !name.is_empty()).map(|name| RoomId::new(&name).ok_or(()));
    let Ok(after) = after.transpose() else { return bad("after: eight of A-Z and 0-9 are expected") };
    let limit = page.limit.unwrap_or(MAX_PAGE).clamp(1, MAX_PAGE);
    let asked = move |durable_hub: &DurableHub, _| {
        (durable_hub.hub().n_rooms(), durable_hub.hub().reports(after, limit, MAX_CLIENTS))
    };
    match site.queries.ask(asked).await {
        Some((count, (rooms, next))) => {
            routes::json(&json!({ "count": count, "rooms": rooms, "next": next }))
        }
        None => routes::stopping(),
    }
}

async fn room(State(site): State<Arc<Site>>, Path(id): Path<String>) -> Response {
    let Some(id) = RoomId::new(&id) else { return no_such_room(&id) };
    let found =
        move |durable_hub: &DurableHub, _| durable_hub.has_room(id).then(|| durable_hub.hub().report(id));
    match site.queries.ask(found).await {
        Some(Some(report)) => routes::json(&report),
        Some(None) => no_such_room(id.as_str()),
        None => routes::stopping(),
    }
}

/// A page of rows: what comes before the last one of the page before.
#[derive(Deserialize)]
struct Page {
    before: Option<i64>,
    limit: Option<usize>,
}

async fn device(State(site): State<Arc<Site>>, Path(id): Path<String>, Query(page): Query<Page>) -> Response {
    let Some(id) = DeviceId::new(&id) else { return no_such_device() };
    let asked = id.clone();
    let live = move |durable_hub: &DurableHub, _| {
        (durable_hub.last_room(&asked), durable_hub.hub().connections(&asked, MAX_PAGE))
    };
    let Some((last_room, connected)) = site.queries.ask(live).await else { return routes::stopping() };
    if last_room.is_none() {
        return no_such_device();
    }
    let limit = page.limit.unwrap_or(PAGE).clamp(1, MAX_PAGE);
    match site.store.connections(id.clone(), page.before, limit).await {
        Ok(history) => {
            let next = history.last().filter(|_| history.len() == limit).map(|last| last.id);
            routes::json(&json!({
                "device_id": id, "last_room_id": last_room, "connected": connected,
                "connections": history, "next": next,
            }))
        }
        Err(failure) => away(&failure),
    }
}

/// Which messages: `since` and `until` are ISO 8601, or milliseconds since the epoch.
#[derive(Deserialize)]
struct Filter {
    room: Option<String>,
    device: Option<String>,
    #[serde(rename = "type")]
    kind: Option<MessageKind>,
    since: Option<String>,
    until: Option<String>,
    before: Option<i64>,
    limit: Option<usize>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum MessageKind {
    Broadcast,
    Direct,
}

pub(super) fn millis(text: &str) -> Option<u64> {
    let moment = || humantime::parse_rfc3339_weak(text).ok()?.duration_since(std::time::UNIX_EPOCH).ok();
    text.parse().ok().or_else(|| moment().and_then(|span| span.as_millis().try_into().ok()))
}

async fn messages(State(site): State<Arc<Site>>, Query(filter): Query<Filter>) -> Response {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let (Ok(since_ms), Ok(until_ms)) = (moment(given(&filter.since)), moment(given(&filter.until))) else {
        return bad("since and until are moments like 2026-01-31T09:30:00Z");
    };
    let mut query = MessageQuery { since_ms, until_ms, before: filter.before, ..MessageQuery::default() };
    if let Some(name) = given(&filter.room) {
        query.room = RoomId::new(&name);
        if query.room.is_none() {
            return bad("room: eight of A-Z and 0-9 are expected");
        }
    }
    if let Some(name) = given(&filter.device) {
        query.device = DeviceId::new(&name);
        if query.device.is_none() {
            return bad("device: at most 255 characters are expected");
        }
    }
    query.kind = filter.kind.map(|kind| match kind {
        MessageKind::Broadcast => MessageType::Broadcast,
        MessageKind::Direct => MessageType::Direct,
    });
    let limit = filter.limit.unwrap_or(PAGE).clamp(1, MAX_PAGE);
    match page_of(&site.store, query, limit).await {
        Ok((messages, next)) => routes::json(&json!({ "messages": messages, "next": next })),
        Err(failure) => away(&failure),
    }
}

/// Messages up to a number and a length, and the id that the next page comes before.
async fn page_of(
    store: &Store,
    mut query: MessageQuery,
    limit: usize,
) -> Result<(Vec<StoredMessage>, Option<i64>), Failure> {
    let (mut page, mut bytes) = (Vec::new(), 0);
    loop {
        query.limit = CHUNK.min(limit - page.len());
        let chunk = store.messages(query.clone()).await?;
        let is_last = chunk.len() < query.limit;
        let n_before = page.len();
        for message in chunk {
            if bytes >= MAX_PAGE_BYTES {
                break;
            }
            bytes += message.message_content.len();
            page.push(message);
        }
        query.before = page.last().map(|message| message.id);
        let is_cut = bytes >= MAX_PAGE_BYTES || page.len() >= limit;
        if is_cut || is_last || page.len() == n_before {
            return Ok((page, query.before.filter(|_| is_cut)));
        }
    }
}

fn moment(text: Option<String>) -> Result<Option<u64>, ()> {
    text.map(|text| millis(&text).ok_or(())).transpose()
}

#[derive(Deserialize)]
struct Chart {
    room: Option<String>,
    minutes: Option<u64>,
}

async fn per_minute(State(site): State<Arc<Site>>, Query(chart): Query<Chart>) -> Response {
    let minutes = chart.minutes.unwrap_or(CHART_MINUTES).clamp(1, 24 * 60);
    let now = site.clock.wall().as_millis();
    let since = (now / 60_000).saturating_sub(minutes - 1) * 60_000;
    let named = chart.room.as_deref().filter(|name| !name.is_empty());
    let room = named.and_then(RoomId::new);
    if named.is_some() && room.is_none() {
        return bad("room: eight of A-Z and 0-9 are expected");
    }
    match site.store.minutes(room, since).await {
        Ok(found) => routes::json(&json!({ "since": since, "now": now, "minutes": found })),
        Err(failure) => away(&failure),
    }
}

async fn status(State(site): State<Arc<Site>>) -> Response {
    let live = site.queries.ask(|durable_hub, _| {
        (durable_hub.hub().n_members(), durable_hub.hub().n_seated(), durable_hub.hub().n_rooms())
    });
    let Some((connections, clients, rooms)) = live.await else { return routes::stopping() };
    let database = site.status.lock().clone();
    routes::json(&json!({
        "version": env!("CARGO_PKG_VERSION"),
        "uptime": site.clock.uptime().as_secs(),
        "connections": connections, "clients": clients, "rooms": rooms,
        "spool": site.spool.status(), "database": database,
    }))
}

/// `{"content":…}`, and what a device's message may hold besides.
#[derive(Deserialize)]
struct Outgoing<'a> {
    #[serde(borrow)]
    device_id: Option<&'a RawValue>,
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    target_device_id: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct Whole<'a> {
    #[serde(rename = "type")]
    kind: &'a RawValue,
    content: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_device_id: Option<&'a RawValue>,
    timestamp: String,
}

async fn send(
    State(site): State<Arc<Site>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let is_json =
        headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    if !is_json {
        // A form of a foreign page can send anything but this.
        return routes::error(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Content-Type: application/json is expected",
        );
    }
    let Some(room) = RoomId::new(&id) else { return no_such_room(&id) };
    let body = json::mended(body);
    let text = std::str::from_utf8(&body).ok().filter(|text| json::is_readable(text.as_bytes()));
    let Some(outgoing) = text.and_then(json::object::<Outgoing<'_>>) else {
        return bad("an object like {\"content\":\"hello\"} is expected");
    };
    let Some(content) = outgoing.content else { return bad(&Refusal::MissingFields.to_string()) };
    let console = || GivenId { text: CONSOLE.into(), spelling: Spelling::Text };
    let Some(from) = outgoing.device_id.map_or_else(|| Some(console()), GivenId::read) else {
        return bad(&Refusal::MissingDeviceId.to_string());
    };
    let message = RawValue::from_string("\"message\"".into()).expect("a text is JSON");
    let whole = Whole {
        kind: outgoing.kind.unwrap_or(&message),
        content,
        target_device_id: outgoing.target_device_id,
        timestamp: site.clock.wall().to_string(),
    };
    let whole = serde_json::value::to_raw_value(&whole).expect("a message has string keys");
    match site.commands.give(Command::Send { from, room, whole }).await {
        Some(Done::Sent(Ok(()))) => {
            (StatusCode::ACCEPTED, axum::Json(json!({ "status": "accepted" }))).into_response()
        }
        Some(Done::Sent(Err(refusal))) => routes::error(status_of(&refusal), &refusal.to_string()),
        Some(Done::Kicked(_) | Done::Erasing(_)) | None => routes::stopping(),
    }
}

fn status_of(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::RoomNotFound(_) | Refusal::TargetNotFound(_) => StatusCode::NOT_FOUND,
        Refusal::StorageUnavailable | Refusal::OfflineQueueFull(_) | Refusal::RoomFull(_) => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        Refusal::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        Refusal::MissingIdentity
        | Refusal::MissingDeviceId
        | Refusal::InvalidFirstFrame
        | Refusal::IdentificationTimeout
        | Refusal::NotThisDevice
        | Refusal::TokenExpired
        | Refusal::InvalidFrame
        | Refusal::MissingFields
        | Refusal::InvalidContent
        | Refusal::ReservedType
        | Refusal::MessageIdTooLong
        | Refusal::InvalidMessageId => StatusCode::BAD_REQUEST,
    }
}

async fn kick(State(site): State<Arc<Site>>, Path(id): Path<String>) -> Response {
    let Some(device) = DeviceId::new(&id) else { return no_such_device() };
    match site.commands.give(Command::Kick(device)).await {
        Some(Done::Kicked(0)) => routes::error(StatusCode::NOT_FOUND, "that device is not connected"),
        Some(Done::Kicked(n)) => routes::json(&json!({ "disconnected": n })),
        Some(Done::Sent(_) | Done::Erasing(_)) | None => routes::stopping(),
    }
}

fn bad(problem: &str) -> Response {
    routes::error(StatusCode::BAD_REQUEST, problem)
}

fn no_such_room(id: &str) -> Response {
    routes::error(StatusCode::NOT_FOUND, &Refusal::RoomNotFound(id.to_owned()).to_string())
}

fn no_such_device() -> Response {
    routes::error(StatusCode::NOT_FOUND, "no such device")
}

fn away(failure: &Failure) -> Response {
    tracing::debug!(%failure, "the database did not answer a query");
    routes::error(StatusCode::SERVICE_UNAVAILABLE, "the database does not answer; messages still flow")
}
