//! The rows of a vault: what is in each, and under which key it lies.
//!
//! Rows are protobuf messages of the vault's own, as client/proto says: a field may be added, never given another meaning.
//! Rows that hold keys are wiped when dropped and never printed.

use prost::Message;
use zeroize::{ZeroizeOnDrop, Zeroizing};

/// The messages of package `alcove.vault.v1`, as generated from the .proto files: `tests/generated` writes them anew.
#[allow(missing_docs, clippy::all, unreachable_pub)]
mod generated {
    include!("generated/alcove.vault.v1.rs");
}

pub use generated::*;

macro_rules! rooms {
    ($($(#[$doc:meta])* $name:ident $(($row:ty))? = $number:literal, $text:literal;)*) => {
        /// The rooms of a vault. Numbers are on disk: never reused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Room {
            $($(#[$doc])* $name = $number,)*
        }

        impl Room {
            /// All of them, by number.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// What to call it in an error.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The room with this number.
            pub fn of_number(number: i64) -> Option<Self> {
                match number { $($number => Some(Self::$name),)* _ => None }
            }
        }

        $($(impl Row for $row {
            const ROOM: Room = Room::$name;

            fn encode(&self) -> Zeroizing<Vec<u8>> {
                Zeroizing::new(Message::encode_to_vec(self))
            }

            fn decode(bytes: &[u8]) -> Option<Self> {
                Message::decode(bytes).ok()
            }
        })?)*
    };
}

rooms! {
    /// The keys of this device. Key: empty.
    Device(DeviceRow) = 0, "the device's keys";
    /// What the agency answered. Key: empty.
    Enrolment(EnrolmentRow) = 1, "the enrolment";
    /// Charter versions. Key: version, 8 bytes.
    Charter(CharterRow) = 2, "a charter";
    /// The newest CRL of each agency. Key: tag of the trust domain.
    Crl(CrlRow) = 3, "a CRL";
    /// What this device has told the server. Key: empty.
    Upkeep(UpkeepRow) = 4, "the upkeep";
    /// One case or other conversation. Key: group id.
    Group(GroupRow) = 5, "a case";
    /// Its MLS state. Key: group id.
    Mls = 6, "the state of a group";
    /// Its members as of the epoch in force. Key: group id.
    Roster(RosterRow) = 7, "a roster";
    /// Epoch keys. Key: group id, then epoch, 8 bytes.
    Epoch(EpochRow) = 8, "an epoch key";
    /// The last record of each author. Key: group id, then tag of the device's name.
    Author(AuthorRow) = 9, "an author's sequence";
    /// Certificate chains of authors. Key: SHA-256 of the leaf certificate.
    Chain(ChainRow) = 10, "a certificate chain";
    /// Key packages handed out, with what opens their welcome. Key: reference.
    KeyPackage(KeyPackageRow) = 11, "a key package";
    /// A commit on its way. Key: group id.
    Pending(PendingRow) = 12, "a pending commit";
    /// What waits to be sent. Key: group id, then a number, 8 bytes.
    Outbox(OutboxRow) = 13, "the outbox";
    /// Receipts of our own entries. Key: group id, then record id.
    Receipt(ReceiptRow) = 14, "a receipt";
    /// Uploads under way. Key: tag of the path, then group id.
    Upload(UploadRow) = 15, "an upload";
    /// Digests of sealed chunks. Key: blob id, then the first chunk's index, 8 bytes.
    ChunkDigests(ChunkDigestsRow) = 16, "the digests of an upload";
    /// Alarms. Key: tag of what they are about; in earlier versions a number, 8 bytes.
    Alarm(AlarmRow) = 17, "an alarm";
    /// Cards, opened and verified. Key: tag of the person's name.
    Card(CardRow) = 18, "a card";
    /// Log entries, opened: the table of its own. Key: group id, position, record id.
    Entry = 19, "a log entry";
    /// Grants received whose records have yet to be fetched. Key: group id, then record id.
    GrantInbox(GrantInboxRow) = 20, "a grant";
    /// Access entries of the server that belong to grants made. Key: group id, then record id.
    Access(AccessRow) = 21, "an access entry";
    /// The invitation this device has accepted, until it is enrolled. Key: empty.
    Invitation(InvitationRow) = 22, "the invitation";
    /// New keys of this device that wait for their certificates. Key: empty.
    Renewal(RenewalRow) = 23, "the renewal";
    /// Keys this device has given up and that key packages still name. Key: SHA-256 of the certificate.
    FormerKey(FormerKeyRow) = 24, "a former key";
    /// Keys a person's devices were seen with. Key: tag of the person's name.
    KnownPerson(KnownPersonRow) = 25, "a person's keys";
    /// Changes of keys that nobody has looked at. Key: tag of the device's name and the key; in earlier versions of the
    /// name alone.
    KeyChange(KeyChangeRow) = 26, "a change of keys";
    /// Agencies whose words were compared. Key: tag of the trust domain.
    Verified(VerifiedRow) = 27, "a verified agency";
    /// Where the own agency's ledger was seen to end. Key: empty.
    LedgerHead(LedgerHeadRow) = 28, "the end of the ledger";
    /// Certificates of that ledger. Key: 0 for a colleague's, 1 for an own one; length of the serial number, 1 byte;
    /// serial number; number of the entry, 8 bytes.
    LedgerEntry(LedgerEntryRow) = 29, "a ledger entry";
    /// Epochs to be sealed to the recovery key. Key: group id, then epoch, 8 bytes.
    EscrowDue(EscrowDueRow) = 30, "an epoch to be sealed";
    /// Certificates that go with escrow. Key: group id, then SHA-256 of the certificate.
    EscrowCertificate(EscrowCertificateRow) = 31, "a certificate of escrow";
    /// Grants received, for escrow. Key: group id, then access id.
    EscrowGrant(EscrowGrantRow) = 32, "a grant of escrow";
    /// What was seen to of escrow. Key: empty.
    EscrowState(EscrowStateRow) = 33, "the state of escrow";
    /// Attempts at recovery. Key: attempt id.
    Attempt(AttemptRow) = 34, "an attempt at recovery";
    /// Recovered keys of epochs. Key: group id, then epoch, 8 bytes, then SHA-256 of epoch id and key.
    RecoveredEpoch(RecoveredEpochRow) = 35, "a recovered key";
    /// Recovered keys of records. Key: group id, then position, 8 bytes, then SHA-256 of hash and key.
    RecoveredRecord(RecoveredRecordRow) = 36, "a recovered record key";
    /// Groups that are read with recovered keys. Key: group id.
    RecoveredGroup(RecoveredGroupRow) = 37, "a recovered case";
    /// Charters and CRLs that no longer load. Key: SHA-256 of the bytes.
    SetAside(SetAsideRow) = 50, "what was set aside";
    /// The ties between this device's keys. Key: empty.
    KeyTies(KeyTiesRow) = 56, "the ties of this device's keys";
    /// Welcomes that a person has yet to decide about. Key: welcome id.
    Request(RequestRow) = 57, "a request";
    /// What it takes to join by them. Key: welcome id.
    RequestContent(RequestContentRow) = 58, "the content of a request";
    /// That this vault was put back from a copy. Key: empty.
    Restored(RestoredRow) = 59, "that the vault was put back";
    /// Ways back into a group, on their way. Key: group id.
    Rejoin(RejoinRow) = 60, "a way back into a case";
    /// Groups whose roster was judged and may be sealed for. Key: group id.
    Seats(SeatsRow) = 61, "the verdict on a roster";
    /// People whose welcomes are declined. Key: tag of the person's name.
    Blocked(BlockedRow) = 66, "a person who is blocked";
    /// What was verified of the certificates in a group's seats. Key: group id.
    Issued(IssuedRow) = 75, "the certificates of a roster";
    /// What was sealed and let go of. Key: group id, then the first 16 bytes of its SHA-256.
    LetGo(LetGoRow) = 95, "what was let go of";
    /// Text that was typed and is no note yet. Key: group id, then the id of the note it corrects, or zeros, then its time, 8
    /// bytes, and 8 bytes of its own; without those two in what an earlier program kept.
    Draft = 96, "a draft";
    /// Fetches of which a draft may lie in a folder. Key: tag of what is fetched and where to, then the number that the draft
    /// is named by, 8 bytes; without it in what an earlier program kept.
    Fetch(FetchRow) = 107, "a fetch";
}

/// A row: what it looks like and in which room it lies.
pub trait Row: Sized {
    /// Its room.
    const ROOM: Room;
    /// Its bytes.
    fn encode(&self) -> Zeroizing<Vec<u8>>;
    /// The row of these bytes, which opened: anything else is a defect or damage.
    fn decode(bytes: &[u8]) -> Option<Self>;
}

/// The MLS state of one group, opaque here.
pub struct MlsRow(pub Zeroizing<Vec<u8>>);

impl Row for MlsRow {
    const ROOM: Room = Room::Mls;

    fn encode(&self) -> Zeroizing<Vec<u8>> {
        self.0.clone()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        Some(Self(Zeroizing::new(bytes.to_vec())))
    }
}

/// The text of a draft, as it was typed.
pub struct DraftRow(pub Zeroizing<Vec<u8>>);

impl Row for DraftRow {
    const ROOM: Room = Room::Draft;

    fn encode(&self) -> Zeroizing<Vec<u8>> {
        self.0.clone()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        Some(Self(Zeroizing::new(bytes.to_vec())))
    }
}

impl EntryRow {
    /// Whether it is a record that opened, whose payload is here.
    pub fn says_something(&self) -> bool {
        self.unreadable == 0 && self.kind != 0
    }
}

impl GroupRow {
    /// Where this device's reading begins: it may open to others what stands from there on.
    pub fn reads_from(&self) -> u64 {
        self.first_join.unwrap_or(self.join_position)
    }
}

/// Whoever takes the wiping off a row of keys or content does not get past the compiler.
const fn is_wiped<R: ZeroizeOnDrop>() {}

const _: () = {
    is_wiped::<DeviceRow>();
    is_wiped::<EnrolmentRow>();
    is_wiped::<EntryRow>();
    is_wiped::<EpochRow>();
    is_wiped::<FetchRow>();
    is_wiped::<FormerKeyRow>();
    is_wiped::<GrantInboxRow>();
    is_wiped::<GrantPlanRow>();
    is_wiped::<GrantedKeyRow>();
    is_wiped::<InvitationRow>();
    is_wiped::<KeyPackageRow>();
    is_wiped::<MetRow>();
    is_wiped::<OutboxRow>();
    is_wiped::<RecoveredEpochRow>();
    is_wiped::<RecoveredRecordRow>();
    is_wiped::<RejoinRow>();
    is_wiped::<UploadRow>();
};

#[cfg(test)]
pub(crate) mod tests;
