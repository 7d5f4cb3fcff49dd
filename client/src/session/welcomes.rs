//! Entering groups by the welcomes that wait, and finishing groups of our own that the server has yet to hear of.

use super::{
    Error, Session,
    state::{adopt, keep_verifier, load_row},
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
    receipts::LogVerifier,
};
use alcove_proto::{
    ids::{GroupId, Position, RecordId},
    v1::Reason,
};

impl Session {
    /// Joins every group that a welcome waits for.
    pub(super) async fn take_welcomes(&self) -> Result<Vec<GroupId>, Error> {
        let mut joined = Vec::new();
        loop {
            let (welcomes, more) = self.server()?.list_welcomes().await?;
            let mut taken = 0;
            for welcome in welcomes {
                let outcome = self.take_welcome(&welcome).await?;
                joined.extend(outcome.joined.then_some(welcome.group));
                if outcome.done {
                    self.server()?.acknowledge_welcome(&welcome.id).await?;
                    taken += 1;
                }
            }
            // Welcomes that cannot be taken stay at the front; behind them there is nothing to see.
            if !more || taken == 0 {
                return Ok(joined);
            }
        }
    }

    async fn take_welcome(&self, welcome: &WaitingWelcome) -> Result<Outcome, Error> {
        let known = self.vault.read::<_, Error>(|act| {
            let row: Option<GroupRow> = act.get(welcome.group.as_bytes())?;
            Ok((row, act.has::<KeyPackageRow>(&welcome.key_package_ref)?))
        })?;
        match known {
            // Joined before; only the acknowledgement was lost.
            (Some(row), _) if row.welcome_id == welcome.id.as_bytes() => return Ok(Outcome::DONE),
            // A member already: this one is a replay, or was made before we were there.
            (Some(row), _) if !row.closed && !row.frozen => return Ok(Outcome::DONE),
            // Sealed to a key package that this vault does not hold: perhaps another copy of it does.
            (_, false) => return Ok(Outcome::LEFT),
            (_, true) => {}
        }
        let tree = self.server()?.fetch_tree(welcome).await?;
        match self.join(welcome, &tree) {
            Ok(()) => Ok(Outcome::JOINED),
            Err(Error::Group(GroupError::UnknownCharter)) if self.fetch_trust().await? => {
                self.join(welcome, &tree)?;
                Ok(Outcome::JOINED)
            }
            Err(Error::Group(error)) => {
                tracing::warn!(%error, "a welcome cannot be joined by");
                Ok(Outcome::LEFT)
            }
            Err(error) => Err(error),
        }
    }

    /// Group, epoch key, roster and cursor come, the one-time key package goes: one act.
    fn join(&self, welcome: &WaitingWelcome, tree: &[u8]) -> Result<(), Error> {
        let trust = self.trust();
        self.vault.act(Durability::OnDisk, |act| self.join_in(act, welcome, tree, &trust))
    }

    fn join_in(
        &self,
        act: &Act<'_>,
        welcome: &WaitingWelcome,
        tree: &[u8],
        trust: &TrustView,
    ) -> Result<(), Error> {
        let package: KeyPackageRow = act.expect(&welcome.key_package_ref)?;
        let secret = KeyPackageSecret::from_bytes(&package.secret)
            .map_err(|_| VaultError::damaged("a key package"))?;
        let (mut group, join) = Group::join(&self.own.device, &welcome.welcome, tree, &secret, trust)?;
        if group.id() != welcome.group || group.epoch().0 != welcome.epoch {
            return Err(ServerError::bad("a welcome into another group").into());
        }
        let pin = (join.pin.position, join.pin.head);
        let verifier = LogVerifier::from_pin(welcome.group, pin, &welcome.link, welcome.position)
            .map_err(|_| ServerError::bad("a welcome whose link does not fit"))?;
        let now_ms = self.clock.now_ms();
        // Whoever comes back keeps what was here: title, place in the list, own sequence.
        let earlier: GroupRow = act.get(welcome.group.as_bytes())?.unwrap_or_default();
        let mut row = GroupRow {
            created: true,
            closed: false,
            frozen: false,
            archived: false,
            join_position: welcome.position.0,
            joined_at_ms: now_ms,
            updated_at_ms: 0,
            upkeep_tried_at_ms: 0,
            welcome_id: welcome.id.to_vec(),
            last_activity_ms: now_ms,
            ..earlier
        };
        // Others may have written while we were away: their sequences begin anew for us.
        act.delete_under::<AuthorRow>(welcome.group.as_bytes())?;
        adopt(act, &self.own, trust, &mut group, &mut row)?;
        keep_verifier(&mut row, &verifier);
        let key = EntryKey { group: welcome.group, position: welcome.position, record: RecordId([0; 16]) };
        let adder = join.adder.identity.to_string();
        act.put_entry(&key, &super::payload::working_row(&adder, now_ms, verifier.head().as_bytes()))?;
        if !package.last_resort {
            act.delete::<KeyPackageRow>(&welcome.key_package_ref)?;
        }
        act.put(welcome.group.as_bytes(), &row)?;
        Ok(())
    }

    /// Tells the server of groups that were made here and that it has not acknowledged.
    pub(super) async fn finish_creations(&self) -> Result<(), Error> {
        let groups = self.vault.read::<_, Error>(|act| {
            let rows = super::state::all_rows(act)?;
            Ok(rows.into_iter().filter(|(_, row)| !row.created).collect::<Vec<_>>())
        })?;
        for (group, row) in groups {
            self.finish_creation(&group, row.group_info).await?;
        }
        Ok(())
    }

    pub(super) async fn finish_creation(&self, group: &GroupId, group_info: Vec<u8>) -> Result<(), Error> {
        let receipt_key = self.receipt_key().await?;
        let signed = self.server()?.create_group(group, group_info).await;
        let signed = match signed {
            Ok(signed) => Some(signed),
            // 16 random bytes do not meet by chance: it is ours, with other bytes than these.
            Err(error) if error.reason() == Some(Reason::GroupExists) => None,
            Err(error) => return Err(error.into()),
        };
        self.vault.act(Durability::OnDisk, |act| {
            let mut row = load_row(act, group)?;
            if let Some(signed) = &signed
                && Position(row.position) == Position(0)
            {
                let mut verifier = super::state::verifier(group, &row)?;
                verifier
                    .accept_signed_head(signed, &[], &receipt_key)
                    .map_err(|_| ServerError::bad("the head of a new group"))?;
                keep_verifier(&mut row, &verifier);
            }
            row.created = true;
            row.group_info.clear();
            Ok(act.put(group.as_bytes(), &row)?)
        })
    }
}

/// What became of a welcome.
struct Outcome {
    joined: bool,
    /// The server may forget it.
    done: bool,
}

impl Outcome {
    const JOINED: Self = Self { joined: true, done: true };
    const DONE: Self = Self { joined: false, done: true };
    const LEFT: Self = Self { joined: false, done: false };
}
