//! What a draft changes, in sentences for whoever signs it and in objects for scripts.

use crate::{charters::hearing::differences_of, ledger::entries::key_hash, telling::time::day};
use alcove_charter::{Charter, CharterFile, Difference, KeyPurpose};
use alcove_programs::language::Language::{self, English};
use alcove_proto::{names::TrustDomain, v1::Side};
use serde_json::{Value, json};

/// Whether the words stand beside a change: never where somebody is to type what they have heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Words {
    /// They stand there.
    Shown,
    /// They do not.
    Hidden,
}

/// The changes of a draft as paragraphs, the server first.
pub fn changes(language: Language, file: &CharterFile, words: Words) -> Vec<String> {
    let found = differences_of(file);
    let mut lines = vec![match (language, &file.history) {
        (English, None) => "This is the first version: the server and every agency are new in it.".to_owned(),
        (English, Some(history)) if found.is_empty() => {
            format!("Nothing changes from version {}.", history.newest().version)
        }
        (English, Some(history)) => format!("What changes from version {}:", history.newest().version),
    }];
    for difference in &found {
        lines.push(format!("  * {}", change(language, file, difference)));
        if let (Words::Shown, Some(words)) = (words, difference.words()) {
            lines.push(match language {
                English => format!("    Its words: {words}"),
            });
        }
    }
    lines
}

/// The same for scripts.
pub fn changes_for_scripts(language: Language, file: &CharterFile) -> Vec<Value> {
    let object = |difference: &Difference| {
        let (purpose, key) = match difference {
            Difference::ServerCaAdded(key) | Difference::ServerCaDropped(key) => {
                (Some(KeyPurpose::ServerCa), Some(key))
            }
            Difference::KeyAdded { purpose, key, .. } | Difference::KeyDropped { purpose, key, .. } => {
                (Some(*purpose), Some(key))
            }
            _ => (None, None),
        };
        json!({
            "change": code(difference),
            "agency": difference.trust_domain().map(TrustDomain::as_str),
            "purpose": purpose.map(KeyPurpose::code),
            "key_sha256": key.map(|key| key_hash(key).to_string()),
            "words": difference.words(),
            "says": change(language, file, difference),
        })
    };
    differences_of(file).iter().map(object).collect()
}

fn code(difference: &Difference) -> &'static str {
    match difference {
        Difference::ServerCaAdded(_) => "server-ca-added",
        Difference::ServerCaDropped(_) => "server-ca-dropped",
        Difference::ServerName { .. } => "server-name",
        Difference::Joins { .. } => "joins",
        Difference::Leaves { .. } => "leaves",
        Difference::Name { .. } => "name",
        Difference::Side { .. } => "side",
        Difference::KeyAdded { .. } => "key-added",
        Difference::KeyDropped { .. } => "key-dropped",
        Difference::Quorum { .. } => "quorum",
        Difference::DirectoryKey(_) => "directory-key",
        Difference::Rules { .. } => "rules",
        Difference::End { .. } => "end",
    }
}

/// One change as a lawyer reads it.
pub fn change(language: Language, file: &CharterFile, difference: &Difference) -> String {
    let charter = file.offered.charter();
    let previous = file.history.as_ref().map(|history| &**history.newest());
    let called = |trust_domain: &TrustDomain| called(charter, previous, trust_domain);
    match (language, difference) {
        (English, Difference::ServerCaAdded(_)) if previous.is_none() => format!("The server's CA. {SERVER_CA}"),
        (English, Difference::ServerCaAdded(_)) => format!("THE SERVER'S CA CHANGES: a new one is listed. {SERVER_CA}"),
        (English, Difference::ServerCaDropped(_)) => {
            "THE SERVER'S CA CHANGES: one is dropped. Servers certified by it are no longer believed."
                .to_owned()
        }
        (English, Difference::ServerName { before, now }) => {
            format!("THE SERVER'S NAME CHANGES from {before} to {now}.")
        }
        (English, Difference::Joins { trust_domain, .. }) => {
            let its_side = charter.agency(trust_domain).map_or("", |agency| side_code(agency.side));
            format!(
                "{} joins, side: {its_side}. It certifies its own people, signs charters, and can be written to.",
                called(trust_domain)
            )
        }
        (English, Difference::Leaves { trust_domain }) => {
            format!("{} leaves. Its people are no longer let in.", called(trust_domain))
        }
        (English, Difference::Name { trust_domain, before }) => {
            format!("{} is called that from now on, and was called {before}.", called(trust_domain))
        }
        (English, Difference::Side { trust_domain, before }) => {
            let now = charter.agency(trust_domain).map_or("", |agency| side_code(agency.side));
            format!("{} changes its side from {} to {now}.", called(trust_domain), side_code(*before))
        }
        (English, Difference::KeyAdded { trust_domain, purpose, .. }) => {
            format!(
                "{}: {} Nobody else may change this for them: they must have told you.",
                called(trust_domain),
                added(language, *purpose)
            )
        }
        (English, Difference::KeyDropped { trust_domain, purpose, .. }) => {
            format!("{}: {}", called(trust_domain), dropped(language, *purpose))
        }
        (English, Difference::Quorum { before }) => format!(
            "A later version takes {} of {} agencies; it took {before}{}.",
            charter.quorum,
            charter.agencies.len(),
            previous.map_or_else(String::new, |previous| format!(" of {}", previous.agencies.len())),
        ),
        (English, Difference::DirectoryKey(_)) => "The key that the names of all staff are sealed with is stated in it, for good. A wrong \
                                        one lets others read the names. Whoever drafted it has its words from then."
            .to_owned(),
        (English, Difference::Rules { before }) => format!(
            "Rules {} bind what names this version, in place of rules {before}. Programs that do not know them cannot follow it.",
            charter.rules
        ),
        (English, Difference::End { before_ms }) => {
            format!(
                "It ends on {}; the version before ends on {}.",
                day(charter.not_after_ms),
                day(*before_ms)
            )
        }
    }
}

/// A side as people and scripts read it.
pub fn side_code(side: Side) -> &'static str {
    match side {
        Side::Unspecified => "unspecified",
        Side::Provider => "provider",
        Side::ChildProtection => "child-protection",
        Side::Prosecution => "prosecution",
        Side::LawEnforcement => "law-enforcement",
        Side::TrainingOnly => "training-only",
    }
}

/// What whoever holds a wrong one can do.
const SERVER_CA: &str = "Its holder decides which machine all agencies take for the server. A wrong one can hold \
                         things back, reorder them, and show different things to different people.";

fn added(language: Language, purpose: KeyPurpose) -> &'static str {
    match (language, purpose) {
        (English, KeyPurpose::ServerCa) => SERVER_CA,
        (English, KeyPurpose::Ca) => "A NEW CA CERTIFIES ITS PEOPLE.",
        (English, KeyPurpose::CharterKey) => {
            "ITS CHARTER KEY CHANGES. It signs charters, and what is said about its people."
        }
        (English, KeyPurpose::SealingKey) => {
            "ITS SEALING KEY CHANGES. The list of names reaches it through this one."
        }
        (English, KeyPurpose::RecoveryKey) => {
            "ITS RECOVERY KEY IS NEW. The officers who hold its shares can together read what its people could."
        }
    }
}

fn dropped(language: Language, purpose: KeyPurpose) -> &'static str {
    match (language, purpose) {
        (English, KeyPurpose::ServerCa) => "The server's CA goes.",
        (English, KeyPurpose::Ca) => {
            "an earlier CA goes. Devices certified by that one alone are disconnected."
        }
        (English, KeyPurpose::CharterKey) => "the charter key of before goes.",
        (English, KeyPurpose::SealingKey) => "the sealing key of before goes.",
        (English, KeyPurpose::RecoveryKey) => "the recovery key of before goes.",
    }
}

/// An agency by name, also one that leaves.
fn called(charter: &Charter, previous: Option<&Charter>, trust_domain: &TrustDomain) -> String {
    let agency =
        charter.agency(trust_domain).or_else(|| previous.and_then(|before| before.agency(trust_domain)));
    match agency {
        Some(agency) => format!("{} ({trust_domain})", agency.display_name),
        None => trust_domain.to_string(),
    }
}

/// Who is to be called for the words of a change.
pub fn owner(language: Language, file: &CharterFile, difference: &Difference) -> String {
    let previous = file.history.as_ref().map(|history| &**history.newest());
    match (language, difference.trust_domain()) {
        (English, Some(trust_domain)) => {
            format!("the admin of {}", called(file.offered.charter(), previous, trust_domain))
        }
        (English, None) if matches!(difference, Difference::DirectoryKey(_)) => {
            "the admin who drafted the charter".to_owned()
        }
        (English, None) => "the server's operator".to_owned(),
    }
}
