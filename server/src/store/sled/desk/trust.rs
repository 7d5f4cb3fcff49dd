//! How far charter and CRLs got.

use crate::store::{
    Result,
    sled::{
        engine::{Batch, CharterRow, CrlRow, Demand, Key, Kind, Row, View, damaged, id},
        store::SledStore,
    },
    trust::{CharterInForce, CrlInForce, Trust, TrustInForce},
};
use std::ops::ControlFlow;

impl Trust for SledStore {
    async fn trust_in_force(&self) -> Result<TrustInForce> {
        self.read(read).await
    }

    async fn put_trust_in_force(&self, now: TrustInForce) -> Result<()> {
        // Before anybody is let in by it, also on a full disk: a few bytes.
        self.queue.submit(Demand::freeing(), move |batch| put(batch, &now)).await
    }
}

pub(crate) fn charter_key() -> Key {
    Kind::Charter.key().build()
}

/// Remembers what is in force now. A charter of a lower version than the one remembered leaves that in place;
/// which of an agency's lists is the newer one, the caller has judged.
pub(crate) fn put(batch: &mut Batch<'_>, now: &TrustInForce) -> Result<()> {
    if let Some(charter) = &now.charter {
        let held = batch.row::<CharterRow>(&charter_key())?;
        if held.is_none_or(|held| held.version <= charter.version) {
            let row = CharterRow { version: charter.version, hash: charter.hash.to_vec() };
            batch.put(charter_key(), &row)?;
        }
    }
    for crl in &now.crls {
        let row = CrlRow { number: crl.number, hash: crl.hash.to_vec(), signer: crl.signer.to_vec() };
        batch.put(Kind::Crl.key().text(crl.trust_domain.as_str()).build(), &row)?;
    }
    Ok(())
}

/// What has been in force.
pub(crate) fn read(view: &View) -> Result<TrustInForce> {
    let charter = view
        .row::<CharterRow>(&charter_key())?
        .map(|row| Ok(CharterInForce { version: row.version, hash: id(&row.hash, CharterRow::WHAT)? }))
        .transpose()?;
    let mut crls = Vec::new();
    view.each(&Kind::Crl.key().build(), |key, value| {
        let row = CrlRow::from_value(value)?;
        let name = key.get(1..).and_then(|name| std::str::from_utf8(name).ok());
        crls.push(CrlInForce {
            trust_domain: name.and_then(|name| name.parse().ok()).ok_or(damaged(CrlRow::WHAT))?,
            number: row.number,
            hash: id(&row.hash, CrlRow::WHAT)?,
            signer: id(&row.signer, CrlRow::WHAT)?,
        });
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(TrustInForce { charter, crls })
}
