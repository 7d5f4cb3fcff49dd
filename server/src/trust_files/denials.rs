//! Denials as files: which devices are shut out until their agency's CRL follows.

use super::{DENIAL_FILES_MAX, TrustFileError, TrustFiles, read_limited};
use alcove_charter::{DenialError, TrustView};
use alcove_proto::{
    ids::Digest,
    limits::{DENIAL_BYTES_MAX, LIFTED_DENIALS_MAX},
    names::Identity,
    v1,
};
use prost::Message;
use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

/// A denial file that was left out.
#[derive(Debug, thiserror::Error)]
#[error("the denial {} is refused", path.display())]
pub struct RefusedDenial {
    /// The file, or the folder where there are too many.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub source: RefusedDenialCause,
}

/// Why a denial file was left out.
#[derive(Debug, thiserror::Error)]
pub enum RefusedDenialCause {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] io::Error),
    /// It is not believed.
    #[error(transparent)]
    Denial(#[from] DenialError),
    /// The folder holds more files than there could be denials; the later ones are not looked at.
    #[error("there are more than {DENIAL_FILES_MAX} denials")]
    TooMany,
}

/// Adds the denials among the files to `view`, which has none.
///
/// A denial that is in force holds for as long as its file is there: a file that was damaged lets nobody in again.
pub(super) fn load(
    files: &TrustFiles,
    mut view: TrustView,
    in_force: Option<&TrustView>,
) -> Result<(TrustView, Vec<RefusedDenial>), TrustFileError> {
    let mut refused = Vec::new();
    let (paths, too_many) = files.paths_with("denial", DENIAL_FILES_MAX)?;
    if too_many {
        refused.push(RefusedDenial { path: files.crl_dir.clone(), source: RefusedDenialCause::TooMany });
    }
    for path in paths {
        let offered = read_limited(&path, DENIAL_BYTES_MAX as u64).map_err(RefusedDenialCause::from);
        match offered.and_then(|signed| Ok(view.with_denial(&signed)?)) {
            Ok((next, _)) => view = next,
            Err(source) => {
                let held = in_force.into_iter().flat_map(TrustView::denials);
                let held = held.filter(|denial| files.denial_path(&denial.identity) == path);
                for denial in held {
                    if let Ok((next, _)) = view.with_denial(denial.signed()) {
                        view = next;
                    }
                }
                refused.push(RefusedDenial { path, source });
            }
        }
    }
    Ok((view, refused))
}

impl TrustFiles {
    /// The files that deny a device, whatever their names.
    ///
    /// Errors: the folder's; a file that cannot be read names nobody.
    pub fn denials_of(&self, identity: &Identity) -> Result<Vec<PathBuf>, TrustFileError> {
        let own = self.denial_path(identity);
        let (paths, _) = self.paths_with("denial", DENIAL_FILES_MAX)?;
        Ok(paths.into_iter().filter(|path| *path == own || names(path, identity)).collect())
    }

    /// Where the denials that were lifted are remembered: their digests, oldest first, one after the other.
    pub fn lifted_path(&self) -> PathBuf {
        self.crl_dir.join("lifted-denials")
    }

    /// The denials that were lifted, by digest.
    ///
    /// Errors: the file's; one that was cut off is refused rather than read as if less had been lifted.
    pub fn lifted_denials(&self) -> Result<BTreeSet<Digest>, TrustFileError> {
        Ok(self.lifted_in_order()?.into_iter().collect())
    }

    /// What is to stand in that file when one more is lifted.
    ///
    /// Errors: as [`Self::lifted_denials`].
    pub fn remember_lifted(&self, digest: Digest) -> Result<Vec<u8>, TrustFileError> {
        let mut lifted = self.lifted_in_order()?;
        lifted.retain(|held| *held != digest);
        lifted.push(digest);
        let over = lifted.len().saturating_sub(LIFTED_DENIALS_MAX);
        Ok(lifted.split_off(over).iter().flat_map(|digest| digest.to_vec()).collect())
    }

    fn lifted_in_order(&self) -> Result<Vec<Digest>, TrustFileError> {
        let path = self.lifted_path();
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(TrustFileError::Read { path, source }),
        };
        match bytes.as_chunks::<32>() {
            (digests, []) => Ok(digests.iter().map(|digest| Digest(*digest)).collect()),
            _ => Err(TrustFileError::Read { path, source: io::ErrorKind::InvalidData.into() }),
        }
    }
}

fn names(path: &Path, identity: &Identity) -> bool {
    let denial = read_limited(path, DENIAL_BYTES_MAX as u64).ok().and_then(|bytes| {
        let signed = v1::SignedDenial::decode(bytes.as_slice()).ok()?;
        v1::Denial::decode(signed.denial.as_slice()).ok()
    });
    denial.is_some_and(|denial| denial.identity == identity.to_string())
}
