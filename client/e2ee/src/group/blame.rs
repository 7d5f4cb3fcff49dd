//! Whose fault it is that a commit of the log cannot be processed: its author's, or the server's that ordered it.
//!
//! An honest server orders nothing that its observer refuses. So a member asks an observer of its own, made of the group
//! as it was: what that one refuses too, no honest server has ordered. What it would have taken, a member alone can see to
//! be wrong (path secrets, tags), and whoever signed all of it made it so. PROTOCOL.md section 8, "Whose fault".

use super::{Group, GroupError};
use alcove_charter::TrustView;
use alcove_mls::CommitBody;
use alcove_proto::names::Identity;

/// Whose fault it is that a commit cannot be processed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// No honest server orders such a commit; whoever is named in it may know nothing of it.
    Server,
    /// This device signed all of it, and only members can see what is wrong with it.
    Author(Identity),
    /// It stands bare: this device may have made it so, or whoever passed it on.
    AuthorOrServer(Identity),
}

impl Group {
    /// Whose fault it is that [`Group::process`] refused a commit of the log.
    ///
    /// `self`: the group as it was before; after a refusal, loaded again. `refused`: what `process` said.
    /// `received_at_ms`: of the commit's own log entry.
    /// Errors: [`GroupError::SavedState`], never in a group that was let in leaf by leaf.
    pub fn fault_of(
        &self,
        commit: &[u8],
        refused: &GroupError,
        trust: &TrustView,
        received_at_ms: i64,
    ) -> Result<Fault, GroupError> {
        // Everything before the library's own work is judged by the one function of both ends.
        let seen_by_members_alone = matches!(refused, GroupError::Mls(_) | GroupError::OwnCommitForgotten);
        if !seen_by_members_alone {
            return Ok(Fault::Server);
        }
        let observer = self.observer(trust).map_err(|_| GroupError::SavedState)?;
        let Ok((_, summary)) = observer.check(commit, trust, received_at_ms) else {
            return Ok(Fault::Server);
        };
        let author = summary.author.identity;
        let is_signed = CommitBody::parse(commit)?.signature.is_some();
        Ok(if is_signed { Fault::Author(author) } else { Fault::AuthorOrServer(author) })
    }
}
