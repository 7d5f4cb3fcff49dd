//! The newest certified request of each device, kept in the folder: what recovery seals to; and the answer to its renewal,
//! so that one whose answer was lost is given the same again.
//!
//! A request holds public keys alone. Whichever way it came, by file, by invitation or as a renewal, it lies here once its
//! keys are certified, in place of the one before; on the day of need the person reads out its words.

use crate::{
    ca::{
        agency::AgencyCa,
        files::{read_limited, write_whole},
        folder::REQUESTS,
    },
    certify::{devices::RequestKeys, renewals::RenewalAnswer, requests::Judged},
    error::IssuerError,
    kept::KeptAnswer,
};
use alcove_programs::files::create_private_folder;
use alcove_proto::{ids::Digest, limits::ANSWER_BYTES_MAX, names::Identity};
use prost::Message;
use std::path::PathBuf;

/// Bytes of a request that came as a file.
const REQUEST_FILE_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a kept answer beside those of the answer itself.
const ANSWER_OVERHEAD: usize = 1024;

impl AgencyCa {
    /// Where the request of a device of this agency lies, if its keys were certified from this folder.
    pub fn kept_request_path(&self, identity: &Identity) -> PathBuf {
        let name = format!("{}-{}.req", identity.person.handle.as_str(), identity.device);
        self.home.folder.file(REQUESTS).join(name)
    }

    /// The encoded [`alcove_proto::v1::EnrolmentRequest`] whose keys were certified last for a device.
    pub fn kept_request(&self, identity: &Identity) -> Result<Option<Vec<u8>>, IssuerError> {
        let path = self.kept_request_path(identity);
        if path.exists() { read_limited(&path, REQUEST_FILE_BYTES_MAX).map(Some) } else { Ok(None) }
    }

    /// Keeps a request whose keys are in the ledger.
    pub(crate) fn keep_request(&self, identity: &Identity, request: &[u8]) -> Result<(), IssuerError> {
        create_private_folder(&self.home.folder.file(REQUESTS))?;
        write_whole(&self.kept_request_path(identity), request)
    }

    /// Keeps the answer to a renewal whose keys are in the ledger, in place of the one before.
    pub(crate) fn keep_answer(&self, answer: &RenewalAnswer) -> Result<(), IssuerError> {
        let kept = KeptAnswer {
            request_hash: answer.request_hash.to_vec(),
            not_after_ms: answer.not_after_ms,
            sealed_answer: answer.sealed_answer.clone(),
        };
        write_whole(&self.kept_answer_path(&answer.identity), &kept.encode_to_vec())
    }

    /// The answer that was made to this very renewal, if its certificates still stand as the device's newest. A file that
    /// does not read is no answer: the same keys are certified anew then.
    pub(crate) fn kept_answer(&self, judged: &Judged, now_ms: i64) -> Option<RenewalAnswer> {
        let keys = RequestKeys::parse(&judged.request).ok()?;
        if !self.stands_certified(&judged.identity, &keys, now_ms) {
            return None;
        }
        let path = self.kept_answer_path(&judged.identity);
        let kept = read_limited(&path, ANSWER_BYTES_MAX + ANSWER_OVERHEAD).ok()?;
        let kept = KeptAnswer::decode(kept.as_slice()).ok()?;
        let request_hash = Digest::try_from(kept.request_hash.as_slice()).ok()?;
        (request_hash == judged.request_hash()).then(|| RenewalAnswer {
            identity: judged.identity.clone(),
            request_hash,
            not_after_ms: kept.not_after_ms,
            sealed_answer: kept.sealed_answer,
        })
    }

    fn kept_answer_path(&self, identity: &Identity) -> PathBuf {
        self.kept_request_path(identity).with_extension("answer")
    }
}
