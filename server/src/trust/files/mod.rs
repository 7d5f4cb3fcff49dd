//! The files that say whom the server trusts and what it shows: charter, CRLs, denials, certificates, keys.
//!
//! [`load`] reads all of them and checks them against each other before anything is put in force. Nothing ever
//! goes back: neither the charter to an earlier version nor an agency's CRL to a lower number. While the server
//! runs, [`load`] holds the files against what is in force; at a start, [`refuse_going_back`] holds them against
//! what the store remembers of earlier runs, as [`in_force`] tells it.

mod denials;
mod error;
pub mod put;

pub use denials::{RefusedDenial, RefusedDenialCause};
pub use error::{RefusedCrl, RefusedCrlCause, TrustFileError, Which};

use crate::{
    config::Config,
    store::trust::{CharterInForce, CrlInForce, TrustInForce},
};
use alcove_charter::{
    CHARTER_FILE_BYTES_MAX, CharterFile, Crl, CrlError, EVER_LISTED_BYTES_MAX, EverListed, ServerCertificate,
    TrustView, sha256,
};
use alcove_proto::{
    canonical,
    ids::Digest,
    limits::{AGENCIES_MAX, CERTIFICATE_BYTES_MAX, CHAIN_CERTIFICATES_MAX, CRL_BYTES_MAX},
    names::{Identity, TrustDomain},
    v1,
};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

/// Bytes of a certificate file: two chains and their framing.
const CERTIFICATE_FILE_BYTES_MAX: u64 = (2 * CHAIN_CERTIFICATES_MAX * CERTIFICATE_BYTES_MAX + 1024) as u64;
/// Bytes of a key file; a P-256 key has about 140.
const KEY_FILE_BYTES_MAX: u64 = 4096;
/// Bytes of a file of what was ever listed.
const LISTED_FILE_BYTES_MAX: u64 = EVER_LISTED_BYTES_MAX as u64;
/// CRL files looked at; one agency may leave a few old ones behind.
const CRL_FILES_MAX: usize = 4 * AGENCIES_MAX;
/// The certificate file's format this server reads.
const FORMAT: u32 = 1;

/// Where the files are.
#[derive(Debug, Clone)]
pub struct TrustFiles {
    charter: PathBuf,
    crl_dir: PathBuf,
    certificate: PathBuf,
    tls_key: PathBuf,
    receipt_key: PathBuf,
}

/// Everything the files say, checked.
pub struct Loaded {
    /// Who is believed.
    pub trust: Arc<TrustView>,
    /// The TLS certificate, leaf first, no anchor.
    pub tls_chain: Vec<CertificateDer<'static>>,
    /// The TLS key.
    pub tls_key: PrivateKeyDer<'static>,
    /// The receipt key's certificate, DER, leaf first, no anchor.
    pub receipt_chain: Vec<Vec<u8>>,
    /// The receipt key, PKCS#8 DER.
    pub receipt_key: PrivatePkcs8KeyDer<'static>,
    /// When the first of the two certificates ends, milliseconds since 1970.
    pub certificates_end_ms: i64,
    /// CRL files that were left out; what was held of those agencies stays in force.
    pub refused_crls: Vec<RefusedCrl>,
    /// Denial files that were left out.
    pub refused_denials: Vec<RefusedDenial>,
    /// Files of denials that have ended with their officers' certificates: to be removed once what says so is in force.
    pub ended_denials: Vec<PathBuf>,
    /// What the files looked like before they were read.
    pub stamp: Stamp,
}

/// What the files look like from outside: their names, sizes and times.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stamp(Vec<(PathBuf, u64, Option<SystemTime>)>);

impl TrustFiles {
    /// The files a configuration names.
    pub fn of(config: &Config) -> Self {
        Self {
            charter: config.charter.clone(),
            crl_dir: config.crl_dir.clone(),
            certificate: config.certificate.clone(),
            tls_key: config.tls_key.clone(),
            receipt_key: config.receipt_key.clone(),
        }
    }

    /// What the files look like from outside. A file that is missing counts as one of size 0.
    pub fn stamp(&self) -> Stamp {
        let files = [&self.charter, &self.certificate, &self.tls_key, &self.receipt_key, &self.crl_dir];
        let mut paths: Vec<_> = files.into_iter().cloned().collect();
        paths.extend(self.crl_paths().unwrap_or_default());
        paths.extend(self.denial_paths().unwrap_or_default());
        let stamp = paths.into_iter().map(|path| match fs::metadata(&path) {
            Ok(metadata) => (path, metadata.len(), metadata.modified().ok()),
            Err(_) => (path, 0, None),
        });
        Stamp(stamp.collect())
    }

    /// The charter's file.
    pub fn charter_path(&self) -> &Path {
        &self.charter
    }

    /// Where the CRL of an agency is put when it comes by the desk.
    pub fn crl_path(&self, trust_domain: &TrustDomain) -> PathBuf {
        self.crl_dir.join(format!("{trust_domain}.crl"))
    }

    /// Where it is kept what an agency's lists have ever had: beside the list, and as true as that.
    fn listed_path(&self, trust_domain: &TrustDomain) -> PathBuf {
        self.crl_dir.join(format!("{trust_domain}.listed"))
    }

    /// Where the denial of a device is put when it comes by the desk.
    pub fn denial_path(&self, identity: &Identity) -> PathBuf {
        let Identity { person, device } = identity;
        self.crl_dir.join(format!("{}-{}-{device}.denial", person.trust_domain, person.handle.as_str()))
    }

    fn crl_paths(&self) -> Result<Vec<PathBuf>, TrustFileError> {
        match self.paths_with("crl", CRL_FILES_MAX)? {
            (paths, false) => Ok(paths),
            (_, true) => Err(TrustFileError::TooManyCrls { folder: self.crl_dir.clone() }),
        }
    }

    /// The files of the folder with that extension, in order, and whether there are more than `max`.
    fn paths_with(&self, wanted: &str, max: usize) -> Result<(Vec<PathBuf>, bool), TrustFileError> {
        let read = |source| TrustFileError::Read { path: self.crl_dir.clone(), source };
        let mut paths = Vec::new();
        for entry in fs::read_dir(&self.crl_dir).map_err(read)? {
            let path = entry.map_err(read)?.path();
            if path.extension().is_some_and(|extension| extension == wanted) {
                if paths.len() == max {
                    return Ok((paths, true));
                }
                paths.push(path);
            }
        }
        paths.sort();
        Ok((paths, false))
    }
}

/// Reads the files and checks them at `now_ms` (milliseconds since 1970).
///
/// With `in_force`, what is now trusted, the charter must continue it, and a CRL file that is refused is
/// left out so that one agency's broken file does not hold up another's revocation; without, at start, it is an
/// error: there is nothing to fall back on. A denial that is refused is always left out: it never keeps a server from
/// starting. Errors: [`TrustFileError`].
pub fn load(files: &TrustFiles, in_force: Option<&TrustView>, now_ms: i64) -> Result<Loaded, TrustFileError> {
    let stamp = files.stamp();
    let view = load_charter(&files.charter, in_force, now_ms)?;
    let view = if in_force.is_some() { view } else { load_listed(files, view)? };
    let (view, refused_crls) = load_crls(files, view, in_force, now_ms)?;
    let denials::Loaded { view, refused: refused_denials, ended: ended_denials } =
        denials::load(files, &view, in_force)?;

    let Shown { certificates, tls, receipt } = check_certificates(files, &view, now_ms)?;
    let tls_key = read_key(&files.tls_key, Which::Tls, tls.public_key.as_bytes())?;
    let receipt_key = read_key(&files.receipt_key, Which::Receipt, receipt.public_key.as_bytes())?;
    Ok(Loaded {
        trust: Arc::new(view),
        tls_chain: certificates.tls_chain.into_iter().map(CertificateDer::from).collect(),
        tls_key: tls_key.into(),
        receipt_chain: certificates.receipt_chain,
        receipt_key,
        certificates_end_ms: tls.not_after_ms.min(receipt.not_after_ms),
        refused_crls,
        refused_denials,
        ended_denials,
        stamp,
    })
}

/// The server's certificates, believed.
struct Shown {
    certificates: v1::ServerCertificate,
    tls: ServerCertificate,
    receipt: ServerCertificate,
}

/// Whether the server could still show its certificates if `view` were in force at `now_ms`.
///
/// Errors: [`TrustFileError::Certificate`], or why the file cannot be read.
pub fn would_show(files: &TrustFiles, view: &TrustView, now_ms: i64) -> Result<(), TrustFileError> {
    check_certificates(files, view, now_ms).map(drop)
}

fn check_certificates(files: &TrustFiles, view: &TrustView, now_ms: i64) -> Result<Shown, TrustFileError> {
    let certificates = read_certificates(&files.certificate)?;
    let of = |which| move |source| TrustFileError::Certificate { which, source };
    let name = &view.charter().server_name;
    let tls = view.verify_server(&certificates.tls_chain, name, now_ms).map_err(of(Which::Tls))?;
    let receipt =
        view.verify_receipt_chain(&certificates.receipt_chain, now_ms).map_err(of(Which::Receipt))?;
    Ok(Shown { certificates, tls, receipt })
}

/// What the store is to remember of `trust`.
pub fn in_force(trust: &TrustView) -> TrustInForce {
    let charter = CharterInForce { version: trust.charter().version, hash: trust.charter().hash() };
    let crl = |crl: &Arc<Crl>| CrlInForce {
        trust_domain: crl.trust_domain.clone(),
        number: crl.number,
        hash: Digest(sha256(&[crl.der()])),
        signer: Digest(sha256(&[crl.signer().as_bytes()])),
    };
    TrustInForce { charter: Some(charter), crls: trust.crls().map(crl).collect() }
}

/// Refuses to start with files that are behind what has been in force when the server ran last.
///
/// The lists of agencies that have left are not asked for: nobody is let in by them. A list that a CA of today
/// signed is never behind one of a retired CA, whatever their numbers ([`TrustView::with_crl`]).
/// Errors: [`TrustFileError::CharterWentBack`], [`TrustFileError::CharterForked`],
/// [`TrustFileError::CrlWentBack`], [`TrustFileError::CrlGone`], [`TrustFileError::CrlForked`].
pub fn refuse_going_back(
    files: &TrustFiles,
    trust: &TrustView,
    remembered: &TrustInForce,
) -> Result<(), TrustFileError> {
    if let Some(CharterInForce { version, hash }) = remembered.charter {
        let path = files.charter.clone();
        match trust.charters().get(version) {
            None => {
                let offered = trust.charter().version;
                return Err(TrustFileError::CharterWentBack { path, held: version, offered });
            }
            Some(charter) if charter.hash() != hash => {
                return Err(TrustFileError::CharterForked { path, version });
            }
            Some(_) => {}
        }
    }
    let now = in_force(trust);
    for held in &remembered.crls {
        let Some(agency) = trust.charter().agency(&held.trust_domain) else { continue };
        let folder = files.crl_dir.clone();
        let (trust_domain, number) = (held.trust_domain.clone(), held.number);
        let Some(offered) = now.crls.iter().find(|crl| crl.trust_domain == trust_domain) else {
            return Err(TrustFileError::CrlGone { folder, trust_domain, held: number });
        };
        let is_of_today = |crl: &CrlInForce| {
            agency.cas.iter().any(|ca| sha256(&[ca.public_key().as_bytes()]) == crl.signer.0)
        };
        let rank = |crl: &CrlInForce| (is_of_today(crl), crl.number);
        if rank(offered) < rank(held) {
            let offered = offered.number;
            return Err(TrustFileError::CrlWentBack { folder, trust_domain, held: number, offered });
        }
        if rank(offered) == rank(held) && offered.hash != held.hash {
            return Err(TrustFileError::CrlForked { folder, trust_domain, number });
        }
    }
    Ok(())
}

fn load_charter(path: &Path, in_force: Option<&TrustView>, now_ms: i64) -> Result<TrustView, TrustFileError> {
    let refused = |source| TrustFileError::Charter { path: path.to_owned(), source };
    let bytes = read(path, CHARTER_FILE_BYTES_MAX as u64)?;
    let history = CharterFile::parse(&bytes).and_then(|file| file.complete()).map_err(refused)?;
    if let Some(in_force) = in_force {
        let held = in_force.charter().version;
        let offered = history.newest().version;
        if offered < held {
            return Err(TrustFileError::CharterWentBack { path: path.to_owned(), held, offered });
        }
        for charter in in_force.charters().charters() {
            if history.get(charter.version).is_none_or(|other| other.hash() != charter.hash()) {
                let version = charter.version;
                return Err(TrustFileError::CharterForked { path: path.to_owned(), version });
            }
        }
    }
    history.newest().check_in_force(now_ms).map_err(refused)?;
    let Some(held) = in_force else { return Ok(TrustView::new(history)) };
    // With the lists that it holds: what was taken once stands under every later charter, and is not judged again.
    let mut view = held.without_denials();
    for signed in history.signed_after(held.charter().version) {
        (view, _) = view.with_charter(signed).map_err(refused)?;
    }
    Ok(view)
}

/// What the lists have ever had, as [`keep_listed`] wrote it; a file that does not parse is refused like a list.
fn load_listed(files: &TrustFiles, mut view: TrustView) -> Result<TrustView, TrustFileError> {
    let agencies: BTreeSet<TrustDomain> = {
        let entries = view.charters().charters().flat_map(|charter| &charter.agencies);
        entries.map(|agency| agency.trust_domain.clone()).collect()
    };
    for trust_domain in agencies {
        let path = files.listed_path(&trust_domain);
        match read_limited(&path, LISTED_FILE_BYTES_MAX) {
            Ok(bytes) => match EverListed::decode(&bytes) {
                Some(listed) => view = view.with_listed(&trust_domain, listed),
                None => return Err(TrustFileError::Listed { path }),
            },
            // As before there were any.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(TrustFileError::Read { path, source }),
        }
    }
    Ok(view)
}

/// Puts what the lists of `trust` have ever had beside them, where it is not there yet.
///
/// After the list itself: a crash between them leaves a list that says more than what is remembered, which is learnt from
/// it at the next start. The other way round the start would find a list that leaves out what is remembered.
/// Errors: the system's, with the file.
pub fn keep_listed(files: &TrustFiles, trust: &TrustView) -> Result<(), (PathBuf, io::Error)> {
    for crl in trust.crls() {
        let Some(listed) = trust.listed(&crl.trust_domain) else { continue };
        let (path, bytes) = (files.listed_path(&crl.trust_domain), listed.encode());
        if !read_limited(&path, LISTED_FILE_BYTES_MAX).is_ok_and(|there| there == bytes) {
            put::put(&path, &bytes).map_err(|source| (path, source))?;
        }
    }
    Ok(())
}

/// The view with the lists of the folder: of each agency the newest first, since it says what the others said. What an earlier
/// one leaves out, or says otherwise, has been settled by the ones after it.
fn load_crls(
    files: &TrustFiles,
    mut view: TrustView,
    in_force: Option<&TrustView>,
    now_ms: i64,
) -> Result<(TrustView, Vec<RefusedCrl>), TrustFileError> {
    let mut refused_crls = Vec::new();
    let mut refuse = |refused: RefusedCrl, is_needed: bool| {
        if in_force.is_none() && is_needed {
            return Err(TrustFileError::from(refused));
        }
        refused_crls.push(refused);
        Ok(())
    };
    let read = |path: &Path| read_limited(path, CRL_BYTES_MAX as u64).map_err(RefusedCrlCause::from);
    let mut ranked = Vec::new();
    for path in files.crl_paths()? {
        let offered = read(&path);
        // The usual case, and no reason to look at a large list again.
        if offered.as_ref().is_ok_and(|der| view.crls().any(|held| held.der()[..] == der[..])) {
            continue;
        }
        match offered.and_then(|der| Ok(view.rank_of_filed(&der)?)) {
            Ok((trust_domain, rank)) => ranked.push((trust_domain, rank, path)),
            Err(source) => refuse(RefusedCrl { path, source }, true)?,
        }
    }
    ranked.sort_by(|(one, rank, _), (other, other_rank, _)| one.cmp(other).then(other_rank.cmp(rank)));
    for (trust_domain, rank, path) in ranked {
        match read(&path).and_then(|der| Ok(view.with_filed_crl(&der, now_ms)?)) {
            Ok((next, _)) => view = next,
            // An earlier list that still lies there; the later one counts.
            Err(RefusedCrlCause::Crl(CrlError::Behind { .. } | CrlError::Retired { .. })) => {
                tracing::debug!(path = %path.display(), "an earlier CRL is left out");
            }
            Err(source) => {
                let is_earlier = view.rank_held(&trust_domain).is_some_and(|held| rank < held);
                refuse(RefusedCrl { path, source }, !is_earlier)?;
            }
        }
    }
    Ok((view, refused_crls))
}

fn read_certificates(path: &Path) -> Result<v1::ServerCertificate, TrustFileError> {
    let refused = |source| TrustFileError::CertificateFile { path: path.to_owned(), source };
    let bytes = read(path, CERTIFICATE_FILE_BYTES_MAX)?;
    let certificates: v1::ServerCertificate =
        canonical::decode(&bytes).map_err(|error| refused(Some(error)))?;
    if certificates.format == FORMAT { Ok(certificates) } else { Err(refused(None)) }
}

fn read_key(
    path: &Path,
    which: Which,
    certified: &[u8],
) -> Result<PrivatePkcs8KeyDer<'static>, TrustFileError> {
    if everybody_may_read(path).map_err(|source| TrustFileError::Read { path: path.to_owned(), source })? {
        return Err(TrustFileError::KeyExposed { path: path.to_owned() });
    }
    let key = PrivatePkcs8KeyDer::from(read(path, KEY_FILE_BYTES_MAX)?);
    let pair = EcdsaKeyPair::from_pkcs8(
        &ECDSA_P256_SHA256_ASN1_SIGNING,
        key.secret_pkcs8_der(),
        &SystemRandom::new(),
    );
    match pair {
        Ok(pair) if pair.public_key().as_ref() == certified => Ok(key),
        Ok(_) | Err(_) => Err(TrustFileError::Key { path: path.to_owned(), which }),
    }
}

#[cfg(unix)]
fn everybody_may_read(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    Ok(fs::metadata(path)?.permissions().mode() & 0o004 != 0)
}

#[cfg(not(unix))]
fn everybody_may_read(_path: &Path) -> io::Result<bool> {
    Ok(false)
}

fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>, TrustFileError> {
    read_limited(path, bytes_max).map_err(|source| TrustFileError::Read { path: path.to_owned(), source })
}

fn read_limited(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    if fs::metadata(path)?.len() > bytes_max {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    fs::read(path)
}
