//! WebRTC signalling: two or more users who join, call, leave and are cut off; and a user to try it by hand.

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use serde_json::{Value, json};

use super::socketio::{Client, converse};
use super::{Input, Report, Scenarios, Target, Transport};

/// The room of the scenarios, if no other is named.
const ROOM: &str = "test-room";

/// What can be typed.
const HELP: &str = "join USER ROOM, leave, say TEXT, quit";

/// Where the scenarios play.
struct Stage<'a> {
    target: &'a Target,
    transport: Transport,
    room: &'a str,
}

/// Plays every scenario.
pub fn play(target: &Target, scenarios: &Scenarios, report: &mut Report<'_>) {
    let room = if scenarios.room.is_empty() { ROOM } else { &scenarios.room };
    let stage = &Stage { target, transport: scenarios.transport, room };
    report
        .check("users join, see each other and leave", |trips| join_and_leave(stage, scenarios.users, trips));
    report.check("an offer reaches the room as it was sent", |trips| relay(stage, trips));
    report.check("a message for one user reaches that one", |trips| one_of_them(stage, trips));
    report.check("two rooms know nothing of each other", |trips| isolation(stage, trips));
    report.check("a user that is cut off has left", |trips| cut_off(stage, trips));
    report.check("what is no request is refused, and harms nobody", |trips| refusals(stage, trips));
}

/// A user at the keyboard: `join USER ROOM`, `leave`, `say TEXT`, `quit`; everything that comes is shown.
pub fn talk(target: &Target, input: Input, out: &mut dyn Write) -> Result<()> {
    let mut seat: Option<(String, String)> = None;
    converse(target, HELP, input, out, |line, client| {
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            [] => {}
            ["join", user, room] => {
                client.emit("join", &json!({"userId": user, "roomId": room}))?;
                seat = Some((user.to_owned(), room.to_owned()));
            }
            ["leave"] => match seat.take() {
                Some((user, room)) => client.emit("leave", &json!({"userId": user, "roomId": room}))?,
                None => return Ok(Some("join a room first")),
            },
            ["say", ..] => match &seat {
                Some((_, room)) => {
                    let text = line.trim_start_matches("say").trim();
                    client.emit("message", &json!({"roomId": room, "text": text}))?;
                }
                None => return Ok(Some("join a room first")),
            },
            _ => return Ok(Some(HELP)),
        }
        Ok(None)
    })
}

/// Somebody in a room.
struct User {
    client: Client,
    name: String,
    room: String,
}

impl User {
    /// Joins a room, greeted and told of it.
    fn enter(stage: &Stage<'_>, name: &str, room: &str, trips: &mut Vec<Duration>) -> Result<(Self, Value)> {
        let mut client = Client::connect(stage.target, stage.transport)?;
        client.expect("connected")?;
        let asked_at = Instant::now();
        client.emit("join", &json!({"userId": name, "roomId": room}))?;
        let joined = client.expect("joined")?;
        trips.push(asked_at.elapsed());
        ensure!(joined["userId"] == name && joined["roomId"] == room, "joined as somebody else: {joined}");
        Ok((Self { client, name: name.to_owned(), room: room.to_owned() }, joined))
    }

    /// Leaves, and is told so; others may have said something before.
    fn leave(mut self, trips: &mut Vec<Duration>) -> Result<()> {
        let asked_at = Instant::now();
        self.client.emit("leave", &json!({"userId": self.name, "roomId": self.room}))?;
        self.client.await_event("leaved")?;
        trips.push(asked_at.elapsed());
        Ok(())
    }
}

/// Has everybody leave, so that the next scenario finds empty rooms.
fn part<const N: usize>(users: [User; N], trips: &mut Vec<Duration>) -> Result<()> {
    users.into_iter().try_for_each(|user| user.leave(trips))
}

fn join_and_leave(stage: &Stage<'_>, n_users: usize, trips: &mut Vec<Duration>) -> Result<()> {
    let mut users: Vec<User> = Vec::new();
    for n in 1..=n_users.max(2) {
        let name = format!("user{n}");
        let (user, joined) = User::enter(stage, &name, stage.room, trips)?;
        for other in &mut users {
            let event = other.client.expect("user-joined")?;
            ensure!(event["userId"] == name.as_str(), "somebody else joined: {event}");
        }
        users.push(user);
        let names: Vec<&str> = users.iter().map(|user| user.name.as_str()).collect();
        ensure!(joined["users"] == json!(names), "users in the order of joining are expected: {joined}");
    }
    while let Some(user) = users.pop() {
        let name = user.name.clone();
        user.leave(trips)?;
        for other in &mut users {
            let event = other.client.expect("user-left")?;
            ensure!(event["userId"] == name.as_str(), "somebody else left: {event}");
        }
    }
    Ok(())
}

/// Two users, with the first told of the second.
fn pair(stage: &Stage<'_>, trips: &mut Vec<Duration>) -> Result<(User, User)> {
    let (mut ann, _) = User::enter(stage, "ann", stage.room, trips)?;
    let (bob, _) = User::enter(stage, "bob", stage.room, trips)?;
    ann.client.expect("user-joined")?;
    Ok((ann, bob))
}

fn relay(stage: &Stage<'_>, trips: &mut Vec<Duration>) -> Result<()> {
    let room = stage.room;
    let (mut ann, mut bob) = pair(stage, trips)?;
    let offer = json!({"type": "offer", "roomId": room, "sdp": "v=0 \u{e4} \u{4f60}"});
    let sent_at = Instant::now();
    ann.client.emit("message", &offer)?;
    let heard = bob.client.expect("message")?;
    trips.push(sent_at.elapsed());
    ensure!(heard == offer, "it is another one now: {heard}");
    part([ann, bob], trips)
}

fn one_of_them(stage: &Stage<'_>, trips: &mut Vec<Duration>) -> Result<()> {
    let room = stage.room;
    let (mut ann, mut bob) = pair(stage, trips)?;
    let (mut cyd, _) = User::enter(stage, "cyd", stage.room, trips)?;
    ann.client.expect("user-joined")?;
    bob.client.expect("user-joined")?;
    ann.client.emit("message", &json!({"roomId": room, "to": "cyd", "text": "you alone"}))?;
    ann.client.emit("message", &json!({"roomId": room, "text": "everybody"}))?;
    let heard = cyd.client.expect("message")?;
    ensure!(heard["text"] == "you alone" && heard["from"] == "ann", "{heard}");
    cyd.client.expect("message")?;
    let heard = bob.client.expect("message")?;
    ensure!(heard["text"] == "everybody", "bob heard what was for cyd: {heard}");
    part([ann, bob, cyd], trips)
}

fn isolation(stage: &Stage<'_>, trips: &mut Vec<Duration>) -> Result<()> {
    let room = stage.room;
    let (mut ann, mut bob) = pair(stage, trips)?;
    let other = format!("{room}-2");
    let (mut eve, joined) = User::enter(stage, "eve", &other, trips)?;
    ensure!(joined["users"] == json!(["eve"]), "the other room is not empty: {joined}");
    eve.client.emit("message", &json!({"roomId": room, "text": "let me in"}))?;
    eve.client.expect("error")?;
    eve.client.emit("message", &json!({"roomId": other, "text": "alone"}))?;
    ann.client.emit("message", &json!({"roomId": room, "text": "among us"}))?;
    let heard = bob.client.expect("message")?;
    ensure!(heard["text"] == "among us", "it came from another room: {heard}");
    part([ann, bob, eve], trips)
}

fn cut_off(stage: &Stage<'_>, trips: &mut Vec<Duration>) -> Result<()> {
    let (mut ann, bob) = pair(stage, trips)?;
    drop(bob);
    let event = ann.client.expect("user-left")?;
    ensure!(event["userId"] == "bob", "somebody else left: {event}");
    part([ann], trips)
}

fn refusals(stage: &Stage<'_>, trips: &mut Vec<Duration>) -> Result<()> {
    let room = stage.room;
    let (mut ann, mut bob) = pair(stage, trips)?;
    for payload in [json!({}), json!({"userId": "", "roomId": room}), json!("join"), json!([1])] {
        ann.client.emit("join", &payload)?;
        let error = ann.client.expect("error")?;
        if error["message"] != "userId and roomId are required" {
            bail!("{payload} is answered by {error}");
        }
    }
    bob.client.emit("message", &json!({"roomId": room, "text": "still here"}))?;
    ann.client.expect("message")?;
    part([ann, bob], trips)
}
