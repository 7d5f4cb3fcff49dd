//! `charter`: drafted, signed, shown and published.

mod draft;
mod hear;
mod publish;
mod show;
mod sign;

pub(crate) use sign::sign_file;

use crate::cli::{
    charter::{
        draft::{New, Next},
        publish::{PublishCharter, WouldCut},
        show::Show,
        sign::Sign,
    },
    run::Run,
};
use alcove_issuer::IssuerError;
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum CharterCommand {
    /// Draft the first charter.
    New(New),
    /// Draft the version after the one in force.
    Next(Next),
    /// Sign a draft for this agency.
    Sign(Sign),
    /// Show a charter, and who has signed it.
    Show(Show),
    /// Put a charter in force. After all have signed it.
    Publish(PublishCharter),
    /// List the devices that a charter would disconnect. Before you publish it.
    WouldCut(WouldCut),
}

impl CharterCommand {
    pub(crate) fn run(self, run: &mut Run) -> Result<(), IssuerError> {
        match self {
            Self::New(new) => new.run(run),
            Self::Next(next) => next.run(run),
            Self::Sign(sign) => sign.run(run),
            Self::Publish(publish) => publish.run(run),
            Self::WouldCut(would_cut) => would_cut.run(run),
            Self::Show(show) => show.run(run),
        }
    }
}
