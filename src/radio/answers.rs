//! Answers that say what is wrong.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CACHE_CONTROL, WWW_AUTHENTICATE};
use serde_json::json;

use crate::http::keys::Denied;

/// An answer that says what is wrong.
pub fn failure(status: StatusCode, message: &str) -> Response {
    (status, axum::Json(json!({"status": "error", "message": message}))).into_response()
}

/// The answer where no station has that path.
pub fn unknown_route() -> Response {
    failure(StatusCode::NOT_FOUND, "there is no such stream")
}

/// The answer where nothing has that path.
pub fn not_found() -> Response {
    failure(StatusCode::NOT_FOUND, "not found")
}

/// The answer without the key of a station.
pub fn keyless(denied: Denied) -> Response {
    if let Denied::TooOften(_) = denied {
        return denied.answer("");
    }
    let challenge = [(WWW_AUTHENTICATE, "Basic realm=\"radio\""), (CACHE_CONTROL, "no-store")];
    (challenge, failure(StatusCode::UNAUTHORIZED, "the key of this station is expected")).into_response()
}
