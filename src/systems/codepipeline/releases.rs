//! What a stage could be taken back to, and how an execution reads as a release.

use super::inventory::{Execution, StageInventory, short};
use super::target::{Choice, present, succeeded};
use crate::incident::release::Release;
use crate::systems::planned::{Ran, ReleaseLine, ReleaseStatus, Usable};

/// What could be gone back to and what the stage has now, newest first. Rollbacks are no releases of their own.
pub fn releases(inventory: &StageInventory) -> Vec<ReleaseLine> {
    let now = present(inventory);
    let shown = inventory.executions.iter().filter(|execution| {
        now.is_some_and(|now| now.id == execution.id) || (!execution.is_rollback && !execution.revisions.is_empty())
    });
    let lines = shown.map(|execution| ReleaseLine {
        release: release(execution),
        status: status(inventory, execution),
        usable: Usable::Yes,
    });
    lines.collect()
}

/// What ran in the stage, newest first, as far as `CodePipeline` remembers.
pub fn past(inventory: &StageInventory) -> Vec<Ran> {
    let ran = inventory.executions.iter().filter(|execution| {
        succeeded(inventory, execution) || (execution.is_rollback && execution.status == "Succeeded")
    });
    ran.filter_map(|execution| Some(Ran { release: release(execution), since: execution.started_at? })).collect()
}

fn status(inventory: &StageInventory, execution: &Execution) -> ReleaseStatus {
    let stage = inventory.pipeline.stage(&inventory.spec.stage);
    let latest = stage.and_then(|stage| stage.latest.as_ref()).filter(|(id, _)| *id == execution.id);
    match latest.map(|(_, status)| status.as_str()) {
        Some("Succeeded") => return ReleaseStatus::RunsNow,
        Some("InProgress") => return ReleaseStatus::BeingDeployed,
        Some(_) => return ReleaseStatus::Failed,
        None => {}
    }
    match execution.status.as_str() {
        _ if succeeded(inventory, execution) => ReleaseStatus::Good,
        "InProgress" | "Stopping" => ReleaseStatus::BeingDeployed,
        "Failed" => ReleaseStatus::Failed,
        _ => ReleaseStatus::Stopped,
    }
}

/// An execution as a release: people know it by its commit.
pub fn release(execution: &Execution) -> Release {
    let revision = execution.revision();
    Release {
        id: execution.id.clone(),
        label: format!("execution {}", short(&execution.id)),
        version: revision.map(|revision| short(&revision.id).to_owned()),
        commit: revision.and_then(|revision| commit(&revision.id)),
        images: Vec::new(),
        deployed_at: execution.started_at,
        deployed_by: None,
    }
}

/// What was chosen as a release.
pub fn chosen(choice: &Choice) -> Release {
    if let Some(execution) = &choice.execution {
        return release(execution);
    }
    let id = choice.commit().unwrap_or_default();
    Release {
        id: id.to_owned(),
        label: format!("commit {}", short(id)),
        version: None,
        commit: commit(id),
        images: Vec::new(),
        deployed_at: None,
        deployed_by: None,
    }
}

fn commit(id: &str) -> Option<String> {
    let is_sha = (7..=40).contains(&id.len()) && id.chars().all(|digit| digit.is_ascii_hexdigit());
    is_sha.then(|| id.to_lowercase())
}
