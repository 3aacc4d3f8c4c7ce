//! Tells people at once of a deployment that a pipeline calls failed: who wrote what, why it failed, what to type.
//!
//! The store is the list of what is to be told: every failed deployment of the last day of which no message is
//! recorded. So a notice survives a crash and an absence of Slack, and because a pipeline's id is taken once, it is
//! posted once. As in [`super::freeze_mirror`] an attempt is stored before a post, and a post whose reply was lost is
//! looked for before it is made again.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::client::SlackClient;
use super::mirror_state::{Item, MirrorState};
use super::mirror_write::{Hands, Job, Setback};
use super::views::failed_deploy::failed_deploy;
use crate::clock::Clock;
use crate::config::Config;
use crate::incident::deploy::{Deploy, DeployStatus};
use crate::incident::ids::{ChannelId, Digest, IncidentId};
use crate::store::{Store, StoreError};

/// The first wait after a setback, doubled with each further one up to [`LONGEST`].
const SHORTEST: Duration = Duration::from_secs(1);
/// The longest wait between two attempts, or between two looks.
const LONGEST: Duration = Duration::from_mins(1);
/// What failed longer ago is no news: Slack has been away for a day, or this version is the first to tell of it.
const NEWS: SignedDuration = SignedDuration::from_hours(24);

/// The mirror of the deployments that failed.
#[derive(Debug)]
pub struct DeployMirror {
    hands: Hands,
    config: Arc<Config>,
    told: Arc<Notify>,
    stop: CancellationToken,
}

/// A notice that is to be posted, or to be looked for.
struct Due {
    name: IncidentId,
    deploy: Deploy,
    state: MirrorState,
}

impl DeployMirror {
    /// A mirror of what is in `store` of the services in `config`, which looks again whenever `told` says so, until
    /// `stop`.
    pub fn new(
        store: Store,
        slack: SlackClient,
        clock: Clock,
        config: Arc<Config>,
        told: Arc<Notify>,
        stop: CancellationToken,
    ) -> Self {
        Self { hands: Hands { store, slack, clock, operations: None }, config, told, stop }
    }

    /// Mirrors until it is stopped.
    pub async fn run(self) {
        let mut setbacks: u32 = 0;
        loop {
            let written = tokio::select! {
                written = self.write_all() => written,
                // A post that is under way is looked for after the next start.
                () = self.stop.cancelled() => return,
            };
            let wait = match written {
                Ok(()) => {
                    setbacks = 0;
                    // Whoever told of a deployment may have gone before this was woken.
                    LONGEST
                }
                Err(setback) => {
                    if setbacks == 0 {
                        match &setback {
                            Setback::Slack(error) => tracing::warn!(%error, "the notice of a failed deployment waits"),
                            Setback::Store(error) => {
                                tracing::error!(%error, "the mirror of failed deployments cannot use the store");
                            }
                        }
                    }
                    let wait = SHORTEST.saturating_mul(1 << setbacks.min(6)).min(LONGEST);
                    setbacks = setbacks.saturating_add(1);
                    wait
                }
            };
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = self.told.notified() => {}
                () = self.hands.clock.sleep_really(wait) => {}
            }
        }
    }

    /// Writes what is due, oldest first. A channel that takes nothing does not hold up the others.
    async fn write_all(&self) -> Result<(), Setback> {
        let mut first = None;
        for due in self.due().await.map_err(Setback::Store)? {
            if let Err(setback) = self.write(due).await {
                first.get_or_insert(setback);
            }
        }
        first.map_or(Ok(()), Err)
    }

    /// Posts a notice, after it has been looked for where it may stand there already.
    async fn write(&self, due: Due) -> Result<(), Setback> {
        let Some(environment) = self.config.environments.get(&due.deploy.environment) else {
            return Ok(());
        };
        let Some(channel) = environment.channels.first() else {
            return Ok(());
        };
        let mut state = due.state;
        if let Some(attempt) = state.attempt.clone() {
            state = self.end(&due.name, channel, state, Job::LookUp { attempt, thread: None }).await?;
        }
        if state.card.is_none() {
            let message = failed_deploy(&due.deploy, &environment.policy.approve);
            self.end(&due.name, channel, state, Job::Post { item: Item::Card, thread: None, message }).await?;
        }
        Ok(())
    }

    async fn end(
        &self,
        name: &IncidentId,
        channel: &ChannelId,
        state: MirrorState,
        job: Job,
    ) -> Result<MirrorState, Setback> {
        let written = Box::pin(self.hands.write(name, channel, state, job)).await;
        written.end.map(|()| written.state)
    }

    /// What is to be told and is not recorded as told, oldest first.
    async fn due(&self) -> Result<Vec<Due>, StoreError> {
        let since = self.hands.clock.now().at.checked_sub(NEWS).unwrap_or_default();
        let mut due = Vec::new();
        for (service, configured) in &self.config.services {
            for environment in configured.environments.keys() {
                for deploy in self.hands.store.deploys(environment, service).await? {
                    if deploy.status == DeployStatus::Succeeded || deploy.at < since {
                        continue;
                    }
                    let name = name(&deploy);
                    let view = self.hands.store.view(&name).await?;
                    let state = view.and_then(|view| MirrorState::from_bytes(&view)).unwrap_or_default();
                    if state.card.is_none() {
                        due.push(Due { name, deploy, state });
                    }
                }
            }
        }
        due.sort_by_key(|due| due.deploy.at);
        Ok(due)
    }
}

/// What marks a notice in Slack, and names what is kept of it: a deployment's own id may be longer than Slack takes.
fn name(deploy: &Deploy) -> IncidentId {
    let Deploy { environment, id, .. } = deploy;
    IncidentId::new(format!("deploy-{}", Digest::of(format!("{environment}\0{id}").as_bytes())))
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;
    use crate::incident::time::Pace;
    use crate::slack::client_types::MessageTs;
    use crate::slack::mirror_state::Shown;
    use crate::store::SledStore;

    const CONFIGURATION: &str = "
slack: {}
people: { sre: S0SRE00001 }
store: { sled: { path: ./rollbot-data } }
environments:
  prod:
    aws: { region: eu-north-1, account: \"123456789012\" }
    channels: [C0INC00001]
    may: { approve: [sre] }
services:
  api: { targets: [{ ecs: { cluster: shop, service: api } }] }
";

    #[tokio::test]
    async fn only_what_failed_within_a_day_and_was_not_told_is_due() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::Sled(SledStore::open(folder.path()).await.unwrap());
        let clock = Clock::start(Pace::REAL);
        let deploy = |id: &str, status, hours: i64| Deploy {
            id: id.to_owned(),
            environment: "prod".to_owned(),
            service: "api".to_owned(),
            status,
            stage: None,
            revision: None,
            branch: None,
            author: None,
            url: None,
            reason: None,
            at: clock.now().at - SignedDuration::from_hours(hours),
        };
        let shown = deploy("told", DeployStatus::Failed, 2);
        for one in [
            deploy("long-ago", DeployStatus::Failed, 25),
            shown.clone(),
            deploy("second", DeployStatus::Failed, 1),
            deploy("fine", DeployStatus::Succeeded, 1),
            deploy("first", DeployStatus::Failed, 3),
        ] {
            store.put_deploy(&one).await.unwrap();
        }
        let state = MirrorState { card: Some(Shown::found(MessageTs::new("1.2"))), ..MirrorState::default() };
        store.put_view(&name(&shown), &state.to_bytes()).await.unwrap();
        let slack = SlackClient::new("http://127.0.0.1:9/api", &SecretString::from("xoxb-1"), clock).unwrap();
        let config = Arc::new(Config::parse("rollbot.yml", CONFIGURATION).unwrap());
        let mirror = DeployMirror::new(store, slack, clock, config, Arc::default(), CancellationToken::new());
        let due: Vec<String> = mirror.due().await.unwrap().into_iter().map(|due| due.deploy.id).collect();
        assert_eq!(due, ["first", "second"]);
    }
}
