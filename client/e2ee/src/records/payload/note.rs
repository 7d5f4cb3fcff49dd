//! A note.

use super::limits::{PayloadError, TextField};
use alcove_proto::{ids::RecordId, v1};
use zeroize::ZeroizeOnDrop;

/// A note.
#[derive(Clone, PartialEq, Eq, ZeroizeOnDrop)]
pub struct Note {
    /// Between 1 and [`alcove_proto::limits::NOTE_TEXT_BYTES_MAX`] bytes.
    pub text: String,
    /// The record this one corrects.
    #[zeroize(skip)]
    pub corrects: Option<RecordId>,
    /// Whether members of other agencies may pass it on by a grant.
    pub grantable: bool,
}

impl Note {
    pub(super) fn to_wire(&self) -> v1::Note {
        v1::Note {
            text: self.text.clone(),
            corrects: self.corrects.map(RecordId::to_vec).unwrap_or_default(),
            grantable: self.grantable,
        }
    }

    pub(super) fn parse(mut note: v1::Note) -> Result<Self, PayloadError> {
        TextField::NoteText.check(&note.text)?;
        let corrects = match note.corrects.as_slice() {
            [] => None,
            id => Some(RecordId::try_from(id)?),
        };
        Ok(Self { text: std::mem::take(&mut note.text), corrects, grantable: note.grantable })
    }
}
