//! A group whose epochs are sealed, a person who lost her devices, and an attempt at recovery for her new one.

use crate::{
    enrolment_desk::*,
    world::{Agency, Device, World, sign_with},
};
use alcove_charter::{Objection, objection_signing_bytes, request_words};
use alcove_proto::{
    ids::{AccessId, AttemptId, Epoch, GroupId, Position},
    limits::RECOVERY_DELAY_MS,
    names::Identity,
    v1::{self, order::Act},
};
use alcove_server::service::{
    AttemptState, Caller, EscrowOffer, LogPage, LogRange, NewSealing, OfferedGrant, ServiceError,
};
use prost::Message;
use tonic::Status;

/// Alice and Anna of Harborlight and Bob of Northmark in a group. Anna was removed and all her devices are lost; she has
/// a new one.
pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) client: Client,
    pub(crate) group: GroupId,
    pub(crate) alice: Device,
    pub(crate) anna: Device,
    pub(crate) bob: Device,
    /// Anna's second device.
    pub(crate) new_device: Identity,
    /// The position at which Anna came, and the one at which she went.
    pub(crate) stay: (Position, Position),
}

pub(crate) fn caller_as(identity: &Identity) -> Caller {
    Caller { identity: identity.clone(), request: 5, permit: None }
}

pub(crate) fn entry(group: GroupId, epoch: u64, seed: u8) -> NewSealing {
    let entry = v1::EscrowEntry {
        group_id: group.to_vec(),
        epoch,
        epoch_id: vec![seed; 32],
        encapsulated_key: vec![4; 65],
        ciphertext: vec![seed; 48],
    };
    NewSealing { epoch: Epoch(epoch), entry: entry.encode_to_vec().into() }
}

pub(crate) fn grant(group: GroupId, access: u8, ranges: &[(u64, u64)]) -> OfferedGrant {
    let wire = v1::EscrowedGrant {
        group_id: group.to_vec(),
        access_id: vec![access; 16],
        ranges: ranges.iter().map(|(first, last)| v1::PositionRange { first: *first, last: *last }).collect(),
        encapsulated_key: vec![4; 65],
        ciphertext: vec![access; 100],
    };
    OfferedGrant {
        access: AccessId([access; 16]),
        ranges: ranges.iter().map(|(first, last)| (Position(*first), Position(*last))).collect(),
        grant: wire.encode_to_vec().into(),
    }
}

pub(crate) fn offer(agency: &Agency, group: GroupId, entries: Vec<NewSealing>) -> EscrowOffer {
    let recovery_key_hash = agency.recovery_key_hash();
    EscrowOffer { group, recovery_key_hash, entries, grants: Vec::new(), certificates: Vec::new() }
}

impl Scene {
    pub(crate) async fn new() -> Self {
        let world = World::new();
        let client = desk(&world);
        let mut alice = Device::of(&world.harborlight, 1, 1);
        let mut bob = Device::of(&world.northmark, 2, 1);
        let mut anna = Device::of(&world.harborlight, 3, 1);
        let group = world.open_group(&mut alice).await;
        world.append(&alice, group, 1, b"before Bob").await.unwrap();
        world.append(&alice, group, 6, b"before Bob too").await.unwrap();
        world.add(group, &mut alice, &mut [&mut bob]).await;
        world.append(&alice, group, 2, b"before Anna").await.unwrap();
        let came = world.add(group, &mut alice, &mut [&mut anna]).await;
        world.append(&alice, group, 3, b"for Anna").await.unwrap();
        world.append(&anna, group, 4, b"by Anna").await.unwrap();
        for device in [&alice, &anna] {
            // Anna seals an epoch in which she was not there: she cannot have its key.
            let entries = (0..=2).map(|epoch| entry(group, epoch, 10 + epoch as u8)).collect();
            let offer = offer(&world.harborlight, group, entries);
            world.service.put_escrow(&world.caller(device), offer).await.unwrap();
        }
        let theirs = offer(&world.northmark, group, vec![entry(group, 2, 99)]);
        world.service.put_escrow(&world.caller(&bob), theirs).await.unwrap();
        let went = alice.remove_alone(&world, group, &anna).await;
        world.append(&alice, group, 5, b"after Anna").await.unwrap();
        let later = offer(&world.harborlight, group, vec![entry(group, 3, 13)]);
        world.service.put_escrow(&world.caller(&alice), later).await.unwrap();
        let new_device = world.harborlight.identity(3, 2);
        Self { world, client, group, alice, anna, bob, new_device, stay: (came, went) }
    }

    pub(crate) fn opening(&self, attempt: u8) -> v1::OpenRecovery {
        v1::OpenRecovery {
            attempt_id: vec![attempt; 16],
            identity: self.new_device.to_string(),
            request_words: request_words(b"the new device's request"),
        }
    }

    pub(crate) async fn open(&self, attempt: u8) -> Result<v1::PlaceOrderResponse, Status> {
        let act = Act::OpenRecovery(self.opening(attempt));
        place(&self.client, &self.world, &self.world.harborlight, act).await
    }

    pub(crate) async fn withdraw(&self, attempt: u8) -> Result<v1::PlaceOrderResponse, Status> {
        let act = Act::WithdrawRecovery(v1::WithdrawRecovery { attempt_id: vec![attempt; 16] });
        place(&self.client, &self.world, &self.world.harborlight, act).await
    }

    pub(crate) async fn read_by(&self, agency: &Agency, attempt: u8) -> Result<v1::EscrowPage, Status> {
        let act = Act::ReadEscrow(v1::ReadEscrow {
            attempt_id: vec![attempt; 16],
            recovery_key_hash: self.world.harborlight.recovery_key_hash().to_vec(),
            cursor: Vec::new(),
        });
        Ok(place(&self.client, &self.world, agency, act).await?.escrow.unwrap())
    }

    pub(crate) async fn read(&self, attempt: u8) -> Result<v1::EscrowPage, Status> {
        self.read_by(&self.world.harborlight, attempt).await
    }

    pub(crate) async fn states(&self, agency: &Agency) -> Vec<v1::AttemptState> {
        let act = Act::ListAttempts(v1::ListAttempts {});
        let answer = place(&self.client, &self.world, agency, act).await.unwrap();
        answer.attempts.unwrap().attempts.iter().map(v1::RecoveryAttempt::state).collect()
    }

    /// A device of Harborlight that may object, with its key.
    pub(crate) fn objector(&self) -> Certified {
        Certified::by(&self.world.harborlight, self.world.harborlight.identity(6, 1))
    }

    pub(crate) fn objection(&self, signer: &Certified, identity: &Identity, attempt: u8) -> bytes::Bytes {
        let attempt = AttemptId([attempt; 16]);
        let objection = Objection { attempt, identity: identity.clone(), time_ms: self.world.now_ms() };
        let signature = sign_with(&signer.key, &objection_signing_bytes(&objection.encode()));
        objection.signed(signature, signer.certificate.clone()).into()
    }

    pub(crate) async fn object(&self, by: &Certified, attempt: u8) -> Result<AttemptState, ServiceError> {
        let objection = self.objection(by, &by.identity, attempt);
        self.world.service.object_to_recovery(&caller_as(&by.identity), objection).await
    }

    pub(crate) async fn log_of(&self, identity: &Identity, range: LogRange) -> Result<LogPage, ServiceError> {
        self.world.service.read_log(&caller_as(identity), range).await
    }

    pub(crate) fn from(&self, after: Position) -> LogRange {
        LogRange { group: self.group, after, entries_max: 1000, through: None }
    }

    /// An attempt that is handed out.
    pub(crate) async fn handed_out(&self) -> v1::EscrowPage {
        self.open(1).await.unwrap();
        self.world.pass(RECOVERY_DELAY_MS);
        self.read(1).await.unwrap()
    }
}
