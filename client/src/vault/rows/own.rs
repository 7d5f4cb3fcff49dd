//! Rows of the device itself: its keys and certificates, how it came by them, and how it comes by the next ones.

use prost::Message;
use zeroize::ZeroizeOnDrop;

/// The keys of this device, from the first moment of its enrolment.
#[derive(Clone, PartialEq, Message, ZeroizeOnDrop)]
#[prost(skip_debug)]
pub struct DeviceRow {
    /// PKCS#8 DER, P-256.
    #[prost(bytes = "vec", tag = "1")]
    pub tls_key: Vec<u8>,
    /// PKCS#8 DER, P-256.
    #[prost(bytes = "vec", tag = "2")]
    pub mls_key: Vec<u8>,
    /// HPKE private key (DHKEM P-256), as the library gives it.
    #[prost(bytes = "vec", tag = "3")]
    pub sealing_key: Vec<u8>,
    /// Uncompressed P-256 point, 65 bytes.
    #[prost(bytes = "vec", tag = "4")]
    pub sealing_public_key: Vec<u8>,
    /// The encoded EnrolmentRequest (D.req), so that writing it again gives the same file.
    #[prost(bytes = "vec", tag = "5")]
    pub request: Vec<u8>,
}

/// What the agency answered, verified.
#[derive(Clone, PartialEq, Message, ZeroizeOnDrop)]
#[prost(skip_debug)]
pub struct EnrolmentRow {
    /// The device's name.
    #[prost(string, tag = "1")]
    pub identity: String,
    /// DER, leaf first, without the trust anchor.
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub tls_chain: Vec<Vec<u8>>,
    /// DER, leaf first, without the trust anchor.
    #[prost(bytes = "vec", repeated, tag = "3")]
    pub mls_chain: Vec<Vec<u8>>,
    /// Encoded SignedCard.
    #[prost(bytes = "vec", tag = "4")]
    pub card: Vec<u8>,
    /// 32 bytes.
    #[prost(bytes = "vec", tag = "5")]
    pub directory_key: Vec<u8>,
    /// host:port.
    #[prost(string, tag = "6")]
    pub server_address: String,
    /// Milliseconds since 1970.
    #[prost(int64, tag = "7")]
    pub enrolled_at_ms: i64,
    /// host:port of the server's desk; empty when nobody has named one.
    #[prost(string, tag = "8")]
    pub desk_address: String,
    /// SHA-256 of the invitation it came of; empty when it came by files. Accepting that one again changes nothing.
    #[prost(bytes = "vec", tag = "9")]
    pub invitation_hash: Vec<u8>,
}

/// The invitation this device has accepted, until it is enrolled by it.
#[derive(Clone, PartialEq, Message, ZeroizeOnDrop)]
#[prost(skip_debug)]
pub struct InvitationRow {
    /// Its text, as it is handed over: whoever has it can hand in a request in this person's name.
    #[prost(string, tag = "1")]
    pub text: String,
    /// Encoded SignedCharters from version 1, verified, the one the invitation names among them.
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub charters: Vec<Vec<u8>>,
    /// When the desk took the request, milliseconds since 1970; 0 for not yet.
    #[prost(int64, tag = "3")]
    pub handed_in_at_ms: i64,
}

/// New keys of this device on their way to being certified.
#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
pub struct RenewalRow {
    /// The keys and the request for them; wiped when dropped.
    #[prost(message, optional, tag = "1")]
    pub device: Option<DeviceRow>,
    /// When they were made, milliseconds since 1970.
    #[prost(int64, tag = "2")]
    pub made_at_ms: i64,
    /// When the desk took them, milliseconds since 1970; 0 for not yet.
    #[prost(int64, tag = "3")]
    pub handed_in_at_ms: i64,
    /// When they were found to be refused, milliseconds since 1970; 0 for not.
    #[prost(int64, tag = "4")]
    pub refused_at_ms: i64,
    /// When the desk was last asked, milliseconds since 1970.
    #[prost(int64, tag = "5")]
    pub asked_at_ms: i64,
    /// The desk did not answer when it was last asked.
    #[prost(bool, tag = "6")]
    pub desk_silent: bool,
    /// When what the desk gave out as the answer was none to this request, milliseconds since 1970; 0 for never.
    #[prost(int64, tag = "7")]
    pub bad_answer_at_ms: i64,
}

/// A key this device has given up. Welcomes to its key packages are still opened as the device it was then.
#[derive(Clone, PartialEq, Message, ZeroizeOnDrop)]
#[prost(skip_debug)]
pub struct FormerKeyRow {
    /// PKCS#8 DER, P-256.
    #[prost(bytes = "vec", tag = "1")]
    pub mls_key: Vec<u8>,
    /// DER, leaf first, without the trust anchor.
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub mls_chain: Vec<Vec<u8>>,
}
