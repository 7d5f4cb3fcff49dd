//! The answer to a request for certificates is signed as a whole: without that, whoever carries it could put another
//! directory key or an earlier card into it. PROTOCOL.md section 6, step 3.

use crate::{history::CharterHistory, key::SignatureError};
use alcove_proto::{
    names::TrustDomain,
    v1::{self, EnrolmentCertificate},
};
use prost::Message;

/// What an agency's charter key signs for an answer: all of it but the signature, as it is handed over.
pub fn answer_signing_bytes(answer: &EnrolmentCertificate) -> Vec<u8> {
    let unsigned = v1::EnrolmentCertificate { signature: Vec::new(), ..answer.clone() };
    [b"alcove enrolment answer v1\0", unsigned.encode_to_vec().as_slice()].concat()
}

/// Checks that the agency has signed the whole answer, by its newest charter key. Under a charter that states no rules
/// none is signed.
///
/// Errors: [`SignatureError`], also for an agency that no version lists.
pub fn verify_answer(
    answer: &EnrolmentCertificate,
    agency: &TrustDomain,
    charters: &CharterHistory,
) -> Result<(), SignatureError> {
    if charters.newest().rules == 0 {
        return Ok(());
    }
    let entry = charters.last_entry(agency).ok_or(SignatureError)?;
    entry.charter_key.verify(&answer_signing_bytes(answer), &answer.signature)
}
