//! `roomhub`: reads the command line, runs what it asks for, ends with the exit code that says how it went.

use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use roomhub::cli::{Cli, Command, Probe};
use roomhub::process;
use roomhub::settings::Service;

fn main() -> ExitCode {
    roomhub_system::look_up_hosts_by_built_in_means();
    match Cli::parse().command {
        Command::Music(command) => process::serve(&command.request()),
        Command::Watch(command) => process::serve(&command.request()),
        Command::Devices(command) => match command.spool_task() {
            Some(task) => process::spool(&command.request(), task),
            None => process::serve(&command.request()),
        },
        Command::Signal(command) => process::serve(&command.request(Service::Signal)),
        Command::Radio(command) => process::serve(&command.request()),
        Command::All(command) => process::serve(&command.request()),
        Command::Init(command) => process::init(&command),
        Command::Check(command) => process::check(&command),
        Command::Backup(command) => process::backup(&command),
        Command::Restore(command) => process::restore(&command),
        Command::Export(command) => process::export(&command),
        Command::Import(command) => process::import(&command),
        Command::Erase(command) => process::erase(&command),
        Command::Probe(Probe::Health(command)) => process::health(&command),
        Command::Probe(probe) => match probe.service() {
            Some((service, command)) => process::probe(service, command),
            None => ExitCode::SUCCESS,
        },
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "roomhub", &mut std::io::stdout());
            ExitCode::SUCCESS
        }
        Command::Man { folder } => process::man(Cli::command(), &folder),
    }
}
