//! A service as its connections see it: how many it takes, what answers their requests, and what takes them over.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse;
use http::header::{CONNECTION, EXPECT, RETRY_AFTER};
use http::{Request, Response, StatusCode, Uri, Version};
use hyper::body::{Body as _, Incoming};
use parking_lot::Mutex;
use tower::ServiceExt;

use super::connection::Connection;
use super::guarded::Guarded;
use super::head::Head;
use super::limits::{ConnectionLimits, Refusal};
use super::request_body::{self, BodyLimits, Intake};
use super::requests::OfProcess;
use super::routes;

/// The most that is told of what one service says of itself.
const MAX_READINESS_BYTES: usize = 4096;

/// Takes over a connection.
pub type TakeOver = Box<dyn FnOnce(Guarded) + Send>;

/// Looks at the head of a request; gives what takes over its connection, if that is its business.
pub type Interceptor = Arc<dyn Fn(&Head) -> Option<TakeOver> + Send + Sync>;

/// Where the handler of a request leaves who takes over its connection, once the answer is out.
#[derive(Clone, Default)]
pub struct Handover(Arc<Mutex<Option<TakeOver>>>);

impl Handover {
    /// Has the connection taken over.
    pub fn set(&self, take_over: TakeOver) {
        *self.0.lock() = Some(take_over);
    }

    /// Who takes it over.
    pub fn take(&self) -> Option<TakeOver> {
        self.0.lock().take()
    }
}

/// A service behind one listener or several.
pub struct Backend {
    /// Its name.
    pub service: &'static str,
    /// Its connections.
    pub limits: Arc<ConnectionLimits>,
    /// What bodies of requests may be.
    pub bodies: Arc<BodyLimits>,
    /// Sees requests before the routes do.
    pub interceptor: Option<Interceptor>,
    /// Bodies of requests to this path are taken in piece by piece.
    pub streamed_path: Option<&'static str>,
    /// Answers requests.
    pub router: Router,
}

impl Backend {
    /// Has it answer a request.
    pub async fn answer(
        &self,
        request: Request<Incoming>,
        connection: Arc<Connection>,
        handover: Handover,
    ) -> Response<Body> {
        let is_streamed = self.streamed_path == Some(request.uri().path());
        let intake = if is_streamed { Intake::Streamed } else { Intake::Whole };
        let (mut request, fate) = request_body::limit(request, &self.bodies, intake, &connection);
        request.extensions_mut().insert(connection);
        request.extensions_mut().insert(handover.clone());
        let Ok(response) = self.router.clone().oneshot(request).await;
        let response = fate.and_then(|fate| fate.refusal()).unwrap_or(response);
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            handover.take();
        }
        response
    }

    /// Whether it takes clients, and what it says of itself.
    pub async fn readiness(&self, asker: &Arc<Connection>) -> (bool, String) {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = Uri::from_static("/readyz");
        request.extensions_mut().insert(Arc::clone(asker));
        request.extensions_mut().insert(OfProcess);
        let Ok(answer) = self.router.clone().oneshot(request).await;
        let is_ready = answer.status() == StatusCode::OK;
        let said = axum::body::to_bytes(answer.into_body(), MAX_READINESS_BYTES).await.unwrap_or_default();
        (is_ready, String::from_utf8_lossy(&said).into_owned())
    }

    /// Who takes over the connection of a request that the HTTP library has read.
    ///
    /// With a body under way nobody does: the library has read of it what cannot be put back.
    pub fn intercept(&self, request: &Request<Incoming>) -> Option<TakeOver> {
        let interceptor = self.interceptor.as_ref()?;
        let waits = request.version() == Version::HTTP_11 && request.headers().contains_key(EXPECT);
        let is_whole = request.body().is_end_stream() || waits;
        is_whole.then(|| interceptor(&Head::of(request))).flatten()
    }

    /// Counts a connection that is not taken.
    pub fn count(&self, refusal: Refusal) {
        metrics::counter!("roomhub_connections_refused_total", "service" => self.service, "reason" => refusal.code())
            .increment(1);
    }
}

/// All services of the process, as they come to be served.
#[derive(Clone, Default)]
pub struct Backends(Arc<Mutex<Vec<Arc<Backend>>>>);

impl Backends {
    /// One more is served.
    pub fn add(&self, backend: Arc<Backend>) {
        self.0.lock().push(backend);
    }

    /// Those that are served by now.
    pub fn all(&self) -> Vec<Arc<Backend>> {
        self.0.lock().clone()
    }
}

/// The answer on a connection for which its service has no place.
pub fn full() -> Response<Body> {
    let answer = routes::error(StatusCode::SERVICE_UNAVAILABLE, "too many connections");
    ([(RETRY_AFTER, "5"), (CONNECTION, "close")], answer).into_response()
}
