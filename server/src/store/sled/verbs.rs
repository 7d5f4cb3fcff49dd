//! The verbs of the store, each led to the room that carries it out: a write as one batch of the committer, a read over
//! what is durable.

use super::{
    SledStore,
    blobs::uploads,
    check,
    desk::{enrolment, escrow, events, ledger, recoveries, trust},
    engine::{audit, batch::Batch, committer::Demand, open},
    log::{access, commits, directory, entries, welcomes},
};
use crate::store::{
    Result, Store, StoreError,
    access::{AccessEntry, NewAccess, OpenAccessOutcome},
    audit::{AuditPage, By},
    blobs::{Blob, FinishOutcome, IdleUpload, NewUpload, Upload},
    directory::{CardPage, ClaimedKeyPackage, KeyPackageCount, NewKeyPackages, Published},
    enrolment::{
        DeskEvent, DeskEventKind, HandInOutcome, NewInvitation, NewRenewal, NewRequest, OpenInvitation,
        OpenInvitationOutcome, RenewalOutcome, RequestPage, RequestState,
    },
    escrow::{EscrowPage, EscrowQuery, NewEscrow, PutEscrowOutcome, Recoverable, SealingPage},
    groups::{
        AppendOutcome, Checkpoint, CommitOutcome, CreateOutcome, GroupHead, LogPage, LogQuery, Member,
        Membership, NewCommit, NewGroup, NewRecord,
    },
    ledger::{LedgerEnd, LedgerOutcome, NewLedgerEntries},
    operation::{CheckReport, Health, Hint},
    recoveries::{Attempt, NewAttempt, OpenAttemptOutcome, RecoveredAccess},
    trust::TrustInForce,
    welcomes::WelcomePage,
};
use alcove_proto::{
    ids::{AccessId, AttemptId, BlobId, Digest, Epoch, GroupId, Head, Position, WelcomeId},
    limits::{KEY_PACKAGE_BYTES_MAX, LEDGER_ENTRY_BYTES_MAX},
    names::{Identity, Person, TrustDomain},
    v1::LogEntry,
};
use bytes::Bytes;
use tokio::sync::broadcast;

impl Store for SledStore {
    async fn create_group(&self, group: NewGroup, by: By) -> Result<CreateOutcome> {
        let demand = Demand::bytes(group.snapshot.len());
        self.queue.submit(demand, move |batch| entries::create(batch, &group, &by)).await
    }

    async fn group_head(&self, group: GroupId) -> Result<Option<GroupHead>> {
        self.read(move |view| view.head(&group)).await
    }

    async fn head_at(&self, group: GroupId, position: Position) -> Result<Option<Head>> {
        self.read(move |view| entries::head_at(view, &group, position)).await
    }

    async fn append_record(&self, record: NewRecord, by: By) -> Result<AppendOutcome> {
        let group = record.group;
        self.queue
            .submit_then(
                Demand::bytes(record.body.len()),
                move |batch| entries::append(batch, record, &by),
                move |pending, flushes| pending.durable(&group, flushes),
            )
            .await
    }

    async fn commit(&self, commit: NewCommit, by: By) -> Result<CommitOutcome> {
        let group = commit.group;
        let committed = self
            .queue
            .submit_then(
                Demand::bytes(commits::weight(&commit)),
                move |batch| commits::commit(batch, commit, &by),
                move |pending, flushes| pending.durable(&group, flushes),
            )
            .await;
        // Who was removed may have left uploads.
        self.wake.now();
        committed
    }

    async fn read_log(&self, query: LogQuery) -> Result<LogPage> {
        self.read(move |view| entries::read(view, &query)).await
    }

    async fn read_commits(&self, group: GroupId, from: Epoch, bytes_max: usize) -> Result<Vec<LogEntry>> {
        self.read(move |view| commits::read(view, &group, from, bytes_max)).await
    }

    async fn entry_digests(&self, group: GroupId, first: Position, last: Position) -> Result<Vec<Digest>> {
        self.read(move |view| entries::digests(view, &group, first, last)).await
    }

    async fn members(&self, group: GroupId) -> Result<Vec<Member>> {
        self.read(move |view| commits::members(view, &group)).await
    }

    async fn member(&self, group: GroupId, identity: Identity) -> Result<Option<Member>> {
        self.read(move |view| commits::member(view, &group, identity)).await
    }

    async fn memberships(
        &self,
        identity: Identity,
        after: Option<GroupId>,
        max: usize,
    ) -> Result<Vec<Membership>> {
        self.read(move |view| commits::memberships(view, &identity, after, max)).await
    }

    async fn end_of_stay(
        &self,
        group: GroupId,
        identity: Identity,
        after: Position,
    ) -> Result<Option<Position>> {
        self.read(move |view| commits::end_of_stay(view, &group, &identity, after)).await
    }

    async fn checkpoint(&self, group: GroupId) -> Result<Option<Checkpoint>> {
        self.read(move |view| commits::checkpoint(view, &group)).await
    }

    async fn group_info(&self, group: GroupId) -> Result<Option<(Epoch, Bytes)>> {
        self.read(move |view| commits::group_info(view, &group)).await
    }

    async fn welcomes(&self, identity: Identity, max: usize) -> Result<WelcomePage> {
        self.read(move |view| welcomes::list(view, &identity, max)).await
    }

    async fn read_tree(&self, identity: Identity, welcome: WelcomeId, offset: u64) -> Result<Option<Bytes>> {
        self.read(move |view| welcomes::read_tree(view, &identity, &welcome, offset)).await
    }

    async fn acknowledge_welcome(&self, welcome: WelcomeId, by: By) -> Result<bool> {
        let act = move |batch: &mut Batch<'_>| welcomes::acknowledge(batch, &welcome, &by);
        self.queue.submit(Demand::freeing(), act).await
    }

    async fn publish_key_packages(&self, packages: NewKeyPackages, by: By) -> Result<Published> {
        let demand = Demand::bytes((packages.one_time.len() + 1) * KEY_PACKAGE_BYTES_MAX);
        self.queue.submit(demand, move |batch| directory::publish(batch, &packages, &by)).await
    }

    async fn claim_key_packages(&self, identities: Vec<Identity>, by: By) -> Result<Vec<ClaimedKeyPackage>> {
        // Each leaves a row of some hundred bytes behind.
        let demand = Demand::bytes(identities.len() * 512);
        self.queue.submit(demand, move |batch| directory::claim(batch, &identities, &by)).await
    }

    async fn count_key_packages(&self, identity: Identity) -> Result<KeyPackageCount> {
        self.read(move |view| directory::count(view, &identity)).await
    }

    async fn publish_card(&self, sealed_card: Bytes, by: By) -> Result<()> {
        let demand = Demand::bytes(sealed_card.len());
        self.queue.submit(demand, move |batch| directory::publish_card(batch, sealed_card, &by)).await
    }

    async fn cards(
        &self,
        trust_domain: Option<TrustDomain>,
        after: Option<Identity>,
        max: usize,
    ) -> Result<CardPage> {
        self.read(move |view| directory::cards(view, trust_domain.as_ref(), after.as_ref(), max)).await
    }

    async fn open_access(&self, access: NewAccess, by: By) -> Result<OpenAccessOutcome> {
        let demand = Demand::bytes(access.ranges.len() * 16);
        self.queue.submit(demand, move |batch| access::open(batch, &access, &by)).await
    }

    async fn end_access(&self, group: GroupId, access: AccessId, by: By) -> Result<bool> {
        let act = move |batch: &mut Batch<'_>| access::end(batch, &group, &access, &by);
        self.queue.submit(Demand::freeing(), act).await
    }

    async fn access_entry(&self, group: GroupId, access: AccessId) -> Result<Option<AccessEntry>> {
        self.read(move |view| access::entry(view, &group, access)).await
    }

    async fn access_of(&self, group: GroupId, grantee: Identity) -> Result<Vec<AccessEntry>> {
        self.read(move |view| access::of(view, &group, &grantee)).await
    }

    async fn open_upload(&self, upload: NewUpload, quota_bytes_max: u64, by: By) -> Result<Upload> {
        let blob = upload.blob;
        let in_files = upload.shape.bytes_total() > uploads::INLINE_BLOB_BYTES_MAX;
        let act = move |batch: &mut Batch<'_>| uploads::open(batch, &upload, quota_bytes_max, &by);
        self.queue.submit(Demand::bytes(0), act).await?;
        let files = self.files.clone();
        self.read(move |view| {
            let progress = uploads::progress(view, &blob)?.ok_or(StoreError::NotFound)?;
            if in_files && !progress.finished {
                files.prepare(&blob)?;
            }
            Ok(progress)
        })
        .await
    }

    async fn put_chunk(&self, blob: BlobId, index: u32, chunk: Bytes, by: By) -> Result<()> {
        self.chunks.put(blob, index, chunk, by).await
    }

    async fn finish_upload(&self, blob: BlobId, digest: Digest, by: By) -> Result<FinishOutcome> {
        let asker = by.clone();
        if let Some(outcome) = self.read(move |view| uploads::verify(view, &blob, &digest, &asker)).await? {
            return Ok(outcome);
        }
        let act = move |batch: &mut Batch<'_>| uploads::finish(batch, &blob, &digest, &by);
        self.queue.submit(Demand::bytes(0), act).await
    }

    async fn blob(&self, blob: BlobId) -> Result<Option<Blob>> {
        self.read(move |view| uploads::blob(view, &blob)).await
    }

    async fn read_chunk(&self, blob: BlobId, index: u32) -> Result<Option<Bytes>> {
        match self.read(move |view| uploads::find_chunk(view, &blob, index)).await? {
            None => Ok(None),
            Some(uploads::ChunkPlace::Inline(chunk)) => Ok(Some(chunk)),
            Some(uploads::ChunkPlace::File(file)) => match self.files.read(&blob, index, &file).await? {
                Some(chunk) => Ok(Some(chunk)),
                // Deleted meanwhile, or lost.
                None if self.blob(blob).await?.is_none() => Ok(None),
                None => Err(StoreError::Damaged { what: "chunk" }),
            },
        }
    }

    async fn delete_blob(&self, blob: BlobId, by: By) -> Result<bool> {
        let act = move |batch: &mut Batch<'_>| uploads::delete(batch, &blob, &by);
        let deleted = self.queue.submit(Demand::freeing(), act).await?;
        if deleted {
            self.wake.now();
        }
        Ok(deleted)
    }

    async fn uploads(&self, after: Option<IdleUpload>, max: usize) -> Result<Vec<IdleUpload>> {
        self.read(move |view| uploads::uploads(view, after.as_ref(), max)).await
    }

    async fn expire_upload(&self, upload: IdleUpload, idle_since_ms: i64, by: By) -> Result<bool> {
        let act = move |batch: &mut Batch<'_>| uploads::expire(batch, &upload, idle_since_ms, &by);
        let expired = self.queue.submit(Demand::freeing(), act).await?;
        if expired {
            self.wake.now();
        }
        Ok(expired)
    }

    async fn blob_usage(&self, identity: Identity) -> Result<u64> {
        self.read(move |view| uploads::usage(view, &identity)).await
    }

    async fn open_invitation(&self, invitation: NewInvitation, by: By) -> Result<OpenInvitationOutcome> {
        self.queue.submit(Demand::bytes(0), move |batch| enrolment::open(batch, &invitation, &by)).await
    }

    async fn withdraw_invitation(&self, by: By) -> Result<bool> {
        self.queue.submit(Demand::freeing(), move |batch| enrolment::withdraw(batch, &by)).await
    }

    async fn hand_in_request(&self, request: NewRequest, by: By) -> Result<HandInOutcome> {
        let demand = Demand::bytes(request.request.len());
        self.queue.submit(demand, move |batch| enrolment::hand_in_request(batch, &request, &by)).await
    }

    async fn hand_in_renewal(&self, renewal: NewRenewal, by: By) -> Result<RenewalOutcome> {
        let demand = Demand::bytes(renewal.signed_renewal.len());
        self.queue.submit(demand, move |batch| enrolment::hand_in_renewal(batch, &renewal, &by)).await
    }

    async fn answer_request(&self, request_hash: Digest, sealed_answer: Bytes, by: By) -> Result<()> {
        let demand = Demand::bytes(sealed_answer.len());
        let act =
            move |batch: &mut Batch<'_>| enrolment::answer(batch, &request_hash, Some(sealed_answer), &by);
        self.queue.submit(demand, act).await
    }

    async fn refuse_request(&self, request_hash: Digest, by: By) -> Result<()> {
        let act = move |batch: &mut Batch<'_>| enrolment::answer(batch, &request_hash, None, &by);
        self.queue.submit(Demand::freeing(), act).await
    }

    async fn collect_answer(&self, request_hash: Digest, by: By) -> Result<Option<RequestState>> {
        let identity = by.identity.clone();
        let found = self.read(move |view| enrolment::look(view, &request_hash, &identity)).await?;
        let Some((state, told_before)) = found else { return Ok(None) };
        if !told_before {
            // Also on a full disk: a few bytes.
            let act = move |batch: &mut Batch<'_>| enrolment::collect(batch, &request_hash, &by);
            self.queue.submit(Demand::freeing(), act).await?;
        }
        Ok(Some(state))
    }

    async fn waiting_requests(
        &self,
        trust_domain: TrustDomain,
        after: Option<Identity>,
        max: usize,
    ) -> Result<RequestPage> {
        self.read(move |view| enrolment::waiting(view, &trust_domain, after.as_ref(), max)).await
    }

    async fn open_invitations(&self, trust_domain: TrustDomain, now_ms: i64) -> Result<Vec<OpenInvitation>> {
        self.read(move |view| enrolment::open_ones(view, &trust_domain, now_ms)).await
    }

    async fn put_desk_event(&self, kind: DeskEventKind, by: By) -> Result<()> {
        self.queue.submit(Demand::bytes(0), move |batch| events::event(batch, kind, &by)).await
    }

    async fn desk_events(&self, trust_domain: TrustDomain, after: u64, max: usize) -> Result<Vec<DeskEvent>> {
        self.read(move |view| events::events(view, &trust_domain, after, max)).await
    }

    async fn put_escrow(&self, escrow: NewEscrow, by: By) -> Result<PutEscrowOutcome> {
        let demand = Demand::bytes(escrow::weight(&escrow));
        self.queue.submit(demand, move |batch| escrow::put(batch, &escrow, &by)).await
    }

    async fn certificates_missing(
        &self,
        trust_domain: TrustDomain,
        group: GroupId,
        certificates: Vec<Bytes>,
    ) -> Result<Vec<Bytes>> {
        self.read(move |view| escrow::missing(view, &trust_domain, &group, certificates)).await
    }

    async fn sealings(
        &self,
        group: GroupId,
        recovery_key_hash: Digest,
        device: Identity,
        from: Epoch,
        max: usize,
    ) -> Result<SealingPage> {
        self.read(move |view| escrow::sealings(view, &group, &recovery_key_hash, &device, from, max)).await
    }

    async fn recoverable(&self, person: Person, recovery_key_hash: Digest) -> Result<Vec<Recoverable>> {
        self.read(move |view| escrow::recoverable(view, &person, &recovery_key_hash)).await
    }

    async fn escrow_page(&self, query: EscrowQuery) -> Result<EscrowPage> {
        self.read(move |view| escrow::page(view, &query)).await
    }

    async fn open_attempt(&self, attempt: NewAttempt, by: By) -> Result<OpenAttemptOutcome> {
        let demand = Demand::bytes(attempt.order.len());
        self.queue.submit(demand, move |batch| recoveries::open(batch, &attempt, &by)).await
    }

    async fn withdraw_attempt(
        &self,
        trust_domain: TrustDomain,
        attempt: AttemptId,
        time_ms: i64,
        request: u64,
    ) -> Result<Option<Attempt>> {
        let act = move |batch: &mut Batch<'_>| {
            recoveries::withdraw(batch, &trust_domain, &attempt, time_ms, request)
        };
        // Also on a full disk, like an objection: a few bytes that keep something from being handed out.
        self.queue.submit(Demand::freeing(), act).await
    }

    async fn object_to_attempt(
        &self,
        attempt: AttemptId,
        signed_objection: Bytes,
        by: By,
    ) -> Result<Option<Attempt>> {
        let act = move |batch: &mut Batch<'_>| recoveries::object(batch, &attempt, &signed_objection, &by);
        self.queue.submit(Demand::freeing(), act).await
    }

    async fn hand_out(
        &self,
        trust_domain: TrustDomain,
        attempt: AttemptId,
        accesses: Vec<RecoveredAccess>,
        time_ms: i64,
        request: u64,
    ) -> Result<Option<Attempt>> {
        let demand = Demand::bytes(accesses.iter().map(|access| access.ranges.len() * 20 + 512).sum());
        let act = move |batch: &mut Batch<'_>| {
            recoveries::hand_out(batch, &trust_domain, &attempt, &accesses, time_ms, request)
        };
        self.queue.submit(demand, act).await
    }

    async fn attempt(&self, trust_domain: TrustDomain, attempt: AttemptId) -> Result<Option<Attempt>> {
        self.read(move |view| recoveries::attempt(view, &trust_domain, &attempt)).await
    }

    async fn attempts(&self, trust_domain: TrustDomain) -> Result<Vec<Attempt>> {
        self.read(move |view| recoveries::attempts(view, &trust_domain)).await
    }

    async fn trust_in_force(&self) -> Result<TrustInForce> {
        self.read(trust::read).await
    }

    async fn put_trust_in_force(&self, now: TrustInForce) -> Result<()> {
        // Before anybody is let in by it, also on a full disk: a few bytes.
        self.queue.submit(Demand::freeing(), move |batch| trust::put(batch, &now)).await
    }

    async fn append_ledger(&self, new: NewLedgerEntries) -> Result<LedgerOutcome> {
        let demand = Demand::bytes((new.entries.len() + 1) * LEDGER_ENTRY_BYTES_MAX);
        self.queue.submit(demand, move |batch| ledger::append(batch, &new)).await
    }

    async fn ledger_end(&self, trust_domain: TrustDomain) -> Result<Option<LedgerEnd>> {
        self.read(move |view| ledger::end(view, &trust_domain)).await
    }

    async fn ledger_entries(&self, trust_domain: TrustDomain, after: u64, max: usize) -> Result<Vec<Bytes>> {
        self.read(move |view| ledger::entries(view, &trust_domain, after, max)).await
    }

    async fn audit(&self, after: u64, max: usize) -> Result<AuditPage> {
        self.read(move |view| audit::page(view, after, max)).await
    }

    fn hints(&self) -> broadcast::Receiver<Hint> {
        self.hints.subscribe()
    }

    async fn check(&self) -> Result<CheckReport> {
        let files = self.files.clone();
        let folder = self.config.folder.clone();
        self.read(move |view| check::Check { view, files: &files, data: &folder }.run()).await
    }

    async fn health(&self) -> Result<Health> {
        let (folder, space, db) = (self.config.folder.clone(), self.space.clone(), self.db.clone());
        let open = self.queue.is_open();
        self.read(move |_| open::health(&folder, &space, &db, open)).await
    }
}
