//! What a device does for itself: key packages so that others can add it, its card, a fresh leaf, and the
//! removal of leaves that have lapsed.

pub(super) mod findings;
pub(super) mod lists;
pub(super) mod renewal;
pub(super) mod status;
pub(super) mod sync;
pub(super) mod trust;

use super::{Error, Session, acting::Acting, joining::requests, own::ONLY, people::seats, state::load_group};
use crate::vault::{
    Durability, VaultError,
    rows::{FormerKeyRow, GroupRow, IntentRow, KeyPackageRow, UpkeepRow},
};
use alcove_charter::{TrustView, sha256};
use alcove_proto::ids::GroupId;
use std::{collections::HashSet, sync::Arc};

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
        let (own, one_time, last_resort, replace) = self.vault.act(Durability::OnDisk, |act| {
            let acting = self.acting(act)?;
            acting.forget_expired()?;
            let own = &acting.own;
            let upkeep: UpkeepRow = act.get(ONLY)?.unwrap_or_default();
            // What is there of an earlier certificate, perhaps of a lost laptop that was revoked, may be refused by
            // whoever claims it.
            let other_certificate =
                upkeep.last_resort_certificate != own.device.certificate_hash().as_bytes();
            let replace = other_certificate || upkeep.key_packages_due;
            let missing = missing(count.one_time, replace);
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
                waiting.push(acting.make_key_package(false)?);
            }
            let stale = !count.last_resort
                || other_certificate
                || upkeep.last_resort_not_after_ms < acting.now_ms + LAST_RESORT_MARGIN_MS;
            // One that is about to end with the certificate cannot be made better.
            let better = other_certificate
                || own.mls.not_after_ms > upkeep.last_resort_not_after_ms
                || !count.last_resort;
            if last_resort.is_empty() && stale && better {
                last_resort = acting.make_key_package(true)?;
            }
            Ok::<_, Error>((Arc::clone(own), waiting, last_resort, replace))
        })?;
        if one_time.is_empty() && last_resort.is_empty() {
            return Ok(());
        }
        let renewed = !last_resort.is_empty();
        server.publish_key_packages(one_time, last_resort, replace).await?;
        self.vault.act(Durability::Refetchable, |act| {
            for (key, mut row) in act.scan::<KeyPackageRow>(&[])? {
                if !row.unpublished.is_empty() {
                    row.unpublished.clear();
                    act.put(&key, &row)?;
                }
            }
            let mut upkeep: UpkeepRow = act.get(ONLY)?.unwrap_or_default();
            if renewed {
                upkeep.last_resort_certificate = own.device.certificate_hash().to_vec();
                upkeep.last_resort_not_after_ms = own.mls.not_after_ms;
            }
            // Another renewal may have come meanwhile: then they are due anew.
            upkeep.key_packages_due &= self.own_in(act)?.device.chain() != own.device.chain();
            Ok(act.put(ONLY, &upkeep)?)
        })
    }

    /// Renews our leaf soon after joining, weekly, and for a new certificate; removes leaves that have lapsed, and where we
    /// are an owner those of people who asked for it.
    ///
    /// Each an intent of its own: what is refused to the one does not hold up the other. A race lost to others is no
    /// failure: the next sync tries again.
    pub(super) async fn renew_leaf(&self, group: &GroupId) -> Result<(), Error> {
        let now_ms = self.clock.now_ms();
        let own = self.refresh_own()?;
        let row = self.row(group)?;
        let mut lapsed = self.lapsed_members(group, &self.trust(), now_ms)?;
        let leavers = self.leavers(group)?;
        lapsed.retain(|device| !leavers.contains(device));
        let other_certificate = row.own_certificate != own.device.certificate_hash().as_bytes();
        let old = row.updated_at_ms.saturating_add(LEAF_AGE_MS_MAX) < now_ms;
        let update = other_certificate || old;
        let tried_lately = row.upkeep_tried_at_ms.saturating_add(UPKEEP_PAUSE_MS) > now_ms;
        let nothing_due = !update && lapsed.is_empty() && leavers.is_empty();
        if nothing_due || (tried_lately && !other_certificate) {
            return Ok(());
        }
        self.vault.act::<_, Error>(Durability::Refetchable, |act| {
            let mut row: GroupRow = act.expect(group.as_bytes())?;
            row.upkeep_tried_at_ms = now_ms;
            Ok(act.put(group.as_bytes(), &row)?)
        })?;
        let mut through = true;
        if update {
            through &= self.commit_upkeep(group, IntentRow { update, ..IntentRow::default() }).await?;
        }
        for remove in [leavers, lapsed].into_iter().filter(|devices| !devices.is_empty()) {
            through &= self.commit_upkeep(group, IntentRow { remove, ..IntentRow::default() }).await?;
        }
        if through {
            self.forget_attempt(group)?;
        }
        Ok(())
    }

    /// Whether it went through, and not somebody else's commit or nobody's.
    async fn commit_upkeep(&self, group: &GroupId, intent: IntentRow) -> Result<bool, Error> {
        match self.commit(group, intent).await {
            Ok(()) => Ok(true),
            Err(Error::Contended { .. } | Error::LastOwner | Error::NotAllowed | Error::BegunBeforeCopy) => {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// What went through makes nothing else wait: a laptop may be revoked a moment after it.
    fn forget_attempt(&self, group: &GroupId) -> Result<(), Error> {
        self.vault.act::<_, Error>(Durability::Refetchable, |act| {
            let Some(mut row) = act.get::<GroupRow>(group.as_bytes())? else { return Ok(()) };
            row.upkeep_tried_at_ms = 0;
            Ok(act.put(group.as_bytes(), &row)?)
        })
    }

    /// Puts a new certificate into our leaf before anything is signed with it in this group.
    ///
    /// Without a server it is left for later, like what is to be written.
    pub(super) async fn take_up_certificate(&self, group: &GroupId) -> Result<(), Error> {
        let own = self.refresh_own()?;
        if self.row(group)?.own_certificate == own.device.certificate_hash().as_bytes() {
            return Ok(());
        }
        match self.renew_leaf(group).await {
            Err(Error::Server(error)) if error.was_not_reached() => Ok(()),
            other => other,
        }
    }

    /// Other devices whose certificate has expired or was revoked, or whose agency has left, as far as they
    /// can be removed: one owner's leaf always remains (PROTOCOL.md section 8).
    fn lapsed_members(&self, group: &GroupId, trust: &TrustView, now_ms: i64) -> Result<Vec<String>, Error> {
        let own = &self.identity;
        let seats = self.vault.read(|act| seats::standings(act, own, trust, group, now_ms))?;
        Ok(seats::removable(&seats))
    }

    /// Takes whoever has lapsed out of a group, before anything is sealed for it.
    ///
    /// What keeps the removal out of the log is no failure: whoever seals next asks who is there.
    pub(super) async fn remove_lapsed(&self, group: &GroupId) -> Result<(), Error> {
        let remove = self.lapsed_members(group, &self.trust(), self.clock.now_ms())?;
        if remove.is_empty() {
            return Ok(());
        }
        self.commit_upkeep(group, IntentRow { remove, ..IntentRow::default() }).await.map(drop)
    }

    /// Whether the group's state is sound: it loads, and stands where its row says.
    pub(super) fn check_group(&self, group: &GroupId) -> Result<bool, Error> {
        self.vault.read(|act| {
            let row = super::state::load_row(act, group)?;
            Ok(load_group(act, group)?.epoch().0 == row.epoch)
        })
    }
}

impl Acting<'_> {
    /// Makes one; what opens its welcome is kept before the package leaves.
    fn make_key_package(&self, last_resort: bool) -> Result<Vec<u8>, Error> {
        let own = &self.own;
        let made = own.device.key_package(self.now_ms, own.mls.not_after_ms)?;
        let mut row = KeyPackageRow::default();
        row.secret = made.secret.to_bytes().to_vec();
        row.last_resort = last_resort;
        row.not_after_ms = own.mls.not_after_ms;
        row.unpublished = made.bytes.clone();
        self.act.put(&made.reference, &row)?;
        Ok(made.bytes)
    }

    /// Forgets key packages that nobody can use any more, and the former keys that none is left of.
    fn forget_expired(&self) -> Result<(), VaultError> {
        let Self { act, now_ms, .. } = self;
        let mut named = HashSet::new();
        for (key, row) in act.scan::<KeyPackageRow>(&[])? {
            if row.not_after_ms < *now_ms {
                act.delete::<KeyPackageRow>(&key)?;
            } else {
                named.insert(row.former_certificate.clone());
            }
        }
        requests::forget_ended(act)?;
        for (certificate, _) in act.scan::<FormerKeyRow>(&[])? {
            if !named.contains(&certificate) {
                act.delete::<FormerKeyRow>(&certificate)?;
            }
        }
        Ok(())
    }
}

/// How many one-time key packages to deliver when the server has `count`: a whole delivery when it replaces them.
fn missing(count: u32, replace: bool) -> u32 {
    match (replace, count < KEY_PACKAGES_MIN) {
        (true, _) => KEY_PACKAGES_FULL,
        (false, true) => KEY_PACKAGES_FULL - count,
        (false, false) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_certificate_brings_a_whole_delivery_and_else_only_what_is_missing() {
        let delivered = |replace| [0, 10, 19, 20, 100].map(|count| missing(count, replace));
        assert_eq!(delivered(true), [30; 5]);
        assert_eq!(delivered(false), [30, 20, 11, 0, 0]);
    }
}
