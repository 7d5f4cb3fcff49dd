//! The certificates of a roster, each signature verified once: what a newer charter or list says of a thousand seats is
//! then a look at each serial, and not a thousand signatures.

use super::standing::{Standing, standing};
use crate::{
    session::{Error, state::Seat},
    vault::{
        Act, VaultError,
        rows::{ChainRow, IssuedCertificateRow, IssuedRow, IssuerRow},
    },
};
use alcove_charter::{Issued, Judge, Moment, P256Point, Serial, TrustError, TrustView};
use alcove_proto::ids::{Digest, GroupId};
use std::collections::{BTreeMap, HashMap, hash_map::Entry};

/// What is remembered of a group's certificates, by hash.
#[derive(Default)]
pub(super) struct Remembered {
    of: HashMap<Digest, Issued>,
    /// Seats whose certificate does not verify under any charter: these are asked about each time.
    has_unverified: bool,
}

impl Remembered {
    pub(super) fn load(act: &Act<'_>, group: &GroupId) -> Result<Self, Error> {
        let row: IssuedRow = act.get(group.as_bytes())?.unwrap_or_default();
        let mut of = HashMap::new();
        for issuer in &row.issuers {
            each(issuer, |hash, issued| {
                of.insert(Digest::try_from(hash).map_err(|_| damaged())?, issued.clone());
                Ok(())
            })?;
        }
        Ok(Self { of, has_unverified: false })
    }

    /// What the seat's certificate says; why it does not verify, if it does not.
    pub(super) fn of_seat(
        &mut self,
        act: &Act<'_>,
        trust: &TrustView,
        seat: &Seat,
    ) -> Result<Result<&Issued, TrustError>, Error> {
        match self.of.entry(seat.certificate_hash) {
            Entry::Occupied(known) => Ok(Ok(known.into_mut())),
            Entry::Vacant(place) => {
                let chain: ChainRow = act.expect(seat.certificate_hash.as_bytes())?;
                match trust.verify_device_mls(&chain.certificates, Judge::Never) {
                    Ok(certificate) => Ok(Ok(place.insert(certificate.issued()))),
                    Err(error) => {
                        self.has_unverified = true;
                        Ok(Err(error))
                    }
                }
            }
        }
    }

    /// Keeps what is known of these seats, which are all but this device's own of that epoch.
    pub(super) fn keep<'s>(
        &self,
        act: &Act<'_>,
        group: &GroupId,
        epoch_id: &[u8],
        seats: impl Iterator<Item = &'s Seat>,
    ) -> Result<(), Error> {
        let mut issuers: BTreeMap<(&str, &P256Point), Vec<IssuedCertificateRow>> = BTreeMap::new();
        for seat in seats {
            let Some(issued) = self.of.get(&seat.certificate_hash) else { continue };
            issuers.entry((issued.trust_domain.as_str(), &issued.issuer)).or_default().push(
                IssuedCertificateRow {
                    certificate_hash: seat.certificate_hash.to_vec(),
                    serial: issued.serial.as_bytes().to_vec(),
                    not_before_ms: issued.not_before_ms,
                    not_after_ms: issued.not_after_ms,
                },
            );
        }
        let issuers = issuers.into_iter().map(|((trust_domain, key), certificates)| IssuerRow {
            trust_domain: trust_domain.to_owned(),
            key: key.as_bytes().to_vec(),
            certificates,
        });
        let epoch_id = if self.has_unverified { Vec::new() } else { epoch_id.to_vec() };
        Ok(act.put(group.as_bytes(), &IssuedRow { epoch_id, issuers: issuers.collect() })?)
    }
}

/// Until when every certificate of that epoch's seats holds, as far as all of them do and all were verified before.
pub(super) fn all_hold(
    act: &Act<'_>,
    trust: &TrustView,
    group: &GroupId,
    epoch_id: &[u8],
    moment: &Moment,
) -> Result<Option<i64>, Error> {
    let row: Option<IssuedRow> = act.get(group.as_bytes())?;
    let Some(row) = row.filter(|row| row.epoch_id == epoch_id) else { return Ok(None) };
    let mut all_until_ms = Some(i64::MAX);
    for issuer in &row.issuers {
        each(issuer, |_, issued| {
            all_until_ms = match (standing(trust, issued, moment), all_until_ms) {
                (Standing::Good { until_ms }, Some(earlier_ms)) => Some(until_ms.min(earlier_ms)),
                _ => None,
            };
            Ok(())
        })?;
    }
    Ok(all_until_ms)
}

/// Hands over each certificate of one CA, with its hash.
fn each(
    row: &IssuerRow,
    mut take: impl FnMut(&[u8], &Issued) -> Result<(), VaultError>,
) -> Result<(), VaultError> {
    let mut issued = Issued {
        trust_domain: row.trust_domain.parse().map_err(|_| damaged())?,
        issuer: P256Point::parse(&row.key).ok_or_else(damaged)?,
        serial: Serial::from_der_content(&[]),
        not_before_ms: 0,
        not_after_ms: 0,
    };
    for certificate in &row.certificates {
        issued.serial = Serial::from_der_content(&certificate.serial);
        issued.not_before_ms = certificate.not_before_ms;
        issued.not_after_ms = certificate.not_after_ms;
        take(&certificate.certificate_hash, &issued)?;
    }
    Ok(())
}

fn damaged() -> VaultError {
    VaultError::damaged("the certificates of a roster")
}
