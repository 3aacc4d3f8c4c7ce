//! What is planned for a stage of a pipeline.

use super::fixtures::*;
use super::inventory::{How, StageInventory};
use super::plan::plan;
use super::releases::releases;
use crate::incident::pipeline::{Fallback, Way};
use crate::incident::plan::Step;
use crate::incident::work::Work;
use crate::systems::commit_image::{CommitImage, Found};
use crate::systems::planned::{Planned, ReleaseStatus};

fn step(inventory: &StageInventory, to: Option<&str>) -> (Step, Vec<String>) {
    match plan(inventory, to).unwrap() {
        Planned::Steps { mut steps, warnings } => (steps.remove(0), warnings),
        Planned::NothingToDo { why, .. } => panic!("nothing to do: {why}"),
    }
}

fn way(step: &Step) -> (Way, Option<&str>, Fallback) {
    let Work::PipelineStage(work) = &step.work else { panic!("another kind of work: {:?}", step.work) };
    (work.way, work.target.as_deref(), work.fallback)
}

fn refused(inventory: &StageInventory, to: Option<&str>) -> String {
    plan(inventory, to).unwrap_err().to_string()
}

#[test]
fn a03_the_last_good_commit_comes_from_state_and_history() {
    let (step, warnings) = step(&inventory(), None);
    assert_eq!(step.title, "pipeline Apgms, stage Staging");
    assert_eq!(step.from.as_ref().unwrap().name(), "3c9d5e71 (execution e-3-live)");
    let to = step.to.as_ref().unwrap();
    assert_eq!((to.name().as_str(), to.commit.as_deref()), ("2b7e4d60 (execution e-2-good)", Some(COMMITS[1])));
    assert_eq!(way(&step), (Way::RollbackStage, Some("e-2-good"), Fallback::Rerun));
    let chosen = step.chosen.unwrap();
    let url = "https://github.com/example/apgms/commit/2b7e";
    for part in ["newest execution before 3c9d5e71", "“Change 1”", url, "RollbackStage"] {
        assert!(chosen.contains(part), "{part} is not in: {chosen}");
    }
    assert_eq!(warnings, Vec::<String>::new());
}

#[test]
fn a03_failed_executions_and_rollbacks_are_passed_over() {
    let mut inventory = inventory();
    inventory.executions[1].status = "Failed".to_owned();
    inventory.eligible.retain(|id| id != "e-2-good");
    assert_eq!(way(&step(&inventory, None).0).1, Some("e-1-old1"));
    // An execution that failed later succeeded in this stage all the same.
    inventory.eligible.push("e-2-good".to_owned());
    assert_eq!(way(&step(&inventory, None).0).1, Some("e-2-good"));
}

#[test]
fn going_back_from_a_rollback_never_brings_back_what_it_took_back() {
    let mut inventory = inventory();
    let good = inventory.executions[1].clone();
    inventory.executions.insert(0, rollback("e-4-back", &good, "Succeeded", -10));
    inventory.pipeline.stages[2].latest = Some(("e-4-back".to_owned(), "Succeeded".to_owned()));
    let (step, _) = step(&inventory, None);
    assert_eq!(way(&step).1, Some("e-1-old1"), "not e-3, which was taken back");
}

#[test]
fn peer_13_a_changed_pipeline_is_run_again_and_the_plan_says_why() {
    let mut inventory = inventory();
    inventory.eligible = vec!["e-3-live".to_owned()];
    let (step, warnings) = step(&inventory, None);
    assert_eq!(way(&step), (Way::Rerun, Some("e-2-good"), Fallback::None));
    assert_eq!(step.verbs, ["StartPipelineExecution", "EnableStageTransition", "DisableStageTransition"]);
    let chosen = step.chosen.unwrap();
    assert!(chosen.contains("the pipeline was changed after execution e-2-good (it has version 4 now)"), "{chosen}");
    assert_eq!(warnings, ["Apgms builds and tests this commit again on the way to Staging."]);
    inventory.spec.how = How::RollbackStage;
    assert!(refused(&inventory, None).contains("removing `how: rollback_stage`"));
}

#[test]
fn a06_a_commit_that_never_ran_is_run_when_it_is_named_whole() {
    let fresh = "4d0e6f82b3c5d7e9f1a3b5c7d9e1f2a4b6c8d0e2";
    let (step, _) = step(&inventory(), Some(fresh));
    assert_eq!(way(&step), (Way::Rerun, None, Fallback::None));
    assert_eq!(step.to.unwrap().id, fresh);
    assert!(refused(&inventory(), Some("4d0e6f82")).contains("all its 40 digits"));
}

#[test]
fn a06_a_commit_or_an_execution_is_named_by_its_beginning() {
    assert_eq!(way(&step(&inventory(), Some("1a6f3c5")).0).1, Some("e-1-old1"));
    assert_eq!(way(&step(&inventory(), Some("e-1-old1")).0).1, Some("e-1-old1"));
    assert!(matches!(plan(&inventory(), Some("3c9d5e71")).unwrap(), Planned::NothingToDo { .. }));
    let mut failed = inventory();
    failed.executions[2].status = "Failed".to_owned();
    failed.eligible.pop();
    assert!(refused(&failed, Some("1a6f3c5")).contains("did not succeed in the stage Staging"));
}

#[test]
fn a04_the_image_is_confirmed_or_the_plan_is_refused() {
    let mut inventory = inventory();
    let image = |found| Some(CommitImage { repository: "apgms".into(), commit: COMMITS[1].into(), found });
    inventory.image = image(Found::Missing("no image in apgms has the tag 2b7e4d6".to_owned()));
    assert!(refused(&inventory, None).starts_with("The image of commit 2b7e4d60 is not to be had: no image in apgms"));
    inventory.image = image(Found::Image { tag: "2b7e4d60".into(), digest: "sha256:2b2b2b2b2b2b2b2b".into() });
    let chosen = step(&inventory, None).0.chosen.unwrap();
    assert!(chosen.contains("Its image apgms:2b7e4d60 is in ECR (sha256:2b2b2b2b2b2b)."), "{chosen}");
}

#[test]
fn a_parallel_pipeline_is_refused() {
    let mut inventory = inventory();
    inventory.pipeline.mode = "PARALLEL".to_owned();
    assert!(refused(&inventory, None).contains("PARALLEL"));
}

#[test]
fn what_stands_in_the_way_is_said_beforehand() {
    let mut inventory = inventory();
    inventory.pipeline.kind = "V1".to_owned();
    inventory.pipeline.stages[2].approvals = vec!["SignOff".to_owned()];
    inventory.pipeline.stages[2].rolls_back_by_itself = true;
    inventory.pipeline.stages[2].inbound = Some("e-9-waits".to_owned());
    let (_, warnings) = step(&inventory, None);
    for part in ["manual approval SignOff", "of type V1", "rolls back by itself", "e-9-wait waits in front of Staging"]
    {
        assert!(warnings.iter().any(|warning| warning.contains(part)), "{part} is not in {warnings:?}");
    }
}

#[test]
fn the_list_says_what_each_release_is() {
    let lines = releases(&inventory());
    let told: Vec<(String, ReleaseStatus)> = lines.into_iter().map(|line| (line.release.name(), line.status)).collect();
    assert_eq!(told[0], ("3c9d5e71 (execution e-3-live)".to_owned(), ReleaseStatus::RunsNow));
    assert_eq!(told[1], ("2b7e4d60 (execution e-2-good)".to_owned(), ReleaseStatus::Good));
}
