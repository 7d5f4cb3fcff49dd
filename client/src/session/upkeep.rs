//! What a device does for itself: key packages so that others can add it, its card, a fresh leaf, and the
//! removal of leaves that were revoked.

use super::{
    Error, Session,
    own::ONLY,
    state::{Roster, load_group},
};
use crate::{
    transport::ServerError,
    vault::{
        Act, Durability, VaultError,
        rows::{ChainRow, GroupRow, IntentRow, KeyPackageRow, UpkeepRow},
    },
};
use alcove_charter::{Judge, TrustError, TrustView, sha256};
use alcove_proto::ids::GroupId;

/// One-time key packages the server is to have of this device, at least.
const KEY_PACKAGES_MIN: u32 = 20;
/// How many it has after a delivery.
const KEY_PACKAGES_FULL: u32 = 30;
/// Milliseconds after which a leaf is renewed.
const LEAF_AGE_MS_MAX: i64 = 7 * 24 * 3600 * 1000;
/// Milliseconds between two tries at a commit of upkeep in one group.
const UPKEEP_PAUSE_MS: i64 = 60 * 1000;
/// Milliseconds a last-resort key package must still be good for.
const LAST_RESORT_MARGIN_MS: i64 = 7 * 24 * 3600 * 1000;

impl Session {
    /// Publishes what others need: the card, and key packages.
    pub(super) async fn publish(&self) -> Result<(), Error> {
        self.publish_card().await?;
        self.publish_key_packages().await
    }

    async fn publish_card(&self) -> Result<(), Error> {
        let row: UpkeepRow = self.vault.read::<_, Error>(|act| Ok(act.get(ONLY)?.unwrap_or_default()))?;
        let hash = sha256(&[&row.sealed_card]);
        if row.card_published == hash {
            return Ok(());
        }
        self.server()?.publish_card(row.sealed_card).await?;
        self.vault.act(Durability::Refetchable, |act| {
            let mut row: UpkeepRow = act.get(ONLY)?.unwrap_or_default();
            row.card_published = hash.to_vec();
            Ok(act.put(ONLY, &row)?)
        })
    }

    async fn publish_key_packages(&self) -> Result<(), Error> {
        let server = self.server()?;
        let count = server.count_key_packages().await?;
        let missing = if count.one_time < KEY_PACKAGES_MIN { KEY_PACKAGES_FULL - count.one_time } else { 0 };
        let (one_time, last_resort) = self.vault.act(Durability::OnDisk, |act| {
            self.forget_expired(act)?;
            let mut waiting: Vec<Vec<u8>> = Vec::new();
            let mut last_resort = Vec::new();
            for (_, row) in act.scan::<KeyPackageRow>(&[])? {
                match (row.unpublished.is_empty(), row.last_resort) {
                    (true, _) => {}
                    (false, true) => last_resort = row.unpublished.clone(),
                    (false, false) => waiting.push(row.unpublished.clone()),
                }
            }
            for _ in waiting.len()..missing as usize {
                waiting.push(self.make_key_package(act, false)?);
            }
            let upkeep: UpkeepRow = act.get(ONLY)?.unwrap_or_default();
            let stale = !count.last_resort
                || upkeep.last_resort_certificate != self.own.device.certificate_hash().as_bytes()
                || upkeep.last_resort_not_after_ms < self.clock.now_ms() + LAST_RESORT_MARGIN_MS;
            // One that is about to end with the certificate cannot be made better.
            let better = self.own.mls.not_after_ms > upkeep.last_resort_not_after_ms || !count.last_resort;
            if last_resort.is_empty() && stale && better {
                last_resort = self.make_key_package(act, true)?;
            }
            Ok::<_, Error>((waiting, last_resort))
        })?;
        if one_time.is_empty() && last_resort.is_empty() {
            return Ok(());
        }
        let renewed = !last_resort.is_empty();
        server.publish_key_packages(one_time, last_resort).await?;
        self.vault.act(Durability::Refetchable, |act| {
            for (key, mut row) in act.scan::<KeyPackageRow>(&[])? {
                if !row.unpublished.is_empty() {
                    row.unpublished.clear();
                    act.put(&key, &row)?;
                }
            }
            if renewed {
                let mut upkeep: UpkeepRow = act.get(ONLY)?.unwrap_or_default();
                upkeep.last_resort_certificate = self.own.device.certificate_hash().to_vec();
                upkeep.last_resort_not_after_ms = self.own.mls.not_after_ms;
                act.put(ONLY, &upkeep)?;
            }
            Ok(())
        })
    }

    /// Makes one; what opens its welcome is kept before the package leaves.
    fn make_key_package(&self, act: &Act<'_>, last_resort: bool) -> Result<Vec<u8>, Error> {
        let made = self.own.device.key_package(self.clock.now_ms(), self.own.mls.not_after_ms)?;
        let mut row = KeyPackageRow::default();
        row.secret = made.secret.to_bytes().to_vec();
        row.last_resort = last_resort;
        row.not_after_ms = self.own.mls.not_after_ms;
        row.unpublished = made.bytes.clone();
        act.put(&made.reference, &row)?;
        Ok(made.bytes)
    }

    fn forget_expired(&self, act: &Act<'_>) -> Result<(), VaultError> {
        let now_ms = self.clock.now_ms();
        for (key, row) in act.scan::<KeyPackageRow>(&[])? {
            if row.not_after_ms < now_ms {
                act.delete::<KeyPackageRow>(&key)?;
            }
        }
        Ok(())
    }

    /// Renews our leaf soon after joining, weekly, and for a new certificate; removes leaves that were revoked.
    ///
    /// A race lost to others is no failure: the next sync tries again.
    pub(super) async fn renew_leaf(&self, group: &GroupId) -> Result<(), Error> {
        let now_ms = self.clock.now_ms();
        let row = self.row(group)?;
        let trust = self.trust();
        let revoked = self.revoked_members(group, &trust, now_ms)?;
        let other_certificate = row.own_certificate != self.own.device.certificate_hash().as_bytes();
        let old = row.updated_at_ms.saturating_add(LEAF_AGE_MS_MAX) < now_ms;
        let due = other_certificate || old || !revoked.is_empty();
        let tried_lately = row.upkeep_tried_at_ms.saturating_add(UPKEEP_PAUSE_MS) > now_ms;
        if !due || (tried_lately && !other_certificate) {
            return Ok(());
        }
        self.vault.act::<_, Error>(Durability::Refetchable, |act| {
            let mut row: GroupRow = act.expect(group.as_bytes())?;
            row.upkeep_tried_at_ms = now_ms;
            Ok(act.put(group.as_bytes(), &row)?)
        })?;
        let intent = IntentRow { remove: revoked, update: other_certificate || old, ..IntentRow::default() };
        match self.commit(group, intent).await {
            Ok(()) | Err(Error::Contended { .. } | Error::LastOwner | Error::NotAllowed) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Puts a new certificate into our leaf before anything is signed with it in this group.
    ///
    /// Without a server it is left for later, like what is to be written.
    pub(super) async fn take_up_certificate(&self, group: &GroupId) -> Result<(), Error> {
        if self.row(group)?.own_certificate == self.own.device.certificate_hash().as_bytes() {
            return Ok(());
        }
        match self.renew_leaf(group).await {
            Err(Error::Server(ServerError::Unreachable)) => Ok(()),
            other => other,
        }
    }

    /// Members whose certificate stands on a CRL. Expired ones stay: they may renew.
    fn revoked_members(&self, group: &GroupId, trust: &TrustView, now_ms: i64) -> Result<Vec<String>, Error> {
        if trust.crls().all(|crl| crl.is_empty()) {
            return Ok(Vec::new());
        }
        let moment = trust.moment(now_ms);
        self.vault.read(|act| {
            let mut revoked = Vec::new();
            for seat in Roster::load(act, group)?.members {
                let chain: ChainRow = act.expect(seat.certificate_hash.as_bytes())?;
                let judged = trust.verify_device_mls(&chain.certificates, Judge::At(&moment));
                if matches!(judged, Err(TrustError::Revoked { .. })) && seat.identity != self.own.identity {
                    revoked.push(seat.identity.to_string());
                }
            }
            Ok(revoked)
        })
    }

    /// Whether the group's state is sound: it loads, and stands where its row says.
    pub(super) fn check_group(&self, group: &GroupId) -> Result<bool, Error> {
        self.vault.read(|act| {
            let row = super::state::load_row(act, group)?;
            Ok(load_group(act, group)?.epoch().0 == row.epoch)
        })
    }
}
