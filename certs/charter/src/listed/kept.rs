//! What was ever listed, as it is kept.

use super::{EverListed, Listing};
use crate::{
    certificate::Serial,
    kept::{Kept, KeptListing},
    key::P256Point,
};
use alcove_proto::{ids::Digest, limits::LISTED_SERIALS_MAX};
use prost::Message;
use std::collections::BTreeMap;

/// Bytes of what was ever listed of an agency, as it is kept, at most.
pub const EVER_LISTED_BYTES_MAX: usize = super::FULL_CAS_MAX * LISTED_SERIALS_MAX * 96;

impl EverListed {
    /// The bytes to keep.
    pub fn encode(&self) -> Vec<u8> {
        let rows = self.serials.iter().flat_map(|(serial, rows)| rows.iter().map(move |row| (serial, row)));
        let listings = rows.map(|(serial, row)| KeptListing {
            serial: serial.as_bytes().to_vec(),
            // Cannot fail: an agency has had fewer CAs than a charter has versions.
            signer: u32::try_from(row.signer).unwrap_or(u32::MAX),
            first: row.first,
            exact: row.exact,
            revoked_at_ms: row.revoked_at_ms,
            since_ms: row.since_ms,
            charter_version: row.charter_version,
            not_before: row.not_before,
        });
        let signers = self.signers.iter().map(|signer| signer.as_bytes().to_vec()).collect();
        let newest = self.newest.map(Digest::to_vec).unwrap_or_default();
        Kept { signers, listings: listings.collect(), pace: self.pace, newest }.encode_to_vec()
    }

    /// Reads what [`Self::encode`] wrote; nothing for anything else.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let kept = Kept::decode(bytes).ok()?;
        let signers: Vec<P256Point> =
            kept.signers.iter().map(|signer| P256Point::parse(signer)).collect::<Option<_>>()?;
        let mut serials: BTreeMap<Serial, Vec<Listing>> = BTreeMap::new();
        for row in kept.listings {
            let signer = usize::try_from(row.signer).ok().filter(|signer| *signer < signers.len())?;
            serials.entry(Serial::from_der_content(&row.serial)).or_default().push(Listing {
                signer,
                first: row.first,
                exact: row.exact,
                not_before: row.not_before,
                revoked_at_ms: row.revoked_at_ms,
                since_ms: row.since_ms,
                charter_version: row.charter_version,
            });
        }
        let newest = match kept.newest.as_slice() {
            [] => None,
            hash => Some(Digest::try_from(hash).ok()?),
        };
        let listed = Self { signers, serials, pace: kept.pace, newest };
        listed.is_within_limits().then_some(listed)
    }
}

#[cfg(test)]
mod tests;
