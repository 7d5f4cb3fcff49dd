//! What there is inside an act of the vault: the act itself, and who acts, when, and by which trust material.
//!
//! There is no way from here to the session or to the server. A function that takes [`Acting`] alone cannot send anything from
//! inside an act, while other programs wait for the vault.
//!
//! Some methods of the session take an act all the same, for one of two reasons. Some are asked while the vault is only
//! read, where this device is not loaded anew (`following`, `succeeding`, what views are made of). Others need what only
//! the session remembers: which logs it has read to their end (`succeeding`, `successor`).

use super::{Error, Session, own::Own};
use crate::vault::Act;
use alcove_charter::TrustView;
use alcove_e2ee::records::Kinds;
use alcove_proto::names::Identity;
use ring::rand::SecureRandom;
use std::sync::Arc;

/// One act under way.
pub(super) struct Acting<'a> {
    pub(super) act: &'a Act<'a>,
    /// Whose vault it is.
    pub(super) identity: &'a Identity,
    /// This device as the vault has it in this act.
    pub(super) own: Arc<Own>,
    pub(super) trust: Arc<TrustView>,
    pub(super) now_ms: i64,
    pub(super) random: &'a dyn SecureRandom,
    /// The kinds of record that this program knows.
    pub(super) kinds: Kinds,
}

impl Session {
    /// This device in an act, as the vault has it, and what is believed now.
    pub(super) fn acting<'a>(&'a self, act: &'a Act<'a>) -> Result<Acting<'a>, Error> {
        // First: what another process has taken in since may come with newer trust material.
        let own = self.own_in(act)?;
        Ok(Acting {
            act,
            identity: &self.identity,
            own,
            trust: self.trust(),
            now_ms: self.clock.now_ms(),
            random: &*self.random,
            kinds: self.kinds,
        })
    }
}
