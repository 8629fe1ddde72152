//! The page in Chromium: two windows in one room, one far away and with a wrong clock.

use crate::clients::run_client;
use crate::harness::process::Server;

#[test]
fn two_windows_hear_the_same_second_whatever_their_clocks_and_latency() {
    run_client("node", "two-windows.mjs", &Server::start(), &["--limit", "50"]);
}

#[test]
fn the_admin_page_shows_rooms_and_acts_on_them() {
    let server = Server::of("watch", &[], &[("AUTH_KEY", "open sesame")]);
    run_client("node", "admin.mjs", &server, &["open sesame"]);
}

#[test]
fn two_tabs_call_each_other_through_the_signalling_page() {
    run_client("node", "two-tabs.mjs", &Server::of("signal", &[], &[]), &[]);
}
