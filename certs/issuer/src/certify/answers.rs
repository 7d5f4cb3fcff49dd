//! An answer on its way through the desk: sealed to the device that asked. PROTOCOL.md section 6, step 8.

use crate::{ca::agency::AgencyCa, certify::error::AnswerError, error::IssuerError};
use alcove_charter::{CharterHistory, P256Point, answer_signing_bytes};
use alcove_proto::{limits::ANSWER_BYTES_MAX, names::Identity, v1};
use alcove_sealing::answer;
use prost::Message;
use zeroize::Zeroizing;

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
        message: v1::EnrolmentCertificate,
        charters: &CharterHistory,
    ) -> Result<Vec<u8>, IssuerError> {
        let message = v1::EnrolmentCertificate { charters: Vec::new(), ..message };
        let plaintext = Zeroizing::new(self.sign_answer(message, charters)?.encode_to_vec());
        let sealed = answer::seal(&plaintext, sealing_key, identity)?;
        if sealed.len() > ANSWER_BYTES_MAX {
            return Err(AnswerError::TooLarge { bytes: sealed.len() }.into());
        }
        Ok(sealed)
    }
}
