//! Requests over HTTP: searching, asking, voting, and taking out.
//!
//! Nothing here is for pages of other origins: answers have no CORS, and what is sent is JSON, which a foreign page may not
//! send unasked.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Extension, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::header::{CACHE_CONTROL, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::StationRequests;
use super::catalogue::Findings;
use super::desk::{Refusal, Request, Wish};
use crate::http::connection::Connection;
use crate::http::local::is_of_foreign_site;
use crate::http::problem::{problem_of, with_problems};
use crate::http::routes::{self, bearer, error};
use crate::radio::output::listener_limits::{Limits, ListenerLimiter};
use crate::radio::sources::source_slot::SourceKind;
use crate::radio::station_handle::StationHandle;
use crate::radio::stations::Stations;
use crate::radio::visitor::Visitor;

/// A longer query finds nothing: no title is as long.
const MAX_QUERY_CHARS: usize = 200;

/// A search that has waited this long for others is refused.
const SEARCH_PATIENCE: Duration = Duration::from_secs(5);

/// Others are done with their searches by then.
const SEARCH_AGAIN: Duration = Duration::from_secs(1);

/// Whose searches are counted, which is not by station.
const SEARCHES: &str = "searches";

/// When to try again where nobody knows: after about half a track.
const TRY_AGAIN: Duration = Duration::from_mins(1);

/// The routes, of which those that change something are for the page itself.
pub fn router(stations: &Arc<Stations>) -> Router {
    let routes = Router::new()
        .route("/requests", get(list).post(ask).delete(take_out))
        .route("/requests/vote", post(vote))
        .route("/requests/search", get(search));
    with_problems(routes).with_state(Arc::clone(stations))
}

/// Which station is meant, and which page of what is sought there.
#[derive(Deserialize)]
struct Sought {
    #[serde(default = "root")]
    route: String,
    #[serde(default)]
    q: String,
    #[serde(default)]
    offset: usize,
    limit: Option<usize>,
    id: Option<u64>,
}

/// What is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(default = "root")]
    route: String,
    track: String,
}

/// What is voted for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Voted {
    #[serde(default = "root")]
    route: String,
    id: u64,
}

fn root() -> String {
    "/".into()
}

/// A track as clients see it.
#[derive(Serialize)]
struct TrackReport<'a> {
    /// By what to ask for it.
    track: String,
    title: &'a str,
    artist: &'a str,
    duration_seconds: Option<f64>,
}

/// A track that was found.
#[derive(Serialize)]
struct FoundReport<'a> {
    #[serde(flatten)]
    track: TrackReport<'a>,
    /// The number of the request for it, if there is one.
    request: Option<u64>,
    /// Seconds until it can be asked for, because it has played; 0 if it can be.
    wait_seconds: u64,
}

/// A request as clients see it.
#[derive(Serialize)]
struct RequestReport<'a> {
    id: u64,
    #[serde(flatten)]
    track: TrackReport<'a>,
    votes: usize,
    /// Seconds since it was made.
    age_seconds: u64,
    /// Whether it is being read, and plays soon.
    is_next: bool,
    /// Whether the person who asks has made it.
    is_yours: bool,
    /// Whether whoever asks has voted for it, or made it.
    is_voted: bool,
}

impl<'a> TrackReport<'a> {
    fn of(wish: &'a Wish) -> Self {
        let Wish { id, title, artist, duration_seconds, .. } = wish;
        // A number of this size is none in JavaScript.
        Self { track: format!("{id:016x}"), title, artist, duration_seconds: *duration_seconds }
    }
}

impl<'a> RequestReport<'a> {
    fn of(request: &'a Request, person: IpAddr, now: Duration) -> Self {
        Self {
            id: request.id,
            track: TrackReport::of(&request.wish),
            votes: request.votes(),
            age_seconds: now.saturating_sub(request.at).as_secs(),
            is_next: request.is_next,
            is_yours: request.by == person,
            is_voted: request.is_wanted_by(person),
        }
    }
}

/// A station that takes requests, and who asks.
struct Counter {
    station: StationHandle,
    requests: Arc<StationRequests>,
    person: IpAddr,
    now: Duration,
}

impl Counter {
    /// Lets those in who may hear the station.
    fn open(stations: &Stations, route: &str, visitor: &Visitor) -> Result<Self, Box<Response>> {
        let unknown = || Box::new(error(StatusCode::NOT_FOUND, "there is no such station"));
        let station = stations.find(route).ok_or_else(unknown)?;
        let (clock, key) = (stations.context.clock, visitor.key.as_deref());
        let admitted = stations.listener_keys.admit(&station.route, visitor.address, key, clock.now());
        admitted.map_err(|denied| Box::new(denied.answer("the key of this station is expected")))?;
        let off = || problem_of(StatusCode::FORBIDDEN, "off", "this station takes no requests");
        let requests = station.requests.clone().ok_or_else(|| Box::new(off()))?;
        Ok(Self { station, requests, person: visitor.person(), now: clock.uptime() })
    }

    fn report(&self) -> Response {
        let all = self.requests.desk.all(|request| json!(RequestReport::of(request, self.person, self.now)));
        routes::json(&json!({
            "status": "success",
            "route": *self.station.route,
            "version": self.requests.desk.count().1,
            "waits_for": self.waits_for(),
            "requests": all,
        }))
    }

    /// Looks something up in turn.
    async fn look_up<T: Send + 'static>(
        &self,
        stations: &Stations,
        look: impl FnOnce(&StationRequests) -> T + Send + 'static,
    ) -> Result<T, Response> {
        let most = self.requests.desk.rules.max_searches_per_person;
        let requests = Arc::clone(&self.requests);
        let asking = (&stations.searches, self.person, most);
        look_up(&self.requests.searching, asking, move || look(&requests)).await
    }

    /// What plays now and has to end before requests play: `live`, `relay` or `show`.
    fn waits_for(&self) -> Option<&'static str> {
        let on_air = self.station.on_air.lock();
        match on_air.source {
            SourceKind::Live => Some("live"),
            SourceKind::Relay => Some("relay"),
            SourceKind::Folder => {
                let queue = on_air.show_queue.as_ref()?;
                (!queue.plays_requests()).then_some("show")
            }
        }
    }
}

async fn list(
    State(stations): State<Arc<Stations>>,
    sought: Result<Query<Sought>, QueryRejection>,
    visitor: Visitor,
) -> Response {
    match sought.map(|Query(sought)| Counter::open(&stations, &sought.route, &visitor)) {
        Ok(Ok(counter)) => counter.report(),
        Ok(Err(answer)) => *answer,
        Err(rejection) => rejection.into_response(),
    }
}

async fn search(
    State(stations): State<Arc<Stations>>,
    sought: Result<Query<Sought>, QueryRejection>,
    visitor: Visitor,
) -> Response {
    let Query(Sought { route, q, offset, limit, .. }) = match sought {
        Ok(sought) => sought,
        Err(rejection) => return rejection.into_response(),
    };
    if q.chars().count() > MAX_QUERY_CHARS {
        return error(StatusCode::BAD_REQUEST, "q: 200 characters at most are expected");
    }
    let counter = match Counter::open(&stations, &route, &visitor) {
        Ok(counter) => counter,
        Err(answer) => return *answer,
    };
    let most = counter.requests.desk.rules.max_results;
    let limit = limit.unwrap_or(most).clamp(1, most);
    let now = counter.now;
    let found = counter.look_up(&stations, move |requests| requests.catalogue.search(&q, offset, limit, now));
    let Findings { total, tracks } = match found.await {
        Ok(found) => found,
        Err(answer) => return answer,
    };
    let desk = &counter.requests.desk;
    let asked = desk.all(|request| (request.wish.id, request.id));
    let report = |wish| {
        let track = TrackReport::of(wish);
        let wait = desk.wait_for_track(&wish.path, now).unwrap_or_default();
        FoundReport {
            track,
            request: asked.iter().find(|(track, _)| *track == wish.id).map(|(_, request)| *request),
            wait_seconds: rounded_up(wait),
        }
    };
    routes::json(&json!({
        "status": "success",
        "route": *counter.station.route,
        "total": total,
        "tracks": tracks.iter().map(report).collect::<Vec<_>>(),
    }))
}

async fn ask(
    State(stations): State<Arc<Stations>>,
    visitor: Visitor,
    headers: HeaderMap,
    body: Result<Json<Asked>, JsonRejection>,
) -> Response {
    let Asked { route, track } = match own_json(&headers, body, "{\"route\": text, \"track\": text}") {
        Ok(asked) => asked,
        Err(answer) => return *answer,
    };
    let counter = match Counter::open(&stations, &route, &visitor) {
        Ok(counter) => counter,
        Err(answer) => return *answer,
    };
    let (id, now) = (u64::from_str_radix(&track, 16).ok(), counter.now);
    let found = counter.look_up(&stations, move |requests| requests.catalogue.find(id?, now));
    let found = match found.await {
        Ok(found) => found,
        Err(answer) => return answer,
    };
    let Some(wish) = found else {
        return problem_of(StatusCode::NOT_FOUND, "unknown_track", "there is no such track");
    };
    match counter.requests.desk.ask(wish, counter.person, counter.now) {
        Ok(id) => {
            let body = Json(json!({"status": "success", "route": *counter.station.route, "id": id}));
            (StatusCode::CREATED, [(CACHE_CONTROL, "no-store")], body).into_response()
        }
        Err(refusal) => refused(refusal),
    }
}

async fn vote(
    State(stations): State<Arc<Stations>>,
    visitor: Visitor,
    headers: HeaderMap,
    body: Result<Json<Voted>, JsonRejection>,
) -> Response {
    let Voted { route, id } = match own_json(&headers, body, "{\"route\": text, \"id\": number}") {
        Ok(voted) => voted,
        Err(answer) => return *answer,
    };
    let counter = match Counter::open(&stations, &route, &visitor) {
        Ok(counter) => counter,
        Err(answer) => return *answer,
    };
    match counter.requests.desk.vote(id, counter.person) {
        Ok(votes) => routes::json(
            &json!({"status": "success", "route": *counter.station.route, "id": id, "votes": votes}),
        ),
        Err(refusal) => refused(refusal),
    }
}

/// Takes a request out, for whoever has the admin key.
async fn take_out(
    State(stations): State<Arc<Stations>>,
    Extension(connection): Extension<Arc<Connection>>,
    sought: Result<Query<Sought>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let (peer, now) = (connection.peer.ip(), stations.context.clock.now());
    if let Err(denied) = stations.admin.verify_request(peer, &headers, bearer(&headers), now) {
        return denied.answer("the admin key ([radio] admin_key) is expected as a bearer token");
    }
    let Query(Sought { route, id, .. }) = match sought {
        Ok(sought) => sought,
        Err(rejection) => return rejection.into_response(),
    };
    let Some(station) = stations.find(&route) else {
        return error(StatusCode::NOT_FOUND, "there is no such station");
    };
    let Some(id) = id else {
        return error(StatusCode::BAD_REQUEST, "id: the number of a request is expected");
    };
    match &station.requests {
        Some(requests) if requests.desk.remove(id) => StatusCode::NO_CONTENT.into_response(),
        _ => refused(Refusal::Gone),
    }
}

/// Looks something up where a thread may block, after those who came before: one search of all at a time, and so many of
/// one person that others wait for.
async fn look_up<T: Send + 'static>(
    searching: &Arc<Semaphore>,
    (searches, person, most): (&Arc<ListenerLimiter>, IpAddr, usize),
    look: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Response> {
    let limits = Limits { total: usize::MAX, per_station: usize::MAX, per_address: most };
    let Some(own) = searches.acquire(&SEARCHES.into(), Some(person), limits) else {
        let detail = format!("{most} of your searches are under way already, which is the most");
        let answer = problem_of(StatusCode::TOO_MANY_REQUESTS, "searching", &detail);
        return Err((retry_after(SEARCH_AGAIN), answer).into_response());
    };
    let busy = || {
        let answer = error(StatusCode::SERVICE_UNAVAILABLE, "too many search at once");
        (retry_after(SEARCH_PATIENCE), answer).into_response()
    };
    let Ok(Ok(permit)) = timeout(SEARCH_PATIENCE, Arc::clone(searching).acquire_owned()).await else {
        return Err(busy());
    };
    let found = spawn_blocking(move || {
        // A client that goes away lets nobody else in before this is done.
        let _held = (permit, own);
        look()
    });
    found.await.map_err(|_| error(StatusCode::INTERNAL_SERVER_ERROR, "internal error"))
}

/// What a page of this server has sent, or a program.
fn own_json<T>(
    headers: &HeaderMap,
    body: Result<Json<T>, JsonRejection>,
    expected: &str,
) -> Result<T, Box<Response>> {
    if is_of_foreign_site(headers) {
        return Err(Box::new(error(StatusCode::FORBIDDEN, "this is not for pages of other sites")));
    }
    body.map(|Json(value)| value).map_err(|rejection| {
        Box::new(match rejection {
            JsonRejection::MissingJsonContentType(_) => {
                error(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Content-Type: application/json is expected")
            }
            JsonRejection::BytesRejection(rejection) => rejection.into_response(),
            _ => error(StatusCode::BAD_REQUEST, &format!("{expected} is expected")),
        })
    })
}

/// Says why a request or a vote is not taken.
fn refused(refusal: Refusal) -> Response {
    const BUSY: StatusCode = StatusCode::TOO_MANY_REQUESTS;
    let problem = |status, word, detail: &str, wait: Option<Duration>| {
        let answer = problem_of(status, word, detail);
        match wait {
            Some(wait) => (retry_after(wait), answer).into_response(),
            None => answer,
        }
    };
    match refusal {
        Refusal::Early(wait) => {
            let detail = format!("you have asked for a track already: wait {} s", rounded_up(wait));
            problem(BUSY, "early", &detail, Some(wait))
        }
        Refusal::Enough(most) => {
            let detail = format!("{most} of your requests wait already, which is the most");
            problem(BUSY, "enough", &detail, Some(TRY_AGAIN))
        }
        Refusal::Full(most) => {
            let detail = format!("{most} requests wait already, which is the most");
            problem(BUSY, "full", &detail, Some(TRY_AGAIN))
        }
        Refusal::Played(wait) => {
            let detail = format!("this track has played lately: wait {} s", rounded_up(wait));
            problem(BUSY, "played", &detail, Some(wait))
        }
        Refusal::TooManyVotes => {
            problem(BUSY, "too_many_votes", "it has as many votes as are counted", Some(TRY_AGAIN))
        }
        Refusal::Asked => {
            problem(StatusCode::CONFLICT, "asked", "this track waits already: vote for it", None)
        }
        Refusal::Voted => problem(StatusCode::CONFLICT, "voted", "you have voted for it already", None),
        Refusal::Next => problem(StatusCode::CONFLICT, "next", "it plays next already", None),
        Refusal::Gone => problem(StatusCode::NOT_FOUND, "gone", "there is no such request any more", None),
    }
}

fn retry_after(wait: Duration) -> [(http::HeaderName, HeaderValue); 1] {
    [(RETRY_AFTER, rounded_up(wait).max(1).into())]
}

/// Seconds, and one more for the rest of one.
fn rounded_up(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_stranger_who_searches_without_end_holds_up_nobody_else_for_long() {
        let (searching, searches) = (Arc::new(Semaphore::new(1)), Arc::default());
        let [eve, ann] = [1, 2].map(|last| IpAddr::from([203, 0, 113, last]));
        let under_way = Arc::clone(&searching).try_acquire_owned().unwrap();
        let search = |person: IpAddr| {
            let (searching, searches) = (Arc::clone(&searching), Arc::clone(&searches));
            async move {
                let answer = look_up(&searching, (&searches, person, 2), || ()).await;
                answer.map_err(|answer| (answer.status(), answer.headers().contains_key(RETRY_AFTER)))
            }
        };
        let (mut first, mut second, mut of_ann) =
            (Box::pin(search(eve)), Box::pin(search(eve)), Box::pin(search(ann)));
        for waiting in [&mut first, &mut second, &mut of_ann] {
            assert!(waiting.now_or_never().is_none());
        }
        assert_eq!(search(eve).await, Err((StatusCode::TOO_MANY_REQUESTS, true)), "while two wait");
        // Who gives up waits no longer.
        drop(second);
        let third = search(eve);
        drop(under_way);
        assert_eq!(tokio::join!(first, of_ann, third), (Ok(()), Ok(()), Ok(())));
    }
}
