//! Commands that serve: what each takes, and what is to run with it.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{ConfigFile, parse_service};
use crate::door;
use crate::settings::{Entry, Flag, Service};

pub(super) const MUSIC_EXAMPLES: &str = "\
Every key of the configuration can be set by a variable: ROOMHUB_MUSIC__PORT is music.port. config.example.toml lists them all.

Examples:
  roomhub music
  roomhub music --port 8080 --media-dir ~/music
  MAX_ROOMS=100 CORS_ORIGIN=https://example.org roomhub music";

pub(super) const WATCH_EXAMPLES: &str = "\
Every key of the configuration can be set by a variable: ROOMHUB_WATCH__PORT is watch.port. config.example.toml lists them all.

Examples:
  AUTH_KEY=choose-a-long-key-here roomhub watch --media-dir ~/films
  AUTH_KEY_FILE=/run/secrets/watch roomhub watch";

pub(super) const SIGNAL_EXAMPLES: &str = "\
Every key of the configuration can be set by a variable: ROOMHUB_SIGNAL__PORT is signal.port. config.example.toml lists them all.

Examples:
  roomhub signal
  ROOMHUB_SIGNAL__TURN_URLS=turn:turn.example.org roomhub signal";

pub(super) const DEVICES_EXAMPLES: &str = "\
Every key of the configuration can be set by a variable: ROOMHUB_DEVICES__PORT is devices.port. config.example.toml lists them all.

Examples:
  roomhub devices --data-dir /srv/devices
  DATABASE_URL=mysql://user:password@host:3306/rooms roomhub devices
  roomhub devices spool";

pub(super) const RADIO_EXAMPLES: &str = "\
Every key of the configuration can be set by a variable: ROOMHUB_RADIO__PORT is radio.port. config.example.toml lists them all.

Examples:
  roomhub radio --audio-dir ~/music
  roomhub radio --directory-routes '{\"humor\":\"~/audio/humor\"}'";

pub(super) const ALL_EXAMPLES: &str = "\
Every key of the configuration can be set by a variable: ROOMHUB_MUSIC__PORT is music.port. config.example.toml lists them all.

Examples:
  roomhub all
  roomhub all --listen 0.0.0.0:8080
  roomhub all --only music,watch
  roomhub all --config /etc/roomhub/config.toml --log-format json";

/// What every service takes.
#[derive(Debug, Args)]
pub struct Serve {
    #[command(flatten)]
    common: Common,
    /// Address to listen on [env: `HOST` for radio] [default: 0.0.0.0]
    #[arg(long, value_name = "ADDRESS")]
    host: Option<String>,
    /// Port to listen on [env: PORT] [default: the service's own]
    #[arg(long, value_name = "PORT")]
    port: Option<String>,
    /// Addresses to listen on instead of these two, separated by commas, like `127.0.0.1:3000,[::1]:3000` or
    /// `unix:/run/roomhub/room.sock` [default: --host and --port]
    #[arg(long, value_name = "ADDRESSES", conflicts_with_all = ["host", "port"])]
    listen: Option<String>,
}

/// What watch parties take.
#[derive(Debug, Args)]
pub struct ServeWatch {
    #[command(flatten)]
    serve: Serve,
    /// Key of clients; flags are visible in the process list, so prefer AUTH_KEY or --auth-key-file
    #[arg(long, value_name = "KEY")]
    auth_key: Option<String>,
    /// File with the key [env: `AUTH_KEY_FILE`]
    #[arg(long, value_name = "FILE")]
    auth_key_file: Option<String>,
    /// Folder of films for rooms [env: `ROOMHUB_WATCH__MEDIA_DIR`] [default: none]
    #[arg(long, value_name = "FOLDER")]
    media_dir: Option<String>,
}

/// What listening rooms take.
#[derive(Debug, Args)]
pub struct ServeMusic {
    #[command(flatten)]
    serve: Serve,
    /// Folder of music for rooms [env: `ROOMHUB_MUSIC__MEDIA_DIR`] [default: none]
    #[arg(long, value_name = "FOLDER")]
    media_dir: Option<String>,
}

/// What the device rooms take besides.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Devices {
    #[command(flatten)]
    serve: Serve,
    #[command(flatten)]
    data: Data,
    /// Like `mysql://user:password@host:3306/name`; better in `DATABASE_URL` or `DATABASE_URL_FILE` [default: SQLite in the data directory]
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    #[command(subcommand)]
    command: Option<DevicesCommand>,
}

/// Where the device rooms keep their data.
#[derive(Debug, Args)]
struct Data {
    /// Where the spool and the embedded database are [env: `ROOMHUB_DEVICES__DATA_DIR`] [default: ./data]
    #[arg(long, value_name = "FOLDER", global = true)]
    data_dir: Option<String>,
}

#[derive(Debug, Subcommand)]
enum DevicesCommand {
    /// Show records that wait for the database, and those that it refused
    Spool {
        /// Configuration file [env: `ROOMHUB_CONFIG`] [default: the first that exists of ./roomhub.toml, ./config.toml,
        /// `$XDG_CONFIG_HOME/roomhub/config.toml`, /etc/roomhub/config.toml]
        #[arg(long, value_name = "FILE", global = true)]
        config: Option<PathBuf>,
        #[command(subcommand)]
        command: Option<SpoolCommand>,
    },
}

#[derive(Debug, Subcommand)]
enum SpoolCommand {
    /// Retry dead letters whose cause has been fixed
    Retry,
}

/// What is to be done with a spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpoolTask {
    /// Say what it holds.
    Inspect,
    /// Put its dead letters back.
    Retry,
}

/// What radio stations take.
#[derive(Debug, Args)]
pub struct ServeRadio {
    #[command(flatten)]
    serve: Serve,
    /// Folder of audio [env: `AUDIO_DIR`] [default: /app/audio if it exists, else the built-in sample]
    #[arg(long, value_name = "FOLDER")]
    audio_dir: Option<String>,
    /// Routes with stations, like /,/humor [env: `AUDIO_STREAM_ROUTES`] [default: all routes with a folder]
    #[arg(long, value_name = "ROUTES")]
    stream_routes: Option<String>,
    /// Folders of routes, like {"humor":"~/audio/humor"} [env: `DIRECTORY_ROUTES`]
    #[arg(long, value_name = "JSON")]
    directory_routes: Option<String>,
    /// radio: all listeners share one stream; individual: each listener has a separate stream [env: `STREAM_MODE`] [default: radio]
    #[arg(long, value_name = "MODE")]
    stream_mode: Option<String>,
    /// Bytes of MP3 that a station buffers for listeners that are behind [env: `BUFFER_SIZE`] [default: 2097152]
    #[arg(long, value_name = "BYTES")]
    buffer_size: Option<String>,
    /// The number of tracks that are read ahead [env: `MAX_PRELOAD_TRACKS`] [default: 2]
    #[arg(long, value_name = "N")]
    max_preload_tracks: Option<String>,
}

/// What all services together take.
#[derive(Debug, Args)]
pub struct ServeAll {
    #[command(flatten)]
    common: Common,
    /// Only these services, separated by commas [default: all of them]
    #[arg(long, value_name = "SERVICES", value_delimiter = ',', value_parser = parse_service)]
    only: Vec<Service>,
    /// Address to listen on, for each of them [default: 0.0.0.0]
    #[arg(long, value_name = "ADDRESS")]
    host: Option<String>,
    /// Serve all of them at these addresses, below /music/, /watch/, /signal/, /devices/ and /radio/ or by host names
    /// (`[door]`): separated by commas, like `0.0.0.0:8080,[::]:8080`
    #[arg(long, value_name = "ADDRESSES", conflicts_with = "host")]
    listen: Option<String>,
}

#[derive(Debug, Args)]
struct Common {
    #[command(flatten)]
    config: ConfigFile,
    /// error, warn, info, debug, trace, or directives like `info,roomhub=debug` [env: `ROOMHUB_LOG__LEVEL`] [default: info]
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
    /// text or json [env: `ROOMHUB_LOG__FORMAT`] [default: text]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
    /// Redis by which nodes share their rooms, like `redis://host:6379`; with a password, prefer
    /// `ROOMHUB_CLUSTER__URL` or `ROOMHUB_CLUSTER__URL_FILE` [default: none]
    #[arg(long, value_name = "URL")]
    redis: Option<String>,
    /// Print the effective values and where each of them comes from, and exit
    #[arg(long)]
    print_config: bool,
}

/// What a command asks to be run.
#[derive(Debug)]
pub struct Request {
    /// The services.
    pub services: Vec<Service>,
    /// The file that was named.
    pub config: Option<PathBuf>,
    /// The keys that flags set.
    pub flags: Vec<Flag>,
    /// Whether to print the configuration and no more.
    pub print_config: bool,
}

impl Serve {
    /// One service.
    pub fn request(self, service: Service) -> Request {
        let mut request = self.common.request(vec![service]);
        let Entry { host_key, port_key, listen_key, .. } = service.entry();
        // An address on the command line is stronger than a list in the file.
        for (flag, value) in [("--host", &self.host), ("--port", &self.port)] {
            request.set(listen_key, value.as_ref().map(|_| String::new()), flag);
        }
        request.set(host_key, self.host, "--host");
        request.set(port_key, self.port, "--port");
        request.set(listen_key, self.listen, "--listen");
        request
    }
}

impl ServeMusic {
    /// Listening rooms.
    pub fn request(self) -> Request {
        let mut request = self.serve.request(Service::Music);
        request.set("music.media_dir", self.media_dir, "--media-dir");
        request
    }
}

impl ServeWatch {
    /// Watch parties.
    pub fn request(self) -> Request {
        let mut request = self.serve.request(Service::Watch);
        request.set("watch.auth_key", self.auth_key, "--auth-key");
        request.set("watch.auth_key_file", self.auth_key_file, "--auth-key-file");
        request.set("watch.media_dir", self.media_dir, "--media-dir");
        request
    }
}

impl Devices {
    /// What is to be done with the spool, if that is what was asked for.
    pub fn spool_task(&self) -> Option<SpoolTask> {
        let Some(DevicesCommand::Spool { command, .. }) = &self.command else { return None };
        Some(command.as_ref().map_or(SpoolTask::Inspect, |SpoolCommand::Retry| SpoolTask::Retry))
    }

    /// The device rooms alone.
    pub fn request(self) -> Request {
        let mut request = self.serve.request(Service::Devices);
        request.set("devices.data_dir", self.data.data_dir, "--data-dir");
        request.set("devices.database_url", self.database_url, "--database-url");
        if let Some(DevicesCommand::Spool { config, .. }) = self.command {
            request.config = config;
        }
        request
    }
}

impl ServeRadio {
    /// Radio stations.
    pub fn request(self) -> Request {
        let mut request = self.serve.request(Service::Radio);
        request.set("radio.audio_dir", self.audio_dir, "--audio-dir");
        request.set("radio.stream_routes", self.stream_routes, "--stream-routes");
        request.set("radio.directory_routes", self.directory_routes, "--directory-routes");
        request.set("radio.stream_mode", self.stream_mode, "--stream-mode");
        request.set("radio.buffer_size", self.buffer_size, "--buffer-size");
        request.set("radio.max_preload_tracks", self.max_preload_tracks, "--max-preload-tracks");
        request
    }
}

impl ServeAll {
    /// Every service, or those that were named.
    pub fn request(self) -> Request {
        let is_wanted = |service: &Service| self.only.is_empty() || self.only.contains(service);
        let services: Vec<Service> = Service::all().into_iter().filter(is_wanted).collect();
        let mut request = self.common.request(services.clone());
        for service in services {
            let none = self.host.as_ref().map(|_| String::new());
            request.set(service.entry().listen_key, none, "--host");
            request.set(service.entry().host_key, self.host.clone(), "--host");
        }
        request.set(door::LISTEN_KEY, self.host.map(|_| String::new()), "--host");
        request.set(door::LISTEN_KEY, self.listen, "--listen");
        request
    }
}

impl Common {
    fn request(self, services: Vec<Service>) -> Request {
        let mut request = Request {
            services,
            config: self.config.path,
            flags: Vec::new(),
            print_config: self.print_config,
        };
        request.set("log.level", self.log_level, "--log-level");
        request.set("log.format", self.log_format, "--log-format");
        request.set("cluster.url", self.redis, "--redis");
        request
    }
}

impl Request {
    fn set(&mut self, key: &'static str, value: Option<String>, flag: &'static str) {
        self.flags.extend(value.map(|value| (key, value, flag)));
    }
}
