//! Covers of every kind of file, and who gets which.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::harness::http;
use crate::harness::process::Server;
use crate::harness::radio::make;
use crate::harness::site::Site;

/// What a server takes for a picture, in letters.
const FRONT: &str = "GIF89a a front cover";

/// A folder with one track of half a minute.
fn track(site: &Site, name: &str, args: &str) -> std::path::PathBuf {
    let folder = site.path(name.split('.').next().unwrap());
    fs::create_dir_all(&folder).unwrap();
    let picture = site.path("front.png");
    if !picture.exists() {
        make(picture.parent().unwrap(), "front.png", "color=c=teal:s=64x64", 1, "-frames:v 1");
    }
    make(&folder, name, "sine=440:duration=30", 30, &args.replace("FRONT.PNG", picture.to_str().unwrap()));
    folder.join(name)
}

/// `ID3v2.3` with a back cover, which comes first, and a front cover.
fn id3_with(picture: &str) -> Vec<u8> {
    let frame = |kind: u8, picture: &str| {
        let content = [&b"\0image/gif\0"[..], &[kind], b"\0", picture.as_bytes()].concat();
        [b"APIC", &(content.len() as u32).to_be_bytes()[..], b"\0\0", &content].concat()
    };
    let text = |name: &str, text: &str| {
        [name.as_bytes(), &(text.len() as u32 + 1).to_be_bytes(), b"\0\0\0", text.as_bytes()].concat()
    };
    let frames = [
        text("TALB", "Live"),
        text("TYER", "1999"),
        text("TIT2", "Id3"),
        frame(4, "GIF89a a back cover"),
        frame(3, picture),
    ];
    let body = frames.concat();
    let n = body.len();
    [&b"ID3\x03\0\0\0\0"[..], &[(n >> 7) as u8, n as u8 & 0x7f], &body].concat()
}

/// A picture block of FLAC, as Ogg has it in base64 too.
fn flac_picture(picture: &str) -> Vec<u8> {
    let number = |n: usize| (n as u32).to_be_bytes();
    [
        &number(3)[..],
        &number(9),
        b"image/gif",
        &number(0),
        &[0; 16],
        &number(picture.len()),
        picture.as_bytes(),
    ]
    .concat()
}

/// `APEv2` with a front cover.
fn ape_with(picture: &str) -> Vec<u8> {
    let value = [b"front.gif\0", picture.as_bytes()].concat();
    let head = [(value.len() as u32).to_le_bytes(), 2_u32.to_le_bytes()].concat();
    let items = [&head[..], b"Cover Art (Front)\0", &value].concat();
    let foot = [2000_u32, items.len() as u32 + 32, 1, 0, 0, 0].map(u32::to_le_bytes).concat();
    [&items[..], b"APETAGEX", &foot].concat()
}

fn rewrite(path: &Path, change: impl FnOnce(Vec<u8>) -> Vec<u8>) {
    let bytes = change(fs::read(path).unwrap());
    fs::write(path, bytes).unwrap();
}

/// What `/streams` tells of a station.
fn stream(server: &Server, route: &str, query: &str) -> Value {
    let streams = http::get(server.address, &format!("/streams{query}")).json()["streams"].clone();
    let stream = streams.as_array().unwrap().iter().find(|stream| stream["route"] == route);
    stream.unwrap_or_else(|| panic!("{route} in {streams}")).clone()
}

/// The path of a station's cover.
fn cover(server: &Server, route: &str, query: &str) -> String {
    let stream = stream(server, route, query);
    let url = stream["cover"].as_str().unwrap_or_else(|| panic!("no cover: {stream}"));
    let path = url.strip_prefix(&format!("http://{}", server.address)).unwrap();
    assert!(path.starts_with("/cover/") && path.len() == 39, "{path}");
    path.to_owned()
}

fn stations(names: &[&str]) -> String {
    let station = |name: &&str| {
        format!("[[radio.stations]]\nroute = \"/{name}\"\nname = \"{name}\"\nfolders = [\"DIR/{name}\"]\n")
    };
    names.iter().map(station).collect()
}

#[test]
fn covers_come_out_of_every_container_and_from_beside_the_file() {
    let site = Site::new();
    let in_ogg = STANDARD.encode(flac_picture(FRONT));
    rewrite(&track(&site, "id3.mp3", "-b:a 64k -id3v2_version 0"), |sound| [id3_with(FRONT), sound].concat());
    rewrite(&track(&site, "ape.mp3", "-b:a 64k"), |sound| [sound, ape_with(FRONT)].concat());
    rewrite(&track(&site, "flac.flac", "-metadata album=Live -metadata date=1999-05-01"), |sound| {
        let picture = flac_picture(FRONT);
        let head = [&[6][..], &(picture.len() as u32).to_be_bytes()[1..]].concat();
        [&sound[..42], &head, &picture, &sound[42..]].concat()
    });
    track(&site, "vorbis.ogg", &format!("-metadata METADATA_BLOCK_PICTURE={in_ogg}"));
    track(&site, "opus.ogg", &format!("-c:a libopus -metadata METADATA_BLOCK_PICTURE={in_ogg}"));
    track(&site, "mp4.m4a", "-i FRONT.PNG -map 0 -map 1 -c:v copy -disposition:v attached_pic");
    track(&site, "beside.mp3", "-b:a 64k");
    fs::write(site.path("beside/Folder.webp"), "RIFF1234WEBPVP8 beside").unwrap();
    let names = ["id3", "ape", "flac", "vorbis", "opus", "mp4", "beside"];
    let server = site.start_on_air(&stations(&names));

    for name in names {
        let path = cover(&server, &format!("/{name}"), "");
        let answer = http::get(server.address, &path);
        let (media_type, body) = match name {
            "mp4" => ("image/png", None),
            "beside" => ("image/webp", Some("RIFF1234WEBPVP8 beside")),
            _ => ("image/gif", Some(FRONT)),
        };
        assert_eq!((answer.status, answer.header("content-type")), (200, media_type), "{name}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert!(body.is_none_or(|body| answer.body == body), "{name}: {answer:?}");
        let length: u64 = answer.header("content-length").parse().unwrap();
        let expected = body
            .map_or_else(|| fs::metadata(site.path("front.png")).unwrap().len(), |body| body.len() as u64);
        assert_eq!(length, expected, "{name}");
    }
    for name in ["id3", "flac"] {
        let playing = http::get(server.address, &format!("/now-playing?route=/{name}")).json();
        assert_eq!((&playing["album"], &playing["year"]), (&"Live".into(), &1999.into()), "{playing}");
        let past = http::get(server.address, &format!("/history?route=/{name}")).json()["history"][0].clone();
        assert_eq!((&past["album"], &past["cover"]), (&playing["album"], &playing["cover"]), "{past}");
        assert!(past.get("path").is_none() && !past.to_string().contains("DIR"), "{past}");
    }
    // The same picture is the same cover, wherever it comes from.
    let path = cover(&server, "/id3", "");
    assert_eq!(path, cover(&server, "/opus", ""));
    let answer = http::get(server.address, &path);
    assert_eq!(answer.header("cache-control"), "public, max-age=86400, immutable");
    let known = http::get_with(server.address, &path, &[("If-None-Match", answer.header("etag"))]);
    assert_eq!((known.status, &*known.body), (304, ""));
    assert_eq!(http::request(server.address, "HEAD", &path, &[], "").status, 200);
}

#[test]
fn what_is_no_picture_too_large_or_elsewhere_is_no_cover() {
    let site = Site::new();
    rewrite(&track(&site, "script.mp3", "-b:a 64k -id3v2_version 0"), |sound| {
        [id3_with("<svg onload=\"alert(1)\"/>"), sound].concat()
    });
    // The back cover is a picture, and would be taken.
    rewrite(&site.path("script/script.mp3"), |bytes| {
        String::from_utf8_lossy(&bytes[..200]).find("GIF89a").map_or(bytes.clone(), |at| {
            let mut changed = bytes.clone();
            changed[at..at + 6].copy_from_slice(b"<html>");
            changed
        })
    });
    fs::write(site.path("script/cover.jpg"), "<script>alert(1)</script>").unwrap();
    track(&site, "large.mp3", "-b:a 64k");
    fs::write(site.path("large/cover.gif"), format!("GIF89a{}", "a".repeat(5000))).unwrap();
    track(&site, "fitting.mp3", "-b:a 64k");
    fs::write(site.path("fitting/cover.gif"), format!("GIF89a{}", "a".repeat(4000))).unwrap();
    track(&site, "linked.mp3", "-b:a 64k");
    std::os::unix::fs::symlink(site.path("large/cover.gif"), site.path("linked/cover.gif")).unwrap();
    let names = ["script", "large", "fitting", "linked"];
    let server = site.start_on_air(&format!("[radio]\nmax_cover_bytes = 4500\n{}", stations(&names)));

    for name in ["script", "large", "linked"] {
        assert_eq!(stream(&server, &format!("/{name}"), "")["cover"], Value::Null, "{name}");
    }
    let path = cover(&server, "/fitting", "");
    let id = path.strip_prefix("/cover/").unwrap();
    let other = id.chars().rev().collect::<String>();
    for path in [
        format!("/cover/{other}"),
        format!("/cover/{}", id.to_uppercase()),
        format!("/cover/{id}/../../config.toml"),
        format!("/cover/{id}.gif"),
        "/cover/%2e%2e%2fconfig.toml".into(),
        "/cover/..%2f..%2f..%2fetc%2fpasswd".into(),
        format!("/cover/{}%00", &id[..31]),
        format!("/cover/{}", "a".repeat(5000)),
        "/cover/".into(),
        "/cover".into(),
    ] {
        assert_eq!(http::get(server.address, &path).status, 404, "{path}");
    }
    assert_ne!(http::request(server.address, "POST", &path, &[], "").status, 200);
    // A picture that is replaced is not given out under the name of the one before.
    fs::write(site.path("fitting/cover.gif"), "GIF89a another").unwrap();
    assert_eq!(http::get(server.address, &path).status, 404);
}

#[test]
fn the_cover_of_a_station_with_a_key_needs_the_key() {
    let site = Site::new();
    track(&site, "board.mp3", "-b:a 64k");
    fs::write(site.path("board/cover.gif"), FRONT).unwrap();
    let server =
        site.start_on_air(&format!("{}listener_key = \"a key of listeners\"\n", stations(&["board"])));
    let query = "?key=a+key+of+listeners";
    let path = cover(&server, "/board", query);
    assert_eq!(http::get(server.address, &path).status, 401);
    assert_eq!(http::get(server.address, &format!("{path}?key=wrong")).status, 401);
    let answer = http::get(server.address, &format!("{path}{query}"));
    assert_eq!((answer.status, &*answer.body), (200, FRONT));
    assert!(answer.header("cache-control").starts_with("private"), "{answer:?}");
}
