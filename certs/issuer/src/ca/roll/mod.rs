//! Rolling a CA over to a new key without an outage: begin, switch, finish. PROTOCOL.md, "Renewal", and section 8.
//!
//! Each step is one rewriting of the keystore; the certificates in the folder and `agency.pub` follow from it and are
//! put right whenever the folder is opened. So a step that was killed has either not been taken or is finished by
//! whatever comes next, and a step that is taken again changes nothing.

pub(crate) mod agency;
pub(crate) mod error;
mod server;
pub(crate) mod settle;
pub(crate) mod state;
mod steps;
