//! Why a session could not do what was asked: facts, for the caller to put in words.

use super::view::{AlarmKind, FollowFault, RefusalCause};
use crate::{transport::ServerError, vault::VaultError};
use alcove_e2ee::group::GroupError;
use alcove_proto::{
    ids::{GroupId, RecordId},
    names::{Identity, Person},
};
use std::{io, path::PathBuf};

/// Every failure of a session.
#[derive(Debug, thiserror::Error)]
#[error("{self:?}")]
pub enum Error {
    /// The vault has no certificate yet: `enrol` comes first.
    NotEnrolled,
    /// The vault: missing, locked, damaged, busy, full.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The server: unreachable, refusing, or not the one of the charter.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// Our certificate is not in force by this machine's clock or the newest CRL.
    Certificate(CertificateTrouble),
    /// This machine's clock is too far from the server's: what it signs would be refused.
    ClockWrong {
        /// This machine's clock less the server's.
        difference_ms: i64,
    },
    /// No such case here, or it is not for this device.
    NoSuchCase,
    /// No such note or document here, or it is not for this device.
    NoSuchRecord,
    /// Nobody of that name is known, or a member of the case.
    NoSuchPerson,
    /// None of the person's devices can be added: no key package waits for any of them.
    NoKeyPackage(Person),
    /// Devices of which the group cannot take in what they have left to be added by. Everybody else was added.
    KeyPackagesUnfit {
        /// Which.
        devices: Vec<Identity>,
    },
    /// The agency's revocation list is past its time: nobody of it is added before a newer one is here.
    ListOverdue {
        /// The agency's name.
        agency: String,
        /// The list that is held.
        number: u64,
        /// When its agency promised the next one, milliseconds since 1970.
        next_update_ms: i64,
    },
    /// Access that is handed over would have ended before it began.
    AccessOver,
    /// The person is a member with all their devices already.
    AlreadyMember(Person),
    /// The case's policy does not allow it to this person.
    NotAllowed,
    /// The last owner cannot be removed.
    LastOwner,
    /// This device was removed from the case: nothing can be sent to it any more.
    CaseClosed,
    /// A commit in the log could not be processed: the case is frozen here.
    CaseFrozen,
    /// The case is led on by another one: nothing is sent to it any more.
    CaseSucceeded {
        /// That one.
        by: GroupId,
    },
    /// This person has asked to be taken off the case: nothing is sent to it any more.
    CaseLeaving,
    /// Nobody else is an owner of the case who stands and has not asked to leave: there is nobody to leave it to.
    NoOwnerStays,
    /// This person asked to be taken off, and is the only owner by now: they stay, and the case goes on.
    WishLapsed,
    /// Nobody else is on the case: there is nobody who could take this person off.
    Alone,
    /// Nobody blocks themselves.
    OwnPerson,
    /// The case is not frozen, and an owner of it is in force as far as is known here: there is no reason to lead it on.
    NotFrozen,
    /// This vault was put back from a copy: what it remembers of the case, who reads it first of all, is from before.
    CaseRestored,
    /// The case is not one that was put back from a copy: there is nothing to come back from.
    NotRestored,
    /// This copy is of no use for coming back: it has keys that the case does not know any more, or its log cannot be
    /// followed from here.
    NoWayBack,
    /// Whoever changed the case last has handed nothing in to come back by: an earlier version of the program.
    WayBackNotYet,
    /// Nobody vouches for what the server shows who could have added this device when this vault last knew: the words have
    /// to be compared first.
    CompareWords {
        /// Who vouches.
        by: Person,
    },
    /// What a member leads on by their word alone is not to be followed.
    #[error(transparent)]
    NotToBeFollowed(#[from] FollowFault),
    /// The server no longer shows the case: nothing is sent to it.
    CaseNotShown,
    /// The case is here by recovered keys alone: this device is no member and sends nothing to it.
    CaseRecovered,
    /// A document that was not sent before its case had ended: its chunks are gone with that.
    SendAnew,
    /// A newer Alcove on this device wrote it: this one can only let it wait for that.
    #[error("a newer program wrote it")]
    OfNewerAlcove,
    /// Nobody waits for a yes under that id.
    NoSuchRequest,
    /// The welcome of a request leads nowhere, or its key package has ended: it is over.
    RequestUnusable,
    /// This device is a member of the group that the request leads into.
    AlreadyInCase,
    /// No attempt at recovery with that id is known here.
    NoSuchRecovery,
    /// A file of recovered keys cannot be taken in.
    #[error(transparent)]
    RecoveredFile(#[from] RecoveredFileFault),
    /// An alarm stands against the log or the charter: nothing is sent until it was looked at.
    Alarm {
        /// Which case; nothing when it is about the whole collaborative.
        case: Option<GroupId>,
        /// What.
        kind: AlarmKind,
        /// Where in the log.
        position: u64,
        /// The device it is about, if it is about one.
        device: Option<Identity>,
    },
    /// The key of a member changed, no earlier key of theirs signed for it, and nobody has looked yet.
    KeyChanged {
        /// Whose.
        person: Person,
    },
    /// Somebody sits in the case by the word of a device that is revoked, or of whoever it made an owner, and nobody here has said
    /// that they belong in it.
    BroughtByOutsider {
        /// Which case.
        case: GroupId,
        /// Who.
        person: Person,
    },
    /// Somebody sits in the case whose certificate this device's own newest charter and lists call revoked or outside, and
    /// their removal is not in the log: nothing is sealed for them.
    SeatOutside {
        /// Which case.
        case: GroupId,
        /// Who.
        device: Identity,
        /// It cannot be removed: no other owner would be left.
        last_owner: bool,
    },
    /// No agency of the charter is called so.
    NoSuchAgency,
    /// The server refuses what was written, for good; it stays in the outbox until it is dropped or tried again.
    Refused {
        /// Which.
        record: RecordId,
        /// Why.
        cause: RefusalCause,
    },
    /// The case still has this device's earlier certificate: nothing can be signed for it before that changes.
    CertificateNotTakenUp,
    /// The server's receipt key is not vouched for by the charter.
    ReceiptKey(#[source] alcove_charter::TrustError),
    /// Other members were faster every time.
    Contended {
        /// Tries made.
        attempts: u32,
    },
    /// The person was to be added, and was added and removed by others before that: they are not brought back unasked.
    RemovedMeanwhile {
        /// Who.
        person: Person,
    },
    /// A change of members came with the copy that this vault was put back from: it may have been carried out since, and
    /// undone again.
    BegunBeforeCopy,
    /// The text is empty.
    TextEmpty,
    /// The text is too long for a note or title.
    TextTooLong {
        /// Bytes allowed.
        limit: usize,
        /// Bytes given.
        actual: usize,
    },
    /// More records than one grant holds.
    TooManyRecords {
        /// Records allowed.
        limit: usize,
    },
    /// This device has handed nothing over to that person that could end.
    NothingHandedOver,
    /// Nothing of what was named may be passed on by this device.
    NothingToGrant,
    /// A file or folder of this machine.
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The disk of this machine is full.
    NoSpace {
        /// Where.
        path: PathBuf,
    },
    /// Something stands at that path already.
    FileExists {
        /// Where.
        path: PathBuf,
    },
    /// Not a plain file.
    NotAFile {
        /// Where.
        path: PathBuf,
    },
    /// The file changed while it was read.
    FileChanged {
        /// Which.
        path: PathBuf,
    },
    /// The file has no name, or one that is too long to travel.
    FileName {
        /// Which.
        path: PathBuf,
    },
    /// The file is larger than a document may be.
    FileTooLarge {
        /// Which.
        path: PathBuf,
        /// Bytes allowed.
        limit: u64,
    },
    /// The document does not verify: chunks, size or SHA-256 are not what the manifest says.
    DocumentDamaged,
    /// A document that went out as it came was cut: what has gone out is not all of it.
    OutputCut {
        /// Bytes that have gone out.
        written: u64,
        /// Bytes of the document.
        size: u64,
        /// Why no more came.
        #[source]
        source: Box<Error>,
    },
    /// The caller cancelled.
    Cancelled,
    /// The group refused: MLS, its policy, or a leaf in it.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// A charter that the vault holds no longer verifies, or the group's charter is not held.
    #[error(transparent)]
    Charter(#[from] alcove_charter::CharterError),
    /// No random bytes from the operating system.
    Randomness,
}

/// Why a file of recovered keys cannot be taken in. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{self:?}")]
pub enum RecoveredFileFault {
    /// Over [`alcove_proto::limits::RECOVERED_KEYS_BYTES_MAX`].
    TooLarge,
    /// The bytes are no such file.
    NotSuchAFile,
    /// A format this version does not know.
    Format {
        /// What it says.
        found: u32,
    },
    /// It was made for another device.
    OtherDevice {
        /// The name it says; empty when that is no device's.
        identity: String,
    },
    /// It was sealed to another key than this device has: to another request, or it is damaged.
    DoesNotOpen,
    /// It opened, and what is in it is not in order.
    Content,
}

/// What is wrong with our own certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateTrouble {
    /// It ended at this time, milliseconds since 1970.
    Expired {
        /// When.
        not_after_ms: i64,
    },
    /// It begins at this time: the clock is behind, or the admin's was ahead.
    NotYetValid {
        /// When, milliseconds since 1970.
        not_before_ms: i64,
    },
    /// The agency revoked it.
    Revoked,
    /// The charter in force no longer lists the CA that issued it.
    NotOfCharter,
}
