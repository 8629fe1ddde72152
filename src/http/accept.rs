//! The accept loop: one task a connection, each under guard, with a time-out for every step before a request.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::response::IntoResponse;
use http::header::LOCATION;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;
use tracing::{debug, warn};

use super::backend::{Backend, Handover, full};
use super::connection::Connection;
use super::guarded::{Guarded, StallLimit};
use super::head;
use super::limits::Permit;
use super::socket::Socket;
use super::switch::{Choice, Switch};
use super::transport::Transport;
use super::{Config, routes};
use crate::runtime::Context;

/// A pause after `accept` failed for want of files or memory: time for some to be given back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The log is told of that at most this often.
const ACCEPT_NEWS_EVERY: Duration = Duration::from_mins(1);

/// What a connection that cannot be taken is told.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\n\
    Content-Type: application/json\r\nContent-Length: 32\r\n\r\n{\"error\":\"too many connections\"}";

/// Time to tell it, and to hear out what it asked for.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(1);

/// Connections of this process so far.
static CONNECTIONS: AtomicU64 = AtomicU64::new(0);

/// What a TLS handshake on a plain port is told.
const PLAIN_PORT: &[u8] = b"HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain\r\n\r\n\
    this port speaks plain HTTP: use http://, or set tls.cert and tls.key\n";

/// What a request whose head has no end is told.
const TOO_LONG: &[u8] =
    b"HTTP/1.0 431 Request Header Fields Too Large\r\nContent-Type: application/json\r\n\r\n\
    {\"status\":\"error\",\"message\":\"the head of a request may have 16 KiB\"}";

/// What is told to one that sends no request.
const MALFORMED: &[u8] = b"HTTP/1.0 400 Bad Request\r\nContent-Type: application/json\r\n\r\n\
    {\"status\":\"error\",\"message\":\"an HTTP request is expected\"}";

/// What all connections of a listener have in common.
pub struct Port {
    /// Limits and time-outs.
    pub config: Config,
    /// Seals connections, but for those over unix sockets.
    pub acceptor: Option<TlsAcceptor>,
    /// Connections that are being refused.
    pub refusals: Arc<Semaphore>,
    /// Whose a connection is at first.
    pub entry: Arc<Backend>,
    /// Whose each of its requests is, if there are several services.
    pub switch: Option<Switch>,
}

/// What ends the HTTP library's work on a connection that is taken over.
#[derive(Debug)]
struct TakenOver;

impl fmt::Display for TakenOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection was taken over")
    }
}

impl std::error::Error for TakenOver {}

impl Port {
    /// Takes the connections of one socket until the process stops.
    pub async fn accept_all(self: Arc<Self>, socket: Socket, context: Context) {
        let mut told_at: Option<Instant> = None;
        loop {
            let error = tokio::select! {
                biased;
                () = context.stopping() => return,
                accepted = socket.accept() => match accepted {
                    Ok((stream, peer)) => {
                        let acceptor = self.acceptor.as_ref().filter(|_| !socket.is_unix());
                        self.admit(stream, peer, acceptor.cloned(), &context);
                        continue;
                    }
                    // That one is gone; the next may be well.
                    Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                    Err(error) => error,
                },
            };
            if told_at.is_none_or(|at| at.elapsed() >= ACCEPT_NEWS_EVERY) {
                warn!(service = self.entry.service, %error, "connections cannot be accepted for now");
                told_at = Some(Instant::now());
            }
            tokio::time::sleep(ACCEPT_PAUSE).await;
        }
    }

    fn admit(
        self: &Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        acceptor: Option<TlsAcceptor>,
        context: &Context,
    ) {
        match self.entry.limits.admit(peer.ip()) {
            Ok(permit) => {
                let this = Arc::clone(self);
                context.spawn(this.converse(stream, peer, acceptor, permit, context.clone()));
            }
            Err(refusal) => {
                self.entry.count(refusal);
                debug!(service = self.entry.service, %peer, reason = refusal.code(), "connection refused");
                self.turn_away(stream, acceptor.as_ref(), context);
            }
        }
    }

    /// Tells a connection that there is no room, unless as many others are being told; it is reset then.
    fn turn_away(&self, stream: TcpStream, acceptor: Option<&TlsAcceptor>, context: &Context) {
        match Arc::clone(&self.refusals).try_acquire_owned() {
            Ok(permit) if acceptor.is_none() => context.spawn(async move {
                refuse(stream).await;
                drop(permit);
            }),
            Ok(_) | Err(_) => {
                // A socket that is gone already needs no reset.
                let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
            }
        }
    }

    /// One connection from its first byte to its last, or until it is taken over.
    async fn converse(
        self: Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        acceptor: Option<TlsAcceptor>,
        permit: Permit,
        context: Context,
    ) {
        // A socket that went away meanwhile fails at its first read, and one of this machine's own has no such option.
        let _ = stream.set_nodelay(true);
        let (transport, plain) = match acceptor {
            None => (Transport::Plain, Some(stream)),
            Some(acceptor) => match timeout(self.config.handshake_timeout, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => (Transport::Tls(Box::new(stream)), None),
                Ok(Err(error)) => return debug!(%peer, %error, "TLS handshake failed"),
                Err(_) => return debug!(%peer, "TLS handshake timed out"),
            },
        };
        let id = CONNECTIONS.fetch_add(1, Ordering::Relaxed);
        let connection = Connection::new(id, peer, self.entry.service, Some(permit), plain);
        let limit = StallLimit {
            timeout: self.config.stall_timeout,
            progress_bytes: self.config.stall_progress_bytes,
        };
        let mut io = Guarded::new(transport, Arc::clone(&connection), limit, context.token());
        // Where the first request may come from a client that the HTTP library does not understand, it is looked at
        // before. Of one service alone, each connection then serves one request.
        let is_looked_at = self.switch.is_some() || self.entry.interceptor.is_some();
        if is_looked_at {
            let Some(given_back) = self.look_at(io, &context).await else { return };
            io = given_back;
        }
        let handover = Handover::default();
        let (this, given) = (Arc::clone(&self), handover.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            Arc::clone(&this).answer(request, Arc::clone(&connection), given.clone())
        });
        let mut http = http1::Builder::new()
            .timer(TokioTimer::new())
            .keep_alive(self.switch.is_some() || !is_looked_at)
            .header_read_timeout(self.config.header_timeout)
            .max_header_size(self.config.max_head_bytes)
            .serve_connection(TokioIo::new(io), service);
        let ended = tokio::select! {
            ended = &mut http => ended,
            () = context.stopping() => {
                std::pin::Pin::new(&mut http).graceful_shutdown();
                (&mut http).await
            }
        };
        if let Some(take_over) = handover.take() {
            let parts = http.into_parts();
            let mut io = parts.io.into_inner();
            io.unread(&parts.read_buf);
            return take_over(io);
        }
        if let Err(error) = ended {
            debug!(%error, "connection ended");
        }
    }

    /// Reads the head of the first request and shows it to its service's interceptor; a connection that comes back is
    /// for the HTTP library.
    async fn look_at(&self, mut io: Guarded, context: &Context) -> Option<Guarded> {
        let start = tokio::select! {
            start = timeout(self.config.header_timeout, head::read(&mut io)) => start.ok()?.ok()?,
            () = context.stopping() => return None,
        };
        let refusal = match start {
            head::RequestStart::Head(head, bytes, end) => {
                let chosen = match &self.switch {
                    None => Some((&self.entry, head)),
                    Some(switch) => switch.choose_head(&head),
                };
                let intercepted = chosen.and_then(|(backend, head)| {
                    let take_over = backend.interceptor.as_ref()?(&head)?;
                    Some((backend, take_over))
                });
                let Some((backend, take_over)) = intercepted else {
                    io.unread(&bytes);
                    return Some(io);
                };
                if let Err(refusal) = io.connection().enter(backend.service, &backend.limits) {
                    backend.count(refusal);
                    FULL
                } else {
                    io.unread(&bytes[end..]);
                    take_over(io);
                    return None;
                }
            }
            head::RequestStart::Tls => PLAIN_PORT,
            // The library has words of its own for these, and services limits of their own.
            head::RequestStart::TooLong(bytes) | head::RequestStart::Malformed(bytes)
                if self.switch.is_some() =>
            {
                io.unread(&bytes);
                return Some(io);
            }
            head::RequestStart::TooLong(_) => TOO_LONG,
            head::RequestStart::Malformed(_) => MALFORMED,
        };
        // Whoever does not listen is not waited for.
        let _ = timeout(REFUSAL_TIMEOUT, io.write_all(refusal)).await;
        None
    }

    /// Answers a request, unless its connection is taken over.
    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        connection: Arc<Connection>,
        handover: Handover,
    ) -> Result<Response<Body>, TakenOver> {
        let Some(switch) = &self.switch else {
            return Ok(self.entry.answer(request, connection, handover).await);
        };
        let (mut parts, body) = request.into_parts();
        let backend = match switch.choose(&mut parts) {
            Choice::Service(backend, mount) => {
                if let Some(mount) = mount {
                    parts.extensions.insert(mount);
                }
                backend
            }
            Choice::NoService => Arc::clone(&self.entry),
            Choice::Redirect(location) => {
                return Ok((StatusCode::MOVED_PERMANENTLY, [(LOCATION, location)]).into_response());
            }
            Choice::Ambiguous => {
                return Ok(routes::error(StatusCode::BAD_REQUEST, "a request names one host"));
            }
        };
        if let Err(refusal) = connection.enter(backend.service, &backend.limits) {
            backend.count(refusal);
            return Ok(full());
        }
        let request = Request::from_parts(parts, body);
        if let Some(take_over) = backend.intercept(&request) {
            handover.set(take_over);
            return Err(TakenOver);
        }
        Ok(backend.answer(request, connection, handover).await)
    }
}

/// Says that there is no room, and hears the request out: an answer to unread bytes would be torn up by a reset.
async fn refuse(mut stream: TcpStream) {
    let answer = async {
        stream.write_all(FULL).await?;
        stream.shutdown().await?;
        let mut heard = [0; 1024];
        while stream.read(&mut heard).await? > 0 {}
        io::Result::Ok(())
    };
    // Whoever does not listen is not waited for.
    let _ = timeout(REFUSAL_TIMEOUT, answer).await;
}
