//! Records of kinds that this program knows and the one that kept them did not: opened where they stand, with what they do.
//!
//! They were verified like every other one when they came, and their author's line has moved on past them. The vault finds
//! them by their kind, so that thousands of a kind that is still not known cost nothing. PROTOCOL.md section 3, step 4.

use crate::{
    session::{
        AlarmKind, Error, UnreadableCause,
        kinds::{
            self,
            entry::cause_number,
            kind::Taken,
            taking::{Came, Held, Taking},
        },
        state::load_row,
    },
    vault::{
        Act, Durability, EntryKey, Vault, VaultError,
        rows::{EntryRow, GroupRow, RecoveredGroupRow},
    },
};
use alcove_charter::TrustView;
use alcove_e2ee::records::{Kinds, Payload};
use alcove_proto::names::Identity;

/// Opens what is known now. What cannot be opened now stays as it is, and keeps nobody from the rest of the vault.
pub(in crate::session) fn reopen(
    vault: &Vault,
    kinds: Kinds,
    own: &Identity,
    trust: &TrustView,
    now_ms: i64,
) {
    let not_opened =
        |error: Error| tracing::warn!(%error, "records of kinds that are known now are not opened");
    match find(vault, kinds) {
        Ok(found) => {
            for of_group in found.chunk_by(|a, b| a.group == b.group) {
                // Nothing of it comes a second time by itself; what is wrong with one group is no other's matter.
                let opened = vault.act(Durability::OnDisk, |act| {
                    Reopening { act, kinds, own, trust, now_ms }.of_group(of_group)
                });
                opened.unwrap_or_else(not_opened);
            }
        }
        Err(error) => not_opened(error),
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

struct Reopening<'a> {
    act: &'a Act<'a>,
    kinds: Kinds,
    own: &'a Identity,
    trust: &'a TrustView,
    now_ms: i64,
}

impl Reopening<'_> {
    fn of_group(&self, found: &[EntryKey]) -> Result<(), Error> {
        let Some(first) = found.first() else { return Ok(()) };
        let mut row = load_row(self.act, &first.group)?;
        let mut held = Held::default();
        for key in found {
            self.one(key, &mut row, &mut held)?;
        }
        Ok(self.act.put(first.group.as_bytes(), &row)?)
    }

    fn one(&self, key: &EntryKey, row: &mut GroupRow, held: &mut Held) -> Result<(), Error> {
        let mut entry = match self.act.entry_at(&key.group, key.position) {
            Ok(Some((_, entry))) if entry.is_unknown => entry,
            // It is no such entry any more, or is damaged, which is named where it is read.
            Ok(_) | Err(VaultError::Damaged { .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let author: Identity = entry.author.parse().map_err(|_| VaultError::damaged("a log entry"))?;
        let came = came(&entry, row, key);
        match Payload::parse(self.kinds, entry.kind, entry.basis, &entry.payload) {
            // It names another basis further in.
            Ok(Payload::Unknown(unknown)) => entry.basis = unknown.basis,
            Ok(mut payload) => {
                entry.is_unknown = false;
                let items = row.items;
                let taken = kinds::take(
                    &mut payload,
                    &mut Taking {
                        act: self.act,
                        own: self.own,
                        trust: self.trust,
                        now_ms: self.now_ms,
                        came,
                        group: key.group,
                        record: key.record,
                        position: key.position,
                        author: &author,
                        received_at_ms: entry.received_at_ms,
                        row,
                        held,
                    },
                )?;
                if let Taken::Unreadable(cause) = taken {
                    entry.unreadable = cause_number(cause);
                }
                if came == Came::Recovered && entry.unreadable == 0 {
                    self.count_recovered(key, row.items - items)?;
                }
            }
            Err(_) => {
                entry.is_unknown = false;
                entry.unreadable = cause_number(UnreadableCause::Malformed);
                // Nor does reading with recovered keys raise one: its group has no roster to judge an author by.
                if came != Came::Recovered {
                    let about = (key.group, AlarmKind::RecordUnreadable, key.position.0);
                    held.alarm_by(self.act, about, Some(&author), self.now_ms)?;
                }
            }
        }
        Ok(self.act.put_entry(key, &entry)?)
    }

    /// One that was counted among what cannot be read is read.
    fn count_recovered(&self, key: &EntryKey, items: u64) -> Result<(), VaultError> {
        let group = key.group.as_bytes();
        let Some(mut progress) = self.act.get::<RecoveredGroupRow>(group)? else { return Ok(()) };
        progress.unreadable = progress.unreadable.saturating_sub(1);
        progress.items += items;
        self.act.put(group, &progress)
    }
}

/// How an entry came: what stands before this device's joining came by a grant or with recovered keys.
fn came(entry: &EntryRow, row: &GroupRow, key: &EntryKey) -> Came {
    if entry.granted {
        Came::ByGrant
    } else if row.recovered || key.position.0 < row.join_position {
        Came::Recovered
    } else {
        Came::InTheLog
    }
}

#[cfg(test)]
#[path = "reopening_tests.rs"]
mod tests;
