//! The subject: name and kind of the conversation.

use super::limits::{PayloadError, TextField};
use alcove_proto::v1;
use zeroize::ZeroizeOnDrop;

/// What the conversation is called.
#[derive(Clone, PartialEq, Eq, ZeroizeOnDrop)]
pub struct Subject {
    /// Always one of the named kinds, never unspecified.
    #[zeroize(skip)]
    pub kind: v1::SubjectKind,
    /// Between 1 and [`alcove_proto::limits::TITLE_BYTES_MAX`] bytes.
    pub title: String,
}

impl Subject {
    pub(super) fn to_wire(&self) -> v1::Subject {
        v1::Subject { kind: self.kind.into(), title: self.title.clone() }
    }

    pub(super) fn parse(mut subject: v1::Subject) -> Result<Self, PayloadError> {
        TextField::Title.check(&subject.title)?;
        match v1::SubjectKind::try_from(subject.kind) {
            Err(_) | Ok(v1::SubjectKind::Unspecified) => {
                Err(PayloadError::SubjectKind { kind: subject.kind })
            }
            Ok(kind) => Ok(Self { kind, title: std::mem::take(&mut subject.title) }),
        }
    }
}
