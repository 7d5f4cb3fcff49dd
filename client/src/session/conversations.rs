//! Conversations: open a case, list what there is, put away.

use super::{
    ConversationKind, ConversationView, Error, HeldUp, OpenedConversation, Session,
    acting::Acting,
    alarms,
    joining::{
        adopting::adopt,
        former::{at_server, is_former},
    },
    kinds::{introduction, subject},
    outbox, restored,
    state::{all_rows, keep_verifier, load_row, successor_of},
    succession::successor::predecessor_of,
    words::{Accents, folded},
};
use crate::{
    transport::ServerError,
    vault::{
        Act, Durability,
        rows::{GroupRow, OutboxRow},
    },
};
use alcove_e2ee::{group::Group, keys::draw, receipts::LogVerifier};
use alcove_mls::Policy;
use alcove_proto::{
    ids::{GroupId, Position},
    names::Identity,
    v1::{self, Reason},
};
use std::collections::{BTreeMap, BTreeSet};

impl Session {
    /// Opens a case with this title; the caller is its only member and owner.
    ///
    /// It is in the vault before the server hears of it: what keeps the server from hearing of it now is no
    /// failure, and the next sync opens it there.
    /// Errors: [`Error::TextEmpty`], [`Error::TextTooLong`], [`Error::Certificate`].
    pub async fn new_case(&self, title: &str) -> Result<OpenedConversation, Error> {
        let subject = subject::prepare(ConversationKind::Case, title)?;
        self.own().check_in_force(&self.trust(), self.clock.now_ms())?;
        let id = GroupId(draw(&*self.random).map_err(|_| Error::Randomness)?);
        let row = GroupRow {
            title: title.to_owned(),
            subject_kind: ConversationKind::Case.into(),
            joined_at_ms: self.clock.now_ms(),
            last_activity_ms: self.clock.now_ms(),
            ..GroupRow::default()
        };
        let record = self.vault.act::<_, Error>(Durability::OnDisk, |act| {
            let acting = self.acting(act)?;
            let mut row = acting.found(&id, row)?;
            let record = outbox::queue(&acting, &id, &mut row, subject)?;
            act.put(id.as_bytes(), &row)?;
            Ok(record)
        })?;
        self.take_in_hand(&id, &record);
        let held_up = match self.finish_creation(&id).await {
            Ok(()) => self.flush(&id).await.err(),
            Err(error) => Some(error),
        };
        self.let_go(&record);
        Ok(OpenedConversation { id, held_up })
    }

    /// Tells the server of cases that were opened here and that it has not acknowledged. One that it does not
    /// take keeps nothing else from happening; the others are told of, and the report names it.
    ///
    /// Errors: those that are about no case: the network, this device's certificate, the vault.
    pub(super) async fn finish_creations(&self) -> Result<Vec<HeldUp>, Error> {
        let groups = self.vault.read::<_, Error>(|act| {
            let rows = all_rows(act)?;
            Ok(rows.into_iter().filter(|(_, row)| !row.created).map(|(id, _)| id).collect::<Vec<_>>())
        })?;
        let mut held_up = Vec::new();
        for case in groups {
            match self.finish_creation(&case).await {
                Ok(()) => {}
                Err(error @ (Error::Server(ServerError::Refused(_)) | Error::Group(_))) => {
                    held_up.push(HeldUp { case, error });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(held_up)
    }

    /// Offers the server what was first made of a case, as often as it takes: the answer may have been lost, and the group
    /// that is there is these bytes and no others. The certificate in it may have been renewed since; then the next
    /// self-update takes the new one up.
    ///
    /// Errors: those of the server; a group of that id that is made of other bytes is another one, in which nothing of this
    /// device's would ever be taken.
    pub(super) async fn finish_creation(&self, id: &GroupId) -> Result<(), Error> {
        let receipt_key = self.receipt_key().await?;
        let group_info = self.vault.read(|act| Ok::<_, Error>(load_row(act, id)?.group_info))?;
        let signed = match self.server()?.create_group(id, group_info).await {
            Ok(signed) => Some(signed),
            Err(error) if error.reason() == Some(Reason::LeafNotTrusted) => {
                self.create_anew(id, error).await?
            }
            Err(error) => return Err(error.into()),
        };
        self.vault.act(Durability::OnDisk, |act| {
            let mut row = load_row(act, id)?;
            if let Some(signed) = &signed
                && Position(row.position) == Position(0)
            {
                let mut verifier = super::state::verifier(id, &row)?;
                verifier
                    .accept_signed_head(signed, &[], Position(0), &receipt_key)
                    .map_err(|_| ServerError::bad("the head of a new group"))?;
                keep_verifier(&mut row, &verifier);
            }
            row.created = true;
            row.group_info.clear();
            Ok(act.put(id.as_bytes(), &row)?)
        })
    }

    /// The server believes the leaf of a case that was opened here no more. Where it has not heard of the case before, that
    /// begins anew with the certificate there is now, and nobody has seen it yet; where it has, its answer was lost.
    ///
    /// Nothing: it has it. Errors: `refused` itself when there is no other certificate.
    async fn create_anew(&self, id: &GroupId, refused: ServerError) -> Result<Option<v1::SignedHead>, Error> {
        match self.server()?.read_log(id, Position(0), Position(0)).await {
            Ok(_) => return Ok(None),
            Err(error) if error.reason() == Some(Reason::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
        let anew = self.vault.act(Durability::OnDisk, |act| self.acting(act)?.found_anew(id))?;
        match anew {
            Some(group_info) => Ok(Some(self.server()?.create_group(id, group_info).await?)),
            None => Err(refused.into()),
        }
    }

    /// What this device has, by last activity, newest first. Local.
    pub fn conversations(&self, with_archived: bool) -> Result<Vec<ConversationView>, Error> {
        let mut all = self.vault.read(|act| {
            all_rows(act)?
                .into_iter()
                .filter(|(_, row)| with_archived || !row.archived)
                .map(|(id, row)| view(act, &self.identity, id, row))
                .collect::<Result<Vec<_>, Error>>()
        })?;
        all.sort_by_key(|one| (std::cmp::Reverse(one.last_activity_ms), one.id));
        Ok(all)
    }

    /// One of them. Local. Errors: [`Error::NoSuchCase`].
    pub fn conversation(&self, id: &GroupId) -> Result<ConversationView, Error> {
        self.vault.read(|act| view(act, &self.identity, *id, load_row(act, id)?))
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

impl Acting<'_> {
    /// Makes the group of a case with this device as its only member, and everything that follows from it.
    pub(super) fn found(&self, id: &GroupId, mut row: GroupRow) -> Result<GroupRow, Error> {
        let Self { act, own, trust, now_ms, .. } = self;
        let mut policy = Policy::new(trust.charter().hash(), self.identity.person.clone());
        if let Some(predecessor) = predecessor_of(&row)? {
            policy = policy.succeeding(predecessor);
        }
        restored::read_to_the_end(act, &mut row)?;
        let (mut group, info) = Group::create(&own.device, *id, &policy, trust, *now_ms)?;
        row.group_info = info;
        row.updated_at_ms = *now_ms;
        adopt(act, own, trust, &mut group, &mut row)?;
        keep_verifier(&mut row, &LogVerifier::at_start(*id));
        // Once: a group that begins anew has it in its outbox already.
        if row.outbox_next == 0 {
            outbox::queue(self, id, &mut row, introduction::prepare())?;
        }
        Ok(row)
    }

    /// Makes the group once more under another certificate than the first time; nothing where it is the same one.
    fn found_anew(&self, id: &GroupId) -> Result<Option<Vec<u8>>, Error> {
        let act = self.act;
        let row = load_row(act, id)?;
        if row.own_certificate == self.own.device.certificate_hash().as_bytes() {
            return Ok(None);
        }
        let row = self.found(id, row)?;
        act.put(id.as_bytes(), &row)?;
        for (key, mut queued) in act.scan::<OutboxRow>(id.as_bytes())? {
            queued.sealed.clear();
            act.put(&key, &queued)?;
        }
        Ok(Some(row.group_info))
    }
}

fn view(act: &Act<'_>, own: &Identity, id: GroupId, row: GroupRow) -> Result<ConversationView, Error> {
    let is_old = restored::is_known_to_be_old(act, own, &row)?;
    let unreadable_before = row.reads_from().saturating_sub(1);
    let replaced_by = is_former(&row).then(|| at_server(&id, &row)).transpose()?;
    let successor = successor_of(&row)?;
    let predecessor = match predecessor_of(&row)? {
        Some(predecessor) => {
            let old: Option<GroupRow> = act.get(predecessor.group.as_bytes())?;
            Some(predecessor.group).filter(|_| old.is_some_and(|old| old.successor == id.as_bytes()))
        }
        None => None,
    };
    Ok(ConversationView {
        id,
        kind: ConversationKind::try_from(row.subject_kind).unwrap_or_default(),
        title: Some(row.title).filter(|title| !title.is_empty()),
        archived: row.archived,
        closed: row.closed,
        frozen: row.frozen,
        ordered_invalid_at: Some(Position(row.ordered_invalid_at)).filter(|position| position.0 != 0),
        not_shown: row.not_shown,
        predecessor,
        successor,
        recovered: row.recovered,
        replaced_by,
        leaving: row.leaving_since_ms != 0,
        epoch: row.epoch,
        position: Position(row.position),
        items: row.items,
        unreadable_before,
        last_activity_ms: row.last_activity_ms,
        is_old,
        alarms: alarms::standing(act, Some(&id))?,
    })
}

impl Session {
    /// Other open cases whose title reads like this one's: by the title alone none of them is found any more. Local.
    pub fn titled_alike(&self, case: &GroupId) -> Result<Vec<GroupId>, Error> {
        let pairs = self.all_titled_alike()?;
        let other = |(one, two): (GroupId, GroupId)| match (one == *case, two == *case) {
            (true, _) => Some(two),
            (_, true) => Some(one),
            _ => None,
        };
        Ok(pairs.into_iter().filter_map(other).collect())
    }

    /// Every two open cases whose titles read alike. Local.
    pub fn all_titled_alike(&self) -> Result<BTreeSet<(GroupId, GroupId)>, Error> {
        self.vault.read(same_titles)
    }
}

/// Every two open cases whose titles read alike: a person who names one may mean the other.
pub(super) fn same_titles(act: &Act<'_>) -> Result<BTreeSet<(GroupId, GroupId)>, Error> {
    let is_over = |row: &GroupRow| {
        row.closed || row.recovered || row.leaving_since_ms != 0 || !row.successor.is_empty()
    };
    let is_open = |row: &GroupRow| !is_over(row) && !row.title.is_empty();
    let mut of_title: BTreeMap<String, Vec<GroupId>> = BTreeMap::new();
    for (id, row) in all_rows(act)?.into_iter().filter(|(_, row)| is_open(row)) {
        of_title.entry(folded(&row.title, Accents::Count)).or_default().push(id);
    }
    let mut pairs = BTreeSet::new();
    for mut cases in of_title.into_values() {
        cases.sort();
        // Neighbours are enough to name each of them.
        pairs.extend(cases.windows(2).map(|two| (two[0], two[1])));
    }
    Ok(pairs)
}
