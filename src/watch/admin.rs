//! The watch parties' own interface for operators, in JSON, for who has the admin key, or for this machine. The page is that
//! of the whole process (`crate::admin`).

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::command::Command;
use super::hub::Hub;
use super::protocol::RoomId;
use super::routes::Assets;
use crate::effect::MemberId;
use crate::http::operators::{OperatorAccess, admit};
use crate::http::problem::with_problems;
use crate::http::{assets, routes};
use crate::rooms::{Commands, Outcome, Queries};

/// Characters of a banner: a few lines across the page, which more would cover.
pub const MAX_BANNER_CHARS: usize = 500;

/// The longest ban: a year.
pub const MAX_BAN_SECS: u64 = 365 * 24 * 60 * 60;

/// What the routes share.
struct Admin {
    queries: Queries<Hub>,
    commands: Commands<Hub>,
}

/// The API and its description.
pub fn routes(queries: Queries<Hub>, commands: Commands<Hub>, access: OperatorAccess) -> Router {
    let admin = Arc::new(Admin { queries, commands });
    let api = Router::new()
        .route("/overview", get(overview))
        .route("/rooms/{id}/close", post(close_room))
        .route("/rooms/{id}/banner", post(show_banner))
        .route("/members/{id}/kick", post(kick))
        .route("/bans", post(ban))
        .route("/bans/{address}", delete(lift_ban))
        .route_layer(from_fn_with_state(access, admit))
        .with_state(admin);
    with_problems(Router::new().route("/admin/openapi.json", get(description)).nest("/admin/api", api))
}

async fn description(headers: HeaderMap) -> Response {
    assets::file::<Assets>("admin/openapi.json", &headers).unwrap_or_else(routes::not_found)
}

async fn overview(State(admin): State<Arc<Admin>>) -> Response {
    match admin.queries.ask(Hub::overview).await {
        Some(overview) => routes::json(&overview),
        None => routes::stopping(),
    }
}

async fn close_room(State(admin): State<Arc<Admin>>, Path(id): Path<String>) -> Response {
    let Some(id) = RoomId::read(&id) else { return routes::not_found() };
    admin.give(Command::CloseRoom(id)).await
}

/// The body of a request for a banner.
#[derive(Deserialize)]
struct Banner {
    message: String,
}

async fn show_banner(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
    body: Result<Json<Banner>, JsonRejection>,
) -> Response {
    let Some(id) = RoomId::read(&id) else { return routes::not_found() };
    let Ok(Json(Banner { message })) = body else {
        return bad_request("{\"message\": text} is expected");
    };
    if message.is_empty() || message.chars().count() > MAX_BANNER_CHARS {
        return bad_request("a message of 1 to 500 characters is expected");
    }
    admin.give(Command::ShowBanner(id, message)).await
}

async fn kick(State(admin): State<Arc<Admin>>, Path(id): Path<String>) -> Response {
    let Some(member) = MemberId::new(&id) else { return routes::not_found() };
    admin.give(Command::Kick(member)).await
}

/// The body of a request for a ban.
#[derive(Deserialize)]
struct NewBan {
    address: IpAddr,
    seconds: u64,
}

async fn ban(State(admin): State<Arc<Admin>>, body: Result<Json<NewBan>, JsonRejection>) -> Response {
    let Ok(Json(NewBan { address, seconds })) = body else {
        return bad_request("{\"address\": IP address, \"seconds\": whole number} is expected");
    };
    if !(1..=MAX_BAN_SECS).contains(&seconds) {
        return bad_request("1 to 31536000 seconds are expected");
    }
    let span = Duration::from_secs(seconds);
    admin.give(Command::Ban(address.to_canonical(), span)).await
}

async fn lift_ban(State(admin): State<Arc<Admin>>, Path(address): Path<String>) -> Response {
    let Ok(address) = address.parse::<IpAddr>() else { return routes::not_found() };
    admin.give(Command::LiftBan(address.to_canonical())).await
}

impl Admin {
    /// Has something done, and says how it went.
    async fn give(&self, command: Command) -> Response {
        match self.commands.give(command).await {
            Some(Outcome::Done) => StatusCode::NO_CONTENT.into_response(),
            Some(Outcome::NotFound) => routes::not_found(),
            Some(Outcome::Erased(_)) | None => routes::stopping(),
        }
    }
}

fn bad_request(message: &str) -> Response {
    routes::error(StatusCode::BAD_REQUEST, message)
}
