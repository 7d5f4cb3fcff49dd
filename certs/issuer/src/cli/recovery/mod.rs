//! `recovery`: set up, checked, and used on the day of need.

mod attempts;
mod check;
mod fetch;
mod init;
mod open;
mod shares;

use crate::cli::{
    recovery::{
        attempts::{Ask, ListAttempts, WithdrawAttempt},
        check::Check,
        fetch::Fetch,
        init::Init,
        open::Open,
    },
    run::Run,
};
use alcove_issuer::IssuerError;
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum RecoveryCommand {
    /// Make a recovery key and split it among officers. Before the first case. Before the first case.
    Init(Init),
    /// Check shares without putting them together. After `recovery init`, and from time to time.
    Check(Check),
    /// Ask for what is sealed for a person, for their new device. Your agency's devices are told. When they lost all others.
    Ask(Ask),
    /// Show the attempts, and what became of them.
    Attempts(ListAttempts),
    /// Withdraw an attempt. When it was a mistake, or someone objected.
    Withdraw(WithdrawAttempt),
    /// Fetch what is sealed. 72 hours after you asked for it.
    Fetch(Fetch),
    /// Open escrow with enough shares, and seal its content to one device.
    Open(Open),
}

impl RecoveryCommand {
    pub(crate) fn run(self, run: &mut Run) -> Result<(), IssuerError> {
        match self {
            Self::Init(init) => init.run(run),
            Self::Check(check) => check.run(run),
            Self::Ask(ask) => ask.run(run),
            Self::Attempts(attempts) => attempts.run(run),
            Self::Withdraw(withdraw) => withdraw.run(run),
            Self::Fetch(fetch) => fetch.run(run),
            Self::Open(open) => open.run(run),
        }
    }
}
