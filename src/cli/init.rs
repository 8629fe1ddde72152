//! The command that writes a configuration: every answer has a flag.

use std::path::PathBuf;

use clap::Args;

use super::parse_service;
use crate::settings::Service;

pub(super) const INIT_EXAMPLES: &str = "\
At a terminal, what no flag says is asked. Keys are random and stand in the file, which is its owner's alone then (mode 0600);
only a terminal is shown them.

Examples:
  roomhub init
  roomhub init --yes --listen 0.0.0.0:8080 --films ~/films --audio ~/music
  roomhub init --yes --services music,radio --uploads 50 --recordings ~/recordings --stations jazz=/srv/jazz,news=/srv/news
  roomhub init /etc/roomhub/config.toml --yes --force --listen 127.0.0.1:8080 --proxy 127.0.0.1 --name rooms.example.org
  roomhub init devices.toml --yes --services devices --database /etc/roomhub/database_url --client-keys";

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
    /// Ask nothing: what no flag says stays at its default
    #[arg(long, short)]
    pub yes: bool,
    /// Services that are to run, with commas between them [default: all of them]
    #[arg(long, value_delimiter = ',', value_parser = parse_service)]
    pub services: Vec<Service>,
    /// One address for all of them, like `0.0.0.0:8080`, or several with commas between them [default: a port each]
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
    /// Folder for recordings, which hosts in music and watch may make of their rooms then [default: no recordings]
    #[arg(long, value_name = "FOLDER")]
    pub recordings: Option<PathBuf>,
    /// Megabytes of a file that members of music may upload [default: no uploads]
    #[arg(long, value_name = "MB", value_parser = clap::value_parser!(u32).range(1..))]
    pub uploads: Option<u32>,
    /// TURN server that calls take where no direct way leads, like `turn.example.org:3478`: makes its secret [default: none]
    #[arg(long, value_name = "HOST")]
    pub turn: Option<String>,
    /// Folder for what services keep [default: ./data]
    #[arg(long, value_name = "FOLDER")]
    pub data: Option<PathBuf>,
    /// Database of devices, `mysql://…`, or a file that holds such a URL [default: SQLite in the data folder]
    #[arg(long, value_name = "URL|FILE")]
    pub database: Option<String>,
    /// Redis that several nodes share rooms through, `redis://…`, or a file that holds such a URL [default: none]
    #[arg(long, value_name = "URL|FILE")]
    pub redis: Option<String>,
    /// Make keys for operators, who then need not be on this machine; behind a proxy they are made anyway
    #[arg(long)]
    pub operator_keys: bool,
    /// Have clients of signal and devices bring a key, as those of watch do
    #[arg(long)]
    pub client_keys: bool,
    /// Let live sources broadcast on radio, with a password
    #[arg(long)]
    pub live: bool,
}
