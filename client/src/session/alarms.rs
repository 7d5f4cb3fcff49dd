//! Alarms: what an honest server or member never does, by name, until somebody has looked at it.

use super::{AlarmKind, AlarmView, Error, Session};
use crate::vault::{Act, Durability, VaultError, rows::AlarmRow};
use alcove_proto::{
    ids::{Digest, GroupId},
    names::Identity,
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

/// Numbers stand in the vault: never reused.
const NUMBERS: [(AlarmKind, u32); 19] = [
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
    (AlarmKind::TrustSetAside, 55),
];

impl AlarmKind {
    fn number(self) -> u32 {
        NUMBERS.iter().find(|(kind, _)| *kind == self).map_or(0, |(_, number)| *number)
    }

    fn of_number(number: u32) -> Option<Self> {
        NUMBERS.iter().find(|(_, known)| *known == number).map(|(kind, _)| *kind)
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
            | Self::LedgerFork
            | Self::NotInLedger => true,
            Self::Replay
            | Self::AuthorGap
            | Self::AuthorFork
            | Self::CrlRollback
            | Self::CommitUnprocessable
            | Self::AuthorMismatch
            | Self::NotShown
            | Self::WelcomeUnusable
            | Self::RecoveryForged => false,
            Self::LedgerRollback => false,
            // It is fetched again before anything is sent.
            Self::TrustSetAside => false,
        }
    }
}

/// Keeps an alarm, unless the very same one stands already. Returns whether it is new.
pub(super) fn raise(act: &Act<'_>, alarm: Alarm, now_ms: i64) -> Result<bool, Error> {
    let group_id = alarm.group.map(GroupId::to_vec).unwrap_or_default();
    let rows = act.scan::<AlarmRow>(&[])?;
    let same = |row: &AlarmRow| {
        !row.acknowledged
            && row.group_id == group_id
            && row.kind == alarm.kind.number()
            && row.position == alarm.position
    };
    if rows.iter().any(|(_, row)| same(row)) {
        return Ok(false);
    }
    let row = AlarmRow {
        group_id,
        kind: alarm.kind.number(),
        position: alarm.position,
        noticed_at_ms: now_ms,
        ..AlarmRow::default()
    };
    keep(act, &rows, &row)?;
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
    let row = AlarmRow {
        group_id: alarm.group.map(GroupId::to_vec).unwrap_or_default(),
        kind: alarm.kind.number(),
        position: alarm.position,
        noticed_at_ms: now_ms,
        acknowledged: false,
        device: device.to_string(),
        certificate: certificate.to_vec(),
    };
    let rows = act.scan::<AlarmRow>(&[])?;
    let same = |known: &AlarmRow| {
        known.group_id == row.group_id && known.kind == row.kind && known.certificate == row.certificate
    };
    if rows.iter().any(|(_, known)| same(known)) {
        return Ok(false);
    }
    keep(act, &rows, &row)?;
    Ok(true)
}

/// Puts an alarm behind those that are there.
fn keep(act: &Act<'_>, rows: &[(Vec<u8>, AlarmRow)], row: &AlarmRow) -> Result<(), Error> {
    let next = rows
        .last()
        .and_then(|(key, _)| key.as_slice().try_into().ok())
        .map_or(0, |key| u64::from_be_bytes(key).saturating_add(1));
    Ok(act.put(&next.to_be_bytes(), row)?)
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
        Some(AlarmView { case, kind, position, device, noticed_at_ms: _ }) => {
            Err(Error::Alarm { case, kind, position, device })
        }
        None => Ok(()),
    }
}

fn parse(row: &AlarmRow) -> Result<AlarmView, Error> {
    let damaged = || VaultError::damaged("an alarm");
    let case = match row.group_id.as_slice() {
        [] => None,
        id => Some(GroupId::try_from(id).map_err(|_| damaged())?),
    };
    let device = match row.device.as_str() {
        "" => None,
        name => Some(name.parse().map_err(|_| damaged())?),
    };
    Ok(AlarmView {
        case,
        kind: AlarmKind::of_number(row.kind).ok_or_else(damaged)?,
        position: row.position,
        noticed_at_ms: row.noticed_at_ms,
        device,
    })
}

impl Session {
    /// Marks these alarms as looked at; others that stand by now stay. Local.
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

    #[test]
    fn every_kind_has_a_number_of_its_own_and_comes_back() {
        for (kind, number) in NUMBERS {
            assert_eq!(kind.number(), number);
            assert_eq!(AlarmKind::of_number(number), Some(kind));
        }
        assert_eq!(AlarmKind::of_number(0), None);
        let mut numbers: Vec<u32> = NUMBERS.iter().map(|(_, number)| *number).collect();
        numbers.dedup();
        assert_eq!(numbers.len(), NUMBERS.len());
    }
}
