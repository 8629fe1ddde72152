//! WebSockets: how a connection is conversed on, and the plain kind with one JSON object a text frame.

mod connection;
mod plain;

pub use connection::{Caller, Patience, Speech, Stage, attend};
pub use plain::Door;
