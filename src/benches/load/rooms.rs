//! Rooms full of members, the talk of their hosts, and how it reaches the listeners.

use std::cell::Cell;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::json;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::member::Member;
use crate::nodes::Nodes;
use crate::tally::{Figures, Heard, Tally};

/// What rooms are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Talk {
    /// Listening rooms: hosts change the track.
    Tracks,
    /// The same over TLS.
    SealedTracks,
    /// Signalling: users send each other a kilobyte.
    Calls,
    /// Device rooms: a message with an id, which is on disk before it is delivered.
    Messages,
}

/// Bytes around the send time in a message of a call: about what an offer has.
const CALL_BYTES: usize = 950;

/// Bytes of a device's message beside its send time: its record has about 300.
const MESSAGE_BYTES: usize = 100;

/// Who talks to how many, and how often.
pub struct Load {
    /// About what.
    pub talk: Talk,
    /// Rooms, with a host each.
    pub n_rooms: usize,
    /// Listeners of each room, beside the host.
    pub n_listeners: usize,
    /// When a host talks.
    pub pace: Pace,
}

/// When a host changes the track.
#[derive(Debug, Clone, Copy)]
pub enum Pace {
    /// So many times a second; the hosts take turns, evenly spread.
    PerSecond(u32),
    /// As soon as every listener of the room has the last one.
    ClosedLoop,
}

impl Load {
    /// Fills the rooms of fresh nodes, and has their hosts talk for that long; tells the part of Redis in the CPU time
    /// of a delivery.
    pub async fn run(&self, nodes: Nodes, span: Duration) -> Result<(Figures, Duration)> {
        let rooms = Room::open_all(&nodes.addresses(), self.talk, self.n_rooms, self.n_listeners).await?;
        let tally = Rc::new(Tally::new());
        let mut listeners = JoinSet::new();
        let mut desks = Vec::new();
        for room in rooms {
            let (desk, listening) = room.into_parts(self.talk, &tally);
            for listener in listening {
                listeners.spawn_local(listen(listener, Rc::clone(&desk.turn), Rc::clone(&tally)));
            }
            desks.push(desk);
        }
        nodes.rest().await?;

        let (cpu_before, redis_before) = (nodes.cpu_time()?, nodes.redis_cpu_time()?);
        let mut hosts = self.start_talk(desks, span);
        let n_sent = tokio::select! {
            n_sent = sum(&mut hosts) => n_sent.context("a host was lost")?,
            Some(ended) = listeners.join_next() => match ended?.context("a listener was lost")? {},
        };
        tally.wait_for(n_sent * self.n_listeners).await?;
        nodes.rest().await?;
        let cpu = nodes.cpu_time()?.saturating_sub(cpu_before);
        let redis = nodes.redis_cpu_time()?.saturating_sub(redis_before);

        // Before their members go: their leaving would be work, and nobody waits for it.
        drop(nodes);
        Ok((tally.figures(cpu, span)?, redis.div_f64((n_sent * self.n_listeners) as f64)))
    }

    fn start_talk(&self, desks: Vec<Desk>, span: Duration) -> JoinSet<Result<usize>> {
        let starts_at = Instant::now();
        let ends_at = starts_at + span;
        let mut hosts = JoinSet::new();
        for (place, mut desk) in desks.into_iter().enumerate() {
            match self.pace {
                Pace::PerSecond(rate) => {
                    let gap = Duration::from_secs(1) / rate;
                    let first_at = starts_at + gap.mul_f64(place as f64 / self.n_rooms as f64);
                    hosts.spawn_local(async move { desk.talk_every(gap, first_at, ends_at).await })
                }
                Pace::ClosedLoop => hosts.spawn_local(desk.talk_in_turn(ends_at)),
            };
        }
        hosts
    }
}

impl Talk {
    /// The service whose rooms these are.
    pub fn service(self) -> &'static str {
        match self {
            Self::Tracks | Self::SealedTracks => "music",
            Self::Calls => "signal",
            Self::Messages => "devices",
        }
    }

    /// Connects a member.
    pub async fn connect(self, address: SocketAddr) -> Result<Member> {
        match self {
            Self::Tracks | Self::Calls => Member::connect(address).await,
            Self::SealedTracks => Member::connect_over_tls(address).await,
            Self::Messages => Member::connect_plain(address).await,
        }
    }

    /// Takes a member in as the room's `n`th; the first makes it. Gives the room's id.
    pub async fn seat(self, member: &mut Member, room: &str, n: usize) -> Result<String> {
        match (self, n) {
            (Self::Tracks | Self::SealedTracks, 0) => {
                member.emit("create_room", &json!({"room_id": room, "track": {"name": "Prelude"}})).await?;
                member.await_event("room_created").await?;
            }
            (Self::Tracks | Self::SealedTracks, _) => {
                member.emit("join_room", &json!({"room_id": room})).await?;
                member.await_event("room_joined").await?;
            }
            (Self::Calls, n) => {
                member.emit("join", &json!({"userId": format!("user-{n}"), "roomId": room})).await?;
                member.await_event("joined").await?;
            }
            (Self::Messages, n) => {
                let mut named = json!({"device_id": format!("{room}-{n}"), "identity": "load"});
                if n > 0 {
                    named["room_id"] = room.into();
                }
                member.send(&named).await?;
                let joined = member.await_object("room").await?;
                return Ok(joined["room_id"].as_str().context("a room")?.to_owned());
            }
        }
        Ok(room.to_owned())
    }

    /// Says something that tells when it was said.
    async fn say(self, member: &mut Member, room: &str, tally: &Tally) -> Result<()> {
        match self {
            Self::Tracks | Self::SealedTracks => {
                let track = tally.stamped_track();
                member.emit("track_change", &json!({"room_id": room, "track": track})).await
            }
            Self::Calls => {
                let words = json!({"roomId": room, "at": tally.stamp(), "sdp": "v".repeat(CALL_BYTES)});
                member.emit("message", &words).await
            }
            Self::Messages => {
                let stamp = tally.stamp();
                let content = format!("{stamp} {}", "x".repeat(MESSAGE_BYTES));
                member.send(&json!({"type": "message", "content": content, "message_id": stamp})).await
            }
        }
    }
}

/// A room in which everybody is seated.
pub struct Room {
    id: String,
    host: Member,
    listeners: Vec<Member>,
}

impl Room {
    /// Opens rooms and fills them, each member when the one before has its answer.
    ///
    /// The members of a room come to the nodes in turn.
    pub async fn open_all(
        nodes: &[SocketAddr],
        talk: Talk,
        n_rooms: usize,
        n_listeners: usize,
    ) -> Result<Vec<Self>> {
        let mut rooms = Vec::with_capacity(n_rooms);
        for n in 0..n_rooms {
            let id = format!("load-{n}");
            rooms.push(Self::open(nodes, talk, &id, n_listeners).await.with_context(|| format!("room {n}"))?);
        }
        Ok(rooms)
    }

    /// Opens a room and fills it.
    pub async fn open(nodes: &[SocketAddr], talk: Talk, name: &str, n_listeners: usize) -> Result<Self> {
        let mut turns = nodes.iter().cycle();
        let mut next = || *turns.next().expect("there is a node");
        let mut host = talk.connect(next()).await?;
        let id = talk.seat(&mut host, name, 0).await?;
        let mut listeners = Vec::with_capacity(n_listeners);
        for n in 1..=n_listeners {
            let mut listener = talk.connect(next()).await?;
            talk.seat(&mut listener, &id, n).await?;
            listeners.push(listener);
        }
        Ok(Self { id, host, listeners })
    }

    /// The host, ready to talk, and the listeners.
    pub fn into_parts(self, talk: Talk, tally: &Rc<Tally>) -> (Desk, Vec<Member>) {
        let turn = Rc::new(Turn::new(self.listeners.len()));
        (Desk { talk, room: self.id, host: self.host, turn, tally: Rc::clone(tally) }, self.listeners)
    }

    /// Host and listeners.
    pub fn n_members(&self) -> usize {
        1 + self.listeners.len()
    }
}

/// A host at work.
pub struct Desk {
    talk: Talk,
    room: String,
    host: Member,
    /// How far its listeners are.
    pub turn: Rc<Turn>,
    tally: Rc<Tally>,
}

impl Desk {
    /// Talks at fixed moments, late or not, and returns how often.
    pub async fn talk_every(&mut self, gap: Duration, first_at: Instant, ends_at: Instant) -> Result<usize> {
        let mut n_sent = 0;
        let mut due_at = first_at;
        while due_at < ends_at {
            self.hear_until(tokio::time::sleep_until(due_at.into())).await?;
            self.talk().await?;
            n_sent += 1;
            due_at += gap;
        }
        Ok(n_sent)
    }

    /// Talks whenever all have heard, and returns how often.
    async fn talk_in_turn(mut self, ends_at: Instant) -> Result<usize> {
        let mut n_sent = 0;
        while Instant::now() < ends_at {
            self.talk().await?;
            n_sent += 1;
            let turn = Rc::clone(&self.turn);
            self.hear_until(turn.all_have_heard.notified()).await?;
        }
        Ok(n_sent)
    }

    /// Talks once.
    pub async fn talk(&mut self) -> Result<()> {
        self.talk.say(&mut self.host, &self.room, &self.tally).await
    }

    /// Waits, and answers pings meanwhile.
    async fn hear_until(&mut self, moment: impl Future<Output = ()>) -> Result<()> {
        tokio::pin!(moment);
        loop {
            tokio::select! {
                biased;
                () = &mut moment => return Ok(()),
                heard = self.host.hear() => heard?,
            };
        }
    }
}

/// How far a room's message has come.
pub struct Turn {
    n_listeners: usize,
    n_heard: Cell<usize>,
    all_have_heard: Notify,
}

impl Turn {
    fn new(n_listeners: usize) -> Self {
        Self { n_listeners, n_heard: Cell::new(0), all_have_heard: Notify::new() }
    }

    fn heard(&self) {
        self.n_heard.set(self.n_heard.get() + 1);
        if self.n_heard.get() == self.n_listeners {
            self.n_heard.set(0);
            self.all_have_heard.notify_one();
        }
    }
}

/// Hears everything, for as long as the connection holds.
pub async fn listen(mut listener: Member, turn: Rc<Turn>, tally: Rc<Tally>) -> Result<Infallible> {
    loop {
        if tally.note(listener.hear().await?) == Heard::Track {
            turn.heard();
        }
    }
}

/// Waits for all hosts, and adds up how often they talked.
async fn sum(hosts: &mut JoinSet<Result<usize>>) -> Result<usize> {
    let mut n_sent = 0;
    while let Some(talked) = hosts.join_next().await {
        n_sent += talked??;
    }
    Ok(n_sent)
}
