//! Drafts: what was typed for a note and did not become one, sealed until somebody goes on with it.

use super::{Error, Session};
use crate::vault::{Durability, rows::DraftRow};
use alcove_proto::ids::{GroupId, RecordId};
use zeroize::Zeroizing;

impl Session {
    /// What was typed for a note of this case, or for a correction of `corrects`, and was not written. Local.
    pub fn draft(
        &self,
        case: &GroupId,
        corrects: Option<&RecordId>,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        let draft = self.vault.read::<_, Error>(|act| Ok(act.get::<DraftRow>(&key(case, corrects))?))?;
        Ok(draft.map(|DraftRow(text)| text))
    }

    /// Keeps what was typed, in place of an earlier draft of the same note; nothing when there is nothing but blanks. On
    /// disk when this returns.
    pub fn keep_draft(
        &self,
        case: &GroupId,
        corrects: Option<&RecordId>,
        text: Zeroizing<Vec<u8>>,
    ) -> Result<(), Error> {
        if text.trim_ascii().is_empty() {
            return Ok(());
        }
        self.vault.act(Durability::OnDisk, |act| Ok(act.put(&key(case, corrects), &DraftRow(text))?))
    }

    /// Throws the draft away: it became a note, or nobody wants it.
    pub fn drop_draft(&self, case: &GroupId, corrects: Option<&RecordId>) -> Result<(), Error> {
        let key = key(case, corrects);
        if self.vault.read::<_, Error>(|act| Ok(act.has::<DraftRow>(&key)?))? {
            self.vault.act(Durability::OnDisk, |act| Ok::<_, Error>(act.delete::<DraftRow>(&key)?))?;
        }
        Ok(())
    }
}

/// The case, then the note that is corrected; zeros for a note of its own, which no record has as its id.
fn key(case: &GroupId, corrects: Option<&RecordId>) -> Vec<u8> {
    [case.0, corrects.map_or([0; 16], |record| record.0)].concat()
}
