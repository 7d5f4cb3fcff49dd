//! The engine: one writer, readers of what is durable, and the guards around sled. It knows rows and keys, and no act.
//!
//! Start with `committer` and `batch`, which every write goes through, then `view`, which every read does.

pub(super) mod acts;
pub(super) mod batch;
pub(super) mod committer;
pub(super) mod compact;
pub(super) mod config;
mod crowd;
mod file_system;
pub(super) mod folders;
pub(super) mod heads;
pub(super) mod keys;
pub(super) mod logs;
pub(super) mod open;
pub(super) mod rows;
pub(super) mod view;

pub(super) use acts::{act_of, first_of, next_sequence};
pub(super) use batch::{Audited, Batch, Flushes};
pub(super) use committer::{AMPLIFICATION, Committer, Demand, Queue, WeakQueue};
pub(super) use config::SledConfig;
pub(super) use folders::{chunk_folder, database_folder, side_files, side_folder};
pub(super) use heads::{first_head, head_after};
pub(super) use keys::{
    Key, Kind, entry_key, group_key, identity_in, identity_of, membership_key, middle, tail,
};
pub(super) use logs::{BLOCK_POSITIONS, Logs, ids_of, record_of};
pub(super) use open::Opened;
pub(super) use rows::{
    AccessRow, ActRow, AnswerRow, AttemptRow, AuditRow, BlobRow, CardRow, CertificateRow, CharterRow,
    CheckpointRow, ChunkFileRow, ChunkRow, ClaimedRow, CrlRow, DeskEventRow, DeskRow, EntryRow,
    EscrowCountRow, EscrowRow, EscrowedGrantRow, GroupInfoRow, GroupRow, INLINE_BODY_BYTES_MAX, IdBlockRow,
    InvitationRow, KeyPackageRow, LedgerEndRow, LedgerEntryRow, MemberRow, MembershipRow, PART_BYTES,
    PositionRow, RequestRow, Row, UploadRow, UsageRow, WelcomeContentRow, WelcomeRow, damaged, id, identity,
    unreadable,
};
pub(super) use view::{View, go_on};
