//! The watch parties on the network: routes, the key, and the hub behind its Socket.IO endpoint.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::json;
use tower_http::set_header::SetResponseHeaderLayer;
use tracing::{info, warn};

use super::chance::Chance;
use super::event_log::{self, Rotation};
use super::hub::Hub;
use super::protocol::Refusal;
use super::{Config, admin};
use crate::config;
use crate::http::connection::Connection;
use crate::http::keys::KeyedDoor;
use crate::http::listener::Listener;
use crate::http::operators::OperatorsDoor;
use crate::http::origin::AllowedOrigins;
use crate::http::{layers, routes};
use crate::runtime::Clock;
use crate::secret::Secret;
use crate::service::{Keys, Premises, Running};
use crate::socketio;
use crate::switchboard::{Pings, Questions, Switchboard, random_seed};

/// The service's name in logs and metrics.
const SERVICE: &str = "watch";

/// The file of a made-up key, beside the rooms.
const KEY_FILE: &str = "watch.auth_key";

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
    key: KeyedDoor,
}

/// Opens the port and serves until the process stops.
pub fn start(config: &Config, premises: &Premises<'_>) -> Result<Running> {
    let context = premises.context;
    let (key, key_file) = key(config, premises)?;
    let admin_key = config::secret("watch.admin_key_file", &config.admin_key, &config.admin_key_file)?;
    if admin_key.is(key.expose()) {
        warn!("watch.admin_key is watch.auth_key: all members may close rooms, kick and ban");
    }
    let key = KeyedDoor::new("watch.auth_key", key, &premises.wrong_keys);
    let admin_key = KeyedDoor::new("watch.admin_key", admin_key, &premises.wrong_keys);
    let listener = Listener::open(SERVICE, &config.host, config.port, &premises.opening, context)?;
    let running = Running { key_file, ..Running::new(SERVICE, &listener)? };
    let origins = AllowedOrigins::new(&config.allowed_origins);
    let pings = Pings { interval: config.ping_interval, timeout: config.ping_timeout };
    let mut switchboard = Switchboard::new(SERVICE, premises.members, context);
    let endpoint = socketio::endpoint(&mut switchboard, pings, &origins, premises.socketio, &listener);
    if !config.event_log.is_empty() {
        let rotation = Rotation { max_bytes: config.event_log_bytes, n_kept: config.event_logs_kept };
        switchboard.keep_notes(event_log::start(Path::new(&config.event_log), rotation, context)?);
    }
    let commands = switchboard.exchange().commands();
    let home = premises.lasting_home(SERVICE);
    let (chance, exempt) = (Chance::new(&home.random_source()), premises.opening.network.trusted_networks());
    let hub = Hub::new(config, key.clone(), home.seed(), chance, exempt, context.clock.now());
    let questions = switchboard.run(home, hub);
    let admin = admin::routes(questions.clone(), commands, OperatorsDoor::new(admin_key, context.clock));
    let site = Arc::new(Site { questions, clock: context.clock, key });
    let pages = Router::new()
        .route("/", get(front))
        .route("/health", get(health))
        .route("/stats", get(stats))
        .with_state(site);
    let pages = layers::with_common_layers(pages, admin, &origins, premises.metrics.clone(), context);
    let pages = HEADERS.into_iter().fold(pages, |pages, (name, value)| {
        let (name, value) = (HeaderName::from_static(name), HeaderValue::from_static(value));
        pages.layer(SetResponseHeaderLayer::if_not_present(name, value))
    });
    listener.serve(endpoint.merge(pages), context);
    Ok(running)
}

/// The key that clients bring, and the file that it is kept in if it was made up.
fn key(config: &Config, premises: &Premises<'_>) -> Result<(Secret, Option<PathBuf>)> {
    let given = config::secret("watch.auth_key_file", &config.auth_key, &config.auth_key_file)?;
    // Environment files of the original server have it in quotes.
    let key = given.expose().trim().trim_matches(['"', '\'']).trim();
    if !key.is_empty() {
        return Ok((Secret::new(key), None));
    }
    match premises.keys {
        Keys::MakeUp => {
            let file = premises.rooms.data_dir.join(KEY_FILE);
            let key = made_up_key(&file).with_context(|| {
                format!(
                    "{}: no key can be kept there; set AUTH_KEY, or [watch] auth_key_file",
                    file.display()
                )
            })?;
            info!(file = %file.display(), "watch has no key configured: its clients bring the one in this file");
            Ok((key, Some(file)))
        }
        Keys::Require => {
            bail!("watch needs a key that its clients bring: set AUTH_KEY, or [watch] auth_key_file")
        }
    }
}

/// The key in a file, made up if there is none; the file is its owner's alone.
fn made_up_key(file: &Path) -> Result<Secret> {
    let kept = fs::read_to_string(file).or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => Ok(String::new()),
        _ => Err(error),
    })?;
    if !kept.trim().is_empty() {
        return Ok(Secret::new(kept.trim()));
    }
    let key = hex::encode(&random_seed()[..16]);
    fs::create_dir_all(file.parent().unwrap_or(Path::new(".")))?;
    // A file that is there is whole.
    let draft = file.with_extension("draft");
    let mut written =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    writeln!(written, "{key}")?;
    written.sync_all()?;
    fs::rename(&draft, file)?;
    Ok(Secret::new(key))
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
        "timestamp": site.clock.wall().to_string(),
        "uptime": site.clock.uptime().as_secs_f64(),
    }))
}

async fn stats(
    State(site): State<Arc<Site>>,
    Extension(connection): Extension<Arc<Connection>>,
    request: Request,
) -> Response {
    let (peer, now) = (connection.peer.ip(), site.clock.now());
    let word = routes::bearer(request.headers());
    if let Err(denied) = site.key.open_by(peer, request.headers(), word, now) {
        return denied.answer(Refusal::Unauthorized.message());
    }
    match site.questions.ask(|hub, _| hub.stats()).await {
        Some(stats) => routes::json(&stats),
        None => routes::error(StatusCode::SERVICE_UNAVAILABLE, "stopping"),
    }
}
