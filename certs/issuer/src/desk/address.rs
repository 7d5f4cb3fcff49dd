//! `host:port` as an admin types it.

use crate::error::IssuerError;

/// `host:port`, or nothing.
pub(crate) fn check_address(address: &str) -> Result<(), IssuerError> {
    if address.is_empty() { Ok(()) } else { split_address(address).map(drop) }
}

/// Host (an IPv6 literal without its brackets) and port of `host:port`.
pub(crate) fn split_address(address: &str) -> Result<(&str, u16), IssuerError> {
    let parsed = address.rsplit_once(':').and_then(|(host, port)| {
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        rustls_pki_types::ServerName::try_from(host).ok()?;
        port.parse::<u16>().ok().filter(|port| *port != 0).map(|port| (host, port))
    });
    parsed.ok_or(IssuerError::ServerAddress)
}
