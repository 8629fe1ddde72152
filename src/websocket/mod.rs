//! WebSockets: how a connection is conversed on, and the plain kind with one JSON object a text frame.

mod connection;
mod plain;

pub use connection::{Protocol, SessionState, Timeouts, WebSocketPeer, serve_client};
pub use plain::PlainEndpoint;
