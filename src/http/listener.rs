//! A service's open ports, and its place behind a door that it shares with others.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use axum::Router;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

use super::accept::Port;
use super::backend::{Backend, Backends, Interceptor};
use super::budget::Budget;
use super::frames::{ShortMessages, TextCheck};
use super::inbound::MessageLimits;
use super::limits::ConnectionLimits;
use super::request_body::BodyLimits;
use super::socket::{self, Address, Listen, Socket};
use super::switch::{Doorway, Switch};
use super::{Config, requests, tls};
use crate::runtime::Context;
use crate::runtime::systemd::ActivatedSockets;

/// Addresses that connect no more are forgotten this often.
const FORGET_EVERY: Duration = Duration::from_mins(1);

/// A service's open ports: none, if it is only to be found behind a door.
pub struct Listener {
    service: &'static str,
    sockets: Vec<Socket>,
    acceptor: Option<TlsAcceptor>,
    config: Config,
    limits: Arc<ConnectionLimits>,
    sessions: Arc<ConnectionLimits>,
    bodies: Arc<BodyLimits>,
    interceptor: Option<Interceptor>,
    streamed_path: Option<&'static str>,
    door: Option<Arc<Doorway>>,
    backends: Backends,
    switch: Option<Switch>,
}

/// What is needed to open ports, beside the service's own addresses.
#[derive(Clone)]
pub struct Opening<'a> {
    /// Limits and time-outs.
    pub network: &'a Config,
    /// The certificate, if any.
    pub tls: &'a tls::Config,
    /// Sockets that systemd opened for us.
    pub activated: &'a ActivatedSockets,
    /// What pays for messages and bodies that are not here whole.
    pub unfinished: &'a Arc<Budget>,
    /// The door that the services stand behind, if they share one.
    pub door: Option<Arc<Doorway>>,
    /// Where all services of the process are found once they are served.
    pub backends: &'a Backends,
}

impl Listener {
    /// Opens the ports, or takes the sockets that systemd opened. Behind a door, only the list of addresses is opened.
    ///
    /// # Errors
    /// One line that says what to do.
    pub fn open(
        service: &'static str,
        listen: Listen<'_>,
        opening: &Opening<'_>,
        context: &Context,
    ) -> Result<Self> {
        let network = opening.network;
        let activated = if opening.door.is_none() { opening.activated.next() } else { Vec::new() };
        let sockets = if !activated.is_empty() {
            activated.into_iter().map(Socket::adopt).collect::<Result<_>>()?
        } else if opening.door.is_some() && listen.listen.is_empty() {
            Vec::new()
        } else {
            socket::open(service, listen, network)?
        };
        let connections = metrics::gauge!("roomhub_connections", "service" => service);
        let sessions = metrics::gauge!("roomhub_polling_sessions", "service" => service);
        let bodies = BodyLimits { timeout: network.body_timeout, budget: Arc::clone(opening.unfinished) };
        Ok(Self {
            service,
            sockets,
            acceptor: tls::acceptor(opening.tls, context)?,
            config: network.clone(),
            limits: ConnectionLimits::new(network, connections, context.clock),
            sessions: ConnectionLimits::new(network, sessions, context.clock),
            bodies: Arc::new(bodies),
            interceptor: None,
            streamed_path: None,
            door: opening.door.clone(),
            backends: opening.backends.clone(),
            switch: None,
        })
    }

    /// Where it listens, with the ports that the system chose for port 0.
    pub fn addresses(&self) -> Result<Vec<Address>> {
        self.sockets.iter().map(Socket::address).collect()
    }

    /// The port at which it is found.
    pub fn port(&self) -> Option<u16> {
        let of_door = self.door.iter().flat_map(|door| door.addresses.clone());
        let own = self.sockets.iter().filter_map(|socket| socket.address().ok());
        of_door.chain(own).find_map(|address| address.port())
    }

    /// The door that it stands behind.
    pub fn door(&self) -> Option<&Doorway> {
        self.door.as_deref()
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

    /// Shows the heads of requests to an interceptor first. On a port of its own each connection then serves one request.
    pub fn intercepted_by(self, interceptor: Interceptor) -> Self {
        Self { interceptor: Some(interceptor), ..self }
    }

    /// Takes in bodies of requests to that path piece by piece, however large they are.
    pub fn streaming_bodies_to(self, path: &'static str) -> Self {
        Self { streamed_path: Some(path), ..self }
    }

    /// Gives requests to services behind it, as far as they are for one of them.
    pub fn switched_by(self, switch: Switch) -> Self {
        Self { switch: Some(switch), ..self }
    }

    /// Serves `router` until the process stops.
    pub fn serve(self, router: Router, context: &Context) {
        context.spawn(forget_idle([Arc::clone(&self.limits), self.sessions], context.clone()));
        let entry = Arc::new(Backend {
            service: self.service,
            limits: self.limits,
            bodies: self.bodies,
            interceptor: self.interceptor,
            streamed_path: self.streamed_path,
            router: requests::counted(router, self.service),
        });
        self.backends.add(Arc::clone(&entry));
        let refusals = Arc::new(Semaphore::new(self.config.max_refusals));
        let port =
            Port { config: self.config, acceptor: self.acceptor, refusals, entry, switch: self.switch };
        let port = Arc::new(port);
        for socket in self.sockets {
            context.spawn(Arc::clone(&port).accept_all(socket, context.clone()));
        }
    }
}

async fn forget_idle(limits: [Arc<ConnectionLimits>; 2], context: Context) {
    let mut due = tokio::time::interval(FORGET_EVERY);
    loop {
        tokio::select! {
            () = context.stopping() => return,
            _ = due.tick() => limits.iter().for_each(|limits| limits.forget_idle()),
        }
    }
}
