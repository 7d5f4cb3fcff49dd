//! `alcove passwd`.

use crate::{context::Context, failure::Failure, passphrase};
use std::path::Path;

pub(crate) fn run(context: &Context, new_file: Option<&Path>) -> Result<(), Failure> {
    // Unlocking comes first, so that nobody chooses a new passphrase for a vault they cannot open.
    let (session, old) = context.session_and_passphrase()?;
    let new = passphrase::fresh(new_file, "--new-passphrase-file FILE")?;
    session.change_passphrase(&old, &new)?;
    context.output.acted();
    context.output.object("alcove.passwd.v1", serde_json::json!({ "changed": true }))?;
    context.output.say("The passphrase is changed. Older copies of the vault still open with the old one.");
    Ok(())
}
