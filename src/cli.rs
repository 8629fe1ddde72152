//! The command line: one command a service, all of them together, and the two that serve nobody.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::devices::export::{Format, moment};
use crate::door;
use crate::probe::Transport;
use crate::settings::{Entry, Flag, Service};
use crate::time::Timestamp;

/// The version, with the commit and its date where they are known.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), env!("BUILD_DETAILS"));

/// Runs the rooms people share: one binary, one command a service.
#[derive(Debug, Parser)]
#[command(name = "roomhub", version = VERSION, about, propagate_version = true)]
pub struct Cli {
    /// What to run.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Listening rooms in sync, with a page for browsers (port 3000)
    #[command(after_help = MUSIC_EXAMPLES)]
    Music(ServeMusic),
    /// Watch parties for MoonTVPlus (port 3001)
    #[command(after_help = WATCH_EXAMPLES)]
    Watch(ServeWatch),
    /// WebRTC signalling, with a page to try calls with (port 5000)
    #[command(after_help = SIGNAL_EXAMPLES)]
    Signal(Serve),
    /// Rooms of devices that never lose a message, with a console page (port 8765)
    #[command(after_help = DEVICES_EXAMPLES)]
    Devices(Devices),
    /// Folders of audio as internet radio stations for every player (port 9999)
    #[command(after_help = RADIO_EXAMPLES)]
    Radio(ServeRadio),
    /// Every service in one process, each on its own port, or all behind one (--listen)
    #[command(after_help = ALL_EXAMPLES)]
    All(ServeAll),
    /// Say what services would do with a configuration on this machine, and what is wrong: files, ports, databases
    #[command(after_help = CHECK_EXAMPLES)]
    Check(Check),
    /// Write all that services keep into one archive, while they run
    #[command(after_help = BACKUP_EXAMPLES)]
    Backup(Backup),
    /// Put an archive's files back; services are stopped for it
    #[command(after_help = RESTORE_EXAMPLES)]
    Restore(Restore),
    /// Write rows of the device rooms as lines of JSON or as CSV
    #[command(after_help = EXPORT_EXAMPLES)]
    Export(Export),
    /// Read lines of JSON that `export` wrote into the database of the device rooms
    #[command(after_help = IMPORT_EXAMPLES)]
    Import(Import),
    /// Take a device, or a person, out of all that is kept, and say what was erased
    #[command(after_help = ERASE_EXAMPLES)]
    Erase(Erase),
    /// Print a completion script for a shell
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions {
        /// The shell to complete for
        shell: Shell,
    },
    /// Write manual pages into a folder, one for each command
    #[command(after_help = MAN_EXAMPLES)]
    Man {
        /// The folder, which is made if it is missing
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
    },
    /// Ask a server whether it is well: a client that plays a service's scenarios, or that you type to
    #[command(subcommand, after_help = PROBE_EXAMPLES)]
    Probe(Probe),
}

const MUSIC_EXAMPLES: &str = "\
Every key of the configuration is a variable too: ROOMHUB_MUSIC__PORT is music.port. config.example.toml lists them all.

Examples:
  roomhub music
  roomhub music --port 8080 --media-dir ~/music
  MAX_ROOMS=100 CORS_ORIGIN=https://example.org roomhub music";

const WATCH_EXAMPLES: &str = "\
Every key of the configuration is a variable too: ROOMHUB_WATCH__PORT is watch.port. config.example.toml lists them all.

Examples:
  AUTH_KEY=choose-a-long-key-here roomhub watch --media-dir ~/films
  AUTH_KEY_FILE=/run/secrets/watch roomhub watch";

const SIGNAL_EXAMPLES: &str = "\
Every key of the configuration is a variable too: ROOMHUB_SIGNAL__PORT is signal.port. config.example.toml lists them all.

Examples:
  roomhub signal
  ROOMHUB_SIGNAL__TURN_URLS=turn:turn.example.org roomhub signal";

const DEVICES_EXAMPLES: &str = "\
Every key of the configuration is a variable too: ROOMHUB_DEVICES__PORT is devices.port. config.example.toml lists them all.

Examples:
  roomhub devices --data-dir /srv/devices
  DATABASE_URL=mysql://user:password@host:3306/rooms roomhub devices
  roomhub devices spool";

const RADIO_EXAMPLES: &str = "\
Every key of the configuration is a variable too: ROOMHUB_RADIO__PORT is radio.port. config.example.toml lists them all.

Examples:
  roomhub radio --audio-dir ~/music
  roomhub radio --directory-routes '{\"humor\":\"~/audio/humor\"}'";

const ALL_EXAMPLES: &str = "\
Every key of the configuration is a variable too: ROOMHUB_MUSIC__PORT is music.port. config.example.toml lists them all.

Examples:
  roomhub all
  roomhub all --listen 0.0.0.0:8080
  roomhub all --config /etc/roomhub/config.toml --log-format json";

const CHECK_EXAMPLES: &str = "\
Examples:
  roomhub check
  roomhub check music radio --config /etc/roomhub/config.toml";

const MAN_EXAMPLES: &str = "\
Examples:
  roomhub man /usr/local/share/man/man1";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  roomhub completions bash > /etc/bash_completion.d/roomhub";

const PROBE_EXAMPLES: &str = "\
Examples:
  roomhub probe health
  roomhub probe music --auto
  AUTH_KEY_FILE=key roomhub probe watch --url https://rooms.example.org --auto";

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
    /// Addresses to listen on in place of these two, with commas between them, like `127.0.0.1:3000,[::1]:3000` or
    /// `unix:/run/roomhub/room.sock` [default: --host and --port]
    #[arg(long, value_name = "ADDRESSES", conflicts_with_all = ["host", "port"])]
    listen: Option<String>,
}

/// What watch parties take.
#[derive(Debug, Args)]
pub struct ServeWatch {
    #[command(flatten)]
    serve: Serve,
    /// Key that clients bring; on a command line it shows in the process list: prefer AUTH_KEY or --auth-key-file
    #[arg(long, value_name = "KEY")]
    auth_key: Option<String>,
    /// File that holds the key [env: `AUTH_KEY_FILE`]
    #[arg(long, value_name = "FILE")]
    auth_key_file: Option<String>,
    /// Folder of films that rooms play [env: `ROOMHUB_WATCH__MEDIA_DIR`] [default: none]
    #[arg(long, value_name = "FOLDER")]
    media_dir: Option<String>,
}

/// What listening rooms take.
#[derive(Debug, Args)]
pub struct ServeMusic {
    #[command(flatten)]
    serve: Serve,
    /// Folder of music that rooms play [env: `ROOMHUB_MUSIC__MEDIA_DIR`] [default: none]
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
    /// Say what waits for the database, and what it refused
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
    /// Put mended dead letters back
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
    /// Routes with stations, like /,/humor [env: `AUDIO_STREAM_ROUTES`] [default: all that have a folder]
    #[arg(long, value_name = "ROUTES")]
    stream_routes: Option<String>,
    /// Folders of routes, like {"humor":"~/audio/humor"} [env: `DIRECTORY_ROUTES`]
    #[arg(long, value_name = "JSON")]
    directory_routes: Option<String>,
    /// radio: all listeners share a stream; individual: each has its own [env: `STREAM_MODE`] [default: radio]
    #[arg(long, value_name = "MODE")]
    stream_mode: Option<String>,
    /// Bytes of MP3 that a station buffers [env: `BUFFER_SIZE`] [default: 2097152]
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
    /// Address to listen on, for each of them [default: 0.0.0.0]
    #[arg(long, value_name = "ADDRESS")]
    host: Option<String>,
    /// Serve all of them at these addresses, below /music/, /watch/, /signal/, /devices/ and /radio/ or by host names
    /// (`[door]`): with commas between them, like `0.0.0.0:8080,[::]:8080`
    #[arg(long, value_name = "ADDRESSES", conflicts_with = "host")]
    listen: Option<String>,
}

/// What to check.
#[derive(Debug, Args)]
pub struct Check {
    /// Services that are to run [default: all of them]
    #[arg(value_parser = parse_service)]
    pub services: Vec<Service>,
    /// Configuration file [env: `ROOMHUB_CONFIG`] [default: the first that exists of ./roomhub.toml, ./config.toml,
    /// `$XDG_CONFIG_HOME/roomhub/config.toml`, /etc/roomhub/config.toml]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// What to back up.
#[derive(Debug, Args)]
pub struct Backup {
    /// The archive: a tar, compressed if its name ends with .gz or .tgz
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Keep the rows of the MySQL or MariaDB of `devices.database_url` too; those of SQLite are kept anyway
    #[arg(long)]
    pub database: bool,
    /// Keep the keys and passwords of the configuration in the archive too, and the key that `roomhub all` made up
    #[arg(long)]
    pub with_secrets: bool,
    /// Configuration file [env: `ROOMHUB_CONFIG`] [default: the first that exists of ./roomhub.toml, ./config.toml,
    /// `$XDG_CONFIG_HOME/roomhub/config.toml`, /etc/roomhub/config.toml]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

const BACKUP_EXAMPLES: &str = "\
What was acknowledged before the backup began is in it; services need not be stopped. The archive is its owner's alone
(mode 0600): it holds what people said.

Examples:
  roomhub backup /backup/roomhub.tar.gz
  roomhub backup roomhub.tar.gz --database
  roomhub backup roomhub.tar --with-secrets --config /etc/roomhub/config.toml";

/// What to restore.
#[derive(Debug, Args)]
pub struct Restore {
    /// The archive
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Move what is in the folders aside, into before-restore-TIME in each
    #[arg(long)]
    pub force: bool,
    /// Put the rows that the archive has of a database server into the database of `devices`
    #[arg(long)]
    pub database: bool,
    /// Write the archive's configuration file to this place, which must be free
    #[arg(long, value_name = "FILE")]
    pub config_to: Option<PathBuf>,
    /// Configuration file, which says where the folders are [env: `ROOMHUB_CONFIG`] [default: the first that exists of ./roomhub.toml, ./config.toml,
    /// `$XDG_CONFIG_HOME/roomhub/config.toml`, /etc/roomhub/config.toml]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

const RESTORE_EXAMPLES: &str = "\
The whole archive is checked before anything is touched. One that a newer version has written is refused, and so are folders
that hold something, or that a running service has.

Examples:
  roomhub restore /backup/roomhub.tar.gz
  roomhub restore roomhub.tar --force
  ROOMHUB_DEVICES__DATA_DIR=/srv/fresh roomhub restore roomhub.tar --config-to /srv/fresh.toml";

/// What rows are kept of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Rows {
    /// The device rooms.
    Devices,
}

/// What to export.
#[derive(Debug, Args)]
pub struct Export {
    /// Whose rows
    #[arg(value_enum)]
    pub rows: Rows,
    /// Where to [default: standard output]
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// How rows are written
    #[arg(long, value_enum, default_value = "jsonl")]
    pub format: Format,
    /// One table: rooms, devices, connections, messages or `room_queries` [default: all, as jsonl]
    #[arg(long, value_name = "TABLE")]
    pub table: Option<String>,
    /// Rows of that moment and later, like 2026-01-31 12:00:00, in UTC
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub since: Option<Timestamp>,
    /// Configuration file [env: `ROOMHUB_CONFIG`] [default: the first that exists of ./roomhub.toml, ./config.toml,
    /// `$XDG_CONFIG_HOME/roomhub/config.toml`, /etc/roomhub/config.toml]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

const EXPORT_EXAMPLES: &str = "\
The server may run, with SQLite or with MySQL. What is in its spool still is not exported.

Examples:
  roomhub export devices rows.jsonl
  roomhub export devices --format csv --table messages --since 2026-01-31T00:00:00Z > messages.csv";

/// What to import.
#[derive(Debug, Args)]
pub struct Import {
    /// Whose rows
    #[arg(value_enum)]
    pub rows: Rows,
    /// Where from [default: standard input]
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Configuration file [env: `ROOMHUB_CONFIG`] [default: the first that exists of ./roomhub.toml, ./config.toml,
    /// `$XDG_CONFIG_HOME/roomhub/config.toml`, /etc/roomhub/config.toml]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

const IMPORT_EXAMPLES: &str = "\
Rows that are there already are kept as they are, so lines may come twice. A server that runs knows of devices and rooms that
were imported after its next start.

Examples:
  roomhub import devices rows.jsonl
  DATABASE_URL=mysql://user:password@host/rooms roomhub import devices < rows.jsonl";

/// Who is erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Whom {
    /// A device of the device rooms
    Devices,
    /// A person in rooms of music and watch
    Persons,
}

/// What to erase.
#[derive(Debug, Args)]
pub struct Erase {
    /// What it is
    #[arg(value_enum)]
    pub whom: Whom,
    /// The device's id, or the name that the person has in rooms
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Say what was erased as JSON
    #[arg(long)]
    pub json: bool,
    /// Configuration file [env: `ROOMHUB_CONFIG`] [default: the first that exists of ./roomhub.toml, ./config.toml,
    /// `$XDG_CONFIG_HOME/roomhub/config.toml`, /etc/roomhub/config.toml]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

const ERASE_EXAMPLES: &str = "\
Of a device: messages from and to it, its connections and queries, what waits for it, its records in the
spool and among the dead letters. Of a person: chat in rooms that are kept, and lines of recordings, of all who had that name.
Spool and rooms belong to the server that runs: stop it first. Backups that were made before stay as they are.

Examples:
  roomhub erase devices d1
  roomhub erase devices d1 --json
  roomhub erase persons Ann";

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
    /// Room that the scenarios play in, or a station's route [default: a room that nobody else uses; test-room for signal; / for radio]
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
    /// Configuration file [env: `ROOMHUB_CONFIG`] [default: the first that exists of ./roomhub.toml, ./config.toml,
    /// `$XDG_CONFIG_HOME/roomhub/config.toml`, /etc/roomhub/config.toml]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

fn parse_service(name: &str) -> Result<Service, String> {
    let all = Service::all();
    let found = all.into_iter().find(|service| service.name() == name);
    found.ok_or_else(|| format!("one of {} is expected", all.map(Service::name).join(", ")))
}

#[derive(Debug, Args)]
struct Common {
    /// Configuration file [env: `ROOMHUB_CONFIG`] [default: the first that exists of ./roomhub.toml, ./config.toml,
    /// `$XDG_CONFIG_HOME/roomhub/config.toml`, /etc/roomhub/config.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// error, warn, info, debug, trace, or directives like `info,roomhub=debug` [env: `ROOMHUB_LOG__LEVEL`] [default: info]
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
    /// text or json [env: `ROOMHUB_LOG__FORMAT`] [default: text]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
    /// Redis that this node shares rooms through with others, like `redis://host:6379`; with a password, better in
    /// `ROOMHUB_CLUSTER__URL` or `ROOMHUB_CLUSTER__URL_FILE` [default: none]
    #[arg(long, value_name = "URL")]
    redis: Option<String>,
    /// Print the effective values and where each came from, and exit
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
    /// Every service.
    pub fn request(self) -> Request {
        let mut request = self.common.request(Service::all().to_vec());
        for service in Service::all() {
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
        let mut request =
            Request { services, config: self.config, flags: Vec::new(), print_config: self.print_config };
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn every_service_is_a_command_that_names_its_port() {
        let cli = Cli::command();
        for service in Service::all() {
            let command = cli.find_subcommand(service.name()).unwrap();
            let about = command.get_about().unwrap().to_string();
            assert!(about.ends_with(&format!("(port {})", service.default_port())), "{about}");
        }
    }

    /// Commands that people run: each service, and what they have besides.
    fn commands() -> Vec<clap::Command> {
        let all = Cli::command();
        all.get_subcommands().cloned().collect()
    }

    #[test]
    fn the_help_of_every_command_ends_with_examples_that_it_understands() {
        for command in commands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let (_, examples) =
                help.split_once("Examples:\n").unwrap_or_else(|| panic!("{}", command.get_name()));
            let lines: Vec<&str> = examples.lines().map(str::trim).collect();
            assert!(!lines.is_empty());
            for line in lines {
                let (_, words) = line.split_once("roomhub ").unwrap();
                let words = words.split(['<', '>', '|']).next().unwrap().split_whitespace();
                let words = words.map(|word| word.trim_matches('\''));
                let parsed = Cli::try_parse_from(std::iter::once("roomhub").chain(words));
                assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
            }
        }
    }

    #[test]
    fn every_flag_of_a_service_says_its_variable_or_its_default() {
        for service in Service::all() {
            let cli = Cli::command();
            let command = cli.find_subcommand(service.name()).unwrap();
            let of_flag = |flag: &clap::Arg| flag.get_help().map(ToString::to_string).unwrap_or_default();
            for flag in command.get_arguments().filter(|flag| flag.get_id() != "print_config") {
                let help = of_flag(flag);
                let says = ["[env: ", "[default: ", "AUTH_KEY", "`DATABASE_URL`"];
                assert!(says.iter().any(|word| help.contains(word)), "--{}: {help}", flag.get_id());
            }
        }
    }
}
