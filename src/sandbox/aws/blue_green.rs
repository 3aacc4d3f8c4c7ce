//! Blue/green deployments of an ECS service by `CodeDeploy`: task sets, the shift of traffic, and the way back.
//!
//! A deployment makes a second task set with a target group of its own, waits until its tasks are healthy, shifts traffic
//! to it as its configuration says, makes it the primary one, keeps the old tasks for a while and then stops them. Only
//! then it has succeeded. A rollback is a deployment of its own: traffic goes back at once, because the old tasks still
//! run, and the new ones are stopped.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::revision::RevisionContainer;
use super::rollout::count;
use super::service::{Scene, Service};

/// How often something is done while a deployment is under way.
const LOOKS_EVERY: Duration = Duration::from_secs(3);
/// After this without healthy tasks `CodeDeploy` gives a deployment up.
const INSTALLED_WITHIN: Duration = Duration::from_hours(1);

/// `DeploymentStatus`, as far as the stand-in comes to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CodeStatus {
    Created,
    InProgress,
    Succeeded,
    Failed,
    Stopped,
}

impl CodeStatus {
    /// The word on the wire.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Created => "Created",
            Self::InProgress => "InProgress",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Stopped => "Stopped",
        }
    }

    /// What its one target is called meanwhile (`TargetStatus`, which has other words than `DeploymentStatus`).
    pub(super) fn word_of_target(self) -> &'static str {
        match self {
            Self::Created => "Pending",
            Self::InProgress => "InProgress",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Stopped => "Skipped",
        }
    }

    /// Whether nothing more will come of it.
    pub(super) fn is_over(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Stopped)
    }
}

/// Who made a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Creator {
    User,
    Rollback,
}

/// What somebody who stopped a deployment wants to become of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AfterStop {
    RollBack,
    Leave,
}

/// A deployment in `CodeDeploy`.
#[derive(Debug, Clone)]
pub(super) struct CodeDeployment {
    pub(super) id: String,
    pub(super) status: CodeStatus,
    pub(super) creator: Creator,
    pub(super) created_at: Timestamp,
    pub(super) started_at: Option<Timestamp>,
    pub(super) completed_at: Option<Timestamp>,
    pub(super) description: Option<String>,
    /// SHA-256 of its `AppSpec`.
    pub(super) revision: String,
    pub(super) rollback_of: Option<String>,
    pub(super) rolled_back_by: Option<String>,
    /// Code and message.
    pub(super) error: Option<(&'static str, String)>,
    pub(super) stop: Option<AfterStop>,
    /// The task set that it made, and since when traffic is shifted to it.
    pub(super) green: Option<String>,
    pub(super) shift_began: Option<Timestamp>,
    pub(super) shifted_at: Option<Timestamp>,
}

/// A task set.
#[derive(Debug, Clone)]
pub(super) struct TaskSet {
    /// `ecs-svc/…`.
    pub(super) id: String,
    pub(super) external_id: String,
    pub(super) revision: String,
    pub(super) task_definition: String,
    /// ARN of its target group.
    pub(super) target_group: String,
    pub(super) created_at: Timestamp,
    /// Percent of production traffic.
    pub(super) weight: u32,
    /// Whether its tasks are being stopped for good.
    pub(super) is_leaving: bool,
}

/// A deployment group that deploys one service.
#[derive(Debug)]
pub(super) struct BlueGreen {
    pub(super) application: String,
    pub(super) group: String,
    pub(super) config: String,
    pub(super) termination_wait: Duration,
    /// ARNs of the two target groups that take turns.
    pub(super) target_groups: [String; 2],
    pub(super) sets: Vec<TaskSet>,
    /// Id of the task set that production traffic goes to.
    pub(super) primary: String,
    /// Oldest first.
    pub(super) deployments: Vec<CodeDeployment>,
    /// `AppSpec`s by SHA-256, with the task definition that each names.
    pub(super) revisions: BTreeMap<String, (String, String)>,
}

/// The percentage of traffic that the new tasks take so long after the shift began.
fn share(config: &str, elapsed: Duration) -> u32 {
    let minutes = elapsed.as_secs() / 60;
    let numbers: Vec<u64> = config.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect();
    match numbers.as_slice() {
        [percent, wait] if config.contains("Canary") && minutes < *wait => u32::try_from(*percent).unwrap_or(100),
        [percent, every] if config.contains("Linear") => {
            let steps = minutes.checked_div(*every).unwrap_or(0) + 1;
            u32::try_from((percent * steps).min(100)).unwrap_or(100)
        }
        _ => 100,
    }
}

impl BlueGreen {
    /// The task set that production traffic goes to.
    pub(super) fn primary_set(&self) -> Option<&TaskSet> {
        self.sets.iter().find(|set| set.id == self.primary)
    }

    /// The newest deployment, if it is not over.
    pub(super) fn under_way(&self) -> Option<&CodeDeployment> {
        self.deployments.last().filter(|newest| !newest.status.is_over())
    }

    /// A task set by id.
    pub(super) fn set(&self, id: &str) -> Option<&TaskSet> {
        self.sets.iter().find(|set| set.id == id)
    }

    fn other_target_group(&self) -> String {
        let [one, other] = &self.target_groups;
        let taken = self.primary_set().map(|set| &set.target_group);
        if taken == Some(one) { other.clone() } else { one.clone() }
    }

    /// Shifts this much of the traffic to one set; the rest goes to the others, which are one at most.
    fn shift(&mut self, to: &str, weight: u32) {
        for set in &mut self.sets {
            set.weight = if set.id == to { weight } else { 100_u32.saturating_sub(weight) };
        }
        if weight == 100 {
            to.clone_into(&mut self.primary);
        }
    }

    /// Adds a deployment. It is `Created`.
    pub(super) fn open(
        &mut self,
        scene: &mut Scene<'_>,
        revision: &str,
        creator: Creator,
        description: Option<String>,
    ) -> String {
        let word: String = scene.ids.word().chars().filter(char::is_ascii_alphanumeric).take(9).collect();
        let id = format!("d-{}", word.to_ascii_uppercase());
        self.deployments.push(CodeDeployment {
            id: id.clone(),
            status: CodeStatus::Created,
            creator,
            created_at: scene.now.at,
            started_at: None,
            completed_at: None,
            description,
            revision: revision.to_owned(),
            rollback_of: None,
            rolled_back_by: None,
            error: None,
            stop: None,
            green: None,
            shift_began: None,
            shifted_at: None,
        });
        id
    }

    /// Ends the newest deployment, and has what it changed taken back where that is wanted.
    fn end(&mut self, scene: &mut Scene<'_>, status: CodeStatus, after: AfterStop) {
        let back = self.deployments.iter().rev().skip(1).find(|older| older.status == CodeStatus::Succeeded);
        let back = back.map(|older| older.revision.clone());
        let Some(newest) = self.deployments.last_mut() else { return };
        newest.status = status;
        newest.completed_at = Some(scene.now.at);
        let (id, is_rollback) = (newest.id.clone(), newest.creator == Creator::Rollback);
        if let (AfterStop::RollBack, Some(back), false) = (after, back, is_rollback) {
            let rollback = self.open(scene, &back, Creator::Rollback, None);
            for deployment in &mut self.deployments {
                if deployment.id == rollback {
                    deployment.rollback_of = Some(id.clone());
                } else if deployment.id == id {
                    deployment.rolled_back_by = Some(rollback.clone());
                }
            }
        }
    }
}

impl Service {
    /// The ARN of the target group that a task belongs to.
    pub(super) fn target_group_of(&self, deployment: &str) -> Option<&str> {
        if let Some(blue_green) = &self.blue_green {
            return Some(blue_green.set(deployment)?.target_group.as_str());
        }
        Some(self.balancing.as_ref()?.target_group_arn.as_str())
    }

    /// What `CodeDeploy` and the scheduler of task sets do each time they look.
    pub(super) fn turn_blue_green(&mut self, scene: &mut Scene<'_>) {
        let Some(mut group) = self.blue_green.take() else { return };
        self.turn_deployment(&mut group, scene);
        self.start_set_tasks(&group, scene);
        for set in group.sets.iter().filter(|set| set.is_leaving) {
            let reason = format!("Task set {} is being deleted", set.id);
            let balancing = self.balancing.clone();
            for task in self.tasks.iter_mut().filter(|task| task.wanted && task.deployment == set.id) {
                task.retire(scene.now, reason.clone(), balancing.as_ref());
            }
        }
        let tasks = &self.tasks;
        let is_up = |set: &TaskSet| tasks.iter().any(|task| task.deployment == set.id && !task.is_stopped());
        group.sets.retain(|set| !set.is_leaving || is_up(set));
        if let Some(primary) = group.primary_set() {
            self.task_definition.clone_from(&primary.task_definition);
        }
        let missing = group.sets.iter().any(|set| !set.is_leaving && self.set_serving(&set.id) != self.desired_count);
        let at_rest = group.under_way().is_none() && !missing;
        self.blue_green = Some(group);
        if !at_rest {
            self.look_after(scene.now, LOOKS_EVERY);
        }
    }

    /// Whether production traffic goes to the tasks of a deployment or task set.
    pub(super) fn takes_traffic(&self, deployment: &str) -> bool {
        let set = self.blue_green.as_ref().map(|group| group.set(deployment));
        set.is_none_or(|set| set.is_some_and(|set| set.weight > 0))
    }

    /// How many tasks of a task set serve.
    pub(super) fn set_serving(&self, set: &str) -> u32 {
        let balancing = self.balancing.as_ref();
        count(self.tasks.iter().filter(|task| task.deployment == set && task.serves(balancing)))
    }

    fn start_set_tasks(&mut self, group: &BlueGreen, scene: &mut Scene<'_>) {
        if self.pause.is_some_and(|until| until > scene.now.at) {
            return;
        }
        for set in group.sets.iter().filter(|set| !set.is_leaving) {
            let own = count(self.tasks.iter().filter(|task| task.wanted && task.deployment == set.id));
            let Some(revision) = self.revision(&set.revision).cloned() else { continue };
            for _ in own..self.desired_count {
                let task = self.place_task(scene, &set.id, &revision);
                self.event(scene, &format!("has started 1 tasks: (task {}).", task.id));
                self.tasks.push(task);
            }
        }
    }

    fn turn_deployment(&mut self, group: &mut BlueGreen, scene: &mut Scene<'_>) {
        let Some(newest) = group.deployments.last_mut() else { return };
        if newest.status.is_over() {
            return;
        }
        if let Some(after) = newest.stop {
            group.end(scene, CodeStatus::Stopped, after);
            return;
        }
        if newest.status == CodeStatus::Created {
            newest.status = CodeStatus::InProgress;
            newest.started_at = Some(scene.now.at);
        }
        match newest.creator {
            Creator::User => self.go_forward(group, scene),
            Creator::Rollback => go_back(group, scene),
        }
    }

    /// Makes the new task set, shifts traffic once its tasks serve, and lets the old one go after the wait.
    fn go_forward(&mut self, group: &mut BlueGreen, scene: &mut Scene<'_>) {
        let Some(newest) = group.deployments.last().cloned() else { return };
        let Some(green) = newest.green.clone() else { return };
        let mut turned = newest.clone();
        if newest.shift_began.is_none() {
            if self.set_serving(&green) == self.desired_count {
                turned.shift_began = Some(scene.now.at);
            } else if newest.started_at.is_some_and(|at| scene.now.elapsed(at) >= INSTALLED_WITHIN) {
                let why = "The deployment timed out while waiting for the replacement task set to become healthy. This time out period is 60 minutes.";
                turned.error = Some(("TIMEOUT", why.to_owned()));
            }
        }
        if let Some(began) = turned.shift_began
            && turned.shifted_at.is_none()
        {
            let weight = share(&group.config, scene.now.elapsed(began));
            group.shift(&green, weight);
            turned.shifted_at = (weight == 100).then_some(scene.now.at);
        }
        let mut is_done = false;
        if turned.shifted_at.is_some_and(|at| scene.now.elapsed(at) >= group.termination_wait) {
            group.sets.iter_mut().filter(|set| set.id != green).for_each(|set| set.is_leaving = true);
            is_done = group.sets.iter().all(|set| set.id == green);
        }
        let failed = turned.error.is_some();
        if let Some(newest) = group.deployments.last_mut() {
            *newest = turned;
        }
        if failed {
            group.end(scene, CodeStatus::Failed, AfterStop::RollBack);
        } else if is_done {
            group.end(scene, CodeStatus::Succeeded, AfterStop::Leave);
        }
    }

    /// Makes the task set of a deployment that was just opened.
    pub(super) fn add_set(
        &mut self,
        scene: &mut Scene<'_>,
        deployment: &str,
        task_definition: &str,
        containers: Vec<RevisionContainer>,
    ) -> Option<String> {
        let revision = self.revise(scene, task_definition, containers);
        let id = format!("ecs-svc/{}", scene.ids.digits());
        let group = self.blue_green.as_mut()?;
        let target_group = group.other_target_group();
        group.sets.push(TaskSet {
            id: id.clone(),
            external_id: deployment.to_owned(),
            revision,
            task_definition: task_definition.to_owned(),
            target_group,
            created_at: scene.now.at,
            weight: 0,
            is_leaving: false,
        });
        group.deployments.iter_mut().filter(|one| one.id == deployment).for_each(|one| one.green = Some(id.clone()));
        self.pause = None;
        Some(id)
    }
}

/// Sends all traffic back to the tasks that were there before, and lets the others go.
fn go_back(group: &mut BlueGreen, scene: &mut Scene<'_>) {
    let bad = group.deployments.last().and_then(|rollback| rollback.rollback_of.clone());
    let green = group.deployments.iter().find(|one| Some(&one.id) == bad.as_ref()).and_then(|one| one.green.clone());
    let good = group.sets.iter().find(|set| Some(&set.id) != green.as_ref()).map(|set| set.id.clone());
    if let Some(good) = good {
        group.shift(&good, 100);
        group.sets.iter_mut().filter(|set| set.id == good).for_each(|set| set.is_leaving = false);
    }
    group.sets.iter_mut().filter(|set| Some(&set.id) == green.as_ref()).for_each(|set| set.is_leaving = true);
    if group.sets.iter().all(|set| Some(&set.id) != green.as_ref()) {
        group.end(scene, CodeStatus::Succeeded, AfterStop::Leave);
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::sandbox::aws::api::Api;
    use crate::sandbox::aws::shapes::{Model, Protocol};

    #[rstest]
    #[case("CodeDeployDefault.ECSAllAtOnce", 0, 100)]
    #[case("CodeDeployDefault.ECSCanary10Percent5Minutes", 0, 10)]
    #[case("CodeDeployDefault.ECSCanary10Percent5Minutes", 5, 100)]
    #[case("CodeDeployDefault.ECSLinear10PercentEvery3Minutes", 0, 10)]
    #[case("CodeDeployDefault.ECSLinear10PercentEvery3Minutes", 7, 30)]
    #[case("CodeDeployDefault.ECSLinear10PercentEvery3Minutes", 27, 100)]
    fn traffic_is_shifted_as_the_configuration_says(#[case] config: &str, #[case] minutes: u64, #[case] percent: u32) {
        assert_eq!(share(config, Duration::from_secs(60 * minutes)), percent);
    }

    #[rstest]
    fn both_words_of_a_status_are_those_of_the_published_model(
        #[values(
            CodeStatus::Created,
            CodeStatus::InProgress,
            CodeStatus::Succeeded,
            CodeStatus::Failed,
            CodeStatus::Stopped
        )]
        status: CodeStatus,
    ) {
        let model: Model = serde_json::from_str(Api::CodeDeploy.published()).unwrap();
        assert_eq!(model.check("DeploymentStatus", &json!(status.word()), Protocol::Json), Ok(()));
        assert_eq!(model.check("TargetStatus", &json!(status.word_of_target()), Protocol::Json), Ok(()));
    }
}
