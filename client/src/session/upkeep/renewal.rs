//! This device's certificates are renewed in time, at the desk, without anybody asking for it.
//!
//! PROTOCOL.md section 6, steps 10 to 12. The new keys are in the vault before they are handed in, and come into force
//! in the act that takes the answer; killed in between, the next sync goes on with the same request. Whatever goes
//! wrong at the desk stops nothing else: it is kept in the row and told by the status.

use crate::{
    session::{
        Error, RenewalState, RenewalView, Session,
        enrol::{EnrolError, renewal},
        own::{ONLY, Own},
    },
    transport::{Collected, Desk, ServerError, is_brief},
    vault::{Act, Durability, rows::RenewalRow},
};
use alcove_charter::{TrustView, sha256};
use alcove_proto::v1::Reason;
use alcove_trust::Connector;
use std::time::Duration;

/// Time a sync gives the desk in all.
const DESK_DEADLINE: Duration = Duration::from_secs(20);
/// The same where somebody waits for something else, and the server has just answered: some six times to it and back.
const DESK_DEADLINE_BRIEF: Duration = Duration::from_secs(3);
/// Milliseconds between two times that the desk is asked in passing.
const ASK_PAUSE_MS: i64 = 60 * 1000;
/// The same when it did not answer: nobody is to wait for it at every command.
const SILENT_PAUSE_MS: i64 = 10 * 60 * 1000;
/// Milliseconds after which a renewal that was refused is begun anew, and one whose answer was none is handed in again.
const ANEW_AFTER_MS: i64 = 24 * 3600 * 1000;
/// Milliseconds after which a renewal that waits is signed for again: the admin takes none that is older than 14 days.
const AGAIN_AFTER_MS: i64 = 7 * 24 * 3600 * 1000;

/// How much the desk is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::session) enum Pace {
    /// Beside something else: it was asked lately, so it is left in peace.
    Passing,
    /// Somebody wants to know, or the server lets this device in no more.
    Now,
}

impl Session {
    /// Asks the desk now, if a renewal waits or is due; otherwise every sync does so in passing.
    ///
    /// What goes wrong at the desk is no error: [`Self::renewal`] tells it. Errors: [`Error::Vault`],
    /// [`Error::Alarm`] when the desk shows a forked charter.
    pub async fn renew_now(&self) -> Result<(), Error> {
        self.renew(Pace::Now).await.map(drop)
    }

    /// What is known of new certificates for this device. Local.
    pub fn renewal(&self) -> Result<RenewalView, Error> {
        let own = self.own();
        let row: Option<RenewalRow> = self.vault.read::<_, Error>(|act| Ok(act.get(ONLY)?))?;
        let mut view = RenewalView {
            state: RenewalState::None,
            due_at_ms: due_at_ms(&own, &self.trust()),
            desk_known: !own.desk_address.is_empty(),
            desk_silent: false,
            bad_answer: false,
        };
        if let Some(row) = row {
            view.desk_silent = row.desk_silent;
            view.bad_answer = row.bad_answer_at_ms != 0;
            let words = renewal::words(&row);
            view.state = match (row.refused_at_ms, row.handed_in_at_ms) {
                (0, 0) => RenewalState::None,
                (0, since_ms) => RenewalState::Waiting { since_ms, words },
                (since_ms, _) => RenewalState::Refused { since_ms, words },
            };
        }
        Ok(view)
    }

    /// Hands a renewal in when one is due, and takes the answer when it is there. Returns whether this device has new
    /// certificates by it.
    pub(in crate::session) async fn renew(&self, pace: Pace) -> Result<bool, Error> {
        let own = self.refresh_own()?;
        if self.offline || own.desk_address.is_empty() {
            return Ok(false);
        }
        let Some(row) = self.renewal_to_see_to(&own, pace)? else { return Ok(false) };
        let is_brief = is_brief() && pace == Pace::Passing;
        let deadline = if is_brief { DESK_DEADLINE_BRIEF } else { DESK_DEADLINE };
        let asked = tokio::time::timeout(deadline, self.ask(&own, &row));
        match asked.await.unwrap_or(Err(ServerError::Unreachable.into())) {
            Ok(false) => Ok(false),
            Ok(true) => {
                self.move_over().await?;
                Ok(true)
            }
            Err(Error::Server(error)) => {
                tracing::info!(%error, "the desk was no help");
                // Whoever has waited only briefly says nothing of that: the next one asks again.
                self.note_renewal(&row, |row| row.desk_silent |= !is_brief)?;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// The server lets this device in no more: perhaps by a charter that is newer than the one held here. The desk
    /// has it, and what follows from it for this device's certificates. Returns whether there are new ones.
    pub(in crate::session) async fn renew_since_refused(&self) -> Result<bool, Error> {
        let own = self.refresh_own()?;
        if self.offline || own.desk_address.is_empty() {
            return Ok(false);
        }
        let fetched = async {
            let desk = self.desk(&own)?;
            self.fetch_charters_at(&desk).await
        };
        match tokio::time::timeout(DESK_DEADLINE, fetched).await {
            Ok(Ok(())) | Ok(Err(Error::Server(_))) | Err(_) => self.renew(Pace::Now).await,
            Ok(Err(error)) => Err(error),
        }
    }

    /// The renewal that the desk is to be asked about now; begins one when it is due.
    fn renewal_to_see_to(&self, own: &Own, pace: Pace) -> Result<Option<RenewalRow>, Error> {
        let now_ms = self.clock.now_ms();
        let due = due_at_ms(own, &self.trust()) <= now_ms;
        let held: Option<RenewalRow> = self.vault.read::<_, Error>(|act| Ok(act.get(ONLY)?))?;
        if held.is_none() && !due {
            return Ok(None);
        }
        self.vault.act(Durability::OnDisk, |act| {
            let held: Option<RenewalRow> = act.get(ONLY)?;
            let since = |at_ms: i64| if at_ms > now_ms { i64::MAX } else { now_ms.saturating_sub(at_ms) };
            let mut row = match held {
                Some(mut row) => {
                    let ended = |at_ms: i64| at_ms != 0 && due && since(at_ms) >= ANEW_AFTER_MS;
                    if ended(row.refused_at_ms) {
                        begin(act, now_ms)?
                    } else if ended(row.bad_answer_at_ms) {
                        // The same request: its keys may stand in the agency's ledger as the device's newest, and then
                        // none but they will do.
                        (row.handed_in_at_ms, row.bad_answer_at_ms) = (0, 0);
                        row
                    } else if row.refused_at_ms != 0 {
                        if !due {
                            // Files brought what the desk refused: there is nothing left to tell.
                            act.delete::<RenewalRow>(ONLY)?;
                        }
                        return Ok(None);
                    } else {
                        row
                    }
                }
                None if due => begin(act, now_ms)?,
                None => return Ok(None),
            };
            let pause_ms = if row.desk_silent { SILENT_PAUSE_MS } else { ASK_PAUSE_MS };
            if pace == Pace::Passing && row.asked_at_ms != 0 && since(row.asked_at_ms) < pause_ms {
                return Ok(None);
            }
            row.asked_at_ms = now_ms;
            act.put(ONLY, &row)?;
            Ok(Some(row))
        })
    }

    async fn ask(&self, own: &Own, row: &RenewalRow) -> Result<bool, Error> {
        let desk = self.desk(own)?;
        self.fetch_charters_at(&desk).await?;
        let request = row.device.as_ref().map(|device| device.request.clone()).unwrap_or_default();
        if row.handed_in_at_ms == 0 {
            self.hand_in(&desk, row, &request).await?;
            return Ok(false);
        }
        match desk.collect_answer(&self.identity, sha256(&[&request])).await {
            Ok(Collected::Waiting) if self.waits_too_long(row) => self.hand_in(&desk, row, &request).await?,
            Ok(Collected::Waiting) => self.note_renewal(row, |row| {
                row.desk_silent = false;
                row.bad_answer_at_ms = 0;
            })?,
            Ok(Collected::Refused) => {
                let now_ms = self.clock.now_ms();
                self.note_renewal(row, |row| row.refused_at_ms = now_ms)?;
            }
            Ok(Collected::Answered(sealed)) => return self.take_answer(row, &sealed),
            // It was lost there, or an older one of ours took its place.
            Err(error) if error.reason() == Some(Reason::NotFound) => {
                self.hand_in(&desk, row, &request).await?;
            }
            Err(error) => return Err(error.into()),
        }
        Ok(false)
    }

    fn waits_too_long(&self, row: &RenewalRow) -> bool {
        self.clock.now_ms().saturating_sub(row.handed_in_at_ms) >= AGAIN_AFTER_MS
    }

    fn desk(&self, own: &Own) -> Result<Desk, Error> {
        let connector = Connector::to_desk(self.trust()).map_err(ServerError::from)?;
        Ok(Desk::new(&own.desk_address, connector, self.line.to_another())?)
    }

    async fn hand_in(&self, desk: &Desk, row: &RenewalRow, request: &[u8]) -> Result<(), Error> {
        let now_ms = self.clock.now_ms();
        let signed = self
            .vault
            .read::<_, Error>(|act| renewal::signed(act, request, now_ms, &*self.random).map_err(failed))?;
        match desk.hand_in_renewal(signed).await {
            Ok(()) => self.note_renewal(row, |row| {
                row.handed_in_at_ms = now_ms;
                row.desk_silent = false;
            }),
            Err(error) if error.reason() == Some(Reason::NotAuthorised) => {
                self.note_renewal(row, |row| row.refused_at_ms = now_ms)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn take_answer(&self, row: &RenewalRow, sealed: &[u8]) -> Result<bool, Error> {
        let (trust, now_ms) = (self.trust(), self.clock.now_ms());
        let taken = self.vault.act(Durability::OnDisk, |act| renewal::take(act, row, sealed, &trust, now_ms));
        match taken {
            Ok(taken) => Ok(taken.is_some()),
            Err(EnrolError::Vault(error)) => Err(error.into()),
            // Files brought better ones meanwhile.
            Err(EnrolError::Older) => {
                self.vault.act(Durability::OnDisk, |act| Ok::<_, Error>(act.delete::<RenewalRow>(ONLY)?))?;
                Ok(false)
            }
            Err(error) => {
                tracing::warn!(%error, "the answer to a renewal is not believed");
                self.note_renewal(row, |row| {
                    row.desk_silent = false;
                    if row.bad_answer_at_ms == 0 {
                        row.bad_answer_at_ms = now_ms;
                    }
                })?;
                Ok(false)
            }
        }
    }

    /// Changes the row of this very renewal; another one, or none, is left alone.
    fn note_renewal(&self, row: &RenewalRow, change: impl FnOnce(&mut RenewalRow)) -> Result<(), Error> {
        self.vault.act(Durability::OnDisk, |act| {
            if let Some(mut held) = act.get::<RenewalRow>(ONLY)?
                && held.device == row.device
            {
                change(&mut held);
                act.put(ONLY, &held)?;
            }
            Ok(())
        })
    }
}

fn begin(act: &Act<'_>, now_ms: i64) -> Result<RenewalRow, Error> {
    renewal::begin(act, now_ms).map_err(failed)
}

/// What fails while a renewal is made, before anybody has answered.
fn failed(error: EnrolError) -> Error {
    match error {
        EnrolError::Vault(error) => error.into(),
        // Nothing else is done there but to draw keys and to sign with them.
        _ => Error::Randomness,
    }
}

/// When the renewal of this device falls due: by its certificates' time, or at once when they are by a CA that their
/// agency is about to retire, or has retired; or when the charter has come to state another directory key than this
/// device was given, since the answer brings the right one.
fn due_at_ms(own: &Own, trust: &TrustView) -> i64 {
    let due = |not_before_ms, not_after_ms| renewal::due_at_ms(&own.identity, not_before_ms, not_after_ms);
    let is_charters_key = trust.charter().allows_directory_key(own.directory_key.as_bytes());
    if is_charters_key && trust.is_by_newest_ca(own.device.chain()).unwrap_or(true) {
        due(own.tls.not_before_ms, own.tls.not_after_ms).min(due(own.mls.not_before_ms, own.mls.not_after_ms))
    } else {
        own.mls.not_before_ms
    }
}
