//! Directories of stations, as they meet Icecast and this program alike.

use std::collections::BTreeMap;

use crate::harness::http;
use crate::harness::radio::on_air;
use crate::harness::recorder::{Recorder, Told};
use crate::harness::site::Site;

fn form(told: &Told) -> BTreeMap<String, String> {
    assert_eq!(told.headers["content-type"], "application/x-www-form-urlencoded");
    form_urlencoded::parse(told.body.as_bytes()).into_owned().collect()
}

#[test]
fn public_stations_are_added_touched_and_removed_and_private_ones_are_not_told_of() {
    let recorder =
        Recorder::start(&["200 OK\r\nYPResponse: 1\r\nYPMessage: Added\r\nSID: a b&c\r\nTouchFreq: 1"]);
    let site = Site::with("music", &["m1.mp3"], 30);
    let text = format!(
        "[radio]\nyp_urls = [\"{}\"]\nyp_base_url = \"https://radio.example.org/\"\nyp_min_touch_interval = \"100ms\"\n\
         yp_public = true\n\
         [[radio.stations]]\nroute = \"/jazz\"\nname = \"Night & jazz\"\ngenre = \"jazz\"\nfolders = [\"DIR/music\"]\n\
         [[radio.stations]]\nroute = \"/secret\"\nfolders = [\"DIR/music\"]\nlistener_key = \"the key of the station\"\n\
         [[radio.stations]]\nroute = \"/own\"\nfolders = [\"DIR/music\"]\nyp_public = false\n",
        recorder.url
    );
    let mut server = site.start(&text);
    on_air(&server);
    let first = recorder.next();
    assert_eq!(first.head, "POST /hook?a=b HTTP/1.1\r\n");
    let added = form(&first);
    let of = |name: &str| added[name].as_str();
    assert_eq!((of("action"), of("sn"), of("genre")), ("add", "Night & jazz", "jazz"));
    assert_eq!((of("listenurl"), of("type")), ("https://radio.example.org/jazz", "audio/mpeg"));
    assert_eq!((of("samplerate"), of("channels")), ("44100", "2"));
    for _ in 0..2 {
        let touched = form(&recorder.next());
        let of = |name: &str| touched[name].as_str();
        assert_eq!((of("action"), of("sid"), of("st"), of("listeners")), ("touch", "a b&c", "m1", "0"));
    }
    assert_eq!(http::get(server.address, "/secret").status, 401);
    server.signal("TERM");
    let last = loop {
        let told = form(&recorder.next());
        if told["action"] != "touch" {
            break told;
        }
    };
    assert_eq!((&*last["action"], &*last["sid"]), ("remove", "a b&c"));
    assert_eq!(server.wait(), 0);
}

#[test]
fn a_directory_that_refuses_is_told_again_later_and_the_log_says_why() {
    let recorder = Recorder::start(&["200 OK\r\nYPResponse: 0\r\nYPMessage: not from there"]);
    let site = Site::with("music", &["m1.mp3"], 30);
    let text = format!(
        "[radio]\nyp_urls = [\"{}\"]\nyp_base_url = \"https://radio.example.org\"\nyp_retry_pause = \"10ms\"\n\
         [[radio.stations]]\nroute = \"/jazz\"\nfolders = [\"DIR/music\"]\nyp_public = true\n",
        recorder.url
    );
    let server = site.start(&text);
    for _ in 0..3 {
        assert_eq!(form(&recorder.next())["action"], "add");
    }
    server.await_log("not from there");
    assert_eq!(server.log().matches("a directory does not list a stream").count(), 1);
}
