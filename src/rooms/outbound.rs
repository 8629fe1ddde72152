//! How a member is reached, whatever its wire.

use std::sync::Arc;
use std::time::Duration;

use serde_json::value::RawValue;

use super::encode::{EncodedFrame, Wire};
use crate::effect::Close;
use crate::http::connection::{Connection, DisconnectReason};

/// How often a member is asked whether it is still there, and how long it may take to answer.
#[derive(Debug, Clone, Copy)]
pub struct Pings {
    /// From one ping to the next.
    pub interval: Duration,
    /// From a ping to its answer.
    pub timeout: Duration,
}

/// A connected member, as the runner reaches it.
///
/// Most members can be sent to straight over their connection: for them the runner asks once, and then
/// leaves the client alone.
pub trait Outbound: Send + Sync {
    /// Its wire.
    fn wire(&self) -> Wire;

    /// The connection that whole WebSocket frames go out on, once nothing sent otherwise is under way.
    fn fast_path(&self) -> Option<Arc<Connection>>;

    /// Bytes that wait for a client that is not reached directly.
    fn waiting_bytes(&self) -> usize;

    /// Sends an event to a client that is not reached directly.
    fn queue(&self, written: &EncodedFrame);

    /// Answers an event of a client that is not reached directly.
    fn queue_answer(&self, id: i64, payload: Option<&RawValue>);

    /// Lets the client go, after everything that was sent before.
    fn close(&self, close: Close);

    /// Ends its connection at once, whatever waits for it.
    fn cut(&self, reason: DisconnectReason);
}
