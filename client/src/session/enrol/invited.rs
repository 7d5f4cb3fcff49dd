//! Enrolment by an invitation: what the vault keeps on the way, and what is believed of the desk.
//!
//! PROTOCOL.md section 6, steps 5, 6 and 9. Killed between any two lines, the next run goes on with the same keys and
//! the same request: the invitation is in the vault before anything is asked, keys before they are handed in, and the
//! answer whole or not at all.

use super::{
    EnrolError, Enrolment, Held, PendingRequest,
    answer::check_address,
    check_answer, device, rows,
    rows::{ONLY, Origin},
};
use crate::{
    transport::{Collected, Desk, Line, ServerError},
    vault::{
        Act, Durability, Passphrase, Vault, VaultError,
        rows::{DeviceRow, EnrolmentRow, InvitationRow},
    },
};
use alcove_charter::{Appended, CharterError, CharterHistory, Invitation, InvitationError, sha256};
use alcove_proto::{ids::Digest, names::Identity, v1::Reason};
use alcove_sealing::answer;
use alcove_trust::Connector;
use ring::rand::SystemRandom;
use std::{path::Path, sync::Arc};
use zeroize::Zeroizing;

/// A device with an invitation, on its way to being enrolled.
pub struct Invited {
    vault: Vault,
    invitation: Invitation,
    /// The invitation as it lies in the vault.
    text: Zeroizing<String>,
}

/// Where a device with an invitation stands.
pub enum Begun {
    /// It waits for its answer, or has yet to ask.
    Invited(Box<Invited>),
    /// It has been enrolled by this invitation before.
    Enrolled(Box<Enrolment>),
}

/// A request that the desk has taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandedIn {
    /// The device's name, as the invitation has it.
    pub identity: Identity,
    /// What the person reads out when their admin calls.
    pub words: String,
    /// When the desk took it, milliseconds since 1970.
    pub at_ms: i64,
}

impl Invited {
    /// Accepts an invitation: it is kept in the vault in `home`, which is made if it is not there.
    ///
    /// Another one that was accepted before and has not been answered gives way; the keys stay. The one by which this
    /// device was enrolled may be accepted again. `time_ms`: now, since 1970.
    /// Errors: [`EnrolError::Invitation`] (an address in it is none), [`EnrolError::InvitationEnded`],
    /// [`EnrolError::InvitedAgain`], [`EnrolError::Vault`].
    pub fn accept(
        home: &Path,
        passphrase: &Passphrase,
        invitation: &Invitation,
        time_ms: i64,
    ) -> Result<Begun, EnrolError> {
        for address in [&invitation.desk_address, &invitation.server_address] {
            check_address(address).map_err(|_| InvitationError::Field)?;
        }
        let ended = || {
            let not_after_ms = invitation.not_after_ms;
            if time_ms > not_after_ms { Err(EnrolError::InvitationEnded { not_after_ms }) } else { Ok(()) }
        };
        if !Vault::exists(home) {
            // No vault is left behind for nothing.
            ended()?;
        }
        let vault = device::open_or_make(home, passphrase)?;
        let text = Zeroizing::new(invitation.to_text());
        let enrolled = vault.act(Durability::OnDisk, |act| {
            if let Some(enrolment) = act.get::<EnrolmentRow>(ONLY)? {
                return match rows::held_enrolment(act)? {
                    Some(held) if enrolment.invitation_hash == hash_of(&text).as_bytes() => Ok(Some(held)),
                    Some(held) => Err(EnrolError::InvitedAgain(Box::new(held.identity))),
                    None => Err(VaultError::Damaged { what: "the enrolment" }.into()),
                };
            }
            let kept = act.get::<InvitationRow>(ONLY)?;
            if kept.is_none_or(|row| row.text != *text) {
                ended()?;
                let mut row = InvitationRow::default();
                row.text = text.to_string();
                act.put(ONLY, &row)?;
            }
            Ok(None)
        })?;
        Ok(match enrolled {
            Some(enrolment) => Begun::Enrolled(Box::new(enrolment)),
            None => Begun::Invited(Box::new(Self { vault, invitation: invitation.clone(), text })),
        })
    }

    /// Goes on with the invitation in the vault in `home`.
    ///
    /// Errors: [`EnrolError::NoInvitation`], [`EnrolError::Vault`].
    pub fn resume(home: &Path, passphrase: &Passphrase) -> Result<Begun, EnrolError> {
        if !Vault::exists(home) {
            return Err(EnrolError::NoInvitation);
        }
        let vault = Vault::open(home, passphrase, Arc::new(SystemRandom::new()))?;
        let (enrolled, row) = vault
            .read::<_, EnrolError>(|act| Ok((rows::held_enrolment(act)?, act.get::<InvitationRow>(ONLY)?)))?;
        if let Some(enrolment) = enrolled {
            return Ok(Begun::Enrolled(Box::new(enrolment)));
        }
        let row = row.ok_or(EnrolError::NoInvitation)?;
        let damaged = |_| VaultError::Damaged { what: "the invitation" };
        let invitation = Invitation::parse(&row.text).map_err(damaged)?;
        let text = Zeroizing::new(row.text.clone());
        Ok(Begun::Invited(Box::new(Self { vault, invitation, text })))
    }

    /// The device the invitation is for.
    pub fn identity(&self) -> &Identity {
        &self.invitation.identity
    }

    /// Sees that the desk has this device's request: believes its charters, makes keys, hands in.
    ///
    /// May be called again at any time. Errors: [`EnrolError::ForeignCharter`], [`EnrolError::ForeignServerCa`],
    /// [`EnrolError::Charter`], [`EnrolError::Server`] with `INVITATION_UNKNOWN`, `INVITATION_USED`,
    /// `INVITATION_EXPIRED`, and what the network says.
    pub async fn hand_in(&self, time_ms: i64) -> Result<HandedIn, EnrolError> {
        let row = self.vault.read(|act| self.row(act))?;
        if row.handed_in_at_ms == 0 {
            let desk = self.desk()?;
            let charters = self.charters(&desk, &row, time_ms).await?;
            // Keys come after trust: there is nothing to ask of whoever is not believed.
            let pending = self.vault.act(Durability::OnDisk, |act| {
                let mut row = self.row(act)?;
                row.charters = charters.signed_after(0).map(<[u8]>::to_vec).collect();
                act.put(ONLY, &row)?;
                device::pending_or_made(act)
            })?;
            self.send(&desk, &pending).await?;
            self.vault.act::<_, EnrolError>(Durability::OnDisk, |act| {
                let mut row = self.row(act)?;
                row.handed_in_at_ms = time_ms;
                Ok(act.put(ONLY, &row)?)
            })?;
        }
        self.vault.read(|act| {
            let pending: DeviceRow = act.expect(ONLY)?;
            let at_ms = self.row(act)?.handed_in_at_ms;
            let words = rows::pending(&pending).words();
            Ok(HandedIn { identity: self.invitation.identity.clone(), words, at_ms })
        })
    }

    /// Asks for the answer and, if it is there, believes it and takes it into the vault; nothing while the admin has
    /// not answered.
    ///
    /// Errors: [`EnrolError::Refused`], those of [`check_answer`], [`EnrolError::SealedAnswer`],
    /// [`EnrolError::OtherDevice`], [`EnrolError::Server`]. The vault is as it was then.
    pub async fn collect(&self, time_ms: i64) -> Result<Option<Enrolment>, EnrolError> {
        let identity = &self.invitation.identity;
        let (row, device) =
            self.vault.read::<_, EnrolError>(|act| Ok((self.row(act)?, act.expect::<DeviceRow>(ONLY)?)))?;
        let pending = rows::pending(&device);
        let desk = self.desk()?;
        let sealed = match desk.collect_answer(identity, sha256(&[&pending.request])).await {
            Ok(Collected::Waiting) => return Ok(None),
            Ok(Collected::Refused) => return Err(EnrolError::Refused),
            Ok(Collected::Answered(sealed)) => sealed,
            // It was lost there: the desk takes the same request again, or says why not.
            Err(error) if error.reason() == Some(Reason::NotFound) => {
                self.send(&desk, &pending).await?;
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        let charters = self.charters(&desk, &row, time_ms).await?;
        let answer = answer::open(&sealed, &pending.keys.sealing, identity)?;
        self.vault.act(Durability::OnDisk, |act| {
            self.row(act)?;
            let held = Held {
                charters: Some(charters),
                earlier_server: Some(&self.invitation.server_address),
                earlier_desk: Some(&self.invitation.desk_address),
                identity: Some(identity),
                ..Held::default()
            };
            let enrolment = check_answer(&pending, held, &answer, time_ms)?;
            rows::put(act, &enrolment, None, Origin::Invitation(hash_of(&self.text)), time_ms)?;
            Ok(Some(enrolment))
        })
    }

    /// The invitation's row. Errors: [`EnrolError::InvitationReplaced`].
    fn row(&self, act: &Act<'_>) -> Result<InvitationRow, EnrolError> {
        let row = act.get::<InvitationRow>(ONLY)?.filter(|row| row.text == *self.text);
        row.ok_or(EnrolError::InvitationReplaced)
    }

    fn desk(&self) -> Result<Desk, EnrolError> {
        let Invitation { server_ca_key, server_name, desk_address, .. } = &self.invitation;
        let connector = Connector::to_pinned_desk(*server_ca_key, server_name).map_err(ServerError::from)?;
        Ok(Desk::new(desk_address, connector, Line::default())?)
    }

    async fn send(&self, desk: &Desk, pending: &PendingRequest) -> Result<(), EnrolError> {
        let Invitation { identity, code, .. } = &self.invitation;
        let proof = code.prove(identity, &pending.request);
        desk.hand_in_request(identity, code.claim(identity), pending.request.clone(), proof).await?;
        Ok(())
    }

    /// All charters from version 1, those in the vault continued by the desk's.
    async fn charters(
        &self,
        desk: &Desk,
        row: &InvitationRow,
        time_ms: i64,
    ) -> Result<CharterHistory, EnrolError> {
        let mut history = match row.charters.as_slice() {
            [] => None,
            held => {
                let damaged = |_| VaultError::Damaged { what: "the invitation" };
                Some(CharterHistory::from_versions(held).map_err(damaged)?)
            }
        };
        loop {
            let after = history.as_ref().map_or(0, |history| history.newest().version);
            let page = desk.read_charters(after).await?;
            if page.is_empty() {
                break;
            }
            for signed in page {
                match &mut history {
                    None => history = Some(CharterHistory::first(&signed)?),
                    Some(history) => match history.append(&signed)? {
                        Appended::New => {}
                        // Pages of what is held already would be asked for without end.
                        Appended::AlreadyHeld => {
                            return Err(ServerError::bad("a charter that is held already").into());
                        }
                    },
                }
            }
        }
        let history = history.ok_or(CharterError::NotFirst { version: 0 })?;
        check_pinned(&history, &self.invitation)?;
        history.newest().check_in_force(time_ms)?;
        Ok(history)
    }
}

/// Says whether these are the charters of the invitation: the one it names is among them, and names the CA that the
/// invitation trusts for the desk. PROTOCOL.md section 6, step 6.
fn check_pinned(history: &CharterHistory, invitation: &Invitation) -> Result<(), EnrolError> {
    let named = history.by_hash(&invitation.charter_hash).ok_or(EnrolError::ForeignCharter)?;
    let lists = named.server_cas.iter().any(|ca| *ca.public_key() == invitation.server_ca_key);
    if lists { Ok(()) } else { Err(EnrolError::ForeignServerCa) }
}

fn hash_of(text: &str) -> Digest {
    Digest(sha256(&[text.as_bytes()]))
}
