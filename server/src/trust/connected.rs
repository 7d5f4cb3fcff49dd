//! Who is connected, as far as trust has to do with it.

use alcove_proto::names::Identity;
use alcove_trust::CertificateFault;
use rustls_pki_types::CertificateDer;

/// The certificates a caller showed, and whom they name.
#[derive(Debug)]
pub struct Peer {
    /// The device the leaf names.
    pub identity: Identity,
    /// The chain as it was shown, leaf first.
    pub chain: Vec<CertificateDer<'static>>,
    /// Last moment of the leaf's validity, milliseconds since 1970.
    pub not_after_ms: i64,
}

/// Says whether a peer would be let in now. Checks signatures: asked where blocking is allowed.
pub type Judge<'a> = &'a dyn Fn(&Peer) -> Result<(), CertificateFault>;

/// The live connections, for what judges and cuts them.
pub trait Connected: Send + Sync + 'static {
    /// Judges every live connection again and cuts those that `judge` refuses; says how many.
    fn judge_again(&self, judge: Judge<'_>) -> usize;

    /// Who of the live connections `judge` refuses, one for each connection; cuts nobody.
    fn refused_by(&self, judge: Judge<'_>) -> Vec<Identity>;

    /// Cuts every connection whose certificate has ended at `now_ms` (milliseconds since 1970); says how many.
    fn cut_expired(&self, now_ms: i64) -> usize;

    /// How many connections are alive.
    fn count(&self) -> usize;
}
