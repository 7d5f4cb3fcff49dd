//! What the server keeps: groups and their logs, welcomes, key packages, cards, access entries, blobs,
//! what waits at the desk, published ledgers, escrow and attempts at recovery, and the audit trail.
//!
//! [`Store`] is a list of atomic verbs in the server's own words. A mutating verb returns only when
//! what it did is on disk, and everything it did, its audit entry included, is there or nothing is.
//! A reader never sees what is not yet durable: a reader that had seen more than the disk holds would
//! take the server for a liar after a power cut, since the log is a hash chain.
//!
//! Never names anything of service or transport, and nothing of an engine crosses the trait: no tree,
//! no transaction, no error of sled. It knows who calls but judges no right except the ones that must
//! be judged in the same instant as the write: whoever appends, commits, opens access or uploads is a
//! member at that moment.
//!
//! Start with [`groups`] for the log, then [`Store`], then [`sled`] for how the promise is kept.

pub mod access;
pub mod audit;
pub mod blobs;
pub mod directory;
pub mod enrolment;
pub mod error;
pub mod escrow;
pub mod groups;
pub mod ledger;
pub mod operation;
pub mod recoveries;
pub mod sled;
pub mod trust;
pub mod welcomes;

pub use error::StoreError;

use access::{AccessEntry, NewAccess, OpenAccessOutcome};
use alcove_proto::{
    ids::{AccessId, AttemptId, BlobId, Digest, Epoch, GroupId, Head, Position, WelcomeId},
    names::{Identity, Person, TrustDomain},
    v1::LogEntry,
};
use audit::{AuditPage, By};
use blobs::{Blob, FinishOutcome, IdleUpload, NewUpload, Upload};
use bytes::Bytes;
use directory::{CardPage, ClaimedKeyPackage, KeyPackageCount, NewKeyPackages, Published};
use enrolment::{
    DeskEvent, DeskEventKind, HandInOutcome, NewInvitation, NewRenewal, NewRequest, OpenInvitation,
    OpenInvitationOutcome, RenewalOutcome, RequestPage, RequestState,
};
use escrow::{EscrowPage, EscrowQuery, NewEscrow, PutEscrowOutcome, Recoverable, SealingPage};
use groups::{
    AppendOutcome, Checkpoint, CommitOutcome, CreateOutcome, GroupHead, LogPage, LogQuery, Member,
    Membership, NewCommit, NewGroup, NewRecord,
};
use ledger::{LedgerEnd, LedgerOutcome, NewLedgerEntries};
use operation::{CheckReport, Health, Hint};
use recoveries::{Attempt, NewAttempt, OpenAttemptOutcome, RecoveredAccess};
use std::future::Future;
use tokio::sync::broadcast;
use trust::TrustInForce;
use welcomes::WelcomePage;

/// The result of a verb.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// Everything the server keeps, as atomic verbs.
///
/// Any verb may fail with [`StoreError::Busy`], [`StoreError::Stopped`] or [`StoreError::Damaged`], and
/// any that writes with [`StoreError::StorageFull`]; then nothing was written. Other errors are named
/// with the verb. Dropping a mutating verb's future does not call the act back: it may still be done,
/// which is why every one of them can be repeated.
///
/// Source: ARCHITECTURE, "The store"; PROTOCOL.md, "The log".
pub trait Store: Send + Sync + 'static {
    // Groups and their logs.

    /// Creates a group at epoch 0 with the caller as its only member.
    ///
    /// Repeated by the same caller with the same digest it answers [`CreateOutcome::Replayed`].
    fn create_group(&self, group: NewGroup, by: By) -> impl Future<Output = Result<CreateOutcome>> + Send;

    /// The epoch in force, and the newest durable position and head. Nothing for an unknown group.
    fn group_head(&self, group: GroupId) -> impl Future<Output = Result<Option<GroupHead>>> + Send;

    /// The head after `position`; nothing for an unknown group or a position it has not reached.
    fn head_at(
        &self,
        group: GroupId,
        position: Position,
    ) -> impl Future<Output = Result<Option<Head>>> + Send;

    /// Appends one sealed record under the epoch in force, and makes the blobs it names readable by it.
    ///
    /// Errors: [`StoreError::NotFound`] unknown group, or a blob that is no finished one of the caller's in it,
    /// [`StoreError::NotMember`] the caller has no leaf, [`StoreError::TooMany`] blobs,
    /// [`StoreError::TooLarge`] over [`alcove_proto::limits::RECORD_BYTES_MAX`].
    fn append_record(&self, record: NewRecord, by: By) -> impl Future<Output = Result<AppendOutcome>> + Send;

    /// Takes a commit if its epoch is still the one in force: log entry, members, welcomes, tree and
    /// checkpoint in one act.
    ///
    /// Errors: as for [`Store::append_record`]; [`StoreError::TooLarge`] names the limit that broke.
    fn commit(&self, commit: NewCommit, by: By) -> impl Future<Output = Result<CommitOutcome>> + Send;

    /// One page of a log, in order. An unknown group has an empty page at position 0.
    fn read_log(&self, query: LogQuery) -> impl Future<Output = Result<LogPage>> + Send;

    /// The commits made in epoch `from` and later, in order, as many as fit `bytes_max` (one at least).
    fn read_commits(
        &self,
        group: GroupId,
        from: Epoch,
        bytes_max: usize,
    ) -> impl Future<Output = Result<Vec<LogEntry>>> + Send;

    /// Entry digests of `first..=last`, both durable.
    ///
    /// Errors: [`StoreError::NotFound`] when the log does not reach that far; [`StoreError::TooMany`]
    /// over [`alcove_proto::limits::LINK_DIGESTS_MAX`].
    fn entry_digests(
        &self,
        group: GroupId,
        first: Position,
        last: Position,
    ) -> impl Future<Output = Result<Vec<Digest>>> + Send;

    /// The members of a group by leaf. Empty for an unknown group.
    fn members(&self, group: GroupId) -> impl Future<Output = Result<Vec<Member>>> + Send;

    /// Whether `identity` is a member, with its leaf and join position.
    fn member(
        &self,
        group: GroupId,
        identity: Identity,
    ) -> impl Future<Output = Result<Option<Member>>> + Send;

    /// The groups `identity` is a member of, by group id, after `after`, at most `max`.
    fn memberships(
        &self,
        identity: Identity,
        after: Option<GroupId>,
        max: usize,
    ) -> impl Future<Output = Result<Vec<Membership>>> + Send;

    /// The position of the commit that ended the stay of `identity` in which `after` lies: a device that was
    /// removed, also one that has come back since, is led to that commit and no further.
    ///
    /// Nothing when `after` lies in no stay that is over.
    fn end_of_stay(
        &self,
        group: GroupId,
        identity: Identity,
        after: Position,
    ) -> impl Future<Output = Result<Option<Position>>> + Send;

    /// The newest observer state kept; replay [`Store::read_commits`] from its epoch on.
    fn checkpoint(&self, group: GroupId) -> impl Future<Output = Result<Option<Checkpoint>>> + Send;

    /// The epoch in force, and the GroupInfo that was handed in with the commit that opened it, empty when none was; nothing
    /// for an unknown group.
    fn group_info(&self, group: GroupId) -> impl Future<Output = Result<Option<(Epoch, Bytes)>>> + Send;

    // Welcomes.

    /// The welcomes that wait for `identity`, at most `max`.
    fn welcomes(&self, identity: Identity, max: usize) -> impl Future<Output = Result<WelcomePage>> + Send;

    /// At least one byte of the tree of a waiting welcome from `offset`, at most
    /// [`alcove_proto::limits::TREE_CHUNK_BYTES`]; empty at its end, nothing when no such welcome waits.
    fn read_tree(
        &self,
        identity: Identity,
        welcome: WelcomeId,
        offset: u64,
    ) -> impl Future<Output = Result<Option<Bytes>>> + Send;

    /// Deletes one of the caller's welcomes; with the last one of a commit the tree goes too.
    /// Answers whether it was there.
    fn acknowledge_welcome(&self, welcome: WelcomeId, by: By) -> impl Future<Output = Result<bool>> + Send;

    // Key packages and cards.

    /// Stores key packages of the caller. One that is here already, or was handed out before, is not
    /// stored again.
    ///
    /// Errors: [`StoreError::TooMany`] over
    /// [`alcove_proto::limits::KEY_PACKAGES_PER_DEVICE_MAX`] waiting, [`StoreError::TooLarge`].
    fn publish_key_packages(
        &self,
        packages: NewKeyPackages,
        by: By,
    ) -> impl Future<Output = Result<Published>> + Send;

    /// Takes one key package for each of `identities` that has any, in the order asked. A one-time
    /// package is handed out at most once, whatever happens to the answer.
    ///
    /// Errors: [`StoreError::TooMany`] over [`alcove_proto::limits::CLAIM_IDENTITIES_MAX`].
    fn claim_key_packages(
        &self,
        identities: Vec<Identity>,
        by: By,
    ) -> impl Future<Output = Result<Vec<ClaimedKeyPackage>>> + Send;

    /// How many one-time packages wait.
    fn count_key_packages(&self, identity: Identity) -> impl Future<Output = Result<KeyPackageCount>> + Send;

    /// Stores the caller's sealed card in place of an earlier one. Errors: [`StoreError::TooLarge`].
    fn publish_card(&self, sealed_card: Bytes, by: By) -> impl Future<Output = Result<()>> + Send;

    /// Cards of one agency's devices, or of all, by identity name, after `after`, at most `max`.
    fn cards(
        &self,
        trust_domain: Option<TrustDomain>,
        after: Option<Identity>,
        max: usize,
    ) -> impl Future<Output = Result<CardPage>> + Send;

    // Access entries.

    /// Opens log positions to a grantee. Both the caller and the grantee are members.
    ///
    /// Errors: [`StoreError::NotFound`], [`StoreError::NotMember`], [`StoreError::TooMany`] ranges or
    /// open entries of the group.
    fn open_access(
        &self,
        access: NewAccess,
        by: By,
    ) -> impl Future<Output = Result<OpenAccessOutcome>> + Send;

    /// Ends an access entry; who may is the caller's to judge. Answers whether it was open.
    fn end_access(
        &self,
        group: GroupId,
        access: AccessId,
        by: By,
    ) -> impl Future<Output = Result<bool>> + Send;

    /// One open access entry.
    fn access_entry(
        &self,
        group: GroupId,
        access: AccessId,
    ) -> impl Future<Output = Result<Option<AccessEntry>>> + Send;

    /// The access entries open to `grantee` in a group. Their end in time is the caller's to judge.
    fn access_of(
        &self,
        group: GroupId,
        grantee: Identity,
    ) -> impl Future<Output = Result<Vec<AccessEntry>>> + Send;

    // Blobs.

    /// Begins an upload or finds how far it came. `quota_bytes_max` bounds what the caller may have
    /// here, this upload included.
    ///
    /// Errors: [`StoreError::NotFound`] group, [`StoreError::NotMember`], [`StoreError::IdReused`] the id
    /// is taken by another shape, group or uploader, [`StoreError::BlobShape`],
    /// [`StoreError::QuotaExceeded`], [`StoreError::TooMany`] uploads that no record names.
    fn open_upload(
        &self,
        upload: NewUpload,
        quota_bytes_max: u64,
        by: By,
    ) -> impl Future<Output = Result<Upload>> + Send;

    /// Stores one sealed chunk; the same bytes again change nothing. Many at a time. A chunk whose future is
    /// dropped is stored all the same or leaves nothing.
    ///
    /// Errors: [`StoreError::NotFound`] no such upload of the caller, [`StoreError::NotMember`],
    /// [`StoreError::BlobShape`] an index or length that does not fit it, [`StoreError::IdReused`] the index
    /// has other bytes, [`StoreError::StorageFull`].
    fn put_chunk(
        &self,
        blob: BlobId,
        index: u32,
        chunk: Bytes,
        by: By,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Closes an upload whose chunks are all here. `digest`: SHA-256 over the SHA-256 of every chunk.
    ///
    /// Errors: [`StoreError::NotFound`] no such upload of the caller, [`StoreError::NotMember`].
    fn finish_upload(
        &self,
        blob: BlobId,
        digest: Digest,
        by: By,
    ) -> impl Future<Output = Result<FinishOutcome>> + Send;

    /// A blob or an upload.
    fn blob(&self, blob: BlobId) -> impl Future<Output = Result<Option<Blob>>> + Send;

    /// One chunk of a finished blob; nothing when there is no such chunk.
    fn read_chunk(&self, blob: BlobId, index: u32) -> impl Future<Output = Result<Option<Bytes>>> + Send;

    /// Deletes a blob or an upload of the caller; its chunks' space comes back soon after.
    /// Answers whether it was there.
    fn delete_blob(&self, blob: BlobId, by: By) -> impl Future<Output = Result<bool>> + Send;

    /// Uploads that are not closed, in the order of uploader and id, after `after`, at most `max`.
    fn uploads(
        &self,
        after: Option<IdleUpload>,
        max: usize,
    ) -> impl Future<Output = Result<Vec<IdleUpload>>> + Send;

    /// Deletes an upload that is not closed and has got no chunk since `idle_since_ms`. `by`: its uploader, and
    /// the server's time. Answers whether it was so.
    fn expire_upload(
        &self,
        upload: IdleUpload,
        idle_since_ms: i64,
        by: By,
    ) -> impl Future<Output = Result<bool>> + Send;

    /// Bytes of sealed chunks `identity` has here or has announced.
    fn blob_usage(&self, identity: Identity) -> impl Future<Output = Result<u64>> + Send;

    // Enrolment. `By::identity` is the device that an act is about.

    /// Opens an invitation for the device, in place of an earlier one that nobody has used, that has ended, or that
    /// has been answered; a request that still waits on one that has ended is refused with it.
    ///
    /// Errors: [`StoreError::TooMany`] open ones of the agency, over
    /// [`alcove_proto::limits::INVITATIONS_PER_AGENCY_MAX`].
    fn open_invitation(
        &self,
        invitation: NewInvitation,
        by: By,
    ) -> impl Future<Output = Result<OpenInvitationOutcome>> + Send;

    /// Takes the device's invitation back; a request that waits on it is refused with it. Answers whether there
    /// was one.
    fn withdraw_invitation(&self, by: By) -> impl Future<Output = Result<bool>> + Send;

    /// Takes one request on the device's invitation, in place of what was answered before. Whatever comes of it, the
    /// agency's events tell it by then.
    ///
    /// Errors: [`StoreError::TooLarge`].
    fn hand_in_request(
        &self,
        request: NewRequest,
        by: By,
    ) -> impl Future<Output = Result<HandInOutcome>> + Send;

    /// Takes a renewal in place of an earlier one of the device, answered or not, unless that holds the same request.
    ///
    /// Errors: [`StoreError::TooLarge`].
    fn hand_in_renewal(
        &self,
        renewal: NewRenewal,
        by: By,
    ) -> impl Future<Output = Result<RenewalOutcome>> + Send;

    /// Answers the device's waiting request of that hash; the same answer again changes nothing.
    ///
    /// Errors: [`StoreError::NotFound`] when another request or none waits, [`StoreError::TooLarge`].
    fn answer_request(
        &self,
        request_hash: Digest,
        sealed_answer: Bytes,
        by: By,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Refuses the device's waiting request of that hash; again changes nothing.
    ///
    /// Errors: [`StoreError::NotFound`] when another request or none waits.
    fn refuse_request(&self, request_hash: Digest, by: By) -> impl Future<Output = Result<()>> + Send;

    /// What has become of the device's request of that hash; nothing when it is not here. The first look at an answer
    /// is an event. An answer stays until the device's next request.
    fn collect_answer(
        &self,
        request_hash: Digest,
        by: By,
    ) -> impl Future<Output = Result<Option<RequestState>>> + Send;

    /// The requests that wait for an agency, after those of `after`, at most `max`, which is 2 at least.
    fn waiting_requests(
        &self,
        trust_domain: TrustDomain,
        after: Option<Identity>,
        max: usize,
    ) -> impl Future<Output = Result<RequestPage>> + Send;

    /// The invitations of an agency that are open at `now_ms`, in order of identity name.
    fn open_invitations(
        &self,
        trust_domain: TrustDomain,
        now_ms: i64,
    ) -> impl Future<Output = Result<Vec<OpenInvitation>>> + Send;

    /// Keeps an event about the device for its agency's admin, unless it repeats one of the last minute. Of each
    /// agency the newest [`alcove_proto::limits::DESK_EVENTS_MAX`] are kept,
    /// [`enrolment::STRANGERS_EVENTS_MAX`] of these for what anybody can cause.
    fn put_desk_event(&self, kind: DeskEventKind, by: By) -> impl Future<Output = Result<()>> + Send;

    /// An agency's events after sequence number `after`, at most `max`, oldest first.
    fn desk_events(
        &self,
        trust_domain: TrustDomain,
        after: u64,
        max: usize,
    ) -> impl Future<Output = Result<Vec<DeskEvent>>> + Send;

    // Escrow and recovery.

    /// Stores what the caller has sealed for its agency. What it has sealed before stays as it is; a certificate is kept
    /// once. What is sealed to an earlier key goes once two devices have sealed the epoch to this one.
    ///
    /// Errors: [`StoreError::NotFound`] an unknown group, or a grant that was never opened to the caller,
    /// [`StoreError::NotMember`], [`StoreError::TooMany`], also when the agency has
    /// [`alcove_proto::limits::ESCROW_CERTIFICATES_PER_GROUP_MAX`] certificates there, [`StoreError::TooLarge`].
    fn put_escrow(&self, escrow: NewEscrow, by: By) -> impl Future<Output = Result<PutEscrowOutcome>> + Send;

    /// Those of `certificates` that are not kept beside the escrow of that agency and group.
    fn certificates_missing(
        &self,
        trust_domain: TrustDomain,
        group: GroupId,
        certificates: Vec<Bytes>,
    ) -> impl Future<Output = Result<Vec<Bytes>>> + Send;

    /// How many devices of the agency of `device` have sealed each epoch of a group to a recovery key, from an epoch on,
    /// at most `max`.
    fn sealings(
        &self,
        group: GroupId,
        recovery_key_hash: Digest,
        device: Identity,
        from: Epoch,
        max: usize,
    ) -> impl Future<Output = Result<SealingPage>> + Send;

    /// What escrow to a recovery key may bring back for one person, by group: of the epochs in which a device of theirs
    /// was a member, and of the grants that such a device has sealed.
    fn recoverable(
        &self,
        person: Person,
        recovery_key_hash: Digest,
    ) -> impl Future<Output = Result<Vec<Recoverable>>> + Send;

    /// One page of that escrow.
    fn escrow_page(&self, query: EscrowQuery) -> impl Future<Output = Result<EscrowPage>> + Send;

    /// Announces an attempt at recovery for the device. Of each agency at most
    /// [`alcove_proto::limits::RECOVERY_ATTEMPTS_MAX`] are kept; the oldest that is over makes way.
    ///
    /// Errors: [`StoreError::TooLarge`], [`StoreError::TooMany`] when none of them is over.
    fn open_attempt(
        &self,
        attempt: NewAttempt,
        by: By,
    ) -> impl Future<Output = Result<OpenAttemptOutcome>> + Send;

    /// Takes an attempt back, unless something has been handed out by it or it is over. Answers it as it stands then; nothing when there is none.
    /// `time_ms`: server time; `request`: the id of the call.
    fn withdraw_attempt(
        &self,
        trust_domain: TrustDomain,
        attempt: AttemptId,
        time_ms: i64,
        request: u64,
    ) -> impl Future<Output = Result<Option<Attempt>>> + Send;

    /// Takes the caller's objection to an attempt of its agency, unless something has been handed out by it or it is over.
    /// Answers it as it stands then; nothing when there is none. Errors: [`StoreError::TooLarge`].
    fn object_to_attempt(
        &self,
        attempt: AttemptId,
        signed_objection: Bytes,
        by: By,
    ) -> impl Future<Output = Result<Option<Attempt>>> + Send;

    /// Marks an attempt as handed out, if it is open or was handed out before, and opens log positions to its device.
    /// Answers it as it stands then, changed or not; nothing when there is none.
    fn hand_out(
        &self,
        trust_domain: TrustDomain,
        attempt: AttemptId,
        accesses: Vec<RecoveredAccess>,
        time_ms: i64,
        request: u64,
    ) -> impl Future<Output = Result<Option<Attempt>>> + Send;

    /// One attempt.
    fn attempt(
        &self,
        trust_domain: TrustDomain,
        attempt: AttemptId,
    ) -> impl Future<Output = Result<Option<Attempt>>> + Send;

    /// An agency's attempts, newest first.
    fn attempts(&self, trust_domain: TrustDomain) -> impl Future<Output = Result<Vec<Attempt>>> + Send;

    // Trust.

    /// The newest charter and CRLs that have been in force.
    fn trust_in_force(&self) -> impl Future<Output = Result<TrustInForce>> + Send;

    /// Remembers what is in force now, so that no later start goes back behind it. An agency that is not named
    /// keeps what is remembered of it; the charter never falls.
    fn put_trust_in_force(&self, now: TrustInForce) -> impl Future<Output = Result<()>> + Send;

    // Published ledgers.

    /// Adds entries behind the end of an agency's ledger, or a newer signature under the same end: all of it or, when
    /// they do not lead on from there, nothing. That they follow each other is the caller's to judge.
    ///
    /// Errors: [`StoreError::TooMany`] over [`alcove_proto::limits::LEDGER_ENTRIES_PER_CALL_MAX`],
    /// [`StoreError::TooLarge`].
    fn append_ledger(&self, new: NewLedgerEntries) -> impl Future<Output = Result<LedgerOutcome>> + Send;

    /// Where an agency's ledger ends; nothing when it has published none.
    fn ledger_end(&self, trust_domain: TrustDomain)
    -> impl Future<Output = Result<Option<LedgerEnd>>> + Send;

    /// Entries of an agency's ledger after number `after`, in order, at most `max`, which is 1 at least.
    fn ledger_entries(
        &self,
        trust_domain: TrustDomain,
        after: u64,
        max: usize,
    ) -> impl Future<Output = Result<Vec<Bytes>>> + Send;

    // Operation.

    /// Audit entries after sequence number `after`, at most `max`, oldest first.
    fn audit(&self, after: u64, max: usize) -> impl Future<Output = Result<AuditPage>> + Send;

    /// Hints that something became durable, each after the answer to whoever did it. A hint may be lost: the cursor
    /// read is the truth.
    fn hints(&self) -> broadcast::Receiver<Hint>;

    /// Recomputes every chain, reads every chunk, and compares what is kept twice. Reads all there is: minutes
    /// on a large store.
    fn check(&self) -> impl Future<Output = Result<CheckReport>> + Send;

    /// Whether writes can be taken now, and what is left of the disk.
    fn health(&self) -> impl Future<Output = Result<Health>> + Send;
}
