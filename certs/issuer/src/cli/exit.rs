//! What a person is told when something was not done: what happened, what to do, and the exit code.

use alcove_issuer::IssuerError;
use std::{
    io::{ErrorKind, Write, stderr},
    process::ExitCode,
};

use super::{exit_desk, exit_lists, output::day};
use alcove_charter::CharterError;
use alcove_programs::{
    exit::Exit,
    passphrase::{self, Unfit},
    text::{safe_block, safe_json},
};

/// Says on stderr what happened and what to do: two sentences for people, one object for scripts.
pub(crate) fn say(error: &IssuerError, json: bool) -> ExitCode {
    let (exit, happened, remedy) = explain(error);
    let said = if json {
        let object = serde_json::json!({
            "schema": "alcove.certs.error.v1",
            "exit": exit.code(),
            "error": exit.word(),
            "reason": reason(error),
            "what": happened,
            "do": remedy,
        });
        safe_json(&object.to_string())
    } else {
        safe_block(&format!("{happened}\n{remedy}"), "")
    };
    // Nobody is left to tell when stderr is gone.
    let _ = writeln!(stderr(), "{said}");
    exit.into()
}

/// Why, in one word for scripts, where the exit code alone would not tell them what to do next.
fn reason(error: &IssuerError) -> Option<&'static str> {
    match error {
        IssuerError::Charter(CharterError::KeyOfAnother { .. }) => Some("key-of-another"),
        IssuerError::Charter(CharterError::CaClaimMissing { .. }) => Some("ca-claim-missing"),
        IssuerError::Charter(CharterError::BadCaClaim { .. }) => Some("bad-ca-claim"),
        IssuerError::PassphraseUnfit(unfit) => Some(unfit.code()),
        IssuerError::OtherDirectoryKey => Some("other-directory-key"),
        IssuerError::WordsNotHeard { .. } => Some("words-not-heard"),
        IssuerError::WordsOfNothing | IssuerError::OtherKeyWords { .. } => Some("words-differ"),
        _ => None,
    }
}

pub(crate) fn explain(error: &IssuerError) -> (Exit, String, String) {
    use IssuerError as E;
    let (exit, happened, remedy): (Exit, String, &str) = match error {
        E::Io { act, path, source } => {
            let happened = format!("Could not {act} {}: {source}.", path.display());
            match source.kind() {
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                    (Exit::NoSpace, happened, "Free some space, then run the command again.")
                }
                ErrorKind::NotFound => (Exit::NotFound, happened, "Check the path."),
                _ => (Exit::Unexpected, happened, "Check the path and who may use it."),
            }
        }
        E::FileTooLarge { path, limit } => (
            Exit::Refused,
            format!("{} has more than {limit} bytes.", path.display()),
            "This is not the file that belongs here; check its name.",
        ),
        E::OtherRequest { words } => (
            Exit::Refused,
            format!("The request's words are: {words}. They are not the ones you gave."),
            "Let the person read their words once more. If they differ again the request is not theirs: do not sign it.",
        ),
        E::Busy { path } => (
            Exit::Conflict,
            format!("Another alcove-certs is at work in {}.", path.display()),
            "Wait until it is done, then run the command again.",
        ),
        E::FolderTaken { path } => (
            Exit::Conflict,
            format!("{} holds a CA already.", path.display()),
            "Name another folder; a CA is never made over an old one.",
        ),
        E::FolderNotEmpty { path } => (
            Exit::Conflict,
            format!("{} holds other files.", path.display()),
            "Name an empty folder or one that does not exist yet.",
        ),
        E::NoCa { path } => (
            Exit::NotFound,
            format!("{} holds no CA of the kind this needs.", path.display()),
            "Name the folder that `alcove-certs ca init` made.",
        ),
        E::Unfinished { path } => (
            Exit::Conflict,
            format!("The CA in {} was not made to the end.", path.display()),
            "Run `alcove-certs ca init` with the same names again; it goes on where it stopped.",
        ),
        E::OtherProfile { path } => (
            Exit::Conflict,
            format!("The CA in {} was begun under another name.", path.display()),
            "Give the names it was begun with, or another folder.",
        ),
        E::Exists { path } => (
            Exit::Conflict,
            format!("{} exists.", path.display()),
            "Name another file; this one may hold signatures.",
        ),
        E::WouldOverwrite { path } => (
            Exit::Conflict,
            format!("{} exists, and nothing was done.", path.display()),
            "Name another file, or give --force to write over it.",
        ),
        E::OpenToOthers { path } => (
            Exit::Refused,
            format!("Other people on this machine may read the passphrase file {}.", path.display()),
            "Close it to them with chmod 600.",
        ),
        E::NotConfirmed => (
            Exit::Refused,
            "You did not say yes, so nothing was signed.".to_owned(),
            "Compare the hash with another agency over the phone, then run the command again.",
        ),
        E::WordsNotHeard { missing } => (
            Exit::Refused,
            format!(
                "The draft brings in keys whose words you have not heard, so nothing was signed:\n  {}",
                missing.join("\n  ")
            ),
            "Call each owner at a number you have. At a terminal `charter sign` asks for the words; elsewhere give each with --heard \"six words\".",
        ),
        E::WordsOfNothing => (
            Exit::Refused,
            "No key that the draft brings in has the words you heard, so nothing was signed.".to_owned(),
            "Let their owner read them once more. If they stay the same the draft names another key than theirs: sign nothing, and call the other agencies' admins.",
        ),
        E::OtherKeyWords { what } => (
            Exit::Refused,
            format!("Nothing was signed. The words you heard are not those of the draft: {what}"),
            "Let their owner read them once more. If they stay the same the draft names another key than theirs: sign nothing, and call the other agencies' admins.",
        ),
        E::WrongPassphrase => (
            Exit::Locked,
            "The passphrase is not the one this CA was sealed with.".to_owned(),
            "Try again; without the passphrase nobody can open the CA.",
        ),
        E::PassphraseUnfit(unfit) => (
            Exit::Refused,
            match unfit {
                Unfit::Guessable { characters, different } => format!(
                    "The passphrase is too easy to guess: it has {characters} characters, {different} of them different."
                ),
                Unfit::TooLong => format!("The passphrase has more than {} bytes.", passphrase::BYTES_MAX),
            },
            "Take at least 12 characters, 5 of them different, for example four or five words drawn at random.",
        ),
        E::PassphraseMissing => (
            Exit::Locked,
            "The CA's passphrase is needed and there is no terminal to ask at.".to_owned(),
            "Name a file that holds it with --passphrase-file or ALCOVE_CERTS_PASSPHRASE_FILE.",
        ),
        E::PassphrasesDiffer => {
            (Exit::Usage, "The two passphrases are not the same.".to_owned(), "Run the command again.")
        }
        E::KeystoreDamaged { path } => (
            Exit::Integrity,
            format!("{} was truncated or altered.", path.display()),
            "Put back the copy of the folder that you keep offline.",
        ),
        E::LedgerDamaged { path, line } => (
            Exit::Integrity,
            format!("{} is damaged at line {line}.", path.display()),
            "Put back the copy of the ledger, then add what was issued since.",
        ),
        E::LedgerBehindList { path } => (
            Exit::Integrity,
            format!(
                "{} lists revocations that the ledger does not know: the ledger is an older copy. A new list would take \
                 them back, and everybody who has the last one would refuse it. Nothing was made.",
                path.display()
            ),
            "Put back the newest copy of the ledger. If there is none, revoke again what was revoked since that copy was \
             made, by serial number: the operator's copy of the list names them.",
        ),
        E::ListForeign
        | E::NotAdopted
        | E::NothingToAdopt
        | E::TooMuchToAdopt { .. }
        | E::ListAhead { .. }
        | E::ListTooEarly { .. }
        | E::ListFull { .. } => return exit_lists::explain(error),
        E::FolderMismatch { path } => (
            Exit::Integrity,
            format!("{} does not belong to the keys of this folder.", path.display()),
            "Put back the copy of the folder that you keep offline.",
        ),
        E::Name(fault) => (Exit::Usage, format!("That is no name: {fault}."), "Check how it is written."),
        E::Days { days, max } => (Exit::Usage, format!("{days} days were asked for."), return_days(*max)),
        E::ServerAddress => (
            Exit::Usage,
            "The server's address is not host:port.".to_owned(),
            "Write it like alcove.northmark.example:7443.",
        ),
        E::ServerName => (
            Exit::Usage,
            "The server's name is no lower-case DNS name.".to_owned(),
            "Give the name the charter has, for example alcove.northmark.example.",
        ),
        E::Card(fault) => (
            Exit::Usage,
            format!("The name or role cannot stand on a card: {fault}."),
            "Write each as one line of at most 200 bytes without control characters.",
        ),
        E::Request(fault) => (
            Exit::Refused,
            format!("The request cannot be read: {fault}."),
            "Ask for the file that `alcove enrol request` or `alcove-server init` wrote.",
        ),
        E::RequestFormat { found } => (
            Exit::Refused,
            format!("The request has format {found}, which this version does not know."),
            "Bring both programs to the same version.",
        ),
        E::Csr { which, fault } => (
            Exit::Refused,
            format!("The {which} key's request is refused: {fault}."),
            "Ask for a new request file; this one was altered or made by another program.",
        ),
        E::RequestSealingKey => (
            Exit::Refused,
            "The request's sealing key is no P-256 point.".to_owned(),
            "Ask for a new request file.",
        ),
        E::RequestKeyReused => (
            Exit::Refused,
            "The request uses one key for two purposes.".to_owned(),
            "Ask for a new request file.",
        ),
        E::IdentityTaken { identity, not_after_ms } => (
            Exit::Conflict,
            format!("{identity} has certificates for other keys until {}.", day(*not_after_ms)),
            "Revoke that device first, or give another --device number.",
        ),
        E::KeyTaken { name } => (
            Exit::Conflict,
            format!("The keys of this request are certified as {name}."),
            "Give --handle and --device of that name, or ask for a new request.",
        ),
        E::Charter(fault) => return explain_charter(fault),
        E::NotInCharter { trust_domain } => (
            Exit::Refused,
            format!("The charter does not list {trust_domain}."),
            "Ask whoever drafted it to add your agency.pub.",
        ),
        E::CharterMisstates { trust_domain, what } => (
            Exit::Refused,
            format!("The charter misstates {what} of {trust_domain}."),
            "Do not sign it; give your agency.pub to whoever drafts it, by a way you trust.",
        ),
        E::DirectoryKey => (
            Exit::Refused,
            "The directory key in the charter file does not open with this agency's key.".to_owned(),
            "Ask for the charter file again; it was altered or drafted for other keys.",
        ),
        E::OtherDirectoryKey => (
            Exit::Integrity,
            "The key for the names in this charter file is not the one that the charter states: somebody who had the file \
             has put in their own, and would read the names of all staff that are certified with it."
                .to_owned(),
            "Sign and certify nothing with this file. Get the charter from another admin by a way you trust, tell them what \
             happened, and look for who could write to this file.",
        ),
        E::AgencyFile => (
            Exit::Refused,
            "An agency file cannot be read.".to_owned(),
            "Ask for the agency.pub that `alcove-certs ca init` wrote.",
        ),
        E::NotAMember { trust_domain } => (
            Exit::NotFound,
            format!("{trust_domain} is no member of the collaborative."),
            "See who is with `alcove-certs charter show`.",
        ),
        E::RollOrder { stands } => (
            Exit::Conflict,
            format!("The roll-over of this CA is {stands}, so this step does not come now."),
            "See with `alcove-certs ca roll status` which step comes next.",
        ),
        E::RollCharter { needs } => (
            Exit::Refused,
            format!("The charter does not list {needs} as they are."),
            "Give the charter that is in force; draft, sign and publish it first.",
        ),
        E::OldCertificatesLive { certificates } => {
            let lines = certificates
                .iter()
                .map(|old| format!("\n  {} until {}", old.issued.name, day(old.issued.not_after_ms)));
            (
                Exit::Conflict,
                format!(
                    "{} certificates hang on the old CA alone:{}",
                    certificates.len(),
                    lines.collect::<String>()
                ),
                "Wait until they are renewed, or end the old CA all the same with --force.",
            )
        }
        E::DutyOfAnotherAgency { identity, trust_domain } => (
            Exit::Refused,
            format!("{identity} is no device of {trust_domain}, whose duty officer this is."),
            "Ask the duty officer of that device's agency.",
        ),
        E::CrlRefused(fault) => (
            Exit::Refused,
            format!("A revocation list is refused: {fault}."),
            "Give a folder that holds nothing but the agencies' lists.",
        ),
        E::RehearsalBreaks { count } => (
            Exit::Conflict,
            format!("{count} things end or break within these days."),
            "Do what stands beside each, then rehearse again.",
        ),
        E::Recovery(fault) => return super::recovery_exit::explain(fault),
        E::DeskUnreachable => (
            Exit::Unreachable,
            "The server's desk does not answer.".to_owned(),
            "Check the address and the network, then run the command again.",
        ),
        E::DeskCertificate { fault } => (
            exit_desk::of_certificate(*fault),
            format!(
                "Whoever answers there is not the server of this charter: the certificate is refused, {fault}."
            ),
            "Nothing was sent. Check the address and that the charter is the one in force, then call the operator.",
        ),
        E::DeskRefused { reason, limit, retry_after_ms: _, request_id } => {
            return exit_desk::refused(*reason, *limit, request_id);
        }
        E::DeskAnswer { what } => (
            Exit::Integrity,
            format!("The desk's answer breaks a rule: {what}."),
            "Check the address and the version of the server; tell the operator.",
        ),
        E::NotWaiting { identity } => (
            Exit::NotFound,
            format!("Nothing waits at the desk for {identity}."),
            "See what waits with `alcove-certs pending`.",
        ),
        E::NotInvited { identity } => (
            Exit::Refused,
            format!("This folder has no invitation for {identity}, so nobody can tell who asks."),
            "Use the copy of the folder that invited them; if there is none, refuse it and invite them again.",
        ),
        E::ForgedProof { identity } => (
            Exit::Integrity,
            format!("The request for {identity} is NOT from the person you invited."),
            "Refuse it with `alcove-certs refuse`, invite the person again, and tell the operator.",
        ),
        E::WordsMissing => (
            Exit::Usage,
            "The six words were not given, and there is no terminal to ask at.".to_owned(),
            "Let the person read them to you by phone, then give them with --words.",
        ),
        E::WordsDiffer { identity } => (
            Exit::Refused,
            format!("You did not say that the words of {identity} are the same, so nothing was signed."),
            "If they differ the request is not theirs: refuse it with `alcove-certs refuse`, tell the operator, and invite them again.",
        ),
        E::OtherKind { identity, is_renewal: true } => (
            Exit::Conflict,
            format!("What waits for {identity} is a renewal."),
            "Use `alcove-certs renew` with its name.",
        ),
        E::OtherKind { identity, is_renewal: false } => (
            Exit::Conflict,
            format!("What waits for {identity} came on an invitation."),
            "Use `alcove-certs approve` with its name.",
        ),
        E::Renewal { identity, fault } => (
            Exit::Refused,
            format!("The renewal of {identity} is refused: {fault}."),
            "Refuse it with `alcove-certs refuse`.",
        ),
        E::RenewalUnknown { identity } => (
            Exit::Refused,
            format!("{identity} renews by a certificate that this agency never issued to it."),
            "Refuse it with `alcove-certs refuse`. If your ledger is an old copy, put back the newest one.",
        ),
        E::RenewalRevoked { identity } => (
            Exit::Refused,
            format!("{identity} renews by a certificate that you have revoked."),
            "Refuse it with `alcove-certs refuse`; if the person is still staff, invite them again.",
        ),
        E::RenewalSuperseded { identity } => (
            Exit::Refused,
            format!(
                "{identity} renews by an earlier key than the one you certified last. \
                 A copy of its vault asks, or the vault was put back from a backup."
            ),
            "Refuse it with `alcove-certs refuse`, and call the person. If they put their vault back themselves: revoke \
             the device with `alcove-certs revoke` and invite them again. If they did not, somebody has a copy of their \
             vault: revoke the device at once.",
        ),
        E::Unanswered { count } => (
            Exit::Conflict,
            format!("{count} could not be answered; the others were."),
            "Look at what is said beside each, then run the command again: nothing is lost by it.",
        ),
        E::InvitationsDamaged { path } => (
            Exit::Integrity,
            format!("{} was altered, or is another agency's.", path.display()),
            "Put back the copy that you keep offline, or remove the file and invite again whoever is still open.",
        ),
        E::TooManyInvitations { limit } => (
            Exit::Conflict,
            format!("{limit} invitations are open already."),
            "Approve or withdraw some of them first.",
        ),
        E::AnswerTooLarge { bytes } => (
            Exit::Unexpected,
            format!("The answer has {bytes} bytes, which is more than the desk takes."),
            "Report it; certify the device with a file meanwhile.",
        ),
        E::Unpublished { file, source } => {
            let (exit, happened, remedy) = explain(source);
            return (
                exit,
                format!("The list is in {}, and NOT in force. {happened}", file.display()),
                format!(
                    "Run `alcove-certs crl publish {}` as soon as that is mended. {remedy}",
                    file.display()
                ),
            );
        }
        E::LedgerUnpublished { source } => {
            let (exit, happened, remedy) = explain(source);
            return (
                exit,
                format!("It is done, and the ledger that says so is NOT published. {happened}"),
                format!("Run `alcove-certs ledger publish` as soon as that is mended. {remedy}"),
            );
        }
        E::WouldCut { count } => (
            Exit::Conflict,
            format!("{count} devices still hang on what this charter drops."),
            "Let them renew first; whoever must go is cut by publishing it.",
        ),
        E::NotIssued => (
            Exit::NotFound,
            "This CA has issued nothing under that name or number.".to_owned(),
            "See what it has issued with `alcove-certs list`.",
        ),
        E::Crypto { act } => (
            Exit::Unexpected,
            format!("Could not {act}."),
            "Run the command again; if it stays so, report it.",
        ),
    };
    (exit, happened, remedy.to_owned())
}

fn return_days(max: u32) -> &'static str {
    if max > alcove_issuer::CERTIFICATE_DAYS_MAX {
        "Give a number from 1 to 3652."
    } else {
        "Give a number from 1 to 825."
    }
}

fn explain_charter(fault: &CharterError) -> (Exit, String, String) {
    use CharterError as C;
    let (exit, remedy) = match fault {
        C::NotSignedByAll { .. } | C::BelowQuorum { .. } | C::EntryNotSigned { .. } => {
            (Exit::Refused, "Let the agencies still missing sign it; `alcove-certs charter show` names them.")
        }
        C::Expired { .. } => (Exit::Certificate, "Draft and sign the next version."),
        C::BadSignature { .. } | C::Fork { .. } | C::WrongPrevious { .. } | C::UnknownSigner { .. } => {
            (Exit::Integrity, "Do not use this file; compare the hash with another agency over the phone.")
        }
        C::KeyOfAnother { .. } => (
            Exit::Integrity,
            "A key has one owner, for ever. Do not sign it; ask the agency whose entry it is by phone.",
        ),
        C::CaClaimMissing { .. } => (
            Exit::Refused,
            "That agency runs `alcove-certs ca show` with the newest program, which puts the proof into its agency.pub; draft with that file (--agency).",
        ),
        C::BadCaClaim { .. } => (
            Exit::Integrity,
            "Do not sign it; whoever wrote that entry does not hold the CA's key. Ask the agency by phone.",
        ),
        C::DirectoryKeyTakenBack { .. } => (
            Exit::Integrity,
            "Do not sign it; which key the names are sealed with does not change. Draft from the charter in force.",
        ),
        C::NewerRules { .. } => (Exit::Refused, "Install the newest Alcove on this machine, and try again."),
        C::TooLarge { .. }
        | C::Encoding(_)
        | C::Format { .. }
        | C::SignatureOrder { .. }
        | C::DirectoryKeys => {
            (Exit::Refused, "Ask for the file again; this one is not what `alcove-certs` wrote.")
        }
        C::Collaborative
        | C::Version
        | C::PreviousHash
        | C::Times
        | C::AgencyCount { .. }
        | C::AgencyOrder { .. }
        | C::TrustDomain(_)
        | C::OutsideCollaborative { .. }
        | C::DisplayName { .. }
        | C::DisplayNameTaken { .. }
        | C::Side { .. }
        | C::CaCount { .. }
        | C::Ca { .. }
        | C::KeyShared { .. }
        | C::CharterKey { .. }
        | C::SealingKey { .. }
        | C::RecoveryKey { .. }
        | C::DirectoryKeyHash
        | C::DirectoryKeyWithoutRules
        | C::Quorum { .. }
        | C::ServerCaCount { .. }
        | C::ServerCa(_)
        | C::ServerCaShared
        | C::ServerName
        | C::NotFirst { .. }
        | C::Gap { .. }
        | C::OtherCollaborative
        | C::RulesBack { .. }
        | C::ClaimsWithoutRules { .. }
        | C::IssuedBeforePrevious { .. }
        | C::TooManyVersions => (Exit::Refused, "Correct what it is drafted from, and draft it again."),
    };
    (exit, format!("The charter is refused: {fault}."), remedy.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_differ_lead_to_refusing_and_a_charter_that_was_not_signed_to_its_hash() {
        let identity =
            "spiffe://harborlight.northmark.example/staff/7h3jdpf5aa5rqdvm/device/1".parse().unwrap();
        let remedy = |error| explain(&error).2;
        let words = remedy(IssuerError::WordsDiffer { identity });
        assert!(words.contains("alcove-certs refuse") && !words.contains("hash"), "{words}");
        let charter = remedy(IssuerError::NotConfirmed);
        assert!(charter.contains("hash") && !charter.contains("refuse"), "{charter}");
    }
}
