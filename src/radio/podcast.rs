//! Recordings of live shows as a podcast: `/podcast/<route>.xml` in RSS 2.0, and the files at `/recordings/<route>/<file>`.
//!
//! What is served is looked up among the finished recordings, so no address leads to any other file.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use jiff::tz::TimeZone;

use super::about::About;
use super::answers::{failure, not_found};
use super::output::listener_limits::Limits;
use super::paths::encoded;
use super::recording::{Recorded, media_type};
use super::station_handle::StationHandle;
use super::stations::Stations;
use super::visitor::{Base, Visitor};
use super::xml::escaped;
use crate::media::sent_file::{self, Asked};

/// Recordings in a feed: clients fetch it again and again.
const MAX_ITEMS: usize = 100;

/// The name of the feed of the station at `/`.
const ROOT_NAME: &str = "/stream";

/// Whose downloads are counted, which is not by station.
const ALL: &str = "recordings";

/// The routes.
pub fn router() -> Router<Arc<Stations>> {
    Router::new().route("/podcast/{*path}", get(feed)).route("/recordings/{*path}", get(file))
}

async fn feed(
    State(stations): State<Arc<Stations>>,
    Path(path): Path<String>,
    Base(base): Base,
    visitor: Visitor,
) -> Response {
    let Some(path) = path.strip_suffix(".xml") else { return not_found() };
    let station = match station(&stations, path, &visitor) {
        Ok(station) => station,
        Err(refused) => return *refused,
    };
    let Some(shelf) = &stations.shelf else { return not_found() };
    let query = visitor.query_for(&stations, &station).unwrap_or_default();
    let recordings = shelf.finished(&station.route, MAX_ITEMS);
    let text = rss(&station.about, &Addresses { base, route: &station.route, query }, &recordings);
    let headers = [(CONTENT_TYPE, "application/rss+xml; charset=utf-8"), (CACHE_CONTROL, "no-store")];
    (headers, text).into_response()
}

async fn file(
    State(stations): State<Arc<Stations>>,
    Path(path): Path<String>,
    visitor: Visitor,
    request: Request,
) -> Response {
    let Some((route, file)) = path.rsplit_once('/') else { return not_found() };
    let station = match station(&stations, route, &visitor) {
        Ok(station) => station,
        Err(refused) => return *refused,
    };
    let found = stations.shelf.as_ref().and_then(|shelf| shelf.find(&station.route, file));
    let Some(path) = found else { return not_found() };
    let limits = Limits {
        total: stations.config.max_downloads,
        per_station: stations.config.max_downloads,
        per_address: stations.config.max_downloads_per_address,
    };
    let Some(permit) = stations.downloads.acquire(&ALL.into(), Some(visitor.person()), limits) else {
        let response = failure(StatusCode::SERVICE_UNAVAILABLE, "too many downloads: try again");
        return ([(RETRY_AFTER, "10")], response).into_response();
    };
    let sent = sent_file::send(&path, media_type(file), Asked::of(&request), permit).await;
    sent.unwrap_or_else(|_| not_found())
}

/// The station at a path, if it has a podcast, and this visitor may hear it.
fn station(stations: &Stations, path: &str, visitor: &Visitor) -> Result<StationHandle, Box<Response>> {
    let station = visitor.find(stations, path)?;
    if stations.config.has_podcast(&station.route) { Ok(station) } else { Err(Box::new(not_found())) }
}

/// Where a station's feed, its recordings and the station are found.
struct Addresses<'a> {
    base: String,
    route: &'a str,
    /// What brings the key of the station.
    query: String,
}

impl Addresses<'_> {
    /// The route where it needs a name.
    fn name(&self) -> String {
        encoded(if self.route == "/" { ROOT_NAME } else { self.route })
    }

    fn feed(&self) -> String {
        format!("{}/podcast{}.xml{}", self.base, self.name(), self.query)
    }

    fn station(&self) -> String {
        format!("{}{}{}", self.base, encoded(self.route), self.query)
    }

    fn recording(&self, file: &str) -> String {
        let file = encoded(file);
        format!("{}/recordings{}/{file}{}", self.base, self.name(), self.query)
    }
}

/// The feed.
fn rss(about: &About, addresses: &Addresses<'_>, recordings: &[Recorded]) -> String {
    let About { name, description, language, .. } = about;
    let mut xml = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <rss version=\"2.0\" xmlns:atom=\"http://www.w3.org/2005/Atom\" \
         xmlns:itunes=\"http://www.itunes.com/dtds/podcast-1.0.dtd\">\n<channel>\n",
    );
    let description = if description.is_empty() { name } else { description };
    element(&mut xml, "title", name);
    element(&mut xml, "link", &addresses.station());
    element(&mut xml, "description", description);
    if !language.is_empty() {
        element(&mut xml, "language", language);
    }
    let own = escaped(&addresses.feed());
    let _ = writeln!(xml, "<atom:link href=\"{own}\" rel=\"self\" type=\"application/rss+xml\"/>");
    element(&mut xml, "itunes:author", name);
    element(&mut xml, "itunes:explicit", "false");
    xml.push_str("<itunes:category text=\"Music\"/>\n");
    if let Some(latest) = recordings.first() {
        element(&mut xml, "lastBuildDate", &date(latest.started_at));
    }
    for recorded in recordings {
        item(&mut xml, name, addresses, recorded);
    }
    xml.push_str("</channel>\n</rss>\n");
    xml
}

fn item(xml: &mut String, station: &str, addresses: &Addresses<'_>, recorded: &Recorded) {
    let Recorded { id, file, title, dj, started_at, seconds, n_bytes, .. } = recorded;
    xml.push_str("<item>\n");
    element(xml, "title", title);
    let url = escaped(&addresses.recording(file));
    let _ = writeln!(xml, "<enclosure url=\"{url}\" length=\"{n_bytes}\" type=\"{}\"/>", media_type(file));
    let _ = writeln!(xml, "<guid isPermaLink=\"false\">{id}</guid>");
    element(xml, "pubDate", &date(*started_at));
    element(xml, "itunes:author", dj.as_deref().unwrap_or(station));
    element(xml, "itunes:duration", &(seconds.max(0.0).round() as u64).to_string());
    xml.push_str("</item>\n");
}

fn element(xml: &mut String, name: &str, text: &str) {
    let _ = writeln!(xml, "<{name}>{}</{name}>", escaped(text));
}

/// A moment, in milliseconds since the epoch, in the format of RSS.
fn date(millis: u64) -> String {
    let moment = jiff::Timestamp::from_millisecond(millis.cast_signed()).unwrap_or_default();
    TimeZone::UTC.to_datetime(moment).strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recordings::RecordingId;

    #[test]
    fn a_feed_has_what_podcast_clients_need_and_no_markup_of_others() {
        let about = About { name: "R & B <live>".into(), language: "de".into(), ..About::default() };
        let recorded = Recorded {
            version: 1,
            id: RecordingId::read("abcdefghijklmnop").unwrap(),
            route: "/".into(),
            file: "2026-11-28T20-00-00 A & B.mp3".into(),
            title: "A & B \"</title>\u{1}".into(),
            dj: Some("Ann".into()),
            started_at: 1_795_896_000_000,
            seconds: 61.6,
            n_bytes: 1234,
            is_finished: true,
        };
        let addresses = Addresses { base: "http://a".into(), route: "/", query: "?key=a&b".into() };
        expect_test::expect![[r#"
            <?xml version="1.0" encoding="UTF-8"?>
            <rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd">
            <channel>
            <title>R &amp; B &lt;live&gt;</title>
            <link>http://a/?key=a&amp;b</link>
            <description>R &amp; B &lt;live&gt;</description>
            <language>de</language>
            <atom:link href="http://a/podcast/stream.xml?key=a&amp;b" rel="self" type="application/rss+xml"/>
            <itunes:author>R &amp; B &lt;live&gt;</itunes:author>
            <itunes:explicit>false</itunes:explicit>
            <itunes:category text="Music"/>
            <lastBuildDate>Sat, 28 Nov 2026 20:00:00 +0000</lastBuildDate>
            <item>
            <title>A &amp; B &quot;&lt;/title&gt;</title>
            <enclosure url="http://a/recordings/stream/2026-11-28T20-00-00%20A%20%26%20B.mp3?key=a&amp;b" length="1234" type="audio/mpeg"/>
            <guid isPermaLink="false">abcdefghijklmnop</guid>
            <pubDate>Sat, 28 Nov 2026 20:00:00 +0000</pubDate>
            <itunes:author>Ann</itunes:author>
            <itunes:duration>62</itunes:duration>
            </item>
            </channel>
            </rss>
        "#]]
        .assert_eq(&rss(&about, &addresses, &[recorded]));
    }
}
