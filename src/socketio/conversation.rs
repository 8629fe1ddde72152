//! Socket.IO on a WebSocket of its own: Engine.IO 4 and Socket.IO 5, as far as text goes.
//!
//! A session that begins as a WebSocket needs no queue and no tasks beside its own, so it never meets the library
//! and costs a quarter of the memory. Binary events are ignored; no client of these services sends any.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;

use super::post::MAX_NAMESPACE_BYTES;
use super::{NO_EVENT, token_of};
use crate::effect::MemberId;
use crate::http::connection::DisconnectReason;
use crate::rooms::{
    Config as Limits, Departure, Handshake, Hub, Incoming, Ingress, Outbound, Pings, Received, Session, Wire,
    answer, random_name, text_frame,
};
use crate::websocket::{Protocol, SessionState, WebSocketPeer};

/// What is said of a namespace other than `/`.
const NO_SUCH_NAMESPACE: &str = r#",{"message":"Invalid namespace"}"#;

/// One client's conversation.
pub struct Conversation<H: Hub> {
    ingress: Arc<Ingress<H>>,
    member: MemberId,
    pings: Pings,
    max_payload_bytes: usize,
    max_queued_bytes: usize,
    /// Who is here, until it has joined.
    handshake: Option<Handshake>,
    session: Option<Arc<Session<H>>>,
    /// How it ends: by a break, unless the client says that it goes.
    departure: Departure,
}

/// A Socket.IO packet, as far as this side cares.
pub(super) enum Packet<'a> {
    Connect {
        auth: &'a str,
    },
    Disconnect,
    /// An event, from its `[` on.
    Event {
        ack: Option<i64>,
        begins: usize,
    },
    /// An event whose binary parts follow in frames of their own.
    BinaryEvent {
        ack: Option<i64>,
    },
    /// An acknowledgement.
    Other,
}

impl<H: Hub> Conversation<H> {
    /// A conversation with somebody who has yet to connect to the namespace.
    pub fn new(ingress: &Arc<Ingress<H>>, handshake: Handshake, pings: Pings, limits: &Limits) -> Self {
        Self {
            ingress: Arc::clone(ingress),
            member: random_name(),
            pings,
            max_payload_bytes: limits.max_payload_bytes,
            max_queued_bytes: limits.max_queued_bytes,
            handshake: Some(handshake),
            session: None,
            departure: Departure::CutOff,
        }
    }

    fn connect(&mut self, auth: &str, peer: &Arc<WebSocketPeer>) -> SessionState {
        // Somebody who is in already is in.
        let Some(mut handshake) = self.handshake.take() else { return SessionState::Joined };
        handshake.token = token_of(auth).or(handshake.token);
        let session = Session::open(&self.ingress, self.member, handshake);
        let confirmed = json!({ "sid": self.member }).to_string();
        peer.connection.send(&text_frame(&["40", &confirmed]));
        let client: Arc<dyn Outbound> = Arc::clone(peer) as _;
        session.register(client);
        self.session = Some(session);
        SessionState::Joined
    }

    /// Answers what goes no further; a client that only asks, and does not read, is cut.
    fn reply(&self, frame: &Bytes, peer: &WebSocketPeer) {
        if peer.connection.queued_bytes() + frame.len() > self.max_queued_bytes {
            return peer.cut(DisconnectReason::Slow);
        }
        peer.connection.send(frame);
    }

    fn event(&self, text: Bytes, ack: Option<i64>, peer: &WebSocketPeer) -> SessionState {
        let Some(session) = &self.session else { return SessionState::Over };
        match (session.receive(Incoming::packet(text, ack)), ack) {
            (Received::Overflowed, _) => peer.cut(DisconnectReason::Overloaded),
            (Received::TooFast, Some(id)) => self.reply(&answer(id, None), peer),
            (Received::TooFast, None) | (Received::PassedOn, _) => {}
        }
        SessionState::Joined
    }
}

impl<H: Hub> Protocol for Conversation<H> {
    const WIRE: Wire = Wire::SocketIo;
    const PING: &'static [u8] = b"\x81\x012";

    fn on_open(&mut self, peer: &Arc<WebSocketPeer>) -> SessionState {
        let handshake = json!({
            "sid": self.member,
            "upgrades": [],
            "pingInterval": self.pings.interval.as_millis() as u64,
            "pingTimeout": self.pings.timeout.as_millis() as u64,
            "maxPayload": self.max_payload_bytes,
        });
        peer.connection.send(&text_frame(&["0", &handshake.to_string()]));
        SessionState::Greeting
    }

    fn on_message(&mut self, message: Bytes, peer: &Arc<WebSocketPeer>) -> SessionState {
        let state = if self.session.is_some() { SessionState::Joined } else { SessionState::Greeting };
        let Ok(text) = std::str::from_utf8(&message) else { return state };
        let Some((kind, packet)) = text.split_at_checked(1) else { return SessionState::Over };
        match kind {
            "4" => match Packet::read(packet) {
                Ok(Packet::Connect { auth }) => self.connect(auth, peer),
                Ok(Packet::Event { ack, begins }) => self.event(message.slice(1 + begins..), ack, peer),
                Ok(Packet::BinaryEvent { ack }) => self.event(Bytes::from_static(NO_EVENT), ack, peer),
                Ok(Packet::Other) => state,
                Ok(Packet::Disconnect) => {
                    self.departure = Departure::Said;
                    SessionState::Over
                }
                Err(Unread::Malformed) => SessionState::Over,
                Err(Unread::Elsewhere(namespace)) => {
                    if namespace.len() > MAX_NAMESPACE_BYTES {
                        return SessionState::Over;
                    }
                    self.reply(&text_frame(&["44", namespace, NO_SUCH_NAMESPACE]), peer);
                    state
                }
            },
            "3" => {
                if let Some(session) = &self.session {
                    session.keep_alive();
                }
                state
            }
            // A client that asks itself, or wants an upgrade, need not be answered.
            "2" | "5" | "6" => state,
            _ => SessionState::Over,
        }
    }

    /// It belongs to a binary event.
    fn on_binary_message(&mut self, _: Bytes, _: &Arc<WebSocketPeer>) -> SessionState {
        if self.session.is_some() { SessionState::Joined } else { SessionState::Greeting }
    }

    fn on_close(&mut self) {
        if let Some(session) = &self.session {
            session.close(self.departure);
        }
    }
}

/// Why a packet was not read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unread<'a> {
    /// It is no packet.
    Malformed,
    /// It asks for a namespace that is not here.
    Elsewhere(&'a str),
}

impl<'a> Packet<'a> {
    /// Reads `<type>[attachments-][/namespace,][ack id][data]`.
    pub(super) fn read(text: &'a str) -> Result<Self, Unread<'a>> {
        let (kind, rest) = text.split_at_checked(1).ok_or(Unread::Malformed)?;
        let rest = match kind {
            "5" | "6" => rest.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start_matches('-'),
            _ => rest,
        };
        let (namespace, rest) = match rest.split_once(',') {
            Some((namespace, rest)) if namespace.starts_with('/') => (namespace, rest),
            Some(_) | None if rest.starts_with('/') => (rest, ""),
            Some(_) | None => ("/", rest),
        };
        // A namespace may carry a query, which says nothing here.
        let path = namespace.split('?').next().unwrap_or(namespace);
        match kind {
            "0" if path == "/" => Ok(Self::Connect { auth: rest }),
            "0" => Err(Unread::Elsewhere(path)),
            "1" if path == "/" => Ok(Self::Disconnect),
            "2" if path == "/" => {
                let (ack, data) = split_ack(rest)?;
                Ok(Self::Event { ack, begins: text.len() - data.len() })
            }
            "5" if path == "/" => Ok(Self::BinaryEvent { ack: split_ack(rest)?.0 }),
            "1" | "2" | "3" | "5" | "6" => Ok(Self::Other),
            _ => Err(Unread::Malformed),
        }
    }
}

/// The number under which an answer is wanted, and the data behind it.
fn split_ack(text: &str) -> Result<(Option<i64>, &str), Unread<'_>> {
    let data = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let id = &text[..text.len() - data.len()];
    let ack = if id.is_empty() { None } else { Some(id.parse().map_err(|_| Unread::Malformed)?) };
    Ok((ack, data))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_read_as_the_protocol_says() {
        let event = |text: &str| match Packet::read(text) {
            Ok(Packet::Event { ack, begins }) => Some((ack, text[begins..].to_owned())),
            _ => None,
        };
        assert_eq!(event(r#"2["a",1]"#), Some((None, r#"["a",1]"#.into())));
        assert_eq!(event(r#"217["a"]"#), Some((Some(17), r#"["a"]"#.into())));
        assert_eq!(event(r#"2/,3["a,b"]"#), Some((Some(3), r#"["a,b"]"#.into())));
        assert_eq!(event(r#"2/chat,["a"]"#), None);
        assert!(matches!(
            Packet::read(r#"0{"token":"a,b"}"#),
            Ok(Packet::Connect { auth: r#"{"token":"a,b"}"# })
        ));
        assert!(matches!(Packet::read("0"), Ok(Packet::Connect { auth: "" })));
        assert!(matches!(Packet::read("0/?a=b,"), Ok(Packet::Connect { auth: "" })));
        assert!(matches!(Packet::read("1"), Ok(Packet::Disconnect)));
        assert!(matches!(Packet::read(r#"31["x"]"#), Ok(Packet::Other)));
        let binary = |text: &str| match Packet::read(text) {
            Ok(Packet::BinaryEvent { ack }) => Some(ack),
            _ => None,
        };
        assert_eq!(binary(r#"51-["x",{"_placeholder":true,"num":0}]"#), Some(None));
        assert_eq!(binary(r#"52-17["x"]"#), Some(Some(17)));
        assert_eq!(binary(r#"51-/,3["x"]"#), Some(Some(3)));
        assert_eq!(binary(r#"51-/chat,["x"]"#), None);
        assert!(matches!(Packet::read(r#"61-3["x"]"#), Ok(Packet::Other)));
        assert_eq!(Packet::read("0/chat,{}").err(), Some(Unread::Elsewhere("/chat")));
        assert_eq!(Packet::read("0/chat").err(), Some(Unread::Elsewhere("/chat")));
        for text in ["", "9", "x", "299999999999999999999[]"] {
            assert_eq!(Packet::read(text).err(), Some(Unread::Malformed), "{text:?}");
        }
    }
}
