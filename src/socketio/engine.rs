//! The endpoint of a Socket.IO service: sealed polling, WebSockets under guard, origins checked.
//!
//! Everything passes here on its way to socketioxide: requests lose their seal and their headers, answers to
//! handshakes gain the seal, and every session is known by the connection that it runs over.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use axum::{Extension, Router};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Method, StatusCode, Uri};
use http_body_util::LengthLimitError;
use ipnet::IpNet;
use socketioxide::socket::Sid;
use socketioxide::{ParserConfig, SocketIo};
use tracing::debug;

use super::conversation::Conversation;
use super::handlers::NamespaceHandler;
use super::library::Library;
use super::seal::Seal;
use super::session::{DeliveryObserver, EngineSession, Sessions};
use super::session_limits::SessionLimits;
use super::{Config, MAX_TOKEN_BYTES, post};
use crate::http::connection::{Connection, DisconnectReason};
use crate::http::frames::{ShortMessages, TextCheck};
use crate::http::guarded::Guarded;
use crate::http::inbound::MessageLimits;
use crate::http::listener::Listener;
use crate::http::origin::AllowedOrigins;
use crate::http::upgrade::Upgrade;
use crate::http::{address, routes};
use crate::rooms::{Handshake, Hub, Pings, Runner};
use crate::runtime::Context;
use crate::websocket::{Timeouts, serve_client};

/// The largest answer to a handshake: an id and four numbers.
const MAX_HANDSHAKE_BYTES: usize = 4096;

/// What a WebSocket reads at once; the buffer grows for larger frames, and a connection keeps it: none is much larger.
const READ_BUFFER_BYTES: usize = 256;

/// What Engine.IO says of a protocol that it does not speak.
const UNSUPPORTED: &str = r#"{"code":5,"message":"Unsupported protocol version"}"#;

/// A service's Engine.IO endpoint.
pub struct Engine {
    /// Begins a conversation on a WebSocket that never polled.
    converse: Box<dyn Fn(Guarded, Handshake) + Send + Sync>,
    seal: Seal,
    sessions: Arc<Sessions>,
    origins: AllowedOrigins,
    trusted_proxies: Vec<IpNet>,
    session_limits: SessionLimits,
    messages: Arc<MessageLimits>,
    context: Context,
}

/// Opens an endpoint whose members sit at `runner`; gives its routes.
pub fn endpoint<H: Hub>(
    runner: &mut Runner<H>,
    pings: Pings,
    origins: &AllowedOrigins,
    config: &Config,
    listener: &Listener,
) -> Router {
    let max_bytes = runner.limits.max_payload_bytes;
    let (inner, io) = SocketIo::builder()
        .ping_interval(pings.interval)
        .ping_timeout(pings.timeout)
        .upgrade_timeout(config.upgrade_timeout)
        .connect_timeout(config.connect_timeout)
        .max_payload(max_bytes as u64)
        .ws_max_message_size(max_bytes)
        .ws_max_frame_size(max_bytes)
        .ws_read_buffer_size(READ_BUFFER_BYTES)
        .max_buffer_size(config.max_queued_frames)
        // The parts of a binary event that never ends would be kept.
        .with_parser(ParserConfig::common().max_incoming_binary_buf_size(max_bytes))
        .build_with_inner_svc(Router::new());
    io.ns("/", NamespaceHandler(Arc::clone(runner.ingress())));
    // It waits for every writer, also for those whose reader sleeps.
    runner.on_stop(async move { io.close().await });
    // The library answers what asks for another namespace with its name, and keeps the answer.
    let short = ShortMessages { opening: *b"40/", max_bytes: MAX_TOKEN_BYTES };
    let messages = listener.messages(max_bytes, Some(short));
    let library = Library::new(runner.service, &runner.context, inner);
    let engine = Arc::new(Engine {
        converse: conversations(runner, pings, config.connect_timeout, &messages),
        seal: Seal::new(&config.node),
        sessions: Arc::new(Sessions::new(library, config.connect_timeout, runner.pending())),
        origins: origins.clone(),
        trusted_proxies: listener.network().trusted_networks(),
        session_limits: SessionLimits::new(runner.service, listener.sessions(), config.max_unjoined_sessions),
        // The library drops a client whose text is none without a word.
        messages: Arc::new(MessageLimits { text_check: TextCheck::Here, ..(*messages).clone() }),
        context: runner.context.clone(),
    });
    Router::new()
        .route("/socket.io/", any(serve))
        .route("/socket.io", any(serve))
        .layer(origins.cors())
        .with_state(engine)
}

fn conversations<H: Hub>(
    runner: &Runner<H>,
    pings: Pings,
    greeting: Duration,
    messages: &Arc<MessageLimits>,
) -> Box<dyn Fn(Guarded, Handshake) + Send + Sync> {
    let ingress = Arc::clone(runner.ingress());
    let context = runner.context.clone();
    let limits = runner.limits.clone();
    let messages = Arc::clone(messages);
    let timeouts = Timeouts { greeting, pings };
    Box::new(move |guarded, handshake| {
        let conversation = Conversation::new(&ingress, handshake, pings, &limits);
        context.spawn(serve_client(guarded, conversation, timeouts, Arc::clone(&messages)));
    })
}

impl Engine {
    /// A polling handshake: the answer's id goes out sealed.
    async fn greet(self: Arc<Self>, mut request: Request<Body>, session: Arc<EngineSession>) -> Response {
        *request.uri_mut() = unshared(request.uri());
        request.headers_mut().clear();
        request.extensions_mut().clear();
        request.extensions_mut().insert(Arc::clone(&session));
        let (mut head, body) = self.sessions.library.answer(request).await.into_parts();
        let Ok(body) = axum::body::to_bytes(body, MAX_HANDSHAKE_BYTES).await else {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        };
        let Some((id, sid)) = std::str::from_utf8(&body).ok().and_then(id_of_handshake) else {
            return Response::from_parts(head, Body::from(body));
        };
        self.sessions.add(sid, &session);
        let sealed = String::from_utf8_lossy(&body).replacen(id, &self.seal.close(id), 1);
        head.headers.insert(CONTENT_LENGTH, HeaderValue::from(sealed.len()));
        Response::from_parts(head, Body::from(sealed))
    }

    /// A poll, or a post, of a session that is known.
    async fn poll(self: Arc<Self>, mut request: Request<Body>, session: Arc<EngineSession>) -> Response {
        request.extensions_mut().clear();
        session.keep_alive();
        if request.method() == Method::POST {
            return self.post(request, &session).await;
        }
        let (head, body) = self.sessions.library.answer(request).await.into_parts();
        match axum::body::to_bytes(body, usize::MAX).await {
            Ok(body) => Response::from_parts(head, Body::from(session.polled(body))),
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    }

    /// A post, which goes on once it is whole.
    async fn post(&self, request: Request<Body>, session: &EngineSession) -> Response {
        let (head, body) = request.into_parts();
        let payload = match axum::body::to_bytes(body, self.messages.max_bytes).await {
            Ok(payload) if post::is_abusive(&payload) => return StatusCode::BAD_REQUEST.into_response(),
            Ok(payload) => payload,
            Err(error) => {
                // Without it, what the client posts next would be out of step.
                session.cut(DisconnectReason::Broken);
                let is_too_big = error.into_inner().is::<LengthLimitError>();
                let status = if is_too_big { StatusCode::PAYLOAD_TOO_LARGE } else { StatusCode::BAD_REQUEST };
                return status.into_response();
            }
        };
        self.sessions.library.answer(Request::from_parts(head, Body::from(payload))).await
    }

    /// A WebSocket of a session that polled until now.
    fn upgrade(self: Arc<Self>, mut request: Request<Body>, session: Arc<EngineSession>) -> Response {
        let (response, connection) = match agree(&mut request) {
            Ok(upgrade) => upgrade.into_parts(),
            Err(refusal) => return *refusal,
        };
        let mut handshake = Request::new(());
        *handshake.uri_mut() = unshared(request.uri());
        let context = self.context.clone();
        let messages = Arc::clone(&self.messages);
        context.spawn(async move {
            let mut connection = match connection.await {
                Ok(connection) => connection,
                Err(error) => return debug!(%error, "a WebSocket was agreed on and never came"),
            };
            connection.expect_messages(messages);
            session.attach(connection.connection());
            connection.observe(Box::new(DeliveryObserver::new(session)));
            self.sessions.library.take_over(connection, handshake).await;
        });
        response
    }

    /// A WebSocket of a client that never polled.
    fn begin(self: Arc<Self>, mut request: Request<Body>, handshake: Handshake) -> Response {
        let (response, connection) = match agree(&mut request) {
            Ok(upgrade) => upgrade.into_parts(),
            Err(refusal) => return *refusal,
        };
        let context = self.context.clone();
        context.spawn(async move {
            match connection.await {
                Ok(connection) => (self.converse)(connection, handshake),
                Err(error) => debug!(%error, "a WebSocket was agreed on and never came"),
            }
        });
        response
    }
}

/// Agrees to a WebSocket, if it is of the protocol that is spoken here.
fn agree(request: &mut Request<Body>) -> Result<Upgrade, Box<Response>> {
    if !Query::of(request.uri()).is_spoken {
        let refusal = (StatusCode::BAD_REQUEST, [(CONTENT_TYPE, "application/json")], UNSUPPORTED);
        return Err(Box::new(refusal.into_response()));
    }
    Upgrade::agree(request)
}

async fn serve(
    State(engine): State<Arc<Engine>>,
    Extension(connection): Extension<Arc<Connection>>,
    mut request: Request<Body>,
) -> Response {
    if engine.context.is_stopping() {
        return routes::stopping();
    }
    if !engine.origins.permits(request.headers()) {
        return routes::error(StatusCode::FORBIDDEN, "origin not allowed");
    }
    let query = Query::of(request.uri());
    let known = match query.sid {
        None => None,
        Some(sealed) => match engine.seal.open(sealed).and_then(|id| id.parse().ok()) {
            Some(sid) => match engine.sessions.find(sid) {
                Some(session) => Some((sid, session)),
                None => return unknown_session(),
            },
            None => return unknown_session(),
        },
    };
    let is_websocket = query.is_websocket;
    if let (Some(sealed), Some((sid, _))) = (query.sid, &known) {
        let opened = request.uri().to_string().replacen(sealed, sid.as_str(), 1);
        match opened.parse() {
            Ok(uri) => *request.uri_mut() = uri,
            Err(_) => return unknown_session(),
        }
    }
    match (is_websocket, known) {
        (true, Some((_, session))) => engine.upgrade(request, session),
        (false, Some((_, session))) => engine.poll(request, session).await,
        (_, None) => {
            let address = address::client(connection.peer.ip(), request.headers(), &engine.trusted_proxies);
            let handshake = Handshake { address, token: routes::token(&request) };
            if is_websocket {
                engine.begin(request, handshake)
            } else {
                match engine.session_limits.admit(address) {
                    Ok(permit) => {
                        let session = EngineSession::new(handshake, permit, &engine.sessions);
                        engine.greet(request, session).await
                    }
                    Err(refusal) => *refusal,
                }
            }
        }
    }
}

/// The URI in memory of its own: what hyper gives is a slice of its 8 KiB read buffer, and sessions keep it.
fn unshared(uri: &Uri) -> Uri {
    uri.to_string().parse().unwrap_or_default()
}

/// What Engine.IO says of a session that it does not know.
fn unknown_session() -> Response {
    let text = r#"{"code":1,"message":"EngineSession ID unknown"}"#;
    (StatusCode::BAD_REQUEST, [(CONTENT_TYPE, "application/json")], text).into_response()
}

/// What a request asks for.
struct Query<'a> {
    sid: Option<&'a str>,
    is_websocket: bool,
    /// Whether its protocol is the one spoken here.
    is_spoken: bool,
}

impl<'a> Query<'a> {
    fn of(uri: &'a Uri) -> Self {
        let items = uri.query().unwrap_or_default().split('&').filter_map(|item| item.split_once('='));
        let sid = items.clone().find(|(name, _)| *name == "sid").map(|(_, value)| value);
        let is_websocket = items.clone().any(|item| item == ("transport", "websocket"));
        Self { sid, is_websocket, is_spoken: items.clone().any(|item| item == ("EIO", "4")) }
    }
}

/// The id in an open packet, `0{"sid":"…",…}`.
pub(super) fn id_of_handshake(body: &str) -> Option<(&str, Sid)> {
    let (_, rest) = body.strip_prefix('0')?.split_once("\"sid\":\"")?;
    let (id, _) = rest.split_once('"')?;
    Some((id, id.parse().ok()?))
}
