//! Reading again with recovered keys, after every device of a person was lost. PROTOCOL.md section 18, step 13.
//!
//! `import` takes the file of the officers into the vault; `reading` fetches what the server opens for it, page by page,
//! and goes on at the next sync when it is cut; `opening` opens each record and judges whose it is. What was read lies where
//! the entries of a member lie. A case this device was never a member of gets a row that says so. A later welcome into it
//! waits for a person, since nothing here says who may make it, and stands beside it when it is accepted.

mod import;
mod opening;
mod reading;

use crate::{
    session::{
        Error, RecoveredView, Session,
        state::{all_rows, load_row},
    },
    vault::{
        Act,
        rows::{GroupRow, RecoveredGroupRow},
    },
};
use alcove_proto::ids::{GroupId, Position};

impl Session {
    /// The cases that are read with recovered keys, as far as they have been read. Local.
    pub fn recovered(&self) -> Result<Vec<RecoveredView>, Error> {
        self.vault.read(|act| {
            let mut cases = Vec::new();
            for (case, row) in all_rows(act)? {
                let Some(recovered) = act.get::<RecoveredGroupRow>(case.as_bytes())? else { continue };
                cases.push(RecoveredView {
                    case,
                    title: Some(row.title).filter(|title| !title.is_empty()),
                    done: recovered.done,
                    member: !row.recovered && !row.closed,
                    items: recovered.items,
                    unreadable: recovered.unreadable,
                    poisoned: recovered.poisoned,
                });
            }
            Ok(cases)
        })
    }
}

/// How this device stands to a group it has recovered keys of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    /// No member: the server opens runs of positions, each with its chain and signed end.
    Outside,
    /// A member from that position on: what is before it is opened as by a grant.
    Since(Position),
}

impl Stands {
    fn of(row: &GroupRow) -> Self {
        if row.recovered || row.closed { Self::Outside } else { Self::Since(Position(row.join_position)) }
    }

    fn load(act: &Act<'_>, group: &GroupId) -> Result<Self, Error> {
        Ok(Self::of(&load_row(act, group)?))
    }
}
