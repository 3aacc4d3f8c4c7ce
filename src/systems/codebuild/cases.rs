//! What is planned for a build project, and what follows from its builds.

use jiff::Timestamp;
use rstest::rstest;
use serde_json::json;

use super::act::{Do, Receipt};
use super::inventory::{Build, BuildInventory, BuildSpec};
use super::judge::judge;
use super::plan::plan;
use super::refusals::explained;
use crate::aws::AwsError;
use crate::aws::error::ErrorClass;
use crate::incident::build::CommitBuild;
use crate::incident::plan::Step;
use crate::incident::step::{Act, ActOutcome, Failure, Finding};
use crate::incident::time::Now;
use crate::systems::planned::Planned;
use crate::systems::step_kind::{Judgement, StepJournal};

const COMMITS: [&str; 3] = [
    "1a6f3c5d7e9b0a2c4d6e8f0a1b3c5d7e9f0a2b4c",
    "2b7e4d60f1c3a5b7d9e1f3a5c7d9e0b2a4c6d8e0",
    "3c9d5e71a2b4c6d8e0f2a4b6c8d0e1f3a5b7c9d1",
];

fn minutes(minutes: i64) -> Timestamp {
    let start: Timestamp = "2026-11-21T03:00:00Z".parse().unwrap();
    start.checked_add(jiff::SignedDuration::from_mins(minutes)).unwrap()
}

fn build(number: i64, commit: usize, status: &str, at: i64) -> Build {
    Build {
        id: format!("deploy:{number}"),
        number,
        status: status.to_owned(),
        asked: Some(COMMITS[commit].to_owned()),
        resolved: (status != "IN_PROGRESS").then(|| COMMITS[commit].to_owned()),
        phase: Some("BUILD".to_owned()),
        errors: Vec::new(),
        log: Some("https://example.com/log".to_owned()),
        started_at: Some(minutes(at)),
    }
}

fn history() -> Vec<Build> {
    vec![build(3, 2, "SUCCEEDED", -60), build(2, 1, "SUCCEEDED", -4_000), build(1, 0, "SUCCEEDED", -9_000)]
}

fn inventory(builds: Vec<Build>) -> BuildInventory {
    let spec = BuildSpec { name: "cdk".to_owned(), project: "deploy".to_owned(), image: None };
    BuildInventory { spec, arn: "arn:aws:codebuild:eu-north-1:1:project/deploy".to_owned(), builds, image: None }
}

fn step(inventory: &BuildInventory, to: Option<&str>) -> (Step, Vec<String>) {
    match plan(inventory, to).unwrap() {
        Planned::Steps { mut steps, warnings } => (steps.remove(0), warnings),
        Planned::NothingToDo { why, .. } => panic!("nothing to do: {why}"),
    }
}

#[test]
fn a07_the_commit_of_the_last_good_build_is_built_again() {
    let (planned, warnings) = step(&inventory(history()), None);
    assert_eq!(planned.to.as_ref().unwrap().id, COMMITS[1]);
    assert_eq!(planned.from.unwrap().name(), "3c9d5e71 (build 3)");
    assert_eq!(planned.verbs, ["StartBuild"]);
    assert!(warnings.is_empty());
    // What failed is passed over, and what was built again does not count as newer.
    let mut builds = history();
    builds[1].status = "FAILED".to_owned();
    assert_eq!(step(&inventory(builds), None).0.to.unwrap().id, COMMITS[0]);
    let mut builds = history();
    builds.insert(0, build(4, 1, "SUCCEEDED", -10));
    assert_eq!(step(&inventory(builds), None).0.to.unwrap().id, COMMITS[0], "not what was taken back");
}

#[test]
fn a07_a_commit_is_named_by_its_sha() {
    assert_eq!(step(&inventory(history()), Some("1a6f3c5")).0.to.unwrap().id, COMMITS[0]);
    let fresh = "4d0e6f82b3c5d7e9f1a3b5c7d9e1f2a4b6c8d0e2";
    let (planned, warnings) = step(&inventory(Vec::new()), Some(fresh));
    assert_eq!(planned.to.unwrap().id, fresh);
    assert_eq!(warnings, ["Nothing says that 4d0e6f82 has ever been deployed well."]);
    let refused = |to| plan(&inventory(Vec::new()), to).unwrap_err().to_string();
    assert!(refused(None).contains("Name one with `to <sha>`"));
    assert!(refused(Some("4d0e6f82")).contains("whole sha"));
}

fn work() -> CommitBuild {
    CommitBuild { project: "deploy".to_owned(), commit: COMMITS[1].to_owned() }
}

fn order(number: u32) -> Do {
    let token = format!("rb-1-cdk-{number}");
    Do::StartBuild { project: "deploy".to_owned(), source_version: COMMITS[1].to_owned(), token }
}

fn act(outcome: ActOutcome) -> Act {
    Act { number: 1, attempt: 1, what: serde_json::to_value(order(1)).unwrap(), at: minutes(0), outcome }
}

fn began(build: &str) -> ActOutcome {
    let receipt = json!(Receipt { build: build.to_owned(), log: None });
    ActOutcome::Accepted { receipt, request_id: None }
}

fn judged(builds: &[Build], acts: &[Act], at: i64) -> Judgement<Do> {
    let journal = StepJournal { key: "rb-1-cdk", attempt: 1, began_at: minutes(0), acts, remedy: None };
    judge(&work(), builds, &journal, Now::real(minutes(at)))
}

fn fails(judgement: Judgement<Do>) -> Failure {
    let Judgement::Failed(failure) = judgement else { panic!("it does not fail: {judgement:?}") };
    failure
}

fn with(build: Build) -> Vec<Build> {
    let mut builds = history();
    builds.insert(0, build);
    builds
}

#[test]
fn a07_a_build_is_started_once_and_followed_by_its_phases() {
    assert_eq!(judged(&history(), &[], 0), Judgement::Act(order(1)));
    let builds = with(build(4, 1, "IN_PROGRESS", 0));
    let Judgement::Wait(progress) = judged(&builds, &[act(began("deploy:4"))], 1) else { panic!("it waits") };
    assert_eq!(progress, "build 4 of 2b7e4d60: BUILD (log: https://example.com/log)");
}

#[test]
fn a07_two_deployments_do_not_run_at_once() {
    let Judgement::Wait(progress) = judged(&with(build(4, 2, "IN_PROGRESS", -1)), &[], 0) else { panic!("it waits") };
    assert!(progress.starts_with("build 4 of 3c9d5e71 is under way"), "{progress}");
}

#[test]
fn a07_done_is_only_a_build_that_succeeded_with_the_commit_that_was_asked_for() {
    let acts = [act(began("deploy:4"))];
    assert!(matches!(judged(&with(build(4, 1, "SUCCEEDED", 0)), &acts, 9), Judgement::Done { .. }));
    let mut other = build(4, 1, "SUCCEEDED", 0);
    other.resolved = Some(COMMITS[2].to_owned());
    assert!(fails(judged(&with(other.clone()), &acts, 9)).why.contains("it built 3c9d5e71 and not 2b7e4d60"));
    other.resolved = None;
    assert_eq!(fails(judged(&with(other), &acts, 9)).finding, Finding::Inconclusive);
    let mut newer = with(build(4, 1, "SUCCEEDED", 0));
    newer.insert(0, build(5, 2, "IN_PROGRESS", 8));
    assert!(fails(judged(&newer, &acts, 9)).why.contains("build 5 of 3c9d5e71 has been started since"));
}

#[rstest]
#[case::failed("FAILED", "failed")]
#[case::fault("FAULT", "broke off on AWS's side")]
#[case::late("TIMED_OUT", "ran out of time")]
#[case::stopped("STOPPED", "was stopped by somebody")]
fn a07_a_build_that_did_not_succeed_says_how_and_where_its_log_is(#[case] status: &str, #[case] words: &str) {
    let mut ours = build(4, 1, status, 0);
    ours.errors = vec!["BUILD: COMMAND_EXECUTION_ERROR: cdk deploy: exit 1".to_owned()];
    let failure = fails(judged(&with(ours), &[act(began("deploy:4"))], 9));
    assert!(failure.why.contains(words), "{}", failure.why);
    assert_eq!(failure.details, ["BUILD: COMMAND_EXECUTION_ERROR: cdk deploy: exit 1", "Log: https://example.com/log"]);
}

#[test]
fn a_lost_reply_is_looked_for_then_sent_again_with_the_same_token_then_left_to_a_person() {
    let lost = [act(ActOutcome::Unknown)];
    let found = with(build(4, 1, "IN_PROGRESS", 0));
    assert!(matches!(judged(&found, &lost, 1), Judgement::Wait(_)));
    assert_eq!(judged(&history(), &lost, 1), Judgement::Act(order(1)));
    assert_eq!(fails(judged(&history(), &lost, 6)).finding, Finding::Inconclusive);
}

#[rstest]
#[case::no_project("ResourceNotFoundException", "no build project deploy any more")]
#[case::limit("AccountLimitExceededException", "as many builds under way as AWS allows")]
#[case::invalid("InvalidInputException", "does not take the order")]
fn every_refusal_says_what_it_means(#[case] code: &str, #[case] words: &str) {
    let mut error = AwsError::local("codebuild", "StartBuild", ErrorClass::Invalid, "AWS's own words");
    error.code = Some(code.to_owned());
    let failure = explained(&work(), &error).expect("it is explained");
    assert!(failure.why.contains(words) && failure.details[0].contains("AWS's own words"), "{failure:?}");
}
