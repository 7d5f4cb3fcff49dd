//! Denials as files: which devices are shut out until their agency's CRL follows.
//!
//! The desk names each file by its device, and so it is known whose it is before it is read: an agency has as many as it
//! may have in force, and takes no place of another's. A denial whose officer's certificate is revoked has ended for ever
//! ([`TrustView::taken_denial`]); its file goes, or whoever is officer for a day would have it read for ever.

use super::{
    error::TrustFileError,
    paths::{TrustFiles, read_limited},
    put,
};
use alcove_charter::{Denial, DenialError, SignedBodyError, TrustError, TrustView};
use alcove_programs::files::FileError;
use alcove_proto::{
    ids::Digest,
    limits::{DENIAL_BYTES_MAX, DENIALS_PER_AGENCY_MAX, LIFTED_DENIALS_MAX},
    names::{Identity, TrustDomain},
    v1,
};
use prost::Message;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// A denial file that was left out.
#[derive(Debug, thiserror::Error)]
#[error("the denial {} is refused", path.display())]
pub struct RefusedDenial {
    /// The file.
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
    /// It denies another device than its name says.
    #[error("it denies another device than its name says")]
    OtherDevice,
    /// Its name is no device's: the next start gives it its own.
    #[error("its name is no device's, and it is read under no other: start the server anew, which names it")]
    Name,
    /// The device's agency has as many others as it may have.
    #[error("its agency has {DENIALS_PER_AGENCY_MAX} denials beside it")]
    TooMany,
}

/// What the files of denials say.
pub(super) struct Loaded {
    /// The view with them.
    pub(super) view: TrustView,
    /// Files that were left out.
    pub(super) refused: Vec<RefusedDenial>,
    /// Files of denials that have ended.
    pub(super) ended: Vec<PathBuf>,
}

/// The files of a folder that deny somebody.
#[derive(Default)]
struct DenialFiles {
    named: BTreeMap<Identity, PathBuf>,
    /// Those whose names are no devices', in order.
    unnamed: Vec<PathBuf>,
}

/// Adds the denials among the files to `view`, which has none.
///
/// A denial that is in force holds for as long as its file is there: a file that was damaged lets nobody in again.
pub(super) fn load(
    files: &TrustFiles,
    view: &TrustView,
    in_force: Option<&TrustView>,
) -> Result<Loaded, TrustFileError> {
    let DenialFiles { named, unnamed } = files.denial_files()?;
    let unnamed = unnamed.into_iter().map(|path| RefusedDenial { path, source: RefusedDenialCause::Name });
    let (mut refused, mut ended) = (unnamed.collect::<Vec<_>>(), Vec::new());
    let known = |identity: &Identity| in_force.and_then(|view| view.denial(identity));
    // Those that are in force first: what was put beside them by hand takes the place of none.
    let (held, others): (Vec<_>, Vec<_>) =
        named.into_iter().partition(|(identity, _)| known(identity).is_some());
    let (mut taken, mut of_agency) = (Vec::new(), BTreeMap::<TrustDomain, usize>::new());
    for (identity, path) in held.into_iter().chain(others) {
        let known = known(&identity);
        let count = of_agency.entry(identity.person.trust_domain.clone()).or_default();
        if *count >= DENIALS_PER_AGENCY_MAX {
            refused.push(RefusedDenial { path, source: RefusedDenialCause::TooMany });
            continue;
        }
        let denial = match read(view, &identity, &path, known) {
            Ok(denial) => Some(denial),
            Err(source) => {
                let held = known.and_then(|held| view.taken_denial(held.signed(), Some(held)).ok());
                match source {
                    RefusedDenialCause::Denial(DenialError::Body(SignedBodyError::Certificate(
                        TrustError::Revoked { .. },
                    ))) if held.is_none() => {
                        ended.push(path);
                    }
                    source => refused.push(RefusedDenial { path, source }),
                }
                held
            }
        };
        *count += usize::from(denial.is_some());
        taken.extend(denial);
    }
    Ok(Loaded { view: view.with_taken_denials(taken), refused, ended })
}

fn read(
    view: &TrustView,
    identity: &Identity,
    path: &Path,
    known: Option<&Arc<Denial>>,
) -> Result<Arc<Denial>, RefusedDenialCause> {
    let signed = read_limited(path, DENIAL_BYTES_MAX as u64)?;
    let denial = view.taken_denial(&signed, known)?;
    if denial.identity == *identity { Ok(denial) } else { Err(RefusedDenialCause::OtherDevice) }
}

impl TrustFiles {
    /// The files that deny a device, whatever their names.
    ///
    /// Errors: the folder's; a file that cannot be read names nobody.
    pub fn denials_of(&self, identity: &Identity) -> Result<Vec<PathBuf>, TrustFileError> {
        let DenialFiles { mut named, unnamed } = self.denial_files()?;
        let unnamed = unnamed.into_iter().filter(|path| named_in(path).as_ref() == Some(identity));
        Ok(named.remove(identity).into_iter().chain(unnamed).collect())
    }

    /// Whether the device's file is this denial, whole.
    pub fn holds_denial(&self, denial: &Denial) -> bool {
        let there = read_limited(&self.denial_path(&denial.identity), DENIAL_BYTES_MAX as u64);
        there.is_ok_and(|there| there[..] == denial.signed()[..])
    }

    /// Whether the agency has room for a file that denies `identity`: as many others as may be in force leave none.
    ///
    /// Errors: the folder's.
    pub fn has_room_for_denial_of(&self, identity: &Identity) -> Result<bool, TrustFileError> {
        let named = self.denial_files()?.named;
        let is_other = |other: &&Identity| {
            other.person.trust_domain == identity.person.trust_domain && *other != identity
        };
        Ok(named.keys().filter(is_other).count() < DENIALS_PER_AGENCY_MAX)
    }

    /// Gives each file that denies somebody, and was put there by hand under a name of its own, the name under which it is
    /// read. Earlier programs read it under any.
    ///
    /// Errors: the system's, with the file. Killed in between, the next start goes on.
    pub fn name_denials(&self) -> Result<(), TrustFileError> {
        for path in self.denial_files()?.unnamed {
            let Some(identity) = named_in(&path) else { continue };
            let own = self.denial_path(&identity);
            if !own.exists() {
                put::rename(&path, &own)
                    .map_err(|FileError { source, .. }| TrustFileError::Unnamed(path, source))?;
            }
        }
        Ok(())
    }

    fn denial_files(&self) -> Result<DenialFiles, TrustFileError> {
        let mut files = DenialFiles::default();
        for path in self.denial_paths()? {
            match self.named_by(&path) {
                Some(identity) => {
                    files.named.insert(identity, path);
                }
                None => files.unnamed.push(path),
            }
        }
        Ok(files)
    }

    /// Whose denial a file is by its name: the way back from [`Self::denial_path`].
    fn named_by(&self, path: &Path) -> Option<Identity> {
        // From the end: a trust domain may hold the sign that stands between.
        let mut parts = path.file_stem()?.to_str()?.rsplitn(3, '-');
        let (device, handle, trust_domain) = (parts.next()?, parts.next()?, parts.next()?);
        let name = format!("spiffe://{trust_domain}/staff/{handle}/device/{device}");
        name.parse().ok().filter(|identity| self.denial_path(identity) == path)
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
            Err(source) => return Err(TrustFileError::Read(path, source)),
        };
        match bytes.as_chunks::<32>() {
            (digests, []) => Ok(digests.iter().map(|digest| Digest(*digest)).collect()),
            _ => Err(TrustFileError::Read(path, io::ErrorKind::InvalidData.into())),
        }
    }
}

/// Whom the denial in a file says that it denies, in whatever encoding: only the canonical one is believed, but what was
/// lifted must leave no file of any other behind.
fn named_in(path: &Path) -> Option<Identity> {
    let bytes = read_limited(path, DENIAL_BYTES_MAX as u64).ok()?;
    let signed = v1::SignedDenial::decode(&bytes[..]).ok()?;
    v1::Denial::decode(&signed.denial[..]).ok()?.identity.parse().ok()
}
