//! `invite`: a person's device may ask at the desk.

use super::{clock::clock_ms, desk::AtDesk, input::AnswerFile, order::OrderArgs, run::Run};
use alcove_issuer::{
    Desk, IssuerError,
    telling::{Done, made, moment},
    write_private,
};
use clap::Args;
use serde_json::json;
use zeroize::Zeroizing;

#[derive(Debug, Args)]
pub(crate) struct Invite {
    #[command(flatten)]
    at: AtDesk,
    #[command(flatten)]
    order: OrderArgs,
    /// The server's address, which the device will call.
    #[arg(long, value_name = "HOST:PORT")]
    server: String,
    #[command(flatten)]
    answer: AnswerFile,
}

impl Invite {
    pub(crate) fn run(self, run: &mut Run) -> Result<(), IssuerError> {
        self.answer.check()?;
        let visit = run.visit(&self.at)?;
        let order = self.order.order(self.server, self.at.address().to_owned());
        let server_ca_key = visit.wait(Desk::server_ca(self.at.address(), &visit.trust))?;
        let mut invitations = visit.ca.invitations()?;
        let now_ms = clock_ms();
        // Remembered first, then opened at the desk, then written: whatever is cut off, no request comes in whose
        // proof cannot be checked, and nobody holds an invitation that the desk does not know.
        let invitation = visit.ca.invite(&mut invitations, &visit.charter, &order, server_ca_key, now_ms)?;
        let (identity, until) = (&invitation.identity, invitation.not_after_ms);
        visit.wait(visit.orders(clock_ms()).open_invitation(&invitation))?;
        let text = Zeroizing::new(format!("{}\n", *Zeroizing::new(invitation.to_text())));
        write_private(&self.answer.output, text.as_bytes())?;
        run.output.done_and_next(
            json!({
                "schema": "alcove.certs.invitation.v1",
                "identity": identity.to_string(),
                "handle": identity.person.handle.as_str(),
                "device": identity.device,
                "not_after": moment(until),
                "used": false,
                "file": self.answer.output,
            }),
            made::invited(run.output.language, (&order.name, &order.role), identity, until),
            &Done::Invited { name: &order.name, file: &self.answer.output, at: self.at.place() },
        )
    }
}
