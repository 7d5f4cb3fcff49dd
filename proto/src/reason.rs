//! The machine-readable reason of a refusal: what it says of the next try, and how it travels in the gRPC status details.

use crate::v1::{ErrorDetail, Reason};
use prost::Message;

impl ErrorDetail {
    /// A detail that says only why.
    pub fn because(reason: Reason) -> Self {
        Self { reason: reason.into(), ..Self::default() }
    }

    /// Reads the detail out of a status; anything unreadable is no detail.
    pub fn from_status_details(details: &[u8]) -> Option<Self> {
        if details.is_empty() { None } else { Self::decode(details).ok() }
    }

    /// As it goes into a status.
    pub fn to_status_details(&self) -> Vec<u8> {
        self.encode_to_vec()
    }
}

/// What a refusal says of the next try. Each program decides by this, and names only the reasons that it treats otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nature {
    /// It is about the server as it is now and not about what was asked: the same may succeed later.
    Passing,
    /// What the sender knew is behind: after catching up it can be made anew.
    Stale,
    /// The same is never taken.
    ForGood,
    /// Unknown, or not for the caller: one answer for both, so that existence stays secret.
    Secret,
    /// What only an admin's program asks for is not taken; an admin decides.
    OfAdmins,
}

impl Reason {
    /// What it says of the next try: the one place where a new reason is classed.
    pub const fn nature(self) -> Nature {
        match self {
            Self::RateLimited
            | Self::QuotaExceeded
            | Self::DailyLimit
            | Self::StorageFull
            | Self::Unavailable
            | Self::Internal => Nature::Passing,
            Self::StaleEpoch
            | Self::HeadTooOld
            | Self::TrustStale
            | Self::ClockSkew
            | Self::UploadIncomplete
            | Self::RecoveryKeyChanged => Nature::Stale,
            Self::Unspecified
            | Self::Malformed
            | Self::NotCanonical
            | Self::TooLarge
            | Self::IdReused
            | Self::CommitInvalid
            | Self::CommitNotAllowed
            | Self::LeafNotTrusted
            | Self::CertificateRefused
            | Self::DigestMismatch
            | Self::KeyPackageInvalid
            | Self::GroupExists
            | Self::InvitationUnknown
            | Self::InvitationUsed
            | Self::InvitationExpired
            | Self::NotAuthorised => Nature::ForGood,
            Self::NotFound => Nature::Secret,
            Self::TrustRefused
            | Self::ListRefused
            | Self::WouldCut
            | Self::LedgerRefused
            | Self::RecoveryNotOpen
            | Self::RecoveryStands => Nature::OfAdmins,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Nature, Reason};

    #[test]
    fn what_only_says_something_of_now_is_told_from_what_is_over() {
        for reason in [Reason::RateLimited, Reason::StorageFull, Reason::DailyLimit, Reason::Internal] {
            assert_eq!(reason.nature(), Nature::Passing, "{reason:?}");
        }
        for (reason, nature) in [
            (Reason::StaleEpoch, Nature::Stale),
            (Reason::Malformed, Nature::ForGood),
            (Reason::Unspecified, Nature::ForGood),
            (Reason::NotFound, Nature::Secret),
            (Reason::WouldCut, Nature::OfAdmins),
        ] {
            assert_eq!(reason.nature(), nature, "{reason:?}");
        }
    }
}
