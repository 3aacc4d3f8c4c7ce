//! The composition root: what is started and stopped, in which order.
//!
//! Started: store, AWS, engine, Slack's view, listeners, and only then what was open is taken up. Stopped on SIGTERM in
//! the other direction: no new calls, acts in flight are finished and written down, then the store is closed by going.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

use crate::admin::Socket;
use crate::aws::Accounts;
use crate::aws::account::Account;
use crate::aws::own_task::OwnTask;
use crate::checks;
use crate::clock::Clock;
use crate::config::{Config, Settings, StoreSection};
use crate::engine::{Engine, Parts};
use crate::incident::time::Pace;
use crate::slack::client::{SlackClient, SlackClientSetupError};
use crate::slack::deploy_mirror::DeployMirror;
use crate::slack::freeze_mirror::FreezeMirror;
use crate::slack::inbound::inbound;
use crate::slack::mirror::Mirror;
#[cfg(feature = "sandbox")]
use crate::store::crash_point::Rehearsal;
use crate::store::{SledStore, Store, StoreError};
use crate::telemetry;
use crate::triggers;

/// How long acts in flight and Slack's last words may take after SIGTERM, in real time. Shorter than the thirty seconds
/// after which ECS and Kubernetes kill.
const FAREWELL: Duration = Duration::from_secs(25);

/// Why the server does not start, or ends.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The store cannot be opened, or has failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An address cannot be listened on.
    #[error("{address} cannot be listened on: {source}. Set {variable} to another address.")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// What names it.
        variable: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The socket in the store's folder cannot be made.
    #[error(
        "the socket in {folder} cannot be made: {source}. Name another folder in store.sled.path, with a short path."
    )]
    Socket {
        /// The store's folder.
        folder: String,
        /// Why.
        source: io::Error,
    },
    /// Slack's client cannot be set up.
    #[error(transparent)]
    Slack(#[from] SlackClientSetupError),
    /// The client of HTTP checks cannot be set up.
    #[error("the client of HTTP checks cannot be set up: {0}")]
    Checks(#[from] reqwest::Error),
    /// The point at which a crash test wants the process to die cannot be read.
    #[cfg(feature = "sandbox")]
    #[error("ROLLBOT_CRASH_AT: {0}")]
    Rehearsal(String),
    /// Signals cannot be heard.
    #[error("the process cannot hear signals: {0}")]
    Signals(io::Error),
}

/// Where the store lies.
pub fn folder(config: &Config) -> &Path {
    let StoreSection::Sled { path } = &config.store;
    path
}

/// An engine over the store that `config` names, for questions of the command line where no server runs. Where there is
/// no store yet a question makes none: an empty one is asked, which is gone when the second value is.
///
/// # Errors
/// When the store cannot be opened.
pub async fn engine_for_questions(config: &Config) -> Result<(Engine, Option<Scratch>), ServeError> {
    let folder = folder(config);
    let scratch = if folder.exists() { None } else { Some(Scratch::new()) };
    let store = SledStore::open(scratch.as_ref().map_or(folder, |scratch| &scratch.0)).await?;
    Ok((Engine::new(parts(config, store, Pace::REAL)?), scratch))
}

/// A folder of this process alone; it is removed when this is dropped.
pub struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        let name = format!("rollbot-{:016x}", rand::random::<u64>());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is empty, and in the folder of what may be.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What an engine over `store` works with.
fn parts(config: &Config, store: SledStore, pace: Pace) -> Result<Parts, ServeError> {
    let accounts = config.environments.values().map(|environment| Account {
        environment: environment.name.clone(),
        region: Some(environment.aws.region.clone()),
        account: environment.aws.account.clone(),
        assume_role: environment.aws.assume_role.clone(),
        external_id: environment.aws.external_id.clone(),
    });
    let clock = Clock::start(pace);
    // Endpoints, AWS_ENDPOINT_URL included, are the SDK's own business.
    let accounts = Accounts::new(accounts, None, clock);
    Ok(Parts::new(
        Store::Sled(store),
        Arc::new(config.clone()),
        accounts,
        checks::http::client()?,
        clock,
        TaskTracker::new(),
        CancellationToken::new(),
    ))
}

#[cfg(not(feature = "sandbox"))]
async fn open_store(settings: &Settings) -> Result<SledStore, ServeError> {
    Ok(SledStore::open(folder(&settings.config)).await?)
}

#[cfg(feature = "sandbox")]
async fn open_store(settings: &Settings) -> Result<SledStore, ServeError> {
    let crash = settings.crash_at.as_deref().map(str::parse).transpose().map_err(ServeError::Rehearsal)?;
    let rehearsal = Rehearsal { crash, tally: settings.writes.clone() };
    Ok(SledStore::open_for_rehearsal(folder(&settings.config), rehearsal).await?)
}

/// Serves until SIGTERM or SIGINT, or until the store fails.
///
/// # Errors
/// A sentence that says what keeps the server from starting, or what ended it.
pub async fn serve(settings: Settings) -> Result<(), ServeError> {
    let metrics = match telemetry::metrics() {
        Ok(handle) => Some(handle),
        Err(error) => {
            warn!(%error, "nothing is counted");
            None
        }
    };
    let mut terminate = signal(SignalKind::terminate()).map_err(ServeError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(ServeError::Signals)?;
    let parts = parts(&settings.config, open_store(&settings).await?, settings.pace)?;
    let engine = Engine::new(parts.inside(settings.container_metadata.clone().map(OwnTask::at)));
    let folder = folder(&settings.config);
    let socket =
        Socket::bind(folder).map_err(|source| ServeError::Socket { folder: folder.display().to_string(), source })?;
    let slack = SlackClient::new(settings.slack_api_url.as_str(), &settings.slack_bot_token, engine.clock)?;
    let listener = listen(settings.listen, "ROLLBOT_LISTEN").await?;
    let admin = listen(settings.admin_listen, "ROLLBOT_ADMIN_LISTEN").await?;

    let mirror = Mirror::new(engine.store.clone(), slack.clone(), engine.clock, engine.changes(), engine.stop.clone())
        .announcing_in(settings.config.slack.operations.clone());
    engine.tasks.spawn(mirror.run());
    let freezes = FreezeMirror::new(
        engine.store.clone(),
        slack.clone(),
        engine.clock,
        settings.config.slack.operations.clone(),
        engine.freeze_changes(),
        engine.stop.clone(),
    );
    engine.tasks.spawn(freezes.run());
    let deploys = DeployMirror::new(
        engine.store.clone(),
        slack.clone(),
        engine.clock,
        Arc::clone(&engine.config),
        engine.deploys_told(),
        engine.stop.clone(),
    );
    engine.tasks.spawn(deploys.run());
    engine.tasks.spawn(socket.serve(engine.clone()));
    let inbound = inbound(&settings, &engine, &slack)
        .merge(triggers::deploys::router(engine.clone(), settings.webhook_secrets.clone()));
    engine.tasks.spawn(accept(listener, inbound, engine.stop.clone()));
    engine.tasks.spawn(accept(admin, admin_router(metrics, engine.clone()), engine.stop.clone()));
    engine.resume().await?;
    engine.tasks.spawn(engine.clone().keep_versions_of_stacks());
    info!(listen = %settings.listen, admin = %settings.admin_listen, "serving");

    let ended = tokio::select! {
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
        failure = engine.store.failed() => Err(ServeError::Store(failure)),
    };
    if let Err(error) = &ended {
        error!(%error, "the store has failed; nothing more is done");
    }
    info!("ending");
    engine.stop.cancel();
    engine.tasks.close();
    if tokio::time::timeout(FAREWELL, engine.tasks.wait()).await.is_err() {
        warn!("something was still under way; it is taken up at the next start");
    }
    ended
}

async fn listen(address: SocketAddr, variable: &'static str) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).await.map_err(|source| ServeError::Listen { address, variable, source })
}

async fn accept(listener: TcpListener, router: Router, stop: CancellationToken) {
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await {
        error!(%error, "a listener has ended");
    }
}

/// Health and metrics. A server that answers has its store open and its configuration loaded, or it would not have
/// come this far; Slack or AWS being away does not make it unready.
fn admin_router(metrics: Option<PrometheusHandle>, engine: Engine) -> Router {
    Router::new().route("/healthz", get(async || "alive")).route("/readyz", get(async || "ready")).route(
        "/metrics",
        get(async move || match metrics {
            Some(handle) => (StatusCode::OK, counted(&handle, &engine).await),
            None => (StatusCode::SERVICE_UNAVAILABLE, "nothing is counted\n".to_owned()),
        }),
    )
}

/// What was counted, and how many incidents are open at this moment.
async fn counted(handle: &PrometheusHandle, engine: &Engine) -> String {
    match engine.open_incidents().await {
        Ok(open) => telemetry::incidents_open(open.len()),
        Err(error) => warn!(%error, "open incidents could not be counted"),
    }
    handle.render()
}
