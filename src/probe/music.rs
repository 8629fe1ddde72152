//! Listening rooms: a host who steers, guests who follow, and a guest to try it by hand.

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::socketio::{Client, converse};
use super::{Input, Report, Scenarios, Target, Transport, unused};

/// What can be typed.
const HELP: &str = "create ROOM, join ROOM, play, pause, seek SECONDS, state, leave, quit";

/// How far two positions may be apart that are meant to be one, in seconds.
const TOLERANCE: f64 = 1.0;

struct Stage<'a> {
    target: &'a Target,
    transport: Transport,
    room: String,
    n_users: usize,
}

/// Plays every scenario.
pub fn play(target: &Target, scenarios: &Scenarios, report: &mut Report<'_>) {
    let room = if scenarios.room.is_empty() { unused("probe") } else { scenarios.room.clone() };
    let stage = &Stage { target, transport: scenarios.transport, room, n_users: scenarios.users };
    report.check("a room from its first member to its last", |trips| come_and_go(stage, trips));
    report.check("what the host does reaches the guests", |trips| steer(stage, trips));
    report.check("who comes late is told where the room is", |trips| come_late(stage, trips));
    report.check("a guest steers nothing", |trips| guest_steers(stage, trips));
    report.check("the next member follows a host that is cut off", |trips| host_goes(stage, trips));
    report.check("both families of clients share a room", |trips| dialects(stage, trips));
    report.check("a room that is not there is an error", |_| refusals(stage));
}

/// A guest, or a host, at the keyboard.
pub fn talk(target: &Target, input: Input, out: &mut dyn Write) -> Result<()> {
    let mut room = String::new();
    converse(target, HELP, input, out, |line, client| {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let ["create" | "join", named] = words[..] {
            named.clone_into(&mut room);
        }
        let data = json!({"room_id": room, "track": {"title": "probe"}});
        match words[..] {
            [] => {}
            ["create", _] => client.emit("create_room", &data)?,
            ["join", _] => client.emit("join_room", &data)?,
            ["play" | "pause"] => client.emit(words[0], &json!({"room_id": room}))?,
            ["state"] => client.emit("get_room_state", &data)?,
            ["leave"] => client.emit("leave_room", &data)?,
            ["seek", seconds] => match seconds.parse::<f64>() {
                Ok(seconds) => client.emit("seek", &json!({"room_id": room, "current_time": seconds}))?,
                Err(_) => return Ok(Some("seek SECONDS")),
            },
            _ => return Ok(Some(HELP)),
        }
        Ok(None)
    })
}

impl Stage<'_> {
    fn connect(&self) -> Result<Client> {
        let mut client = Client::connect(self.target, self.transport)?;
        client.await_event("connected")?;
        Ok(client)
    }

    fn host(&self, trips: &mut Vec<Duration>) -> Result<Client> {
        let mut host = self.connect()?;
        let asked_at = Instant::now();
        host.emit("create_room", &json!({"room_id": self.room, "track": {"title": "probe"}}))?;
        let made = host.await_event("room_created")?;
        trips.push(asked_at.elapsed());
        ensure!(made["room_id"] == *self.room && made["user_count"] == 1, "another room was made: {made}");
        host.await_event("room_users")?;
        Ok(host)
    }

    fn guest(&self, trips: &mut Vec<Duration>) -> Result<(Client, Value)> {
        let mut guest = self.connect()?;
        let asked_at = Instant::now();
        guest.emit("join_room", &json!({"room_id": self.room}))?;
        let joined = guest.await_event("room_joined")?;
        trips.push(asked_at.elapsed());
        guest.await_event("sync_state")?;
        Ok((guest, joined))
    }
}

fn leave(mut client: Client, room: &str) -> Result<()> {
    client.emit("leave_room", &json!({"room_id": room}))?;
    client.await_event("room_left")?;
    Ok(())
}

fn seconds(value: &Value) -> Result<f64> {
    value["current_time"].as_f64().with_context(|| format!("a position is expected: {value}"))
}

fn come_and_go(stage: &Stage<'_>, trips: &mut Vec<Duration>) -> Result<()> {
    let mut host = stage.host(trips)?;
    let mut guests = Vec::new();
    for n in 2..=stage.n_users.max(2) {
        let (guest, joined) = stage.guest(trips)?;
        ensure!(joined["user_count"] == n, "{n} members are expected: {joined}");
        let told = host.await_event("room_users")?;
        ensure!(told["count"] == n, "{n} members are expected: {told}");
        guests.push(guest);
    }
    while let Some(guest) = guests.pop() {
        leave(guest, &stage.room)?;
        let told = host.await_event("room_users")?;
        ensure!(told["count"] == guests.len() + 1, "one more has left: {told}");
    }
    leave(host, &stage.room)
}

fn steer(stage: &Stage<'_>, trips: &mut Vec<Duration>) -> Result<()> {
    let mut host = stage.host(trips)?;
    let (mut guest, _) = stage.guest(trips)?;
    for (event, at) in [("seek", 42.5), ("pause", 50.0), ("play", 60.0)] {
        let sent_at = Instant::now();
        host.emit(event, &json!({"room_id": stage.room, "current_time": at}))?;
        let heard = guest.await_event(event)?;
        trips.push(sent_at.elapsed());
        ensure!((seconds(&heard)? - at).abs() < TOLERANCE, "{event} at {at} s is expected: {heard}");
    }
    host.emit("track_change", &json!({"room_id": stage.room, "track": {"title": "next"}}))?;
    let heard = guest.await_event("track_change")?;
    ensure!(heard["track"]["title"] == "next", "another track: {heard}");
    leave(guest, &stage.room)?;
    leave(host, &stage.room)
}

fn come_late(stage: &Stage<'_>, trips: &mut Vec<Duration>) -> Result<()> {
    let mut host = stage.host(trips)?;
    host.emit("seek", &json!({"room_id": stage.room, "current_time": 100}))?;
    host.emit("get_room_state", &json!({"room_id": stage.room}))?;
    let told = host.await_event("room_state")?;
    ensure!((seconds(&told)? - 100.0).abs() < TOLERANCE, "100 s are expected: {told}");
    let (guest, joined) = stage.guest(trips)?;
    ensure!((seconds(&joined)? - 100.0).abs() < TOLERANCE, "100 s are expected: {joined}");
    ensure!(joined["is_playing"] == true && joined["current_track"]["title"] == "probe", "{joined}");
    leave(guest, &stage.room)?;
    leave(host, &stage.room)
}

fn guest_steers(stage: &Stage<'_>, trips: &mut Vec<Duration>) -> Result<()> {
    let mut host = stage.host(trips)?;
    let (mut guest, _) = stage.guest(trips)?;
    host.await_event("room_users")?;
    guest.emit("seek", &json!({"room_id": stage.room, "current_time": 500}))?;
    guest.emit("get_room_state", &json!({"room_id": stage.room}))?;
    let told = guest.await_event("room_state")?;
    ensure!(seconds(&told)? < 500.0, "a guest has moved the room: {told}");
    leave(guest, &stage.room)?;
    let (event, payload) = host.hear()?.context("closed")?;
    ensure!(event == "room_users", "the host was told {event} {payload}");
    leave(host, &stage.room)
}

fn host_goes(stage: &Stage<'_>, trips: &mut Vec<Duration>) -> Result<()> {
    let host = stage.host(trips)?;
    let (mut guest, _) = stage.guest(trips)?;
    let (mut other, _) = stage.guest(trips)?;
    drop(host);
    guest.await_event("become_host")?;
    guest.emit("seek", &json!({"room_id": stage.room, "current_time": 7}))?;
    other.await_event("seek")?;
    leave(other, &stage.room)?;
    leave(guest, &stage.room)
}

fn dialects(stage: &Stage<'_>, trips: &mut Vec<Duration>) -> Result<()> {
    let mut host = stage.host(trips)?;
    let mut kebab = stage.connect()?;
    kebab.emit("join-room", &json!({"roomId": stage.room}))?;
    let joined = kebab.await_event("room-joined")?;
    ensure!(joined["roomId"] == *stage.room && joined["userCount"] == 2, "{joined}");
    host.emit("seek", &json!({"room_id": stage.room, "current_time": 12}))?;
    let heard = kebab.await_event("seek")?;
    ensure!(heard["currentTime"].as_f64() == Some(12.0), "{heard}");
    kebab.emit("leave-room", &json!({"roomId": stage.room}))?;
    kebab.await_event("room-left").or_else(|_| kebab.await_event("room_left"))?;
    leave(host, &stage.room)
}

fn refusals(stage: &Stage<'_>) -> Result<()> {
    let mut client = stage.connect()?;
    client.emit("join_room", &json!({"room_id": unused("nobody")}))?;
    let error = client.await_event("error")?;
    ensure!(error["message"] == "房间不存在", "{error}");
    for rude in [json!(null), json!("x"), json!([1]), json!({"room_id": {}, "current_time": "NaN"})] {
        client.emit("seek", &rude)?;
        client.emit("sync_progress", &rude)?;
    }
    client.emit("create_room", &json!({}))?;
    let error = client.await_event("error")?;
    ensure!(error["message"] == "房间ID不能为空", "{error}");
    Ok(())
}
