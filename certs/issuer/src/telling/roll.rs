//! What a person is told when a step of a roll-over was not taken.

use crate::{
    ca::roll::{
        error::RollError,
        state::{OldCertificate, RollState},
    },
    telling::{
        time::day,
        told::{Said, said},
    },
};
use alcove_programs::{exit::Exit, language::Language};

/// How far a roll-over is, and how many valid certificates are from the old CA.
pub fn rolled(language: Language, state: RollState, living: usize) -> String {
    let Language::English = language;
    match state {
        RollState::Steady => "No roll-over is under way: one CA signs.".to_owned(),
        RollState::Begun => "There is a next CA. The old one still signs.".to_owned(),
        RollState::Switched => {
            format!("The new CA signs. {living} valid certificates are from the old CA.")
        }
    }
}

pub(super) fn exit(error: &RollError) -> Exit {
    use RollError as R;
    match error {
        R::Order(..) => Exit::Conflict,
        R::Charter(..) => Exit::Refused,
        R::OldCertificatesLive(..) => Exit::Conflict,
    }
}

pub(super) fn sentences(language: Language, error: &RollError) -> Said {
    use RollError as R;
    let Language::English = language;
    match error {
        R::Order(stands) => said(
            format!("The roll-over of this CA is {stands}; that command belongs to another step."),
            "See with `alcove-certs ca roll status` which step comes next.",
        ),
        R::Charter(needs) => said(
            format!("The charter does not list {needs}."),
            "Give the charter that is in force; draft, sign and publish it first.",
        ),
        R::OldCertificatesLive(certificates) => {
            let line = |old: &OldCertificate| {
                format!("\n  {} until {}", old.issued.name, day(old.issued.not_after_ms))
            };
            let lines: String = certificates.iter().map(line).collect();
            said(
                format!("{} certificates depend only on the old CA:{lines}", certificates.len()),
                "Wait until they are renewed, or give --force to end the old CA anyway.",
            )
        }
    }
}
