//! Plain WebSockets: one JSON object a text frame, with the same rules behind as for Socket.IO members.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use ipnet::IpNet;
use tracing::debug;

use super::connection::{Protocol, SessionState, Timeouts, WebSocketPeer, serve_client};
use crate::http::connection::{Connection, DisconnectReason};
use crate::http::inbound::MessageLimits;
use crate::http::listener::Listener;
use crate::http::origin::AllowedOrigins;
use crate::http::upgrade::Upgrade;
use crate::http::{address, routes};
use crate::rooms::{
    Departure, Handshake, Hub, Incoming, Ingress, Outbound, Pings, Received, Runner, Session, Wire,
    random_name,
};
use crate::runtime::Context;

/// Where plain WebSockets come in.
pub struct PlainEndpoint<H: Hub> {
    ingress: Arc<Ingress<H>>,
    pings: Pings,
    messages: Arc<MessageLimits>,
    origins: AllowedOrigins,
    trusted_proxies: Vec<IpNet>,
    context: Context,
}

impl<H: Hub> PlainEndpoint<H> {
    /// An endpoint whose members sit at `runner`.
    pub fn new(runner: &Runner<H>, pings: Pings, origins: &AllowedOrigins, listener: &Listener) -> Arc<Self> {
        Arc::new(Self {
            ingress: Arc::clone(runner.ingress()),
            pings,
            messages: listener.messages(runner.limits.max_payload_bytes, None),
            origins: origins.clone(),
            trusted_proxies: listener.network().trusted_networks(),
            context: runner.context.clone(),
        })
    }

    /// Answers a request for a WebSocket; once that is agreed on, its client is a member.
    pub fn open(self: &Arc<Self>, peer: &Connection, mut request: Request) -> Response {
        if self.context.is_stopping() {
            return routes::stopping();
        }
        if !self.origins.permits(request.headers()) {
            return routes::error(StatusCode::FORBIDDEN, "origin not allowed");
        }
        let address = address::client(peer.peer.ip(), request.headers(), &self.trusted_proxies);
        let handshake = Handshake { address, token: routes::token(&request) };
        let upgrade = match Upgrade::agree(&mut request) {
            Ok(upgrade) => upgrade,
            Err(refusal) => return *refusal,
        };
        let (response, connection) = upgrade.into_parts();
        let endpoint = Arc::clone(self);
        self.context.spawn(async move {
            match connection.await {
                Ok(guarded) => {
                    let session = Session::open(&endpoint.ingress, random_name(), handshake);
                    // A plain WebSocket joins by being there.
                    let timeouts = Timeouts { greeting: endpoint.pings.interval, pings: endpoint.pings };
                    serve_client(guarded, Plain(session), timeouts, Arc::clone(&endpoint.messages)).await;
                }
                Err(error) => debug!(%error, "a WebSocket was agreed on and never came"),
            }
        });
        response
    }
}

/// Every message is an event.
struct Plain<H: Hub>(Arc<Session<H>>);

impl<H: Hub> Protocol for Plain<H> {
    const WIRE: Wire = Wire::Plain;
    const PING: &'static [u8] = &[0x89, 0];

    fn on_open(&mut self, peer: &Arc<WebSocketPeer>) -> SessionState {
        let client: Arc<dyn Outbound> = Arc::clone(peer) as _;
        self.0.register(client);
        SessionState::Joined
    }

    fn on_message(&mut self, message: Bytes, peer: &Arc<WebSocketPeer>) -> SessionState {
        if self.0.receive(Incoming::frame(message)) == Received::Overflowed {
            peer.cut(DisconnectReason::Overloaded);
        }
        SessionState::Joined
    }

    fn on_close(&mut self) {
        self.0.close(Departure::CutOff);
    }
}
