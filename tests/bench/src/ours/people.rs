//! Two people with the shipped client, and a case of both.

use crate::Error;
use alcove_client::session::{Passphrase, Session, SystemClock};
use alcove_tests::world::{PASSPHRASE, Server, Staff, World};
use ring::rand::SystemRandom;
use std::sync::Arc;

/// The title of their case.
pub(crate) const CASE: &str = "QUIET-MAPLE-07";

/// A world with a server as shipped, and two people of two agencies who share a case.
pub(crate) struct People {
    pub(crate) sender: Staff,
    pub(crate) reader: Staff,
    pub(crate) server: Server,
    pub(crate) world: World,
}

impl People {
    /// Enrols both, opens the case and brings the reader into it.
    pub(crate) fn meet() -> Self {
        let world = World::with_agencies(2);
        let server = world.start_server();
        let enrol = |label, name| world.enrol(label, name, "case manager", server.address());
        let sender = enrol("harborlight", "Rosa Iglesias-Peña");
        let reader = enrol("childprotection", "Leon Baptiste");
        // The first contact publishes the reader's key packages, so that he can be added.
        reader.run(["status", "--json"]).success();
        sender.run(["case", "new", CASE, "--json"]).success();
        sender.run(["member", "add", CASE, &reader.name, "--yes", "--json"]).success();
        reader.accept_from(&sender);
        Self { sender, reader, server, world }
    }
}

/// The session of a person in this process: unlocked, and connected with its first call.
pub(crate) fn session(person: &Staff) -> Result<Session, Error> {
    let passphrase = Passphrase::new(PASSPHRASE.to_owned());
    Ok(Session::open(&person.home, &passphrase, Arc::new(SystemClock), Arc::new(SystemRandom::new()))?)
}
