//! P-256 public keys and what they verify.

use ring::{
    digest,
    signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey},
};
use std::fmt;

/// SHA-256 over the concatenation of the parts; the shape [`alcove_proto::log::Sha256`] asks for.
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(part);
    }
    let mut bytes = [0; 32];
    bytes.copy_from_slice(context.finish().as_ref());
    bytes
}

/// A signature that is not the key's over those bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature is not this key's over these bytes")]
pub struct SignatureError;

/// An uncompressed P-256 point (SEC 1 section 2.3.3): 0x04, then two coordinates of 32 bytes.
///
/// Only the form is checked here. That the point lies on the curve is checked where it is used:
/// ring refuses it at the first verification, HPKE at the first sealing; and no charter is good
/// before every agency's charter key has verified a signature.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct P256Point([u8; 65]);

impl P256Point {
    /// Length in bytes.
    pub const LEN: usize = 65;

    /// Takes 65 bytes of the uncompressed form; anything else is no point.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let point: [u8; Self::LEN] = bytes.try_into().ok()?;
        (point[0] == 4).then_some(Self(point))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// Checks an ECDSA signature with SHA-256 in ASN.1 DER (RFC 3279 section 2.2.3).
    ///
    /// Errors: [`SignatureError`], also when the point is not on the curve.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &self.0)
            .verify(message, signature)
            .map_err(|_| SignatureError)
    }
}

/// The first four bytes of the x coordinate: enough to tell two keys apart in a log.
impl fmt::Debug for P256Point {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("P256Point(")?;
        self.0[1..5].iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))?;
        formatter.write_str("…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sha256_over_parts_is_sha256_over_the_whole() {
        // FIPS 180-4, the one-block example.
        let abc = [
            0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
            0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad,
        ];
        assert_eq!(sha256(&[b"abc"]), abc);
        assert_eq!(sha256(&[b"a", b"", b"bc"]), abc);
    }

    #[test]
    fn only_the_uncompressed_form_is_a_point() {
        assert!(P256Point::parse(&[4; 65]).is_some());
        assert!(P256Point::parse(&[2; 33]).is_none(), "compressed");
        assert!(P256Point::parse(&[4; 64]).is_none(), "short");
        assert!(P256Point::parse(&[4; 66]).is_none(), "long");
        assert!(P256Point::parse(&[6; 65]).is_none(), "hybrid form");
    }

    #[test]
    fn a_point_off_the_curve_verifies_nothing() {
        let point = P256Point::parse(&[4; 65]).unwrap();
        assert_eq!(point.verify(b"anything", &[0x30, 6, 2, 1, 1, 2, 1, 1]), Err(SignatureError));
    }
}
