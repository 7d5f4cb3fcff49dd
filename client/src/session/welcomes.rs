//! Entering groups by the welcomes that wait.

use super::{
    AlarmKind, Error, Session, SyncReport,
    alarms::{Alarm, raise},
    blocked::is_blocked,
    known_keys::{Brought, Signer, meet},
    ledger,
    outbox::{self, Item},
    recovered::give_way,
    state::{Roster, adopt, floor, keep_verifier},
    successor::predecessor_row,
};
use crate::{
    transport::{ServerError, WaitingWelcome},
    vault::{
        Act, Durability, EntryKey, VaultError,
        rows::{AuthorRow, GroupRow, KeyPackageRow},
    },
};
use alcove_charter::TrustView;
use alcove_e2ee::{
    device::KeyPackageSecret,
    group::{Group, GroupError},
    receipts::{LogFault, LogVerifier},
};
use alcove_mls::LogPin;
use alcove_proto::{
    ids::{Epoch, GroupId, Head, Position, RecordId},
    names::Identity,
    v1::Reason,
};

impl Session {
    /// Joins every group that a welcome waits for, and sets aside what cannot be joined by: one bad welcome
    /// holds up neither the others nor the logs.
    ///
    /// Returns what was joined; it is in the report too.
    pub(super) async fn take_welcomes(&self, report: &mut SyncReport) -> Result<Vec<GroupId>, Error> {
        let mut joined = Vec::new();
        loop {
            let (welcomes, more) = self.server()?.list_welcomes().await?;
            let mut taken = 0;
            for welcome in welcomes {
                match self.take_welcome(&welcome).await? {
                    Outcome::Later => continue,
                    Outcome::Done => {}
                    Outcome::Joined => joined.push(welcome.group),
                    Outcome::Aside(kind) => {
                        let position = welcome.position.0;
                        let alarm = Alarm { group: Some(welcome.group), kind, position };
                        let now_ms = self.clock.now_ms();
                        self.vault.act(Durability::OnDisk, |act| raise(act, alarm, now_ms))?;
                    }
                }
                self.server()?.acknowledge_welcome(&welcome.id).await?;
                taken += 1;
            }
            // Those for later stay at the front; behind them there is nothing to see.
            if !more || taken == 0 {
                report.joined.extend(&joined);
                return Ok(joined);
            }
        }
    }

    async fn take_welcome(&self, welcome: &WaitingWelcome) -> Result<Outcome, Error> {
        let (known, held) = self.vault.read::<_, Error>(|act| {
            let row: Option<GroupRow> = act.get(welcome.group.as_bytes())?;
            Ok((row, act.has::<KeyPackageRow>(&welcome.key_package_ref)?))
        })?;
        match known {
            // Joined before; only the acknowledgement was lost.
            Some(row) if row.welcome_id == welcome.id.as_bytes() => return Ok(Outcome::Done),
            // From before what this device has seen of the group: shown a second time.
            Some(row) if welcome.position.0 <= row.position => {
                return Ok(Outcome::Aside(AlarmKind::Rollback));
            }
            // A member, as far as it has read: first the log has to show the end of that.
            Some(row) if !row.closed && !row.frozen => return Ok(Outcome::Later),
            Some(_) | None if !held => return Ok(Outcome::Aside(AlarmKind::WelcomeUnusable)),
            Some(_) | None => {}
        }
        let tree = match self.server()?.fetch_tree(welcome).await {
            Ok(tree) => tree,
            // It was withdrawn, or another process was faster.
            Err(error) if error.reason() == Some(Reason::NotFound) => return Ok(Outcome::Later),
            Err(ServerError::BadAnswer { .. }) => return Ok(Outcome::Aside(AlarmKind::WelcomeUnusable)),
            Err(error) => return Err(error.into()),
        };
        let mut joined = self.join(welcome, &tree);
        let is_behind = matches!(
            joined,
            Err(Failed::Unfit(Unfit::Group(GroupError::UnknownCharter | GroupError::FloorAhead)))
        );
        if is_behind && self.fetch_trust().await? {
            joined = self.join(welcome, &tree);
        }
        match joined {
            Ok(()) => Ok(Outcome::Joined),
            Err(Failed::Session(error)) => Err(error),
            // Nobody hears of it: neither this person nor whoever was blocked.
            Err(Failed::Blocked) => Ok(Outcome::Done),
            Err(Failed::Unfit(unfit)) => {
                tracing::warn!(%unfit, "a welcome cannot be joined by");
                Ok(Outcome::Aside(unfit.alarm()))
            }
        }
    }

    /// Group, epoch key, roster and cursor come, the one-time key package goes: one act.
    fn join(&self, welcome: &WaitingWelcome, tree: &[u8]) -> Result<(), Failed> {
        let trust = self.trust();
        self.vault.act(Durability::OnDisk, |act| self.join_in(act, welcome, tree, &trust))
    }

    fn join_in(
        &self,
        act: &Act<'_>,
        welcome: &WaitingWelcome,
        tree: &[u8],
        trust: &TrustView,
    ) -> Result<(), Failed> {
        let package: KeyPackageRow = act.expect(&welcome.key_package_ref)?;
        let secret = KeyPackageSecret::from_bytes(&package.secret)
            .map_err(|_| VaultError::damaged("a key package"))?;
        let own = self.own_in(act)?;
        let maker = own.maker_of(act, &package)?;
        let (mut group, join) = Group::join(&maker, &welcome.welcome, tree, &secret, trust)?;
        if group.id() != welcome.group || group.epoch().0 != welcome.epoch {
            return Err(Unfit::Elsewhere.into());
        }
        if is_blocked(act, &join.adder.identity.person)? {
            return Err(Failed::Blocked);
        }
        let mut earlier: Option<GroupRow> = act.get(welcome.group.as_bytes())?;
        match &mut earlier {
            // Nothing of it was seen as a member: a welcome cannot lead back.
            Some(row) if row.recovered => give_way(act, &welcome.group, row, welcome.position)?,
            Some(row) => {
                follows(row, group.epoch(), &join.pin)?;
                if !group.floor().leads_on_from(&floor(row)?) {
                    return Err(Unfit::Older.into());
                }
            }
            None => {}
        }
        let pin = (join.pin.position, join.pin.head);
        let mut verifier = LogVerifier::from_pin(welcome.group, pin, &welcome.link, welcome.position)
            .map_err(Unfit::Link)?;
        // What the server signed before holds on: it is the same log.
        for promise in earlier.iter().flat_map(|row| &row.promises) {
            let head = Head::try_from(promise.head.as_slice()).map_err(|_| VaultError::damaged("a case"))?;
            match verifier.remember_promise(Position(promise.position), head) {
                Ok(()) | Err(LogFault::TooFarBehind) => {}
                Err(_) => return Err(Unfit::OtherHistory.into()),
            }
        }
        let now_ms = self.clock.now_ms();
        // Whoever comes back keeps what was here: title, place in the list, own sequence.
        let mut row = GroupRow {
            created: true,
            closed: false,
            frozen: false,
            frozen_by: String::new(),
            not_shown: false,
            archived: false,
            join_position: welcome.position.0,
            joined_at_ms: now_ms,
            updated_at_ms: 0,
            upkeep_tried_at_ms: 0,
            welcome_id: welcome.id.to_vec(),
            last_activity_ms: now_ms,
            predecessor: group.policy().predecessor().as_ref().map(predecessor_row),
            led_by: join.adder.identity.to_string(),
            leaving_since_ms: 0,
            leaving: Vec::new(),
            ..earlier.unwrap_or_default()
        };
        // Others may have written while we were away: their sequences begin anew for us.
        act.delete_under::<AuthorRow>(welcome.group.as_bytes())?;
        adopt(act, &own, trust, &mut group, &mut row)?;
        self.meet_roster(act, &welcome.group, &join.adder.identity, now_ms)?;
        // Whoever asks for the alarms that stand is told.
        let _missing = ledger::look_up(act, self.identity(), &welcome.group, now_ms)?;
        keep_verifier(&mut row, &verifier);
        outbox::queue(self, act, &welcome.group, &mut row, Item::Introduction)?;
        let key = EntryKey { group: welcome.group, position: welcome.position, record: RecordId([0; 16]) };
        let adder = join.adder.identity.to_string();
        act.put_entry(&key, &super::payload::working_row(&adder, now_ms, verifier.head().as_bytes()))?;
        if !package.last_resort {
            act.delete::<KeyPackageRow>(&welcome.key_package_ref)?;
        }
        act.put(welcome.group.as_bytes(), &row)?;
        Ok(self.recognise_successors(act)?)
    }

    /// Takes note of the keys of everybody who was there before.
    fn meet_roster(
        &self,
        act: &Act<'_>,
        group: &GroupId,
        adder: &Identity,
        now_ms: i64,
    ) -> Result<(), Error> {
        let roster = Roster::load(act, group)?;
        let brought = Brought::There(Signer { identity: adder, key: roster.key_of(adder) });
        for seat in &roster.members {
            meet(act, self.identity(), &seat.identity, &seat.public_key, brought, now_ms)?;
        }
        Ok(())
    }
}

/// Says whether a welcome leads on from what this device has seen of its group.
///
/// The position a welcome stands at is the server's word; epoch and pin are its adder's, under MLS. Whoever adds
/// a device that was removed has processed its removal, so both lie behind that. A last-resort key package
/// opens its welcomes again and again: this is what keeps a used one from leading back into an epoch that is
/// over (the row of a group is never forgotten, so it remembers every welcome that was used).
fn follows(row: &GroupRow, epoch: Epoch, pin: &LogPin) -> Result<(), Unfit> {
    if epoch.0 <= row.epoch || pin.position.0 < row.position {
        Err(Unfit::Older)
    } else if pin.position.0 == row.position && row.head != pin.head.as_bytes() {
        Err(Unfit::OtherHistory)
    } else {
        Ok(())
    }
}

/// What became of a welcome.
enum Outcome {
    /// It was joined by.
    Joined,
    /// It had been joined by before.
    Done,
    /// It cannot be taken yet.
    Later,
    /// It can never be taken; the alarm says why.
    Aside(AlarmKind),
}

/// Why a welcome is not fit to be joined by.
#[derive(Debug, thiserror::Error)]
enum Unfit {
    #[error(transparent)]
    Group(#[from] GroupError),
    #[error("its pin and the server's digests do not lead to where it stands: {0}")]
    Link(LogFault),
    #[error("it leads into another group or epoch than the server says")]
    Elsewhere,
    #[error("it leads to before what was seen of its group")]
    Older,
    #[error("its log is not the one that was seen")]
    OtherHistory,
}

impl Unfit {
    fn alarm(&self) -> AlarmKind {
        match self {
            Self::Group(_) | Self::Link(_) | Self::Elsewhere => AlarmKind::WelcomeUnusable,
            Self::Older => AlarmKind::Rollback,
            Self::OtherHistory => AlarmKind::HeadMismatch,
        }
    }
}

/// Why a welcome was not joined by: it is not fit, or we failed.
enum Failed {
    Unfit(Unfit),
    /// Whoever adds us was blocked.
    Blocked,
    Session(Error),
}

impl From<Unfit> for Failed {
    fn from(unfit: Unfit) -> Self {
        Self::Unfit(unfit)
    }
}

impl From<GroupError> for Failed {
    fn from(error: GroupError) -> Self {
        Self::Unfit(error.into())
    }
}

impl From<VaultError> for Failed {
    fn from(error: VaultError) -> Self {
        Self::Session(error.into())
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        match error {
            // Of the group that was joined, when it is taken over.
            Error::Group(error) => error.into(),
            error => Self::Session(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen() -> GroupRow {
        GroupRow { epoch: 5, position: 20, head: vec![1; 32], closed: true, ..GroupRow::default() }
    }

    fn pin(position: u64, head: u8) -> LogPin {
        LogPin { position: Position(position), head: Head([head; 32]) }
    }

    #[test]
    fn a_welcome_leads_on_or_is_refused() {
        assert!(follows(&seen(), Epoch(7), &pin(20, 1)).is_ok());
        assert!(
            follows(&seen(), Epoch(7), &pin(31, 9)).is_ok(),
            "a head that was not seen cannot be compared"
        );
        for (epoch, at) in [(5, 20), (4, 30), (7, 19), (0, 0)] {
            let old = follows(&seen(), Epoch(epoch), &pin(at, 1));
            assert!(matches!(old, Err(Unfit::Older)), "epoch {epoch}, pinned at {at}");
        }
        let other = follows(&seen(), Epoch(7), &pin(20, 2));
        assert!(matches!(other, Err(Unfit::OtherHistory)));
    }
}
