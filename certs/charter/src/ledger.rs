//! The published ledger: what an agency's CA has signed and revoked, on one hash chain with a signed end.
//!
//! An entry carries the hash of the one before, so that whoever has seen a ledger up to some entry notices when another
//! is shown in its place; the agency signs where it ends and until when it is complete. Everybody reads it by the same
//! code: the issuer writes it ([`LedgerPoint::write`]), server and device follow it ([`LedgerPoint::follow`]).
//! PROTOCOL.md, "Ledger".

use crate::{
    certificate::Serial,
    denial::duty_name,
    error::SignedBodyError,
    history::CharterHistory,
    key::{P256Point, sha256},
    signed_body::{self, FORMAT, Parts, SignedBody},
};
use alcove_proto::{
    ids::Digest,
    limits::{LEDGER_ENTRIES_MAX, LEDGER_ENTRY_BYTES_MAX, LEDGER_HEAD_BYTES_MAX},
    names::{Identity, TrustDomain},
    v1::{self, ledger_entry::Event},
};
use prost::Message;

/// Content octets of a serial number: twenty (RFC 5280 section 4.1.2.2), and the zero that DER may put in front.
const SERIAL_BYTES_MAX: usize = 21;
/// Highest CRLReason (RFC 5280 section 5.3.1).
const REASON_MAX: u32 = 10;

/// What an agency's charter key signs for an encoded [`v1::LedgerHead`].
pub fn ledger_signing_bytes(head: &[u8]) -> Vec<u8> {
    [b"alcove ledger v1\0", head].concat()
}

/// Why a ledger, or a part of it, was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// An entry or a head is refused, whatever it says; or there are more than [`LEDGER_ENTRIES_MAX`] entries.
    #[error(transparent)]
    Body(#[from] SignedBodyError),
    /// A number is left out, or comes twice.
    #[error("entry {expected} is expected, and {found} is there")]
    Number {
        /// The next one.
        expected: u64,
        /// What it says.
        found: u64,
    },
    /// The entry does not follow the one before: two ledgers of one agency.
    #[error("entry {number} does not follow the one before")]
    Fork {
        /// Its number.
        number: u64,
    },
    /// An entry about nothing, or about something that is not as it should be.
    #[error("entry {number} does not say what it should")]
    Event {
        /// Its number.
        number: u64,
    },
    /// The head is at no entry, or its hash is none.
    #[error("the head is none")]
    Head,
}

/// What a certificate in a ledger is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LedgerKind {
    /// A device's TLS connections.
    DeviceTls,
    /// A device's MLS signatures.
    DeviceMls,
    /// A duty officer's denials.
    Duty,
}

/// A certificate that an agency's CA has signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerIssued {
    /// What it is for.
    pub kind: LedgerKind,
    /// The device it names; nothing for the duty officer's, whose name follows from the agency's.
    pub identity: Option<Identity>,
    /// Its serial number.
    pub serial: Serial,
    /// SHA-256 of the certified point.
    pub key_hash: Digest,
    /// Its last moment, milliseconds since 1970.
    pub not_after_ms: i64,
}

/// What an entry is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LedgerEvent {
    /// A certificate was signed.
    Issued(LedgerIssued),
    /// A certificate was revoked.
    Revoked {
        /// Its serial number.
        serial: Serial,
        /// CRLReason (RFC 5280 section 5.3.1).
        reason: u32,
    },
    /// A CRL was made.
    Crl {
        /// Its number.
        number: u64,
    },
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerEntry {
    /// From 1 without gaps.
    pub number: u64,
    /// When, by the admin's clock, milliseconds since 1970.
    pub time_ms: i64,
    /// What.
    pub event: LedgerEvent,
}

/// How far a ledger goes, or has been followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerPoint {
    /// Entries so far.
    pub count: u64,
    /// Hash of the last one; before the first one what the ledger begins with.
    pub head: Digest,
}

impl LedgerPoint {
    /// Before the first entry of an agency's ledger.
    pub fn start(trust_domain: &TrustDomain) -> Self {
        let start = sha256(&[b"alcove ledger start v1\0", trust_domain.as_str().as_bytes()]);
        Self { count: 0, head: Digest(start) }
    }

    /// Encodes the next entry of the agency's ledger, and goes on behind it.
    ///
    /// Errors: [`SignedBodyError::TooLarge`], [`LedgerError::Event`] for what no reader would take; then it stays.
    pub fn write(
        &mut self,
        trust_domain: &TrustDomain,
        time_ms: i64,
        event: &LedgerEvent,
    ) -> Result<Vec<u8>, LedgerError> {
        let entry = v1::LedgerEntry {
            format: FORMAT,
            number: self.count + 1,
            previous: self.head.to_vec(),
            time_ms,
            event: Some(message_of(event, trust_domain)),
        }
        .encode_to_vec();
        self.follow(trust_domain, &entry)?;
        Ok(entry)
    }

    /// Reads the next entry of the agency's ledger, and goes on behind it.
    ///
    /// Errors: [`LedgerError`]; then it stays.
    pub fn follow(&mut self, trust_domain: &TrustDomain, entry: &[u8]) -> Result<LedgerEntry, LedgerError> {
        if self.count >= LEDGER_ENTRIES_MAX {
            return Err(SignedBodyError::TooLarge.into());
        }
        let format = |entry: &v1::LedgerEntry| entry.format;
        let message = signed_body::read(entry, LEDGER_ENTRY_BYTES_MAX, format)?;
        let number = self.count + 1;
        if message.number != number {
            return Err(LedgerError::Number { expected: number, found: message.number });
        }
        if message.previous != self.head.as_bytes() {
            return Err(LedgerError::Fork { number });
        }
        let event = message.event.and_then(|event| event_of(event, trust_domain));
        let event = event.ok_or(LedgerError::Event { number })?;
        *self = Self { count: number, head: Digest(sha256(&[b"alcove ledger entry v1\0", entry])) };
        Ok(LedgerEntry { number, time_ms: message.time_ms, event })
    }
}

fn message_of(event: &LedgerEvent, trust_domain: &TrustDomain) -> Event {
    match event {
        LedgerEvent::Issued(issued) => Event::Issued(v1::LedgerIssued {
            kind: kind_number(issued.kind).into(),
            name: match &issued.identity {
                Some(identity) => identity.to_string(),
                None => duty_name(trust_domain),
            },
            serial: issued.serial.as_bytes().to_vec(),
            key_hash: issued.key_hash.to_vec(),
            not_after_ms: issued.not_after_ms,
        }),
        LedgerEvent::Revoked { serial, reason } => {
            Event::Revoked(v1::LedgerRevoked { serial: serial.as_bytes().to_vec(), reason: *reason })
        }
        LedgerEvent::Crl { number } => Event::Crl(v1::LedgerCrl { number: *number }),
    }
}

/// Nothing for what is not as it should be: another agency's device among it.
fn event_of(event: Event, trust_domain: &TrustDomain) -> Option<LedgerEvent> {
    match event {
        Event::Issued(issued) => {
            let kind = match issued.kind() {
                v1::LedgerKind::Unspecified => return None,
                v1::LedgerKind::DeviceTls => LedgerKind::DeviceTls,
                v1::LedgerKind::DeviceMls => LedgerKind::DeviceMls,
                v1::LedgerKind::Duty => LedgerKind::Duty,
            };
            let identity = match kind {
                LedgerKind::DeviceTls | LedgerKind::DeviceMls => {
                    let identity: Identity = issued.name.parse().ok()?;
                    Some(identity).filter(|identity| identity.person.trust_domain == *trust_domain)
                }
                LedgerKind::Duty => None,
            };
            if identity.is_none() && (kind != LedgerKind::Duty || issued.name != duty_name(trust_domain)) {
                return None;
            }
            Some(LedgerEvent::Issued(LedgerIssued {
                kind,
                identity,
                serial: serial_of(&issued.serial)?,
                key_hash: Digest::try_from(issued.key_hash.as_slice()).ok()?,
                not_after_ms: issued.not_after_ms,
            }))
        }
        Event::Revoked(revoked) if revoked.reason <= REASON_MAX => {
            Some(LedgerEvent::Revoked { serial: serial_of(&revoked.serial)?, reason: revoked.reason })
        }
        Event::Revoked(_) => None,
        Event::Crl(crl) => Some(LedgerEvent::Crl { number: crl.number }),
    }
}

fn serial_of(bytes: &[u8]) -> Option<Serial> {
    (1..=SERIAL_BYTES_MAX).contains(&bytes.len()).then(|| Serial::from_der_content(bytes))
}

fn kind_number(kind: LedgerKind) -> v1::LedgerKind {
    match kind {
        LedgerKind::DeviceTls => v1::LedgerKind::DeviceTls,
        LedgerKind::DeviceMls => v1::LedgerKind::DeviceMls,
        LedgerKind::Duty => v1::LedgerKind::Duty,
    }
}

/// Where a ledger ends, said by its agency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerHead {
    /// Whose.
    pub trust_domain: TrustDomain,
    /// Its end: one entry at least.
    pub point: LedgerPoint,
    /// Everything the agency signed until then is in it; by the admin's clock, milliseconds since 1970.
    pub time_ms: i64,
}

impl LedgerHead {
    /// An encoded [`v1::LedgerHead`], to be signed.
    pub fn encode(&self) -> Vec<u8> {
        v1::LedgerHead {
            format: FORMAT,
            trust_domain: self.trust_domain.to_string(),
            count: self.point.count,
            head: self.point.head.to_vec(),
            time_ms: self.time_ms,
        }
        .encode_to_vec()
    }
}

/// A head as it came: not believed before its signature has been checked.
#[derive(Debug, Clone)]
pub struct SignedLedgerHead {
    head: LedgerHead,
    signed: SignedBody<v1::LedgerHead>,
}

impl SignedLedgerHead {
    /// Parses an encoded [`v1::SignedLedgerHead`].
    ///
    /// Errors: [`LedgerError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, LedgerError> {
        let parts = |signed: v1::SignedLedgerHead| Parts {
            body: signed.head,
            signature: signed.signature,
            certificate: Vec::new(),
        };
        let format = |head: &v1::LedgerHead| head.format;
        let signed = signed_body::open(bytes, LEDGER_HEAD_BYTES_MAX, parts, format)?;
        let message = &signed.message;
        if message.count > LEDGER_ENTRIES_MAX {
            return Err(SignedBodyError::TooLarge.into());
        }
        let hash = Digest::try_from(message.head.as_slice()).map_err(|_| LedgerError::Head)?;
        if message.count == 0 {
            return Err(LedgerError::Head);
        }
        let head = LedgerHead {
            trust_domain: message.trust_domain.parse().map_err(SignedBodyError::from)?,
            point: LedgerPoint { count: message.count, head: hash },
            time_ms: message.time_ms,
        };
        Ok(Self { head, signed })
    }

    /// The agency that it says to be of: whose key is to be asked.
    pub fn claimed_agency(&self) -> &TrustDomain {
        &self.head.trust_domain
    }

    /// The head, if that key signed it.
    ///
    /// Errors: [`SignedBodyError::BadSignature`].
    pub fn verified_by(&self, charter_key: &P256Point) -> Result<&LedgerHead, LedgerError> {
        self.signed.verify(charter_key, ledger_signing_bytes)?;
        Ok(&self.head)
    }

    /// The head, if a charter key of its agency signed it, and the newest charter version that names this key.
    ///
    /// A head stays good when the agency's key has changed since; that none by an older key comes after one by a newer
    /// is the caller's to see.
    /// Errors: [`SignedBodyError::BadSignature`].
    pub fn verified_in(&self, charters: &CharterHistory) -> Result<(&LedgerHead, u64), LedgerError> {
        for charter in charters.charters().rev() {
            let Some(agency) = charter.agency(&self.head.trust_domain) else { continue };
            if let Ok(head) = self.verified_by(&agency.charter_key) {
                return Ok((head, charter.version));
            }
        }
        Err(SignedBodyError::BadSignature.into())
    }
}

#[cfg(test)]
mod tests;
