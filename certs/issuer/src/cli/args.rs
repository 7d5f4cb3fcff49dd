//! What can be asked: the commands, and what all of them take.

use super::{
    approve, ca, charter, crl, duty, invite, issue, ledger, list, pending, proxy::ProxyArgs, recovery,
    rehearse, renew, revoke, server, start,
};
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Certifies an agency's staff, revokes certificates, and signs charters. For an admin's machine only.
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
    #[command(flatten)]
    pub(super) proxy: ProxyArgs,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Found a collaborative step by step: asks one question at a time, and goes on where you stopped.
    Start(start::Start),
    /// Make a CA, rename it, show its words, or roll it over to a new key.
    #[command(subcommand)]
    Ca(ca::CaCommand),
    /// Certify the keys of the server.
    #[command(subcommand)]
    Server(server::ServerCommand),
    /// Certify a device from its request file. For a device that cannot reach the server's desk.
    Issue(issue::Issue),
    /// Revoke a certificate, a device or a person, and make a new revocation list. When a device is lost or a person leaves.
    Revoke(revoke::Revoke),
    /// Make a new revocation list. At least every 30 days; `renew --watch` does it by itself.
    Crl(crl::Crl),
    /// List the certificates that were issued.
    List(list::List),
    /// Invite a person, whose device then enrols at the server's desk. The usual way to add a device.
    Invite(invite::Invite),
    /// Show what waits at the desk, and what happened there. Before you approve or renew.
    Pending(pending::Pending),
    /// Certify a device that you invited. After you have compared its words by phone.
    Approve(approve::Approve),
    /// Refuse a request that waits. When its words differ, or it is not from the person you invited.
    Refuse(approve::Refuse),
    /// Withdraw an invitation. When it reached the wrong person, or is no longer needed.
    Withdraw(approve::Withdraw),
    /// Certify the new keys of devices that are already certified. When `pending` shows renewals, or unattended with --watch.
    Renew(renew::Renew),
    /// Publish the ledger, in which every device of the agency looks up certificates. After you have certified by files.
    #[command(subcommand)]
    Ledger(ledger::LedgerCommand),
    /// Draft, sign, show and publish charters, which say who belongs to the collaborative.
    #[command(subcommand)]
    Charter(charter::CharterCommand),
    /// Shut a device out with the duty officer's key. When the CA is not at hand.
    #[command(subcommand)]
    Duty(duty::DutyCommand),
    /// Say what ends in the coming days, and what a future charter would refuse. Changes nothing.
    Rehearse(rehearse::Rehearse),
    /// Split a recovery key among officers, check the shares, and use them in an emergency.
    #[command(subcommand)]
    Recovery(recovery::RecoveryCommand),
}
