//! Entering a group by a welcome: judged and written in one act, or kept for a person, or refused.

pub(super) mod adopting;
mod deciding;
pub(super) mod former;
pub(super) mod lineage;
pub(super) mod requests;
pub(super) mod welcomes;

use super::{
    AlarmKind, Error, Session,
    acting::Acting,
    alarms::{Alarm, raise, raise_by},
    kinds::{
        self,
        entry::working_row,
        introduction,
        kind::{Again, Readers},
    },
    outbox,
    people::{
        blocked::is_blocked,
        consent::{self, Consent},
        known_keys::{Brought, Signer, meet, meet_tied},
        ledger,
        seats::is_chain_outside,
    },
    restored,
    state::{Roster, keep_verifier, named_floor, verifier},
    succession::successor::predecessor_row,
};
use crate::{
    transport::WaitingWelcome,
    vault::{
        Act, Durability, EntryKey, VaultError,
        rows::{AuthorRow, GroupRow, KeyPackageRow, OutboxRow, PendingRow},
    },
};
use adopting::adopt;
use alcove_e2ee::{
    group::{Group, GroupError, Join, KeyPackageSecret},
    receipts::{LogFault, LogVerifier},
};
use alcove_proto::ids::{GroupId, Head, Position, RecordId};
use former::set_apart;
use lineage::{Break, Constants, Known, Offered, leads_on};

/// The log between where this device has read it and where a welcome pins it, followed by its digests.
pub(super) struct Way {
    /// Where it begins.
    pub(super) from: (Position, Head),
    /// Where it comes to; nothing when it contradicts what the server had signed.
    pub(super) ahead: Option<LogVerifier>,
}

/// What was done with a welcome.
pub(super) enum Settled {
    /// It was joined by.
    Joined,
    /// It waits in the vault until a person has decided.
    Kept,
    /// Whoever made it is blocked: nothing comes of it, and nobody hears of that.
    Declined,
    /// Nothing was done yet: as far as the logs have been read, whoever made it is a stranger.
    LogsFirst,
    /// Nothing was done yet: everything about it holds, and the log up to there has to be followed first.
    AsksWay {
        /// Where it is pinned.
        through: Position,
    },
}

/// A welcome that opened.
pub(super) struct Opened {
    group: Group,
    pub(super) join: Join,
    package: KeyPackageRow,
}

impl Session {
    /// Joins by a welcome, or keeps it for a person: as it leads on from what this device knows of its group or does not,
    /// and as whoever made it is known here or is a stranger.
    ///
    /// `way`: once it was asked for. What a person has said yes to waits no more, in the same act.
    pub(super) fn settle(
        &self,
        welcome: &WaitingWelcome,
        tree: &[u8],
        way: Option<&Way>,
        consent: Consent,
    ) -> Result<Settled, Failed> {
        self.vault.act(Durability::OnDisk, |act| {
            if consent == Consent::Given {
                requests::check_waits(act, &welcome.id)?;
            }
            let settled = self.acting(act)?.settle(welcome, tree, way, consent)?;
            if matches!(settled, Settled::Joined) {
                requests::end_earlier(act, welcome, None)?;
            }
            Ok(settled)
        })
    }
}

impl Acting<'_> {
    fn settle(
        &self,
        welcome: &WaitingWelcome,
        tree: &[u8],
        way: Option<&Way>,
        consent: Consent,
    ) -> Result<Settled, Failed> {
        let act = self.act;
        let opened = self.open_welcome(welcome, tree)?;
        if is_blocked(act, &opened.join.adder.identity.person)? {
            return Ok(Settled::Declined);
        }
        let Some(mut earlier) = act.get::<GroupRow>(welcome.group.as_bytes())? else {
            let verifier = from_pin(welcome, &opened.join)?;
            if let Some(asked) = self.ask_first(welcome, tree, &opened, (consent, false))? {
                return Ok(asked);
            }
            self.enter(welcome, opened, None, verifier)?;
            return Ok(Settled::Joined);
        };
        if consent == Consent::Given && !earlier.closed && !earlier.frozen && !earlier.recovered {
            return Err(Error::AlreadyInCase.into());
        }
        let known = Known::load(act, &welcome.group, &earlier)?;
        // What was read with recovered keys has no end of its own: it stands in runs.
        let mut ahead = match &known {
            Some(_) => verifier(&welcome.group, &earlier)?,
            None => LogVerifier::at_start(welcome.group),
        };
        let mut reached = None;
        if let Some(way) = way.filter(|way| way.from == (ahead.position(), ahead.head())) {
            match &way.ahead {
                Some(there) if there.position() == opened.join.pin.position => {
                    reached = Some(there.head());
                    ahead = there.clone();
                }
                Some(_) => {}
                None => reached = Some(Head([0; Head::LEN])),
            }
        }
        let Join { pin, adder, ties } = &opened.join;
        let offered = Offered {
            by: &adder.identity,
            key: &adder.public_key,
            ties,
            constants: Constants::of(opened.group.policy()),
            epoch: opened.group.epoch(),
            pin: *pin,
            is_outside: is_chain_outside(&self.trust, &adder.chain),
        };
        match leads_on(self.identity, known.as_ref(), &offered, reached) {
            Ok(()) if !opened.group.floor().leads_on_from(&named_floor(&earlier)?) => {
                Err(Unfit::Older.into())
            }
            Ok(()) => {
                ahead.pass_over(&welcome.link).map_err(Unfit::Link)?;
                if ahead.position() != welcome.position {
                    return Err(Unfit::Link(LogFault::Malformed).into());
                }
                // Whoever has left by their own wish is asked like anybody who was never there.
                if earlier.leaving_since_ms != 0
                    && let Some(asked) = self.ask_first(welcome, tree, &opened, (consent, true))?
                {
                    return Ok(asked);
                }
                come_back(act, &welcome.group, &mut earlier)?;
                self.enter(welcome, opened, Some(earlier), ahead)?;
                Ok(Settled::Joined)
            }
            Err(Break::Older) => Err(Unfit::Older.into()),
            Err(Break::WayUnknown) => Ok(Settled::AsksWay { through: pin.position }),
            Err(_) if consent == Consent::Given => {
                let verifier = from_pin(welcome, &opened.join)?;
                set_apart(act, &welcome.group, earlier, &welcome.id)?;
                self.enter(welcome, opened, None, verifier)?;
                Ok(Settled::Joined)
            }
            Err(cause) => {
                self.keep_back(welcome, tree, &opened, cause)?;
                Ok(Settled::Kept)
            }
        }
    }

    /// Keeps a welcome where whoever made it has to be said yes to first, or puts it off while the logs may show who that is.
    ///
    /// `leads_on`: from a case that this person has left. Nothing when nobody has to be asked.
    fn ask_first(
        &self,
        welcome: &WaitingWelcome,
        tree: &[u8],
        opened: &Opened,
        (consent, leads_on): (Consent, bool),
    ) -> Result<Option<Settled>, Error> {
        let Self { act, identity, trust, now_ms, .. } = self;
        if consent == Consent::Given || !consent::asks(act, identity, trust, &opened.join, *now_ms)? {
            return Ok(None);
        }
        if consent == Consent::LogsFirst {
            return Ok(Some(Settled::LogsFirst));
        }
        requests::keep(self, welcome, tree, &opened.join, leads_on)?;
        Ok(Some(Settled::Kept))
    }

    /// Opens a welcome; nothing is written. Its key package stays.
    fn open_welcome(&self, welcome: &WaitingWelcome, tree: &[u8]) -> Result<Opened, Failed> {
        let package: KeyPackageRow = self.act.expect(&welcome.key_package_ref)?;
        let secret = KeyPackageSecret::from_bytes(&package.secret)
            .map_err(|_| VaultError::damaged("a key package"))?;
        let maker = self.own.maker_of(self.act, &package)?;
        let (group, join) = Group::join(&maker, &welcome.welcome, tree, &secret, &self.trust)?;
        if group.id() != welcome.group || group.epoch().0 != welcome.epoch {
            return Err(Unfit::Elsewhere.into());
        }
        Ok(Opened { group, join, package })
    }

    /// Keeps a welcome that does not lead on, until a person has compared the words of whoever made it.
    fn keep_back(
        &self,
        welcome: &WaitingWelcome,
        tree: &[u8],
        opened: &Opened,
        cause: Break,
    ) -> Result<(), Error> {
        tracing::warn!(group = %welcome.group, %cause, "a welcome does not lead on from what was seen");
        let (act, now_ms) = (self.act, self.now_ms);
        requests::keep(self, welcome, tree, &opened.join, false)?;
        let alarm = |kind| Alarm { group: Some(welcome.group), kind, position: welcome.position.0 };
        match cause {
            // Nobody is known of it: that somebody adds this device is what was hoped for.
            Break::NoRoster => Ok(()),
            // By whoever made the welcome, or by the server, which handed out the digests: nobody can tell.
            Break::OtherHistory => {
                let adder = &opened.join.adder.identity;
                raise_by(act, alarm(AlarmKind::HistoryDisputed), Some(adder), now_ms).map(drop)
            }
            Break::NoRight
            | Break::Outside
            | Break::OtherKey
            | Break::OtherConstants
            | Break::TooFar
            | Break::Older
            | Break::WayUnknown => raise(act, alarm(AlarmKind::NotContinued), now_ms).map(drop),
        }
    }

    /// Group, epoch key, roster and cursor come, the one-time key package goes: in this act.
    ///
    /// `earlier`: what this device knows of the group that this leads on from. `verifier`: where the device joins.
    fn enter(
        &self,
        welcome: &WaitingWelcome,
        opened: Opened,
        earlier: Option<GroupRow>,
        verifier: LogVerifier,
    ) -> Result<(), Failed> {
        let Opened { mut group, join, package } = opened;
        let (act, now_ms) = (self.act, self.now_ms);
        // Whoever comes back keeps what was here: title, place in the list, own sequence.
        let mut row = GroupRow {
            created: true,
            closed: false,
            frozen: false,
            frozen_by: String::new(),
            frozen_by_signed: false,
            ordered_invalid_at: 0,
            not_shown: false,
            archived: false,
            join_position: welcome.position.0,
            joined_at_ms: now_ms,
            updated_at_ms: 0,
            upkeep_tried_at_ms: 0,
            welcome_id: welcome.id.to_vec(),
            last_activity_ms: now_ms,
            predecessor: group.policy().predecessor().as_ref().map(predecessor_row),
            first_join: None,
            led_by: join.adder.identity.to_string(),
            led_by_key: join.adder.public_key.as_bytes().to_vec(),
            led_by_ties: if join.ties.is_empty() { Vec::new() } else { join.ties.encode() },
            leaving_since_ms: 0,
            leaving: Vec::new(),
            wish_lapsed_at_ms: 0,
            ..earlier.unwrap_or_default()
        };
        // A floor that this device has come to by itself is nobody's word.
        if row.context_floor != group.floor().encode() {
            row.told_floor = group.floor().encode();
        }
        // Others may have written while we were away: their sequences begin anew for us.
        act.delete_under::<AuthorRow>(welcome.group.as_bytes())?;
        restored::read_to_the_end(act, &mut row)?;
        adopt(act, &self.own, &self.trust, &mut group, &mut row)?;
        self.meet_roster(&welcome.group, &join)?;
        // Whoever asks for the alarms that stand is told.
        let _missing = ledger::look_up(act, self.identity, &welcome.group, now_ms)?;
        keep_verifier(&mut row, &verifier);
        outbox::queue(self, &welcome.group, &mut row, introduction::prepare())?;
        let key = EntryKey { group: welcome.group, position: welcome.position, record: RecordId([0; 16]) };
        let adder = join.adder.identity.to_string();
        act.put_entry(&key, &working_row(&adder, now_ms, verifier.head().as_bytes()))?;
        if !package.last_resort {
            act.delete::<KeyPackageRow>(&welcome.key_package_ref)?;
        }
        Ok(act.put(welcome.group.as_bytes(), &row)?)
    }

    /// Takes note of the keys of everybody who was there before.
    fn meet_roster(&self, group: &GroupId, join: &Join) -> Result<(), Error> {
        let (act, own, adder) = (self.act, self.identity, &join.adder.identity);
        let roster = Roster::load(act, group)?;
        // Before the adder vouches for others: it may be known by an earlier key.
        for seat in &roster.members {
            meet_tied(act, own, &seat.identity, &seat.public_key, &join.ties)?;
        }
        let brought = Brought::There(Signer { identity: adder, key: roster.key_of(adder) })
            .unless_outside(is_chain_outside(&self.trust, &join.adder.chain));
        for seat in &roster.members {
            meet(act, own, &seat.identity, &seat.public_key, brought, self.now_ms)?;
        }
        Ok(())
    }
}

/// What waited to be sent was written for the readers of then: it goes to others only when a person says so. What was
/// to be changed was to be changed in the group of then, and so was whom it was to bring over.
pub(super) fn come_back(act: &Act<'_>, group: &GroupId, row: &mut GroupRow) -> Result<(), VaultError> {
    row.carry.clear();
    outbox::strand(act, group)?;
    for (key, mut row) in act.scan::<OutboxRow>(group.as_bytes())? {
        match kinds::again(&row, Readers::OfTheGroup) {
            Again::AsNew(_) | Again::ByItsAuthor | Again::ByNewerProgram => {
                row.position = 0;
                act.put(&key, &row)?;
            }
            Again::Never => act.delete::<OutboxRow>(&key)?,
        }
    }
    act.delete::<PendingRow>(group.as_bytes())
}

/// The log of a group that was never seen: it begins under the head that the adder vouches for.
fn from_pin(welcome: &WaitingWelcome, join: &Join) -> Result<LogVerifier, Unfit> {
    let pin = (join.pin.position, join.pin.head);
    LogVerifier::from_pin(welcome.group, pin, &welcome.link, welcome.position).map_err(Unfit::Link)
}

/// Why a welcome is not fit to be joined by, whoever decides.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unfit {
    #[error(transparent)]
    Group(#[from] GroupError),
    #[error("its pin and the server's digests do not lead to where it stands: {0}")]
    Link(LogFault),
    #[error("it leads into another group or epoch than the server says")]
    Elsewhere,
    #[error("it leads to before what was seen of its group")]
    Older,
}

impl Unfit {
    pub(super) fn alarm(&self) -> AlarmKind {
        match self {
            Self::Group(_) | Self::Link(_) | Self::Elsewhere => AlarmKind::WelcomeUnusable,
            Self::Older => AlarmKind::Rollback,
        }
    }
}

/// Why a welcome was not joined by: it is not fit, or we failed.
pub(super) enum Failed {
    Unfit(Unfit),
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
