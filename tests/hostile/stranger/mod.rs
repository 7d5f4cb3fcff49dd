//! A stranger who is enrolled: at some agency of the collaborative, and on nobody's case.

mod cases;
mod consent;
mod flood;
