//! What comes next, who has to do it, and the command for it: the one room for every next step that people are told of.
//!
//! A command stands here whole, as it is typed, so that nobody has to guess what it leaves out; what only the reader knows is
//! in capitals. A test gives each to the real parser.

use crate::{
    ca::roll::state::RollState,
    telling::{
        step::{Next, by, shell},
        time::minute,
    },
};
use alcove_programs::language::Language;
use alcove_proto::{
    ids::AttemptId,
    names::{Identity, TrustDomain},
};
use std::path::Path;

/// The three settings of every command that goes to the desk.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The CA's folder.
    pub folder: &'a Path,
    /// The charter in force.
    pub charter: &'a Path,
    /// `host:port` of the desk.
    pub desk: &'a str,
}

impl Place<'_> {
    fn flags(&self) -> String {
        let Self { folder, charter, desk } = self;
        format!("--ca {} --charter {} --desk {}", shell(folder), shell(charter), shell(Path::new(desk)))
    }
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
        /// At whose desk.
        at: Place<'a>,
    },
    /// A revocation list was made and not published.
    ListMade {
        /// Where it is.
        file: &'a Path,
    },
    /// A request on an invitation waits.
    RequestWaits {
        /// Of which device.
        identity: &'a Identity,
        /// Whether it may be signed, when the words are the same.
        is_good: bool,
        /// At whose desk.
        at: Place<'a>,
    },
    /// Renewals wait that may be signed unasked.
    RenewalsWait {
        /// At whose desk.
        at: Place<'a>,
    },
    /// A device that was invited is certified.
    Approved {
        /// Which.
        identity: &'a Identity,
    },
    /// A duty officer's key was made.
    DutyMade {
        /// Its folder.
        folder: &'a Path,
    },
    /// A device was denied, and the desk does not know it.
    Denied {
        /// The denial.
        file: &'a Path,
    },
    /// A charter is in force.
    CharterPublished {
        /// Where it is.
        file: &'a Path,
    },
    /// A recovery key was split.
    RecoverySplit {
        /// The CA's folder.
        folder: &'a Path,
        /// The folder of the shares.
        shares: &'a Path,
    },
    /// Recovery was asked for.
    RecoveryAsked {
        /// The attempt.
        attempt: &'a AttemptId,
        /// From when its escrow is handed out, milliseconds since 1970.
        open_from_ms: i64,
        /// At whose desk.
        at: Place<'a>,
    },
    /// Escrow was fetched.
    EscrowFetched {
        /// Where it is.
        file: &'a Path,
        /// The device that gets the keys in it.
        device: &'a Identity,
        /// The charter in force.
        charter: &'a Path,
    },
    /// Escrow was opened.
    EscrowOpened {
        /// The keys in it, sealed to the device.
        file: &'a Path,
        /// The device.
        device: &'a Identity,
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
        Done::Invited { name, file, at } => vec![
            by("You", format!("give {name} the file {}, and show it to no one else.", shell(file)), None),
            by(
                name,
                "accepts it on their laptop, which then shows six words.",
                Some(format!("alcove enrol accept {}", shell(file))),
            ),
            by(
                "You",
                "see their request, and compare the six words with them by phone.",
                Some(format!("alcove-certs pending {}", at.flags())),
            ),
        ],
        Done::ListMade { file } => vec![by(
            "You",
            "put the list in force at the desk, or give the file to the operator now: until the server has it, it has no effect.",
            Some(format!("alcove-certs crl publish {} --charter CHARTER --desk HOST:PORT", shell(file))),
        )],
        Done::RequestWaits { identity, is_good: true, at } => vec![by(
            "You",
            "call the person at a number that you know, and let them read their six words to you.",
            Some(format!("alcove-certs approve {identity} {}", at.flags())),
        )],
        Done::RequestWaits { identity, is_good: false, at } => vec![by(
            "You",
            "refuse it, and tell the operator.",
            Some(format!("alcove-certs refuse {identity} {}", at.flags())),
        )],
        Done::RenewalsWait { at } => vec![by(
            "You",
            "sign the renewals that need no decision of yours.",
            Some(format!("alcove-certs renew --all-due {}", at.flags())),
        )],
        Done::Approved { identity } => {
            vec![by("Their laptop", format!("collects the answer by itself; it is {identity} then."), None)]
        }
        Done::DutyMade { folder } => vec![
            by("You", format!("give {} and its passphrase to the person on duty.", shell(folder)), None),
            by(
                "The duty officer",
                "shuts a lost device out with `alcove-certs duty deny` when the CA is not at hand.",
                None,
            ),
        ],
        Done::Denied { file } => {
            vec![by(
                "You",
                format!("give {} to the operator now: until then it has no effect.", shell(file)),
                None,
            )]
        }
        Done::CharterPublished { file } => {
            vec![by(
                "You",
                format!("give {} to the other admins: their programs need it too.", shell(file)),
                None,
            )]
        }
        Done::RecoverySplit { folder, shares } => split(folder, shares),
        Done::RecoveryAsked { attempt, open_from_ms, at } => vec![by(
            "You",
            format!("from {} on, unless somebody objects, fetch the escrow.", minute(open_from_ms)),
            Some(format!("alcove-certs recovery fetch {attempt} {} -o ESCROW", at.flags())),
        )],
        Done::EscrowFetched { file, device, charter } => vec![by(
            "As many officers as are needed",
            "open it on a machine without a network.",
            Some(format!(
                "alcove-certs recovery open --shares SHARE SHARE --escrow {} --request REQUEST --words WORDS --device {device} \
                 --charter {} --agency {} -o KEYS",
                shell(file),
                shell(charter),
                device.person.trust_domain
            )),
        )],
        Done::EscrowOpened { file, device } => vec![
            by("You", format!("give {} to {device}; no one else can open it.", shell(file)), None),
            by(
                "You and the officers",
                "replace the recovery key.",
                Some(
                    "alcove-certs recovery init --ca DIR --officers 5 --needed 3 --replace -o NEW".to_owned(),
                ),
            ),
        ],
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
        let what = match must_sign {
            [_one] => "calls the owners of the new keys, then signs this file.",
            _ => "call the owners of the new keys, then sign this file.",
        };
        return vec![by(who, what, Some(sign))];
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

fn split(folder: &Path, shares: &Path) -> Vec<Next> {
    vec![
        by(
            "You",
            format!(
                "give each officer their file from {}, and delete that folder; keep no copies.",
                shell(shares)
            ),
            None,
        ),
        by("Each officer", "checks theirs.", Some("alcove-certs recovery check SHARE".to_owned())),
        by(
            "You or another admin",
            "draft the next charter: the key takes effect with it, and devices seal to it by themselves.",
            Some(format!(
                "alcove-certs charter next CHARTER --ca {} --agency {} -o NEXT",
                shell(folder),
                shell(&folder.join("agency.pub"))
            )),
        ),
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
            "draft the next charter without the earlier CA, if it is listed there too.",
            draft(format!("--agency {}", file("agency.pub"))),
        )],
        (RollState::Steady, true) => vec![by(
            "An agency's admin",
            "drafts the next charter without the server's earlier CA, if it is listed there too.",
            draft(format!("--server-ca {}", file("ca.cert"))),
        )],
        (RollState::Begun, false) => vec![
            by("You or another admin", drafts, draft(format!("--agency {}", file("agency.pub")))),
            switch,
        ],
        (RollState::Begun, true) => vec![
            by(
                "An agency's admin",
                "drafts the next charter with both CAs, has it signed, and publishes it.",
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

#[cfg(test)]
mod tests {
    use super::*;

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
