//! What `doctor` looks at and finds, in words.

use super::{certificates, numbers, people::Names, session, times, told::Told};
use crate::session::{CertificateTrouble, Check, RenewalView, Trouble};
use alcove_programs::{exit::Exit, language::Language, text::safe_line};
use serde::Serialize;

/// `alcove.check.v1`.
#[derive(Serialize)]
pub struct CheckJson {
    check: Check,
    verdict: &'static str,
    found: Option<String>,
    #[serde(rename = "do")]
    remedy: Option<String>,
}

impl CheckJson {
    /// The kind of object, and its version.
    pub const SCHEMA: &'static str = "alcove.check.v1";

    /// As JSON shows it.
    pub fn new(check: Check, verdict: &'static str, found: Option<&Told>) -> Self {
        Self {
            check,
            verdict,
            found: found.map(|told| told.what.clone()),
            remedy: found.map(|told| told.remedy.clone()),
        }
    }
}

/// What a check looks at, as it should be.
pub fn subject(language: Language, check: Check) -> &'static str {
    let Language::English = language;
    match check {
        Check::Permissions => "Other people on this machine cannot read the vault",
        Check::Database => "The vault's database is intact",
        Check::Rows => "Everything in the vault can be opened",
        Check::Memory => "The vault's keys stay off the disk and away from other programs",
        Check::Certificates => "The certificates are in force",
        Check::Charter => "The charter is in force",
        Check::Server => "The server answers and knows this device",
        Check::Clock => "The clock agrees with the server's",
        Check::KeyPackages => "Others can add this device to cases",
        Check::Outbox => "Nothing waits to be sent",
        Check::Escrow => "Nothing waits to be sealed to your agency's recovery key",
        Check::Alarms => "There are no alarms",
    }
}

/// How the program ends when a check fails: what was found, and what mends it. Of the server its own error says
/// more than the check: it may be away, be somebody else, or refuse this device.
pub fn told(
    language: Language,
    names: Names<'_>,
    check: Check,
    trouble: Trouble,
    renewal: &RenewalView,
) -> Told {
    let Language::English = language;
    let exit = match check {
        Check::Permissions => Exit::Refused,
        Check::Database | Check::Rows | Check::Alarms => Exit::Integrity,
        Check::Certificates | Check::Charter | Check::Clock => Exit::Certificate,
        Check::Server => Exit::Unreachable,
        Check::Memory | Check::KeyPackages | Check::Outbox | Check::Escrow => Exit::Unexpected,
    };
    let (what, remedy) = match trouble {
        Trouble::Server(error) => return session::of_sync(language, names, *error, renewal),
        Trouble::CertificateNotOfCharter => {
            return certificates::certificate_and_renewal(
                language,
                CertificateTrouble::NotOfCharter,
                renewal,
            );
        }
        Trouble::OpenToOthers(path) => {
            let path = safe_line(&path.display().to_string());
            (
                format!("Other people on this machine may read {path}."),
                format!("Close it with: chmod go-rwx {path}"),
            )
        }
        Trouble::DatabaseDamaged => (
            "The vault's file is damaged.".to_owned(),
            "Copy the folder to a safe place, restore your last backup of it, and run `alcove status`."
                .to_owned(),
        ),
        Trouble::RowsDamaged(count) => (
            format!("{} of the vault cannot be opened.", numbers::count(count, "row", "rows")),
            "Copy the folder to a safe place, restore your last backup of it, and run `alcove status`."
                .to_owned(),
        ),
        Trouble::MemoryOpen => (
            "A crash of this program may leave the vault's keys on the disk.".to_owned(),
            "Tell the person who looks after this machine that programs cannot switch off core files on it."
                .to_owned(),
        ),
        Trouble::MemoryInSwap => (
            "The vault's keys may be written to swap while the vault is open.".to_owned(),
            "Let the machine encrypt its swap, or raise the limit of locked memory (ulimit -l).".to_owned(),
        ),
        Trouble::CertificateEnds(ms) => (
            format!("Your certificate ends on {}.", times::minute(ms)),
            certificates::renewal(language, renewal),
        ),
        Trouble::CertificateNotYetValid => (
            "Your certificate is not valid yet by this machine's clock.".to_owned(),
            "Set the clock and run the command again.".to_owned(),
        ),
        Trouble::CertificateRevoked => (
            "Your agency has revoked this device's certificate.".to_owned(),
            "Speak to your agency's admin.".to_owned(),
        ),
        Trouble::CharterEnds(ms) => (
            format!("The charter ends on {}.", times::minute(ms)),
            "Tell your agency's admin: the agencies have to sign the next version.".to_owned(),
        ),
        Trouble::ClockOff(ms) => (
            format!(
                "This machine's clock is {} {} the server's.",
                times::span(language, ms),
                if ms > 0 { "ahead of" } else { "behind" }
            ),
            "Set the clock, and let the system set it from the network.".to_owned(),
        ),
        Trouble::FewKeyPackages(count) => (
            format!(
                "Only {} wait at the server.",
                numbers::count(u64::from(count), "key package", "key packages")
            ),
            "Run `alcove status`: it publishes more.".to_owned(),
        ),
        Trouble::Queued(count) => (
            format!("{} to be sent.", numbers::count(count, "item waits", "items wait")),
            "Run `alcove status` when the server can be reached: it sends them.".to_owned(),
        ),
        Trouble::Refused(count) => (
            format!("{} refused by the server.", numbers::count(count, "item is", "items are")),
            "See `alcove outbox list`: drop them, or try again.".to_owned(),
        ),
        Trouble::Unsealed(count) => (
            format!(
                "{} to be sealed: recovery could not restore it yet.",
                numbers::count(count, "epoch or grant has yet", "epochs and grants have yet")
            ),
            "Run `alcove status` when the server can be reached. If that does not help, tell your agency's admin."
                .to_owned(),
        ),
        Trouble::Alarms(count) => (
            format!("{} raised.", numbers::count(count, "alarm was", "alarms were")),
            "Read them with `alcove status`, and speak to the server's operator and your admin.".to_owned(),
        ),
    };
    Told::new(exit, what, remedy)
}
