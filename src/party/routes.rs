//! The HTTP routes of both kinds of rooms: servers for calls, and recordings.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::hub::PartyHub;
use crate::http::keys::WrongKeys;
use crate::http::problem::with_problems;
use crate::http::routes;
use crate::ice::IceServers;
use crate::recordings::{self, Catalogue, Limit, Owner, RecordingId, Replayed, Stop};
use crate::rooms::{Commands, Queries};
use crate::runtime::Clock;

/// What the routes share.
pub struct Site<H: PartyHub> {
    /// Asks the hub.
    pub queries: Queries<H>,
    /// Has the hub do something.
    pub commands: Commands<H>,
    /// What calls between members need.
    pub ice: IceServers,
    /// The process's clock.
    pub clock: Clock,
    /// Wrong keys lately.
    pub wrong_keys: Arc<WrongKeys>,
}

/// The routes, those of recordings if there are any.
pub fn router<H: PartyHub>(site: Site<H>, catalogue: Option<Arc<Catalogue>>) -> Router {
    let recordings = catalogue.map(|catalogue| {
        recordings::router(recordings::Site {
            rooms: RecordedRooms { queries: site.queries.clone(), commands: site.commands.clone() },
            catalogue,
            wrong_keys: Arc::clone(&site.wrong_keys),
            clock: site.clock,
        })
    });
    let ice = with_problems(Router::new().route("/ice", get(ice::<H>))).with_state(Arc::new(site));
    ice.merge(recordings.unwrap_or_default())
}

/// What a page of a room brings.
#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    ticket: String,
}

async fn ice<H: PartyHub>(State(site): State<Arc<Site<H>>>, Query(asked): Query<Asked>) -> Response {
    match site.queries.find(move |hub, _| hub.holder_of(&asked.ticket)).await {
        Some(Some(member)) => {
            let servers = site.ice.of(member.as_str(), None, site.clock.wall());
            routes::json(&json!({ "iceServers": servers }))
        }
        Some(None) => routes::error(StatusCode::FORBIDDEN, "the ticket of a member of a room is expected"),
        None => routes::stopping(),
    }
}

/// Has rooms end recordings that have reached a limit.
pub fn stop_recordings<H: PartyHub>(commands: Commands<H>) -> Stop {
    Box::new(move |id: RecordingId, limit: Limit| commands.order(H::stop_command(id, limit)))
}

/// The rooms, as the routes of recordings ask them.
struct RecordedRooms<H: PartyHub> {
    queries: Queries<H>,
    commands: Commands<H>,
}

impl<H: PartyHub> recordings::Rooms for RecordedRooms<H> {
    async fn replayed(&self, ticket: String) -> Option<Replayed> {
        self.queries.find(move |hub, now| hub.replayed(&ticket, now)).await?
    }

    async fn delete(&self, id: RecordingId, owner: Owner) {
        // A hub that has ended deletes nothing any more.
        let _ = self.commands.give(H::delete_command(Replayed { id, owner })).await;
    }
}
