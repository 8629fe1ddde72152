//! Actions of operators on a live source by HTTP: `/admin/killsource` as in Icecast, and `/admin/kicksource`, `/admin/mutesource`
//! and `/admin/unmutesource`. They are the same as on the page `/admin`, and are written to the audit log.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use http::request::Parts;
use http::{HeaderMap, StatusCode};

use super::SERVICE;
use super::djs::SOURCE;
use super::icecast::{NO_SOURCE, Operator, parameter, response};
use super::station_handle::LiveOnAir;
use super::stations::Stations;
use crate::admin::{Admin, Order, Outcome};
use crate::http::address::client;
use crate::http::connection::Connection;

/// The configuration key of what opens these routes.
const KEY: &str = "radio.admin_key";

/// What an order needs.
struct Desk {
    stations: Arc<Stations>,
    admin: Arc<Admin>,
    connection: Arc<Connection>,
    headers: HeaderMap,
    query: String,
}

/// The routes below `/admin`.
pub fn router(stations: &Arc<Stations>, admin: &Arc<Admin>) -> Router {
    let kill = |desk: Desk| desk.order("endSource");
    Router::new()
        .route("/admin/killsource", get(kill).post(kill))
        .route("/admin/kicksource", post(|desk: Desk| desk.order("kickSource")))
        .route("/admin/mutesource", post(|desk: Desk| desk.order("muteSource")))
        .route("/admin/unmutesource", post(|desk: Desk| desk.order("unmuteSource")))
        .with_state(Arc::clone(stations))
        .layer(Extension(Arc::clone(admin)))
}

impl FromRequestParts<Arc<Stations>> for Desk {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, stations: &Arc<Stations>) -> Result<Self, Response> {
        Operator::from_request_parts(parts, stations).await?;
        let admin =
            Extension::from_request_parts(parts, stations).await.map_err(IntoResponse::into_response)?;
        let connection =
            Extension::from_request_parts(parts, stations).await.map_err(IntoResponse::into_response)?;
        Ok(Self {
            stations: Arc::clone(stations),
            admin: admin.0,
            connection: connection.0,
            headers: parts.headers.clone(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
        })
    }
}

impl Desk {
    async fn order(self, action: &str) -> Response {
        let mount = parameter(&self.query, "mount").and_then(|mount| self.stations.find(&mount));
        let Some(station) = mount else { return response(StatusCode::BAD_REQUEST, 0, NO_SOURCE) };
        let order = Order {
            service: SERVICE.to_owned(),
            action: action.to_owned(),
            kind: "source".to_owned(),
            id: station.on_air.lock().live.as_ref().map_or(SOURCE, LiveOnAir::name).to_owned(),
            within: Some(station.route.to_string()),
            input: parameter(&self.query, "minutes").map(|text| text.chars().take(20).collect()),
        };
        let trusted = &self.stations.public_url.trusted;
        let address = client(self.connection.peer.ip(), &self.headers, trusted);
        match self.admin.act_with_key(KEY, address, order).await {
            Outcome::Done => response(StatusCode::OK, 1, "done"),
            Outcome::NotFound => response(StatusCode::BAD_REQUEST, 0, NO_SOURCE),
            Outcome::Conflict(problem) => response(StatusCode::CONFLICT, 0, problem),
            Outcome::Invalid(problem) => response(StatusCode::BAD_REQUEST, 0, problem),
            Outcome::Stopped => response(StatusCode::SERVICE_UNAVAILABLE, 0, "stopping"),
        }
    }
}
