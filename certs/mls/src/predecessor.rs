//! The group that another one leads on. PROTOCOL.md section 8, "Successor groups".

use crate::policy_error::PolicyError;
use alcove_proto::{
    canonical,
    ids::{Epoch, EpochId, GroupId, Head, Position},
    v1,
};
use prost::Message;

/// How far the members of a group could follow it, as the owner says who leads it on.
///
/// It stands in the new group's policy, so that every GroupInfo signed there covers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Predecessor {
    /// The group.
    pub group: GroupId,
    /// Its last epoch that could be processed.
    pub epoch: Epoch,
    /// The id of that epoch: names the branch of the group's history.
    pub epoch_id: EpochId,
    /// The last position of its log before the commit that could not be processed.
    pub position: Position,
    /// The head there.
    pub head: Head,
}

impl Predecessor {
    /// Parses an encoded [`v1::Predecessor`].
    ///
    /// Errors: [`PolicyError::Encoding`], [`PolicyError::Length`].
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, PolicyError> {
        let message: v1::Predecessor = canonical::decode(bytes)?;
        Ok(Self {
            group: GroupId::try_from(message.group_id.as_slice())?,
            epoch: Epoch(message.epoch),
            epoch_id: EpochId::try_from(message.epoch_id.as_slice())?,
            position: Position(message.position),
            head: Head::try_from(message.head.as_slice())?,
        })
    }

    /// The canonical bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        v1::Predecessor {
            group_id: self.group.to_vec(),
            epoch: self.epoch.0,
            epoch_id: self.epoch_id.to_vec(),
            position: self.position.0,
            head: self.head.to_vec(),
        }
        .encode_to_vec()
    }
}
