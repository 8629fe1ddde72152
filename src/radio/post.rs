//! Posts to other servers, over a connection each. Redirects are not followed, and what the answer holds is not read.

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use url::{Position, Url};

use super::sources::icy::ResponseHead;
use super::sources::upstream::{self, TlsConfig};

/// Bytes of an answer's head.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// Bytes read at a time.
const READ_BYTES: usize = 2 * 1024;

/// Posts, and gives the head of the answer. A header's value must be one line.
///
/// # Errors
/// There is no answer within the time, or none of HTTP. No error names the URL, which may be a secret.
pub async fn post(
    url: &Url,
    tls_config: &TlsConfig,
    headers: &[(&str, String)],
    body: &str,
    time: Duration,
) -> Result<ResponseHead> {
    timeout(time, exchange(url, tls_config, headers, body))
        .await
        .map_err(|_| anyhow!("no answer within {}", humantime::format_duration(time)))?
}

async fn exchange(
    url: &Url,
    tls_config: &TlsConfig,
    headers: &[(&str, String)],
    body: &str,
) -> Result<ResponseHead> {
    let mut stream = upstream::connect(url, tls_config).await?;
    let mut request = format!(
        "POST {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: roomhub/{}\r\nAccept: */*\r\nConnection: close\r\n\
         Content-Length: {}\r\n",
        &url[Position::BeforePath..Position::AfterQuery],
        &url[Position::BeforeHost..Position::AfterPort],
        env!("CARGO_PKG_VERSION"),
        body.len(),
    );
    for (name, value) in headers {
        request.extend([*name, ": ", value.as_str(), "\r\n"]);
    }
    request.extend(["\r\n", body]);
    stream.write_all(request.as_bytes()).await.context("the request cannot be sent")?;
    stream.flush().await.context("the request cannot be sent")?;
    let mut bytes = BytesMut::new();
    loop {
        if let Some(head) = ResponseHead::take(&mut bytes).map_err(|problem| anyhow!(problem))? {
            return Ok(head);
        }
        ensure!(bytes.len() <= MAX_HEAD_BYTES, "its answer's head is too long");
        bytes.reserve(READ_BYTES);
        ensure!(stream.read_buf(&mut bytes).await.context("no answer")? > 0, "it hangs up without an answer");
    }
}
