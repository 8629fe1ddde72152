//! Media as members get them, with files that ffmpeg makes and a door that knows one ticket.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use axum::Router;
use axum::body::{Body, to_bytes};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tower::ServiceExt;

use super::{Caller, Door, Kind, Settings, TranscodeLimits, UploadLimits, start};
use crate::http::budget::Budget;
use crate::http::keys::{KeyedDoor, WrongKeys};
use crate::http::listener::{Listener, Opening};
use crate::http::origin::AllowedOrigins;
use crate::http::socket::{Address, Listen};
use crate::http::{self as own_http, layers};
use crate::party::PersonId;
use crate::rooms::test_stage::member;
use crate::runtime::systemd::{ActivatedSockets, Share};
use crate::runtime::{self, Clock, Context};
use crate::secret::Secret;

/// The longest that anything here may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// H.264 and AAC, three seconds of them, with a keyframe a second.
const PLAYABLE: &str = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 25 -c:a aac";

/// A folder with a service's media behind a door that opens to the ticket `ann`; only she may bring files.
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
            UploadLimits { max_bytes: 200_000, max_files: 2, max_total_bytes: 300_000, kept: PATIENCE },
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
        let door: Door = Arc::new(|ticket| {
            let may_add = ticket == "ann";
            let person = ["ann", "bob"].contains(&ticket).then(|| PersonId::of_connection(member(ticket)));
            Box::pin(async move { person.map(|person| Caller { person, may_add }) })
        });
        let router = start(settings, door, &context).unwrap();
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

/// Has ffprobe read a file: its codecs, and its length.
fn probed(path: &Path) -> (String, f64) {
    let mut command = Command::new("ffprobe");
    command.args([
        "-v",
        "error",
        "-allowed_extensions",
        "ALL",
        "-show_streams",
        "-show_format",
        "-of",
        "json",
    ]);
    let output = command.arg(path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let streams = found["streams"].as_array().unwrap();
    let codecs: Vec<&str> = streams.iter().map(|stream| stream["codec_name"].as_str().unwrap()).collect();
    (codecs.join(" "), found["format"]["duration"].as_str().unwrap().parse().unwrap())
}

#[tokio::test]
async fn films_are_listed_with_what_is_in_them() {
    let house = House::open(
        |folder| {
            film(folder, "Film 2.mp4", 3, PLAYABLE);
            fs::write(folder.join("Film 2.en.srt"), "1\n00:00:01,000 --> 00:00:02,000\nHi\n").unwrap();
            film(folder, "Series/Film 10.mkv", 3, "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a ac3");
            film(folder, "old.avi", 2, "-c:v mpeg4 -c:a mp3");
            let tags = "-c:a libmp3lame -metadata title=Song -metadata artist=Ann -metadata album=Best";
            song(folder, "a.mp3", 2, tags);
            fs::write(folder.join("a.lrc"), "[00:01.00]la").unwrap();
            fs::write(folder.join("broken.mp4"), [7; 5000]).unwrap();
            age(&folder.join("broken.mp4"));
            fs::write(folder.join(".hidden.mp4"), [7; 5000]).unwrap();
            fs::write(folder.join("notes.txt"), [7; 5000]).unwrap();
            std::os::unix::fs::symlink("/etc/passwd", folder.join("passwd.mp4")).unwrap();
        },
        |_| {},
    );
    let items = house.items(5).await;
    let summary: Vec<Value> = items
        .iter()
        .map(|item| {
            let seconds = item["seconds"].as_f64().map(f64::round);
            json!([
                item["title"],
                item["kind"],
                seconds,
                item["container"],
                item["codecs"],
                item["isPlayable"],
                item["why"]
            ])
        })
        .collect();
    let expected = [
        json!(["Song", "audio", 2.0, "mp3", ["mp3"], true, null]),
        json!(["broken", "video", null, "mp4", [], false, "nothing in it can be read"]),
        json!(["Film 2", "video", 3.0, "mp4", ["h264", "aac"], true, null]),
        json!(["old", "video", 2.0, "avi", ["mpeg4", "mp3"], false, "MPEG-4 (DivX, Xvid) video"]),
        json!(["Film 10", "video", 3.0, "mkv", ["h264", "ac3"], false, "AC-3 (Dolby Digital) audio"]),
    ];
    assert_eq!(summary, expected);
    let (song, film) = (&items[0], &items[2]);
    assert_eq!((&song["artist"], &song["album"]), (&json!("Ann"), &json!("Best")));
    assert_eq!((&film["width"], &film["height"]), (&json!(320), &json!(180)));
    assert_eq!(film["subtitles"][0]["language"], "en");
    assert_eq!(film["bytes"], fs::metadata(house.folder.path().join("Film 2.mp4")).unwrap().len());
    assert!(film["hls"].is_null() && items[1]["hls"].is_null() && items[3]["hls"].is_string());

    let found = house.get("/media/list?ticket=ann&q=SERIES+10", &[]).await.json();
    assert_eq!(found["items"].as_array().unwrap().len(), 1, "{found}");
    let subtitle = format!("/media/subtitle/{}/{}?ticket=ann", id(film), id(&film["subtitles"][0]));
    let subtitle = house.get(&subtitle, &[]).await;
    assert_eq!(subtitle.header("content-type"), "text/vtt; charset=utf-8");
    assert_eq!(subtitle.text(), "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\nHi\n");
    let lyrics = house.get(&format!("/{}?ticket=ann", song["lyrics"].as_str().unwrap()), &[]).await;
    assert_eq!(lyrics.text(), "[00:01.00]la");

    let poster = format!("/{}?ticket=ann", film["poster"].as_str().unwrap());
    for _ in 0..2 {
        let poster = house.get(&poster, &[]).await;
        assert_eq!((poster.status, poster.header("content-type")), (StatusCode::OK, "image/jpeg"));
    }
    assert_eq!(fs::read_dir(house.data.path().join("frames")).unwrap().count(), 1);
    assert_eq!(house.get(&format!("/media/poster/{}?ticket=ann", id(&items[1])), &[]).await.status, 404);
}

#[tokio::test]
async fn without_ffmpeg_files_are_listed_and_sent_all_the_same() {
    let house = House::open(
        |folder| {
            film(folder, "a.mp4", 3, PLAYABLE);
            film(folder, "b.mkv", 3, "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a ac3");
        },
        |settings| settings.ffmpeg = String::new(),
    );
    let items = house.items(2).await;
    assert_eq!((&items[0]["codecs"], &items[0]["isPlayable"]), (&json!(["h264", "aac"]), &json!(true)));
    assert_eq!(items[0]["seconds"].as_f64().map(f64::round), Some(3.0));
    assert_eq!(items[1]["why"], "AC-3 (Dolby Digital) audio");
    assert!(items.iter().all(|item| item["poster"].is_null() && item["hls"].is_null()), "{items:?}");
    let film = house.get(&format!("/media/file/{}?ticket=ann", id(&items[0])), &[]).await;
    assert_eq!(film.body, fs::read(house.folder.path().join("a.mp4")).unwrap());
}

#[tokio::test]
async fn a_file_is_sent_whole_or_in_the_part_that_is_asked_for() {
    let content: Vec<u8> = (0..2_000_000_u32).map(|n| (n / 7) as u8).collect();
    let house = House::open(
        |folder| {
            fs::write(folder.join("a.mp4"), &content).unwrap();
            age(&folder.join("a.mp4"));
        },
        |_| {},
    );
    let path = format!("/media/file/{}?ticket=ann", id(&house.items(1).await[0]));
    let whole = house.get(&path, &[]).await;
    assert_eq!((whole.status, &whole.body[..]), (StatusCode::OK, &content[..]));
    assert_eq!((whole.header("accept-ranges"), whole.header("content-type")), ("bytes", "video/mp4"));
    assert_eq!(whole.header("cache-control"), "private, max-age=3600");
    let tag = whole.header("etag");
    let cases = [
        ("bytes=0-", 0, 1_999_999),
        ("bytes=300000-300000", 300_000, 300_000),
        ("bytes=262143-1262144", 262_143, 1_262_144),
        ("bytes=-5", 1_999_995, 1_999_999),
    ];
    for (range, first, last) in cases {
        for headers in [&[("range", range)][..], &[("range", range), ("if-range", tag)]] {
            let part = house.get(&path, headers).await;
            assert_eq!((part.status, &part.body[..]), (StatusCode::PARTIAL_CONTENT, &content[first..=last]));
            assert_eq!(part.header("content-range"), format!("bytes {first}-{last}/2000000"));
            assert_eq!(part.header("content-length"), (last - first + 1).to_string());
        }
    }
    let other = house.get(&path, &[("range", "bytes=5-9"), ("if-range", "\"other\"")]).await;
    assert_eq!((other.status, other.body.len()), (StatusCode::OK, content.len()));
    let beyond = house.get(&path, &[("range", "bytes=2000000-")]).await;
    assert_eq!((beyond.status, beyond.body.len()), (StatusCode::RANGE_NOT_SATISFIABLE, 0));
    assert_eq!(beyond.header("content-range"), "bytes */2000000");
    assert_eq!(house.get(&path, &[("if-none-match", tag)]).await.status, StatusCode::NOT_MODIFIED);
    let head = house.ask(Request::head(&path).body(Body::empty()).unwrap()).await;
    assert_eq!((head.header("content-length"), head.body.len()), ("2000000", 0));
}

#[tokio::test]
async fn on_a_connection_every_byte_is_the_files_own() {
    // No part of it is like another.
    let content: Vec<u8> =
        (0..3_000_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
    let house = House::open(
        |folder| {
            fs::write(folder.join("a.mp4"), &content).unwrap();
            age(&folder.join("a.mp4"));
        },
        |_| {},
    );
    let path = format!("/media/file/{}?ticket=ann", id(&house.items(1).await[0]));
    let (network, tls) = (own_http::Config::default(), own_http::tls::Config::default());
    let (activated, unfinished) = (ActivatedSockets::from_environment(Share::All), Budget::new(0));
    let opening =
        Opening { network: &network, tls: &tls, activated: &activated, unfinished: &unfinished, door: None };
    let listen = Listen { host: "127.0.0.1", port: 0, listen: &[] };
    let listener = Listener::open("watch", listen, &opening, &house.context).unwrap();
    let Some(Address::Tcp(address)) = listener.addresses().unwrap().pop() else { panic!("one address") };
    // The end of the film must not be in the kernel's buffers before it is cut off.
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(64 * 1024).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    let origins = AllowedOrigins::new(&["*".into()]);
    let metrics = KeyedDoor::new("metrics.token", Secret::default(), &WrongKeys::new(&network));
    let pages = layers::with_common_layers(
        Router::new(),
        house.router.clone(),
        Router::new(),
        &origins,
        metrics,
        &house.context,
    );
    listener.serve(pages, &house.context);
    let last = content.len() - 1;
    for (first, last) in [(0, last), (5, 5), (1_048_575, 1_048_577), (100, last - 1), (last, last), (0, last)]
    {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\nRange: bytes={first}-{last}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        assert!(head.starts_with("http/1.1 206") && !head.contains("content-encoding"), "{head}");
        let mut body = vec![0; last - first + 1];
        stream.read_exact(&mut body).await.unwrap();
        assert!(body == content[first..=last], "{first}-{last}");
    }
    // One that becomes shorter while it is sent ends the connection.
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).await.unwrap();
    stream.read_u8().await.unwrap();
    File::options().write(true).open(house.folder.path().join("a.mp4")).unwrap().set_len(4_000_000).unwrap();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    assert!(rest.len() < content.len(), "{}", rest.len());
}

#[tokio::test]
async fn no_ticket_no_name_and_no_path_opens_what_it_should_not() {
    let house =
        House::open(|folder| film(folder, "a.mkv", 1, "-c:v libx264 -preset ultrafast -c:a ac3"), |_| {});
    let items = house.items(1).await;
    let id = id(&items[0]);
    let paths = [
        "list".into(),
        format!("file/{id}"),
        format!("poster/{id}"),
        format!("subtitle/{id}/x"),
        format!("lyrics/{id}"),
        format!("hls/{id}/index.m3u8"),
        "file/none".into(),
    ];
    for path in &paths {
        let mut answers = Vec::new();
        for ticket in ["", "?ticket=", "?ticket=eve", "?ticket=Ann", "?tickets=ann"] {
            let refused = house.get(&format!("/media/{path}{ticket}"), &[]).await;
            assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path}{ticket}");
            answers.push(refused.body);
        }
        answers.dedup();
        assert_eq!(answers.len(), 1, "{path}: {answers:?}");
    }
    for name in
        ["none", "..", "..%2Fa.mkv", "a.mkv", "%2Fetc%2Fpasswd", "%00", "../../etc/passwd", &"x".repeat(5000)]
    {
        for kind in ["file", "poster", "lyrics", "subtitle"] {
            let tail = if kind == "subtitle" { "/x" } else { "" };
            let answer = house.get(&format!("/media/{kind}/{name}{tail}?ticket=ann"), &[]).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{kind} {name}");
        }
    }
    for piece in ["log", "..%2Flog", "index.m3u8.tmp", "0.ts"] {
        let answer = house.get(&format!("/media/hls/{id}/{piece}?ticket=ann"), &[]).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{piece}");
    }
}

#[tokio::test]
async fn what_browsers_do_not_play_is_transcoded_and_what_can_stay_stays() {
    let house = House::open(
        |folder| {
            film(folder, "a.mkv", 9, "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 25 -c:a ac3");
            film(folder, "b.avi", 9, "-c:v mpeg4 -c:a mp3");
            film(folder, "c.ts", 9, PLAYABLE);
        },
        |_| {},
    );
    for item in house.items(3).await {
        let copy = tempfile::tempdir().unwrap();
        let base = item["hls"].as_str().unwrap().trim_end_matches("index.m3u8").to_owned();
        let playlist = eventually("a whole film", async || {
            let playlist = house.get(&format!("/{base}index.m3u8?ticket=ann"), &[]).await;
            let is_whole = playlist.status == StatusCode::OK && playlist.text().contains("#EXT-X-ENDLIST");
            is_whole.then_some(playlist)
        })
        .await;
        assert_eq!(playlist.header("cache-control"), "no-store");
        assert!(playlist.text().contains("URI=\"init.mp4?ticket=ann\""), "{}", playlist.text());
        let names =
            playlist.text().lines().filter(|line| !line.starts_with('#')).chain(["init.mp4?ticket=ann"]);
        for name in names {
            let piece = house.get(&format!("/{base}{name}"), &[]).await;
            assert_eq!(piece.status, StatusCode::OK, "{name}");
            fs::write(copy.path().join(name.trim_end_matches("?ticket=ann")), piece.body).unwrap();
        }
        let local = copy.path().join("index.m3u8");
        fs::write(&local, playlist.text().replace("?ticket=ann", "")).unwrap();
        let (codecs, seconds) = probed(&local);
        assert_eq!(codecs, "h264 aac", "{item}");
        assert!((8.5..9.5).contains(&seconds), "{seconds}: {item}");
    }
}

#[tokio::test]
async fn films_beyond_the_limits_wait_or_end() {
    let house = House::open(
        |folder| {
            film(folder, "a.avi", 60, "-c:v mpeg4 -c:a mp3");
            film(folder, "b.avi", 2, "-c:v mpeg4 -c:a mp3");
        },
        |settings| {
            let limits = settings.transcoding.as_mut().unwrap();
            (limits.max_bytes, limits.idle) = (1_000, Duration::from_millis(300));
        },
    );
    let items = house.items(2).await;
    let hls = |item: &Value| format!("/{}?ticket=ann", item["hls"].as_str().unwrap());
    let (first, second) = (hls(&items[0]), hls(&items[1]));
    let watching = house.get(&first, &[]);
    let waiting = async {
        loop {
            let answer = house.get(&second, &[]).await;
            if answer.status == StatusCode::SERVICE_UNAVAILABLE {
                return answer;
            }
            tokio::task::yield_now().await;
        }
    };
    let (watched, refused) = tokio::join!(watching, waiting);
    assert_eq!(refused.header("retry-after"), "10");
    assert!([StatusCode::OK, StatusCode::NOT_FOUND].contains(&watched.status), "{}", watched.status);
    let hls = house.data.path().join("hls");
    eventually("nothing of it", async || (fs::read_dir(&hls).unwrap().count() == 0).then_some(())).await;
}

#[tokio::test]
async fn uploads_are_music_within_limits_from_those_who_may() {
    let house = House::open(|_| {}, |_| {});
    let made = tempfile::tempdir().unwrap();
    let read = |name: &str, seconds: u32, args: &str| {
        song(made.path(), name, seconds, args);
        fs::read(made.path().join(name)).unwrap()
    };
    let mp3 = read("a.mp3", 3, "-c:a libmp3lame -b:a 64k -metadata title=Song");
    assert_eq!(house.upload("eve", "a.mp3", mp3.clone()).await.status, StatusCode::FORBIDDEN);
    assert_eq!(house.upload("bob", "a.mp3", mp3.clone()).await.status, StatusCode::FORBIDDEN);
    let taken = house.upload("ann", "..%2F%E6%AD%8C.mp4", mp3.clone()).await;
    assert_eq!(taken.status, StatusCode::OK, "{}", taken.text());
    let item = &taken.json()["item"];
    assert_eq!(
        (&item["title"], &item["kind"], &item["container"]),
        (&json!("Song"), &json!("audio"), &json!("mp3"))
    );
    let sent = house.get(&format!("/media/file/{}?ticket=bob", id(item)), &[]).await;
    assert_eq!(
        (sent.body, sent.headers["content-type"].to_str().unwrap()),
        (mp3.clone().into(), "audio/mpeg")
    );
    assert!(house.items(0).await.is_empty(), "uploads are not listed");
    let list = house.get("/media/list?ticket=bob", &[]).await.json();
    assert_eq!(list["maxUploadBytes"], 200_000);

    film(made.path(), "film.mp4", 1, PLAYABLE);
    let film = fs::read(made.path().join("film.mp4")).unwrap();
    let alac = read("b.m4a", 1, "-c:a alac");
    let playlist = b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n".repeat(100);
    for (bytes, why) in [
        (b"no music".to_vec(), "no music"),
        (Vec::new(), "no music"),
        (film, "no music"),
        (playlist, "no music"),
        (alac, "Apple Lossless audio"),
    ] {
        let refused = house.upload("ann", "a.mp3", bytes).await;
        assert_eq!(refused.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        assert!(refused.text().contains(why), "{}", refused.text());
    }
    let wav = read("long.wav", 3, "-c:a pcm_s16le");
    assert_eq!(house.upload("ann", "long.wav", wav).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    let flac = read("c.flac", 3, "-c:a flac");
    let untagged = house.upload("ann", "Bob%20-%20Tune.flac", flac).await.json();
    assert_eq!([&untagged["item"]["artist"], &untagged["item"]["title"]], ["Bob", "Tune"], "{untagged}");
    assert_eq!(house.upload("ann", "a.mp3", mp3).await.status, StatusCode::INSUFFICIENT_STORAGE);
    let left = fs::read_dir(house.data.path().join("uploads")).unwrap().count();
    assert_eq!(left, 2, "nothing is left of what was refused");

    let in_the_same_folder = |settings: &mut Settings| {
        let folder = house.data.path().join("uploads");
        settings.uploads = settings.uploads.take().map(|(_, limits)| (folder, limits));
    };
    let again = House::open(|_| {}, in_the_same_folder);
    let path = format!("/media/file/{}?ticket=ann", id(&untagged["item"]));
    assert_eq!(again.get(&path, &[]).await.status, StatusCode::OK, "they outlive the process");
}

#[tokio::test]
async fn without_a_folder_the_list_says_so() {
    let house = House::open(|_| {}, |settings| (settings.folder, settings.uploads) = Default::default());
    let list = house.get("/media/list?ticket=ann", &[]).await;
    let nothing =
        json!({ "hasFolder": false, "isScanning": false, "maxUploadBytes": 0, "items": [], "after": null });
    assert_eq!((list.status, list.json()), (StatusCode::OK, nothing));
    assert_eq!(house.get("/media/list", &[]).await.status, StatusCode::FORBIDDEN);
}
