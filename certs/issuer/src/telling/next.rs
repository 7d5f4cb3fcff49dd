//! What comes next, who has to do it, and the command for it: the one room for every next step that people are told of.
//!
//! A command stands here whole, as it is typed, so that nobody has to guess what it leaves out; what only the reader knows is
//! in capitals. A test gives each to the real parser.

use crate::ca::roll::state::RollState;
use alcove_programs::language::Language;
use alcove_proto::names::TrustDomain;
use serde_json::{Value, json};
use std::path::Path;

/// A step that comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Next {
    /// Who has to take it, at the beginning of a line.
    pub who: String,
    /// What they do, as a sentence.
    pub what: String,
    /// The command for it, ready for a shell; nothing where none does it.
    pub command: Option<String>,
}

/// What has just been done.
#[derive(Debug, Clone, Copy)]
pub enum Done<'a> {
    /// An agency's CA was made.
    AgencyMade {
        /// Its folder.
        folder: &'a Path,
    },
    /// The server's CA was made.
    ServerMade {
        /// Its folder.
        folder: &'a Path,
    },
    /// The agency has another name or side in its `agency.pub`.
    Renamed {
        /// Its folder.
        folder: &'a Path,
    },
    /// A charter was drafted or signed.
    CharterSigned {
        /// Where it is.
        file: &'a Path,
        /// Which version it is.
        version: u64,
        /// Who has to sign it still.
        must_sign: &'a [TrustDomain],
        /// Whether nothing is missing.
        is_complete: bool,
    },
    /// The server was certified.
    ServerCertified {
        /// Its answer.
        file: &'a Path,
    },
    /// A device was certified by files.
    Issued {
        /// The CA's folder.
        folder: &'a Path,
        /// The charter in force.
        charter: &'a Path,
        /// Its answer.
        file: &'a Path,
        /// `host:port` of the desk; nothing when none was named.
        desk: Option<&'a str>,
    },
    /// A person was invited.
    Invited {
        /// What they are called.
        name: &'a str,
        /// Their invitation.
        file: &'a Path,
        /// The CA's folder.
        folder: &'a Path,
        /// The charter in force.
        charter: &'a Path,
        /// `host:port` of the desk.
        desk: &'a str,
    },
    /// A revocation list was made and not published.
    ListMade {
        /// Where it is.
        file: &'a Path,
    },
    /// A step of a roll-over was taken, or looked at.
    Rolled {
        /// The CA's folder.
        folder: &'a Path,
        /// Whether it is the operator's.
        is_server: bool,
        /// Where the roll-over stands.
        state: RollState,
    },
    /// A list that this folder did not make was taken over.
    Adopted {
        /// The CA's folder.
        folder: &'a Path,
    },
}

/// What comes next after it, in order.
pub fn next(language: Language, done: &Done<'_>) -> Vec<Next> {
    let Language::English = language;
    match *done {
        Done::AgencyMade { folder } => vec![
            by(
                "The admin who drafts the charter",
                format!("needs {}: give it to them.", shell(&folder.join("agency.pub"))),
                None,
            ),
            by(
                "You",
                "read your six words to each admin who calls you before they sign.",
                Some(format!("alcove-certs ca show --ca {}", shell(folder))),
            ),
            by("The operator", format!("needs {}.", shell(&folder.join("agency.crl"))), None),
        ],
        Done::ServerMade { folder } => vec![
            by(
                "The admin who drafts the charter",
                format!("needs {}: give it to them.", shell(&folder.join("ca.cert"))),
                None,
            ),
            by(
                "You",
                "read your six words to each admin who calls you before they sign.",
                Some(format!("alcove-certs ca show --ca {}", shell(folder))),
            ),
        ],
        Done::Renamed { folder } => vec![by(
            "You or another admin",
            "draft the next charter; the new name or side takes effect with it.",
            Some(format!(
                "alcove-certs charter next CHARTER --ca {} --agency {} -o NEXT",
                shell(folder),
                shell(&folder.join("agency.pub"))
            )),
        )],
        Done::CharterSigned { file, version, must_sign, is_complete } => {
            charter(file, version, must_sign, is_complete)
        }
        Done::ServerCertified { file } => vec![by(
            "The operator",
            format!("puts {} where the server's configuration names it.", shell(file)),
            None,
        )],
        Done::Issued { folder, charter, file, desk } => issued(folder, charter, file, desk),
        Done::Invited { name, file, folder, charter, desk } => vec![
            by("You", format!("give {name} the file {}, and show it to no one else.", shell(file)), None),
            by(
                name,
                "accepts it on their laptop, which then shows six words.",
                Some(format!("alcove enrol accept {}", shell(file))),
            ),
            by(
                "You",
                "see their request, and compare the six words with them by phone.",
                Some(format!(
                    "alcove-certs pending --ca {} --charter {} --desk {}",
                    shell(folder),
                    shell(charter),
                    shell(Path::new(desk))
                )),
            ),
        ],
        Done::ListMade { file } => vec![by(
            "You",
            "put the list in force at the desk, or give the file to the operator now: until the server has it, it has no effect.",
            Some(format!("alcove-certs crl publish {} --charter CHARTER --desk HOST:PORT", shell(file))),
        )],
        Done::Rolled { folder, is_server, state } => rolled(folder, is_server, state),
        Done::Adopted { folder } => vec![
            by(
                "You",
                "make and publish the next list.",
                Some(format!("alcove-certs crl --ca {} -o agency.crl", shell(folder))),
            ),
            by(
                "You",
                "replace the CA, since someone else has its key.",
                Some(format!("alcove-certs ca roll begin --ca {}", shell(folder))),
            ),
        ],
    }
}

fn charter(file: &Path, version: u64, must_sign: &[TrustDomain], is_complete: bool) -> Vec<Next> {
    if !is_complete {
        let who = match must_sign {
            [] => "As many agencies as the quorum needs".to_owned(),
            [one] => format!("The admin of {one}"),
            several => {
                let names: Vec<_> = several.iter().map(ToString::to_string).collect();
                format!("The admins of {}, one after the other", names.join(", "))
            }
        };
        let sign = format!("alcove-certs charter sign {} --ca DIR", shell(file));
        return vec![by(who, "call the owners of the new keys, then sign this file.", Some(sign))];
    }
    if version == 1 {
        return vec![by(
            "The operator",
            format!("copies {} into the server's folder and starts the server.", shell(file)),
            None,
        )];
    }
    vec![
        by(
            "You or another admin",
            "put it in force.",
            Some(format!("alcove-certs charter publish {} --desk HOST:PORT", shell(file))),
        ),
        by("Every other admin", format!("needs {} from then on.", shell(file)), None),
    ]
}

fn rolled(folder: &Path, is_server: bool, state: RollState) -> Vec<Next> {
    let (ca, file) = (shell(folder), |name: &str| shell(&folder.join(name)));
    let draft = |cas: String| Some(format!("alcove-certs charter next CHARTER --ca DIR {cas} -o NEXT"));
    let switch = by(
        "You",
        "when that charter is in force, sign with the new CA.",
        Some(format!("alcove-certs ca roll switch --ca {ca} --charter NEXT")),
    );
    let finish = by(
        "You",
        "when no certificate from the old CA is left, end it.",
        Some(format!("alcove-certs ca roll finish --ca {ca} --charter CHARTER")),
    );
    let drafts = "draft the next charter with both CAs, have it signed, and publish it.";
    match (state, is_server) {
        (RollState::Steady, false) => vec![by(
            "You or another admin",
            "if the charter lists an earlier CA too, draft the next one without it.",
            draft(format!("--agency {}", file("agency.pub"))),
        )],
        (RollState::Steady, true) => vec![by(
            "An agency's admin",
            "if the charter lists an earlier CA of the server too, drafts the next one without it.",
            draft(format!("--server-ca {}", file("ca.cert"))),
        )],
        (RollState::Begun, false) => vec![
            by("You or another admin", drafts, draft(format!("--agency {}", file("agency.pub")))),
            switch,
        ],
        (RollState::Begun, true) => vec![
            by(
                "An agency's admin",
                drafts,
                draft(format!("--server-ca {} --server-ca {}", file("ca.cert"), file("ca.next.cert"))),
            ),
            switch,
        ],
        (RollState::Switched, false) => vec![
            by(
                "You",
                "put the new CA's list in force now.",
                Some(format!(
                    "alcove-certs crl publish {} --charter CHARTER --desk HOST:PORT",
                    file("agency.crl")
                )),
            ),
            by("Each laptop", "renews by itself; you sign what it asks for.", {
                Some(format!("alcove-certs renew --all-due --ca {ca} --charter CHARTER --desk HOST:PORT"))
            }),
            finish,
        ],
        (RollState::Switched, true) => vec![
            by(
                "You",
                "certify the server with the new CA.",
                Some(format!(
                    "alcove-certs server issue server.req --ca {ca} --name NAME -o server.cert --force"
                )),
            ),
            finish,
        ],
    }
}

fn issued(folder: &Path, charter: &Path, file: &Path, desk: Option<&str>) -> Vec<Next> {
    let ledger = match desk {
        Some(_) => "publish the ledger, so that the laptops of their colleagues know the new one.",
        None => {
            "if your agency uses the server's desk, publish the ledger there, so that the laptops of their colleagues know the new \
             one. If it never has, nothing is missing."
        }
    };
    vec![
        by(
            "The person",
            format!("gets {} and finishes with it.", shell(file)),
            Some(format!("alcove enrol finish {}", shell(file))),
        ),
        by(
            "You",
            ledger,
            Some(format!(
                "alcove-certs ledger publish --ca {} --charter {} --desk {}",
                shell(folder),
                shell(charter),
                desk.unwrap_or("HOST:PORT")
            )),
        ),
    ]
}

pub(super) fn by(who: impl Into<String>, what: impl Into<String>, command: Option<String>) -> Next {
    Next { who: who.into(), what: what.into(), command }
}

impl Next {
    /// For people: a sentence, and below it the command.
    pub fn lines(&self) -> Vec<String> {
        let sentence = format!("Next: {}: {}", self.who, self.what);
        [sentence].into_iter().chain(self.command.iter().map(|command| format!("    {command}"))).collect()
    }

    /// For scripts.
    pub fn object(&self) -> Value {
        json!({ "who": self.who, "what": self.what, "command": self.command })
    }
}

/// A path as a shell takes it.
pub(super) fn shell(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |letter: char| letter.is_alphanumeric() || "/._-+=:,@%".contains(letter);
    if !text.is_empty() && text.chars().all(is_plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_for_a_shell() {
        for (path, typed) in
            [("ca/agency.pub", "ca/agency.pub"), ("my files/ca", "'my files/ca'"), ("", "''")]
        {
            assert_eq!(shell(Path::new(path)), typed);
        }
        assert_eq!(shell(Path::new("Rosa's; rm")), r"'Rosa'\''s; rm'");
    }

    #[test]
    fn an_agency_that_uses_no_desk_is_not_told_that_something_is_wrong() {
        let done = |desk| Done::Issued {
            folder: Path::new("ca"),
            charter: Path::new("charter"),
            file: Path::new("D.cert"),
            desk,
        };
        let told = |desk| format!("{:?}", next(Language::English, &done(desk)));
        for word in ["forged", "alarm"] {
            assert!(!told(None).contains(word), "{}", told(None));
        }
        assert!(told(None).contains("If it never has, nothing is missing."));
        let with_desk = told(Some("alcove.northmark.example:4434"));
        assert!(
            with_desk
                .contains("ledger publish --ca ca --charter charter --desk alcove.northmark.example:4434")
        );
    }
}
