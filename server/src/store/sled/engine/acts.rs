//! The numbers of acts and of audit entries.

use super::{
    keys::{Kind, tail},
    rows::{AuditRow, Row, damaged, unreadable},
};
use crate::store::{Result, audit::Act};
use ::sled::Tree;

/// The numbers on disk. Never change one.
const ACTS: [(Act, u32); 24] = [
    (Act::CreateGroup, 1),
    (Act::AppendRecord, 2),
    (Act::Commit, 3),
    (Act::AcknowledgeWelcome, 4),
    (Act::PublishKeyPackages, 5),
    (Act::ClaimKeyPackage, 6),
    (Act::PublishCard, 7),
    (Act::OpenAccess, 8),
    (Act::EndAccess, 9),
    (Act::OpenUpload, 10),
    (Act::FinishUpload, 11),
    (Act::DeleteBlob, 12),
    (Act::ExpireUpload, 13),
    (Act::OpenInvitation, 14),
    (Act::WithdrawInvitation, 15),
    (Act::HandInRequest, 16),
    (Act::HandInRenewal, 17),
    (Act::AnswerRequest, 18),
    (Act::RefuseRequest, 19),
    (Act::PutEscrow, 30),
    (Act::OpenRecovery, 31),
    (Act::WithdrawRecovery, 32),
    (Act::ObjectToRecovery, 33),
    (Act::HandOutEscrow, 34),
];

/// The number of `act` on disk.
pub(crate) fn act_number(act: Act) -> u32 {
    // Cannot be 0: every act is in the list, which a test checks.
    ACTS.iter().find(|(known, _)| *known == act).map_or(0, |(_, number)| *number)
}

/// The act of a number on disk; nothing when it is no act's.
pub(crate) fn act_of(number: u32) -> Option<Act> {
    ACTS.iter().find(|(_, known)| *known == number).map(|(act, _)| *act)
}

/// The number the next audit entry gets.
pub(crate) fn next_sequence(tree: &Tree) -> Result<u64> {
    let prefix = Kind::Audit.key().build();
    let Some(last) = tree.scan_prefix(&prefix).next_back() else { return Ok(1) };
    let (key, value) = last.map_err(unreadable)?;
    Ok(first_of(&key)? + AuditRow::from_value(&value)?.acts.len() as u64)
}

/// The number of the first entry in the row under `key`.
pub(crate) fn first_of(key: &[u8]) -> Result<u64> {
    tail(key).map(u64::from_be_bytes).ok_or(damaged(AuditRow::WHAT))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_act_has_a_number_of_its_own() {
        let numbers: HashSet<u32> = ACTS.iter().map(|(act, _)| act_number(*act)).collect();
        assert_eq!(numbers.len(), ACTS.len());
        assert!(!numbers.contains(&0));
        // A new act must be added to the list: the names are matched exhaustively there.
        let names: HashSet<&str> = ACTS.iter().map(|(act, _)| act.name()).collect();
        assert_eq!(names.len(), ACTS.len());
    }
}
