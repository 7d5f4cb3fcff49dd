//! What is to be written, in the form in which it waits in the outbox.

use crate::{
    session::{
        Error,
        words::{Accents, folded},
    },
    vault::{
        VaultError,
        rows::{GrantPlanRow, OutboxRow},
    },
};
use alcove_e2ee::records::{Payload, PayloadError, TextField};
use alcove_proto::{
    ids::RecordId,
    v1::{Basis, RecordKind},
};
use zeroize::Zeroizing;

/// Something to be written.
pub(in crate::session) struct Item {
    kind: RecordKind,
    /// As it will be signed; empty for what is only made when it is sealed.
    payload: Zeroizing<Vec<u8>>,
    grant: Option<GrantPlanRow>,
}

impl Item {
    /// Something whose words are known now.
    ///
    /// Errors: [`Error::TextEmpty`], [`Error::TextTooLong`].
    pub(in crate::session) fn saying(payload: &Payload) -> Result<Self, Error> {
        let (kind, payload) = payload.encode().map_err(refused)?;
        Ok(Self { kind, payload, grant: None })
    }

    /// Something that is made of what there is when it is sealed.
    pub(in crate::session) fn made_when_sealed(kind: RecordKind) -> Self {
        Self { kind, payload: Zeroizing::default(), grant: None }
    }

    /// A grant that is made by this plan when it is sealed.
    pub(in crate::session) fn planned(plan: GrantPlanRow) -> Self {
        Self { grant: Some(plan), ..Self::made_when_sealed(RecordKind::Grant) }
    }

    /// Its row.
    pub(in crate::session) fn into_row(mut self, record: RecordId, written_at_ms: i64) -> OutboxRow {
        let mut row = OutboxRow::default();
        row.record_id = record.to_vec();
        row.written_at_ms = written_at_ms;
        row.grant = self.grant.take();
        self.say_in(&mut row);
        row
    }

    /// Puts what it says into a row, in the place of what that said.
    pub(in crate::session) fn say_in(mut self, row: &mut OutboxRow) {
        row.kind = self.kind.into();
        row.basis = Basis::Undeclared.into();
        row.payload = std::mem::take(&mut *self.payload);
    }
}

/// Checks a text that a person writes: one of blanks, or of characters that nobody sees, says nothing.
///
/// Errors: [`Error::TextEmpty`], [`Error::TextTooLong`].
pub(in crate::session) fn check_text(text: &str, field: TextField) -> Result<(), Error> {
    if folded(text, Accents::Count).is_empty() {
        Err(Error::TextEmpty)
    } else if text.len() > field.bytes_max() {
        Err(Error::TextTooLong { limit: field.bytes_max(), actual: text.len() })
    } else {
        Ok(())
    }
}

fn refused(error: PayloadError) -> Error {
    match error {
        PayloadError::Missing { .. } => Error::TextEmpty,
        PayloadError::TooLong { field, bytes } => {
            Error::TextTooLong { limit: field.bytes_max(), actual: bytes }
        }
        // What is written here is made here: nothing else can be wrong with it.
        _ => VaultError::damaged("the outbox").into(),
    }
}
