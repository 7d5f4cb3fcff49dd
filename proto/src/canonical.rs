//! Decoding of signed and authenticated bodies: only the one canonical encoding is taken.
//!
//! Protobuf lets one message be written in many ways. A signature covers bytes, so a body that is
//! signed, hashed or authenticated must re-encode to the bytes it came as (PROTOCOL.md, "Encoding").

use prost::Message;
use zeroize::Zeroizing;

/// Why a body was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CanonicalError {
    /// The bytes are no such message.
    #[error("the body does not parse")]
    Malformed,
    /// The bytes parse, but this is not how the message is written: unknown fields, another field
    /// order, defaults spelled out.
    #[error("the body is not in canonical form")]
    NotCanonical,
}

/// Decodes `bytes` as an `M` and refuses every encoding but the canonical one.
///
/// Errors: [`CanonicalError`].
pub fn decode<M: Message + Default>(bytes: &[u8]) -> Result<M, CanonicalError> {
    let message = M::decode(bytes).map_err(|_| CanonicalError::Malformed)?;
    // What was signed is often what people wrote: the copy to compare with does not stay in memory.
    let again = Zeroizing::new(message.encode_to_vec());
    if *again == bytes { Ok(message) } else { Err(CanonicalError::NotCanonical) }
}

/// The bytes of a message in the one encoding that [`decode`] takes.
pub fn encode<M: Message>(message: &M) -> Vec<u8> {
    message.encode_to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v1::LogPin;

    #[test]
    fn canonical_bytes_come_back_and_other_encodings_are_refused() {
        let pin = LogPin { position: 7, head: vec![1; 32] };
        let bytes = encode(&pin);
        assert_eq!(decode::<LogPin>(&bytes), Ok(pin));

        let mut unknown_field = bytes.clone();
        unknown_field.extend([0x78, 0x01]);
        assert_eq!(decode::<LogPin>(&unknown_field), Err(CanonicalError::NotCanonical));

        let mut repeated = bytes.clone();
        repeated.extend(&bytes);
        assert_eq!(decode::<LogPin>(&repeated), Err(CanonicalError::NotCanonical));

        assert_eq!(decode::<LogPin>(&bytes[..bytes.len() - 1]), Err(CanonicalError::Malformed));
    }
}
