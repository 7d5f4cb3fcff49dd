//! Who reads a case: adding, removing, listing, and handing over what was written before.

use super::{cards::person_view, known_keys};
use crate::{
    session::{
        AddOutcome, Delivery, Error, GrantOutcome, History, MemberView, Session,
        outbox::{
            handover::{self, Sorted},
            let_go,
        },
        state::{Roster, load_open_row},
    },
    transport::ServerError,
    vault::{
        Act, Durability, VaultError,
        rows::{AccessRow, AddRow, ChainRow, IntentRow, OutboxRow},
    },
};
use alcove_charter::{Judge, P256Point, TrustView, leaf_point};
use alcove_mls::inspect_key_package;
use alcove_proto::{
    ids::{AccessId, GroupId, RecordId},
    limits::GRANT_RECORDS_MAX,
    names::{Identity, Person},
    v1::{Reason, Role},
};
use std::collections::BTreeMap;

impl Session {
    /// Who reads a case, with agency and side: oneself first, then by agency and name; nobody where this device never was
    /// a member. Local.
    ///
    /// Errors: [`Error::NoSuchCase`].
    pub fn members(&self, case: &GroupId) -> Result<Vec<MemberView>, Error> {
        let trust = self.trust();
        let now_ms = self.clock.now_ms();
        let mut members = self.vault.read(|act| {
            if crate::session::state::load_row(act, case)?.recovered {
                return Ok(Vec::new());
            }
            let mut people: BTreeMap<Person, MemberDevices> = BTreeMap::new();
            let roster = Roster::load(act, case)?;
            let mut unbelieved = known_keys::unbelieved_seats(act, &self.identity, &roster)?;
            for seat in roster.members {
                let lapsed = self.has_lapsed(act, &trust, &seat.certificate_hash.0, now_ms)?;
                let devices = people.entry(seat.identity.person).or_default();
                devices.role = seat.role;
                devices.numbers.push(seat.identity.device);
                devices.lapsed.extend(lapsed.then_some(seat.identity.device));
            }
            people
                .into_iter()
                .map(|(person, mut devices)| {
                    devices.numbers.sort_unstable();
                    devices.lapsed.sort_unstable();
                    Ok(MemberView {
                        is_self: person == self.identity.person,
                        person: person_view(act, &self.own(), &trust, &person, devices.numbers)?,
                        role: devices.role,
                        lapsed_devices: devices.lapsed,
                        changed_devices: unbelieved
                            .remove(&person)
                            .unwrap_or_default()
                            .into_iter()
                            .map(|(number, _)| number)
                            .collect(),
                    })
                })
                .collect::<Result<Vec<_>, Error>>()
        })?;
        members.sort_by(|one, other| {
            let key = |member: &MemberView| {
                (!member.is_self, member.person.agency.name.clone(), member.person.name.clone())
            };
            key(one).cmp(&key(other))
        });
        Ok(members)
    }

    fn has_lapsed(
        &self,
        act: &Act<'_>,
        trust: &TrustView,
        certificate_hash: &[u8; 32],
        now_ms: i64,
    ) -> Result<bool, Error> {
        let chain: ChainRow = act.expect(certificate_hash)?;
        Ok(trust.verify_device_mls(&chain.certificates, Judge::At(&trust.moment(now_ms))).is_err())
    }

    /// Adds a person with the devices named, then hands over the history named. A member who is to be an owner
    /// becomes one.
    ///
    /// `devices`: numbers, as whoever decides has seen them; what [`Self::new_devices`] says of them was shown and
    /// [`Self::believe_shown`] called before. Errors: [`Error::KeyChanged`], [`Error::NoSuchPerson`],
    /// [`Error::AlreadyMember`], [`Error::NoKeyPackage`], [`Error::KeyPackagesUnfit`] where none of them could be
    /// added, [`Error::ListOverdue`], [`Error::NotAllowed`], and those of the server.
    pub async fn add_member(
        &self,
        case: &GroupId,
        person: &Person,
        devices: &[u16],
        role: Role,
        history: History,
    ) -> Result<AddOutcome, Error> {
        self.catch_up(case).await?;
        let known = self.directory().await?;
        let numbers = known.get(person).ok_or(Error::NoSuchPerson)?;
        let meant = numbers.iter().filter(|number| devices.contains(number));
        let devices: Vec<Identity> = meant.map(|number| person.device(*number)).collect();
        let members = self.member_devices(case, person)?;
        let missing: Vec<Identity> = devices.into_iter().filter(|device| !members.contains(device)).collect();
        if missing.is_empty() {
            return self.promote(case, person, &members, role).await;
        }
        self.check_list_of(&person.trust_domain).await?;
        let add = self.claim(&missing).await?;
        if add.is_empty() {
            return Err(Error::NoKeyPackage(person.clone()));
        }
        self.check_keys_of(&add)?;
        let mut added: Vec<Identity> = add.iter().map(|claimed| claimed.identity.clone()).collect();
        let history_since_ms = match history {
            History::None => None,
            History::All => Some(i64::MIN),
            History::Since(time_ms) => Some(time_ms),
        };
        let mut history = match history_since_ms {
            None => GrantOutcome::default(),
            Some(since_ms) => self.vault.read::<_, Error>(|act| {
                let joined = load_open_row(act, case)?.reads_from();
                Ok(outcome(handover::history(&self.acting(act)?, case, person, joined, since_ms)?))
            })?,
        };
        let intent = IntentRow {
            add: add
                .into_iter()
                .map(|claimed| AddRow {
                    identity: claimed.identity.to_string(),
                    key_package: claimed.key_package,
                })
                .collect(),
            as_owner: role == Role::Owner,
            history_since_ms,
            ..IntentRow::default()
        };
        let without_key_package = missing.into_iter().filter(|device| !added.contains(device)).collect();
        let mut unfit = Vec::new();
        self.commit_adding(case, intent, &mut unfit).await?;
        added.retain(|device| !unfit.contains(device));
        if added.is_empty() {
            return Err(Error::KeyPackagesUnfit { devices: unfit });
        }
        // They are on the case; what is to be handed over is in the outbox.
        history.held_up = self.flush(case).await.err();
        Ok(AddOutcome { added, without_key_package, unfit, history })
    }

    /// Whether what is to be added signs with keys that may be believed.
    ///
    /// Errors: [`Error::KeyChanged`]; the change is kept, to be looked at.
    fn check_keys_of(&self, add: &[Claimed]) -> Result<(), Error> {
        let changed = self.changed_among(add)?.pop();
        changed.map_or(Ok(()), |identity| Err(Error::KeyChanged { person: identity.person }))
    }

    /// The same without those whose keys may not be believed; the changes are kept, to be looked at.
    pub(in crate::session) fn without_changed_keys(
        &self,
        mut claimed: Vec<Claimed>,
    ) -> Result<Vec<Claimed>, Error> {
        let changed = self.changed_among(&claimed)?;
        claimed.retain(|claimed| !changed.contains(&claimed.identity));
        Ok(claimed)
    }

    fn changed_among(&self, claimed: &[Claimed]) -> Result<Vec<Identity>, Error> {
        let now_ms = self.clock.now_ms();
        let own = self.identity();
        // An error inside the act would take back what it is to keep.
        self.vault.act(Durability::OnDisk, |act| {
            let mut changed = Vec::new();
            for Claimed { identity, public_key, .. } in claimed {
                if !known_keys::may_be_added(act, own, identity, public_key, now_ms)? {
                    changed.push(identity.clone());
                }
            }
            Ok(changed)
        })
    }

    /// Makes a member an owner. Errors: [`Error::AlreadyMember`] when there is nothing to change.
    async fn promote(
        &self,
        case: &GroupId,
        person: &Person,
        members: &[Identity],
        role: Role,
    ) -> Result<AddOutcome, Error> {
        let is_owner = self.vault.read::<_, Error>(|act| {
            let seats = Roster::load(act, case)?.members;
            Ok(seats.iter().any(|seat| seat.identity.person == *person && seat.role == Role::Owner))
        })?;
        let Some(device) = members.first().filter(|_| role == Role::Owner && !is_owner) else {
            return Err(Error::AlreadyMember(person.clone()));
        };
        // Without a key package nothing is added: only the role is left of the intent.
        let named = AddRow { identity: device.to_string(), key_package: Vec::new() };
        let intent = IntentRow { add: vec![named], as_owner: true, ..IntentRow::default() };
        self.commit(case, intent).await?;
        Ok(AddOutcome {
            added: Vec::new(),
            without_key_package: Vec::new(),
            unfit: Vec::new(),
            history: GrantOutcome::default(),
        })
    }

    /// Ends what this device has handed over to a person: at the server, and what still waits to be sent. What they
    /// have fetched they keep. Returns how many grants ended.
    ///
    /// Errors: [`Error::NothingHandedOver`], and those of the server; what was ended before stays ended.
    pub async fn end_grants(&self, case: &GroupId, person: &Person) -> Result<u64, Error> {
        let is_theirs = |name: &str| name.parse::<Identity>().is_ok_and(|device| device.person == *person);
        let mut ended = self.vault.act::<_, Error>(Durability::OnDisk, |act| {
            let epoch = load_open_row(act, case)?.epoch;
            let mut dropped = 0;
            for (key, row) in act.scan::<OutboxRow>(case.as_bytes())? {
                let theirs = row.grant.as_ref().is_some_and(|plan| is_theirs(&plan.grantee));
                if theirs && row.position == 0 {
                    let_go::item(act, case, epoch, &row, self.clock.now_ms())?;
                    act.delete::<OutboxRow>(&key)?;
                    dropped += 1;
                }
            }
            Ok(dropped)
        })?;
        let open = self.vault.read::<_, Error>(|act| Ok(act.scan::<AccessRow>(case.as_bytes())?))?;
        for (key, row) in open.into_iter().filter(|(_, row)| is_theirs(&row.grantee)) {
            let access = AccessId::try_from(row.access_id.as_slice());
            let access = access.map_err(|_| VaultError::damaged("an access entry"))?;
            match self.server()?.end_access(case, &access).await {
                Ok(()) => ended += 1,
                // It came to its end, or they were removed: closed either way.
                Err(error) if error.reason() == Some(Reason::NotFound) => {}
                Err(error) => return Err(error.into()),
            }
            self.vault.act::<_, Error>(Durability::OnDisk, |act| Ok(act.delete::<AccessRow>(&key)?))?;
        }
        if ended == 0 { Err(Error::NothingHandedOver) } else { Ok(ended) }
    }

    /// Takes a key package for each device, and believes only those that are theirs. None for those of an agency whose
    /// list is past its time.
    pub(in crate::session) async fn claim(&self, devices: &[Identity]) -> Result<Vec<Claimed>, Error> {
        let trust = self.trust();
        let now_ms = self.clock.now_ms();
        let devices = self.with_current_lists(devices);
        let mut claimed = Vec::new();
        if devices.is_empty() {
            return Ok(claimed);
        }
        for package in self.server()?.claim_key_packages(&devices).await? {
            // Revoked, expired, or altered: as if there were none. Another device's: the server lies.
            let Ok(facts) = inspect_key_package(&package.key_package, &trust, now_ms) else { continue };
            if facts.identity != package.identity {
                return Err(ServerError::bad("a key package of another device").into());
            }
            let key = facts.chain.first().and_then(|leaf| leaf_point(leaf).ok());
            let Some(public_key) = key else { continue };
            claimed.push(Claimed {
                identity: package.identity,
                key_package: package.key_package,
                public_key,
            });
        }
        Ok(claimed)
    }

    fn member_devices(&self, case: &GroupId, person: &Person) -> Result<Vec<Identity>, Error> {
        self.vault.read(|act| {
            load_open_row(act, case)?;
            let members = Roster::load(act, case)?.members.into_iter().map(|seat| seat.identity);
            Ok(members.filter(|identity| identity.person == *person).collect())
        })
    }

    /// Hands named records to all devices of a member. `not_after_ms`: end, milliseconds since 1970.
    ///
    /// Errors: [`Error::NoSuchPerson`], [`Error::NoSuchRecord`], [`Error::NothingToGrant`],
    /// [`Error::TooManyRecords`].
    pub async fn grant(
        &self,
        case: &GroupId,
        person: &Person,
        records: &[RecordId],
        not_after_ms: Option<i64>,
    ) -> Result<GrantOutcome, Error> {
        if records.len() > GRANT_RECORDS_MAX {
            return Err(Error::TooManyRecords { limit: GRANT_RECORDS_MAX });
        }
        self.catch_up(case).await?;
        let devices = self.member_devices(case, person)?;
        if devices.is_empty() {
            return Err(Error::NoSuchPerson);
        }
        let (mut outcome, queued) = self.vault.act(Durability::OnDisk, |act| {
            let acting = &self.acting(act)?;
            if not_after_ms.is_some_and(|end_ms| end_ms <= acting.now_ms) {
                return Err(Error::AccessOver);
            }
            let mut row = load_open_row(act, case)?;
            let mut sorted = Sorted::default();
            for record in records {
                let position = act.find_entry(case, record)?.ok_or(Error::NoSuchRecord)?;
                let (_, entry) = act.entry_at(case, position)?.ok_or(Error::NoSuchRecord)?;
                let candidate =
                    handover::candidate(acting, person, row.reads_from(), position, *record, &entry)?;
                let (candidate, may) = candidate.ok_or(Error::NoSuchRecord)?;
                sorted.add(candidate, may);
            }
            if sorted.given.is_empty() {
                return Err(Error::NothingToGrant);
            }
            sorted.given.sort_by_key(|candidate| candidate.position);
            sorted.given.dedup_by_key(|candidate| candidate.position);
            let mut queued = Vec::new();
            for device in &devices {
                let given = &sorted.given;
                let until = not_after_ms.unwrap_or(0);
                queued.extend(handover::queue_grants(acting, case, &mut row, device, given, until)?);
            }
            act.put(case.as_bytes(), &row)?;
            Ok((outcome(sorted), queued))
        })?;
        outcome.held_up = self.flush(case).await.err();
        for record in queued {
            if let Delivery::Refused { cause } = self.delivery(case, &record)? {
                return Err(Error::Refused { record, cause });
            }
        }
        Ok(outcome)
    }

    /// Removes a person with all their devices. They keep what they have received; of oneself, the other
    /// devices are removed.
    ///
    /// Errors: [`Error::NoSuchPerson`], [`Error::NotAllowed`], [`Error::LastOwner`].
    pub async fn remove_member(&self, case: &GroupId, person: &Person) -> Result<(), Error> {
        self.catch_up(case).await?;
        let mut devices = self.member_devices(case, person)?;
        devices.retain(|device| *device != self.identity);
        let theirs = |name: &str| name.parse::<Identity>().is_ok_and(|device| device.person == *person);
        let was_to_come = self.forget_carry(case, |row| theirs(&row.identity))?;
        if devices.is_empty() && was_to_come {
            return Ok(());
        }
        if devices.is_empty() {
            // A device cannot commit its own removal (RFC 9420 section 12.3): somebody else does it.
            let own = *person == self.identity.person;
            return Err(if own { Error::NotAllowed } else { Error::NoSuchPerson });
        }
        let remove = devices.iter().map(ToString::to_string).collect();
        self.commit(case, IntentRow { remove, ..IntentRow::default() }).await
    }

    /// Reads a log to its end before something is decided by it.
    async fn catch_up(&self, case: &GroupId) -> Result<(), Error> {
        self.vault.read(|act| load_open_row(act, case).map(drop))?;
        let walked = self.sync_log(case).await?;
        if walked.closed {
            return Err(Error::CaseClosed);
        }
        Ok(())
    }
}

/// A key package that was claimed and is believed.
pub(in crate::session) struct Claimed {
    pub(in crate::session) identity: Identity,
    pub(in crate::session) key_package: Vec<u8>,
    /// What the device signs with.
    pub(in crate::session) public_key: P256Point,
}

/// What becomes of records that were sorted.
fn outcome(sorted: Sorted) -> GrantOutcome {
    GrantOutcome {
        granted: sorted.given.iter().map(|given| given.record).collect(),
        withheld: sorted.withheld,
        out_of_reach: sorted.out_of_reach,
        held_up: None,
    }
}

/// A person's devices while a roster is gathered.
#[derive(Default)]
struct MemberDevices {
    role: Role,
    numbers: Vec<u16>,
    lapsed: Vec<u16>,
}
