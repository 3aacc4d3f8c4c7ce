//! The way back: by the circuit breaker, or because somebody called `StopServiceDeployment`, or `ContinueServiceDeployment` with
//! `ROLLBACK` at a hook.
//!
//! The service deployment goes `ROLLBACK_REQUESTED` → `ROLLBACK_IN_PROGRESS` → `ROLLBACK_SUCCESSFUL` or `ROLLBACK_FAILED`. A new
//! PRIMARY deployment of the revision that completed last takes over the tasks of that revision that still run, which
//! makes it quicker than deploying the revision anew; their `startedBy` stays what it was.

use std::time::Duration;

use super::seed::RollbackCause;
use super::service::{Rollback, Rollout, Scene, Service, ServiceDeploymentStatus};

/// From the request until the rollback begins.
const BEGINNING: Duration = Duration::from_secs(2);

impl RollbackCause {
    /// `statusReason` and `rollback.reason`.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::CircuitBreaker => {
                "Service deployment rolled back because the circuit breaker threshold was exceeded."
            }
            Self::Hook => "Service deployment rolled back because of a lifecycle hook.",
            Self::Request => "Service deployment rolled back because of a StopServiceDeployment request.",
        }
    }
}

impl Service {
    /// Has the service deployment that is under way rolled back to the revision that completed last.
    pub(super) fn request_rollback(&mut self, scene: &Scene<'_>, cause: RollbackCause) {
        let Some(revision) = self.completed.clone() else { return };
        let Some(current) = self.service_deployments.last_mut() else {
            return;
        };
        current.status = ServiceDeploymentStatus::RollbackRequested;
        current.reason = Some(cause.reason().to_owned());
        current.updated_at = scene.now.at;
        current.rollback = Some(Rollback { cause, started_at: scene.now.at, revision });
        self.look_due = Some(scene.now.after(BEGINNING));
    }

    /// Begins the rollback that was requested.
    pub(super) fn begin_rollback(&mut self, scene: &mut Scene<'_>) {
        let Some(current) = self.service_deployments.last_mut() else {
            return;
        };
        let Some(rollback) = &mut current.rollback else { return };
        rollback.started_at = scene.now.at;
        current.status = ServiceDeploymentStatus::RollbackInProgress;
        current.updated_at = scene.now.at;
        let (cause, revision) = (rollback.cause, rollback.revision.clone());
        let Some(task_definition) = self.revision(&revision).map(|revision| revision.task_definition.clone()) else {
            return;
        };
        if let Some(failed) = self.deployments.last_mut() {
            if failed.rollout == Rollout::InProgress {
                cause.reason().clone_into(&mut failed.reason);
            }
            failed.rollout = Rollout::Failed;
            failed.updated_at = scene.now.at;
        }
        let id = self.open_deployment(scene, &revision, &task_definition);
        for task in self.tasks.iter_mut().filter(|task| task.wanted && task.revision == revision) {
            task.deployment.clone_from(&id);
        }
        if let Some(primary) = self.deployments.last_mut()
            && cause == RollbackCause::CircuitBreaker
        {
            primary.reason = format!("ECS deployment circuit breaker: rolling back to deploymentId {id}.");
        }
        self.event(scene, &format!("rolling back to deployment {id}."));
    }
}
