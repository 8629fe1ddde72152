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

/// Which service is probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Listening rooms.
    Music,
    /// Watch parties.
    Watch,
    /// Signalling.
    Signal,
    /// Device rooms.
    Devices,
    /// Radio.
    Radio,
}

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

/// Plays every scenario of a service; true if all of them hold.
pub fn play<W: Write>(kind: Kind, target: &Target, scenarios: &Scenarios, out: W) -> bool {
    let mut report = Report::new(out);
    let is_socketio = matches!(kind, Kind::Music | Kind::Watch | Kind::Signal);
    let transports: &[Transport] = match scenarios.transport {
        Transport::Both if is_socketio => &[Transport::Websocket, Transport::Polling],
        Transport::Polling => &[Transport::Polling],
        Transport::Websocket | Transport::Both => &[Transport::Websocket],
    };
    for transport in transports {
        let scenarios = Scenarios { transport: *transport, ..scenarios.clone() };
        if transports.len() > 1 {
            report.say(match transport {
                Transport::Polling => "over polling:",
                Transport::Websocket | Transport::Both => "over WebSockets:",
            });
        }
        match kind {
            Kind::Music => music::play(target, &scenarios, &mut report),
            Kind::Watch => watch::play(target, &scenarios, &mut report),
            Kind::Signal => signal::play(target, &scenarios, &mut report),
            Kind::Devices => devices::play(target, &scenarios, &mut report),
            Kind::Radio => radio::play(target, &scenarios, &mut report),
        }
    }
    report.conclude()
}

/// A client for whoever sits at the keyboard; everything that comes is shown.
///
/// # Errors
/// The server cannot be reached, or closes the connection.
pub fn talk<W: Write>(
    kind: Kind,
    target: &Target,
    input: impl BufRead + Send + 'static,
    out: W,
) -> Result<()> {
    match kind {
        Kind::Music => music::talk(target, input, out),
        Kind::Watch => watch::talk(target, input, out),
        Kind::Signal => signal::talk(target, input, out),
        Kind::Devices => devices::talk(target, input, out),
        Kind::Radio => radio::talk(target, input, out),
    }
}

/// A name that nobody else uses, so that a probe disturbs nobody.
fn unused(name: &str) -> String {
    let mut bytes = [0; 4];
    ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut bytes)
        .expect("the system has random numbers");
    format!("{name}-{}", hex::encode(bytes))
}
