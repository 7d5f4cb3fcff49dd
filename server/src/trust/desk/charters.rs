//! A charter that comes by the desk.

use super::{Accepted, TrustDesk, refused::Refused};
use crate::trust::{files::shown::would_show, reload::reload_within};
use alcove_charter::{CharterError, CharterFile, TrustView, sha256};
use alcove_programs::files::{Access, put};
use alcove_proto::{canonical, v1};
use std::sync::Arc;

impl TrustDesk {
    pub(super) fn take_charter(&self, file: &[u8], force: bool) -> Result<Accepted, Refused> {
        let judged_by = Arc::clone(&self.in_force.trust.load().trust);
        let mut led = led_on(&judged_by, file)?;

        let mut seen = self.in_force.begin_change();
        let held = Arc::clone(&self.in_force.trust.load().trust);
        if !Arc::ptr_eq(&held, &judged_by) {
            // Something else has come into force meanwhile.
            led = led_on(&held, file)?;
        }
        let Some(Led { next, file }) = led else {
            return Ok(Accepted { number: held.charter().version, cut: 0 });
        };
        let now_ms = self.in_force.now_ms();
        next.charter().check_in_force(now_ms)?;
        would_show(&self.files, &next, now_ms).map_err(Refused::Unshown)?;
        let cut = self.in_force.cut_by(&next).len() as u64;
        if cut > 0 && !force {
            return Err(Refused::WouldCut { cut });
        }
        put(self.files.charter_path(), &file, Access::Everyone)?;
        let reloaded = reload_within(&mut seen, &self.files, &self.in_force)?;
        self.in_force.tell(&self.remember);
        Ok(Accepted { number: next.charter().version, cut: reloaded.cut })
    }
}

/// A charter that leads on.
struct Led {
    /// What is to be in force.
    next: TrustView,
    /// The file with all versions, as it is to be on disk.
    file: Vec<u8>,
}

/// The view with the charters of `file` that come after those in force; nothing when there is none.
///
/// The first versions may be left out where they are in force, since all of them may be more than one message holds. What is
/// in force is told by its hash, before any signature is checked: anybody can read it and hand it in again.
fn led_on(held: &TrustView, file: &[u8]) -> Result<Option<Led>, CharterError> {
    let mut message: v1::CharterFile = canonical::decode(file)?;
    let versions: Vec<_> = message.previous.iter().chain(&message.signed_charter).collect();
    let first = versions.first().map_or(Ok(1), |signed| version_of(signed))?.max(1);
    let (newest, last) = (held.charter().version, (first - 1).saturating_add(versions.len() as u64));
    if first - 1 > newest || last < newest {
        return Err(CharterError::Gap { held: newest, offered: last });
    }
    let left_out = usize::try_from(first - 1).unwrap_or(usize::MAX);
    for (charter, offered) in held.charters().charters().skip(left_out).zip(&versions) {
        if charter.hash().as_bytes() != sha256(&[&offered.charter]).as_slice() {
            return Err(CharterError::Fork { version: charter.version });
        }
    }
    let mut next = held.clone();
    for signed in versions.into_iter().skip(usize::try_from(newest - (first - 1)).unwrap_or(usize::MAX)) {
        next = next.with_charter(&canonical::encode(signed))?.0;
    }
    if next.charter().version == newest {
        return Ok(None);
    }
    let missing = held.charters().signed_after(0).take(left_out).map(canonical::decode::<v1::SignedCharter>);
    let missing = missing.collect::<Result<Vec<_>, _>>()?;
    message.previous.splice(..0, missing);
    let file = canonical::encode(&message);
    // The rest of the file, as whoever reads it at the next start will ask.
    let _history = CharterFile::parse(&file)?.complete()?;
    Ok(Some(Led { next, file }))
}

fn version_of(signed: &v1::SignedCharter) -> Result<u64, CharterError> {
    Ok(canonical::decode::<v1::Charter>(&signed.charter)?.version)
}
