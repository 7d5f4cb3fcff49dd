//! Who calls.

use super::admission::Permit;
use alcove_proto::names::Identity;

/// Who calls, and under which id the call stands in the log.
///
/// Whatever goes on for a call after its caller has gone away keeps a clone of this, and so the call counts
/// as under way until that ends too.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The device, from its verified certificate.
    pub identity: Identity,
    /// The id of the request.
    pub request: u64,
    /// The call's admission; nothing where nobody counts.
    pub permit: Option<Permit>,
}
