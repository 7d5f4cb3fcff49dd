//! Attacks, one a test: a hostile server between the real programs and the real server, a hostile member, an agency's
//! hostile admin, a stranger, a thief with a vault. Each is harmless or told by its name, none is silent, none is fatal to
//! another case; each has a control that shows that the attack would be seen if it worked.
//!
//! `tests/HOSTILE.md` is made from the comments of these tests: [`table`] says how.

mod admin;
mod member;
pub(crate) mod server;
mod stranger;
mod table;
mod thief;
