//! The wire of the listening rooms: two dialects for the same events, each name and text once.

mod client_events;
mod fields;
mod names;
mod page_events;
mod queue_events;
mod refusals;
mod report;
mod server_events;

pub use client_events::{ClientEvent, Opening};
pub use fields::{Credentials, GivenRoom};
pub use names::{Dialect, Playback, RoomId, Track};
pub use page_events::PageEvent;
pub use queue_events::{Added, AdderView, EntryId, QueueEvent, QueueMode, Repeat, SuggestionView};
pub use refusals::Refusal;
pub use report::RoomReport;
pub use server_events::{PublicMember, ServerEvent};
