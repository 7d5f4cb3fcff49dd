//! Attempts at recovery as the server shows them: who ordered one and who objected to it, believed by signatures alone.
//! PROTOCOL.md, "Recovery", step 9.

use crate::{
    objection::VerifiedObjection,
    order::verify_order,
    trust::{Judge, TrustView},
    words::spelled_words,
};
use alcove_proto::{
    canonical,
    ids::AttemptId,
    names::{Identity, TrustDomain},
    v1::{self, order::Act},
};

/// The format of an order that is read.
const ORDER_FORMAT: u32 = 1;

/// An attempt that its agency has ordered. When it was announced and what has become of it is the server's word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderedAttempt {
    /// Its id.
    pub id: AttemptId,
    /// The device that is to read again, of that agency.
    pub identity: Identity,
    /// The words of that device's request, as the list of BIP-39 spells them.
    pub words: String,
    /// Who has objected, where the server says that somebody has; nothing unless a device of that agency has signed it.
    pub objected_by: Option<Identity>,
}

impl OrderedAttempt {
    /// Believes what the server shows as an attempt of an agency, if that agency's charter key signed the order.
    ///
    /// The key of any version of the charter counts: one that has been replaced since signed what was announced before.
    /// Nothing for anything else: nobody of that agency has ordered it.
    pub fn believe(
        shown: &v1::RecoveryAttempt,
        trust_domain: &TrustDomain,
        trust: &TrustView,
    ) -> Option<Self> {
        let mut entries = trust.charters().charters().filter_map(|charter| charter.agency(trust_domain));
        let signed =
            entries.any(|agency| verify_order(&agency.charter_key, &shown.order, &shown.signature).is_ok());
        let order: v1::Order = canonical::decode(&shown.order).ok().filter(|_| signed)?;
        let Some(Act::OpenRecovery(open)) = order.act else { return None };
        let identity: Identity = open.identity.parse().ok()?;
        let is_theirs = order.format == ORDER_FORMAT
            && order.trust_domain == trust_domain.as_str()
            && identity.person.trust_domain == *trust_domain;
        if !is_theirs {
            return None;
        }
        let id = AttemptId::try_from(open.attempt_id.as_slice()).ok()?;
        let objection = VerifiedObjection::verify(&shown.signed_objection, trust, Judge::Never).ok();
        let objected_by = objection
            .filter(|_| shown.state() == v1::AttemptState::Objected)
            .map(|verified| verified.objection)
            .filter(|said| said.attempt == id && said.identity.person.trust_domain == *trust_domain)
            .map(|said| said.identity);
        // Spelled anew before it reaches a terminal.
        Some(Self { id, identity, words: spelled_words(&open.request_words)?, objected_by })
    }
}
