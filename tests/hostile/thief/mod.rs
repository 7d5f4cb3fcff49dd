//! Somebody who has a copy of a vault.

mod copies;
