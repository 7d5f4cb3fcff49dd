//! The words of alarms. Each says what happened, what it can mean, and what to do and by which command, so that nobody
//! is left alone with a name.

use super::{people::Names, told::Told};
use crate::session::{AlarmKind, AlarmView};
use alcove_programs::{exit::Exit, language::Language};
use alcove_proto::{ids::GroupId, names::Identity};

/// What most of those about the server come down to.
const TELL_THE_OPERATOR: &str = "Write nothing more there, tell your admin and the server's operator, and look at \
                                 `alcove status`; once it is explained, `alcove status --acknowledge-alarms` lets you send again.";
/// What most of those about one author come down to.
const ASK_THE_AUTHOR: &str = "Ask that person by phone what they sent, and tell your admin if they do not know of it; \
                              `alcove status --acknowledge-alarms` takes the alarm off the list.";

/// An alarm in a few sentences: what happened and how often, what it can mean, what to do.
pub fn says(language: Language, names: Names<'_>, alarm: &AlarmView) -> String {
    match language {
        Language::English => {
            let mut said = happened(language, names, alarm);
            if let Some(author) = &alarm.author {
                said.push_str(&format!(" It bears the name of {}.", names.device(language, author)));
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
    }
}

fn happened(language: Language, names: Names<'_>, alarm: &AlarmView) -> String {
    match language {
        Language::English => {
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
                    format!("The server shows another history than before (entry {position}).")
                }
                AlarmKind::BadSignature => {
                    format!("The server's signature under its history does not verify (entry {position}).")
                }
                AlarmKind::Replay => format!("An item came a second time (entry {position})."),
                AlarmKind::AuthorGap => {
                    format!("Something an author sent before entry {position} is not there.")
                }
                AlarmKind::AuthorFork => {
                    format!("An author's items do not follow each other: two histories (entry {position}).")
                }
                AlarmKind::CharterFork => format!("Two different charters carry version {position}."),
                AlarmKind::CrlRollback => format!(
                    "A revocation list was offered ({position}) that is older than the one held, leaps in its number, is dated ahead of \
                     this clock or takes a revocation back: what was revoked stays so here."
                ),
                AlarmKind::ListOverdue => {
                    format!("An agency's revocation list ({position}) is past its time and no newer one has come.")
                }
                AlarmKind::VaultRestored => {
                    format!("The case has something of this device that is not here (entry {position}).")
                }
                AlarmKind::CommitUnprocessable => match &alarm.device {
                    Some(device) => format!(
                        "{} sent a change of members that cannot be carried out, and signed it as it is, so nothing is \
                         sent (entry {position}).",
                        names.device(language, device)
                    ),
                    None => format!(
                        "A change of members cannot be carried out here, so nothing is sent (entry {position})."
                    ),
                },
                AlarmKind::ServerOrderedInvalid => format!(
                    "The server put an entry into the case that it must never take (entry {position}), so nothing is sent: a change \
                     of members that is altered, or not by who it names, or without the right to it, or something in the name of \
                     nobody."
                ),
                AlarmKind::AuthorMismatch => {
                    format!("The server names another author than the one who signed (entry {position}).")
                }
                AlarmKind::NotShown => format!(
                    "The server no longer shows this case, and does not show that you were removed (seen up to entry {position})."
                ),
                AlarmKind::WelcomeUnusable => format!(
                    "You were added to a case, and this device cannot join by that welcome (entry {position})."
                ),
                AlarmKind::NotContinued => format!(
                    "Somebody added you to this case (entry {position}) who could not, as far as you were shown, or with a key that \
                     you do not know. You were not brought back, and nothing was sent."
                ),
                AlarmKind::RecoveryForged => {
                    "The server shows an attempt at recovery in your agency that your agency's admin has not ordered."
                        .to_owned()
                }
                AlarmKind::LedgerRollback => {
                    format!(
                        "A shorter ledger of your agency was shown than this device has seen ({position} entries)."
                    )
                }
                AlarmKind::LedgerFork => {
                    format!("Another ledger of your agency was shown than this device has seen (entry {position}).")
                }
                AlarmKind::TrustSetAside if position > 0 => format!(
                    "Version {position} of the charter that this device had kept does not hold and was set aside."
                ),
                AlarmKind::TrustSetAside => {
                    "A revocation list that this device had kept does not hold and was set aside.".to_owned()
                }
                AlarmKind::NotInLedger => {
                    format!("The certificate of {} is in a case and not in your agency's ledger.", device())
                }
                AlarmKind::OwnRecordChanged => format!(
                    "The server shows something in your name that you did not write, or in the place of what you wrote (entry \
                     {position})."
                ),
                AlarmKind::RecordUnreadable => {
                    format!("Something that was sent does not open (entry {position}).")
                }
                AlarmKind::HistoryDisputed => {
                    format!(
                        "Somebody on the case says that the server showed them another history than you have (entry {position})."
                    )
                }
            }
        }
    }
}

/// What it can mean, and what to do.
fn means_and_to_do(language: Language, alarm: &AlarmView) -> (&'static str, &'static str) {
    match language {
        Language::English => match alarm.kind {
            AlarmKind::Gap | AlarmKind::Rollback => {
                ("It was put back from a backup, or it hides something from you.", TELL_THE_OPERATOR)
            }
            AlarmKind::HeadMismatch => (
                "It was put back from a backup and went on differently, or it keeps you apart from the others.",
                TELL_THE_OPERATOR,
            ),
            AlarmKind::BadSignature => (
                "It is another server, or its key is not the one that the charter's CA has certified.",
                TELL_THE_OPERATOR,
            ),
            AlarmKind::Replay => {
                ("It can be the server, or that person's program; it is shown once.", ASK_THE_AUTHOR)
            }
            AlarmKind::AuthorGap => {
                ("The server may keep it back, or that person's program counted wrongly.", ASK_THE_AUTHOR)
            }
            AlarmKind::AuthorFork => (
                "Two copies of that person's vault may be in use, or the server shows each of you something else.",
                ASK_THE_AUTHOR,
            ),
            AlarmKind::CharterFork => (
                "Enough agencies have signed both, or somebody has their keys: nobody can tell which one is meant.",
                "Nothing is sent. Tell your admin at once; `alcove verify AGENCY` shows the words of each agency as you have them.",
            ),
            AlarmKind::CrlRollback => (
                "The agency's admin may have used an old folder, or the server offers an old list.",
                "Nothing needs to be done here; the agency's admin can say where it comes from, and makes the next list with \
                 `alcove-certs crl publish`.",
            ),
            AlarmKind::ListOverdue => (
                "The agency forgot it, or the server keeps it back.",
                "Nobody of that agency is added until it is here. `alcove status` names the agency: ask its admin for \
                 `alcove-certs crl publish`.",
            ),
            AlarmKind::VaultRestored => (
                "This laptop's data was put back from a backup, or a second copy of it is in use.",
                "If you put a backup back: `alcove case rejoin` where the case is frozen. If you did not, somebody has a copy: \
                 tell your agency's admin now.",
            ),
            AlarmKind::CommitUnprocessable if alarm.device.is_some() => (
                "That person's program is broken, or means harm.",
                "An owner leads the case on without that person: `alcove case succeed`.",
            ),
            AlarmKind::CommitUnprocessable => (
                "Whoever made it may have spoilt it, or the server on its way, or whoever added you named lists that nobody else \
                 has named, and nobody can tell.",
                "Where only you cannot go on, an owner removes you and adds you again: `alcove member remove`, then \
                 `alcove member add`. Where nobody can, an owner leads the case on with everybody: `alcove case succeed`.",
            ),
            AlarmKind::ServerOrderedInvalid => (
                "That is the server's doing, whoever is named in it.",
                "Tell your admin and the server's operator; an owner leads the case on with everybody: `alcove case succeed`.",
            ),
            AlarmKind::AuthorMismatch => (
                "It can be the server, or the program of whoever signed: believe neither name.",
                ASK_THE_AUTHOR,
            ),
            AlarmKind::NotShown => (
                "It lost the case, or hides it from you; or you were removed and it does not say so.",
                "Everything you have stays. Ask somebody on the case by phone whether you were removed; `alcove case show` \
                 says what this device has.",
            ),
            AlarmKind::WelcomeUnusable => (
                "This laptop's data was put back from a backup since, or whoever added you made it wrong.",
                "Ask them to remove and add you again: `alcove member remove`, then `alcove member add`.",
            ),
            AlarmKind::NotContinued => (
                "It can be an owner who came after you left, or the server with a group of its own making.",
                "See who with `alcove case requests`, and compare the words by phone before `alcove case accept`.",
            ),
            AlarmKind::RecoveryForged => (
                "The server made it up, or somebody who is not your admin ordered it.",
                "Tell your admin; `alcove recovery list` shows it, and `alcove recovery object` ends an attempt for good.",
            ),
            AlarmKind::LedgerRollback => (
                "Your admin's folder was put back from a copy, or the server shows an old one.",
                "What was seen stays. Tell your admin; `alcove ledger` shows where this device stands.",
            ),
            AlarmKind::LedgerFork => (
                "Somebody else has your agency's charter key, or the server shows each of you something else.",
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
                "Somebody may have made it who should not be able to.",
                "Nothing is sent there until you have looked: ask your admin, and have it taken out with `alcove member \
                 remove`; then `alcove status --acknowledge-alarms`.",
            ),
            AlarmKind::OwnRecordChanged => (
                "The server altered it, or somebody has a copy of this laptop's data. The others do not have it as you wrote it.",
                "Your text is kept: `alcove outbox list` shows it, and `alcove outbox retry` sends it again when you have spoken \
                 to your admin and run `alcove status --acknowledge-alarms`.",
            ),
            AlarmKind::RecordUnreadable => (
                "It can be the server, which altered it, or that person's program.",
                "Ask them by phone what they sent, and to send it again; `alcove note list` says where it stands.",
            ),
            AlarmKind::HistoryDisputed => (
                "It can be the server, which keeps you apart, or that person's program.",
                "Compare the words of `alcove case compare` with them by phone, and with somebody else on the case; then `alcove \
                 status --acknowledge-alarms`.",
            ),
        },
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
    match language {
        Language::English => {
            let whose = case.map_or_else(
                || "the collaborative".to_owned(),
                |case| format!("case {:.8}", case.to_string()),
            );
            if kind == AlarmKind::NotInLedger {
                let device =
                    device.map_or_else(|| "a member".to_owned(), |device| names.device(language, device));
                return Told::new(
                    Exit::Integrity,
                    format!(
                        "The certificate of {device} in {whose} is not in your agency's ledger: nothing is sent."
                    ),
                    "Ask your agency's admin, by phone, whether they certified it and published that. `alcove status \
                     --acknowledge-alarms` lets sending go on; if they did not, `alcove member remove` the person first.",
                );
            }
            if kind == AlarmKind::ServerOrderedInvalid {
                return Told::new(
                    Exit::Integrity,
                    format!(
                        "The server put an entry into {whose} that it must never take: nothing is sent, and nobody who is named in it \
                         is to blame."
                    ),
                    "Tell your admin and the server's operator. An owner leads the case on, with everybody in it, by `alcove case \
                     succeed`; what is here can still be read. Marking the alarm as looked at lets nothing be sent.",
                );
            }
            if kind == AlarmKind::VaultRestored {
                return Told::new(
                    Exit::Integrity,
                    format!(
                        "An alarm stands for {whose} (vault-restored): nothing is sent. The case has something of this device that \
                         is not here."
                    ),
                    "If you put a backup back: `alcove case rejoin` where the case is frozen, else `alcove status \
                     --acknowledge-alarms`. If you did not, somebody has a copy of this laptop's data: tell your admin now.",
                );
            }
            Told::new(
                Exit::Integrity,
                format!(
                    "An alarm stands for {whose} ({}){}.",
                    kind.code(),
                    if kind.stops_sending() { ": nothing is sent" } else { "" }
                ),
                if kind.stops_sending() {
                    "Read it with `alcove status` and speak to your admin; `alcove status --acknowledge-alarms` lets sending go on."
                } else {
                    "Read it with `alcove status` and speak to your admin; `alcove status --acknowledge-alarms` marks it as looked at."
                },
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_alarm_says_what_happened_what_it_can_mean_and_by_which_command_to_go_on() {
        for kind in AlarmKind::all() {
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
