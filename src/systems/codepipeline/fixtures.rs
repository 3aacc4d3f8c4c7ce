//! A pipeline for tests of what is planned and judged.

use jiff::Timestamp;
use serde_json::json;

use super::act::{Do, Receipt};
use super::inventory::{Closed, Execution, How, Pipeline, Revision, SourceAction, Stage, StageInventory, StageSpec};
use super::observe::{Action, Seen};
use crate::incident::pipeline::{Fallback, PipelineStage, RevisionKind, SourceRevision, Way};
use crate::incident::step::{Act, ActOutcome};

/// Commits, oldest first.
pub(super) const COMMITS: [&str; 3] = [
    "1a6f3c5d7e9b0a2c4d6e8f0a1b3c5d7e9f0a2b4c",
    "2b7e4d60f1c3a5b7d9e1f3a5c7d9e0b2a4c6d8e0",
    "3c9d5e71a2b4c6d8e0f2a4b6c8d0e1f3a5b7c9d1",
];

/// When the tests begin.
pub(super) fn start() -> Timestamp {
    "2026-11-21T03:00:00Z".parse().unwrap()
}

/// So many minutes from the start; negative ones are before it.
pub(super) fn minutes(minutes: i64) -> Timestamp {
    start().checked_add(jiff::SignedDuration::from_mins(minutes)).unwrap()
}

/// The execution of a commit, started so many minutes from the start.
pub(super) fn execution(id: &str, commit: usize, status: &str, at: i64) -> Execution {
    Execution {
        id: id.to_owned(),
        status: status.to_owned(),
        trigger: "WebhookV2".to_owned(),
        revisions: vec![Revision {
            action: "GitHub".to_owned(),
            id: COMMITS[commit].to_owned(),
            summary: Some(format!("Change {commit}")),
            url: Some(format!("https://github.com/example/apgms/commit/{}", COMMITS[commit])),
        }],
        started_at: Some(minutes(at)),
        updated_at: Some(minutes(at + 12)),
        ..Execution::default()
    }
}

/// The rollback of the stage to another execution.
pub(super) fn rollback(id: &str, target: &Execution, status: &str, at: i64) -> Execution {
    Execution {
        id: id.to_owned(),
        status: status.to_owned(),
        is_rollback: true,
        rollback_of: Some(target.id.clone()),
        started_at: Some(minutes(at)),
        ..target.clone()
    }
}

fn stage(name: &str, latest: Option<(&str, &str)>) -> Stage {
    Stage {
        name: name.to_owned(),
        latest: latest.map(|(id, status)| (id.to_owned(), status.to_owned())),
        ..Stage::default()
    }
}

/// Source, Build and Staging; `latest` is what Staging ran last.
pub(super) fn pipeline(latest: (&str, &str)) -> Pipeline {
    let mut source = stage("Source", Some(latest));
    source.has_source = true;
    Pipeline {
        arn: "arn:aws:codepipeline:eu-north-1:123456789012:Apgms".to_owned(),
        region: "eu-north-1".to_owned(),
        version: 4,
        mode: "SUPERSEDED".to_owned(),
        kind: "V2".to_owned(),
        stages: vec![source, stage("Build", Some(latest)), stage("Staging", Some(latest))],
        sources: vec![SourceAction { name: "GitHub".to_owned(), revisions: Some(RevisionKind::Commit) }],
    }
}

/// `e-3` is live, `e-2` and `e-1` ran before it; all of them succeeded in the present structure.
pub(super) fn inventory() -> StageInventory {
    StageInventory {
        spec: StageSpec {
            name: "pipeline".to_owned(),
            pipeline: "Apgms".to_owned(),
            stage: "Staging".to_owned(),
            how: How::WhatAwsAllows,
            image: None,
        },
        pipeline: pipeline(("e-3-live", "Succeeded")),
        executions: vec![
            execution("e-3-live", 2, "Succeeded", -60),
            execution("e-2-good", 1, "Succeeded", -4_000),
            execution("e-1-old1", 0, "Succeeded", -14_000),
        ],
        eligible: vec!["e-3-live".to_owned(), "e-2-good".to_owned(), "e-1-old1".to_owned()],
        image: None,
    }
}

/// What is seen while nothing has been done: `e-3` is live.
pub(super) fn seen() -> Seen {
    let inventory = inventory();
    Seen { pipeline: inventory.pipeline, executions: inventory.executions, actions: Vec::new() }
}

/// The same with one more execution, the newest, that the stage has or has not entered.
pub(super) fn seen_with(newest: Execution, in_stage: Option<&str>) -> Seen {
    let mut seen = seen();
    if let Some(status) = in_stage {
        let staging = seen.pipeline.stages.last_mut().unwrap();
        staging.latest = Some((newest.id.clone(), status.to_owned()));
    }
    seen.executions.insert(0, newest);
    seen
}

/// An action of the step's own execution.
pub(super) fn action(stage: &str, name: &str, status: &str) -> Action {
    Action { stage: stage.to_owned(), name: name.to_owned(), status: status.to_owned(), ..Action::default() }
}

/// A transition that somebody disabled.
pub(super) fn closed(reason: &str) -> Closed {
    let by = Some("arn:aws:sts::123456789012:assumed-role/deploy/mia".to_owned());
    Closed { reason: reason.to_owned(), by, at: None }
}

/// Back to `e-2`.
pub(super) fn work(way: Way) -> PipelineStage {
    PipelineStage {
        pipeline: "Apgms".to_owned(),
        stage: "Staging".to_owned(),
        from: Some("e-3-live".to_owned()),
        target: Some("e-2-good".to_owned()),
        revisions: vec![SourceRevision {
            action: "GitHub".to_owned(),
            kind: RevisionKind::Commit,
            id: COMMITS[1].to_owned(),
        }],
        way,
        fallback: if way == Way::RollbackStage { Fallback::Rerun } else { Fallback::None },
    }
}

/// An order to roll the stage back.
pub(super) fn ordered() -> Do {
    Do::RollbackStage { pipeline: "Apgms".to_owned(), stage: "Staging".to_owned(), target: "e-2-good".to_owned() }
}

/// An order to run the pipeline again.
pub(super) fn rerun(token: &str) -> Do {
    let (pipeline, revisions, token) = ("Apgms".to_owned(), work(Way::Rerun).revisions, token.to_owned());
    Do::StartPipelineExecution { pipeline, revisions, token }
}

/// An act of the first attempt; `began` is the execution of an accepted order, nothing is known without one.
pub(super) fn act(number: u32, what: &Do, outcome: ActOutcome) -> Act {
    Act { number, attempt: 1, what: serde_json::to_value(what).unwrap(), at: start(), outcome }
}

/// The order was accepted and began this execution.
pub(super) fn began(execution: &str) -> ActOutcome {
    let receipt = json!(Receipt::Began { execution: execution.to_owned() });
    ActOutcome::Accepted { receipt, request_id: None }
}

/// The change of a transition was accepted.
pub(super) fn changed() -> ActOutcome {
    ActOutcome::Accepted { receipt: json!(Receipt::Changed), request_id: None }
}
