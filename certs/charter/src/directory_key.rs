//! What a charter says of the directory key. PROTOCOL.md section 5, step 10.

use crate::key::sha256;
use alcove_proto::ids::Digest;

/// What a charter states of the directory key, so that whoever signs the charter signs for this key and no other.
///
/// The key is 32 random bytes: nobody finds it by its hash, not the server either.
pub fn directory_key_hash(key: &[u8; 32]) -> Digest {
    Digest(sha256(&[b"alcove directory key hash v1\0", key]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A known answer, computed apart from this code.
    #[test]
    fn the_hash_of_a_directory_key_is_this() {
        assert_eq!(
            directory_key_hash(&[7; 32]).to_string(),
            "e6f7377116a356b0e02b64f5765db8f1e2064843708d540c2913616089b80c82"
        );
        assert_ne!(directory_key_hash(&[7; 32]), directory_key_hash(&[8; 32]));
    }
}
