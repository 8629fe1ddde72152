//! Watch parties: an owner who shows, members who chat and call, and a member to try it by hand.

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::socketio::{Client, converse};
use super::{Input, Report, Scenarios, Target, Transport, unused};

/// What can be typed.
const HELP: &str = "create NAME, join ROOM, list, say TEXT, leave, quit";

struct Stage<'a> {
    target: &'a Target,
    transport: Transport,
    name: String,
}

/// A room, and who is in it.
struct Party {
    owner: Client,
    member: Client,
    room: String,
    token: String,
}

/// Plays every scenario.
pub fn play(target: &Target, scenarios: &Scenarios, report: &mut Report<'_>) {
    let name = if scenarios.room.is_empty() { unused("probe") } else { scenarios.room.clone() };
    let stage = &Stage { target, transport: scenarios.transport, name };
    report.check("a wrong key is told and let go", |_| wrong_key(stage));
    report.check("a room is made, found, joined and left", |trips| come_and_go(stage, trips));
    report.check("what the owner shows reaches the members", |trips| show(stage, trips));
    report.check("everybody hears the chat, its sender too", |trips| chat(stage, trips));
    report.check("a call's words reach their target alone", |trips| call(stage, trips));
    report.check("a password keeps others out and is shown to nobody", |trips| password(stage, trips));
    report.check("the owner comes back with its token", |trips| come_back(stage, trips));
    report.check("every question is answered, bad ones too", |_| rude(stage));
}

/// A member at the keyboard.
pub fn talk(target: &Target, input: Input, out: &mut dyn Write) -> Result<()> {
    converse(target, HELP, input, out, |line, client| {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match (word, rest) {
            ("", _) => {}
            ("create", name) if !name.is_empty() => {
                let made = json!({"name": name, "description": "", "isPublic": true, "userName": "probe"});
                client.emit("room:create", &made)?;
            }
            ("join", room) if !room.is_empty() => {
                client.emit("room:join", &json!({"roomId": room, "userName": "probe"}))?;
            }
            ("say", text) => client.emit("chat:message", &json!({"content": text, "type": "text"}))?,
            ("list", _) => client.emit("room:list", &Value::Null)?,
            ("leave", _) => client.emit("room:leave", &json!({}))?,
            _ => return Ok(Some(HELP)),
        }
        Ok(None)
    })
}

impl Stage<'_> {
    fn connect(&self) -> Result<Client> {
        Client::connect(self.target, self.transport)
    }

    fn create(&self, password: Option<&str>) -> Result<(Client, Value)> {
        let mut owner = self.connect()?;
        let mut asked = json!({
            "name": self.name, "description": "a probe", "isPublic": true, "userName": "owner",
        });
        if let Some(password) = password {
            asked["password"] = password.into();
        }
        let made = owner.ask("room:create", &asked)?;
        ensure!(made["success"] == true, "no room was made: {made}");
        Ok((owner, made["room"].clone()))
    }

    fn join(&self, room: &str, trips: &mut Vec<Duration>) -> Result<Client> {
        let mut member = self.connect()?;
        let asked_at = Instant::now();
        let joined = member.ask("room:join", &json!({"roomId": room, "userName": "member"}))?;
        trips.push(asked_at.elapsed());
        ensure!(joined["success"] == true, "not let in: {joined}");
        Ok(member)
    }

    fn party(&self, trips: &mut Vec<Duration>) -> Result<Party> {
        let (mut owner, room) = self.create(None)?;
        let token = room["ownerToken"].as_str().context("no owner token")?.to_owned();
        let room = room["id"].as_str().context("no room id")?.to_owned();
        let member = self.join(&room, trips)?;
        let told = owner.await_event("room:member-joined")?;
        ensure!(told["name"] == "member" && told["id"] == *member.id, "{told}");
        Ok(Party { owner, member, room, token })
    }
}

impl Party {
    /// The owner leaves, and with it the room.
    fn end(mut self) -> Result<()> {
        self.owner.emit("room:leave", &json!({}))?;
        let told = self.member.await_event("room:deleted")?;
        ensure!(told["reason"] == "owner_left", "{told}");
        Ok(())
    }
}

fn wrong_key(stage: &Stage<'_>) -> Result<()> {
    let target = Target { key: unused("wrong"), ..stage.target.clone() };
    let mut client = Client::connect(&target, stage.transport)?;
    let told = client.await_event("error")?;
    ensure!(told == "Unauthorized", "{told}");
    ensure!(client.hear()?.is_none(), "still connected");
    Ok(())
}

fn come_and_go(stage: &Stage<'_>, trips: &mut Vec<Duration>) -> Result<()> {
    let mut party = stage.party(trips)?;
    // The list is a second old at most.
    let started = Instant::now();
    let listed = loop {
        let list = party.member.ask("room:list", &Value::Null)?;
        let rooms = list.as_array().with_context(|| format!("a list is expected: {list}"))?;
        if let Some(room) = rooms.iter().find(|room| room["id"] == *party.room) {
            break room.clone();
        }
        ensure!(started.elapsed() < stage.target.patience, "the room is not listed");
        std::thread::park_timeout(Duration::from_millis(100));
    };
    ensure!(listed.get("ownerToken").is_none(), "the list tells a secret");
    party.member.emit("room:leave", &json!({}))?;
    let told = party.owner.await_event("room:member-left")?;
    ensure!(told == *party.member.id, "{told}");
    party.owner.emit("room:leave", &json!({}))
}

fn show(stage: &Stage<'_>, trips: &mut Vec<Duration>) -> Result<()> {
    let mut party = stage.party(trips)?;
    let film = json!({
        "type": "play", "url": "https://example.org/film.m3u8", "currentTime": 12.5, "isPlaying": true,
        "videoId": "1", "videoName": "Film", "source": "probe",
    });
    let sent_at = Instant::now();
    party.owner.emit("play:update", &film)?;
    let heard = party.member.await_event("play:update")?;
    trips.push(sent_at.elapsed());
    ensure!(heard == film, "it is another one now: {heard}");
    let mut late = stage.join(&party.room, trips)?;
    let told = late.await_event("play:update")?;
    ensure!(told["currentTime"].as_f64().is_some_and(|at| (12.5..17.5).contains(&at)), "{told}");
    drop(late);
    party.end()
}

fn chat(stage: &Stage<'_>, trips: &mut Vec<Duration>) -> Result<()> {
    let mut party = stage.party(trips)?;
    let sent_at = Instant::now();
    party.member.emit("chat:message", &json!({"content": "hello 你好", "type": "text"}))?;
    for client in [&mut party.owner, &mut party.member] {
        let heard = client.await_event("chat:message")?;
        ensure!(heard["content"] == "hello 你好" && heard["userName"] == "member", "{heard}");
    }
    trips.push(sent_at.elapsed());
    party.end()
}

fn call(stage: &Stage<'_>, trips: &mut Vec<Duration>) -> Result<()> {
    let mut party = stage.party(trips)?;
    let mut third = stage.join(&party.room, trips)?;
    let offer = json!({"targetUserId": party.owner.id, "offer": {"sdp": "v=0"}});
    party.member.emit("voice:offer", &offer)?;
    let heard = party.owner.await_event("voice:offer")?;
    ensure!(heard["userId"] == *party.member.id && heard["offer"]["sdp"] == "v=0", "{heard}");
    party.member.emit("chat:message", &json!({"content": "after it", "type": "text"}))?;
    let (event, payload) = third.hear()?.context("closed")?;
    ensure!(event == "chat:message", "somebody else heard {event} {payload}");
    party.end()
}

fn password(stage: &Stage<'_>, trips: &mut Vec<Duration>) -> Result<()> {
    let (mut owner, room) = stage.create(Some("sesame"))?;
    let id = room["id"].as_str().context("no room id")?;
    let mut stranger = stage.connect()?;
    let refused =
        stranger.ask("room:join", &json!({"roomId": id, "password": "x", "userName": "stranger"}))?;
    ensure!(refused["success"] == false && refused["error"] == "密码错误", "{refused}");
    let asked_at = Instant::now();
    let joined =
        stranger.ask("room:join", &json!({"roomId": id, "password": "sesame", "userName": "friend"}))?;
    trips.push(asked_at.elapsed());
    ensure!(joined["success"] == true && joined["room"]["password"] == "***", "{joined}");
    owner.emit("room:leave", &json!({}))
}

fn come_back(stage: &Stage<'_>, trips: &mut Vec<Duration>) -> Result<()> {
    let Party { owner, mut member, room, token } = stage.party(trips)?;
    drop(owner);
    member.await_event("room:member-left")?;
    let mut owner = stage.connect()?;
    let back = owner.ask("room:join", &json!({"roomId": room, "userName": "owner", "ownerToken": token}))?;
    ensure!(back["success"] == true && back["room"]["ownerId"] == *owner.id, "{back}");
    let told = member.await_event("room:member-joined")?;
    ensure!(told["isOwner"] == true, "{told}");
    Party { owner, member, room, token }.end()
}

fn rude(stage: &Stage<'_>) -> Result<()> {
    let mut client = stage.connect()?;
    for rude in [Value::Null, json!("x"), json!([1]), json!({"roomId": {}})] {
        let told = client.ask("room:join", &rude)?;
        ensure!(told["success"] == false, "{rude} is answered by {told}");
    }
    client.emit("heartbeat", &json!({}))?;
    client.await_event("heartbeat:pong")?;
    Ok(())
}
