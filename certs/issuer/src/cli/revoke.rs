//! Revoking, and the lists that say so.

use super::{
    adopt::Adopt,
    output::Output,
    passphrase::Source,
    publish::{PublishCrl, Publishing, cut_text},
};
use alcove_issuer::{AgencyCa, IssuedCrl, IssuerError, Reason, Which, read_limited, write_whole};
use alcove_proto::{
    limits::CRL_BYTES_MAX,
    names::{Identity, Person},
};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// The agency's CA folder.
    #[arg(long, value_name = "DIR", env = "ALCOVE_CERTS_CA")]
    ca: PathBuf,
    /// One certificate, by its serial number in hexadecimal.
    #[arg(long, required_unless_present = "identity", conflicts_with = "identity")]
    serial: Option<String>,
    /// A device (…/staff/HANDLE/device/N) or all devices of a person (…/staff/HANDLE); several in one list, each with
    /// --identity.
    #[arg(long, value_name = "NAME", value_parser = parse_whose)]
    identity: Vec<Which>,
    /// Why.
    #[arg(long, value_enum, default_value_t = ReasonArgument::Unspecified)]
    reason: ReasonArgument,
    /// Write the new revocation list here too; over this agency's last list, and over nothing else.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write over a file that is there.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    publishing: Publishing,
}

/// Why a certificate is revoked, as it is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReasonArgument {
    /// Not said.
    Unspecified,
    /// The device was lost, stolen or broken into.
    KeyCompromise,
    /// The person changed agency or role.
    AffiliationChanged,
    /// Another certificate takes its place.
    Superseded,
    /// Device or person is no longer in service.
    CessationOfOperation,
}

impl From<ReasonArgument> for Reason {
    fn from(reason: ReasonArgument) -> Self {
        match reason {
            ReasonArgument::Unspecified => Self::Unspecified,
            ReasonArgument::KeyCompromise => Self::KeyCompromise,
            ReasonArgument::AffiliationChanged => Self::AffiliationChanged,
            ReasonArgument::Superseded => Self::Superseded,
            ReasonArgument::CessationOfOperation => Self::CessationOfOperation,
        }
    }
}

fn parse_whose(text: &str) -> Result<Which, alcove_proto::names::NameError> {
    if text.contains("/device/") {
        text.parse::<Identity>().map(Which::Device)
    } else {
        text.parse::<Person>().map(Which::Person)
    }
}

impl Revoke {
    pub(crate) fn run(
        self,
        passphrase: &Source,
        now_ms: i64,
        output: &mut Output,
    ) -> Result<(), IssuerError> {
        // Never empty: the argument parser demands one of the two.
        let which = match self.serial {
            Some(serial) => vec![Which::Serial(serial)],
            None => self.identity,
        };
        if let Some(file) = &self.output {
            refuse_existing(file, self.force, Some(&self.ca))?;
        }
        let mut ca = AgencyCa::open(&self.ca, &passphrase.of_existing()?)?;
        let crl = ca.revoke_all(&which, self.reason.into(), now_ms)?;
        let file = self.output.unwrap_or_else(|| self.ca.join("agency.crl"));
        let first = match crl.newly_revoked.len() {
            0 => "Everything of that name had been revoked before.".to_owned(),
            1 => "Revoked 1 certificate.".to_owned(),
            count => format!("Revoked {count} certificates."),
        };
        answer_crl(&crl, &file, first, &self.publishing, output)?;
        // After the list: that shuts the device out.
        self.publishing.publish_ledger(&ca)
    }
}

#[derive(Debug, Args)]
#[command(subcommand_negates_reqs = true)]
pub(crate) struct Crl {
    #[command(subcommand)]
    command: Option<CrlCommand>,
    /// The agency's CA folder.
    #[arg(long, value_name = "DIR", required = true, env = "ALCOVE_CERTS_CA")]
    ca: Option<PathBuf>,
    /// Where to write the list; over this agency's last list, and over nothing else.
    #[arg(short, long, value_name = "FILE", required = true)]
    output: Option<PathBuf>,
    /// Write over a file that is there.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    publishing: Publishing,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CrlCommand {
    /// Put a list that was made before in force.
    Publish(PublishCrl),
    /// Take over the list that is in force and that this folder did not make, so that the next one is taken again.
    Adopt(Adopt),
}

impl Crl {
    pub(crate) fn run(
        self,
        passphrase: &Source,
        now_ms: i64,
        output: &mut Output,
    ) -> Result<(), IssuerError> {
        let (folder, file) = match (self.command, self.ca, self.output) {
            (Some(CrlCommand::Publish(publish)), _, _) => return publish.run(output),
            (Some(CrlCommand::Adopt(adopt)), _, _) => return adopt.run(passphrase, output),
            (None, Some(folder), Some(file)) => (folder, file),
            // Cannot fail: the argument parser demands both.
            (None, _, _) => unreachable!("a folder and a file"),
        };
        refuse_existing(&file, self.force, Some(&folder))?;
        let mut ca = AgencyCa::open(&folder, &passphrase.of_existing()?)?;
        let crl = ca.renew_crl(now_ms)?;
        drop(ca);
        answer_crl(&crl, &file, "Made a new revocation list.".to_owned(), &self.publishing, output)
    }
}

/// Before anything is signed: a file that is there is not written over, except the last list of `ca` by the next.
pub(crate) fn refuse_existing(file: &Path, force: bool, ca: Option<&Path>) -> Result<(), IssuerError> {
    if force || !file.exists() {
        return Ok(());
    }
    let last = ca.map(|folder| read_limited(&folder.join("agency.crl"), CRL_BYTES_MAX)).transpose()?;
    if last.is_some() && read_limited(file, CRL_BYTES_MAX).ok() == last {
        return Ok(());
    }
    Err(IssuerError::WouldOverwrite { path: file.to_owned() })
}

/// The list is on disk before anybody hears of it; then it is published, if a desk was named.
fn answer_crl(
    crl: &IssuedCrl,
    file: &Path,
    first: String,
    publishing: &Publishing,
    output: &mut Output,
) -> Result<(), IssuerError> {
    write_whole(file, &crl.der)?;
    let published = publishing.publish(&crl.der, file, output)?;
    let last = match &published {
        Some(published) => format!("It is in force. {}", cut_text(published.cut)),
        None => format!("It counts once the server has it: give {} to its operator now.", file.display()),
    };
    output.answer(
        &json!({
            "schema": "alcove.certs.crl.v1",
            "number": crl.number,
            "entries": crl.entries,
            "newly_revoked": crl.newly_revoked,
            "file": file,
            "published": published.is_some(),
            "cut": published.map(|published| published.cut),
        }),
        &[first, format!("List {} names {} certificates.", crl.number, crl.entries), last],
    )
}
