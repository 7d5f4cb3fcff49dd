//! `alcove doctor`: every check in turn, and for each that fails the one thing that mends it.

use crate::context::Context;
use alcove_client::{
    session::{CertificateTrouble, Check, Finding, RenewalView, Trouble, Verdict},
    telling::{Told, certificates, session, times, words},
};
use alcove_programs::{exit::Exit, text::safe_line};
use serde::Serialize;

/// `alcove.check.v1`.
#[derive(Serialize)]
struct CheckJson {
    check: &'static str,
    verdict: &'static str,
    found: Option<String>,
    #[serde(rename = "do")]
    remedy: Option<String>,
}

pub(crate) async fn run(context: &Context) -> Result<(), Told> {
    let session = context.session()?;
    let mut first_broken = None;
    let findings = session.doctor().await?;
    let renewal = session.renewal()?;
    for Finding { check, verdict } in findings {
        let (mark, word, found, broken) = match verdict {
            Verdict::Fine => ("ok", "fine", None, false),
            Verdict::Warning(trouble) => ("look", "warning", Some(told(check, trouble, &renewal)), false),
            Verdict::Broken(trouble) => ("FAIL", "broken", Some(told(check, trouble, &renewal)), true),
            Verdict::Skipped => ("--", "skipped", None, false),
        };
        context.output.object(
            "alcove.check.v1",
            CheckJson {
                check: code(check),
                verdict: word,
                found: found.as_ref().map(|failure| failure.what.clone()),
                remedy: found.as_ref().map(|failure| failure.remedy.clone()),
            },
        )?;
        context.output.line(&format!("{mark:<5}{}", subject(check)))?;
        if let Some(failure) = &found {
            context.output.line(&format!("     {}\n     {}", failure.what, failure.remedy))?;
        }
        first_broken = first_broken.or(found.filter(|_| broken));
    }
    first_broken.map_or(Ok(()), Err)
}

fn code(check: Check) -> &'static str {
    match check {
        Check::Permissions => "permissions",
        Check::Database => "database",
        Check::Rows => "rows",
        Check::Memory => "memory",
        Check::Certificates => "certificates",
        Check::Charter => "charter",
        Check::Server => "server",
        Check::Clock => "clock",
        Check::KeyPackages => "key-packages",
        Check::Outbox => "outbox",
        Check::Escrow => "escrow",
        Check::Alarms => "alarms",
    }
}

fn subject(check: Check) -> &'static str {
    match check {
        Check::Permissions => "The vault is closed to other people on this machine",
        Check::Database => "The vault's database is whole",
        Check::Rows => "Everything in the vault opens",
        Check::Memory => "The vault's keys come to no disk and to no other program",
        Check::Certificates => "The certificates are in force",
        Check::Charter => "The charter is in force",
        Check::Server => "The server answers and knows this device",
        Check::Clock => "The clock agrees with the server's",
        Check::KeyPackages => "Others can add this device to cases",
        Check::Outbox => "Nothing waits to be sent",
        Check::Escrow => "Nothing waits to be sealed to your agency's recovery key",
        Check::Alarms => "No alarm stands",
    }
}

/// How the program ends when a check fails: what was found, and what mends it. Of the server its own error says
/// more than the check: it may be away, be somebody else, or refuse this device.
fn told(check: Check, trouble: Trouble, renewal: &RenewalView) -> Told {
    let exit = match check {
        Check::Permissions => Exit::Refused,
        Check::Database | Check::Rows | Check::Alarms => Exit::Integrity,
        Check::Certificates | Check::Charter | Check::Clock => Exit::Certificate,
        Check::Server => Exit::Unreachable,
        Check::Memory | Check::KeyPackages | Check::Outbox | Check::Escrow => Exit::Unexpected,
    };
    let (what, remedy) = match trouble {
        Trouble::Server(error) => return session::of_sync(*error, renewal),
        Trouble::CertificateNotOfCharter => {
            return certificates::certificate_and_renewal(CertificateTrouble::NotOfCharter, renewal);
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
            "Copy the folder away, put back your last backup of it, and run `alcove status`.".to_owned(),
        ),
        Trouble::RowsDamaged(count) => (
            format!("{} of the vault cannot be opened.", words::count(count, "row", "rows")),
            "Copy the folder away, put back your last backup of it, and run `alcove status`.".to_owned(),
        ),
        Trouble::MemoryOpen => (
            "A crash of this program may leave the vault's keys on the disk.".to_owned(),
            "Tell whoever looks after this machine that programs cannot switch off core files on it."
                .to_owned(),
        ),
        Trouble::MemoryInSwap => (
            "The vault's keys may be written to swap while the vault is open.".to_owned(),
            "Let the machine encrypt its swap, or raise the limit of locked memory (ulimit -l).".to_owned(),
        ),
        Trouble::CertificateEnds(ms) => {
            (format!("Your certificate ends on {}.", times::minute(ms)), certificates::renewal(renewal))
        }
        Trouble::CertificateNotYetValid => (
            "Your certificate is not valid yet by this machine's clock.".to_owned(),
            "Set the clock and run this again.".to_owned(),
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
                times::span(ms),
                if ms > 0 { "ahead of" } else { "behind" }
            ),
            "Set the clock; let the system keep it from the network.".to_owned(),
        ),
        Trouble::FewKeyPackages(count) => (
            format!(
                "Only {} wait at the server.",
                words::count(u64::from(count), "key package", "key packages")
            ),
            "Run `alcove status`: it publishes more.".to_owned(),
        ),
        Trouble::Queued(count) => (
            format!("{} to be sent.", words::count(count, "item waits", "items wait")),
            "Run `alcove status` when the server can be reached: it sends them.".to_owned(),
        ),
        Trouble::Refused(count) => (
            format!("{} refused by the server.", words::count(count, "item is", "items are")),
            "See `alcove outbox list`: drop them, or have them sent once more.".to_owned(),
        ),
        Trouble::Unsealed(count) => (
            format!(
                "{} to be sealed: recovery would not give it back yet.",
                words::count(count, "epoch or grant has yet", "epochs and grants have yet")
            ),
            "Run `alcove status` when the server can be reached. If it stays: tell your agency's admin."
                .to_owned(),
        ),
        Trouble::Alarms(count) => (
            format!("{} raised.", words::count(count, "alarm was", "alarms were")),
            "Read them with `alcove status`, and speak to the server's operator and your admin.".to_owned(),
        ),
    };
    Told::new(exit, what, remedy)
}
