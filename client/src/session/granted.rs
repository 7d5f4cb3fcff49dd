//! Fetching the records that were granted to this device.

use super::{Error, Session, payload::entry_row, state::digest};
use crate::{
    transport::ServerError,
    vault::{
        Act, Durability, EntryKey, VaultError,
        rows::{ChainRow, EntryClass, GrantInboxRow, GrantedKeyRow, GroupRow},
    },
};
use alcove_charter::{Judge, TrustView};
use alcove_e2ee::{
    grants::{GrantedKey, GrantedRecord, open_granted},
    keys::RecordKey,
    records::{Author, Expected},
};
use alcove_proto::{
    ids::{Epoch, GroupId, Position},
    names::Identity,
    v1::{LogEntry, Reason},
};

/// What grants brought.
#[derive(Default)]
pub(super) struct Granted {
    pub(super) notes: u64,
    pub(super) documents: u64,
    pub(super) places: Vec<EntryKey>,
}

impl Session {
    /// Fetches and opens what grants in the inbox name, and returns what came.
    ///
    /// A record that is not what was granted, or was not the granter's to give, is left out: the grant
    /// stays visible in the log, and the record stays closed.
    pub(super) async fn fetch_granted(&self, group: &GroupId) -> Result<Granted, Error> {
        let inbox = self.vault.read::<_, Error>(|act| Ok(act.scan::<GrantInboxRow>(group.as_bytes())?))?;
        let mut total = Granted::default();
        for (key, grant) in inbox {
            let now_ms = self.clock.now_ms();
            let ended = grant.not_after_ms != 0 && grant.not_after_ms < now_ms;
            let entries = if ended { Vec::new() } else { self.read_granted(group, &grant).await? };
            let trust = self.trust();
            let granted = self.vault.act::<_, Error>(Durability::OnDisk, |act| {
                let granted = self.keep_granted(act, group, &grant, &entries, &trust)?;
                act.delete::<GrantInboxRow>(&key)?;
                Ok(granted)
            })?;
            total.notes += granted.notes;
            total.documents += granted.documents;
            total.places.extend(granted.places);
        }
        Ok(total)
    }

    async fn read_granted(&self, group: &GroupId, grant: &GrantInboxRow) -> Result<Vec<LogEntry>, Error> {
        let server = self.server()?;
        let mut entries: Vec<LogEntry> = Vec::new();
        for (first, last) in runs(&grant.records) {
            let mut after = Position(first - 1);
            while after.0 < last {
                let page = match server.read_log(group, after, Position(last)).await {
                    Ok(page) => page,
                    // Access was ended again before we came.
                    Err(error) if error.reason() == Some(Reason::NotFound) => return Ok(entries),
                    Err(error) => return Err(error.into()),
                };
                let Some(reached) = page.entries.last().map(|entry| Position(entry.position)) else { break };
                if reached <= after {
                    return Err(ServerError::bad("a page of the log that leads nowhere").into());
                }
                after = reached;
                entries.extend(page.entries);
                if !page.more {
                    break;
                }
            }
        }
        Ok(entries)
    }

    fn keep_granted(
        &self,
        act: &Act<'_>,
        group: &GroupId,
        grant: &GrantInboxRow,
        entries: &[LogEntry],
        trust: &TrustView,
    ) -> Result<Granted, Error> {
        let damaged = || VaultError::damaged("a grant");
        let granter: Identity = grant.granter.parse().map_err(|_| damaged())?;
        let mut total = Granted::default();
        for granted in &grant.records {
            let Some(entry) = entries.iter().find(|entry| entry.position == granted.position) else {
                continue;
            };
            if act
                .entry_at(group, Position(granted.position))?
                .is_some_and(|(_, row)| row.class != EntryClass::Unreadable as u32)
            {
                continue;
            }
            let key = GrantedKey {
                record: GrantedRecord {
                    position: Position(granted.position),
                    hash: digest(&granted.hash, "a grant")?,
                    chain: 0,
                },
                key: RecordKey::try_from(granted.key.as_slice()).map_err(|_| damaged())?,
            };
            let Some(author) = author_of(act, trust, granted)? else { continue };
            let Ok(appended_by) = entry.author.parse::<Identity>() else { continue };
            let expected = Expected {
                group: *group,
                epoch: Epoch(entry.epoch),
                epoch_id: None,
                appended_by: &appended_by,
            };
            let opened = open_granted(&entry.body, &key, &granter.person.trust_domain, &expected, &author);
            let opened = match opened {
                Ok(opened) => opened,
                Err(error) => {
                    tracing::warn!(position = granted.position, %error, "a granted record is refused");
                    continue;
                }
            };
            let mut row = entry_row(&opened, key.key.as_bytes(), entry.received_at_ms, &[]);
            row.granted = true;
            if row.class == EntryClass::Note as u32 {
                total.notes += 1;
            } else if row.class == EntryClass::Document as u32 {
                total.documents += 1;
            }
            let place = EntryKey {
                group: *group,
                position: Position(granted.position),
                record: opened.header.place.record,
            };
            act.put_entry(&place, &row)?;
            total.places.push(place);
        }
        if total.notes + total.documents > 0 {
            let mut row: GroupRow = super::state::load_row(act, group)?;
            row.items += total.notes + total.documents;
            act.put(group.as_bytes(), &row)?;
        }
        Ok(total)
    }
}

/// The author a grant vouches for, by the chain it brought.
fn author_of(act: &Act<'_>, trust: &TrustView, granted: &GrantedKeyRow) -> Result<Option<Author>, Error> {
    let chain: ChainRow = act.expect(&granted.certificate_hash)?;
    let believed = trust.verify_device_mls(&chain.certificates, Judge::Never).ok();
    Ok(believed.map(|certificate| Author::in_chain(&certificate)))
}

/// Runs of neighbouring positions, so that they are read together.
fn runs(records: &[GrantedKeyRow]) -> Vec<(u64, u64)> {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for record in records {
        // Position 0 stands before every log.
        if record.position == 0 {
            continue;
        }
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == record.position => *last = record.position,
            _ => runs.push((record.position, record.position)),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_records_are_read_together_and_position_zero_never() {
        let record = |position| {
            let mut row = GrantedKeyRow::default();
            row.position = position;
            row
        };
        let records: Vec<_> = [0, 3, 4, 5, 9].into_iter().map(record).collect();
        assert_eq!(runs(&records), [(3, 5), (9, 9)]);
    }
}
