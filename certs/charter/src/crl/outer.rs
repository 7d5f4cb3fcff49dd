//! The outside of a CRL: who is said to have signed which bytes, found without reading what they say.
//!
//! Anybody can hand in megabytes. Parsing them is dear, and so nothing but these few headers is looked at before a CA of
//! the charter is known to have signed the rest.

use crate::{CrlError, certificate::ecdsa_signature};
use x509_parser::{asn1_rs::BitString, prelude::FromDer, x509::AlgorithmIdentifier};

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
/// crlExtensions, `[0] EXPLICIT` (RFC 5280 section 5.1).
const EXTENSIONS: u8 = 0xa0;
/// cRLNumber (RFC 5280 section 5.2.3).
const CRL_NUMBER: &[u8] = &[0x55, 0x1d, 0x14];

/// A CertificateList (RFC 5280 section 5.1) whose body nobody has looked into.
pub(super) struct Outer<'a> {
    /// The TBSCertList, as it is signed.
    pub(super) signed: &'a [u8],
    /// The name of its issuer, DER.
    pub(super) issuer: &'a [u8],
    /// What follows on that in the body.
    after_issuer: &'a [u8],
    /// ECDSA with SHA-256, ASN.1 DER.
    pub(super) signature: &'a [u8],
}

impl<'a> Outer<'a> {
    /// Errors: [`CrlError::Malformed`]; [`CrlError::BadSignature`] for another algorithm than ours.
    pub(super) fn parse(der: &'a [u8]) -> Result<Self, CrlError> {
        let list = only(Element::of(SEQUENCE, der)?)?;
        let body = Element::of(SEQUENCE, list.content)?;
        let (algorithm, signature) = (body.rest, Element::of(SEQUENCE, body.rest)?.rest);

        // version, signature and issuer are the first three of the body (RFC 5280 section 5.1.2).
        let version = Element::of(INTEGER, body.content)?;
        let issuer = Element::of(SEQUENCE, Element::of(SEQUENCE, version.rest)?.rest)?;

        let (_, algorithm) = AlgorithmIdentifier::from_der(algorithm).map_err(|_| CrlError::Malformed)?;
        let (rest, bits) = BitString::from_der(signature).map_err(|_| CrlError::Malformed)?;
        if !rest.is_empty() {
            return Err(CrlError::Malformed);
        }
        let bytes = ecdsa_signature(&algorithm, &bits).ok_or(CrlError::BadSignature)?.len();
        // The signature is the end of it all: what the parser lent is its own.
        let signature = der.get(der.len() - bytes..).ok_or(CrlError::Malformed)?;
        Ok(Self { signed: body.whole, issuer: issuer.whole, after_issuer: issuer.rest, signature })
    }

    /// The number, found without looking at any entry. For refusing what is old before it is parsed; never to believe
    /// anything by.
    ///
    /// Errors: [`CrlError::Malformed`], [`CrlError::Number`].
    pub(super) fn number(&self) -> Result<u64, CrlError> {
        // thisUpdate, nextUpdate and revokedCertificates stand before the extensions.
        let mut rest = self.after_issuer;
        let extensions = loop {
            let element = Element::any(rest)?;
            if element.tag == EXTENSIONS {
                break only(Element::of(SEQUENCE, element.content)?)?;
            }
            rest = element.rest;
        };
        let mut rest = extensions.content;
        while !rest.is_empty() {
            let extension = Element::of(SEQUENCE, rest)?;
            let id = Element::of(OBJECT_IDENTIFIER, extension.content)?;
            if id.content == CRL_NUMBER {
                let value = Element::of(OCTET_STRING, id.rest)?;
                let number = only(Element::of(INTEGER, value.content)?)?;
                return unsigned(number.content);
            }
            rest = extension.rest;
        }
        Err(CrlError::Malformed)
    }
}

/// A number that is not negative, by its content octets.
fn unsigned(content: &[u8]) -> Result<u64, CrlError> {
    match content {
        [] | [0x80..=0xff, ..] => Err(CrlError::Malformed),
        [0, digits @ ..] | digits if digits.len() <= 8 => {
            Ok(digits.iter().fold(0, |number, digit| number << 8 | u64::from(*digit)))
        }
        _ => Err(CrlError::Number),
    }
}

/// One DER element and what follows it.
struct Element<'a> {
    tag: u8,
    whole: &'a [u8],
    content: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Element<'a> {
    /// The element that `bytes` begin with, which must have that tag. Whether its length has the shortest form is for
    /// whoever parses what is inside.
    fn of(tag: u8, bytes: &'a [u8]) -> Result<Self, CrlError> {
        Self::any(bytes)
            .and_then(|element| if element.tag == tag { Ok(element) } else { Err(CrlError::Malformed) })
    }

    /// The same, whatever its tag.
    fn any(bytes: &'a [u8]) -> Result<Self, CrlError> {
        let [tag, first, after @ ..] = bytes else { return Err(CrlError::Malformed) };
        let octets = usize::from(first & 0x7f);
        let (length, header) = match first {
            0..=0x7f => (usize::from(*first), 2),
            // A CRL has fewer bytes than four octets can count.
            0x81..=0x84 => {
                let octets = after.get(..octets).ok_or(CrlError::Malformed)?;
                let length = octets.iter().fold(0, |length, octet| length << 8 | usize::from(*octet));
                (length, 2 + octets.len())
            }
            _ => return Err(CrlError::Malformed),
        };
        let end = header.checked_add(length).ok_or(CrlError::Malformed)?;
        let (whole, rest) = bytes.split_at_checked(end).ok_or(CrlError::Malformed)?;
        Ok(Self { tag: *tag, whole, content: &whole[header..], rest })
    }
}

/// An element that nothing follows.
fn only(element: Element<'_>) -> Result<Element<'_>, CrlError> {
    if element.rest.is_empty() { Ok(element) } else { Err(CrlError::Malformed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_by_its_octets() {
        for (content, number) in
            [(&[0][..], 0), (&[5], 5), (&[0, 0x80], 128), (&[0x7f; 8], 0x7f7f_7f7f_7f7f_7f7f)]
        {
            assert_eq!(unsigned(content), Ok(number), "{content:?}");
        }
        assert_eq!(unsigned(&[[0].as_slice(), &[0xff; 8]].concat()), Ok(u64::MAX));
        for content in [&[][..], &[0x80], &[0xff; 9]] {
            assert_eq!(unsigned(content), Err(CrlError::Malformed), "{content:?}");
        }
        assert_eq!(unsigned(&[1; 9]), Err(CrlError::Number));
    }

    #[test]
    fn an_element_is_found_by_its_header_alone() {
        let long = [&[SEQUENCE, 0x81, 0x80][..], &[7; 0x80], &[1, 2]].concat();
        for (bytes, content, rest) in [
            (&[SEQUENCE, 2, 5, 6, 9][..], &[5, 6][..], &[9][..]),
            (&[SEQUENCE, 0], &[], &[]),
            (&long, &[7; 0x80], &[1, 2]),
        ] {
            let element = Element::of(SEQUENCE, bytes).unwrap();
            assert_eq!((element.content, element.rest), (content, rest));
            assert_eq!([element.whole, element.rest].concat(), bytes);
        }
        for bytes in [
            &[][..],
            &[SEQUENCE],
            &[SEQUENCE, 1],
            &[SEQUENCE, 0x80, 0, 0],
            &[SEQUENCE, 0x85, 0, 0, 0, 0, 0],
            &[SEQUENCE, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[INTEGER, 1, 1],
        ] {
            assert!(Element::of(SEQUENCE, bytes).is_err(), "{bytes:?}");
        }
    }
}
