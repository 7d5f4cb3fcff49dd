//! The rehearsal: what the coming days end, and what a charter to come would refuse. Changes nothing, takes no key.

use crate::{
    ca::{
        error::FolderError,
        files::read_limited,
        folder::{CA_CERTIFICATE, CRL},
        life::CaLife,
    },
    certify::certificates::check_days,
    error::IssuerError,
    ledger::{
        entries::{IssuedEntry, Kind, key_text},
        error::ListError,
        lines::{self, Listed},
    },
};
use alcove_charter::{Ca, Charter, CharterFile, Crl, TrustError, TrustView};
use alcove_proto::{
    limits::{CERTIFICATE_BYTES_MAX, CRL_BYTES_MAX},
    names::Identity,
    v1,
};
use std::{collections::BTreeMap, path::Path};

const DAY_MS: i64 = 24 * 3600 * 1000;

/// Most days a rehearsal looks ahead: as long as a CA lives.
pub const REHEARSAL_DAYS_MAX: u32 = 3652;

/// What a rehearsal works on.
pub struct RehearseInput<'a> {
    /// An agency's CA folder, or the operator's.
    pub ca: &'a Path,
    /// The charter in force.
    pub charter: &'a CharterFile,
    /// Revocation lists of any agency, DER; the folder's own is looked at as well.
    pub crls: Vec<Vec<u8>>,
    /// The server's certificates, as `server issue` answered.
    pub server: Option<v1::ServerCertificate>,
    /// A charter to come, signed or not.
    pub next: Option<&'a CharterFile>,
    /// How far to look: 1 to [`REHEARSAL_DAYS_MAX`].
    pub days: u32,
}

/// What ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingKind {
    /// The charter in force.
    Charter,
    /// The charter to come.
    NextCharter,
    /// The CA certificate in the folder: from a year before, whatever the days looked at.
    Ca,
    /// A server certificate.
    Server,
    /// The server's certificates are refused already.
    ServerRefused,
    /// An agency's revocation list is due.
    Crl,
    /// The last certificate of a kind that a device has.
    Device,
    /// A duty officer's certificate.
    Duty,
}

/// One thing that ends within the days looked at, or has ended; a CA also when less than a year is left.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// When, milliseconds since 1970.
    pub at_ms: i64,
    /// What.
    pub kind: FindingKind,
    /// Whose: a device, an agency, a collaborative, or the server's name.
    pub name: String,
}

/// A living certificate that the charter to come would not have believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedByNext {
    /// It.
    pub issued: IssuedEntry,
    /// Why.
    pub why: &'static str,
    /// Whether its holder has another of the same kind that is believed: then nobody is cut off.
    pub replaced: bool,
}

/// What a rehearsal found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rehearsal {
    /// In order of time.
    pub findings: Vec<Finding>,
    /// In the order they were issued.
    pub refused: Vec<RefusedByNext>,
}

impl Rehearsal {
    /// How many of them are to be dealt with.
    pub fn count(&self) -> usize {
        self.findings.len() + self.refused.iter().filter(|refused| !refused.replaced).count()
    }
}

/// Says what ends from `now_ms` on, and what the charter to come refuses as of `now_ms`.
///
/// Errors: [`IssuerError::Days`], [`IssuerError::Charter`] when the charter in force is not complete,
/// [`ListError::Refused`], and those of reading the folder.
pub fn rehearse(input: &RehearseInput<'_>, now_ms: i64) -> Result<Rehearsal, IssuerError> {
    check_days(input.days, REHEARSAL_DAYS_MAX)?;
    let history = input.charter.complete()?;
    let charter = history.newest().clone();
    let listed = lines::list(input.ca)?;
    let living = living(&listed, now_ms);
    let finding = |at_ms, kind, name: &dyn ToString| Finding { at_ms, kind, name: name.to_string() };
    let mut all = vec![finding(charter.not_after_ms, FindingKind::Charter, &charter.collaborative)];

    let ca_file = input.ca.join(CA_CERTIFICATE);
    let ca = Ca::parse(&read_limited(&ca_file, CERTIFICATE_BYTES_MAX)?)
        .map_err(|_| FolderError::Mismatch(ca_file))?;
    all.push(finding(ca.not_after_ms(), FindingKind::Ca, &input.ca.display()));

    let own = input.ca.join(CRL);
    let own = if own.exists() { Some(read_limited(&own, CRL_BYTES_MAX)?) } else { None };
    let mut newest: BTreeMap<String, (u64, i64)> = BTreeMap::new();
    for der in input.crls.iter().chain(&own) {
        let crl = Crl::verify(der, &history).map_err(ListError::Refused)?;
        let held = newest.entry(crl.trust_domain.to_string()).or_default();
        *held = (*held).max((crl.number, crl.next_update_ms));
    }
    all.extend(newest.iter().map(|(agency, (_, due_ms))| finding(*due_ms, FindingKind::Crl, agency)));

    for ((kind, name), at_ms) in last_of_each(&living) {
        all.push(finding(at_ms, kind, &name));
    }
    if let Some(server) = &input.server {
        let view = TrustView::new(history.clone());
        // An ended charter is told of apart: here it is the certificate that is looked at.
        let at_ms = now_ms.min(charter.not_after_ms);
        let tls = view.verify_server(&server.tls_chain, &charter.server_name, at_ms);
        let receipts = view.verify_receipt_chain(&server.receipt_chain, at_ms);
        all.push(match end_of_server([tls, receipts]) {
            Ok(not_after_ms) => finding(not_after_ms, FindingKind::Server, &charter.server_name),
            Err(_) => finding(now_ms, FindingKind::ServerRefused, &charter.server_name),
        });
    }
    let mut refused = Vec::new();
    if let Some(next) = input.next {
        let next = next.offered.charter();
        all.push(finding(next.not_after_ms, FindingKind::NextCharter, &next.collaborative));
        refused = refused_by(next, &charter, &living);
    }
    let until_ms = now_ms.saturating_add(i64::from(input.days) * DAY_MS);
    let ca_is_told = CaLife::of(&ca, false).is_near_end(now_ms);
    all.retain(|finding| finding.at_ms <= until_ms || (finding.kind == FindingKind::Ca && ca_is_told));
    all.sort();
    Ok(Rehearsal { findings: all, refused })
}

fn living(listed: &[Listed], now_ms: i64) -> Vec<&IssuedEntry> {
    let living = listed.iter().filter(|listed| listed.revoked.is_none());
    living.map(|listed| &listed.issued).filter(|issued| issued.not_after_ms >= now_ms).collect()
}

/// When each holder is left without a certificate of some kind.
fn last_of_each(living: &[&IssuedEntry]) -> BTreeMap<(FindingKind, String), i64> {
    let mut ends: BTreeMap<(&str, &str), (FindingKind, i64)> = BTreeMap::new();
    for issued in living {
        let (kind, label) = match issued.kind {
            Kind::Tls => (FindingKind::Device, "tls"),
            Kind::Mls => (FindingKind::Device, "mls"),
            Kind::Server => (FindingKind::Server, "tls"),
            Kind::Receipts => (FindingKind::Server, "receipts"),
            Kind::Duty => (FindingKind::Duty, "duty"),
        };
        let end = ends.entry((&issued.name, label)).or_insert((kind, issued.not_after_ms));
        end.1 = end.1.max(issued.not_after_ms);
    }
    let mut first: BTreeMap<(FindingKind, String), i64> = BTreeMap::new();
    for ((name, _), (kind, at_ms)) in ends {
        let end = first.entry((kind, name.to_owned())).or_insert(at_ms);
        *end = (*end).min(at_ms);
    }
    first
}

fn end_of_server(
    judged: [Result<alcove_charter::ServerCertificate, TrustError>; 2],
) -> Result<i64, TrustError> {
    let [tls, receipts] = judged;
    Ok(tls?.not_after_ms.min(receipts?.not_after_ms))
}

/// Judges by what the ledger has: the name, and the key of the CA.
fn refused_by(next: &Charter, in_force: &Charter, living: &[&IssuedEntry]) -> Vec<RefusedByNext> {
    let why = |issued: &IssuedEntry| -> Option<&'static str> {
        let (cas, first) = match issued.kind {
            Kind::Tls | Kind::Mls => {
                let agency = issued.name.parse::<Identity>().ok()?.person.trust_domain;
                let Some(entry) = next.agency(&agency) else {
                    return Some("its agency is not in the next charter");
                };
                (&entry.cas, in_force.agency(&agency).and_then(|agency| agency.cas.first()))
            }
            Kind::Server | Kind::Receipts => (&next.server_cas, in_force.server_cas.first()),
            // Believed by every CA the agency ever had, so that a device is shut out whatever is under way.
            Kind::Duty => return None,
        };
        if issued.kind == Kind::Server && issued.name != next.server_name {
            return Some("the next charter names the server otherwise");
        }
        // A line without a CA is from before CAs rolled over: by the one that stands first now.
        let by = issued.ca.clone().or_else(|| first.map(|ca| key_text(ca.public_key())));
        let listed = cas.iter().any(|ca| Some(key_text(ca.public_key())) == by);
        (!listed).then_some("it is by a CA that the next charter does not list")
    };
    let judged: Vec<_> = living.iter().map(|issued| (*issued, why(issued))).collect();
    let replaced = |refused: &IssuedEntry| {
        judged
            .iter()
            .any(|(other, why)| why.is_none() && other.kind == refused.kind && other.name == refused.name)
    };
    let refused = judged.iter().filter_map(|(issued, why)| why.map(|why| (*issued, why)));
    refused
        .map(|(issued, why)| RefusedByNext { issued: issued.clone(), why, replaced: replaced(issued) })
        .collect()
}
