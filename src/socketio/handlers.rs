//! What socketioxide calls: a line for every socket that connects.
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
use super::session::{Announce, Session};
use super::{NO_EVENT, token_of};
use crate::effect::MemberId;
use crate::http::connection::DisconnectReason;
use crate::switchboard::{Client, Departure, Exchange, Hub, Incoming, Line, Received};

/// The namespace's handler: opens a line for every member that connects.
pub struct Operator<H: Hub>(pub Arc<Exchange<H>>);

impl<H: Hub> Clone for Operator<H> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Marks the handlers of this module among socketioxide's own.
pub struct Marker;

type Admission<'a> = Pin<Box<dyn Future<Output = Result<(), Box<dyn std::fmt::Display + Send>>> + Send + 'a>>;

impl<H: Hub> ConnectHandler<LocalAdapter, Marker> for Operator<H> {
    /// The member has been told that it is connected.
    fn call(&self, socket: Arc<Socket>, _: Option<Value>) {
        let session = session_of(&socket).cloned();
        if let Some(session) = session
            && let Some(ear) = session.ear()
        {
            ear.announce(Arc::new(Member { socket, session }));
        }
    }

    /// The member is about to be told; its events must find the line in place.
    fn call_middleware<'a>(&'a self, socket: Arc<Socket>, auth: &'a Option<Value>) -> Admission<'a> {
        if let (Some(session), Some(id)) = (session_of(&socket), MemberId::new(socket.id.as_str())) {
            if !session.join() {
                session.cut(DisconnectReason::Overloaded);
                return Box::pin(async { Ok(()) });
            }
            let mut newcomer = session.newcomer.clone();
            newcomer.token = text_of(auth.as_ref()).and_then(token_of).or(newcomer.token);
            let ear = Ear { line: Line::open(&self.0, id, newcomer), session: Arc::clone(session) };
            let announcer: Arc<dyn Announce> = ear.line.clone();
            session.set_ear(Arc::downgrade(&announcer));
            socket.on_fallback(ear.clone());
            socket.on_disconnect(ear);
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

fn session_of(socket: &Socket) -> Option<&Arc<Session>> {
    socket.req_parts().extensions.get()
}

impl<H: Hub> Announce for Line<H> {
    fn announce(&self, client: Arc<dyn Client>) {
        Line::announce(self, client);
    }

    fn sign_of_life(&self) {
        Line::sign_of_life(self);
    }
}

/// The end of a line that hangs on a socket.
struct Ear<H: Hub> {
    line: Arc<Line<H>>,
    session: Arc<Session>,
}

impl<H: Hub> Clone for Ear<H> {
    fn clone(&self) -> Self {
        Self { line: Arc::clone(&self.line), session: Arc::clone(&self.session) }
    }
}

impl<H: Hub> MessageHandler<LocalAdapter, Marker> for Ear<H> {
    fn call(&self, socket: Arc<Socket>, packet: Value, ack: Option<i64>) {
        let text = match packet {
            Value::Str(text, None) => Bytes::from(text),
            // No client of these services sends anything binary: what it says is ignored.
            Value::Str(_, Some(_)) | Value::Bytes(_) => Bytes::from_static(NO_EVENT),
        };
        match self.line.receive(Incoming::packet(text, ack)) {
            Received::PassedOn => {}
            Received::TooFast => {
                if let Some(id) = ack {
                    Member { socket, session: Arc::clone(&self.session) }.answer(id);
                }
            }
            Received::Overflowed => self.session.cut(DisconnectReason::Overloaded),
        }
    }
}

impl<H: Hub> DisconnectHandler<LocalAdapter, Marker> for Ear<H> {
    fn call_with_defer(&self, socket: Arc<Socket>, reason: socket::DisconnectReason, defer: fn(Arc<Socket>)) {
        let has_said_so = matches!(reason, socket::DisconnectReason::ClientNSDisconnect);
        self.line.hang_up(if has_said_so { Departure::Said } else { Departure::CutOff });
        defer(socket);
    }
}
