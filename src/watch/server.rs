//! The watch parties on the network: routes, the key, and the hub behind its Socket.IO endpoint.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, bail};
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::get;
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::json;
use tower_http::set_header::SetResponseHeaderLayer;

use super::chance::Chance;
use super::event_log::{self, Rotation};
use super::hub::Hub;
use super::protocol::Refusal;
use super::{Config, admin};
use crate::config;
use crate::http::listener::Listener;
use crate::http::origin::AllowedOrigins;
use crate::http::routes;
use crate::runtime::Clock;
use crate::secret::Secret;
use crate::service::{Keys, Premises, Running};
use crate::socketio;
use crate::switchboard::{Pings, Questions, Switchboard, random_seed};

/// The service's name in logs and metrics.
const SERVICE: &str = "watch";

/// The headers that the original server sends with every answer, beside those of every service.
const HEADERS: [(&str, &str); 6] = [
    (
        "content-security-policy",
        "default-src 'self';base-uri 'self';font-src 'self' https: data:;form-action 'self';frame-ancestors 'self';\
         img-src 'self' data:;object-src 'none';script-src 'self';script-src-attr 'none';\
         style-src 'self' https: 'unsafe-inline';upgrade-insecure-requests",
    ),
    ("origin-agent-cluster", "?1"),
    ("strict-transport-security", "max-age=15552000; includeSubDomains"),
    ("x-dns-prefetch-control", "off"),
    ("x-download-options", "noopen"),
    ("x-xss-protection", "0"),
];

/// What the routes share.
struct Site {
    questions: Questions<Hub>,
    clock: Clock,
    key: Secret,
}

/// Opens the port and serves until the process stops.
pub fn start(config: &Config, premises: &Premises<'_>) -> Result<Running> {
    let (context, network) = (premises.context, premises.opening.network);
    let (key, made_up) = key(config, premises.keys)?;
    let listener = Listener::open(SERVICE, &config.host, config.port, &premises.opening, context)?;
    let running = Running { key: made_up, ..Running::new(SERVICE, &listener)? };
    let origins = AllowedOrigins::new(&config.allowed_origins);
    let pings = Pings { interval: config.ping_interval, timeout: config.ping_timeout };
    let mut switchboard = Switchboard::new(SERVICE, premises.members, context);
    let endpoint = socketio::endpoint(&mut switchboard, pings, &origins, premises.socketio, network);
    if !config.event_log.is_empty() {
        let rotation = Rotation { max_bytes: config.event_log_bytes, n_kept: config.event_logs_kept };
        switchboard.keep_notes(event_log::start(Path::new(&config.event_log), rotation, context)?);
    }
    let orders = switchboard.exchange().orders();
    let home = premises.lasting_home(SERVICE);
    let hub = Hub::new(config, key.clone(), home.seed(), Chance::new(&random_seed()), context.clock.now());
    let questions = switchboard.run_at(home, hub);
    let admin = admin::routes(questions.clone(), orders, key.clone());
    let site = Arc::new(Site { questions, clock: context.clock, key });
    let pages = Router::new()
        .route("/", get(front))
        .route("/health", get(health))
        .route("/stats", get(stats))
        .with_state(site)
        .merge(admin);
    let pages = routes::surround(pages, &origins, premises.metrics_token.clone(), context);
    let pages = HEADERS.into_iter().fold(pages, |pages, (name, value)| {
        let (name, value) = (HeaderName::from_static(name), HeaderValue::from_static(value));
        pages.layer(SetResponseHeaderLayer::if_not_present(name, value))
    });
    listener.serve(endpoint.merge(pages), context);
    Ok(running)
}

/// The key that clients bring, and whether it was made up for this run.
fn key(config: &Config, keys: Keys) -> Result<(Secret, Option<Secret>)> {
    let given = config::secret("watch.auth_key_file", &config.auth_key, &config.auth_key_file)?;
    // Environment files of the original server have it in quotes.
    let key = given.expose().trim().trim_matches(['"', '\'']).trim();
    if !key.is_empty() {
        return Ok((Secret::new(key), None));
    }
    match keys {
        Keys::MakeUp => {
            let key = Secret::new(hex::encode(&random_seed()[..16]));
            Ok((key.clone(), Some(key)))
        }
        Keys::Require => {
            bail!("watch needs a key that its clients bring: set AUTH_KEY, or [watch] auth_key_file")
        }
    }
}

async fn front() -> Response {
    routes::json(&json!({
        "name": "Watch Room Server",
        "version": env!("CARGO_PKG_VERSION"),
        "description": "Watch parties by roomhub",
        "endpoints": { "health": "/health", "stats": "/stats (requires auth)", "socket": "/socket.io" },
    }))
}

async fn health(State(site): State<Arc<Site>>) -> Response {
    routes::json(&json!({
        "status": "ok",
        "timestamp": site.clock.now().to_string(),
        "uptime": site.clock.uptime().as_secs_f64(),
    }))
}

async fn stats(State(site): State<Arc<Site>>, request: Request) -> Response {
    if !routes::bearer(request.headers()).is_some_and(|key| site.key.is(key)) {
        return routes::error(StatusCode::UNAUTHORIZED, Refusal::Unauthorized.message());
    }
    match site.questions.ask(|hub, _| hub.stats()).await {
        Some(stats) => routes::json(&stats),
        None => routes::error(StatusCode::SERVICE_UNAVAILABLE, "stopping"),
    }
}
