//! Groups, their logs, welcomes and access entries.
//!
//! What is checked here is form: sizes, ids, order. Whether a log is the right one, the log verifier says.

use super::{CALL_DEADLINE, LARGE_CALL_DEADLINE, Server, ServerError, call};
use alcove_proto::{
    ids::{AccessId, BlobId, GroupId, Position, RecordId, WelcomeId},
    limits::{
        COMMIT_GROUP_INFO_BYTES_MAX, LINK_DIGESTS_MAX, LOG_PAGE_ENTRIES_MAX, TREE_BYTES_MAX,
        WELCOME_BYTES_MAX, WELCOMES_PER_PAGE_MAX,
    },
    names::Identity,
    v1::{self, Receipt, SignedHead},
};
use alcove_rpc::v1::groups_client::GroupsClient;
use tonic::{Request, Streaming};

/// What became of a commit.
pub(crate) enum CommitOutcome {
    /// It is in the log.
    Accepted(Receipt),
    /// Another one was first; nothing of ours was written.
    Superseded,
}

/// A welcome that waits for this device.
pub(crate) struct WaitingWelcome {
    /// Its id.
    pub id: WelcomeId,
    /// The group it leads into.
    pub group: GroupId,
    /// The epoch joined.
    pub epoch: u64,
    /// Where the commit that adds us stands in the log.
    pub position: Position,
    /// Which of our key packages it was made for.
    pub key_package_ref: Vec<u8>,
    /// MLSMessage(Welcome).
    pub welcome: Vec<u8>,
    /// Entry digests from the pinned position + 1 to `position`.
    pub link: Vec<Vec<u8>>,
    /// Bytes of the tree that goes with it.
    pub tree_bytes: u64,
}

impl Server {
    /// Creates a group; the same call again is answered the same.
    pub(crate) async fn create_group(
        &self,
        group: &GroupId,
        group_info: Vec<u8>,
    ) -> Result<SignedHead, ServerError> {
        let request = v1::CreateGroupRequest { group_id: group.to_vec(), group_info };
        let answer =
            call(&self.line, CALL_DEADLINE, self.groups(), request, |mut client, request| async move {
                client.create_group(request).await
            })
            .await?;
        answer.signed_head.ok_or(ServerError::bad("a group without a head"))
    }

    /// Offers a commit; the same commit again is answered the same.
    pub(crate) async fn submit_commit(
        &self,
        request: v1::SubmitCommitRequest,
    ) -> Result<CommitOutcome, ServerError> {
        let answer =
            call(&self.line, LARGE_CALL_DEADLINE, self.groups(), request, |mut client, request| async move {
                client.submit_commit(request).await
            })
            .await?;
        match answer.outcome {
            Some(v1::submit_commit_response::Outcome::Accepted(receipt)) => {
                Ok(CommitOutcome::Accepted(receipt))
            }
            Some(v1::submit_commit_response::Outcome::SupersededBy(_)) => Ok(CommitOutcome::Superseded),
            None => Err(ServerError::bad("a commit without an outcome")),
        }
    }

    /// Appends a sealed record; the same bytes again get the same receipt. `blob`: a finished one of this device, which
    /// the record makes readable.
    pub(crate) async fn append_record(
        &self,
        group: &GroupId,
        record: &RecordId,
        epoch: u64,
        bytes: Vec<u8>,
        blob: Option<BlobId>,
    ) -> Result<Receipt, ServerError> {
        let request = v1::AppendRecordRequest {
            group_id: group.to_vec(),
            record_id: record.to_vec(),
            epoch,
            record: bytes.into(),
            blob_ids: blob.into_iter().map(BlobId::to_vec).collect(),
        };
        let answer =
            call(&self.line, CALL_DEADLINE, self.groups(), request, |mut client, request| async move {
                client.append_record(request).await
            })
            .await?;
        answer.receipt.ok_or(ServerError::bad("a record without a receipt"))
    }

    /// Reads one page of a log after `after`, up to `through` (0: to the end).
    pub(crate) async fn read_log(
        &self,
        group: &GroupId,
        after: Position,
        through: Position,
    ) -> Result<v1::ReadLogResponse, ServerError> {
        let request = v1::ReadLogRequest {
            group_id: group.to_vec(),
            after_position: after.0,
            entries_max: 0,
            through_position: through.0,
        };
        let answer =
            call(&self.line, LARGE_CALL_DEADLINE, self.groups(), request, |mut client, request| async move {
                client.read_log(request).await
            })
            .await?;
        if answer.entries.len() > LOG_PAGE_ENTRIES_MAX || answer.link.len() > LINK_DIGESTS_MAX {
            return Err(ServerError::bad("a page of the log over its limit"));
        }
        // A page without entries that promises more would be asked for without end.
        if answer.more && answer.entries.is_empty() {
            return Err(ServerError::bad("a page of the log that leads nowhere"));
        }
        Ok(answer)
    }

    /// Reads entry digests from the position after `after` on, up to `through`: one at least, and as many as one answer
    /// holds.
    pub(crate) async fn read_digests(
        &self,
        group: &GroupId,
        after: Position,
        through: Position,
    ) -> Result<Vec<Vec<u8>>, ServerError> {
        let request = v1::ReadDigestsRequest {
            group_id: group.to_vec(),
            after_position: after.0,
            through_position: through.0,
        };
        let answer =
            call(&self.line, CALL_DEADLINE, self.groups(), request, |mut client, request| async move {
                client.read_digests(request).await
            })
            .await?;
        let distance = through.0.saturating_sub(after.0);
        let found = answer.digests.len() as u64;
        if found == 0 || found > distance || answer.digests.len() > LINK_DIGESTS_MAX {
            return Err(ServerError::bad("another number of digests"));
        }
        Ok(answer.digests)
    }

    /// Follows logs live, from one cursor each. The caller reconnects.
    pub(crate) async fn subscribe(
        &self,
        cursors: impl IntoIterator<Item = (GroupId, Position)>,
    ) -> Result<Streaming<v1::SubscribeResponse>, ServerError> {
        let cursors = cursors
            .into_iter()
            .map(|(group, after)| v1::Cursor { group_id: group.to_vec(), after_position: after.0 })
            .collect();
        let mut client = self.groups();
        let opening = client.subscribe(Request::new(v1::SubscribeRequest { cursors }));
        Ok(self.line.wait(CALL_DEADLINE, opening).await??.into_inner())
    }

    /// The welcomes that wait, and whether more wait behind them.
    pub(crate) async fn list_welcomes(&self) -> Result<(Vec<WaitingWelcome>, bool), ServerError> {
        let request = v1::ListWelcomesRequest {};
        let answer =
            call(&self.line, LARGE_CALL_DEADLINE, self.groups(), request, |mut client, request| async move {
                client.list_welcomes(request).await
            })
            .await?;
        if answer.welcomes.len() > WELCOMES_PER_PAGE_MAX {
            return Err(ServerError::bad("welcomes over their limit"));
        }
        let welcomes = answer.welcomes.into_iter().map(parse_welcome).collect::<Result<_, _>>()?;
        Ok((welcomes, answer.more))
    }

    /// Fetches the ratchet tree of a welcome. Its tree hash is checked by whoever joins.
    pub(crate) async fn fetch_tree(&self, welcome: &WaitingWelcome) -> Result<Vec<u8>, ServerError> {
        let expected = usize::try_from(welcome.tree_bytes)
            .ok()
            .filter(|bytes| *bytes <= TREE_BYTES_MAX)
            .ok_or(ServerError::bad("a tree over its limit"))?;
        let request = v1::FetchTreeRequest { welcome_id: welcome.id.to_vec() };
        let fetch = |mut client: GroupsClient<_>, request: Request<_>| async move {
            let mut stream = client.fetch_tree(request).await?.into_inner();
            let mut tree = Vec::with_capacity(expected);
            while let Some(part) = stream.message().await? {
                if tree.len() + part.chunk.len() > expected {
                    // Longer than announced: cut here, and found short or long below.
                    tree.clear();
                    break;
                }
                tree.extend(part.chunk);
            }
            Ok(tonic::Response::new(tree))
        };
        let tree = call(&self.line, LARGE_CALL_DEADLINE, self.groups(), request, fetch).await?;
        if tree.len() == expected { Ok(tree) } else { Err(ServerError::bad("a tree of another size")) }
    }

    /// The epoch in force, and the GroupInfo that its opener handed in: empty when that was none. Whether it is believed is
    /// judged by whoever comes back by it.
    pub(crate) async fn fetch_group_info(&self, group: &GroupId) -> Result<(u64, Vec<u8>), ServerError> {
        let request = v1::FetchGroupInfoRequest { group_id: group.to_vec() };
        let answer =
            call(&self.line, CALL_DEADLINE, self.groups(), request, |mut client, request| async move {
                client.fetch_group_info(request).await
            })
            .await?;
        if answer.group_info.len() > COMMIT_GROUP_INFO_BYTES_MAX {
            return Err(ServerError::bad("a group info over its limit"));
        }
        Ok((answer.epoch, answer.group_info))
    }

    /// Tells the server that a welcome has been joined by.
    pub(crate) async fn acknowledge_welcome(&self, welcome: &WelcomeId) -> Result<(), ServerError> {
        let request = v1::AcknowledgeWelcomeRequest { welcome_id: welcome.to_vec() };
        call(&self.line, CALL_DEADLINE, self.groups(), request, |mut client, request| async move {
            client.acknowledge_welcome(request).await
        })
        .await
        .map(drop)
    }

    /// Opens ranges of positions (inclusive) to a member that joined after them.
    pub(crate) async fn open_access(
        &self,
        group: &GroupId,
        access: &AccessId,
        grantee: &Identity,
        ranges: Vec<(Position, Position)>,
        not_after_ms: i64,
    ) -> Result<(), ServerError> {
        let request = v1::OpenAccessRequest {
            group_id: group.to_vec(),
            access_id: access.to_vec(),
            grantee: grantee.to_string(),
            ranges: ranges
                .into_iter()
                .map(|(first, last)| v1::PositionRange { first: first.0, last: last.0 })
                .collect(),
            not_after_ms,
        };
        call(&self.line, CALL_DEADLINE, self.groups(), request, |mut client, request| async move {
            client.open_access(request).await
        })
        .await
        .map(drop)
    }

    /// Ends an access entry.
    pub(crate) async fn end_access(&self, group: &GroupId, access: &AccessId) -> Result<(), ServerError> {
        let request = v1::EndAccessRequest { group_id: group.to_vec(), access_id: access.to_vec() };
        call(&self.line, CALL_DEADLINE, self.groups(), request, |mut client, request| async move {
            client.end_access(request).await
        })
        .await
        .map(drop)
    }
}

fn parse_welcome(welcome: v1::PendingWelcome) -> Result<WaitingWelcome, ServerError> {
    let wrong = |_| ServerError::bad("a welcome with wrong ids");
    if welcome.welcome.len() > WELCOME_BYTES_MAX || welcome.link.len() > LINK_DIGESTS_MAX {
        return Err(ServerError::bad("a welcome over its limit"));
    }
    Ok(WaitingWelcome {
        id: WelcomeId::try_from(welcome.welcome_id.as_slice()).map_err(wrong)?,
        group: GroupId::try_from(welcome.group_id.as_slice()).map_err(wrong)?,
        epoch: welcome.epoch,
        position: Position(welcome.position),
        key_package_ref: welcome.key_package_ref,
        welcome: welcome.welcome,
        link: welcome.link,
        tree_bytes: welcome.tree_bytes,
    })
}
