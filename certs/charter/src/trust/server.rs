//! The server's own certificates: for TLS and for its receipts, both by a server CA of the charter in force.

use super::{ServerCertificate, TrustView};
use crate::{
    TrustError,
    anchor::{self, PathFault},
    certificate::Leaf,
    oids::Usage,
};
use alcove_proto::limits::CHAIN_CERTIFICATES_MAX;
use rustls_pki_types::{CertificateDer, DnsName, ServerName};
use webpki::EndEntityCert;

impl TrustView {
    /// Believes the server's TLS certificate for `name`, which must be the charter's, at `time_ms`.
    ///
    /// `chain`: leaf first, then issuers without the anchor.
    /// Errors: [`TrustError`].
    pub fn verify_server(
        &self,
        chain: &[impl AsRef<[u8]>],
        name: &str,
        time_ms: i64,
    ) -> Result<ServerCertificate, TrustError> {
        let charter = self.charter();
        if name != charter.server_name {
            return Err(TrustError::WrongServerName);
        }
        let certificate = self.verify_of_server(chain, Usage::TlsServer, time_ms)?;
        // Cannot fail: the path has been checked, so there is a leaf and it parses.
        let der = CertificateDer::from(chain.first().map(AsRef::as_ref).unwrap_or_default());
        let leaf = EndEntityCert::try_from(&der).map_err(|_| TrustError::Malformed)?;
        let name = DnsName::try_from(name).map_err(|_| TrustError::WrongServerName)?;
        leaf.verify_is_valid_for_subject_name(&ServerName::DnsName(name))
            .map_err(|_| TrustError::WrongServerName)?;
        Ok(certificate)
    }

    /// Believes the receipt key's certificate at `time_ms`.
    ///
    /// Errors: [`TrustError`].
    pub fn verify_receipt_chain(
        &self,
        chain: &[impl AsRef<[u8]>],
        time_ms: i64,
    ) -> Result<ServerCertificate, TrustError> {
        self.verify_of_server(chain, Usage::Receipts, time_ms)
    }

    fn verify_of_server(
        &self,
        chain: &[impl AsRef<[u8]>],
        usage: Usage,
        time_ms: i64,
    ) -> Result<ServerCertificate, TrustError> {
        self.check_charter(time_ms)?;
        let certificates = chain.len();
        let (first, rest) = chain.split_first().ok_or(TrustError::ChainLength { certificates })?;
        if certificates > CHAIN_CERTIFICATES_MAX {
            return Err(TrustError::ChainLength { certificates });
        }
        let leaf = Leaf::parse(first.as_ref())?;
        leaf.check_profile(usage)?;
        leaf.check_time(time_ms)?;
        let intermediates: Vec<_> = rest.iter().map(|der| CertificateDer::from(der.as_ref())).collect();
        let anchors: Vec<_> = self.charter().server_cas.iter().map(|ca| ca.anchor().clone()).collect();
        let path =
            anchor::check_path(first.as_ref(), &leaf, &intermediates, &anchors, usage.der(), Some(time_ms));
        path.map_err(|fault| match fault {
            PathFault::UnknownIssuer => TrustError::UnknownServerIssuer,
            PathFault::BadSignature => TrustError::BadSignature,
            PathFault::Malformed => TrustError::Malformed,
            PathFault::CaAsLeaf => TrustError::CaAsLeaf,
            PathFault::WrongUsage => TrustError::WrongUsage,
            PathFault::IntermediateTime => {
                TrustError::Expired { not_after_ms: leaf.not_after_ms.min(time_ms), time_ms }
            }
        })?;
        Ok(ServerCertificate {
            public_key: leaf.public_key,
            not_after_ms: leaf.not_after_ms,
            certificate_hash: leaf.hash,
        })
    }
}
