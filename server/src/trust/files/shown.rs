//! What the server shows of itself: its certificates, and the keys that go with them.

use super::{
    error::{TrustFileError, Which},
    paths::{TrustFiles, read},
};
use alcove_charter::{ServerCertificate, TrustView};
use alcove_proto::{
    canonical,
    limits::{CERTIFICATE_BYTES_MAX, CHAIN_CERTIFICATES_MAX},
    v1,
};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair},
};
use rustls_pki_types::PrivatePkcs8KeyDer;
use std::{fs, io, path::Path};

/// Bytes of a certificate file: two chains and their framing.
const CERTIFICATE_FILE_BYTES_MAX: u64 = (2 * CHAIN_CERTIFICATES_MAX * CERTIFICATE_BYTES_MAX + 1024) as u64;
/// Bytes of a key file; a P-256 key has about 140.
const KEY_FILE_BYTES_MAX: u64 = 4096;
/// The certificate file's format this server reads.
const FORMAT: u32 = 1;

/// The server's certificates, believed.
pub(super) struct Shown {
    pub(super) certificates: v1::ServerCertificate,
    pub(super) tls: ServerCertificate,
    pub(super) receipt: ServerCertificate,
}

/// Whether the server could still show its certificates if `view` were in force at `now_ms`.
///
/// Errors: [`TrustFileError::Certificate`], or why the file cannot be read.
pub(crate) fn would_show(files: &TrustFiles, view: &TrustView, now_ms: i64) -> Result<(), TrustFileError> {
    check_certificates(files, view, now_ms).map(drop)
}

pub(super) fn check_certificates(
    files: &TrustFiles,
    view: &TrustView,
    now_ms: i64,
) -> Result<Shown, TrustFileError> {
    let certificates = read_certificates(&files.certificate)?;
    let of = |which| move |source| TrustFileError::Certificate(which, source);
    let name = &view.charter().server_name;
    let tls = view.verify_server(&certificates.tls_chain, name, now_ms).map_err(of(Which::Tls))?;
    let receipt =
        view.verify_receipt_chain(&certificates.receipt_chain, now_ms).map_err(of(Which::Receipt))?;
    Ok(Shown { certificates, tls, receipt })
}

fn read_certificates(path: &Path) -> Result<v1::ServerCertificate, TrustFileError> {
    let refused = |source| TrustFileError::CertificateFile(path.to_owned(), source);
    let bytes = read(path, CERTIFICATE_FILE_BYTES_MAX)?;
    let certificates: v1::ServerCertificate =
        canonical::decode(&bytes).map_err(|error| refused(Some(error)))?;
    if certificates.format == FORMAT { Ok(certificates) } else { Err(refused(None)) }
}

pub(super) fn read_key(
    path: &Path,
    which: Which,
    certified: &[u8],
) -> Result<PrivatePkcs8KeyDer<'static>, TrustFileError> {
    if everybody_may_read(path).map_err(|source| TrustFileError::Read(path.to_owned(), source))? {
        return Err(TrustFileError::KeyExposed(path.to_owned()));
    }
    let key = PrivatePkcs8KeyDer::from(read(path, KEY_FILE_BYTES_MAX)?);
    let pair = EcdsaKeyPair::from_pkcs8(
        &ECDSA_P256_SHA256_ASN1_SIGNING,
        key.secret_pkcs8_der(),
        &SystemRandom::new(),
    );
    match pair {
        Ok(pair) if pair.public_key().as_ref() == certified => Ok(key),
        Ok(_) | Err(_) => Err(TrustFileError::Key(path.to_owned(), which)),
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
