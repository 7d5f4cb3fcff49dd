//! Why an enrolment did not go through, and what to do.

use super::{certificates::certificate, files::no_randomness, server, times, told::Told, vault};
use crate::session::{CertificateFault, CertificateTrouble, ServerError, enrol::EnrolError};
use alcove_charter::{CharterError, InvitationError, TrustError};
use alcove_programs::{exit::Exit, language::Language, text::safe_line};

/// How an enrolment ends that did not go through.
pub fn told(language: Language, error: EnrolError) -> Told {
    let Language::English = language;
    const ASK: &str = "Ask your agency's admin for the answer to this device's request.";
    match error {
        EnrolError::Vault(error) => vault::told(language, error),
        EnrolError::KeyGeneration => no_randomness(language),
        EnrolError::NoRequest => Told::new(
            Exit::NotFound,
            "No request was made on this device.",
            "Begin with `alcove enrol request`, or name the vault's folder with --home DIR.",
        ),
        EnrolError::AlreadyEnrolled(identity) => Told::new(
            Exit::Conflict,
            format!("This device is enrolled as {identity}, but the answer is for another name."),
            "Ask for an answer with that handle and device number, or enrol in another folder with --home DIR.",
        ),
        EnrolError::Older => Told::new(
            Exit::Conflict,
            "The answer is older than the certificates on this device.",
            "Use the newest answer; nothing was changed.",
        ),
        EnrolError::TooLarge { limit } => {
            Told::refused(format!("The file is larger than the {limit} bytes an answer may have."), ASK)
        }
        EnrolError::NotAnAnswer(_) => {
            Told::refused("The file is not an answer to an enrolment request, or it was cut off.", ASK)
        }
        EnrolError::Format { found } => Told::refused(
            format!("The answer has format {found}, which this program does not know."),
            "Install the newest Alcove.",
        ),
        EnrolError::Charter(CharterError::Expired { not_after_ms }) => Told::new(
            Exit::Certificate,
            format!(
                "The charter in the answer ended on {}, by this machine's clock.",
                times::minute(not_after_ms)
            ),
            "Set the clock if it is wrong; otherwise the agencies have to sign the next version.",
        ),
        EnrolError::Charter(CharterError::Fork { version }) => Told::new(
            Exit::Integrity,
            format!(
                "The answer contains a different version {version} of the charter than the one on this device."
            ),
            "Stop here, and compare the charter's hash with your agency's admin.",
        ),
        EnrolError::Charter(error) => Told::new(
            Exit::Integrity,
            format!("The charter in the answer is not valid: {error}."),
            "Stop here, and speak to your agency's admin.",
        ),
        EnrolError::Certificate(_, TrustError::Expired { not_after_ms, .. }) => Told::new(
            Exit::Certificate,
            format!("The certificate in the answer ended on {}.", times::minute(not_after_ms)),
            "Set this machine's clock if it is wrong; otherwise ask your agency's admin for a new answer.",
        ),
        EnrolError::Certificate(_, TrustError::NotYetValid { not_before_ms, .. }) => {
            certificate(language, CertificateTrouble::NotYetValid { not_before_ms })
        }
        EnrolError::Certificate(purpose, error) => Told::new(
            Exit::Integrity,
            format!("The {purpose} certificate in the answer is not valid: {error}."),
            ASK,
        ),
        EnrolError::OtherKey(_) => {
            Told::refused("The answer is for the request of another device or vault.", ASK)
        }
        EnrolError::OtherName(purpose) => Told::new(
            Exit::Integrity,
            format!(
                "The {purpose} certificate in the answer names a different device than the answer itself."
            ),
            ASK,
        ),
        EnrolError::Name(error) => {
            Told::new(Exit::Integrity, format!("The answer names no device: {error}."), ASK)
        }
        EnrolError::Card(error) => Told::new(
            Exit::Integrity,
            format!("The card in the answer is not valid: {}.", safe_line(&error.to_string())),
            ASK,
        ),
        EnrolError::DirectoryKey => {
            Told::refused("The answer's sealed part is for another device, or was changed.", ASK)
        }
        EnrolError::OtherDirectoryKey => Told::new(
            Exit::Integrity,
            "The key for names in the answer is not the one that the agencies have signed. Someone changed \
             your admin's charter file, and could have read your name and those of your colleagues. Nothing of \
             the answer was used.",
            "Tell your agency's admin at once, and ask for a new answer, made with the charter from another admin.",
        ),
        EnrolError::NotWhole => Told::new(
            Exit::Integrity,
            "Your agency has not signed the answer in this form: it was changed on its way, or was made with \
             an older charter or program. Nothing of it was used.",
            "Ask your agency's admin for a new answer, made by the newest alcove-certs with the charter in \
             force, and delivered another way.",
        ),
        EnrolError::ServerAddress => Told::refused(
            "The server's address is not in the form HOST:PORT.",
            "Give it as --server HOST:PORT, for example --server alcove.northmark.example:8443.",
        ),
        EnrolError::NoServerAddress => Told::new(
            Exit::Usage,
            "The answer does not name a server.",
            "Give its address as --server HOST:PORT; your agency's admin knows it.",
        ),
        EnrolError::Invitation(error) => invitation(language, &error),
        EnrolError::InvitationEnded { not_after_ms } => Told::new(
            Exit::Certificate,
            format!("The invitation ended on {}, by this machine's clock.", times::minute(not_after_ms)),
            "Set the clock if it is wrong; otherwise ask your agency's admin for a new invitation.",
        ),
        EnrolError::NoInvitation => Told::new(
            Exit::NotFound,
            "No invitation was accepted on this device.",
            "Begin with `alcove enrol accept`, name the answer's file, or the vault's folder with --home DIR.",
        ),
        EnrolError::InvitedAgain(identity) => Told::new(
            Exit::Conflict,
            format!("This device is already enrolled as {identity}; an invitation is for a new device."),
            "Accept it in another folder with --home DIR; certificates are renewed without an invitation.",
        ),
        EnrolError::InvitationReplaced => Told::new(
            Exit::Conflict,
            "Another invitation was accepted on this device in the meantime.",
            "Run `alcove enrol finish` to go on with that one.",
        ),
        EnrolError::ForeignCharter => Told::new(
            Exit::Integrity,
            "The charters at the desk do not lead to the one named in the invitation.",
            "Stop here: the desk may be false. Speak to your agency's admin.",
        ),
        EnrolError::ForeignServerCa => Told::new(
            Exit::Integrity,
            "The charter named in the invitation does not list the server's CA given in the invitation.",
            "Stop here: the invitation may be false. Speak to your agency's admin.",
        ),
        EnrolError::Refused => Told::new(
            Exit::NotFound,
            "Your agency's admin has refused this device's request.",
            "Speak to them; with a new invitation, `alcove enrol accept` starts again.",
        ),
        EnrolError::OtherDevice(identity) => Told::new(
            Exit::Integrity,
            format!("The answer is for {identity}, not for the device that asked."),
            "Stop here, and tell your agency's admin what this says.",
        ),
        EnrolError::SealedAnswer => Told::new(
            Exit::Integrity,
            "The desk's answer is sealed for another device, or was changed.",
            "Stop here, and tell your agency's admin what this says.",
        ),
        EnrolError::Server(error) => desk(language, error),
    }
}

/// What was given is no invitation.
fn invitation(language: Language, error: &InvitationError) -> Told {
    let Language::English = language;
    const COPY: &str =
        "Copy it again, from its first letter to its last; line breaks and text around it do not matter.";
    match error {
        InvitationError::NotOne => Told::refused("That is not an invitation.", COPY),
        InvitationError::Damaged => Told::refused("A piece of the invitation is missing or mistyped.", COPY),
        InvitationError::Several => Told::refused(
            "There is more than one invitation in this text.",
            "Copy only the one that you were given last, from its first letter to its last.",
        ),
        InvitationError::Format { found } => Told::refused(
            format!("The invitation has format {found}, which this program does not know."),
            "Install the newest Alcove.",
        ),
        InvitationError::Name(_) | InvitationError::Field => Told::refused(
            format!("The invitation is complete but makes no sense: {error}."),
            "Ask your agency's admin for a new invitation.",
        ),
    }
}

/// The desk could not be used by whoever has no more than an invitation.
fn desk(language: Language, error: ServerError) -> Told {
    let Language::English = language;
    match error {
        ServerError::ServerCertificate(
            fault @ (CertificateFault::Revoked
            | CertificateFault::UnknownIssuer
            | CertificateFault::WrongName
            | CertificateFault::WrongUsage
            | CertificateFault::Malformed
            | CertificateFault::Missing
            | CertificateFault::Other),
        ) => Told::new(
            Exit::Integrity,
            format!("What answers at the desk's address is not the server named in the invitation: {fault}."),
            "Stop here, and tell your agency's admin what this says.",
        ),
        ServerError::ServerCertificate(CertificateFault::Expired | CertificateFault::NotYetValid)
        | ServerError::Unreachable
        | ServerError::Address
        | ServerError::Config(_)
        | ServerError::DeviceCertificate(_)
        | ServerError::InItsPlace
        | ServerError::Proxy(_)
        | ServerError::Refused(_)
        | ServerError::BadAnswer { .. } => server::told(language, error),
    }
}
