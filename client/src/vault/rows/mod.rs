//! The rows of a vault: what is in each, and under which key it lies.
//!
//! Rows are protobuf messages of the vault's own: a field may be added, never given another meaning.
//! Rows that hold keys are wiped when dropped and never printed.

mod escrow;
mod group;
mod incoming;
mod known;
mod ledger;
mod let_go;
mod outgoing;
mod own;
mod rejoin;
mod request;
mod restored;

pub use escrow::*;
pub use group::*;
pub use incoming::*;
pub use known::*;
pub use ledger::*;
pub use let_go::*;
pub use outgoing::*;
pub use own::*;
pub use rejoin::*;
pub use request::*;
pub use restored::*;

use prost::Message;
use zeroize::{ZeroizeOnDrop, Zeroizing};

macro_rules! rooms {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal;)*) => {
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
    };
}

rooms! {
    /// The keys of this device. Key: empty.
    Device = 0, "the device's keys";
    /// What the agency answered. Key: empty.
    Enrolment = 1, "the enrolment";
    /// Charter versions. Key: version, 8 bytes.
    Charter = 2, "a charter";
    /// The newest CRL of each agency. Key: tag of the trust domain.
    Crl = 3, "a CRL";
    /// What this device has told the server. Key: empty.
    Upkeep = 4, "the upkeep";
    /// One case or other conversation. Key: group id.
    Group = 5, "a case";
    /// Its MLS state. Key: group id.
    Mls = 6, "the state of a group";
    /// Its members as of the epoch in force. Key: group id.
    Roster = 7, "a roster";
    /// Epoch keys. Key: group id, then epoch, 8 bytes.
    Epoch = 8, "an epoch key";
    /// The last record of each author. Key: group id, then tag of the device's name.
    Author = 9, "an author's sequence";
    /// Certificate chains of authors. Key: SHA-256 of the leaf certificate.
    Chain = 10, "a certificate chain";
    /// Key packages handed out, with what opens their welcome. Key: reference.
    KeyPackage = 11, "a key package";
    /// A commit on its way. Key: group id.
    Pending = 12, "a pending commit";
    /// What waits to be sent. Key: group id, then a number, 8 bytes.
    Outbox = 13, "the outbox";
    /// Receipts of our own entries. Key: group id, then record id.
    Receipt = 14, "a receipt";
    /// Uploads under way. Key: tag of the path, then group id.
    Upload = 15, "an upload";
    /// Digests of sealed chunks. Key: blob id, then the first chunk's index, 8 bytes.
    ChunkDigests = 16, "the digests of an upload";
    /// Alarms. Key: tag of what they are about; in earlier versions a number, 8 bytes.
    Alarm = 17, "an alarm";
    /// Cards, opened and verified. Key: tag of the person's name.
    Card = 18, "a card";
    /// Log entries, opened: the table of its own. Key: group id, position, record id.
    Entry = 19, "a log entry";
    /// Grants received whose records have yet to be fetched. Key: group id, then record id.
    GrantInbox = 20, "a grant";
    /// Access entries of the server that belong to grants made. Key: group id, then record id.
    Access = 21, "an access entry";
    /// The invitation this device has accepted, until it is enrolled. Key: empty.
    Invitation = 22, "the invitation";
    /// New keys of this device that wait for their certificates. Key: empty.
    Renewal = 23, "the renewal";
    /// Keys this device has given up and that key packages still name. Key: SHA-256 of the certificate.
    FormerKey = 24, "a former key";
    /// Keys a person's devices were seen with. Key: tag of the person's name.
    KnownPerson = 25, "a person's keys";
    /// Changes of keys that nobody has looked at. Key: tag of the device's name and the key; in earlier versions of the
    /// name alone.
    KeyChange = 26, "a change of keys";
    /// Agencies whose words were compared. Key: tag of the trust domain.
    Verified = 27, "a verified agency";
    /// Where the own agency's ledger was seen to end. Key: empty.
    LedgerHead = 28, "the end of the ledger";
    /// Certificates of that ledger. Key: 0 for a colleague's, 1 for an own one; length of the serial number, 1 byte;
    /// serial number; number of the entry, 8 bytes.
    LedgerEntry = 29, "a ledger entry";
    /// Epochs to be sealed to the recovery key. Key: group id, then epoch, 8 bytes.
    EscrowDue = 30, "an epoch to be sealed";
    /// Certificates that go with escrow. Key: group id, then SHA-256 of the certificate.
    EscrowCertificate = 31, "a certificate of escrow";
    /// Grants received, for escrow. Key: group id, then access id.
    EscrowGrant = 32, "a grant of escrow";
    /// What was seen to of escrow. Key: empty.
    EscrowState = 33, "the state of escrow";
    /// Attempts at recovery. Key: attempt id.
    Attempt = 34, "an attempt at recovery";
    /// Recovered keys of epochs. Key: group id, then epoch, 8 bytes, then SHA-256 of epoch id and key.
    RecoveredEpoch = 35, "a recovered key";
    /// Recovered keys of records. Key: group id, then position, 8 bytes, then SHA-256 of hash and key.
    RecoveredRecord = 36, "a recovered record key";
    /// Groups that are read with recovered keys. Key: group id.
    RecoveredGroup = 37, "a recovered case";
    /// Charters and CRLs that no longer load. Key: SHA-256 of the bytes.
    SetAside = 50, "what was set aside";
    /// The ties between this device's keys. Key: empty.
    KeyTies = 56, "the ties of this device's keys";
    /// Welcomes that a person has yet to decide about. Key: welcome id.
    Request = 57, "a request";
    /// What it takes to join by them. Key: welcome id.
    RequestContent = 58, "the content of a request";
    /// That this vault was put back from a copy. Key: empty.
    Restored = 59, "that the vault was put back";
    /// Ways back into a group, on their way. Key: group id.
    Rejoin = 60, "a way back into a case";
    /// Groups whose roster was judged and may be sealed for. Key: group id.
    Seats = 61, "the verdict on a roster";
    /// People whose welcomes are declined. Key: tag of the person's name.
    Blocked = 66, "a person who is blocked";
    /// What was verified of the certificates in a group's seats. Key: group id.
    Issued = 75, "the certificates of a roster";
    /// What was sealed and let go of. Key: group id, then the first 16 bytes of its SHA-256.
    LetGo = 95, "what was let go of";
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

macro_rules! row {
    ($($name:ty => $room:ident;)*) => {
        $(impl Row for $name {
            const ROOM: Room = Room::$room;

            fn encode(&self) -> Zeroizing<Vec<u8>> {
                Zeroizing::new(Message::encode_to_vec(self))
            }

            fn decode(bytes: &[u8]) -> Option<Self> {
                Message::decode(bytes).ok()
            }
        })*
    };
}

row! {
    DeviceRow => Device;
    EnrolmentRow => Enrolment;
    CharterRow => Charter;
    CrlRow => Crl;
    UpkeepRow => Upkeep;
    GroupRow => Group;
    RosterRow => Roster;
    EpochRow => Epoch;
    AuthorRow => Author;
    ChainRow => Chain;
    KeyPackageRow => KeyPackage;
    PendingRow => Pending;
    OutboxRow => Outbox;
    ReceiptRow => Receipt;
    UploadRow => Upload;
    ChunkDigestsRow => ChunkDigests;
    AlarmRow => Alarm;
    CardRow => Card;
    GrantInboxRow => GrantInbox;
    AccessRow => Access;
    InvitationRow => Invitation;
    RenewalRow => Renewal;
    FormerKeyRow => FormerKey;
    KnownPersonRow => KnownPerson;
    BlockedRow => Blocked;
    KeyChangeRow => KeyChange;
    VerifiedRow => Verified;
    SeatsRow => Seats;
    IssuedRow => Issued;
    EscrowDueRow => EscrowDue;
    EscrowCertificateRow => EscrowCertificate;
    EscrowGrantRow => EscrowGrant;
    EscrowStateRow => EscrowState;
    AttemptRow => Attempt;
    RecoveredEpochRow => RecoveredEpoch;
    RecoveredRecordRow => RecoveredRecord;
    RecoveredGroupRow => RecoveredGroup;
    LedgerHeadRow => LedgerHead;
    LedgerEntryRow => LedgerEntry;
    SetAsideRow => SetAside;
    KeyTiesRow => KeyTies;
    RequestRow => Request;
    RequestContentRow => RequestContent;
    RestoredRow => Restored;
    RejoinRow => Rejoin;
    LetGoRow => LetGo;
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

/// One version of the charter, verified before it was put here.
#[derive(Clone, PartialEq, Message)]
pub struct CharterRow {
    /// Encoded SignedCharter.
    #[prost(bytes = "vec", tag = "1")]
    pub signed: Vec<u8>,
}

/// An agency's newest CRL, verified before it was put here.
#[derive(Clone, PartialEq, Message)]
pub struct CrlRow {
    /// DER.
    #[prost(bytes = "vec", tag = "1")]
    pub der: Vec<u8>,
    /// The agency it was verified for; a row from before that was written down has its tag as key.
    #[prost(string, tag = "50")]
    pub trust_domain: String,
    /// What the agency's lists have ever had, as [`alcove_charter::EverListed`] writes it; nothing in rows of before, and
    /// then the list alone says.
    #[prost(bytes = "vec", tag = "55")]
    pub listed: Vec<u8>,
    /// Whether its owner was told that this list is past its time.
    #[prost(bool, tag = "56")]
    pub overdue_told: bool,
}

/// A charter or CRL that no longer loads, as it lay there: kept for whoever looks into it, and used for nothing.
#[derive(Clone, PartialEq, Message)]
pub struct SetAsideRow {
    /// The number of the room it lay in.
    #[prost(uint32, tag = "1")]
    pub room: u32,
    /// Its key there.
    #[prost(bytes = "vec", tag = "2")]
    pub key: Vec<u8>,
    /// The SignedCharter or the list, DER.
    #[prost(bytes = "vec", tag = "3")]
    pub bytes: Vec<u8>,
    /// Milliseconds since 1970.
    #[prost(int64, tag = "4")]
    pub set_aside_at_ms: i64,
}

/// What this device has told the server, and when it last looked after itself.
#[derive(Clone, PartialEq, Message)]
pub struct UpkeepRow {
    /// SHA-256 of the sealed card that was published.
    #[prost(bytes = "vec", tag = "1")]
    pub card_published: Vec<u8>,
    /// Our own sealed card, made once, so that every leaf carries the same bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub sealed_card: Vec<u8>,
    /// SHA-256 of the certificate the published last-resort key package carries.
    #[prost(bytes = "vec", tag = "3")]
    pub last_resort_certificate: Vec<u8>,
    /// End of the last-resort key package, milliseconds since 1970.
    #[prost(int64, tag = "4")]
    pub last_resort_not_after_ms: i64,
    /// The server's receipt chain, verified.
    #[prost(bytes = "vec", repeated, tag = "5")]
    pub receipt_chain: Vec<Vec<u8>>,
    /// The certificate has changed, and one-time key packages under it have yet to be published.
    #[prost(bool, tag = "6")]
    pub key_packages_due: bool,
}

/// The members of a group in one epoch.
#[derive(Clone, PartialEq, Message)]
pub struct RosterRow {
    /// The epoch.
    #[prost(uint64, tag = "1")]
    pub epoch: u64,
    /// By leaf.
    #[prost(message, repeated, tag = "2")]
    pub members: Vec<RosterMember>,
}

/// One leaf.
#[derive(Clone, PartialEq, Message)]
pub struct RosterMember {
    /// Its index.
    #[prost(uint32, tag = "1")]
    pub leaf: u32,
    /// The device's name.
    #[prost(string, tag = "2")]
    pub identity: String,
    /// v1::Role of its person.
    #[prost(int32, tag = "3")]
    pub role: i32,
    /// SHA-256 of its leaf certificate (DER).
    #[prost(bytes = "vec", tag = "4")]
    pub certificate_hash: Vec<u8>,
    /// Uncompressed P-256 point.
    #[prost(bytes = "vec", tag = "5")]
    pub public_key: Vec<u8>,
}

/// The key of one epoch.
#[derive(Clone, PartialEq, Message, ZeroizeOnDrop)]
#[prost(skip_debug)]
pub struct EpochRow {
    /// 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub epoch_id: Vec<u8>,
    /// 32 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub key: Vec<u8>,
}

/// The last record seen of one author device.
#[derive(Clone, PartialEq, Message)]
pub struct AuthorRow {
    /// Its number.
    #[prost(uint64, tag = "1")]
    pub sequence: u64,
    /// SHA-256 of the sealed record.
    #[prost(bytes = "vec", tag = "2")]
    pub hash: Vec<u8>,
    /// SHA-256 of the certificate it was signed with.
    #[prost(bytes = "vec", tag = "3")]
    pub certificate_hash: Vec<u8>,
    /// The device was added again since: one that has other keys, and so another vault, begins anew.
    #[prost(bool, tag = "4")]
    pub added_again: bool,
}

/// A certificate chain, DER, leaf first.
#[derive(Clone, PartialEq, Message)]
pub struct ChainRow {
    /// The certificates.
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub certificates: Vec<Vec<u8>>,
}

/// What opens the welcome to a key package.
#[derive(Clone, PartialEq, Message, ZeroizeOnDrop)]
#[prost(skip_debug)]
pub struct KeyPackageRow {
    /// Opaque to the vault.
    #[prost(bytes = "vec", tag = "1")]
    pub secret: Vec<u8>,
    /// It may open more than one welcome.
    #[prost(bool, tag = "2")]
    pub last_resort: bool,
    /// Milliseconds since 1970.
    #[prost(int64, tag = "3")]
    pub not_after_ms: i64,
    /// The key package itself, kept until the server has it.
    #[prost(bytes = "vec", tag = "4")]
    pub unpublished: Vec<u8>,
    /// SHA-256 of the certificate it was made under, once that is a former one; empty for the one in force.
    #[prost(bytes = "vec", tag = "5")]
    pub former_certificate: Vec<u8>,
}

/// A commit on its way: what it is to do, and the bytes of this try at it.
#[derive(Clone, PartialEq, Message)]
pub struct PendingRow {
    /// What it is to do.
    #[prost(message, optional, tag = "1")]
    pub intent: Option<IntentRow>,
    /// The body of its log entry.
    #[prost(bytes = "vec", tag = "2")]
    pub commit: Vec<u8>,
    /// MLSMessage(Welcome), or empty.
    #[prost(bytes = "vec", tag = "3")]
    pub welcome: Vec<u8>,
    /// Who joins by it.
    #[prost(message, repeated, tag = "4")]
    pub joiners: Vec<JoinerRow>,
    /// The epoch it was made in.
    #[prost(uint64, tag = "5")]
    pub epoch: u64,
    /// The last log position processed when it was made.
    #[prost(uint64, tag = "6")]
    pub seen_position: u64,
    /// MLSMessage(GroupInfo) of the epoch it opens: for a member that comes back.
    #[prost(bytes = "vec", tag = "50")]
    pub group_info: Vec<u8>,
    /// People whom it was to add, and whom others have removed meanwhile.
    #[prost(string, repeated, tag = "100")]
    pub put_out: Vec<String>,
    /// How often this vault had been noticed to be put back from a copy when it was begun.
    #[prost(uint64, tag = "101")]
    pub restores_known: u64,
}

/// What a commit is to do; a try that lost its race is made anew from this.
#[derive(Clone, PartialEq, Message)]
pub struct IntentRow {
    /// Persons to add with these key packages.
    #[prost(message, repeated, tag = "1")]
    pub add: Vec<AddRow>,
    /// Names of devices to remove.
    #[prost(string, repeated, tag = "2")]
    pub remove: Vec<String>,
    /// Make the persons added owners.
    #[prost(bool, tag = "3")]
    pub as_owner: bool,
    /// It is to renew our own leaf.
    #[prost(bool, tag = "4")]
    pub update: bool,
    /// Hand the persons added what was received from this time on, milliseconds since 1970; i64::MIN for all.
    #[prost(int64, optional, tag = "5")]
    pub history_since_ms: Option<i64>,
}

/// One device to add.
#[derive(Clone, PartialEq, Message)]
pub struct AddRow {
    /// Its name.
    #[prost(string, tag = "1")]
    pub identity: String,
    /// MLSMessage(KeyPackage).
    #[prost(bytes = "vec", tag = "2")]
    pub key_package: Vec<u8>,
}

/// One device that joins by a welcome.
#[derive(Clone, PartialEq, Message)]
pub struct JoinerRow {
    /// Its name.
    #[prost(string, tag = "1")]
    pub identity: String,
    /// RFC 9420 section 5.2.
    #[prost(bytes = "vec", tag = "2")]
    pub key_package_ref: Vec<u8>,
}

/// Something an honest server or member never does.
#[derive(Clone, PartialEq, Message)]
pub struct AlarmRow {
    /// Which case; empty for the collaborative.
    #[prost(bytes = "vec", tag = "1")]
    pub group_id: Vec<u8>,
    /// [`crate::session::AlarmKind`] by number.
    #[prost(uint32, tag = "2")]
    pub kind: u32,
    /// The log position, charter version or CRL number.
    #[prost(uint64, tag = "3")]
    pub position: u64,
    /// Milliseconds since 1970.
    #[prost(int64, tag = "4")]
    pub noticed_at_ms: i64,
    /// Somebody has looked at it.
    #[prost(bool, tag = "5")]
    pub acknowledged: bool,
    /// Name of the device it is about; empty for an alarm that is about none.
    #[prost(string, tag = "6")]
    pub device: String,
    /// SHA-256 of that device's certificate; empty for an alarm that is about none.
    #[prost(bytes = "vec", tag = "7")]
    pub certificate: Vec<u8>,
    /// Name of the device in whose name it happened, where it is counted by author; empty where none is known.
    #[prost(string, tag = "60")]
    pub author: String,
    /// How often it has happened; 0 for once.
    #[prost(uint64, tag = "61")]
    pub count: u64,
    /// The last position it happened at; 0 when that is `position`.
    #[prost(uint64, tag = "62")]
    pub last_position: u64,
}

/// A person's card. Not printed: it has a name.
#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
pub struct CardRow {
    /// Name of the person.
    #[prost(string, tag = "1")]
    pub person: String,
    /// Their name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// Their role.
    #[prost(string, tag = "3")]
    pub role: String,
    /// When the agency signed it; an older one never takes the place of a newer one.
    #[prost(int64, tag = "4")]
    pub issued_at_ms: i64,
}

#[cfg(test)]
pub(crate) mod tests;
