//! Extended key usages (RFC 5280 section 4.2.1.12): one key, one purpose, one usage in its certificate. And the one
//! extension of our own, in the entries of CRLs.
//!
//! Each comes twice: as arcs, for whoever writes certificates, and as the content octets of its DER
//! encoding, for whoever reads them.

/// `id-kp-serverAuth`: the server's TLS certificate.
pub const SERVER_AUTH_ARCS: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 3, 1];
/// `id-kp-clientAuth`: a device's TLS certificate.
pub const CLIENT_AUTH_ARCS: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 3, 2];
/// A device's MLS signing certificate; private arc.
pub const MLS_SIGNING_ARCS: &[u64] = &[1, 3, 6, 1, 4, 1, 58888, 1, 1];
/// The server's receipt certificate; private arc.
pub const RECEIPTS_ARCS: &[u64] = &[1, 3, 6, 1, 4, 1, 58888, 1, 2];
/// A duty officer's certificate for denials; private arc.
pub const DENIALS_ARCS: &[u64] = &[1, 3, 6, 1, 4, 1, 58888, 1, 3];
/// The CRL entry extension that says which of the agency's lists had the entry first; private arc. Its value is an
/// INTEGER, the number of that list. Never critical: whoever does not know it judges by the entry alone.
pub const FIRST_LISTED_ARCS: &[u64] = &[1, 3, 6, 1, 4, 1, 58888, 1, 4];

/// [`SERVER_AUTH_ARCS`] as DER content.
pub const SERVER_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];
/// [`CLIENT_AUTH_ARCS`] as DER content.
pub const CLIENT_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 2];
/// [`MLS_SIGNING_ARCS`] as DER content.
pub const MLS_SIGNING: &[u8] = &[0x2b, 6, 1, 4, 1, 0x83, 0xcc, 0x08, 1, 1];
/// [`RECEIPTS_ARCS`] as DER content.
pub const RECEIPTS: &[u8] = &[0x2b, 6, 1, 4, 1, 0x83, 0xcc, 0x08, 1, 2];
/// [`DENIALS_ARCS`] as DER content.
pub const DENIALS: &[u8] = &[0x2b, 6, 1, 4, 1, 0x83, 0xcc, 0x08, 1, 3];
/// [`FIRST_LISTED_ARCS`] as DER content.
pub const FIRST_LISTED: &[u8] = &[0x2b, 6, 1, 4, 1, 0x83, 0xcc, 0x08, 1, 4];

/// What a certificate's key may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    /// The server's side of TLS.
    TlsServer,
    /// A device's side of TLS.
    TlsDevice,
    /// A device's MLS signatures.
    MlsSigning,
    /// The server's signatures under log heads.
    Receipts,
    /// A duty officer's signatures under denials.
    Denials,
}

impl Usage {
    /// The usage's OID as arcs.
    pub fn arcs(self) -> &'static [u64] {
        match self {
            Self::TlsServer => SERVER_AUTH_ARCS,
            Self::TlsDevice => CLIENT_AUTH_ARCS,
            Self::MlsSigning => MLS_SIGNING_ARCS,
            Self::Receipts => RECEIPTS_ARCS,
            Self::Denials => DENIALS_ARCS,
        }
    }

    /// The usage's OID as DER content octets.
    pub fn der(self) -> &'static [u8] {
        match self {
            Self::TlsServer => SERVER_AUTH,
            Self::TlsDevice => CLIENT_AUTH,
            Self::MlsSigning => MLS_SIGNING,
            Self::Receipts => RECEIPTS,
            Self::Denials => DENIALS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use x509_parser::der_parser::oid::Oid;

    #[test]
    fn both_spellings_of_each_usage_name_the_same_oid() {
        for usage in [Usage::TlsServer, Usage::TlsDevice, Usage::MlsSigning, Usage::Receipts, Usage::Denials]
        {
            let from_arcs = Oid::from(usage.arcs()).unwrap();
            assert_eq!(from_arcs.as_bytes(), usage.der(), "{usage:?}");
        }
        assert_eq!(Oid::from(FIRST_LISTED_ARCS).unwrap().as_bytes(), FIRST_LISTED);
    }
}
