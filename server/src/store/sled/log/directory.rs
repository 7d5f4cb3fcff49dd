//! Key packages and cards.

use crate::store::{
    Result,
    audit::{Act, By},
    directory::{
        CardPage, ClaimedKeyPackage, Directory, KeyPackageCount, NewKeyPackage, NewKeyPackages, Published,
        SealedCardOf,
    },
    error::{bytes_at_most, count_at_most},
    sled::{
        engine::{
            Audited, Batch, CardRow, ClaimedRow, Demand, Key, KeyPackageRow, Kind, Row, View, damaged, go_on,
            identity_of,
        },
        store::SledStore,
    },
};
use alcove_charter::sha256;
use alcove_proto::{
    ids::Digest,
    limits::{
        CLAIM_IDENTITIES_MAX, KEY_PACKAGE_BYTES_MAX, KEY_PACKAGES_PER_DEVICE_MAX, SEALED_CARD_BYTES_MAX,
    },
    names::{Identity, TrustDomain},
};
use bytes::Bytes;

/// Milliseconds of the longest life of a device's certificate, and so of a key package: 90 days, and a day for clocks.
const CERTIFICATE_LIFE_MS: i64 = 91 * 24 * 3600 * 1000;

impl Directory for SledStore {
    async fn publish_key_packages(&self, packages: NewKeyPackages, by: By) -> Result<Published> {
        let demand = Demand::bytes((packages.one_time.len() + 1) * KEY_PACKAGE_BYTES_MAX);
        self.queue.submit(demand, move |batch| publish(batch, &packages, &by)).await
    }

    async fn claim_key_packages(&self, identities: Vec<Identity>, by: By) -> Result<Vec<ClaimedKeyPackage>> {
        // Each leaves a row of some hundred bytes behind.
        let demand = Demand::bytes(identities.len() * 512);
        self.queue.submit(demand, move |batch| claim(batch, &identities, &by)).await
    }

    async fn count_key_packages(&self, identity: Identity) -> Result<KeyPackageCount> {
        self.read(move |view| {
            let one_time = view.scan(&one_time_prefix(&identity), None, usize::MAX)?.rows.len();
            let last_resort = view.value(&Kind::LastResort.key().identity(&identity).build())?.is_some();
            Ok(KeyPackageCount { one_time, last_resort })
        })
        .await
    }

    async fn publish_card(&self, sealed_card: Bytes, by: By) -> Result<()> {
        let demand = Demand::bytes(sealed_card.len());
        self.queue.submit(demand, move |batch| publish_card(batch, sealed_card, &by)).await
    }

    async fn cards(
        &self,
        trust_domain: Option<TrustDomain>,
        after: Option<Identity>,
        max: usize,
    ) -> Result<CardPage> {
        self.read(move |view| cards(view, trust_domain.as_ref(), after.as_ref(), max)).await
    }
}

pub(crate) fn one_time_prefix(identity: &Identity) -> Key {
    Kind::OneTime.key().identity(identity).build()
}

fn row_of(package: &NewKeyPackage) -> Result<KeyPackageRow> {
    bytes_at_most("key package", package.bytes.len(), KEY_PACKAGE_BYTES_MAX)?;
    Ok(KeyPackageRow { bytes: package.bytes.clone(), not_after_ms: package.not_after_ms })
}

/// Stores key packages of the caller.
pub(crate) fn publish(batch: &mut Batch<'_>, new: &NewKeyPackages, by: &By) -> Result<Published> {
    let prefix = one_time_prefix(&by.identity);
    let digest_of = |package: &NewKeyPackage| Digest(sha256(&[&package.bytes]));
    let key_of = |digest: &Digest| Kind::OneTime.key().identity(&by.identity).digest(digest).build();
    let mut waiting = if new.replace {
        let published: Vec<Key> = new.one_time.iter().map(|package| key_of(&digest_of(package))).collect();
        keep(batch, &prefix, |key, _| Ok(published.contains(key)))?
    } else {
        // Of what has ended nobody may be given any.
        keep(batch, &prefix, |_, value| Ok(KeyPackageRow::from_value(value)?.not_after_ms > by.time_ms))?
    };
    forget_ended_claims(batch, &by.identity, by.time_ms)?;
    let mut stored = 0;
    for package in &new.one_time {
        let row = row_of(package)?;
        let digest = digest_of(package);
        let key = key_of(&digest);
        let claimed = Kind::Claimed.key().identity(&by.identity).digest(&digest).build();
        // A resend: it waits here, or it is with whoever claimed it.
        if batch.has(&key)? || batch.has(&claimed)? {
            continue;
        }
        batch.put_new(key, &row)?;
        stored += 1;
        waiting += 1;
    }
    count_at_most("one-time key packages", waiting, KEY_PACKAGES_PER_DEVICE_MAX)?;
    if let Some(package) = &new.last_resort {
        batch.put(Kind::LastResort.key().identity(&by.identity).build(), &row_of(package)?)?;
    }
    if stored > 0 || new.last_resort.is_some() {
        batch.audit(by, Audited::act(Act::PublishKeyPackages));
    }
    Ok(Published { stored, waiting })
}

/// Removes the packages that wait and are not to be kept; answers how many are left.
fn keep(
    batch: &mut Batch<'_>,
    prefix: &[u8],
    is_kept: impl Fn(&Key, &[u8]) -> Result<bool>,
) -> Result<usize> {
    let mut left = 0;
    for (key, value) in batch.scan(prefix, usize::MAX)? {
        if is_kept(&key, &value)? {
            left += 1;
        } else {
            batch.remove(key)?;
        }
    }
    Ok(left)
}

/// Forgets that packages were handed out which have ended.
fn forget_ended_claims(batch: &mut Batch<'_>, identity: &Identity, now_ms: i64) -> Result<()> {
    for (key, value) in batch.scan(&Kind::Claimed.key().identity(identity).build(), usize::MAX)? {
        let row = ClaimedRow::from_value(&value)?;
        if row.not_after_ms == 0 {
            // Written before it was kept: the longest that a certificate of today lives.
            batch.put(key, &ClaimedRow { not_after_ms: now_ms.saturating_add(CERTIFICATE_LIFE_MS) })?;
        } else if row.not_after_ms <= now_ms {
            batch.remove(key)?;
        }
    }
    Ok(())
}

/// Takes one key package for each device that has any.
pub(crate) fn claim(
    batch: &mut Batch<'_>,
    identities: &[Identity],
    by: &By,
) -> Result<Vec<ClaimedKeyPackage>> {
    count_at_most("identities", identities.len(), CLAIM_IDENTITIES_MAX)?;
    let mut claimed = Vec::with_capacity(identities.len());
    for identity in identities {
        let Some(package) = claim_one(batch, identity, by.time_ms)? else { continue };
        claimed.push(package);
        let audited = Audited { concerning: Some(identity), ..Audited::act(Act::ClaimKeyPackage) };
        batch.audit(by, audited);
    }
    Ok(claimed)
}

fn claim_one(batch: &mut Batch<'_>, identity: &Identity, now_ms: i64) -> Result<Option<ClaimedKeyPackage>> {
    let found = |row: KeyPackageRow, last_resort| {
        Ok(Some(ClaimedKeyPackage { identity: identity.clone(), key_package: row.bytes, last_resort }))
    };
    let prefix = one_time_prefix(identity);
    while let Some((key, value)) = batch.scan(&prefix, 1)?.pop() {
        let row = KeyPackageRow::from_value(&value)?;
        batch.remove(key.clone())?;
        if row.not_after_ms > now_ms {
            let mut claimed = key;
            claimed[0] = Kind::Claimed as u8;
            batch.put(claimed, &ClaimedRow { not_after_ms: row.not_after_ms })?;
            return found(row, false);
        }
    }
    let last_resort: Option<KeyPackageRow> = batch.row(&Kind::LastResort.key().identity(identity).build())?;
    match last_resort {
        Some(row) if row.not_after_ms > now_ms => found(row, true),
        Some(_) | None => Ok(None),
    }
}

/// Stores the caller's card.
pub(crate) fn publish_card(batch: &mut Batch<'_>, sealed_card: Bytes, by: &By) -> Result<()> {
    bytes_at_most("sealed card", sealed_card.len(), SEALED_CARD_BYTES_MAX)?;
    let key = Kind::Card.key().identity(&by.identity).build();
    let row = CardRow { sealed_card };
    // A resend changes nothing and is no act.
    if batch.row::<CardRow>(&key)?.as_ref() == Some(&row) {
        return Ok(());
    }
    batch.put(key, &row)?;
    batch.audit(by, Audited::act(Act::PublishCard));
    Ok(())
}

/// One page of cards.
pub(crate) fn cards(
    view: &View,
    trust_domain: Option<&TrustDomain>,
    after: Option<&Identity>,
    max: usize,
) -> Result<CardPage> {
    let prefix = match trust_domain {
        None => Kind::Card.key().build(),
        Some(domain) => Kind::Card.key().devices_of(domain).build(),
    };
    // An identity of an earlier domain is before all of them, one of a later domain after.
    let from = after.map(|identity| Kind::Card.key().identity(identity).build());
    let mut page = CardPage { cards: Vec::new(), more: false };
    view.each_after(&prefix, from.filter(|from| *from >= prefix), max.saturating_add(1), |key, value| {
        page.more = page.cards.len() == max;
        if !page.more {
            page.cards.push(SealedCardOf {
                identity: identity_of(key, 0).ok_or(damaged(CardRow::WHAT))?,
                sealed_card: CardRow::from_value(value)?.sealed_card,
            });
        }
        Ok(go_on(!page.more))
    })?;
    Ok(page)
}
