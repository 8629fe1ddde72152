//! From HTTP to WebSocket on the same connection, handing out the guarded connection itself.

use std::io;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Version};
use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::backend::Handover;
use super::guarded::Guarded;
use super::routes;

/// What is said to HTTP/1.0, which has no upgrades.
const TOO_OLD: &str = "a WebSocket needs HTTP/1.1, and this request came as HTTP/1.0; a proxy in between must speak \
    HTTP/1.1: for nginx, set proxy_http_version 1.1";

/// A WebSocket that has been agreed on: the answer to send, and the connection to wait for.
pub struct Upgrade {
    /// 101 with the accept key.
    pub response: Response,
    pending: oneshot::Receiver<Guarded>,
}

impl Upgrade {
    /// Agrees to a proper request for a WebSocket.
    ///
    /// # Errors
    /// The 400 or 426 to answer with.
    pub fn agree(request: &mut Request<Body>) -> Result<Self, Box<Response>> {
        let headers = request.headers();
        let asks = request.method() == Method::GET
            && names(headers, UPGRADE, "websocket")
            && names(headers, CONNECTION, "upgrade");
        if !asks {
            return Err(Box::new(upgrade_required("a WebSocket is expected here")));
        }
        if request.version() < Version::HTTP_11 {
            return Err(Box::new(upgrade_required(TOO_OLD)));
        }
        let version = headers.get(SEC_WEBSOCKET_VERSION).map(HeaderValue::as_bytes);
        if version != Some(b"13") {
            return Err(Box::new(upgrade_required("Sec-WebSocket-Version: 13 is expected")));
        }
        let Some(key) = headers.get(SEC_WEBSOCKET_KEY) else {
            return Err(Box::new(routes::error(StatusCode::BAD_REQUEST, "Sec-WebSocket-Key is missing")));
        };
        let accept =
            HeaderValue::try_from(derive_accept_key(key.as_bytes())).expect("base64 is a header value");
        let Some(handover) = request.extensions_mut().remove::<Handover>() else {
            let refusal =
                routes::error(StatusCode::INTERNAL_SERVER_ERROR, "this connection cannot be taken over");
            return Err(Box::new(refusal));
        };
        let (give, pending) = oneshot::channel();
        // Whoever waited for it may be gone.
        handover.set(Box::new(move |connection| drop(give.send(connection))));
        let mut response = StatusCode::SWITCHING_PROTOCOLS.into_response();
        let head = response.headers_mut();
        head.insert(UPGRADE, HeaderValue::from_static("websocket"));
        head.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        head.insert(SEC_WEBSOCKET_ACCEPT, accept);
        Ok(Self { response, pending })
    }

    /// Splits off the answer; the rest resolves once it has been sent.
    pub fn into_parts(self) -> (Response, impl Future<Output = io::Result<Guarded>>) {
        let pending = self.pending;
        (self.response, async move { pending.await.map_err(io::Error::other) })
    }
}

/// The answer to what is no proper request for a WebSocket, with the version that is spoken here.
fn upgrade_required(message: &str) -> Response {
    let headers = [(UPGRADE, "websocket"), (SEC_WEBSOCKET_VERSION, "13")];
    (headers, routes::error(StatusCode::UPGRADE_REQUIRED, message)).into_response()
}

/// Whether a header lists a token, in any case.
fn names(headers: &HeaderMap, header: http::HeaderName, token: &str) -> bool {
    let values = headers.get_all(header);
    values
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|value| value.trim().eq_ignore_ascii_case(token))
}
