//! What a person is told when the keys of a request were not certified.

use crate::{
    certify::error::RequestError,
    telling::{
        time::day,
        told::{Said, said},
    },
};
use alcove_programs::{exit::Exit, language::Language};

pub(super) fn exit(error: &RequestError) -> Exit {
    use RequestError as R;
    match error {
        R::OtherWords(..)
        | R::Unreadable(_)
        | R::Format { .. }
        | R::Csr { .. }
        | R::SealingKey
        | R::KeyReused => Exit::Refused,
        R::IdentityTaken { .. } | R::KeyTaken(..) => Exit::Conflict,
        R::Card(_) => Exit::Usage,
    }
}

pub(super) fn sentences(language: Language, error: &RequestError) -> Said {
    use RequestError as R;
    let Language::English = language;
    match error {
        R::OtherWords(words) => said(
            format!("The request's words are: {words}. They are not the ones you gave."),
            "Let the person read their words once more. If they differ again, the request is not theirs: do not sign it.",
        ),
        R::Unreadable(fault) => said(
            format!("The request cannot be read: {fault}."),
            "Ask for the file that `alcove enrol request` or `alcove-server init` wrote.",
        ),
        R::Format { found } => said(
            format!("The request has format {found}, which this version does not know."),
            "Bring both programs to the same version.",
        ),
        R::Csr { which, fault } => said(
            format!("The {which} key's request is refused: {fault}."),
            "Ask for a new request file; this one was altered or made by another program.",
        ),
        R::SealingKey => {
            said("The request's sealing key is not a P-256 point.", "Ask for a new request file.")
        }
        R::KeyReused => said("The request uses one key for two purposes.", "Ask for a new request file."),
        R::IdentityTaken { identity, not_after_ms } => said(
            format!("{identity} has certificates for other keys until {}.", day(*not_after_ms)),
            "Revoke that device first, or give a different --device number.",
        ),
        R::KeyTaken(name) => said(
            format!("The keys of this request are already certified as {name}."),
            "Give --handle and --device of that name, or ask for a new request.",
        ),
        R::Card(fault) => said(
            format!("The name or role cannot be put on a card: {fault}."),
            "Write each as one line of at most 200 bytes without control characters.",
        ),
    }
}
