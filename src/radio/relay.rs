//! Relays: a station that is fed by another server, over one connection, with its titles.
//!
//! When the other one fails, the folder plays, and the relay is tried again after pauses that grow. A station says
//! whose sound it relays, and does not take its own from another.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use bytes::{Bytes, BytesMut};
use http::Uri;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tracing::{info, warn};

use super::guest::{self, Inlet};
use super::handle::Handle;
use super::icy::{Answer, Heard, IcyReader};
use super::microphone::Origin;
use super::protocol::PATH_HEADER;
use super::stations::Stations;
use super::track::{Track, clean};
use crate::config;
use crate::http::tls;

/// The pause after the first failure; each one more doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// A relay that was on the air for so long begins with the first pause again.
const STEADY: Duration = Duration::from_secs(30);

/// A live guest may have the microphone: the relay looks for its end this often.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// A longer head is no station's.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// Read at a time.
const PIECE_BYTES: usize = 8 * 1024;

/// Other addresses that one is sent on to.
const MAX_REDIRECTS: usize = 3;

/// What a relayed station is listed as, which has no file.
const FILE: &str = "relay";

/// A connection, plain or not.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// What trusts other servers.
pub type Trust = Arc<ClientConfig>;

/// Trusts public authorities, and those in a PEM file if one is named.
pub fn trust(ca: &str) -> Result<Trust> {
    let file = (!ca.is_empty()).then(|| Path::new(ca));
    tls::client(file).context("[radio] relay_ca")
}

/// The address of another station, if it is one.
pub fn address(url: &str) -> Result<Uri, String> {
    let shown = config::without_credentials(url);
    let expected = || format!("{shown:?}: an address like \"http://other:9999/news\" is expected");
    let uri: Uri = url.parse().map_err(|_| expected())?;
    let is_known = matches!(uri.scheme_str(), Some("http" | "https"));
    let is_plain = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    if is_known && is_plain && uri.host().is_some_and(|host| !host.is_empty()) {
        Ok(uri)
    } else {
        Err(expected())
    }
}

/// Relays another station to this one until the process stops.
pub async fn run(stations: Arc<Stations>, station: Handle, uri: Uri, trust: Trust) {
    let context = stations.context.clone();
    let relaying = async {
        let mut pause = FIRST_PAUSE;
        loop {
            while !station.microphone.is_free() {
                sleep(LOOK_AGAIN).await;
            }
            let started = context.clock.uptime();
            let ended = relay(&stations, &station, &uri, &trust).await;
            station.on_air.lock().path.clear();
            if context.clock.uptime().saturating_sub(started) > STEADY {
                pause = FIRST_PAUSE;
            }
            let (route, retry_secs) = (&station.route, pause.as_secs());
            match ended {
                Ok(why) => info!(%route, %uri, why, retry_secs, "a relay has ended"),
                Err(error) => {
                    warn!(%route, %uri, error = format!("{error:#}"), retry_secs, "a station cannot be relayed");
                }
            }
            sleep(pause).await;
            pause = (pause * 2).min(stations.config.relay_max_pause);
        }
    };
    tokio::select! {
        () = context.stopping() => {}
        () = relaying => {}
    }
}

/// Relays once: why it ended.
async fn relay(stations: &Stations, station: &Handle, uri: &Uri, trust: &Trust) -> Result<&'static str> {
    let patience = stations.config.source_timeout;
    let asked = async {
        let mut uri = uri.clone();
        for _ in 0..=MAX_REDIRECTS {
            let (stream, answer, rest) = ask(&uri, trust).await?;
            if !(300..400).contains(&answer.status) {
                return Ok((stream, answer, rest));
            }
            uri = address(answer.header("location")).map_err(|problem| anyhow!("sent on to {problem}"))?;
        }
        bail!("sent on more than {MAX_REDIRECTS} times")
    };
    let (mut stream, answer, rest) = timeout(patience, asked).await.context("it does not answer")??;
    let kind = answer.header("content-type");
    ensure!(answer.status == 200, "it answers {}", answer.status);
    ensure!(kind.is_empty() || kind.starts_with("audio/mpeg"), "it broadcasts {kind:?} and not MP3");
    ensure!(!answer.header("transfer-encoding").contains("chunked"), "it answers HTTP/1.0 in chunks");
    let path = answer.header(PATH_HEADER);
    ensure!(
        !path.split(", ").any(|step| step == stations.step(&station.route)),
        "it relays this station: a loop"
    );
    let Some(turn) = station.microphone.take(Origin::Relay) else { return Ok("a live source is on the air") };
    clean(path).clone_into(&mut station.on_air.lock().path);
    let title = Track { title: clean(answer.header("icy-name")), ..other_track() };
    let inlet = guest::start(station, turn, Origin::Relay, title, stations.config.bitrate_kbps)?;
    info!(route = %station.route, %uri, "a station is relayed");
    let reader = IcyReader::new(answer.header("icy-metaint").parse().ok());
    let why = pass_on(&mut stream, &inlet, reader, rest.freeze(), patience).await;
    if inlet.is_on() {
        inlet.finish().await;
    }
    Ok(why)
}

/// Passes on sound and titles until there are no more.
async fn pass_on(
    stream: &mut dyn Stream,
    inlet: &Inlet,
    mut reader: IcyReader,
    mut bytes: Bytes,
    patience: Duration,
) -> &'static str {
    loop {
        while let Some(heard) = reader.next(&mut bytes) {
            let is_heard = match heard {
                Heard::Sound(sound) => inlet.say(sound).await,
                Heard::Title(title) => inlet.name(song(&title)).await,
            };
            if !is_heard {
                return "a live source took over, or nobody understands it";
            }
        }
        let mut piece = BytesMut::with_capacity(PIECE_BYTES);
        match timeout(patience, stream.read_buf(&mut piece)).await {
            Err(_) => return "it has stalled",
            Ok(Err(_) | Ok(0)) => return "its connection has ended",
            Ok(Ok(_)) => bytes = piece.freeze(),
        }
    }
}

/// Connects and asks: the connection, the answer's head, and what came after it.
async fn ask(uri: &Uri, trust: &Trust) -> Result<(Box<dyn Stream>, Answer, BytesMut)> {
    let authority = uri.authority().context("an address has a host")?;
    let is_secure = uri.scheme_str() == Some("https");
    let host = authority.host().trim_matches(['[', ']']);
    let port = authority.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
    let socket = TcpStream::connect((host, port)).await.context("cannot be reached")?;
    let mut stream: Box<dyn Stream> = if is_secure {
        let name = ServerName::try_from(host.to_owned()).context("its name")?;
        let connector = TlsConnector::from(Arc::clone(trust));
        Box::new(connector.connect(name, socket).await.context("TLS")?)
    } else {
        Box::new(socket)
    };
    let target = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let request = format!(
        "GET {target} HTTP/1.0\r\nHost: {authority}\r\nUser-Agent: roomhub/{}\r\nAccept: audio/mpeg\r\nIcy-MetaData: 1\r\n\r\n",
        env!("CARGO_PKG_VERSION")
    );
    stream.write_all(request.as_bytes()).await?;
    let mut bytes = BytesMut::new();
    loop {
        if let Some(answer) = Answer::take(&mut bytes).map_err(|problem| anyhow!(problem))? {
            return Ok((stream, answer, bytes));
        }
        ensure!(bytes.len() <= MAX_HEAD_BYTES, "its answer has no end");
        bytes.reserve(PIECE_BYTES);
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
    }
}

fn other_track() -> Track {
    Track { file: FILE.into(), ..Track::default() }
}

/// The track that a title names: `Artist - Title`, or the title alone.
fn song(title: &str) -> Track {
    let title = clean(title);
    match title.split_once(" - ") {
        Some((artist, title)) => {
            Track { title: title.trim().into(), artist: artist.trim().into(), ..other_track() }
        }
        None => Track { title, ..other_track() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_stations_are_whole_and_carry_no_password() {
        for url in ["http://other:9999/news", "https://radio.example.org/", "http://[::1]:80/a?b=c"] {
            assert!(address(url).is_ok(), "{url}");
        }
        for url in ["", "/news", "ftp://other/", "http://", "http://user:word@other/", "http:///a"] {
            assert!(address(url).is_err(), "{url}");
        }
    }

    #[test]
    fn songs_come_apart_at_the_first_dash() {
        let parts = |title: &str| (song(title).artist, song(title).title);
        assert_eq!(parts("Ann - Eins - Live"), ("Ann".into(), "Eins - Live".into()));
        assert_eq!(parts("Eins"), (String::new(), "Eins".into()));
    }
}
