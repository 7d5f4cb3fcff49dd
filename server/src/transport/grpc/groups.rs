//! The Groups service at the edge: requests into the service's words, answers back into messages.

use super::{
    call::{Call, Refusal, Reply},
    parse::{ParseError, at_most, count_at_most, distinct, id, identity, positions, required},
};
use crate::{
    service::{
        CommitOffer, CommitOutcome, Event, LogPage, LogRange, NewAccess, Receipt, Service, Subscription,
        TreeReader, WaitingWelcome,
    },
    store::Store,
};
use alcove_proto::{
    ids::{Digest, Epoch, GroupId, Position},
    limits::{
        ACCESS_RANGES_MAX, COMMIT_BYTES_MAX, COMMIT_GROUP_INFO_BYTES_MAX, CURSORS_MAX, GROUP_INFO_BYTES_MAX,
        GROUP_LEAVES_MAX, LOG_PAGE_ENTRIES_MAX, RECORD_BLOBS_MAX, RECORD_BYTES_MAX, WELCOME_BYTES_MAX,
    },
    names::Identity,
    v1,
};
use alcove_rpc::v1::groups_server::Groups;
use futures_util::stream::unfold;
use std::pin::Pin;
use tokio_stream::Stream;
use tonic::{Request, Response, Status, async_trait};

/// Bytes of a key package reference (RFC 9420 section 5.2, SHA-256).
const KEY_PACKAGE_REF_BYTES: usize = 32;

/// Serves `alcove.v1.Groups`.
pub(super) struct GroupsApi<S>(pub(super) Service<S>);

#[async_trait]
impl<S: Store> Groups for GroupsApi<S> {
    async fn create_group(&self, request: Request<v1::CreateGroupRequest>) -> Reply<v1::CreateGroupResponse> {
        Call::answered(request, async |call, message| {
            let group = id(&message.group_id)?;
            required(&message.group_info, GROUP_INFO_BYTES_MAX)?;
            let signed = self.0.create_group(&call.caller, group, message.group_info).await?;
            Ok(v1::CreateGroupResponse { signed_head: Some(v1::SignedHead::clone(&signed)) })
        })
        .await
    }

    async fn submit_commit(
        &self,
        request: Request<v1::SubmitCommitRequest>,
    ) -> Reply<v1::SubmitCommitResponse> {
        Call::answered(request, async |call, message| {
            let offer = commit_offer(message)?;
            let outcome = match self.0.submit_commit(&call.caller, offer).await? {
                CommitOutcome::Accepted(accepted) => {
                    v1::submit_commit_response::Outcome::Accepted(receipt(accepted))
                }
                CommitOutcome::SupersededBy(entry) => {
                    v1::submit_commit_response::Outcome::SupersededBy(entry)
                }
            };
            Ok(v1::SubmitCommitResponse { outcome: Some(outcome) })
        })
        .await
    }

    async fn append_record(
        &self,
        request: Request<v1::AppendRecordRequest>,
    ) -> Reply<v1::AppendRecordResponse> {
        Call::answered(request, async |call, message| {
            let (group, record) = (id(&message.group_id)?, id(&message.record_id)?);
            required(&message.record, RECORD_BYTES_MAX)?;
            let epoch = Epoch(message.epoch);
            count_at_most(message.blob_ids.len(), RECORD_BLOBS_MAX)?;
            let blobs = message.blob_ids.iter().map(|blob| id(blob)).collect::<Result<_, _>>()?;
            let appended =
                self.0.append_record(&call.caller, group, epoch, record, message.record, blobs).await?;
            Ok(v1::AppendRecordResponse { receipt: Some(receipt(appended)) })
        })
        .await
    }

    async fn read_log(&self, request: Request<v1::ReadLogRequest>) -> Reply<v1::ReadLogResponse> {
        Call::answered(request, async |call, message| {
            let range = log_range(&message)?;
            let LogPage { entries, signed, more, link } = self.0.read_log(&call.caller, range).await?;
            let signed_head = signed.map(|signed| v1::SignedHead::clone(&signed));
            Ok(v1::ReadLogResponse { entries, signed_head, more, link: digests(&link) })
        })
        .await
    }

    async fn read_digests(&self, request: Request<v1::ReadDigestsRequest>) -> Reply<v1::ReadDigestsResponse> {
        Call::answered(request, async |call, message| {
            let group = id(&message.group_id)?;
            let (first, through) = digest_range(&message)?;
            let found = self.0.read_digests(&call.caller, group, first, through).await?;
            Ok(v1::ReadDigestsResponse { digests: digests(&found) })
        })
        .await
    }

    type SubscribeStream = Pin<Box<dyn Stream<Item = Result<v1::SubscribeResponse, Status>> + Send>>;

    async fn subscribe(&self, request: Request<v1::SubscribeRequest>) -> Reply<Self::SubscribeStream> {
        let (call, message) = Call::begin(request)?;
        let subscribed = async {
            let cursors = cursors(message)?;
            Ok(self.0.subscribe(&call.caller, cursors).await?)
        };
        let subscription = subscribed.await.map_err(|refusal| call.refuse(refusal))?;
        // The call travels with its stream: it is under way until the stream ends.
        let stream =
            unfold(Some((subscription, call)), |state: Option<(Subscription<S>, Call)>| async move {
                let (mut subscription, call) = state?;
                match subscription.next().await {
                    Ok(Some(event)) => Some((Ok(event_message(event)), Some((subscription, call)))),
                    Ok(None) => None,
                    Err(error) => Some((Err(call.refuse(error.into())), None)),
                }
            });
        Ok(Response::new(Box::pin(stream)))
    }

    async fn list_welcomes(
        &self,
        request: Request<v1::ListWelcomesRequest>,
    ) -> Reply<v1::ListWelcomesResponse> {
        Call::answered(request, async |call, v1::ListWelcomesRequest {}| {
            let (welcomes, more) = self.0.list_welcomes(&call.caller).await?;
            Ok(v1::ListWelcomesResponse {
                welcomes: welcomes.into_iter().map(pending_welcome).collect(),
                more,
            })
        })
        .await
    }

    type FetchTreeStream = Pin<Box<dyn Stream<Item = Result<v1::FetchTreeResponse, Status>> + Send>>;

    async fn fetch_tree(&self, request: Request<v1::FetchTreeRequest>) -> Reply<Self::FetchTreeStream> {
        let (call, message) = Call::begin(request)?;
        let opened = async {
            let welcome = id(&message.welcome_id)?;
            Ok(self.0.open_tree(&call.caller, welcome).await?)
        };
        let reader = opened.await.map_err(|refusal| call.refuse(refusal))?;
        let stream = unfold(Some((reader, call)), |state: Option<(TreeReader<S>, Call)>| async move {
            let (mut reader, call) = state?;
            match reader.next().await {
                Ok(Some(chunk)) => Some((Ok(v1::FetchTreeResponse { chunk }), Some((reader, call)))),
                Ok(None) => None,
                Err(error) => Some((Err(call.refuse(error.into())), None)),
            }
        });
        Ok(Response::new(Box::pin(stream)))
    }

    async fn fetch_group_info(
        &self,
        request: Request<v1::FetchGroupInfoRequest>,
    ) -> Reply<v1::FetchGroupInfoResponse> {
        Call::answered(request, async |call, message| {
            let (epoch, group_info) = self.0.group_info(&call.caller, id(&message.group_id)?).await?;
            Ok(v1::FetchGroupInfoResponse { epoch: epoch.0, group_info: group_info.into() })
        })
        .await
    }

    async fn acknowledge_welcome(
        &self,
        request: Request<v1::AcknowledgeWelcomeRequest>,
    ) -> Reply<v1::AcknowledgeWelcomeResponse> {
        Call::answered(request, async |call, message| {
            self.0.acknowledge_welcome(&call.caller, id(&message.welcome_id)?).await?;
            Ok(v1::AcknowledgeWelcomeResponse {})
        })
        .await
    }

    async fn open_access(&self, request: Request<v1::OpenAccessRequest>) -> Reply<v1::OpenAccessResponse> {
        Call::answered(request, async |call, message| {
            self.0.open_access(&call.caller, new_access(&message)?).await?;
            Ok(v1::OpenAccessResponse {})
        })
        .await
    }

    async fn end_access(&self, request: Request<v1::EndAccessRequest>) -> Reply<v1::EndAccessResponse> {
        Call::answered(request, async |call, message| {
            self.0.end_access(&call.caller, id(&message.group_id)?, id(&message.access_id)?).await?;
            Ok(v1::EndAccessResponse {})
        })
        .await
    }
}

fn commit_offer(message: v1::SubmitCommitRequest) -> Result<CommitOffer, Refusal> {
    let group = id(&message.group_id)?;
    required(&message.commit, COMMIT_BYTES_MAX)?;
    at_most(&message.welcome, WELCOME_BYTES_MAX)?;
    at_most(&message.group_info, COMMIT_GROUP_INFO_BYTES_MAX)?;
    count_at_most(message.joiners.len(), GROUP_LEAVES_MAX)?;
    if message.welcome.is_empty() != message.joiners.is_empty() {
        return Err(ParseError::Contradiction.into());
    }
    let mut joiners: Vec<(Identity, Digest)> = Vec::with_capacity(message.joiners.len());
    for joiner in &message.joiners {
        count_at_most(joiner.key_package_ref.len(), KEY_PACKAGE_REF_BYTES)?;
        joiners.push((identity(&joiner.identity)?, id(&joiner.key_package_ref)?));
    }
    distinct(joiners.iter().map(|(identity, _)| identity))?;
    Ok(CommitOffer {
        group,
        epoch: Epoch(message.epoch),
        commit: message.commit.into(),
        welcome: message.welcome.into(),
        joiners,
        seen: Position(message.seen_position),
        group_info: message.group_info.into(),
    })
}

fn log_range(message: &v1::ReadLogRequest) -> Result<LogRange, Refusal> {
    let entries_max = match message.entries_max {
        0 => LOG_PAGE_ENTRIES_MAX,
        asked => usize::try_from(asked).unwrap_or(LOG_PAGE_ENTRIES_MAX).min(LOG_PAGE_ENTRIES_MAX),
    };
    let through = (message.through_position != 0).then_some(Position(message.through_position));
    if through.is_some_and(|through| through.0 <= message.after_position) {
        return Err(ParseError::Contradiction.into());
    }
    Ok(LogRange {
        group: id(&message.group_id)?,
        after: Position(message.after_position),
        entries_max,
        through,
    })
}

fn digest_range(message: &v1::ReadDigestsRequest) -> Result<(Position, Position), Refusal> {
    match message.after_position.checked_add(1) {
        Some(first) if first <= message.through_position => {
            Ok((Position(first), Position(message.through_position)))
        }
        Some(_) | None => Err(ParseError::Contradiction.into()),
    }
}

fn cursors(message: v1::SubscribeRequest) -> Result<Vec<(GroupId, Position)>, Refusal> {
    count_at_most(message.cursors.len(), CURSORS_MAX)?;
    let mut cursors = Vec::with_capacity(message.cursors.len());
    for cursor in &message.cursors {
        cursors.push((id::<GroupId>(&cursor.group_id)?, Position(cursor.after_position)));
    }
    distinct(cursors.iter().map(|(group, _)| group))?;
    Ok(cursors)
}

fn new_access(message: &v1::OpenAccessRequest) -> Result<NewAccess, Refusal> {
    count_at_most(message.ranges.len(), ACCESS_RANGES_MAX)?;
    if message.ranges.is_empty() {
        return Err(ParseError::Missing.into());
    }
    if message.not_after_ms < 0 {
        return Err(ParseError::Contradiction.into());
    }
    Ok(NewAccess {
        group: id(&message.group_id)?,
        access: id(&message.access_id)?,
        grantee: identity(&message.grantee)?,
        ranges: message.ranges.iter().map(positions).collect::<Result<_, _>>()?,
        not_after_ms: (message.not_after_ms != 0).then_some(message.not_after_ms),
    })
}

fn receipt(receipt: Receipt) -> v1::Receipt {
    v1::Receipt {
        position: receipt.position.0,
        head: receipt.head.to_vec(),
        received_at_ms: receipt.received_at_ms,
        signed_head: Some(v1::SignedHead::clone(&receipt.signed)),
        link: digests(&receipt.link),
    }
}

fn digests(digests: &[Digest]) -> Vec<Vec<u8>> {
    digests.iter().map(|digest| digest.to_vec()).collect()
}

fn pending_welcome(WaitingWelcome { pending, link }: WaitingWelcome) -> v1::PendingWelcome {
    v1::PendingWelcome {
        welcome_id: pending.id.to_vec(),
        group_id: pending.group.to_vec(),
        epoch: pending.epoch.0,
        position: pending.position.0,
        key_package_ref: pending.key_package_ref,
        welcome: pending.welcome.into(),
        link: digests(&link),
        tree_bytes: pending.tree_bytes,
    }
}

fn event_message(event: Event) -> v1::SubscribeResponse {
    use v1::subscribe_response::Event as Message;
    let event = match event {
        Event::Entries { group, entries, signed } => Message::Entries(v1::GroupEntries {
            group_id: group.to_vec(),
            entries: entries.iter().map(|entry| v1::LogEntry::clone(entry)).collect(),
            signed_head: signed.map(|signed| v1::SignedHead::clone(&signed)),
            link: Vec::new(),
        }),
        Event::WelcomeWaiting => Message::WelcomeWaiting(v1::WelcomeWaiting {}),
        Event::GroupClosed(group) => Message::GroupClosed(v1::GroupClosed { group_id: group.to_vec() }),
        Event::CaughtUp => Message::CaughtUp(v1::CaughtUp {}),
    };
    v1::SubscribeResponse { event: Some(event) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "spiffe://harborlight.northmark.example/staff/abcdefghijklmn27/device/1";

    fn commit() -> v1::SubmitCommitRequest {
        v1::SubmitCommitRequest {
            group_id: vec![1; 16],
            epoch: 3,
            commit: vec![1],
            welcome: vec![2],
            joiners: vec![v1::Joiner { identity: NAME.into(), key_package_ref: vec![3; 32] }],
            seen_position: 9,
            group_info: Vec::new(),
        }
    }

    fn is_refused<T>(result: Result<T, Refusal>, expected: ParseError) -> bool {
        matches!(result, Err(Refusal::Unparsed(error)) if error == expected)
    }

    #[test]
    fn a_commit_whose_welcome_and_joiners_contradict_each_other_is_refused() {
        assert!(commit_offer(commit()).is_ok());
        let without_welcome = v1::SubmitCommitRequest { welcome: Vec::new(), ..commit() };
        assert!(is_refused(commit_offer(without_welcome), ParseError::Contradiction));
        let without_joiners = v1::SubmitCommitRequest { joiners: Vec::new(), ..commit() };
        assert!(is_refused(commit_offer(without_joiners), ParseError::Contradiction));
        let mut twice = commit();
        twice.joiners.push(twice.joiners[0].clone());
        assert!(is_refused(commit_offer(twice), ParseError::Contradiction));
    }

    #[test]
    fn an_oversized_or_empty_commit_is_refused() {
        let large = v1::SubmitCommitRequest { commit: vec![0; COMMIT_BYTES_MAX + 1], ..commit() };
        let limit = COMMIT_BYTES_MAX as u64;
        assert!(is_refused(commit_offer(large), ParseError::TooLarge { limit }));
        let empty = v1::SubmitCommitRequest { commit: Vec::new(), ..commit() };
        assert!(is_refused(commit_offer(empty), ParseError::Missing));
        let mut short_reference = commit();
        short_reference.joiners[0].key_package_ref.pop();
        assert!(commit_offer(short_reference).is_err());
    }

    #[test]
    fn a_page_is_never_asked_larger_than_the_limit_nor_backwards() {
        let asked = v1::ReadLogRequest { group_id: vec![1; 16], entries_max: u32::MAX, ..Default::default() };
        assert_eq!(log_range(&asked).unwrap().entries_max, LOG_PAGE_ENTRIES_MAX);
        let backwards = v1::ReadLogRequest { after_position: 5, through_position: 5, ..asked };
        assert!(is_refused(log_range(&backwards), ParseError::Contradiction));
    }

    #[test]
    fn digests_are_asked_for_forward_or_not_at_all() {
        let asked = |after_position, through_position| v1::ReadDigestsRequest {
            group_id: vec![1; 16],
            after_position,
            through_position,
        };
        assert_eq!(digest_range(&asked(4, 5)).unwrap(), (Position(5), Position(5)));
        for (after, through) in [(5, 5), (5, 4), (u64::MAX, u64::MAX)] {
            assert!(is_refused(digest_range(&asked(after, through)), ParseError::Contradiction));
        }
    }

    #[test]
    fn two_cursors_of_one_group_or_too_many_are_refused() {
        let cursor = v1::Cursor { group_id: vec![1; 16], after_position: 0 };
        let twice = v1::SubscribeRequest { cursors: vec![cursor.clone(), cursor.clone()] };
        assert!(is_refused(cursors(twice), ParseError::Contradiction));
        let many = v1::SubscribeRequest { cursors: vec![cursor; CURSORS_MAX + 1] };
        assert!(is_refused(cursors(many), ParseError::TooLarge { limit: CURSORS_MAX as u64 }));
    }

    #[test]
    fn an_access_entry_without_ranges_or_with_a_broken_one_is_refused() {
        let good = v1::OpenAccessRequest {
            group_id: vec![1; 16],
            access_id: vec![2; 16],
            grantee: NAME.into(),
            ranges: vec![v1::PositionRange { first: 1, last: 2 }],
            not_after_ms: 0,
        };
        assert_eq!(new_access(&good).unwrap().not_after_ms, None);
        let none = v1::OpenAccessRequest { ranges: Vec::new(), ..good.clone() };
        assert!(is_refused(new_access(&none), ParseError::Missing));
        let reversed =
            v1::OpenAccessRequest { ranges: vec![v1::PositionRange { first: 2, last: 1 }], ..good.clone() };
        assert!(is_refused(new_access(&reversed), ParseError::Contradiction));
        let ended = v1::OpenAccessRequest { not_after_ms: -1, ..good };
        assert!(is_refused(new_access(&ended), ParseError::Contradiction));
    }
}
