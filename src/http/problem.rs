//! Errors of this program's own interfaces, as RFC 9457 has them (`application/problem+json`).
//!
//! Paths of the original servers are as their contracts say, so each router of ours asks for it.

use axum::Router;
use axum::middleware::map_response;
use axum::response::Response;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, StatusCode, response};
use serde_json::json;

use super::routes::{Reason, error, not_found};

/// How the library refuses requests that it cannot read.
const LIBRARY_REFUSALS: [StatusCode; 4] = [
    StatusCode::BAD_REQUEST,
    StatusCode::PAYLOAD_TOO_LARGE,
    StatusCode::UNSUPPORTED_MEDIA_TYPE,
    StatusCode::UNPROCESSABLE_ENTITY,
];

/// Longer reasons are not passed on: they say again what was sent.
const MAX_REASON_BYTES: usize = 4096;

/// Makes errors of these routes problems.
pub fn with_problems<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    router.method_not_allowed_fallback(method_not_allowed).layer(map_response(as_problem))
}

/// A problem with a code that says to programs which one it is, in `reason`.
pub fn problem_of(status: StatusCode, code: &'static str, detail: &str) -> Response {
    let mut problem = told(status, detail);
    problem["reason"] = code.into();
    let (mut head, ()) = Response::new(()).into_parts();
    head.status = status;
    answer(head, "application/problem+json", &problem)
}

/// What is told of a path that no contract knows.
pub async fn no_such_path() -> Response {
    as_problem(not_found()).await
}

/// What is told to a method that a path does not have.
pub async fn method_not_allowed() -> Response {
    error(StatusCode::METHOD_NOT_ALLOWED, "method not allowed")
}

/// What the library refuses before a handler is asked, like a number that is none, it refuses in plain text.
pub async fn in_json(response: Response) -> Response {
    match refusal(response).await {
        Ok((head, reason)) => answer(head, "application/json", &json!({ "error": reason })),
        Err(response) => response,
    }
}

/// What is refused before any route is asked, like a body that is too large, is a problem, whatever the path.
pub async fn refusals_as_problems(response: Response) -> Response {
    match refusal(response).await {
        Ok((head, reason)) => problem(head, &reason),
        Err(response) => response,
    }
}

async fn as_problem(response: Response) -> Response {
    let (head, reason) = match refusal(response).await {
        Ok(refused) => refused,
        Err(response) => match response.extensions().get::<Reason>() {
            None => return response,
            Some(Reason(reason)) => {
                let reason = reason.clone();
                (response.into_parts().0, reason)
            }
        },
    };
    problem(head, &reason)
}

fn problem(head: response::Parts, reason: &str) -> Response {
    let problem = told(head.status, reason);
    answer(head, "application/problem+json", &problem)
}

/// The head and the reason of a refusal of the library's; anything else comes back.
async fn refusal(response: Response) -> Result<(response::Parts, String), Response> {
    let kind = response.headers().get(CONTENT_TYPE);
    let is_plain = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"));
    if !is_plain || !LIBRARY_REFUSALS.contains(&response.status()) {
        return Err(response);
    }
    let (head, body) = response.into_parts();
    let text = axum::body::to_bytes(body, MAX_REASON_BYTES).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    Ok((head, if text.is_empty() { "the request cannot be read".into() } else { text.into_owned() }))
}

fn told(status: StatusCode, detail: &str) -> serde_json::Value {
    json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or_default(),
        "status": status.as_u16(),
        "detail": detail,
    })
}

fn answer(mut head: response::Parts, kind: &'static str, body: &serde_json::Value) -> Response {
    head.headers.remove(CONTENT_LENGTH);
    head.headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    Response::from_parts(head, body.to_string().into())
}
