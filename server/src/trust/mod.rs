//! Trust in force: what the server believes, and shows.
//!
//! `files` says what is on disk, `in_force` what holds now and for which connections (`connected`), `reload` and `watch`
//! take up what changed on disk, `desk` takes in what agencies send, `remember` has the store keep how far it got, and
//! `ends` says what ends when. Never names transport: whoever keeps the connections shows them as [`Connected`].

mod connected;
mod desk;
mod ends;
pub mod files;
mod in_force;
mod reload;
mod remember;
mod watch;

pub use connected::{Connected, Judge, Peer};
pub use desk::{Accepted, Denied, TrustDesk};
pub use ends::{Ending, Stage, Subject};
pub use in_force::{InForce, ReloadError};
pub use reload::{Reloaded, reload, remove_ended, warn_of_unkept};
pub use remember::{keep_remembering, remember};
pub use watch::keep_current;
