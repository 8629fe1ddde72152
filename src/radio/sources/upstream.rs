//! Requests a stream from another server, over redirects and playlists, and rejects what is no sound that is decoded.

use std::io;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use bytes::{Bytes, BytesMut};
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::{Position, Url};

use super::http_body::HttpBody;
use super::icy::ResponseHead;
use crate::config;
use crate::http::tls;
use crate::radio::Config;
use crate::radio::protocol::{essence, is_playable};

/// Bytes read at a time.
const READ_BYTES: usize = 8 * 1024;

/// The media types of playlists.
const PLAYLIST_TYPES: [&str; 9] = [
    "audio/x-mpegurl",
    "audio/mpegurl",
    "application/x-mpegurl",
    "application/mpegurl",
    "application/vnd.apple.mpegurl",
    "audio/x-scpls",
    "audio/scpls",
    "application/x-scpls",
    "application/pls+xml",
];

/// A connection, with or without TLS.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// The TLS settings for other servers.
pub type TlsConfig = Arc<ClientConfig>;

/// Trusts the public certificate authorities, and those in a PEM file if one is configured.
pub fn tls_config(ca: &str) -> Result<TlsConfig> {
    let file = (!ca.is_empty()).then(|| Path::new(ca));
    tls::client(file).context("[radio] relay_ca")
}

/// Parses the URL of another station.
pub fn parse_station_url(text: &str) -> Result<Url, String> {
    let shown = config::without_credentials(text);
    let expected = || format!("{shown:?}: an address like \"http://other:9999/news\" is expected");
    let rest = text.split_once("://").map(|(_, rest)| rest).filter(|rest| !rest.starts_with('/'));
    let url = rest.and_then(|_| Url::parse(text).ok()).ok_or_else(expected)?;
    if is_station_url(&url) { Ok(url) } else { Err(expected()) }
}

fn is_station_url(url: &Url) -> bool {
    let is_plain = url.username().is_empty() && url.password().is_none();
    ["http", "https"].contains(&url.scheme()) && url.has_host() && is_plain
}

/// A connection that streams sound.
pub struct Upstream {
    stream: Box<dyn Stream>,
    /// The head of its response.
    pub response: ResponseHead,
    body: HttpBody,
    bytes: Bytes,
}

/// Requests a stream at a URL, and follows redirects and playlists.
pub async fn open(url: &Url, tls_config: &TlsConfig, config: &Config) -> Result<Upstream> {
    let mut url = url.clone();
    for _ in 0..=config.relay_max_redirects {
        let mut upstream = request_stream(&url, tls_config, config.relay_max_head_bytes).await?;
        let target = match ResponseKind::of(&upstream.response, url.path())? {
            ResponseKind::Audio => return Ok(upstream),
            ResponseKind::Redirect => upstream.response.header("location").to_owned(),
            ResponseKind::Playlist => {
                first_entry(&upstream.text(config.relay_max_playlist_bytes).await?)?.to_owned()
            }
        };
        let joined = url.join(&target).ok().filter(|url| !target.is_empty() && is_station_url(url));
        url = joined.with_context(|| {
            format!(
                "it redirects to {:?}, which is not a station's URL",
                config::without_credentials(&target)
            )
        })?;
    }
    bail!("it redirects more than {} times", config.relay_max_redirects)
}

/// What a response contains.
#[derive(Debug, PartialEq, Eq)]
enum ResponseKind {
    Audio,
    Playlist,
    Redirect,
}

impl ResponseKind {
    fn of(response: &ResponseHead, path: &str) -> Result<Self> {
        match response.status {
            200 => {}
            301 | 302 | 303 | 307 | 308 => return Ok(Self::Redirect),
            status => bail!("it answers {status}"),
        }
        let encoding = response.header("content-encoding");
        ensure!(["", "identity"].contains(&encoding), "it sends {encoding:?}, which was not asked for");
        let media_type = essence(response.header("content-type"));
        let is_named_like_a_list =
            [".m3u", ".m3u8", ".pls"].iter().any(|end| path.to_ascii_lowercase().ends_with(end));
        match media_type.as_str() {
            known if PLAYLIST_TYPES.contains(&known) => Ok(Self::Playlist),
            "" | "text/plain" | "application/octet-stream" if is_named_like_a_list => Ok(Self::Playlist),
            known if known.is_empty() || is_playable(known) => Ok(Self::Audio),
            other => bail!("it broadcasts {other:?}, which is not decoded"),
        }
    }
}

/// The first URL in an M3U or PLS playlist.
pub fn first_entry(text: &str) -> Result<&str> {
    ensure!(!text.contains("#EXT-X-"), "it is an HLS playlist, which cannot be relayed");
    let is_pls = text.trim_start().get(..10).is_some_and(|head| head.eq_ignore_ascii_case("[playlist]"));
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let found = if is_pls {
        lines.find_map(|line| {
            let (key, value) = line.split_once('=')?;
            let is_file = key.trim().get(..4).is_some_and(|word| word.eq_ignore_ascii_case("file"));
            is_file.then(|| value.trim())
        })
    } else {
        lines.find(|line| !line.starts_with('#'))
    };
    found.context("it is a playlist without a URL")
}

impl Upstream {
    /// The next bytes of the body; `None` at the end.
    pub async fn next_chunk(&mut self) -> Result<Option<Bytes>> {
        loop {
            while !self.bytes.is_empty() {
                let content = self.body.next_content(&mut self.bytes);
                let content = content.map_err(|_| anyhow!("its chunked encoding is malformed"))?;
                if !content.is_empty() {
                    return Ok(Some(content));
                }
            }
            let mut buffer = BytesMut::with_capacity(READ_BYTES);
            if self.body.is_complete() || self.stream.read_buf(&mut buffer).await? == 0 {
                return Ok(None);
            }
            self.bytes = buffer.freeze();
        }
    }

    /// The whole body as text.
    async fn text(&mut self, max_bytes: usize) -> Result<String> {
        let mut bytes = Vec::new();
        while let Some(chunk) = self.next_chunk().await? {
            bytes.extend(chunk);
            ensure!(bytes.len() <= max_bytes, "its playlist is too long");
        }
        Ok(String::from_utf8_lossy(&bytes).trim_start_matches('\u{feff}').to_owned())
    }
}

/// Connects to the server of a URL.
///
/// # Errors
/// It cannot be reached, or has no certificate that is trusted.
pub async fn connect(url: &Url, tls_config: &TlsConfig) -> Result<Box<dyn Stream>> {
    let host = url.host_str().context("an address has a host")?.trim_matches(['[', ']']);
    let port = url.port_or_known_default().context("an address has a port")?;
    let socket = TcpStream::connect((host, port)).await.context("cannot be reached")?;
    if url.scheme() != "https" {
        return Ok(Box::new(socket));
    }
    let name = ServerName::try_from(host.to_owned()).context("its name")?;
    let connector = TlsConnector::from(Arc::clone(tls_config));
    Ok(Box::new(connector.connect(name, socket).await.context("TLS")?))
}

/// Connects and sends a request.
async fn request_stream(url: &Url, tls_config: &TlsConfig, max_head_bytes: usize) -> Result<Upstream> {
    let mut stream = connect(url, tls_config).await?;
    let request = format!(
        "GET {} HTTP/1.0\r\nHost: {}\r\nUser-Agent: roomhub/{}\r\nAccept: audio/mpeg, */*;q=0.1\r\n\
         Accept-Encoding: identity\r\nIcy-MetaData: 1\r\n\r\n",
        &url[Position::BeforePath..Position::AfterQuery],
        &url[Position::BeforeHost..Position::AfterPort],
        env!("CARGO_PKG_VERSION")
    );
    stream.write_all(request.as_bytes()).await?;
    let mut bytes = BytesMut::new();
    loop {
        if let Some(response) = ResponseHead::take(&mut bytes).map_err(|problem| anyhow!(problem))? {
            let body = HttpBody::from_headers(
                response.header("transfer-encoding"),
                response.header("content-length"),
            );
            return Ok(Upstream { stream, response, body, bytes: bytes.freeze() });
        }
        ensure!(bytes.len() <= max_head_bytes, "its response head is too long");
        bytes.reserve(READ_BYTES);
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn station_urls_are_absolute_and_contain_no_password() {
        for url in [
            "http://other:9999/news",
            "https://radio.example.org/",
            "http://[::1]:80/a?b=c",
            "http://радио.рф/a",
        ] {
            assert!(parse_station_url(url).is_ok(), "{url}");
        }
        for url in
            ["", "/news", "ftp://other/", "http://", "http://user:word@other/", "http:///a", "http:other"]
        {
            assert!(parse_station_url(url).is_err(), "{url}");
        }
    }

    fn kind(head: &str, path: &str) -> Result<ResponseKind, String> {
        let response = ResponseHead::take(&mut BytesMut::from(&*format!("{head}\r\n\r\n"))).unwrap().unwrap();
        ResponseKind::of(&response, path).map_err(|error| error.to_string())
    }

    #[test]
    fn the_kind_of_a_response_is_determined_by_its_type_and_name() {
        let ok = |media_type: &str, path: &str| {
            kind(&format!("HTTP/1.0 200 OK\r\nContent-Type: {media_type}"), path)
        };
        for media_type in
            ["", "audio/mpeg", "Audio/MPEG; charset=x", "audio/x-mp3", "application/octet-stream"]
        {
            assert_eq!(ok(media_type, "/news"), Ok(ResponseKind::Audio), "{media_type}");
        }
        for media_type in ["audio/x-mpegurl", "audio/mpegurl", "audio/x-scpls; a=b"] {
            assert_eq!(ok(media_type, "/news"), Ok(ResponseKind::Playlist), "{media_type}");
        }
        assert_eq!(ok("text/plain", "/news.PLS"), Ok(ResponseKind::Playlist));
        for media_type in ["text/html; charset=utf-8", "video/mp4", "audio/midi", "text/plain"] {
            assert!(ok(media_type, "/news").unwrap_err().contains("which is not decoded"), "{media_type}");
        }
        assert_eq!(kind("HTTP/1.1 307 Found", "/"), Ok(ResponseKind::Redirect));
        assert_eq!(kind("HTTP/1.1 304 Not Modified", "/"), Err("it answers 304".into()));
        assert!(kind("ICY 200 OK\r\nContent-Encoding: gzip", "/").unwrap_err().contains("gzip"));
    }

    #[test]
    fn the_first_url_of_a_playlist_is_used() {
        let of = |text: &str| first_entry(text).map(str::to_owned).map_err(|error| error.to_string());
        assert_eq!(
            of("#EXTM3U\r\n#EXTINF:-1,News\r\n\r\n  ../news?a=b \r\nother\r\n"),
            Ok("../news?a=b".into())
        );
        assert_eq!(
            of("[Playlist]\nNumberOfEntries=2\nfile1 = http://a/\nFile2=http://b/\n"),
            Ok("http://a/".into())
        );
        assert!(of("#EXTM3U\n#EXT-X-VERSION:3\nhls/1.mp3").unwrap_err().contains("HLS"));
        assert!(of("[playlist]\nNumberOfEntries=0").is_err() && of("").is_err() && of("#EXTM3U\n").is_err());
    }
}
