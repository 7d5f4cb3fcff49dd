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
    /// Make a recovery key and split it among officers.
    Init(Init),
    /// Check shares, without putting them together.
    Check(Check),
    /// Ask for what is sealed of a person, for a new device of theirs; your agency's devices are told.
    Ask(Ask),
    /// Show what has been asked for, and what became of it.
    Attempts(ListAttempts),
    /// Take an attempt back.
    Withdraw(WithdrawAttempt),
    /// Fetch what is sealed, 72 hours after it was asked for.
    Fetch(Fetch),
    /// Open escrow with enough shares and seal what is in it to one device.
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
