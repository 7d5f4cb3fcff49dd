//! What `doctor` looks at and finds, in words.

use super::{certificates, numbers, people::Names, session, times, told::Told};
use crate::session::{CertificateTrouble, Check, RenewalState, RenewalView, Trouble};
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
    /// Whether there is one on the way. Of the server alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    proxy: Option<bool>,
}

impl CheckJson {
    /// The kind of object, and its version.
    pub const SCHEMA: &'static str = "alcove.check.v1";

    /// As JSON shows it. `proxy`: whether there is one on the way to the server.
    pub fn new(check: Check, verdict: &'static str, found: Option<&Told>, proxy: bool) -> Self {
        Self {
            check,
            verdict,
            found: found.map(|told| told.what.clone()),
            remedy: found.map(|told| told.remedy.clone()),
            proxy: (check == Check::Server).then_some(proxy),
        }
    }
}

/// By which way the server is asked.
pub fn through_proxy(language: Language, proxy: &str) -> String {
    let Language::English = language;
    format!("     asked through the proxy {}", safe_line(proxy))
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

/// [`told`] for whoever helps: without a name of a person, an agency, a server or a folder in it, and without words that are
/// read out on the phone.
pub fn told_without_names(language: Language, check: Check, trouble: Trouble, renewal: &RenewalView) -> Told {
    let Language::English = language;
    let trouble = match trouble {
        // People choose the folder's name, and the program those of its files.
        Trouble::OpenToOthers(_) => Trouble::OpenToOthers("FOLDER".into()),
        other => other,
    };
    let mut renewal = renewal.clone();
    if let RenewalState::Waiting { words, .. } | RenewalState::Refused { words, .. } = &mut renewal.state {
        "shown by `alcove status`".clone_into(words);
    }
    let is_of_server = matches!(trouble, Trouble::Server(_));
    let told = told(language, Names::NONE, check, trouble, &renewal);
    // What is said of its certificate, or of a proxy, names them.
    if is_of_server { without_names(language, "The server cannot be used", &told) } else { told }
}

/// That the vault does not open, for whoever helps.
pub fn unopened_without_names(language: Language, told: &Told) -> Told {
    let Language::English = language;
    without_names(language, "The vault cannot be used", told)
}

/// What kind of failure it is, in place of what the person is told.
fn without_names(language: Language, what: &str, told: &Told) -> Told {
    let Language::English = language;
    Told::new(
        told.exit,
        format!("{what} ({}).", told.exit.word()),
        "On the laptop itself, the same command without --json says more.",
    )
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
        Trouble::Server(error) => {
            let told = session::of_sync(language, names, *error, renewal);
            // It looks closer already: nobody is sent to where they are.
            let remedy = match (told.remedy.contains("`alcove doctor`"), told.exit) {
                (false, _) => told.remedy,
                (true, Exit::Unreachable) => {
                    "Check the network, and ask your agency's admin whether the server is running and its address, \
                     as `alcove status --offline` shows it, is right."
                        .to_owned()
                }
                (true, _) => "Tell your agency's admin what this says.".to_owned(),
            };
            return Told { remedy, ..told };
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{Error, ServerError};

    #[test]
    fn what_is_sent_to_a_helper_names_neither_folder_nor_server_nor_words() {
        let renewal = RenewalView {
            state: RenewalState::Waiting { since_ms: 0, words: "amber otter".into() },
            due_at_ms: 0,
            desk_known: true,
            desk_silent: false,
            bad_answer: false,
        };
        let path = || Trouble::OpenToOthers("/home/rosa.iglesias/amber".into());
        let ends = || Trouble::CertificateEnds(0);
        for (check, trouble) in
            [(Check::Permissions, &path as &dyn Fn() -> Trouble), (Check::Certificates, &ends)]
        {
            let named = told(Language::English, Names::NONE, check, trouble(), &renewal);
            let nameless = told_without_names(Language::English, check, trouble(), &renewal);
            assert!(format!("{named:?}").contains("amber"), "the control: {named:?}");
            let said = format!("{nameless:?}");
            assert!(!said.contains("rosa") && !said.contains("amber"), "{said}");
        }
        let away = Trouble::Server(Box::new(Error::Server(ServerError::Unreachable)));
        let nameless = told_without_names(Language::English, Check::Server, away, &renewal);
        assert_eq!(nameless.what, "The server cannot be used (unreachable).");
        assert!(!nameless.remedy.contains("doctor"), "nobody is sent to where they are: {}", nameless.remedy);
    }
}
