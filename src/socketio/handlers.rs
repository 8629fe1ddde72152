//! What socketioxide calls: a session for every socket that connects.
//!
//! The handlers do their work where they are called. What socketioxide makes of closures is a task an event,
//! and tasks overtake each other.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use socketioxide::adapter::LocalAdapter;
use socketioxide::handler::{ConnectHandler, DisconnectHandler, MessageHandler, Value};
use socketioxide::socket::{self, Socket};

use super::member::Member;
use super::session::{EngineSession, MemberSession};
use super::{NO_EVENT, token_of};
use crate::effect::MemberId;
use crate::http::connection::DisconnectReason;
use crate::rooms::{Departure, Hub, Incoming, Ingress, Outbound, Received, Session};

/// The namespace's handler: opens a session for every member that connects.
pub struct NamespaceHandler<H: Hub>(pub Arc<Ingress<H>>);

impl<H: Hub> Clone for NamespaceHandler<H> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Marks the handlers of this module among socketioxide's own.
pub struct Marker;

type Admission<'a> = Pin<Box<dyn Future<Output = Result<(), Box<dyn std::fmt::Display + Send>>> + Send + 'a>>;

impl<H: Hub> ConnectHandler<LocalAdapter, Marker> for NamespaceHandler<H> {
    /// The member has been told that it is connected.
    fn call(&self, socket: Arc<Socket>, _: Option<Value>) {
        let engine = session_of(&socket).cloned();
        if let Some(engine) = engine
            && let Some(member) = engine.member_session()
        {
            member.register(Arc::new(Member { socket, session: engine }));
        }
    }

    /// The member is about to be told; its events must find the session in place.
    fn call_middleware<'a>(&'a self, socket: Arc<Socket>, auth: &'a Option<Value>) -> Admission<'a> {
        if let (Some(engine), Some(id)) = (session_of(&socket), MemberId::new(socket.id.as_str())) {
            if !engine.join() {
                engine.cut(DisconnectReason::Overloaded);
                return Box::pin(async { Ok(()) });
            }
            let mut handshake = engine.handshake.clone();
            handshake.token = text_of(auth.as_ref()).and_then(token_of).or(handshake.token);
            let handler =
                SocketHandler { session: Session::open(&self.0, id, handshake), engine: Arc::clone(engine) };
            let session: Arc<dyn MemberSession> = handler.session.clone();
            engine.set_member_session(Arc::downgrade(&session));
            socket.on_fallback(handler.clone());
            socket.on_disconnect(handler);
        }
        Box::pin(async { Ok(()) })
    }
}

fn text_of(value: Option<&Value>) -> Option<&str> {
    match value? {
        Value::Str(text, _) => Some(text.as_str()),
        Value::Bytes(_) => None,
    }
}

fn session_of(socket: &Socket) -> Option<&Arc<EngineSession>> {
    socket.req_parts().extensions.get()
}

impl<H: Hub> MemberSession for Session<H> {
    fn register(&self, client: Arc<dyn Outbound>) {
        Session::register(self, client);
    }

    fn keep_alive(&self) {
        Session::keep_alive(self);
    }
}

/// What a socket calls when its member says something, or is gone.
struct SocketHandler<H: Hub> {
    session: Arc<Session<H>>,
    engine: Arc<EngineSession>,
}

impl<H: Hub> Clone for SocketHandler<H> {
    fn clone(&self) -> Self {
        Self { session: Arc::clone(&self.session), engine: Arc::clone(&self.engine) }
    }
}

impl<H: Hub> MessageHandler<LocalAdapter, Marker> for SocketHandler<H> {
    fn call(&self, socket: Arc<Socket>, packet: Value, ack: Option<i64>) {
        let text = match packet {
            Value::Str(text, None) => Bytes::from(text),
            // No client of these services sends anything binary: what it says is ignored.
            Value::Str(_, Some(_)) | Value::Bytes(_) => Bytes::from_static(NO_EVENT),
        };
        match self.session.receive(Incoming::packet(text, ack)) {
            Received::PassedOn => {}
            Received::TooFast => {
                if let Some(id) = ack {
                    Member { socket, session: Arc::clone(&self.engine) }.answer(id);
                }
            }
            Received::Overflowed => self.engine.cut(DisconnectReason::Overloaded),
        }
    }
}

impl<H: Hub> DisconnectHandler<LocalAdapter, Marker> for SocketHandler<H> {
    fn call_with_defer(&self, socket: Arc<Socket>, reason: socket::DisconnectReason, defer: fn(Arc<Socket>)) {
        let has_said_so = matches!(reason, socket::DisconnectReason::ClientNSDisconnect);
        self.session.close(if has_said_so { Departure::Said } else { Departure::CutOff });
        defer(socket);
    }
}
