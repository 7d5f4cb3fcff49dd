//! The ledger as it is published: what the folder's own ledger says, in order, on the chain that server and devices
//! follow, and its way to the desk.
//!
//! It is made anew from the folder's ledger each time, line by line, so that no second file can say something else.
//! Whatever is killed on the way, the next publication asks the server how far it got and goes on from there.
//! PROTOCOL.md, "Ledger".

use crate::{
    ca::agency::AgencyCa,
    desk::{
        calls::{bad, unhurried},
        orders::Desk,
    },
    error::IssuerError,
    ledger::entries::{Event, Kind, Reason, serial_bytes},
};
use alcove_charter::{
    LedgerEvent, LedgerHead, LedgerIssued, LedgerKind, LedgerPoint, Serial, ledger_signing_bytes,
};
use alcove_proto::{ids::Digest, limits::LEDGER_ENTRIES_PER_CALL_MAX, names::TrustDomain, v1};
use alcove_rpc::v1::ledgers_client::LedgersClient;
use prost::Message;

/// A ledger that the server has now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublishedLedger {
    /// Its entries.
    pub entries: u64,
    /// Those that the server did not have before.
    pub new: u64,
}

/// The published form of a folder's ledger.
struct Chain {
    trust_domain: TrustDomain,
    /// Encoded, each with where it leads and when it happened.
    entries: Vec<(Vec<u8>, LedgerPoint, i64)>,
}

impl AgencyCa {
    fn chain(&self) -> Result<Chain, IssuerError> {
        let trust_domain = self.profile().trust_domain.clone();
        let mut point = LedgerPoint::start(&trust_domain);
        let mut entries = Vec::new();
        for (index, event) in self.home.ledger.events()?.iter().enumerate() {
            let damaged = || self.home.ledger.damaged_at(index + 1);
            let (time_ms, event) = published(event).ok_or_else(damaged)?;
            let entry = point.write(&trust_domain, time_ms, &event).map_err(|_| damaged())?;
            entries.push((entry, point, time_ms));
        }
        Ok(Chain { trust_domain, entries })
    }
}

/// When it happened, and what is published of it; nothing for a line that no agency's ledger has.
fn published(event: &Event) -> Option<(i64, LedgerEvent)> {
    Some(match event {
        Event::Issued(issued) => {
            let kind = match issued.kind {
                Kind::Tls => LedgerKind::DeviceTls,
                Kind::Mls => LedgerKind::DeviceMls,
                Kind::Duty => LedgerKind::Duty,
                Kind::Server | Kind::Receipts => return None,
            };
            let identity = match kind {
                LedgerKind::DeviceTls | LedgerKind::DeviceMls => Some(issued.name.parse().ok()?),
                LedgerKind::Duty => None,
            };
            let issued_event = LedgerIssued {
                kind,
                identity,
                serial: serial_of(&issued.serial)?,
                key_hash: issued.key.parse::<Digest>().ok()?,
                not_after_ms: issued.not_after_ms,
            };
            (issued.at_ms, LedgerEvent::Issued(issued_event))
        }
        Event::Revoked(revoked) => {
            let serial = serial_of(&revoked.serial)?;
            (revoked.at_ms, LedgerEvent::Revoked { serial, reason: reason_number(revoked.reason) })
        }
        Event::Crl(crl) => (crl.at_ms, LedgerEvent::Crl { number: crl.number }),
        // What it revokes of this agency's certificates stands in lines of its own before it.
        Event::Adopted(list) => (list.at_ms, LedgerEvent::Crl { number: list.number }),
    })
}

fn serial_of(text: &str) -> Option<Serial> {
    serial_bytes(text).map(|bytes| Serial::from_der_content(&bytes))
}

/// CRLReason (RFC 5280 section 5.3.1).
fn reason_number(reason: Reason) -> u32 {
    match reason {
        Reason::Unspecified => 0,
        Reason::KeyCompromise => 1,
        Reason::AffiliationChanged => 3,
        Reason::Superseded => 4,
        Reason::CessationOfOperation => 5,
    }
}

impl Chain {
    /// The encoded [`v1::SignedLedgerHead`] at entry `count`, complete until `now_ms` if that is the last one.
    fn signed_head(&self, count: usize, ca: &AgencyCa, now_ms: i64) -> Result<Vec<u8>, IssuerError> {
        let (_, point, time_ms) =
            count.checked_sub(1).and_then(|index| self.entries.get(index)).ok_or_else(unexpected)?;
        // What came after it was signed after it: it may not be said to be missing.
        let time_ms = if count == self.entries.len() { now_ms } else { *time_ms };
        let head = LedgerHead { trust_domain: self.trust_domain.clone(), point: *point, time_ms }.encode();
        let signature = ca.charter_key().sign(&ledger_signing_bytes(&head))?;
        Ok(v1::SignedLedgerHead { head, signature }.encode_to_vec())
    }

    fn entries(&self, from: usize, to: usize) -> Vec<Vec<u8>> {
        let entries = self.entries.get(from..to).unwrap_or_default();
        entries.iter().map(|(entry, ..)| entry.clone()).collect()
    }
}

fn unexpected() -> IssuerError {
    bad("a number of entries that cannot be")
}

impl Desk {
    /// Publishes what the folder's ledger says and the server does not have yet, and that nothing is missing until
    /// `now_ms`. Again it changes nothing but that time.
    ///
    /// Errors: [`IssuerError`]; [`DeskError::Refused`](crate::DeskError::Refused) with [`v1::Reason::LedgerRefused`] when the server has a
    /// ledger of this agency that this one does not lead on from.
    pub async fn publish_ledger(&self, ca: &AgencyCa, now_ms: i64) -> Result<PublishedLedger, IssuerError> {
        let chain = ca.chain()?;
        let total = chain.entries.len();
        let whole = chain.signed_head(total, ca, now_ms)?;
        let mut held = self.submit_ledger(Vec::new(), whole, total).await?;
        let new = (total - held) as u64;
        while held < total {
            let last = total.min(held + LEDGER_ENTRIES_PER_CALL_MAX);
            let head = chain.signed_head(last, ca, now_ms)?;
            let count = self.submit_ledger(chain.entries(held, last), head, total).await?;
            if count != last {
                return Err(unexpected());
            }
            held = last;
        }
        Ok(PublishedLedger { entries: total as u64, new })
    }

    /// How many entries the server has then, `total` at most.
    async fn submit_ledger(
        &self,
        entries: Vec<Vec<u8>>,
        signed_head: Vec<u8>,
        total: usize,
    ) -> Result<usize, IssuerError> {
        let request = v1::SubmitLedgerRequest { entries, signed_head };
        let answer = unhurried(|| {
            let mut client = LedgersClient::new(self.channel.clone());
            let request = request.clone();
            async move { client.submit_ledger(request).await }
        })
        .await?;
        let count = usize::try_from(answer.count).unwrap_or(usize::MAX);
        if count > total { Err(unexpected()) } else { Ok(count) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::entries::{IssuedEntry, Revocation};

    fn issued(kind: Kind, name: &str) -> Event {
        Event::Issued(IssuedEntry {
            serial: "40aa".to_owned(),
            kind,
            name: name.to_owned(),
            key: "11".repeat(32),
            at_ms: 5,
            not_after_ms: 9,
            ca: None,
        })
    }

    #[test]
    fn every_line_of_an_agencys_ledger_has_its_entry_and_a_servers_has_none() {
        let device = "spiffe://harborlight.northmark.example/staff/abcdefghijklmn27/device/1";
        let serial = || Serial::from_der_content(&[0x40, 0xaa]);
        let entry = |kind, identity| {
            let key_hash = Digest([0x11; 32]);
            let issued = LedgerIssued { kind, identity, serial: serial(), key_hash, not_after_ms: 9 };
            Some((5, LedgerEvent::Issued(issued)))
        };
        let named = Some(device.parse().unwrap());
        assert_eq!(published(&issued(Kind::Tls, device)), entry(LedgerKind::DeviceTls, named.clone()));
        assert_eq!(published(&issued(Kind::Mls, device)), entry(LedgerKind::DeviceMls, named));
        let duty = "spiffe://harborlight.northmark.example/duty";
        assert_eq!(published(&issued(Kind::Duty, duty)), entry(LedgerKind::Duty, None));
        for kind in [Kind::Server, Kind::Receipts] {
            assert_eq!(published(&issued(kind, "alcove.northmark.example")), None);
        }
        let revoked = Revocation { serial: "40aa".to_owned(), reason: Reason::KeyCompromise, at_ms: 6 };
        let expected = LedgerEvent::Revoked { serial: serial(), reason: 1 };
        assert_eq!(published(&Event::Revoked(revoked)), Some((6, expected)));
    }
}
