//! `alcove-server check-config`.

use super::{
    failure::Failure,
    output::{say, time},
    run::log_filter,
};
use crate::{
    clock::now_ms,
    config::Config,
    trust::files::{TrustFiles, load},
};
use alcove_programs::exit::Exit;

/// Checks the configuration and every file it names.
pub(super) fn run(config: &Config) -> Result<Exit, Failure> {
    log_filter(config)?;
    let loaded = load(&TrustFiles::of(config), None, now_ms())?;
    let charter = loaded.trust.charter();
    say(&format!(
        "The configuration is good.\n\
         charter       version {} of {}, {} agencies, until {}\n\
         certificates  until {}\n\
         CRLs          {} of {} agencies",
        charter.version,
        charter.collaborative,
        charter.agencies.len(),
        time(charter.not_after_ms),
        time(loaded.certificates_end_ms),
        loaded.trust.crls().count(),
        charter.agencies.len(),
    ))?;
    Ok(Exit::Ok)
}
