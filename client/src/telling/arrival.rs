//! What is said on the way onto a device, and of what it is then.

use super::{people, times, told::Told};
use crate::session::{Side, enrol::Enrolment};
use alcove_programs::{language::Language, text::safe_line};

/// What a new vault's passphrase is.
pub fn new_vault(language: Language) -> &'static str {
    let Language::English = language;
    "This creates the vault of this device. Nobody can open it without its passphrase, and nobody can reset the \
     passphrase."
}

/// What to do with a request that lies in a file.
pub fn request_written(language: Language, file: &str) -> String {
    let Language::English = language;
    format!(
        "The request is in {}. Give it to your agency's admin and read them the words above. When they give a \
         file back, run `alcove enrol finish` with it.",
        safe_line(file)
    )
}

/// What to do with the words of a request that is at the server.
pub fn handed_in(language: Language) -> &'static str {
    let Language::English = language;
    "The request is at the server. Your agency's admin will call you and compare the six words above. You read \
     them out; never let a caller read them to you."
}

/// How to go on once the admin has answered.
pub fn finish_later(language: Language) -> &'static str {
    let Language::English = language;
    "When the answer is there, run `alcove enrol finish`."
}

/// What this device is now, for whom, and under which charter.
pub fn shown(language: Language, enrolment: &Enrolment) -> String {
    let Language::English = language;
    let charter = enrolment.charters.newest();
    let domain = &enrolment.identity.person.trust_domain;
    let (agency, side) = charter
        .agency(domain)
        .map_or((domain.as_str(), Side::Unspecified), |agency| (agency.display_name.as_str(), agency.side));
    let mut lines = vec![
        format!(
            "This device is {}, {} of {} ({}).",
            safe_line(&enrolment.card.name),
            safe_line(&enrolment.card.role),
            safe_line(agency),
            people::side(language, side)
        ),
        format!("Server       {}", safe_line(&enrolment.server_address)),
        format!(
            "Certificate  until {}",
            times::minute(enrolment.tls_not_after_ms.min(enrolment.mls_not_after_ms))
        ),
        format!("Charter      version {} of {}, signed by:", charter.version, charter.collaborative),
    ];
    lines.extend(charter.agencies.iter().map(|agency| {
        format!("  {} ({})", safe_line(&agency.display_name), people::side(language, agency.side))
    }));
    lines.join("\n")
}

/// That the device is whole and the server does not know it.
pub fn not_known_at_server(language: Language, why: &Told) -> String {
    let Language::English = language;
    format!(
        "the server does not know this device yet. {} Others can add you after the next `alcove status`.",
        why.what
    )
}
