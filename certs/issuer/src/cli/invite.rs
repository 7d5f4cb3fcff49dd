//! `invite`: a person's device may ask at the desk.

use super::{
    clock_ms,
    desk::AtDesk,
    output::{Output, moment},
    passphrase::Source,
    revoke::refuse_existing,
};
use alcove_charter::claim_hash;
use alcove_issuer::{DEVICE_DAYS, Desk, DeviceOrder, IssuerError, write_private};
use alcove_proto::names::Handle;
use clap::Args;
use serde_json::json;
use std::path::PathBuf;
use zeroize::Zeroizing;

#[derive(Debug, Args)]
pub(crate) struct Invite {
    #[command(flatten)]
    at: AtDesk,
    /// The person's name, as the other agencies will read it.
    #[arg(long)]
    name: String,
    /// The person's role, as the other agencies will read it.
    #[arg(long)]
    role: String,
    /// The handle of a person who has a device already, or whose invitation is to be replaced.
    #[arg(long)]
    handle: Option<Handle>,
    /// Which of the person's devices this is.
    #[arg(long, default_value_t = 1)]
    device: u16,
    /// How many days the certificates live.
    #[arg(long, default_value_t = DEVICE_DAYS)]
    days: u32,
    /// The server's address, which the device will call.
    #[arg(long, value_name = "HOST:PORT")]
    server: String,
    /// Where to write the invitation; not over a file that is there.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Write over a file that is there.
    #[arg(long)]
    force: bool,
}

impl Invite {
    pub(crate) fn run(self, passphrase: &Source, output: &mut Output) -> Result<(), IssuerError> {
        refuse_existing(&self.output, self.force, None)?;
        let visit = self.at.visit(passphrase)?;
        let order = DeviceOrder {
            name: self.name,
            role: self.role,
            handle: self.handle,
            device: self.device,
            days: self.days,
            server_address: self.server,
            desk_address: self.at.address().to_owned(),
        };
        let server_ca_key = visit.wait(Desk::server_ca(self.at.address(), &visit.trust))?;
        let mut invitations = visit.ca.invitations()?;
        let now_ms = clock_ms();
        // Remembered first, then opened at the desk, then written: whatever is cut off, no request comes in whose
        // proof cannot be checked, and nobody holds an invitation that the desk does not know.
        let invitation = visit.ca.invite(&mut invitations, &visit.charter, &order, server_ca_key, now_ms)?;
        let (identity, until) = (&invitation.identity, invitation.not_after_ms);
        let claim = claim_hash(&invitation.code.claim(identity));
        visit.wait(visit.desk.open_invitation(&visit.ca, identity, &claim, until, clock_ms()))?;
        let text = Zeroizing::new(format!("{}\n", *Zeroizing::new(invitation.to_text())));
        write_private(&self.output, text.as_bytes())?;
        output.answer(
            &json!({
                "schema": "alcove.certs.invitation.v1",
                "identity": identity.to_string(),
                "handle": identity.person.handle.as_str(),
                "device": identity.device,
                "not_after": moment(until),
                "used": false,
                "file": self.output,
            }),
            &[
                format!("Invited {} ({}) until {}.", order.name, order.role, moment(until)),
                format!("They are {identity}."),
                format!("Give them {} and show it to nobody else.", self.output.display()),
                "When their request is in, you compare six words with them by phone: `alcove-certs pending`."
                    .to_owned(),
            ],
        )
    }
}
