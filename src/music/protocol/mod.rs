//! The wire of the listening rooms: two dialects for the same events, each name and text once.

mod client_events;
mod fields;
mod names;
mod refusals;
mod report;
mod server_events;

pub use client_events::ClientEvent;
pub use fields::GivenRoom;
pub use names::{Dialect, Playback, RoomId, Track};
pub use refusals::Refusal;
pub use report::RoomReport;
pub use server_events::{PublicMember, ServerEvent};
