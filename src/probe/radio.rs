//! Internet radio: a listener with a clock, who counts frames and looks for titles; any Icecast will do.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use super::http::Http;
use super::keyboard::{Keyboard, Typed};
use super::mp3::Header;
use super::wire::{Place, Silence, is_silence};
use super::{Input, Report, Scenarios, Target};

/// How long is listened.
const LISTENED: Duration = Duration::from_secs(8);

/// The most that may be missing after that time, or come too early beside the burst, in seconds.
const PACE_TOLERANCE: f64 = 1.0;

/// The most that a listener may be sent at once.
const MAX_BURST: f64 = 60.0;

/// The longest without a byte: what leaves at a time, and half a second.
const MAX_GAP: Duration = Duration::from_secs(1);

/// What can be typed.
const HELP: &str = "now, streams, quit";

/// What was heard.
struct Heard {
    head: String,
    /// Sound alone.
    sound: Vec<u8>,
    titles: Vec<String>,
    /// Bytes of sound after each read, and when.
    arrivals: Vec<(Instant, usize)>,
}

/// Plays every scenario.
pub fn play(target: &Target, scenarios: &Scenarios, report: &mut Report<'_>) {
    let route = route_of(&scenarios.room);
    let mut heard = None;
    report.check("the station answers as players expect", |trips| {
        let asked_at = Instant::now();
        let mut listener = tune_in(target, &route, "")?;
        trips.push(asked_at.elapsed());
        heard = Some(listen(&mut listener, LISTENED)?);
        Ok(())
    });
    let Some(heard) = heard else { return };
    report.check("sound comes at the pace of the clock", |_| check_pace(&heard));
    report.check("frame follows frame, in one format", |_| check_frames(&heard.sound).map(|_| ()));
    report.check("there is no gap", |_| check_gaps(&heard));
    report.check("titles stand in their places", |_| check_titles(target, &route));
    match now_playing(target, &route) {
        Ok(Some(_)) => report.check("what plays is told", |trips| {
            let asked_at = Instant::now();
            let now = now_playing(target, &route)?.context("no longer")?;
            trips.push(asked_at.elapsed());
            ensure!(now["status"] == "success" && now["track"].is_string(), "{now}");
            Ok(())
        }),
        _ => report.say("      there is no /now-playing: what plays was not checked"),
    }
}

/// Somebody who asks what plays.
pub fn talk(target: &Target, input: Input, out: &mut dyn Write) -> Result<()> {
    let place = Place::of(&target.url)?;
    Http::connect(target, &place)?;
    let keyboard = Keyboard::of(input);
    writeln!(out, "connected to {}; {HELP}", target.url)?;
    loop {
        let line = match keyboard.look() {
            Typed::Nothing => {
                std::thread::park_timeout(super::keyboard::LOOK);
                continue;
            }
            Typed::End => return Ok(()),
            Typed::Line(line) => line,
        };
        let path = match &*line {
            "" => continue,
            "now" => "/now-playing",
            "streams" => "/streams",
            _ => {
                writeln!(out, "{HELP}")?;
                continue;
            }
        };
        let answer = Http::connect(target, &place)?.get(&format!("{}{path}", place.path))?;
        writeln!(out, "{} {}", answer.status, answer.body)?;
    }
}

/// A route as a path; `/stream` for the first station, whose page a probe does not want.
fn route_of(room: &str) -> String {
    match room.trim_matches('/') {
        "" => "/stream".to_owned(),
        route => format!("/{route}"),
    }
}

fn tune_in(target: &Target, route: &str, headers: &str) -> Result<Http> {
    let place = Place::of(&target.url)?;
    let mut http = Http::connect(target, &place)?;
    http.ask("GET", &format!("{}{route}", place.path), headers, "")?;
    Ok(http)
}

/// Listens for a time, and takes titles out if there are any.
fn listen(http: &mut Http, time: Duration) -> Result<Heard> {
    let (head, first) = http.head()?;
    check_head(&head)?;
    let interval = field(&head, "icy-metaint").and_then(|interval| interval.parse::<usize>().ok());
    let started = Instant::now();
    let mut stream = first;
    let mut arrivals = vec![(started, stream.len())];
    let mut piece = vec![0; 32 * 1024];
    while started.elapsed() < time {
        match http.stream().read(&mut piece) {
            Ok(0) => bail!("the stream ended"),
            Ok(n) => stream.extend(&piece[..n]),
            Err(problem) if is_silence(&problem) => return Err(Silence.into()),
            Err(problem) => return Err(problem).context("the connection broke"),
        }
        arrivals.push((Instant::now(), stream.len()));
    }
    let (sound, titles) = match interval {
        Some(interval) => untitled(&stream, interval)?,
        None => (stream, Vec::new()),
    };
    Ok(Heard { head, sound, titles, arrivals })
}

/// Sound without titles, and the titles.
fn untitled(mut stream: &[u8], interval: usize) -> Result<(Vec<u8>, Vec<String>)> {
    ensure!(interval > 0, "icy-metaint is 0");
    let (mut sound, mut titles) = (Vec::new(), Vec::new());
    while stream.len() > interval {
        let n = usize::from(stream[interval]) * 16;
        let Some(block) = stream.get(interval + 1..interval + 1 + n) else { break };
        sound.extend(&stream[..interval]);
        if n > 0 {
            let title =
                std::str::from_utf8(block).context("a title that is no text: titles are misplaced")?;
            ensure!(title.starts_with("StreamTitle='"), "no title where one should be: {title:?}");
            titles.push(title.trim_end_matches('\0').to_owned());
        }
        stream = &stream[interval + 1 + n..];
    }
    sound.extend(&stream[..stream.len().min(interval)]);
    Ok((sound, titles))
}

fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (field, value) = line.split_once(':')?;
        field.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

fn check_head(head: &str) -> Result<()> {
    let status = head.lines().next().unwrap_or_default();
    ensure!(status.contains(" 200"), "{status}");
    let kind = field(head, "content-type").unwrap_or_default();
    ensure!(kind.starts_with("audio/"), "Content-Type: {kind}");
    ensure!(field(head, "icy-name").is_some(), "no icy-name");
    Ok(())
}

/// Where each frame ends and how many seconds have played by then; every frame must follow the one before.
fn check_frames(sound: &[u8]) -> Result<Vec<(usize, f64)>> {
    let starts = |at: usize| {
        let first = Header::read(&sound[at..])?;
        Header::read(sound.get(at + first.n_bytes..)?).map(|_| ())
    };
    // A server may let a listener in in the middle of a frame, or behind a tag that players skip.
    let mut at = (0..sound.len()).find(|at| starts(*at).is_some()).context("no MP3 frame")?;
    let (mut seconds, mut ends, mut format) = (0.0, Vec::new(), None);
    while at + 4 <= sound.len() {
        let Some(header) = Header::read(&sound[at..]) else {
            bail!("after {seconds:.2} s, at byte {at}, no frame follows");
        };
        let (rate, channels) = *format.get_or_insert((header.rate, header.channels));
        ensure!(
            (rate, channels) == (header.rate, header.channels),
            "after {seconds:.2} s, {rate} Hz with {channels} channels become {} Hz with {}",
            header.rate,
            header.channels
        );
        at += header.n_bytes;
        seconds += f64::from(header.n_samples) / f64::from(header.rate);
        ends.push((at, seconds));
    }
    Ok(ends)
}

fn check_pace(heard: &Heard) -> Result<()> {
    let frames = check_frames(&heard.sound)?;
    let seconds_in = |n_bytes: usize| {
        let whole = frames.partition_point(|(end, _)| *end <= n_bytes);
        if whole == 0 { 0.0 } else { frames[whole - 1].1 }
    };
    let (began, _) = heard.arrivals[0];
    // What comes in the first second is the burst.
    let settled = began + Duration::from_secs(1);
    let early = heard.arrivals.iter().rev().find(|(at, _)| *at <= settled).context("nothing came at once")?;
    let (last, n_last) = heard.arrivals[heard.arrivals.len() - 1];
    let burst = seconds_in(early.1) - early.0.duration_since(began).as_secs_f64();
    ensure!(burst < MAX_BURST, "{burst:.0} s came at once");
    let clock = last.duration_since(early.0).as_secs_f64();
    let played = seconds_in(n_last) - seconds_in(early.1);
    ensure!((played - clock).abs() < PACE_TOLERANCE, "{played:.2} s of sound came in {clock:.2} s");
    Ok(())
}

fn check_gaps(heard: &Heard) -> Result<()> {
    let gaps = heard.arrivals.windows(2).map(|pair| pair[1].0.duration_since(pair[0].0));
    let longest = gaps.max().context("nothing came")?;
    ensure!(longest <= MAX_GAP, "nothing came for {longest:.2?}");
    Ok(())
}

fn check_titles(target: &Target, route: &str) -> Result<()> {
    let mut listener = tune_in(target, route, "Icy-MetaData: 1\r\n")?;
    let heard = listen(&mut listener, LISTENED / 4)?;
    ensure!(field(&heard.head, "icy-metaint").is_some(), "no icy-metaint");
    ensure!(!heard.titles.is_empty(), "no title came");
    check_frames(&heard.sound).map(|_| ())
}

/// What the server says that it plays; nothing if it does not say.
fn now_playing(target: &Target, route: &str) -> Result<Option<Value>> {
    let place = Place::of(&target.url)?;
    let route = if route == "/stream" { "/" } else { route };
    let answer = Http::connect(target, &place)?.get(&format!("{}/now-playing?route={route}", place.path))?;
    Ok(serde_json::from_str(&answer.body).ok().filter(|_| answer.status == 200))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound(n_frames: usize) -> Vec<u8> {
        let mut frame = vec![0xff, 0xfb, 0x90, 0x00];
        frame.resize(417, 0x22);
        frame.repeat(n_frames)
    }

    #[test]
    fn frames_that_follow_each_other_are_counted_and_a_lost_byte_shows() {
        let whole = sound(100);
        let frames = check_frames(&whole).unwrap();
        assert_eq!(frames.len(), 100);
        let mut torn = whole.clone();
        torn.remove(20_000);
        assert!(check_frames(&torn).unwrap_err().to_string().contains("no frame follows"));
        assert_eq!(
            check_frames(&whole[100..]).unwrap().len(),
            99,
            "who comes in the middle begins at a frame"
        );
    }

    #[test]
    fn titles_are_taken_out_and_misplaced_ones_show() {
        let plain = sound(10);
        let mut title = vec![2_u8];
        title.extend(b"StreamTitle='Ann - Eins';");
        title.resize(33, 0);
        let stream = [&plain[..1000], &title, &plain[1000..2000], &[0], &plain[2000..2500]].concat();
        let (sound, titles) = untitled(&stream, 1000).unwrap();
        assert_eq!(
            (&sound[..], &titles[..]),
            (&plain[..2500], &["StreamTitle='Ann - Eins';".to_owned()][..])
        );
        assert!(untitled(&stream, 990).is_err());
    }
}
