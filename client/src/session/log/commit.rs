//! Commits of a log: processed in order, merged, and what they change taken over.
//!
//! PROTOCOL.md, "Groups", 5 and 6.

use super::{
    gone::Gone,
    walk::{Stop, Walk},
};
use crate::{
    session::{
        AlarmKind, Error,
        alarms::{Alarm, raise, raise_against},
        joining::adopting::adopt,
        kinds::{entry::working_row, introduction},
        outbox::{self, handover, let_go},
        people::{
            known_keys::{Brought, Signer, meet},
            ledger,
            outsiders::{self, Before},
            seats,
        },
        recovery::escrow,
        restored,
        state::{floor, group_place, keep_told, load_group, told_floor},
        succession::leaving,
    },
    vault::rows::{AuthorRow, PendingRow},
};
use alcove_charter::P256Point;
use alcove_e2ee::group::{Fault, GroupError, Processed};
use alcove_mls::CommitError;
use alcove_proto::{
    ids::{Head, RecordId},
    names::Identity,
    v1::LogEntry,
};

impl Walk<'_> {
    pub(super) fn commit(&mut self, entry: &LogEntry, head: &Head) -> Result<(), Error> {
        let group = self.held.mls(self.acting.act, &self.id)?;
        let processed = match group.process(&entry.body, &self.acting.trust, entry.received_at_ms) {
            Ok(processed) => processed,
            Err(GroupError::Commit(CommitError::TrustBehind(_))) => {
                self.walked.stop = Some(Stop::TrustBehind);
                return Ok(());
            }
            Err(error) => return self.refused(entry, &error),
        };
        if processed.summary.author.identity.to_string() != entry.author {
            return self.ordered_invalid(entry);
        }
        let author = &processed.summary.author;
        if processed.removed_self && author.external && author.identity == *self.acting.identity {
            // This device came back by its own key, and this vault knows nothing of it: an older copy, or a second one.
            self.held.mls = None;
            return self.freeze(entry, AlarmKind::VaultRestored, None);
        }
        self.row.context_floor = group.floor().encode();
        keep_told(&mut self.row, &self.acting.trust, group.floor())?;
        self.put(
            entry,
            RecordId([0; 16]),
            &working_row(&entry.author, entry.received_at_ms, head.as_bytes()),
        )?;
        self.walked.members_changed |=
            !processed.summary.added.is_empty() || !processed.summary.removed.is_empty();
        if processed.removed_self {
            return self.close();
        }
        let seen = processed.summary.context.seen();
        if !processed.own {
            self.compare(entry, seen.position, &seen.head)?;
        }
        let (author_key, before) = self.word_of(&processed)?;
        self.held.roster = Some(adopt(
            self.acting.act,
            &self.acting.own,
            &self.acting.trust,
            self.held.mls(self.acting.act, &self.id)?,
            &mut self.row,
        )?);
        self.epoch_key = None;
        let_go::end_earlier(self.acting.act, &self.id, self.row.epoch)?;
        self.meet_keys(&processed, author_key, before.as_ref())?;
        if let Some(roster) = &self.held.roster {
            let removed = processed.summary.removed.iter().map(|gone| &gone.identity);
            Gone::by(removed, roster).take_off(self.acting.act, &self.id, &mut self.row)?;
        }
        let missing = ledger::look_up(self.acting.act, self.acting.identity, &self.id, self.acting.now_ms)?;
        self.held.alarms.extend(missing);
        self.let_begin_anew(&processed)?;
        let added = processed.summary.added.iter().map(|added| &added.identity);
        let added: Vec<Identity> = added.cloned().collect();
        if let Some(roster) = &self.held.roster {
            let (own, at_ms) = (&self.acting.identity.person, entry.received_at_ms);
            leaving::settle(self.acting.act, own, (&self.id, &mut self.row), roster, &added, at_ms)?;
        }
        self.settle_pending(&processed)
    }

    /// A commit cannot be processed: stops, and holds to it whose fault it is and nobody else.
    ///
    /// PROTOCOL.md, "Groups", "Whose fault".
    fn refused(&mut self, entry: &LogEntry, error: &GroupError) -> Result<(), Error> {
        tracing::warn!(position = entry.position, %error, "a commit cannot be processed");
        if matches!(error, GroupError::OwnCommitForgotten)
            && let_go::is_one(self.acting.act, &self.id, entry)?
        {
            // The server said that it refuses it. It was this vault that made it, and no copy of it was put back.
            return self.ordered_invalid(entry);
        }
        let own = entry.author == self.acting.identity.to_string();
        if let GroupError::Commit(CommitError::Floor(fault)) = error
            && told_floor(&self.row)?.is_cause_of(fault)
            && !own
        {
            // Whoever added this device may have told it more than was ever named, or the server orders what names less.
            return self.freeze(entry, AlarmKind::CommitUnprocessable, None);
        }
        // The library may have given up halfway: what was saved is the group as it was before.
        self.held.mls = None;
        let before = load_group(self.acting.act, &self.id)?.on_floor(floor(&self.row)?);
        let kind = match error {
            GroupError::OwnCommitForgotten => AlarmKind::VaultRestored,
            _ => AlarmKind::CommitUnprocessable,
        };
        match before.fault_of(&entry.body, error, &self.acting.trust, entry.received_at_ms)? {
            Fault::Author(author) if author.to_string() == entry.author => {
                self.row.frozen_by_signed = true;
                self.freeze(entry, kind, Some(&author))
            }
            Fault::AuthorOrServer(author) if author.to_string() == entry.author => {
                self.freeze(entry, kind, None)
            }
            Fault::Server | Fault::Author(_) | Fault::AuthorOrServer(_) => self.ordered_invalid(entry),
        }
    }

    /// The state cannot be carried on: shown, and nothing more is sent. What is here can still be read.
    fn freeze(&mut self, entry: &LogEntry, kind: AlarmKind, author: Option<&Identity>) -> Result<(), Error> {
        if kind == AlarmKind::VaultRestored {
            // It was made before it was received.
            restored::notice(
                self.acting.act,
                &self.id,
                &mut self.row,
                entry.received_at_ms,
                self.acting.now_ms,
            )?;
        }
        self.row.frozen = true;
        self.row.frozen_at_ms = if kind == AlarmKind::VaultRestored { 0 } else { self.acting.now_ms };
        self.row.frozen_by = entry.author.clone();
        let alarm = Alarm { group: Some(self.id), kind, position: entry.position };
        let is_new = match author {
            Some(author) => raise_against(self.acting.act, alarm, author, self.acting.now_ms)?,
            None => raise(self.acting.act, alarm, self.acting.now_ms)?,
        };
        self.held.alarms.extend(is_new.then_some(alarm));
        self.walked.stop = Some(Stop::Alarmed(alarm));
        Ok(())
    }

    /// No honest server orders this: the walk stops before it, and whoever is named in it is not held to it.
    pub(super) fn ordered_invalid(&mut self, entry: &LogEntry) -> Result<(), Error> {
        self.held.mls = None;
        self.row.ordered_invalid_at = entry.position;
        let alarm = self.alarm(AlarmKind::ServerOrderedInvalid, entry.position)?;
        self.walked.stop = Some(Stop::Alarmed(alarm));
        Ok(())
    }

    /// The log shows the commit that removed us: what waits can be carried out no more, and is kept to be read.
    fn close(&mut self) -> Result<(), Error> {
        self.row.closed = true;
        self.walked.closed = true;
        self.acting.act.delete::<PendingRow>(self.id.as_bytes())?;
        escrow::forget(self.acting.act, &self.id)?;
        Ok(())
    }

    /// The key that the author of a commit signed with before it, and what the roster was then, as far as the commit brings
    /// keys or changes roles. Asked before the roster changes.
    fn word_of(&mut self, processed: &Processed) -> Result<(Option<P256Point>, Option<Before>), Error> {
        let summary = &processed.summary;
        let author = &summary.author;
        let (act, own, trust) = (self.acting.act, self.acting.identity, &self.acting.trust);
        let changes_people = author.rotated || !summary.added.is_empty() || summary.policy.is_some();
        self.roster()?;
        let seat =
            self.held.roster.as_ref().and_then(|roster| Some((roster, roster.named(&author.identity)?)));
        let Some((roster, seat)) = seat else { return Ok((None, None)) };
        if !changes_people {
            return Ok((Some(seat.public_key), None));
        }
        let is_outside = seats::is_seat_outside(act, own, trust, seat)?;
        let before = Before::of(&self.row, roster, &author.identity, is_outside);
        Ok((Some(seat.public_key), Some(before)))
    }

    /// Takes note of the keys that the commit brings, and of whom it brings.
    ///
    /// `author_key`: what its author signed with before. `before`: what the roster was, where the commit changes people.
    fn meet_keys(
        &mut self,
        processed: &Processed,
        author_key: Option<P256Point>,
        before: Option<&Before>,
    ) -> Result<(), Error> {
        let author = &processed.summary.author;
        let signer = Signer { identity: &author.identity, key: author_key };
        let rotated = author.rotated.then_some(&author.identity);
        let added = || processed.summary.added.iter().map(|added| &added.identity);
        let (act, own, now_ms) = (self.acting.act, self.acting.identity, self.acting.now_ms);
        let roster = self.roster()?;
        for seat in added().chain(rotated).filter_map(|identity| roster.named(identity)) {
            let is_outside = before.is_some_and(|before| before.counts_for_nothing(&seat.identity));
            // Also what this device's own commit brings: what its owner was shown is believed by then, and nothing else is.
            let brought = Brought::By(signer).unless_outside(is_outside);
            meet(act, own, &seat.identity, &seat.public_key, brought, now_ms)?;
        }
        if let Some(roster) = &self.held.roster {
            match before {
                Some(before) => before.settle(&mut self.row, roster, added(), now_ms),
                None => outsiders::forget_gone(&mut self.row, roster),
            }
        }
        Ok(())
    }

    /// Our certificate goes into the log: who opens it later can tell whose signatures are in it.
    fn introduce(&mut self) -> Result<(), Error> {
        outbox::queue(self.acting, &self.id, &mut self.row, introduction::prepare()).map(drop)
    }

    /// Whoever is added again may have another laptop by now.
    fn let_begin_anew(&self, processed: &Processed) -> Result<(), Error> {
        for added in &processed.summary.added {
            let tag = self.acting.act.tag::<AuthorRow>(&added.identity.to_string());
            let place = group_place(&self.id, &tag);
            if let Some(mut row) = self.acting.act.get::<AuthorRow>(&place)? {
                row.added_again = true;
                self.acting.act.put(&place, &row)?;
            }
        }
        Ok(())
    }

    /// Our own commit has been merged, or somebody else's was first.
    fn settle_pending(&mut self, processed: &Processed) -> Result<(), Error> {
        if processed.own {
            self.row.updated_at_ms = self.acting.now_ms;
        }
        let Some(mut pending) = self.acting.act.get::<PendingRow>(self.id.as_bytes())? else { return Ok(()) };
        if !processed.own {
            // The intent stays and is made into a new commit.
            pending.commit.clear();
            pending.welcome.clear();
            pending.group_info.clear();
            pending.joiners.clear();
            self.acting.act.put(self.id.as_bytes(), &pending)?;
            return Ok(());
        }
        self.acting.act.delete::<PendingRow>(self.id.as_bytes())?;
        if processed.summary.author.rotated {
            self.introduce()?;
        }
        let added: Vec<Identity> =
            processed.summary.added.iter().map(|added| added.identity.clone()).collect();
        if added.is_empty() {
            return Ok(());
        }
        // Joiners have no history: the title is written anew for them.
        outbox::queue_subject(self.acting, &self.id, &mut self.row)?;
        if let Some(since_ms) = pending.intent.as_ref().and_then(|intent| intent.history_since_ms) {
            handover::queue_history(self.acting, &self.id, &mut self.row, &added, since_ms)?;
        }
        Ok(())
    }
}
