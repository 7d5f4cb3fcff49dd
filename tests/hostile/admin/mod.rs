//! Attacks by the admin of one agency, who holds its CA.

mod consent;
mod drafts;
mod ghosts;
mod lists;
mod starving;
mod ties;
