//! The HTTP routes of signalling: the page, `/ice`, and where plain WebSockets come in.

use std::sync::Arc;

use axum::extract::{Query, Request, State};
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use http::{HeaderMap, StatusCode};
use rust_embed::Embed;
use serde::Deserialize;
use serde_json::json;

use super::hub::Hub;
use super::protocol::{Id, Refusal};
use crate::http::connection::Connection;
use crate::http::keys::AccessKey;
use crate::http::{assets, routes};
use crate::rooms::Queries;
use crate::runtime::Clock;
use crate::websocket::PlainEndpoint;

/// The page and everything that it loads.
#[derive(Embed)]
#[folder = "assets/signal/"]
struct Assets;

/// What the routes share.
pub struct Site {
    /// Asks the hub.
    pub queries: Queries<Hub>,
    /// Where plain WebSockets come in.
    pub plain: Arc<PlainEndpoint<Hub>>,
    /// The process's clock.
    pub clock: Clock,
    /// What `/ice` asks for.
    pub key: Option<AccessKey>,
}

/// The routes.
pub fn router(site: Site) -> Router {
    Router::new()
        .route("/", get(front))
        .merge(routes::health(site.clock))
        .route("/ice", get(ice))
        .route("/ws", get(websocket))
        .merge(assets::router::<Assets, _>())
        .with_state(Arc::new(site))
}

async fn front(headers: HeaderMap) -> Response {
    assets::page::<Assets>("index.html", &headers).unwrap_or_else(routes::not_found)
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
    let given = routes::token(&request);
    let (peer, now) = (connection.peer.ip(), site.clock.now());
    if let Some(key) = &site.key
        && let Err(denied) = key.verify_request(peer, request.headers(), given.as_deref(), now)
    {
        return denied.answer(Refusal::Unauthorized.message());
    }
    let Some(user) = query.user_id.as_deref().and_then(Id::new) else {
        return routes::error(StatusCode::BAD_REQUEST, "userId is required");
    };
    let token = query.token.or_else(|| given.map(String::from));
    match site.queries.ask(move |hub, now| hub.ice(&user, token.as_deref(), now)).await {
        Some(Ok(servers)) => routes::json(&json!({ "iceServers": servers })),
        Some(Err(refusal)) => routes::error(StatusCode::UNAUTHORIZED, refusal.message()),
        None => routes::stopping(),
    }
}

async fn websocket(
    State(site): State<Arc<Site>>,
    Extension(connection): Extension<Arc<Connection>>,
    request: Request,
) -> Response {
    site.plain.open(&connection, request)
}
