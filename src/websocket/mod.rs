//! Plain WebSockets: one JSON object a text frame, with the same rules behind as for Socket.IO members.

mod connection;

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::Request;
use axum::response::Response;
use http::StatusCode;
use ipnet::IpNet;
use ring::rand::{SecureRandom, SystemRandom};
use tracing::debug;

use crate::effect::MemberId;
use crate::http::guard::Connection;
use crate::http::origin::AllowedOrigins;
use crate::http::upgrade::Upgrade;
use crate::http::{Config as Network, address, routes};
use crate::runtime::Context;
use crate::switchboard::{Exchange, Hub, Line, Newcomer, Pings, Switchboard};

/// Random bytes in a member's id; in hexadecimal they are twice as many.
const ID_BYTES: usize = 10;

/// Where plain WebSockets come in.
pub struct Door<H> {
    exchange: Arc<Exchange<H>>,
    pings: Pings,
    max_payload_bytes: usize,
    origins: AllowedOrigins,
    trusted_proxies: Vec<IpNet>,
    random: SystemRandom,
    context: Context,
}

impl<H: Hub> Door<H> {
    /// A door whose members sit at `switchboard`.
    pub fn new(
        switchboard: &Switchboard<H>,
        pings: Pings,
        origins: &AllowedOrigins,
        network: &Network,
    ) -> Arc<Self> {
        Arc::new(Self {
            exchange: Arc::clone(switchboard.exchange()),
            pings,
            max_payload_bytes: switchboard.limits.max_payload_bytes,
            origins: origins.clone(),
            trusted_proxies: network.trusted_networks(),
            random: SystemRandom::new(),
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
        let newcomer = self.newcomer(peer.peer.ip(), &request);
        let upgrade = match Upgrade::agree(&mut request) {
            Ok(upgrade) => upgrade,
            Err(refusal) => return *refusal,
        };
        let (response, connection) = upgrade.into_parts();
        let door = Arc::clone(self);
        self.context.spawn(async move {
            match connection.await {
                Ok(guarded) => {
                    let line = Line::open(&door.exchange, door.name(), newcomer);
                    connection::attend(guarded, &line, door.pings, door.max_payload_bytes).await;
                }
                Err(error) => debug!(%error, "a WebSocket was agreed on and never came"),
            }
        });
        response
    }

    fn newcomer(&self, peer: IpAddr, request: &Request) -> Newcomer {
        let address = address::client(peer, request.headers(), &self.trusted_proxies);
        Newcomer { address, token: routes::token(request) }
    }

    /// A name for a member that nobody can guess.
    fn name(&self) -> MemberId {
        let mut bytes = [0; ID_BYTES];
        self.random.fill(&mut bytes).expect("the system gives random bytes");
        MemberId::new(&hex::encode(bytes)).expect("twenty characters fit")
    }
}
