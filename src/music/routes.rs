//! The HTTP routes of the listening rooms: the page, a status, and what plays.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use rust_embed::Embed;
use serde_json::json;
use tokio::sync::Mutex;

use super::Config;
use super::hub::Hub;
use super::listing;
use super::protocol::{Refusal, RoomId};
use crate::http::problem::with_problems;
use crate::http::{assets, routes};
use crate::rooms::Queries;
use crate::runtime::Clock;
use crate::sample;
use crate::time::Timestamp;

/// `/rooms` is written anew at most this often, however many ask.
const REPORT_AGE: Duration = Duration::from_secs(1);

/// The page and everything that it loads.
#[derive(Embed)]
#[folder = "assets/music/"]
struct Assets;

/// What the routes share.
pub struct Site {
    queries: Queries<Hub>,
    clock: Clock,
    /// The answer to `GET /rooms` and when it was written: whoever finds it too old writes it anew, and the others wait.
    rooms: Mutex<Option<(Timestamp, Bytes)>>,
    max_list_bytes: usize,
}

impl Site {
    /// Asks the hub for everything.
    pub fn new(queries: Queries<Hub>, clock: Clock, config: &Config) -> Self {
        Self { queries, clock, rooms: Mutex::default(), max_list_bytes: config.max_list_bytes }
    }
}

/// The routes.
pub fn router(site: Site) -> Router {
    Router::new()
        .route("/", get(front))
        .route("/health", get(health))
        .merge(with_problems(Router::new().route("/assets/sample.wav", get(tune))))
        .merge(assets::router::<Assets, _>())
        .route("/rooms", get(rooms))
        .route("/room/{id}", get(room))
        .with_state(Arc::new(site))
}

async fn front(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    if assets::prefers_html(&headers)
        && let Some(page) = assets::streaming_page::<Assets>("index.html", &headers)
    {
        return page;
    }
    let Some((n_rooms, n_seated)) = site.queries.ask(|hub, _| (hub.n_rooms(), hub.n_seated())).await else {
        return routes::stopping();
    };
    routes::json(&json!({
        "status": "ok",
        "message": "roomhub music",
        "version": env!("CARGO_PKG_VERSION"),
        "rooms": n_rooms,
        "totalRooms": n_rooms,
        "totalUsers": n_seated,
        "uptime": site.clock.uptime().as_secs_f64(),
        "timestamp": site.clock.wall().to_string(),
    }))
}

async fn health(State(site): State<Arc<Site>>) -> Response {
    routes::json(&json!({ "status": "healthy", "timestamp": site.clock.wall().to_string() }))
}

async fn room(State(site): State<Arc<Site>>, Path(id): Path<String>) -> Response {
    let Some(id) = RoomId::new(&id) else { return no_such_room() };
    match site.queries.ask(move |hub, now| hub.report(&id, now)).await {
        Some(Some(report)) => routes::json(&report),
        Some(None) => no_such_room(),
        None => routes::stopping(),
    }
}

async fn rooms(State(site): State<Arc<Site>>) -> Response {
    let mut written = site.rooms.lock().await;
    let now = site.clock.now();
    if let Some((at, text)) = &*written
        && now.since(*at) < REPORT_AGE
    {
        return routes::json_text(text.clone());
    }
    let Some(rooms) = site.queries.ask(Hub::reports).await else { return routes::stopping() };
    let text = Bytes::from(listing::write(rooms, site.max_list_bytes, site.clock.wall()));
    *written = Some((now, text.clone()));
    routes::json_text(text)
}

async fn tune(headers: HeaderMap) -> Response {
    // It is made for the first who asks, which takes a moment of a core.
    match tokio::task::spawn_blocking(sample::wav).await {
        Ok(tune) => assets::media(&tune, "audio/wav", &headers),
        Err(_) => routes::error(StatusCode::INTERNAL_SERVER_ERROR, "internal error"),
    }
}

fn no_such_room() -> Response {
    routes::error(StatusCode::NOT_FOUND, Refusal::RoomNotFound.message())
}
