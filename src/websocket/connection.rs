//! One WebSocket, from its agreement to its end, whatever is spoken on it.
//!
//! Frames to the client go straight to the connection. The task here reads, and asks a silent client whether it
//! is still there.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use serde_json::value::RawValue;
use tokio::io::AsyncReadExt;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::effect::Close;
use crate::http::connection::{Connection, DisconnectReason};
use crate::http::frames::{Violation, close_frame};
use crate::http::guarded::Guarded;
use crate::http::inbound::MessageLimits;
use crate::rooms::{EncodedFrame, Outbound, Pings, Wire, answer, goodbye};

/// What is read at once; the buffer grows for larger frames, and a connection keeps it: none is much larger.
const READ_BUFFER_BYTES: usize = 256;

/// Time for a client that is let go to say goodbye.
const LINGER: Duration = Duration::from_secs(2);

/// What is spoken on a WebSocket, above its messages.
pub trait Protocol: Send {
    /// In which form the client is told of events.
    const WIRE: Wire;

    /// The frame that asks a client whether it is still there.
    const PING: &'static [u8];

    /// The client is here; from now on it can be sent to.
    fn on_open(&mut self, peer: &Arc<WebSocketPeer>) -> SessionState;

    /// A message came in.
    fn on_message(&mut self, message: Bytes, peer: &Arc<WebSocketPeer>) -> SessionState;

    /// A binary message came in; unless the protocol tells them apart, that is a message like any.
    fn on_binary_message(&mut self, message: Bytes, peer: &Arc<WebSocketPeer>) -> SessionState {
        self.on_message(message, peer)
    }

    /// The client is gone.
    fn on_close(&mut self);
}

/// How far a conversation has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionState {
    /// The client has yet to say that it wants to join.
    Greeting,
    /// It is a member.
    Joined,
    /// There is nothing more to be said.
    Over,
}

/// How long a client may take.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// To join.
    pub greeting: Duration,
    /// To answer, later on.
    pub pings: Pings,
}

/// A client on a WebSocket, as the runner reaches it.
pub struct WebSocketPeer {
    /// Where whole frames are sent to.
    pub connection: Arc<Connection>,
    wire: Wire,
    /// Told when the client has been let go.
    let_go: Notify,
}

impl Outbound for WebSocketPeer {
    fn wire(&self) -> Wire {
        self.wire
    }

    fn fast_path(&self) -> Option<Arc<Connection>> {
        Some(Arc::clone(&self.connection))
    }

    fn waiting_bytes(&self) -> usize {
        self.connection.queued_bytes()
    }

    fn queue(&self, written: &EncodedFrame) {
        self.connection.send(written.bytes(self.wire));
    }

    fn queue_answer(&self, id: i64, payload: Option<&RawValue>) {
        self.connection.send(&answer(id, payload));
    }

    fn close(&self, close: Close) {
        if let Some(goodbye) = goodbye(self.wire, close) {
            self.connection.send(&goodbye);
        }
        self.connection.finish(&close_frame(close.code()));
        self.let_go.notify_one();
    }

    fn cut(&self, reason: DisconnectReason) {
        match reason {
            // It is told, as far as it still listens, in place of all that waits for it.
            DisconnectReason::Slow => {
                if self.connection.abandon(&close_frame(Close::Violation.code())) {
                    reason.count(self.connection.service());
                    self.let_go.notify_one();
                }
            }
            DisconnectReason::Stalled
            | DisconnectReason::Overloaded
            | DisconnectReason::OutOfStep
            | DisconnectReason::Broken
            | DisconnectReason::LetGo
            | DisconnectReason::Shutdown => {
                self.connection.cut(reason);
            }
        }
    }
}

/// Why a client is heard no more.
enum End {
    /// It is gone, or will not answer.
    Gone,
    /// It was let go, or said something that ends it; it has some time to say goodbye.
    LetGo,
}

/// Runs a client's connection to its end.
pub async fn serve_client<S: Protocol>(
    mut guarded: Guarded,
    mut protocol: S,
    timeouts: Timeouts,
    messages: Arc<MessageLimits>,
) {
    let max_bytes = messages.max_bytes;
    guarded.expect_messages(messages);
    let connection = Arc::clone(guarded.connection());
    let peer = Arc::new(WebSocketPeer { connection, wire: S::WIRE, let_go: Notify::new() });
    let mut config = WebSocketConfig::default();
    config.read_buffer_size = READ_BUFFER_BYTES;
    config.write_buffer_size = 0;
    config.max_message_size = Some(max_bytes);
    config.max_frame_size = Some(max_bytes);
    let mut socket = WebSocketStream::from_raw_socket(guarded, Role::Server, Some(config)).await;
    let end = converse(&mut socket, &mut protocol, &peer, timeouts).await;
    protocol.on_close();
    if let End::LetGo = end {
        // Closing while something is unread would take the last words back.
        let mut rest = socket.into_inner();
        let hear_out = async { while rest.read(&mut [0; READ_BUFFER_BYTES]).await.is_ok_and(|n| n > 0) {} };
        let _ = timeout(LINGER, hear_out).await;
    }
}

async fn converse<S: Protocol>(
    socket: &mut WebSocketStream<Guarded>,
    protocol: &mut S,
    peer: &Arc<WebSocketPeer>,
    timeouts: Timeouts,
) -> End {
    let Timeouts { greeting, pings } = timeouts;
    let mut state = protocol.on_open(peer);
    let mut timer = pin!(sleep(if state == SessionState::Greeting { greeting } else { pings.interval }));
    let mut is_asked = false;
    loop {
        tokio::select! {
            biased;
            () = peer.let_go.notified() => return End::LetGo,
            message = socket.next() => {
                let heard = match message {
                    Some(Ok(Message::Text(text))) => protocol.on_message(Bytes::from(text), peer),
                    Some(Ok(Message::Binary(bytes))) => protocol.on_binary_message(bytes, peer),
                    // The library answers pings and goodbyes.
                    Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_))) => state,
                    Some(Err(error)) => return refuse(&error, peer),
                    None => return End::Gone,
                };
                if heard == SessionState::Over {
                    return End::LetGo;
                }
                if is_asked || heard != state {
                    timer.as_mut().reset(Instant::now() + pings.interval);
                    is_asked = false;
                }
                state = heard;
            }
            () = &mut timer => {
                if is_asked || state == SessionState::Greeting {
                    return End::Gone;
                }
                peer.connection.send(&Bytes::from_static(S::PING));
                timer.as_mut().reset(Instant::now() + pings.timeout);
                is_asked = true;
            }
        }
    }
}

/// Tells a client what it did wrong, as far as that shows only in whole messages: heads are judged on the way here.
fn refuse(error: &Error, peer: &WebSocketPeer) -> End {
    let violation = match error {
        Error::Utf8(_) => Violation::NotText,
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => return End::Gone,
        Error::Protocol(_) => Violation::Malformed,
        _ => return End::Gone,
    };
    peer.connection.finish(&close_frame(violation.close_code()));
    End::LetGo
}
