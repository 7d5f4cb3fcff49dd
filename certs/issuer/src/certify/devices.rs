//! The one way to a device's certificates: by file, by invitation or by renewal. PROTOCOL.md section 6, step 2.
//!
//! Of a request only the public keys are taken. All that one call certifies stands in the ledger with one append,
//! before anything of it is handed out.

use crate::{
    ca::{agency::AgencyCa, directory_key::DirectoryKey, roll::agency::Purpose},
    certify::{
        certificates::{CERTIFICATE_DAYS_MAX, Name, check_days},
        error::{AnswerError, RequestError},
    },
    error::IssuerError,
    ledger::entries::{Event, Kind, key_text, serial_text},
};
use alcove_charter::{CharterFile, CharterHistory, P256Point, Serial, bare_request_point};
use alcove_proto::{canonical, names::Identity, v1};
use alcove_sealing::directory_key::seal as seal_directory_key;
use std::collections::BTreeSet;

/// The format of requests and answers.
pub(crate) const FORMAT: u32 = 1;

/// The public keys of a request, each proven by its own signature where it signs.
pub(crate) struct RequestKeys {
    tls: P256Point,
    mls: P256Point,
    pub(crate) sealing: P256Point,
}

impl RequestKeys {
    /// Takes them from an encoded [`v1::EnrolmentRequest`].
    pub(crate) fn parse(request: &[u8]) -> Result<Self, IssuerError> {
        let request: v1::EnrolmentRequest = canonical::decode(request)?;
        if request.format != FORMAT {
            return Err(RequestError::Format { found: request.format }.into());
        }
        let csr = |which, der: &[u8]| {
            bare_request_point(der).map_err(|fault| IssuerError::Request(RequestError::Csr { which, fault }))
        };
        let keys = Self {
            tls: csr("TLS", &request.tls_csr)?,
            mls: csr("MLS", &request.mls_csr)?,
            sealing: P256Point::parse(&request.sealing_key).ok_or(RequestError::SealingKey)?,
        };
        if keys.tls == keys.mls || keys.tls == keys.sealing || keys.mls == keys.sealing {
            return Err(RequestError::KeyReused.into());
        }
        Ok(keys)
    }

    fn texts(&self) -> [String; 2] {
        [key_text(&self.tls), key_text(&self.mls)]
    }
}

/// What makes a name free for these keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim<'a> {
    /// Nobody has it, or the same keys have.
    Free,
    /// Its holder signed for the new keys, with the key of the MLS certificate that has this serial.
    Renewed(&'a Serial),
}

/// One device to be certified.
pub(crate) struct Wanted<'a> {
    pub(crate) identity: Identity,
    pub(crate) keys: RequestKeys,
    pub(crate) claim: Claim<'a>,
}

/// A device that stands in the ledger.
pub(crate) struct Certified {
    pub(crate) identity: Identity,
    pub(crate) sealing_key: P256Point,
    pub(crate) not_after_ms: i64,
    /// Of TLS and MLS certificate, hexadecimal.
    pub(crate) serials: [String; 2],
    tls: Vec<u8>,
    mls: Vec<u8>,
    encapsulated_key: Vec<u8>,
    sealed_directory_key: Vec<u8>,
}

impl Certified {
    /// The answer, without charters and card.
    pub(crate) fn into_answer(self) -> v1::EnrolmentCertificate {
        v1::EnrolmentCertificate {
            format: FORMAT,
            identity: self.identity.to_string(),
            tls_chain: vec![self.tls],
            mls_chain: vec![self.mls],
            encapsulated_key: self.encapsulated_key,
            sealed_directory_key: self.sealed_directory_key,
            ..v1::EnrolmentCertificate::default()
        }
    }
}

impl AgencyCa {
    /// Certifies one device; see [`Self::certify_all`].
    pub(crate) fn certify(
        &mut self,
        wanted: Wanted<'_>,
        directory_key: &DirectoryKey,
        days: u32,
        now_ms: i64,
    ) -> Result<Certified, IssuerError> {
        let mut results = self.certify_all(vec![wanted], directory_key, days, now_ms)?;
        results.pop().unwrap_or(Err(IssuerError::Crypto { act: "sign a certificate" }))
    }

    /// Certifies the devices that may be, in one act of the ledger, and says of each other one why not.
    ///
    /// One result for each of `wanted`, in its order. The directory key is sealed to each. Errors: [`IssuerError`]; then nothing was certified.
    pub(crate) fn certify_all(
        &mut self,
        wanted: Vec<Wanted<'_>>,
        directory_key: &DirectoryKey,
        days: u32,
        now_ms: i64,
    ) -> Result<Vec<Result<Certified, IssuerError>>, IssuerError> {
        check_days(days, CERTIFICATE_DAYS_MAX)?;
        let mut taken = BTreeSet::new();
        let mut events = Vec::with_capacity(2 * wanted.len());
        let mut results = Vec::with_capacity(wanted.len());
        for wanted in wanted {
            let sealed = self
                .check_claim(&wanted, now_ms)
                .and_then(|()| check_apart(&wanted, &mut taken))
                // Before anything is signed: a sealing key off the curve is found here.
                .and_then(|()| {
                    let device = wanted.identity.to_string();
                    Ok(seal_directory_key(directory_key.as_bytes(), &device, &wanted.keys.sealing)?)
                });
            let made = match sealed {
                Ok(sealed) => Ok(self.sign(wanted, sealed, days, now_ms, &mut events)?),
                Err(refused) => Err(refused),
            };
            results.push(made);
        }
        self.home.ledger.append(events)?;
        Ok(results)
    }

    fn sign(
        &self,
        wanted: Wanted<'_>,
        (encapsulated_key, sealed_directory_key): (Vec<u8>, Vec<u8>),
        days: u32,
        now_ms: i64,
        events: &mut Vec<Event>,
    ) -> Result<Certified, IssuerError> {
        let Wanted { identity, keys, claim: _ } = wanted;
        let name = Name::Device(&identity);
        let certify = |key, kind| self.home.certify(key, &name, kind, now_ms, days);
        let (tls, tls_event) = certify(&keys.tls, Kind::Tls)?;
        let (mls, mls_event) = certify(&keys.mls, Kind::Mls)?;
        events.extend([tls_event, mls_event]);
        Ok(Certified {
            sealing_key: keys.sealing,
            not_after_ms: tls.not_after_ms,
            serials: [serial_text(&tls.serial), serial_text(&mls.serial)],
            tls: tls.der,
            mls: mls.der,
            encapsulated_key,
            sealed_directory_key,
            identity,
        })
    }

    /// The charter's whole history, if it is in force and states this agency as it is.
    pub(crate) fn check_charter(
        &self,
        charter: &CharterFile,
        now_ms: i64,
    ) -> Result<CharterHistory, IssuerError> {
        let history = charter.complete()?;
        history.newest().check_in_force(now_ms)?;
        self.check_entry(charter, Purpose::Certify)?;
        Ok(history)
    }

    /// Never one key under two names; and two sets of keys under one name only when the first signed for the
    /// second. The same keys again are a request whose answer was lost.
    fn check_claim(&self, wanted: &Wanted<'_>, now_ms: i64) -> Result<(), IssuerError> {
        let name = wanted.identity.to_string();
        let asked = wanted.keys.texts();
        let elsewhere =
            asked.iter().filter_map(|key| self.home.ledger.holder_of(key)).find(|held| *held != name);
        if let Some(held) = elsewhere {
            return Err(RequestError::KeyTaken(held.to_owned()).into());
        }
        match wanted.claim {
            Claim::Free => self.check_name_free(&wanted.identity, &asked, now_ms),
            Claim::Renewed(serial) => self.check_renewable(&wanted.identity, serial, &wanted.keys),
        }
    }

    /// Nobody but the holder of `keys` (hashes as in the ledger) has a living certificate of that name.
    pub(crate) fn check_name_free(
        &self,
        identity: &Identity,
        keys: &[String],
        now_ms: i64,
    ) -> Result<(), IssuerError> {
        let name = identity.to_string();
        let living =
            self.home.ledger.of_name(&name).filter(|entry| self.home.ledger.is_living(entry, now_ms));
        let last = living.filter(|entry| !keys.contains(&entry.key)).map(|entry| entry.not_after_ms).max();
        match last {
            Some(not_after_ms) => {
                Err(RequestError::IdentityTaken { identity: identity.clone(), not_after_ms }.into())
            }
            None => Ok(()),
        }
    }

    /// The MLS certificate `serial` was issued here to that device, is not revoked, and its key is the newest of the
    /// name. PROTOCOL.md section 6, step 11.
    ///
    /// An earlier key is what a copy of the vault has, or a vault put back from a backup, after the device itself has gone
    /// on. It counts for one thing: the very request that was certified last, asked for again. That answer was lost, and
    /// its device has no other key to ask with.
    pub(crate) fn check_renewable(
        &self,
        identity: &Identity,
        serial: &Serial,
        asked: &RequestKeys,
    ) -> Result<(), IssuerError> {
        let serial = serial.to_string();
        let name = identity.to_string();
        let of_kind = |kind| self.home.ledger.of_name(&name).filter(move |entry| entry.kind == kind);
        let Some(signer) = of_kind(Kind::Mls).find(|entry| entry.serial == serial) else {
            return Err(AnswerError::RenewalUnknown(identity.clone()).into());
        };
        if self.home.ledger.is_revoked(&serial) {
            return Err(AnswerError::RenewalRevoked(identity.clone()).into());
        }
        let last = |kind| of_kind(kind).last().map(|entry| entry.key.as_str());
        let [asked_tls, asked_mls] = asked.texts();
        let asked_again = last(Kind::Tls) == Some(&asked_tls) && last(Kind::Mls) == Some(&asked_mls);
        let before =
            of_kind(Kind::Mls).map(|entry| entry.key.as_str()).filter(|key| *key != asked_mls).last();
        let newest = if asked_again { before } else { last(Kind::Mls) };
        if newest == Some(&signer.key) || last(Kind::Mls) == Some(&signer.key) {
            Ok(())
        } else {
            Err(AnswerError::RenewalSuperseded(identity.clone()).into())
        }
    }

    /// Whether what was certified last for that device are the keys of this request, by the CA of now, and holds: then
    /// its answer, if it was kept, is the answer still.
    pub(crate) fn stands_certified(&self, identity: &Identity, asked: &RequestKeys, now_ms: i64) -> bool {
        let name = identity.to_string();
        let ca = key_text(self.home.keys.signing.public());
        let [tls, mls] = asked.texts();
        [(Kind::Tls, tls), (Kind::Mls, mls)].into_iter().all(|(kind, key)| {
            let last = self.home.ledger.of_name(&name).filter(|entry| entry.kind == kind).last();
            last.is_some_and(|entry| {
                entry.key == key
                    && entry.ca.as_ref() == Some(&ca)
                    && self.home.ledger.is_living(entry, now_ms)
            })
        })
    }
}

/// Within one batch too, a name stands for one device and a key for one name.
fn check_apart(wanted: &Wanted<'_>, taken: &mut BTreeSet<String>) -> Result<(), IssuerError> {
    let name = wanted.identity.to_string();
    let keys = wanted.keys.texts();
    if taken.contains(&name) || keys.iter().any(|key| taken.contains(key)) {
        return Err(RequestError::KeyTaken(name).into());
    }
    taken.extend(keys);
    taken.insert(name);
    Ok(())
}
