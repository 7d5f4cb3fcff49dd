//! The words of alarms. Each says what happened, what it can mean, and what to do and by which command, so that nobody
//! is left alone with a name.

use super::{people::Names, told::Told};
use crate::session::{AlarmKind, AlarmView};
use alcove_programs::{exit::Exit, language::Language};
use alcove_proto::{ids::GroupId, names::Identity};

/// What most of those about the server come down to.
const TELL_THE_OPERATOR: &str = "Write nothing more there, tell your admin and the server's operator, and check \
                                 `alcove status`. Once it is explained, `alcove status --acknowledge-alarms` resumes \
                                 sending.";
/// What most of those about one author come down to.
const ASK_THE_AUTHOR: &str = "Ask that person by phone what they sent, and tell your admin if they do not know of it. \
                              `alcove status --acknowledge-alarms` removes the alarm from the list.";

/// An alarm in a few sentences: what happened and how often, what it can mean, what to do.
pub fn says(language: Language, names: Names<'_>, alarm: &AlarmView) -> String {
    let Language::English = language;
    let mut said = happened(language, names, alarm);
    // A restored vault is told by what this very device signed.
    if let Some(author) = alarm.author.as_ref().filter(|_| alarm.kind != AlarmKind::VaultRestored) {
        said.push_str(&format!(" It names {} as its author.", names.device(language, author)));
    }
    if alarm.count > 1 {
        said.push_str(&format!(
            " It has happened {} times, up to entry {}.",
            alarm.count, alarm.last_position
        ));
    }
    let (means, to_do) = means_and_to_do(language, alarm);
    format!("{said} {means} {to_do}")
}

fn happened(language: Language, names: Names<'_>, alarm: &AlarmView) -> String {
    let Language::English = language;
    let position = alarm.position;
    let device = || {
        alarm
            .device
            .as_ref()
            .map_or("a device of your agency".to_owned(), |device| names.device(language, device))
    };
    match alarm.kind {
        AlarmKind::Gap => format!("The server left out entry {position} of the case."),
        AlarmKind::Rollback => {
            format!("The server shows an older state than this device has seen (entry {position}).")
        }
        AlarmKind::HeadMismatch => {
            format!("The server shows a different history than before (entry {position}).")
        }
        AlarmKind::BadSignature => {
            format!("The server's signature on its history is not valid (entry {position}).")
        }
        AlarmKind::Replay => format!("An item arrived a second time (entry {position})."),
        AlarmKind::AuthorGap => {
            format!("Something an author sent before entry {position} is missing.")
        }
        AlarmKind::AuthorFork => {
            format!("An author's items do not follow each other: two histories (entry {position}).")
        }
        AlarmKind::CharterFork => format!("Two different charters carry version {position}."),
        AlarmKind::CrlRollback => format!(
            "A revocation list was offered ({position}) that is older than the one held, skips numbers, is \
             dated in the future, or undoes a revocation. What was revoked stays revoked here."
        ),
        AlarmKind::ListOverdue => {
            format!("An agency's revocation list ({position}) is out of date, and no newer one has arrived.")
        }
        AlarmKind::VaultRestored => {
            format!("The case holds something from this device that is not here (entry {position}).")
        }
        AlarmKind::CommitUnprocessable => match &alarm.device {
            Some(device) => format!(
                "{} sent and signed a change of members that cannot be carried out, so nothing is sent (entry \
                 {position}).",
                names.device(language, device)
            ),
            None => format!(
                "A change of members cannot be carried out here, so nothing is sent (entry {position})."
            ),
        },
        AlarmKind::ServerOrderedInvalid => format!(
            "The server put an entry into the case that it should have refused (entry {position}), so nothing \
             is sent. It is a change of members that was altered, or that its author did not make or may not \
             make, or an item without a true author."
        ),
        AlarmKind::AuthorMismatch => {
            format!("The server names a different author than the one who signed (entry {position}).")
        }
        AlarmKind::NotShown => format!(
            "The server no longer shows this case, and does not show that you were removed (seen up to entry {position})."
        ),
        AlarmKind::WelcomeUnusable => format!(
            "You were added to a case, but this device cannot join it by what was sent (entry {position})."
        ),
        AlarmKind::NotContinued => format!(
            "You were added to this case (entry {position}) by a person who, as far as this device was shown, \
             may not do that, or whose key you do not know. You were not added back, and nothing was sent."
        ),
        AlarmKind::RecoveryForged => {
            "The server shows a recovery attempt in your agency that your agency's admin has not ordered."
                .to_owned()
        }
        AlarmKind::LedgerRollback => {
            format!("The server showed a shorter ledger of your agency than before ({position} entries).")
        }
        AlarmKind::LedgerFork => {
            format!("The server showed a different ledger of your agency than before (entry {position}).")
        }
        AlarmKind::TrustSetAside if position > 0 => {
            format!("Version {position} of the charter on this device is not valid and was set aside.")
        }
        AlarmKind::TrustSetAside => {
            "A revocation list on this device is not valid and was set aside.".to_owned()
        }
        AlarmKind::NotInLedger => {
            format!("The certificate of {} is in a case but not in your agency's ledger.", device())
        }
        AlarmKind::OwnRecordChanged => format!(
            "The server shows something in your name that you did not write, or something else in place of \
             what you wrote (entry {position})."
        ),
        AlarmKind::RecordUnreadable => {
            format!("Something that was sent cannot be opened (entry {position}).")
        }
        AlarmKind::HistoryDisputed => {
            format!(
                "A member of the case says that the server showed them a different history than yours (entry \
                 {position})."
            )
        }
    }
}

/// What it can mean, and what to do.
fn means_and_to_do(language: Language, alarm: &AlarmView) -> (&'static str, &'static str) {
    let Language::English = language;
    match alarm.kind {
        AlarmKind::Gap | AlarmKind::Rollback => {
            ("The server was restored from a backup, or it hides something from you.", TELL_THE_OPERATOR)
        }
        AlarmKind::HeadMismatch => (
            "The server was restored from a backup and went on differently, or it keeps you apart from the others.",
            TELL_THE_OPERATOR,
        ),
        AlarmKind::BadSignature => (
            "It is a different server, or its key is not the one that the charter's CA has certified.",
            TELL_THE_OPERATOR,
        ),
        AlarmKind::Replay => {
            ("The cause can be the server, or that person's program. The item is shown once.", ASK_THE_AUTHOR)
        }
        AlarmKind::AuthorGap => {
            ("The server may be withholding it, or that person's program counted wrongly.", ASK_THE_AUTHOR)
        }
        AlarmKind::AuthorFork => (
            "Two copies of that person's vault may be in use, or the server shows each of you something different.",
            ASK_THE_AUTHOR,
        ),
        AlarmKind::CharterFork => (
            "Enough agencies have signed both, or someone has their keys. Nobody can tell which one is meant.",
            "Nothing is sent. Tell your admin at once; `alcove verify AGENCY` shows the words of each agency as you have them.",
        ),
        AlarmKind::CrlRollback => (
            "The agency's admin may have used an old folder, or the server is offering an old list.",
            "You need not do anything. The agency's admin can say where it comes from, and makes the next list \
             with `alcove-certs crl publish`.",
        ),
        AlarmKind::ListOverdue => (
            "The agency forgot to publish one, or the server is withholding it.",
            "People of that agency cannot be added until it arrives. `alcove status` names the agency: ask its \
             admin to run `alcove-certs crl publish`.",
        ),
        AlarmKind::VaultRestored => (
            "Another laptop, or a second copy of this one's data, may be in use in your name; or this laptop was restored \
             from a backup.",
            "Look through `alcove case log` for anything in your name that you did not write. If you use two laptops, go \
             on with only one of them. If you know what it was, `alcove case rejoin` (for a case that is frozen) or \
             `alcove status --acknowledge-alarms` ends the alarm until it happens again. If you do not know, someone has \
             a copy of your data: tell your agency's admin now.",
        ),
        AlarmKind::CommitUnprocessable if alarm.device.is_some() => (
            "That person's program is broken or malicious.",
            "An owner can continue the case without that person: `alcove case continue`.",
        ),
        AlarmKind::CommitUnprocessable => (
            "Its author may have broken it, or the server on its way, or the person who added you named lists that \
             nobody else has. It cannot be told which.",
            "If only you cannot go on, an owner removes you and adds you again: `alcove member remove`, then `alcove \
             member add`. If nobody can, an owner continues the case with everyone: `alcove case continue`.",
        ),
        AlarmKind::ServerOrderedInvalid => (
            "This is the server's doing, no matter who is named in it.",
            "Tell your admin and the server's operator. An owner can continue the case with everyone: `alcove case \
             continue`.",
        ),
        AlarmKind::AuthorMismatch => {
            ("The cause can be the server, or the signer's program. Trust neither name.", ASK_THE_AUTHOR)
        }
        AlarmKind::NotShown => (
            "The server lost the case or hides it from you, or you were removed and it does not say so.",
            "Everything you have stays. Ask a member of the case by phone whether you were removed; `alcove case \
             show` says what this device has.",
        ),
        AlarmKind::WelcomeUnusable => (
            "This laptop was restored from a backup since, a second copy of its data is in use, or the program that added \
             you made a mistake.",
            "Ask an owner to remove you and add you again: `alcove member remove`, then `alcove member add`.",
        ),
        AlarmKind::NotContinued => (
            "It can be an owner who joined after you left, or the server with a false case.",
            "See who it is with `alcove case requests`, and compare the words by phone before `alcove case accept`.",
        ),
        AlarmKind::RecoveryForged => (
            "The server made it up, or a person who is not your admin ordered it.",
            "Tell your admin; `alcove recovery list` shows it, and `alcove recovery object` ends an attempt for good.",
        ),
        AlarmKind::LedgerRollback => (
            "Your admin's folder was restored from a copy, or the server shows an old ledger.",
            "What this device has seen is kept. Tell your admin; `alcove ledger` shows it.",
        ),
        AlarmKind::LedgerFork => (
            "Someone else has your agency's charter key, or the server shows each of you something different.",
            "Nothing is sent. Tell your admin at once; `alcove ledger` shows what is certified in your name.",
        ),
        AlarmKind::TrustSetAside if alarm.position > 0 => (
            "Rules that came later do not allow it, or the file was damaged.",
            "The server is asked for it again at the next contact (`alcove status`); ask your admin whether it was in force.",
        ),
        AlarmKind::TrustSetAside => (
            "An agency's certificates may have changed hands, or the file was damaged.",
            "The server is asked for it again at the next contact (`alcove status`); ask your admin about it.",
        ),
        AlarmKind::NotInLedger => (
            "It may have been issued without authority.",
            "Nothing is sent there until you acknowledge this. Read the name in brackets out to your admin, letter by \
             letter: if they did not issue it, have the device removed with `alcove member remove`. Then run `alcove status --acknowledge-alarms`.",
        ),
        AlarmKind::OwnRecordChanged => (
            "The server altered it, or someone has a copy of this laptop's data. The others do not have it as you \
             wrote it.",
            "Your text is kept: `alcove outbox list` shows it, and `alcove outbox retry` sends it again when you have spoken \
             to your admin and run `alcove status --acknowledge-alarms`.",
        ),
        AlarmKind::RecordUnreadable => (
            "The cause can be the server, which altered it, or that person's program.",
            "Ask them by phone what they sent, and to send it again; `alcove note list` shows where it is.",
        ),
        AlarmKind::HistoryDisputed => (
            "The cause can be the server, which keeps you apart, or that person's program.",
            "Compare the words of `alcove case compare` with them by phone, and with another member; then run \
             `alcove status --acknowledge-alarms`.",
        ),
    }
}

/// An alarm stands: some stop everything until somebody has looked at them, the others do not.
pub fn alarm(
    language: Language,
    names: Names<'_>,
    case: Option<&GroupId>,
    kind: AlarmKind,
    device: Option<&Identity>,
) -> Told {
    let Language::English = language;
    let whose =
        case.map_or_else(|| "the collaborative".to_owned(), |case| format!("case {:.8}", case.to_string()));
    if kind == AlarmKind::NotInLedger {
        let device = device.map_or_else(|| "a member".to_owned(), |device| names.device(language, device));
        return Told::new(
            Exit::Integrity,
            format!(
                "The certificate of {device} in {whose} is not in your agency's ledger. Nothing is sent."
            ),
            "Read the name in brackets out to your agency's admin, by phone: did they issue it and publish that? If so, \
             `alcove status --acknowledge-alarms` resumes sending; if not, remove the person first \
             with `alcove member remove`.",
        );
    }
    if kind == AlarmKind::ServerOrderedInvalid {
        return Told::new(
            Exit::Integrity,
            format!(
                "The server put an entry into {whose} that it should have refused. Nothing is sent, and the \
                 people named in it are not to blame."
            ),
            "Tell your admin and the server's operator. An owner can continue the case, with everyone in it, by \
             `alcove case continue`; what is here can still be read. Acknowledging the alarm does not resume sending.",
        );
    }
    if kind == AlarmKind::VaultRestored {
        return Told::new(
            Exit::Integrity,
            format!(
                "There is an alarm for {whose} (vault-restored), so nothing is sent. The case holds something \
                 from this device that is not here."
            ),
            "Look through `alcove case log` for anything in your name that you did not write. If you use another laptop \
             with the same data, go on with only one of them. If that is the cause, or you restored a backup: run \
             `alcove case rejoin` if the case is frozen, otherwise `alcove status --acknowledge-alarms`. If you know of \
             neither, someone has a copy of this laptop's data: tell your admin now.",
        );
    }
    Told::new(
        Exit::Integrity,
        format!(
            "There is an alarm for {whose} ({}){}.",
            kind.code(),
            if kind.stops_sending() { ", so nothing is sent" } else { "" }
        ),
        if kind.stops_sending() {
            "Read it with `alcove status` and speak to your admin; `alcove status --acknowledge-alarms` \
             resumes sending."
        } else {
            "Read it with `alcove status` and speak to your admin; `alcove status --acknowledge-alarms` \
             acknowledges it."
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_alarm_says_what_happened_what_it_can_mean_and_by_which_command_to_go_on() {
        for kind in (0..1000).filter_map(|number| AlarmKind::try_from(number).ok()) {
            for position in [0, 7] {
                let alarm = AlarmView {
                    case: None,
                    kind,
                    position,
                    last_position: position,
                    count: 1,
                    noticed_at_ms: 0,
                    device: None,
                    author: None,
                };
                let (means, to_do) = means_and_to_do(Language::English, &alarm);
                let happened = happened(Language::English, Names::NONE, &alarm);
                for sentence in [happened.as_str(), means, to_do] {
                    assert!(sentence.ends_with('.'), "{kind:?}: {sentence}");
                }
                assert!(to_do.contains("`alcove"), "{kind:?}: {to_do}");
                assert_eq!(
                    says(Language::English, Names::NONE, &alarm),
                    format!("{happened} {means} {to_do}")
                );
            }
        }
    }
}
