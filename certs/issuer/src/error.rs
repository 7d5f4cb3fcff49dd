//! Everything that can go wrong in the admin's room, as facts. `cli/exit.rs` says them to people.

use crate::{
    ca::roll::state::{OldCertificate, RollState},
    recovery::error::RecoveryError,
};
use alcove_charter::{CardError, CharterError, CrlError, RenewalError, TrustError};
use alcove_programs::{files::FileError, passphrase::Unfit};
use alcove_proto::{
    canonical::CanonicalError,
    names::{Identity, NameError, TrustDomain},
    v1,
};
use alcove_trust::CertificateFault;
use std::{io, path::PathBuf};

/// Why an act was not done. Nothing was handed out.
#[derive(Debug, thiserror::Error)]
pub enum IssuerError {
    /// A file could not be read, written or locked.
    #[error("cannot {act} {}", path.display())]
    Io {
        /// What was tried.
        act: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is over its limit.
    #[error("{} has more than {limit} bytes", path.display())]
    FileTooLarge {
        /// Which.
        path: PathBuf,
        /// Bytes.
        limit: usize,
    },
    /// The request is not the one whose words were read out.
    #[error("the request's words are {words}")]
    OtherRequest {
        /// The words of the request that was given.
        words: String,
    },
    /// Another process has the folder.
    #[error("{} is in use", path.display())]
    Busy {
        /// The folder.
        path: PathBuf,
    },
    /// A CA is there already.
    #[error("{} holds a CA", path.display())]
    FolderTaken {
        /// The folder.
        path: PathBuf,
    },
    /// Something else is there.
    #[error("{} is not empty", path.display())]
    FolderNotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// The folder holds no CA, or one of the other kind.
    #[error("{} holds no such CA", path.display())]
    NoCa {
        /// The folder.
        path: PathBuf,
    },
    /// `ca init` was interrupted; running it again finishes it.
    #[error("{} is half made", path.display())]
    Unfinished {
        /// The folder.
        path: PathBuf,
    },
    /// `ca init` was begun under another name.
    #[error("{} was begun for another name", path.display())]
    OtherProfile {
        /// The folder.
        path: PathBuf,
    },
    /// A file the caller wants to create exists.
    #[error("{} exists", path.display())]
    Exists {
        /// Which.
        path: PathBuf,
    },

    /// An answer would be written over a file that is there.
    #[error("{} would be written over", path.display())]
    WouldOverwrite {
        /// Which.
        path: PathBuf,
    },
    /// Others on this machine may read the passphrase file.
    #[error("{} is open to others", path.display())]
    OpenToOthers {
        /// Which.
        path: PathBuf,
    },
    /// Whoever was asked did not say yes.
    #[error("not confirmed")]
    NotConfirmed,
    /// The words of keys that a draft brings in were not given.
    #[error("the words of {} changes were not heard", missing.len())]
    WordsNotHeard {
        /// What changes, in sentences.
        missing: Vec<String>,
    },
    /// Words were given that no key of the draft has.
    #[error("no key of the draft has the words that were heard")]
    WordsOfNothing,
    /// The words that were typed are not those of the key in the draft.
    #[error("the words are not those of the draft")]
    OtherKeyWords {
        /// What changes, in a sentence.
        what: String,
    },

    /// The passphrase is not the one the keystore was sealed with.
    #[error("wrong passphrase")]
    WrongPassphrase,
    /// It may not guard something new.
    #[error(transparent)]
    PassphraseUnfit(#[from] Unfit),
    /// The keystore was truncated or altered.
    #[error("{} is damaged", path.display())]
    KeystoreDamaged {
        /// The file.
        path: PathBuf,
    },
    /// A line of the ledger does not parse.
    #[error("{} is damaged at line {line}", path.display())]
    LedgerDamaged {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
    },
    /// The last CRL lists what the ledger does not know as revoked, or has a number that the ledger has not given out.
    #[error("{} says more than the ledger", path.display())]
    LedgerBehindList {
        /// The CRL.
        path: PathBuf,
    },
    /// The server has a list of the agency in force that none of its CAs in this folder has signed.
    #[error("the list in force is by no CA of this folder")]
    ListForeign,
    /// The list in force is not to be taken over.
    #[error("the list is not adopted")]
    NotAdopted,
    /// The list in force says nothing that this folder does not say.
    #[error("the list in force is this folder's own")]
    NothingToAdopt,
    /// The list in force names more serials that this folder's ledger does not know than are taken over.
    #[error("{count} serials of the list in force are unknown here, over {max}")]
    TooMuchToAdopt {
        /// How many.
        count: usize,
        /// The most.
        max: usize,
    },
    /// A file of the folder does not belong to the keystore's keys.
    #[error("{} does not match the keys", path.display())]
    FolderMismatch {
        /// The file.
        path: PathBuf,
    },

    /// An argument that names somebody or something.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Days outside 1 to the limit.
    #[error("{days} days")]
    Days {
        /// What was asked.
        days: u32,
        /// Most that can be given.
        max: u32,
    },
    /// The server's address is not host:port.
    #[error("the address is not host:port")]
    ServerAddress,
    /// The server's name is no lower-case DNS name.
    #[error("the name is no DNS name")]
    ServerName,
    /// Name or role cannot stand on a card.
    #[error("the card would be refused")]
    Card(#[source] CardError),

    /// The request does not parse.
    #[error("the request does not parse")]
    Request(#[from] CanonicalError),
    /// A request format this version does not know.
    #[error("request format {found}")]
    RequestFormat {
        /// What it says.
        found: u32,
    },
    /// A CSR is refused.
    #[error("the {which} request is refused")]
    Csr {
        /// `TLS`, `MLS` or `receipt`.
        which: &'static str,
        /// Why.
        #[source]
        fault: TrustError,
    },
    /// The sealing key is no P-256 point.
    #[error("the sealing key is no P-256 point")]
    RequestSealingKey,
    /// One key for two purposes.
    #[error("the request uses one key twice")]
    RequestKeyReused,
    /// The identity has a living certificate for other keys.
    #[error("{identity} is taken")]
    IdentityTaken {
        /// Whose.
        identity: Identity,
        /// When the last of them ends, milliseconds since 1970.
        not_after_ms: i64,
    },
    /// The keys of the request are certified for somebody else already.
    #[error("the keys are certified for {name}")]
    KeyTaken {
        /// Whose name stands in that certificate.
        name: String,
    },

    /// A charter is refused.
    #[error(transparent)]
    Charter(#[from] CharterError),
    /// The charter does not list this agency, or not with this CA.
    #[error("the charter does not list {trust_domain}")]
    NotInCharter {
        /// Who is missing.
        trust_domain: TrustDomain,
    },
    /// The charter lists this agency with something else than it has.
    #[error("the charter misstates {what} of {trust_domain}")]
    CharterMisstates {
        /// Whose.
        trust_domain: TrustDomain,
        /// Which field.
        what: &'static str,
    },
    /// The directory key in the charter file cannot be opened.
    #[error("the directory key does not open")]
    DirectoryKey,
    /// The directory key in the charter file opens, and is not the one that the charter states.
    #[error("the directory key is not the charter's")]
    OtherDirectoryKey,
    /// An agency file does not parse.
    #[error("the agency file is refused")]
    AgencyFile,
    /// Nobody by that name is a member.
    #[error("{trust_domain} is no member")]
    NotAMember {
        /// Who.
        trust_domain: TrustDomain,
    },

    /// A step of a roll-over before the one it follows.
    #[error("the roll-over is {stands}, which this step does not follow")]
    RollOrder {
        /// Where it stands.
        stands: RollState,
    },
    /// The charter is not one that this step of a roll-over goes with.
    #[error("the charter does not list the CAs this step goes with")]
    RollCharter {
        /// What it must list.
        needs: &'static str,
    },
    /// Certificates by the CA that is to end are alive.
    #[error("{} certificates by the old CA are alive", certificates.len())]
    OldCertificatesLive {
        /// Which, in the order they were issued.
        certificates: Vec<OldCertificate>,
    },
    /// A duty officer denies devices of its own agency only.
    #[error("{identity} is no device of {trust_domain}")]
    DutyOfAnotherAgency {
        /// Who was to be denied.
        identity: Identity,
        /// Whose duty officer it is.
        trust_domain: TrustDomain,
    },
    /// A revocation list that was to be looked at is no agency's.
    #[error("a revocation list is refused")]
    CrlRefused(#[source] CrlError),
    /// A rehearsal found what will break.
    #[error("{count} things end or break")]
    RehearsalBreaks {
        /// How many.
        count: usize,
    },
    /// An act of recovery.
    #[error(transparent)]
    Recovery(#[from] RecoveryError),
    /// The desk did not answer in time, or the connection broke. Worth another try.
    #[error("the desk cannot be reached")]
    DeskUnreachable,
    /// Whoever answers at the desk's address is not the server of the charter.
    #[error("the server's certificate is refused: {fault}")]
    DeskCertificate {
        /// Why.
        fault: CertificateFault,
    },
    /// The desk refused what was asked.
    #[error("the desk refuses: {reason:?}")]
    DeskRefused {
        /// Why.
        reason: v1::Reason,
        /// The number that goes with some reasons; 0 with the others.
        limit: u64,
        /// When the desk says that it may be asked again, milliseconds; 0 where it does not say.
        retry_after_ms: u64,
        /// Leads the operator to the server's log line; may be empty.
        request_id: String,
    },
    /// What the desk answered breaks a rule.
    #[error("the desk's answer is wrong: {what}")]
    DeskAnswer {
        /// Which part.
        what: &'static str,
    },
    /// Nothing waits at the desk for that device.
    #[error("nothing waits for {identity}")]
    NotWaiting {
        /// Which.
        identity: Identity,
    },
    /// A request is handed in for a device that this folder has not invited.
    #[error("{identity} was not invited here")]
    NotInvited {
        /// Which.
        identity: Identity,
    },
    /// The proof does not bind the request to the invitation's code: somebody else made it.
    #[error("the request for {identity} is not from whoever was invited")]
    ForgedProof {
        /// Which.
        identity: Identity,
    },
    /// The words of the person were not given.
    #[error("the words were not compared")]
    WordsMissing,
    /// The person did not read out the words of what waits.
    #[error("the words of {identity} are not the same")]
    WordsDiffer {
        /// Who was invited.
        identity: Identity,
    },
    /// What waits is of the other kind.
    #[error("what waits for {identity} is no request on an invitation, or no renewal")]
    OtherKind {
        /// Which.
        identity: Identity,
        /// Whether it is a renewal.
        is_renewal: bool,
    },
    /// A renewal is not believed.
    #[error("the renewal of {identity} is refused")]
    Renewal {
        /// Whose.
        identity: Identity,
        /// Why.
        #[source]
        fault: RenewalError,
    },
    /// A renewal is signed by a certificate that this agency never issued to that device.
    #[error("{identity} renews by a certificate that was not issued here")]
    RenewalUnknown {
        /// Whose.
        identity: Identity,
    },
    /// A renewal is signed by a revoked certificate.
    #[error("{identity} renews by a revoked certificate")]
    RenewalRevoked {
        /// Whose.
        identity: Identity,
    },
    /// A renewal is signed by a key that is not the newest certified for that device.
    #[error("{identity} renews by an earlier key than the one certified last")]
    RenewalSuperseded {
        /// Whose.
        identity: Identity,
    },
    /// Some requests could not be answered; the others were.
    #[error("{count} could not be answered")]
    Unanswered {
        /// How many.
        count: usize,
    },
    /// The file of open invitations was altered, or is another agency's.
    #[error("{} is damaged", path.display())]
    InvitationsDamaged {
        /// The file.
        path: PathBuf,
    },
    /// No more invitations may be open at one time.
    #[error("{limit} invitations are open")]
    TooManyInvitations {
        /// How many may be.
        limit: usize,
    },
    /// An answer is over its limit.
    #[error("the answer has {bytes} bytes")]
    AnswerTooLarge {
        /// Its length.
        bytes: usize,
    },
    /// A list was made, and is not in force.
    #[error("the list in {} is not published", file.display())]
    Unpublished {
        /// Where it is.
        file: PathBuf,
        /// Why not.
        #[source]
        source: Box<IssuerError>,
    },
    /// The list is dated further ahead of the server's clock than the desk takes it.
    #[error("the list is dated {retry_after_ms} ms too far ahead of the server's clock")]
    ListAhead {
        /// In how many milliseconds it is taken as it is.
        retry_after_ms: u64,
    },
    /// The number of the list is higher than the desk takes it yet.
    #[error("after list {number} the list comes {retry_after_ms} ms too early")]
    ListTooEarly {
        /// The number of the list in force.
        number: u64,
        /// In how many milliseconds one that is made then is taken.
        retry_after_ms: u64,
    },
    /// The server remembers as many serial numbers of this CA as it can.
    #[error("the CA has listed {max} serial numbers")]
    ListFull {
        /// How many that are.
        max: usize,
    },
    /// What was signed or revoked stands in the folder's ledger and is not published.
    #[error("the ledger is not published")]
    LedgerUnpublished {
        /// Why not.
        #[source]
        source: Box<IssuerError>,
    },
    /// Devices still hang on what a charter drops.
    #[error("{count} devices hang on what the charter drops")]
    WouldCut {
        /// How many.
        count: usize,
    },
    /// No certificate of that serial or identity was issued here.
    #[error("nothing was issued under that name or number")]
    NotIssued,
    /// A passphrase is needed and there is neither a file nor a terminal.
    #[error("no passphrase")]
    PassphraseMissing,
    /// The two passphrases typed are not the same.
    #[error("the passphrases differ")]
    PassphrasesDiffer,
    /// The random source or a signature failed.
    #[error("cryptography failed: {act}")]
    Crypto {
        /// What was tried.
        act: &'static str,
    },
}

impl From<FileError> for IssuerError {
    fn from(error: FileError) -> Self {
        Self::Io { act: error.act, path: error.path, source: error.source }
    }
}
