//! A group whose members are all here: each seals under its own leaf, any of them opens and checks.

use super::{device::BenchDevice, now_ms, place::Place, wire::Wire};
use crate::Error;
use alcove_e2ee::{
    group::{Group, Intent, Prepared},
    keys::{EpochKey, RecordPlace, Salt, draw},
    receipts::LogVerifier,
    records::{Author, AuthorPoint, Draft, Expected, KeySource, Kinds, Note, Payload, SealedRecord, seal},
};
use alcove_mls::{LogPin, Policy};
use alcove_proto::{
    ids::{Digest, Epoch, EpochId, GroupId, Head, Position, RecordId},
    names::Identity,
    v1::{self, LogEntry, SubscribeResponse, subscribe_response::Event},
};
use ring::rand::SystemRandom;
use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};
use tonic::Streaming;

/// Characters of a note: sealed it is a kibibyte.
const NOTE_CHARACTERS: usize = 520;

/// The text of a note: long enough for a kibibyte when sealed.
pub(crate) fn text(index: u32) -> String {
    format!("{index:0>width$}", width = NOTE_CHARACTERS)
}

/// A group and its members, in one epoch from now on.
pub(crate) struct Circle {
    pub(crate) group: GroupId,
    pub(crate) members: Vec<Member>,
    /// Where the log stands: after the last join, or after what the last inbox took.
    pub(crate) position: Position,
    pub(crate) head: Head,
    /// The last number of each author, by leaf.
    numbers: BTreeMap<u32, u64>,
    /// Bytes of a sealed note of the bench.
    pub(crate) note_bytes: usize,
}

/// The first member's live subscription, and everything needed to check what it brings.
pub(crate) struct Inbox {
    stream: Streaming<SubscribeResponse>,
    waiting: VecDeque<LogEntry>,
    reader: Reader,
    log: LogVerifier,
    numbers: BTreeMap<u32, u64>,
}

/// A note that was opened and whose every claim was checked.
pub(crate) struct Opened {
    pub(crate) id: RecordId,
}

impl Inbox {
    /// The next entry; an error when none comes within `patience`.
    pub(crate) async fn next(&mut self, patience: Duration) -> Result<LogEntry, Error> {
        loop {
            if let Some(entry) = self.waiting.pop_front() {
                return Ok(entry);
            }
            let message = tokio::time::timeout(patience, self.stream.message())
                .await
                .map_err(|_| "a record did not come: it is lost")??;
            match message.ok_or("the server ended a subscription")?.event {
                Some(Event::Entries(page)) => self.waiting.extend(page.entries),
                Some(Event::GroupClosed(_)) => return Err("the server closed a group to its member".into()),
                Some(Event::WelcomeWaiting(_) | Event::CaughtUp(_)) | None => {}
            }
        }
    }

    /// Checks an entry, in order: the hash chain, the seal, the author's signature, the author's own numbering.
    pub(crate) fn check(&mut self, entry: &LogEntry) -> Result<Opened, Error> {
        self.log.accept_entry(entry)?;
        let (leaf, number, id) = self.reader.open(entry)?;
        if let Some(last) = self.numbers.insert(leaf, number)
            && number != last + 1
        {
            return Err("a record of an author was lost, doubled or reordered".into());
        }
        Ok(Opened { id })
    }
}

/// One member with a connection of its own.
pub(crate) struct Member {
    pub(crate) device: BenchDevice,
    pub(crate) group: Group,
    pub(crate) server: Wire,
    epoch_key: EpochKey,
    after: Option<AuthorPoint>,
    seen: (Position, Head),
}

/// Opens what a member sealed and checks every claim in it.
pub(crate) struct Reader {
    group: GroupId,
    epoch: Epoch,
    epoch_id: EpochId,
    epoch_key: EpochKey,
    charter_hash: Digest,
    authors: BTreeMap<u32, Author>,
}

impl Circle {
    /// Makes a group of `size` members through the server: key packages, one commit, welcomes.
    pub(crate) async fn form(place: &mut Place, size: usize) -> Result<Self, Error> {
        let address = place.server.address();
        let devices = (0..size).map(|_| place.device()).collect::<Result<Vec<_>, _>>()?;
        let mut devices = devices.into_iter();
        let founder = devices.next().ok_or("a circle has at least one member")?;
        let joiners: Vec<_> = devices.collect();
        let random = SystemRandom::new();
        let id = GroupId(draw(&random)?);
        let server = founder.connect(address)?;
        let policy = Policy::new(founder.trust.charter().hash(), founder.mls.identity().person.clone());
        let (mut group, info) = Group::create(&founder.mls, id, &policy, &founder.trust, now_ms())?;
        server.create_group(&id, info).await?;
        let mut log = LogVerifier::at_start(id);
        let mut packages = Vec::new();
        for joiner in &joiners {
            packages.push(joiner.mls.key_package(now_ms(), now_ms() + 86_400_000)?);
        }
        if !joiners.is_empty() {
            let intent =
                Intent { add: packages.iter().map(|one| one.bytes.clone()).collect(), ..Intent::default() };
            let pin = LogPin { position: log.position(), head: log.head() };
            let prepared = group.prepare_commit(&founder.mls, &intent, pin, &founder.trust, now_ms())?;
            let commit = publish(&server, id, prepared).await?;
            group.process(&commit, &founder.trust, now_ms())?;
            let page = server.read_log(&id, Position(0)).await?;
            for entry in &page.entries {
                log.accept_entry(entry)?;
            }
        }
        let seen = (log.position(), log.head());
        let mut members = vec![Member::new(founder, group, server, seen)?];
        for (joiner, package) in joiners.into_iter().zip(packages) {
            let server = joiner.connect(address)?;
            let (welcome, tree) = server.welcome().await?;
            let (group, _) =
                Group::join(&joiner.mls, &welcome.welcome, &tree, &package.secret, &joiner.trust)?;
            members.push(Member::new(joiner, group, server, seen)?);
        }
        // A trial, thrown away: a sealed note that is never sent leaves its author where it was.
        let point = members[0].after;
        let note_bytes = members[0].seal(&random, &text(0))?.1.len();
        members[0].after = point;
        let numbers = BTreeMap::new();
        Ok(Self { group: id, members, position: log.position(), head: log.head(), numbers, note_bytes })
    }

    /// The first member adds a device by a key package it has published; all go on to the new epoch. The device
    /// joins by itself.
    pub(crate) async fn admit(&mut self, identity: &Identity) -> Result<(), Error> {
        let founder = &mut self.members[0];
        let package = founder.server.claim_key_package(identity).await?;
        let intent = Intent { add: vec![package], ..Intent::default() };
        let pin = LogPin { position: self.position, head: self.head };
        let Member { device, group, server, .. } = founder;
        let prepared = group.prepare_commit(&device.mls, &intent, pin, &device.trust, now_ms())?;
        let commit = publish(server, self.group, prepared).await?;
        let mut log = LogVerifier::at(self.group, self.position, self.head);
        for entry in &server.read_log(&self.group, self.position).await?.entries {
            log.accept_entry(entry)?;
        }
        (self.position, self.head) = (log.position(), log.head());
        for member in &mut self.members {
            member.group.process(&commit, &member.device.trust, now_ms())?;
            member.epoch_key = member.group.epoch_key()?;
            member.seen = (self.position, self.head);
        }
        Ok(())
    }

    /// The first member commits to its leaf. The others are not told of it.
    pub(crate) async fn commit(&mut self) -> Result<(), Error> {
        let Member { device, group, server, .. } = &mut self.members[0];
        let pin = LogPin { position: self.position, head: self.head };
        let prepared = group.prepare_commit(&device.mls, &Intent::default(), pin, &device.trust, now_ms())?;
        let commit = publish(server, self.group, prepared).await?;
        group.process(&commit, &device.trust, now_ms())?;
        let mut log = LogVerifier::at(self.group, self.position, self.head);
        for entry in &server.read_log(&self.group, self.position).await?.entries {
            log.accept_entry(entry)?;
        }
        (self.position, self.head) = (log.position(), log.head());
        Ok(())
    }

    /// The first member follows the log from where it stands, and has caught up when this returns.
    pub(crate) async fn inbox(&self) -> Result<Inbox, Error> {
        let member = &self.members[0];
        let mut stream = member.server.subscribe(self.group, self.position).await?;
        loop {
            match stream.message().await?.ok_or("the server ended a subscription")?.event {
                Some(Event::CaughtUp(_)) => break,
                Some(Event::Entries(page)) if !page.entries.is_empty() => {
                    return Err("records nobody of this bench appended".into());
                }
                _ => {}
            }
        }
        Ok(Inbox {
            stream,
            waiting: VecDeque::new(),
            reader: member.reader()?,
            log: LogVerifier::at(self.group, self.position, self.head),
            numbers: self.numbers.clone(),
        })
    }

    /// Goes on from where an inbox came to.
    pub(crate) fn after(&mut self, inbox: &Inbox) {
        (self.position, self.head) = (inbox.log.position(), inbox.log.head());
        self.numbers.clone_from(&inbox.numbers);
    }
}

/// Makes a group of `seats` through the server: its founder, a guest who has published key packages, and others who never
/// come. The guest joins by itself.
pub(crate) async fn seat(place: &mut Place, seats: usize, guest: &Identity) -> Result<GroupId, Error> {
    let founder = place.device()?;
    let random = SystemRandom::new();
    let id = GroupId(draw(&random)?);
    let server = founder.connect(place.server.address())?;
    let policy = Policy::new(founder.trust.charter().hash(), founder.mls.identity().person.clone());
    let (mut group, info) = Group::create(&founder.mls, id, &policy, &founder.trust, now_ms())?;
    server.create_group(&id, info).await?;
    let mut add = vec![server.claim_key_package(guest).await?];
    for _ in 2..seats {
        add.push(place.device()?.mls.key_package(now_ms(), now_ms() + 86_400_000)?.bytes);
    }
    let log = LogVerifier::at_start(id);
    let pin = LogPin { position: log.position(), head: log.head() };
    let intent = Intent { add, ..Intent::default() };
    let prepared = group.prepare_commit(&founder.mls, &intent, pin, &founder.trust, now_ms())?;
    publish(&server, id, prepared).await?;
    Ok(id)
}

/// Has the server order a commit that nobody competes with; gives it back.
async fn publish(server: &Wire, group: GroupId, prepared: Prepared) -> Result<Vec<u8>, Error> {
    let joiners = prepared
        .joiners
        .into_iter()
        .map(|one| v1::Joiner { identity: one.identity.to_string(), key_package_ref: one.key_package_ref });
    let request = v1::SubmitCommitRequest {
        group_id: group.to_vec(),
        epoch: prepared.epoch.0,
        commit: prepared.commit.clone(),
        welcome: prepared.welcome,
        joiners: joiners.collect(),
        seen_position: prepared.seen.position.0,
        group_info: prepared.group_info,
    };
    server.submit_commit(request).await?;
    Ok(prepared.commit)
}

impl Member {
    fn new(device: BenchDevice, group: Group, server: Wire, seen: (Position, Head)) -> Result<Self, Error> {
        let epoch_key = group.epoch_key()?;
        Ok(Self { device, group, server, epoch_key, after: None, seen })
    }

    /// Seals a note of `text`; returns its id and bytes.
    pub(crate) fn seal(&mut self, random: &SystemRandom, text: &str) -> Result<(RecordId, Vec<u8>), Error> {
        let record = RecordId(draw(random)?);
        let payload = Payload::Note(Note { text: text.to_owned(), corrects: None, grantable: false });
        let draft = Draft {
            place: RecordPlace {
                group: self.group.id(),
                epoch_id: self.group.epoch_id(),
                leaf: self.group.own_leaf(),
                record,
            },
            epoch: self.group.epoch(),
            certificate_hash: self.device.mls.certificate_hash(),
            charter_hash: self.group.policy().charter_hash(),
            time_ms: now_ms(),
            after: self.after,
            seen_position: self.seen.0,
            seen_head: self.seen.1,
            payload: &payload,
        };
        let sign = |body: &[u8]| self.group.sign_record(&self.device.mls, body);
        let sealed = seal(&self.epoch_key, &draft, Salt::draw(random)?, sign)
            .map_err(|_| "a note of the bench seals")?;
        self.after = Some(sealed.point);
        Ok((record, sealed.bytes))
    }

    /// Somebody who opens what this member can open.
    pub(crate) fn reader(&self) -> Result<Reader, Error> {
        let authors =
            self.group.roster()?.into_iter().map(|member| (member.leaf, member.as_author())).collect();
        Ok(Reader {
            group: self.group.id(),
            epoch: self.group.epoch(),
            epoch_id: self.group.epoch_id(),
            epoch_key: self.group.epoch_key()?,
            charter_hash: self.group.policy().charter_hash(),
            authors,
        })
    }
}

impl Reader {
    /// Opens an entry and checks every claim in it. Returns whose it is (by leaf), its number for that author,
    /// and its id.
    pub(crate) fn open(&self, entry: &LogEntry) -> Result<(u32, u64, RecordId), Error> {
        let sealed = SealedRecord::parse(&entry.body)?;
        let place = sealed.header().place;
        let author = self.authors.get(&place.leaf).ok_or("an entry of nobody here")?;
        let expected = Expected {
            group: self.group,
            epoch: self.epoch,
            epoch_id: Some(self.epoch_id),
            charter_hash: self.charter_hash,
            appended_by: author.identity(),
            kinds: Kinds::all(),
        };
        let opened = sealed.open(&KeySource::Epoch(&self.epoch_key), &expected, author)?;
        Ok((place.leaf, opened.sequence, place.record))
    }
}
