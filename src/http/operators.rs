//! Operators' access: by their key where one is set, for this machine itself where none is.

use std::sync::Arc;

use axum::extract::{Extension, Request, State};
use axum::middleware::Next;
use axum::response::Response;

use super::connection::Connection;
use super::keys::{AccessKey, Denied};
use super::local::is_local;
use super::routes;
use crate::runtime::Clock;

/// Who is let in to the routes of operators.
#[derive(Clone)]
pub struct OperatorAccess {
    key: AccessKey,
    clock: Clock,
}

impl OperatorAccess {
    /// Whoever has `key`, if it is set.
    pub fn new(key: AccessKey, clock: Clock) -> Self {
        Self { key, clock }
    }
}

/// Lets operators' requests through, and answers all others.
pub async fn admit(
    State(access): State<OperatorAccess>,
    Extension(connection): Extension<Arc<Connection>>,
    request: Request,
    next: Next,
) -> Response {
    let given = routes::token(&request);
    let (parts, body) = request.into_parts();
    let peer = connection.peer.ip();
    let name = access.key.name;
    let (admitted, problem) = if access.key.is_set() {
        let opened = access.key.verify_request(peer, &parts.headers, given.as_deref(), access.clock.now());
        (opened, format!("the key is needed ({name}): Authorization: Bearer KEY"))
    } else {
        let is_local = is_local(peer, &parts);
        let problem = format!(
            "this is for the machine itself, and not through a proxy; set {name} to open it to others"
        );
        (if is_local { Ok(()) } else { Err(Denied::Missing) }, problem)
    };
    match admitted {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(denied) => denied.answer(&problem),
    }
}
