//! A Socket.IO member as the runner reaches it: its queue, until its connection takes frames directly.

use std::sync::Arc;

use serde_json::value::RawValue;
use socketioxide::extract::AckSender;
use socketioxide::handler::{FromMessageParts, Value};
use socketioxide::socket::Socket;
use socketioxide::{SendError, SocketError};
use tracing::error;

use super::session::EngineSession;
use crate::effect::Close;
use crate::http::connection::{Connection, DisconnectReason};
use crate::rooms::{EncodedFrame, Outbound, Wire, answer};

/// An event, or an acknowledgement, that says nothing. The library takes a list for the list of arguments, so a
/// single argument stands in one too.
const NO_ARGUMENTS: [(); 0] = [];

/// A connected socket and the session that it runs over.
pub struct Member {
    /// What socketioxide knows it by.
    pub socket: Arc<Socket>,
    /// How its client is reached.
    pub session: Arc<EngineSession>,
}

impl Outbound for Member {
    fn wire(&self) -> Wire {
        Wire::SocketIo
    }

    fn fast_path(&self) -> Option<Arc<Connection>> {
        self.session.fast_path(&self.socket)
    }

    fn waiting_bytes(&self) -> usize {
        self.session.waiting_bytes()
    }

    fn queue(&self, written: &EncodedFrame) {
        if self.session.is_cut() {
            return;
        }
        self.session.queue(written.bytes(Wire::SocketIo).len());
        let event = &written.frame.event;
        self.judge(match &written.frame.payload {
            Some(payload) => self.socket.emit(event, &[payload]),
            None => self.socket.emit(event, &NO_ARGUMENTS),
        });
    }

    fn queue_answer(&self, id: i64, payload: Option<&RawValue>) {
        self.session.queue(answer(id, payload).len());
        let Ok(sender) =
            AckSender::from_message_parts(&self.socket, &mut Value::Str("".into(), None), &Some(id));
        let outcome = match payload {
            Some(payload) => sender.send(&[payload]),
            None => sender.send(&NO_ARGUMENTS),
        };
        self.judge(outcome);
    }

    fn close(&self, close: Close) {
        match close {
            Close::Done | Close::Violation | Close::TooBig => match Arc::clone(&self.socket).disconnect() {
                Ok(()) => self.session.cut_unless_rejoined(),
                Err(_) => self.cut(DisconnectReason::Slow),
            },
            // The endpoint closes all its sessions at once, so that their clients come back.
            Close::GoingAway => {}
        }
    }

    fn cut(&self, reason: DisconnectReason) {
        self.session.cut(reason);
    }
}

impl Member {
    /// Acknowledges an event that goes no further.
    pub fn answer(&self, id: i64) {
        match self.fast_path() {
            Some(connection) => connection.send(&answer(id, None)),
            None => self.queue_answer(id, None),
        }
    }

    /// A full queue has lost a frame: its member is cut, to come back and be told everything anew.
    fn judge(&self, outcome: Result<(), SendError>) {
        match outcome {
            // Of a closed socket, the departure is on its way.
            Ok(()) | Err(SendError::Socket(SocketError::Closed)) => {}
            Err(SendError::Socket(SocketError::InternalChannelFull)) => self.cut(DisconnectReason::Slow),
            Err(SendError::Serialize(problem)) => error!(%problem, "a frame cannot be written"),
        }
    }
}
