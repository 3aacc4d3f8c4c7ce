//! What follows from what was seen of a pipeline: one case per row.

use rstest::rstest;

use super::act::Do;
use super::fixtures::*;
use super::judge::judge;
use super::observe::Seen;
use super::refusals::explained;
use crate::aws::AwsError;
use crate::aws::error::ErrorClass;
use crate::incident::pipeline::{PipelineStage, Way};
use crate::incident::policy::Actor;
use crate::incident::remedy::ChosenRemedy;
use crate::incident::step::{Act, ActOutcome, Failure, Finding};
use crate::incident::time::Now;
use crate::systems::step_kind::{Judgement, StepJournal, StepKind as _};

/// Judges so many minutes after the start, in the first attempt.
fn judged(work: &PipelineStage, seen: &Seen, acts: &[Act], at: i64) -> Judgement<Do> {
    let journal = StepJournal { key: "rb-1-pipeline", attempt: 1, began_at: start(), acts, remedy: None };
    judge(work, seen, &journal, Now::real(minutes(at)))
}

fn waits(judgement: Judgement<Do>) -> String {
    let Judgement::Wait(progress) = judgement else { panic!("it does not wait: {judgement:?}") };
    progress
}

fn fails(judgement: Judgement<Do>) -> Failure {
    let Judgement::Failed(failure) = judgement else { panic!("it does not fail: {judgement:?}") };
    failure
}

#[test]
fn a_free_stage_is_rolled_back_and_one_that_runs_is_waited_for() {
    let work = work(Way::RollbackStage);
    assert_eq!(judged(&work, &seen(), &[], 0), Judgement::Act(ordered()));
    let busy = seen_with(execution("e-4-newer", 0, "InProgress", -1), Some("InProgress"));
    let progress = waits(judged(&work, &busy, &[], 0));
    assert!(progress.contains("e-4-newe is in Staging"), "{progress}");
}

#[test]
fn a06_a_rerun_is_started_with_the_revision_and_a_token_even_while_something_runs() {
    let busy = seen_with(execution("e-4-newer", 0, "InProgress", -1), Some("InProgress"));
    assert_eq!(judged(&work(Way::Rerun), &busy, &[], 0), Judgement::Act(rerun("rb-1-pipeline-1")));
}

#[test]
fn what_somebody_else_brought_back_meanwhile_is_adopted() {
    let good = execution("e-2-good", 1, "Succeeded", -4_000);
    let theirs = seen_with(rollback("e-4-theirs", &good, "Succeeded", -1), Some("Succeeded"));
    assert!(matches!(judged(&work(Way::RollbackStage), &theirs, &[], 0), Judgement::Done { .. }));
}

#[test]
fn a_lost_reply_to_a_rollback_is_found_again_by_its_target() {
    let (work, good) = (work(Way::RollbackStage), execution("e-2-good", 1, "Succeeded", -4_000));
    let lost = [act(1, &ordered(), ActOutcome::Unknown)];
    let found = seen_with(rollback("e-4-ours", &good, "InProgress", 0), Some("InProgress"));
    assert!(waits(judged(&work, &found, &lost, 1)).contains("e-4-ours"));
    let done = seen_with(rollback("e-4-ours", &good, "Succeeded", 0), Some("Succeeded"));
    assert!(matches!(judged(&work, &done, &lost, 1), Judgement::Done { .. }));
}

#[test]
fn an_older_rollback_is_not_taken_for_the_lost_one() {
    let (work, good) = (work(Way::RollbackStage), execution("e-2-good", 1, "Succeeded", -4_000));
    let lost = [act(1, &ordered(), ActOutcome::Unknown)];
    let mut seen = seen();
    seen.executions.insert(1, rollback("e-0-before", &good, "Succeeded", -3_000));
    assert!(waits(judged(&work, &seen, &lost, 0)).contains("looking for"), "it is looked for first");
    assert_eq!(judged(&work, &seen, &lost, 1), Judgement::Act(ordered()), "nothing was made, so it is ordered again");
}

#[test]
fn a_lost_start_is_sent_again_with_the_same_token() {
    let lost = [act(1, &rerun("rb-1-pipeline-1"), ActOutcome::Unknown)];
    assert_eq!(judged(&work(Way::Rerun), &seen(), &lost, 3), Judgement::Act(rerun("rb-1-pipeline-1")));
    let refused = || ActOutcome::Refused { why: "Rate exceeded".to_owned() };
    let throttled = [lost[0].clone(), act(2, &rerun("rb-1-pipeline-1"), refused())];
    assert_eq!(judged(&work(Way::Rerun), &seen(), &throttled, 3), Judgement::Act(rerun("rb-1-pipeline-1")));
    let never_taken = [act(1, &rerun("rb-1-pipeline-1"), refused())];
    assert_eq!(judged(&work(Way::Rerun), &seen(), &never_taken, 3), Judgement::Act(rerun("rb-1-pipeline-2")));
}

#[test]
fn done_is_only_what_the_stage_has_last_with_the_revision_that_was_asked_for() {
    let (work, good) = (work(Way::RollbackStage), execution("e-2-good", 1, "Succeeded", -4_000));
    let acts = [act(1, &ordered(), began("e-4-ours"))];
    let done = seen_with(rollback("e-4-ours", &good, "Succeeded", 0), Some("Succeeded"));
    let Judgement::Done { evidence, output } = judged(&work, &done, &acts, 5) else { panic!("it is done") };
    assert!(evidence[0].text.contains("2b7e4d60 “Change 1”"), "{}", evidence[0].text);
    assert_eq!(output["execution"], "e-4-ours");

    let mut other = rollback("e-4-ours", &good, "Succeeded", 0);
    other.revisions[0].id = COMMITS[0].to_owned();
    let failure = fails(judged(&work, &seen_with(other, Some("Succeeded")), &acts, 5));
    assert_eq!(failure.finding, Finding::Wrong);
    assert!(failure.why.contains("with 1a6f3c5d"), "{}", failure.why);

    let mut newer = seen_with(rollback("e-4-ours", &good, "Succeeded", 0), Some("Succeeded"));
    newer.executions.insert(0, execution("e-5-theirs", 2, "InProgress", 4));
    newer.pipeline.stages.last_mut().unwrap().latest = Some(("e-5-theirs".to_owned(), "InProgress".to_owned()));
    assert!(fails(judged(&work, &newer, &acts, 5)).why.contains("has entered Staging since"));

    // The state was looked at before the executions were: ours ended, or even began, in between.
    let mut behind = seen_with(rollback("e-4-ours", &good, "Succeeded", 0), Some("InProgress"));
    let progress = waits(judged(&work, &behind, &acts, 5));
    assert!(progress.contains("Staging is about to show it"), "{progress}");
    behind.pipeline.stages.last_mut().unwrap().latest = Some(("e-3-bad".to_owned(), "Succeeded".to_owned()));
    assert!(matches!(judged(&work, &behind, &acts, 5), Judgement::Wait(_)), "an older one has not entered since");
}

#[test]
fn a_rerun_is_done_when_the_stage_has_it_though_later_stages_go_on() {
    let acts = [act(1, &rerun("rb-1-pipeline-1"), began("e-4-ours"))];
    let seen = seen_with(execution("e-4-ours", 1, "InProgress", 0), Some("Succeeded"));
    assert!(matches!(judged(&work(Way::Rerun), &seen, &acts, 9), Judgement::Done { .. }));
}

#[test]
fn a_manual_approval_is_named_with_its_link_and_never_given() {
    let (work, good) = (work(Way::RollbackStage), execution("e-2-good", 1, "Succeeded", -4_000));
    let mut seen = seen_with(rollback("e-4-ours", &good, "InProgress", 0), Some("InProgress"));
    seen.actions = vec![action("Staging", "SignOff", "InProgress")];
    seen.actions[0].is_approval = true;
    let progress = waits(judged(&work, &seen, &[act(1, &ordered(), began("e-4-ours"))], 40));
    assert!(
        progress.contains("manual approval SignOff") && progress.contains("https://eu-north-1.console"),
        "{progress}"
    );
}

#[test]
fn what_failed_inside_is_told_with_aws_s_words_and_links() {
    let (work, good) = (work(Way::RollbackStage), execution("e-2-good", 1, "Succeeded", -4_000));
    let mut seen = seen_with(rollback("e-4-ours", &good, "Failed", 0), Some("Failed"));
    seen.actions = vec![action("Staging", "Deploy", "Failed")];
    seen.actions[0].error = Some("JobFailed: the stack is in ROLLBACK_COMPLETE".to_owned());
    seen.actions[0].url = Some("https://example.com/stack".to_owned());
    let failure = fails(judged(&work, &seen, &[act(1, &ordered(), began("e-4-ours"))], 5));
    assert_eq!(
        failure.details[0],
        "Deploy in Staging: JobFailed: the stack is in ROLLBACK_COMPLETE https://example.com/stack"
    );
    assert!(failure.details[1].contains("/executions/e-4-ours/"), "{:?}", failure.details);
    assert_eq!(failure.remedies.len(), 1, "the pipeline can be run again instead");
}

#[rstest]
#[case::stopped("Stopped", "was stopped by somebody")]
#[case::superseded("Superseded", "superseded by a newer execution")]
#[case::cancelled("Cancelled", "because the pipeline was changed")]
fn an_execution_that_others_ended_says_how(#[case] status: &str, #[case] words: &str) {
    let acts = [act(1, &rerun("rb-1-pipeline-1"), began("e-4-ours"))];
    let failure = fails(judged(&work(Way::Rerun), &seen_with(execution("e-4-ours", 1, status, 0), None), &acts, 5));
    assert!(failure.why.contains(words), "{}", failure.why);
}

#[test]
fn a_rerun_passes_what_rollbots_own_freeze_holds_and_closes_it_behind_itself() {
    let work = work(Way::Rerun);
    let mut seen = seen_with(execution("e-4-ours", 1, "InProgress", 0), None);
    seen.pipeline.stages[2].inbound = Some("e-4-ours".to_owned());
    seen.pipeline.stages[2].closed = Some(closed("Rollbot fz-7k3fq for rb-1 by anna"));
    let mut acts = vec![act(1, &rerun("rb-1-pipeline-1"), began("e-4-ours"))];
    let (pipeline, stage) = ("Apgms".to_owned(), "Staging".to_owned());
    let reason = "Rollbot fz-7k3fq for rb-1 by anna".to_owned();
    let open = Do::EnableStageTransition { pipeline: pipeline.clone(), stage: stage.clone(), reason: reason.clone() };
    assert_eq!(judged(&work, &seen, &acts, 4), Judgement::Act(open.clone()));
    let journal = |acts| StepJournal { key: "rb-1-pipeline", attempt: 1, began_at: start(), acts, remedy: None };
    assert!(
        work.completes(&open, &seen, &journal(&acts)),
        "also after Stop: it would be deployed when nobody thinks of it"
    );
    assert!(!work.completes(&open, &seen, &journal(&[])), "what others began is theirs");
    assert!(!work.completes(&rerun("rb-1-pipeline-2"), &seen, &journal(&acts)));

    acts.push(act(2, &open, changed()));
    seen.pipeline.stages[2].closed = None;
    assert!(matches!(judged(&work, &seen, &acts, 4), Judgement::Wait(_)), "it has not entered yet");
    seen.pipeline.stages[2].inbound = None;
    seen.pipeline.stages[2].latest = Some(("e-4-ours".to_owned(), "InProgress".to_owned()));
    let close = Do::DisableStageTransition { pipeline, stage, reason };
    assert_eq!(judged(&work, &seen, &acts, 4), Judgement::Restore(close.clone()), "also after Stop");

    acts.push(act(3, &close, changed()));
    seen.pipeline.stages[2].closed = Some(closed("Rollbot fz-7k3fq for rb-1 by anna"));
    assert!(matches!(judged(&work, &seen, &acts, 4), Judgement::Wait(_)), "closed again, and on its way");
}

#[test]
fn a_transition_that_somebody_else_closed_is_left_closed() {
    let mut seen = seen_with(execution("e-4-ours", 1, "InProgress", 0), None);
    seen.pipeline.stages[2].inbound = Some("e-4-ours".to_owned());
    seen.pipeline.stages[2].closed = Some(closed("no deployments during the audit"));
    let acts = [act(1, &rerun("rb-1-pipeline-1"), began("e-4-ours"))];
    let failure = fails(judged(&work(Way::Rerun), &seen, &acts, 4));
    assert!(failure.why.contains("mia disabled it: “no deployments during the audit”"), "{}", failure.why);
}

#[test]
fn an_order_that_was_accepted_and_is_not_listed_is_inconclusive_in_the_end() {
    let acts = [act(1, &ordered(), began("e-9-nowhere"))];
    assert!(matches!(judged(&work(Way::RollbackStage), &seen(), &acts, 0), Judgement::Wait(_)));
    assert_eq!(fails(judged(&work(Way::RollbackStage), &seen(), &acts, 2)).finding, Finding::Inconclusive);
}

#[test]
fn peer_13_the_chosen_remedy_runs_the_pipeline_again() {
    let acts = [act(1, &ordered(), ActOutcome::Refused { why: "no (UnableToRollbackStageException)".to_owned() })];
    let (id, label) = ("rerun".to_owned(), "Run pipeline again".to_owned());
    let remedy = ChosenRemedy { id, label, chosen: Vec::new(), names: Vec::new(), by: Actor::Rollbot };
    let journal =
        StepJournal { key: "rb-1-pipeline", attempt: 2, began_at: start(), acts: &acts, remedy: Some(&remedy) };
    let judgement = judge(&work(Way::RollbackStage), &seen(), &journal, Now::real(minutes(3)));
    assert_eq!(judgement, Judgement::Act(rerun("rb-1-pipeline-2")));
}

#[rstest]
#[case::unable("UnableToRollbackStageException", "does not roll the stage Staging of Apgms back", 1)]
#[case::outdated("PipelineExecutionOutdatedException", "too old", 1)]
#[case::gone("PipelineExecutionNotFoundException", "does not know the execution", 1)]
#[case::no_pipeline("PipelineNotFoundException", "no pipeline Apgms any more", 1)]
#[case::no_stage("StageNotFoundException", "has no stage Staging any more", 1)]
#[case::busy("ConflictException", "is busy", 1)]
#[case::limit("ConcurrentPipelineExecutionsLimitExceededException", "as many executions", 1)]
fn peer_13_every_refusal_says_what_it_means_and_what_to_do(
    #[case] code: &str,
    #[case] words: &str,
    #[case] remedies: usize,
) {
    let mut error = AwsError::local("codepipeline", "RollbackStage", ErrorClass::Invalid, "AWS's own words");
    error.code = Some(code.to_owned());
    let failure = explained(&work(Way::RollbackStage), &error).expect("it is explained");
    assert!(failure.why.contains(words), "{}", failure.why);
    assert!(failure.details[0].contains("AWS's own words"), "{:?}", failure.details);
    assert_eq!(failure.remedies.len(), remedies);
    assert!(failure.advice.ends_with('.') && failure.why.ends_with('.'));
    assert!(explained(&work(Way::Rerun), &error).expect("it is explained").remedies.is_empty(), "no other way");
}
