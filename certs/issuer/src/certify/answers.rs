//! An answer on its way through the desk: sealed to the device that asked. PROTOCOL.md section 6, step 8.

use crate::{
    ca::{
        agency::AgencyCa,
        hpke::{self, SealingKey},
    },
    certify::error::AnswerError,
    error::IssuerError,
};
use alcove_charter::{CharterHistory, P256Point, answer_signing_bytes};
use alcove_proto::{canonical, limits::ANSWER_BYTES_MAX, names::Identity, v1};
use prost::Message;
use zeroize::Zeroizing;

/// The format this crate writes.
const FORMAT: u32 = 1;
/// `info` of a sealed answer.
const ANSWER_INFO: &[u8] = b"alcove answer v1";

impl AgencyCa {
    /// Signs an answer as a whole, as it is going to be handed over. Under charters that state no rules it is left as it
    /// is: the programs of that time know no signature there.
    ///
    /// Errors: [`IssuerError::Crypto`].
    pub(crate) fn sign_answer(
        &self,
        answer: v1::EnrolmentCertificate,
        charters: &CharterHistory,
    ) -> Result<v1::EnrolmentCertificate, IssuerError> {
        if charters.newest().rules == 0 {
            return Ok(answer);
        }
        let signature = self.home.owner.charter_key.sign(&answer_signing_bytes(&answer))?;
        Ok(v1::EnrolmentCertificate { signature, ..answer })
    }

    /// Signs an answer and seals it to the sealing key of the request. Returns an encoded [`v1::SealedAnswer`].
    ///
    /// The charters are left out: the device fetches them at the desk.
    /// Errors: [`IssuerError::Crypto`]; [`AnswerError::TooLarge`].
    pub(crate) fn seal_answer(
        &self,
        identity: &Identity,
        sealing_key: &P256Point,
        answer: v1::EnrolmentCertificate,
        charters: &CharterHistory,
    ) -> Result<Vec<u8>, IssuerError> {
        let answer = v1::EnrolmentCertificate { charters: Vec::new(), ..answer };
        let plaintext = Zeroizing::new(self.sign_answer(answer, charters)?.encode_to_vec());
        let aad = identity.to_string();
        let (encapsulated_key, ciphertext) =
            hpke::seal(ANSWER_INFO, aad.as_bytes(), &plaintext, sealing_key)?;
        let sealed = v1::SealedAnswer { format: FORMAT, encapsulated_key, ciphertext }.encode_to_vec();
        if sealed.len() > ANSWER_BYTES_MAX {
            return Err(IssuerError::Answer(AnswerError::TooLarge { bytes: sealed.len() }));
        }
        Ok(sealed)
    }
}

/// Opens an encoded [`v1::SealedAnswer`], as the device does; nothing if it is another device's or altered.
pub fn open_answer(
    sealing_key: &SealingKey,
    identity: &Identity,
    sealed: &[u8],
) -> Option<v1::EnrolmentCertificate> {
    let sealed: v1::SealedAnswer =
        canonical::decode(sealed).ok().filter(|_| sealed.len() <= ANSWER_BYTES_MAX)?;
    if sealed.format != FORMAT {
        return None;
    }
    let aad = identity.to_string();
    let plaintext =
        sealing_key.open(&sealed.encapsulated_key, ANSWER_INFO, aad.as_bytes(), &sealed.ciphertext)?;
    canonical::decode(&Zeroizing::new(plaintext)).ok()
}
