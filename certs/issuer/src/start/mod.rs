//! The guided walk by which a collaborative is founded: its steps, what is done, and the acts that take the next one.
//!
//! Three people walk, each in a folder of their own: the admin who drafts the charter, the admin of each other agency, and
//! the server's operator. What they send each other are the public files that the single commands make, by any mail.
//!
//! ```text
//! plan     what a person has said: role and names; the only thing that is not seen by looking
//! look     what lies in the folder     -> Found
//! steps    Found -> the steps, each done, next, waiting for somebody, or later (no file, no clock)
//! sent     what a file is that somebody has sent
//! acts     one verb a step, over the verbs of the single commands
//! ```
//!
//! Whether a step is done is seen from what lies in the folder, each time anew. So a walk that was cut off at any line goes on
//! from there, on another day, and whoever mixes it with the single commands loses nothing. Nothing in here prints or asks.

mod acts;
mod error;
mod folder;
mod look;
mod plan;
mod sent;
mod steps;

pub use acts::TakenIn;
pub use error::StartError;
pub use folder::Walk;
pub use plan::{Part, Plan};
pub use steps::{Found, FoundCharter, State, Step, StepName, Whom, steps};
