//! The command line: one command a service, all of them together, and tools.

mod data;
mod init;
mod probe;
mod serve;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use data::{BACKUP_EXAMPLES, ERASE_EXAMPLES, EXPORT_EXAMPLES, IMPORT_EXAMPLES, RESTORE_EXAMPLES};
pub use data::{Backup, Erase, Export, Import, Kept, Restore, Rows, Whom};
use init::INIT_EXAMPLES;
pub use init::Init;
use probe::PROBE_EXAMPLES;
pub use probe::{Health, Probe, ProbeService};
use serve::{
    ALL_EXAMPLES, DEVICES_EXAMPLES, MUSIC_EXAMPLES, RADIO_EXAMPLES, SIGNAL_EXAMPLES, WATCH_EXAMPLES,
};
pub use serve::{Devices, Request, Serve, ServeAll, ServeMusic, ServeRadio, ServeWatch, SpoolTask};

use crate::settings::Service;

/// The version, with the commit and its date where they are known.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), env!("BUILD_DETAILS"));

/// Runs shared rooms: one binary, one command for each service.
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
    /// WebRTC signalling, with a page for trying calls (port 5000)
    #[command(after_help = SIGNAL_EXAMPLES)]
    Signal(Serve),
    /// Device rooms that lose no acknowledged message, with a console page (port 8765)
    #[command(after_help = DEVICES_EXAMPLES)]
    Devices(Devices),
    /// Folders of audio as internet radio stations, for any player (port 9999)
    #[command(after_help = RADIO_EXAMPLES)]
    Radio(ServeRadio),
    /// All services in one process, each on its own port, or all at one address (--listen)
    #[command(after_help = ALL_EXAMPLES)]
    All(ServeAll),
    /// Write a configuration after a few questions, or by flags
    #[command(after_help = INIT_EXAMPLES)]
    Init(Box<Init>),
    /// Check a configuration on this machine: what services would do, and what is wrong with files, ports and databases
    #[command(after_help = CHECK_EXAMPLES)]
    Check(Check),
    /// Write all data of the services into one archive, while they run
    #[command(after_help = BACKUP_EXAMPLES)]
    Backup(Backup),
    /// Restore the files of an archive; services must be stopped
    #[command(after_help = RESTORE_EXAMPLES)]
    Restore(Restore),
    /// Write rows of the device rooms as lines of JSON or as CSV
    #[command(after_help = EXPORT_EXAMPLES)]
    Export(Export),
    /// Import lines of JSON that `export` wrote into the database of the device rooms
    #[command(after_help = IMPORT_EXAMPLES)]
    Import(Import),
    /// Erase all data of a device or a person, and report what was erased
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
        /// The folder, which is created if it is missing
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
    },
    /// Test a running server: a client that runs scenarios of a service, or an interactive one
    #[command(subcommand, after_help = PROBE_EXAMPLES)]
    Probe(Probe),
}

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

/// Where the configuration is.
#[derive(Debug, Args)]
pub struct ConfigFile {
    /// Configuration file [env: `ROOMHUB_CONFIG`] [default: the first that exists of ./roomhub.toml, ./config.toml,
    /// `$XDG_CONFIG_HOME/roomhub/config.toml`, /etc/roomhub/config.toml]
    #[arg(id = "config", long, value_name = "FILE")]
    pub path: Option<PathBuf>,
}

/// What to check.
#[derive(Debug, Args)]
pub struct Check {
    /// Services that are to run [default: all of them]
    #[arg(value_parser = parse_service)]
    pub services: Vec<Service>,
    /// Where the configuration is.
    #[command(flatten)]
    pub config: ConfigFile,
}

fn parse_service(name: &str) -> Result<Service, String> {
    let all = Service::all();
    let found = all.into_iter().find(|service| service.name() == name);
    found.ok_or_else(|| format!("one of {} is expected", all.map(Service::name).join(", ")))
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
