//! The rolling deployment: what the ECS scheduler does each time it looks at a service.
//!
//! It turns the service deployment, replaces tasks that the load balancer finds unhealthy, trips the circuit breaker,
//! starts tasks of the PRIMARY deployment up to `maximumPercent`, stops tasks of older ones down to
//! `minimumHealthyPercent`, and calls the deployment completed once only its own tasks are left and all of them serve.
//! It looks again every few seconds until there is nothing left to do.

use std::time::Duration;

use jiff::Timestamp;

use super::seed::{Controller, RollbackCause, ServiceStatus};
use super::service::{Rollout, Scene, Service, ServiceDeploymentStatus};
use super::task::{Happening, Stage, TargetState};

/// `rolloutStateReason` of a deployment that the circuit breaker failed.
pub(super) const TRIPPED: &str = "ECS deployment circuit breaker: tasks failed to start.";
/// How often the scheduler looks while something is to be done.
const LOOKS_EVERY: Duration = Duration::from_secs(3);
/// How long everything must be as it should be before a deployment is called completed.
const STEADY: Duration = Duration::from_secs(5);
/// How long the scheduler waits per failed task before it starts another.
const PAUSE_PER_FAILURE: Duration = Duration::from_secs(5);
/// The longest of these pauses.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

impl Service {
    /// When something happens by itself.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.tasks.iter().filter_map(super::task::Task::due).chain(self.look_due).min()
    }

    /// Does everything that is due at the scene's time.
    pub(super) fn step(&mut self, scene: &mut Scene<'_>) {
        for position in 0..self.tasks.len() {
            let balancing = self.balancing.as_ref();
            let Some(task) = self.tasks.get_mut(position) else {
                continue;
            };
            if task.due().is_none_or(|due| due > scene.now.at) {
                continue;
            }
            let happening = task.step(scene.now, scene.images, balancing);
            let (deployment, id) = (task.deployment.clone(), task.id.clone());
            self.draw_conclusions(scene, &deployment, &id, happening);
        }
        self.tasks.retain(|task| task.stage != Stage::Forgotten);
        if self.look_due.is_some_and(|due| due <= scene.now.at) {
            self.look_due = None;
            self.look(scene);
        }
    }

    fn draw_conclusions(&mut self, scene: &mut Scene<'_>, deployment: &str, task: &str, happening: Happening) {
        match happening {
            Happening::Moved | Happening::Unhealthy => {}
            Happening::Registered => {
                let group = self.target_group();
                self.event(scene, &format!("registered 1 targets in {group}"));
            }
            Happening::Serves | Happening::Healthy => {
                self.tasks.iter_mut().filter(|one| one.id == task).for_each(super::task::Task::is_of_use);
                if self.breaker("resetOnHealthyTask") {
                    self.deployments.iter_mut().filter(|one| one.id == deployment).for_each(|one| one.failed_tasks = 0);
                }
            }
            Happening::Failed { reason } => {
                self.count_failure(scene, deployment);
                self.event(scene, &format!("was unable to place a task. Reason: {reason}"));
            }
            Happening::Exited => self.count_failure(scene, deployment),
        }
        self.look_after(scene.now, Duration::from_secs(1));
    }

    fn count_failure(&mut self, scene: &mut Scene<'_>, deployment: &str) {
        let is_primary = self.primary().is_some_and(|primary| primary.id == deployment);
        let Some(failed) = self.deployments.iter_mut().find(|one| one.id == deployment) else {
            if self.blue_green.is_some() {
                self.pause = Some(scene.now.after(PAUSE_PER_FAILURE));
            }
            return;
        };
        failed.failed_tasks += 1;
        failed.updated_at = scene.now.at;
        let count = failed.failed_tasks;
        if !is_primary {
            return;
        }
        let pause = PAUSE_PER_FAILURE.saturating_mul(count).min(LONGEST_PAUSE);
        self.pause = Some(scene.now.after(pause));
        let watched = self.breaker("enable");
        if let Some(current) = self.service_deployments.last_mut()
            && watched
            && !current.status.is_over()
        {
            current.failures = count;
        }
        if !watched && count.is_multiple_of(5) {
            self.event(scene, "is unable to consistently start tasks successfully. For more information, see the Troubleshooting section.");
        }
    }

    fn target_group(&self) -> String {
        let arn = self.balancing.as_ref().map(|balancing| balancing.target_group_arn.as_str()).unwrap_or_default();
        format!("(target-group {arn})")
    }

    fn look(&mut self, scene: &mut Scene<'_>) {
        if self.status == ServiceStatus::Active && self.blue_green.is_some() {
            self.replace_unhealthy(scene);
            self.turn_blue_green(scene);
            return;
        }
        if self.status != ServiceStatus::Active || self.controller != Controller::Ecs {
            return;
        }
        self.turn_service_deployment(scene);
        self.replace_unhealthy(scene);
        self.trip_breaker(scene);
        self.start_tasks(scene);
        self.turn_strategy(scene);
        self.stop_tasks(scene);
        self.forget_deployments();
        self.complete(scene);
        if !self.is_at_rest() {
            self.look_after(scene.now, LOOKS_EVERY);
        }
    }

    /// Whether nothing is left to do until a task changes or somebody calls.
    fn is_at_rest(&self) -> bool {
        let all_there = self.serving(|_| true) == self.desired_count
            && self.tasks.iter().all(|task| task.wanted || task.is_stopped());
        let settled = |rollout: Rollout| match rollout {
            Rollout::Completed => all_there,
            Rollout::Failed => true,
            Rollout::InProgress => false,
        };
        self.primary().is_none_or(|primary| settled(primary.rollout))
            && self.current().is_none_or(|current| current.status.is_over())
    }

    fn turn_service_deployment(&mut self, scene: &mut Scene<'_>) {
        let Some(current) = self.service_deployments.last_mut() else {
            return;
        };
        match current.status {
            ServiceDeploymentStatus::Pending => {
                current.status = ServiceDeploymentStatus::InProgress;
                current.started_at = Some(scene.now.at);
                current.updated_at = scene.now.at;
            }
            ServiceDeploymentStatus::RollbackRequested => self.begin_rollback(scene),
            ServiceDeploymentStatus::InProgress
            | ServiceDeploymentStatus::Successful
            | ServiceDeploymentStatus::Stopped
            | ServiceDeploymentStatus::RollbackInProgress
            | ServiceDeploymentStatus::RollbackSuccessful
            | ServiceDeploymentStatus::RollbackFailed => {}
        }
    }

    /// Stops tasks that the load balancer finds unhealthy once their grace period is over.
    fn replace_unhealthy(&mut self, scene: &mut Scene<'_>) {
        let group = self.target_group();
        let port = self.balancing.as_ref().map(|balancing| balancing.container_port).unwrap_or_default();
        let mut failed = Vec::new();
        for task in self.tasks.iter_mut().filter(|task| task.wanted && task.stage == Stage::Running) {
            let over = task.started_at.is_none_or(|at| scene.now.elapsed(at) >= self.grace);
            let Some(TargetState::Unhealthy { description, .. }) = task.target.as_ref().map(|target| &target.state)
            else {
                continue;
            };
            if over {
                let description = description.clone();
                task.retire(scene.now, format!("Task failed ELB health checks in {group}"), self.balancing.as_ref());
                failed.push((task.id.clone(), task.deployment.clone(), description));
            }
        }
        for (task, deployment, description) in failed {
            self.event(scene, &format!("(port {port}) is unhealthy in {group} due to (reason {description})"));
            self.event(scene, &format!("has stopped 1 running tasks: (task {task})."));
            self.count_failure(scene, &deployment);
        }
    }

    fn trip_breaker(&mut self, scene: &mut Scene<'_>) {
        let (enabled, threshold, back) = (self.breaker("enable"), self.threshold(), self.breaker("rollback"));
        let completed = self.completed.clone();
        let Some(primary) = self.deployments.last_mut() else {
            return;
        };
        if !enabled || primary.rollout != Rollout::InProgress || primary.failed_tasks < threshold {
            return;
        }
        primary.rollout = Rollout::Failed;
        TRIPPED.clone_into(&mut primary.reason);
        primary.updated_at = scene.now.at;
        let (id, revision) = (primary.id.clone(), primary.revision.clone());
        self.event(scene, &format!("(deployment {id}) deployment failed: tasks failed to start."));
        let Some(current) = self.service_deployments.last_mut() else {
            return;
        };
        current.updated_at = scene.now.at;
        if current.rollback.is_some() {
            current.status = ServiceDeploymentStatus::RollbackFailed;
            current.reason = Some("The rollback failed because the circuit breaker threshold was exceeded.".to_owned());
            current.finished_at = Some(scene.now.at);
        } else if back && completed.is_some_and(|completed| completed != revision) {
            self.request_rollback(scene, RollbackCause::CircuitBreaker);
        } else {
            current.status = ServiceDeploymentStatus::Stopped;
            current.reason =
                Some("Service deployment stopped because the circuit breaker threshold was exceeded.".to_owned());
            current.stopped_at = Some(scene.now.at);
            current.finished_at = Some(scene.now.at);
        }
    }

    /// How many tasks serve among those of the deployments that `of` picks.
    fn serving(&self, of: impl Fn(&str) -> bool) -> u32 {
        let balancing = self.balancing.as_ref();
        count(self.tasks.iter().filter(|task| of(&task.deployment) && task.serves(balancing)))
    }

    fn start_tasks(&mut self, scene: &mut Scene<'_>) {
        let Some(primary) = self.primary() else { return };
        let begun = self.current().is_none_or(|current| {
            current.status != ServiceDeploymentStatus::Pending
                && current.status != ServiceDeploymentStatus::RollbackRequested
        });
        if !begun || primary.rollout == Rollout::Failed || self.pause.is_some_and(|until| until > scene.now.at) {
            return;
        }
        let own = count(self.tasks.iter().filter(|task| task.wanted && task.deployment == primary.id));
        let all = count(self.tasks.iter().filter(|task| task.wanted));
        let room = self.most().saturating_sub(all);
        let starting = self.desired_count.saturating_sub(own).min(room);
        let id = primary.id.clone();
        let Some(revision) = self.revision(&primary.revision).cloned() else {
            return;
        };
        let mut started = String::new();
        for _ in 0..starting {
            let task = self.place_task(scene, &id, &revision);
            started.extend([" (task ", &task.id, ")"]);
            self.tasks.push(task);
        }
        if starting > 0 {
            self.event(scene, &format!("has started {starting} tasks:{started}."));
        }
    }

    fn stop_tasks(&mut self, scene: &mut Scene<'_>) {
        let Some(primary) = self.primary() else { return };
        let begun = self.current().is_none_or(|current| match current.status {
            ServiceDeploymentStatus::Pending | ServiceDeploymentStatus::RollbackRequested => false,
            ServiceDeploymentStatus::InProgress
            | ServiceDeploymentStatus::Successful
            | ServiceDeploymentStatus::Stopped
            | ServiceDeploymentStatus::RollbackInProgress
            | ServiceDeploymentStatus::RollbackSuccessful
            | ServiceDeploymentStatus::RollbackFailed => true,
        });
        let paused = self.current().is_some_and(super::service::ServiceDeployment::is_paused);
        if !begun || paused || primary.rollout == Rollout::Failed {
            return;
        }
        let (id, kept) = (primary.id.clone(), primary.kept);
        let own = count(self.tasks.iter().filter(|task| task.wanted && task.deployment == id));
        let all = count(self.tasks.iter().filter(|task| task.wanted));
        // While there is room to start what is missing, nothing that serves is given up below the desired count.
        let has_room = own >= self.desired_count || self.most() > all;
        let floor = if has_room { self.least().max(self.desired_count) } else { self.least() };
        let mut spare = if kept.is_some() { 0 } else { self.serving(|_| true).saturating_sub(floor) };
        let mut surplus = own.saturating_sub(self.desired_count);
        let balancing = self.balancing.clone();
        let reason = format!("Scaling activity initiated by (deployment {id})");
        let (mut stopped, mut draining) = (Vec::new(), 0_usize);
        for task in self.tasks.iter_mut().filter(|task| task.wanted) {
            let serves = task.serves(balancing.as_ref());
            let goes = if task.deployment == id {
                let goes = surplus > 0;
                surplus = surplus.saturating_sub(1);
                goes
            } else if serves {
                let goes = spare > 0;
                spare = spare.saturating_sub(1);
                goes
            } else {
                true
            };
            if goes {
                draining += usize::from(task.target.is_some());
                task.retire(scene.now, reason.clone(), balancing.as_ref());
                stopped.push(format!("(task {})", task.id));
            }
        }
        if draining > 0 {
            let group = self.target_group();
            self.event(scene, &format!("deregistered {draining} targets in {group}"));
            self.event(scene, &format!("has begun draining connections on {draining} tasks."));
        }
        if !stopped.is_empty() {
            let names = stopped.join(" ");
            self.event(scene, &format!("has stopped {} running tasks: {names}.", stopped.len()));
        }
    }

    /// An older deployment leaves the list once the PRIMARY one is under way and none of its tasks is left.
    fn forget_deployments(&mut self) {
        let Some(primary) = self.primary().map(|primary| (primary.id.clone(), primary.rollout)) else {
            return;
        };
        let tasks = &self.tasks;
        if primary.1 != Rollout::Failed {
            self.deployments.retain(|one| {
                one.id == primary.0 || tasks.iter().any(|task| task.deployment == one.id && !task.is_stopped())
            });
        }
    }

    /// Calls the PRIMARY deployment completed once it has been alone and serving for some seconds.
    fn complete(&mut self, scene: &mut Scene<'_>) {
        let begun = self.current().is_none_or(|current| {
            current.status == ServiceDeploymentStatus::InProgress
                || current.status == ServiceDeploymentStatus::RollbackInProgress
        });
        let Some(primary) = self.primary() else { return };
        let id = primary.id.clone();
        let serving = self.serving(|deployment| deployment == id);
        let alone = self.tasks.iter().all(|task| task.deployment == id || task.is_stopped());
        let steady = begun && alone && serving == self.desired_count && self.deployments.len() == 1;
        let Some(primary) = self.deployments.last_mut() else {
            return;
        };
        if primary.rollout != Rollout::InProgress {
            return;
        }
        if !steady {
            primary.steady_since = None;
            return;
        }
        let since = *primary.steady_since.get_or_insert(scene.now.at);
        if scene.now.elapsed(since) < STEADY {
            return;
        }
        primary.rollout = Rollout::Completed;
        primary.reason = format!("ECS deployment {id} completed.");
        primary.updated_at = scene.now.at;
        self.completed = Some(primary.revision.clone());
        if let Some(current) = self.service_deployments.last_mut() {
            current.status = match current.status {
                ServiceDeploymentStatus::RollbackInProgress => ServiceDeploymentStatus::RollbackSuccessful,
                ServiceDeploymentStatus::Pending
                | ServiceDeploymentStatus::InProgress
                | ServiceDeploymentStatus::Successful
                | ServiceDeploymentStatus::Stopped
                | ServiceDeploymentStatus::RollbackRequested
                | ServiceDeploymentStatus::RollbackSuccessful
                | ServiceDeploymentStatus::RollbackFailed => ServiceDeploymentStatus::Successful,
            };
            current.finished_at = Some(scene.now.at);
            current.updated_at = scene.now.at;
        }
        self.event(scene, &format!("(deployment {id}) deployment completed."));
        self.event(scene, "has reached a steady state.");
    }
}

pub(super) fn count<'a>(tasks: impl Iterator<Item = &'a super::task::Task>) -> u32 {
    u32::try_from(tasks.count()).unwrap_or(u32::MAX)
}
