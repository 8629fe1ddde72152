//! Media as members get them, with files that ffmpeg makes and a check that knows three tickets.

mod listing;
mod sending;
mod transcoding;
mod uploads;

use std::fs::{self, File};
use std::net::IpAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use axum::Router;
use axum::body::{Body, to_bytes};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use serde_json::Value;
use tower::ServiceExt;

use super::access::MAX_TAKEN_FROM_PERSON;
use super::{Caller, Kind, Settings, TicketCheck, TranscodeLimits, UploadLimits, start};
use crate::party::PersonId;
use crate::rooms::test_stage::member;
use crate::runtime::{self, Clock, Context};

/// The longest that anything here may take, on a machine that has a lot else to do.
const PATIENCE: Duration = Duration::from_mins(5);

/// H.264 and AAC, three seconds of them, with a keyframe a second.
const PLAYABLE: &str = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 25 -c:a aac";

/// A folder with a service's media for the tickets `ann`, `bob` and `cyd`; `bob` may bring no files.
struct House {
    folder: tempfile::TempDir,
    data: tempfile::TempDir,
    context: Context,
    router: Router,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn text(&self) -> &str {
        str::from_utf8(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

fn settings(folder: &Path, data: &Path) -> Settings {
    Settings {
        service: "watch",
        folder: folder.into(),
        kinds: &[Kind::Video, Kind::Audio],
        max_files: 100,
        rescan_interval: Duration::from_mins(1),
        ffmpeg: "ffmpeg".into(),
        data_dir: data.into(),
        max_cache_bytes: 1_000_000,
        max_streams: 20,
        transcoding: Some(TranscodeLimits {
            jobs: 1,
            max_bytes: 100_000_000,
            timeout: PATIENCE,
            idle: PATIENCE,
        }),
        uploads: Some((
            data.join("uploads"),
            UploadLimits {
                max_bytes: 200_000,
                max_files: 2,
                max_total_bytes: 300_000,
                max_files_of_address: 100,
                max_bytes_of_address: 300_000,
                at_once: MAX_TAKEN_FROM_PERSON + 1,
                kept: PATIENCE,
            },
        )),
    }
}

impl House {
    fn open(fill: impl Fn(&Path), change: impl Fn(&mut Settings)) -> Self {
        let [folder, data] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        fill(folder.path());
        let mut settings = settings(folder.path(), data.path());
        change(&mut settings);
        let context = Context::new(Clock::start(), &runtime::Config::default());
        let check: TicketCheck = Arc::new(|ticket| {
            let may_add = ticket != "bob";
            let person =
                ["ann", "bob", "cyd"].contains(&ticket).then(|| PersonId::of_connection(member(ticket)));
            let from = (ticket != "cyd").then_some(IpAddr::from([203, 0, 113, 7]));
            Box::pin(async move { person.map(|person| Caller { person, may_add, from }) })
        });
        let router = start(settings, check, &context).unwrap();
        Self { folder, data, context, router }
    }

    async fn ask(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        Answer { status: head.status, headers: head.headers, body: to_bytes(body, usize::MAX).await.unwrap() }
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::get(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.ask(request.body(Body::empty()).unwrap()).await
    }

    async fn upload(&self, ticket: &str, name: &str, bytes: impl Into<Body>) -> Answer {
        let request = Request::post(format!("/media/upload?ticket={ticket}")).header("x-file-name", name);
        self.ask(request.body(bytes.into()).unwrap()).await
    }

    /// The list, once it has so many items.
    async fn items(&self, n: usize) -> Vec<Value> {
        eventually("so many items", async || {
            let list = self.get("/media/list?ticket=ann", &[]).await.json();
            let is_whole = list["isScanning"] == false;
            list["items"].as_array().filter(|items| items.len() == n && is_whole).cloned()
        })
        .await
    }
}

/// Asks again and again until `found` finds something: threads and ffmpeg announce nothing.
async fn eventually<T>(what: &str, found: impl AsyncFn() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(found) = found().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.unwrap_or_else(|_| panic!("{what} never came about"))
}

impl Drop for House {
    fn drop(&mut self) {
        self.context.stop();
    }
}

/// Makes a file of a test picture and a tone, an hour old.
fn film(folder: &Path, name: &str, seconds: u32, args: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let picture = format!("testsrc2=size=320x180:rate=25:duration={seconds}");
    make(&path, &["-f", "lavfi", "-i", &picture], seconds, args);
}

/// Makes a file of a tone.
fn song(folder: &Path, name: &str, seconds: u32, args: &str) {
    make(&folder.join(name), &[], seconds, args);
}

fn make(path: &Path, input: &[&str], seconds: u32, args: &str) {
    let sound = format!("sine=440:duration={seconds}");
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-y"]).args(input).args(["-f", "lavfi", "-i", &sound]);
    assert!(command.args(args.split_whitespace()).arg(path).status().unwrap().success(), "{path:?}");
    age(path);
}

/// Makes a file as old as files are that have been copied.
fn age(path: &Path) {
    let hour_ago =
        UNIX_EPOCH + Duration::from_micros(Clock::start().wall().as_micros()) - Duration::from_hours(1);
    File::options().write(true).open(path).unwrap().set_modified(hour_ago).unwrap();
}

fn id(item: &Value) -> &str {
    item["id"].as_str().unwrap()
}
