//! The HTTP routes of the watch parties: the page, what this is, whether it is well, and counts for who has the key.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use http::{HeaderMap, HeaderName, HeaderValue};
use rust_embed::Embed;
use serde_json::json;
use tower_http::set_header::SetResponseHeaderLayer;

use super::hub::Hub;
use super::protocol::Refusal;
use crate::http::connection::Connection;
use crate::http::keys::AccessKey;
use crate::http::{assets, routes};
use crate::rooms::Queries;
use crate::runtime::Clock;

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

/// The page, that of the operators, and everything that they load.
#[derive(Embed)]
#[folder = "assets/watch/"]
pub struct Assets;

/// What the routes share.
pub struct Site {
    /// Asks the hub.
    pub queries: Queries<Hub>,
    /// The process's clock.
    pub clock: Clock,
    /// What `/stats` asks for.
    pub key: AccessKey,
}

/// The routes.
pub fn router(site: Site) -> Router {
    Router::new()
        .route("/", get(front))
        .route("/health", get(health))
        .merge(assets::router::<Assets, _>())
        .route("/stats", get(stats))
        .with_state(Arc::new(site))
}

/// Adds the headers that the original server sends.
pub fn with_headers(pages: Router) -> Router {
    HEADERS.into_iter().fold(pages, |pages, (name, value)| {
        let (name, value) = (HeaderName::from_static(name), HeaderValue::from_static(value));
        pages.layer(SetResponseHeaderLayer::if_not_present(name, value))
    })
}

async fn front(headers: HeaderMap) -> Response {
    if assets::prefers_html(&headers)
        && let Some(page) = assets::streaming_page::<Assets>("index.html", &headers)
    {
        return page;
    }
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
    let given = routes::bearer(request.headers());
    if let Err(denied) = site.key.verify_request(peer, request.headers(), given, now) {
        return denied.answer(Refusal::Unauthorized.message());
    }
    match site.queries.ask(|hub, _| hub.stats()).await {
        Some(stats) => routes::json(&stats),
        None => routes::stopping(),
    }
}
