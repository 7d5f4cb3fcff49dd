//! A denial that comes by the desk, and the end of one.

use super::{Denied, TrustDesk, refused::Refused};
use crate::trust::{files::put, reload::reload_within};
use alcove_charter::DenialError;
use alcove_programs::files::{self, Access};
use alcove_proto::{canonical, ids::Digest, names::Identity, v1};
use std::sync::Arc;

impl TrustDesk {
    /// Whether a denial would be taken as things are, found out without holding anybody up.
    pub(super) fn judge_denial(&self, signed: &[u8]) -> Result<(), Refused> {
        let held = Arc::clone(&self.in_force.trust.load().trust);
        held.admit_denial(signed, self.in_force.now_ms(), |digest| self.was_lifted(digest))?;
        Ok(())
    }

    /// Read for what holds otherwise, since it is megabytes.
    fn was_lifted(&self, digest: &Digest) -> Result<bool, Refused> {
        Ok(self.files.lifted_denials().map_err(Refused::Folder)?.contains(digest))
    }

    pub(super) fn take_denial(&self, signed: &[u8]) -> Result<Denied, Refused> {
        let mut seen = self.in_force.begin_change();
        let held = Arc::clone(&self.in_force.trust.load().trust);
        held.admit_denial(signed, self.in_force.now_ms(), |digest| self.was_lifted(digest))?;
        let message: v1::SignedDenial = canonical::decode(signed)?;
        let denial: v1::Denial = canonical::decode(&message.denial)?;
        let identity: Identity = denial.identity.parse()?;
        let in_force = held.denial(&identity);
        let path = self.files.denial_path(&identity);
        // In force is not enough: a file that was taken away or damaged meanwhile would end it with the next look or start.
        if in_force.is_some_and(|denial| self.files.holds_denial(denial)) {
            return Ok(Denied { identity, is_new: false, cut: 0 });
        }
        if !self.files.has_room_for_denial_of(&identity).map_err(Refused::Folder)? {
            let trust_domain = identity.person.trust_domain;
            return Err(DenialError::TooMany(trust_domain).into());
        }
        files::put(&path, signed, Access::Everyone)?;
        let cut = reload_within(&mut seen, &self.files, &self.in_force)?.cut;
        // All files were read anew: a list that came by hand meanwhile may have ended it before it began.
        if self.in_force.trust.load().trust.denial(&identity).is_none() {
            put::remove_all(&[path])?;
            return Err(Refused::Ended);
        }
        Ok(Denied { identity, is_new: in_force.is_none(), cut })
    }

    pub(super) fn end_denial(&self, identity: &Identity) -> Result<bool, Refused> {
        let mut seen = self.in_force.begin_change();
        let paths = self.files.denials_of(identity).map_err(Refused::Folder)?;
        let in_force = self.in_force.trust.load().trust.denial(identity).cloned();
        let was_denied = in_force.is_some();
        if let Some(denial) = in_force {
            // Before the file goes: killed in between, it is lifted once more.
            let remembered = self.files.remember_lifted(denial.digest()).map_err(Refused::Folder)?;
            files::put(&self.files.lifted_path(), &remembered, Access::Everyone)?;
        }
        put::remove_all(&paths)?;
        if was_denied || !paths.is_empty() {
            reload_within(&mut seen, &self.files, &self.in_force)?;
        }
        Ok(was_denied)
    }
}
