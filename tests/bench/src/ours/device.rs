//! A certified device: its keys, and connections to the server.

use super::wire::Wire;
use crate::Error;
use alcove_charter::TrustView;
use alcove_client::session::enrol::{DeviceKeys, Enrolment};
use alcove_e2ee::device::Device;
use alcove_trust::Connector;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::{net::SocketAddr, sync::Arc};

/// A device that the server lets in and that groups believe.
pub(crate) struct BenchDevice {
    pub(crate) mls: Device,
    pub(crate) trust: TrustView,
    connector: Connector,
}

impl BenchDevice {
    pub(crate) fn new(keys: &DeviceKeys, enrolment: Enrolment, trust: TrustView) -> Result<Self, Error> {
        let mls = Device::new(&keys.mls, enrolment.mls_chain, None)?;
        let chain = enrolment.tls_chain.into_iter().map(CertificateDer::from).collect();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(keys.tls.to_vec()));
        let connector = Connector::new(Arc::new(trust.clone()), chain, key)?;
        Ok(Self { mls, trust, connector })
    }

    /// A connection of its own to the server at `address`, opened with the first call.
    pub(crate) fn connect(&self, address: SocketAddr) -> Result<Wire, Error> {
        Wire::new(address, self.connector.clone())
    }
}
