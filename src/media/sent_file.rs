//! The answer to whoever asks for a file: all of it, a part, or that it is the one that is known already.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::file_body;
use super::range::Wanted;
use crate::http::connection::Connection;

/// Browsers may keep what they have been sent, and nobody between them and here.
pub const PRIVATE: HeaderValue = HeaderValue::from_static("private, max-age=3600");

/// What of a request says which part of a file it wants, and how it is sent.
pub struct Asked<'a>(&'a HeaderMap, Option<Arc<Connection>>);

impl<'a> Asked<'a> {
    /// What a request says.
    pub fn of(request: &'a Request) -> Self {
        Self(request.headers(), request.extensions().get::<Arc<Connection>>().map(Arc::clone))
    }
}

/// A file, or the part that was asked for; what is `held` is given back once it is out.
pub async fn send(
    path: &Path,
    media_type: &'static str,
    asked: Asked<'_>,
    held: impl Send + Sync + 'static,
) -> io::Result<Response> {
    let Asked(headers, connection) = asked;
    let opened = path.to_owned();
    let open = move || {
        let file = File::open(opened)?;
        let metadata = file.metadata()?;
        Ok::<_, io::Error>((file, metadata))
    };
    let (file, metadata) = tokio::task::spawn_blocking(open).await.map_err(io::Error::other)??;
    if !metadata.is_file() {
        return Err(io::ErrorKind::NotFound.into());
    }
    let n_bytes = metadata.len();
    let tag = tag(&metadata);
    let known = headers.get(IF_NONE_MATCH).and_then(|tags| tags.to_str().ok()).unwrap_or_default();
    if known.split(',').any(|known| known.trim() == tag) {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response());
    }
    let (status, range, first, n_sent) = match Wanted::of(headers, n_bytes, &tag) {
        Wanted::Whole => (StatusCode::OK, None, 0, n_bytes),
        Wanted::Part(first, last) => {
            let range = format!("bytes {first}-{last}/{n_bytes}");
            (StatusCode::PARTIAL_CONTENT, Some(range), first, last - first + 1)
        }
        Wanted::Nothing => (StatusCode::RANGE_NOT_SATISFIABLE, Some(format!("bytes */{n_bytes}")), 0, 0),
    };
    let body =
        if n_sent > 0 { file_body::body(file, first, n_sent, connection, held) } else { Body::empty() };
    let fields = [
        (CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (ACCEPT_RANGES, HeaderValue::from_static("bytes")),
        (CACHE_CONTROL, PRIVATE),
        (CONTENT_LENGTH, HeaderValue::from(n_sent)),
    ];
    let mut response = (status, fields, [(ETAG, tag)], body).into_response();
    if let Some(range) = range.and_then(|range| HeaderValue::try_from(range).ok()) {
        response.headers_mut().insert(CONTENT_RANGE, range);
    }
    Ok(response)
}

/// A tag that a file has while it is the same.
fn tag(metadata: &Metadata) -> String {
    format!("\"{:x}-{:x}-{:x}\"", metadata.len(), metadata.mtime(), metadata.mtime_nsec())
}
