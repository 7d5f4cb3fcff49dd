//! What a draft changes, in sentences for whoever signs it and in objects for scripts.

use crate::{
    charters::hearing::{Spoken, differences_of, to_hear, unheard},
    error::IssuerError,
    ledger::entries::key_hash,
    telling::time::day,
};
use alcove_charter::{Charter, CharterFile, Difference, KeyPurpose};
use alcove_programs::language::Language;
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

/// Words that an admin must have heard before they sign, and have not.
#[derive(Debug)]
pub struct Due {
    /// What changes, in a sentence.
    pub what: String,
    /// Who is to be called for the words.
    pub owner: String,
    spoken: Spoken,
}

impl Due {
    /// Whether these are the words, as somebody typed them.
    pub fn is(&self, typed: &str) -> bool {
        self.spoken.is(typed)
    }
}

/// What `signer` has to hear of a draft, beside the words that were `heard`.
///
/// Errors: [`DraftError::WordsOfNothing`](crate::DraftError::WordsOfNothing).
pub fn due(
    language: Language,
    file: &CharterFile,
    signer: &TrustDomain,
    heard: &[String],
) -> Result<Vec<Due>, IssuerError> {
    let missing = unheard(file, to_hear(file, signer), heard)?.into_iter();
    let due = missing.map(|spoken| Due {
        what: change(language, file, &spoken.difference),
        owner: owner(language, file, &spoken.difference),
        spoken,
    });
    Ok(due.collect())
}

/// The changes of a draft as paragraphs, the server first.
pub(super) fn changes(language: Language, file: &CharterFile, words: Words) -> Vec<String> {
    let found = differences_of(file);
    let Language::English = language;
    let mut lines = vec![match &file.history {
        None => "This is the first version: the server and every agency are new in it.".to_owned(),
        Some(history) if found.is_empty() => {
            format!("Nothing changes from version {}.", history.newest().version)
        }
        Some(history) => format!("What changes from version {}:", history.newest().version),
    }];
    for difference in &found {
        lines.push(format!("  * {}", change(language, file, difference)));
        if let (Words::Shown, Some(words)) = (words, difference.words()) {
            lines.push(format!("    Its words: {words}"));
        }
    }
    lines
}

/// The same for scripts.
pub(super) fn changes_for_scripts(language: Language, file: &CharterFile) -> Vec<Value> {
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
fn change(language: Language, file: &CharterFile, difference: &Difference) -> String {
    let charter = file.offered.charter();
    let previous = file.history.as_ref().map(|history| &**history.newest());
    let called = |trust_domain: &TrustDomain| called(charter, previous, trust_domain);
    let Language::English = language;
    match difference {
        Difference::ServerCaAdded(_) if previous.is_none() => format!("The server's CA. {SERVER_CA}"),
        Difference::ServerCaAdded(_) => format!("THE SERVER'S CA CHANGES: a new one is listed. {SERVER_CA}"),
        Difference::ServerCaDropped(_) => {
            "THE SERVER'S CA CHANGES: one is dropped. Servers certified by it are no longer believed."
                .to_owned()
        }
        Difference::ServerName { before, now } => {
            format!("THE SERVER'S NAME CHANGES from {before} to {now}.")
        }
        Difference::Joins { trust_domain, .. } => {
            let its_side = charter.agency(trust_domain).map_or("", |agency| side_code(agency.side));
            format!(
                "{} joins, side: {its_side}. It certifies its own people, signs charters, and others can write to it.",
                called(trust_domain)
            )
        }
        Difference::Leaves { trust_domain } => {
            format!("{} leaves. Its people are no longer let in.", called(trust_domain))
        }
        Difference::Name { trust_domain, before } => {
            format!("{} has a new name; it was called {before}.", called(trust_domain))
        }
        Difference::Side { trust_domain, before } => {
            let now = charter.agency(trust_domain).map_or("", |agency| side_code(agency.side));
            format!("{} changes its side from {} to {now}.", called(trust_domain), side_code(*before))
        }
        Difference::KeyAdded { trust_domain, purpose, .. } => {
            format!(
                "{}: {} No one else may change this for them: they must have told you.",
                called(trust_domain),
                added(language, *purpose)
            )
        }
        Difference::KeyDropped { trust_domain, purpose, .. } => {
            format!("{}: {}", called(trust_domain), dropped(language, *purpose))
        }
        Difference::Quorum { before } => format!(
            "A later version needs {} of {} agencies; until now it needed {before}{}.",
            charter.quorum,
            charter.agencies.len(),
            previous.map_or_else(String::new, |previous| format!(" of {}", previous.agencies.len())),
        ),
        Difference::DirectoryKey(_) => "The key that the names of all staff are sealed with is stated in it, for good. A wrong \
                                        one lets others read the names. Whoever drafted it has its words from then."
            .to_owned(),
        Difference::Rules { before } => format!(
            "Rules {} bind what names this version, in place of rules {before}. Programs that do not know them cannot follow this charter.",
            charter.rules
        ),
        Difference::End { before_ms } => {
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
    let Language::English = language;
    match purpose {
        KeyPurpose::ServerCa => SERVER_CA,
        KeyPurpose::Ca => "A NEW CA CERTIFIES ITS PEOPLE.",
        KeyPurpose::CharterKey => {
            "ITS CHARTER KEY CHANGES. It signs charters, and what is said about its people."
        }
        KeyPurpose::SealingKey => "ITS SEALING KEY CHANGES. The list of names reaches it through this one.",
        KeyPurpose::RecoveryKey => {
            "ITS RECOVERY KEY IS NEW. The officers who hold its shares can together read what its people could."
        }
    }
}

fn dropped(language: Language, purpose: KeyPurpose) -> &'static str {
    let Language::English = language;
    match purpose {
        KeyPurpose::ServerCa => "The server's CA is dropped.",
        KeyPurpose::Ca => "an earlier CA is dropped. Devices certified only by that one are disconnected.",
        KeyPurpose::CharterKey => "the earlier charter key is dropped.",
        KeyPurpose::SealingKey => "the earlier sealing key is dropped.",
        KeyPurpose::RecoveryKey => "the earlier recovery key is dropped.",
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
fn owner(language: Language, file: &CharterFile, difference: &Difference) -> String {
    let previous = file.history.as_ref().map(|history| &**history.newest());
    let Language::English = language;
    match difference.trust_domain() {
        Some(trust_domain) => {
            format!("the admin of {}", called(file.offered.charter(), previous, trust_domain))
        }
        None if matches!(difference, Difference::DirectoryKey(_)) => {
            "the admin who drafted the charter".to_owned()
        }
        None => "the server's operator".to_owned(),
    }
}
