//! `alcove-server init`.

use super::{failure::Failure, output::done};
use crate::init;
use alcove_programs::exit::Exit;
use clap::Args;
use std::{net::SocketAddr, path::PathBuf};

/// Where the server will be.
#[derive(Debug, Args)]
pub(super) struct InitArgs {
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
}

impl InitArgs {
    /// Makes the files, and says what comes next.
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let desk = self.desk.unwrap_or_else(|| init::desk_beside(self.listen));
        let request = init::init(&self.output, &self.name, self.listen, desk)?;
        done(&format!(
            "Wrote {request}. Next, whoever holds the server CA runs\n  \
             alcove-certs server issue {request} --ca DIR --name {name} -o {certificate}",
            request = request.display(),
            name = self.name,
            certificate = self.output.join(init::CERTIFICATE_FILE).display(),
        ))
    }
}
