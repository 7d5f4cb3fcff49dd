//! Attempts at recovery at the desk: announced, listed, taken back, and what is handed out by them.
//!
//! The server is not believed: an attempt counts as this agency's when its charter key signed the order, and an objection
//! as the device's whose MLS key signed it. PROTOCOL.md section 18, step 9.

use crate::{
    ca::{agency::AgencyCa, keys},
    desk::{calls::bad, error::AttemptError, orders::Orders},
    error::IssuerError,
    recovery::error::RecoveryError,
};
use alcove_charter::{EscrowBundle, EscrowEntry, EscrowedGrant, OrderedAttempt, TrustView};
use alcove_proto::{
    ids::{AttemptId, Digest},
    limits::{ESCROW_BUNDLE_BYTES_MAX, ESCROW_ENTRIES_MAX, RECOVERY_ATTEMPTS_MAX},
    names::Identity,
    v1::{self, AttemptState, order::Act},
};
use std::collections::BTreeSet;

/// Pages of one escrow: as many as a bundle has bytes for, and some that are nearly empty.
const ESCROW_PAGES_MAX: usize = 1024;

/// An attempt as the desk shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Its id.
    pub id: AttemptId,
    /// The device it is for.
    pub identity: Identity,
    /// The words of that device's request.
    pub words: String,
    /// The server's clock, milliseconds since 1970.
    pub announced_at_ms: i64,
    /// From when on something is handed out.
    pub open_from_ms: i64,
    /// How far it has come, as the server says.
    pub state: AttemptState,
    /// Since when.
    pub since_ms: i64,
    /// Who objected, with [`AttemptState::Objected`]; nothing when no device of this agency signed that.
    pub objected_by: Option<Identity>,
}

/// Attempts in this agency.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attempts {
    /// Ordered by this agency's charter key; newest first.
    pub ours: Vec<Attempt>,
    /// How many more the desk showed whose orders that key did not sign.
    pub forged: usize,
}

/// Escrow on its way to the officers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedEscrow {
    /// What is well formed.
    pub bundle: EscrowBundle,
    /// How many entries and grants are not, and were left out.
    pub left_out: usize,
}

impl Orders<'_> {
    /// Announces an attempt for a device of this agency. `words`: of its request. Returns its id.
    ///
    /// Errors: [`IssuerError`]; [`RecoveryError::OtherAgencysDevice`].
    pub async fn open_recovery(&self, identity: &Identity, words: &str) -> Result<AttemptId, IssuerError> {
        if identity.person.trust_domain != self.ca.profile().trust_domain {
            return Err(RecoveryError::OtherAgencysDevice(identity.clone()).into());
        }
        let id = AttemptId(keys::random()?);
        let act = Act::OpenRecovery(v1::OpenRecovery {
            attempt_id: id.to_vec(),
            identity: identity.to_string(),
            request_words: words.to_owned(),
        });
        self.order(act).await?;
        Ok(id)
    }

    /// Takes an attempt back; one that is over stays what it is.
    pub async fn withdraw_recovery(&self, id: &AttemptId) -> Result<(), IssuerError> {
        let act = Act::WithdrawRecovery(v1::WithdrawRecovery { attempt_id: id.to_vec() });
        self.order(act).await.map(drop)
    }

    /// The attempts in this agency.
    pub async fn attempts(&self, trust: &TrustView) -> Result<Attempts, IssuerError> {
        let answer = self.order(Act::ListAttempts(v1::ListAttempts {})).await?;
        let list = answer.attempts.ok_or(bad("the list is missing"))?.attempts;
        if list.len() > RECOVERY_ATTEMPTS_MAX {
            return Err(bad("more attempts than can be"));
        }
        let count = list.len();
        let ours: Vec<_> = list.iter().filter_map(|shown| read_attempt(shown, self.ca, trust)).collect();
        let forged = count - ours.len();
        Ok(Attempts { ours, forged })
    }

    /// Everything that an open attempt is for, sealed to the recovery key of that hash.
    ///
    /// Errors: [`IssuerError`]; [`DeskError::Refused`](crate::DeskError::Refused) before its time and after an objection;
    /// [`AttemptError::NothingSealed`].
    pub async fn read_escrow(
        &self,
        id: &AttemptId,
        recovery_key_hash: &Digest,
    ) -> Result<FetchedEscrow, IssuerError> {
        let trust_domain = self.ca.profile().trust_domain.clone();
        let mut fetched = FetchedEscrow {
            bundle: EscrowBundle {
                trust_domain,
                entries: Vec::new(),
                grants: Vec::new(),
                certificates: Vec::new(),
            },
            left_out: 0,
        };
        let mut bytes_left = ESCROW_BUNDLE_BYTES_MAX;
        let mut seen = BTreeSet::new();
        let mut cursor = Vec::new();
        for _page in 0..ESCROW_PAGES_MAX {
            let act = Act::ReadEscrow(v1::ReadEscrow {
                attempt_id: id.to_vec(),
                recovery_key_hash: recovery_key_hash.to_vec(),
                cursor: cursor.clone(),
            });
            let page = self.order(act).await?.escrow.ok_or(bad("the escrow is missing"))?;
            bytes_left = bytes_left
                .checked_sub(prost::Message::encoded_len(&page))
                .ok_or(bad("more escrow than one file holds"))?;
            fetched.take(&page);
            if fetched.bundle.entries.len() + fetched.bundle.grants.len() > ESCROW_ENTRIES_MAX {
                return Err(bad("more escrow than one file holds"));
            }
            if page.next_cursor.is_empty() {
                return fetched.whole();
            }
            // Pages that lead back never end.
            if !seen.insert(page.next_cursor.clone()) {
                return Err(bad("a page that leads back"));
            }
            cursor = page.next_cursor;
        }
        Err(bad("more pages than can be"))
    }
}

impl FetchedEscrow {
    /// Takes in what is well formed: one bad entry would spoil the file.
    fn take(&mut self, page: &v1::EscrowPage) {
        for entry in &page.entries {
            match EscrowEntry::parse(entry) {
                Ok(entry) => self.bundle.entries.push(entry),
                Err(_) => self.left_out += 1,
            }
        }
        for grant in &page.grants {
            match EscrowedGrant::parse(grant) {
                Ok(grant) => self.bundle.grants.push(grant),
                Err(_) => self.left_out += 1,
            }
        }
        self.bundle.certificates.extend(page.certificates.iter().cloned());
    }

    fn whole(self) -> Result<Self, IssuerError> {
        if self.bundle.entries.is_empty() && self.bundle.grants.is_empty() {
            return Err(AttemptError::NothingSealed.into());
        }
        // Read back, as whoever opens it will.
        EscrowBundle::parse(&self.bundle.encode()).map_err(RecoveryError::from)?;
        Ok(self)
    }
}

/// An attempt that this agency has ordered; anything else is none.
fn read_attempt(shown: &v1::RecoveryAttempt, ca: &AgencyCa, trust: &TrustView) -> Option<Attempt> {
    let ordered = OrderedAttempt::believe(shown, &ca.profile().trust_domain, trust)?;
    Some(Attempt {
        id: ordered.id,
        identity: ordered.identity,
        words: ordered.words,
        announced_at_ms: shown.announced_at_ms,
        open_from_ms: shown.open_from_ms,
        state: shown.state(),
        since_ms: shown.since_ms,
        objected_by: ordered.objected_by,
    })
}
