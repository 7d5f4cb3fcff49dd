//! The own agency's published ledger: followed at each sync, and every certificate of the agency that is met in a group
//! is looked up in it.
//!
//! A certificate that is in a group and not in the ledger was made by somebody who has the agency's CA key and does not
//! want that to be seen. [`look_up`] judges that, [`own`] what is certified in this person's own name. PROTOCOL.md,
//! "Ledger", steps 5 to 8.

mod held;
mod look_up;
mod own;
#[cfg(test)]
mod tests;

pub(in crate::session) use look_up::look_up;
pub(in crate::session) use own::summary;

use crate::{
    session::{AlarmKind, Error, Session, alarms::Alarm, own::ONLY, state::digest},
    transport::ServerError,
    vault::{
        Act, Durability,
        rows::{LedgerEntryRow, LedgerHeadRow},
    },
};
use alcove_charter::{
    LedgerError, LedgerEvent, LedgerHead, LedgerKind, LedgerPoint, Serial, SignedLedgerHead,
};
use alcove_proto::{
    names::{Identity, Person},
    v1,
};
use held::{Whose, held};

/// What is kept of an entry.
enum Kept {
    Issued(LedgerEntryRow),
    Revoked { serial: Serial, reason: u32, at_ms: i64 },
}

/// A ledger that was followed from where this device stood to a signed end.
struct Followed {
    /// Entries that this device had before.
    after: u64,
    kept: Vec<Kept>,
    head: LedgerHead,
    charter_version: u64,
}

impl Session {
    /// Follows the ledger to its newest end, keeps what it says, and looks up in it who is in the groups.
    ///
    /// A ledger that is shorter or another one than this device has seen is an alarm; what was seen stays.
    /// Errors: those of the server; [`ServerError::BadAnswer`] for a ledger that does not verify.
    pub(in crate::session) async fn fetch_ledger(&self) -> Result<(), Error> {
        let followed = self.follow_ledger().await;
        // A server that shows nothing to follow cannot keep anybody from being missed.
        self.take_up_ledger(followed.as_ref().ok().and_then(Option::as_ref))?;
        followed.map(drop)
    }

    fn take_up_ledger(&self, followed: Option<&Followed>) -> Result<(), Error> {
        let held = self.vault.read(held)?;
        let (count, time_ms) = held.as_ref().map_or((0, i64::MIN), |held| (held.count, held.time_ms));
        let is_newer =
            |followed: &Followed| count < followed.head.point.count || time_ms < followed.head.time_ms;
        let missed = held.is_some_and(|held| !held.unlisted.is_empty());
        if !missed && !followed.is_some_and(is_newer) {
            return Ok(());
        }
        let (own, now_ms) = (self.own(), self.clock.now_ms());
        let groups = self.open_groups()?;
        self.vault.act(Durability::OnDisk, |act| {
            if let Some(followed) = followed {
                let first = keep(act, &own.identity.person, followed)?;
                own::settle(act, &own, first)?;
            }
            look_up::look_everywhere(act, &own.identity, &groups, now_ms)
        })
    }

    /// Nothing when there is none to follow, or an alarm was raised.
    async fn follow_ledger(&self) -> Result<Option<Followed>, Error> {
        let server = self.server()?;
        let own = &self.identity().person;
        let held = self.vault.read(held)?;
        let mut point = match &held {
            Some(row) => LedgerPoint { count: row.count, head: digest(&row.head, "the end of the ledger")? },
            None => LedgerPoint::start(&own.trust_domain),
        };
        let after = point.count;
        let mut kept = Vec::new();
        loop {
            let page = server.fetch_ledger(point.count).await?;
            if page.signed_head.is_empty() {
                return self.shown_less(after);
            }
            let (head, charter_version) = self.believed(&page.signed_head)?;
            let by_older_key = held.as_ref().is_some_and(|held| charter_version < held.charter_version);
            if head.point.count < after || by_older_key {
                return self.shown_less(after);
            }
            for entry in &page.entries {
                match point.follow(&own.trust_domain, entry) {
                    Ok(entry) => kept.extend(kept_of(entry.number, entry.time_ms, entry.event, own)),
                    Err(LedgerError::Fork { number }) => return self.shown_another(number),
                    Err(_) => return Err(does_not_verify()),
                }
            }
            if page.more && point.count < head.point.count {
                continue;
            }
            if point.count != head.point.count {
                return Err(does_not_verify());
            }
            if point.head != head.point.head {
                return self.shown_another(point.count);
            }
            return Ok(Some(Followed { after, kept, head, charter_version }));
        }
    }

    /// The head, if a charter key of the own agency signed it, and the newest charter version that names the key.
    fn believed(&self, signed_head: &[u8]) -> Result<(LedgerHead, u64), Error> {
        let signed = SignedLedgerHead::parse(signed_head).map_err(|_| does_not_verify())?;
        if *signed.claimed_agency() != self.identity().person.trust_domain {
            return Err(does_not_verify());
        }
        let trust = self.trust();
        let (head, version) = signed.verified_in(trust.charters()).map_err(|_| does_not_verify())?;
        Ok((head.clone(), version))
    }

    /// A ledger that ends before what was seen; none is none, as long as none was seen.
    fn shown_less(&self, seen: u64) -> Result<Option<Followed>, Error> {
        if seen > 0 {
            self.raise_alarm(Alarm { group: None, kind: AlarmKind::LedgerRollback, position: seen })?;
        }
        Ok(None)
    }

    fn shown_another(&self, number: u64) -> Result<Option<Followed>, Error> {
        self.raise_alarm(Alarm { group: None, kind: AlarmKind::LedgerFork, position: number })?;
        Ok(None)
    }
}

fn does_not_verify() -> Error {
    ServerError::bad("a ledger that does not verify").into()
}

/// What is kept of an entry: nobody looks a colleague's TLS certificate up.
fn kept_of(number: u64, time_ms: i64, event: LedgerEvent, own: &Person) -> Option<Kept> {
    match event {
        LedgerEvent::Issued(issued) => {
            let identity = issued.identity?;
            let kind = match issued.kind {
                LedgerKind::DeviceMls => v1::LedgerKind::DeviceMls,
                LedgerKind::DeviceTls if identity.person == *own => v1::LedgerKind::DeviceTls,
                LedgerKind::DeviceTls | LedgerKind::Duty => return None,
            };
            Some(Kept::Issued(LedgerEntryRow {
                number,
                issued_at_ms: time_ms,
                kind: kind.into(),
                identity: identity.to_string(),
                serial: issued.serial.as_bytes().to_vec(),
                key_hash: issued.key_hash.to_vec(),
                not_after_ms: issued.not_after_ms,
                revoked_at_ms: None,
                reason: 0,
                own_key: 0,
            }))
        }
        LedgerEvent::Revoked { serial, reason } => Some(Kept::Revoked { serial, reason, at_ms: time_ms }),
        LedgerEvent::Crl { number: _ } => None,
    }
}

/// Writes what was followed, unless another process has followed it meanwhile; says whether it is the first that this
/// vault has.
fn keep(act: &Act<'_>, own: &Person, followed: &Followed) -> Result<bool, Error> {
    let held: Option<LedgerHeadRow> = act.get(ONLY)?;
    let first = held.is_none();
    let held = held.unwrap_or_default();
    if held.count != followed.after {
        return Ok(false);
    }
    for kept in &followed.kept {
        match kept {
            Kept::Issued(row) => {
                let identity: Identity = row.identity.parse().map_err(|_| does_not_verify())?;
                act.put(&Whose::of(&identity.person, own).key(&row.serial, row.number), row)?;
            }
            Kept::Revoked { serial, reason, at_ms } => {
                for whose in Whose::ALL {
                    for (key, mut row) in act.scan::<LedgerEntryRow>(&whose.place_of(serial.as_bytes()))? {
                        if row.revoked_at_ms.is_none() {
                            row.revoked_at_ms = Some(*at_ms);
                            row.reason = *reason;
                            act.put(&key, &row)?;
                        }
                    }
                }
            }
        }
    }
    let row = LedgerHeadRow {
        count: followed.head.point.count,
        head: followed.head.point.head.to_vec(),
        // The server may show an older signature under the same end: that takes nothing back.
        time_ms: if first { followed.head.time_ms } else { held.time_ms.max(followed.head.time_ms) },
        charter_version: followed.charter_version,
        unlisted: held.unlisted,
    };
    act.put(ONLY, &row)?;
    Ok(first)
}
