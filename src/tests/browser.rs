//! The page in Chromium: two windows in one room, one far away and with a wrong clock.

use crate::clients::{run_client, run_client_at, run_client_everywhere};
use crate::harness::balancer::Balancer;
use crate::harness::deployment::ADMIN_KEY;
use crate::harness::eventually;
use crate::harness::process::{Server, roomhub};
use crate::harness::radio::{make, on_air, station};

#[test]
fn two_windows_hear_the_same_second_whatever_their_clocks_and_latency() {
    run_client_everywhere("node", "two-windows.mjs", "music", &["--limit", "50"]);
}

#[test]
fn a_link_that_cannot_be_played_is_refused_or_passed_over_with_a_word() {
    run_client("node", "dead-links.mjs", &Server::start(), &[]);
}

#[test]
fn three_windows_of_a_listening_room_suggest_vote_steer_and_let_each_other_in() {
    run_client_everywhere("node", "listening-party.mjs", "music", &[]);
}

#[test]
fn every_page_works_under_a_path_of_a_proxy() {
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
fn the_admin_page_shows_rooms_and_acts_on_them() {
    run_client_everywhere("node", "admin.mjs", "watch", &["open sesame", ADMIN_KEY]);
}

#[test]
fn two_tabs_call_each_other_through_the_signalling_page() {
    run_client_everywhere("node", "two-tabs.mjs", "signal", &[]);
}

#[test]
fn the_signalling_page_asks_for_a_token() {
    let secret = "a secret of the application's own, long enough";
    let server = Server::of("signal", &[], &[("ROOMHUB_SIGNAL__TOKEN_SECRET", secret)]);
    run_client("node", "token.mjs", &server, &[secret]);
}

#[test]
fn the_radio_page_plays_through_changes_of_rate_and_its_title_changes_with_the_sound() {
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
    let folder = tempfile::tempdir().unwrap();
    make(folder.path(), "a.mp3", "sine=600", 100, "-ac 2 -ar 44100 -b:a 64k -metadata title=600");
    let flags = ["--audio-dir", folder.path().to_str().unwrap(), "--stream-routes", "/,/ночь ту"];
    let server = station(&flags, &[]);
    on_air(&server);
    let proxy = Balancer::below_paths(server.address);
    run_client_at("node", "radio-page.mjs", proxy.address, &[], &|| server.log());
}
