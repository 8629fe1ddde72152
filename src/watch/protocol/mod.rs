//! The wire of the watch parties: each name, text and code once.

mod client_events;
mod names;
mod refusals;
mod server_events;

pub use client_events::{ClientEvent, CreateRoom, JoinRoom, Show, Signal, Unread};
pub use names::{OwnerToken, RoomId, RoomType};
pub use refusals::Refusal;
pub use server_events::{HIDDEN, MemberView, RoomView, ServerEvent, Success, refuse};
