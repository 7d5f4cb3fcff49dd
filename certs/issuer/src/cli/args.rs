//! What can be asked: the commands, and what all of them take.

use super::{
    approve, ca, charter, crl, duty, invite, issue, ledger, list, pending, recovery, rehearse, renew, revoke,
    server,
};
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Certifies an agency's staff, revokes, and signs charters. For an admin's machine only.
#[derive(Debug, Parser)]
#[command(name = "alcove-certs", version, arg_required_else_help = true, after_help = alcove_programs::exit::table())]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) common: Common,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Args)]
pub(super) struct Common {
    /// Read the passphrase from this file instead of asking.
    #[arg(long, global = true, value_name = "FILE", env = "ALCOVE_CERTS_PASSPHRASE_FILE")]
    pub(super) passphrase_file: Option<PathBuf>,
    /// Answer with one JSON object a line.
    #[arg(long, global = true)]
    pub(super) json: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// The CA itself.
    #[command(subcommand)]
    Ca(ca::CaCommand),
    /// The server's certificates.
    #[command(subcommand)]
    Server(server::ServerCommand),
    /// Certify a device: D.req in, D.cert out.
    Issue(issue::Issue),
    /// Revoke a certificate, a device or a person, and make the list that says so.
    Revoke(revoke::Revoke),
    /// Make a new revocation list.
    Crl(crl::Crl),
    /// List what was handed out.
    List(list::List),
    /// Invite a person: their device enrols at the server's desk.
    Invite(invite::Invite),
    /// Show what waits at the desk.
    Pending(pending::Pending),
    /// Certify a request that came in on an invitation, once its words have been compared.
    Approve(approve::Approve),
    /// Say no to a request that waits.
    Refuse(approve::Refuse),
    /// Take an invitation back.
    Withdraw(approve::Withdraw),
    /// Certify the new keys of devices that are certified already.
    Renew(renew::Renew),
    /// The published ledger, in which every device of the agency looks up the certificates it sees.
    #[command(subcommand)]
    Ledger(ledger::LedgerCommand),
    /// The charter: who belongs to the collaborative.
    #[command(subcommand)]
    Charter(charter::CharterCommand),
    /// The duty officer, who shuts devices out while the CA is not at hand.
    #[command(subcommand)]
    Duty(duty::DutyCommand),
    /// Say what the coming days end and what a charter to come would refuse; changes nothing.
    Rehearse(rehearse::Rehearse),
    /// The recovery key: split among officers, checked, and used on the day of need.
    #[command(subcommand)]
    Recovery(recovery::RecoveryCommand),
}
