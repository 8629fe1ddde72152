//! The wire of signalling: each name, text and code once.
//!
//! Server payloads carry their event's name as `type`, so that a plain WebSocket understands them too.

mod client_events;
mod id;
mod refusals;
mod relay;
mod server_events;

pub use client_events::{ClientEvent, Resume, Seating};
pub use id::Id;
pub use refusals::Refusal;
pub use relay::Relay;
pub use server_events::ServerEvent;
