//! Commands for what services keep: into archives and out of them, rows, and erasing.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::ConfigFile;
use crate::devices::export::{Format, moment};
use crate::time::Timestamp;

/// Where the configuration is that says what is kept where.
#[derive(Debug, Args)]
pub struct Kept {
    /// The configuration.
    #[command(flatten)]
    pub config: ConfigFile,
    /// Use the folders, /etc/roomhub/environment and config.toml of a unit of the packages: roomhub, or
    /// roomhub@music and so on
    #[arg(long, value_name = "UNIT")]
    pub unit: Option<String>,
}

/// What to back up.
#[derive(Debug, Args)]
pub struct Backup {
    /// The archive: a tar, compressed if its name ends with .gz or .tgz
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Include the rows of the MySQL or MariaDB of `devices.database_url`; those of SQLite are always included
    #[arg(long)]
    pub database: bool,
    /// Include the keys and passwords of the configuration, and the key that `roomhub all` has generated
    #[arg(long)]
    pub with_secrets: bool,
    /// Whose it is.
    #[command(flatten)]
    pub kept: Kept,
}

pub(super) const BACKUP_EXAMPLES: &str = "\
Services may run: every message that was acknowledged before the backup began is in it. The archive contains messages, and can \
only be read by its owner (mode 0600).

Examples:
  roomhub backup /backup/roomhub.tar.gz
  roomhub backup roomhub.tar.gz --database
  roomhub backup --unit roomhub /backup/roomhub.tar.gz
  roomhub backup roomhub.tar --with-secrets --config /etc/roomhub/config.toml";

/// What to restore.
#[derive(Debug, Args)]
pub struct Restore {
    /// The archive
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Move the contents of the folders to before-restore-TIME in each of them
    #[arg(long)]
    pub force: bool,
    /// Write the rows of a database server in the archive into the database of `devices`
    #[arg(long)]
    pub database: bool,
    /// Write the archive's configuration file to this place, which must be free
    #[arg(long, value_name = "FILE")]
    pub config_to: Option<PathBuf>,
    /// Whose it is.
    #[command(flatten)]
    pub kept: Kept,
}

pub(super) const RESTORE_EXAMPLES: &str = "\
The whole archive is checked before anything is changed. An archive of a newer version is refused, and so are folders that are \
not empty or that a running service uses.

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
    /// Whose it is.
    #[command(flatten)]
    pub kept: Kept,
}

pub(super) const EXPORT_EXAMPLES: &str = "\
The server may run, with SQLite or with MySQL. Records that are still in its spool are not exported.

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
    /// Whose it is.
    #[command(flatten)]
    pub kept: Kept,
}

pub(super) const IMPORT_EXAMPLES: &str = "\
Existing rows are not changed, so lines may come twice. A running server knows imported devices and rooms after its next start.

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
    /// Whose it is.
    #[command(flatten)]
    pub kept: Kept,
}

pub(super) const ERASE_EXAMPLES: &str = "\
Of a device: its messages, connections and queries, what waits for it, and its records in the spool and among the dead \
letters. Of a person: chat messages, lines of recordings and of the event log, and the name itself. Running services are asked \
over a socket in their data folders; they disconnect the device or person, and answer when this node is done. Run it as the \
user of the services, or as root. Earlier backups are not changed.

Examples:
  roomhub erase devices d1
  roomhub erase devices d1 --json
  roomhub erase persons Ann";
