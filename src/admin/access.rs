//! Who is let in, and as what: by a key, as a session that a key began, by the word of a trusted proxy, or as this machine
//! itself where nothing of the kind is set.

use std::net::IpAddr;
use std::sync::Arc;

use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, HeaderName, StatusCode};
use ipnet::IpNet;
use parking_lot::RwLock;
use serde::Serialize;
use tracing::warn;

use super::Config;
use super::sessions::{Claim, SessionKey, Sessions};
use crate::http::keys::{Denied, WrongKeys, warn_if_short};
use crate::http::local::is_local;
use crate::http::{self as own_http, routes};
use crate::runtime::Clock;
use crate::secret::Secret;

/// The configuration key that sets the key of operators, by which wrong ones are counted.
const KEY_NAME: &str = "admin.key";

/// The longest name of a user that a proxy may tell.
const MAX_USER_BYTES: usize = 256;

/// What somebody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Look.
    Viewer,
    /// Look, and act.
    Operator,
}

/// How somebody was let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// It brought a key.
    Key,
    /// A session that a key began.
    Session,
    /// A trusted proxy has said who it is.
    Proxy,
    /// It is this machine itself.
    Machine,
}

/// Somebody who was let in.
#[derive(Debug, Clone, Serialize)]
pub struct Identity {
    /// The name of the key, or of the user.
    pub who: String,
    /// What it may do.
    pub role: Role,
    /// How it was let in.
    pub way: Way,
    /// The only service that it sees; `None` is everything.
    pub service: Option<&'static str>,
    /// Where it comes from.
    #[serde(skip)]
    pub address: IpAddr,
}

impl Identity {
    /// Whether it sees a service.
    pub fn sees(&self, service: &str) -> bool {
        self.service.is_none_or(|only| only == service)
    }
}

/// Why somebody is not let in.
pub enum Refusal {
    /// No key, or a wrong one.
    Denied(Denied),
    /// The proxy's user has no role.
    NoRole(String),
}

/// A key, and what it is for.
struct Grant {
    name: &'static str,
    key: Secret,
    role: Role,
    service: Option<&'static str>,
    session_key: SessionKey,
}

/// Who is let in.
pub struct Access {
    /// The strongest first.
    grants: RwLock<Vec<Arc<Grant>>>,
    user_header: Option<HeaderName>,
    operators: Vec<String>,
    viewers: Vec<String>,
    trusted: Vec<IpNet>,
    wrong_keys: Arc<WrongKeys>,
    /// Sessions of browsers.
    pub sessions: Sessions,
    clock: Clock,
}

impl Access {
    /// As it is configured.
    pub fn new(
        config: &Config,
        network: &own_http::Config,
        wrong_keys: &Arc<WrongKeys>,
        clock: Clock,
    ) -> Self {
        if config.viewer_key.is(config.key.expose()) {
            warn!("admin.viewer_key is admin.key: all viewers may act");
        }
        let access = Self {
            grants: RwLock::default(),
            user_header: HeaderName::try_from(&config.remote_user_header).ok(),
            operators: config.operators.clone(),
            viewers: config.viewers.clone(),
            trusted: network.trusted_networks(),
            wrong_keys: Arc::clone(wrong_keys),
            sessions: Sessions::new(config.session_time, config.max_ended_sessions),
            clock,
        };
        access.add(KEY_NAME, &config.key, Role::Operator, None);
        access.add("admin.viewer_key", &config.viewer_key, Role::Viewer, None);
        access
    }

    /// The key of a service's own operators opens that service.
    pub fn add_key_of(&self, service: &'static str, name: &'static str, key: &Secret) {
        self.add(name, key, Role::Operator, Some(service));
    }

    fn add(&self, name: &'static str, key: &Secret, role: Role, service: Option<&'static str>) {
        if !key.is_set() {
            return;
        }
        if service.is_none() {
            warn_if_short(name, key);
        }
        let session_key = SessionKey::default();
        self.grants.write().push(Arc::new(Grant { name, key: key.clone(), role, service, session_key }));
    }

    /// Who sends a request.
    ///
    /// # Errors
    /// It is not let in.
    pub fn identify(&self, peer: IpAddr, request: &Parts) -> Result<Identity, Refusal> {
        let headers = &request.headers;
        let address = self.wrong_keys.address(peer, headers);
        if let Some(given) = routes::bearer(headers) {
            return self.by_key(address, given).map(|(identity, _)| identity).map_err(Refusal::Denied);
        }
        if let Some((_, grant)) = self.session(headers) {
            return Ok(grant.identity(Way::Session, address));
        }
        if let Some(user) = self.user(peer, headers) {
            let role = self.role_of(user).ok_or_else(|| Refusal::NoRole(user.to_owned()))?;
            return Ok(Identity { who: user.to_owned(), role, way: Way::Proxy, service: None, address });
        }
        if self.is_for_this_machine() && is_local(peer, request) {
            let (role, way) = (Role::Operator, Way::Machine);
            return Ok(Identity { who: "this machine".into(), role, way, service: None, address });
        }
        Err(Refusal::Denied(Denied::Missing))
    }

    /// Whom a key lets in, and the cookie of a new session.
    ///
    /// # Errors
    /// It is no key, or its address was wrong too often.
    pub fn begin_session(
        &self,
        peer: IpAddr,
        headers: &HeaderMap,
        given: &str,
    ) -> Result<(Identity, String), Denied> {
        let (identity, grant) = self.by_key(self.wrong_keys.address(peer, headers), given)?;
        let value = self.sessions.begin(grant.name, &grant.key, &grant.session_key, self.clock.wall());
        Ok((identity, value))
    }

    /// Ends the session of a request, if it has one.
    pub fn end_session(&self, headers: &HeaderMap) {
        if let Some((claim, _)) = self.session(headers) {
            self.sessions.end(&claim, self.clock.wall());
        }
    }

    /// The answer to who is not let in.
    pub fn refuse(&self, refusal: Refusal) -> Response {
        match refusal {
            Refusal::NoRole(user) => {
                let problem = format!("{user} is neither among admin.operators nor among admin.viewers");
                routes::error(StatusCode::FORBIDDEN, &problem)
            }
            Refusal::Denied(denied) => denied.answer(&self.problem()),
        }
    }

    /// What is wanted of whoever is not let in.
    pub fn problem(&self) -> String {
        if self.is_for_this_machine() {
            return "this is for the machine itself, and not through a proxy; set admin.key to open it to others"
                .into();
        }
        let names: Vec<&str> = self.grants.read().iter().map(|grant| grant.name).collect();
        match names.as_slice() {
            [] => "a user that a trusted proxy has signed in is expected".into(),
            names => format!("the key is needed ({}): Authorization: Bearer KEY", names.join(", or ")),
        }
    }

    fn is_for_this_machine(&self) -> bool {
        self.user_header.is_none() && self.grants.read().is_empty()
    }

    fn by_key(&self, address: IpAddr, given: &str) -> Result<(Identity, Arc<Grant>), Denied> {
        let found = self.grants.read().iter().find(|grant| grant.key.is(given)).cloned();
        let is_right = (!given.is_empty()).then_some(found.is_some());
        self.wrong_keys.judge(KEY_NAME, address, is_right, self.clock.now())?;
        let grant = found.ok_or(Denied::Wrong)?;
        Ok((grant.identity(Way::Key, address), grant))
    }

    /// The session that a request belongs to, and the key that began it.
    fn session(&self, headers: &HeaderMap) -> Option<(Claim, Arc<Grant>)> {
        let claim = Claim::of(headers)?;
        let grant = self.grants.read().iter().find(|grant| grant.name == claim.key).cloned()?;
        let wall = self.clock.wall();
        self.sessions.holds(&claim, &grant.key, &grant.session_key, wall).then_some((claim, grant))
    }

    /// The user that a trusted proxy has named; it names one.
    fn user<'a>(&self, peer: IpAddr, headers: &'a HeaderMap) -> Option<&'a str> {
        let header = self.user_header.as_ref()?;
        if !self.trusted.iter().any(|network| network.contains(&peer)) {
            return None;
        }
        let mut users = headers.get_all(header).iter();
        let (Some(user), None) = (users.next(), users.next()) else { return None };
        let user = std::str::from_utf8(user.as_bytes()).ok()?.trim();
        (1..=MAX_USER_BYTES).contains(&user.len()).then_some(user)
    }

    fn role_of(&self, user: &str) -> Option<Role> {
        let is_among = |users: &[String]| users.iter().any(|known| known == user || known == "*");
        if is_among(&self.operators) {
            Some(Role::Operator)
        } else {
            is_among(&self.viewers).then_some(Role::Viewer)
        }
    }
}

impl Grant {
    fn identity(&self, way: Way, address: IpAddr) -> Identity {
        Identity { who: self.name.to_owned(), role: self.role, way, service: self.service, address }
    }
}
