//! Hands messages over: straight to a connection where that is open, else to the socket's queue.

use bytes::Bytes;
use serde_json::value::RawValue;
use socketioxide::socket::Socket;
use socketioxide::{SendError, SocketError};
use tracing::error;

use super::incoming::Reply;
use super::session::{Session, Way};
use super::wire;
use crate::effect::Frame;
use crate::http::guard::Cut;

/// An acknowledgement that says nothing.
const NO_ARGUMENTS: [(); 0] = [];

/// Sends an event; `message` is the same, as bytes.
pub fn emit(socket: &Socket, session: &Session, frame: &Frame, message: &Bytes) {
    match session.way(socket) {
        Way::Direct(connection) => connection.send(message),
        Way::Queue => {
            session.queue(message.len());
            judge(session, socket.emit(&frame.event, &*frame.payload));
        }
    }
}

/// Answers an event, with or without a payload.
pub fn acknowledge(socket: &Socket, session: &Session, reply: Reply, payload: Option<&RawValue>) {
    let message = wire::acknowledgement(reply.id, payload);
    match session.way(socket) {
        Way::Direct(connection) => connection.send(&message),
        Way::Queue => {
            session.queue(message.len());
            let outcome = match payload {
                Some(payload) => reply.sender.send(payload),
                None => reply.sender.send(&NO_ARGUMENTS),
            };
            judge(session, outcome);
        }
    }
}

/// A full queue has lost a frame: its member is cut, to come back and be told everything anew.
fn judge(session: &Session, outcome: Result<(), SendError>) {
    match outcome {
        // Of a closed socket, the departure is on its way.
        Ok(()) | Err(SendError::Socket(SocketError::Closed)) => {}
        Err(SendError::Socket(SocketError::InternalChannelFull)) => session.cut(Cut::Slow),
        Err(SendError::Serialize(problem)) => error!(%problem, "a frame cannot be written"),
    }
}
