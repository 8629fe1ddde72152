//! Signalling on the network: the page, `/ice`, and the hub behind Socket.IO and plain WebSockets.

use std::sync::Arc;

use anyhow::Result;
use axum::extract::{Path, Query, Request, State};
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use http::{HeaderMap, StatusCode};
use rust_embed::Embed;
use serde::Deserialize;
use serde_json::json;

use super::Config;
use super::hub::{Hub, Keys};
use super::protocol::{Id, Refusal};
use super::tokens::RoomTokens;
use crate::config;
use crate::http::connection::Connection;
use crate::http::keys::KeyedDoor;
use crate::http::listener::Listener;
use crate::http::origin::AllowedOrigins;
use crate::http::{assets, layers, routes};
use crate::runtime::Clock;
use crate::service::{Premises, Running};
use crate::socketio;
use crate::switchboard::{Pings, Questions, Switchboard};
use crate::websocket::Door;

/// The service's name in logs and metrics.
const SERVICE: &str = "signal";

/// The page and everything that it loads.
#[derive(Embed)]
#[folder = "assets/signal/"]
struct Assets;

/// What the routes share.
struct Site {
    questions: Questions<Hub>,
    door: Arc<Door<Hub>>,
    clock: Clock,
    key: Option<KeyedDoor>,
}

/// Opens the port and serves until the process stops.
pub fn start(config: &Config, premises: &Premises<'_>) -> Result<Running> {
    let context = premises.context;
    let key = config::secret("signal.auth_key_file", &config.auth_key, &config.auth_key_file)?;
    let key = key.is_set().then(|| KeyedDoor::new("signal.auth_key", key, &premises.wrong_keys));
    let turn_secret =
        config::secret("signal.turn_secret_file", &config.turn_secret, &config.turn_secret_file)?;
    let listener = Listener::open(SERVICE, &config.host, config.port, &premises.opening, context)?;
    let mut running = Running::new(SERVICE, &listener)?;
    let origins = AllowedOrigins::new(&config.cors_origin);
    let pings = Pings { interval: config.ping_interval, timeout: config.ping_timeout };
    let mut switchboard = Switchboard::new(SERVICE, premises.members, context);
    let endpoint = socketio::endpoint(&mut switchboard, pings, &origins, premises.socketio, &listener);
    let door = Door::new(&switchboard, pings, &origins, &listener);
    let tokens = RoomTokens::new(config)?;
    if key.is_none() && tokens.is_none() {
        running.open_without = Some("[signal] auth_key or token_secret");
    }
    let keys = Keys { key: key.clone(), turn_secret, tokens };
    let home = premises.passing_home(SERVICE);
    let hub = Hub::new(config, keys, home.seed(), premises.opening.network.trusted_networks());
    let questions = switchboard.run(home, hub);
    let site = Arc::new(Site { questions, door, clock: context.clock, key });
    let pages = Router::new()
        .route("/", get(front))
        .route("/health", get(health))
        .route("/ice", get(ice))
        .route("/ws", get(websocket))
        .route("/assets/{*path}", get(asset))
        .with_state(site);
    let pages = layers::with_common_layers(pages, Router::new(), &origins, premises.metrics.clone(), context);
    listener.serve(endpoint.merge(pages), context);
    Ok(running)
}

async fn front(headers: HeaderMap) -> Response {
    assets::page::<Assets>("index.html", &headers).unwrap_or_else(not_found)
}

async fn asset(Path(path): Path<String>, headers: HeaderMap) -> Response {
    assets::file::<Assets>(&path, &headers).unwrap_or_else(not_found)
}

async fn health(State(site): State<Arc<Site>>) -> Response {
    let health = json!({ "status": "ok", "timestamp": site.clock.wall().to_string() });
    routes::json(&health)
}

/// Whom credentials are for, and the token that says so if the key is brought in its place.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IceQuery {
    user_id: Option<String>,
    token: Option<String>,
}

async fn ice(
    State(site): State<Arc<Site>>,
    Extension(connection): Extension<Arc<Connection>>,
    Query(query): Query<IceQuery>,
    request: Request,
) -> Response {
    let word = routes::token(&request);
    let (peer, now) = (connection.peer.ip(), site.clock.now());
    if let Some(key) = &site.key
        && let Err(denied) = key.open_by(peer, request.headers(), word.as_deref(), now)
    {
        return denied.answer(Refusal::Unauthorized.message());
    }
    let Some(user) = query.user_id.as_deref().and_then(Id::new) else {
        return routes::error(StatusCode::BAD_REQUEST, "userId is required");
    };
    let token = query.token.or_else(|| word.map(String::from));
    match site.questions.ask(move |hub, now| hub.ice(&user, token.as_deref(), now)).await {
        Some(Ok(servers)) => routes::json(&json!({ "iceServers": servers })),
        Some(Err(refusal)) => routes::error(StatusCode::UNAUTHORIZED, refusal.message()),
        None => routes::error(StatusCode::SERVICE_UNAVAILABLE, "stopping"),
    }
}

async fn websocket(
    State(site): State<Arc<Site>>,
    Extension(connection): Extension<Arc<Connection>>,
    request: Request,
) -> Response {
    site.door.open(&connection, request)
}

fn not_found() -> Response {
    routes::error(StatusCode::NOT_FOUND, "not found")
}
