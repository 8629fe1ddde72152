//! What the door itself answers: the start page, and whether all services are ready.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use http::{HeaderMap, StatusCode};
use rust_embed::Embed;
use serde_json::json;

use crate::http::backend::Backend;
use crate::http::connection::Connection;
use crate::http::keys::AccessKey;
use crate::http::origin::AllowedOrigins;
use crate::http::problem::with_problems;
use crate::http::{assets, layers, routes};
use crate::runtime::Context;

/// The page and everything that it loads.
#[derive(Embed)]
#[folder = "assets/door/"]
struct Assets;

type Backends = Arc<[Arc<Backend>]>;

/// The routes.
pub fn router(backends: Vec<Arc<Backend>>, admin: Router, metrics: AccessKey, context: &Context) -> Router {
    let backends = Backends::from(backends);
    let pages = with_problems(Router::new().route("/", get(front))).merge(assets::router::<Assets, _>());
    let pages = pages.with_state(Arc::clone(&backends));
    let none_foreign = AllowedOrigins::new(&[]);
    let common = layers::with_common_layers(pages, Router::new(), admin, &none_foreign, metrics, context);
    let ready = with_problems(Router::new().route("/readyz", get(readiness))).with_state(backends);
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

/// What each service says of itself; 503 if one of them is not ready.
async fn readiness(
    State(backends): State<Backends>,
    Extension(connection): Extension<Arc<Connection>>,
) -> Response {
    let mut status = StatusCode::OK;
    let mut lines = Vec::new();
    for backend in backends.iter() {
        let (is_ready, said) = backend.readiness(&connection).await;
        if !is_ready {
            status = StatusCode::SERVICE_UNAVAILABLE;
        }
        lines.push(format!("{}: {said}", backend.service));
    }
    (status, lines.join("\n")).into_response()
}
