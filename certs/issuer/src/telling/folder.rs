//! What a person is told when a folder or a file is not as it has to be.

use crate::{
    ca::error::FolderError,
    telling::told::{Said, said},
};
use alcove_programs::{exit::Exit, language::Language};
use std::io::{self, ErrorKind};

pub(super) fn exit(error: &FolderError) -> Exit {
    use FolderError as F;
    match error {
        F::TooLarge { .. } | F::OpenToOthers(..) => Exit::Refused,
        F::EmptyPassphraseFile(..) => Exit::Locked,
        F::Busy(..)
        | F::Taken(..)
        | F::NotEmpty(..)
        | F::Unfinished(..)
        | F::OtherProfile(..)
        | F::Exists(..)
        | F::WouldOverwrite(..) => Exit::Conflict,
        F::NoCa(..) => Exit::NotFound,
        F::KeystoreDamaged(..) | F::LedgerDamaged { .. } | F::Mismatch(..) | F::InvitationsDamaged(..) => {
            Exit::Integrity
        }
        F::Io { source, .. } => of_io(source),
    }
}

pub(super) fn sentences(language: Language, error: &FolderError) -> Said {
    use FolderError as F;
    let Language::English = language;
    match error {
        F::Io { act, path, source } => said(
            format!("Could not {act} {}: {source}.", path.display()),
            match source.kind() {
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                    "Free some space, then run the command again."
                }
                ErrorKind::NotFound => "Check the path.",
                _ => "Check the path and who may use it.",
            },
        ),
        F::TooLarge { path, limit } => said(
            format!("{} has more than {limit} bytes.", path.display()),
            "This is not the file that belongs here; check its name.",
        ),
        F::Busy(path) => said(
            format!("Another alcove-certs is using {}.", path.display()),
            "Wait until it has finished, then run the command again.",
        ),
        F::Taken(path) => said(
            format!("{} already holds a CA.", path.display()),
            "Name another folder; a CA is never made over an old one.",
        ),
        F::NotEmpty(path) => said(
            format!("{} holds other files.", path.display()),
            "Name an empty folder or one that does not exist yet.",
        ),
        F::NoCa(path) => said(
            format!("{} holds no CA of the kind this needs.", path.display()),
            "Name the folder that `alcove-certs ca init` made.",
        ),
        F::Unfinished(path) => said(
            format!("The CA in {} is unfinished.", path.display()),
            "Run `alcove-certs ca init` again with the same names; it continues where it stopped.",
        ),
        F::OtherProfile(path) => said(
            format!("The CA in {} was begun under another name.", path.display()),
            "Give the names it was begun with, or another folder.",
        ),
        F::Exists(path) => {
            said(format!("{} exists.", path.display()), "Name another file; this one may hold signatures.")
        }
        F::WouldOverwrite(path) => said(
            format!("{} exists, and nothing was done.", path.display()),
            "Name another file, or give --force to write over it.",
        ),
        F::OpenToOthers(path) => said(
            format!("Other people on this machine may read the passphrase file {}.", path.display()),
            "Close it to them with chmod 600.",
        ),
        F::EmptyPassphraseFile(path) => said(
            format!("The passphrase file {} is empty.", path.display()),
            "Write the passphrase into it, or name the file that holds it.",
        ),
        F::KeystoreDamaged(path) => said(
            format!("{} was truncated or altered.", path.display()),
            "Restore the copy of the folder that you keep offline.",
        ),
        F::LedgerDamaged { path, line } => said(
            format!("{} is damaged at line {line}.", path.display()),
            "Restore the copy of the ledger, then add what was issued since.",
        ),
        F::Mismatch(path) => said(
            format!("{} does not belong to the keys of this folder.", path.display()),
            "Restore the copy of the folder that you keep offline.",
        ),
        F::InvitationsDamaged(path) => said(
            format!("{} was altered, or is another agency's.", path.display()),
            "Restore the copy that you keep offline, or remove the file and send the open invitations again.",
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
