//! Stations as `[[radio.stations]]` has them: what is told of them, what they play, who may hear them.

use std::fs;

use serde_json::Value;

use crate::harness::process::{Server, run};
use crate::harness::radio::{hear, listen, make, on_air, station};
use crate::harness::site::Site;
use crate::harness::{eventually, http};

fn stream(server: &Server, route: &str) -> Value {
    let streams = http::get(server.address, "/streams").json()["streams"].clone();
    let stream = streams.as_array().unwrap().iter().find(|stream| stream["route"] == route);
    stream.unwrap_or_else(|| panic!("{route} in {streams}")).clone()
}

#[test]
fn a_configured_station_tells_its_name_genre_and_language_wherever_stations_are_described() {
    let site = Site::with("jazz", &["a.mp3"], 30);
    site.fill("more", &["b.mp3"], 30);
    let server = site.start_on_air(
        r#"
        [[radio.stations]]
        route = "ночь/джаз"
        name = "Ночной джаз"
        description = "Тихо"
        genre = "jazz"
        language = "ru"
        folders = ["DIR/jazz", "DIR/more"]
        bitrate_kbps = 128

        [[radio.stations]]
        route = "/plain"
        folders = ["DIR/jazz"]
        "#,
    );
    let path = "/%D0%BD%D0%BE%D1%87%D1%8C/%D0%B4%D0%B6%D0%B0%D0%B7";
    let (head, _) = listen(server.address, path, "", std::time::Duration::from_millis(100));
    for line in ["icy-name: Ночной джаз", "icy-description: Тихо", "icy-genre: jazz", "Content-Language: ru"]
    {
        assert!(head.contains(&format!("\r\n{line}\r\n")), "{line} in {head}");
    }
    let night = stream(&server, "/ночь/джаз");
    assert_eq!(
        (&night["name"], &night["language"], &night["tracks"]),
        (&"Ночной джаз".into(), &"ru".into(), &2.into())
    );
    assert_eq!(stream(&server, "/plain")["name"], "roomhub radio /plain");
    let icecast = http::get(server.address, "/status-json.xsl").json();
    let sources = icecast["icestats"]["source"].as_array().unwrap();
    let source = sources.iter().find(|source| source["server_name"] == "Ночной джаз").unwrap();
    assert_eq!((&source["genre"], &source["server_description"]), (&"jazz".into(), &"Тихо".into()));
    let list = http::get(server.address, &format!("{path}.m3u")).body;
    let told =
        "#EXTM3U\n#PLAYLIST:Ночной джаз\n#EXTGENRE:jazz\n#EXTINF:-1 tvg-language=\"ru\",Ночной джаз\nhttp://";
    assert!(list.starts_with(told), "{list}");
    assert!(http::get(server.address, &format!("{path}.pls")).body.contains("Title1=Ночной джаз\n"));
    // The built-in sample is not one more station.
    assert_eq!(http::get(server.address, "/now-playing?route=/").status, 404);
    assert_eq!(hear(server.address, "/plain", 4000)[0], 0xff);
}

#[test]
fn a_check_names_station_and_key_of_every_mistake() {
    let site = Site::new();
    fs::create_dir(site.path("jazz")).unwrap();
    let told = site.mistakes(
        r#"
        [radio]
        directory_routes = '{"humor":"DIR/jazz"}'

        [[radio.stations]]
        route = "/jazz"
        folders = ["DIR/jazz"]
        order = "loud"
        bitrate = 128

        [[radio.stations]]
        route = "/web"
        bitrate_kbps = "many"
        crossfade = 5
        "#,
    );
    expect_test::expect![[r#"
        roomhub: 4 mistakes in the configuration
          DIR/config.toml: radio.stations[1].order = "loud": shuffle, name, album, newest or playlist is expected (route "/jazz")
          DIR/config.toml: radio.stations[1].bitrate: unknown key; did you mean bitrate_kbps? (route "/jazz")
          DIR/config.toml: radio.stations[2].bitrate_kbps = "many": a whole number from 0 to 4294967295 is expected (route "/web")
          DIR/config.toml: radio.stations[2].crossfade = 5: a duration with its unit is expected, like "10s", "250ms" or "5m" (route "/web")
    "#]].assert_eq(&told);
    let told = site.mistakes(
        r#"
        [radio]
        directory_routes = '{"humor":"DIR/jazz"}'
        relays = '{"news":"http://other/news"}'

        [[radio.stations]]
        route = "/jazz"
        folders = ["DIR/jazz"]
        bitrate_kbps = 100

        [[radio.stations]]
        route = "jazz/"
        folders = ["DIR/jazz"]
        loudness = -3
        crossfade = "1m"

        [[radio.stations]]
        route = "/humor"

        [[radio.stations]]
        route = "/news"
        folders = ["DIR/jazz", ""]

        [[radio.stations]]
        name = "Nowhere"
        folders = ["DIR/jazz"]
        "#,
    );
    expect_test::expect![[r#"
        roomhub: 9 mistakes in the configuration
          DIR/config.toml: radio.stations[1].bitrate_kbps = 100: one of 48, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320 is expected (route "/jazz")
          DIR/config.toml: radio.stations[2].loudness = -3: -30 to -8 LUFS are expected (route "jazz/")
          DIR/config.toml: radio.stations[2].crossfade = "1m": 0 to 20 seconds are expected (route "jazz/")
          DIR/config.toml: radio.stations[2].route = "jazz/": radio.stations[1] has this route already (route "jazz/")
          DIR/config.toml: radio.stations[3].folders: at least one folder is expected, or a playlist or a relay (route "/humor")
          DIR/config.toml: radio.stations[3].route = "/humor": radio.directory_routes has this route already (route "/humor")
          DIR/config.toml: radio.stations[4].folders = ["DIR/jazz", ""]: a folder is expected, not an empty text (route "/news")
          DIR/config.toml: radio.stations[4].route = "/news": radio.relays has this route already (route "/news")
          DIR/config.toml: radio.stations[5].route: a path like "/jazz" that no page has is expected (name "Nowhere")
    "#]].assert_eq(&told);
    let told = site.mistakes("[[radio.stations]]\nroute = \"/jazz\"\nfolders = [\"DIR/none\"]\n");
    assert!(told.contains("radio.stations[1].folders (/jazz)"), "{told}");
    let told = site.mistakes(
        r#"
        [[radio.stations]]
        route = "/rock"
        folders = ["DIR/jazz"]
        listener_key = "hunter2"
        listener_key_file = "DIR/none"
        "#,
    );
    assert!(!told.contains("hunter2"), "{told}");
    expect_test::expect![[r#"
        roomhub: 1 mistake in the configuration
          DIR/config.toml: radio.stations[1].listener_key_file = "DIR/none": either listener_key or listener_key_file is expected, not both
    "#]].assert_eq(&told);
}

#[test]
fn a_check_names_station_and_key_of_mistakes_in_orders_jingles_and_schedules() {
    let site = Site::new();
    fs::create_dir(site.path("jazz")).unwrap();
    let told = site.mistakes(
        r#"
        [radio]
        time_zone = "Mars/Olympus"

        [[radio.stations]]
        route = "/jazz"
        playlist = "DIR/list.m3u"
        order = "name"
        weights = { hits = 3, old = -1 }
        artist_separation = 3
        jingles = { folder = "DIR/jazz" }
        time_zone = "Nowhere"

        [[radio.stations.schedule]]
        name = "Morning"
        times = "mon-fri 7-9"
        folder = "DIR/jazz"
        playlist = "DIR/list.m3u"

        [[radio.stations.schedule]]
        at = "2026-12-31"
        relay = "other"
        "#,
    );
    expect_test::expect![[r#"
        roomhub: 13 mistakes in the configuration
          DIR/config.toml: radio.time_zone = "Mars/Olympus": a time zone like "Europe/Berlin" is expected
          DIR/config.toml: radio.stations[1].order = "name": a playlist gives the order: "playlist" is expected (route "/jazz")
          DIR/config.toml: radio.stations[1].weights = { hits = 3, old = -1 }: only what is shuffled has weights (route "/jazz")
          DIR/config.toml: radio.stations[1].weights = { hits = 3, old = -1 }: "old" = -1: 0 to 100 is expected (route "/jazz")
          DIR/config.toml: radio.stations[1].artist_separation = 3: only what is shuffled keeps artists apart (route "/jazz")
          DIR/config.toml: radio.stations[1].jingles.every_tracks: 1 or more is expected, or a time in `every` (route "/jazz")
          DIR/config.toml: radio.stations[1].time_zone = "Nowhere": a time zone like "Europe/Berlin" is expected (route "/jazz")
          DIR/config.toml: radio.stations[1].schedule[1].times = "mon-fri 7-9": times like "mon-fri 07:00-09:00; sat,sun 22:00-02:00" are expected (route "/jazz", name "Morning")
          DIR/config.toml: radio.stations[1].schedule[1].folder = "DIR/jazz": one of folder, playlist and relay is expected (route "/jazz", name "Morning")
          DIR/config.toml: radio.stations[1].schedule[2].name: a name is expected (route "/jazz")
          DIR/config.toml: radio.stations[1].schedule[2].at = "2026-12-31": a moment like "2026-12-31 23:55" is expected (route "/jazz")
          DIR/config.toml: radio.stations[1].schedule[2].lasts: a time from 1s to 7days is expected, for a show that is on once (route "/jazz")
          DIR/config.toml: radio.stations[1].schedule[2].relay = "other": "other": an address like "http://other:9999/news" is expected (route "/jazz")
    "#]].assert_eq(&told);
    let told = site.mistakes("[[radio.stations]]\nroute = \"/jazz\"\nplaylist = \"DIR/none.m3u\"\n");
    assert!(told.contains("radio.stations[1].playlist (/jazz)"), "{told}");
}

#[test]
fn stations_may_stand_in_a_variable_too() {
    let site = Site::with("jazz", &["a.mp3"], 30);
    let list = format!(
        "[{{ route = \"/jazz\", name = \"Jazz\", folders = [\"{}\"] }}]",
        site.path("jazz").display()
    );
    let server = station(&[], &[("ROOMHUB_RADIO__STATIONS", &list)]);
    assert_eq!(stream(&server, "/jazz")["name"], "Jazz");
    let refused = run(&["check", "radio"], &[("ROOMHUB_RADIO__STATIONS", "[{ listener_key = hunter2 }]")]);
    let told = String::from_utf8([refused.stdout, refused.stderr].concat()).unwrap();
    assert!(told.contains("a list of tables in TOML is expected") && !told.contains("hunter2"), "{told}");
}

/// The files that a station has played, the first first, once there are so many.
fn played(server: &Server, route: &str, n: usize) -> Vec<String> {
    eventually("tracks that have played", || {
        let history = http::get(server.address, &format!("/history?route={route}")).json()["history"].clone();
        let files: Vec<String> =
            history.as_array()?.iter().map(|track| track["file"].as_str().unwrap().into()).collect();
        (files.len() >= n).then(|| files[..n].to_vec())
    })
}

fn write(site: &Site, name: &str, text: &str) {
    fs::write(site.path(name), text).unwrap();
}

#[test]
fn a_playlist_gives_the_order_and_what_it_lists_in_vain_is_told_with_a_reason() {
    let site = Site::with("jazz", &["a.mp3", "b.mp3", "c.mp3"], 2);
    site.fill("other", &["d.mp3"], 2);
    write(
        &site,
        "jazz/list.m3u8",
        "#EXTM3U\nc.mp3\n./a.mp3\n../other/d.mp3\nnone.mp3\nhttp://other/x\nc.mp3\n",
    );
    let text = "[[radio.stations]]\nroute = \"/jazz\"\nfolders = [\"DIR/jazz\"]\norder = \"playlist\"\n\
                [[radio.stations]]\nroute = \"/list\"\nplaylist = \"DIR/other/own.pls\"\n\
                [[radio.stations]]\nroute = \"/none\"\nfolders = [\"DIR/other\"]\norder = \"playlist\"\n";
    write(&site, "other/own.pls", "[playlist]\nFile1=d.mp3\n");
    fs::rename(site.path("other/own.pls"), site.path("own.pls")).unwrap();
    write(&site, "own.pls", "[playlist]\nFile2=other/d.mp3\nFile1=jazz/b.mp3\n");
    let server = site.start(&text.replace("DIR/other/own.pls", "DIR/own.pls"));
    assert_eq!(played(&server, "/jazz", 4), ["c.mp3", "a.mp3", "c.mp3", "c.mp3"]);
    assert_eq!(played(&server, "/list", 3), ["b.mp3", "d.mp3", "b.mp3"]);
    let skipped = stream(&server, "/jazz")["skipped"].to_string();
    for reason in
        ["d.mp3\",\"listed in a playlist, and not among", "none.mp3\",\"listed in a playlist, and missing"]
    {
        assert!(skipped.contains(reason), "{skipped}");
    }
    let remark = stream(&server, "/none")["remark"].as_str().unwrap().to_owned();
    assert!(remark.starts_with("no playlist in the folder"), "{remark}");
}

#[test]
fn albums_play_by_their_numbers_and_the_newest_file_first() {
    let site = Site::new();
    fs::create_dir(site.path("album")).unwrap();
    for (name, tags) in [
        ("a.mp3", "-metadata track=3/3 -metadata disc=1/2"),
        ("b.mp3", "-metadata track=1 -metadata disc=2"),
        ("c.mp3", "-metadata track=2"),
    ] {
        make(&site.path("album"), name, "sine=440", 2, &format!("-ac 2 -ar 44100 -b:a 64k {tags}"));
    }
    site.age("album");
    let mut touched = std::process::Command::new("touch");
    touched.args(["-d", "30 minutes ago"]).arg(site.path("album/a.mp3"));
    assert!(touched.status().unwrap().success());
    let text = "[radio]\ndata_dir = \"DIR/data\"\n\
                [[radio.stations]]\nroute = \"/album\"\nfolders = [\"DIR/album\"]\norder = \"album\"\n\
                [[radio.stations]]\nroute = \"/newest\"\nfolders = [\"DIR/album\"]\norder = \"newest\"\n";
    let config = site.configure(text);
    let start = || {
        let mut command = crate::harness::process::roomhub(&[
            "radio",
            "--host",
            "127.0.0.1",
            "--port",
            "0",
            "--log-format",
            "json",
        ]);
        command.args(["--config", &config]);
        Server::spawn(command)
    };
    // At the first start, tags are read while the first track plays.
    let mut first = start();
    let order = played(&first, "/album", 6);
    assert_eq!(order[3..], order[..3], "{order:?}");
    first.signal("TERM");
    first.wait();
    let second = start();
    assert_eq!(played(&second, "/album", 4), ["c.mp3", "a.mp3", "b.mp3", "c.mp3"]);
    assert_eq!(played(&second, "/newest", 1), ["a.mp3"]);
}

#[test]
fn jingles_play_between_tracks_without_a_title_and_are_not_in_the_history() {
    let site = Site::with("jazz", &["a.mp3", "b.mp3"], 3);
    site.fill("jazz/jingles", &["j.mp3"], 2);
    let server = site.start(
        r#"
        [[radio.stations]]
        route = "/jazz"
        folders = ["DIR/jazz"]
        order = "name"
        jingles = { folder = "DIR/jazz/jingles", every_tracks = 1 }

        [[radio.stations]]
        route = "/loud"
        folders = ["DIR/jazz"]
        jingles = { folder = "DIR/jazz/jingles", every_tracks = 1, show_titles = true }
        "#,
    );
    let mut titles = std::collections::BTreeSet::new();
    let mut loud = std::collections::BTreeSet::new();
    eventually("several jingles on the air", || {
        titles.insert(stream(&server, "/jazz")["title"].as_str().unwrap().to_owned());
        loud.insert(stream(&server, "/loud")["title"].as_str().unwrap().to_owned());
        let log = server.log();
        let heard = |route: &str| {
            let on = |line: &&str| {
                line.contains(&format!("\"route\":\"{route}\"")) && line.contains("\"track\":\"j.mp3\"")
            };
            log.lines().filter(on).count() >= 2
        };
        (heard("/jazz") && heard("/loud") && loud.contains("j")).then_some(())
    });
    assert_eq!(played(&server, "/jazz", 3), ["a.mp3", "b.mp3", "a.mp3"]);
    assert!(!titles.contains("j"), "{titles:?}");
    assert!(!played(&server, "/loud", 2).contains(&"j.mp3".to_owned()));
    assert_eq!(stream(&server, "/jazz")["tracks"], 2);
}

const KEY: &str = "a key of listeners";
const ESCAPED: &str = "a+key+of+listeners";

#[test]
fn a_station_with_a_key_is_heard_and_told_of_with_the_key_alone() {
    let site = Site::with("jazz", &["a.mp3"], 60);
    write(&site, "key", &format!("{KEY}\n"));
    let config = site.configure(
        r#"
        [network]
        wrong_keys = 4

        [[radio.stations]]
        route = "/jazz"
        folders = ["DIR/jazz"]

        [[radio.stations]]
        route = "/board"
        name = "Board"
        folders = ["DIR/jazz"]
        listener_key_file = "DIR/key"
        "#,
    );
    let server = station(&["--config", &config, "--log-level", "trace"], &[]);
    on_air(&server);
    let get = |path: &str| http::get(server.address, path);
    let keyed = |path: &str| {
        let mark = if path.contains('?') { '&' } else { '?' };
        get(&format!("{path}{mark}key={ESCAPED}"))
    };
    // Nothing of it is public.
    for list in ["/streams", "/status-json.xsl", "/readyz"] {
        assert!(!get(list).body.contains("oard"), "{list}");
    }
    for path in [
        "/now-playing?route=/board",
        "/history?route=/board",
        "/reload-playlist?route=/board",
        "/board.m3u",
        "/board.pls",
        "/board/index.m3u8",
        "/board/hls/1-ab.mp3",
        "/board",
    ] {
        assert_eq!(get(path).status, 401, "{path}");
    }
    // With the key all of it is there.
    assert!(
        keyed("/streams").body.contains("\"name\":\"Board\"")
            && keyed("/status-json.xsl").body.contains("Board")
    );
    assert_eq!(keyed("/now-playing?route=/board").json()["track"], "a.mp3");
    let list = keyed("/board.m3u").body;
    let url = list.lines().last().unwrap();
    assert!(url.ends_with(&format!("/board?key={ESCAPED}")), "{list}");
    let head = |path: &str, headers: &str| {
        listen(server.address, path, headers, std::time::Duration::from_millis(50)).0
    };
    let path = format!("/board?key={ESCAPED}");
    assert!(head(&path, "").starts_with("HTTP/1.0 200 "));
    assert!(head("/board", &format!("Authorization: Bearer {KEY}\r\n")).starts_with("HTTP/1.0 200 "));
    assert!(
        head("/board", "Authorization: Basic YW5uOmEga2V5IG9mIGxpc3RlbmVycw==\r\n")
            .starts_with("HTTP/1.0 200 ")
    );
    let playlist = eventually("an HLS playlist", || {
        let answer = keyed("/board/index.m3u8");
        (answer.status == 200).then_some(answer.body)
    });
    let segment = playlist.lines().last().unwrap();
    assert!(segment.ends_with(&format!(".mp3?key={ESCAPED}")), "{playlist}");
    assert_eq!(get(&format!("/board/{segment}")).status, 200);
    assert_eq!(get(&format!("/board/{}", segment.split('?').next().unwrap())).status, 401);
    // Who guesses has to wait, also at other doors of the station.
    for guess in ["/board?key=a", "/streams?key=b", "/board.m3u?key=c", "/board/index.m3u8?key=d"] {
        assert_eq!(get(guess).status, 401, "{guess}");
    }
    assert_eq!(get("/board?key=e").status, 429);
    assert_eq!(keyed("/board.m3u").status, 429);
    assert_eq!(get("/jazz.m3u").status, 200);
    let log = server.log();
    assert!(
        !log.contains(KEY) && !log.contains(ESCAPED) && !log.contains("a%20key"),
        "the key is in the log"
    );
}
