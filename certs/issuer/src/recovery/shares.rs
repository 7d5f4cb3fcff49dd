//! Judging shares, each by itself and all together, and putting enough of them together.

use crate::{
    ca::{error::FolderError, files::read_limited},
    error::IssuerError,
    recovery::{
        error::{RecoveryError, ShareFault},
        share::{Locked, ShareFile, Splitting},
        splitting::{self, ScalarBytes},
    },
};
use alcove_charter::P256Point;
use alcove_programs::passphrase::{Passphrase, TRIES_MAX};
use alcove_proto::{
    limits::{RECOVERY_OFFICERS_MAX, RECOVERY_SHARE_BYTES_MAX},
    names::TrustDomain,
};
use alcove_sealing::hpke::SealingKey;
use std::path::{Path, PathBuf};

/// Whose recovery key the shares should be of, as a charter states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The agency.
    pub trust_domain: TrustDomain,
    /// Its recovery key.
    pub recovery_key: P256Point,
}

/// One file and what is to be said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedShare {
    /// The file.
    pub path: PathBuf,
    /// The share's number, where it could be read.
    pub number: Option<u32>,
    /// Good, or why not.
    pub verdict: Result<(), ShareFault>,
}

/// Shares that were checked, with the values of the good ones. Wiped when dropped.
pub struct Shares {
    checked: Vec<CheckedShare>,
    splitting: Option<Splitting>,
    good: Vec<(u32, ScalarBytes)>,
}

/// The private half of a recovery key, put together for as long as this lives. Wiped when dropped.
pub struct CombinedKey {
    pub(super) trust_domain: TrustDomain,
    pub(super) key: SealingKey,
}

/// Checks every share by itself, without putting them together.
///
/// `expected`: the recovery key of a charter; without one the splitting that most of the files belong to counts, the first
/// of them where two have as many. `passphrase(index, path, attempt)`: asked for each file that is not refused before, and
/// again after a wrong one, [`TRIES_MAX`] times or until it gives none; both numbers count from 0. A file
/// that cannot be read at all is an error, one that is refused stands among [`Shares::checked`].
/// Errors: [`IssuerError`]. Source: PROTOCOL.md, "Recovery".
pub fn check_shares(
    files: &[PathBuf],
    expected: Option<&Expected>,
    mut passphrase: impl FnMut(usize, &Path, u32) -> Result<Option<Passphrase>, IssuerError>,
) -> Result<Shares, IssuerError> {
    if files.len() > RECOVERY_OFFICERS_MAX as usize {
        return Err(RecoveryError::TooManyShares { given: files.len() }.into());
    }
    let parsed = files.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
    let splitting = reference(&parsed, expected);
    // The whole size at once, so that no copy of a value is left behind by growing.
    let good = Vec::with_capacity(files.len());
    let mut shares = Shares { checked: Vec::new(), splitting, good };
    for (index, (path, parsed)) in files.iter().zip(parsed).enumerate() {
        let number = parsed.as_ref().ok().map(|share| share.number);
        let verdict = match parsed.and_then(|share| shares.belongs(share, expected)) {
            Err(fault) => Err(fault),
            Ok(share) => open(&share, |attempt| passphrase(index, path, attempt))?
                .map(|value| shares.good.push((share.number, value))),
        };
        shares.checked.push(CheckedShare { path: path.clone(), number, verdict });
    }
    Ok(shares)
}

/// Opens a share with the passphrases its officer tries.
fn open(
    share: &ShareFile,
    mut passphrase: impl FnMut(u32) -> Result<Option<Passphrase>, IssuerError>,
) -> Result<Result<ScalarBytes, ShareFault>, IssuerError> {
    for attempt in 0..TRIES_MAX {
        let Some(tried) = passphrase(attempt)? else { break };
        match share.open(&tried) {
            Ok(value) => return Ok(Ok(value)),
            Err(Locked::Fault(ShareFault::WrongPassphrase)) => {}
            Err(Locked::Fault(fault)) => return Ok(Err(fault)),
            Err(Locked::Failed(error)) => return Err(error),
        }
    }
    Ok(Err(ShareFault::WrongPassphrase))
}

/// Reads a file; too large a one is no share.
fn read(path: &Path) -> Result<Result<ShareFile, ShareFault>, IssuerError> {
    match read_limited(path, RECOVERY_SHARE_BYTES_MAX) {
        Ok(bytes) => Ok(ShareFile::parse(&bytes)),
        Err(IssuerError::Folder(FolderError::TooLarge { .. })) => Ok(Err(ShareFault::Damaged)),
        Err(error) => Err(error),
    }
}

/// The splitting that the others are measured by.
fn reference(parsed: &[Result<ShareFile, ShareFault>], expected: Option<&Expected>) -> Option<Splitting> {
    let candidates: Vec<&Splitting> = parsed
        .iter()
        .filter_map(|share| share.as_ref().ok())
        .map(|share| &share.splitting)
        .filter(|splitting| expected.is_none_or(|expected| expected.states(splitting)))
        .collect();
    let votes = |splitting: &Splitting| candidates.iter().filter(|other| **other == splitting).count();
    // The last of the greatest is taken, so the first file must come last.
    candidates.iter().rev().max_by_key(|splitting| votes(splitting)).map(|splitting| (*splitting).clone())
}

impl Expected {
    fn states(&self, splitting: &Splitting) -> bool {
        splitting.trust_domain == self.trust_domain && splitting.recovery_key == self.recovery_key
    }
}

impl Shares {
    /// Every file, in the order they were given.
    pub fn checked(&self) -> &[CheckedShare] {
        &self.checked
    }

    /// The agency the shares are of; nothing when no file is a share.
    pub fn trust_domain(&self) -> Option<&TrustDomain> {
        self.splitting.as_ref().map(|splitting| &splitting.trust_domain)
    }

    /// The recovery key the shares are of.
    pub fn recovery_key(&self) -> Option<&P256Point> {
        self.splitting.as_ref().map(|splitting| &splitting.recovery_key)
    }

    /// How many good ones there are, how many it takes, and how many were made.
    pub fn count(&self) -> (usize, usize, u32) {
        let (needed, officers) =
            self.splitting.as_ref().map_or((0, 0), |splitting| (splitting.needed(), splitting.officers));
        (self.good.len(), needed, officers)
    }

    /// Whether every file is a good share.
    ///
    /// Errors: [`RecoveryError::Refused`] with those that are not.
    pub fn all_good(&self) -> Result<(), RecoveryError> {
        let refused: Vec<(PathBuf, ShareFault)> = self
            .checked
            .iter()
            .filter_map(|share| Some((share.path.clone(), share.verdict.clone().err()?)))
            .collect();
        if refused.is_empty() { Ok(()) } else { Err(RecoveryError::Refused { refused }) }
    }

    /// Puts the shares together. Nothing is written anywhere.
    ///
    /// Errors: [`RecoveryError::Refused`] when any file is not good, [`RecoveryError::TooFew`],
    /// [`RecoveryError::NotTheKey`].
    pub fn combine(self) -> Result<CombinedKey, RecoveryError> {
        self.all_good()?;
        let (good, needed, _) = self.count();
        let Some(splitting) = &self.splitting else { return Err(RecoveryError::TooFew { good, needed }) };
        if good < needed {
            return Err(RecoveryError::TooFew { good, needed });
        }
        let scalar = splitting::combine(&self.good[..needed]).ok_or(RecoveryError::NotTheKey)?;
        if !splitting::is_private_half(&scalar, &splitting.recovery_key) {
            return Err(RecoveryError::NotTheKey);
        }
        let key = SealingKey::from_parts(&*scalar, splitting.recovery_key.as_bytes());
        let trust_domain = splitting.trust_domain.clone();
        Ok(CombinedKey { trust_domain, key: key.ok_or(RecoveryError::NotTheKey)? })
    }

    /// Whether a share is of the splitting, and the first good one of its number.
    fn belongs(&self, share: ShareFile, expected: Option<&Expected>) -> Result<ShareFile, ShareFault> {
        let ours = self.splitting.as_ref();
        let agency =
            expected.map(|expected| &expected.trust_domain).or(ours.map(|splitting| &splitting.trust_domain));
        if agency.is_some_and(|agency| *agency != share.splitting.trust_domain) {
            return Err(ShareFault::OtherAgency(share.splitting.trust_domain));
        }
        if ours != Some(&share.splitting) {
            return Err(ShareFault::OtherSplitting);
        }
        let number = share.number;
        let first =
            self.checked.iter().find(|earlier| earlier.number == Some(number) && earlier.verdict.is_ok());
        match first {
            Some(first) => Err(ShareFault::Repeated { number, first: first.path.clone() }),
            None => Ok(share),
        }
    }
}

impl CombinedKey {
    /// The agency whose recovery key this is.
    pub fn trust_domain(&self) -> &TrustDomain {
        &self.trust_domain
    }

    /// The public half.
    pub fn recovery_key(&self) -> &P256Point {
        self.key.public()
    }
}
