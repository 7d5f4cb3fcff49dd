//! A record of a kind, or under a basis, that the reader does not know.

/// Needs a newer Alcove. [`crate::records::OpenedRecord`] has it as it was signed. Never written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unknown {
    /// The number of its kind.
    pub kind: i32,
    /// The number of the basis under which that kind is not known.
    pub basis: i32,
}
