//! Attempts at recovery in this device's agency: shown to everybody in it before anything is handed out, and objected to.
//!
//! An attempt is believed when its agency's charter key signed the order; one that it did not sign is an alarm. When it was
//! announced and what has become of it is the server's word. PROTOCOL.md section 18, step 9.

use super::escrow;
use crate::{
    session::{
        AlarmKind, Error, RecoveryState, RecoveryView, Session, SyncReport,
        alarms::{Alarm, raise},
        own::ONLY,
        people::cards::person_view,
    },
    transport::ServerError,
    vault::{
        Act, Durability, VaultError,
        rows::{AttemptRow, EscrowStateRow},
    },
};
use alcove_charter::{Objection, OrderedAttempt, sha256};
use alcove_proto::{
    ids::AttemptId,
    limits::{RECOVERY_ATTEMPTS_MAX, RECOVERY_OPEN_MS},
    names::Identity,
    v1::{AttemptState, RecoveryAttempt},
};
use std::sync::atomic::Ordering;

/// Milliseconds between two times that the server is asked while no attempt stands.
const ASK_PAUSE_MS: i64 = 3600 * 1000;

impl Session {
    /// The attempts at recovery that this device knows of, newest first. Local.
    pub fn recoveries(&self) -> Result<Vec<RecoveryView>, Error> {
        self.vault.read(|act| self.recovery_views(act))
    }

    /// Has the next sync ask the server for attempts, however lately it was asked: somebody wants to know.
    pub fn want_recoveries(&self) {
        self.wants_recoveries.store(true, Ordering::Relaxed);
    }

    /// Objects to an attempt in the name of this device, and says what has become of it: it may have been handed out
    /// before.
    ///
    /// Errors: [`Error::NoSuchRecovery`], and those of the server.
    pub async fn object(&self, attempt: &AttemptId) -> Result<RecoveryState, Error> {
        let known: Option<AttemptRow> =
            self.vault.read::<_, Error>(|act| Ok(act.get(attempt.as_bytes())?))?;
        if known.is_none_or(|row| row.forged) {
            return Err(Error::NoSuchRecovery);
        }
        let own = self.refresh_own()?;
        let objection =
            Objection { attempt: *attempt, identity: self.identity.clone(), time_ms: self.clock.now_ms() };
        let signature = own.sign_objection(&objection.encode(), &*self.random)?;
        let certificate = own.device.chain().first().cloned().unwrap_or_default();
        let state = self.server()?.object_to_recovery(objection.signed(signature, certificate)).await?;
        self.vault.act::<_, Error>(Durability::Refetchable, |act| {
            let Some(mut row) = act.get::<AttemptRow>(attempt.as_bytes())? else { return Ok(()) };
            row.state = state.into();
            row.since_ms = objection.time_ms;
            if state == AttemptState::Objected && row.objected_by.is_empty() {
                row.objected_by = self.identity.to_string();
            }
            Ok(act.put(attempt.as_bytes(), &row)?)
        })?;
        state_of(state).ok_or(ServerError::bad("the state of an attempt").into())
    }

    /// Asks the server for attempts: at every sync while one stands, else once an hour. New ones are in the report.
    ///
    /// A server that does not answer this stops nothing. Errors: those of the vault, and of this device's own certificate.
    pub(in crate::session) async fn ask_for_recoveries(&self, report: &mut SyncReport) -> Result<(), Error> {
        if !self.is_to_ask()? {
            return Ok(());
        }
        match self.server()?.list_recoveries().await {
            Ok(attempts) => {
                report.recoveries = self.keep_attempts(&attempts)?;
                Ok(())
            }
            Err(error) => {
                tracing::info!(%error, "attempts at recovery are not known");
                Ok(())
            }
        }
    }

    fn is_to_ask(&self) -> Result<bool, Error> {
        let now_ms = self.clock.now_ms();
        let has_recovery = escrow::recovery_key(&self.trust(), &self.identity.person.trust_domain).is_some();
        self.vault.read(|act| {
            let attempts = act.scan::<AttemptRow>(&[])?;
            if attempts.iter().any(|(_, row)| stands(row, now_ms)) {
                return Ok(true);
            }
            let state: EscrowStateRow = act.get(ONLY)?.unwrap_or_default();
            // A clock that was set back makes nobody wait.
            let lately = (0..ASK_PAUSE_MS).contains(&now_ms.saturating_sub(state.asked_at_ms))
                && !self.wants_recoveries.swap(false, Ordering::Relaxed);
            Ok((has_recovery || !attempts.is_empty()) && !lately)
        })
    }

    /// Keeps what the server shows, and returns what is new.
    fn keep_attempts(&self, attempts: &[RecoveryAttempt]) -> Result<Vec<RecoveryView>, Error> {
        let trust = self.trust();
        let now_ms = self.clock.now_ms();
        self.vault.act(Durability::OnDisk, |act| {
            let state: EscrowStateRow = act.get(ONLY)?.unwrap_or_default();
            act.put(ONLY, &EscrowStateRow { asked_at_ms: now_ms, ..state })?;
            let mut new = Vec::new();
            for attempt in attempts {
                let own = &self.identity.person.trust_domain;
                let Some(ordered) = OrderedAttempt::believe(attempt, own, &trust) else {
                    forged(act, attempt, now_ms)?;
                    continue;
                };
                // A state of a later version says nothing here.
                if state_of(attempt.state()).is_none() {
                    continue;
                }
                if !act.has::<AttemptRow>(ordered.id.as_bytes())? {
                    new.push(ordered.id);
                }
                let objected_by = ordered.objected_by;
                let row = AttemptRow {
                    identity: ordered.identity.to_string(),
                    request_words: ordered.words,
                    state: attempt.state,
                    announced_at_ms: attempt.announced_at_ms,
                    open_from_ms: attempt.open_from_ms,
                    since_ms: attempt.since_ms,
                    objected_by: objected_by.map(|identity| identity.to_string()).unwrap_or_default(),
                    forged: false,
                };
                act.put(ordered.id.as_bytes(), &row)?;
            }
            forget_oldest(act)?;
            let mut views = self.recovery_views(act)?;
            views.retain(|view| new.contains(&view.id));
            Ok(views)
        })
    }

    /// The attempts that stand: something may be handed out by them.
    pub(in crate::session) fn standing_recoveries(&self, act: &Act<'_>) -> Result<Vec<RecoveryView>, Error> {
        let now_ms = self.clock.now_ms();
        let mut views = self.recovery_views(act)?;
        views.retain(|view| {
            matches!(view.state, RecoveryState::Announced | RecoveryState::Open)
                && now_ms < ends_at_ms(view.open_from_ms)
        });
        Ok(views)
    }

    fn recovery_views(&self, act: &Act<'_>) -> Result<Vec<RecoveryView>, Error> {
        let damaged = || VaultError::damaged("an attempt at recovery");
        let (own, trust) = (self.own(), self.trust());
        let mut views = Vec::new();
        for (key, row) in act.scan::<AttemptRow>(&[])? {
            if row.forged {
                continue;
            }
            let identity: Identity = row.identity.parse().map_err(|_| damaged())?;
            let state = AttemptState::try_from(row.state).ok().and_then(state_of).ok_or_else(damaged)?;
            views.push(RecoveryView {
                id: AttemptId::try_from(key.as_slice()).map_err(|_| damaged())?,
                person: person_view(act, &own, &trust, &identity.person, vec![identity.device])?,
                device: identity.device,
                request_words: row.request_words,
                state,
                announced_at_ms: row.announced_at_ms,
                open_from_ms: row.open_from_ms,
                since_ms: row.since_ms,
                objected_by: row.objected_by.parse().ok(),
            });
        }
        views.sort_by_key(|view| (std::cmp::Reverse(view.announced_at_ms), view.id));
        Ok(views)
    }
}

/// Raises the alarm at what nobody ordered, once.
fn forged(act: &Act<'_>, attempt: &RecoveryAttempt, now_ms: i64) -> Result<(), Error> {
    let hash = sha256(&[b"alcove forged attempt\0", &attempt.order, &attempt.signature]);
    let (id, _) = hash.split_at(AttemptId::LEN);
    if act.has::<AttemptRow>(id)? {
        return Ok(());
    }
    act.put(id, &AttemptRow { forged: true, ..AttemptRow::default() })?;
    raise(act, Alarm { group: None, kind: AlarmKind::RecoveryForged, position: 0 }, now_ms)?;
    Ok(())
}

/// Whether something may still be handed out by an attempt.
fn stands(row: &AttemptRow, now_ms: i64) -> bool {
    match AttemptState::try_from(row.state).ok().and_then(state_of) {
        Some(RecoveryState::Announced | RecoveryState::Open) => {
            !row.forged && now_ms < ends_at_ms(row.open_from_ms)
        }
        Some(
            RecoveryState::HandedOut
            | RecoveryState::Objected
            | RecoveryState::Withdrawn
            | RecoveryState::Ended,
        )
        | None => false,
    }
}

fn ends_at_ms(open_from_ms: i64) -> i64 {
    open_from_ms.saturating_add(RECOVERY_OPEN_MS)
}

/// The server keeps no more either.
fn forget_oldest(act: &Act<'_>) -> Result<(), VaultError> {
    let mut rows = act.scan::<AttemptRow>(&[])?;
    let surplus = rows.len().saturating_sub(RECOVERY_ATTEMPTS_MAX);
    rows.sort_by_key(|(_, row)| row.announced_at_ms);
    rows.iter().take(surplus).try_for_each(|(key, _)| act.delete::<AttemptRow>(key))
}

fn state_of(state: AttemptState) -> Option<RecoveryState> {
    match state {
        AttemptState::Unspecified => None,
        AttemptState::Announced => Some(RecoveryState::Announced),
        AttemptState::Open => Some(RecoveryState::Open),
        AttemptState::HandedOut => Some(RecoveryState::HandedOut),
        AttemptState::Objected => Some(RecoveryState::Objected),
        AttemptState::Withdrawn => Some(RecoveryState::Withdrawn),
        AttemptState::Ended => Some(RecoveryState::Ended),
    }
}
