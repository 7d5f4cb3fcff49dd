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
pub enum Error {
    /// The vault has no certificate yet: `enrol` comes first.
    #[error("this device is not enrolled")]
    NotEnrolled,
    /// The vault: missing, locked, damaged, busy, full.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The server: unreachable, refusing, or not the one of the charter.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// Our certificate is not in force by this machine's clock or the newest CRL.
    #[error("this device's certificate is not in force")]
    Certificate(CertificateTrouble),
    /// This machine's clock is too far from the server's: what it signs would be refused.
    #[error("this machine's clock differs from the server's by {difference_ms} ms")]
    ClockWrong {
        /// This machine's clock less the server's.
        difference_ms: i64,
    },
    /// No such case here, or it is not for this device.
    #[error("there is no such case here")]
    NoSuchCase,
    /// No such note or document here, or it is not for this device.
    #[error("there is no such item here")]
    NoSuchRecord,
    /// Nobody of that name is known, or a member of the case.
    #[error("there is no such person here")]
    NoSuchPerson,
    /// None of the person's devices can be added: no key package waits for any of them.
    #[error("no device of {0} can be added yet")]
    NoKeyPackage(Person),
    /// Devices of which the group cannot take in what they have left to be added by. Everybody else was added.
    #[error("{} devices cannot be added by the key packages that they have left", devices.len())]
    KeyPackagesUnfit {
        /// Which.
        devices: Vec<Identity>,
    },
    /// The agency's revocation list is past its time: nobody of it is added before a newer one is here.
    #[error("list {number} of {agency} is past its time")]
    ListOverdue {
        /// The agency's name.
        agency: String,
        /// The list that is held.
        number: u64,
        /// When its agency promised the next one, milliseconds since 1970.
        next_update_ms: i64,
    },
    /// The person is a member with all their devices already.
    #[error("{0} is a member already")]
    AlreadyMember(Person),
    /// The case's policy does not allow it to this person.
    #[error("this is not for this person to do in this case")]
    NotAllowed,
    /// The last owner cannot be removed.
    #[error("a case keeps at least one owner")]
    LastOwner,
    /// This device was removed from the case: nothing can be sent to it any more.
    #[error("this device is no longer a member of the case")]
    CaseClosed,
    /// A commit in the log could not be processed: the case is frozen here.
    #[error("the case is frozen: its group state could not be carried on")]
    CaseFrozen,
    /// The case is led on by another one: nothing is sent to it any more.
    #[error("the case is led on by another one")]
    CaseSucceeded {
        /// That one.
        by: GroupId,
    },
    /// This person has asked to be taken off the case: nothing is sent to it any more.
    #[error("this person is leaving the case")]
    CaseLeaving,
    /// Nobody else is an owner of the case who stands and has not asked to leave: there is nobody to leave it to.
    #[error("no other owner of the case stays")]
    NoOwnerStays,
    /// This person asked to be taken off, and is the only owner by now: they stay, and the case goes on.
    #[error("whoever asked to leave is the only owner of the case by now")]
    WishLapsed,
    /// Nobody else is on the case: there is nobody who could take this person off.
    #[error("nobody else is on the case")]
    Alone,
    /// Nobody blocks themselves.
    #[error("nobody blocks themselves")]
    OwnPerson,
    /// The case is not frozen, and an owner of it is in force as far as is known here: there is no reason to lead it on.
    #[error("the case is not frozen")]
    NotFrozen,
    /// This vault was put back from a copy: what it remembers of the case, who reads it first of all, is from before.
    #[error("the case is here as it was before the vault was put back from a copy")]
    CaseRestored,
    /// The case is not one that was put back from a copy: there is nothing to come back from.
    #[error("the case was not put back from a copy")]
    NotRestored,
    /// This copy is of no use for coming back: it has keys that the case does not know any more, or its log cannot be
    /// followed from here.
    #[error("this device cannot come back into the case by itself")]
    NoWayBack,
    /// Whoever changed the case last has handed nothing in to come back by: an earlier version of the program.
    #[error("nothing to come back by is kept for the epoch in force")]
    WayBackNotYet,
    /// Nobody vouches for what the server shows who could have added this device when this vault last knew: the words have
    /// to be compared first.
    #[error("{by} had no right to add this device when this vault last knew")]
    CompareWords {
        /// Who vouches.
        by: Person,
    },
    /// What a member leads on by their word alone is not to be followed.
    #[error(transparent)]
    NotToBeFollowed(#[from] FollowFault),
    /// The server no longer shows the case: nothing is sent to it.
    #[error("the server no longer shows the case")]
    CaseNotShown,
    /// The case is here by recovered keys alone: this device is no member and sends nothing to it.
    #[error("the case was recovered: this device only reads it")]
    CaseRecovered,
    /// A document that was not sent before its case had ended: its chunks are gone with that.
    #[error("the document has to be sent anew")]
    SendAnew,
    /// Nobody waits for a yes under that id.
    #[error("there is no such request")]
    NoSuchRequest,
    /// The welcome of a request leads nowhere, or its key package has ended: it is over.
    #[error("the request cannot be joined by any more")]
    RequestUnusable,
    /// This device is a member of the group that the request leads into.
    #[error("this device is a member of that case already")]
    AlreadyInCase,
    /// No attempt at recovery with that id is known here.
    #[error("there is no such attempt at recovery")]
    NoSuchRecovery,
    /// A file of recovered keys cannot be taken in.
    #[error(transparent)]
    RecoveredFile(#[from] RecoveredFileFault),
    /// An alarm stands against the log or the charter: nothing is sent until it was looked at.
    #[error("the alarm {kind:?} stands at {position}")]
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
    #[error("a key of {person} changed")]
    KeyChanged {
        /// Whose.
        person: Person,
    },
    /// Somebody sits in the case by the word of a device that is revoked, or of whoever it made an owner, and nobody here has said
    /// that they belong in it.
    #[error("{person} was brought into the case by somebody who is revoked")]
    BroughtByOutsider {
        /// Which case.
        case: GroupId,
        /// Who.
        person: Person,
    },
    /// Somebody sits in the case whose certificate this device's own newest charter and lists call revoked or outside, and
    /// their removal is not in the log: nothing is sealed for them.
    #[error("{device} is in the case, and its certificate is in force no more")]
    SeatOutside {
        /// Which case.
        case: GroupId,
        /// Who.
        device: Identity,
        /// It cannot be removed: no other owner would be left.
        last_owner: bool,
    },
    /// No agency of the charter is called so.
    #[error("there is no such agency")]
    NoSuchAgency,
    /// The server refuses what was written, for good; it stays in the outbox until it is dropped or tried again.
    #[error("the server refuses record {record} for good: {cause:?}")]
    Refused {
        /// Which.
        record: RecordId,
        /// Why.
        cause: RefusalCause,
    },
    /// The case still has this device's earlier certificate: nothing can be signed for it before that changes.
    #[error("the case does not know this device's new certificate yet")]
    CertificateNotTakenUp,
    /// The server's receipt key is not vouched for by the charter.
    #[error("the server's receipt key does not verify")]
    ReceiptKey(#[source] alcove_charter::TrustError),
    /// Other members were faster every time.
    #[error("others changed the case {attempts} times meanwhile")]
    Contended {
        /// Tries made.
        attempts: u32,
    },
    /// The person was to be added, and was added and removed by others before that: they are not brought back unasked.
    #[error("{person} was removed before they could be added")]
    RemovedMeanwhile {
        /// Who.
        person: Person,
    },
    /// A change of members came with the copy that this vault was put back from: it may have been carried out since, and
    /// undone again.
    #[error("a change of members was begun before this vault was put back from a copy")]
    BegunBeforeCopy,
    /// The text is empty.
    #[error("there is no text")]
    TextEmpty,
    /// The text is too long for a note or title.
    #[error("the text has {actual} bytes and may have {limit}")]
    TextTooLong {
        /// Bytes allowed.
        limit: usize,
        /// Bytes given.
        actual: usize,
    },
    /// More records than one grant holds.
    #[error("a grant holds at most {limit} records")]
    TooManyRecords {
        /// Records allowed.
        limit: usize,
    },
    /// This device has handed nothing over to that person that could end.
    #[error("nothing was handed over from here")]
    NothingHandedOver,
    /// Nothing of what was named may be passed on by this device.
    #[error("none of the records may be passed on by this device")]
    NothingToGrant,
    /// A file or folder of this machine.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The disk of this machine is full.
    #[error("no space left at {}", path.display())]
    NoSpace {
        /// Where.
        path: PathBuf,
    },
    /// Something stands at that path already.
    #[error("{} exists already", path.display())]
    FileExists {
        /// Where.
        path: PathBuf,
    },
    /// Not a plain file.
    #[error("{} is not a plain file", path.display())]
    NotAFile {
        /// Where.
        path: PathBuf,
    },
    /// The file changed while it was read.
    #[error("{} changed while it was being sent", path.display())]
    FileChanged {
        /// Which.
        path: PathBuf,
    },
    /// The file's name cannot travel (not UTF-8, or too long).
    #[error("the name of {} cannot be sent", path.display())]
    FileName {
        /// Which.
        path: PathBuf,
    },
    /// The file is larger than a document may be.
    #[error("a document may have at most {limit} bytes")]
    FileTooLarge {
        /// Bytes allowed.
        limit: u64,
    },
    /// The document does not verify: chunks, size or SHA-256 are not what the manifest says.
    #[error("the document does not verify")]
    DocumentDamaged,
    /// The caller cancelled.
    #[error("cancelled")]
    Cancelled,
    /// The group refused: MLS, its policy, or a leaf in it.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// A charter that the vault holds no longer verifies, or the group's charter is not held.
    #[error(transparent)]
    Charter(#[from] alcove_charter::CharterError),
    /// No random bytes from the operating system.
    #[error("the operating system gives no random bytes")]
    Randomness,
}

/// Why a file of recovered keys cannot be taken in. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecoveredFileFault {
    /// Over [`alcove_proto::limits::RECOVERED_KEYS_BYTES_MAX`].
    #[error("the file is too large")]
    TooLarge,
    /// The bytes are no such file.
    #[error("this is no file of recovered keys")]
    NotSuchAFile,
    /// A format this version does not know.
    #[error("format {found} is not known")]
    Format {
        /// What it says.
        found: u32,
    },
    /// It was made for another device.
    #[error("the file is for another device")]
    OtherDevice {
        /// The name it says; empty when that is no device's.
        identity: String,
    },
    /// It was sealed to another key than this device has: to another request, or it is damaged.
    #[error("the file does not open with this device's key")]
    DoesNotOpen,
    /// It opened, and what is in it is not in order.
    #[error("what the file holds is not in order")]
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
