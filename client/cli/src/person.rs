//! How a person is named on the command line.

use clap::Args;

/// One person, told apart from everybody else.
#[derive(Debug, Args)]
pub(crate) struct PersonArgs {
    /// The person: a name as `alcove member find` shows it, or spiffe://…/staff/…
    pub(crate) person: String,
    /// Their agency: its name or domain, or the first part of that
    #[arg(long, value_name = "AGENCY")]
    pub(crate) agency: Option<String>,
}
