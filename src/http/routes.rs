//! What stands around every service's own routes: probes, metrics, headers, errors in JSON.

use std::iter::once;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER,
    WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::json;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate as _};
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, RequestId, SetRequestIdLayer};
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::trace::TraceLayer;
use tracing::debug_span;

use super::connection::Connection;
use super::keys::KeyedDoor;
use super::local::is_local;
use super::origin::AllowedOrigins;
use super::pieces;
use crate::metrics;
use crate::runtime::Context;

/// Bodies of ordinary requests; Socket.IO's polls have their own limit.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// How the library refuses requests that it cannot read.
const LIBRARY_REFUSALS: [StatusCode; 4] = [
    StatusCode::BAD_REQUEST,
    StatusCode::PAYLOAD_TOO_LARGE,
    StatusCode::UNSUPPORTED_MEDIA_TYPE,
    StatusCode::UNPROCESSABLE_ENTITY,
];

/// Longer reasons are not passed on: they say again what was sent.
const MAX_REFUSAL_BYTES: usize = 4096;

/// Who may read the metrics.
#[derive(Clone)]
struct Probes {
    context: Context,
    metrics: KeyedDoor,
}

/// What asks for a key, to whoever has brought none or a wrong one.
const CHALLENGE: HeaderValue = HeaderValue::from_static("Bearer realm=\"roomhub\"");

/// Adds to a service's routes what all services have.
///
/// Pages of other origins may read what the public routes answer, as far as `origins` goes, and never what the
/// operators' routes do.
pub fn surround(
    public: Router,
    operators: Router,
    origins: &AllowedOrigins,
    metrics: KeyedDoor,
    context: &Context,
) -> Router {
    let probes = Probes { context: context.clone(), metrics };
    // Sound is as small as it gets.
    let is_worth_it = DefaultPredicate::new().and(NotForContentType::const_new("audio/mpeg"));
    let fixed = |name: HeaderName, value: &'static str| {
        SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
    };
    let public = Router::new()
        .route("/livez", get(|| async { "ok" }))
        .route("/readyz", get(readiness))
        .with_state(probes.clone())
        .merge(public)
        .fallback(|| async { error(StatusCode::NOT_FOUND, "not found") })
        .method_not_allowed_fallback(method_not_allowed)
        .layer(origins.cors());
    let operators = Router::new()
        .route("/metrics", get(figures))
        .with_state(probes)
        .merge(operators)
        .method_not_allowed_fallback(method_not_allowed);
    public
        .merge(operators)
        .layer(map_response(in_json))
        .layer(map_response(pieces::cut))
        .layer(CompressionLayer::new().compress_when(is_worth_it))
        .layer(RequestBodyLimitLayer::new(MAX_BODY_BYTES))
        .layer(fixed(X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(fixed(X_FRAME_OPTIONS, "SAMEORIGIN"))
        .layer(fixed(REFERRER_POLICY, "no-referrer"))
        .layer(fixed(HeaderName::from_static("cross-origin-opener-policy"), "same-origin"))
        .layer(fixed(HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"))
        .layer(fixed(HeaderName::from_static("x-permitted-cross-domain-policies"), "none"))
        .layer(CatchPanicLayer::custom(|_| error(StatusCode::INTERNAL_SERVER_ERROR, "internal error")))
        .layer(TraceLayer::new_for_http().make_span_with(span))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
}

/// What the library refuses before a handler is asked, like a number that is none, it refuses in plain text.
async fn in_json(response: Response) -> Response {
    let kind = response.headers().get(CONTENT_TYPE);
    let is_plain = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"));
    if !is_plain || !LIBRARY_REFUSALS.contains(&response.status()) {
        return response;
    }
    let (mut head, body) = response.into_parts();
    let text = axum::body::to_bytes(body, MAX_REFUSAL_BYTES).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let reason = if text.is_empty() { "the request cannot be read" } else { &text };
    head.headers.remove(CONTENT_LENGTH);
    head.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Response::from_parts(head, json!({ "error": reason }).to_string().into())
}

/// An error as JSON.
pub fn error(status: StatusCode, message: &str) -> Response {
    challenging((status, Json(json!({ "error": message }))).into_response())
}

/// An answer that says which kind of key is wanted, if it is that one is.
pub fn challenging(mut answer: Response) -> Response {
    if answer.status() == StatusCode::UNAUTHORIZED {
        answer.headers_mut().insert(WWW_AUTHENTICATE, CHALLENGE);
    }
    answer
}

async fn method_not_allowed() -> Response {
    error(StatusCode::METHOD_NOT_ALLOWED, "method not allowed")
}

/// An answer as JSON, never to be cached.
pub fn json(answer: &impl Serialize) -> Response {
    json_text(serde_json::to_string(answer).expect("an answer has string keys"))
}

/// JSON that was written already, never to be cached.
pub fn json_text(text: impl Into<axum::body::Body>) -> Response {
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
    (headers, text.into()).into_response()
}

async fn readiness(State(probes): State<Probes>) -> Response {
    if probes.context.is_stopping() {
        return (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "5")], "stopping").into_response();
    }
    let remarks = probes.context.remarks();
    let remarks = remarks.iter().map(|(service, remark)| format!("{service}: {remark}"));
    once("ready".to_owned()).chain(remarks).collect::<Vec<_>>().join("\n").into_response()
}

async fn figures(
    State(probes): State<Probes>,
    Extension(connection): Extension<Arc<Connection>>,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    let (peer, now) = (connection.peer.ip(), probes.context.clock.now());
    if !is_local(peer, &parts)
        && let Err(denied) = probes.metrics.open_by(peer, &parts.headers, bearer(&parts.headers), now)
    {
        let problem =
            "metrics are for the machine itself, and not through a proxy; others bring [metrics] token";
        return denied.answer(problem);
    }
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], metrics::render()).into_response()
}

/// The word of an `Authorization: Bearer` header.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, word) = std::str::from_utf8(headers.get(AUTHORIZATION)?.as_bytes()).ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(word.trim())
}

/// The key that a request brings: `Authorization: Bearer KEY`, else `?auth=KEY`.
pub fn token(request: &Request) -> Option<Box<str>> {
    let queried = || {
        let items = form_urlencoded::parse(request.uri().query()?.as_bytes());
        items.into_iter().find(|(name, _)| name == "auth").map(|(_, key)| key.into())
    };
    bearer(request.headers()).map(Box::from).or_else(queried)
}

/// The path alone: queries may carry keys.
fn span(request: &Request) -> tracing::Span {
    let id =
        request.extensions().get::<RequestId>().and_then(|id| id.header_value().to_str().ok()).unwrap_or("");
    let connection = request.extensions().get::<Arc<Connection>>().map_or(0, |connection| connection.id);
    debug_span!("request", id, connection, method = %request.method(), path = request.uri().path())
}
