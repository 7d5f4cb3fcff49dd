//! `alcove-server run`.

use super::{failure::Failure, store::store_config};
use crate::{
    clock::Clock,
    config::{Config, LogFormat},
    serve::{Server, Trusted},
    store::sled::SledStore,
};
use alcove_programs::exit::Exit;
use alcove_programs::memory;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::{io, sync::Arc, time::Duration};
use tokio::runtime;
use tracing_subscriber::{Layer, filter::Targets, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// Time that blocking work may take when everything else has ended.
const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(10);

/// Runs the server until a signal stops it.
pub(super) fn run(config: Config) -> Result<Exit, Failure> {
    start_log(&config)?;
    raise_descriptor_limit();
    for lacking in memory::lacking() {
        tracing::warn!(?lacking, "the system does not keep this program's memory to itself");
    }
    let runtime = runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::System)?;
    let store = runtime.block_on(serve(config))?;
    // Ends what is left of the tasks, and with them their hold on the store.
    runtime.shutdown_timeout(SHUTDOWN_DEADLINE);
    match Arc::into_inner(store) {
        // A store that was closed opens in a fraction of the time.
        Some(store) => store.close(),
        None => tracing::warn!("something still uses the store; it is left as after a crash"),
    }
    tracing::info!("stopped");
    Ok(Exit::Ok)
}

/// Opens the store, once it is known that the server could show itself, and serves from it.
async fn serve(config: Config) -> Result<Arc<SledStore>, Failure> {
    let trusted = Trusted::load(&config, Clock::system())?;
    let store = Arc::new(SledStore::open(store_config(&config))?);
    Server::new(config, trusted, Arc::clone(&store)).run().await?;
    Ok(store)
}

/// The log filter, parsed: levels by target, such as `info,alcove_server=debug`.
pub(super) fn log_filter(config: &Config) -> Result<Targets, Failure> {
    config.log_filter.parse().map_err(|_| Failure::LogFilter)
}

fn start_log(config: &Config) -> Result<(), Failure> {
    let lines = fmt::layer().with_writer(io::stdout);
    let lines = match config.log_format {
        LogFormat::Json => {
            lines.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed()
        }
        LogFormat::Text => lines.with_ansi(false).boxed(),
    };
    // Fails only when a log is running already, as in a test; then that one is used.
    let _running = tracing_subscriber::registry().with(log_filter(config)?).with(lines).try_init();
    Ok(())
}

/// Takes as many file descriptors as the system allows: shells hand out a fraction, and every connection is one.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, descriptors = limit.current, "the limit of open files cannot be raised");
    }
}
