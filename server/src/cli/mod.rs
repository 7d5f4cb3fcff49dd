//! The command line of `alcove-server`.
//!
//! Commands print what they found on standard output (with `--json` one object, or one a line), and what went
//! wrong on standard error: what happened, and what to do. Exit codes: [`Exit`].

mod audit;
mod check;
mod compact;
mod failure;
mod metrics;
mod run;
mod status;

pub use failure::Failure;

use crate::{config::Config, init, report::report};
use alcove_programs::exit::{self, Exit};
use clap::{Args, Parser, Subcommand};
use std::{
    io::{self, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Alcove's server: orders, keeps and delivers what it cannot read.
#[derive(Debug, Parser)]
#[command(name = "alcove-server", version, about, max_term_width = 100, after_help = exit::table())]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server until it is told to stop (SIGTERM or SIGINT); SIGHUP reloads trust.
    Run(ConfigArg),
    /// Make a server's keys, its request to the server CA, and a configuration.
    Init {
        /// The folder to put them in.
        #[arg(short, long, value_name = "DIR")]
        output: PathBuf,
        /// The server's DNS name, as the charter will say it.
        #[arg(long, value_name = "DNS")]
        name: String,
        /// Where the server will listen.
        #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:4433")]
        listen: SocketAddr,
        /// Where its desk will listen [default: the next port].
        #[arg(long, value_name = "ADDRESS")]
        desk: Option<SocketAddr>,
    },
    /// Check the configuration and every file it names, without starting.
    CheckConfig(ConfigArg),
    /// What was done on the server, by whom and when.
    Audit {
        #[command(subcommand)]
        command: AuditCommand,
    },
    /// Check everything the store holds: hash chains, indexes, blobs.
    Check {
        #[command(flatten)]
        config: ConfigArg,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Give the disk back what was deleted. The server must be stopped.
    Compact {
        #[command(flatten)]
        config: ConfigArg,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// How the running server is, as OpenMetrics text for a collector that reads files.
    Metrics(ConfigArg),
    /// Whether the server runs, and what ends when.
    Status {
        #[command(flatten)]
        config: ConfigArg,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// List acts, oldest first.
    List {
        #[command(flatten)]
        config: ConfigArg,
        /// Begin after this entry.
        #[arg(long, value_name = "SEQUENCE", default_value_t = 0)]
        after: u64,
        /// List at most this many.
        #[arg(long, value_name = "COUNT")]
        max: Option<u64>,
        /// Print one JSON object a line.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
struct ConfigArg {
    /// The configuration file.
    #[arg(long = "config", value_name = "FILE", env = "ALCOVE_SERVER_CONFIG")]
    path: PathBuf,
}

impl ConfigArg {
    fn load(&self) -> Result<Config, Failure> {
        Ok(Config::load(&self.path)?)
    }
}

/// Runs the program with the arguments of this process.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too and are no failure.
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Ok };
            let _nobody_reads = error.print();
            return exit.into();
        }
    };
    match dispatch(cli.command) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            let advice = failure.advice();
            let _nobody_reads = writeln!(io::stderr(), "alcove-server: {}.\n{advice}", report(&failure));
            failure.exit().into()
        }
    }
}

fn dispatch(command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Run(config) => run::run(config.load()?).map(|()| Exit::Ok),
        Command::Init { output, name, listen, desk } => init(&output, &name, listen, desk).map(|()| Exit::Ok),
        Command::CheckConfig(config) => check::check_config(&config.load()?).map(|()| Exit::Ok),
        Command::Audit { command: AuditCommand::List { config, after, max, json } } => {
            audit::list(&config.load()?, after, max, json).map(|()| Exit::Ok)
        }
        Command::Check { config, json } => check::check_store(&config.load()?, json),
        Command::Compact { config, json } => compact::compact(&config.load()?, json).map(|()| Exit::Ok),
        Command::Metrics(config) => metrics::metrics(&config.load()?),
        Command::Status { config, json } => status::status(&config.load()?, json),
    }
}

fn init(folder: &Path, name: &str, listen: SocketAddr, desk: Option<SocketAddr>) -> Result<(), Failure> {
    let request = init::init(folder, name, listen, desk.unwrap_or_else(|| init::desk_beside(listen)))?;
    say(&format!(
        "Wrote {request}. Next, whoever holds the server CA runs\n  \
         alcove-certs server issue {request} --ca DIR --name {name} -o {certificate}",
        request = request.display(),
        certificate = folder.join(init::CERTIFICATE_FILE).display(),
    ))
}

/// Prints a line for people or programs.
fn say(line: &str) -> Result<(), Failure> {
    match writeln!(io::stdout(), "{line}") {
        // `| head` has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(Failure::Output),
    }
}
