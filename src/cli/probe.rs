//! Commands that ask servers how they are.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::{ConfigFile, parse_service};
use crate::probe::Transport;
use crate::settings::Service;

pub(super) const PROBE_EXAMPLES: &str = "\
Examples:
  roomhub probe health
  roomhub probe music --auto
  AUTH_KEY_FILE=key roomhub probe watch --url https://rooms.example.org --auto";

/// What to probe.
#[derive(Debug, Subcommand)]
pub enum Probe {
    /// Listening rooms: type `create ROOM`, `join ROOM`, `play`, `seek SECONDS`; or have scenarios played
    Music(ProbeService),
    /// Watch parties: type `create NAME`, `join ROOM`, `say TEXT`; or have scenarios played
    Watch(ProbeService),
    /// WebRTC signalling: type `join USER ROOM`, `leave`, `say TEXT`; or have scenarios played
    Signal(ProbeService),
    /// Device rooms: type `join DEVICE`, `say TEXT`, `who`; or have scenarios played
    Devices(ProbeService),
    /// Internet radio, any Icecast too: ask what plays; or have pace, frames and titles checked
    Radio(ProbeService),
    /// Ask the services on this machine whether they are alive, for container health checks
    Health(Health),
}

/// How to probe a server.
#[derive(Debug, Args)]
pub struct ProbeService {
    /// The server [default: the service's usual port on this machine]
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Play the scenarios, print a line for each check, and exit with 1 if one fails
    #[arg(long)]
    pub auto: bool,
    /// Users of the first scenario's room
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(2..=1000))]
    pub users: u16,
    /// Room that the scenarios play in, or a station's route [default: a new room; test-room for signal; / for radio]
    #[arg(long, visible_alias = "route", value_name = "ROOM")]
    pub room: Option<String>,
    /// How Socket.IO reaches the server
    #[arg(long, value_enum, default_value = "both")]
    pub transport: Transport,
    /// File that holds the key, if the server wants one [env: `AUTH_KEY_FILE`, or the key itself in `AUTH_KEY`]
    #[arg(long, value_name = "FILE")]
    pub auth_key_file: Option<String>,
    /// PEM file of the authority that signs the server's certificate [default: those that everybody knows]
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// The longest that an answer may take, like 5s
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = humantime::parse_duration)]
    pub timeout: Duration,
}

impl Probe {
    /// Which service, and how; nothing for what asks no service.
    pub fn service(&self) -> Option<(Service, &ProbeService)> {
        match self {
            Self::Music(command) => Some((Service::Music, command)),
            Self::Watch(command) => Some((Service::Watch, command)),
            Self::Signal(command) => Some((Service::Signal, command)),
            Self::Devices(command) => Some((Service::Devices, command)),
            Self::Radio(command) => Some((Service::Radio, command)),
            Self::Health(_) => None,
        }
    }
}

/// Whom to ask.
#[derive(Debug, Args)]
pub struct Health {
    /// Services to ask, each at its configured address [default: all that run here, at the addresses where they listen]
    #[arg(value_parser = parse_service)]
    pub services: Vec<Service>,
    /// Process to ask, instead of all that run here
    #[arg(long, value_name = "PID", conflicts_with = "services")]
    pub pid: Option<u32>,
    /// Where the configuration is.
    #[command(flatten)]
    pub config: ConfigFile,
}
