//! The welcomes that wait at the server: each is joined by, kept for a person to decide, or set aside.

use super::{Failed, Settled, Unfit, Way, requests};
use crate::{
    session::{
        AlarmKind, Error, Session, SyncReport,
        alarms::{Alarm, raise},
        people::consent::Consent,
        state::{load_row, verifier},
    },
    transport::{ServerError, WaitingWelcome},
    vault::{
        Durability, VaultError,
        rows::{GroupRow, KeyPackageRow},
    },
};
use alcove_e2ee::{group::GroupError, receipts::LogFault};
use alcove_proto::{
    ids::{GroupId, Position, WelcomeId},
    v1::Reason,
};
use std::collections::HashSet;

impl Session {
    /// Joins every group that a welcome waits for, and sets aside what cannot be joined by: one bad welcome
    /// holds up neither the others nor the logs. What strangers have made waits for a person, once the logs were read.
    ///
    /// Returns what was joined and whether anything waits for the logs; it is in the report too.
    pub(in crate::session) async fn take_welcomes(
        &self,
        report: &mut SyncReport,
        consent: Consent,
    ) -> Result<(Vec<GroupId>, bool), Error> {
        let mut joined = Vec::new();
        let mut put_off: HashSet<WelcomeId> = HashSet::new();
        loop {
            let (welcomes, more) = self.server()?.list_welcomes().await?;
            let mut taken = 0;
            for welcome in welcomes {
                if put_off.contains(&welcome.id) {
                    continue;
                }
                match self.take_welcome(&welcome, consent).await? {
                    Outcome::Later => continue,
                    Outcome::LogsFirst => {
                        put_off.insert(welcome.id);
                        continue;
                    }
                    Outcome::Done => {}
                    Outcome::Kept => report.requests += 1,
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
                break;
            }
        }
        report.joined.extend(&joined);
        Ok((joined, !put_off.is_empty()))
    }

    async fn take_welcome(&self, welcome: &WaitingWelcome, consent: Consent) -> Result<Outcome, Error> {
        let (known, held, kept) = self.vault.read::<_, Error>(|act| {
            let row: Option<GroupRow> = act.get(welcome.group.as_bytes())?;
            let kept = requests::is_known(act, &welcome.id)?;
            Ok((row, act.has::<KeyPackageRow>(&welcome.key_package_ref)?, kept))
        })?;
        match known {
            // Joined before, or kept; only the acknowledgement was lost.
            Some(row) if row.welcome_id == welcome.id.as_bytes() => return Ok(Outcome::Done),
            Some(_) | None if kept => return Ok(Outcome::Done),
            // From before what this device has seen of the group: shown a second time.
            Some(row) if welcome.position.0 <= row.position && !row.recovered => {
                return Ok(Outcome::Aside(AlarmKind::Rollback));
            }
            // A member, as far as it has read: first the log has to show the end of that.
            Some(row) if !row.closed && !row.frozen && !row.recovered => return Ok(Outcome::Later),
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
        match self.settle_with_server(welcome, &tree, consent).await {
            Ok(Settled::Joined) => Ok(Outcome::Joined),
            Ok(Settled::Kept) => Ok(Outcome::Kept),
            Ok(Settled::Declined) => Ok(Outcome::Done),
            Ok(Settled::LogsFirst) => Ok(Outcome::LogsFirst),
            // Another process has read on since, or the server does not give the digests now.
            Ok(Settled::AsksWay { .. }) => Ok(Outcome::Later),
            // What is kept of the groups that it is about cannot be taken for what it should be: that is of them alone.
            Err(Failed::Session(Error::Vault(VaultError::Damaged { what }))) => {
                tracing::warn!(what, "a welcome cannot be joined by");
                Ok(Outcome::Aside(AlarmKind::WelcomeUnusable))
            }
            Err(Failed::Session(error)) => Err(error),
            Err(Failed::Unfit(unfit)) => {
                tracing::warn!(%unfit, "a welcome cannot be joined by");
                Ok(Outcome::Aside(unfit.alarm()))
            }
        }
    }

    /// Settles a welcome; what that takes of the server, trust material and digests, is fetched.
    pub(in crate::session) async fn settle_with_server(
        &self,
        welcome: &WaitingWelcome,
        tree: &[u8],
        consent: Consent,
    ) -> Result<Settled, Failed> {
        let mut settled = self.settle(welcome, tree, None, consent);
        let is_behind = matches!(
            settled,
            Err(Failed::Unfit(Unfit::Group(GroupError::UnknownCharter | GroupError::FloorAhead)))
        );
        if is_behind && self.fetch_trust().await? {
            settled = self.settle(welcome, tree, None, consent);
        }
        if let Ok(Settled::AsksWay { through }) = settled {
            // Only for somebody with the right to bring this device back: nobody else makes it fetch anything.
            match self.walk_between(&welcome.group, through).await? {
                Ok(way) => settled = self.settle(welcome, tree, Some(&way), consent),
                // Somebody has said yes and waits: a refusal that passes says nothing against the welcome.
                Err(refused) if consent == Consent::Given => return Err(Error::from(refused).into()),
                // The next contact asks again.
                Err(_) => {}
            }
        }
        settled
    }

    /// Follows the log of a group by its digests, from where this device has read it up to `through`; or why the server does
    /// not give them now.
    async fn walk_between(
        &self,
        group: &GroupId,
        through: Position,
    ) -> Result<Result<Way, ServerError>, Error> {
        let mut ahead = self.vault.read::<_, Error>(|act| verifier(group, &load_row(act, group)?))?;
        let from = (ahead.position(), ahead.head());
        while ahead.position() < through {
            let digests = match self.server()?.read_digests(group, ahead.position(), through).await {
                Ok(digests) => digests,
                Err(refused @ ServerError::Refused(_)) => return Ok(Err(refused)),
                Err(error) => return Err(error.into()),
            };
            match ahead.pass_over(&digests) {
                Ok(()) => {}
                // Not the log that the server itself signed a head of: it leads nowhere.
                Err(LogFault::HeadMismatch { .. }) => return Ok(Ok(Way { from, ahead: None })),
                Err(_) => return Err(ServerError::bad("digests that are none").into()),
            }
        }
        Ok(Ok(Way { from, ahead: Some(ahead) }))
    }
}

/// What became of a welcome.
enum Outcome {
    /// It was joined by.
    Joined,
    /// It had been joined by, or kept, before; or nothing comes of it.
    Done,
    /// It is kept in the vault until a person has decided.
    Kept,
    /// It cannot be taken yet.
    Later,
    /// It is judged when the logs have been read.
    LogsFirst,
    /// It can never be taken; the alarm says why.
    Aside(AlarmKind),
}
