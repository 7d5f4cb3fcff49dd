//! What a person is told when a folder or a file is not as it has to be.

use crate::{
    ca::error::FolderError,
    telling::told::{Said, said},
};
use alcove_programs::{
    exit::Exit,
    language::Language::{self, English},
};
use std::io::{self, ErrorKind};

pub(super) fn exit(error: &FolderError) -> Exit {
    use FolderError as F;
    match error {
        F::TooLarge { .. } | F::OpenToOthers { .. } => Exit::Refused,
        F::Busy { .. }
        | F::Taken { .. }
        | F::NotEmpty { .. }
        | F::Unfinished { .. }
        | F::OtherProfile { .. }
        | F::Exists { .. }
        | F::WouldOverwrite { .. } => Exit::Conflict,
        F::NoCa { .. } => Exit::NotFound,
        F::KeystoreDamaged { .. }
        | F::LedgerDamaged { .. }
        | F::Mismatch { .. }
        | F::InvitationsDamaged { .. } => Exit::Integrity,
        F::Io { source, .. } => of_io(source),
    }
}

pub(super) fn sentences(language: Language, error: &FolderError) -> Said {
    use FolderError as F;
    match (language, error) {
        (English, F::Io { act, path, source }) => said(
            format!("Could not {act} {}: {source}.", path.display()),
            match source.kind() {
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                    "Free some space, then run the command again."
                }
                ErrorKind::NotFound => "Check the path.",
                _ => "Check the path and who may use it.",
            },
        ),
        (English, F::TooLarge { path, limit }) => said(
            format!("{} has more than {limit} bytes.", path.display()),
            "This is not the file that belongs here; check its name.",
        ),
        (English, F::Busy { path }) => said(
            format!("Another alcove-certs is at work in {}.", path.display()),
            "Wait until it is done, then run the command again.",
        ),
        (English, F::Taken { path }) => said(
            format!("{} holds a CA already.", path.display()),
            "Name another folder; a CA is never made over an old one.",
        ),
        (English, F::NotEmpty { path }) => said(
            format!("{} holds other files.", path.display()),
            "Name an empty folder or one that does not exist yet.",
        ),
        (English, F::NoCa { path }) => said(
            format!("{} holds no CA of the kind this needs.", path.display()),
            "Name the folder that `alcove-certs ca init` made.",
        ),
        (English, F::Unfinished { path }) => said(
            format!("The CA in {} was not made to the end.", path.display()),
            "Run `alcove-certs ca init` with the same names again; it goes on where it stopped.",
        ),
        (English, F::OtherProfile { path }) => said(
            format!("The CA in {} was begun under another name.", path.display()),
            "Give the names it was begun with, or another folder.",
        ),
        (English, F::Exists { path }) => {
            said(format!("{} exists.", path.display()), "Name another file; this one may hold signatures.")
        }
        (English, F::WouldOverwrite { path }) => said(
            format!("{} exists, and nothing was done.", path.display()),
            "Name another file, or give --force to write over it.",
        ),
        (English, F::OpenToOthers { path }) => said(
            format!("Other people on this machine may read the passphrase file {}.", path.display()),
            "Close it to them with chmod 600.",
        ),
        (English, F::KeystoreDamaged { path }) => said(
            format!("{} was truncated or altered.", path.display()),
            "Put back the copy of the folder that you keep offline.",
        ),
        (English, F::LedgerDamaged { path, line }) => said(
            format!("{} is damaged at line {line}.", path.display()),
            "Put back the copy of the ledger, then add what was issued since.",
        ),
        (English, F::Mismatch { path }) => said(
            format!("{} does not belong to the keys of this folder.", path.display()),
            "Put back the copy of the folder that you keep offline.",
        ),
        (English, F::InvitationsDamaged { path }) => said(
            format!("{} was altered, or is another agency's.", path.display()),
            "Put back the copy that you keep offline, or remove the file and send the open invitations again.",
        ),
    }
}

fn of_io(error: &io::Error) -> Exit {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Exit::NoSpace,
        ErrorKind::NotFound => Exit::NotFound,
        _ => Exit::Unexpected,
    }
}
