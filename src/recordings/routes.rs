//! The HTTP routes of recordings: an owner's list, a recording for its owner or for the members of a room that replays it,
//! and its deletion.
//!
//! Who may not have a recording is not told whether there is one.

use std::io::{self, SeekFrom};
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use futures_util::stream::{self, StreamExt as _};
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tracing::warn;

use super::catalogue::{Catalogue, Known};
use super::names::{Owner, RecordingId};
use crate::http::connection::Connection;
use crate::http::keys::{Denied, WrongKeys};
use crate::http::problem::with_problems;
use crate::http::routes;
use crate::runtime::Clock;

/// The name by which wrong keys are counted.
const KEY_NAME: &str = "recordings";

/// What is told of a recording that is not there, or not for who asks.
const NONE: &str = "no such recording";

/// What is told without a key that could be one.
const KEY_WANTED: &str = "the key of an owner of recordings is expected";

/// A file is read in pieces of this size.
const PIECE_BYTES: usize = 32 * 1024;

/// A recording that a room replays, by the word of who says that it owns it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replayed {
    /// The recording.
    pub id: RecordingId,
    /// Whose it must be.
    pub owner: Owner,
}

/// What the rooms of a service know of recordings.
pub trait Rooms: Send + Sync + 'static {
    /// What the room replays that the member with that ticket is in.
    fn replayed(&self, ticket: String) -> impl Future<Output = Option<Replayed>> + Send;

    /// Has all nodes delete a recording that is somebody's.
    fn delete(&self, id: RecordingId, owner: Owner) -> impl Future<Output = ()> + Send;
}

/// What the routes share.
pub struct Site<R> {
    /// The rooms.
    pub rooms: R,
    /// What there is.
    pub catalogue: Arc<Catalogue>,
    /// Wrong keys lately.
    pub wrong_keys: Arc<WrongKeys>,
    /// The process's clock.
    pub clock: Clock,
}

/// The routes.
pub fn router<R: Rooms>(site: Site<R>) -> Router {
    let router = Router::new()
        .route("/recordings", get(list::<R>))
        .route("/recordings/{id}", get(recording::<R>).delete(delete::<R>));
    with_problems(router).with_state(Arc::new(site))
}

/// Why somebody does not get a recording.
enum Refused {
    ByKey(Denied),
    NotThere,
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::ByKey(denied) => denied.answer(KEY_WANTED),
            Self::NotThere => routes::error(StatusCode::NOT_FOUND, NONE),
        }
    }
}

impl<R> Site<R> {
    /// Who asks, by its key.
    fn owner(&self, connection: &Connection, headers: &HeaderMap) -> Result<Owner, Denied> {
        let key = routes::bearer(headers).filter(|key| !key.is_empty());
        let owner = key.and_then(Owner::of);
        self.judge(connection, headers, key.map(|_| owner.is_some()))?;
        owner.ok_or(Denied::Wrong)
    }

    /// The recording of that name, if whoever asks owns it; a key that owns no such recording counts as a wrong one.
    fn find(&self, connection: &Connection, headers: &HeaderMap, id: &str) -> Result<Known, Refused> {
        let owner = self.owner(connection, headers).map_err(Refused::ByKey)?;
        let found = RecordingId::read(id).and_then(|id| self.catalogue.find(id));
        let own = found.filter(|known| known.header.owner == Some(owner));
        match self.judge(connection, headers, Some(own.is_some())) {
            Err(denied @ Denied::TooOften(_)) => Err(Refused::ByKey(denied)),
            Ok(()) | Err(Denied::Missing | Denied::Wrong) => own.ok_or(Refused::NotThere),
        }
    }

    fn judge(
        &self,
        connection: &Connection,
        headers: &HeaderMap,
        is_right: Option<bool>,
    ) -> Result<(), Denied> {
        let address = self.wrong_keys.address(connection.peer.ip(), headers);
        self.wrong_keys.judge(KEY_NAME, address, is_right, self.clock.now())
    }
}

async fn list<R: Rooms>(
    State(site): State<Arc<Site<R>>>,
    Extension(connection): Extension<Arc<Connection>>,
    request: Request,
) -> Response {
    match site.owner(&connection, request.headers()) {
        Ok(owner) => routes::json(&json!({ "recordings": site.catalogue.list(owner) })),
        Err(denied) => denied.answer(KEY_WANTED),
    }
}

/// What a member of a room that replays brings.
#[derive(Deserialize)]
struct Asked {
    ticket: Option<String>,
}

async fn recording<R: Rooms>(
    State(site): State<Arc<Site<R>>>,
    Extension(connection): Extension<Arc<Connection>>,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Response {
    let known = match asked.ticket {
        None => match site.find(&connection, &headers, &id) {
            Ok(known) => known,
            Err(refused) => return refused.into_response(),
        },
        Some(ticket) => {
            let replayed = site.rooms.replayed(ticket).await;
            let named = replayed.filter(|replayed| RecordingId::read(&id) == Some(replayed.id));
            let known = named.and_then(|replayed| {
                let known = site.catalogue.find(replayed.id)?;
                (known.header.owner == Some(replayed.owner)).then_some(known)
            });
            let Some(known) = known else { return routes::error(StatusCode::FORBIDDEN, NONE) };
            known
        }
    };
    match export(&site.catalogue, &known).await {
        Ok(answer) => answer,
        Err(failure) if failure.kind() == io::ErrorKind::NotFound => Refused::NotThere.into_response(),
        Err(failure) => {
            warn!(recording = %known.header.id, %failure, "a recording cannot be read");
            routes::error(StatusCode::SERVICE_UNAVAILABLE, "the recording cannot be read")
        }
    }
}

async fn delete<R: Rooms>(
    State(site): State<Arc<Site<R>>>,
    Extension(connection): Extension<Arc<Connection>>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let known = match site.find(&connection, request.headers(), &id) {
        Ok(known) => known,
        Err(refused) => return refused.into_response(),
    };
    let (id, Some(owner)) = (known.header.id, known.header.owner) else {
        return Refused::NotThere.into_response();
    };
    // The writers of all nodes do the same; who has the answer finds it done here.
    site.rooms.delete(id, owner).await;
    site.catalogue.remove(id);
    match tokio::fs::remove_file(site.catalogue.path(id)).await {
        Err(failure) if failure.kind() != io::ErrorKind::NotFound => {
            warn!(recording = %id, %failure, "a recording cannot be deleted");
            site.catalogue.put(known);
            routes::error(StatusCode::SERVICE_UNAVAILABLE, "the recording cannot be deleted")
        }
        Ok(()) | Err(_) => StatusCode::NO_CONTENT.into_response(),
    }
}

/// A recording as a file, without its owner, up to the line that was its last one when it was asked for.
async fn export(catalogue: &Catalogue, known: &Known) -> io::Result<Response> {
    let mut file = File::open(catalogue.path(known.header.id)).await?;
    file.seek(SeekFrom::Start(known.header_bytes)).await?;
    let first = Bytes::from(known.header.public_line());
    let rest_bytes = known.n_bytes - known.header_bytes;
    let length = first.len() as u64 + rest_bytes;
    let rest = stream::try_unfold(file.take(rest_bytes), |mut file| async {
        let mut piece = vec![0; PIECE_BYTES];
        let n_read = file.read(&mut piece).await?;
        piece.truncate(n_read);
        io::Result::Ok((n_read > 0).then(|| (Bytes::from(piece), file)))
    });
    let body = Body::from_stream(stream::iter([Ok(first)]).chain(rest));
    let name = format!("attachment; filename=\"roomhub-{}.jsonl\"", known.header.id);
    let headers = [(CONTENT_TYPE, "application/jsonl"), (CACHE_CONTROL, "no-store")];
    Ok((headers, [(CONTENT_DISPOSITION, name), (CONTENT_LENGTH, length.to_string())], body).into_response())
}
