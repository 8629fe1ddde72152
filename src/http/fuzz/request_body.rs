//! Fuzz target of requests' bodies: however they are cut they are the same, and what they hold is given back.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use http::{Response, StatusCode};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::runtime;
use tokio::task::yield_now;

use crate::http::budget::{Budget, FREE_BYTES, Share};
use crate::http::connection::Connection;
use crate::http::request_body::{BodyLimits, Intake, limit};

/// What a connection holds between its two ends.
const PIPE_BYTES: usize = 64 * 1024;

/// No input takes as long.
const TIMEOUT: Duration = Duration::from_hours(1);

/// What became of a request: its body if it came to its end, and the status if its body was given up.
type Outcome = (Option<Bytes>, Option<StatusCode>);

/// Requests, from the first one's headers on; and one whose body is the input again and again, beyond what is free.
pub fn request_body(input: &[u8]) {
    let requests = [b"POST / HTTP/1.1\r\n", input].concat();
    let whole = serve(&requests, requests.len(), 0);
    for piece in [1, 7] {
        assert_eq!(serve(&requests, piece, 0), whole, "in pieces of {piece}");
    }
    if input.is_empty() {
        return;
    }
    let body = input.repeat(FREE_BYTES / input.len() + 1);
    let head = format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n", body.len());
    let request = [head.as_bytes(), &body].concat();
    let needed_bytes = body.len() - FREE_BYTES;
    let refused = serve(&request, request.len(), needed_bytes - 1);
    assert_eq!(refused, [(None, Some(StatusCode::SERVICE_UNAVAILABLE))]);
    assert_eq!(serve(&request, request.len(), needed_bytes), [(Some(body.into()), None)]);
}

/// What becomes of requests that come in pieces.
fn serve(bytes: &[u8], piece: usize, budget_bytes: usize) -> Vec<Outcome> {
    let runtime = runtime::Builder::new_current_thread().enable_time().build().expect("there is memory");
    let budget = Budget::new(budget_bytes);
    let limits = BodyLimits { timeout: TIMEOUT, budget: Arc::clone(&budget) };
    let connection = Connection::new(0, SocketAddr::from(([127, 0, 0, 1], 0)), "fuzz", None, None);
    let outcomes = Mutex::new(Vec::new());
    let answer = service_fn(|request| {
        let (request, fate) = limit(request, &limits, Intake::Whole, &connection);
        let outcomes = &outcomes;
        async move {
            let body = to_bytes(request.into_body(), usize::MAX).await.ok();
            let refusal = fate.and_then(|fate| fate.refusal());
            outcomes.lock().push((body, refusal.as_ref().map(Response::status)));
            Ok::<_, Infallible>(refusal.unwrap_or_else(|| Response::new(Body::empty())))
        }
    });
    let (client, server) = duplex(PIPE_BYTES);
    // A client that has said everything still hears the answer.
    let http = http1::Builder::new().half_close(true).serve_connection(TokioIo::new(server), answer);
    // What is no request ends the connection; that is the HTTP library's to judge.
    let _ = runtime.block_on(async { tokio::join!(http, say(client, bytes, piece)) });
    assert_eq!(
        Share::new(&budget).cover(FREE_BYTES + budget_bytes),
        Ok(()),
        "the budget gets everything back"
    );
    outcomes.into_inner()
}

/// Sends all that there is, whatever is answered.
async fn say(client: DuplexStream, bytes: &[u8], piece: usize) {
    let (mut answers, mut requests) = tokio::io::split(client);
    let send = async {
        for bytes in bytes.chunks(piece) {
            requests.write_all(bytes).await?;
            yield_now().await;
        }
        requests.shutdown().await
    };
    let mut heard = Vec::new();
    let _ = tokio::join!(send, answers.read_to_end(&mut heard));
}
