//! Values of the rows of escrow and of attempts at recovery.

use super::{super::engine::rows::*, DEVICE, hash, opaque};

pub(super) fn escrow() -> EscrowRow {
    EscrowRow { entry: opaque(1).into() }
}

pub(super) fn escrowed_grant() -> EscrowedGrantRow {
    EscrowedGrantRow { recovery_key_hash: hash(1), grant: opaque(2).into() }
}

pub(super) fn certificate() -> CertificateRow {
    CertificateRow { certificate: opaque(1).into() }
}

pub(super) fn escrow_count() -> EscrowCountRow {
    EscrowCountRow { certificates: 1 }
}

pub(super) fn attempt() -> AttemptRow {
    AttemptRow {
        identity: DEVICE.to_owned(),
        order: opaque(2).into(),
        signature: opaque(3).into(),
        announced_at_ms: 4,
        handed_out_at_ms: Some(5),
        withdrawn_at_ms: Some(6),
        objected_at_ms: Some(7),
        signed_objection: opaque(8).into(),
    }
}
