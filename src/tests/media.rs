//! `--media-dir` on the wire: who gets films, and who does not, over real connections.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::thread;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::cluster::Cluster;
use crate::harness::process::Server;
use crate::harness::websocket::Client;
use crate::harness::{age, eventually, http};

const KEY: (&str, &str) = ("AUTH_KEY", "open sesame");
const AUTH: &str = r#"{"token":"open sesame"}"#;

/// What browsers do not play, and takes a while to encode anew.
const OLD: &str = "-c:v mpeg4 -c:a mp3";

/// A folder of films, and a server that lists them.
struct Cinema {
    films: TempDir,
    server: Server,
    _data: TempDir,
}

impl Cinema {
    fn open(fill: impl Fn(&Path), environment: &[(&str, &str)]) -> Self {
        let (films, data) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        fill(films.path());
        let mut environment = environment.to_vec();
        environment.extend([KEY, ("ROOMHUB_ROOMS__DATA_DIR", data.path().to_str().unwrap())]);
        let server = Server::of("watch", &["--media-dir", films.path().to_str().unwrap()], &environment);
        Self { films, server, _data: data }
    }

    /// A member of a room of its own, and its ticket.
    fn member(&self) -> (Client, String) {
        let mut member = Client::connect_by(self.server.address, "", &[], AUTH);
        member.emit("introduce", &json!({"name": "Ann"}));
        let room = json!({"name": "Films", "description": "", "isPublic": true, "userName": "Ann"});
        member.emit("room:create", &room);
        let ticket = member.ticket();
        (member, ticket)
    }

    /// The one film there is.
    fn film(&self, ticket: &str) -> Value {
        eventually("a film", || {
            let list = http::get(self.server.address, &format!("/media/list?ticket={ticket}")).json();
            list["items"].get(0).cloned()
        })
    }
}

/// Has ffmpeg make a film of a test picture and a tone, an hour old.
fn make(path: &Path, seconds: u32, args: &str) {
    let (picture, sound) =
        (format!("testsrc2=size=640x360:rate=25:duration={seconds}"), format!("sine=440:duration={seconds}"));
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", &sound]);
    assert!(command.args(args.split(' ')).arg(path).status().unwrap().success());
    age(path);
}

/// The head and the body of an answer.
fn get(address: SocketAddr, path: &str, headers: &str) -> (String, Vec<u8>) {
    let mut stream = http::connect(address);
    ask(&mut stream, path, headers)
}

/// Asks on a connection that stays open.
fn ask(stream: &mut TcpStream, path: &str, headers: &str) -> (String, Vec<u8>) {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: a\r\n{headers}\r\n").unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body).unwrap();
    (head, body)
}

fn status(address: SocketAddr, path: &str) -> u16 {
    get(address, path, "Connection: close\r\n").0.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn members_get_a_film_and_its_parts_at_once_and_nobody_else_does() {
    let content: Vec<u8> =
        (0..2_000_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
    let cinema = Cinema::open(
        |films| {
            fs::write(films.join("a.mp4"), &content).unwrap();
            age(&films.join("a.mp4"));
        },
        &[],
    );
    let address = cinema.server.address;
    let (member, ticket) = cinema.member();
    let path = format!("/media/file/{}?ticket={ticket}", cinema.film(&ticket)["id"].as_str().unwrap());
    thread::scope(|scope| {
        for reader in 0..8 {
            let (path, content) = (&path, &content);
            scope.spawn(move || {
                let mut stream = http::connect(address);
                for n in 0..6 {
                    let first = reader * 12_345 + n * 1_000_003;
                    let (head, body) = ask(&mut stream, path, &format!("Range: bytes={first}-\r\n"));
                    assert!(head.starts_with("http/1.1 206"), "{head}");
                    assert!(body == content[first..], "{first}");
                }
            });
        }
    });
    let (_, whole) = get(address, &path, "Accept-Encoding: gzip\r\n");
    assert!(whole == content);

    let other = Cinema::open(|_| {}, &[]);
    let (_foreign, foreign) = other.member();
    let mut stranger = Client::connect_by(address, "", &[], AUTH);
    stranger.emit("introduce", &json!({"name": "Eve"}));
    let (name, tag) = ticket.split_once('.').unwrap();
    let forged = [
        String::new(),
        foreign,
        name.to_owned(),
        format!("{name}.{}", tag.chars().rev().collect::<String>()),
        format!("{}.{tag}", name.chars().rev().collect::<String>()),
    ];
    let id = path.split(['/', '?']).nth(3).unwrap();
    for ticket in &forged {
        for kind in [format!("file/{id}"), "list".into(), format!("poster/{id}"), "file/none".into()] {
            assert_eq!(status(address, &format!("/media/{kind}?ticket={ticket}")), 403, "{kind} {ticket}");
        }
    }
    assert_eq!(status(address, &path), 200);
    drop(member);
    eventually("a member that is gone", || (status(address, &path) == 403).then_some(()));
    assert!(!cinema.server.log().contains(tag), "tickets are never logged");
}

#[test]
fn a_member_that_has_left_its_room_gets_nothing_more() {
    let cinema =
        Cinema::open(|films| make(&films.join("a.mp4"), 1, "-c:v libx264 -pix_fmt yuv420p -c:a aac"), &[]);
    let (mut member, ticket) = cinema.member();
    let path = format!("/media/file/{}?ticket={ticket}", cinema.film(&ticket)["id"].as_str().unwrap());
    assert_eq!(status(cinema.server.address, &path), 200);
    member.emit("room:leave", &json!({}));
    eventually("the end of it", || (status(cinema.server.address, &path) == 403).then_some(()));
}

#[test]
fn a_film_is_transcoded_for_members_and_ends_with_the_server() {
    let transcode = [("ROOMHUB_WATCH__TRANSCODE", "true")];
    let mut cinema = Cinema::open(|films| make(&films.join("a.avi"), 300, OLD), &transcode);
    let address = cinema.server.address;
    let (_member, ticket) = cinema.member();
    let film = cinema.film(&ticket);
    assert_eq!((&film["isPlayable"], &film["why"]), (&json!(false), &json!("MPEG-4 (DivX, Xvid) video")));
    let base = format!("/{}", film["hls"].as_str().unwrap());
    assert_eq!(status(address, &base), 403);
    let (_, playlist) = get(address, &format!("{base}?ticket={ticket}"), "");
    let playlist = String::from_utf8(playlist).unwrap();
    assert!(!playlist.contains("#EXT-X-ENDLIST"), "it grows: {playlist}");
    let first = playlist.lines().find(|line| !line.starts_with('#')).unwrap();
    let folder = base.trim_end_matches("index.m3u8");
    let piece = |name: &str| get(address, &format!("{folder}{name}"), "").1;
    let joined = cinema.films.path().join("joined.part");
    let bytes = [piece(&format!("init.mp4?ticket={ticket}")), piece(first)].concat();
    fs::write(&joined, bytes).unwrap();
    let mut probe = Command::new("ffprobe");
    probe.args(["-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0"]).arg(joined);
    let probed = probe.output().unwrap();
    assert_eq!(
        String::from_utf8(probed.stdout).unwrap().split_whitespace().collect::<Vec<_>>(),
        ["h264", "aac"]
    );
    let running = cinema.server.children();
    assert!(!running.is_empty());
    cinema.server.signal("TERM");
    assert_eq!(cinema.server.wait(), 0);
    for pid in running {
        assert!(!Path::new(&format!("/proc/{pid}")).exists(), "ffmpeg goes on");
    }
}

/// Sends a file, and gives the status and the body of the answer.
fn upload(address: SocketAddr, ticket: &str, bytes: &[u8]) -> (String, Vec<u8>) {
    let mut stream = http::connect(address);
    write!(
        stream,
        "POST /media/upload?ticket={ticket} HTTP/1.1\r\nHost: a\r\nX-File-Name: Ann%20-%20Song.mp3\r\n"
    )
    .unwrap();
    write!(stream, "Connection: close\r\nContent-Length: {}\r\n\r\n", bytes.len()).unwrap();
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    (head.split(' ').nth(1).unwrap().to_owned(), answer[end..].to_vec())
}

#[test]
fn who_may_add_to_the_queue_of_a_listening_room_brings_music_that_all_of_it_hear() {
    let (data, made) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let limits = [
        ("ROOMHUB_MUSIC__MAX_UPLOAD_BYTES", "2000000"),
        ("ROOMHUB_ROOMS__DATA_DIR", data.path().to_str().unwrap()),
    ];
    let server = Server::of("music", &[], &limits);
    let (mut ann, mut bob) = (Client::connect(server.address), Client::connect(server.address));
    for (client, name) in [(&mut ann, "Ann"), (&mut bob, "Bob")] {
        client.emit("introduce", &json!({"name": name}));
    }
    ann.emit("create-room", &json!({"roomId": "AB12"}));
    let of_ann = ann.ticket();
    bob.emit("join-room", &json!({"roomId": "AB12"}));
    let of_bob = bob.ticket();

    let path = made.path().join("a.mp3");
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-f", "lavfi", "-i", "sine=440:duration=30", "-b:a", "320k"]).arg(&path);
    assert!(command.status().unwrap().success());
    let song = fs::read(path).unwrap();
    assert!(song.len() > 1_000_000, "more than the body of an ordinary request may have");
    let (taken, item) = upload(server.address, &of_ann, &song);
    assert_eq!(taken, "200");
    let item: Value = serde_json::from_slice(&item).unwrap();
    assert_eq!((&item["item"]["artist"], &item["item"]["title"]), (&json!("Ann"), &json!("Song")));
    let path = format!("/media/file/{}?ticket={of_bob}", item["item"]["id"].as_str().unwrap());
    assert!(get(server.address, &path, "").1 == song);
    assert_eq!(upload(server.address, &of_bob, &song).0, "403");
    assert_eq!(upload(server.address, "forged", &song).0, "403");
    assert_eq!(upload(server.address, &of_ann, &song.repeat(2)).0, "413");
    assert_eq!(upload(server.address, &of_ann, &vec![7; 200_000]).0, "415");
}

#[test]
fn what_is_brought_to_one_node_is_heard_from_every_node() {
    let (shared, made) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let folder = shared.path().to_str().unwrap();
    let limits = [("ROOMHUB_MUSIC__MAX_UPLOAD_BYTES", "2000000"), ("ROOMHUB_MUSIC__UPLOADS_DIR", folder)];
    fs::write(shared.path().join("of somebody else.mp3"), "left alone").unwrap();
    let cluster = Cluster::with("music", &limits);
    let [near, far] = [0, 2].map(|n| cluster.nodes[n].address);
    let (mut ann, mut bob) = (Client::connect(near), Client::connect(far));
    for (client, name) in [(&mut ann, "Ann"), (&mut bob, "Bob")] {
        client.emit("introduce", &json!({"name": name}));
    }
    ann.emit("create-room", &json!({"roomId": "AB12"}));
    let of_ann = ann.ticket();
    bob.emit("join-room", &json!({"roomId": "AB12"}));
    let of_bob = bob.ticket();
    let path = made.path().join("a.mp3");
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-f", "lavfi", "-i", "sine=440:duration=3", "-b:a", "128k"]).arg(&path);
    assert!(command.status().unwrap().success());
    let song = fs::read(path).unwrap();
    let (taken, item) = upload(near, &of_ann, &song);
    assert_eq!(taken, "200");
    let id = serde_json::from_slice::<Value>(&item).unwrap()["item"]["id"].as_str().unwrap().to_owned();
    for (node, ticket) in [(near, &of_bob), (far, &of_bob), (far, &of_ann)] {
        assert!(get(node, &format!("/media/file/{id}?ticket={ticket}"), "").1 == song);
    }
    for name in ["of%20somebody%20else.mp3", "..", "0123456789abcdef01234567"] {
        assert_eq!(status(far, &format!("/media/file/{name}?ticket={of_bob}")), 404, "{name}");
    }
    assert!(shared.path().join("of somebody else.mp3").exists());
}
