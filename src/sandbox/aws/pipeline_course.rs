//! How executions go through a pipeline.
//!
//! A stage holds one execution at a time (but in mode PARALLEL). An execution waits in front of a stage that is taken, or
//! whose transition is disabled; in mode SUPERSEDED a newer one that comes to wait there takes its place, in mode QUEUED
//! they enter in turn. The rollback of a stage is an execution of that stage alone: it does not pass the transition,
//! and does not go on to the next stage.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::account::Account;
use super::json::text;
use super::pipeline::{
    ActionRun, ActionStatus, Execution, ExecutionStatus, Pipeline, Stage, StageRun, StageStatus, Trigger,
};
use super::seed_pipelines::{ActionCategory, ActionFailure, Deploys, ExecutionMode, OnFailure, SeedAction};
use super::service::Rollout;
use super::stacks::StackDeployment;

/// How often an action asks what it deploys whether it is through.
const ASKS_AGAIN: Duration = Duration::from_secs(5);

/// What has become of an action that is due.
enum Outcome {
    Succeeded(String),
    Failed(ActionFailure),
    NotYet,
}

impl Pipeline {
    /// When something happens next by itself.
    pub(super) fn due(&self) -> Option<Timestamp> {
        let open = self.executions.iter().filter(|execution| !execution.status.is_over());
        let actions = open.flat_map(|execution| &execution.runs).flat_map(|run| &run.actions);
        actions.filter(|action| action.status == ActionStatus::InProgress).filter_map(|action| action.due).min()
    }

    /// Ends the actions that are due, and lets the executions go on.
    pub(super) fn step(&mut self, account: &mut Account) {
        let now = account.now();
        for execution in self.executions.iter_mut().filter(|execution| !execution.status.is_over()) {
            let known = self.commits.iter().any(|commit| commit.id == execution.commit);
            for run in execution.runs.iter_mut().filter(|run| run.status.is_open()) {
                let stage = self.stages.get(run.stage);
                let due = |action: &&mut ActionRun| {
                    action.status == ActionStatus::InProgress && action.due.is_some_and(|due| due <= now.at)
                };
                for action in run.actions.iter_mut().filter(due) {
                    let Some(declared) = stage.and_then(|stage| stage.actions.get(action.action)) else {
                        continue;
                    };
                    match conclude(declared, action, &execution.commit, known, account) {
                        Outcome::NotYet => action.due = Some(now.after(ASKS_AGAIN)),
                        Outcome::Succeeded(summary) => {
                            action.end(now.at, ActionStatus::Succeeded, Some(summary));
                            if declared.deploys == Some(Deploys::Site) {
                                self.deployed = Some(execution.commit.clone());
                            }
                        }
                        Outcome::Failed(failure) => {
                            action.end(now.at, ActionStatus::Failed, None);
                            action.error = Some(failure);
                        }
                    }
                    execution.updated_at = now.at;
                }
            }
        }
        self.settle(account);
    }

    /// Does everything that nothing has to be waited for.
    pub(super) fn settle(&mut self, account: &mut Account) {
        while self.conclude_stages(account) || self.enter_stages(account) {}
    }

    /// Ends stages whose actions are through, and starts actions whose turn it is. Says whether there were any.
    fn conclude_stages(&mut self, account: &mut Account) -> bool {
        let at = account.at;
        let (mut has_changed, mut failed_in) = (false, Vec::new());
        let last = self.stages.len().saturating_sub(1);
        for execution in self.executions.iter_mut().filter(|execution| !execution.status.is_over()) {
            let Some(run) = execution.runs.iter_mut().find(|run| run.status.is_open()) else {
                continue;
            };
            if run.actions.iter().any(|action| action.status == ActionStatus::InProgress) {
                continue;
            }
            let Some(stage) = self.stages.get(run.stage) else {
                continue;
            };
            has_changed = true;
            execution.updated_at = at;
            let is_stopping = execution.status == ExecutionStatus::Stopping;
            let has_failed = run.actions.iter().any(|action| action.status == ActionStatus::Failed);
            let next = next_actions(stage, run);
            if has_failed {
                run.status = StageStatus::Failed;
                execution.status = if is_stopping { ExecutionStatus::Stopped } else { ExecutionStatus::Failed };
                if !is_stopping && execution.rollback.is_none() && stage.on_failure == OnFailure::RollBack {
                    failed_in.push(run.stage);
                }
            } else if is_stopping && !next.is_empty() {
                run.status = StageStatus::Stopped;
                execution.status = ExecutionStatus::Stopped;
            } else if next.is_empty() {
                run.status = StageStatus::Succeeded;
                if execution.rollback.is_some() || run.stage >= last {
                    execution.status = ExecutionStatus::Succeeded;
                } else if is_stopping {
                    execution.status = ExecutionStatus::Stopped;
                } else {
                    execution.waits_before = Some(run.stage + 1);
                }
            } else {
                for position in next {
                    if let Some(declared) = stage.actions.get(position) {
                        run.actions.push(begin(declared, position, &execution.commit, account));
                    }
                }
            }
        }
        for stage in failed_in {
            self.roll_back_by_itself(stage, account);
        }
        has_changed
    }

    /// Lets executions that wait into stages that are free. Says whether there were any.
    fn enter_stages(&mut self, account: &mut Account) -> bool {
        let mut has_changed = false;
        for stage in (0..self.stages.len()).rev() {
            if self.mode == ExecutionMode::Superseded {
                has_changed |= self.supersede(stage, account.at);
            }
            let is_taken =
                self.executions.iter().any(|execution| execution.run(stage).is_some_and(|run| run.status.is_open()));
            let is_closed = self.stages.get(stage).is_none_or(|stage| stage.disabled.is_some());
            if is_closed || (is_taken && self.mode != ExecutionMode::Parallel) {
                continue;
            }
            let mut waiting = self.executions.iter_mut().filter(|execution| {
                execution.status == ExecutionStatus::InProgress && execution.waits_before == Some(stage)
            });
            if let Some(execution) = waiting.next() {
                execution.waits_before = None;
                execution.enter(stage, account.at);
                has_changed = true;
            }
        }
        has_changed
    }

    /// Of the executions that wait in front of a stage only the newest goes on waiting.
    fn supersede(&mut self, stage: usize, at: Timestamp) -> bool {
        let waits = |execution: &Execution| {
            execution.status == ExecutionStatus::InProgress && execution.waits_before == Some(stage)
        };
        let newest = self.executions.iter().rposition(waits);
        let mut has_changed = false;
        for (position, execution) in self.executions.iter_mut().enumerate() {
            if waits(execution) && newest.is_some_and(|newest| position < newest) {
                execution.status = ExecutionStatus::Superseded;
                execution.waits_before = None;
                execution.updated_at = at;
                has_changed = true;
            }
        }
        has_changed
    }

    /// `onFailure.result: ROLLBACK`: back to the newest execution of this structure that succeeded in the stage.
    fn roll_back_by_itself(&mut self, stage: usize, account: &mut Account) {
        let target = self.executions.iter().rev().find(|execution| {
            execution.rollback.is_none() && execution.version == self.version && execution.succeeded_in(stage)
        });
        if let Some(target) = target.map(|target| target.id.clone()) {
            let detail = format!("{}:{target}", self.name);
            self.begin_rollback(stage, &target, Trigger { kind: "AutomatedRollback", detail }, account);
        }
    }

    /// Starts the rollback of a stage; returns its execution's id.
    pub(super) fn begin_rollback(
        &mut self,
        stage: usize,
        target: &str,
        trigger: Trigger,
        account: &mut Account,
    ) -> Option<String> {
        let commit = self.execution(target)?.commit.clone();
        let mut execution = self.new_execution(commit, trigger, account);
        execution.rollback = Some(target.to_owned());
        execution.waits_before = None;
        execution.enter(stage, account.at);
        let id = execution.id.clone();
        self.executions.push(execution);
        Some(id)
    }

    /// An execution that waits in front of the first stage.
    pub(super) fn new_execution(&self, commit: String, trigger: Trigger, account: &mut Account) -> Execution {
        Execution {
            id: account.ids.uuid(),
            status: ExecutionStatus::InProgress,
            rollback: None,
            commit,
            version: self.version,
            trigger,
            stopped_because: None,
            token: None,
            started_at: account.at,
            updated_at: account.at,
            waits_before: Some(0),
            runs: Vec::new(),
        }
    }
}

impl Execution {
    /// Takes a stage. Its actions begin when the pipeline settles.
    pub(super) fn enter(&mut self, stage: usize, at: Timestamp) {
        self.runs.push(StageRun {
            stage,
            status: StageStatus::InProgress,
            entered_at: at,
            actions: Vec::new(),
            retried: Vec::new(),
        });
        self.updated_at = at;
    }
}

impl ActionRun {
    /// Ends the action.
    pub(super) fn end(&mut self, at: Timestamp, status: ActionStatus, summary: Option<String>) {
        self.status = status;
        self.updated_at = at;
        self.due = None;
        self.token = None;
        self.summary = summary.or_else(|| self.summary.take());
    }
}

/// Positions of the actions whose turn it is now that those which have run are through.
fn next_actions(stage: &Stage, run: &StageRun) -> Vec<usize> {
    let has_run = |position: usize| run.actions.iter().any(|action| action.action == position);
    let left = || stage.actions.iter().enumerate().filter(|(position, _)| !has_run(*position));
    let turn = left().map(|(_, action)| action.run_order).min();
    left().filter(|(_, action)| Some(action.run_order) == turn).map(|(position, _)| position).collect()
}

/// Begins an action. What it deploys begins to be deployed.
fn begin(declared: &SeedAction, position: usize, commit: &str, account: &mut Account) -> ActionRun {
    let now = account.now();
    let mut action = ActionRun {
        id: account.ids.uuid(),
        action: position,
        status: ActionStatus::InProgress,
        started_at: now.at,
        updated_at: now.at,
        due: Some(now.after(Duration::from_secs(declared.seconds))),
        token: None,
        summary: None,
        error: None,
        external_id: None,
        updated_by: None,
    };
    match (declared.category, &declared.deploys) {
        (ActionCategory::Approval, _) => {
            action.due = None;
            action.token = Some(account.ids.uuid());
        }
        (ActionCategory::Build, _) => {
            let project = declared.configuration.get("ProjectName").map_or("build", String::as_str);
            action.external_id = Some(format!("{project}:{}", account.ids.uuid()));
        }
        (_, Some(Deploys::Ecs { cluster, service, task_definitions })) => {
            let task_definition = task_definitions.get(commit).cloned().unwrap_or_default();
            let request = json!({
                "cluster": cluster, "service": service, "taskDefinition": task_definition, "forceNewDeployment": true,
            });
            match account.update_service(&request) {
                Ok(reply) => {
                    let primary = reply.pointer("/service/deployments/0");
                    action.external_id = primary.and_then(|primary| text(primary, "id")).map(str::to_owned);
                }
                Err(refusal) => {
                    action.end(now.at, ActionStatus::Failed, None);
                    action.error =
                        Some(ActionFailure { code: "ConfigurationError".to_owned(), message: refusal.to_string() });
                }
            }
        }
        (_, Some(Deploys::Stack { name, parameter })) => {
            match account.deploy_into_stack(name, parameter, commit, &action.id) {
                Ok(stack) => action.external_id = Some(stack),
                Err(refusal) => {
                    action.end(now.at, ActionStatus::Failed, None);
                    action.error = Some(ActionFailure { code: "JobFailed".to_owned(), message: refusal.to_string() });
                }
            }
        }
        (_, Some(Deploys::Site | Deploys::Pipeline(_)) | None) => {}
    }
    action
}

fn conclude(declared: &SeedAction, run: &ActionRun, commit: &str, known: bool, account: &Account) -> Outcome {
    if let Some(failure) = declared.fails.get(commit) {
        return Outcome::Failed(failure.clone());
    }
    match (declared.category, &declared.deploys) {
        (ActionCategory::Source, _) if !known => Outcome::Failed(ActionFailure {
            code: "JobFailed".to_owned(),
            message: format!("[GitHub] No commit found for SHA: {commit}"),
        }),
        (_, Some(Deploys::Ecs { cluster, service, .. })) => {
            let deployment = account.service(cluster, service).and_then(|service| service.primary());
            match deployment.map(|primary| (Some(&primary.id) == run.external_id.as_ref(), primary.rollout)) {
                Some((true, Rollout::InProgress)) => Outcome::NotYet,
                Some((true, Rollout::Completed)) => Outcome::Succeeded("Deployment Succeeded".to_owned()),
                Some((_, Rollout::InProgress | Rollout::Completed | Rollout::Failed)) | None => {
                    let message = format!("The deployment of service {service} failed or was replaced.");
                    Outcome::Failed(ActionFailure { code: "JobFailed".to_owned(), message })
                }
            }
        }
        (_, Some(Deploys::Stack { name, .. })) => match account.deployment_into_stack(name, &run.id) {
            StackDeployment::UnderWay => Outcome::NotYet,
            StackDeployment::Done => Outcome::Succeeded(format!("Stack {name} was updated")),
            StackDeployment::Failed(message) => {
                Outcome::Failed(ActionFailure { code: "JobFailed".to_owned(), message })
            }
        },
        (_, Some(Deploys::Site | Deploys::Pipeline(_)) | None) => Outcome::Succeeded("Succeeded".to_owned()),
    }
}
