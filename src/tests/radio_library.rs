//! Where the stations' tracks come from: large folders, what is known of them between starts, disks that hang.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::harness::process::run;
use crate::harness::radio::{Recording, hear, make, on_air, station};
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

/// The number of rows in the index of tracks that match a filter.
fn n_indexed(data_dir: &Path, filter: &str) -> u32 {
    let database = rusqlite::Connection::open(data_dir.join("radio.tracks.db")).unwrap();
    let query = format!("SELECT COUNT(*) FROM tracks WHERE {filter}");
    database.query_row(&query, [], |row| row.get(0)).unwrap()
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
    server.await_log("library scanned");
    eventually("tags that are read", || {
        let unread = http::get(server.address, "/streams").json()["streams"][0]["scan"]["unread"].as_u64();
        (unread.unwrap() < 49_950).then_some(())
    });
    server.signal("TERM");
    assert_eq!(server.wait(), 0);

    let n_known = n_indexed(data.path(), "artist = 'Ann'");
    assert!(n_known >= 50, "{n_known} are known");

    // A damaged index is replaced and delays nothing.
    let database = data.path().join("radio.tracks.db");
    let mut damaged = fs::read(&database).unwrap();
    damaged[..100].fill(0x55);
    fs::write(database, damaged).unwrap();
    let server = station(&flags, &environment);
    on_air(&server);
    server.await_log("is built anew");
}

#[test]
fn a_station_keeps_the_format_of_most_files_known_when_it_starts() {
    let (music, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    make(music.path(), "a.mp3", "sine=440", 2, "-ac 2 -ar 44100 -b:a 64k -metadata title=Eins");
    for name in ["b.mp3", "c.mp3"] {
        make(music.path(), name, "sine=440", 2, "-ac 1 -ar 48000 -b:a 64k");
    }
    let flags = ["--audio-dir", music.path().to_str().unwrap()];
    let environment = [("ROOMHUB_RADIO__DATA_DIR", data.path().to_str().unwrap())];
    let mut first = station(&flags, &environment);
    on_air(&first);
    // A first track is measured for a moment only; each plays again.
    eventually("all tags, and a track that was measured", || {
        let stream = http::get(first.address, "/streams").json()["streams"][0].clone();
        let n_played = http::get(first.address, "/history").json()["history"].as_array().unwrap().len();
        (stream["tracks"] == 3 && stream["scan"]["unread"] == 0 && n_played > 3).then_some(())
    });
    first.signal("TERM");
    first.wait();
    let indexed = ["1", "title = 'Eins'", "lufs IS NOT NULL"].map(|filter| n_indexed(data.path(), filter));
    assert!(indexed[..2] == [3, 1] && indexed[2] >= 1, "{indexed:?}");

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
fn a_file_that_is_copied_in_plays_once_it_is_complete() {
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
    assert_eq!(tracks(server.address).0, 0);
    let playing = eventually("the file on the air", || {
        let playing = http::get(server.address, "/now-playing").json();
        (playing["track"] == "long.mp3").then_some(playing)
    });
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

/// What `/streams` says of why the first station does not play.
fn remark(address: SocketAddr) -> String {
    http::get(address, "/streams").json()["streams"][0]["remark"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_folder_without_playable_files_is_silent_and_says_why() {
    let (music, rock) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(music.path().join("song.mid"), vec![7; 5000]).unwrap();
    make(rock.path(), "a.mp3", "sine=440", 30, "-ac 2 -ar 44100 -b:a 64k");
    let directories = format!("{{\"rock\":\"{}\"}}", rock.path().display());
    let flags = ["--audio-dir", music.path().to_str().unwrap(), "--directory-routes", &directories];
    let server = station(&flags, &[]);
    // Who listens hears silence, and stays.
    let recording = Recording::start(server.address, "/");
    assert_eq!(hear(server.address, "/", 40_000)[0], 0xff);
    let told = eventually("a station of two on the air", || {
        let told = http::get(server.address, "/readyz");
        (told.status == 200).then_some(told.body)
    });
    assert_eq!(told, "ready\n/: no audio in the folder, only 1 .mid");
    server.await_log("only 1 .mid");
    assert_eq!(remark(server.address), "no audio in the folder, only 1 .mid");

    let noise: Vec<u8> = (0..50_000_u32).map(|n| (n.wrapping_mul(n) >> 7) as u8 & 0x7f).collect();
    fs::write(music.path().join("broken.mp3"), noise).unwrap();
    eventually("a word on broken files", || {
        (remark(server.address) == "none of 1 tracks can be played").then_some(())
    });
    make(music.path(), "b.mp3", "sine=440", 30, "-ac 1 -ar 48000 -b:a 64k -metadata title=There");
    on_air(&server);
    assert_eq!(http::get(server.address, "/now-playing").json()["title"], "There");
    assert_eq!(remark(server.address), "");
    let recorded = recording.stop();
    assert_eq!((recorded.formats(), recorded.complaints()), ("44100,2".into(), String::new()));
}

#[test]
fn an_individual_listener_hears_a_file_that_is_added_to_an_empty_folder() {
    let music = tempfile::tempdir().unwrap();
    let server =
        station(&["--audio-dir", music.path().to_str().unwrap(), "--stream-mode", "individual"], &[]);
    let recording = Recording::start(server.address, "/");
    assert_eq!(hear(server.address, "/", 40_000)[0], 0xff);
    make(music.path(), "a.mp3", "sine=440", 30, "-ac 2 -ar 44100 -b:a 64k -metadata title=Eins");
    eventually("a track on the air", || server.log().contains("\"title\":\"Eins\"").then_some(()));
    assert_eq!(recording.stop().complaints(), "");
}

#[test]
fn a_single_audio_file_is_a_station_and_another_file_is_an_error() {
    let music = tempfile::tempdir().unwrap();
    make(music.path(), "song.mp3", "sine=440", 10, "-ac 2 -ar 44100 -b:a 64k -metadata title=Alone");
    let file = music.path().join("song.mp3");
    let server = station(&["--audio-dir", file.to_str().unwrap()], &[]);
    on_air(&server);
    assert_eq!(http::get(server.address, "/now-playing").json()["title"], "Alone");
    let text = music.path().join("song.txt");
    fs::write(&text, "words").unwrap();
    let server = station(&["--audio-dir", text.to_str().unwrap()], &[]);
    eventually("a word on it", || server.log().contains("a folder of audio is expected").then_some(()));
}

#[test]
fn links_out_of_the_folder_are_ignored_and_logged() {
    let (music, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    make(music.path(), "a.mp3", "sine=440", 10, "-ac 2 -ar 44100 -b:a 64k");
    make(elsewhere.path(), "b.mp3", "sine=440", 10, "-ac 2 -ar 44100 -b:a 64k");
    symlink(elsewhere.path(), music.path().join("more")).unwrap();
    symlink("a.mp3", music.path().join("same.mp3")).unwrap();
    let flags = ["--audio-dir", music.path().to_str().unwrap()];
    let server = station(&flags, &[]);
    eventually("two tracks", || (tracks(server.address) == (2, false)).then_some(()));
    server.await_log("\"links\":1");
    let server = station(&flags, &[("ROOMHUB_RADIO__FOLLOW_LINKS", "true")]);
    eventually("three tracks", || (tracks(server.address) == (3, false)).then_some(()));
}

#[test]
fn tracks_play_by_name_if_the_original_servers_variable_says_so() {
    let music = tempfile::tempdir().unwrap();
    for name in ["10.mp3", "2.mp3", "1.mp3"] {
        make(music.path(), name, "sine=440", 2, "-ac 2 -ar 44100 -b:a 64k");
        let aged = Command::new("touch").args(["-d", "1 hour ago"]).arg(music.path().join(name)).status();
        assert!(aged.unwrap().success());
    }
    let environment =
        [("SHUFFLE", "false"), ("BITRATE", "128k"), ("MAX_CLIENTS", "7"), ("CHUNK_SIZE", "4096")];
    let server = station(&["--audio-dir", music.path().to_str().unwrap()], &environment);
    let played = eventually("four tracks", || {
        let history = http::get(server.address, "/history").json()["history"].clone();
        let names =
            history.as_array().unwrap().iter().map(|played| played["file"].as_str().unwrap().to_owned());
        let names: Vec<_> = names.collect();
        (names.len() >= 4).then_some(names)
    });
    assert_eq!(played[..4], ["1.mp3", "2.mp3", "10.mp3", "1.mp3"]);
    server.await_log("\"variables\":\"CHUNK_SIZE\"");
    let printed = run(&["radio", "--print-config"], &environment);
    let printed = String::from_utf8(printed.stdout).unwrap();
    assert!(printed.contains("bitrate_kbps = 128 ") && printed.contains("max_listeners = 7 "), "{printed}");
    let refused = run(&["radio", "--print-config"], &[("BITRATE", "loud")]);
    assert!(String::from_utf8(refused.stderr).unwrap().contains("environment BITRATE"));
}
