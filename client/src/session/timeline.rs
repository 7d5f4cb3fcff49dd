//! A case as it happened: its notes and documents in one list, oldest first.

use super::{Error, NoteView, Session, Shown};
use crate::vault::Direction;
use alcove_proto::ids::{GroupId, RecordId};
use std::{collections::HashMap, ops::ControlFlow};

impl Session {
    /// Notes, documents and what cannot be opened, in the order of the log; what waits here is last. Local.
    ///
    /// `since_ms`: only what was written or came since then. Errors: [`Error::NoSuchCase`].
    pub fn timeline(&self, case: &GroupId, since_ms: Option<i64>) -> Result<Vec<Shown>, Error> {
        // Which note corrects which is known once all of them are.
        let mut notes: HashMap<RecordId, NoteView> =
            self.notes(case, None)?.into_iter().map(|note| (note.id, note)).collect();
        let mut items = self.vault.read::<_, Error>(|act| {
            let mut items = Vec::new();
            self.collect(act, case, Direction::Forward, &mut |shown| {
                items.push(shown);
                ControlFlow::Continue(())
            })?;
            items.extend(self.queued(act, case)?);
            Ok(items)
        })?;
        for item in &mut items {
            if let Shown::Note(note) = item
                && let Some(whole) = notes.remove(&note.id)
            {
                *note = whole;
            }
        }
        items.retain(|item| since_ms.is_none_or(|since_ms| since_ms <= item.at_ms()));
        Ok(items)
    }
}
