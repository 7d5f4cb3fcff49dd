//! Notes.

use super::{
    item::{Item, check_text},
    kind::{Again, Disclosure, Kind, Place, Readers, Taken},
    taking::Taking,
};
use crate::session::{Error, NoteView, Shown};
use alcove_e2ee::records::{Note, Payload, TextField};
use alcove_proto::ids::{Position, RecordId};

/// A note that is to be written.
///
/// Errors: [`Error::TextEmpty`], [`Error::TextTooLong`].
pub(in crate::session) fn prepare(
    text: &str,
    corrects: Option<RecordId>,
    grantable: bool,
) -> Result<Item, Error> {
    check_text(text, TextField::NoteText)?;
    Item::saying(&Payload::Note(Note { text: text.to_owned(), corrects, grantable }))
}

impl Kind for Note {
    fn take(&self, taking: &mut Taking<'_>) -> Result<Taken, Error> {
        taking.held.notes += taking.item();
        Ok(Taken::Done)
    }

    fn disclose(&self, position: Position) -> Option<Disclosure> {
        Some(Disclosure { grantable: self.grantable, from: position })
    }

    fn view(&mut self, place: Place) -> Option<Shown> {
        Some(Shown::Note(NoteView {
            case: place.case,
            id: place.id,
            author: place.author,
            written_at_ms: place.written_at_ms,
            received_at_ms: place.received_at_ms,
            delivery: place.delivery,
            text: std::mem::take(&mut self.text),
            corrects: self.corrects,
            comments_on: None,
            corrected_by: None,
            grantable: self.grantable,
            granted: place.granted,
        }))
    }

    fn again(&self, readers: Readers) -> Again {
        let corrects = match readers {
            Readers::OfTheGroup => self.corrects,
            // What it corrects is not in the new group: there it is a new one.
            Readers::OfItsSuccessor => None,
        };
        match Item::saying(&Payload::Note(Note {
            text: self.text.clone(),
            corrects,
            grantable: self.grantable,
        })) {
            Ok(item) => Again::AsNew(item),
            // It was within every limit when it was read.
            Err(_) => Again::ByItsAuthor,
        }
    }
}
