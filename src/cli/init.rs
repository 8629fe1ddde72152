//! The command that writes a configuration: every answer has a flag.

use std::path::PathBuf;

use clap::Args;

use super::parse_service;
use crate::settings::Service;

pub(super) const INIT_EXAMPLES: &str = "\
At a terminal, everything that no flag sets is asked. Keys are random and are written to the file, which only its owner can \
read then (mode 0600); they are only shown in a terminal.

Examples:
  roomhub init
  roomhub init --yes --listen 0.0.0.0:8080 --films ~/films --audio ~/music
  roomhub init --yes --services radio --stations jazz=/srv/jazz,news=/srv/news
  roomhub init --yes --listen 127.0.0.1:8080 --proxy 127.0.0.1 --name rooms.example.org
  roomhub init devices.toml --yes --services devices --client-keys";

/// What the configuration is to say.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
#[derive(Debug, Clone, Default, Args)]
pub struct Init {
    /// File to write
    #[arg(value_name = "FILE", default_value = "roomhub.toml")]
    pub file: PathBuf,
    /// Overwrite the file if it is there
    #[arg(long)]
    pub force: bool,
    /// Ask nothing; everything that no flag sets keeps its default
    #[arg(long, short)]
    pub yes: bool,
    /// Services to run, separated by commas [default: all of them]
    #[arg(long, value_delimiter = ',', value_parser = parse_service)]
    pub services: Vec<Service>,
    /// One address for all of them, like `0.0.0.0:8080`, or several separated by commas [default: a port each]
    #[arg(long, value_name = "ADDRESSES", value_delimiter = ',')]
    pub listen: Vec<String>,
    /// Reverse proxies that clients come through: addresses or networks, or `unix` [default: none]
    #[arg(long, value_name = "ADDRESSES", value_delimiter = ',')]
    pub proxy: Vec<String>,
    /// Public host names; with one address, `SERVICE=NAME` gives a service a name of its own [default: none]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub name: Vec<String>,
    /// PEM file of the certificate, without a proxy [default: no TLS]
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// PEM file of its key
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Folder of films that rooms of watch play [default: none]
    #[arg(long, value_name = "FOLDER")]
    pub films: Option<PathBuf>,
    /// Folder of music that rooms of music play [default: none]
    #[arg(long, value_name = "FOLDER")]
    pub music: Option<PathBuf>,
    /// Folder of audio that radio broadcasts [default: the built-in sample]
    #[arg(long, value_name = "FOLDER")]
    pub audio: Option<PathBuf>,
    /// More stations of radio, each with a folder, like `jazz=/srv/jazz,news=/srv/news` [default: none]
    #[arg(long, value_name = "ROUTE=FOLDER", value_delimiter = ',')]
    pub stations: Vec<String>,
    /// Folder for recordings that hosts in music and watch may make of their rooms [default: no recordings]
    #[arg(long, value_name = "FOLDER")]
    pub recordings: Option<PathBuf>,
    /// Megabytes of a file that members of music may upload [default: no uploads]
    #[arg(long, value_name = "MB", value_parser = clap::value_parser!(u32).range(1..))]
    pub uploads: Option<u32>,
    /// TURN server for calls without a direct connection, like `turn.example.org:3478`; its secret is generated [default: none]
    #[arg(long, value_name = "HOST")]
    pub turn: Option<String>,
    /// Folder for the data of services [default: ./data]
    #[arg(long, value_name = "FOLDER")]
    pub data: Option<PathBuf>,
    /// Database of devices, `mysql://…`, or a file that holds such a URL [default: SQLite in the data folder]
    #[arg(long, value_name = "URL|FILE")]
    pub database: Option<String>,
    /// Redis that several nodes share rooms through, `redis://…`, or a file that holds such a URL [default: none]
    #[arg(long, value_name = "URL|FILE")]
    pub redis: Option<String>,
    /// Generate keys for operators on other machines; behind a proxy they are always generated
    #[arg(long)]
    pub operator_keys: bool,
    /// Require a key from clients of signal and devices, as watch always does
    #[arg(long)]
    pub client_keys: bool,
    /// Allow live sources on radio, with a generated password
    #[arg(long)]
    pub live: bool,
}
