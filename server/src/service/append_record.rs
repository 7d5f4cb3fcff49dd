//! Appending one sealed record: the shortest way through the server, and the one walked most.

use super::{
    caller::Caller,
    error::ServiceError,
    inner::{Inner, Service},
    live::LiveGroup,
    receipts::Receipt,
};
use crate::store::{
    Groups, Log, Members,
    groups::{AppendOutcome, Appended, NewRecord, Replayed},
};
use alcove_proto::{
    ids::{BlobId, Epoch, GroupId, Position, RecordId},
    limits::LINK_DIGESTS_MAX,
};
use bytes::Bytes;
use std::sync::Arc;

impl<S: Groups + Log + Members> Service<S> {
    /// Appends one record under the epoch in force. The answer comes when it is on disk.
    ///
    /// `body`: opaque, at most [`alcove_proto::limits::RECORD_BYTES_MAX`]. `blobs`: finished blobs of the caller in
    /// this group, which can be read from now on by whoever may read the record.
    /// Errors: [`ServiceError::NotFound`] for whoever is no member and for a blob that is none of those, [`ServiceError::LeafLapsed`],
    /// [`ServiceError::StaleEpoch`], [`ServiceError::IdReused`]. The same bytes under the same id get the
    /// place they have.
    /// Source: PROTOCOL.md, "Records", 4 and 5, "Documents", 3.
    pub async fn append_record(
        &self,
        caller: &Caller,
        group: GroupId,
        epoch: Epoch,
        record: RecordId,
        body: Bytes,
        blobs: Vec<BlobId>,
    ) -> Result<Receipt, ServiceError> {
        let inner = &self.inner;
        let live = inner.live_for_author(caller, group).await?;
        let record = NewRecord { group, epoch, record, body, blobs };
        match inner.store.append_record(record, inner.by(caller)).await? {
            AppendOutcome::Appended(appended) => inner.receipt_of_new(&live, appended),
            AppendOutcome::Replayed(replayed) => inner.receipt_of_old(&live, replayed).await,
            AppendOutcome::StaleEpoch { current } => Err(ServiceError::StaleEpoch { current }),
            AppendOutcome::IdReused => Err(ServiceError::IdReused),
        }
    }
}

impl<S: Groups + Log + Members> Inner<S> {
    /// The live group, for a caller whose leaf in it has not lapsed. That it is a member at the instant of
    /// the write is the store's to say; a standing remembered here never makes it one.
    async fn live_for_author(&self, caller: &Caller, group: GroupId) -> Result<Arc<LiveGroup>, ServiceError> {
        let trust = self.trust();
        let now_ms = self.clock.now_ms();
        if let Some(live) = self.live.find(&group)
            && live.standings.is_good(&caller.identity, &trust, now_ms)
        {
            return Ok(live);
        }
        // The slow way, once for each author and snapshot of trust.
        self.member(caller, group).await?;
        let live = self.live(group).await?.ok_or(ServiceError::NotFound)?;
        let judged = self.judge_leaf(&live, &caller.identity, &trust, now_ms).await?;
        let certificate = judged.map_err(|_| ServiceError::LeafLapsed)?;
        live.standings.remember(&caller.identity, &trust, certificate.not_after_ms);
        Ok(live)
    }

    /// Takes an entry that has just become durable into the feed, and makes its receipt: one signature
    /// for all entries of its flush.
    pub(super) fn receipt_of_new(
        &self,
        live: &LiveGroup,
        appended: Appended,
    ) -> Result<Receipt, ServiceError> {
        let Appended { entry, digest: _, head, flush } = appended;
        let (position, received_at_ms) = (Position(entry.position), entry.received_at_ms);
        let link = flush.link_after(position).to_vec();
        let mut feed = live.feed();
        if !live.ropes.is_empty() {
            feed.insert(Arc::new(entry));
        }
        feed.advance(flush.position, flush.head);
        let now_ms = self.clock.now_ms();
        let signed = feed.signed(&live.id, flush.position, &flush.head, &self.key(), now_ms)?;
        Ok(Receipt { position, head, received_at_ms, signed, link })
    }

    /// The receipt of an entry that had become durable earlier: under the newest head where that is near
    /// enough, else under its own.
    pub(super) async fn receipt_of_old(
        &self,
        live: &LiveGroup,
        replayed: Replayed,
    ) -> Result<Receipt, ServiceError> {
        let Replayed { position, head, received_at_ms } = replayed;
        // What the feed knows is durable, but may lag behind an entry whose author is still on its way.
        let (newest, newest_head) = live.feed().newest();
        let near = newest.0.checked_sub(position.0).filter(|far| *far <= LINK_DIGESTS_MAX as u64);
        let (under, under_head, link) = match near {
            Some(0) | None => (position, head, Vec::new()),
            Some(_) => {
                let link = self.store.entry_digests(live.id, position.next(), newest).await?;
                (newest, newest_head, link)
            }
        };
        let now_ms = self.clock.now_ms();
        let signed = live.feed().signed(&live.id, under, &under_head, &self.key(), now_ms)?;
        Ok(Receipt { position, head, received_at_ms, signed, link })
    }
}
