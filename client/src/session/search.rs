//! Finding what is on this device by its words.

use super::{
    DocumentView, Error, NoteView, Session, Shown,
    kinds::view,
    notes::{ALL, sort_out},
    state::load_row,
    words::{Accents, Needle},
};
use crate::vault::{Direction, rows::EntryRow};
use alcove_proto::ids::GroupId;
use std::ops::ControlFlow;

/// What was found in one case, in log order, what waits in the outbox last.
#[derive(Debug, Default)]
pub struct Found {
    /// Notes in whose text the words are.
    pub notes: Vec<NoteView>,
    /// Documents in whose name they are.
    pub documents: Vec<DocumentView>,
    /// Notes and documents that were looked at: all that this device can read.
    pub searched: u64,
}

impl Session {
    /// The notes of a case whose text has these words in it, and the documents whose name has, as people compare words.
    /// Local.
    ///
    /// Errors: [`Error::TextEmpty`].
    pub fn search(&self, case: &GroupId, words: &str, accents: Accents) -> Result<Found, Error> {
        let needle = Needle::new(words, accents).ok_or(Error::TextEmpty)?;
        self.vault.read(|act| {
            let mut found = Found { searched: load_row(act, case)?.items, ..Found::default() };
            act.entries_opened(case, ALL, Direction::Forward, &mut |key, plain| {
                // Most do not match: those are not even taken apart.
                if needle.may_be_in(plain) {
                    let shown = view(self.kinds, &key, &EntryRow::decode_row(plain)?)?;
                    shown.into_iter().for_each(|shown| found.take(&needle, shown));
                }
                Ok(ControlFlow::Continue(()))
            })?;
            for note in &mut found.notes {
                sort_out(act, case, note)?;
            }
            for queued in self.queued(act, case)? {
                found.searched += u64::from(matches!(queued, Shown::Note(_) | Shown::Document(_)));
                found.take(&needle, queued);
            }
            Ok(found)
        })
    }
}

impl Found {
    fn take(&mut self, needle: &Needle, shown: Shown) {
        match shown {
            Shown::Note(note) if needle.is_in(&note.text) => self.notes.push(note),
            Shown::Document(document) if needle.is_in(&document.name) => self.documents.push(document),
            _ => {}
        }
    }
}
