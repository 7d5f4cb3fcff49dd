//! Values of the rows of groups, blobs and the desk.

use super::{super::engine::rows::*, DEVICE, OTHER_DEVICE, hash, id, opaque};

pub(super) fn group() -> GroupRow {
    GroupRow { created_at_ms: 1, creator: DEVICE.to_owned(), creation_digest: hash(3), access_open: 4 }
}

pub(super) fn entry() -> EntryRow {
    EntryRow {
        kind: 1,
        epoch: 2,
        author: DEVICE.to_owned(),
        received_at_ms: 4,
        body: opaque(5).into(),
        head: hash(6),
        body_bytes: 7,
        record: id(8),
    }
}

pub(super) fn id_block() -> IdBlockRow {
    IdBlockRow { records: [id(1), id(2)].concat(), commits: vec![2, 300] }
}

pub(super) fn member() -> MemberRow {
    MemberRow { identity: DEVICE.to_owned(), joined: 2 }
}

pub(super) fn membership() -> MembershipRow {
    MembershipRow { leaf: 1, joined: 2 }
}

pub(super) fn checkpoint() -> CheckpointRow {
    CheckpointRow { epoch: 1, position: 2, bytes: 3 }
}

pub(super) fn group_info() -> GroupInfoRow {
    GroupInfoRow { epoch: 1, group_info: opaque(2).into() }
}

pub(super) fn welcome() -> WelcomeRow {
    WelcomeRow { group: id(1), position: 2, key_package_ref: hash(3) }
}

pub(super) fn welcome_content() -> WelcomeContentRow {
    WelcomeContentRow { epoch: 1, pinned: 2, welcome_bytes: 3, tree_bytes: 4, waiting: 5 }
}

pub(super) fn key_package() -> KeyPackageRow {
    KeyPackageRow { bytes: opaque(1).into(), not_after_ms: 2 }
}

pub(super) fn claimed() -> ClaimedRow {
    ClaimedRow { not_after_ms: 1 }
}

pub(super) fn card() -> CardRow {
    CardRow { sealed_card: opaque(1).into() }
}

pub(super) fn access() -> AccessRow {
    AccessRow {
        opener: DEVICE.to_owned(),
        grantee: OTHER_DEVICE.to_owned(),
        ranges: vec![3, 300],
        not_after_ms: Some(4),
        ended: true,
    }
}

pub(super) fn blob() -> BlobRow {
    BlobRow {
        group: id(1),
        uploader: DEVICE.to_owned(),
        chunk_count: 3,
        bytes_total: 4,
        finished: true,
        position: 6,
        digest: hash(7),
        named: 8,
    }
}

pub(super) fn upload() -> UploadRow {
    UploadRow { group: id(1), touched_at_ms: 2 }
}

pub(super) fn chunk() -> ChunkRow {
    ChunkRow { sha256: hash(1), file: Some(chunk_file()) }
}

pub(super) fn chunk_file() -> ChunkFileRow {
    ChunkFileRow { run: 1, attempt: 2 }
}

pub(super) fn charter() -> CharterRow {
    CharterRow { version: 1, hash: hash(2) }
}

pub(super) fn crl() -> CrlRow {
    CrlRow { number: 1, hash: hash(2), signer: hash(3) }
}

pub(super) fn invitation() -> InvitationRow {
    InvitationRow { claim_hash: hash(1), not_after_ms: 2, request_hash: hash(3) }
}

pub(super) fn request() -> RequestRow {
    RequestRow { request_hash: hash(1), handed_in_at_ms: 2, bytes: opaque(3).into(), proof: opaque(4) }
}

pub(super) fn answer() -> AnswerRow {
    AnswerRow {
        request_hash: hash(1),
        answered_at_ms: 2,
        sealed_answer: opaque(3).into(),
        refused: true,
        collected: true,
    }
}

pub(super) fn desk() -> DeskRow {
    DeskRow {
        sequence: 1,
        kept: vec![2, 300],
        recent: vec![desk_event()],
        swept_through: opaque(4),
        renewals: Some(5),
    }
}

pub(super) fn desk_event() -> DeskEventRow {
    DeskEventRow { kind: 1, identity: DEVICE.to_owned(), at_ms: 3 }
}

pub(super) fn ledger_end() -> LedgerEndRow {
    LedgerEndRow { count: 1, head: hash(2), signed: opaque(3).into(), time_ms: 4 }
}

pub(super) fn ledger_entry() -> LedgerEntryRow {
    LedgerEntryRow { entry: opaque(1).into() }
}

pub(super) fn audit() -> AuditRow {
    AuditRow { acts: vec![act()] }
}

pub(super) fn act() -> ActRow {
    ActRow {
        act: 1,
        request: 2,
        identity: DEVICE.to_owned(),
        time_ms: 4,
        group: id(5),
        position: 6,
        subject: id(7),
        concerning: OTHER_DEVICE.to_owned(),
    }
}
