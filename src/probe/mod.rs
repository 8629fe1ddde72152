//! `roomhub probe`: a client for each service, that anybody may try it with, or that plays its scenarios and checks them.
//!
//! It uses what the protocols promise and nothing else, so it judges any server that speaks them.
#![allow(clippy::disallowed_methods, reason = "how long a server takes is measured by the real clock")]

mod devices;
pub mod health;
mod http;
mod keyboard;
mod mp3;
mod music;
pub mod packet;
mod polling;
mod radio;
mod report;
mod signal;
mod socketio;
mod watch;
mod wire;

use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

pub use report::Report;

use crate::random;

/// Whom to ask, and how patiently.
#[derive(Debug, Clone)]
pub struct Target {
    /// Like `http://localhost:5000`.
    pub url: String,
    /// A key that the server wants, if it wants one.
    pub key: String,
    /// The authority of its certificate, if it is none that everybody knows.
    pub ca_file: Option<PathBuf>,
    /// The longest that an answer may take.
    pub patience: Duration,
}

/// What somebody types, line by line.
pub type Input = Box<dyn BufRead + Send>;

/// A client of a service.
pub struct Client {
    /// What its scenarios are played over, one after the other, if nothing else is asked for.
    transports: &'static [Transport],
    scenarios: fn(&Target, &Scenarios, &mut Report<'_>),
    /// A client for whoever sits at the keyboard: what is typed is sent, and everything that comes is shown. It fails
    /// when the server cannot be reached, or closes the connection.
    pub talk: fn(&Target, Input, &mut dyn Write) -> Result<()>,
}

/// A member of a listening room.
pub const MUSIC: Client = Client { transports: &SOCKETIO, scenarios: music::play, talk: music::talk };

/// A member of a watch party.
pub const WATCH: Client = Client { transports: &SOCKETIO, scenarios: watch::play, talk: watch::talk };

/// A user of WebRTC signalling.
pub const SIGNAL: Client = Client { transports: &SOCKETIO, scenarios: signal::play, talk: signal::talk };

/// A device.
pub const DEVICES: Client =
    Client { transports: &[Transport::Websocket], scenarios: devices::play, talk: devices::talk };

/// A listener.
pub const RADIO: Client =
    Client { transports: &[Transport::Websocket], scenarios: radio::play, talk: radio::talk };

/// The transports of Socket.IO.
const SOCKETIO: [Transport; 2] = [Transport::Websocket, Transport::Polling];

/// How Socket.IO reaches the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Transport {
    /// A WebSocket from the start.
    Websocket,
    /// HTTP requests that wait.
    Polling,
    /// Each scenario over one and then over the other.
    Both,
}

/// Who plays the scenarios, and where.
#[derive(Debug, Clone)]
pub struct Scenarios {
    /// Users of a room: two or more.
    pub users: usize,
    /// The room, or a radio station's route; empty for one that nobody else uses.
    pub room: String,
    /// For services on Socket.IO.
    pub transport: Transport,
}

impl Client {
    /// Plays every scenario of the service; true if all of them hold.
    pub fn play(&self, target: &Target, scenarios: &Scenarios, out: &mut dyn Write) -> bool {
        let mut report = Report::new(out);
        let transports = match scenarios.transport {
            Transport::Both => self.transports,
            Transport::Polling => &[Transport::Polling],
            Transport::Websocket => &[Transport::Websocket],
        };
        for transport in transports {
            let scenarios = Scenarios { transport: *transport, ..scenarios.clone() };
            if transports.len() > 1 {
                report.say(match transport {
                    Transport::Polling => "over polling:",
                    Transport::Websocket | Transport::Both => "over WebSockets:",
                });
            }
            (self.scenarios)(target, &scenarios, &mut report);
        }
        report.conclude()
    }
}

/// A name that nobody else uses, so that a probe disturbs nobody.
fn unused(name: &str) -> String {
    format!("{name}-{}", hex::encode(random::bytes::<4>()))
}
