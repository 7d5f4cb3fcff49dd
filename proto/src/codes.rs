//! What sides and roles are called for programs: words that never change.

use crate::v1::{Role, Side};

impl Side {
    /// Its name for programs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unspecified => "unknown",
            Self::Provider => "provider",
            Self::ChildProtection => "child-protection",
            Self::Prosecution => "prosecution",
            Self::LawEnforcement => "law-enforcement",
            Self::TrainingOnly => "training-only",
        }
    }
}

impl Role {
    /// Its name for programs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unspecified | Self::Member => "member",
            Self::Owner => "owner",
        }
    }
}
