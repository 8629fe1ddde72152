//! What a station goes by for a day on which clocks are put: its schedule, its pace, and what it keeps of its sound. An hour
//! takes a fraction of a second here.

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;

use crate::audio::streams::Tags;
use crate::radio::output::pace::Pacer;
use crate::radio::output::ring::{Ring, title_block};
use crate::radio::output::segments::Segments;
use crate::radio::schedule::{Agenda, Schedule, Times, zone};
use crate::time::Timestamp;

const HOUR: Duration = Duration::from_hours(1);

const RATE: u32 = 44_100;

/// Samples of a chunk: four frames, as a station sends them.
const CHUNK_SAMPLES: u32 = 4 * 1152;

/// Bytes of a chunk, and of the ring, which is full after some minutes.
const CHUNK_BYTES: usize = 256;
const RING_BYTES: usize = 1_000_000;

const FRAME: Duration = Duration::from_millis(26);

fn moment(text: &str) -> Timestamp {
    let moment: jiff::Timestamp = text.parse().unwrap();
    Timestamp::from_micros(moment.as_microsecond().cast_unsigned())
}

/// Runs a day from a moment on, and writes down when which show was on.
fn day(from: &str) -> String {
    let names = ["Evening", "Night"];
    let shows = ["22:00-23:00", "02:30-03:30"].map(|times| Times::weekly(times).unwrap());
    let schedule = Schedule::new(zone("Europe/Berlin").unwrap(), shows.into());
    let (started_at, title) = (moment(from), title_block("Ann - Eins"));
    let mut now = started_at;
    let mut pacer = Pacer::new(RATE, now);
    let mut ring = Ring::new(RING_BYTES);
    let mut segments = Segments::new("ab".to_owned(), "mp3");
    let seconds = f64::from(CHUNK_SAMPLES) / f64::from(RATE);
    let (mut n_chunks, mut n_hours) = (0_u32, 0);
    let tags = Tags { title: "Eins".to_owned(), artist: "Ann".to_owned() };
    let (mut looked_at, mut agenda, mut last) = (now, schedule.agenda(now), None);
    let mut kept_after_an_hour = None;
    let mut text = String::new();
    while n_hours < 25 {
        let due = now + pacer.release(CHUNK_SAMPLES, now);
        // Timers are late.
        now = due + Duration::from_micros(u64::from(n_chunks % 900));
        ring.push(&[0; CHUNK_BYTES], &title, seconds);
        segments.push(Bytes::from_static(&[0; CHUNK_BYTES]), seconds, &tags, now);
        n_chunks += 1;
        // The director looks once a second.
        if now.since(looked_at) >= Duration::from_secs(1) {
            looked_at = now;
            agenda =
                if agenda.until.is_some_and(|until| now < until) { agenda } else { schedule.agenda(now) };
            note(&mut text, &mut last, &agenda, now, &names);
        }
        if now.since(started_at) >= HOUR * (n_hours + 1) {
            n_hours += 1;
            // The sound before this chunk is what was to be heard by now.
            let heard = Duration::from_secs_f64(f64::from(n_chunks - 1) * seconds);
            let drift = heard.abs_diff(now.since(started_at));
            assert!(drift < FRAME, "{drift:?} after {n_hours} hours");
            let dated = segments.playlist("").unwrap();
            let dated = dated.lines().rev().find_map(|line| line.strip_prefix("#EXT-X-PROGRAM-DATE-TIME:"));
            let late = now.since(moment(dated.unwrap()));
            assert!(late < Duration::from_secs(13), "HLS is {late:?} behind after {n_hours} hours");
            let last_lost = (0..ring.head()).rev().find(|number| ring.is_lost(*number)).unwrap();
            let n_kept = ring.head() - last_lost;
            let kept = (n_kept, segments.n_done());
            assert_eq!(*kept_after_an_hour.get_or_insert(kept), kept, "after {n_hours} hours");
        }
    }
    text
}

fn note(text: &mut String, last: &mut Option<&str>, agenda: &Agenda, now: Timestamp, names: &[&'static str]) {
    let name = agenda.on.map_or("-", |on| names[on.show]);
    if *last != Some(name) {
        *last = Some(name);
        let to_the_minute = now.to_string();
        writeln!(text, "{} {name}", &to_the_minute[..16]).unwrap();
    }
}

#[test]
fn a_station_keeps_its_pace_its_shows_and_its_memory_on_a_day_on_which_clocks_are_put() {
    let days: String = ["2026-03-28T18:00:00Z", "2026-10-24T18:00:00Z"].map(day).concat();
    // By the clocks of Berlin, the night begins at 03:00 in March, since 02:30 is left out, and in October at the first 02:30.
    expect_test::expect![[r"
        2026-03-28T18:00 -
        2026-03-28T21:00 Evening
        2026-03-28T22:00 -
        2026-03-29T01:00 Night
        2026-03-29T01:30 -
        2026-10-24T18:00 -
        2026-10-24T20:00 Evening
        2026-10-24T21:00 -
        2026-10-25T00:30 Night
        2026-10-25T02:30 -
    "]]
    .assert_eq(&days);
}
