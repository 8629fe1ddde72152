//! Schedules by the clock: real stations under a clock that the test puts.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::clock::WrongClock;
use crate::harness::process::Server;
use crate::harness::radio::{Recording, hear, on_air, station};
use crate::harness::site::Site;
use crate::harness::{eventually, http};

/// How far a clock is off that shows that moment, like `2026-03-29T00:59:57Z`.
fn showing(moment: &str) -> String {
    let moment = seconds(moment);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    format!("{:+.3}", moment - now)
}

fn seconds(moment: &str) -> f64 {
    humantime::parse_rfc3339(moment).unwrap().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

/// A station of two folders, `music` and `show`, whose tracks are as long as that.
fn site(music_seconds: u32) -> Site {
    let site = Site::with("music", &["m1.mp3", "m2.mp3"], music_seconds);
    site.fill("show", &["s1.mp3", "s2.mp3", "s3.mp3"], 60);
    site
}

fn start(site: &Site, clock: &WrongClock, schedule: &str) -> Server {
    let text = format!(
        "[radio]\ndata_dir = \"\"\ntime_zone = \"Europe/Berlin\"\n[[radio.stations]]\nroute = \"/\"\nfolders = [\"DIR/music\"]\n\
         order = \"name\"\n{schedule}"
    );
    let config = site.configure(&text);
    let server = clock.start("radio", &[("ROOMHUB_CONFIG", &config)]);
    on_air(&server);
    server
}

fn told(server: &Server) -> Value {
    http::get(server.address, "/now-playing").json()
}

/// Waits until a track of that folder is on the air, by its first letter; returns what is told then.
fn hears(server: &Server, letter: char) -> Value {
    eventually("the other programme", || {
        let told = told(server);
        told["track"].as_str()?.starts_with(letter).then_some(told)
    })
}

const MORNING: &str = "[[radio.stations.schedule]]\nname = \"Morning\"\ntimes = \"07:00-07:30\"\nfolder = \"DIR/show\"\n\
    order = \"name\"\ninterrupt = \"at_once\"\n";

#[test]
fn a_show_begins_and_ends_at_its_time_and_the_next_one_is_told() {
    let site = site(60);
    let clock = WrongClock::new(&showing("2026-06-03T04:00:00Z"));
    let server = start(&site, &clock, MORNING);
    let before = hears(&server, 'm');
    assert_eq!(before["next_show"]["name"], "Morning");
    assert_eq!(before["next_show"]["starts_at"].as_f64(), Some(seconds("2026-06-03T05:00:00Z")));
    assert_eq!(before["show"], Value::Null);
    let recording = Recording::start(server.address, "/");
    clock.put(&showing("2026-06-03T04:59:58Z"));
    let during = hears(&server, 's');
    assert_eq!((&during["track"], &during["show"]["name"]), (&"s1.mp3".into(), &"Morning".into()));
    assert_eq!(during["show"]["ends_at"].as_f64(), Some(seconds("2026-06-03T05:30:00Z")));
    assert_eq!(during["next_show"]["starts_at"].as_f64(), Some(seconds("2026-06-04T05:00:00Z")));
    assert_eq!(during["next"], "s2.mp3");
    clock.put(&showing("2026-06-03T05:29:59Z"));
    let after = hears(&server, 'm');
    assert_eq!((&after["track"], &after["show"]), (&"m2.mp3".into(), &Value::Null), "m1.mp3 was interrupted");
    // A show of the next day goes on where it was: its first track has been heard.
    clock.put(&showing("2026-06-04T04:59:58Z"));
    assert_eq!(hears(&server, 's')["track"], "s2.mp3");
    assert_eq!(http::get(server.address, "/streams").json()["streams"][0]["show"]["name"], "Morning");
    let recorded = recording.stop();
    assert_eq!((recorded.formats(), recorded.complaints()), ("44100,2".into(), String::new()));
    assert_eq!(recorded.silences(), Vec::<String>::new());
}

#[test]
fn a_show_waits_for_the_end_of_the_track_unless_it_is_to_interrupt_it() {
    let site = site(8);
    let clock = WrongClock::new(&showing("2026-06-03T04:00:00Z"));
    let server = start(&site, &clock, &MORNING.replace("at_once", "track_end"));
    hears(&server, 'm');
    clock.put(&showing("2026-06-03T05:00:00Z"));
    assert_eq!(hears(&server, 's')["track"], "s1.mp3");
    let log = server.log();
    let (_, after) = log.split_once("the schedule changes").unwrap();
    let first = after.lines().find(|line| line.contains("on the air")).unwrap();
    assert!(first.contains("s1.mp3"), "what was read ahead played: {first}");
    let history = http::get(server.address, "/history").json()["history"].clone();
    let starts: Vec<f64> =
        history.as_array().unwrap().iter().map(|track| track["started_at"].as_f64().unwrap()).collect();
    let lengths: Vec<f64> = starts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    // The dates before the clock was put are told by the clock as it is now.
    assert!(lengths.iter().all(|length| (7.8..8.3).contains(length)), "no track was cut: {lengths:?}");
}

#[test]
fn a_show_in_the_hour_that_is_left_out_begins_when_clocks_are_put_forward() {
    let site = site(60);
    let clock = WrongClock::new(&showing("2026-03-29T00:30:00Z"));
    let server = start(&site, &clock, &MORNING.replace("07:00-07:30", "02:30-03:30"));
    let before = hears(&server, 'm');
    assert_eq!(before["next_show"]["starts_at"].as_f64(), Some(seconds("2026-03-29T01:00:00Z")));
    clock.put(&showing("2026-03-29T00:59:58Z"));
    let during = hears(&server, 's');
    assert_eq!(during["show"]["ends_at"].as_f64(), Some(seconds("2026-03-29T01:30:00Z")));
}

#[test]
fn a_show_that_is_on_at_the_start_plays_from_the_start_over_midnight_and_once_for_a_single_date() {
    let site = site(60);
    let schedule = "[[radio.stations.schedule]]\nname = \"Night\"\ntimes = \"wed 23:00-01:00\"\nfolder = \"DIR/show\"\ninterrupt = \"at_once\"\n\
        [[radio.stations.schedule]]\nname = \"New year\"\nat = \"2026-06-04 00:30\"\nlasts = \"10m\"\nplaylist = \"DIR/show.m3u\"\n\
        interrupt = \"at_once\"\n";
    std::fs::write(site.path("show.m3u"), "show/s3.mp3\nshow/s1.mp3\n").unwrap();
    let clock = WrongClock::new(&showing("2026-06-03T22:10:00Z"));
    let server = start(&site, &clock, schedule);
    let night = hears(&server, 's');
    assert_eq!((&night["show"]["name"], &night["next_show"]["name"]), (&"Night".into(), &"New year".into()));
    clock.put(&showing("2026-06-03T22:30:01Z"));
    eventually("the single show", || {
        let told = told(&server);
        (told["show"]["name"] == "New year" && told["track"] == "s3.mp3").then_some(())
    });
    clock.put(&showing("2026-06-03T22:45:00Z"));
    eventually("the night again", || (told(&server)["show"]["name"] == "Night").then_some(()));
    clock.put(&showing("2027-06-03T22:30:01Z"));
    hears(&server, 'm');
}

#[test]
fn a_show_without_tracks_is_left_out_and_one_that_relays_plays_the_other_station() {
    let site = site(60);
    let other = station(&[], &[]);
    on_air(&other);
    let schedule = format!(
        "[[radio.stations.schedule]]\nname = \"Empty\"\ntimes = \"06:00-07:00\"\nfolder = \"DIR/none\"\n\
         [[radio.stations.schedule]]\nname = \"Guest\"\ntimes = \"07:00-08:00\"\nrelay = \"http://{}/\"\ninterrupt = \"at_once\"\n",
        other.address
    );
    let clock = WrongClock::new(&showing("2026-06-03T04:30:00Z"));
    let server = start(&site, &clock, &schedule);
    let first = hears(&server, 'm');
    assert_eq!(first["show"], Value::Null);
    eventually("a word on it", || server.log().contains("a show has nothing to play").then_some(()));
    clock.put(&showing("2026-06-03T05:00:00Z"));
    eventually("the other station", || {
        let told = told(&server);
        (told["source"] == "relay" && told["track"] == "relay").then_some(())
    });
    assert_eq!(told(&server)["show"]["name"], "Guest");
    assert_eq!(hear(server.address, "/", 4000)[0], 0xff);
    clock.put(&showing("2026-06-03T06:00:00Z"));
    let after = hears(&server, 'm');
    assert_eq!((&after["source"], &after["show"]), (&"folder".into(), &Value::Null));
}
