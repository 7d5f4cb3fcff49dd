//! The answer: what has to hold before a device believes it. PROTOCOL.md, "Enrolment", step 4.

use super::{
    EnrolError, Purpose, csr,
    request::{FORMAT, PendingRequest},
};
use alcove_charter::{Card, CharterHistory, DeviceCertificate, Judge, TrustView, verify_answer};
use alcove_proto::{
    canonical,
    limits::{CERTIFICATE_BYTES_MAX, CHARTER_BYTES_MAX},
    names::Identity,
    v1::EnrolmentCertificate,
};
use alcove_sealing::directory_key;
use prost::Message;
use zeroize::Zeroizing;

/// Bytes of the largest answer: a long history of charters with its certificates.
pub const ANSWER_BYTES_MAX: usize = 16 * CHARTER_BYTES_MAX + 4 * CERTIFICATE_BYTES_MAX;

/// What a device is once its answer has been believed: everything but its keys.
pub struct Enrolment {
    /// The name the agency picked.
    pub identity: Identity,
    /// DER, leaf first, without the anchor.
    pub tls_chain: Vec<Vec<u8>>,
    /// DER, leaf first, without the anchor.
    pub mls_chain: Vec<Vec<u8>>,
    /// All charter versions, verified; the newest is pinned.
    pub charters: CharterHistory,
    /// Encoded `SignedCard`.
    pub signed_card: Vec<u8>,
    /// What the card says.
    pub card: Card,
    /// Opens and seals cards.
    pub directory_key: Zeroizing<[u8; 32]>,
    /// `host:port`.
    pub server_address: String,
    /// `host:port` of the desk; empty when nobody has named one.
    pub desk_address: String,
    /// End of the TLS certificate, milliseconds since 1970.
    pub tls_not_after_ms: i64,
    /// End of the signing certificate, milliseconds since 1970.
    pub mls_not_after_ms: i64,
}

/// What a device holds when an answer comes, beside its keys.
#[derive(Default)]
pub struct Held<'a> {
    /// The charters pinned by an earlier answer; they are carried forward, never replaced.
    pub charters: Option<CharterHistory>,
    /// `host:port` from the command line: stronger than what the answer names.
    pub server: Option<&'a str>,
    /// `host:port` from an earlier answer or the invitation: for an answer that names none.
    pub earlier_server: Option<&'a str>,
    /// The same of the desk.
    pub earlier_desk: Option<&'a str>,
    /// The device the answer must be for; any when nothing is known yet.
    pub identity: Option<&'a Identity>,
    /// Encoded SignedCard: an empty one in the answer stands for it.
    pub card: Option<&'a [u8]>,
}

/// Decides whether `answer` is the answer to `pending`.
///
/// The first answer brings its charter with it, signed by every agency in it: it is pinned from then on, and
/// `enrol finish` shows who is in it. A later one must continue the charters held. `time_ms`: now, since 1970.
/// Errors: [`EnrolError`]; nothing was changed.
pub fn check_answer(
    pending: &PendingRequest,
    held: Held<'_>,
    answer: &[u8],
    time_ms: i64,
) -> Result<Enrolment, EnrolError> {
    if answer.len() > ANSWER_BYTES_MAX {
        return Err(EnrolError::TooLarge { limit: ANSWER_BYTES_MAX });
    }
    let message: EnrolmentCertificate = canonical::decode(answer).map_err(EnrolError::NotAnAnswer)?;
    if message.format != FORMAT {
        return Err(EnrolError::Format { found: message.format });
    }
    let identity: Identity = message.identity.parse().map_err(EnrolError::Name)?;
    if held.identity.is_some_and(|expected| *expected != identity) {
        return Err(EnrolError::OtherDevice(Box::new(identity)));
    }
    let brought = message.charters.iter().map(Message::encode_to_vec);
    let charters = match held.charters {
        None => CharterHistory::from_versions(brought)?,
        Some(mut charters) => {
            for version in brought {
                charters.append(&version)?;
            }
            charters
        }
    };
    charters.newest().check_in_force(time_ms)?;
    let trust = TrustView::new(charters.clone());

    let moment = trust.moment(time_ms);
    let tls = trust.verify_device_tls(&message.tls_chain, time_ms);
    let tls = tls.map_err(|error| EnrolError::Certificate(Purpose::Tls, error))?;
    check_is_ours(Purpose::Tls, &tls, &pending.keys.tls, &identity)?;
    let mls = trust.verify_device_mls(&message.mls_chain, Judge::At(&moment));
    let mls = mls.map_err(|error| EnrolError::Certificate(Purpose::Mls, error))?;
    check_is_ours(Purpose::Mls, &mls, &pending.keys.mls, &identity)?;

    let signed_card = match held.card {
        Some(card) if message.card.is_empty() => card.to_vec(),
        Some(_) | None => message.card.clone(),
    };
    let card = Card::verify(&signed_card, &identity.person, &charters)?;
    let directory_key = open_directory_key(pending, &message)?;
    // The directory key is sealed by nobody in particular: whoever carries the answer could put in another, and read the
    // names on the cards that this device seals with it.
    verify_answer(&message, &identity.person.trust_domain, &charters).map_err(|_| EnrolError::NotWhole)?;
    // The agency signs what its own charter file held, which somebody may have changed; the charter is signed by all.
    if !charters.newest().allows_directory_key(&directory_key) {
        return Err(EnrolError::OtherDirectoryKey);
    }
    let named = Some(message.server_address.as_str()).filter(|address| !address.is_empty());
    let address = held.server.or(named).or(held.earlier_server).ok_or(EnrolError::NoServerAddress)?;
    let server_address = check_address(address)?;
    let named = Some(message.desk_address.as_str()).filter(|address| !address.is_empty());
    let desk_address = match named.or(held.earlier_desk.filter(|address| !address.is_empty())) {
        Some(address) => check_address(address)?,
        None => String::new(),
    };
    Ok(Enrolment {
        tls_not_after_ms: tls.not_after_ms,
        mls_not_after_ms: mls.not_after_ms,
        identity,
        tls_chain: message.tls_chain,
        mls_chain: message.mls_chain,
        charters,
        signed_card,
        card,
        directory_key,
        server_address,
        desk_address,
    })
}

fn check_is_ours(
    purpose: Purpose,
    certificate: &DeviceCertificate,
    key: &[u8],
    identity: &Identity,
) -> Result<(), EnrolError> {
    if csr::public_point(key).as_deref() != Some(certificate.public_key.as_bytes()) {
        return Err(EnrolError::OtherKey(purpose));
    }
    if certificate.identity != *identity {
        return Err(EnrolError::OtherName(purpose));
    }
    Ok(())
}

fn open_directory_key(
    pending: &PendingRequest,
    message: &EnrolmentCertificate,
) -> Result<Zeroizing<[u8; 32]>, EnrolError> {
    directory_key::open(
        &pending.keys.sealing,
        &message.identity,
        &message.encapsulated_key,
        &message.sealed_directory_key,
    )
    .ok_or(EnrolError::DirectoryKey)
}

/// Takes `host:port` with a host that could be a name or an address, and a port above 0.
pub(super) fn check_address(address: &str) -> Result<String, EnrolError> {
    let authority: http::uri::Authority = address.parse().map_err(|_| EnrolError::ServerAddress)?;
    // No user part, and the port is written out.
    let plain = !address.contains('@') && !authority.host().is_empty();
    match authority.port_u16() {
        Some(port) if plain && port > 0 => Ok(address.to_owned()),
        _ => Err(EnrolError::ServerAddress),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for good in ["127.0.0.1:8443", "alcove.northmark.example:443", "[::1]:8443"] {
            assert_eq!(check_address(good).unwrap(), good);
        }
        for bad in [
            "",
            "127.0.0.1",
            "host:",
            ":443",
            "host:0",
            "host:65536",
            "host:4x3",
            "https://host:443",
            "host:443/path",
            "user@host:443",
            "two hosts:443",
            "host:443\n",
        ] {
            assert!(check_address(bad).is_err(), "{bad}");
        }
    }
}
