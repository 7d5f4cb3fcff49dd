//! From every error to how the program ends: exit code, what happened, what to do.
//!
//! Each match is exhaustive, so that a new error cannot slip through as "unexpected".

use super::{
    adding, alarms,
    certificates::{certificate, certificate_and_renewal, renewal},
    files::{file, no_randomness, shown},
    group::group,
    items, numbers, owners,
    people::Names,
    recovery, server, times,
    told::Told,
    vault,
};
use crate::session::{CertificateFault, Error, RefusalCause, RenewalView, ServerError};
use alcove_charter::CharterError;
use alcove_programs::{exit::Exit, language::Language};
use alcove_proto::ids::RecordId;

const NOT_YOURS: &str = "See `alcove case list` and `alcove member list`.";

/// How a command ends that an error of the session has stopped.
pub fn told(language: Language, names: Names<'_>, error: Error) -> Told {
    let Language::English = language;
    match error {
        Error::NotEnrolled => Told::new(
            Exit::NotFound,
            "This device is not enrolled yet.",
            "Give the request to your agency's admin, then run `alcove enrol finish` with the answer.",
        ),
        Error::Vault(error) => vault::told(language, error),
        Error::Server(error) => server::told(language, error),
        Error::Certificate(trouble) => certificate(language, trouble),
        Error::ClockWrong { difference_ms } => Told::new(
            Exit::Certificate,
            format!(
                "This machine's clock is {} {} the server's. What it signs would be refused.",
                times::span(language, difference_ms),
                if difference_ms > 0 { "ahead of" } else { "behind" }
            ),
            "Set the clock and run the command again.",
        ),
        Error::NoSuchCase => {
            Told::new(Exit::NotFound, "There is no such case here, or you may not see it.", NOT_YOURS)
        }
        Error::NoSuchRecord => Told::new(
            Exit::NotFound,
            "There is no such note or document here, or you may not see it.",
            "See `alcove note list` and `alcove doc list`.",
        ),
        Error::NoSuchPerson => Told::new(
            Exit::NotFound,
            "There is no such person here.",
            "See `alcove member find` and `alcove member list`.",
        ),
        Error::NoKeyPackage(person) => adding::no_key_package(language, names, &person),
        Error::KeyPackagesUnfit { devices } => adding::unfit(language, names, &devices),
        Error::ListOverdue { agency, number, next_update_ms } => {
            adding::list_overdue(language, &agency, number, next_update_ms)
        }
        Error::AccessOver => Told::new(
            Exit::Usage,
            "The time at which the access was to end is over, so nothing was handed over.",
            "Name a day or a time that is still to come with --until.",
        ),
        Error::AlreadyMember(person) => Told::new(
            Exit::Conflict,
            format!("{} is a member already, with all their devices.", names.person(language, &person)),
            "To hand over earlier notes and documents use `alcove member grant`.",
        ),
        Error::NotAllowed => Told::new(
            Exit::NotFound,
            "You may not do this in this case.",
            "Ask an owner of the case; `alcove member list` shows who is one.",
        ),
        Error::LastOwner => Told::refused(
            "A case keeps at least one owner, and this is the last one.",
            "Make another person an owner first: `alcove member add CASE PERSON --owner`.",
        ),
        Error::CaseClosed => Told::new(
            Exit::NotFound,
            "This device is no longer a member of the case: nothing can be sent, and nothing new arrives.",
            "What you received is still here; to come back, ask an owner of the case.",
        ),
        Error::CaseLeaving => Told::refused(
            "You have asked to leave this case. Nothing more is sent to it.",
            "An owner's program removes you when it is next online. To stay, ask an owner to add you again afterwards.",
        ),
        Error::NoOwnerStays => owners::nobody_stays(language),
        Error::WishLapsed => owners::wish_lapsed(language),
        Error::Alone => Told::refused(
            "You are the only person on this case, so you cannot leave it.",
            "Archive it with `alcove case archive`.",
        ),
        Error::OwnPerson => Told::refused("That is you.", "Name the person who must not add you to cases."),
        Error::CaseFrozen => Told::new(
            Exit::Integrity,
            "The case is frozen: a change of its members cannot be carried out on this device.",
            "Tell your admin. An owner of the case can continue it with `alcove case continue`, without the device \
             that is known to have broken it. What is here can still be read.",
        ),
        Error::CaseSucceeded { by } => Told::new(
            Exit::Conflict,
            format!("This case continues in {:.8}. Nothing more is sent here.", by.to_string()),
            "Write there; it has the same title. Earlier notes can still be read here.",
        ),
        Error::NotFrozen => Told::new(
            Exit::Conflict,
            "The case is not frozen, and as far as this device knows it has an owner with a valid certificate. \
             There is no reason to continue it in a new one.",
            "To remove a person use `alcove member remove`; `alcove case show` says what is wrong with a case. If its \
             owners were revoked, `alcove status` fetches the lists that say so; if it does not, ask your admin.",
        ),
        Error::CaseRestored => Told::new(
            Exit::Integrity,
            "This laptop was restored from a backup, or a second copy of its data is in use. It shows the case as it was \
             when the copy was made, and does not know who was removed since.",
            "Rejoin it with `alcove case rejoin`; what is here can still be read. Do not continue the case in a \
             new one from here.",
        ),
        Error::NotRestored => Told::new(
            Exit::Conflict,
            "What is here of the case is not from an older copy, so there is nothing to rejoin.",
            "`alcove status` shows alarms and how they end; `alcove case show` says what is wrong with a case.",
        ),
        Error::NoWayBack => Told::new(
            Exit::Integrity,
            "This device cannot rejoin the case by itself: what is here is older than its newest keys, or the case's \
             history cannot be followed from there.",
            "Ask an owner of the case to remove this device and add it again; what is here can still be read.",
        ),
        Error::WayBackNotYet => Told::new(
            Exit::Conflict,
            "The person who changed the case last uses an earlier version of Alcove, which does not support rejoining.",
            "Run the command again after the next change of the case, or ask an owner to remove this device and add it again.",
        ),
        Error::CompareWords { by } => Told::new(
            Exit::KeyChanged,
            format!(
                "The way back comes from {}, who was not an owner of the case in the copy of your data that is here. The \
                 server could be showing you a false case.",
                names.person(language, &by)
            ),
            "Call a member whom you know and ask for the words that `alcove case compare` shows them. Then run \
             `alcove case rejoin CASE --words \"…\"` with those words.",
        ),
        Error::NotToBeFollowed(fault) => owners::not_to_be_followed(language, fault),
        Error::CaseNotShown => Told::new(
            Exit::Integrity,
            "The server no longer shows this case, and does not show that you were removed from it. Nothing is \
             sent to it.",
            "What you received and wrote is kept here. Ask an owner of the case whether you were removed, and tell the server's operator and your admin; `alcove status` asks the server again.",
        ),
        Error::CaseRecovered => Told::new(
            Exit::NotFound,
            "This case was recovered. This device is not a member of it: you can read what was recovered, but not \
             write.",
            "Ask a member of the case to add you: `alcove member add`.",
        ),
        Error::SendAnew => Told::refused(
            "Only notes can be sent again after you were out of their case.",
            "Send the file again with `alcove doc send`, then remove this item with `alcove outbox drop`.",
        ),
        Error::OfNewerAlcove => Told::refused(
            "A newer Alcove wrote this item. It waits for that program and is not lost.",
            "Install the newer Alcove again and run `alcove status`: it sends the item.",
        ),
        Error::NoSuchRequest => {
            Told::new(Exit::NotFound, "No request has that id.", "See `alcove case requests`.")
        }
        Error::RequestUnusable => Told::new(
            Exit::NotFound,
            "This request can no longer be used: it has expired, or its case cannot be joined. It was removed from \
             the list.",
            "Ask the person who made it to remove you from that case and add you again.",
        ),
        Error::AlreadyInCase => Told::new(
            Exit::Conflict,
            "You are in that case already.",
            "See `alcove case list`; `alcove case decline` removes the request.",
        ),
        Error::NoSuchRecovery => Told::new(
            Exit::NotFound,
            "No such recovery attempt is known here.",
            "See `alcove recovery list`.",
        ),
        Error::RecoveredFile(fault) => recovery::not_taken_in(language, fault),
        Error::Alarm { case, kind, position: _, device } => {
            alarms::alarm(language, names, case.as_ref(), kind, device.as_ref())
        }
        Error::KeyChanged { person: _ } => Told::new(
            Exit::KeyChanged,
            "A member now signs with another key, and no earlier key of theirs has signed for it.",
            "See who it is with `alcove verify`, compare the words with them by phone, then run `alcove verify \
             --people NAME`. Nothing was sent.",
        ),
        Error::BroughtByOutsider { case, person: _ } => Told::new(
            Exit::KeyChanged,
            format!(
                "A person was added to the case {case} by a revoked laptop, or by an owner whom that laptop had \
                 appointed."
            ),
            "See who it is with `alcove verify`. If they belong in the case, compare the words with them by phone, \
             then run `alcove verify --people NAME`. If not, run `alcove member remove`. Nothing was sent.",
        ),
        Error::SeatOutside { case, device, last_owner } => {
            owners::seat_outside(language, names, &case, &device, last_owner)
        }
        Error::NoSuchAgency => {
            Told::new(Exit::NotFound, "The charter lists no agency with that name.", "See `alcove verify`.")
        }
        Error::Refused { record, cause } => refused_for_good(language, &record, cause),
        Error::CertificateNotTakenUp => Told::new(
            Exit::Conflict,
            "The case does not know your new certificate yet.",
            "Run `alcove status` when the server can be reached: it announces the certificate to the case.",
        ),
        Error::ReceiptKey(error) => Told::new(
            Exit::Integrity,
            format!("The charter does not confirm the key with which the server signs its history: {error}."),
            "Stop here, and tell the server's operator and your agency's admin.",
        ),
        Error::Contended { attempts } => Told::new(
            Exit::Conflict,
            format!("Others changed the case {attempts} times meanwhile."),
            "Nothing was done; run the command again.",
        ),
        Error::RemovedMeanwhile { person } => owners::removed_meanwhile(language, names, &person),
        Error::BegunBeforeCopy => owners::begun_before_copy(language),
        Error::TextEmpty => Told::refused("There is no text.", "Write something, or name a file with text."),
        Error::TextTooLong { limit, actual } => Told::refused(
            format!("The text has {actual} bytes and may have {limit}."),
            "Shorten it, or send it as a document with `alcove doc send`.",
        ),
        Error::TooManyRecords { limit } => Told::refused(
            format!("At most {limit} items can be handed over at once."),
            "Hand them over in several steps.",
        ),
        Error::NothingToGrant => Told::refused(
            "You may not pass on any of these: other agencies wrote them and did not allow it, or they are from \
             before you joined.",
            "Ask a member of the agency that wrote them, who was on the case then.",
        ),
        Error::NothingHandedOver => Told::new(
            Exit::NotFound,
            "This device has handed over nothing to them that could be ended.",
            "The person who handed it over can end it; `alcove member remove` ends everything.",
        ),
        Error::File { path, source } => file(language, &path, &source),
        Error::NoSpace { path } => Told::new(
            Exit::NoSpace,
            format!("There is no space left at {}.", shown(&path)),
            "Make room and run the command again; nothing is half done.",
        ),
        Error::FileExists { path } => Told::new(
            Exit::Conflict,
            format!("There is already something at {}.", shown(&path)),
            "Name another path with -o; existing files are never overwritten.",
        ),
        Error::NotAFile { path } => Told::refused(
            format!("{} is not a plain file.", shown(&path)),
            "Name plain files; for a folder, name the files in it. What another program puts out has to be saved to a \
             file first.",
        ),
        Error::FileChanged { path } => Told::new(
            Exit::Conflict,
            format!("{} changed while it was being sent.", shown(&path)),
            "Close it in other programs and send it again.",
        ),
        Error::FileName { path } => Told::refused(
            format!("The name of {} is too long to be sent.", shown(&path)),
            "Rename the file and send it again.",
        ),
        Error::FileTooLarge { path, limit } => Told::refused(
            format!("{} is larger than a document may be ({}).", shown(&path), numbers::bytes(limit)),
            "Split it, and send the parts.",
        ),
        Error::DocumentDamaged => Told::new(
            Exit::Integrity,
            "The document fails verification: the server does not hold what was sent. Nothing was saved.",
            "Ask the sender to send it again.",
        ),
        Error::OutputCut { written, size, source } => {
            let told = told(language, names, *source);
            let remedy = match told.exit {
                Exit::Integrity => told.remedy,
                _ => "Run the command again.".to_owned(),
            };
            Told::new(
                Exit::Integrity,
                format!(
                    "{} What was put out is not the whole document: {} of {}.",
                    told.what,
                    numbers::bytes(written),
                    numbers::bytes(size)
                ),
                format!("Throw away what was put out. {remedy}"),
            )
        }
        Error::Cancelled => Told::interrupted(language),
        Error::Group(error) => group(language, &error),
        Error::Charter(CharterError::Expired { not_after_ms }) => Told::new(
            Exit::Certificate,
            format!("The charter ended on {}, by this machine's clock.", times::minute(not_after_ms)),
            "Set the clock if it is wrong; otherwise the agencies have to sign the next version.",
        ),
        Error::Charter(error) => Told::new(
            Exit::Integrity,
            format!("The charter on this device is not valid: {error}."),
            "Run `alcove doctor`, and tell your agency's admin what it says.",
        ),
        Error::Randomness => no_randomness(language),
    }
}

/// The server will never take it as it is; it has not gone away.
fn refused_for_good(language: Language, record: &RecordId, cause: RefusalCause) -> Told {
    let Language::English = language;
    let exit = match cause {
        RefusalCause::NotUnderstood => Exit::Unexpected,
        RefusalCause::TooLarge => Exit::Refused,
        RefusalCause::IdReused => Exit::Integrity,
        RefusalCause::OutOfReach => Exit::NotFound,
        RefusalCause::ChangedInLog => {
            return Told::new(
                Exit::Integrity,
                "The server shows something else in place of what you wrote: the others do not have it as you \
                 wrote it. Your text is kept in the outbox.",
                format!(
                    "Tell your admin and the server's operator. After `alcove status --acknowledge-alarms`, `alcove outbox retry {:.8}` sends it again, as a new item.",
                    record.to_string()
                ),
            );
        }
        RefusalCause::InLogUnread => {
            return Told::new(
                Exit::Conflict,
                "What you wrote is most likely in the case already: this device sent it after the copy of \
                 your data that is here was made. Your text is kept in the outbox.",
                format!(
                    "Ask a colleague whether they have it. If not, `alcove outbox retry {0:.8}` sends it \
                     again, as a new item; if they have, `alcove outbox drop {0:.8}` removes it.",
                    record.to_string()
                ),
            );
        }
    };
    let id = format!("{:.8}", record.to_string());
    Told::new(
        exit,
        format!(
            "The server refuses it: {}. It stays in the outbox and is not sent.",
            items::refusal(language, cause)
        ),
        format!("`alcove outbox drop {id}` removes it; `alcove outbox retry {id}` tries to send it again."),
    )
}

/// What kept a sync from going on, with what is true now of new certificates where they would help.
pub fn of_sync(language: Language, names: Names<'_>, error: Error, view: &RenewalView) -> Told {
    match error {
        Error::Certificate(trouble) => certificate_and_renewal(language, trouble, view),
        Error::Server(ServerError::DeviceCertificate(
            CertificateFault::Expired | CertificateFault::UnknownIssuer,
        )) => Told { remedy: renewal(language, view), ..told(language, names, error) },
        error => told(language, names, error),
    }
}
