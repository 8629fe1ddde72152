//! The listening rooms on the network: routes, the page, and the hub behind its Socket.IO endpoint.

use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use http::{HeaderMap, StatusCode};
use parking_lot::Mutex;
use rust_embed::Embed;
use serde::Serialize;
use serde_json::json;

use super::Config;
use super::hub::Hub;
use super::names::RoomId;
use super::protocol::{Refusal, RoomReport};
use crate::http::listener::Listener;
use crate::http::origin::AllowedOrigins;
use crate::http::{assets, routes};
use crate::runtime::Clock;
use crate::sample;
use crate::service::{Premises, Running};
use crate::socketio;
use crate::switchboard::{Pings, Questions, Switchboard};
use crate::time::Timestamp;

/// The service's name in logs and metrics.
const SERVICE: &str = "music";

/// `/rooms` is written anew at most this often, however many ask.
const REPORT_AGE_MILLIS: u64 = 1000;

/// The page and everything that it loads.
#[derive(Embed)]
#[folder = "assets/music/"]
struct Assets;

/// What the routes share.
struct Site {
    questions: Questions<Hub>,
    clock: Clock,
    rooms: Mutex<Option<(Timestamp, Arc<str>)>>,
}

/// Opens the port and serves until the process stops.
pub fn start(config: &Config, premises: &Premises<'_>) -> Result<Running> {
    let (context, network) = (premises.context, premises.opening.network);
    let listener = Listener::open(SERVICE, &config.host, config.port, &premises.opening, context)?;
    let running = Running::new(SERVICE, &listener)?;
    let origins = AllowedOrigins::new(&config.cors_origin);
    let pings = Pings { interval: config.ping_interval, timeout: config.ping_timeout };
    let mut switchboard = Switchboard::new(SERVICE, premises.members, context);
    let endpoint = socketio::endpoint(&mut switchboard, pings, &origins, premises.socketio, network);
    let home = premises.lasting_home(SERVICE);
    let questions = switchboard.run_at(home, Hub::new(config, context.clock.now()));
    let site = Arc::new(Site { questions, clock: context.clock, rooms: Mutex::default() });
    let pages = Router::new()
        .route("/", get(front))
        .route("/health", get(health))
        .route("/rooms", get(rooms))
        .route("/room/{id}", get(room))
        .route("/assets/sample.wav", get(tune))
        .route("/assets/{*path}", get(asset))
        .with_state(site);
    let pages = routes::surround(pages, Router::new(), &origins, premises.metrics.clone(), context);
    listener.serve(endpoint.merge(pages), context);
    Ok(running)
}

async fn front(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    if assets::prefers_html(&headers)
        && let Some(page) = assets::page::<Assets>("index.html", &headers)
    {
        return page;
    }
    let Some((n_rooms, n_seated)) = site.questions.ask(|hub, _| (hub.n_rooms(), hub.n_seated())).await else {
        return stopping();
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
    match site.questions.ask(move |hub, now| hub.report(&id, now)).await {
        Some(Some(report)) => routes::json(&report),
        Some(None) => no_such_room(),
        None => stopping(),
    }
}

async fn rooms(State(site): State<Arc<Site>>) -> Response {
    let now = site.clock.now();
    let fresh = site.rooms.lock().clone();
    if let Some((at, text)) = fresh
        && now.since(at).as_millis() < u128::from(REPORT_AGE_MILLIS)
    {
        return routes::json_text(text.to_string());
    }
    let Some(rooms) = site.questions.ask(Hub::reports).await else { return stopping() };
    let list = RoomList { count: rooms.len(), rooms, timestamp: site.clock.wall().to_string() };
    let text: Arc<str> = serde_json::to_string(&list).expect("a report has string keys").into();
    *site.rooms.lock() = Some((now, Arc::clone(&text)));
    routes::json_text(text.to_string())
}

/// The answer to `GET /rooms`.
#[derive(Serialize)]
struct RoomList {
    rooms: Vec<RoomReport>,
    count: usize,
    timestamp: String,
}

async fn tune(headers: HeaderMap) -> Response {
    assets::media(&sample::wav(), "audio/wav", &headers)
}

async fn asset(Path(path): Path<String>, headers: HeaderMap) -> Response {
    assets::file::<Assets>(&path, &headers)
        .unwrap_or_else(|| routes::error(StatusCode::NOT_FOUND, "not found"))
}

fn no_such_room() -> Response {
    routes::error(StatusCode::NOT_FOUND, Refusal::RoomNotFound.message())
}

fn stopping() -> Response {
    routes::error(StatusCode::SERVICE_UNAVAILABLE, "stopping")
}
