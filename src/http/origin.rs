//! Which web pages may speak to a service: CORS for requests, and the same rule for WebSockets, which CORS skips.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, header};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::config::Findings;

/// A preflight's answer may be kept for this long.
const PREFLIGHT_AGE: Duration = Duration::from_hours(1);

/// The origins that may speak to a service.
#[derive(Debug, Clone)]
pub enum AllowedOrigins {
    /// Any; it is reflected, for browsers refuse `*` when credentials are on.
    Any,
    /// These alone.
    Listed(Vec<HeaderValue>),
}

impl AllowedOrigins {
    /// Reads the configuration's list, where `*` means any.
    pub fn new(origins: &[String]) -> Self {
        if origins.iter().any(|origin| origin == "*") {
            return Self::Any;
        }
        Self::Listed(origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect())
    }

    /// Checks that each item is an origin.
    pub fn validate(key: &str, origins: &[String], findings: &mut Findings) {
        let is_origin = |origin: &String| {
            origin == "*"
                || origin.split_once("://").is_some_and(|(scheme, host)| {
                    !scheme.is_empty() && !host.is_empty() && !host.contains('/') && origin.is_ascii()
                })
        };
        for origin in origins.iter().filter(|origin| !is_origin(origin)) {
            findings
                .add(key, format!("{origin:?}: \"*\" or an origin like \"https://example.org\" is expected"));
        }
    }

    /// Whether a request with these headers may open a WebSocket; what is no browser sends no origin.
    pub fn permits(&self, headers: &HeaderMap) -> bool {
        match (self, headers.get(header::ORIGIN)) {
            (Self::Any, _) | (_, None) => true,
            (Self::Listed(origins), Some(origin)) => origins.contains(origin),
        }
    }

    /// The CORS headers of every answer.
    pub fn cors(&self) -> CorsLayer {
        let origins = match self {
            Self::Any => AllowOrigin::mirror_request(),
            Self::Listed(origins) => AllowOrigin::list(origins.clone()),
        };
        CorsLayer::new()
            .allow_origin(origins)
            .allow_credentials(true)
            .allow_methods([Method::GET, Method::POST])
            .allow_headers(AllowHeaders::mirror_request())
            .max_age(PREFLIGHT_AGE)
    }
}
