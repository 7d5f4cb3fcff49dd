//! The commands of `alcove-server`; what each takes and does is in a file of its own.

use super::{
    audit::AuditCommand, check::CheckArgs, check_config, compact::CompactArgs, failure::Failure,
    init::InitArgs, metrics, run, status::StatusArgs, store::ConfigArg,
};
use alcove_programs::exit::{self, Exit};
use clap::{Parser, Subcommand};

/// Alcove's server: orders, keeps and delivers what it cannot read.
#[derive(Debug, Parser)]
#[command(name = "alcove-server", version, about, max_term_width = 100, after_help = exit::table())]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the server until it is told to stop (SIGTERM or SIGINT); SIGHUP reloads trust.
    Run(ConfigArg),
    /// Make a server's keys, its request to the server CA, and a configuration.
    Init(InitArgs),
    /// Check the configuration and every file it names, without starting.
    CheckConfig(ConfigArg),
    /// What was done on the server, by whom and when.
    Audit {
        #[command(subcommand)]
        command: AuditCommand,
    },
    /// Check everything the store holds: hash chains, indexes, blobs.
    Check(CheckArgs),
    /// Give the disk back what was deleted. The server must be stopped.
    Compact(CompactArgs),
    /// How the running server is, as OpenMetrics text for a collector that reads files.
    Metrics(ConfigArg),
    /// Whether the server runs, and what ends when.
    Status(StatusArgs),
}

impl Command {
    /// Does it.
    pub(super) fn run(self) -> Result<Exit, Failure> {
        match self {
            Self::Run(config) => run::run(config.load()?),
            Self::Init(args) => args.run(),
            Self::CheckConfig(config) => check_config::run(&config.load()?),
            Self::Audit { command } => command.run(),
            Self::Check(args) => args.run(),
            Self::Compact(args) => args.run(),
            Self::Metrics(config) => metrics::run(&config.load()?),
            Self::Status(args) => args.run(),
        }
    }
}
