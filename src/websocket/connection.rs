//! One plain WebSocket, from its agreement to its end.
//!
//! Frames to the client go straight to the connection. The task here reads, and asks a silent client whether it
//! is still there.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use serde_json::value::RawValue;
use tokio::io::AsyncReadExt;
use tokio::sync::Notify;
use tokio::time::{Instant, Sleep, sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::effect::Close;
use crate::http::guard::{Connection, Cut, Guarded};
use crate::switchboard::{Client, Hub, Incoming, Line, Pings, Received, Wire, Written, close_frame};

/// What is read at once; the buffer grows for larger messages and a connection keeps it.
const READ_BUFFER_BYTES: usize = 256;

/// Time for a client that is let go to say goodbye.
const LINGER: Duration = Duration::from_secs(2);

/// A ping that says nothing.
const PING: &[u8] = &[0x89, 0];

/// A client, as the switchboard reaches it.
struct Plain {
    connection: Arc<Connection>,
    /// Told when the client has been let go.
    let_go: Notify,
}

impl Client for Plain {
    fn wire(&self) -> Wire {
        Wire::Plain
    }

    fn direct(&self) -> Option<Arc<Connection>> {
        Some(Arc::clone(&self.connection))
    }

    fn waiting_bytes(&self) -> usize {
        self.connection.queued_bytes()
    }

    fn queue(&self, written: &Written<'_>) {
        self.connection.send(written.bytes(Wire::Plain));
    }

    fn queue_answer(&self, _: i64, _: Option<&RawValue>) {}

    fn close(&self, close: Close) {
        self.connection.finish(&close_frame(close));
        self.let_go.notify_one();
    }

    fn cut(&self, cut: Cut) {
        match cut {
            // It is told, as far as it still listens, in place of all that waits for it.
            Cut::Slow => {
                if self.connection.abandon(&close_frame(Close::Violation)) {
                    cut.count(self.connection.service);
                    self.let_go.notify_one();
                }
            }
            Cut::Stalled | Cut::Overloaded | Cut::Shutdown => self.connection.cut(cut),
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

/// Runs a member's connection to its end.
pub async fn attend<H: Hub>(guarded: Guarded, line: &Arc<Line<H>>, pings: Pings, max_payload_bytes: usize) {
    let connection = Arc::clone(guarded.connection());
    let client = Arc::new(Plain { connection, let_go: Notify::new() });
    let mut config = WebSocketConfig::default();
    config.read_buffer_size = READ_BUFFER_BYTES;
    config.write_buffer_size = 0;
    config.max_message_size = Some(max_payload_bytes);
    config.max_frame_size = Some(max_payload_bytes);
    let mut socket = WebSocketStream::from_raw_socket(guarded, Role::Server, Some(config)).await;
    let announced: Arc<dyn Client> = client.clone();
    line.announce(announced);
    let end = listen(&mut socket, &client, line, pings).await;
    line.hang_up();
    if let End::LetGo = end {
        // Closing while something is unread would take the last words back.
        let mut rest = socket.into_inner();
        let _ = timeout(LINGER, async {
            while rest.read(&mut [0; READ_BUFFER_BYTES]).await.is_ok_and(|n| n > 0) {}
        })
        .await;
    }
}

async fn listen<H: Hub>(
    socket: &mut WebSocketStream<Guarded>,
    client: &Plain,
    line: &Line<H>,
    pings: Pings,
) -> End {
    let mut watch = Watch::new(pings);
    let mut timer = pin!(sleep(pings.interval));
    loop {
        tokio::select! {
            biased;
            () = client.let_go.notified() => return End::LetGo,
            message = socket.next() => {
                watch.was_heard = true;
                match message {
                    Some(Ok(Message::Text(text))) => hear(Bytes::from(text), client, line),
                    Some(Ok(Message::Binary(bytes))) => hear(bytes, client, line),
                    // The library answers pings and goodbyes.
                    Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_))) => {}
                    Some(Err(Error::Capacity(_))) => {
                        client.connection.finish(&close_frame(Close::TooBig));
                        return End::LetGo;
                    }
                    Some(Err(_)) | None => return End::Gone,
                }
            }
            () = &mut timer => {
                if watch.is_over(client, timer.as_mut()) {
                    return End::Gone;
                }
            }
        }
    }
}

fn hear<H: Hub>(text: Bytes, client: &Plain, line: &Line<H>) {
    if line.receive(Incoming::frame(text)) == Received::Overflowed {
        client.cut(Cut::Overloaded);
    }
}

/// Whether a client is still there.
struct Watch {
    pings: Pings,
    was_heard: bool,
    is_asked: bool,
}

impl Watch {
    fn new(pings: Pings) -> Self {
        Self { pings, was_heard: false, is_asked: false }
    }

    /// The timer is due: asks, or finds that nothing was heard since it asked.
    fn is_over(&mut self, client: &Plain, timer: Pin<&mut Sleep>) -> bool {
        if self.is_asked && !self.was_heard {
            return true;
        }
        let next = if self.is_asked {
            self.pings.interval.saturating_sub(self.pings.timeout)
        } else {
            client.connection.send(&Bytes::from_static(PING));
            self.pings.timeout
        };
        self.is_asked = !self.is_asked;
        self.was_heard = false;
        timer.reset(Instant::now() + next);
        false
    }
}
