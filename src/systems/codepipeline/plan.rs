//! Makes the step that takes a stage of a pipeline back. Pure.

use std::time::Duration;

use super::inventory::{Stage, StageInventory, short};
use super::releases::{chosen, release};
use super::target::{self, Choice, choose};
use crate::incident::ids::{Resource, StepId};
use crate::incident::pipeline::{Fallback, PipelineStage, Way};
use crate::incident::plan::{Need, Step};
use crate::incident::work::Work;
use crate::systems::commit_image::CommitImage;
use crate::systems::planned::{PlanRefusal, Planned};

/// How long the deployment of one stage usually takes.
const STAGE: Duration = Duration::from_mins(5);
/// How long a whole run usually takes where no earlier one says it.
const RUN: Duration = Duration::from_mins(20);
/// The shortest deadline: a build on the way is not given up while it may still be going on.
const SHORTEST_DEADLINE: Duration = Duration::from_hours(1);
/// The shortest deadline where a manual approval waits for a person; `CodePipeline` itself waits for seven days.
const WITH_APPROVAL: Duration = Duration::from_hours(12);

/// What is to be done to go back to `to`, or to the release before.
///
/// # Errors
/// Why that is not possible, in a sentence that says what to do.
pub fn plan(inventory: &StageInventory, to: Option<&str>) -> Result<Planned, PlanRefusal> {
    let (name, stage) = (&inventory.spec.pipeline, &inventory.spec.stage);
    if inventory.pipeline.mode == "PARALLEL" {
        return Err(PlanRefusal::new(format!(
            "{name} runs its executions side by side (PARALLEL), so its stages have no one present release and Rollbot does \
             not take them back. Take back what it deploys instead."
        )));
    }
    let choice = choose(inventory, to)?;
    if let Some(refusal) = inventory.image.as_ref().and_then(CommitImage::refusal) {
        return Err(PlanRefusal::new(refusal));
    }
    let now = target::present(inventory);
    let latest = inventory.pipeline.stage(stage).and_then(|stage| stage.latest.clone());
    let runs = |choice: &Choice| {
        let is_same = now.is_some_and(|now| choice.execution.as_ref().is_some_and(|target| target.is_of(now)));
        is_same && latest.as_ref().is_some_and(|(_, status)| status == "Succeeded")
    };
    let to = chosen(&choice);
    if runs(&choice) {
        let why = format!("{} is what the stage {stage} of {name} has already.", to.name());
        return Ok(Planned::NothingToDo { release: to, why });
    }
    let estimate = match choice.way {
        Way::RollbackStage => STAGE,
        Way::Rerun => choice.execution.as_ref().and_then(took).unwrap_or(RUN),
    };
    let step = Step {
        id: StepId::new(&inventory.spec.name),
        title: format!("pipeline {name}, stage {stage}"),
        resource: resource(inventory),
        from: now.map(release),
        chosen: Some(how_it_was_chosen(inventory, &choice)),
        verbs: verbs(&choice),
        loses: Vec::new(),
        need: Need::Required,
        deadline: deadline(inventory, &choice, estimate),
        estimate,
        work: Work::PipelineStage(PipelineStage {
            pipeline: name.clone(),
            stage: stage.clone(),
            from: latest.map(|(id, _)| id),
            target: choice.execution.as_ref().map(|execution| execution.id.clone()),
            revisions: choice.revisions.clone(),
            way: choice.way,
            fallback: choice.fallback,
        }),
        to: Some(to),
    };
    Ok(Planned::Steps { steps: vec![step], warnings: warnings(inventory, &choice) })
}

/// The stages that the rollback passes.
fn passed<'a>(inventory: &'a StageInventory, choice: &Choice) -> &'a [Stage] {
    let stage = &inventory.spec.stage;
    match choice.way {
        Way::RollbackStage => inventory.pipeline.stage(stage).map(std::slice::from_ref).unwrap_or_default(),
        Way::Rerun => inventory.pipeline.up_to(stage),
    }
}

fn deadline(inventory: &StageInventory, choice: &Choice, estimate: Duration) -> Duration {
    let waits = passed(inventory, choice).iter().any(|stage| !stage.approvals.is_empty());
    (estimate * 3).max(if waits { WITH_APPROVAL } else { SHORTEST_DEADLINE })
}

/// What is locked: the stage.
pub fn resource(inventory: &StageInventory) -> Resource {
    Resource::new(format!("{}/{}", inventory.pipeline.arn, inventory.spec.stage))
}

/// How long an earlier execution took from its start to its last change.
fn took(execution: &super::inventory::Execution) -> Option<Duration> {
    let (from, to) = (execution.started_at?, execution.updated_at?);
    Duration::try_from(to.duration_since(from)).ok().filter(|took| *took >= Duration::from_mins(1) && *took <= RUN * 6)
}

fn how_it_was_chosen(inventory: &StageInventory, choice: &Choice) -> String {
    let mut sentences = vec![choice.how.clone(), choice.why.clone()];
    let revision = choice.execution.as_ref().and_then(|execution| execution.revision());
    if let Some(summary) = revision.and_then(|revision| revision.summary.as_deref()) {
        let line = summary.lines().next().unwrap_or_default();
        sentences.push(format!("Its commit: “{line}”."));
    }
    sentences.extend(inventory.image.as_ref().and_then(CommitImage::confirmed));
    sentences.extend(revision.and_then(|revision| revision.url.clone()));
    sentences.join(" ")
}

/// The verbs that may be used. A new run may have to pass a transition that Rollbot's own freeze holds.
fn verbs(choice: &Choice) -> Vec<String> {
    let mut verbs = Vec::new();
    if choice.way == Way::RollbackStage {
        verbs.push("RollbackStage");
    }
    if choice.way == Way::Rerun || choice.fallback == Fallback::Rerun {
        verbs.extend(["StartPipelineExecution", "EnableStageTransition", "DisableStageTransition"]);
    }
    verbs.into_iter().map(str::to_owned).collect()
}

fn warnings(inventory: &StageInventory, choice: &Choice) -> Vec<String> {
    let (name, stage) = (&inventory.spec.pipeline, &inventory.spec.stage);
    let mut warnings = Vec::new();
    let passed = passed(inventory, choice);
    if choice.way == Way::Rerun {
        warnings.push(format!("{name} builds and tests this commit again on the way to {stage}."));
    }
    for passed in passed {
        for approval in &passed.approvals {
            warnings.push(format!(
                "{} has the manual approval {approval}: the rollback waits there until somebody gives it in AWS. Rollbot \
                 shows the link and never approves.",
                passed.name
            ));
        }
    }
    if choice.way == Way::Rerun {
        for closed in passed {
            match &closed.closed {
                Some(why) if !why.is_rollbots() => warnings.push(format!(
                    "The transition into {} is disabled ({}), so the new run will wait there. Rollbot does not enable what \
                     others disabled.",
                    closed.name,
                    why.words()
                )),
                Some(_) | None => {}
            }
        }
    }
    if choice.way == Way::RollbackStage && inventory.pipeline.kind == "V1" {
        warnings.push(format!("{name} is of type V1. AWS describes stage rollback for V2, and may refuse it."));
    }
    let own = inventory.pipeline.stage(stage);
    if own.is_some_and(|stage| stage.rolls_back_by_itself) {
        warnings.push(format!("{stage} rolls back by itself when it fails, as the pipeline says (onFailure)."));
    }
    if let Some((id, _)) = own.and_then(|stage| stage.latest.as_ref()).filter(|(_, status)| status == "InProgress") {
        warnings.push(format!(
            "Execution {} is in {stage} now. AWS rolls a stage back only when nothing runs in it; Rollbot waits for that.",
            short(id)
        ));
    }
    if let Some(waiting) = own.and_then(|stage| stage.inbound.as_ref()) {
        warnings.push(format!("Execution {} waits in front of {stage} and would deploy over this.", short(waiting)));
    }
    warnings
}
