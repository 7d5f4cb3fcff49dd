//! The commands about the charter.

use super::{
    ca::side_text,
    differences::{self, Words},
    hear::hear,
    output::{Output, day, grouped, moment},
    passphrase::Source,
    publish::{PublishCharter, WouldCut},
    recovery::key_hash,
};
use alcove_charter::{
    Agency, CHARTER_FILE_BYTES_MAX, Ca, CharterFile, KeyPurpose, P256Point, directory_key_words, entry_words,
    key_words, sha256,
};
use alcove_issuer::{
    AgencyCa, IssuerError,
    drafting::{CHARTER_DAYS, Changes, FirstCharter, Signed, draft_first, draft_next},
    parse_agency_file, read_limited, write_whole,
};
use alcove_proto::{ids::Digest, limits::CERTIFICATE_BYTES_MAX, names::TrustDomain, v1};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Most bytes of an agency file.
const AGENCY_FILE_BYTES_MAX: usize = 64 * 1024;

#[derive(Debug, Subcommand)]
pub(crate) enum CharterCommand {
    /// Draft the first charter.
    New(New),
    /// Draft the version after the one in force.
    Next(Next),
    /// Put this agency's signature under a draft.
    Sign(Sign),
    /// Show a charter and who has signed it.
    Show(Show),
    /// Put a charter that all have signed in force.
    Publish(PublishCharter),
    /// Say who still hangs on what a charter drops, before it is published.
    WouldCut(WouldCut),
}

#[derive(Debug, Args)]
pub(crate) struct New {
    /// For example northmark.example.
    #[arg(long, value_name = "DOMAIN")]
    collaborative: TrustDomain,
    /// The DNS name in the server's certificate.
    #[arg(long, value_name = "NAME")]
    server_name: String,
    /// The server CA's certificate.
    #[arg(long, value_name = "FILE", required = true)]
    server_ca: Vec<PathBuf>,
    /// An agency's file; once for each.
    #[arg(long, value_name = "FILE", required = true)]
    agency: Vec<PathBuf>,
    /// How many agencies must sign a later version; a majority when not said.
    #[arg(long)]
    quorum: Option<u32>,
    /// How many days the charter lives.
    #[arg(long, default_value_t = CHARTER_DAYS)]
    days: u32,
    /// Where to write the draft; never over an existing file.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Next {
    /// The charter in force.
    file: PathBuf,
    /// The folder of an agency's CA: it opens the directory key.
    #[arg(long, value_name = "DIR", env = "ALCOVE_CERTS_CA")]
    ca: PathBuf,
    /// The file of an agency that joins, or whose entry changes; once for each.
    #[arg(long, value_name = "FILE")]
    agency: Vec<PathBuf>,
    /// An agency to remove; once for each.
    #[arg(long, value_name = "DOMAIN")]
    remove: Vec<TrustDomain>,
    /// The server CA's certificates, in place of the old ones.
    #[arg(long, value_name = "FILE")]
    server_ca: Vec<PathBuf>,
    /// Another DNS name of the server.
    #[arg(long, value_name = "NAME")]
    server_name: Option<String>,
    /// Another quorum.
    #[arg(long)]
    quorum: Option<u32>,
    /// Later rules; whoever has an older Alcove cannot follow the charter that states them.
    #[arg(long, value_name = "NUMBER")]
    rules: Option<u32>,
    /// How many days the charter lives, from now.
    #[arg(long, default_value_t = CHARTER_DAYS)]
    days: u32,
    /// Where to write the draft; never over an existing file.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Sign {
    /// The draft, which is signed in place.
    file: PathBuf,
    /// The agency's CA folder.
    #[arg(long, value_name = "DIR", env = "ALCOVE_CERTS_CA")]
    ca: PathBuf,
    /// The six words of a key that the draft brings in, as its owner read them out; once for each change. At a terminal
    /// those that are missing are asked for.
    #[arg(long, value_name = "WORDS")]
    heard: Vec<String>,
    /// Do not ask at the end. Words that must be heard are asked for all the same.
    #[arg(long, short)]
    yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The charter.
    file: PathBuf,
    /// Answer with six words alone: those of the key for the names of staff. Whoever drafted the charter asks for them then,
    /// and reads them out from then on.
    #[arg(long)]
    words: bool,
}

impl CharterCommand {
    pub(crate) fn run(
        self,
        passphrase: &Source,
        now_ms: i64,
        output: &mut Output,
    ) -> Result<(), IssuerError> {
        match self {
            Self::New(new) => new.run(now_ms, output),
            Self::Next(next) => next.run(passphrase, now_ms, output),
            Self::Sign(sign) => sign.run(passphrase, now_ms, output),
            Self::Publish(publish) => publish.run(output),
            Self::WouldCut(would_cut) => would_cut.run(passphrase, output),
            Self::Show(show) => show.run(now_ms, output),
        }
    }
}

impl New {
    fn run(self, now_ms: i64, output: &mut Output) -> Result<(), IssuerError> {
        refuse_existing(&self.output)?;
        let first = FirstCharter {
            collaborative: self.collaborative,
            server_name: self.server_name,
            server_cas: read_certificates(&self.server_ca)?,
            agencies: read_agencies(&self.agency)?,
            quorum: self.quorum,
            days: self.days,
        };
        let file = draft_first(first, now_ms)?;
        write_whole(&self.output, &file.encode())?;
        answer(&file, &self.output, Some("Drafted the charter."), now_ms, output)
    }
}

impl Next {
    fn run(self, passphrase: &Source, now_ms: i64, output: &mut Output) -> Result<(), IssuerError> {
        refuse_existing(&self.output)?;
        let file = read_charter(&self.file)?;
        let server_cas = read_certificates(&self.server_ca)?;
        let changes = Changes {
            entries: read_agencies(&self.agency)?,
            remove: self.remove,
            quorum: self.quorum,
            server_cas: (!server_cas.is_empty()).then_some(server_cas),
            server_name: self.server_name,
            rules: self.rules,
            days: self.days,
        };
        let ca = AgencyCa::open(&self.ca, &passphrase.of_existing()?)?;
        let file = draft_next(&file, changes, &ca, now_ms)?;
        write_whole(&self.output, &file.encode())?;
        answer(&file, &self.output, Some("Drafted the next version."), now_ms, output)
    }
}

impl Sign {
    fn run(self, passphrase: &Source, now_ms: i64, output: &mut Output) -> Result<(), IssuerError> {
        let mut file = read_charter(&self.file)?;
        let ca = AgencyCa::open(&self.ca, &passphrase.of_existing()?)?;
        let signer = &ca.profile().trust_domain;
        let signed_before = file.offered.standing(file.history.as_ref())?.signed.contains(signer);
        if !signed_before {
            let shown = described(&file, &self.file, Words::Hidden, now_ms)?.1;
            hear(&file, signer, &self.heard, &shown, self.yes)?;
        }
        let said = match ca.sign_charter(&mut file, now_ms)? {
            Signed::Now => {
                write_whole(&self.file, &file.encode())?;
                "Signed."
            }
            Signed::Before => "This agency had signed before.",
        };
        answer(&file, &self.file, Some(said), now_ms, output)
    }
}

impl Show {
    fn run(self, now_ms: i64, output: &mut Output) -> Result<(), IssuerError> {
        let file = read_charter(&self.file)?;
        if !self.words {
            return answer(&file, &self.file, None, now_ms, output);
        }
        let object = described(&file, &self.file, Words::Shown, now_ms)?.0;
        let words = file.offered.charter().directory_key_hash.as_ref().map(directory_key_words);
        output.answer(
            &object,
            &[words.unwrap_or_else(|| "The charter states no key for the names.".to_owned())],
        )
    }
}

/// Shows a charter file: the same for every command, so that whoever signs sees what.
fn answer(
    file: &CharterFile,
    path: &Path,
    said: Option<&str>,
    now_ms: i64,
    output: &mut Output,
) -> Result<(), IssuerError> {
    let (object, mut lines) = described(file, path, Words::Shown, now_ms)?;
    if let Some(said) = said {
        lines.insert(0, said.to_owned());
    }
    output.answer(&object, &lines)
}

/// A charter file for scripts and for people.
fn described(
    file: &CharterFile,
    path: &Path,
    words: Words,
    now_ms: i64,
) -> Result<(Value, Vec<String>), IssuerError> {
    let charter = file.offered.charter();
    let standing = file.offered.standing(file.history.as_ref())?;
    let expired = charter.check_in_force(now_ms).is_err();
    let hash = charter.hash().to_string();
    let agencies: Vec<_> = charter
        .agencies
        .iter()
        .map(|agency| {
            let cas = agency.cas.iter().map(|ca| Digest(sha256(&[ca.der()])).to_string());
            json!({
                "trust_domain": agency.trust_domain.as_str(),
                "name": agency.display_name,
                "side": side_text(agency.side),
                "ca_sha256": cas.collect::<Vec<_>>(),
                "keys": keys(agency),
                "words": entry_words(agency),
                "recovery_key_sha256": agency.recovery_key.as_ref().map(|key| key_hash(key).to_string()),
                "signed": standing.signed.contains(&agency.trust_domain),
            })
        })
        .collect();
    let names = |domains: &[TrustDomain]| domains.iter().map(ToString::to_string).collect::<Vec<_>>();
    let object = json!({
        "schema": "alcove.charter.v1",
        "file": path,
        "collaborative": charter.collaborative.as_str(),
        "version": charter.version,
        "hash": hash,
        "issued_at": moment(charter.issued_at_ms),
        "not_after": moment(charter.not_after_ms),
        "expired": expired,
        "quorum": charter.quorum,
        "server_name": charter.server_name,
        "server_cas": charter.server_cas.iter().map(server_ca).collect::<Vec<_>>(),
        "compared_with_version": file.history.as_ref().map(|history| history.newest().version),
        "changes": differences::objects(file),
        "rules": charter.rules,
        "directory_key_hash": charter.directory_key_hash.map(|hash| hash.to_string()),
        "directory_key_words": charter.directory_key_hash.as_ref().map(directory_key_words),
        "agencies": agencies,
        "signed": names(&standing.signed),
        "must_sign": names(&standing.must_sign),
        "quorum_signed": standing.quorum_signed,
        "quorum_needed": standing.quorum,
        "complete": standing.is_complete(),
    });

    let mut lines = Vec::new();
    lines.push(format!("Charter of {}, version {}", charter.collaborative, charter.version));
    lines.push(format!("  hash     {}", grouped(&hash)));
    lines.push(format!(
        "  in force {} to {}{}",
        day(charter.issued_at_ms),
        day(charter.not_after_ms),
        if expired { "  (it has ended)" } else { "" }
    ));
    lines.push(format!("  server   {}", charter.server_name));
    lines.push(format!(
        "  quorum   {} of {} agencies sign a later version",
        charter.quorum,
        charter.agencies.len()
    ));
    for agency in &charter.agencies {
        let signed = standing.signed.contains(&agency.trust_domain);
        lines.push(format!(
            "  {}  {} ({}), {}",
            if signed { "signed  " } else { "        " },
            agency.display_name,
            agency.trust_domain,
            side_text(agency.side)
        ));
        if let Some(key) = &agency.recovery_key {
            lines.push(format!("            recovery key {}", grouped(&key_hash(key).to_string())));
        }
    }
    for trust_domain in &standing.signed {
        if charter.agency(trust_domain).is_none() {
            lines.push(format!("  signed    {trust_domain}, which leaves"));
        }
    }
    lines.extend(differences::lines(file, words));
    if standing.is_complete() {
        lines.push("All signatures it needs are there.".to_owned());
    }
    if !standing.must_sign.is_empty() {
        lines.push(format!("Still to sign: {}.", names(&standing.must_sign).join(", ")));
    }
    if standing.quorum_signed < standing.quorum as usize {
        lines.push(format!(
            "{} of the {} members that a new version takes have signed.",
            standing.quorum_signed, standing.quorum
        ));
    }
    Ok((object, lines))
}

/// A server CA for scripts.
fn server_ca(ca: &Ca) -> Value {
    let mut object = key(None, KeyPurpose::ServerCa, ca.public_key());
    object["certificate_sha256"] = Digest(sha256(&[ca.der()])).to_string().into();
    object
}

/// The keys of an entry for scripts.
fn keys(agency: &Agency) -> Vec<Value> {
    let keys = agency.keys().into_iter();
    keys.map(|(purpose, point)| key(Some(&agency.trust_domain), purpose, &point)).collect()
}

fn key(owner: Option<&TrustDomain>, purpose: KeyPurpose, key: &P256Point) -> Value {
    json!({
        "purpose": purpose.code(),
        "key_sha256": key_hash(key).to_string(),
        "words": key_words(owner, purpose, key),
    })
}

pub(crate) fn read_charter(path: &Path) -> Result<CharterFile, IssuerError> {
    Ok(CharterFile::parse(&read_limited(path, CHARTER_FILE_BYTES_MAX)?)?)
}

fn read_agencies(paths: &[PathBuf]) -> Result<Vec<v1::Agency>, IssuerError> {
    paths.iter().map(|path| parse_agency_file(&read_limited(path, AGENCY_FILE_BYTES_MAX)?)).collect()
}

fn read_certificates(paths: &[PathBuf]) -> Result<Vec<Vec<u8>>, IssuerError> {
    paths.iter().map(|path| read_limited(path, CERTIFICATE_BYTES_MAX)).collect()
}

/// A draft may hold signatures that took days to gather.
fn refuse_existing(path: &Path) -> Result<(), IssuerError> {
    if path.exists() { Err(IssuerError::Exists { path: path.to_owned() }) } else { Ok(()) }
}
