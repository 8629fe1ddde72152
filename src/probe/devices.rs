//! Device rooms: devices that come, talk, repeat themselves and are cut off; and a device to try it by hand.

use std::io::{ErrorKind, Write};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{self, Message, WebSocket};

use super::keyboard::{Keyboard, LOOK, Typed};
use super::wire::{Place, Silence, Stream, is_silence};
use super::{Input, Report, Scenarios, Target, unused};

/// What can be typed.
const HELP: &str = "join DEVICE [ROOM], say TEXT, tell DEVICE TEXT, who, quit";

/// A device's connection.
struct Device {
    socket: WebSocket<Stream>,
    patience: Duration,
    room: String,
}

/// Plays every scenario.
pub fn play(target: &Target, scenarios: &Scenarios, report: &mut Report<'_>) {
    // Devices are kept in the database: each run has the same few.
    let name = |n: &str| {
        if scenarios.room.is_empty() { format!("probe-{n}") } else { format!("{}-{n}", scenarios.room) }
    };
    let (ann, bob) = (&name("ann"), &name("bob"));
    report.check("a device comes into its room, others by its name", |trips| join(target, ann, bob, trips));
    report.check("a message reaches the room as it was sent", |trips| broadcast(target, ann, bob, trips));
    report.check("a message for one device reaches that one", |trips| direct(target, ann, bob, trips));
    report.check("a message is acknowledged, and delivered once", |trips| once(target, ann, bob, trips));
    report.check("the room tells who is in it", |trips| who(target, ann, bob, trips));
    report.check("a device that is cut off has left", |trips| cut_off(target, ann, bob, trips));
    report.check("what is no request is refused as it should be", |_| refusals(target, ann));
}

/// A device at the keyboard.
pub fn talk(target: &Target, input: Input, out: &mut dyn Write) -> Result<()> {
    let mut device = Device::connect(target)?;
    let keyboard = Keyboard::of(input);
    writeln!(out, "connected to {}; {HELP}", target.url)?;
    let started = Instant::now();
    loop {
        while let Some(told) = device.poll(LOOK)? {
            writeln!(out, "{:9.3} {told}", started.elapsed().as_secs_f64())?;
        }
        let line = match keyboard.look() {
            Typed::Nothing => continue,
            Typed::End => return Ok(()),
            Typed::Line(line) => line,
        };
        let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
        match word {
            "" => {}
            "join" if !rest.is_empty() => {
                let (name, room) =
                    rest.split_once(' ').map_or((rest, None), |(name, room)| (name, Some(room)));
                device.say(&named(name, room))?;
            }
            "say" => device.say(&json!({"type": "message", "content": rest}))?,
            "tell" => {
                let (to, text) = rest.split_once(' ').unwrap_or((rest, ""));
                device.say(&json!({"type": "message", "content": text, "target_device_id": to}))?;
            }
            "who" => device.say(&json!({"type": "query_room"}))?,
            _ => writeln!(out, "{HELP}")?,
        }
    }
}

/// A device's first frame.
fn named(device: &str, room: Option<&str>) -> Value {
    let mut first = json!({"device_id": device, "identity": "probe"});
    if let Some(room) = room {
        first["room_id"] = room.into();
    }
    first
}

impl Device {
    fn connect(target: &Target) -> Result<Self> {
        let place = Place::of(&target.url)?;
        let stream = Stream::open(target, &place)?;
        let mut request = place.websocket("/").into_client_request().context("a WebSocket's URL")?;
        if !target.key.is_empty() {
            let bearer = HeaderValue::from_str(&format!("Bearer {}", target.key)).context("the key")?;
            request.headers_mut().insert("authorization", bearer);
        }
        let (socket, _) = tungstenite::client(request, stream)
            .map_err(|problem| anyhow!("no WebSocket at {}: {problem}", target.url))?;
        let mut device = Self { socket, patience: target.patience, room: String::new() };
        let told = device.hear()?;
        ensure!(told["type"] == "connection", "a greeting is expected: {told}");
        Ok(device)
    }

    /// A device in a room, and how it came there.
    fn join(
        target: &Target,
        name: &str,
        room: Option<&str>,
        trips: &mut Vec<Duration>,
    ) -> Result<(Self, String)> {
        let mut device = Self::connect(target)?;
        let asked_at = Instant::now();
        device.say(&named(name, room))?;
        let told = device.hear()?;
        trips.push(asked_at.elapsed());
        ensure!(told["type"] == "room", "a room is expected: {told}");
        told["room_id"].as_str().context("a room without an id")?.clone_into(&mut device.room);
        Ok((device, told["status"].as_str().unwrap_or_default().to_owned()))
    }

    fn say(&mut self, frame: &Value) -> Result<()> {
        self.socket.send(Message::text(frame.to_string())).context("the connection ended")
    }

    /// The next frame; an error that tells the close code if there is none.
    fn hear(&mut self) -> Result<Value> {
        let started = Instant::now();
        loop {
            if started.elapsed() > self.patience {
                return Err(Silence.into());
            }
            match self.socket.read() {
                Ok(Message::Text(text)) => return serde_json::from_str(&text).context("no JSON"),
                Ok(Message::Close(close)) => {
                    let code = close.map_or(0, |close| u16::from(close.code));
                    bail!("the server closed the connection with {code}");
                }
                Ok(_) => {}
                Err(tungstenite::Error::Io(problem)) if is_silence(&problem) => return Err(Silence.into()),
                Err(tungstenite::Error::Io(problem)) if problem.kind() == ErrorKind::ConnectionReset => {
                    bail!("the server closed the connection")
                }
                Err(problem) => return Err(problem).context("the connection broke"),
            }
        }
    }

    /// The next frame, if one comes within a moment.
    fn poll(&mut self, moment: Duration) -> Result<Option<Value>> {
        self.socket.get_ref().set_patience(moment)?;
        let heard = self.hear();
        self.socket.get_ref().set_patience(self.patience)?;
        match heard {
            Err(failure) if failure.is::<Silence>() => Ok(None),
            heard => heard.map(Some),
        }
    }
}

/// Two devices in the first one's room.
fn pair(target: &Target, ann: &str, bob: &str, trips: &mut Vec<Duration>) -> Result<(Device, Device)> {
    let (first, _) = Device::join(target, ann, None, trips)?;
    let (second, status) = Device::join(target, bob, Some(&first.room), trips)?;
    ensure!(status == "joined_existing" && second.room == first.room, "{status} in {}", second.room);
    Ok((first, second))
}

fn join(target: &Target, ann: &str, bob: &str, trips: &mut Vec<Duration>) -> Result<()> {
    let (first, status) = Device::join(target, ann, None, trips)?;
    ensure!(["created_new", "reconnected"].contains(&&*status), "{status}");
    let room = first.room.clone();
    let is_id = room.len() == 8 && room.bytes().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
    ensure!(is_id, "a room is called by eight of A-Z and 0-9, not {room}");
    drop(first);
    let (first, status) = Device::join(target, ann, None, trips)?;
    ensure!(status == "reconnected" && first.room == room, "{status} in {}", first.room);
    pair(target, ann, bob, trips).map(|_| ())
}

fn broadcast(target: &Target, ann: &str, bob: &str, trips: &mut Vec<Duration>) -> Result<()> {
    let (mut first, mut second) = pair(target, ann, bob, trips)?;
    let sent_at = Instant::now();
    first.say(
        &json!({"type": "message", "content": {"text": "hello 你好", "n": [1, 2.5, null]}, "timestamp": 7}),
    )?;
    let heard = second.hear()?;
    trips.push(sent_at.elapsed());
    let expected = json!({
        "type": "message", "content": {"text": "hello 你好", "n": [1, 2.5, null]}, "from_device_id": ann,
        "message_type": "broadcast", "timestamp": 7,
    });
    ensure!(heard == expected, "it is another one now: {heard}");
    Ok(())
}

fn direct(target: &Target, ann: &str, bob: &str, trips: &mut Vec<Duration>) -> Result<()> {
    let (mut first, mut second) = pair(target, ann, bob, trips)?;
    let (mut third, _) = Device::join(target, &format!("{bob}-2"), Some(&first.room), trips)?;
    first.say(&json!({"type": "message", "content": "you alone", "target_device_id": bob}))?;
    first.say(&json!({"type": "message", "content": "everybody"}))?;
    let heard = second.hear()?;
    ensure!(heard["content"] == "you alone" && heard["message_type"] == "direct", "{heard}");
    let heard = third.hear()?;
    ensure!(heard["content"] == "everybody", "it was for somebody else: {heard}");
    let absent = unused("nobody");
    first.say(&json!({"type": "message", "content": "x", "target_device_id": absent}))?;
    let told = first.hear()?;
    ensure!(told["message"] == format!("Target device {absent} not found in room"), "{told}");
    Ok(())
}

fn once(target: &Target, ann: &str, bob: &str, trips: &mut Vec<Duration>) -> Result<()> {
    let (mut first, mut second) = pair(target, ann, bob, trips)?;
    let id = unused("id");
    for _ in 0..2 {
        let sent_at = Instant::now();
        first.say(&json!({"type": "message", "content": "once", "message_id": id}))?;
        let told = first.hear()?;
        trips.push(sent_at.elapsed());
        ensure!(told == json!({"type": "ack", "message_id": id, "status": "stored"}), "{told}");
    }
    first.say(&json!({"type": "message", "content": "after it"}))?;
    for content in ["once", "after it"] {
        let heard = second.hear()?;
        ensure!(heard["content"] == content, "{content} is expected: {heard}");
    }
    Ok(())
}

fn who(target: &Target, ann: &str, bob: &str, trips: &mut Vec<Duration>) -> Result<()> {
    let (mut first, _second) = pair(target, ann, bob, trips)?;
    let clients = json!([{"device_id": bob, "identity": "probe"}]);
    let started = Instant::now();
    loop {
        let asked_at = Instant::now();
        first.say(&json!({"type": "query_room"}))?;
        let told = first.hear()?;
        trips.push(asked_at.elapsed());
        if told["total_clients"] == 2 && told["clients"] == clients {
            return Ok(());
        }
        // Connections of the scenarios before may be about to end.
        ensure!(started.elapsed() < target.patience, "{told}");
    }
}

fn cut_off(target: &Target, ann: &str, bob: &str, trips: &mut Vec<Duration>) -> Result<()> {
    let (mut first, second) = pair(target, ann, bob, trips)?;
    drop(second);
    let started = Instant::now();
    loop {
        first.say(&json!({"type": "query_room"}))?;
        if first.hear()?["total_clients"] == 1 {
            return Ok(());
        }
        ensure!(started.elapsed() < target.patience, "it is still there");
    }
}

fn refusals(target: &Target, ann: &str) -> Result<()> {
    for (first, message) in [
        (json!({"device_id": ann}), "Missing identity field"),
        (json!({"identity": "probe"}), "Missing device_id field"),
        (json!([1]), "Invalid JSON format for identity"),
        (named(ann, Some("no-such-room")), "Room no-such-room does not exist"),
    ] {
        let mut device = Device::connect(target)?;
        device.say(&first)?;
        let told = device.hear()?;
        ensure!(told["message"] == message, "{first} is answered by {told}");
        let end = device.hear().err().context("still connected")?.to_string();
        ensure!(end.ends_with("with 1000"), "{end}");
    }
    let (mut device, _) = Device::join(target, ann, None, &mut Vec::new())?;
    for (frame, message) in [
        (json!(1), "Invalid JSON format"),
        (json!({"type": "message"}), "Missing required fields (type, content)"),
        (json!({"type": "message", "content": 1}), "Invalid content format"),
    ] {
        device.say(&frame)?;
        let told = device.hear()?;
        ensure!(told["message"] == message, "{frame} is answered by {told}");
    }
    Ok(())
}
