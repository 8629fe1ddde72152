//! What routes answer with, and the key that a request brings.

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::json;

use crate::runtime::Clock;

/// What asks for a key, to whoever has brought none or a wrong one.
const CHALLENGE: HeaderValue = HeaderValue::from_static("Bearer realm=\"roomhub\"");

/// `/health`, as it is wherever no contract says otherwise.
pub fn health<S: Clone + Send + Sync + 'static>(clock: Clock) -> Router<S> {
    let answer = async move || json(&json!({ "status": "ok", "timestamp": clock.wall().to_string() }));
    Router::new().route("/health", get(answer))
}

/// What an error is about, in its answer's extensions: own interfaces put it differently than the originals do.
#[derive(Clone)]
pub struct Reason(pub String);

/// An error as JSON, as the original servers have it; [`problem`](super::problem) makes others of it.
pub fn error(status: StatusCode, message: &str) -> Response {
    let mut answer = (status, Json(json!({ "error": message }))).into_response();
    answer.extensions_mut().insert(Reason(message.to_owned()));
    challenging(answer)
}

/// The answer where there is nothing at a path.
pub fn not_found() -> Response {
    error(StatusCode::NOT_FOUND, "not found")
}

/// The answer of a service that takes no more requests.
pub fn stopping() -> Response {
    error(StatusCode::SERVICE_UNAVAILABLE, "stopping")
}

/// An answer that says which kind of key is wanted, if it is that one is.
pub fn challenging(mut answer: Response) -> Response {
    if answer.status() == StatusCode::UNAUTHORIZED {
        answer.headers_mut().insert(WWW_AUTHENTICATE, CHALLENGE);
    }
    answer
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

/// The token of an `Authorization: Bearer` header.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) =
        std::str::from_utf8(headers.get(AUTHORIZATION)?.as_bytes()).ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// The key that a request brings: `Authorization: Bearer KEY`, else `?auth=KEY`.
pub fn token(request: &Request) -> Option<Box<str>> {
    let queried = || {
        let items = form_urlencoded::parse(request.uri().query()?.as_bytes());
        items.into_iter().find(|(name, _)| name == "auth").map(|(_, key)| key.into())
    };
    bearer(request.headers()).map(Box::from).or_else(queried)
}
