//! Plain WebSockets: one JSON object a text frame, with the same rules behind as for Socket.IO members.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use ipnet::IpNet;
use tracing::debug;

use super::connection::{Protocol, SessionState, Timeouts, WebSocketPeer, attend};
use crate::http::connection::{Connection, DisconnectReason};
use crate::http::inbound::MessageLimits;
use crate::http::listener::Listener;
use crate::http::origin::AllowedOrigins;
use crate::http::upgrade::Upgrade;
use crate::http::{address, routes};
use crate::runtime::Context;
use crate::switchboard::{
    Client, Departure, Exchange, Hub, Incoming, Line, Newcomer, Pings, Received, Switchboard, Wire,
    random_name,
};

/// Where plain WebSockets come in.
pub struct PlainEndpoint<H: Hub> {
    exchange: Arc<Exchange<H>>,
    pings: Pings,
    messages: Arc<MessageLimits>,
    origins: AllowedOrigins,
    trusted_proxies: Vec<IpNet>,
    context: Context,
}

impl<H: Hub> PlainEndpoint<H> {
    /// An endpoint whose members sit at `switchboard`.
    pub fn new(
        switchboard: &Switchboard<H>,
        pings: Pings,
        origins: &AllowedOrigins,
        listener: &Listener,
    ) -> Arc<Self> {
        Arc::new(Self {
            exchange: Arc::clone(switchboard.exchange()),
            pings,
            messages: listener.messages(switchboard.limits.max_payload_bytes, None),
            origins: origins.clone(),
            trusted_proxies: listener.network().trusted_networks(),
            context: switchboard.context.clone(),
        })
    }

    /// Answers a request for a WebSocket; once that is agreed on, its client is a member.
    pub fn open(self: &Arc<Self>, peer: &Connection, mut request: Request) -> Response {
        if self.context.is_stopping() {
            return routes::error(StatusCode::SERVICE_UNAVAILABLE, "stopping");
        }
        if !self.origins.permits(request.headers()) {
            return routes::error(StatusCode::FORBIDDEN, "origin not allowed");
        }
        let address = address::client(peer.peer.ip(), request.headers(), &self.trusted_proxies);
        let newcomer = Newcomer { address, token: routes::token(&request) };
        let upgrade = match Upgrade::agree(&mut request) {
            Ok(upgrade) => upgrade,
            Err(refusal) => return *refusal,
        };
        let (response, connection) = upgrade.into_parts();
        let endpoint = Arc::clone(self);
        self.context.spawn(async move {
            match connection.await {
                Ok(guarded) => {
                    let line = Line::open(&endpoint.exchange, random_name(), newcomer);
                    // A plain WebSocket joins by being there.
                    let timeouts = Timeouts { greeting: endpoint.pings.interval, pings: endpoint.pings };
                    attend(guarded, Plain(line), timeouts, Arc::clone(&endpoint.messages)).await;
                }
                Err(error) => debug!(%error, "a WebSocket was agreed on and never came"),
            }
        });
        response
    }
}

/// Every message is an event.
struct Plain<H: Hub>(Arc<Line<H>>);

impl<H: Hub> Protocol for Plain<H> {
    const WIRE: Wire = Wire::Plain;
    const PING: &'static [u8] = &[0x89, 0];

    fn on_open(&mut self, peer: &Arc<WebSocketPeer>) -> SessionState {
        let client: Arc<dyn Client> = Arc::clone(peer) as _;
        self.0.announce(client);
        SessionState::Joined
    }

    fn on_message(&mut self, message: Bytes, peer: &Arc<WebSocketPeer>) -> SessionState {
        if self.0.receive(Incoming::frame(message)) == Received::Overflowed {
            peer.cut(DisconnectReason::Overloaded);
        }
        SessionState::Joined
    }

    fn on_close(&mut self) {
        self.0.hang_up(Departure::CutOff);
    }
}
