//! `renew`: new certificates for devices that are certified, one, all that are due, or unattended.

use super::{
    clock::clock_ms,
    desk::AtDesk,
    output::Output,
    pauses::{Stop, longer},
    run::Run,
    watched_list::{ListLeft, submit},
};
use alcove_issuer::{
    AgencyCa, AnswerError, DEVICE_DAYS, DeskError, FolderError, IssuerError, Judged, Late, LifeError,
    Passphrase, RequestKind, Visit, Wanted, runtime,
    telling::{self, cut_short, end, moment},
};
use alcove_programs::language::Language;
use alcove_proto::{names::Identity, reason::Nature, v1::Reason};
use clap::Args;
use serde_json::json;
use std::time::Duration;

/// Seconds between two looks, unless the admin says otherwise.
const EVERY_SECONDS: u64 = 60;
/// Milliseconds between two publications of a ledger in which nothing is new: that nothing is missing in it is said
/// anew.
const LEDGER_EVERY_MS: u64 = 6 * 3600 * 1000;
/// Milliseconds until a watch says again what it cannot do.
const DAY_MS: u64 = 24 * 3600 * 1000;

#[derive(Debug, Args)]
pub(crate) struct Renew {
    /// One device, as `pending` names it; its certificate may have ended.
    #[arg(required_unless_present = "all_due", conflicts_with_all = ["all_due", "watch"])]
    identity: Option<Identity>,
    /// All waiting renewals whose certificate is still valid.
    #[arg(long)]
    all_due: bool,
    /// With --all-due: also those whose certificate has ended or is from a retired CA.
    #[arg(long, requires = "all_due")]
    late: bool,
    /// Run until stopped: look again and again, and renew the revocation list when half its time has passed.
    #[arg(long, requires = "all_due")]
    watch: bool,
    /// Seconds between two looks.
    #[arg(long, value_name = "SECONDS", requires = "watch", default_value_t = EVERY_SECONDS,
          value_parser = clap::value_parser!(u64).range(10..=3600))]
    every: u64,
    #[command(flatten)]
    at: AtDesk,
    /// How many days the certificates live.
    #[arg(long, default_value_t = DEVICE_DAYS)]
    days: u32,
}

impl Renew {
    pub(crate) fn run(self, run: &mut Run) -> Result<(), IssuerError> {
        if self.watch {
            // A wrong passphrase is told before the night begins; whatever else is in the way is looked at again each time.
            let (life, passphrase) =
                run.passphrase.open(|passphrase| match AgencyCa::open(self.at.folder(), passphrase) {
                    Err(wrong @ IssuerError::WrongPassphrase) => Err(wrong),
                    Err(_) => Ok(None),
                    Ok(ca) => ca.life().map(Some),
                })?;
            if let Some(life) = life {
                run.check(&life)?;
            }
            return self.watch(&passphrase, &mut run.output);
        }
        let mut visit = run.visit(&self.at)?;
        let failed = match &self.identity {
            Some(identity) => {
                let judged =
                    visit.request_of(identity, Wanted::Renewal, &visit.ca.invitations()?, clock_ms())?;
                match judged {
                    Judged { fault: Some(fault), .. } => return Err(fault),
                    Judged { kind: RequestKind::Invited { .. }, .. } => {
                        return Err(
                            AnswerError::OtherKind { identity: identity.clone(), is_renewal: false }.into()
                        );
                    }
                    judged => renew(&mut visit, &[&judged], self.days, &mut run.output)?,
                }
            }
            None => self.all_due(&mut visit, &mut run.output)?,
        };
        if failed == 0 { Ok(()) } else { Err(AnswerError::Unanswered { count: failed }.into()) }
    }

    /// Renews what is due, and says of each other renewal why it is not. Returns how many could not be answered.
    fn all_due(&self, visit: &mut Visit, output: &mut Output) -> Result<usize, IssuerError> {
        let waiting = visit.waiting(u64::MAX, clock_ms())?;
        let judged = visit.judged(&waiting, &visit.ca.invitations()?, clock_ms());
        let mut chosen = Vec::new();
        for request in &judged {
            match (&request.kind, &request.fault) {
                (RequestKind::Invited { .. }, _) => {}
                (RequestKind::Renewal { .. }, Some(fault)) => {
                    told(&request.identity, "refused", None, Some(&output.fault(fault)), output)?;
                }
                (RequestKind::Renewal { late: Some(late), .. }, None) if !self.late => {
                    told(&request.identity, "late", None, Some(&left_text(output.language, late)), output)?;
                }
                (RequestKind::Renewal { .. }, None) => chosen.push(request),
            }
        }
        if chosen.is_empty() && !self.watch {
            output.remark("No renewal is due.")?;
        }
        renew(visit, &chosen, self.days, output)
    }

    /// The unattended policy: only what needs no decision is signed. The CA's folder is open only while there is
    /// something to do with it, so that other commands work beside it.
    fn watch(&self, passphrase: &Passphrase, output: &mut Output) -> Result<(), IssuerError> {
        let waits = runtime()?;
        let mut stop = waits.block_on(async { Stop::new() })?;
        let mut pause_seconds = self.every;
        let mut left = Left { list: Some(ListLeft::at_once()), ledger_at_ms: None };
        let mut told: Option<(LifeError, i64)> = None;
        loop {
            let sleep_seconds = match self.look(passphrase, &mut left, output) {
                Ok(()) => {
                    pause_seconds = self.every;
                    let list_seconds = left.list.as_ref().map(|list| list.seconds_left(clock_ms()));
                    list_seconds.map_or(self.every, |seconds| seconds.min(self.every))
                }
                // A person has to replace the CA, or to set the clock: until then this goes on with what it may do, and says so daily.
                Err(IssuerError::Life(error)) => {
                    let now_ms = clock_ms();
                    let is_said = |(before, at_ms)| before == error && now_ms.abs_diff(at_ms) < DAY_MS;
                    if !told.is_some_and(is_said) {
                        told = Some((error, now_ms));
                        tell_barred(error, output)?;
                    }
                    self.every
                }
                Err(error) if is_passing(&error) => {
                    pause_seconds = longer(pause_seconds);
                    output.remark(&format!("{} Next try in {pause_seconds} s.", output.fault(&error)))?;
                    pause_seconds
                }
                Err(error) => return Err(error),
            };
            if waits.block_on(stop.within(Duration::from_secs(sleep_seconds))) {
                return Ok(());
            }
        }
    }

    fn look(&self, passphrase: &Passphrase, left: &mut Left, output: &mut Output) -> Result<(), IssuerError> {
        let mut visit = self.at.visit_with(passphrase)?;
        let life = visit.ca.life()?;
        life.check_clock(clock_ms())?;
        output.tell_end(&life);
        let certifies = life.check_certifies(self.days, clock_ms());
        if certifies.is_ok() {
            self.all_due(&mut visit, output)?;
        }
        let is_another_due = left.list.as_ref().is_some_and(|list| list.is_another_due(clock_ms()));
        let is_due = is_another_due || visit.is_list_half_over(clock_ms());
        if is_due && life.check_signs(clock_ms()).is_ok() {
            visit.ca.renew_crl(clock_ms())?;
            let list = left.list.take().map_or_else(ListLeft::at_once, ListLeft::made);
            *left = Left { list: Some(list), ledger_at_ms: None };
        }
        let now_ms = clock_ms();
        if left.ledger_at_ms.is_none_or(|at_ms| now_ms.abs_diff(at_ms) >= LEDGER_EVERY_MS) {
            let ledger = visit.publish_ledger(clock_ms())?;
            if ledger.new > 0 {
                output.remark(&format!("The ledger is published, with {} new entries.", ledger.new))?;
            }
            left.ledger_at_ms = Some(now_ms);
        }
        if let Some(list) = left.list.filter(|list| list.is_due(clock_ms())) {
            left.list = submit(&visit, list, self.at.folder(), output)?;
        }
        Ok(certifies?)
    }
}

/// Says what a watch cannot do any more, or not yet, and what somebody has to do about it.
fn tell_barred(error: LifeError, output: &mut Output) -> Result<(), IssuerError> {
    let error = IssuerError::from(error);
    let told = telling::tell(output.language, &error, clock_ms());
    output.answer(
        &json!({
            "schema": "alcove.certs.watch_barred.v1",
            "reason": telling::code(&error),
            "what": told.happened,
            "do": told.remedy,
        }),
        &[
            told.happened,
            told.remedy,
            "This watch goes on, and renews again as soon as that is done.".to_owned(),
        ],
    )
}

/// What a watch has left to publish.
struct Left {
    /// The revocation list: also what a watch before this one may have left.
    list: Option<ListLeft>,
    /// When the ledger was published last, milliseconds since 1970.
    ledger_at_ms: Option<i64>,
}

/// Signs in one act, lays the answers down one by one, and tells each.
fn renew(
    visit: &mut Visit,
    chosen: &[&Judged],
    days: u32,
    output: &mut Output,
) -> Result<usize, IssuerError> {
    if chosen.is_empty() {
        return Ok(0);
    }
    // A desk that takes no ledger is found before anything is signed: what is signed again at each look would pile up.
    visit.publish_ledger(clock_ms())?;
    output.acted();
    let signed = visit.ca.renew_all(chosen, &visit.charter, days, clock_ms())?;
    let mut refused = 0;
    let mut answers = Vec::with_capacity(signed.len());
    for (judged, outcome) in chosen.iter().zip(signed) {
        match outcome {
            Ok(answer) => answers.push(answer),
            Err(error) => {
                refused += 1;
                told(&judged.identity, "refused", None, Some(&output.fault(&error)), output)?;
            }
        }
    }
    let life = visit.ca.life()?;
    // Before the answers: a certificate that is in use and not in the ledger is an alarm.
    visit.publish_ledger(clock_ms())?;
    let unanswered = visit.answer_all(answers, clock_ms, |answer, outcome| match outcome {
        Ok(()) => {
            let why = cut_short(output.language, &life, answer.not_after_ms);
            told(&answer.identity, "renewed", Some(answer.not_after_ms), why, output)
        }
        Err(error) => told(&answer.identity, "unanswered", None, Some(&output.fault(&error)), output),
    })?;
    Ok(refused + unanswered)
}

/// One line a renewal.
fn told(
    identity: &Identity,
    state: &str,
    not_after_ms: Option<i64>,
    why: Option<&str>,
    output: &mut Output,
) -> Result<(), IssuerError> {
    let text = match (not_after_ms, why) {
        (Some(not_after_ms), None) => format!("{state} until {}", end(not_after_ms, clock_ms())),
        (Some(not_after_ms), Some(why)) => format!("{state} until {}. {why}", end(not_after_ms, clock_ms())),
        (None, Some(why)) => format!("{state}: {why}"),
        (None, None) => state.to_owned(),
    };
    output.answer(
        &json!({
            "schema": "alcove.certs.renewal.v1",
            "identity": identity.to_string(),
            "state": state,
            "not_after": not_after_ms.map(moment),
            "why": why,
        }),
        &[format!("{identity}  {text}")],
    )
}

fn left_text(language: Language, late: &Late) -> String {
    format!(
        "{}; renew it by name if the person is still on the staff.",
        telling::late(language, late, clock_ms())
    )
}

/// Whether the same may succeed later without anybody doing anything.
fn is_passing(error: &IssuerError) -> bool {
    let for_now = |reason: &Reason| reason.nature() == Nature::Passing;
    match error {
        IssuerError::Folder(FolderError::Busy(..)) => true,
        IssuerError::Desk(DeskError::Refused { reason, .. }) => for_now(reason),
        IssuerError::Desk(error) => error.is_out_of_reach(),
        _ => false,
    }
}
