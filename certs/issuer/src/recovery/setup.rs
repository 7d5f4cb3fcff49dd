//! Setting up an agency's recovery: the key is made, split, and gone; what stays is public.

use crate::{
    ca::{
        agency::AgencyCa,
        files::{io, read_limited, write_private},
    },
    error::IssuerError,
    recovery::{
        error::RecoveryError,
        share::{self, ShareFile, Splitting},
        splitting::{self, NEEDED_MIN},
        state::State,
    },
};
use alcove_charter::{Charter, P256Point};
use alcove_programs::{
    files::{create_private_folder, is_draft, sync_folder},
    passphrase::Passphrase,
};
use alcove_proto::{
    limits::{RECOVERY_OFFICERS_MAX, RECOVERY_SHARE_BYTES_MAX},
    v1,
};
use alcove_sealing::hpke::SealingKey;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// How a recovery key is to be split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecoveryOrder {
    /// How many officers get a share; at most [`RECOVERY_OFFICERS_MAX`].
    pub officers: u32,
    /// How many of the shares open the key; at least 2.
    pub needed: u32,
    /// Whether a key that a charter names is replaced.
    pub replace: bool,
}

/// A recovery key just made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveryMade {
    /// The public half: what the next charter must name.
    pub recovery_key: P256Point,
    /// The share files, in order of their numbers.
    pub shares: Vec<PathBuf>,
}

impl RecoveryOrder {
    /// Errors: [`RecoveryError::Numbers`].
    pub fn check(&self) -> Result<(), RecoveryError> {
        let Self { officers, needed, replace: _ } = *self;
        if NEEDED_MIN <= needed && needed <= officers && officers <= RECOVERY_OFFICERS_MAX {
            Ok(())
        } else {
            Err(RecoveryError::Numbers { needed, officers })
        }
    }
}

impl AgencyCa {
    /// Makes a recovery key, splits it, and writes one share file for each passphrase into `folder`.
    ///
    /// The private half is never written, and wiped before this returns. The public half goes into `recovery.pub` and
    /// `agency.pub`; devices seal to it once a charter names it. Killed at any point, this is done again from the beginning:
    /// a key that no charter names is taken back first, and its shares in `folder` are removed.
    /// `folder`: new, empty, or holding only such shares. `passphrases`: one for each officer.
    /// Errors: [`IssuerError`]; [`RecoveryError::Published`] unless `order.replace`.
    pub fn init_recovery(
        &mut self,
        order: RecoveryOrder,
        folder: &Path,
        passphrases: &[Passphrase],
    ) -> Result<RecoveryMade, IssuerError> {
        order.check()?;
        if passphrases.len() != order.officers as usize {
            let (given, wanted) = (passphrases.len(), order.officers as usize);
            return Err(RecoveryError::Passphrases { given, wanted }.into());
        }
        passphrases.iter().try_for_each(Passphrase::check_for_new)?;
        // From the disk: a charter may have been signed since the folder was opened.
        self.recovery = self.read_recovery()?;
        self.check_recovery_replaceable(order.replace)?;
        create_private_folder(folder)?;
        let old = self.removable_shares(folder)?;
        // First nothing points at the old shares any more, then they go: a key whose shares are gone never gets into a charter.
        if self.recovery.withdraw_unpublished() {
            self.write_recovery()?;
        }
        for path in old {
            fs::remove_file(&path).map_err(io("remove", &path))?;
        }
        sync_folder(folder)?;

        let key = SealingKey::generate()?;
        let split = splitting::split(key.scalar(), order.needed, order.officers)?;
        let recovery_key = *key.public();
        drop(key);
        let splitting = Splitting {
            trust_domain: self.home.owner.profile.trust_domain.clone(),
            recovery_key,
            officers: order.officers,
            commitments: split.commitments,
        };
        let mut shares = Vec::with_capacity(passphrases.len());
        for ((number, value), passphrase) in (1..).zip(&split.values).zip(passphrases) {
            let path = folder.join(format!("share-{number}"));
            write_private(&path, &share::seal(&splitting, number, value, passphrase.as_bytes())?)?;
            shares.push(path);
        }
        // Last, when every share is on disk.
        self.recovery.push(v1::RecoveryKey {
            recovery_key: recovery_key.as_bytes().to_vec(),
            needed: order.needed,
            officers: order.officers,
            published: false,
        });
        self.write_recovery()?;
        Ok(RecoveryMade { recovery_key, shares })
    }

    /// Whether a recovery key may be made now: asked before anybody types a passphrase.
    ///
    /// Errors: [`IssuerError`]; [`RecoveryError::Published`].
    pub fn check_recovery_replaceable(&self, replace: bool) -> Result<(), IssuerError> {
        if self.read_recovery()?.is_published() && !replace {
            return Err(RecoveryError::Published.into());
        }
        Ok(())
    }

    /// Marks the newest recovery key as published if `charter` names it, on disk before this returns.
    pub(crate) fn mark_recovery_published(&self, charter: &Charter) -> Result<(), IssuerError> {
        let trust_domain = &self.home.owner.profile.trust_domain;
        let mut recovery = self.recovery.clone();
        if recovery.publish(charter, trust_domain) {
            recovery.write(&self.home.folder, trust_domain, &self.home.owner.charter_key)?;
        }
        Ok(())
    }

    fn read_recovery(&self) -> Result<State, IssuerError> {
        State::read(&self.home.folder, &self.home.owner.profile.trust_domain, &self.home.owner.charter_key)
    }

    fn write_recovery(&mut self) -> Result<(), IssuerError> {
        let trust_domain = &self.home.owner.profile.trust_domain;
        self.recovery.write(&self.home.folder, trust_domain, &self.home.owner.charter_key)?;
        self.settle_agency_file()
    }

    /// What an earlier, unpublished try has left in the folder for shares. Anything else is in the way.
    fn removable_shares(&self, folder: &Path) -> Result<Vec<PathBuf>, IssuerError> {
        let mut removable = Vec::new();
        for entry in fs::read_dir(folder).map_err(io("read", folder))? {
            let path = entry.map_err(io("read", folder))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if is_draft(&name) || (name.starts_with("share-") && self.is_useless_share(&path)) {
                removable.push(path);
            } else {
                return Err(RecoveryError::SharesFolder { folder: folder.to_owned(), file: path }.into());
            }
        }
        Ok(removable)
    }

    /// Whether a file is a share of this agency's of a key that nothing can have been sealed to.
    fn is_useless_share(&self, path: &Path) -> bool {
        let share =
            read_limited(path, RECOVERY_SHARE_BYTES_MAX).ok().and_then(|bytes| ShareFile::parse(&bytes).ok());
        share.is_some_and(|share| {
            share.splitting.trust_domain == self.home.owner.profile.trust_domain
                && !self.recovery.has_published(&share.splitting.recovery_key)
        })
    }
}
