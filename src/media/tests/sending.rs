//! Files on their way to members, whole and in parts, and to nobody else.

use std::fs::{self, File};

use axum::Router;
use axum::body::Body;
use http::{Request, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

use super::{House, age, film, id};
use crate::http::backend::Backends;
use crate::http::budget::Budget;
use crate::http::keys::{AccessKey, WrongKeys};
use crate::http::listener::{Listener, Opening};
use crate::http::origin::AllowedOrigins;
use crate::http::socket::{Address, Listen};
use crate::http::{self as own_http, layers};
use crate::runtime::systemd::{ActivatedSockets, Share};
use crate::secret::Secret;

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
    let opening = Opening {
        network: &network,
        tls: &tls,
        activated: &activated,
        unfinished: &unfinished,
        door: None,
        backends: &Backends::default(),
    };
    let listen = Listen { host: "127.0.0.1", port: 0, listen: &[] };
    let listener = Listener::open("watch", listen, &opening, &house.context).unwrap();
    let Some(Address::Tcp(address)) = listener.addresses().unwrap().pop() else { panic!("one address") };
    // The end of the film must not be in the kernel's buffers before it is cut off.
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(64 * 1024).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    let origins = AllowedOrigins::new(&["*".into()]);
    let metrics = AccessKey::new("metrics.token", Secret::default(), &WrongKeys::new(&network));
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
