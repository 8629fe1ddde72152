//! What every service has: the common layers around its own routes, probes and metrics.

use std::iter::once;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use http::header::{CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use http::{HeaderName, HeaderValue, StatusCode};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate as _};
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, RequestId, SetRequestIdLayer};
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::trace::TraceLayer;
use tracing::debug_span;

use super::connection::Connection;
use super::keys::AccessKey;
use super::local::is_local;
use super::origin::AllowedOrigins;
use super::pieces;
use super::problem::{in_json, method_not_allowed, no_such_path, refusals_as_problems, with_problems};
use super::routes::{bearer, error};
use crate::metrics;
use crate::runtime::Context;

/// Bodies of ordinary requests; Socket.IO's polls have their own limit.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// Who may read the metrics.
#[derive(Clone)]
struct Probes {
    context: Context,
    metrics: AccessKey,
}

/// Puts the common layers around a service's routes, and adds the routes that all services have.
///
/// Pages of other origins may read what the public routes answer, as far as `origins` goes, and never what the
/// operators' routes do. Bodies of `files` are neither compressed, nor cut, nor limited: they are large as they are.
pub fn with_common_layers(
    public: Router,
    files: Router,
    operators: Router,
    origins: &AllowedOrigins,
    metrics: AccessKey,
    context: &Context,
) -> Router {
    let probes = Probes { context: context.clone(), metrics };
    // Sound is as small as it gets.
    let is_worth_it = DefaultPredicate::new().and(NotForContentType::const_new("audio/mpeg"));
    let fixed = |name: HeaderName, value: &'static str| {
        SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
    };
    let own = Router::new()
        .route("/livez", get(|| async { "ok" }))
        .route("/readyz", get(|State(probes): State<Probes>| async move { readiness(&probes.context, []) }));
    let public = with_problems(own)
        .with_state(probes.clone())
        .merge(public)
        .fallback(no_such_path)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(origins.cors());
    let operators = with_problems(Router::new().route("/metrics", get(serve_metrics)))
        .with_state(probes)
        .merge(operators)
        .method_not_allowed_fallback(method_not_allowed);
    public
        .merge(operators)
        .layer(map_response(in_json))
        .layer(map_response(pieces::cut))
        .layer(CompressionLayer::new().compress_when(is_worth_it))
        .layer(RequestBodyLimitLayer::new(MAX_BODY_BYTES))
        .layer(map_response(refusals_as_problems))
        .merge(files.layer(origins.cors()))
        .layer(fixed(X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(fixed(X_FRAME_OPTIONS, "SAMEORIGIN"))
        .layer(fixed(REFERRER_POLICY, "no-referrer"))
        .layer(fixed(HeaderName::from_static("cross-origin-opener-policy"), "same-origin"))
        .layer(fixed(HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"))
        .layer(fixed(HeaderName::from_static("x-permitted-cross-domain-policies"), "none"))
        .layer(CatchPanicLayer::custom(|_| error(StatusCode::INTERNAL_SERVER_ERROR, "internal error")))
        .layer(TraceLayer::new_for_http().make_span_with(span))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
}

/// The answer of `/readyz`: whether clients are taken, and what is not as it should be all the same.
pub fn readiness(context: &Context, remarks: impl IntoIterator<Item = String>) -> Response {
    if context.is_stopping() {
        return not_ready("stopping");
    }
    let of_process = context.remarks();
    let of_process = of_process.iter().map(|(service, remark)| format!("{service}: {remark}"));
    once("ready".to_owned()).chain(of_process).chain(remarks).collect::<Vec<_>>().join("\n").into_response()
}

/// The answer of `/readyz` while no clients are taken, with the reason.
pub fn not_ready(reason: impl Into<String>) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "5")], reason.into()).into_response()
}

async fn serve_metrics(
    State(probes): State<Probes>,
    Extension(connection): Extension<Arc<Connection>>,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    let (peer, now) = (connection.peer.ip(), probes.context.clock.now());
    if !is_local(peer, &parts)
        && let Err(denied) = probes.metrics.verify_request(peer, &parts.headers, bearer(&parts.headers), now)
    {
        let problem =
            "metrics are for the machine itself, and not through a proxy; others bring [metrics] token";
        return denied.answer(problem);
    }
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], metrics::render()).into_response()
}

/// The path alone: queries may carry keys.
fn span(request: &Request) -> tracing::Span {
    let id =
        request.extensions().get::<RequestId>().and_then(|id| id.header_value().to_str().ok()).unwrap_or("");
    let connection = request.extensions().get::<Arc<Connection>>().map_or(0, |connection| connection.id);
    debug_span!("request", id, connection, method = %request.method(), path = request.uri().path())
}
