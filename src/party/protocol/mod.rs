//! The wire of what both kinds of rooms share: each name, text and code once.

mod client_events;
mod refusals;
mod server_events;

pub use client_events::{ClientEvent, OwnerKey, RecordingEvent, RoomEvent, Settings};
pub use refusals::{Refusal, refuse};
pub use server_events::{MemberView, RecordingView, ReplayView, RoomView, ServerEvent, Success, tell_time};
