//! Why this device's certificate does not hold, and how it gets a new one.

use super::{times, told::Told};
use crate::session::{CertificateTrouble, RenewalState, RenewalView};
use alcove_programs::{exit::Exit, language::Language};

/// The way to new certificates without the desk.
const RENEW_BY_FILES: &str = "Run `alcove enrol request`, give the file to your agency's admin, and run `alcove enrol finish` with the answer.";
/// The same where it is not known whether a renewal is on its way.
pub(crate) const RENEW: &str = "`alcove status` says whether a renewal is under way. If not, run `alcove enrol \
                                request`, give the file to your agency's admin, and run `alcove enrol finish` with the \
                                answer.";

/// This device's own certificate is not in force.
pub fn certificate(language: Language, trouble: CertificateTrouble) -> Told {
    let Language::English = language;
    match trouble {
        CertificateTrouble::Expired { not_after_ms } => Told::new(
            Exit::Certificate,
            format!("Your certificate ended on {}, by this machine's clock.", times::minute(not_after_ms)),
            format!("Set the clock if it is wrong. {RENEW}"),
        ),
        CertificateTrouble::NotYetValid { not_before_ms } => Told::new(
            Exit::Certificate,
            format!(
                "The certificate is valid from {}: this machine's clock is behind.",
                times::minute(not_before_ms)
            ),
            "Set the clock and run the command again.",
        ),
        CertificateTrouble::NotOfCharter => Told::new(
            Exit::Certificate,
            "The charter in force no longer lists the CA that issued your certificate.",
            RENEW,
        ),
        CertificateTrouble::Revoked => Told::new(
            Exit::Certificate,
            "Your agency has revoked this device's certificate.",
            "Speak to your agency's admin. What is on this device can still be read with --offline.",
        ),
    }
}

/// The same, with what is true now of new certificates.
pub fn certificate_and_renewal(language: Language, trouble: CertificateTrouble, view: &RenewalView) -> Told {
    let failure = certificate(language, trouble);
    match trouble {
        CertificateTrouble::Expired { .. } => {
            Told { remedy: format!("Set the clock if it is wrong. {}", renewal(language, view)), ..failure }
        }
        CertificateTrouble::NotOfCharter => Told { remedy: renewal(language, view), ..failure },
        // No new certificate helps against these.
        CertificateTrouble::NotYetValid { .. } | CertificateTrouble::Revoked => failure,
    }
}

/// What is true of this device's renewal, and what there is to do about it. Sentences.
pub fn renewal(language: Language, view: &RenewalView) -> String {
    let Language::English = language;
    match &view.state {
        RenewalState::Waiting { .. } if view.bad_answer => {
            "The desk's answer to the renewal is not for this device: tell your agency's admin. A new renewal is \
             made within a day."
                .to_owned()
        }
        RenewalState::Waiting { since_ms, words } => format!(
            "A renewal has been waiting for your agency's admin since {}; its words are: {words}. `alcove status` \
             collects the answer when it is there.",
            times::minute(*since_ms)
        ),
        RenewalState::Refused { since_ms, .. } => format!(
            "A renewal was refused on {}: speak to your agency's admin. Without the desk: {RENEW_BY_FILES}",
            times::minute(*since_ms)
        ),
        RenewalState::None if !view.desk_known => RENEW_BY_FILES.to_owned(),
        RenewalState::None if view.desk_silent => format!(
            "A renewal is ready, but the server's desk cannot be reached or has no room for it. `alcove status` \
             tries again. If that does not help, tell your agency's admin, who answers the requests at the desk. \
             Without the desk: {RENEW_BY_FILES}"
        ),
        RenewalState::None => {
            format!("`alcove status` sends a renewal request. Without the desk: {RENEW_BY_FILES}")
        }
    }
}
