//! `[[radio.webhooks]]`: servers that are notified of tracks, live sources and shows, each by its own task.
//!
//! The body is JSON. With a secret, `X-Roomhub-Signature` is `sha256=` and the HMAC-SHA256 of the time in
//! `X-Roomhub-Timestamp`, a dot and the body, in hexadecimal digits. A delivery that is tried again has the same id.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use ring::hmac;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::sleep;
use tracing::{info, warn};
use url::Url;

use super::news::{Event, News, NewsBox};
use super::post::post;
use super::sources::source_slot::SourceKind;
use super::sources::upstream::{TlsConfig, parse_station_url};
use super::stations::Stations;
use super::{Config, StreamMode, paths};
use crate::config::Findings;
use crate::random;
use crate::secret::Secret;

/// The most webhooks: each has a task and a queue.
const MAX_WEBHOOKS: usize = 32;

/// The most times that a delivery is tried again.
const MAX_RETRIES: u32 = 10;

/// The longest pause before a delivery is tried again; pauses double.
const MAX_PAUSE: Duration = Duration::from_mins(1);

/// A kind of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A track begins.
    Track,
    /// A live source begins.
    LiveStart,
    /// A live source ends.
    LiveEnd,
    /// A show begins.
    ShowStart,
    /// A show ends.
    ShowEnd,
}

impl EventKind {
    /// The kind of an event in webhooks.
    fn of(event: &Event) -> Option<Self> {
        match event {
            Event::Track(..) => Some(Self::Track),
            Event::Jingle(_) => None,
            Event::LiveStart => Some(Self::LiveStart),
            Event::LiveEnd => Some(Self::LiveEnd),
            Event::ShowStart(_) => Some(Self::ShowStart),
            Event::ShowEnd(_) => Some(Self::ShowEnd),
        }
    }
}

/// A server that is notified.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WebhookConfig {
    /// The URL that events are sent to.
    pub url: String,
    /// What signs; empty signs nothing.
    pub secret: Secret,
    /// A file that holds the secret, instead of `secret`.
    pub secret_file: String,
    /// Of what; empty is everything.
    pub events: Vec<EventKind>,
    /// Of which stations; empty is all.
    pub routes: Vec<String>,
}

impl WebhookConfig {
    fn wants(&self, news: &News) -> bool {
        let is_of_route = || self.routes.iter().any(|route| *paths::route(route) == *news.route);
        let is_kind = |kind: EventKind| self.events.is_empty() || self.events.contains(&kind);
        EventKind::of(&news.event).is_some_and(is_kind) && (self.routes.is_empty() || is_of_route())
    }
}

/// Checks all webhooks.
pub fn validate(config: &Config, findings: &mut Findings) {
    for (place, webhook) in config.webhooks.iter().enumerate() {
        let key = format!("radio.webhooks[{}]", place + 1);
        if let Err(problem) = parse_station_url(&webhook.url) {
            findings
                .add(format!("{key}.url"), problem.replace("http://other:9999/news", "https://host/path"));
        }
        for route in webhook.routes.iter().filter(|route| !paths::is_route(&paths::route(route))) {
            findings.add(format!("{key}.routes"), format!("{route:?}: a path like \"/jazz\" is expected"));
        }
    }
    if config.webhooks.len() > MAX_WEBHOOKS {
        findings.add("radio.webhooks", format!("at most {MAX_WEBHOOKS} are expected"));
    }
    if !config.webhooks.is_empty() && config.stream_mode == StreamMode::Individual {
        let problem = "each listener has a stream of its own: stream_mode = \"radio\" is expected";
        findings.add("radio.webhooks", problem);
    }
    findings.not_zero("radio.webhook_timeout", config.webhook_timeout);
    findings.not_zero("radio.webhook_retry_pause", config.webhook_retry_pause);
    findings.at_least_one("radio.webhook_max_queued", config.webhook_max_queued);
    if config.webhook_retries > MAX_RETRIES {
        findings.add("radio.webhook_retries", format!("at most {MAX_RETRIES} are expected"));
    }
}

/// A webhook with what it has still to tell.
pub struct Webhook {
    /// Its number from 1, as the log and the metrics name it.
    number: usize,
    url: Url,
    key: Option<hmac::Key>,
    /// The kinds of events.
    pub unread: Arc<NewsBox>,
}

impl Webhook {
    /// All that are configured.
    pub fn all(config: &Config) -> Vec<Self> {
        let webhook = |(place, webhook): (usize, &WebhookConfig)| {
            let secret = &webhook.secret;
            let key = secret.is_set().then(|| hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes()));
            let url = parse_station_url(&webhook.url).ok()?;
            let wanted = webhook.clone();
            let wish = Box::new(move |news: &News| wanted.wants(news));
            let unread = NewsBox::new(config.webhook_max_queued, wish);
            Some(Self { number: place + 1, url, key, unread })
        };
        config.webhooks.iter().enumerate().filter_map(webhook).collect()
    }

    /// Tells what happens until the process stops.
    pub async fn run(self, stations: Arc<Stations>, tls_config: TlsConfig) {
        let context = stations.context.clone();
        tokio::select! {
            () = context.stopping() => {}
            () = self.tell(&stations, &tls_config) => {}
        }
    }

    async fn tell(&self, stations: &Stations, tls_config: &TlsConfig) {
        let number = self.number.to_string();
        let count = |outcome: &'static str| metrics::counter!("roomhub_radio_webhooks_total", "webhook" => number.clone(), "outcome" => outcome);
        let mut is_failing = false;
        loop {
            let (news, n_dropped) = self.unread.next().await;
            count("dropped").increment(n_dropped);
            let delivered = self.deliver(&news, stations, tls_config).await;
            count(if delivered.is_ok() { "delivered" } else { "failed" }).increment(1);
            match (&delivered, is_failing) {
                (Ok(()), true) => info!(webhook = self.number, "a webhook takes what it is told again"),
                (Err(error), false) => {
                    let (error, host) = (format!("{error:#}"), self.url.host_str().unwrap_or_default());
                    warn!(webhook = self.number, host, error, "a webhook does not take what it is told");
                }
                (Ok(()), false) | (Err(_), true) => {}
            }
            is_failing = delivered.is_err();
        }
    }

    /// Tells it once, and again as often as may be while that fails for a reason that may pass.
    async fn deliver(&self, news: &News, stations: &Stations, tls_config: &TlsConfig) -> Result<()> {
        let config = &stations.config;
        let body = body(news, stations).to_string();
        let mut pause = config.webhook_retry_pause;
        for n_left in (0..=config.webhook_retries).rev() {
            let headers = self.headers(&body, stations.context.clock.wall().as_millis() / 1000);
            let answer = post(&self.url, tls_config, &headers, &body, config.webhook_timeout).await;
            let status = answer.as_ref().map_or(0, |head| head.status);
            let result = answer.and_then(|_| {
                ensure!((200..300).contains(&status), "it answers {status}");
                Ok(())
            });
            if result.is_ok() || n_left == 0 || !may_pass(status) {
                return result;
            }
            sleep(pause).await;
            pause = (pause * 2).min(MAX_PAUSE);
        }
        Ok(())
    }

    fn headers(&self, body: &str, seconds: u64) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            ("Content-Type", "application/json".to_owned()),
            ("X-Roomhub-Timestamp", seconds.to_string()),
        ];
        if let Some(key) = &self.key {
            let code = hmac::sign(key, format!("{seconds}.{body}").as_bytes());
            headers.push(("X-Roomhub-Signature", format!("sha256={}", hex::encode(code))));
        }
        headers
    }
}

/// Whether a failure may pass: there was no answer, or one that says so.
fn may_pass(status: u16) -> bool {
    matches!(status, 0 | 408 | 425 | 429 | 500..)
}

/// The body of a delivery.
fn body(news: &News, stations: &Stations) -> Value {
    let station = stations.all.get(&*news.route);
    let mut body = json!({
        "id": hex::encode(random::bytes::<8>()),
        "event": EventKind::of(&news.event),
        "at": stations.unix_seconds(news.at),
        "station": {
            "route": *news.route,
            "name": station.map(|station| station.about.name.as_str()),
        },
        "listeners": station.map(|station| stations.n_listeners(station)),
    });
    match &news.event {
        Event::Track(track, source) => {
            body["source"] = json!(source);
            body["track"] = json!({
                "title": track.title,
                "artist": track.artist,
                "file": (*source == SourceKind::Folder).then_some(&track.file),
                "duration_seconds": track.duration_seconds,
            });
        }
        Event::ShowStart(name) | Event::ShowEnd(name) => body["show"] = json!({ "name": **name }),
        Event::Jingle(_) | Event::LiveStart | Event::LiveEnd => {}
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn webhook(events: &[EventKind], routes: &[&str]) -> WebhookConfig {
        let routes = routes.iter().map(|route| (*route).to_owned()).collect();
        WebhookConfig { events: events.to_vec(), routes, ..WebhookConfig::default() }
    }

    #[test]
    fn a_webhook_is_told_what_it_wants_of_the_stations_that_it_wants() {
        let news = |event| News { route: "/jazz".into(), at: Timestamp::default(), event };
        let live = news(Event::LiveStart);
        assert!(webhook(&[], &[]).wants(&live) && webhook(&[EventKind::LiveStart], &["jazz/"]).wants(&live));
        assert!(!webhook(&[EventKind::Track], &[]).wants(&live) && !webhook(&[], &["/news"]).wants(&live));
        assert!(!webhook(&[], &[]).wants(&news(Event::Jingle(Arc::default()))));
        assert_eq!([0, 301, 404, 429, 503].map(may_pass), [true, false, false, true, true]);
    }

    #[test]
    fn the_time_and_the_body_are_signed() {
        let secret = Secret::new("key");
        let config = Config {
            webhooks: vec![WebhookConfig {
                url: "https://host/hook".into(),
                secret,
                ..WebhookConfig::default()
            }],
            ..Config::default()
        };
        let headers = Webhook::all(&config).remove(0).headers("{}", 1_700_000_000);
        // As `printf '1700000000.{}' | openssl dgst -sha256 -hmac key` says.
        let expected = "sha256=9d713ed406bb7076d4123f0dc2c39d2df5c654ed4b0cd56b52c8b4c940bd63ae";
        assert_eq!(headers[2], ("X-Roomhub-Signature", expected.to_owned()));
    }
}
