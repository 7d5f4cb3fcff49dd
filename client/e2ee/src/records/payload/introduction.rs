//! An introduction: the author's certificate chain.

use super::limits::PayloadError;
use alcove_proto::{
    limits::{CERTIFICATE_BYTES_MAX, CHAIN_CERTIFICATES_MAX},
    v1,
};

/// The author's own certificate chain. What it is worth is judged by whoever reads it.
#[derive(Clone, PartialEq, Eq)]
pub struct Introduction {
    /// DER, leaf first: between 1 and [`CHAIN_CERTIFICATES_MAX`] of at most [`CERTIFICATE_BYTES_MAX`] each.
    pub chain: Vec<Vec<u8>>,
}

impl Introduction {
    pub(super) fn to_wire(&self) -> v1::Introduction {
        v1::Introduction { chain: Some(v1::AuthorChain { certificates: self.chain.clone() }) }
    }

    pub(super) fn parse(introduction: v1::Introduction) -> Result<Self, PayloadError> {
        let chain = introduction.chain.unwrap_or_default().certificates;
        let fits = |certificate: &Vec<u8>| (1..=CERTIFICATE_BYTES_MAX).contains(&certificate.len());
        if (1..=CHAIN_CERTIFICATES_MAX).contains(&chain.len()) && chain.iter().all(fits) {
            Ok(Self { chain })
        } else {
            Err(PayloadError::IntroductionChain)
        }
    }
}
