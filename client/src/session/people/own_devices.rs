//! The further devices of this person: a first one adds them to its cases, with everything it reads.
//!
//! The first device commits the addition with its own key, so nobody else has to look twice; its owner compares the words of
//! the new one, since the server could hand out another's key package. PROTOCOL.md section 8, "Keys that change".

use super::{
    known_keys::{Because, believe},
    members::Claimed,
};
use crate::{
    session::{
        DeviceAddition, Error, History, OwnDeviceView, Session,
        state::{Roster, all_rows, load_open_row},
    },
    vault::{Act, Durability},
};
use alcove_charter::device_words;
use alcove_proto::{ids::GroupId, names::Identity, v1::Role};

impl Session {
    /// This person's devices as the directory lists them, and how many of the open cases of this device each is in.
    pub async fn own_devices(&self) -> Result<Vec<OwnDeviceView>, Error> {
        let mut numbers = self.directory().await?.remove(&self.identity.person).unwrap_or_default();
        if !numbers.contains(&self.identity.device) {
            numbers.push(self.identity.device);
            numbers.sort_unstable();
        }
        let cases = self.writable_cases()?;
        self.vault.read(|act| {
            numbers
                .into_iter()
                .map(|number| {
                    let identity = self.identity.person.device(number);
                    let mut there = 0;
                    for case in &cases {
                        there += u64::from(Roster::load(act, case)?.named(&identity).is_some());
                    }
                    Ok(OwnDeviceView {
                        number,
                        is_this: identity == self.identity,
                        cases: there,
                        of: cases.len() as u64,
                    })
                })
                .collect()
        })
    }

    /// The words of a further device of this person, by a key package it has published: that device shows the same with
    /// `alcove verify`.
    ///
    /// Errors: [`Error::NoSuchPerson`] for this device itself, [`Error::NoKeyPackage`].
    pub async fn words_of_own_device(&self, number: u16) -> Result<String, Error> {
        let claimed = self.claim_own(number).await?;
        Ok(device_words(&claimed.identity, &claimed.public_key))
    }

    /// Adds a further device of this person to every open case that it is not in, with everything that this one reads.
    ///
    /// `words`: as its owner compared them; another key is refused. A case that cannot be done now is told of and the
    /// others are; the same again goes on. Errors: [`Error::KeyChanged`], [`Error::NoKeyPackage`], those of the network.
    pub async fn add_own_device(&self, number: u16, words: &str) -> Result<Vec<DeviceAddition>, Error> {
        let claimed = self.claim_own(number).await?;
        let Claimed { identity, public_key, .. } = &claimed;
        if device_words(identity, public_key) != words {
            return Err(Error::KeyChanged { person: identity.person.clone() });
        }
        // Compared: from now on a key package with another key is a change.
        self.vault
            .act(Durability::OnDisk, |act| believe(act, identity, public_key, Because::WordsCompared))?;
        let mut additions = Vec::new();
        for case in self.writable_cases()? {
            let there = self.vault.read::<_, Error>(|act| is_in(act, &case, identity))?;
            if there {
                continue;
            }
            let outcome =
                self.add_member(&case, &identity.person, &[number], Role::Member, History::All).await;
            additions.push(DeviceAddition { case, outcome });
        }
        Ok(additions)
    }

    async fn claim_own(&self, number: u16) -> Result<Claimed, Error> {
        let person = &self.identity.person;
        if number == self.identity.device {
            return Err(Error::NoSuchPerson);
        }
        self.check_list_of(&person.trust_domain).await?;
        let claimed = self.claim(&[person.device(number)]).await?.pop();
        claimed.ok_or_else(|| Error::NoKeyPackage(person.clone()))
    }

    fn writable_cases(&self) -> Result<Vec<GroupId>, Error> {
        self.vault.read(|act| {
            let rows = all_rows(act)?;
            Ok(rows
                .into_iter()
                .map(|(case, _)| case)
                .filter(|case| load_open_row(act, case).is_ok())
                .collect())
        })
    }
}

fn is_in(act: &Act<'_>, case: &GroupId, identity: &Identity) -> Result<bool, Error> {
    Ok(Roster::load(act, case)?.named(identity).is_some())
}
