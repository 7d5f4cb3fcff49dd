//! What a CA folder has certified and revoked: its own lines, the CRLs made from them, and the ledger as published.

pub(crate) mod adoption;
pub(crate) mod crl;
pub(crate) mod entries;
pub(crate) mod error;
pub(crate) mod lines;
pub(crate) mod publication;
