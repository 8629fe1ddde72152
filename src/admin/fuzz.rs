//! The fuzz target of `/admin`: cookies.

use std::sync::LazyLock;
use std::time::Duration;

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

use super::sessions::{Claim, SessionKey, Sessions};
use crate::secret::Secret;
use crate::time::Timestamp;

/// It takes a moment of a core to make.
static KEY: LazyLock<SessionKey> = LazyLock::new(SessionKey::default);

/// The cookies of a request: none that anybody made up is a session.
pub fn session(input: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(input) else { return };
    let Some(claim) = Claim::of(&HeaderMap::from_iter([(COOKIE, value)])) else { return };
    let sessions = Sessions::new(Duration::from_hours(1), 1);
    assert!(!sessions.holds(&claim, &Secret::new("a key"), &KEY, Timestamp::default()));
    sessions.end(&claim, Timestamp::default());
}
