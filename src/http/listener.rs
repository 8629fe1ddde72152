//! The accept loop: one task a connection, each under guard, with a time-out for every step before a request.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use axum::Router;
use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;
use tracing::{debug, warn};

use super::budget::Budget;
use super::connection::Connection;
use super::frames::{ShortMessages, TextCheck};
use super::guarded::{Guarded, StallLimit};
use super::head::{self, Head};
use super::inbound::MessageLimits;
use super::limits::{ConnectionLimits, Permit};
use super::request_body::{self, BodyLimits, Intake};
use super::transport::Transport;
use super::{Config, requests, tls};
use crate::runtime::Context;
use crate::runtime::systemd::ActivatedSockets;

/// A pause after `accept` failed for want of files or memory: time for some to be given back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The log is told of that at most this often.
const ACCEPT_NEWS_EVERY: Duration = Duration::from_mins(1);

/// Addresses that connect no more are forgotten this often.
const FORGET_EVERY: Duration = Duration::from_mins(1);

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

/// Takes over connections whose first request is its business; gives back the others.
pub type Interceptor = Arc<dyn Fn(&Head, Guarded) -> Option<Guarded> + Send + Sync>;

/// A service's open port.
pub struct Listener {
    service: &'static str,
    socket: TcpListener,
    acceptor: Option<TlsAcceptor>,
    config: Config,
    limits: Arc<ConnectionLimits>,
    sessions: Arc<ConnectionLimits>,
    bodies: Arc<BodyLimits>,
    refusals: Arc<Semaphore>,
    interceptor: Option<Interceptor>,
    streamed_path: Option<&'static str>,
}

/// What is needed to open a port, beside the service's own host and port.
pub struct Opening<'a> {
    /// Limits and time-outs.
    pub network: &'a Config,
    /// The certificate, if any.
    pub tls: &'a tls::Config,
    /// Sockets that systemd opened for us.
    pub activated: &'a ActivatedSockets,
    /// What pays for messages and bodies that are not here whole.
    pub unfinished: &'a Arc<Budget>,
}

impl Listener {
    /// Opens the port, or takes the socket that systemd opened.
    ///
    /// # Errors
    /// One line that says what to do.
    pub fn open(
        service: &'static str,
        host: &str,
        port: u16,
        opening: &Opening<'_>,
        context: &Context,
    ) -> Result<Self> {
        let socket = match opening.activated.next() {
            Some(socket) => socket,
            None => bind(service, host, port, opening.network.backlog)?,
        };
        socket.set_nonblocking(true).context("a listening socket that does not block")?;
        let network = opening.network;
        let connections = metrics::gauge!("roomhub_connections", "service" => service);
        let sessions = metrics::gauge!("roomhub_polling_sessions", "service" => service);
        let bodies = BodyLimits { timeout: network.body_timeout, budget: Arc::clone(opening.unfinished) };
        Ok(Self {
            service,
            socket: TcpListener::from_std(socket).context("a listening socket")?,
            acceptor: tls::acceptor(opening.tls, context)?,
            config: network.clone(),
            limits: ConnectionLimits::new(network, connections, context.clock),
            sessions: ConnectionLimits::new(network, sessions, context.clock),
            bodies: Arc::new(bodies),
            refusals: Arc::new(Semaphore::new(network.max_refusals)),
            interceptor: None,
            streamed_path: None,
        })
    }

    /// Where it listens, with the port that the system chose for port 0.
    pub fn address(&self) -> Result<SocketAddr> {
        self.socket.local_addr().context("the address of a listening socket")
    }

    /// Whether it speaks TLS.
    pub fn is_tls(&self) -> bool {
        self.acceptor.is_some()
    }

    /// Limits and time-outs, as they hold here.
    pub fn network(&self) -> &Config {
        &self.config
    }

    /// How many polling sessions there may be: as many as connections, in all and from one address.
    pub fn sessions(&self) -> &Arc<ConnectionLimits> {
        &self.sessions
    }

    /// What messages on WebSockets may be, of which the largest has so many bytes.
    pub fn messages(&self, max_bytes: usize, short: Option<ShortMessages>) -> Arc<MessageLimits> {
        let budget = Arc::clone(&self.bodies.budget);
        let text_check = TextCheck::ByTheReader;
        let timeout = self.config.message_timeout;
        Arc::new(MessageLimits { max_bytes, short, text_check, timeout, budget })
    }

    /// Shows the head of every connection's request to an interceptor first. Each connection then serves one request.
    pub fn intercepted_by(self, interceptor: Interceptor) -> Self {
        Self { interceptor: Some(interceptor), ..self }
    }

    /// Takes in bodies of requests to that path piece by piece, however large they are.
    pub fn streaming_bodies_to(self, path: &'static str) -> Self {
        Self { streamed_path: Some(path), ..self }
    }

    /// Serves `router` until the process stops.
    pub fn serve(self, router: Router, context: &Context) {
        let router = requests::counted(router, self.service);
        let context_of_task = context.clone();
        context.spawn(async move { self.accept_all(router, context_of_task).await });
    }

    async fn accept_all(self, router: Router, context: Context) {
        let this = Arc::new(self);
        let mut forget = tokio::time::interval(FORGET_EVERY);
        let mut told_at: Option<Instant> = None;
        loop {
            let error = tokio::select! {
                biased;
                () = context.stopping() => return,
                _ = forget.tick() => {
                    this.limits.forget_idle();
                    this.sessions.forget_idle();
                    continue;
                }
                accepted = this.socket.accept() => match accepted {
                    Ok((stream, peer)) => {
                        Self::admit(&this, stream, peer, &router, &context);
                        continue;
                    }
                    // That one is gone; the next may be well.
                    Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                    Err(error) => error,
                },
            };
            if told_at.is_none_or(|at| at.elapsed() >= ACCEPT_NEWS_EVERY) {
                warn!(service = this.service, %error, "connections cannot be accepted for now");
                told_at = Some(Instant::now());
            }
            tokio::time::sleep(ACCEPT_PAUSE).await;
        }
    }

    fn admit(this: &Arc<Self>, stream: TcpStream, peer: SocketAddr, router: &Router, context: &Context) {
        match this.limits.admit(canonical(peer).ip()) {
            Ok(permit) => {
                let peer = canonical(peer);
                context.spawn(Arc::clone(this).converse(
                    stream,
                    peer,
                    permit,
                    router.clone(),
                    context.clone(),
                ));
            }
            Err(refusal) => {
                metrics::counter!("roomhub_connections_refused_total", "service" => this.service, "reason" => refusal.code())
                    .increment(1);
                debug!(service = this.service, %peer, reason = refusal.code(), "connection refused");
                this.turn_away(stream, context);
            }
        }
    }

    /// Tells a connection that there is no room, unless as many others are being told; it is reset then.
    fn turn_away(&self, stream: TcpStream, context: &Context) {
        match Arc::clone(&self.refusals).try_acquire_owned() {
            Ok(permit) if self.acceptor.is_none() => context.spawn(async move {
                refuse(stream).await;
                drop(permit);
            }),
            Ok(_) | Err(_) => {
                // A socket that is gone already needs no reset.
                let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
            }
        }
    }

    /// One connection from its first byte to its last, or to its upgrade.
    async fn converse(
        self: Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        permit: Permit,
        router: Router,
        context: Context,
    ) {
        // A socket that went away meanwhile fails at its first read.
        let _ = stream.set_nodelay(true);
        let (transport, plain) = match &self.acceptor {
            None => (Transport::Plain, Some(stream)),
            Some(acceptor) => match timeout(self.config.handshake_timeout, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => (Transport::Tls(Box::new(stream)), None),
                Ok(Err(error)) => return debug!(%peer, %error, "TLS handshake failed"),
                Err(_) => return debug!(%peer, "TLS handshake timed out"),
            },
        };
        let id = CONNECTIONS.fetch_add(1, Ordering::Relaxed);
        let connection = Connection::new(id, peer, self.service, plain);
        let limit = StallLimit {
            timeout: self.config.stall_timeout,
            progress_bytes: self.config.stall_progress_bytes,
        };
        let mut io = Guarded::new(transport, Arc::clone(&connection), limit, permit, context.token());
        if let Some(interceptor) = &self.interceptor {
            let Some(given_back) = self.ask(interceptor, io, &context).await else { return };
            io = given_back;
        }
        let (bodies, streamed_path) = (Arc::clone(&self.bodies), self.streamed_path);
        let service = service_fn(move |request: Request<Incoming>| {
            let is_streamed = streamed_path == Some(request.uri().path());
            let intake = if is_streamed { Intake::Streamed } else { Intake::Whole };
            answer(request, Arc::clone(&connection), Arc::clone(&bodies), intake, router.clone())
        });
        let http = http1::Builder::new()
            .timer(TokioTimer::new())
            .keep_alive(self.interceptor.is_none())
            .header_read_timeout(self.config.header_timeout)
            .max_header_size(self.config.max_head_bytes)
            .serve_connection(TokioIo::new(io), service)
            .with_upgrades();
        let mut http = std::pin::pin!(http);
        let ended = tokio::select! {
            ended = http.as_mut() => ended,
            () = context.stopping() => {
                http.as_mut().graceful_shutdown();
                http.await
            }
        };
        if let Err(error) = ended {
            debug!(%error, "connection ended");
        }
    }
}

impl Listener {
    /// Reads the head of a request and shows it to the interceptor; a connection that comes back is for the router.
    async fn ask(&self, interceptor: &Interceptor, mut io: Guarded, context: &Context) -> Option<Guarded> {
        let opening = tokio::select! {
            opening = timeout(self.config.header_timeout, head::read(&mut io)) => opening.ok()?.ok()?,
            () = context.stopping() => return None,
        };
        let refusal = match opening {
            head::Opening::Head(head, bytes, end) => {
                io.unread(&bytes[end..]);
                let mut io = interceptor(&head, io)?;
                io.unread(&bytes);
                return Some(io);
            }
            head::Opening::Tls => PLAIN_PORT,
            head::Opening::TooLong => TOO_LONG,
            head::Opening::Malformed => MALFORMED,
        };
        // Whoever does not listen is not waited for.
        let _ = timeout(REFUSAL_TIMEOUT, io.write_all(refusal)).await;
        None
    }
}

async fn answer(
    request: Request<Incoming>,
    connection: Arc<Connection>,
    bodies: Arc<BodyLimits>,
    intake: Intake,
    router: Router,
) -> Result<Response<Body>, Infallible> {
    let (mut request, fate) = request_body::limit(request, &bodies, intake, &connection);
    request.extensions_mut().insert(connection);
    let response = router.oneshot(request).await?;
    Ok(fate.and_then(|fate| fate.refusal()).unwrap_or(response))
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

/// Binds the port of a service and listens on it.
///
/// # Errors
/// One line that says what to do.
pub fn bind(service: &str, host: &str, port: u16, backlog: i32) -> Result<std::net::TcpListener> {
    let mut addresses = (host, port).to_socket_addrs().with_context(|| {
        format!("[{service}] host = {host:?}: not an address of this machine; try 0.0.0.0 or 127.0.0.1")
    })?;
    let Some(address) = addresses.next() else { bail!("[{service}] host = {host:?}: has no address") };
    let listen = || -> io::Result<std::net::TcpListener> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        if address.is_ipv6() {
            socket.set_only_v6(false)?;
        }
        socket.bind(&address.into())?;
        socket.listen(backlog)?;
        Ok(socket.into())
    };
    listen().map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => anyhow::anyhow!(
            "{service}: {address} is in use by another program; stop it or choose another port with --port"
        ),
        io::ErrorKind::PermissionDenied => anyhow::anyhow!(
            "{service}: no permission to listen on {address}; choose a port from 1024 on, or grant CAP_NET_BIND_SERVICE"
        ),
        io::ErrorKind::AddrNotAvailable => {
            anyhow::anyhow!("{service}: {address} is not an address of this machine; try --host 0.0.0.0")
        }
        _ => anyhow::anyhow!("{service}: cannot listen on {address}: {error}"),
    })
}

/// An IPv4 peer of a dual-stack socket, as IPv4.
fn canonical(peer: SocketAddr) -> SocketAddr {
    SocketAddr::new(IpAddr::to_canonical(&peer.ip()), peer.port())
}
