//! The subject: what a case is called.

use super::{
    item::{Item, check_text},
    kind::{Again, Kind, Readers, Taken},
    taking::{Came, Taking},
};
use crate::{
    session::Error,
    vault::{VaultError, rows::GroupRow},
};
use alcove_e2ee::records::{Payload, Subject, TextField};
use alcove_proto::v1::SubjectKind;

/// The title of a case: one line, and one space between words.
///
/// Errors: [`Error::TextEmpty`], [`Error::TextTooLong`].
pub(in crate::session) fn prepare(kind: SubjectKind, title: &str) -> Result<Item, Error> {
    let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
    check_text(&title, TextField::Title)?;
    Item::saying(&Payload::Subject(Subject { kind, title }))
}

/// The title that a case has here, for those who have just joined.
pub(in crate::session) fn known(row: &GroupRow) -> Result<Item, Error> {
    let kind = SubjectKind::try_from(row.subject_kind).map_err(|_| VaultError::damaged("a case"))?;
    Item::saying(&Payload::Subject(Subject { kind, title: row.title.clone() }))
}

impl Kind for Subject {
    fn take(&self, taking: &mut Taking<'_>) -> Result<Taken, Error> {
        let counts = match taking.came {
            // Nobody renames a case whose word counts for nothing here; without any title it could not even be asked about.
            Came::InTheLog => taking.row.title.is_empty() || taking.author_counts()?,
            Came::Recovered => taking.row.recovered || taking.row.title.is_empty(),
            Came::ByGrant => false,
        };
        // One that is opened late is no newer title than what was read meanwhile.
        let is_newer = taking.row.title.is_empty() || taking.key.position.0 > taking.row.titled_at;
        if counts && is_newer {
            taking.row.titled_at = taking.key.position.0;
            taking.row.title = self.title.clone();
            taking.row.subject_kind = self.kind.into();
        }
        Ok(Taken::Done)
    }

    fn again(&self, _readers: Readers) -> Again {
        Again::Never
    }
}
