//! DER (X.690) by hand: what the vectors of lists are made of.

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const UTC_TIME: u8 = 0x17;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const CONTEXT_0: u8 = 0xa0;

/// 1.2.840.10045.4.3.2
pub(crate) const ECDSA_WITH_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
/// 1.3.6.1.4.1.58888.1.4
pub(crate) const FIRST_LISTED: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x83, 0xcc, 0x08, 0x01, 0x04];

/// A tag, the length in the shortest form, and the parts one after the other.
pub(crate) fn tlv(tag: u8, parts: &[Vec<u8>]) -> Vec<u8> {
    let content = parts.concat();
    let length = u16::try_from(content.len()).unwrap();
    let [high, low] = length.to_be_bytes();
    let prefix = match length {
        0..=0x7f => vec![tag, low],
        0x80..=0xff => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    [prefix, content].concat()
}
