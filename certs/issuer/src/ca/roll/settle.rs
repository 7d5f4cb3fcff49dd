//! The certificates of a CA's keys in its folder, put right after a step that was killed.

use crate::{
    ca::{
        error::FolderError,
        files::read_limited,
        folder::{CA_CERTIFICATE, Folder, NEXT_CA_CERTIFICATE, OLD_CA_CERTIFICATE},
        keys::SigningKey,
        secrets::{CaKeys, OtherKey},
    },
    error::IssuerError,
};
use alcove_charter::{Ca, P256Point};
use alcove_proto::limits::CERTIFICATE_BYTES_MAX;
use rustls_pki_types::CertificateDer;

/// The certificate of the key that signs, and of the other one while the CA rolls over.
pub(crate) type Certificates = (CertificateDer<'static>, Option<CertificateDer<'static>>);

/// Finds the certificate of each key, and puts right what a killed step left of the files.
pub(crate) fn settle(folder: &Folder, keys: &CaKeys) -> Result<Certificates, IssuerError> {
    let mut held = Vec::new();
    for name in [CA_CERTIFICATE, NEXT_CA_CERTIFICATE, OLD_CA_CERTIFICATE] {
        let path = folder.file(name);
        if path.exists() {
            held.push((name, read_limited(&path, CERTIFICATE_BYTES_MAX)?));
        }
    }
    let find = |key: &P256Point| {
        let of_key = |der: &[u8]| Ca::parse(der).is_ok_and(|ca| ca.public_key() == key);
        held.iter().find(|(_, der)| of_key(der)).map(|(_, der)| CertificateDer::from(der.clone()))
    };
    let ca = match find(keys.signing.public()) {
        Some(ca) => ca,
        None => read_ca(folder, &keys.signing)?,
    };
    let other = |key: &SigningKey, name: &str| {
        find(key.public()).ok_or_else(|| IssuerError::Folder(FolderError::Mismatch(folder.file(name))))
    };
    let (next, old) = match &keys.roll.other {
        OtherKey::Absent => (None, None),
        OtherKey::Next(key) => (Some(other(key, NEXT_CA_CERTIFICATE)?), None),
        OtherKey::Old(key) => (None, Some(other(key, OLD_CA_CERTIFICATE)?)),
    };
    // First what must be there, then what must not: at every moment each certificate stands somewhere.
    let wanted = [
        (OLD_CA_CERTIFICATE, old.as_ref()),
        (CA_CERTIFICATE, Some(&ca)),
        (NEXT_CA_CERTIFICATE, next.as_ref()),
    ];
    for (name, der) in &wanted {
        let as_held = held.iter().find(|(held, _)| held == name).map(|(_, der)| der.as_slice());
        if let Some(der) = der
            && as_held != Some(der.as_ref())
        {
            folder.write(name, der)?;
        }
    }
    for (name, der) in &wanted {
        if der.is_none() {
            folder.remove(name)?;
        }
    }
    Ok((ca, next.or(old)))
}

/// Reads the folder's CA certificate and checks that it is the key's.
pub(crate) fn read_ca(folder: &Folder, ca_key: &SigningKey) -> Result<CertificateDer<'static>, IssuerError> {
    let path = folder.file(CA_CERTIFICATE);
    let der = read_limited(&path, CERTIFICATE_BYTES_MAX)?;
    match Ca::parse(&der) {
        Ok(ca) if ca.public_key() == ca_key.public() => Ok(der.into()),
        Ok(_) | Err(_) => Err(FolderError::Mismatch(path).into()),
    }
}
