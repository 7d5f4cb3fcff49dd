//! Fetching the records that were granted to this device.

use crate::{
    session::{
        Error, Session,
        acting::Acting,
        kinds::{
            self,
            entry::entry_row,
            grant::ranges,
            taking::{Came, Held, Taking},
        },
        recovery::escrow,
        state::{digest, epoch_place, group_place, load_row},
    },
    transport::ServerError,
    vault::{
        Act, Durability, EntryKey, VaultError,
        rows::{AuthorRow, ChainRow, EntryRow, EpochRow, GrantInboxRow, GrantedKeyRow},
    },
};
use alcove_charter::{DeviceCertificate, Judge, TrustView};
use alcove_e2ee::{
    grants::{GrantedKey, GrantedRecord, open_granted},
    keys::RecordKey,
    records::{Author, AuthorFault, AuthorPoint, AuthorStart, Expected, OpenedRecord},
};
use alcove_proto::{
    ids::{Epoch, EpochId, GroupId, Position},
    names::Identity,
    v1::{LogEntry, Reason},
};
use std::collections::BTreeMap;

/// What grants brought.
#[derive(Default)]
pub(in crate::session) struct Granted {
    pub(in crate::session) notes: u64,
    pub(in crate::session) documents: u64,
    pub(in crate::session) places: Vec<EntryKey>,
}

impl Session {
    /// Fetches and opens what grants in the inbox name, and returns what came.
    ///
    /// A record that is not what was granted, or was not the granter's to give, is left out: the grant
    /// stays visible in the log, and the record stays closed.
    pub(in crate::session) async fn fetch_granted(&self, group: &GroupId) -> Result<Granted, Error> {
        let (inbox, joined_at) = self.vault.read::<_, Error>(|act| {
            let inbox = act.scan::<GrantInboxRow>(group.as_bytes())?;
            let joined_at = if inbox.is_empty() { 0 } else { load_row(act, group)?.join_position };
            Ok((inbox, Position(joined_at)))
        })?;
        let mut total = Granted::default();
        for (key, mut grant) in inbox {
            keep_earlier(&mut grant.records, joined_at);
            let now_ms = self.clock.now_ms();
            let ended = grant.not_after_ms != 0 && grant.not_after_ms < now_ms;
            let entries = if ended { Vec::new() } else { self.read_granted(group, &grant).await? };
            let granted = self.vault.act::<_, Error>(Durability::OnDisk, |act| {
                let granted = keep_granted(&self.acting(act)?, group, &grant, &entries)?;
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
            let mut after = Position(first.0 - 1);
            while after < last {
                let page = match server.read_log(group, after, last).await {
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
}

/// What grants bring is there to be read, and changes nothing else.
fn keep_granted(
    acting: &Acting<'_>,
    group: &GroupId,
    grant: &GrantInboxRow,
    entries: &[LogEntry],
) -> Result<Granted, Error> {
    let Acting { act, identity, trust, .. } = acting;
    let damaged = || VaultError::damaged("a grant");
    let granter: Identity = grant.granter.parse().map_err(|_| damaged())?;
    let mut group_row = load_row(act, group)?;
    let charter_hash = digest(&group_row.charter_hash, "a case")?;
    let mut order = Order::default();
    let mut held = Held::default();
    let mut places = Vec::new();
    let mut taken = Vec::new();
    for granted in &grant.records {
        let position = Position(granted.position);
        let Some(entry) = entries.iter().find(|entry| entry.position == granted.position) else {
            continue;
        };
        // From an earlier membership, perhaps: what was opened then stays.
        let earlier = act.entry_at(group, position)?.map(|(_, row)| row);
        if earlier.as_ref().is_some_and(|row| row.unreadable == 0) {
            continue;
        }
        let key = GrantedKey {
            record: GrantedRecord { position, hash: digest(&granted.hash, "a grant")?, chain: 0 },
            key: RecordKey::try_from(granted.key.as_slice()).map_err(|_| damaged())?,
        };
        let chain: ChainRow = act.expect(&granted.certificate_hash)?;
        let Some(author) = author_of(trust, &chain, entry.received_at_ms) else {
            tracing::warn!(position = granted.position, "the author of a granted record is refused");
            continue;
        };
        let Ok(appended_by) = entry.author.parse::<Identity>() else { continue };
        let expected = Expected {
            group: *group,
            epoch: Epoch(entry.epoch),
            epoch_id: epoch_id(act, group, entry.epoch)?,
            charter_hash,
            appended_by: &appended_by,
            kinds: acting.kinds,
        };
        let opened = open_granted(&entry.body, &key, &granter.person, &identity.person, &expected, &author);
        let mut opened = match opened {
            Ok(opened) => opened,
            Err(error) => {
                tracing::warn!(position = granted.position, %error, "a granted record is refused");
                continue;
            }
        };
        let record = opened.header.place.record;
        let elsewhere = act.find_entry(group, &record)?.is_some_and(|found| found != position);
        if elsewhere || !order.fits(act, group, &entry.author, &opened)? {
            tracing::warn!(position = granted.position, "a granted record is out of its author's order");
            continue;
        }
        let place = EntryKey { group: *group, position, record };
        let mut row = granted_row(&opened, key.key.as_bytes(), entry.received_at_ms, earlier.as_ref());
        let mut taking = Taking {
            acting,
            came: Came::ByGrant,
            key: place,
            author: &opened.author,
            received_at_ms: entry.received_at_ms,
            row: &mut group_row,
            held: &mut held,
        };
        kinds::take(&mut opened.payload, &mut row, &mut taking)?;
        act.put_entry(&place, &row)?;
        places.push(place);
        taken.push((position, opened.certificate_hash));
    }
    let trust_domain = &identity.person.trust_domain;
    escrow::mark_grant(act, trust, trust_domain, group, grant, &taken)?;
    if held.notes + held.documents > 0 {
        act.put(group.as_bytes(), &group_row)?;
    }
    Ok(Granted { notes: held.notes, documents: held.documents, places })
}

/// Leaves what stands before our joining: the rest comes through the log, where more can be checked.
fn keep_earlier(records: &mut Vec<GrantedKeyRow>, joined_at: Position) {
    records.retain(|record| record.position < joined_at.0);
}

/// The author of a record this device was no member for, by the chain that came with a grant or by recovery, judged as of
/// the time of the record's log entry.
pub(in crate::session) fn author_of(
    trust: &TrustView,
    chain: &ChainRow,
    received_at_ms: i64,
) -> Option<Author> {
    let certificate = trust.verify_device_mls(&chain.certificates, Judge::Never).ok()?;
    held_at(&certificate, trust.revoked_at_ms(&certificate), received_at_ms)
        .then(|| Author::in_chain(&certificate))
}

/// Whether a certificate held at that time: neither end nor revocation reaches back.
///
/// Which CRL counted then is not known here, so the date beside the serial decides.
fn held_at(certificate: &DeviceCertificate, revoked_at_ms: Option<i64>, time_ms: i64) -> bool {
    (certificate.not_before_ms..=certificate.not_after_ms).contains(&time_ms)
        && revoked_at_ms.is_none_or(|revoked_at_ms| time_ms < revoked_at_ms)
}

/// The id of an epoch that this device was in: an earlier membership, or a branch that somebody made up.
fn epoch_id(act: &Act<'_>, group: &GroupId, epoch: u64) -> Result<Option<EpochId>, Error> {
    let Some(row) = act.get::<EpochRow>(&epoch_place(group, epoch))? else { return Ok(None) };
    let id = EpochId::try_from(row.epoch_id.as_slice());
    Ok(Some(id.map_err(|_| VaultError::damaged("an epoch key"))?))
}

/// The row of a granted record. A head that was seen at its position stays.
fn granted_row(
    opened: &OpenedRecord,
    key: &[u8; 32],
    received_at_ms: i64,
    earlier: Option<&EntryRow>,
) -> EntryRow {
    let head = earlier.map(|row| row.head.as_slice()).unwrap_or_default();
    entry_row(opened, Came::ByGrant, key, received_at_ms, head)
}

/// The last record of each author that one grant or recovery brought, by the name in the log.
#[derive(Default)]
pub(in crate::session) struct Order(BTreeMap<String, AuthorPoint>);

impl Order {
    /// Whether a record can stand where the log says among the others of its author, and moves on to it if so.
    pub(in crate::session) fn fits(
        &mut self,
        act: &Act<'_>,
        group: &GroupId,
        author: &str,
        opened: &OpenedRecord,
    ) -> Result<bool, Error> {
        let seen = act.get::<AuthorRow>(&group_place(group, &act.tag::<AuthorRow>(author)))?;
        let fits = is_between(self.0.get(author).copied(), seen.map(|row| row.sequence), opened);
        if fits {
            self.0.insert(author.to_owned(), AuthorPoint { sequence: opened.sequence, hash: opened.hash });
        }
        Ok(fits)
    }
}

/// Whether a record follows the author's last granted one, and comes before what the log brought since we joined.
fn is_between(last: Option<AuthorPoint>, seen: Option<u64>, opened: &OpenedRecord) -> bool {
    let follows = match AuthorPoint::after(last, AuthorStart::FromAnywhere, opened) {
        // What lies between was not granted.
        Ok(_) | Err(AuthorFault::Gap { .. }) => true,
        Err(AuthorFault::Replay { .. } | AuthorFault::Fork { .. }) => false,
    };
    follows && seen.is_none_or(|sequence| opened.sequence < sequence)
}

/// Runs of neighbouring positions, so that they are read together. Position 0 stands before every log.
fn runs(records: &[GrantedKeyRow]) -> Vec<(Position, Position)> {
    ranges(records.iter().map(|record| record.position).filter(|position| *position != 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alcove_charter::{P256Point, Serial};
    use alcove_e2ee::{
        keys::{Commitment, RecordPlace, Salt},
        records::{Header, Note, Payload},
    };
    use alcove_proto::ids::{Digest, Head, RecordId};

    fn record(position: u64) -> GrantedKeyRow {
        let mut row = GrantedKeyRow::default();
        row.position = position;
        row
    }

    fn positions(records: &[GrantedKeyRow]) -> Vec<u64> {
        records.iter().map(|record| record.position).collect()
    }

    #[test]
    fn neighbouring_records_are_read_together_and_position_zero_never() {
        let records: Vec<_> = [0, 3, 4, 5, 9].into_iter().map(record).collect();
        assert_eq!(runs(&records), [(Position(3), Position(5)), (Position(9), Position(9))]);
    }

    #[test]
    fn a_grant_opens_nothing_from_the_joining_on() {
        let mut records: Vec<_> = [3, 6, 7, 8].into_iter().map(record).collect();
        keep_earlier(&mut records, Position(7));
        assert_eq!(positions(&records), [3, 6]);
        // Whoever made the group has all of it.
        keep_earlier(&mut records, Position(0));
        assert_eq!(positions(&records), Vec::<u64>::new());
    }

    #[test]
    fn an_author_is_judged_as_of_the_record_and_not_as_of_today() {
        let certificate = DeviceCertificate {
            identity: "spiffe://elmgate.northmark.example/staff/abcdefghijklmn27/device/1".parse().unwrap(),
            public_key: P256Point::parse(&[4; P256Point::LEN]).unwrap(),
            issuer: P256Point::parse(&[4; P256Point::LEN]).unwrap(),
            serial: Serial::from_der_content(&[7]),
            not_before_ms: 1_000,
            not_after_ms: 2_000,
            certificate_hash: Digest([6; 32]),
        };
        assert!(held_at(&certificate, None, 1_500), "it has ended since, and that reaches back to nothing");
        assert!(!held_at(&certificate, None, 999), "signed before there was a certificate");
        assert!(!held_at(&certificate, None, 2_001), "signed after its end");
        assert!(held_at(&certificate, Some(1_501), 1_500), "revoked afterwards");
        assert!(!held_at(&certificate, Some(1_500), 1_500), "signed with a key that was revoked");
    }

    #[test]
    fn a_granted_record_stands_between_its_neighbours_of_the_same_author() {
        let last = AuthorPoint { sequence: 4, hash: Digest([4; 32]) };
        assert!(is_between(None, None, &opened(9, 8)), "the first of an author that nothing is known of");
        assert!(is_between(Some(last), Some(9), &opened(5, 4)));
        assert!(is_between(Some(last), Some(9), &opened(7, 6)), "what lies between was not granted");
        assert!(!is_between(Some(last), None, &opened(5, 1)), "it names another record before it");
        assert!(!is_between(Some(last), None, &opened(4, 3)), "a number taken twice");
        assert!(!is_between(Some(last), None, &opened(3, 2)), "an earlier record at a later position");
        assert!(!is_between(Some(last), Some(9), &opened(9, 8)), "a number the log brought since we joined");
    }

    #[test]
    fn a_head_that_was_seen_stays_when_a_grant_opens_the_record() {
        let mut unreadable = EntryRow::default();
        unreadable.head = vec![5; 32];
        let row = granted_row(&opened(1, 0), &[1; 32], 10, Some(&unreadable));
        assert_eq!(
            (row.head.as_slice(), row.granted, row.kind, row.payload.as_slice()),
            (&[5; 32][..], true, 1, &b"signed"[..])
        );
        assert!(granted_row(&opened(1, 0), &[1; 32], 10, None).head.is_empty());
    }

    /// A note with that number, after one whose hash is that byte.
    fn opened(sequence: u64, previous: u8) -> OpenedRecord {
        OpenedRecord {
            header: Header {
                place: RecordPlace {
                    group: GroupId([1; 16]),
                    epoch_id: EpochId([2; 32]),
                    leaf: 0,
                    record: RecordId([3; 16]),
                },
                epoch: Epoch(1),
                salt: Salt([0; 32]),
                commitment: Commitment([0; 32]),
            },
            hash: Digest([sequence as u8; 32]),
            author: "spiffe://elmgate.northmark.example/staff/abcdefghijklmn27/device/1".parse().unwrap(),
            payload: Payload::Note(Note { text: "text".into(), corrects: None, grantable: false }),
            kind: 1,
            basis: 0,
            content: b"signed".to_vec().into(),
            time_ms: 0,
            certificate_hash: Digest([6; 32]),
            sequence,
            previous: (sequence > 1).then_some(Digest([previous; 32])),
            seen_position: Position(0),
            seen_head: Head([0; 32]),
            signed: Default::default(),
        }
    }
}
