//! Invitations, the requests that wait, and their answers.
//!
//! A device has two places, one for a request by invitation and one for a renewal. In each a request waits or an
//! answer lies; the next request takes the place of both. PROTOCOL.md, "Enrolment and renewal".

use super::{
    events,
    places::{Place, invitation_key},
};
use crate::store::{
    Result, StoreError,
    audit::{Act, By},
    enrolment::{
        Asked, Desk, DeskEvent, DeskEventKind, HandInOutcome, NewInvitation, NewRenewal, NewRequest,
        OpenInvitation, OpenInvitationOutcome, RenewalOutcome, RequestPage, RequestState, WaitingRequest,
    },
    error::{bytes_at_most, count_at_most},
    sled::{
        engine::{
            AnswerRow, Audited, Batch, Demand, InvitationRow, Kind, RequestRow, Row, View, damaged, go_on,
            id, identity_of,
        },
        store::SledStore,
    },
};
use alcove_charter::sha256;
use alcove_proto::{
    ids::Digest,
    limits::{
        ANSWER_BYTES_MAX, INVITATIONS_PER_AGENCY_MAX, RENEWAL_BYTES_MAX, RENEWALS_PER_AGENCY_MAX,
        REQUEST_BYTES_MAX,
    },
    names::{Identity, TrustDomain},
};
use bytes::Bytes;
use std::ops::ControlFlow;

impl Desk for SledStore {
    async fn open_invitation(&self, invitation: NewInvitation, by: By) -> Result<OpenInvitationOutcome> {
        self.queue.submit(Demand::bytes(0), move |batch| open(batch, &invitation, &by)).await
    }

    async fn withdraw_invitation(&self, by: By) -> Result<bool> {
        self.queue.submit(Demand::freeing(), move |batch| withdraw(batch, &by)).await
    }

    async fn hand_in_request(&self, request: NewRequest, by: By) -> Result<HandInOutcome> {
        let demand = Demand::bytes(request.request.len());
        self.queue.submit(demand, move |batch| hand_in_request(batch, &request, &by)).await
    }

    async fn hand_in_renewal(&self, renewal: NewRenewal, by: By) -> Result<RenewalOutcome> {
        let demand = Demand::bytes(renewal.signed_renewal.len());
        self.queue.submit(demand, move |batch| hand_in_renewal(batch, &renewal, &by)).await
    }

    async fn answer_request(&self, request_hash: Digest, sealed_answer: Bytes, by: By) -> Result<()> {
        let demand = Demand::bytes(sealed_answer.len());
        let act = move |batch: &mut Batch<'_>| answer(batch, &request_hash, Some(sealed_answer), &by);
        self.queue.submit(demand, act).await
    }

    async fn refuse_request(&self, request_hash: Digest, by: By) -> Result<()> {
        let act = move |batch: &mut Batch<'_>| answer(batch, &request_hash, None, &by);
        self.queue.submit(Demand::freeing(), act).await
    }

    async fn collect_answer(&self, request_hash: Digest, by: By) -> Result<Option<RequestState>> {
        let identity = by.identity.clone();
        let found = self.read(move |view| look(view, &request_hash, &identity)).await?;
        let Some((state, told_before)) = found else { return Ok(None) };
        if !told_before {
            // Also on a full disk: a few bytes.
            let act = move |batch: &mut Batch<'_>| collect(batch, &request_hash, &by);
            self.queue.submit(Demand::freeing(), act).await?;
        }
        Ok(Some(state))
    }

    async fn waiting_requests(
        &self,
        trust_domain: TrustDomain,
        after: Option<Identity>,
        max: usize,
    ) -> Result<RequestPage> {
        self.read(move |view| waiting(view, &trust_domain, after.as_ref(), max)).await
    }

    async fn open_invitations(&self, trust_domain: TrustDomain, now_ms: i64) -> Result<Vec<OpenInvitation>> {
        self.read(move |view| open_ones(view, &trust_domain, now_ms)).await
    }

    async fn put_desk_event(&self, kind: DeskEventKind, by: By) -> Result<()> {
        self.queue.submit(Demand::bytes(0), move |batch| events::event(batch, kind, &by)).await
    }

    async fn desk_events(&self, trust_domain: TrustDomain, after: u64, max: usize) -> Result<Vec<DeskEvent>> {
        self.read(move |view| events::events(view, &trust_domain, after, max)).await
    }
}

/// The request that waits on this invitation.
fn waiting_on(
    batch: &Batch<'_>,
    identity: &Identity,
    invitation: &InvitationRow,
) -> Result<Option<RequestRow>> {
    let waiting: Option<RequestRow> = batch.row(&Place::Invitation.request_key(identity))?;
    Ok(waiting.filter(|waiting| waiting.request_hash == invitation.request_hash))
}

/// Opens an invitation for the device.
pub(crate) fn open(batch: &mut Batch<'_>, new: &NewInvitation, by: &By) -> Result<OpenInvitationOutcome> {
    let key = invitation_key(&by.identity);
    let mut earlier_waits = None;
    if let Some(earlier) = batch.row::<InvitationRow>(&key)? {
        if earlier.claim_hash == new.claim_hash.to_vec() && earlier.not_after_ms == new.not_after_ms {
            return Ok(OpenInvitationOutcome::Again);
        }
        earlier_waits = waiting_on(batch, &by.identity, &earlier)?;
        if earlier_waits.is_some() && by.time_ms <= earlier.not_after_ms {
            return Ok(OpenInvitationOutcome::RequestWaits);
        }
    }
    refuse_too_many(batch, by)?;
    if let Some(waiting) = earlier_waits {
        settle(batch, Place::Invitation, waiting.request_hash, None, by)?;
    }
    let row = InvitationRow {
        claim_hash: new.claim_hash.to_vec(),
        not_after_ms: new.not_after_ms,
        request_hash: Vec::new(),
    };
    batch.put(key, &row)?;
    batch.audit(by, Audited::act(Act::OpenInvitation));
    events::changed(batch, None, by)?;
    Ok(OpenInvitationOutcome::Opened)
}

/// Refuses one more invitation when the agency has as many open as it may have, beside the device's own.
fn refuse_too_many(batch: &Batch<'_>, by: &By) -> Result<()> {
    let prefix = Kind::Invitation.key().devices_of(&by.identity.person.trust_domain).build();
    let rows = batch.scan(&prefix, usize::MAX)?;
    if rows.len() < INVITATIONS_PER_AGENCY_MAX {
        return Ok(());
    }
    let mut open = 0;
    for (key, value) in rows {
        let row = InvitationRow::from_value(&value)?;
        let identity = identity_of(&key, 0).ok_or(damaged(InvitationRow::WHAT))?;
        let is_open = by.time_ms <= row.not_after_ms
            && (row.request_hash.is_empty() || waiting_on(batch, &identity, &row)?.is_some());
        open += usize::from(is_open && identity != by.identity);
    }
    count_at_most("open invitations", open + 1, INVITATIONS_PER_AGENCY_MAX)
}

/// Takes the device's invitation back.
pub(crate) fn withdraw(batch: &mut Batch<'_>, by: &By) -> Result<bool> {
    let key = invitation_key(&by.identity);
    let Some(row) = batch.row::<InvitationRow>(&key)? else { return Ok(false) };
    if let Some(waiting) = waiting_on(batch, &by.identity, &row)? {
        settle(batch, Place::Invitation, waiting.request_hash, None, by)?;
    }
    batch.remove(key)?;
    batch.audit(by, Audited::act(Act::WithdrawInvitation));
    events::changed(batch, None, by)?;
    Ok(true)
}

/// Takes one request on an invitation, or says why not; either way the agency's events tell it.
pub(crate) fn hand_in_request(batch: &mut Batch<'_>, new: &NewRequest, by: &By) -> Result<HandInOutcome> {
    bytes_at_most("request", new.request.len(), REQUEST_BYTES_MAX)?;
    let refuse = |batch: &mut Batch<'_>, kind, outcome| events::event(batch, kind, by).map(|()| outcome);
    let key = invitation_key(&by.identity);
    let Some(invitation) = batch.row::<InvitationRow>(&key)? else {
        return refuse(batch, DeskEventKind::NotInvited, HandInOutcome::Unknown);
    };
    if invitation.claim_hash != new.claim_hash.to_vec() {
        return refuse(batch, DeskEventKind::WrongCode, HandInOutcome::Unknown);
    }
    let request_hash = sha256(&[&new.request]).to_vec();
    if invitation.request_hash == request_hash && holds(batch, &by.identity, &request_hash)? {
        return Ok(HandInOutcome::Again);
    }
    if !invitation.request_hash.is_empty() && invitation.request_hash != request_hash {
        return refuse(batch, DeskEventKind::UsedCode, HandInOutcome::Used);
    }
    // A request that was taken and has been thrown away unanswered comes too late as well.
    if by.time_ms > invitation.not_after_ms || !invitation.request_hash.is_empty() {
        return refuse(batch, DeskEventKind::ExpiredCode, HandInOutcome::Expired);
    }
    let row = RequestRow {
        request_hash: request_hash.clone(),
        handed_in_at_ms: by.time_ms,
        bytes: new.request.clone(),
        proof: new.proof.to_vec(),
    };
    batch.put(key, &InvitationRow { request_hash, ..invitation })?;
    put_waiting(batch, Place::Invitation, &row, by)?;
    batch.audit(by, Audited::act(Act::HandInRequest));
    events::changed(batch, Some(DeskEventKind::HandedIn), by)?;
    Ok(HandInOutcome::Taken)
}

/// Whether a request by invitation is here, answered or not.
fn holds(batch: &Batch<'_>, identity: &Identity, request_hash: &[u8]) -> Result<bool> {
    let waiting: Option<RequestRow> = batch.row(&Place::Invitation.request_key(identity))?;
    let answered: Option<AnswerRow> = batch.row(&Place::Invitation.answer_key(identity))?;
    Ok(waiting.is_some_and(|row| row.request_hash == request_hash)
        || answered.is_some_and(|row| row.request_hash == request_hash))
}

/// Lets a request wait in its place, in which nothing else is left.
fn put_waiting(batch: &mut Batch<'_>, place: Place, row: &RequestRow, by: &By) -> Result<()> {
    batch.put(place.request_key(&by.identity), row)?;
    batch.remove(place.answer_key(&by.identity))
}

/// Takes a renewal. One that waits is signed for anew before it is too old; one whose answer was collected and is asked for
/// again was of no use there, and waits once more.
///
/// An agency has a limited number that wait, so that its admin, who can certify as many devices as they like, fills no
/// more than that of what everybody needs. A device takes one place, whoever signs in its name.
pub(crate) fn hand_in_renewal(batch: &mut Batch<'_>, new: &NewRenewal, by: &By) -> Result<RenewalOutcome> {
    bytes_at_most("renewal", new.signed_renewal.len(), RENEWAL_BYTES_MAX)?;
    let request_hash = new.request_hash.to_vec();
    let waiting: Option<RequestRow> = batch.row(&Place::Renewal.request_key(&by.identity))?;
    let answered: Option<AnswerRow> = batch.row(&Place::Renewal.answer_key(&by.identity))?;
    if let Some(row) = waiting.filter(|row| row.request_hash == request_hash) {
        if row.bytes != new.signed_renewal {
            let row = RequestRow { bytes: new.signed_renewal.clone(), ..row };
            batch.put(Place::Renewal.request_key(&by.identity), &row)?;
        }
        return Ok(RenewalOutcome::Again);
    }
    if answered.is_some_and(|row| row.request_hash == request_hash && !row.collected) {
        return Ok(RenewalOutcome::Again);
    }
    if !takes_a_place(batch, by)? {
        // Also then it looks for what is over, or those that nobody answers would stand in the way for ever.
        events::changed(batch, None, by)?;
        return Ok(RenewalOutcome::TooMany);
    }
    let row = RequestRow {
        request_hash,
        handed_in_at_ms: by.time_ms,
        bytes: new.signed_renewal.clone(),
        proof: Vec::new(),
    };
    put_waiting(batch, Place::Renewal, &row, by)?;
    batch.audit(by, Audited::act(Act::HandInRenewal));
    events::changed(batch, Some(DeskEventKind::HandedIn), by)?;
    Ok(RenewalOutcome::Taken)
}

/// Counts one more renewal of the agency as waiting, unless one of the device does already; answers whether it may.
fn takes_a_place(batch: &mut Batch<'_>, by: &By) -> Result<bool> {
    if batch.has(&Place::Renewal.request_key(&by.identity))? {
        return Ok(true);
    }
    let waiting = events::renewals(batch, &by.identity.person.trust_domain)?;
    if waiting as usize >= RENEWALS_PER_AGENCY_MAX {
        return Ok(false);
    }
    events::put_renewals(batch, &by.identity.person.trust_domain, waiting + 1)?;
    Ok(true)
}

/// Puts an answer, or a refusal, in the place of the request that waits there.
fn settle(
    batch: &mut Batch<'_>,
    place: Place,
    request_hash: Vec<u8>,
    sealed_answer: Option<Bytes>,
    by: &By,
) -> Result<()> {
    let row = AnswerRow {
        request_hash,
        answered_at_ms: by.time_ms,
        refused: sealed_answer.is_none(),
        sealed_answer: sealed_answer.unwrap_or_default(),
        collected: false,
    };
    let waiting = place.request_key(&by.identity);
    if place == Place::Renewal && batch.has(&waiting)? {
        let trust_domain = &by.identity.person.trust_domain;
        let others = events::renewals(batch, trust_domain)?.saturating_sub(1);
        events::put_renewals(batch, trust_domain, others)?;
    }
    batch.remove(waiting)?;
    batch.put(place.answer_key(&by.identity), &row)
}

/// Answers the device's waiting request of that hash, or refuses it when there is no answer.
pub(crate) fn answer(
    batch: &mut Batch<'_>,
    request_hash: &Digest,
    sealed_answer: Option<Bytes>,
    by: &By,
) -> Result<()> {
    if let Some(sealed_answer) = &sealed_answer {
        bytes_at_most("answer", sealed_answer.len(), ANSWER_BYTES_MAX)?;
    }
    let is_that = |hash: &[u8]| hash == request_hash.as_bytes();
    for place in Place::ALL {
        let waiting: Option<RequestRow> = batch.row(&place.request_key(&by.identity))?;
        if waiting.is_some_and(|row| is_that(&row.request_hash)) {
            let act = if sealed_answer.is_some() { Act::AnswerRequest } else { Act::RefuseRequest };
            settle(batch, place, request_hash.to_vec(), sealed_answer, by)?;
            batch.audit(by, Audited::act(act));
            return events::changed(batch, None, by);
        }
    }
    // The admin's program did not hear that it was done.
    let refused = sealed_answer.is_none();
    let sealed_answer = sealed_answer.unwrap_or_default();
    for place in Place::ALL {
        let answered: Option<AnswerRow> = batch.row(&place.answer_key(&by.identity))?;
        let is_same = |row: &AnswerRow| row.refused == refused && row.sealed_answer == sealed_answer;
        if answered.is_some_and(|row| is_that(&row.request_hash) && is_same(&row)) {
            return Ok(());
        }
    }
    Err(StoreError::NotFound)
}

/// What has become of the device's request, and whether anybody has been told before.
pub(crate) fn look(
    view: &View,
    request_hash: &Digest,
    identity: &Identity,
) -> Result<Option<(RequestState, bool)>> {
    for place in Place::ALL {
        // The request before the answer: it may be answered between the two reads.
        let waiting: Option<RequestRow> = view.row(&place.request_key(identity))?;
        if waiting.is_some_and(|row| row.request_hash == request_hash.as_bytes()) {
            return Ok(Some((RequestState::Waiting, true)));
        }
        let answered: Option<AnswerRow> = view.row(&place.answer_key(identity))?;
        if let Some(row) = answered.filter(|row| row.request_hash == request_hash.as_bytes()) {
            let state =
                if row.refused { RequestState::Refused } else { RequestState::Answered(row.sealed_answer) };
            return Ok(Some((state, row.collected)));
        }
    }
    Ok(None)
}

/// Marks the answer of that hash as collected.
pub(crate) fn collect(batch: &mut Batch<'_>, request_hash: &Digest, by: &By) -> Result<()> {
    for place in Place::ALL {
        let key = place.answer_key(&by.identity);
        let Some(row) = batch.row::<AnswerRow>(&key)? else { continue };
        if row.request_hash == request_hash.as_bytes() && !row.collected {
            batch.put(key, &AnswerRow { collected: true, ..row })?;
            return events::changed(batch, Some(DeskEventKind::Collected), by);
        }
    }
    Ok(())
}

/// One page of what waits for an agency.
pub(crate) fn waiting(
    view: &View,
    trust_domain: &TrustDomain,
    after: Option<&Identity>,
    max: usize,
) -> Result<RequestPage> {
    let prefix = Kind::Request.key().devices_of(trust_domain).build();
    // Behind both places of that device. One of an earlier agency is before all of them.
    let from = after.map(|identity| Kind::Request.key().identity(identity).tag(u8::MAX).build());
    let mut page = RequestPage { requests: Vec::new(), more: false };
    view.each_after(&prefix, from.filter(|from| *from > prefix), max.saturating_add(1), |key, value| {
        let request = waiting_request(key, value)?;
        page.more = page.requests.len() >= max;
        if page.more {
            // Whoever goes on after a device goes on after both its places: they stay together.
            while page.requests.last().is_some_and(|last| last.identity == request.identity) {
                page.requests.pop();
            }
        } else {
            page.requests.push(request);
        }
        Ok(go_on(!page.more))
    })?;
    Ok(page)
}

fn waiting_request(key: &[u8], value: &[u8]) -> Result<WaitingRequest> {
    let what = RequestRow::WHAT;
    let row = RequestRow::from_value(value)?;
    let (identity, place) = Place::of_key(key, what)?;
    let asked = match place {
        Place::Invitation => Asked::ByInvitation { request: row.bytes, proof: id(&row.proof, what)? },
        Place::Renewal => Asked::ByRenewal(row.bytes),
    };
    Ok(WaitingRequest { identity, asked, handed_in_at_ms: row.handed_in_at_ms })
}

/// The invitations of an agency that are open.
pub(crate) fn open_ones(view: &View, trust_domain: &TrustDomain, now_ms: i64) -> Result<Vec<OpenInvitation>> {
    let mut open = Vec::new();
    view.each(&Kind::Invitation.key().devices_of(trust_domain).build(), |key, value| {
        let row = InvitationRow::from_value(value)?;
        let identity = identity_of(key, 0).ok_or(damaged(InvitationRow::WHAT))?;
        let used = !row.request_hash.is_empty();
        let waits = || -> Result<bool> {
            let waiting: Option<RequestRow> = view.row(&Place::Invitation.request_key(&identity))?;
            Ok(waiting.is_some_and(|waiting| waiting.request_hash == row.request_hash))
        };
        if now_ms <= row.not_after_ms && (!used || waits()?) {
            open.push(OpenInvitation { identity, not_after_ms: row.not_after_ms, used });
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(open)
}
