//! What the door itself answers: the start page, and whether all services are ready.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use http::{HeaderMap, Request, StatusCode};
use rust_embed::Embed;
use serde_json::json;
use tower::ServiceExt;

use crate::http::backend::Backend;
use crate::http::connection::Connection;
use crate::http::keys::KeyedDoor;
use crate::http::origin::AllowedOrigins;
use crate::http::{assets, layers, routes};
use crate::runtime::Context;

/// The most that is told of what one service says of itself.
const MAX_READINESS_BYTES: usize = 4096;

/// The page and everything that it loads.
#[derive(Embed)]
#[folder = "assets/door/"]
struct Assets;

type Backends = Arc<[Arc<Backend>]>;

/// The routes.
pub fn router(backends: Vec<Arc<Backend>>, metrics: KeyedDoor, context: &Context) -> Router {
    let backends = Backends::from(backends);
    let pages = Router::new()
        .route("/", get(front))
        .route("/assets/{*path}", get(asset))
        .with_state(Arc::clone(&backends));
    let none_foreign = AllowedOrigins::new(&[]);
    let common =
        layers::with_common_layers(pages, Router::new(), Router::new(), &none_foreign, metrics, context);
    let ready = Router::new().route("/readyz", get(readiness)).with_state(backends);
    Router::new().fallback_service(common).merge(ready)
}

/// The page; for programs, which services there are.
async fn front(State(backends): State<Backends>, headers: HeaderMap) -> Response {
    if assets::prefers_html(&headers)
        && let Some(page) = assets::page::<Assets>("index.html", &headers)
    {
        return page;
    }
    let services: Vec<&str> = backends.iter().map(|backend| backend.service).collect();
    routes::json(&json!({ "status": "ok", "services": services, "version": env!("CARGO_PKG_VERSION") }))
}

async fn asset(Path(path): Path<String>, headers: HeaderMap) -> Response {
    let file = assets::file::<Assets>(&path, &headers);
    file.unwrap_or_else(|| routes::error(StatusCode::NOT_FOUND, "not found"))
}

/// What each service says of itself; 503 if one of them is not ready.
async fn readiness(
    State(backends): State<Backends>,
    Extension(connection): Extension<Arc<Connection>>,
) -> Response {
    let mut status = StatusCode::OK;
    let mut lines = Vec::new();
    for backend in backends.iter() {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = http::Uri::from_static("/readyz");
        request.extensions_mut().insert(Arc::clone(&connection));
        let Ok(answer) = backend.router.clone().oneshot(request).await;
        if answer.status() != StatusCode::OK {
            status = StatusCode::SERVICE_UNAVAILABLE;
        }
        let said = axum::body::to_bytes(answer.into_body(), MAX_READINESS_BYTES).await.unwrap_or_default();
        lines.push(format!("{}: {}", backend.service, String::from_utf8_lossy(&said)));
    }
    (status, lines.join("\n")).into_response()
}
