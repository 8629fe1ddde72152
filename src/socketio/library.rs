//! socketioxide, as the endpoint and its sessions reach it.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method};
use socketioxide::service::SocketIoService;
use socketioxide::socket::Sid;
use tower::{Service, ServiceExt};
use tracing::debug;

use crate::http::guarded::Guarded;
use crate::runtime::Context;

/// The library behind one endpoint.
pub struct Library {
    /// The service's name, for metrics.
    pub service: &'static str,
    /// The process.
    pub context: Context,
    inner: SocketIoService<Router>,
}

impl Library {
    /// The library behind a service's endpoint.
    pub fn new(service: &'static str, context: &Context, inner: SocketIoService<Router>) -> Self {
        Self { service, context: context.clone(), inner }
    }

    /// Has it answer a request.
    pub async fn answer(&self, request: Request<Body>) -> Response {
        match self.inner.clone().oneshot(request).await {
            Ok(response) => response.map(Body::new),
        }
    }

    /// Has it serve the WebSocket that a polling session goes over to.
    pub async fn take_over(&self, connection: Guarded, handshake: Request<()>) {
        let mut inner = self.inner.clone();
        // Boxed, for the library's task holds several places for it.
        if inner.call((Box::new(connection), handshake)).await.is_err() {
            debug!("a WebSocket asked for a session that is not there");
        }
    }

    /// Ends a polling session, as if its client had said goodbye.
    pub fn close_polling(&self, sid: Sid) {
        let uri = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
        let mut goodbye = Request::new(Body::from("1"));
        *goodbye.method_mut() = Method::POST;
        *goodbye.uri_mut() = uri.parse().expect("a session id has no reserved characters");
        goodbye.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain;charset=UTF-8"));
        let inner = self.inner.clone();
        self.context.spawn(async move {
            let Ok(_) = inner.oneshot(goodbye).await;
        });
    }
}
