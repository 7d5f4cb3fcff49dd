//! Alarms: what an honest server or member never does, by name, until somebody has looked at it.

use super::{AlarmKind, AlarmView, Error, Session};
use crate::vault::{Act, Durability, VaultError, rows::AlarmRow};
use alcove_proto::{
    ids::{Digest, GroupId},
    names::{Identity, TrustDomain},
};

/// Something that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Alarm {
    /// Nothing: the whole collaborative.
    pub(super) group: Option<GroupId>,
    pub(super) kind: AlarmKind,
    pub(super) position: u64,
}

impl Alarm {
    pub(super) fn as_error(self) -> Error {
        Error::Alarm { case: self.group, kind: self.kind, position: self.position, device: None }
    }
}

impl AlarmKind {
    fn number(self) -> u32 {
        self as u32
    }

    fn of_number(number: u32) -> Option<Self> {
        i32::try_from(number).ok().and_then(|number| Self::try_from(number).ok())
    }

    /// Whether nothing is sent while it stands: the log, the charter, the own agency's certificates or this vault itself
    /// is in doubt (two copies of one vault that both write would fork their author's line). The others are about one author
    /// or one offer; they are shown, and the work goes on. A group that is not shown says so in its row.
    pub fn stops_sending(self) -> bool {
        match self {
            Self::Gap
            | Self::Rollback
            | Self::HeadMismatch
            | Self::BadSignature
            | Self::CharterFork
            | Self::VaultRestored
            | Self::ServerOrderedInvalid
            | Self::LedgerFork
            | Self::NotInLedger
            | Self::OwnRecordChanged => true,
            Self::Replay
            | Self::AuthorGap
            | Self::AuthorFork
            | Self::CrlRollback
            | Self::ListOverdue
            | Self::CommitUnprocessable
            | Self::AuthorMismatch
            | Self::NotShown
            | Self::WelcomeUnusable
            | Self::NotContinued
            | Self::RecoveryForged
            | Self::RecordUnreadable
            | Self::HistoryDisputed => false,
            Self::LedgerRollback => false,
            // It is fetched again before anything is sent.
            Self::TrustSetAside => false,
        }
    }

    /// Whether a member, or the server in a member's name, can bring it about as often as they like: it is counted.
    fn is_by_author(self) -> bool {
        matches!(
            self,
            Self::Replay
                | Self::AuthorGap
                | Self::AuthorFork
                | Self::AuthorMismatch
                | Self::RecordUnreadable
                | Self::HistoryDisputed
        )
    }
}

/// Keeps an alarm that is about one place, unless the very same one stands already. Returns whether it is new.
pub(super) fn raise(act: &Act<'_>, alarm: Alarm, now_ms: i64) -> Result<bool, Error> {
    let place = place_of(act, alarm, &format!("at {}", alarm.position));
    if standing_at(act, &place)?.is_some() {
        return Ok(false);
    }
    act.put(&place, &fresh(alarm, now_ms))?;
    Ok(true)
}

/// Keeps an alarm that is about one agency, in the place of one that stands about the same, unless that is the very same
/// one: of two agencies neither hides the other's, though both are about a list of one number.
pub(super) fn raise_of(
    act: &Act<'_>,
    alarm: Alarm,
    trust_domain: &TrustDomain,
    now_ms: i64,
) -> Result<(), Error> {
    let place = place_of(act, alarm, &format!("of {trust_domain}"));
    if standing_at(act, &place)?.is_some_and(|row| row.position == alarm.position) {
        return Ok(());
    }
    Ok(act.put(&place, &fresh(alarm, now_ms))?)
}

/// Keeps an alarm about what somebody, or the server in their name, can do as often as they like: one for each group,
/// kind and author, with a count, so that thousands of them neither bury another alarm nor cost more than one does.
/// Returns whether it is new.
///
/// `author`: nobody where the server names one who is no member.
pub(super) fn raise_by(
    act: &Act<'_>,
    alarm: Alarm,
    author: Option<&Identity>,
    now_ms: i64,
) -> Result<bool, Error> {
    let author = author.map(Identity::to_string).unwrap_or_default();
    let place = place_of(act, alarm, &format!("by {author}"));
    if let Some(mut row) = standing_at(act, &place)? {
        row.count = count_of(&row).saturating_add(1);
        row.last_position = last_of(&row).max(alarm.position);
        act.put(&place, &row)?;
        return Ok(false);
    }
    act.put(&place, &AlarmRow { author, ..fresh(alarm, now_ms) })?;
    Ok(true)
}

/// [`raise`], with the device whose doing it is: it signed what the alarm is about.
pub(super) fn raise_against(
    act: &Act<'_>,
    alarm: Alarm,
    device: &Identity,
    now_ms: i64,
) -> Result<bool, Error> {
    let place = place_of(act, alarm, &format!("at {}", alarm.position));
    if standing_at(act, &place)?.is_some() {
        return Ok(false);
    }
    act.put(&place, &AlarmRow { device: device.to_string(), ..fresh(alarm, now_ms) })?;
    Ok(true)
}

/// The same about the certificate of one device. One that somebody has looked at comes no second time: it stays in the
/// group until it is removed, and nothing new is known of it.
pub(super) fn raise_about(
    act: &Act<'_>,
    alarm: Alarm,
    device: &Identity,
    certificate: &Digest,
    now_ms: i64,
) -> Result<bool, Error> {
    let place = place_of(act, alarm, &format!("about {certificate}"));
    if act.has::<AlarmRow>(&place)? {
        return Ok(false);
    }
    let row =
        AlarmRow { device: device.to_string(), certificate: certificate.to_vec(), ..fresh(alarm, now_ms) };
    act.put(&place, &row)?;
    Ok(true)
}

/// Where an alarm is kept. `what`: what tells it from others of its kind in its group.
fn place_of(act: &Act<'_>, alarm: Alarm, what: &str) -> [u8; 16] {
    let group = alarm.group.map(|group| group.to_string()).unwrap_or_default();
    act.tag::<AlarmRow>(&format!("{group} {} {what}", alarm.kind.number()))
}

/// The alarm that is kept there, if nobody has looked at it yet.
fn standing_at(act: &Act<'_>, place: &[u8; 16]) -> Result<Option<AlarmRow>, VaultError> {
    Ok(act.get::<AlarmRow>(place)?.filter(|row| !row.acknowledged))
}

fn fresh(alarm: Alarm, now_ms: i64) -> AlarmRow {
    AlarmRow {
        group_id: alarm.group.map(GroupId::to_vec).unwrap_or_default(),
        kind: alarm.kind.number(),
        position: alarm.position,
        noticed_at_ms: now_ms,
        count: 1,
        last_position: alarm.position,
        ..AlarmRow::default()
    }
}

/// Marks the alarms of a kind in one group as looked at: somebody has done what they ask for.
pub(super) fn settle_alarms(act: &Act<'_>, group: &GroupId, kind: AlarmKind) -> Result<(), VaultError> {
    for (key, mut row) in act.scan::<AlarmRow>(&[])? {
        if !row.acknowledged && row.group_id == group.as_bytes() && row.kind == kind.number() {
            row.acknowledged = true;
            act.put(&key, &row)?;
        }
    }
    Ok(())
}

/// How often it happened; alarms from before there was a count happened once.
fn count_of(row: &AlarmRow) -> u64 {
    row.count.max(1)
}

fn last_of(row: &AlarmRow) -> u64 {
    row.last_position.max(row.position)
}

/// Moves the alarms of an earlier version, which lie under a number each, to where they are looked for now.
///
/// What was counted by nobody then becomes one row for each kind and group, like what comes now.
pub(super) fn take_over(act: &Act<'_>) -> Result<(), Error> {
    for (key, row) in act.scan::<AlarmRow>(&NUMBERED)? {
        if key.len() != size_of::<u64>() {
            continue;
        }
        // What is not understood stays where it is: it must not keep the vault from opening.
        let Ok(AlarmView { case: group, kind, position, .. }) = parse(&row) else { continue };
        act.delete::<AlarmRow>(&key)?;
        let alarm = Alarm { group, kind, position };
        let what = match row.certificate.as_slice() {
            [] if kind.is_by_author() => "by ".to_owned(),
            [] => format!("at {}", row.position),
            bytes => {
                let certificate = Digest::try_from(bytes).map_err(|_| VaultError::damaged("an alarm"))?;
                format!("about {certificate}")
            }
        };
        let place = place_of(act, alarm, &what);
        let merged = match act.get::<AlarmRow>(&place)? {
            Some(there) if there.acknowledged == row.acknowledged => AlarmRow {
                count: count_of(&there).saturating_add(count_of(&row)),
                last_position: last_of(&there).max(last_of(&row)),
                ..there
            },
            Some(there) if row.acknowledged => there,
            Some(_) | None => row,
        };
        act.put(&place, &merged)?;
    }
    Ok(())
}

/// How the keys of alarms began when they were numbers; a tag does so once in a million million.
const NUMBERED: [u8; 5] = [0; 5];

/// Alarms about a group are about `to` from now on; what is raised about the group later is another alarm.
pub(super) fn move_to(act: &Act<'_>, group: &GroupId, to: &GroupId) -> Result<(), Error> {
    for (key, row) in act.scan::<AlarmRow>(&[])? {
        if row.group_id == group.as_bytes() {
            act.delete::<AlarmRow>(&key)?;
            let place = act.tag::<AlarmRow>(&format!("{to} moved {key:?}"));
            act.put(&place, &AlarmRow { group_id: to.to_vec(), ..row })?;
        }
    }
    Ok(())
}

/// The alarms that stand, oldest first: of one group, or all.
pub(super) fn standing(act: &Act<'_>, group: Option<&GroupId>) -> Result<Vec<AlarmView>, Error> {
    let mut alarms = Vec::new();
    for (_, row) in act.scan::<AlarmRow>(&[])? {
        let alarm = parse(&row)?;
        if !row.acknowledged && (group.is_none() || alarm.case.as_ref() == group) {
            alarms.push(alarm);
        }
    }
    alarms.sort_by_key(|alarm| (alarm.noticed_at_ms, alarm.position));
    Ok(alarms)
}

/// Refuses to send while an alarm stands that stops it.
///
/// Errors: [`Error::Alarm`].
pub(super) fn check_quiet(act: &Act<'_>, group: &GroupId) -> Result<(), Error> {
    let stops = |alarm: &AlarmView| {
        alarm.kind.stops_sending() && alarm.case.as_ref().is_none_or(|case| case == group)
    };
    match standing(act, None)?.into_iter().find(stops) {
        Some(alarm) => Err(as_error(alarm)),
        None => Ok(()),
    }
}

/// What an alarm that stands answers to whoever wants something done.
pub(super) fn as_error(alarm: AlarmView) -> Error {
    let AlarmView { case, kind, position, device, .. } = alarm;
    Error::Alarm { case, kind, position, device }
}

fn parse(row: &AlarmRow) -> Result<AlarmView, Error> {
    let damaged = || VaultError::damaged("an alarm");
    let case = match row.group_id.as_slice() {
        [] => None,
        id => Some(GroupId::try_from(id).map_err(|_| damaged())?),
    };
    let named = |name: &str| match name {
        "" => Ok(None),
        name => name.parse().map(Some).map_err(|_| damaged()),
    };
    Ok(AlarmView {
        case,
        kind: AlarmKind::of_number(row.kind).ok_or_else(damaged)?,
        position: row.position,
        last_position: last_of(row),
        count: count_of(row),
        noticed_at_ms: row.noticed_at_ms,
        device: named(&row.device)?,
        author: named(&row.author)?,
    })
}

impl Session {
    /// Marks these alarms as looked at; others that stand by now stay, and so does one that has happened again since it
    /// was shown. Local.
    pub fn acknowledge(&self, shown: &[AlarmView]) -> Result<(), Error> {
        self.vault.act(Durability::OnDisk, |act| {
            for (key, mut row) in act.scan::<AlarmRow>(&[])? {
                if !row.acknowledged && shown.contains(&parse(&row)?) {
                    row.acknowledged = true;
                    act.put(&key, &row)?;
                }
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        session::samples::{in_a_vault, vault},
        vault::rows::tests as stored,
    };
    use alcove_tests::stored::Forms;

    const GROUP: GroupId = GroupId([7; 16]);

    fn person(letter: &str) -> Identity {
        let name = format!("spiffe://harborlight.northmark.example/staff/{}/device/1", letter.repeat(16));
        name.parse().unwrap()
    }

    fn at(kind: AlarmKind, position: u64) -> Alarm {
        Alarm { group: Some(GROUP), kind, position }
    }

    #[test]
    fn an_alarm_lies_where_its_stored_form_says() {
        in_a_vault(|act| {
            let position = stored::NUMBER;
            let alarm = Alarm { group: Some(stored::GROUP), kind: AlarmKind::Gap, position };
            raise(act, alarm, 1)?;
            let place = act.tag::<AlarmRow>(&Forms::of("vault").tag_of("alarm"));
            assert!(act.has::<AlarmRow>(&place)?);
            Ok(())
        });
    }

    /// Numbers stand in vaults: never reused.
    const NUMBERS: &[(AlarmKind, u32)] = &[
        (AlarmKind::Gap, 1),
        (AlarmKind::Rollback, 2),
        (AlarmKind::HeadMismatch, 3),
        (AlarmKind::BadSignature, 4),
        (AlarmKind::Replay, 5),
        (AlarmKind::AuthorGap, 6),
        (AlarmKind::AuthorFork, 7),
        (AlarmKind::CharterFork, 8),
        (AlarmKind::CrlRollback, 9),
        (AlarmKind::VaultRestored, 10),
        (AlarmKind::CommitUnprocessable, 11),
        (AlarmKind::AuthorMismatch, 12),
        (AlarmKind::NotShown, 13),
        (AlarmKind::WelcomeUnusable, 14),
        (AlarmKind::LedgerRollback, 40),
        (AlarmKind::LedgerFork, 41),
        (AlarmKind::NotInLedger, 42),
        (AlarmKind::RecoveryForged, 44),
        (AlarmKind::ServerOrderedInvalid, 50),
        (AlarmKind::OwnRecordChanged, 52),
        (AlarmKind::RecordUnreadable, 53),
        (AlarmKind::ListOverdue, 54),
        (AlarmKind::TrustSetAside, 55),
        (AlarmKind::NotContinued, 51),
        (AlarmKind::HistoryDisputed, 56),
    ];

    #[test]
    fn every_kind_has_the_number_it_always_had() {
        for (kind, number) in NUMBERS {
            assert_eq!(kind.number(), *number);
        }
        let known = (0..10_000).filter(|number| AlarmKind::of_number(*number).is_some()).count();
        assert_eq!(known, NUMBERS.len(), "none beside them");
    }

    #[test]
    fn lists_of_one_number_are_an_alarm_for_each_agency_and_none_hides_another() {
        let (vault, _home) = vault();
        let agency = |label: &str| -> TrustDomain { format!("{label}.northmark.example").parse().unwrap() };
        let back = |number| Alarm { group: None, kind: AlarmKind::CrlRollback, position: number };
        vault
            .act::<_, Error>(Durability::OnDisk, |act| {
                raise_of(act, back(7), &agency("harborlight"), 10)?;
                raise_of(act, back(7), &agency("elmgate"), 20)?;
                let noticed = |act: &Act<'_>| -> Result<Vec<(u64, i64)>, Error> {
                    let alarms = standing(act, None)?;
                    Ok(alarms.iter().map(|alarm| (alarm.position, alarm.noticed_at_ms)).collect())
                };
                assert_eq!(noticed(act)?, [(7, 10), (7, 20)]);
                // The control: what stands is not told anew, and the next list of an agency takes its place.
                raise_of(act, back(7), &agency("harborlight"), 30)?;
                assert_eq!(noticed(act)?, [(7, 10), (7, 20)]);
                raise_of(act, back(6), &agency("harborlight"), 40)?;
                assert_eq!(noticed(act)?, [(7, 20), (6, 40)]);
                Ok(())
            })
            .unwrap();
    }

    #[test]
    fn what_an_author_does_a_thousand_times_is_one_alarm_with_a_count() {
        let (vault, _home) = vault();
        let (leon, hannah) = (person("a"), person("b"));
        let kind = AlarmKind::RecordUnreadable;
        let standing = vault
            .act::<_, Error>(Durability::OnDisk, |act| {
                let new: Vec<bool> = (5..1005)
                    .map(|position| raise_by(act, at(kind, position), Some(&leon), 1))
                    .collect::<Result<_, _>>()?;
                assert_eq!(new.iter().filter(|new| **new).count(), 1, "told once");
                assert!(raise_by(act, at(kind, 7), Some(&hannah), 2)?, "the control: another author");
                assert!(raise(act, at(AlarmKind::Gap, 9), 3)? && raise(act, at(AlarmKind::Gap, 10), 3)?);
                assert!(!raise(act, at(AlarmKind::Gap, 10), 4)?);
                standing(act, Some(&GROUP))
            })
            .unwrap();
        assert_eq!(standing.len(), 4);
        let flood = &standing[0];
        assert_eq!((flood.position, flood.last_position, flood.count), (5, 1004, 1000));
        assert_eq!(flood.author.as_ref(), Some(&leon));
        assert_eq!(standing[1].count, 1);
    }

    #[test]
    fn what_was_looked_at_is_an_alarm_again_when_it_happens_again() {
        let (vault, _home) = vault();
        vault
            .act::<_, Error>(Durability::OnDisk, |act| {
                let kind = AlarmKind::AuthorMismatch;
                assert!(raise_by(act, at(kind, 5), None, 1)?);
                let place = place_of(act, at(kind, 5), "by ");
                let row: AlarmRow = act.expect(&place)?;
                act.put(&place, &AlarmRow { acknowledged: true, ..row })?;
                assert!(standing(act, None)?.is_empty());
                assert!(raise_by(act, at(kind, 8), None, 2)?);
                let again = standing(act, None)?;
                assert_eq!((again[0].position, again[0].count), (8, 1), "counted from the last look on");
                Ok(())
            })
            .unwrap();
    }

    #[test]
    fn alarms_of_an_earlier_version_are_found_again() {
        let (vault, _home) = vault();
        let old = |kind: AlarmKind, position, acknowledged| AlarmRow {
            group_id: GROUP.to_vec(),
            kind: kind.number(),
            position,
            noticed_at_ms: 1,
            acknowledged,
            ..AlarmRow::default()
        };
        let rows = [
            old(AlarmKind::Gap, 3, false),
            old(AlarmKind::AuthorMismatch, 4, false),
            old(AlarmKind::AuthorMismatch, 5, false),
            old(AlarmKind::AuthorMismatch, 6, true),
            AlarmRow { kind: 9999, ..AlarmRow::default() },
        ];
        vault
            .act::<_, Error>(Durability::OnDisk, |act| {
                for (number, row) in (0u64..).zip(&rows[..4]) {
                    act.put(&number.to_be_bytes(), row)?;
                }
                take_over(act)?;
                take_over(act)?;
                assert!(!raise(act, at(AlarmKind::Gap, 3), 2)?, "it stands already");
                assert!(raise(act, at(AlarmKind::Gap, 4), 2)?, "the control");
                let standing = standing(act, None)?;
                let kinds: Vec<_> = standing.iter().map(|alarm| (alarm.kind, alarm.count)).collect();
                let expected = [(AlarmKind::Gap, 1), (AlarmKind::AuthorMismatch, 2), (AlarmKind::Gap, 1)];
                assert_eq!(kinds, expected);
                act.put(&9u64.to_be_bytes(), &rows[4])?;
                take_over(act)?;
                assert!(act.has::<AlarmRow>(&9u64.to_be_bytes())?, "of a later version: left where it is");
                Ok(())
            })
            .unwrap();
    }
}
