//! `/admin`: the page, its files, and the JSON interface below `/admin/v1`.
//!
//! No other origin gets anything done here: answers have no CORS, what is sent is JSON, which a foreign page may not send
//! without it, the cookie is for this site alone, and a browser that says it asks for another site is refused.

use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, RawQuery, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use http::header::SET_COOKIE;
use http::{HeaderMap, StatusCode};
use rust_embed::Embed;
use serde::Deserialize;
use serde_json::json;

use super::Admin;
use super::access::{Identity, Role};
use super::managed::{Asked, Managed, Order, Outcome};
use super::sessions::COOKIE;
use crate::http::connection::Connection;
use crate::http::local::is_of_foreign_site;
use crate::http::problem::with_problems;
use crate::http::{assets, routes};
use crate::secret::Secret;

/// Characters of what is looked for.
const MAX_FIND_CHARS: usize = 100;

/// Characters of each part of an order: a banner has 500, names of devices have 255.
const MAX_ORDER_CHARS: usize = 500;

/// The page and everything that it loads.
#[derive(Embed)]
#[folder = "assets/admin/"]
struct Assets;

/// What the routes of one listener share.
#[derive(Clone)]
struct Site {
    admin: Arc<Admin>,
    is_tls: bool,
}

/// The routes.
pub fn router(admin: &Arc<Admin>, is_tls: bool) -> Router {
    let site = Site { admin: Arc::clone(admin), is_tls };
    let guarded = Router::new()
        .route("/openapi.json", get(description))
        .route("/state", get(state))
        .route("/log", get(log))
        .route("/configuration", get(configuration))
        .route("/actions", post(act))
        .route("/{service}/{table}", get(table))
        .route_layer(from_fn_with_state(site.clone(), admit));
    let interface = Router::new().route("/session", post(sign_in).delete(sign_out)).merge(guarded);
    let router = Router::new()
        .route("/admin", get(|| async { Redirect::permanent("admin/") }))
        .route("/admin/", get(page))
        .nest("/admin", assets::router::<Assets, _>())
        .nest("/admin/v1", interface);
    with_problems(router).with_state(site)
}

async fn page(headers: HeaderMap) -> Response {
    assets::page::<Assets>("index.html", &headers).unwrap_or_else(routes::not_found)
}

async fn description(headers: HeaderMap) -> Response {
    assets::file::<Assets>("openapi.json", &headers).unwrap_or_else(routes::not_found)
}

/// Lets those through who may look, and answers all others.
async fn admit(
    State(site): State<Site>,
    Extension(connection): Extension<Arc<Connection>>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    match site.admin.access.identify(connection.peer.ip(), &parts) {
        Ok(_) if is_of_foreign_site(&parts.headers) => of_foreign_site(),
        Ok(identity) => {
            let mut request = Request::from_parts(parts, body);
            request.extensions_mut().insert(Arc::new(identity));
            next.run(request).await
        }
        Err(refusal) => site.admin.access.refuse(refusal),
    }
}

/// What signs in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    key: Secret,
}

async fn sign_in(
    State(site): State<Site>,
    Extension(connection): Extension<Arc<Connection>>,
    headers: HeaderMap,
    body: Result<Json<Credentials>, JsonRejection>,
) -> Response {
    if is_of_foreign_site(&headers) {
        return of_foreign_site();
    }
    let Json(Credentials { key }) = match body {
        Ok(body) => body,
        Err(rejection) => return unreadable(&rejection, "{\"key\": text} is expected"),
    };
    let access = &site.admin.access;
    match access.begin_session(connection.peer.ip(), &headers, key.expose()) {
        Ok((identity, value)) => {
            site.admin.note(&identity, "signed_in", None, "done").await;
            let cookie = site.cookie(&headers, &value, access.sessions.time().as_secs());
            ([(SET_COOKIE, cookie)], routes::json(&json!({ "you": identity }))).into_response()
        }
        Err(denied) => denied.answer(&access.problem()),
    }
}

async fn sign_out(
    State(site): State<Site>,
    Extension(connection): Extension<Arc<Connection>>,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    if is_of_foreign_site(&parts.headers) {
        return of_foreign_site();
    }
    if let Ok(identity) = site.admin.access.identify(connection.peer.ip(), &parts) {
        site.admin.access.end_session(&parts.headers);
        site.admin.note(&identity, "signed_out", None, "done").await;
    }
    ([(SET_COOKIE, site.cookie(&parts.headers, "", 0))], StatusCode::NO_CONTENT).into_response()
}

impl Site {
    /// `Secure`, if the browser came by TLS: whoever says so wrongly, spoils its own cookie.
    fn cookie(&self, headers: &HeaderMap, value: &str, max_age: u64) -> String {
        let is_https = headers.get("x-forwarded-proto").is_some_and(|scheme| scheme == "https");
        let secure = if self.is_tls || is_https { "; Secure" } else { "" };
        format!("{COOKIE}={value}; Max-Age={max_age}; HttpOnly; SameSite=Strict{secure}")
    }
}

/// Which items are wanted.
#[derive(Deserialize)]
struct Find {
    #[serde(default)]
    find: String,
}

async fn state(
    State(site): State<Site>,
    Extension(connection): Extension<Arc<Connection>>,
    Extension(identity): Extension<Arc<Identity>>,
    Query(Find { find }): Query<Find>,
) -> Response {
    let admin = &site.admin;
    let text: String = find.to_lowercase().chars().take(MAX_FIND_CHARS).collect();
    let asked = Asked { text, most: admin.max_listed };
    let mut services = Vec::new();
    for backend in admin.backends.all() {
        if !identity.sees(backend.service) {
            continue;
        }
        let (is_ready, said) = backend.readiness(&connection).await;
        let overview = match admin.service(backend.service) {
            Some(service) => service.overview(asked.clone()).await,
            None => None,
        };
        services.push(json!({
            "name": backend.service,
            "isReady": is_ready,
            "readiness": said,
            "connections": backend.limits.n_held(),
            "overview": overview,
        }));
    }
    let clock = admin.context.clock;
    routes::json(&json!({
        "you": &*identity,
        "version": env!("CARGO_PKG_VERSION"),
        "commit": env!("BUILD_COMMIT"),
        "now": clock.wall().as_millis(),
        "uptime": clock.uptime().as_secs(),
        "services": services,
    }))
}

/// From which line on.
#[derive(Deserialize)]
struct Since {
    #[serde(default)]
    since: u64,
}

/// A table of a service, for whoever may look.
async fn table(
    State(site): State<Site>,
    Extension(identity): Extension<Arc<Identity>>,
    Path((service, name)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Response {
    if !identity.sees(&service) {
        return routes::not_found();
    }
    let table = match site.admin.service(&service) {
        Some(service) => service.table(name, query.unwrap_or_default()).await,
        None => None,
    };
    table.unwrap_or_else(routes::not_found)
}

async fn log(
    State(site): State<Site>,
    Extension(identity): Extension<Arc<Identity>>,
    Query(Since { since }): Query<Since>,
) -> Response {
    if identity.service.is_some() {
        return of_process();
    }
    let (lines, next) = site.admin.tail.since(since);
    routes::json(&json!({ "lines": lines, "next": next }))
}

async fn configuration(State(site): State<Site>, Extension(identity): Extension<Arc<Identity>>) -> Response {
    if identity.service.is_some() {
        return of_process();
    }
    routes::json(&json!({ "values": site.admin.configuration }))
}

async fn act(
    State(site): State<Site>,
    Extension(identity): Extension<Arc<Identity>>,
    body: Result<Json<Order>, JsonRejection>,
) -> Response {
    const EXPECTED: &str = "{\"service\", \"action\", \"kind\", \"id\"}, and \"within\" and \"input\" where they are needed, are expected";
    let Json(order) = match body {
        Ok(body) => body,
        Err(rejection) => return unreadable(&rejection, EXPECTED),
    };
    let words = [&order.service, &order.action, &order.kind, &order.id];
    let words = words.into_iter().chain(&order.within).chain(&order.input);
    if words.into_iter().any(|word| word.chars().count() > MAX_ORDER_CHARS) {
        return routes::error(StatusCode::BAD_REQUEST, "at most 500 characters are expected");
    }
    let admin = &site.admin;
    if identity.role == Role::Viewer || !identity.sees(&order.service) {
        admin.note(&identity, "acted", Some(&order), "forbidden").await;
        return routes::error(StatusCode::FORBIDDEN, "you may look, and not act");
    }
    match admin.act(&identity, order).await {
        Outcome::Done => StatusCode::NO_CONTENT.into_response(),
        Outcome::NotFound => routes::not_found(),
        Outcome::Conflict(problem) => routes::error(StatusCode::CONFLICT, problem),
        Outcome::Invalid(problem) => routes::error(StatusCode::BAD_REQUEST, problem),
        Outcome::Stopped => routes::stopping(),
    }
}

impl Admin {
    fn service(&self, name: &str) -> Option<Arc<dyn Managed>> {
        self.services.read().iter().find(|service| service.name() == name).cloned()
    }

    /// Has something done, with a line in the audit log.
    pub(super) async fn act(&self, identity: &Identity, order: Order) -> Outcome {
        let outcome = match self.service(&order.service) {
            Some(service) => service.act(order.clone()).await,
            None => Outcome::NotFound,
        };
        self.note(identity, "acted", Some(&order), outcome.code()).await;
        outcome
    }

    async fn note(
        &self,
        identity: &Identity,
        did: &'static str,
        order: Option<&Order>,
        outcome: &'static str,
    ) {
        self.audit.note(identity, did, order, outcome, self.context.clock.wall()).await;
    }
}

/// A form of a foreign page can send anything but JSON.
fn unreadable(rejection: &JsonRejection, expected: &str) -> Response {
    match rejection {
        JsonRejection::MissingJsonContentType(_) => {
            let problem = "Content-Type: application/json is expected";
            routes::error(StatusCode::UNSUPPORTED_MEDIA_TYPE, problem)
        }
        _ => routes::error(StatusCode::BAD_REQUEST, expected),
    }
}

fn of_foreign_site() -> Response {
    routes::error(StatusCode::FORBIDDEN, "this is not for pages of other sites")
}

fn of_process() -> Response {
    routes::error(StatusCode::FORBIDDEN, "the key of one service does not open what belongs to all of them")
}
