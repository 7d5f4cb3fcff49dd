//! What a person is to do about what ends or breaks, as a rehearsal finds it.

use crate::charters::rehearse::FindingKind;
use alcove_programs::language::Language;

/// What to do, at the end of a line that names it.
pub fn remedy(language: Language, kind: FindingKind) -> &'static str {
    let Language::English = language;
    match kind {
        FindingKind::Charter => "draft, sign and publish the next version",
        FindingKind::NextCharter => "draft it again with more --days",
        FindingKind::Ca => "roll it over with `alcove-certs ca roll begin`",
        FindingKind::Server => "certify the server again with `alcove-certs server issue`",
        FindingKind::ServerRefused => {
            "the charter refuses it: certify the server again with a CA that the charter lists"
        }
        FindingKind::Crl => "make the next list with `alcove-certs crl` and give it to the server",
        FindingKind::Device => "let it renew, or certify it again; revoke it if it is gone",
        FindingKind::Duty => "make a new duty officer's key with `alcove-certs duty init`",
    }
}
