//! What a device's certificate claims, before its agency's CA has been asked, and what is believed of it after.

use crate::{
    anchor::{self, PathFault},
    certificate::{Leaf, San, Serial},
    error::TrustError,
    key::P256Point,
    oids::Usage,
};
use alcove_proto::{
    ids::Digest,
    names::{Identity, TrustDomain},
};
use rustls_pki_types::TrustAnchor;

/// A device's certificate that has been believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceCertificate {
    /// The device it names.
    pub identity: Identity,
    /// The key it certifies.
    pub public_key: P256Point,
    /// The key of the CA that signed it.
    pub issuer: P256Point,
    /// Its serial number.
    pub serial: Serial,
    /// First moment of validity, milliseconds since 1970.
    pub not_before_ms: i64,
    /// Last moment of validity, milliseconds since 1970.
    pub not_after_ms: i64,
    /// SHA-256 of its DER.
    pub certificate_hash: Digest,
}

/// A device's certificate with the name it claims, before its agency's CA has been asked.
pub(super) struct Claim<'a> {
    der: &'a [u8],
    pub(super) leaf: Leaf,
    usage: Usage,
    pub(super) identity: Identity,
}

impl<'a> Claim<'a> {
    pub(super) fn parse(chain: &'a [impl AsRef<[u8]>], usage: Usage) -> Result<Self, TrustError> {
        let [der] = chain else {
            return Err(TrustError::ChainLength { certificates: chain.len() });
        };
        let der = der.as_ref();
        let leaf = Leaf::parse(der)?;
        leaf.check_profile(usage)?;
        let identity = match leaf.san()? {
            San::Uri(uri) => uri.parse().map_err(TrustError::Name)?,
            San::Dns(_) | San::Other => return Err(TrustError::SanKind),
        };
        Ok(Self { der, leaf, usage, identity })
    }

    pub(super) fn trust_domain(&self) -> &TrustDomain {
        &self.identity.person.trust_domain
    }

    /// The key of the CA, of those that `anchors` name, that signed it.
    pub(super) fn check_path(&self, anchors: &[TrustAnchor<'static>]) -> Result<P256Point, TrustError> {
        let path = anchor::check_path(self.der, &self.leaf, &[], anchors, self.usage.der(), None);
        path.map_err(|fault| match fault {
            PathFault::UnknownIssuer => TrustError::UnknownIssuer(self.trust_domain().clone()),
            PathFault::BadSignature => TrustError::BadSignature,
            PathFault::Malformed | PathFault::IntermediateTime => TrustError::Malformed,
            PathFault::CaAsLeaf => TrustError::CaAsLeaf,
            PathFault::WrongUsage => TrustError::WrongUsage,
        })
    }

    /// `issuer`: the key of the CA that signed it.
    pub(super) fn believed(self, issuer: P256Point) -> DeviceCertificate {
        DeviceCertificate {
            identity: self.identity,
            public_key: self.leaf.public_key,
            issuer,
            serial: self.leaf.serial,
            not_before_ms: self.leaf.not_before_ms,
            not_after_ms: self.leaf.not_after_ms,
            certificate_hash: self.leaf.hash,
        }
    }
}
