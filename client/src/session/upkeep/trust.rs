//! Trust material: charters and CRLs, pinned, followed forward, never back.

use crate::{
    session::{
        AlarmKind, Error, Session,
        alarms::{Alarm, raise, raise_of},
    },
    transport::{Desk, ServerError},
    vault::{
        Act, Durability, VaultError,
        rows::{CharterRow, CrlRow, Row, SetAsideRow},
    },
};
use alcove_charter::{Appended, CharterError, CharterHistory, CrlError, EverListed, TrustView, sha256};
use alcove_proto::{limits::CHARTERS_PER_PAGE_MAX, names::TrustDomain, v1};
use prost::Message;
use std::sync::{Arc, PoisonError};

/// Takes charters and CRLs out of the vault.
///
/// They were verified before they were put there and are verified again: a vault is a file. What no longer loads (a rule
/// that came later, or somebody else's charter under which it changed hands) is set aside and told, and fetched again
/// with the next contact: it never locks the vault. Without the first version of the charter nothing can be believed at
/// all, and that one alone is damage.
/// Source: PROTOCOL.md section 5, step 8.
pub(in crate::session) fn load_trust(act: &Act<'_>, now_ms: i64) -> Result<TrustView, Error> {
    let mut charters = act.scan::<CharterRow>(&[])?.into_iter();
    let (_, first) = charters.next().ok_or(Error::NotEnrolled)?;
    let mut history = CharterHistory::first(&first.signed).map_err(|_| VaultError::damaged("a charter"))?;
    for (key, row) in charters.by_ref() {
        if history.append(&row.signed).is_err() {
            set_aside::<CharterRow>(act, &key, row.signed, now_ms)?;
            break;
        }
    }
    // What follows on a version that does not hold is worth nothing without it.
    for (key, row) in charters {
        set_aside::<CharterRow>(act, &key, row.signed, now_ms)?;
    }
    let mut trust = TrustView::new(history);
    for (key, row) in act.scan::<CrlRow>(&[])? {
        let taken = match verified_for(act, &trust, &key, &row) {
            Some(trust_domain) => {
                // What cannot be read is learnt from the list again.
                if let Some(listed) = EverListed::decode(&row.listed) {
                    trust = trust.with_listed(&trust_domain, listed);
                }
                trust.with_crl_of(&trust_domain, &row.der)
            }
            None => trust.with_crl(&row.der),
        };
        match taken {
            Ok((view, _)) => trust = view,
            Err(_) => set_aside::<CrlRow>(act, &key, row.der, now_ms)?,
        }
    }
    Ok(trust)
}

/// The agency that a kept list was verified for. Rows from before that was written down tell it by their key.
fn verified_for(act: &Act<'_>, trust: &TrustView, key: &[u8], row: &CrlRow) -> Option<TrustDomain> {
    if let Ok(trust_domain) = row.trust_domain.parse() {
        return Some(trust_domain);
    }
    let agencies = trust.charters().charters().flat_map(|charter| &charter.agencies);
    let mut domains = agencies.map(|agency| &agency.trust_domain);
    domains.find(|domain| act.tag::<CrlRow>(domain.as_str()) == key).cloned()
}

/// Takes a row that no longer loads out of the way, its bytes kept, and tells of it.
fn set_aside<R: Row>(act: &Act<'_>, key: &[u8], bytes: Vec<u8>, now_ms: i64) -> Result<(), Error> {
    let kept = sha256(&[&bytes]);
    let room = R::ROOM as u32;
    act.put(&kept, &SetAsideRow { room, key: key.to_vec(), bytes, set_aside_at_ms: now_ms })?;
    act.delete::<R>(key)?;
    // A charter's key is its version; a list has no number that could be believed.
    let position = key.try_into().map_or(0, u64::from_be_bytes);
    raise(act, Alarm { group: None, kind: AlarmKind::TrustSetAside, position }, now_ms).map(drop)
}

impl Session {
    /// What this session believes.
    pub(in crate::session) fn trust(&self) -> Arc<TrustView> {
        Arc::clone(&self.trust.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Fetches newer charters and CRLs, verifies them, keeps them, and uses them from now on.
    ///
    /// Returns whether anything was new. Two charters of one version, and a list older than the one
    /// held, are alarms. Errors: [`Error::Alarm`] for a charter fork: nothing newer is trusted then.
    pub(in crate::session) async fn fetch_trust(&self) -> Result<bool, Error> {
        let server = self.server()?;
        let mut offered = Offered { charters: Vec::new(), crls: Vec::new() };
        let mut view = TrustView::clone(&self.trust());
        loop {
            let page = server.fetch_charters(view.charter().version).await?;
            let count = page.len();
            view = self.follow_page(view, page, &mut offered)?;
            if count < CHARTERS_PER_PAGE_MAX {
                break;
            }
        }
        let mut after = Some(String::new());
        while let Some(asked) = after {
            let page = server.fetch_crls(asked).await?;
            after = page.next_after;
            for der in page.crls {
                if let Some(next) = self.follow_crl(&view, &der)? {
                    view = next;
                    offered.crls.push(der);
                }
            }
        }
        if offered.charters.is_empty() && offered.crls.is_empty() {
            return Ok(false);
        }
        self.keep_trust(&view, &offered)?;
        Ok(true)
    }

    /// The same for the charters alone, from the desk: for a device that the first door may not let in.
    pub(in crate::session) async fn fetch_charters_at(&self, desk: &Desk) -> Result<(), Error> {
        let mut offered = Offered { charters: Vec::new(), crls: Vec::new() };
        let mut view = TrustView::clone(&self.trust());
        loop {
            let page = desk.read_charters(view.charter().version).await?;
            if page.is_empty() {
                break;
            }
            view = self.follow_page(view, page, &mut offered)?;
        }
        if offered.charters.is_empty() { Ok(()) } else { self.keep_trust(&view, &offered) }
    }

    /// The view with a page of further charters.
    fn follow_page(
        &self,
        mut view: TrustView,
        page: Vec<Vec<u8>>,
        offered: &mut Offered,
    ) -> Result<TrustView, Error> {
        for signed in page {
            let held = view.charter().version;
            view = self.follow_charter(&view, &signed)?;
            // Pages of what is held already would be asked for without end; a history has its own limit.
            if view.charter().version == held {
                return Err(ServerError::bad("a charter that is held already").into());
            }
            offered.charters.push((view.charter().version, signed));
        }
        Ok(view)
    }

    /// The view with one more CRL; nothing when the list is not new, or not for this device.
    ///
    /// One that takes a revocation back is an alarm too, since no honest desk hands it out: its number counts, and what was
    /// revoked stays so.
    fn follow_crl(&self, view: &TrustView, der: &[u8]) -> Result<Option<TrustView>, Error> {
        match view.with_offered_crl(der, self.clock.now_ms()) {
            Ok((next, Appended::New)) => {
                if let Some(number) = view.takes_back(der, self.clock.now_ms())
                    && let Some(taken) = next.crls().find(|crl| crl.der()[..] == *der)
                {
                    self.tell_rollback(&taken.trust_domain, number)?;
                }
                Ok(Some(next))
            }
            Ok((_, Appended::AlreadyHeld)) => Ok(None),
            Err(CrlError::Of { trust_domain, number, .. }) => {
                self.tell_rollback(&trust_domain, number)?;
                Ok(None)
            }
            // The list of a charter this device has yet to see.
            Err(CrlError::UnknownIssuer) => Ok(None),
            Err(
                CrlError::TooLarge { .. }
                | CrlError::TooMany(..)
                | CrlError::Malformed
                | CrlError::Number
                | CrlError::BadSignature,
            ) => Err(ServerError::bad("a CRL that does not verify").into()),
        }
    }

    fn follow_charter(&self, view: &TrustView, signed: &[u8]) -> Result<TrustView, Error> {
        match view.with_charter(signed) {
            Ok((next, _)) => Ok(next),
            Err(CharterError::Fork { version } | CharterError::WrongPrevious { version }) => {
                let alarm = Alarm { group: None, kind: AlarmKind::CharterFork, position: version };
                self.raise_alarm(alarm)?;
                Err(alarm.as_error())
            }
            Err(_) => Err(ServerError::bad("a charter that does not verify").into()),
        }
    }

    /// Raises the alarm about a list of one agency that goes back.
    fn tell_rollback(&self, trust_domain: &TrustDomain, number: u64) -> Result<(), Error> {
        let alarm = Alarm { group: None, kind: AlarmKind::CrlRollback, position: number };
        let now_ms = self.clock.now_ms();
        self.vault.act(Durability::OnDisk, |act| raise_of(act, alarm, trust_domain, now_ms))
    }

    /// Keeps what was fetched. Another process may have kept some meanwhile: the same charter stays, and another one of the
    /// same version is a fork of which nothing is kept.
    ///
    /// Errors: [`Error::Alarm`].
    fn keep_trust(&self, view: &TrustView, offered: &Offered) -> Result<(), Error> {
        let now_ms = self.clock.now_ms();
        let fork = self.vault.act::<_, Error>(Durability::OnDisk, |act| {
            for (version, signed) in &offered.charters {
                let kept: Option<CharterRow> = act.get(&version.to_be_bytes())?;
                if kept.is_some_and(|kept| !is_same_charter(&kept.signed, signed)) {
                    let alarm = Alarm { group: None, kind: AlarmKind::CharterFork, position: *version };
                    raise(act, alarm, now_ms)?;
                    return Ok(Some(alarm));
                }
            }
            for (version, signed) in &offered.charters {
                if !act.has::<CharterRow>(&version.to_be_bytes())? {
                    act.put(&version.to_be_bytes(), &CharterRow { signed: signed.clone() })?;
                }
            }
            for crl in view.crls() {
                let tag = act.tag::<CrlRow>(crl.trust_domain.as_str());
                let trust_domain = crl.trust_domain.to_string();
                let kept = act.get::<CrlRow>(&tag)?;
                if kept.as_ref().is_some_and(|row| !is_behind(row, view, &crl.trust_domain)) {
                    continue;
                }
                let overdue_told = kept.is_some_and(|row| row.overdue_told && row.der == crl.der()[..]);
                let listed = view.listed(&crl.trust_domain).map(|listed| listed.encode()).unwrap_or_default();
                let der = crl.der().to_vec();
                act.put(&tag, &CrlRow { der, trust_domain, listed, overdue_told })?;
            }
            Ok(None)
        })?;
        if let Some(fork) = fork {
            return Err(fork.as_error());
        }
        let before = std::mem::replace(
            &mut *self.trust.write().unwrap_or_else(PoisonError::into_inner),
            Arc::new(view.clone()),
        );
        // The charter says who the server is, and the connection was judged by the older one. No list says anything of a
        // server: were each of them a reason, one agency could have everybody connect anew all the time.
        if before.charter().hash() != view.charter().hash() {
            self.disconnect();
        }
        Ok(())
    }

    pub(in crate::session) fn raise_alarm(&self, alarm: Alarm) -> Result<(), Error> {
        let now_ms = self.clock.now_ms();
        self.vault.act(Durability::OnDisk, |act| raise(act, alarm, now_ms).map(drop))
    }
}

/// Whether two are of one charter: what it says is signed, and may be signed more than once.
fn is_same_charter(kept: &[u8], offered: &[u8]) -> bool {
    let charter = |signed| v1::SignedCharter::decode(signed).map(|signed| signed.charter);
    matches!((charter(kept), charter(offered)), (Ok(kept), Ok(offered)) if kept == offered)
}

/// Whether a kept list is older than the one that a view has of its agency. Another process may have kept a newer one since
/// this one looked, and nothing that was revoked is forgotten by the slower of the two.
fn is_behind(row: &CrlRow, view: &TrustView, trust_domain: &TrustDomain) -> bool {
    let held = view.crl(trust_domain).is_some_and(|crl| row.der == crl.der()[..]);
    let is_whole = !row.trust_domain.is_empty() && !row.listed.is_empty();
    if held {
        return !is_whole;
    }
    !matches!(view.with_crl_of(trust_domain, &row.der), Ok((_, Appended::New)))
}

/// What the server offered and held good.
struct Offered {
    charters: Vec<(u64, Vec<u8>)>,
    crls: Vec<Vec<u8>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        session::{alarms::standing, samples::Enrolled},
        tests::test_agency::next_charter,
    };

    #[test]
    fn two_programs_that_are_shown_two_charters_of_one_version_are_told_and_keep_the_first() {
        let enrolled = Enrolled::new();
        let version_2 = |more_ms: i64| {
            let both = [&enrolled.harborlight, &enrolled.elmgate];
            let next = next_charter(&enrolled.charter, &both, |charter| charter.not_after_ms += more_ms);
            next.encode_to_vec()
        };
        let keep = |session: &Session, signed: &[u8]| {
            let view = session.trust().with_charter(signed).unwrap().0;
            let offered = Offered { charters: vec![(2, signed.to_vec())], crls: Vec::new() };
            session.keep_trust(&view, &offered)
        };
        let kept = |session: &Session| {
            let row =
                session.vault.read::<_, Error>(|act| Ok(act.expect::<CharterRow>(&2u64.to_be_bytes())?));
            row.unwrap().signed
        };
        // Each of them has asked before the other one had an answer.
        let (one, other, third) = (enrolled.session(), enrolled.session(), enrolled.session());
        let first = version_2(0);
        keep(&one, &first).unwrap();
        // The control: the same charter under signatures that were made once more.
        let again = version_2(0);
        assert_ne!(again, first);
        keep(&third, &again).unwrap();
        assert_eq!(third.trust().charter().version, 2);

        let forked = keep(&other, &version_2(1_000));
        assert!(
            matches!(forked, Err(Error::Alarm { kind: AlarmKind::CharterFork, position: 2, .. })),
            "{forked:?}"
        );
        assert_eq!(other.trust().charter().version, 1, "nothing of it is believed");
        let stands = one.vault.read::<_, Error>(|act| standing(act, None)).unwrap();
        assert_eq!(stands.iter().map(|alarm| alarm.kind).collect::<Vec<_>>(), [AlarmKind::CharterFork]);
        assert!(kept(&one) == first, "and what was there first stays");
    }
}
