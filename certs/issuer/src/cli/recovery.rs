//! The commands about an agency's recovery: set it up, check shares, and open escrow with enough of them.

use super::{
    ca::REQUEST_BYTES_MAX,
    output::{Output, grouped},
    passphrase::{self, Source},
    recovery_desk,
    recovery_exit::fault_text,
    revoke::refuse_existing,
};
use alcove_charter::{
    CHARTER_FILE_BYTES_MAX, CharterFile, EscrowBundle, P256Point, request_words, same_words, sha256,
};
use alcove_issuer::{
    AgencyCa, IssuerError, read_limited,
    recovery::{Expected, OpenedEscrow, RecoveryError, RecoveryOrder, Shares, check_shares},
    write_whole,
};
use alcove_proto::{
    ids::Digest,
    limits::ESCROW_BUNDLE_BYTES_MAX,
    names::{Identity, TrustDomain},
};
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::{Path, PathBuf};

#[derive(Debug, Subcommand)]
pub(crate) enum RecoveryCommand {
    /// Make a recovery key and split it among officers.
    Init(Init),
    /// Check shares, without putting them together.
    Check(Check),
    /// Ask for what is sealed of a person, for a new device of theirs; your agency's devices are told.
    Ask(recovery_desk::Ask),
    /// Show what has been asked for, and what became of it.
    Attempts(recovery_desk::ListAttempts),
    /// Take an attempt back.
    Withdraw(recovery_desk::WithdrawAttempt),
    /// Fetch what is sealed, 72 hours after it was asked for.
    Fetch(recovery_desk::Fetch),
    /// Open escrow with enough shares and seal what is in it to one device.
    Open(Open),
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The agency's CA folder.
    #[arg(long, value_name = "DIR")]
    ca: PathBuf,
    /// How many officers get a share each; at most 16.
    #[arg(long, value_name = "N")]
    officers: u32,
    /// How many of the shares open the key; at least 2.
    #[arg(long, value_name = "K")]
    needed: u32,
    /// Make another key although a charter names one.
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    passphrases: PassphraseFiles,
    /// The folder for the shares: new or empty.
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The share files.
    #[arg(required = true, value_name = "SHARE")]
    shares: Vec<PathBuf>,
    #[command(flatten)]
    reference: Reference,
    #[command(flatten)]
    passphrases: PassphraseFiles,
}

#[derive(Debug, Args)]
pub(crate) struct Open {
    /// The share files, as many as are needed.
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    shares: Vec<PathBuf>,
    /// The escrow to open.
    #[arg(long, value_name = "FILE")]
    escrow: PathBuf,
    /// The request of the device that is to get the keys: as `alcove enrol request` wrote it, or from the CA's folder, as
    /// `recovery ask` names it.
    #[arg(long, value_name = "FILE")]
    request: PathBuf,
    /// The six words the person reads out; another request is refused.
    #[arg(long, value_name = "WORDS")]
    words: String,
    /// The device's name (…/staff/HANDLE/device/N).
    #[arg(long, value_name = "NAME")]
    device: Identity,
    #[command(flatten)]
    reference: Reference,
    #[command(flatten)]
    passphrases: PassphraseFiles,
    /// Where to write the keys, sealed to the device; not over a file that is there.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Write over a file that is there.
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Args)]
struct PassphraseFiles {
    /// Files with the officers' passphrases, in the order of the shares, instead of asking one officer after the other.
    #[arg(long, value_delimiter = ',', value_name = "FILES")]
    passphrase_files: Vec<PathBuf>,
}

/// Against which recovery key the shares are held.
#[derive(Debug, Args)]
struct Reference {
    /// A charter that names the recovery key; without one the shares are only held against each other.
    #[arg(long, value_name = "FILE", requires = "agency")]
    charter: Option<PathBuf>,
    /// The agency whose recovery key in that charter counts.
    #[arg(long, value_name = "DOMAIN", requires = "charter")]
    agency: Option<TrustDomain>,
}

impl RecoveryCommand {
    pub(crate) fn run(self, passphrase: &Source, output: &mut Output) -> Result<(), IssuerError> {
        match self {
            Self::Init(init) => init.run(passphrase, output),
            Self::Check(check) => check.run(output),
            Self::Ask(ask) => ask.run(passphrase, output),
            Self::Attempts(attempts) => attempts.run(passphrase, output),
            Self::Withdraw(withdraw) => withdraw.run(passphrase, output),
            Self::Fetch(fetch) => fetch.run(passphrase, output),
            Self::Open(open) => open.run(output),
        }
    }
}

impl Init {
    fn run(self, passphrase: &Source, output: &mut Output) -> Result<(), IssuerError> {
        let order = RecoveryOrder { officers: self.officers, needed: self.needed, replace: self.replace };
        order.check()?;
        self.passphrases.check_count(self.officers as usize)?;
        let mut ca = AgencyCa::open(&self.ca, &passphrase.of_existing()?)?;
        // Before five people have thought of passphrases for nothing.
        ca.check_recovery_replaceable(self.replace)?;
        let passphrases = (1..=self.officers)
            .map(|number| {
                let file = self.passphrases.of(number as usize - 1);
                passphrase::of_new_share(file, number, self.officers)
            })
            .collect::<Result<Vec<_>, _>>()?;
        let made = ca.init_recovery(order, &self.output, &passphrases)?;
        let hash = key_hash(&made.recovery_key).to_string();
        output.answer(
            &json!({
                "schema": "alcove.certs.recovery.v1",
                "agency": ca.profile().trust_domain.as_str(),
                "recovery_key_sha256": hash,
                "needed": self.needed,
                "officers": self.officers,
                "shares": made.shares,
                "agency_file": self.ca.join("agency.pub"),
            }),
            &[
                format!(
                    "Split a recovery key: any {} of {} shares open it, fewer tell nothing.",
                    self.needed, self.officers
                ),
                format!("  key hash {}", grouped(&hash)),
                format!(
                    "Give each officer their file from {} and delete the folder; keep no copies.",
                    self.output.display()
                ),
                "Each officer checks theirs: alcove-certs recovery check SHARE".to_owned(),
                format!(
                    "It counts from the next charter on: alcove-certs charter next ... --agency {}",
                    self.ca.join("agency.pub").display()
                ),
                "Devices seal to it by themselves when they know that charter; on the day of need begin with \
                 `alcove-certs recovery ask`."
                    .to_owned(),
            ],
        )
    }
}

impl Check {
    fn run(self, output: &mut Output) -> Result<(), IssuerError> {
        let shares = self.passphrases.check(&self.shares, &self.reference)?;
        let agency = shares.trust_domain().map(TrustDomain::as_str);
        let hash = shares.recovery_key().map(|key| key_hash(key).to_string());
        for share in shares.checked() {
            let verdict = share.verdict.as_ref().map_or_else(fault_text, |()| "good".to_owned());
            output.answer(
                &json!({
                    "schema": "alcove.certs.share.v1",
                    "file": share.path,
                    "number": share.number,
                    "good": share.verdict.is_ok(),
                    "verdict": verdict,
                    "agency": agency,
                    "recovery_key_sha256": hash,
                }),
                &[format!("{}: {verdict}", share.path.display())],
            )?;
        }
        shares.all_good()?;
        let (good, needed, officers) = shares.count();
        let said = [
            format!("{good} good, of {officers} that were made; {needed} are needed."),
            format!("  agency   {}", agency.unwrap_or_default()),
            format!("  key hash {}", grouped(&hash.unwrap_or_default())),
        ];
        output.remarks(&said)
    }
}

impl Open {
    fn run(self, output: &mut Output) -> Result<(), IssuerError> {
        refuse_existing(&self.output, self.force, None)?;
        let request = read_limited(&self.request, REQUEST_BYTES_MAX)?;
        let words = request_words(&request);
        if !same_words(&words, &self.words) {
            return Err(IssuerError::OtherRequest { words });
        }
        let bundle = read_limited(&self.escrow, ESCROW_BUNDLE_BYTES_MAX)?;
        let bundle = EscrowBundle::parse(&bundle).map_err(RecoveryError::from)?;
        let key = self.passphrases.check(&self.shares, &self.reference)?.combine()?;
        let opened = key.open(&bundle)?;
        write_whole(&self.output, &key.seal_to_device(&opened, &self.device, &request)?)?;
        // The private key is gone before anything is said.
        drop(key);
        self.answer(&opened, bundle.entries.len(), bundle.grants.len(), output)
    }

    fn answer(
        &self,
        opened: &OpenedEscrow,
        entries: usize,
        grants: usize,
        output: &mut Output,
    ) -> Result<(), IssuerError> {
        let (poisoned, once) = (opened.compare(), opened.sealed_once());
        let epoch = |place: &alcove_charter::EscrowPlace| {
            json!({
                "group": place.group.to_string(),
                "epoch": place.epoch.0,
                "epoch_id": place.epoch_id.to_string(),
            })
        };
        let object = json!({
            "schema": "alcove.certs.recovered.v1",
            "device": self.device.to_string(),
            "file": self.output,
            "entries": entries,
            "epochs": opened.epochs(),
            "poisoned": poisoned.iter().map(|poisoned| {
                let mut object = epoch(&poisoned.place);
                object["entries"] = json!(poisoned.entries);
                object
            }).collect::<Vec<_>>(),
            "sealed_once": once.iter().map(epoch).collect::<Vec<_>>(),
            "unopened": opened.unopened(),
            "grants": grants,
            "opened_grants": opened.grants(),
            "unopened_grants": opened.unopened_grants(),
        });
        let mut lines =
            vec![format!("Opened the keys of {} epochs out of {entries} entries.", opened.epochs())];
        if grants > 0 {
            lines.push(format!(
                "Opened {} of {grants} grants that their devices had received.",
                opened.grants()
            ));
        }
        for poisoned in &poisoned {
            lines.push(format!(
                "Epoch {} of group {} is poisoned: its entries {} hold different keys. Both were kept.",
                poisoned.place.epoch,
                poisoned.place.group,
                poisoned.entries.iter().map(|entries| numbers(entries)).collect::<Vec<_>>().join(" and ")
            ));
        }
        if !once.is_empty() {
            lines.push(format!("{} epochs were sealed by one device alone.", once.len()));
        }
        if !opened.unopened().is_empty() {
            lines.push(format!("Entries that did not open: {}.", numbers(opened.unopened())));
        }
        if !opened.unopened_grants().is_empty() {
            lines.push(format!("Grants that did not open: {}.", numbers(opened.unopened_grants())));
        }
        lines.push(format!("Give {} to {}; nobody else can open it.", self.output.display(), self.device));
        lines.push("Then make a new recovery key: alcove-certs recovery init --replace".to_owned());
        output.answer(&object, &lines)
    }
}

impl PassphraseFiles {
    /// As many as shares, or none.
    fn check_count(&self, wanted: usize) -> Result<(), IssuerError> {
        match self.passphrase_files.len() {
            0 => Ok(()),
            given if given == wanted => Ok(()),
            given => Err(RecoveryError::Passphrases { given, wanted }.into()),
        }
    }

    fn of(&self, index: usize) -> Option<&Path> {
        self.passphrase_files.get(index).map(PathBuf::as_path)
    }

    fn check(&self, files: &[PathBuf], reference: &Reference) -> Result<Shares, IssuerError> {
        self.check_count(files.len())?;
        let expected = reference.read()?;
        check_shares(files, expected.as_ref(), |index, path, attempt| {
            passphrase::of_share(self.of(index), path, attempt)
        })
    }
}

impl Reference {
    fn read(&self) -> Result<Option<Expected>, IssuerError> {
        let (Some(charter), Some(trust_domain)) = (&self.charter, &self.agency) else { return Ok(None) };
        let file = CharterFile::parse(&read_limited(charter, CHARTER_FILE_BYTES_MAX)?)?;
        let history = file.complete()?;
        let agency = history
            .newest()
            .agency(trust_domain)
            .ok_or_else(|| IssuerError::NotInCharter { trust_domain: trust_domain.clone() })?;
        let trust_domain = trust_domain.clone();
        match agency.recovery_key {
            Some(recovery_key) => Ok(Some(Expected { trust_domain, recovery_key })),
            None => Err(RecoveryError::NoRecoveryKey { trust_domain }.into()),
        }
    }
}

/// SHA-256 of a recovery key, for reading out.
pub(super) fn key_hash(key: &P256Point) -> Digest {
    Digest(sha256(&[key.as_bytes()]))
}

/// Entries as people count them, from 1.
fn numbers(entries: &[usize]) -> String {
    entries.iter().map(|entry| (entry + 1).to_string()).collect::<Vec<_>>().join(", ")
}
