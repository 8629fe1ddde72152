//! How many requests were answered, with what, and how soon.
//!
//! Labels are few whatever strangers send: the service, one of eight methods, the status. Paths are none.

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use http::{Method, StatusCode};
use tokio::time::Instant;

/// Methods that are told by name; all others are `other`.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Below it, polls wait until there is something to tell: how long says nothing of the server.
const POLLS: &str = "/socket.io/";

/// Counts all requests to `router`, but for what the process asks of itself.
pub fn counted(router: Router, service: &'static str) -> Router {
    router.layer(from_fn_with_state(service, count))
}

/// Marks a request that the process asks of itself.
#[derive(Clone, Copy)]
pub struct OfProcess;

/// A request lasts until the head of its answer is there: bodies last as long as their readers like.
async fn count(State(service): State<&'static str>, request: Request, next: Next) -> Response {
    if request.extensions().get::<OfProcess>().is_some() {
        return next.run(request).await;
    }
    let method = label_of(request.method());
    let is_poll = request.uri().path().starts_with(POLLS);
    let started = Instant::now();
    let response = next.run(request).await;
    let (status, duration) = (response.status(), started.elapsed());
    let code = status.as_str().to_owned();
    metrics::counter!("roomhub_http_requests_total", "service" => service, "method" => method, "code" => code)
        .increment(1);
    if !is_poll && status != StatusCode::SWITCHING_PROTOCOLS {
        metrics::histogram!("roomhub_http_request_duration_seconds", "service" => service).record(duration);
    }
    response
}

fn label_of(method: &Method) -> &'static str {
    METHODS.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}
