//! How many polling sessions there may be: they count by the client's address, as connections do.

use std::net::IpAddr;
use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::RETRY_AFTER;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::http::limits::{ConnectionLimits, Permit};
use crate::http::routes;

/// What a client that is refused is asked to wait, in seconds.
const COME_BACK_AFTER: &str = "5";

/// Counts the polling sessions of a service.
pub struct SessionLimits {
    service: &'static str,
    sessions: Arc<ConnectionLimits>,
    unjoined: Arc<Semaphore>,
}

/// The right to be a session, until dropped.
pub struct SessionPermit {
    _permit: Permit,
    /// Given back when the session joins.
    unjoined: Mutex<Option<OwnedSemaphorePermit>>,
}

impl SessionLimits {
    /// Nobody is in.
    pub fn new(service: &'static str, sessions: &Arc<ConnectionLimits>, max_unjoined: usize) -> Self {
        let unjoined = Semaphore::new(max_unjoined.min(Semaphore::MAX_PERMITS));
        Self { service, sessions: Arc::clone(sessions), unjoined: Arc::new(unjoined) }
    }

    /// Admits one more session of a client's address.
    ///
    /// # Errors
    /// The 503 to answer with; the client comes back later.
    pub fn admit(&self, address: IpAddr) -> Result<SessionPermit, Box<Response>> {
        let refuse = |reason: &'static str| {
            metrics::counter!("roomhub_sessions_refused_total", "service" => self.service, "reason" => reason)
                .increment(1);
            let answer = routes::error(StatusCode::SERVICE_UNAVAILABLE, "too many sessions");
            Box::new(([(RETRY_AFTER, COME_BACK_AFTER)], answer).into_response())
        };
        let unjoined = Arc::clone(&self.unjoined).try_acquire_owned().map_err(|_| refuse("unjoined"))?;
        let permit = self.sessions.admit(address).map_err(|refusal| refuse(refusal.code()))?;
        Ok(SessionPermit { _permit: permit, unjoined: Mutex::new(Some(unjoined)) })
    }
}

impl SessionPermit {
    /// The session has joined the namespace.
    pub fn join(&self) {
        *self.unjoined.lock() = None;
    }
}
