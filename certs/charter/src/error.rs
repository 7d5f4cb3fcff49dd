//! Why something was not believed. One enum for each thing that is judged.

mod crl;
mod trust;

pub use crl::{CrlError, ListFault};
pub use trust::{Lapse, TrustError};

use crate::key_owner::KeyOwner;
use alcove_proto::{canonical::CanonicalError, names::NameError, names::TrustDomain};

/// What is wrong with a CA certificate that a charter lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CaFault {
    /// Over [`alcove_proto::limits::CERTIFICATE_BYTES_MAX`].
    #[error("the certificate is too large")]
    TooLarge,
    /// No X.509 certificate, or one with contradictory extensions.
    #[error("the certificate does not parse")]
    Malformed,
    /// Basic constraints do not make it a CA.
    #[error("the certificate is not a CA's")]
    NotACa,
    /// The key is not on P-256.
    #[error("the key is not a P-256 key")]
    Key,
    /// The key usage, where stated, lets it sign no certificates or no CRLs.
    #[error("the key may not sign certificates and lists")]
    KeyUsage,
    /// It carries name constraints; TLS libraries would refuse the staff (PROTOCOL.md, "Certificates").
    #[error("the certificate carries name constraints")]
    NameConstraints,
    /// It is not signed by its own key.
    #[error("the certificate is not signed by its own key")]
    NotSelfSigned,
}

/// Why a charter was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CharterError {
    /// Over [`alcove_proto::limits::CHARTER_BYTES_MAX`].
    #[error("the charter has {bytes} bytes")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The bytes are no such message in its canonical form.
    #[error(transparent)]
    Encoding(#[from] CanonicalError),
    /// A format this version does not know.
    #[error("format {found} is not known")]
    Format {
        /// What it says.
        found: u32,
    },
    /// It states rules that this version does not know: a newer Alcove is needed.
    #[error("it states rules {found}, which need a newer Alcove")]
    NewerRules {
        /// Which.
        found: u32,
    },
    /// It states earlier rules than the version before.
    #[error("it states rules {offered} after rules {held}")]
    RulesBack {
        /// Of the version before.
        held: u32,
        /// Of this one.
        offered: u32,
    },
    /// The collaborative's name is no domain.
    #[error("the collaborative's name is no domain")]
    Collaborative,
    /// Versions count from 1.
    #[error("version 0")]
    Version,
    /// Version 1 names no predecessor; every other names one by 32 bytes.
    #[error("the hash of the version before is missing or out of place")]
    PreviousHash,
    /// It would end before it begins.
    #[error("the charter ends before it begins")]
    Times,
    /// None, or over [`alcove_proto::limits::AGENCIES_MAX`].
    #[error("{count} agencies")]
    AgencyCount {
        /// How many.
        count: usize,
    },
    /// Agencies are not sorted by trust domain, or one stands twice: the first one out of order.
    #[error("the agencies are not in order, or {0} stands twice")]
    AgencyOrder(TrustDomain),
    /// An agency's trust domain is no domain name.
    #[error("an agency's trust domain is no domain name")]
    TrustDomain(#[from] NameError),
    /// The trust domain is not one label below the collaborative.
    #[error("{0} is not of this collaborative")]
    OutsideCollaborative(TrustDomain),
    /// The display name is empty, too long, or has hidden characters.
    #[error("the display name of {0} is not one line of visible text")]
    DisplayName(TrustDomain),
    /// Two agencies would look the same to people.
    #[error("{trust_domain} has the display name of {other}")]
    DisplayNameTaken {
        /// The second one.
        trust_domain: TrustDomain,
        /// The first one.
        other: TrustDomain,
    },
    /// The side is not stated, or unknown to this version.
    #[error("the side of {0} is not known")]
    Side(TrustDomain),
    /// No CA certificate, or over [`alcove_proto::limits::AGENCY_CAS_MAX`].
    #[error("{trust_domain} has {count} CA certificates")]
    CaCount {
        /// Whose.
        trust_domain: TrustDomain,
        /// How many.
        count: usize,
    },
    /// A CA certificate cannot serve.
    #[error("a CA certificate of {trust_domain} cannot serve")]
    Ca {
        /// Whose.
        trust_domain: TrustDomain,
        /// Why.
        #[source]
        fault: CaFault,
    },
    /// One key would speak for two: the second one.
    #[error("{0} shares a key with another entry")]
    KeyShared(TrustDomain),
    /// It lists a key that another owner had, in this version or an earlier one, or that had another purpose.
    #[error("it lists as {listed} a key that is {owner}")]
    KeyOfAnother {
        /// What the key is listed as.
        listed: KeyOwner,
        /// Whose it has been from the first version that lists it.
        owner: KeyOwner,
    },
    /// The entry does not show that the agency holds the keys of its CAs.
    #[error("the entry of {0} does not show that it holds the key of its CA")]
    CaClaimMissing(TrustDomain),
    /// A CA's key has not signed for the agency that lists it.
    #[error("the key of a CA has not signed for {0}, which lists it")]
    BadCaClaim(TrustDomain),
    /// It states no rules, and an entry has what came with them.
    #[error("it states no rules, and the entry of {0} has claims, which came with them")]
    ClaimsWithoutRules(TrustDomain),
    /// What it states of the directory key has another length than a hash.
    #[error("the hash of the directory key has another length")]
    DirectoryKeyHash,
    /// It states no rules, and the directory key's hash, which came with them.
    #[error("it states no rules, and the hash of the directory key, which came with them")]
    DirectoryKeyWithoutRules,
    /// A version before stated the directory key's hash, and this one states another or none.
    #[error("version {version} takes back which directory key all have signed for")]
    DirectoryKeyTakenBack {
        /// What it says.
        version: u64,
    },
    /// The charter key is no P-256 point.
    #[error("the charter key of {0} is no P-256 point")]
    CharterKey(TrustDomain),
    /// The sealing key is no P-256 point.
    #[error("the sealing key of {0} is no P-256 point")]
    SealingKey(TrustDomain),
    /// The recovery key is neither empty nor a P-256 point.
    #[error("the recovery key of {0} is no P-256 point")]
    RecoveryKey(TrustDomain),
    /// Fewer than a majority could sign two versions of one number; more than all could never sign.
    #[error("a quorum of {quorum} among {agencies} agencies")]
    Quorum {
        /// What it says.
        quorum: u32,
        /// How many agencies there are.
        agencies: usize,
    },
    /// No server CA, or over [`alcove_proto::limits::AGENCY_CAS_MAX`].
    #[error("{count} server CA certificates")]
    ServerCaCount {
        /// How many.
        count: usize,
    },
    /// A server CA certificate cannot serve.
    #[error("a server CA certificate cannot serve")]
    ServerCa(#[source] CaFault),
    /// A server CA has an agency's key: the operator would be an agency.
    #[error("a server CA has the key of an agency")]
    ServerCaShared,
    /// The server's name is no lower-case DNS name.
    #[error("the server's name is no DNS name")]
    ServerName,

    /// Signatures are not sorted by trust domain, or one stands twice: the first one out of order.
    #[error("the signatures are not in order, or {0} signs twice")]
    SignatureOrder(TrustDomain),
    /// Somebody signs who is not concerned.
    #[error("{0} signs and is no member")]
    UnknownSigner(TrustDomain),
    /// A signature does not verify.
    #[error("the signature of {0} does not verify")]
    BadSignature(TrustDomain),
    /// Version 1 needs every agency's signature: who has not signed.
    #[error("{} agencies have not signed", .0.len())]
    NotSignedByAll(Vec<TrustDomain>),
    /// A later version needs the quorum of the version before.
    #[error("{signed} of {quorum} members have signed")]
    BelowQuorum {
        /// Members of the version before that signed.
        signed: usize,
        /// How many it asks for.
        quorum: u32,
    },
    /// An agency's entry was changed, or an agency was added, without its own signature.
    #[error("the entry of {0} is new or changed and not signed by it")]
    EntryNotSigned(TrustDomain),

    /// A history begins with version 1.
    #[error("version {version} is not the first")]
    NotFirst {
        /// What it says.
        version: u64,
    },
    /// Versions between are missing.
    #[error("version {offered} after version {held}")]
    Gap {
        /// The newest held.
        held: u64,
        /// The one offered.
        offered: u64,
    },
    /// It does not name the version before by its hash.
    #[error("version {version} does not follow the one held")]
    WrongPrevious {
        /// What it says.
        version: u64,
    },
    /// Two charters with one number: somebody shows different people different members.
    #[error("two charters with version {version}")]
    Fork {
        /// The number.
        version: u64,
    },
    /// It is another collaborative's.
    #[error("the charter is of another collaborative")]
    OtherCollaborative,
    /// It was issued before the version it follows.
    #[error("version {version} is older than the one it follows")]
    IssuedBeforePrevious {
        /// What it says.
        version: u64,
    },
    /// Over [`crate::CHARTER_VERSIONS_MAX`].
    #[error("more versions than a history holds")]
    TooManyVersions,
    /// It has ended.
    #[error("the charter ended")]
    Expired {
        /// When, milliseconds since 1970.
        not_after_ms: i64,
    },
    /// The sealed directory keys are not one for each agency, in order.
    #[error("the sealed directory keys do not match the agencies")]
    DirectoryKeys,
}

/// Why a signed body was refused, whatever it says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignedBodyError {
    /// Over its limit in [`alcove_proto::limits`], or a part of it over its own.
    #[error("it is too large")]
    TooLarge,
    /// The bytes are no such message in its canonical form.
    #[error(transparent)]
    Encoding(#[from] CanonicalError),
    /// A format this version does not know.
    #[error("format {found} is not known")]
    Format {
        /// What it says.
        found: u32,
    },
    /// It names nobody, where it should name a device or an agency.
    #[error("it names nobody")]
    Name(#[from] NameError),
    /// The certificate that signs is not believed, or not for this.
    #[error("the certificate that signs is not believed")]
    Certificate(#[from] TrustError),
    /// The signature is not by the key that should have signed.
    #[error("the signature does not verify")]
    BadSignature,
}

/// Why a card was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CardError {
    /// The signed body is refused, whatever it says.
    #[error(transparent)]
    Body(#[from] SignedBodyError),
    /// The card is somebody else's.
    #[error("the card is of another person")]
    OtherPerson,
    /// Name or role is empty, too long, or has hidden characters.
    #[error("name or role is not one line of visible text")]
    Text,
    /// No agency of the charter has that person's trust domain.
    #[error("{0} is no member")]
    UnknownAgency(TrustDomain),
}
