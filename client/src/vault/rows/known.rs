//! Rows about other people's keys: what was seen, what changed, what was compared.

use prost::Message;

/// The devices of a person that are believed, each with the key it signed with last.
#[derive(Clone, PartialEq, Message)]
pub struct KnownPersonRow {
    /// In order of number.
    #[prost(message, repeated, tag = "1")]
    pub devices: Vec<KnownDeviceRow>,
}

/// A person by whom this device is put on no case.
#[derive(Clone, PartialEq, Message)]
pub struct BlockedRow {
    /// Their name.
    #[prost(string, tag = "1")]
    pub person: String,
    /// Milliseconds since 1970.
    #[prost(int64, tag = "2")]
    pub since_ms: i64,
}

/// One device of a person.
#[derive(Clone, PartialEq, Message)]
pub struct KnownDeviceRow {
    /// Its number.
    #[prost(uint32, tag = "1")]
    pub device: u32,
    /// Uncompressed P-256 point, 65 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub public_key: Vec<u8>,
    /// Why it is believed: [`crate::session`] has the numbers; 0 for what an earlier version saw first.
    #[prost(uint32, tag = "60")]
    pub reason: u32,
    /// Keys that were believed before it, newest first: it signs with one of them where it has not renewed its leaf yet.
    #[prost(bytes = "vec", repeated, tag = "61")]
    pub earlier_keys: Vec<Vec<u8>>,
}

/// That the roster of a group was judged and nothing is sealed there for anybody who may not be believed. It holds for
/// this epoch and this trust material, and until somebody's keys change.
#[derive(Clone, PartialEq, Message)]
pub struct SeatsRow {
    /// Id of the epoch, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub epoch_id: Vec<u8>,
    /// SHA-256 over the charter and the lists it was judged by.
    #[prost(bytes = "vec", tag = "2")]
    pub trust: Vec<u8>,
    /// When the first certificate lapses, milliseconds since 1970: then it is judged anew.
    #[prost(int64, tag = "3")]
    pub until_ms: i64,
}

/// What was verified of the certificates in the seats of a group: a signature that held holds for ever, and what changes is
/// judged by the rest of it. A row of before has none, and every certificate is verified once more.
#[derive(Clone, PartialEq, Message)]
pub struct IssuedRow {
    /// Id of the epoch in which every seat but this device's own has its certificate here; empty where one did not verify.
    #[prost(bytes = "vec", tag = "1")]
    pub epoch_id: Vec<u8>,
    /// The certificates, by whoever signed them.
    #[prost(message, repeated, tag = "2")]
    pub issuers: Vec<IssuerRow>,
}

/// The certificates that one CA has signed.
#[derive(Clone, PartialEq, Message)]
pub struct IssuerRow {
    /// The agency that their names are of.
    #[prost(string, tag = "1")]
    pub trust_domain: String,
    /// The CA's key, under which their signatures held: uncompressed P-256 point, 65 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub key: Vec<u8>,
    /// What they say.
    #[prost(message, repeated, tag = "3")]
    pub certificates: Vec<IssuedCertificateRow>,
}

/// What one certificate says that is judged again.
#[derive(Clone, PartialEq, Message)]
pub struct IssuedCertificateRow {
    /// SHA-256 of its DER.
    #[prost(bytes = "vec", tag = "1")]
    pub certificate_hash: Vec<u8>,
    /// Its serial number, content octets of the DER integer.
    #[prost(bytes = "vec", tag = "2")]
    pub serial: Vec<u8>,
    /// First moment of validity, milliseconds since 1970.
    #[prost(int64, tag = "3")]
    pub not_before_ms: i64,
    /// Last moment of validity, milliseconds since 1970.
    #[prost(int64, tag = "4")]
    pub not_after_ms: i64,
}

/// A key that came without the word of an earlier key of the same person.
#[derive(Clone, PartialEq, Message)]
pub struct KeyChangeRow {
    /// Name of the device.
    #[prost(string, tag = "1")]
    pub identity: String,
    /// The key that came: uncompressed P-256 point, 65 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub public_key: Vec<u8>,
    /// Whether the person's other devices were known, and this one not.
    #[prost(bool, tag = "3")]
    pub new_device: bool,
    /// Milliseconds since 1970.
    #[prost(int64, tag = "4")]
    pub noticed_at_ms: i64,
}

/// An agency whose words were compared and agreed.
#[derive(Clone, PartialEq, Message)]
pub struct VerifiedRow {
    /// Its charter key then: uncompressed P-256 point, 65 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub charter_key: Vec<u8>,
    /// Milliseconds since 1970.
    #[prost(int64, tag = "2")]
    pub at_ms: i64,
}
