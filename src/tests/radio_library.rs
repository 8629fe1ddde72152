//! Where the stations' tracks come from: large folders, what is known of them between starts, disks that hang.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::harness::radio::{make, on_air, station};
use crate::harness::{eventually, http};

/// Fills a folder with this many names of a few files.
fn fill(folder: &Path, n_files: usize) {
    let args = "-ac 2 -ar 44100 -b:a 64k -metadata title=Many -metadata artist=Ann";
    make(folder, "one.mp3", "sine=440", 20, args);
    for album in 0..n_files.div_ceil(500) {
        let album_folder = folder.join(format!("album {album}"));
        fs::create_dir(&album_folder).unwrap();
        // A file has so many names at most.
        let copy = album_folder.join("0.mp3");
        fs::copy(folder.join("one.mp3"), &copy).unwrap();
        for n in 1..500.min(n_files - album * 500) {
            fs::hard_link(&copy, album_folder.join(format!("{n}.mp3"))).unwrap();
        }
    }
    fs::remove_file(folder.join("one.mp3")).unwrap();
    // Old enough to count at once.
    let mut aged = Command::new("find");
    aged.arg(folder).args(["-name", "0.mp3", "-exec", "touch", "-d", "1 hour ago", "{}", "+"]);
    assert!(aged.status().unwrap().success());
}

/// How many tracks the station has, and whether it still looks for more.
fn tracks(address: SocketAddr) -> (u64, bool) {
    let stream = &http::get(address, "/streams").json()["streams"][0];
    (stream["tracks"].as_u64().unwrap(), stream["scan"]["is_running"].as_bool().unwrap())
}

#[test]
fn fifty_thousand_files_delay_nothing_and_are_known_at_the_next_start() {
    let (music, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fill(music.path(), 50_000);
    let flags = ["--audio-dir", music.path().to_str().unwrap()];
    let environment = [("ROOMHUB_RADIO__DATA_DIR", data.path().to_str().unwrap())];

    let mut server = station(&flags, &environment);
    let mut listener = http::connect(server.address);
    listener.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    listener.read_exact(&mut [0; 8000]).unwrap();
    let scan = http::get(server.address, "/streams").json()["streams"][0]["scan"].clone();
    let is_at_work = scan["is_running"] == true || scan["unread"].as_u64() > Some(0);
    assert!(is_at_work, "sound came before the folder was known: {scan}");
    eventually("all tracks", || (tracks(server.address) == (50_000, false)).then_some(()));
    assert!(server.log().contains("library scanned"), "{}", server.log());
    eventually("tags that are read", || {
        let unread = http::get(server.address, "/streams").json()["streams"][0]["scan"]["unread"].as_u64();
        (unread.unwrap() < 49_950).then_some(())
    });
    server.signal("TERM");
    assert_eq!(server.wait(), 0);

    let index = fs::read_to_string(data.path().join("radio-index.jsonl")).unwrap();
    let n_known = index.lines().count() - 1;
    assert!(n_known >= 50 && index.contains("\"artist\":\"Ann\""), "{n_known} are known");

    // What the index knows plays before anything is looked for, and a broken index hinders nobody.
    fs::write(data.path().join("radio-index.jsonl"), &index[..index.len() - 20]).unwrap();
    let server = station(&flags, &environment);
    on_air(&server);
    assert!(server.log().contains("is built anew"), "{}", server.log());
}

#[test]
fn a_station_has_the_format_of_most_of_what_is_known_when_it_starts_and_keeps_it() {
    let (music, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    make(music.path(), "a.mp3", "sine=440", 2, "-ac 2 -ar 44100 -b:a 64k -metadata title=Eins");
    for name in ["b.mp3", "c.mp3"] {
        make(music.path(), name, "sine=440", 2, "-ac 1 -ar 48000 -b:a 64k");
    }
    let flags = ["--audio-dir", music.path().to_str().unwrap()];
    let environment = [("ROOMHUB_RADIO__DATA_DIR", data.path().to_str().unwrap())];
    let mut first = station(&flags, &environment);
    on_air(&first);
    eventually("all tags", || first.log().contains("every track's tags are known").then_some(()));
    first.signal("TERM");
    first.wait();
    let known = fs::read_to_string(data.path().join("radio-index.jsonl")).unwrap();
    assert!(known.lines().count() == 4 && known.contains("Eins") && known.contains("\"lufs\":"), "{known}");

    let second = station(&flags, &environment);
    on_air(&second);
    for name in ["d.mp3", "e.mp3", "f.mp3"] {
        make(music.path(), name, "sine=440", 2, "-ac 2 -ar 44100 -b:a 64k");
    }
    eventually("new tracks", || (tracks(second.address).0 == 6).then_some(()));
    let log = second.log();
    let settled: Vec<_> = log.lines().filter(|line| line.contains("format settled")).collect();
    assert!(settled.len() == 1 && settled[0].contains("\"rate\":48000"), "{settled:?}");
}

#[test]
fn a_file_that_is_copied_in_plays_once_it_is_whole() {
    let (music, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    make(elsewhere.path(), "long.mp3", "sine=440", 30, "-ac 2 -ar 44100 -b:a 128k");
    let whole = fs::read(elsewhere.path().join("long.mp3")).unwrap();
    let server = station(&["--audio-dir", music.path().to_str().unwrap()], &[]);
    let mut copy = File::create(music.path().join("long.mp3")).unwrap();
    // A slow disk: four seconds for it all.
    for piece in whole.chunks(whole.len().div_ceil(40)) {
        copy.write_all(piece).unwrap();
        thread::park_timeout(Duration::from_millis(100));
    }
    assert_eq!((tracks(server.address).0, http::get(server.address, "/readyz").status), (0, 503));
    on_air(&server);
    let playing = http::get(server.address, "/now-playing").json();
    assert!(playing["duration_seconds"].as_f64().unwrap() > 29.9, "{playing}");
}

#[test]
fn links_in_loops_are_walked_once() {
    let music = tempfile::tempdir().unwrap();
    for folder in ["one", "two"] {
        fs::create_dir(music.path().join(folder)).unwrap();
        make(&music.path().join(folder), "a.mp3", "sine=440", 2, "-ac 2 -ar 44100 -b:a 64k");
        symlink("..", music.path().join(folder).join("up")).unwrap();
        symlink("..", music.path().join(folder).join("again")).unwrap();
    }
    let server = station(&["--audio-dir", music.path().to_str().unwrap()], &[]);
    on_air(&server);
    eventually("two tracks", || (tracks(server.address) == (2, false)).then_some(()));
}
