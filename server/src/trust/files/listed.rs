//! What an agency's lists have ever had: kept beside the list, so that no later one leaves anything out.

use super::{
    error::TrustFileError,
    paths::{TrustFiles, read_limited},
};
use alcove_charter::{EVER_LISTED_BYTES_MAX, EverListed, TrustView};
use alcove_programs::files::{Access, FileError, put};
use alcove_proto::names::TrustDomain;
use std::{collections::BTreeSet, io};

/// Bytes of a file of what was ever listed.
const LISTED_FILE_BYTES_MAX: u64 = EVER_LISTED_BYTES_MAX as u64;

/// What the lists have ever had, as [`keep_listed`] wrote it; a file that does not parse is refused like a list.
pub(super) fn load_listed(files: &TrustFiles, mut view: TrustView) -> Result<TrustView, TrustFileError> {
    let agencies: BTreeSet<TrustDomain> = {
        let entries = view.charters().charters().flat_map(|charter| &charter.agencies);
        entries.map(|agency| agency.trust_domain.clone()).collect()
    };
    for trust_domain in agencies {
        let path = files.listed_path(&trust_domain);
        match read_limited(&path, LISTED_FILE_BYTES_MAX) {
            Ok(bytes) => match EverListed::decode(&bytes) {
                Some(listed) => view = view.with_listed(&trust_domain, listed),
                None => return Err(TrustFileError::Listed(path)),
            },
            // As before there were any.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(TrustFileError::Read(path, source)),
        }
    }
    Ok(view)
}

/// Puts what the lists of `trust` have ever had beside them, where it is not there yet.
///
/// After the list itself: a crash between them leaves a list that says more than what is remembered, which is learnt from
/// it at the next start. The other way round the start would find a list that leaves out what is remembered.
/// Errors: the system's, with the file.
pub(crate) fn keep_listed(files: &TrustFiles, trust: &TrustView) -> Result<(), FileError> {
    for crl in trust.crls() {
        let Some(listed) = trust.listed(&crl.trust_domain) else { continue };
        let (path, bytes) = (files.listed_path(&crl.trust_domain), listed.encode());
        if !read_limited(&path, LISTED_FILE_BYTES_MAX).is_ok_and(|there| there == bytes) {
            put(&path, &bytes, Access::Everyone)?;
        }
    }
    Ok(())
}
