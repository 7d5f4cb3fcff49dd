//! Walking a group's log: every entry in order, every claim checked, everything it changes in one act.
//!
//! PROTOCOL.md, "The log" 2, "Groups" 6, "Records" 3. What a server does wrong stops the walk with an
//! alarm; what an author does wrong is an alarm and the walk goes on.

mod commit;
pub(super) mod gone;
pub(super) mod granted;
mod page;
mod record;
pub(super) mod reopening;
mod walk;

pub(super) use page::{Page, fault_at_end};
pub(super) use walk::{Stop, Walk, Walked, alarm_of, has_author};
