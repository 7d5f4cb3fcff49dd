//! Takes up what the files say, and has every live connection judged by it.

use super::{
    files::{
        listed::keep_listed,
        load::load,
        paths::{Stamp, TrustFiles},
        put,
    },
    in_force::{InForce, ReloadError},
};
use alcove_charter::TrustView;
use alcove_programs::files::FileError;
use std::path::PathBuf;

/// What a reload changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reloaded {
    /// The snapshot now in force.
    pub version: u64,
    /// Live connections that were cut because of it.
    pub cut: usize,
}

/// Takes up what the files say now and judges every live connection by it. Blocks.
///
/// Errors: [`ReloadError`]; then nothing has changed.
pub fn reload(files: &TrustFiles, in_force: &InForce) -> Result<Reloaded, ReloadError> {
    reload_within(&mut in_force.begin_change(), files, in_force)
}

/// [`reload`], for who has begun a change.
pub(super) fn reload_within(
    seen: &mut Stamp,
    files: &TrustFiles,
    in_force: &InForce,
) -> Result<Reloaded, ReloadError> {
    reload_knowing(seen, files, in_force, &in_force.trust.load().trust)
}

/// The same when `known`, what is in force with what has just been put into the files, is verified already: nothing of it
/// is read a second time, and nothing of it goes back.
pub(super) fn reload_knowing(
    seen: &mut Stamp,
    files: &TrustFiles,
    in_force: &InForce,
    known: &TrustView,
) -> Result<Reloaded, ReloadError> {
    // Before they are read: what changes meanwhile counts as not seen. A file that is refused is not tried again
    // before it changes.
    *seen = files.stamp();
    let mut loaded = load(files, Some(known), in_force.now_ms())?;
    warn_of_unkept(files, &loaded.trust);
    let ended_denials = std::mem::take(&mut loaded.ended_denials);
    let snapshot = in_force.replace(loaded)?;
    let cut = in_force.judge_again();
    remove_ended(&ended_denials);
    tracing::info!(
        snapshot = snapshot.version,
        charter = snapshot.trust.charter().version,
        crls = snapshot.trust.crls().count(),
        denials = snapshot.trust.denials().count(),
        cut,
        "trust reloaded"
    );
    Ok(Reloaded { version: snapshot.version, cut })
}

/// Removes the files of denials that have ended. One that stays is as little in force, and tried again.
pub fn remove_ended(paths: &[PathBuf]) {
    if paths.is_empty() {
        return;
    }
    match put::remove_all(paths) {
        Ok(()) => {
            tracing::info!(count = paths.len(), "denials have ended with their officers' certificates");
        }
        Err(FileError { path, source: cause, .. }) => {
            tracing::error!(count = paths.len(), path = %path.display(), %cause, "ended denials stay as files");
        }
    }
}

/// Keeps what was ever listed, and says where that cannot be written: the lists themselves are in force.
pub fn warn_of_unkept(files: &TrustFiles, trust: &TrustView) {
    if let Err(FileError { path, source: cause, .. }) = keep_listed(files, trust) {
        tracing::error!(path = %path.display(), %cause, "what was ever listed is not kept");
    }
}
