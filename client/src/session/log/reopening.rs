//! Records of kinds that this program knows and the one that kept them did not: opened where they stand, with what they do.
//!
//! They were verified like every other one when they came, and their author's line has moved on past them. The vault finds
//! them by their kind, so that thousands of a kind that is still not known cost nothing. PROTOCOL.md section 3, step 4.

use crate::{
    session::{
        Error, Session,
        acting::Acting,
        kinds::{
            self,
            entry::came,
            taking::{Came, Held, Taking},
        },
        state::load_row,
    },
    vault::{
        Durability, EntryKey, Vault, VaultError,
        rows::{GroupRow, RecoveredGroupRow},
    },
};
use alcove_e2ee::records::{Kinds, Payload};
use alcove_proto::names::Identity;
use std::{slice, sync::PoisonError};

impl Session {
    /// Opens what is known now. What cannot be opened now stays as it is, and keeps nobody from the rest of the vault.
    pub(in crate::session) fn reopen(&self) {
        let not_opened =
            |error: Error| tracing::warn!(%error, "records of kinds that are known now are not opened");
        let found = find(&self.vault, self.kinds).unwrap_or_else(|error| {
            not_opened(error);
            Vec::new()
        });
        for of_group in found.chunk_by(|a, b| a.group == b.group) {
            // Nothing of it comes a second time by itself. What is wrong with one group is no other's matter, nor what is
            // wrong with one record another record's.
            if self.open_late(of_group).is_err() {
                for one in of_group {
                    self.open_late(slice::from_ref(one)).unwrap_or_else(not_opened);
                }
            }
        }
    }

    /// Opens entries of one group in one act.
    fn open_late(&self, entries: &[EntryKey]) -> Result<(), Error> {
        let held = self.vault.act(Durability::OnDisk, |act| open_group(&self.acting(act)?, entries))?;
        let mut reopened = self.reopened.lock().unwrap_or_else(PoisonError::into_inner);
        reopened.notes += held.notes;
        reopened.documents += held.documents;
        Ok(())
    }
}

/// What is known now, group by group, in the order of its log.
fn find(vault: &Vault, kinds: Kinds) -> Result<Vec<EntryKey>, Error> {
    vault.read(|act| {
        let mut found = Vec::new();
        for (kind, basis) in kinds.iter() {
            found.extend(act.unknown_entries(kind.into(), basis.into())?);
        }
        found.sort_by_key(|key| (key.group, key.position));
        Ok(found)
    })
}

fn open_group(acting: &Acting<'_>, found: &[EntryKey]) -> Result<Held, Error> {
    let mut held = Held::default();
    let Some(first) = found.first() else { return Ok(held) };
    let mut row = load_row(acting.act, &first.group)?;
    for key in found {
        open(acting, key, &mut row, &mut held)?;
    }
    acting.act.put(first.group.as_bytes(), &row)?;
    Ok(held)
}

fn open(acting: &Acting<'_>, key: &EntryKey, row: &mut GroupRow, held: &mut Held) -> Result<(), Error> {
    let (mut entry, basis) = match acting.act.entry_at(&key.group, key.position) {
        Ok(Some((_, entry))) => match entry.unknown_basis {
            Some(basis) => (entry, basis),
            // It is known by now.
            None => return Ok(()),
        },
        // It is no such entry any more, or is damaged, which is named where it is read.
        Ok(None) | Err(VaultError::Damaged { .. }) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let payload = Payload::parse(acting.kinds, entry.kind, basis, &entry.payload);
    let mut payload = payload.unwrap_or_else(Payload::Malformed);
    if let Payload::Unknown(unknown) = &payload {
        // It names another basis further in.
        entry.unknown_basis = Some(unknown.basis);
        return Ok(acting.act.put_entry(key, &entry)?);
    }
    entry.unknown_basis = None;
    let author: Identity = entry.author.parse().map_err(|_| VaultError::damaged("a log entry"))?;
    let items = row.items;
    let came = came(&entry);
    let received_at_ms = entry.received_at_ms;
    let mut taking = Taking { acting, came, key: *key, author: &author, received_at_ms, row, held };
    kinds::take(&mut payload, &mut entry, &mut taking)?;
    if came == Came::Recovered && entry.unreadable == 0 {
        count_recovered(acting, key, row.items - items)?;
    }
    Ok(acting.act.put_entry(key, &entry)?)
}

/// One that was counted among what cannot be read is read.
fn count_recovered(acting: &Acting<'_>, key: &EntryKey, items: u64) -> Result<(), VaultError> {
    let group = key.group.as_bytes();
    let Some(mut progress) = acting.act.get::<RecoveredGroupRow>(group)? else { return Ok(()) };
    progress.unreadable = progress.unreadable.saturating_sub(1);
    progress.items += items;
    acting.act.put(group, &progress)
}

#[cfg(test)]
#[path = "reopening_tests.rs"]
mod tests;
