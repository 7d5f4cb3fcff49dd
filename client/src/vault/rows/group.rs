//! The row of one group: where it stands here, and what it has to do with others.

use prost::Message;

/// One case or other conversation. Not printed: it has a title.
#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
pub struct GroupRow {
    /// Title; empty while no subject record was read.
    #[prost(string, tag = "1")]
    pub title: String,
    /// v1::SubjectKind.
    #[prost(int32, tag = "2")]
    pub subject_kind: i32,
    /// The epoch in force here.
    #[prost(uint64, tag = "3")]
    pub epoch: u64,
    /// Its id, 32 bytes.
    #[prost(bytes = "vec", tag = "4")]
    pub epoch_id: Vec<u8>,
    /// Our leaf.
    #[prost(uint32, tag = "5")]
    pub own_leaf: u32,
    /// The last log position processed.
    #[prost(uint64, tag = "6")]
    pub position: u64,
    /// The head there, 32 bytes.
    #[prost(bytes = "vec", tag = "7")]
    pub head: Vec<u8>,
    /// The position of the commit that added us; 0 for whoever made the group.
    #[prost(uint64, tag = "8")]
    pub join_position: u64,
    /// The charter hash of the group's policy.
    #[prost(bytes = "vec", tag = "9")]
    pub charter_hash: Vec<u8>,
    /// Put away on this device.
    #[prost(bool, tag = "10")]
    pub archived: bool,
    /// We were removed.
    #[prost(bool, tag = "11")]
    pub closed: bool,
    /// A commit could not be processed.
    #[prost(bool, tag = "12")]
    pub frozen: bool,
    /// Number of our own last record that is in the log.
    #[prost(uint64, tag = "13")]
    pub own_sequence: u64,
    /// Its hash.
    #[prost(bytes = "vec", tag = "14")]
    pub own_hash: Vec<u8>,
    /// When this device joined, milliseconds since 1970.
    #[prost(int64, tag = "15")]
    pub joined_at_ms: i64,
    /// When this device last updated its leaf; 0 for never since joining.
    #[prost(int64, tag = "16")]
    pub updated_at_ms: i64,
    /// Notes and documents readable here.
    #[prost(uint64, tag = "17")]
    pub items: u64,
    /// Server time of the last entry.
    #[prost(int64, tag = "18")]
    pub last_activity_ms: i64,
    /// SHA-256 of the certificate in our leaf.
    #[prost(bytes = "vec", tag = "19")]
    pub own_certificate: Vec<u8>,
    /// The server has the group: its creation was acknowledged.
    #[prost(bool, tag = "20")]
    pub created: bool,
    /// GroupInfo of epoch 0, kept until `created`.
    #[prost(bytes = "vec", tag = "21")]
    pub group_info: Vec<u8>,
    /// The welcome we joined by, kept until the server was told.
    #[prost(bytes = "vec", tag = "22")]
    pub welcome_id: Vec<u8>,
    /// The next number in the outbox.
    #[prost(uint64, tag = "23")]
    pub outbox_next: u64,
    /// Heads the server signed for positions not read yet.
    #[prost(message, repeated, tag = "24")]
    pub promises: Vec<PromiseRow>,
    /// Milliseconds since 1970: when a commit of upkeep was last tried, so that it is not tried at every turn.
    #[prost(int64, tag = "25")]
    pub upkeep_tried_at_ms: i64,
    /// The server does not show the group, and the log has not shown that we were removed.
    #[prost(bool, tag = "26")]
    pub not_shown: bool,
    /// The device whose commit could not be processed; empty unless frozen by one.
    #[prost(string, tag = "40")]
    pub frozen_by: String,
    /// The group that this one says it leads on: so it does when that one's `successor` is this one.
    #[prost(message, optional, tag = "41")]
    pub predecessor: Option<PredecessorRow>,
    /// Id of the group that leads this one on; empty for none. Nothing is written here any more.
    #[prost(bytes = "vec", tag = "42")]
    pub successor: Vec<u8>,
    /// Devices that are still to be added because they were in the group that this one leads on.
    #[prost(message, repeated, tag = "43")]
    pub carry: Vec<CarryRow>,
    /// The device that added us, whose word `predecessor` is.
    #[prost(string, tag = "44")]
    pub led_by: String,
    /// This device was never a member: what is here was read with recovered keys.
    #[prost(bool, tag = "45")]
    pub recovered: bool,
    /// How often this vault had been noticed to be put back from a copy when this log was last read to its end: fewer than
    /// [`RestoredRow`](super::RestoredRow) counts, and what is here is known to be old.
    #[prost(uint64, tag = "55")]
    pub restores_known: u64,
    /// The position of the commit that added us, once `join_position` is that of the commit by which we came back.
    #[prost(uint64, optional, tag = "56")]
    pub first_join: Option<u64>,
    /// The position of an entry that no honest server orders, and before which reading stops; 0 for none.
    #[prost(uint64, tag = "65")]
    pub ordered_invalid_at: u64,
    /// `frozen_by` signed all of what froze the group. Of a group that was frozen before this was asked nobody knows it.
    #[prost(bool, tag = "66")]
    pub frozen_by_signed: bool,
    /// What the group's commits have named of charter and lists, an encoded v1::ContextFloor; empty until one is bound.
    #[prost(bytes = "vec", tag = "70")]
    pub context_floor: Vec<u8>,
    /// That it leads another group on is the word of a member who is no owner there: a person decides whether to follow.
    #[prost(bool, tag = "80")]
    pub led_by_member: bool,
    /// The key that whoever added this device, or opened the group, signed with then, a P-256 point. Empty in groups that
    /// were joined before this was kept: then the key that stands in the roster counts.
    #[prost(bytes = "vec", tag = "90")]
    pub led_by_key: Vec<u8>,
    /// The ties between their keys that they showed then, an encoded v1::KeyTies; empty for none.
    #[prost(bytes = "vec", tag = "91")]
    pub led_by_ties: Vec<u8>,
    /// The id that this case had until another group took its place under it; empty for every other case.
    #[prost(bytes = "vec", tag = "50")]
    pub former_of: Vec<u8>,
    /// When this device, or another one of its person, asked to be taken off, milliseconds since 1970; 0 for never. Nothing
    /// that people write is sent here any more.
    #[prost(int64, tag = "75")]
    pub leaving_since_ms: i64,
    /// People whose own device asked in the log that they be taken off, and who are members still.
    #[prost(string, repeated, tag = "76")]
    pub leaving: Vec<String>,
    /// When this device noticed that somebody else had frozen the group, milliseconds since 1970; 0 where that was not kept.
    #[prost(int64, tag = "95")]
    pub frozen_at_ms: i64,
    /// What of `context_floor` is the word of whoever added us and was named by no commit processed here since, an encoded
    /// v1::ContextFloor; empty for nothing.
    #[prost(bytes = "vec", tag = "96")]
    pub told_floor: Vec<u8>,
    /// People who sit here by a commit of somebody whose word counts for nothing, and of whom nobody here has said that they
    /// belong in it.
    #[prost(string, repeated, tag = "97")]
    pub brought_by_outsiders: Vec<String>,
    /// People who were made owners that way.
    #[prost(string, repeated, tag = "98")]
    pub owners_by_outsiders: Vec<String>,
    /// When this device last noticed such a thing, milliseconds since 1970.
    #[prost(int64, tag = "99")]
    pub outsiders_noticed_at_ms: i64,
    /// When this person's wish to leave came to nothing, since nobody else was an owner any more, milliseconds since 1970; 0
    /// once they were told, and where there was none.
    #[prost(int64, tag = "100")]
    pub wish_lapsed_at_ms: i64,
    /// How often this vault had been noticed to be put back from a copy when `carry` was made.
    #[prost(uint64, tag = "101")]
    pub carry_restores_known: u64,
}

impl GroupRow {
    /// Where this device's reading begins: it may open to others what stands from there on.
    pub fn reads_from(&self) -> u64 {
        self.first_join.unwrap_or(self.join_position)
    }
}

/// How far the group that another one leads on could be followed.
#[derive(Clone, PartialEq, Message)]
pub struct PredecessorRow {
    /// Its id.
    #[prost(bytes = "vec", tag = "1")]
    pub group: Vec<u8>,
    /// Its last epoch that could be processed.
    #[prost(uint64, tag = "2")]
    pub epoch: u64,
    /// The id of that epoch, 32 bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub epoch_id: Vec<u8>,
    /// The last position of its log that could be processed.
    #[prost(uint64, tag = "4")]
    pub position: u64,
    /// The head there, 32 bytes.
    #[prost(bytes = "vec", tag = "5")]
    pub head: Vec<u8>,
}

/// A device that is still to be added.
#[derive(Clone, PartialEq, Message)]
pub struct CarryRow {
    /// Its name.
    #[prost(string, tag = "1")]
    pub identity: String,
    /// Its person was an owner.
    #[prost(bool, tag = "2")]
    pub owner: bool,
    /// The key of its last key package, a P-256 point, where that one is a change that nobody has looked at: no further
    /// key package is taken before somebody has. Empty for none.
    #[prost(bytes = "vec", tag = "3")]
    pub changed_key: Vec<u8>,
    /// When its last key package turned out to be one that the group cannot take in, milliseconds since 1970; somebody was
    /// told. 0 for never.
    #[prost(int64, tag = "105")]
    pub unfit_at_ms: i64,
}

/// A head the server signed for a position that has not been read yet.
#[derive(Clone, PartialEq, Message)]
pub struct PromiseRow {
    /// The position.
    #[prost(uint64, tag = "1")]
    pub position: u64,
    /// The head there, 32 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub head: Vec<u8>,
}
