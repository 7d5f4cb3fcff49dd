//! Attempts at recovery, and what is opened to their devices.

use crate::store::{
    Result, StoreError,
    audit::{Act, By},
    error::bytes_at_most,
    recoveries::{
        ATTEMPT_ORDER_BYTES_MAX, Attempt, AttemptState, NewAttempt, OpenAttemptOutcome, RecoveredAccess,
        Recoveries,
    },
    sled::{
        engine::{AttemptRow, Audited, Batch, Demand, Key, Kind, Row, View, damaged, identity, tail},
        log::access,
        store::SledStore,
    },
};
use alcove_charter::sha256;
use alcove_proto::{
    ids::{AccessId, AttemptId, GroupId},
    limits::{ACCESS_RANGES_MAX, OBJECTION_BYTES_MAX, RECOVERY_ATTEMPTS_MAX},
    names::TrustDomain,
};
use bytes::Bytes;
use std::ops::ControlFlow;

impl Recoveries for SledStore {
    async fn open_attempt(&self, attempt: NewAttempt, by: By) -> Result<OpenAttemptOutcome> {
        let demand = Demand::bytes(attempt.order.len());
        self.queue.submit(demand, move |batch| open(batch, &attempt, &by)).await
    }

    async fn withdraw_attempt(
        &self,
        trust_domain: TrustDomain,
        attempt: AttemptId,
        time_ms: i64,
        request: u64,
    ) -> Result<Option<Attempt>> {
        let act = move |batch: &mut Batch<'_>| withdraw(batch, &trust_domain, &attempt, time_ms, request);
        // Also on a full disk, like an objection: a few bytes that keep something from being handed out.
        self.queue.submit(Demand::freeing(), act).await
    }

    async fn object_to_attempt(
        &self,
        attempt: AttemptId,
        signed_objection: Bytes,
        by: By,
    ) -> Result<Option<Attempt>> {
        let act = move |batch: &mut Batch<'_>| object(batch, &attempt, &signed_objection, &by);
        self.queue.submit(Demand::freeing(), act).await
    }

    async fn hand_out(
        &self,
        trust_domain: TrustDomain,
        attempt: AttemptId,
        accesses: Vec<RecoveredAccess>,
        time_ms: i64,
        request: u64,
    ) -> Result<Option<Attempt>> {
        let demand = Demand::bytes(accesses.iter().map(|access| access.ranges.len() * 20 + 512).sum());
        let act = move |batch: &mut Batch<'_>| {
            hand_out(batch, &trust_domain, &attempt, &accesses, time_ms, request)
        };
        self.queue.submit(demand, act).await
    }

    async fn attempt(&self, trust_domain: TrustDomain, attempt: AttemptId) -> Result<Option<Attempt>> {
        self.read(move |view| one(view, &trust_domain, &attempt)).await
    }

    async fn attempts(&self, trust_domain: TrustDomain) -> Result<Vec<Attempt>> {
        self.read(move |view| attempts(view, &trust_domain)).await
    }
}

fn attempts_prefix(agency: &TrustDomain) -> Key {
    Kind::Attempt.key().trust_domain(agency).build()
}

pub(crate) fn attempt_key(agency: &TrustDomain, attempt: &AttemptId) -> Key {
    Kind::Attempt.key().trust_domain(agency).attempt(attempt).build()
}

pub(crate) fn attempt_of(key: &[u8], row: AttemptRow) -> Result<Attempt> {
    Ok(Attempt {
        attempt: tail(key).map(AttemptId).ok_or(damaged(AttemptRow::WHAT))?,
        identity: identity(&row.identity, AttemptRow::WHAT)?,
        order: row.order,
        signature: row.signature,
        announced_at_ms: row.announced_at_ms,
        handed_out_at_ms: row.handed_out_at_ms,
        withdrawn_at_ms: row.withdrawn_at_ms,
        objected: row.objected_at_ms.map(|at_ms| (at_ms, row.signed_objection)),
    })
}

/// Whether an attempt still waits for what becomes of it: so long it stands in the way of another for its device, and can
/// be objected to or taken back.
fn stands(state: AttemptState) -> bool {
    match state {
        AttemptState::Announced | AttemptState::Open => true,
        AttemptState::HandedOut
        | AttemptState::Objected
        | AttemptState::Withdrawn
        | AttemptState::Ended
        | AttemptState::Unspecified => false,
    }
}

/// Announces an attempt for the device `by.identity`.
pub(crate) fn open(batch: &mut Batch<'_>, new: &NewAttempt, by: &By) -> Result<OpenAttemptOutcome> {
    bytes_at_most("order", new.order.len(), ATTEMPT_ORDER_BYTES_MAX)?;
    let agency = &by.identity.person.trust_domain;
    let key = attempt_key(agency, &new.attempt);
    if let Some(taken) = batch.row::<AttemptRow>(&key)? {
        let same = taken.order == new.order;
        return Ok(if same { OpenAttemptOutcome::Announced } else { OpenAttemptOutcome::IdReused });
    }
    let rows = batch.scan(&attempts_prefix(agency), usize::MAX)?;
    let kept: Vec<Attempt> = rows
        .iter()
        .map(|(key, value)| attempt_of(key, AttemptRow::from_value(value)?))
        .collect::<Result<_>>()?;
    let state = |attempt: &Attempt| attempt.state(by.time_ms).0;
    if kept.iter().any(|attempt| attempt.identity == by.identity && stands(state(attempt))) {
        return Ok(OpenAttemptOutcome::Stands);
    }
    if kept.len() >= RECOVERY_ATTEMPTS_MAX {
        let is_over = |attempt: &Attempt| !stands(state(attempt)) && !attempt.is_open(by.time_ms);
        let over = kept.iter().filter(|attempt| is_over(attempt));
        let oldest = over.min_by_key(|attempt| attempt.announced_at_ms);
        let limit = RECOVERY_ATTEMPTS_MAX;
        let oldest = oldest.ok_or(StoreError::TooMany { what: "attempts at recovery", limit })?;
        batch.remove(attempt_key(agency, &oldest.attempt))?;
    }
    let row = AttemptRow {
        identity: by.identity.to_string(),
        order: new.order.clone(),
        signature: new.signature.clone(),
        announced_at_ms: by.time_ms,
        ..AttemptRow::default()
    };
    batch.put_new(key, &row)?;
    batch.audit(by, audited(Act::OpenRecovery, &new.attempt));
    Ok(OpenAttemptOutcome::Announced)
}

fn audited(act: Act, attempt: &AttemptId) -> Audited<'_> {
    Audited { subject: Some(attempt.as_bytes()), ..Audited::act(act) }
}

/// The attempt as it stands in the batch.
fn found(
    batch: &Batch<'_>,
    agency: &TrustDomain,
    attempt: &AttemptId,
) -> Result<Option<(AttemptRow, Attempt)>> {
    let key = attempt_key(agency, attempt);
    let Some(row) = batch.row::<AttemptRow>(&key)? else { return Ok(None) };
    Ok(Some((row.clone(), attempt_of(&key, row)?)))
}

/// Takes an attempt back; one by which something was handed out, or that is over, stays what it is.
pub(crate) fn withdraw(
    batch: &mut Batch<'_>,
    agency: &TrustDomain,
    attempt: &AttemptId,
    time_ms: i64,
    request: u64,
) -> Result<Option<Attempt>> {
    let Some((row, kept)) = found(batch, agency, attempt)? else { return Ok(None) };
    if !stands(kept.state(time_ms).0) {
        return Ok(Some(kept));
    }
    let by = By { identity: kept.identity.clone(), time_ms, request };
    batch.put(attempt_key(agency, attempt), &AttemptRow { withdrawn_at_ms: Some(time_ms), ..row })?;
    batch.audit(&by, audited(Act::WithdrawRecovery, attempt));
    Ok(Some(Attempt { withdrawn_at_ms: Some(time_ms), ..kept }))
}

/// Takes the objection of the device `by.identity`, unless something has been handed out or the attempt is over.
pub(crate) fn object(
    batch: &mut Batch<'_>,
    attempt: &AttemptId,
    signed_objection: &Bytes,
    by: &By,
) -> Result<Option<Attempt>> {
    bytes_at_most("objection", signed_objection.len(), OBJECTION_BYTES_MAX)?;
    let agency = &by.identity.person.trust_domain;
    let Some((row, kept)) = found(batch, agency, attempt)? else { return Ok(None) };
    if !stands(kept.state(by.time_ms).0) {
        return Ok(Some(kept));
    }
    let row =
        AttemptRow { objected_at_ms: Some(by.time_ms), signed_objection: signed_objection.clone(), ..row };
    batch.put(attempt_key(agency, attempt), &row)?;
    let act = audited(Act::ObjectToRecovery, attempt);
    batch.audit(by, Audited { concerning: Some(&kept.identity), ..act });
    Ok(Some(Attempt { objected: Some((by.time_ms, signed_objection.clone())), ..kept }))
}

/// Marks an attempt as handed out and opens to its device what it may read by it, if it is open; answers the attempt as
/// it stands then. Done again, it opens what has been added since.
pub(crate) fn hand_out(
    batch: &mut Batch<'_>,
    agency: &TrustDomain,
    attempt: &AttemptId,
    accesses: &[RecoveredAccess],
    time_ms: i64,
    request: u64,
) -> Result<Option<Attempt>> {
    let Some((row, mut kept)) = found(batch, agency, attempt)? else { return Ok(None) };
    if !kept.is_open(time_ms) {
        return Ok(Some(kept));
    }
    for opened in accesses {
        let ids = (0u32..).map(|number| access_id(attempt, &opened.group, number));
        let parts: Vec<_> = ids.zip(opened.ranges.chunks(ACCESS_RANGES_MAX)).collect();
        access::open_recovered(batch, &opened.group, &kept.identity, &parts)?;
    }
    if kept.handed_out_at_ms.is_none() {
        let by = By { identity: kept.identity.clone(), time_ms, request };
        batch.put(attempt_key(agency, attempt), &AttemptRow { handed_out_at_ms: Some(time_ms), ..row })?;
        batch.audit(&by, audited(Act::HandOutEscrow, attempt));
        kept.handed_out_at_ms = Some(time_ms);
    }
    Ok(Some(kept))
}

/// The id of the access entry with that number which an attempt opens in a group: always the same, so that doing it
/// again opens nothing twice.
fn access_id(attempt: &AttemptId, group: &GroupId, number: u32) -> AccessId {
    let label = b"alcove recovered access v1\0";
    let hash = sha256(&[label, attempt.as_bytes(), group.as_bytes(), &number.to_be_bytes()]);
    let mut id = [0; AccessId::LEN];
    id.copy_from_slice(&hash[..AccessId::LEN]);
    AccessId(id)
}

/// One attempt.
fn one(view: &View, agency: &TrustDomain, attempt: &AttemptId) -> Result<Option<Attempt>> {
    let key = attempt_key(agency, attempt);
    view.row::<AttemptRow>(&key)?.map(|row| attempt_of(&key, row)).transpose()
}

/// An agency's attempts, newest first.
pub(crate) fn attempts(view: &View, agency: &TrustDomain) -> Result<Vec<Attempt>> {
    let mut attempts = Vec::new();
    view.each(&attempts_prefix(agency), |key, value| {
        attempts.push(attempt_of(key, AttemptRow::from_value(value)?)?);
        Ok(ControlFlow::Continue(()))
    })?;
    attempts.sort_by(|one, other| {
        (other.announced_at_ms, other.attempt).cmp(&(one.announced_at_ms, one.attempt))
    });
    Ok(attempts)
}
