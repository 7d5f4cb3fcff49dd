//! Which kinds of record a reader knows.

use alcove_proto::v1::{Basis, RecordKind};

/// Numbers of kinds are below this.
const KINDS_END: i32 = 256;

/// The kinds of record that a reader knows. What is of another kind, or under a basis that it does not know, is kept as it
/// was signed, for the first program that knows it. PROTOCOL.md section 3, step 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kinds {
    without: Option<RecordKind>,
}

impl Kinds {
    /// All of them.
    pub const fn all() -> Self {
        Self { without: None }
    }

    /// All but one: what a program of before that kind knows.
    pub const fn without(kind: RecordKind) -> Self {
        Self { without: Some(kind) }
    }

    /// Each of them with the basis under which it is known.
    pub fn iter(self) -> impl Iterator<Item = (RecordKind, Basis)> {
        let named = (0..KINDS_END).filter_map(|number| RecordKind::try_from(number).ok());
        let known = named.filter(move |kind| *kind != RecordKind::Unspecified && Some(*kind) != self.without);
        known.map(|kind| (kind, Basis::Undeclared))
    }

    /// The kind with these numbers, if it is known. A basis of a later version may forbid what this one would do with the
    /// record, so under one that is not known no kind is.
    pub fn known(self, kind: i32, basis: i32) -> Option<RecordKind> {
        let named = RecordKind::try_from(kind).ok().filter(|_| basis == i32::from(Basis::Undeclared));
        named.filter(|kind| *kind != RecordKind::Unspecified && Some(*kind) != self.without)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_the_protocol_is_known_and_one_that_is_left_out_is_not() {
        let undeclared = i32::from(Basis::Undeclared);
        for number in -1..10_000 {
            let named = RecordKind::try_from(number).ok().filter(|kind| *kind != RecordKind::Unspecified);
            assert_eq!(Kinds::all().known(number, undeclared), named);
            assert!(named.is_none() || Kinds::all().iter().any(|(kind, _)| Some(kind) == named), "{number}");
            assert_eq!(Kinds::all().known(number, undeclared + 1), None, "under another basis");
        }
        let fewer = Kinds::without(RecordKind::Note);
        assert_eq!(fewer.known(RecordKind::Note.into(), undeclared), None);
        assert_eq!(fewer.known(RecordKind::Leave.into(), undeclared), Some(RecordKind::Leave));
        assert_eq!(fewer.iter().count(), Kinds::all().iter().count() - 1);
    }
}
