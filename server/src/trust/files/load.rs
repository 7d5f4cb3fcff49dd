//! Reads all files and checks them against each other before anything is put in force.

use super::{
    denials::{self, RefusedDenial},
    error::{RefusedCrl, RefusedCrlCause, TrustFileError, Which},
    listed::load_listed,
    paths::{Stamp, TrustFiles, read, read_limited},
    shown::{Shown, check_certificates, read_key},
};
use alcove_charter::{CHARTER_FILE_BYTES_MAX, CharterFile, CrlError, ListFault, TrustView};
use alcove_proto::limits::CRL_BYTES_MAX;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

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

fn load_charter(path: &Path, in_force: Option<&TrustView>, now_ms: i64) -> Result<TrustView, TrustFileError> {
    let refused = |source| TrustFileError::Charter(path.to_owned(), source);
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
            Err(RefusedCrlCause::Crl(CrlError::Of {
                fault: ListFault::Behind { .. } | ListFault::Retired,
                ..
            })) => {
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
