//! What a person decides about a welcome that waits for their yes.

use super::{Failed, Settled, requests};
use crate::{
    session::{
        Error, RequestView, Session,
        people::{cards::person_view, consent::Consent},
    },
    transport::WaitingWelcome,
    vault::{
        Durability,
        rows::{GroupRow, KeyPackageRow, RequestContentRow},
    },
};
use alcove_charter::device_words;
use alcove_proto::ids::{GroupId, Position, WelcomeId};

impl Session {
    /// Who wants to add this device to a case and waits for a yes, oldest first. Local.
    pub fn requests(&self) -> Result<Vec<RequestView>, Error> {
        let trust = self.trust();
        self.vault.read(|act| {
            let mut views = Vec::new();
            for (id, row) in requests::waiting(act)? {
                let (adder, key) = requests::adder_of(&row)?;
                let group = requests::group_of(&row)?;
                views.push(RequestView {
                    id: WelcomeId::try_from(id.as_slice()).map_err(|_| requests::damaged())?,
                    person: person_view(act, &self.own(), &trust, &adder.person, vec![adder.device])?,
                    words: device_words(&adder, &key),
                    since_ms: row.since_ms,
                    known: act.has::<GroupRow>(group.as_bytes())?.then_some(group),
                    leads_on: row.leads_on,
                });
            }
            views.sort_by_key(|request: &RequestView| (request.since_ms, request.id));
            Ok(views)
        })
    }

    /// How many wait for a person's yes. Local.
    pub fn waiting_requests(&self) -> Result<u64, Error> {
        self.vault.read(|act| Ok(requests::count(act)?))
    }

    /// A person has said yes: joins; the next sync reads what has been written since. A case that this device knows under that
    /// id, and that this does not lead on from, stands beside it from then on, closed.
    ///
    /// Errors: [`Error::NoSuchRequest`]; [`Error::RequestUnusable`] when the welcome turns out to lead nowhere, and the
    /// request is over; [`Error::AlreadyInCase`] when this device is a member there by now; those of the server, after which
    /// it waits as before.
    pub async fn accept_request(&self, id: &WelcomeId) -> Result<GroupId, Error> {
        let (welcome, tree) = self.vault.read(|act| {
            let row = requests::load(act, id)?;
            let held = act.has::<KeyPackageRow>(&row.key_package_ref)?;
            let content: RequestContentRow = act.expect(id.as_bytes())?;
            let welcome = WaitingWelcome {
                id: *id,
                group: requests::group_of(&row)?,
                epoch: row.epoch,
                position: Position(row.position),
                key_package_ref: row.key_package_ref,
                welcome: content.welcome,
                link: content.link,
                tree_bytes: content.tree.len() as u64,
            };
            Ok::<_, Error>((held.then_some(welcome), content.tree))
        })?;
        let settled = match &welcome {
            Some(welcome) => self.settle_with_server(welcome, &tree, Consent::Given).await,
            None => Ok(Settled::Declined),
        };
        match (settled, welcome) {
            (Ok(Settled::Joined), Some(welcome)) => return Ok(welcome.group),
            (Err(Failed::Session(error)), _) => return Err(error),
            // Another process has read on since: what was followed leads on from somewhere else now.
            (Ok(Settled::AsksWay { .. }), _) => return Err(Error::Contended { attempts: 1 }),
            (Err(Failed::Unfit(unfit)), _) => tracing::warn!(%unfit, "a request cannot be joined by"),
            (Ok(_), _) => {}
        }
        self.decline_request(id)?;
        Err(Error::RequestUnusable)
    }

    /// A person has said no: it is not offered again, and whoever made it is told nothing. Local.
    ///
    /// Errors: [`Error::NoSuchRequest`].
    pub fn decline_request(&self, id: &WelcomeId) -> Result<(), Error> {
        self.vault.act(Durability::OnDisk, |act| {
            let row = requests::load(act, id)?;
            Ok(requests::end(act, id.as_bytes(), row)?)
        })
    }
}
