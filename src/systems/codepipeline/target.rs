//! Which execution a stage is taken back to, and by which of AWS's ways. Pure.
//!
//! The release before is the newest execution that succeeded in the stage and was started before the present commit
//! first ran. So a rollback, or a new run of an older commit, is never "taken back" to what it took back.

use jiff::Timestamp;

use super::inventory::{Execution, How, StageInventory, short};
use crate::incident::pipeline::{Fallback, SourceRevision, Way};
use crate::systems::planned::PlanRefusal;

/// The shortest piece of a commit or an execution's id that names it.
const SHORTEST: usize = 7;
/// The digits of a whole commit.
const WHOLE: usize = 40;

/// What a stage shall have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The execution that had it, where there is one.
    pub execution: Option<Execution>,
    /// The source revisions.
    pub revisions: Vec<SourceRevision>,
    /// How it was found, as a sentence.
    pub how: String,
    /// By which way.
    pub way: Way,
    /// Why this way and no other, as a sentence.
    pub why: String,
    /// Whether there is another way.
    pub fallback: Fallback,
}

impl Choice {
    /// The first source revision.
    pub fn commit(&self) -> Option<&str> {
        self.revisions.first().map(|revision| revision.id.as_str())
    }
}

/// What `to` names; with `None` or `previous`, the release before.
///
/// # Errors
/// Why none can be chosen, and what to do.
pub fn choose(inventory: &StageInventory, to: Option<&str>) -> Result<Choice, PlanRefusal> {
    match to.map(str::trim) {
        None => previous(inventory),
        Some(to) if to.eq_ignore_ascii_case("previous") || to.is_empty() => previous(inventory),
        Some(to) => named(inventory, &to.to_lowercase()),
    }
}

/// The stage's latest execution: what is taken back.
pub fn present(inventory: &StageInventory) -> Option<&Execution> {
    let stage = inventory.pipeline.stage(&inventory.spec.stage)?;
    let (id, _) = stage.latest.as_ref()?;
    inventory.executions.iter().find(|execution| execution.id == *id)
}

/// Whether an execution succeeded in the stage, as far as anything says so.
pub fn succeeded(inventory: &StageInventory, execution: &Execution) -> bool {
    !execution.is_rollback && (inventory.eligible.contains(&execution.id) || execution.status == "Succeeded")
}

fn previous(inventory: &StageInventory) -> Result<Choice, PlanRefusal> {
    let (pipeline, stage) = (&inventory.spec.pipeline, &inventory.spec.stage);
    let Some(now) = present(inventory) else {
        return Err(PlanRefusal::new(format!(
            "Nothing is known of what the stage {stage} of {pipeline} has now. Name a release with `to <release>`."
        )));
    };
    let first_ran: Option<Timestamp> = inventory
        .executions
        .iter()
        .filter(|execution| execution.id == now.id || execution.is_of(now))
        .filter_map(|execution| execution.started_at)
        .min();
    let before = inventory.executions.iter().filter(|execution| {
        succeeded(inventory, execution) && execution.started_at < first_ran && !execution.is_of(now)
    });
    let Some(found) = before.max_by_key(|execution| execution.started_at) else {
        return Err(PlanRefusal::new(format!(
            "There is nothing to go back to: no execution of {pipeline} before {} succeeded in the stage {stage}. \
             Name a commit with `to <sha>`.",
            now.words()
        )));
    };
    let how = format!(
        "The newest execution before {} that succeeded in {stage}{}.",
        revision_name(now),
        when(found).map(|at| format!(" ({at})")).unwrap_or_default()
    );
    with_way(inventory, Some(found), revisions_of(inventory, found), how)
}

fn named(inventory: &StageInventory, to: &str) -> Result<Choice, PlanRefusal> {
    let (pipeline, stage) = (&inventory.spec.pipeline, &inventory.spec.stage);
    let is_named = |execution: &&Execution| {
        to.len() >= SHORTEST
            && (execution.id.starts_with(to) || execution.revisions.iter().any(|one| one.id.starts_with(to)))
            && !execution.is_rollback
    };
    let all: Vec<&Execution> = inventory.executions.iter().filter(is_named).collect();
    let mut commits: Vec<&str> = all.iter().filter_map(|one| one.revision()).map(|one| one.id.as_str()).collect();
    commits.dedup();
    commits.sort_unstable();
    commits.dedup();
    if commits.len() > 1 {
        return Err(PlanRefusal::new(format!("`{to}` names {} commits. Write more of it.", commits.len())));
    }
    let best = all
        .iter()
        .find(|execution| inventory.eligible.contains(&execution.id))
        .or_else(|| all.iter().find(|execution| succeeded(inventory, execution)));
    if let Some(found) = best {
        let at = when(found).map(|at| format!(", {at}")).unwrap_or_default();
        let how = format!("`{to}` names this execution, which succeeded in {stage}{at}.");
        return with_way(inventory, Some(found), revisions_of(inventory, found), how);
    }
    if let Some(failed) = all.first() {
        return Err(PlanRefusal::new(format!(
            "{} did not succeed in the stage {stage} ({}). Name a release that did, or a whole commit that has never run.",
            failed.words(),
            failed.status
        )));
    }
    let is_whole = to.len() == WHOLE && to.chars().all(|digit| digit.is_ascii_hexdigit());
    let source = inventory.pipeline.sources.first();
    match (source, inventory.pipeline.sources.len()) {
        (Some(source), 1) if is_whole => {
            let kind = source.revisions.unwrap_or(crate::incident::pipeline::RevisionKind::Commit);
            let revisions = vec![SourceRevision { action: source.name.clone(), kind, id: to.to_owned() }];
            with_way(inventory, None, revisions, format!("No execution of {pipeline} is remembered for this commit."))
        }
        _ => Err(PlanRefusal::new(format!(
            "`{to}` names no execution of {pipeline} and no commit that it ran with. `/rollback releases` lists them; a \
             commit that has not run yet is named by all its 40 digits."
        ))),
    }
}

/// The revisions of an execution with what they are. A source whose revisions cannot be asked for has none.
fn revisions_of(inventory: &StageInventory, execution: &Execution) -> Vec<SourceRevision> {
    let kinds = execution.revisions.iter().filter_map(|revision| {
        let source = inventory.pipeline.sources.iter().find(|source| source.name == revision.action)?;
        Some(SourceRevision { action: revision.action.clone(), kind: source.revisions?, id: revision.id.clone() })
    });
    kinds.collect()
}

/// Adds the way, or refuses where the one that is asked for is not open.
fn with_way(
    inventory: &StageInventory,
    execution: Option<&Execution>,
    revisions: Vec<SourceRevision>,
    how: String,
) -> Result<Choice, PlanRefusal> {
    let (pipeline, stage) = (&inventory.spec.pipeline, &inventory.spec.stage);
    let closed = no_stage_rollback(inventory, execution);
    let can_rerun = !revisions.is_empty();
    let (way, why, fallback) = match (inventory.spec.how, closed) {
        (How::WhatAwsAllows | How::RollbackStage, None) => {
            let why = "AWS rolls the stage back (RollbackStage), with what was built then.".to_owned();
            let fallback =
                if inventory.spec.how == How::WhatAwsAllows && can_rerun { Fallback::Rerun } else { Fallback::None };
            (Way::RollbackStage, why, fallback)
        }
        (How::RollbackStage, Some(closed)) => {
            return Err(PlanRefusal::new(format!(
                "The stage {stage} cannot be rolled back: {closed}. Name another release, or allow a new run of {pipeline} \
                 by removing `how: rollback_stage`."
            )));
        }
        (How::WhatAwsAllows, Some(closed)) => {
            let why =
                format!("It is run again (StartPipelineExecution), because AWS cannot roll the stage back: {closed}.");
            (Way::Rerun, why, Fallback::None)
        }
        (How::Rerun, _) => {
            let why = "It is run again (StartPipelineExecution), as configured.".to_owned();
            (Way::Rerun, why, Fallback::None)
        }
    };
    if way == Way::Rerun && !can_rerun {
        return Err(PlanRefusal::new(format!(
            "{pipeline} cannot be run again for an earlier revision: none of its sources takes one. Deploy it by hand."
        )));
    }
    let execution = execution.cloned();
    Ok(Choice { execution, revisions, how, way, why, fallback })
}

/// Why AWS would refuse `RollbackStage`, as the end of a sentence; `None` where nothing says so. Rules: AWS's user
/// guide, "Configuring stage rollback".
fn no_stage_rollback(inventory: &StageInventory, execution: Option<&Execution>) -> Option<String> {
    let Some(execution) = execution else {
        return Some("no execution had this commit".to_owned());
    };
    if inventory.pipeline.stage(&inventory.spec.stage).is_some_and(|stage| stage.has_source) {
        return Some("it is the stage of the source".to_owned());
    }
    (!inventory.eligible.contains(&execution.id)).then(|| {
        format!(
            "the pipeline was changed after execution {} (it has version {} now)",
            short(&execution.id),
            inventory.pipeline.version
        )
    })
}

fn revision_name(execution: &Execution) -> String {
    execution.revision().map_or_else(|| format!("execution {}", short(&execution.id)), |one| short(&one.id).to_owned())
}

fn when(execution: &Execution) -> Option<String> {
    execution.started_at.map(|at| at.strftime("%-d %b %H:%M UTC").to_string())
}
