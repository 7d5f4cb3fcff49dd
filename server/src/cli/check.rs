//! `alcove-server check` and `check-config`.

use super::{Failure, audit::time, say};
use crate::{
    admin::{self, AdminError, CheckLine, Line, Question},
    clock::now_ms,
    config::Config,
    store::{
        Operation,
        sled::{SledConfig, SledStore},
    },
    trust::files::{TrustFiles, load},
};
use alcove_programs::exit::Exit;
use tokio::runtime;

/// Checks the configuration and every file it names.
pub(super) fn check_config(config: &Config) -> Result<(), Failure> {
    super::run::log_filter(config)?;
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
    ))
}

/// Checks everything the store holds.
pub(super) fn check_store(config: &Config, json: bool) -> Result<Exit, Failure> {
    let mut report = None;
    let asked = admin::ask(&config.data_dir, &Question::Check, |line| match line {
        Line::Check(line) => {
            report = Some(line);
            Ok(())
        }
        Line::Audit(_) | Line::Status(_) | Line::End | Line::Refused(_) => {
            Err(Failure::from(AdminError::Answer))
        }
    });
    let report = match (asked, report) {
        (Ok(()), Some(report)) => report,
        (Ok(()), None) => return Err(AdminError::Answer.into()),
        (Err(Failure::Admin(AdminError::NotRunning)), _) => {
            with_store(config, async |store| Ok(CheckLine::from(store.check().await?)))?
        }
        (Err(failure), _) => return Err(failure),
    };
    if json {
        say(&serde_json::to_string(&report).map_err(|error| Failure::Output(error.into()))?)?;
    } else {
        for problem in &report.problems {
            say(&format!("problem: {problem}"))?;
        }
        say(&format!(
            "{} groups, {} entries, {} blobs, {} chunks: {} problems",
            report.groups,
            report.entries,
            report.blobs,
            report.chunks,
            report.problems.len()
        ))?;
    }
    Ok(if report.problems.is_empty() { Exit::Ok } else { Exit::Integrity })
}

/// Opens the store that no server runs on, for one act. A data folder that is not there is not made.
pub(super) fn with_store<T>(
    config: &Config,
    act: impl AsyncFnOnce(&SledStore) -> Result<T, Failure>,
) -> Result<T, Failure> {
    if !config.data_dir.is_dir() {
        return Err(Failure::NoData { path: config.data_dir.clone() });
    }
    let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::System)?;
    runtime.block_on(async {
        let store = SledStore::open(store_config(config))?;
        let result = act(&store).await;
        store.close();
        result
    })
}

/// The store's settings as the store wants them.
pub(super) fn store_config(config: &Config) -> SledConfig {
    SledConfig {
        cache_bytes: config.store.cache_capacity_bytes,
        free_bytes_min: config.store.free_space_floor_bytes,
        ..SledConfig::new(&config.data_dir)
    }
}
