//! Operators' doors: behind their key where one is set, for this machine itself where none is.

use std::sync::Arc;

use axum::extract::{Extension, Request, State};
use axum::middleware::Next;
use axum::response::Response;

use super::connection::Connection;
use super::keys::{Denied, KeyedDoor};
use super::local::is_local;
use super::routes;
use crate::runtime::Clock;

/// Who may pass.
#[derive(Clone)]
pub struct OperatorsDoor {
    key: KeyedDoor,
    clock: Clock,
}

impl OperatorsDoor {
    /// A door that `key` opens, if one is set.
    pub fn new(key: KeyedDoor, clock: Clock) -> Self {
        Self { key, clock }
    }
}

/// Lets operators' requests through, and answers all others.
pub async fn admit(
    State(door): State<OperatorsDoor>,
    Extension(connection): Extension<Arc<Connection>>,
    request: Request,
    next: Next,
) -> Response {
    let word = routes::token(&request);
    let (parts, body) = request.into_parts();
    let peer = connection.peer.ip();
    let name = door.key.name;
    let (admitted, problem) = if door.key.has_key() {
        let opened = door.key.open_by(peer, &parts.headers, word.as_deref(), door.clock.now());
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
