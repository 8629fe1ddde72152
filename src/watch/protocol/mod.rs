//! The wire of the watch parties: each name, text and code once.

mod client_events;
mod names;
mod page_events;
mod refusals;
mod server_events;

pub use client_events::{ClientEvent, CreateRoom, JoinRoom, Show, Signal, Unread};
pub use names::{OwnerToken, RoomId, RoomType};
pub use page_events::{PageEvent, Playhead, ready_check, waiting};
pub use refusals::Refusal;
pub use server_events::{HIDDEN, MemberView, RoomView, ServerEvent, Success, refuse};
