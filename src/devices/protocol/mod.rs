//! The wire of device rooms: each name, text and code once.

pub mod client_frames;
pub mod names;
mod refusals;
mod server_events;

pub use refusals::{Refusal, STORAGE_UNAVAILABLE};
pub use server_events::{Delivery, MessageType, PublicClient, RoomStatus, ServerEvent};
