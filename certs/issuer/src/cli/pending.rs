//! `pending`: what waits at the desk, what is wrong with it, and what happened there since.

use super::{clock::clock_ms, desk::AtDesk, output::Output, run::Run};
use alcove_issuer::{
    DeskEvent, IssuerError, Judged, OpenInvitation, RequestKind,
    telling::{self, Done, Next, Place, moment, next},
};
use alcove_proto::v1::DeskEventKind;
use clap::Args;
use serde_json::json;
use std::collections::BTreeSet;

#[derive(Debug, Args)]
pub(crate) struct Pending {
    #[command(flatten)]
    at: AtDesk,
}

impl Pending {
    pub(crate) fn run(self, run: &mut Run) -> Result<(), IssuerError> {
        let visit = run.visit(&self.at)?;
        let mut invitations = visit.ca.invitations()?;
        let waiting = visit.waiting(invitations.last_event(), clock_ms())?;
        let judged = visit.judged(&waiting, &invitations, clock_ms());
        let now_ms = clock_ms();
        for request in &judged {
            show_request(request, now_ms, &mut run.output)?;
        }
        for invitation in &waiting.invitations {
            let name = invitations.of(&invitation.identity).map(|invited| invited.order.name.as_str());
            show_invitation(invitation, name, &mut run.output)?;
        }
        for event in &waiting.events {
            show_event(event, &mut run.output)?;
        }
        let next: Vec<_> = next_of(&judged, self.at.place())
            .iter()
            .flat_map(|done| next(run.output.language, done))
            .collect();
        run.output.remarks(&next.iter().flat_map(Next::lines).collect::<Vec<_>>())?;
        if judged.is_empty() && waiting.invitations.is_empty() && waiting.events.is_empty() {
            run.output.remark(telling::nothing_waits(run.output.language))?;
        }
        // Only now: what could not be shown is shown the next time.
        if let Some(last) = waiting.events.last() {
            invitations.seen(last.sequence)?;
        }
        let asked: BTreeSet<_> = waiting.requests.iter().map(|request| &request.identity).collect();
        let open = |invited: &alcove_issuer::Invited| {
            invited.not_after_ms >= now_ms || asked.contains(&invited.identity)
        };
        invitations.keep_only(open).map(drop)
    }
}

/// What the admin has to decide, each request on an invitation by itself and all renewals that are due together.
fn next_of<'a>(judged: &'a [Judged], at: Place<'a>) -> Vec<Done<'a>> {
    let asks = judged.iter().filter(|request| matches!(request.kind, RequestKind::Invited { .. }));
    let mut waits: Vec<_> = asks
        .map(|request| Done::RequestWaits {
            identity: &request.identity,
            is_good: request.fault.is_none(),
            at,
        })
        .collect();
    waits.extend(judged.iter().any(Judged::is_due).then_some(Done::RenewalsWait { at }));
    waits
}

fn show_request(judged: &Judged, now_ms: i64, output: &mut Output) -> Result<(), IssuerError> {
    let (kind, name, late) = match &judged.kind {
        RequestKind::Invited { name } => ("invitation", name.as_deref(), None),
        RequestKind::Renewal { late, .. } => ("renewal", None, late.as_ref()),
    };
    let words = (!judged.request.is_empty()).then(|| judged.words());
    let fault = judged.fault.as_ref().map(|fault| output.fault(fault));
    let late = late.map(|late| telling::late(output.language, late, now_ms));
    let lines =
        telling::request_lines(output.language, judged, words.as_deref(), late.as_deref(), fault.as_deref());
    output.answer(
        &json!({
            "schema": "alcove.certs.request.v1",
            "identity": judged.identity.to_string(),
            "kind": kind,
            "name": name,
            "words": words,
            "handed_in_at": moment(judged.handed_in_at_ms),
            "late": late,
            "fault": fault,
        }),
        &lines,
    )
}

fn show_invitation(
    invitation: &OpenInvitation,
    name: Option<&str>,
    output: &mut Output,
) -> Result<(), IssuerError> {
    output.answer(
        &json!({
            "schema": "alcove.certs.invitation.v1",
            "identity": invitation.identity.to_string(),
            "handle": invitation.identity.person.handle.as_str(),
            "device": invitation.identity.device,
            "name": name,
            "not_after": moment(invitation.not_after_ms),
            "used": invitation.used,
        }),
        &[telling::invitation_state(output.language, invitation, name)],
    )
}

fn show_event(event: &DeskEvent, output: &mut Output) -> Result<(), IssuerError> {
    let kind = match event.kind {
        DeskEventKind::Unspecified => "unknown",
        DeskEventKind::HandedIn => "handed-in",
        DeskEventKind::WrongCode => "wrong-code",
        DeskEventKind::UsedCode => "used-code",
        DeskEventKind::ExpiredCode => "expired-code",
        DeskEventKind::NotInvited => "not-invited",
        DeskEventKind::RenewalRefused => "renewal-refused",
        DeskEventKind::Collected => "collected",
        DeskEventKind::Denied => "denied",
    };
    output.answer(
        &json!({
            "schema": "alcove.certs.desk_event.v1",
            "sequence": event.sequence,
            "kind": kind,
            "identity": event.identity,
            "at": moment(event.at_ms),
        }),
        &[telling::desk_event(output.language, event)],
    )
}
