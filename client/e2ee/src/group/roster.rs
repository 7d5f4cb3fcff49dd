//! Who is in the group: what people are shown, and whose signatures are checked against what.

use super::{Group, GroupError};
use crate::records::Author;
use alcove_charter::{Judge, P256Point, TrustError, TrustView, leaf_point, sha256};
use alcove_mls::{JudgeError, Role, SealedCard, chain_of, device_of};
use alcove_proto::{ids::Digest, names::Identity};
use mls_rs::group::Member as MlsMember;

/// A leaf of the group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Which leaf.
    pub leaf: u32,
    /// The device at it.
    pub identity: Identity,
    /// What its person may do.
    pub role: Role,
    /// Its certificate chain, DER, leaf first.
    pub chain: Vec<Vec<u8>>,
    /// SHA-256 of its certificate.
    pub certificate_hash: Digest,
    /// The key it signs with.
    pub public_key: P256Point,
    /// Its directory card, under seal.
    pub card: Option<SealedCard>,
}

/// Whether a member's certificate holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It holds.
    Holds,
    /// It has expired or been revoked, or its agency has left: to be shown, and removed next.
    Lapsed(TrustError),
}

impl Member {
    /// As the author of records of this epoch.
    pub fn as_author(&self) -> Author {
        Author::in_roster(self.identity.clone(), self.leaf, self.certificate_hash, self.public_key)
    }

    /// Whether its certificate holds at `now_ms` (milliseconds since 1970), by everything `trust` knows.
    pub fn standing(&self, trust: &TrustView, now_ms: i64) -> Standing {
        match trust.verify_device_mls(&self.chain, Judge::At(&trust.moment(now_ms))) {
            Ok(_) => Standing::Holds,
            Err(error) => Standing::Lapsed(error),
        }
    }
}

impl Group {
    /// Every member, in order of leaf. Ask each for its [`Member::standing`].
    ///
    /// Errors: [`GroupError::Leaf`], never in a group that was joined or made here.
    pub fn roster(&self) -> Result<Vec<Member>, GroupError> {
        self.inner.roster().members_iter().map(|member| self.describe(&member)).collect()
    }

    /// The member at `leaf`.
    ///
    /// Errors: [`GroupError::NoSuchLeaf`].
    pub fn member(&self, leaf: u32) -> Result<Member, GroupError> {
        let member = self.inner.member_at_index(leaf).ok_or(GroupError::NoSuchLeaf { leaf })?;
        self.describe(&member)
    }

    /// The member with that name.
    ///
    /// Errors: none; a device that is not here is nothing.
    pub fn member_named(&self, identity: &Identity) -> Option<Member> {
        let member = self.inner.member_with_identity(identity.to_string().as_bytes()).ok()?;
        self.describe(&member).ok()
    }

    fn describe(&self, member: &MlsMember) -> Result<Member, GroupError> {
        let signing = member.signing_identity();
        let chain = chain_of(signing)?;
        let leaf = chain.leaf().ok_or(JudgeError::NoCertificate)?;
        let identity = device_of(signing)?;
        Ok(Member {
            leaf: member.index(),
            role: self.policy.role_of(&identity.person),
            identity,
            certificate_hash: Digest(sha256(&[leaf])),
            public_key: leaf_point(leaf).map_err(JudgeError::Trust)?,
            chain: chain.iter().map(|certificate| certificate.to_vec()).collect(),
            card: member.extensions().get_as::<SealedCard>().ok().flatten(),
        })
    }
}
