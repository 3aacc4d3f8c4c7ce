//! What pipelines tell of the deployments that they have carried out.

use std::sync::Arc;

use tokio::sync::Notify;
use tracing::info;

use crate::incident::deploy::{Deploy, DeployStatus, newest_of};
use crate::incident::release::Release;
use crate::store::{Fresh, StoreError};
use crate::systems::planned::{ProvedRelease, ReleaseLine};

use super::engine::Engine;

impl Engine {
    /// Says when a deployment was told of. It has one listener.
    pub fn deploys_told(&self) -> Arc<Notify> {
        Arc::clone(&self.deploys_told)
    }

    /// Keeps what was told of a deployment; durable when it returns. The same id in the same environment is kept once.
    ///
    /// # Errors
    /// When the store fails; nothing is kept.
    pub async fn deployed(&self, deploy: &Deploy) -> Result<Fresh, StoreError> {
        let fresh = self.store.put_deploy(deploy).await?;
        if fresh == Fresh::New {
            let Deploy { environment, service, id, .. } = deploy;
            info!(environment, service, deploy = id, status = ?deploy.status, "a deployment was told of");
            self.deploys_told.notify_one();
            if deploy.status == DeployStatus::Succeeded {
                let (engine, environment, service) = (self.clone(), environment.clone(), service.clone());
                // Whoever told of it does not wait for AWS.
                self.tasks.spawn(async move { Box::pin(engine.keep_versions(Some((&environment, &service)))).await });
            }
        }
        Ok(fresh)
    }
}

/// The releases that a pipeline called good after their last deployment, as if Rollbot had proved them: newest first, with
/// those that it has proved. Pure.
pub(super) fn known_good(own: Vec<ProvedRelease>, told: &[Deploy], releases: &[ReleaseLine]) -> Vec<ProvedRelease> {
    let good = releases.iter().filter_map(|line| {
        let deploy = newest_of(told, &line.release)?;
        let release = || ProvedRelease { id: line.release.id.clone(), at: deploy.at };
        (deploy.status == DeployStatus::Succeeded).then(release)
    });
    let mut all: Vec<ProvedRelease> = own.into_iter().chain(good).collect();
    all.sort_by_key(|proved| std::cmp::Reverse(proved.at));
    all
}

/// What whoever approves should know of a release whose last deployment a pipeline called failed. Pure.
pub(super) fn known_bad(told: &[Deploy], release: &Release) -> Option<String> {
    let deploy = newest_of(told, release).filter(|deploy| deploy.status == DeployStatus::Failed)?;
    let stage = deploy.stage.as_ref().map(|stage| format!(" in {stage}")).unwrap_or_default();
    let reason = deploy.reason.as_ref().map(|reason| format!(": {}", reason.trim_end_matches('.'))).unwrap_or_default();
    let when = deploy.at.strftime("%-d %b %H:%M UTC");
    Some(format!("The pipeline called the deployment of {} failed{stage} ({when}){reason}.", release.name()))
}
