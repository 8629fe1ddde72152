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
use crate::server::Server;
use crate::tally::{Figures, Heard, Tally};

/// Who talks to how many, and how often.
pub struct Load {
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
    /// Fills the rooms of a fresh server, and has their hosts talk for that long.
    pub async fn run(&self, server: Server, span: Duration) -> Result<Figures> {
        let rooms = Room::open_all(server.address, self.n_rooms, self.n_listeners).await?;
        let tally = Rc::new(Tally::new());
        let mut listeners = JoinSet::new();
        let mut desks = Vec::new();
        for room in rooms {
            let turn = Rc::new(Turn::new(self.n_listeners));
            for listener in room.listeners {
                listeners.spawn_local(listen(listener, Rc::clone(&turn), Rc::clone(&tally)));
            }
            desks.push(Desk { room: room.id, host: room.host, turn, tally: Rc::clone(&tally) });
        }
        server.rest().await?;

        let cpu_before = server.cpu_time()?;
        let mut hosts = self.start_talk(desks, span);
        let n_sent = tokio::select! {
            n_sent = sum(&mut hosts) => n_sent.context("a host was lost")?,
            Some(ended) = listeners.join_next() => match ended?.context("a listener was lost")? {},
        };
        tally.wait_for(n_sent * self.n_listeners).await?;
        server.rest().await?;
        let cpu = server.cpu_time()?.saturating_sub(cpu_before);

        // Before its members go: their leaving would be work, and nobody waits for it.
        drop(server);
        tally.figures(cpu, span)
    }

    fn start_talk(&self, desks: Vec<Desk>, span: Duration) -> JoinSet<Result<usize>> {
        let starts_at = Instant::now();
        let ends_at = starts_at + span;
        let mut hosts = JoinSet::new();
        for (place, desk) in desks.into_iter().enumerate() {
            match self.pace {
                Pace::PerSecond(rate) => {
                    let gap = Duration::from_secs(1) / rate;
                    let first_at = starts_at + gap.mul_f64(place as f64 / self.n_rooms as f64);
                    hosts.spawn_local(desk.talk_every(gap, first_at, ends_at))
                }
                Pace::ClosedLoop => hosts.spawn_local(desk.talk_in_turn(ends_at)),
            };
        }
        hosts
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
    pub async fn open_all(address: SocketAddr, n_rooms: usize, n_listeners: usize) -> Result<Vec<Self>> {
        let mut rooms = Vec::with_capacity(n_rooms);
        for n in 0..n_rooms {
            let id = format!("load-{n}");
            rooms.push(Self::open(address, id, n_listeners).await.with_context(|| format!("room {n}"))?);
        }
        Ok(rooms)
    }

    async fn open(address: SocketAddr, id: String, n_listeners: usize) -> Result<Self> {
        let mut host = Member::connect(address).await?;
        host.emit("create_room", &json!({"room_id": id, "track": {"name": "Prelude"}})).await?;
        host.await_event("room_created").await?;
        let mut listeners = Vec::with_capacity(n_listeners);
        for _ in 0..n_listeners {
            let mut listener = Member::connect(address).await?;
            listener.emit("join_room", &json!({"room_id": id})).await?;
            listener.await_event("room_joined").await?;
            listeners.push(listener);
        }
        Ok(Self { id, host, listeners })
    }

    /// Host and listeners.
    pub fn n_members(&self) -> usize {
        1 + self.listeners.len()
    }
}

/// A host at work.
struct Desk {
    room: String,
    host: Member,
    turn: Rc<Turn>,
    tally: Rc<Tally>,
}

impl Desk {
    /// Talks at fixed moments, late or not, and returns how often.
    async fn talk_every(mut self, gap: Duration, first_at: Instant, ends_at: Instant) -> Result<usize> {
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

    async fn talk(&mut self) -> Result<()> {
        let track = self.tally.stamped_track();
        self.host.emit("track_change", &json!({"room_id": self.room, "track": track})).await
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
struct Turn {
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
async fn listen(mut listener: Member, turn: Rc<Turn>, tally: Rc<Tally>) -> Result<Infallible> {
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
