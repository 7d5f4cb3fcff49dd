//! Sending what waits in the outbox, sealed anew where that has to be done.

use super::{
    let_go,
    queue::{queue, queued, record_of},
    refused::{self, is_waiting},
};
use crate::{
    session::{
        Delivery, Error, RefusalCause, Session, Written,
        acting::Acting,
        alarms::check_quiet,
        kinds::{
            self,
            grant::{self, AccessPlan},
            item::Item,
        },
        log::{Stop, Walk},
        people::seats,
        state::{self, load_joined_row, load_open_row, own_point},
    },
    transport::ServerError,
    vault::{
        Act, Durability, VaultError,
        rows::{AccessRow, GroupRow, OutboxRow, ReceiptRow, SealingRow},
    },
};
use alcove_charter::{P256Point, sha256};
use alcove_e2ee::{
    keys::{RecordPlace, Salt},
    records::{AuthorPoint, Draft, SealError, seal},
};
use alcove_proto::{
    ids::{BlobId, Epoch, GroupId, Head, Position, RecordId},
    limits::RECORD_BYTES_MAX,
    v1::{EntryKind, LogEntry, Reason, Receipt},
};
use prost::Message;
use std::sync::PoisonError;

/// Times one record is sealed anew because others changed the group meanwhile.
const STALE_TRIES_MAX: u32 = 16;
/// Sealings of one record that are remembered.
const SEALINGS_MAX: usize = 32;

/// What the outbox of a group wants next.
enum Next {
    Nothing,
    /// The access entry that goes with a grant.
    Open {
        key: Vec<u8>,
        plan: AccessPlan,
    },
    Send(Sending),
}

/// A sealed record on its way.
struct Sending {
    /// Of its row in the outbox.
    key: Vec<u8>,
    record: RecordId,
    epoch: u64,
    bytes: Vec<u8>,
    /// The blob of a document, which this record makes readable.
    blob: Option<BlobId>,
}

/// Finds what is to be sent next, and seals it where that has to be done anew.
fn next(acting: &Acting<'_>, group: &GroupId) -> Result<Next, Error> {
    let act = acting.act;
    let mut rows = act.scan::<OutboxRow>(group.as_bytes())?;
    rows.retain(|(_, row)| !row.never_sent);
    if !rows.iter().any(|(_, row)| is_waiting(row)) {
        return Ok(Next::Nothing);
    }
    check_quiet(act, group)?;
    let row = load_joined_row(act, group)?;
    seats::check(act, acting.identity, &acting.trust, group, acting.now_ms)?;
    let mut after = own_point(&row)?;
    for (key, mut queued) in rows {
        if queued.position != 0 {
            // It is in the log, and we have not read that far.
            after = Some(point_of(&queued)?);
            continue;
        }
        if !is_waiting(&queued) || !kinds::is_to_be_sent(&queued) {
            continue;
        }
        if let Some(plan) = queued.grant.as_ref().filter(|plan| !plan.opened) {
            match grant::access(act, group, plan)? {
                Some(plan) => return Ok(Next::Open { key, plan }),
                None => {
                    // Whoever it was for has left.
                    let_go::item(act, group, row.epoch, &queued, acting.now_ms)?;
                    act.delete::<OutboxRow>(&key)?;
                    continue;
                }
            }
        }
        let follows = queued.sequence == after.map_or(1, |point| point.sequence + 1);
        if queued.sealed.is_empty() || queued.sealed_epoch != row.epoch || !follows {
            match seal_anew(acting, group, &row, after, &mut queued) {
                Ok(true) => act.put(&key, &queued)?,
                Ok(false) => {
                    let_go::item(act, group, row.epoch, &queued, acting.now_ms)?;
                    act.delete::<OutboxRow>(&key)?;
                    continue;
                }
                // It never gets smaller by waiting, and must not hold up what comes after it.
                Err(Error::TextTooLong { .. }) => {
                    refused::mark(act, &key, RefusalCause::TooLarge)?;
                    continue;
                }
                Err(error) => return Err(error),
            }
        }
        let record = record_of(&queued)?;
        let (epoch, bytes) = (queued.sealed_epoch, queued.sealed.clone());
        let blob = kinds::blob_of(&queued);
        return Ok(Next::Send(Sending { key, record, epoch, bytes, blob }));
    }
    Ok(Next::Nothing)
}

fn point_of(queued: &OutboxRow) -> Result<AuthorPoint, Error> {
    Ok(AuthorPoint { sequence: queued.sequence, hash: state::digest(&queued.hash, "the outbox")? })
}

/// Seals a record for the epoch in force. Returns `false` for a grant whose grantee has left.
fn seal_anew(
    acting: &Acting<'_>,
    group: &GroupId,
    row: &GroupRow,
    after: Option<AuthorPoint>,
    queued: &mut OutboxRow,
) -> Result<bool, Error> {
    let own = &acting.own;
    if row.own_certificate != own.device.certificate_hash().as_bytes() {
        // The self-update comes first.
        return Err(Error::CertificateNotTakenUp);
    }
    let Some(payload) = kinds::written(acting.act, group, own, queued)? else { return Ok(false) };
    let charter = acting.trust.charters().by_hash(&state::digest(&row.charter_hash, "a case")?);
    let charter = charter.ok_or(VaultError::damaged("a case"))?;
    let draft = Draft {
        place: RecordPlace {
            group: *group,
            epoch_id: state::epoch_id(row)?,
            leaf: row.own_leaf,
            record: record_of(queued)?,
        },
        epoch: Epoch(row.epoch),
        certificate_hash: own.device.certificate_hash(),
        charter_hash: charter.hash(),
        time_ms: queued.written_at_ms,
        after,
        seen_position: Position(row.position),
        seen_head: Head::try_from(row.head.as_slice()).map_err(|_| VaultError::damaged("a case"))?,
        payload: &payload,
    };
    let salt = Salt::draw(acting.random).map_err(|_| Error::Randomness)?;
    let key = state::epoch_key(acting.act, group, row)?;
    let sealed =
        seal(&key, &draft, salt, |body| own.sign_record(body, acting.random)).map_err(
            |error| match error {
                SealError::Sign(error) => error,
                SealError::Payload(_) => VaultError::damaged("the outbox").into(),
                SealError::TooLarge { bytes } => {
                    Error::TextTooLong { limit: RECORD_BYTES_MAX, actual: bytes }
                }
            },
        )?;
    queued.sealings.push(SealingRow { epoch: row.epoch, hash: sha256(&[&sealed.bytes]).to_vec() });
    let surplus = queued.sealings.len().saturating_sub(SEALINGS_MAX);
    queued.sealings.drain(..surplus);
    queued.sealed = sealed.bytes;
    queued.sealed_epoch = row.epoch;
    queued.sequence = sealed.point.sequence;
    queued.hash = sealed.point.hash.to_vec();
    Ok(true)
}

impl Session {
    /// Sends what waits in one group. Returns how many records were sent.
    ///
    /// What the server refuses for good is marked so and passed over. Errors: what keeps the rest from being
    /// sent now; it waits on.
    pub(in crate::session) async fn flush(&self, group: &GroupId) -> Result<u64, Error> {
        self.flush_from(group, None).await
    }

    /// [`Self::flush`] when the first thing to send is known.
    async fn flush_from(&self, group: &GroupId, mut first: Option<Next>) -> Result<u64, Error> {
        let mut sent = 0;
        let mut stale = 0;
        let mut removed = false;
        loop {
            let due = match first.take().map_or_else(|| self.next_due(group), Ok) {
                Err(Error::SeatOutside { .. }) if !removed => {
                    // Their removal goes first. Whatever keeps it out of the log keeps what waits here too.
                    removed = true;
                    match self.remove_lapsed(group).await {
                        Err(Error::Server(error)) if error.was_not_reached() => return Err(error.into()),
                        Err(error @ Error::Vault(_)) => return Err(error),
                        Ok(()) | Err(_) => continue,
                    }
                }
                due => due?,
            };
            match due {
                Next::Nothing => return Ok(sent),
                Next::Open { key, plan } => {
                    let AccessPlan { access, grantee, ranges, not_after_ms } = &plan;
                    let server = self.server()?;
                    match server.open_access(group, access, grantee, ranges.clone(), *not_after_ms).await {
                        Ok(()) => self.opened(group, &key, &plan)?,
                        Err(error) => self.opening_refused(group, &key, error).await?,
                    }
                }
                Next::Send(sending) => match self.send(group, &sending).await {
                    Ok(()) => sent += 1,
                    Err(Error::Server(error)) if error.reason() == Some(Reason::StaleEpoch) => {
                        stale += 1;
                        if stale > STALE_TRIES_MAX {
                            return Err(Error::Contended { attempts: stale });
                        }
                        self.sync_log(group).await?;
                    }
                    Err(Error::Server(error)) if error.reason() == Some(Reason::NotFound) => {
                        return Err(self.not_found(group, error).await);
                    }
                    Err(Error::Server(error)) => match refused::of_record(&error) {
                        Some(cause) => self.mark_refused(&sending.key, cause)?,
                        None => return Err(error.into()),
                    },
                    Err(error) => return Err(error),
                },
            }
        }
    }

    /// The server does not open what a grant needs: for good, unless the case has changed meanwhile.
    async fn opening_refused(&self, group: &GroupId, key: &[u8], error: ServerError) -> Result<(), Error> {
        let Some(cause) = refused::of_access(&error) else { return Err(error.into()) };
        if cause == RefusalCause::OutOfReach {
            // The same answer is given when the grantee, or we, have left: the log says which it is.
            let walked = self.sync_log(group).await?;
            if walked.closed {
                return Err(Error::CaseClosed);
            }
            let gone = self.vault.read::<_, Error>(|act| {
                let plan = act.get::<OutboxRow>(key)?.and_then(|row| row.grant.clone());
                Ok(plan.map(|plan| grant::access(act, group, &plan)).transpose()?.flatten().is_none())
            })?;
            if gone {
                return Ok(());
            }
        }
        self.mark_refused(key, cause)
    }

    fn mark_refused(&self, key: &[u8], cause: RefusalCause) -> Result<(), Error> {
        self.vault.act(Durability::OnDisk, |act| Ok(refused::mark(act, key, cause)?))
    }

    fn next_due(&self, group: &GroupId) -> Result<Next, Error> {
        // Most often there is nothing, and then nothing has to reach the disk.
        if self.vault.read::<_, Error>(|act| Ok(queued(act, group.as_bytes())?))? == 0 {
            return Ok(Next::Nothing);
        }
        self.vault.act(Durability::OnDisk, |act| next(&self.acting(act)?, group))
    }

    fn opened(&self, group: &GroupId, key: &[u8], plan: &AccessPlan) -> Result<(), Error> {
        self.vault.act(Durability::OnDisk, |act| {
            let Some(mut queued) = act.get::<OutboxRow>(key)? else { return Ok(()) };
            if let Some(plan) = &mut queued.grant {
                plan.opened = true;
            }
            act.put(key, &queued)?;
            let row = AccessRow { access_id: plan.access.to_vec(), grantee: plan.grantee.to_string() };
            Ok(act.put(&state::group_place(group, plan.access.as_bytes()), &row)?)
        })
    }

    async fn send(&self, group: &GroupId, sending: &Sending) -> Result<(), Error> {
        let receipt_key = self.receipt_key().await?;
        let server = self.server()?;
        let Sending { record, epoch, bytes, blob, .. } = sending;
        let sent = server.append_record(group, record, *epoch, bytes.clone(), *blob).await;
        if sent.as_ref().is_err_and(|error| error.reason().is_none()) {
            // The receipt alone may be lost: whether it is in the log, only the log says.
            self.caught_up.lock().unwrap_or_else(PoisonError::into_inner).remove(group);
        }
        let receipt = sent?;
        if self.receive(group, sending, &receipt, &receipt_key)? == Some(Stop::BadSignature) {
            // Perhaps the server has a new receipt key: asked once.
            let receipt_key = self.refresh_receipt_key().await?;
            if self.receive(group, sending, &receipt, &receipt_key)? == Some(Stop::BadSignature) {
                return Err(self.bad_signature(group, receipt.position)?.as_error());
            }
        }
        Ok(())
    }

    /// Keeps the receipt of a record; if the record is the next entry of the log, takes it as read.
    fn receive(
        &self,
        group: &GroupId,
        sending: &Sending,
        receipt: &Receipt,
        receipt_key: &P256Point,
    ) -> Result<Option<Stop>, Error> {
        let Sending { key, record, epoch, bytes, .. } = sending;
        let walked = self.vault.act::<_, Error>(Durability::Refetchable, |act| {
            let acting = self.acting(act)?;
            let mut walk = Walk::begin(&acting, *group)?;
            walk.receipt(receipt, receipt_key)?;
            if walk.has_stopped() {
                return walk.end();
            }
            let place = state::group_place(group, record.as_bytes());
            act.put(&place, &ReceiptRow { receipt: receipt.encode_to_vec() })?;
            let queued = act.get::<OutboxRow>(key)?.filter(|row| row.record_id == record.as_bytes());
            if let Some(mut queued) = queued {
                queued.position = receipt.position;
                queued.received_at_ms = receipt.received_at_ms;
                act.put(key, &queued)?;
                if receipt.position == walk.row.position + 1 {
                    walk.entry(&LogEntry {
                        position: receipt.position,
                        kind: EntryKind::Record.into(),
                        epoch: *epoch,
                        author: self.identity.to_string(),
                        received_at_ms: receipt.received_at_ms,
                        body: bytes.clone().into(),
                    })?;
                }
            }
            walk.end()
        })?;
        match walked.stop {
            Some(Stop::Alarmed(alarm)) => Err(alarm.as_error()),
            other => Ok(other),
        }
    }

    /// Puts one item into the outbox and tries to send it.
    ///
    /// Once it is in the outbox, nothing that keeps it from being sent is a failure: `held_up` says what it was.
    /// Errors: what keeps it out of the outbox; [`Error::Refused`].
    pub(in crate::session) async fn write(
        &self,
        group: &GroupId,
        item: impl FnOnce(&Act<'_>, &mut GroupRow) -> Result<Item, Error>,
    ) -> Result<Written, Error> {
        unless_passing(self.catch_up_once(group).await)?;
        unless_passing(self.take_up_certificate(group).await)?;
        let (id, first) = self.vault.act(Durability::OnDisk, |act| {
            let acting = self.acting(act)?;
            check_quiet(act, group)?;
            let mut row = load_open_row(act, group)?;
            match seats::check(act, acting.identity, &acting.trust, group, acting.now_ms) {
                // It waits until their removal is in the log.
                Ok(()) | Err(Error::SeatOutside { .. }) => {}
                Err(error) => return Err(error),
            }
            let item = item(act, &mut row)?;
            let id = queue(&acting, group, &mut row, item)?;
            act.put(group.as_bytes(), &row)?;
            // Sealed in the same act where nothing hinders it: one wait for the disk in place of two.
            Ok::<_, Error>((id, next(&acting, group).ok()))
        })?;
        self.take_in_hand(group, &id);
        let held_up = self.flush_from(group, first).await.err();
        let delivery = self.delivery(group, &id)?;
        self.let_go(&id);
        match delivery {
            Delivery::Queued | Delivery::NeverSent => Ok(Written { id, delivery, held_up }),
            Delivery::Stored { .. } => Ok(Written { id, delivery, held_up: None }),
            Delivery::Refused { cause } => Err(Error::Refused { record: id, cause }),
        }
    }

    pub(in crate::session) fn delivery(&self, group: &GroupId, record: &RecordId) -> Result<Delivery, Error> {
        self.vault.read(|act| {
            if let Some(position) = act.find_entry(group, record)?
                && let Some((_, entry)) = act.entry_at(group, position)?
                && entry.author == self.identity.to_string()
                && entry.unreadable == 0
            {
                return Ok(Delivery::Stored { position });
            }
            let rows = act.scan::<OutboxRow>(group.as_bytes())?;
            let queued = rows.iter().find(|(_, row)| row.record_id == record.as_bytes());
            Ok(queued.map_or(Delivery::Queued, |(_, row)| refused::delivery_of(row)))
        })
    }
}

/// Lets what may be otherwise in a moment pass, and what nobody said who has shown to be the server: an item can be put
/// into the outbox all the same.
fn unless_passing(result: Result<(), Error>) -> Result<(), Error> {
    match result {
        Err(Error::Server(error)) if error.is_passing() || error.was_not_reached() => Ok(()),
        Err(Error::Contended { .. }) => Ok(()),
        other => other,
    }
}
