//! Pages in Chromium.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clients::{
    run_client, run_client_alone_and_together, run_client_at, run_client_everywhere, run_client_of,
    run_client_through_restarts,
};
use crate::door::Door;
use crate::harness::balancer::Balancer;
use crate::harness::deployment::ADMIN_KEY;
use crate::harness::process::{Server, roomhub};
use crate::harness::radio::{make, noise, on_air, station};
use crate::harness::site::Site;
use crate::harness::{age, eventually, http};

/// Chromium draws with the CPU: windows of two tests at once would keep each other from playing in time.
static CHROMIUM: Mutex<()> = Mutex::new(());

/// Waits until no other test has Chromium open.
fn only_chromium() -> MutexGuard<'static, ()> {
    CHROMIUM.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn two_windows_hear_the_same_second_whatever_their_clocks_and_latency() {
    let _chromium = only_chromium();
    run_client_everywhere("node", "two-windows.mjs", "music", &["--limit", "50"]);
}

#[test]
fn a_link_that_cannot_be_played_is_refused_or_passed_over_with_a_word() {
    let _chromium = only_chromium();
    run_client("node", "dead-links.mjs", &Server::start(), &[]);
}

#[test]
fn three_windows_of_a_listening_room_suggest_vote_steer_and_let_each_other_in() {
    let _chromium = only_chromium();
    run_client_alone_and_together("node", "listening-party.mjs", "music", &[], &[]);
}

#[test]
fn every_page_works_under_a_path_of_a_proxy() {
    let _chromium = only_chromium();
    let data = tempfile::tempdir().unwrap();
    let mut command = roomhub(&["all", "--host", "127.0.0.1", "--log-format", "json"]);
    for service in ["MUSIC", "WATCH", "SIGNAL", "DEVICES", "RADIO"] {
        command.env(format!("ROOMHUB_{service}__PORT"), "0");
    }
    command.env("ROOMHUB_DEVICES__DATA_DIR", data.path()).env("ROOMHUB_RADIO__DATA_DIR", data.path());
    command.env("AUTH_KEY", "open sesame, long enough");
    let server = Server::spawn(command);
    let services = eventually("five services", || Some(server.services()).filter(|found| found.len() == 5));
    let proxy = Balancer::under_paths(&services);
    run_client_at("node", "under-a-path.mjs", proxy.address, &[], &|| server.log());
}

#[test]
fn every_page_works_behind_a_door_and_the_start_page_leads_to_them() {
    let _chromium = only_chromium();
    let door = Door::open(&[]);
    let url = format!("http://{}/", door.address());
    run_client_of("node", "under-a-path.mjs", &url, &[], &|| door.server.log());
    run_client_of("node", "start-page.mjs", &url, &[], &|| door.server.log());
    // A proxy that puts the door below a path of its own, and knows nothing of what is behind it.
    let proxy = Balancer::below(door.address(), "hub");
    let url = format!("http://{}/hub/", proxy.address);
    run_client_of("node", "under-a-path.mjs", &url, &[], &|| door.server.log());
    run_client_of("node", "start-page.mjs", &url, &[], &|| door.server.log());
}

#[test]
fn a_party_sees_the_same_picture_whatever_its_clocks_and_lines_and_waits_for_the_slow() {
    let _chromium = only_chromium();
    let folder = tempfile::tempdir().unwrap();
    let film =
        make_film(folder.path(), "film.webm", 90, "-c:v libvpx -b:v 500k -deadline realtime -cpu-used 8");
    run_client_alone_and_together(
        "node",
        "watch-party.mjs",
        "watch",
        &[],
        &["open sesame", film.to_str().unwrap()],
    );
}

#[test]
fn streams_and_copies_and_subtitles_that_members_bring_are_played_together() {
    let _chromium = only_chromium();
    let folder = tempfile::tempdir().unwrap();
    let webm = "-c:v libvpx -b:v 200k -deadline realtime -cpu-used 8";
    make_film(folder.path(), "film.webm", 30, webm);
    make_film(folder.path(), "other.webm", 26, webm);
    let hls =
        "-c:v libx264 -preset ultrafast -g 50 -pix_fmt yuv420p -f hls -hls_time 2 -hls_playlist_type vod";
    make_film(folder.path(), "film.m3u8", 30, hls);
    let subtitles =
        "1\r\n00:00:01,000 --> 00:00:29,000\r\n<i>They’re</i> coming to get you, &lt;Barbara&gt;.\r\n";
    fs::write(folder.path().join("film.srt"), subtitles).unwrap();
    let server = Server::of("watch", &[], &[("AUTH_KEY", "open sesame")]);
    run_client("node", "watch-sources.mjs", &server, &["open sesame", folder.path().to_str().unwrap()]);
}

#[test]
fn films_of_the_server_play_for_a_guest_too_and_go_on_when_a_connection_is_cut() {
    let _chromium = only_chromium();
    let folder = tempfile::tempdir().unwrap();
    make_film(folder.path(), "Film.webm", 60, "-c:v libvpx -b:v 300k -deadline realtime -cpu-used 8");
    make_film(folder.path(), "Old.avi", 60, "-c:v mpeg4 -c:a mp3");
    fs::write(folder.path().join("Film.en.srt"), "1\n00:00:00,500 --> 00:00:59,000\nGood evening\n").unwrap();
    let dialogue = "[Events]\nFormat: Start, End, Text\nDialogue: 0:00:00.50,0:00:59.00,Guten Abend\n";
    fs::write(folder.path().join("Film.de.ass"), dialogue).unwrap();
    let path = folder.path().to_str().unwrap();
    for transcode in ["false", "true"] {
        let environment = [("ROOMHUB_WATCH__MEDIA_DIR", path), ("ROOMHUB_WATCH__TRANSCODE", transcode)];
        let more = ["open sesame", transcode];
        run_client_alone_and_together("node", "watch-library.mjs", "watch", &environment, &more);
    }
}

#[test]
fn music_of_the_server_and_of_guests_plays_with_covers_and_lyrics() {
    let _chromium = only_chromium();
    let (folder, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for (name, title, pitch) in [("a.mp3", "Blue", 440), ("b.mp3", "Second", 660), ("guest.mp3", "", 550)] {
        let args = format!("-b:a 96k -metadata title={title} -metadata artist=Ann");
        make(folder.path(), name, &format!("sine={pitch}"), 40, &args);
    }
    let cover = "color=c=teal:s=64x64:d=1";
    let made = Command::new("ffmpeg")
        .args(["-loglevel", "error", "-f", "lavfi", "-i", cover, "-frames:v", "1"])
        .arg(folder.path().join("a.jpg"))
        .status();
    assert!(made.unwrap().success());
    fs::write(folder.path().join("a.lrc"), "[00:00.00]First line\n[00:01.50]Second line\n").unwrap();
    let guest = data.path().join("guest.mp3");
    fs::rename(folder.path().join("guest.mp3"), &guest).unwrap();
    let uploads = data.path().join("uploads");
    let environment = [
        ("ROOMHUB_MUSIC__MEDIA_DIR", folder.path().to_str().unwrap()),
        ("ROOMHUB_MUSIC__MAX_UPLOAD_BYTES", "1000000"),
        ("ROOMHUB_MUSIC__UPLOADS_DIR", uploads.to_str().unwrap()),
    ];
    let radio = station(&["--audio-dir", folder.path().to_str().unwrap()], &[]);
    on_air(&radio);
    let stream = format!("http://{}/", radio.address);
    let more = [guest.to_str().unwrap(), &stream];
    run_client_alone_and_together("node", "music-library.mjs", "music", &environment, &more);
}

#[test]
fn a_browser_that_lets_nothing_sound_by_itself_is_in_sync_after_one_tap() {
    let _chromium = only_chromium();
    run_client_alone_and_together("node", "autoplay.mjs", "music", &[], &[]);
    run_client_alone_and_together("node", "autoplay-watch.mjs", "watch", &[], &["open sesame"]);
}

#[test]
fn a_folder_that_is_empty_at_first_shows_the_films_that_are_put_there() {
    let _chromium = only_chromium();
    let (films, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let folder = films.path().to_str().unwrap();
    let environment =
        [("AUTH_KEY", "open sesame"), ("ROOMHUB_ROOMS__DATA_DIR", data.path().to_str().unwrap())];
    let server = Server::of("watch", &["--media-dir", folder], &environment);
    run_client("node", "empty-folder.mjs", &server, &["open sesame", folder]);
}

#[test]
fn a_client_like_moontv_shares_a_room_with_the_page() {
    let _chromium = only_chromium();
    let folder = tempfile::tempdir().unwrap();
    let film =
        make_film(folder.path(), "film.webm", 90, "-c:v libvpx -b:v 200k -deadline realtime -cpu-used 8");
    let (key, film) = ("open sesame", film.to_str().unwrap());
    run_client_alone_and_together("node", "page-and-moontv.mjs", "watch", &[], &[key, film]);
}

#[test]
fn the_owner_of_a_room_that_stays_is_owner_again_after_a_restart() {
    let _chromium = only_chromium();
    let environment = [("ROOMHUB_ROOMS__PERSIST", "true")];
    run_client_through_restarts("node", "permanent-room.mjs", "watch", &environment, &["open sesame"]);
}

#[test]
fn the_admin_page_shows_every_service_and_acts_on_them() {
    let _chromium = only_chromium();
    let (data, audio) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for n in 0..2 {
        make(audio.path(), &format!("{n}.mp3"), &noise(n), 300, "-b:a 64k");
    }
    let [member, operator, viewer, source] = [
        "open sesame, all members",
        "the key of all operators",
        "the key of all viewers",
        "the password of all sources",
    ];
    let mut command = roomhub(&["all", "--listen", "127.0.0.1:0", "--log-format", "json"]);
    command.env("AUTH_KEY", member).env("ROOMHUB_SIGNAL__AUTH_KEY", member);
    command.env("ROOMHUB_ADMIN__KEY", operator).env("ROOMHUB_ADMIN__VIEWER_KEY", viewer);
    command.env("ROOMHUB_RADIO__SOURCE_PASSWORD", source).env("ROOMHUB_RADIO__REQUESTS__ENABLED", "true");
    command.env("ROOMHUB_RADIO__REQUESTS__TRACK_INTERVAL", "0s");
    command.env("ROOMHUB_RADIO__AUDIO_DIR", audio.path()).env("ROOMHUB_RADIO__ORDER", "name");
    for section in ["ROOMS", "DEVICES", "RADIO"] {
        command.env(format!("ROOMHUB_{section}__DATA_DIR"), data.path());
    }
    let server = Server::spawn(command);
    eventually("all are ready", || (http::get(server.address, "/readyz").status == 200).then_some(()));
    let keys = [member, operator, viewer, source];
    run_client_at("node", "admin-of-all.mjs", server.address, &keys, &|| server.log());
}

#[test]
fn operators_of_watch_alone_see_its_rooms_and_act_on_them() {
    let _chromium = only_chromium();
    run_client_everywhere("node", "admin.mjs", "watch", &["open sesame", ADMIN_KEY]);
}

#[test]
fn a_watch_party_has_guests_roles_chat_and_votes() {
    let _chromium = only_chromium();
    run_client_alone_and_together("node", "company.mjs", "watch", &[], &["open sesame"]);
}

#[test]
fn a_guest_whose_invitation_holds_no_longer_is_told_so_and_nothing_else() {
    let _chromium = only_chromium();
    run_client_alone_and_together("node", "invitations.mjs", "watch", &[], &["open sesame"]);
}

#[test]
fn members_of_a_watch_party_talk_and_share_their_screens() {
    let _chromium = only_chromium();
    run_client_alone_and_together("node", "voice-and-screen.mjs", "watch", &[], &["open sesame"]);
}

#[test]
fn a_recording_of_a_watch_party_is_replayed_with_its_chat() {
    let _chromium = only_chromium();
    run_client_alone_and_together("node", "replay.mjs", "watch", &[], &["open sesame"]);
}

#[test]
fn a_recording_that_reaches_a_limit_is_shown_to_have_ended() {
    let _chromium = only_chromium();
    let limit = [("ROOMHUB_RECORDINGS__MAX_RECORDING_BYTES", "4096")];
    run_client_alone_and_together("node", "recording-limit.mjs", "watch", &limit, &["open sesame"]);
}

#[test]
fn two_tabs_call_each_other_through_the_signalling_page() {
    let _chromium = only_chromium();
    run_client_everywhere("node", "two-tabs.mjs", "signal", &[]);
}

#[test]
fn the_signalling_page_asks_for_a_token() {
    let _chromium = only_chromium();
    let secret = "a secret of the application's own, long enough";
    let server = Server::of("signal", &[], &[("ROOMHUB_SIGNAL__TOKEN_SECRET", secret)]);
    run_client("node", "token.mjs", &server, &[secret]);
}

#[test]
fn the_radio_page_plays_through_changes_of_rate_and_its_title_changes_with_the_sound() {
    let _chromium = only_chromium();
    let folder = tempfile::tempdir().unwrap();
    let files = [
        ("stereo.mp3", 600, "-ac 2 -ar 44100 -b:a 128k"),
        ("mono.mp3", 1500, "-ac 1 -ar 48000 -b:a 96k"),
        ("other.mp3", 2600, "-ac 2 -ar 44100 -b:a 128k"),
    ];
    for (name, pitch, args) in files {
        let args = format!("{args} -metadata title={pitch}");
        make(folder.path(), name, &format!("sine={pitch}"), 6, &args);
    }
    let server = station(&["--audio-dir", folder.path().to_str().unwrap()], &[]);
    on_air(&server);
    run_client("node", "radio.mjs", &server, &[]);
}

#[test]
fn the_radio_page_works_below_any_path_and_asks_for_little() {
    let _chromium = only_chromium();
    let folder = tempfile::tempdir().unwrap();
    make(folder.path(), "a.mp3", "sine=600", 100, "-ac 2 -ar 44100 -b:a 64k -metadata title=600");
    let flags = ["--audio-dir", folder.path().to_str().unwrap(), "--stream-routes", "/,/ночь ту"];
    let server = station(&flags, &[]);
    on_air(&server);
    let proxy = Balancer::below_paths(server.address);
    run_client_at("node", "radio-page.mjs", proxy.address, &[], &|| server.log());
}

#[test]
fn the_radio_page_shows_names_and_shows_and_plays_a_station_whose_key_is_in_its_address() {
    let _chromium = only_chromium();
    let site = Site::with("jazz", &["a.mp3"], 60);
    let server = site.start_on_air(
        r#"
        [[radio.stations]]
        route = "/jazz"
        name = "Night jazz"
        description = "Quiet, after ten"
        mountpoints = ["opus 96"]
        folders = ["DIR/jazz"]

        [[radio.stations.schedule]]
        name = "Always"
        times = "00:00-24:00"
        folder = "DIR/jazz"

        [[radio.stations]]
        route = "/board"
        name = "Board"
        folders = ["DIR/jazz"]
        listener_key = "a key of listeners"
        "#,
    );
    run_client("node", "radio-stations.mjs", &server, &["a key of listeners"]);
}

#[test]
fn hls_js_changes_between_the_variants_of_a_station_and_the_tone_goes_on() {
    let _chromium = only_chromium();
    let folder = tempfile::tempdir().unwrap();
    make(folder.path(), "a.mp3", "sine=600", 200, "-ac 2 -ar 44100 -b:a 128k -metadata title=Eins");
    let flags = ["--audio-dir", folder.path().to_str().unwrap()];
    let server = station(&flags, &[("ROOMHUB_RADIO__MOUNTPOINTS", "aac 64,aac 96,mp3 64")]);
    on_air(&server);
    eventually("segments", || (http::get(server.address, "/index.m3u8").status == 200).then_some(()));
    run_client("node", "hls-variants.mjs", &server, &[]);
}

#[test]
fn the_radio_pages_show_all_stations_one_of_them_with_its_cover_and_a_player_in_a_frame_of_another_site() {
    let _chromium = only_chromium();
    let site = Site::new();
    for name in ["jazz", "rock", "news"] {
        site.fill(name, &["Eins.mp3"], 60);
    }
    fs::copy(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/radio/icon-192.png"),
        site.path("jazz/cover.png"),
    )
    .unwrap();
    let server = site.start_on_air(
        r#"
        [[radio.stations]]
        route = "/jazz"
        name = "Night jazz"
        description = "Quiet, after ten"
        genre = "jazz"
        language = "de"
        folders = ["DIR/jazz"]

        [[radio.stations]]
        route = "/rock"
        name = "Loud <b>rock</b>"
        genre = "rock"
        language = "en"
        folders = ["DIR/rock"]

        [[radio.stations]]
        route = "/"
        name = "News"
        genre = "talk"
        language = "en"
        folders = ["DIR/news"]
        "#,
    );
    run_client("node", "radio-directory.mjs", &server, &[]);
}

#[test]
fn listeners_ask_for_tracks_on_the_radio_page_and_vote_and_the_tracks_play() {
    let _chromium = only_chromium();
    let site = Site::with("music", &["Alpha.mp3", "Beta.mp3", "Gamma.mp3", "Zeta<img>.mp3"], 60);
    let server = site.start_on_air(
        r#"
        [network]
        trusted_proxies = ["127.0.0.1"]

        [radio]
        admin_key = "a key of operators"

        [[radio.stations]]
        route = "/jazz"
        name = "Night jazz"
        folders = ["DIR/music"]
        order = "name"
        requests = { enabled = true, every_tracks = 0 }
        "#,
    );
    run_client("node", "radio-requests.mjs", &server, &["a key of operators"]);
}

/// Makes a film of so many seconds with a tone, by the program `ffmpeg`.
fn make_film(folder: &Path, name: &str, seconds: u32, codec: &str) -> PathBuf {
    let path = folder.join(name);
    let output = Command::new("ffmpeg")
        .args(["-hide_banner", "-loglevel", "error", "-y"])
        .args(["-f", "lavfi", "-i", &format!("testsrc2=s=320x180:r=25:d={seconds}")])
        .args(["-f", "lavfi", "-i", &format!("sine=440:d={seconds}")])
        .args(codec.split(' '))
        .arg(&path)
        .output()
        .unwrap_or_else(|error| panic!("ffmpeg: {error}; apt-get install ffmpeg"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    age(&path);
    path
}
