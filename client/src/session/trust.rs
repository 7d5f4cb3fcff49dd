//! Trust material: charters and CRLs, pinned, followed forward, never back.

use super::{
    AlarmKind, Error, Session,
    alarms::{Alarm, raise},
};
use crate::{
    transport::{Desk, ServerError},
    vault::{
        Act, Durability, VaultError,
        rows::{CharterRow, CrlRow},
    },
};
use alcove_charter::{Appended, CharterError, CharterHistory, CrlError, TrustView};
use alcove_proto::limits::CHARTERS_PER_PAGE_MAX;
use std::sync::{Arc, PoisonError};

/// Takes charters and CRLs out of the vault.
///
/// They were verified before they were put there and are verified again: a vault is a file.
pub(super) fn load_trust(act: &Act<'_>) -> Result<TrustView, Error> {
    let charters = act.scan::<CharterRow>(&[])?;
    if charters.is_empty() {
        return Err(Error::NotEnrolled);
    }
    let versions = charters.iter().map(|(_, row)| &row.signed);
    let history = CharterHistory::from_versions(versions).map_err(|_| VaultError::damaged("a charter"))?;
    let mut trust = TrustView::new(history);
    for (_, row) in act.scan::<CrlRow>(&[])? {
        match trust.with_crl(&row.der) {
            Ok((view, _)) => trust = view,
            Err(_) => return Err(VaultError::damaged("a CRL").into()),
        }
    }
    Ok(trust)
}

impl Session {
    /// What this session believes.
    pub(super) fn trust(&self) -> Arc<TrustView> {
        Arc::clone(&self.trust.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Fetches newer charters and CRLs, verifies them, keeps them, and uses them from now on.
    ///
    /// Returns whether anything was new. Two charters of one version, and a list older than the one
    /// held, are alarms. Errors: [`Error::Alarm`] for a charter fork: nothing newer is trusted then.
    pub(super) async fn fetch_trust(&self) -> Result<bool, Error> {
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
    pub(super) async fn fetch_charters_at(&self, desk: &Desk) -> Result<(), Error> {
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
    fn follow_crl(&self, view: &TrustView, der: &[u8]) -> Result<Option<TrustView>, Error> {
        match view.with_crl(der) {
            Ok((next, Appended::New)) => Ok(Some(next)),
            Ok((_, Appended::AlreadyHeld)) => Ok(None),
            Err(
                CrlError::Behind { offered: number, .. }
                | CrlError::Fork { number, .. }
                | CrlError::Retired { number, .. },
            ) => {
                self.raise_alarm(Alarm { group: None, kind: AlarmKind::CrlRollback, position: number })?;
                Ok(None)
            }
            // The list of a charter this device has yet to see.
            Err(CrlError::UnknownIssuer) => Ok(None),
            Err(
                CrlError::TooLarge { .. } | CrlError::Malformed | CrlError::Number | CrlError::BadSignature,
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

    fn keep_trust(&self, view: &TrustView, offered: &Offered) -> Result<(), Error> {
        self.vault.act::<_, Error>(Durability::OnDisk, |act| {
            for (version, signed) in &offered.charters {
                act.put(&version.to_be_bytes(), &CharterRow { signed: signed.clone() })?;
            }
            for crl in view.crls() {
                let tag = act.tag::<CrlRow>(crl.trust_domain.as_str());
                act.put(&tag, &CrlRow { der: crl.der().to_vec() })?;
            }
            Ok(())
        })?;
        *self.trust.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(view.clone());
        // The connection was judged by the older view.
        self.disconnect();
        Ok(())
    }

    pub(super) fn raise_alarm(&self, alarm: Alarm) -> Result<(), Error> {
        let now_ms = self.clock.now_ms();
        self.vault.act(Durability::OnDisk, |act| raise(act, alarm, now_ms).map(drop))
    }
}

/// What the server offered and held good.
struct Offered {
    charters: Vec<(u64, Vec<u8>)>,
    crls: Vec<Vec<u8>>,
}
