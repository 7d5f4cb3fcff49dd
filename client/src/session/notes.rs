//! Notes: write, correct, list, search.

use super::{
    Delivery, Error, NoteView, Session, Shown, UnreadableView, Written,
    kinds::{self, item::check_text, note, view},
    outbox::refused::delivery_of,
    state::load_row,
};
use crate::{
    transport::briefly,
    vault::{
        Act, Direction,
        rows::{EntryRow, OutboxRow},
    },
};
use alcove_e2ee::records::TextField;
use alcove_proto::{
    ids::{GroupId, Position, RecordId},
    names::{Identity, Person},
};
use std::{collections::HashMap, ops::ControlFlow};

/// Every entry of a log.
pub(super) const ALL: (Position, Position) = (Position(0), Position(u64::MAX));

impl Session {
    /// Writes a note. It is in the outbox before this device says anything to the server.
    ///
    /// Errors: [`Error::TextEmpty`], [`Error::TextTooLong`], [`Error::CaseClosed`], [`Error::Alarm`].
    /// Without a server the note waits, and that is no error; a silent one is not waited for.
    pub async fn add_note(&self, case: &GroupId, text: &str, grantable: bool) -> Result<Written, Error> {
        let note = note::prepare(text, None, grantable)?;
        briefly(self.write(case, |_, _| Ok(note))).await
    }

    /// Writes a note that corrects `note`, which must be one's own person's; the first version stays.
    ///
    /// Errors: [`Error::NoSuchRecord`] for what is no note here, [`Error::NotAllowed`] for somebody else's.
    pub async fn correct_note(&self, case: &GroupId, note: &RecordId, text: &str) -> Result<Written, Error> {
        check_text(text, TextField::NoteText)?;
        let first = self.note(case, note)?;
        if first.author.person != self.identity.person {
            return Err(Error::NotAllowed);
        }
        let correction = note::prepare(text, Some(*note), first.grantable)?;
        briefly(self.write(case, |_, _| Ok(correction))).await
    }

    /// The notes of a case in log order, queued ones last; only the last `last` if given. Local.
    ///
    /// Errors: [`Error::NoSuchCase`].
    pub fn notes(&self, case: &GroupId, last: Option<usize>) -> Result<Vec<NoteView>, Error> {
        self.vault.read(|act| {
            load_row(act, case)?;
            let wanted = last.unwrap_or(usize::MAX);
            let mut notes = self.queued_notes(act, case)?;
            notes.reverse();
            // From the newest back: a correction is met before what it corrects.
            if notes.len() < wanted {
                self.collect(act, case, Direction::Backward, &mut |shown| {
                    if let Shown::Note(note) = shown {
                        notes.push(note);
                    }
                    if notes.len() >= wanted { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                })?;
            }
            let authors: HashMap<RecordId, Person> =
                notes.iter().map(|note| (note.id, note.author.person.clone())).collect();
            let mut corrections: HashMap<RecordId, RecordId> = HashMap::new();
            for note in &mut notes {
                note.corrected_by = corrections.get(&note.id).copied();
                match note.corrects.and_then(|corrected| authors.get(&corrected)) {
                    Some(author) if *author == note.author.person => {}
                    Some(_) => note.comments_on = note.corrects.take(),
                    None => sort_out(act, case, note)?,
                }
                if let Some(corrected) = note.corrects {
                    corrections.entry(corrected).or_insert(note.id);
                }
            }
            notes.truncate(wanted);
            notes.reverse();
            Ok(notes)
        })
    }

    /// One note. Local. Errors: [`Error::NoSuchRecord`].
    pub fn note(&self, case: &GroupId, note: &RecordId) -> Result<NoteView, Error> {
        self.vault.read(|act| {
            load_row(act, case)?;
            if let Some(position) = act.find_entry(case, note)?
                && let Some((key, row)) = act.entry_at(case, position)?
                && let Some(Shown::Note(mut view)) = view(self.kinds, &key, &row)?
            {
                view.corrected_by = self.correction_of(act, case, &view, position)?;
                sort_out(act, case, &mut view)?;
                return Ok(view);
            }
            let queued = self.queued_notes(act, case)?;
            queued.into_iter().find(|queued| queued.id == *note).ok_or(Error::NoSuchRecord)
        })
    }

    /// What is in the log of a case and cannot be shown, and why. Local.
    pub fn unreadable(&self, case: &GroupId) -> Result<Vec<UnreadableView>, Error> {
        self.vault.read(|act| {
            load_row(act, case)?;
            let mut items = Vec::new();
            self.collect(act, case, Direction::Forward, &mut |shown| {
                if let Shown::Unreadable(item) = shown {
                    items.push(item);
                }
                ControlFlow::Continue(())
            })?;
            Ok(items)
        })
    }

    /// Notes in the outbox, in the order they were written.
    fn queued_notes(&self, act: &Act<'_>, case: &GroupId) -> Result<Vec<NoteView>, Error> {
        let shown = self.queued(act, case)?.into_iter();
        Ok(shown.filter_map(|shown| if let Shown::Note(note) = shown { Some(note) } else { None }).collect())
    }

    /// What is in the outbox of a case, as it is shown, in the order it was written.
    pub(super) fn queued(&self, act: &Act<'_>, case: &GroupId) -> Result<Vec<Shown>, Error> {
        let rows = act.scan::<OutboxRow>(case.as_bytes())?;
        let view = |row: &OutboxRow| kinds::view_queued(case, &self.identity, row, delivery_of(row));
        Ok(rows.iter().filter_map(|(_, row)| view(row).transpose()).collect::<Result<_, _>>()?)
    }

    /// Gives every entry of a case, as it is to be shown, to `take`.
    pub(super) fn collect(
        &self,
        act: &Act<'_>,
        case: &GroupId,
        direction: Direction,
        take: &mut dyn FnMut(Shown) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        act.entries_opened(case, ALL, direction, &mut |key, plain| {
            let shown = view(self.kinds, &key, &EntryRow::decode_row(plain)?)?;
            Ok(shown.map_or(ControlFlow::Continue(()), &mut *take))
        })?;
        Ok(())
    }

    /// The newest note of the same person that corrects `note`, which stands at `position`.
    fn correction_of(
        &self,
        act: &Act<'_>,
        case: &GroupId,
        note: &NoteView,
        position: Position,
    ) -> Result<Option<RecordId>, Error> {
        let mut found = None;
        act.entries_opened(case, (position.next(), ALL.1), Direction::Backward, &mut |key, plain| {
            let shown = view(self.kinds, &key, &EntryRow::decode_row(plain)?)?;
            Ok(match shown {
                Some(Shown::Note(later))
                    if later.corrects == Some(note.id) && later.author.person == note.author.person =>
                {
                    found = Some(key.record);
                    ControlFlow::Break(())
                }
                _ => ControlFlow::Continue(()),
            })
        })?;
        Ok(found)
    }
}

/// Only the person who wrote a note corrects it: what anybody else says it corrects, or of a note that is not here, is a
/// comment.
pub(super) fn sort_out(act: &Act<'_>, case: &GroupId, note: &mut NoteView) -> Result<(), Error> {
    let Some(corrected) = note.corrects else { return Ok(()) };
    let author = match act.find_entry(case, &corrected)? {
        Some(position) => act.entry_at(case, position)?.map(|(_, row)| row.author.clone()),
        // What waits here is this device's own, and it corrects nobody else's.
        None if matches!(note.delivery, Delivery::Queued | Delivery::Refused { .. }) => return Ok(()),
        None => None,
    };
    let author = author.and_then(|author| author.parse::<Identity>().ok());
    if author.is_none_or(|author| author.person != note.author.person) {
        note.comments_on = note.corrects.take();
    }
    Ok(())
}
