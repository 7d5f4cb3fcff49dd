//! Cases: open, list, put away.

use super::{
    CaseView, Error, Session, alarms,
    outbox::{self, Item},
    state::{adopt, all_rows, keep_verifier, load_row},
};
use crate::{
    transport::ServerError,
    vault::{
        Act, Durability,
        rows::{GroupRow, SubjectRow},
    },
};
use alcove_e2ee::{group::Group, keys::draw, receipts::LogVerifier};
use alcove_mls::Policy;
use alcove_proto::{
    ids::{GroupId, Position},
    limits::TITLE_BYTES_MAX,
    v1::SubjectKind,
};

impl Session {
    /// Opens a case with this title; the caller is its only member and owner.
    ///
    /// It is in the vault before the server hears of it: without a server it is opened at the next sync.
    /// Errors: [`Error::TextEmpty`], [`Error::TextTooLong`], [`Error::Certificate`].
    pub async fn new_case(&self, title: &str) -> Result<GroupId, Error> {
        check_text(title, TITLE_BYTES_MAX)?;
        let trust = self.trust();
        let now_ms = self.clock.now_ms();
        self.own.check_in_force(&trust, now_ms)?;
        let id = GroupId(draw(&*self.random).map_err(|_| Error::Randomness)?);
        let policy = Policy::new(trust.charter().hash(), self.own.identity.person.clone());
        let info = self.vault.act::<_, Error>(Durability::OnDisk, |act| {
            let (mut group, info) = Group::create(&self.own.device, id, &policy, &trust, now_ms)?;
            let mut row = GroupRow {
                title: title.to_owned(),
                subject_kind: SubjectKind::Case.into(),
                joined_at_ms: now_ms,
                updated_at_ms: now_ms,
                last_activity_ms: now_ms,
                group_info: info.clone(),
                ..GroupRow::default()
            };
            adopt(act, &self.own, &trust, &mut group, &mut row)?;
            keep_verifier(&mut row, &LogVerifier::at_start(id));
            let mut subject = SubjectRow::default();
            subject.kind = SubjectKind::Case.into();
            subject.title = title.to_owned();
            outbox::queue(self, act, &id, &mut row, Item::Subject(subject))?;
            act.put(id.as_bytes(), &row)?;
            Ok(info)
        })?;
        match self.finish_creation(&id, info).await {
            Ok(()) => self.flush_or_wait(&id).await?,
            Err(Error::Server(ServerError::Unreachable)) => {}
            Err(error) => return Err(error),
        }
        Ok(id)
    }

    /// The cases of this device, by last activity, newest first. Local.
    pub fn cases(&self, with_archived: bool) -> Result<Vec<CaseView>, Error> {
        let mut cases = self.vault.read(|act| {
            all_rows(act)?
                .into_iter()
                .filter(|(_, row)| with_archived || !row.archived)
                .map(|(id, row)| view(act, id, row))
                .collect::<Result<Vec<_>, Error>>()
        })?;
        cases.sort_by_key(|case| (std::cmp::Reverse(case.last_activity_ms), case.id));
        Ok(cases)
    }

    /// One case. Local. Errors: [`Error::NoSuchCase`].
    pub fn case(&self, case: &GroupId) -> Result<CaseView, Error> {
        self.vault.read(|act| view(act, *case, load_row(act, case)?))
    }

    /// Puts a case away on this device, or brings it back. Local.
    ///
    /// Errors: [`Error::NoSuchCase`].
    pub fn archive(&self, case: &GroupId, archived: bool) -> Result<(), Error> {
        self.vault.act(Durability::OnDisk, |act| {
            let mut row = load_row(act, case)?;
            row.archived = archived;
            Ok(act.put(case.as_bytes(), &row)?)
        })
    }
}

fn view(act: &Act<'_>, id: GroupId, row: GroupRow) -> Result<CaseView, Error> {
    Ok(CaseView {
        id,
        title: Some(row.title).filter(|title| !title.is_empty()),
        archived: row.archived,
        closed: row.closed,
        frozen: row.frozen,
        not_shown: row.not_shown,
        epoch: row.epoch,
        position: Position(row.position),
        items: row.items,
        unreadable_before: row.join_position.saturating_sub(1),
        last_activity_ms: row.last_activity_ms,
        alarms: alarms::standing(act, Some(&id))?,
    })
}

/// A text that is there and within its limit.
pub(super) fn check_text(text: &str, limit: usize) -> Result<(), Error> {
    if text.trim().is_empty() {
        Err(Error::TextEmpty)
    } else if text.len() > limit {
        Err(Error::TextTooLong { limit, actual: text.len() })
    } else {
        Ok(())
    }
}
