//! The newest certified request of each device, kept in the folder: what recovery seals to.
//!
//! A request holds public keys alone. Whichever way it came, by file, by invitation or as a renewal, it lies here once its
//! keys are certified, in place of the one before; on the day of need the person reads out its words.

use crate::{
    AgencyCa, IssuerError,
    files::{create_private_folder, read_limited, write_whole},
    folder::REQUESTS,
};
use alcove_proto::names::Identity;
use std::path::PathBuf;

/// Bytes of a request that came as a file.
const REQUEST_FILE_BYTES_MAX: usize = 64 * 1024;

impl AgencyCa {
    /// Where the request of a device of this agency lies, if its keys were certified from this folder.
    pub fn kept_request_path(&self, identity: &Identity) -> PathBuf {
        let name = format!("{}-{}.req", identity.person.handle.as_str(), identity.device);
        self.folder.file(REQUESTS).join(name)
    }

    /// The encoded [`alcove_proto::v1::EnrolmentRequest`] whose keys were certified last for a device.
    ///
    /// Errors: [`IssuerError`].
    pub fn kept_request(&self, identity: &Identity) -> Result<Option<Vec<u8>>, IssuerError> {
        let path = self.kept_request_path(identity);
        if path.exists() { read_limited(&path, REQUEST_FILE_BYTES_MAX).map(Some) } else { Ok(None) }
    }

    /// Keeps a request whose keys are in the ledger.
    pub(crate) fn keep_request(&self, identity: &Identity, request: &[u8]) -> Result<(), IssuerError> {
        create_private_folder(&self.folder.file(REQUESTS))?;
        write_whole(&self.kept_request_path(identity), request)
    }
}
