//! Judging one commit, from bytes to what the store is to write.

use super::{
    currency::{self, Leaning},
    refused::Refused,
};
use alcove_charter::TrustView;
use alcove_mls::{Added, CommitError, CommitSummary, GroupInfoError, Observer, ParsedCommit, ReturnInfo};
use alcove_proto::{
    ids::{Digest, Epoch, GroupId, Head, Position},
    limits::{COMMIT_CLOCK_SKEW_MS_MAX, LINK_DIGESTS_MAX},
    names::Identity,
};
use bytes::Bytes;
use mls_rs::{MlsMessage, MlsMessageDescription};

/// Epochs between two checkpoints: as many commits are replayed after a restart at most.
const EPOCHS_BETWEEN_CHECKPOINTS: u64 = 32;

/// A commit that is offered for the epoch in force.
#[derive(Debug, Clone)]
pub struct CommitOffer {
    /// The group.
    pub group: GroupId,
    /// The epoch it was made in.
    pub epoch: Epoch,
    /// The body of its log entry.
    pub commit: Bytes,
    /// MLSMessage(Welcome) without the tree; empty when nobody joins.
    pub welcome: Bytes,
    /// Who joins by it, with the reference of the key package that was used.
    pub joiners: Vec<(Identity, Digest)>,
    /// The last position its author had processed.
    pub seen: Position,
    /// MLSMessage(GroupInfo) of the epoch it opens; empty when it brings none.
    pub group_info: Bytes,
}

/// An offered commit, with what the server knows beside it.
pub(crate) struct Offer<'a> {
    pub(crate) caller: &'a Identity,
    pub(crate) commit: &'a CommitOffer,
    /// The head the log had at the position that the call says its author had seen.
    pub(crate) seen_head: Head,
    /// The newest position of the log.
    pub(crate) newest: Position,
    pub(crate) now_ms: i64,
}

/// A commit that may be ordered.
pub(crate) struct Judged {
    /// The group as it is after the commit.
    pub(crate) next: Observer,
    pub(crate) summary: CommitSummary,
    /// Leaf, device, and whether it joins now; nothing when nobody comes, goes or moves.
    pub(crate) members: Option<Vec<(u32, Identity, bool)>>,
    /// There when somebody joins.
    pub(crate) tree: Option<Vec<u8>>,
    /// There when it is time to keep one.
    pub(crate) snapshot: Option<Vec<u8>>,
}

/// Judges a commit against the group as it is. Takes milliseconds to tens of them: never on a reactor.
///
/// Errors: [`Refused`].
/// Source: PROTOCOL.md section 8, "Commits", 1 to 5.
pub(crate) fn judge(observer: &Observer, offer: &Offer<'_>, trust: &TrustView) -> Result<Judged, Refused> {
    let commit = ParsedCommit::parse(&offer.commit.commit)?;
    if commit.group() != offer.commit.group || commit.epoch() != offer.commit.epoch {
        return Err(Refused::OtherGroup);
    }
    check_context(&commit, offer, trust)?;
    let moment = commit.moment(trust)?;
    let (next, summary) = observer.check_parsed(commit, trust, offer.now_ms)?;
    currency::check(
        &Leaning { before: observer, after: &next, summary: &summary },
        &moment,
        trust,
        offer.now_ms,
    )?;
    if summary.author.identity != *offer.caller {
        return Err(Refused::NotByCaller);
    }
    check_welcome(offer.commit, &summary.added)?;
    check_group_info(&offer.commit.group_info, &next, summary.author.leaf)?;
    let moved = !summary.added.is_empty() || !summary.removed.is_empty() || summary.author.external;
    let members = if moved { Some(members_after(&next, &summary.added)?) } else { None };
    let tree = if summary.added.is_empty() { None } else { Some(next.export_tree()?) };
    let keep = next.epoch().0 % EPOCHS_BETWEEN_CHECKPOINTS == 0;
    let snapshot = if keep { Some(next.snapshot()?) } else { None };
    Ok(Judged { next, summary, members, tree, snapshot })
}

fn check_context(commit: &ParsedCommit, offer: &Offer<'_>, trust: &TrustView) -> Result<(), Refused> {
    let context = commit.context();
    let skew_ms = context.time_ms().saturating_sub(offer.now_ms);
    if skew_ms.saturating_abs() > COMMIT_CLOCK_SKEW_MS_MAX {
        return Err(Refused::ClockSkew(skew_ms));
    }
    // A commit that names more than the server holds is told from one that names less.
    if commit.moment(trust)?.charter_version() != trust.charter().version {
        return Err(Refused::TrustStale);
    }
    let seen = context.seen();
    if (seen.position, seen.head) != (offer.commit.seen, offer.seen_head) || seen.position > offer.newest {
        return Err(Refused::SeenMismatch);
    }
    // The commit itself will stand one after the newest.
    let behind = offer.newest.next().0 - seen.position.0;
    if behind > LINK_DIGESTS_MAX as u64 {
        return Err(Refused::HeadTooOld(behind));
    }
    Ok(())
}

/// Whoever is added can join, by a welcome made for its key package, and nobody else is promised anything.
fn check_welcome(offer: &CommitOffer, added: &[Added]) -> Result<(), Refused> {
    let mut expected: Vec<(&Identity, &[u8])> =
        added.iter().map(|added| (&added.identity, added.key_package_ref.as_slice())).collect();
    let mut promised: Vec<(&Identity, &[u8])> = offer
        .joiners
        .iter()
        .map(|(identity, reference)| (identity, reference.as_bytes().as_slice()))
        .collect();
    expected.sort_unstable();
    promised.sort_unstable();
    if expected != promised {
        return Err(Refused::WelcomeMismatch);
    }
    if added.is_empty() {
        return if offer.welcome.is_empty() { Ok(()) } else { Err(Refused::WelcomeMismatch) };
    }
    let message =
        MlsMessage::from_bytes(&offer.welcome).map_err(|error| CommitError::Mls(Box::new(error)))?;
    let MlsMessageDescription::Welcome { key_package_refs, .. } = message.description() else {
        return Err(Refused::WelcomeMismatch);
    };
    let mut opened: Vec<&[u8]> = key_package_refs.into_iter().map(|reference| &**reference).collect();
    let mut needed: Vec<&[u8]> = expected.iter().map(|(_, reference)| *reference).collect();
    opened.sort_unstable();
    needed.sort_unstable();
    if opened == needed { Ok(()) } else { Err(Refused::WelcomeMismatch) }
}

/// Whoever comes back by it enters this very epoch, under the author's signature.
fn check_group_info(group_info: &[u8], next: &Observer, author: u32) -> Result<(), Refused> {
    if group_info.is_empty() {
        return Ok(());
    }
    let info = ReturnInfo::parse(group_info)?;
    info.check(next)?;
    if info.signer() == author { Ok(()) } else { Err(GroupInfoError::Signature.into()) }
}

fn members_after(next: &Observer, added: &[Added]) -> Result<Vec<(u32, Identity, bool)>, Refused> {
    let joins_now = |identity: &Identity| added.iter().any(|added| added.identity == *identity);
    let members = next.members()?.into_iter();
    Ok(members.map(|member| (member.leaf, member.identity.clone(), joins_now(&member.identity))).collect())
}
