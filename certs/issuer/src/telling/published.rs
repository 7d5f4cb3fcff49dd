//! What a person is told of what is put in force at the server: who is cut, and why a list is not there yet.

use crate::ca::agency::IssuedCrl;
use alcove_programs::language::Language;
use alcove_proto::limits::CRLS_PER_MINUTE_MAX;
use std::path::Path;

/// How many connections ended.
pub fn cut(language: Language, connections: u32) -> String {
    let Language::English = language;
    match connections {
        0 => "No live connection was cut.".to_owned(),
        1 => "1 live connection was cut.".to_owned(),
        connections => format!("{connections} live connections were cut."),
    }
}

/// That what was made just now is in force.
pub fn in_force(language: Language, connections: u32) -> String {
    let Language::English = language;
    format!("It is in force. {}", cut(language, connections))
}

/// That a version of the charter is in force.
pub fn charter_in_force(language: Language, version: u64, connections: u32) -> String {
    let Language::English = language;
    format!("Version {version} is in force. {}", cut(language, connections))
}

/// That a list is in force.
pub fn list_in_force(language: Language, number: u64, connections: u32) -> String {
    let Language::English = language;
    format!("List {number} is in force. {}", cut(language, connections))
}

/// How many certificates a revocation has taken in.
pub fn revoked(language: Language, certificates: usize) -> String {
    let Language::English = language;
    match certificates {
        0 => "Everything of that name had been revoked before.".to_owned(),
        1 => "Revoked 1 certificate.".to_owned(),
        count => format!("Revoked {count} certificates."),
    }
}

/// What a new list names.
pub fn list_made(language: Language, crl: &IssuedCrl) -> String {
    let Language::English = language;
    format!("List {} names {} certificates.", crl.number, crl.entries)
}

/// That the server takes no more lists just now.
pub fn list_waits(language: Language, seconds: u64, file: &Path) -> String {
    let Language::English = language;
    format!(
        "The server takes {CRLS_PER_MINUTE_MAX} lists a minute from an agency. This one is in {} and will be sent in {seconds} s: \
         please wait. One list can name many: you may give --identity several times.",
        file.display()
    )
}

/// That this computer's clock is ahead of the server's.
pub fn list_ahead(language: Language, seconds: u64, file: &Path) -> String {
    let Language::English = language;
    format!(
        "This list is dated ahead of the server's clock: set the clock of this computer. It is in {} and will be sent in {seconds} s: \
         please wait.",
        file.display()
    )
}

/// What a watch has come to with the newest list of a folder.
#[derive(Debug, Clone, Copy)]
pub enum Watched<'a> {
    /// It has that number.
    InForce {
        /// Of the list.
        number: u64,
        /// Connections that ended.
        cut: u32,
    },
    /// The server has it, or a newer one.
    NotAccepted,
    /// The clock of this computer is wrong.
    Ahead {
        /// Until the next try.
        seconds: u64,
    },
    /// The server has another list, and this one's number comes too early after it.
    TooEarly {
        /// Of the list that the server has.
        number: u64,
        /// Until the next try, with a new list.
        seconds: u64,
    },
    /// It takes back what an earlier list says.
    TakesBack,
    /// What the desk says of it, and what to do.
    Refused(&'a super::Told),
}

/// What has become of the list in `file`, while renewals go on.
pub fn watched(language: Language, watched: Watched<'_>, file: &Path) -> String {
    let Language::English = language;
    let file = file.display();
    match watched {
        Watched::InForce { number, cut: connections } => {
            format!("Revocation list {number} is in force. {}", cut(language, connections))
        }
        Watched::NotAccepted => format!("The server does not accept the list in {file}."),
        Watched::Ahead { seconds } => format!(
            "The revocation list in {file} is dated ahead of the server's clock: set the clock of this computer. What was \
             revoked since is NOT in force. The list will be handed in again in {seconds} s; renewals continue."
        ),
        Watched::TooEarly { number, seconds } => format!(
            "The server has revocation list {number}, and the one in {file} comes too early for its number. What was revoked \
             since is NOT in force. A new one will be made and handed in in {seconds} s; renewals continue. If this folder did not \
             make list {number}, someone else has this agency's CA key: take over what is in force with `alcove-certs crl adopt`, \
             and replace the CA."
        ),
        Watched::TakesBack => format!(
            "The server refuses the revocation list in {file}: it takes back what an earlier list says, or its number or date \
             is out of order. What was revoked since is NOT in force; renewals continue. Was this folder put back from a copy, or \
             is this computer's clock wrong? `alcove-certs crl adopt` takes over the list that is in force; then revoke what is \
             missing, and publish a new one with `alcove-certs crl`."
        ),
        Watched::Refused(told) => format!(
            "{} The revocation list in {file} is NOT in force; renewals continue. {}",
            told.happened, told.remedy
        ),
    }
}
