//! What follows from a branch and its jobs.

use rstest::rstest;

use super::act::{Do, Stopping};
use super::fixtures::{
    BAD, GOOD, OLD, PLACE, act, began, following, history, job, minutes, rebuild, redeploy, retry, seen, with,
};
use super::inventory::BranchSeen;
use super::job::Job;
use super::judge::judge;
use super::news::news;
use super::refusals::explained;
use crate::aws::AwsError;
use crate::aws::error::ErrorClass;
use crate::incident::amplify::BranchJob;
use crate::incident::step::{Act, ActOutcome, Failure, Finding};
use crate::incident::time::Now;
use crate::systems::step_kind::{Judgement, StepJournal, StepKind as _};

fn judged_of(work: &BranchJob, seen: &BranchSeen, acts: &[Act], at: i64) -> Judgement<Do> {
    let journal = StepJournal { key: "rb-1-frontend", attempt: 1, began_at: minutes(0), acts, remedy: None };
    judge(work, seen, &journal, Now::real(minutes(at)))
}

fn judged(seen: &BranchSeen, acts: &[Act], at: i64) -> Judgement<Do> {
    judged_of(&rebuild(), seen, acts, at)
}

fn fails(judgement: Judgement<Do>) -> Failure {
    let Judgement::Failed(failure) = judgement else { panic!("it does not fail: {judgement:?}") };
    failure
}

fn waits(judgement: Judgement<Do>) -> String {
    let Judgement::Wait(progress) = judgement else { panic!("it does not wait: {judgement:?}") };
    progress
}

fn stop(id: &str, why: Stopping) -> Do {
    Do::Stop { app: "d1a2b3c4".to_owned(), branch: "main".to_owned(), job: id.to_owned(), why }
}

fn again(id: u64, commit: &str, status: &str) -> Job {
    Job { kind: "RETRY".to_owned(), ..job(id, commit, status, 0) }
}

fn accepted() -> [Act; 1] {
    [act(&retry(8), began("9", GOOD))]
}

fn lost() -> [Act; 1] {
    [act(&retry(8), ActOutcome::Unknown)]
}

#[test]
fn b03_a_job_is_started_once_followed_by_its_steps_and_done_when_it_is_active() {
    assert_eq!(judged(&seen(history(), 8), &[], 0), Judgement::Act(retry(8)));
    assert_eq!(
        waits(judged(&seen(history(), 8), &accepted(), 0)),
        "job 9 has begun and is about to be listed: PENDING"
    );
    let building = following(with(again(9, GOOD, "RUNNING")), 8, &[("BUILD", "SUCCEED"), ("DEPLOY", "RUNNING")]);
    assert_eq!(waits(judged(&building, &accepted(), 3)), "job 9 of 2b7e4d60: DEPLOY is RUNNING, after BUILD");
    assert_eq!(news(building.followed.as_ref().unwrap())[0].line, "job 9: BUILD succeeded");
    let almost = seen(with(again(9, GOOD, "SUCCEED")), 8);
    assert!(waits(judged(&almost, &accepted(), 4)).contains("about to become the active one"));
    let Judgement::Done { evidence, .. } = judged(&seen(with(again(9, GOOD, "SUCCEED")), 9), &accepted(), 5) else {
        panic!("it is done")
    };
    assert!(evidence[0].text.contains("is the active one (activeJobId)") && evidence[0].text.contains(GOOD));
}

#[test]
fn succeeded_is_not_active() {
    let failure = fails(judged(&seen(with(again(9, GOOD, "SUCCEED")), 8), &accepted(), 9));
    assert_eq!(failure.finding, Finding::Inconclusive);
    assert!(failure.why.contains("is not the active one. Visitors get job 8 of 3c9d5e71"), "{}", failure.why);
    let mut jobs = with(again(9, GOOD, "SUCCEED"));
    jobs.insert(0, job(10, OLD, "SUCCEED", 5));
    let failure = fails(judged(&seen(jobs, 10), &accepted(), 9));
    assert!(failure.why.contains("job 10 of 1a6f3c5d has been deployed since"), "{}", failure.why);
}

#[rstest]
#[case::head("HEAD")]
#[case::another(BAD)]
fn peer_09_a_rebuild_of_something_else_is_stopped_and_said_loudly(#[case] commit: &str) {
    let why = Stopping::BuildsSomethingElse { commit: commit.to_owned() };
    let building = seen(with(again(9, commit, "RUNNING")), 8);
    assert_eq!(judged(&building, &accepted(), 1), Judgement::Restore(stop("9", why.clone())), "at once");
    let mut acts = accepted().to_vec();
    acts.push(act(&stop("9", why), began("9", commit)));
    assert!(waits(judged(&building, &acts, 0)).contains("is about to be stopped"));
    let failure = fails(judged(&seen(with(again(9, commit, "CANCELLED")), 8), &acts, 2));
    assert!(
        failure.why.starts_with("Amplify lost the commit: job 9 of main of shop should have built 2b7e4d60"),
        "{}",
        failure.why
    );
    assert!(failure.why.contains("stopped before it went live. Visitors get job 8"), "{}", failure.why);
    assert!(failure.advice.contains("Roll back to another job"), "{}", failure.advice);
}

#[test]
fn peer_09_a_rebuild_of_something_else_that_went_live_is_never_done() {
    let failure = fails(judged(&seen(with(again(9, BAD, "SUCCEED")), 9), &accepted(), 9));
    assert!(failure.why.contains("built 3c9d5e71 instead, and is live now"), "{}", failure.why);
    assert_eq!(failure.finding, Finding::Wrong);
    let failure = fails(judged(&seen(with(again(9, "", "SUCCEED")), 9), &accepted(), 9));
    assert_eq!(failure.finding, Finding::Inconclusive, "no word is no proof");
}

#[test]
fn what_is_in_the_way_is_stopped_newest_first_and_waited_for() {
    let mut jobs = with(job(9, OLD, "RUNNING", -1));
    jobs.insert(0, job(10, BAD, "PENDING", -1));
    assert_eq!(judged(&seen(jobs.clone(), 8), &[], 0), Judgement::Act(stop("10", Stopping::InTheWay)));
    jobs[0].status = "CANCELLING".to_owned();
    assert_eq!(waits(judged(&seen(jobs.clone(), 8), &[], 0)), "job 10 of 3c9d5e71 is being stopped");
    jobs[0].status = "CANCELLED".to_owned();
    assert_eq!(judged(&seen(jobs.clone(), 8), &[], 0), Judgement::Act(stop("9", Stopping::InTheWay)));
    jobs[1].status = "CANCELLED".to_owned();
    assert_eq!(judged(&seen(jobs, 8), &[], 0), Judgement::Act(retry(10)));
}

#[test]
fn a_push_behind_ours_is_stopped_before_it_is_done() {
    let mut jobs = with(again(9, GOOD, "SUCCEED"));
    jobs.insert(0, job(10, BAD, "RUNNING", 4));
    assert_eq!(judged(&seen(jobs, 9), &accepted(), 5), Judgement::Act(stop("10", Stopping::InTheWay)));
}

#[test]
fn a_push_that_merely_runs_is_told_as_what_it_is() {
    let mut jobs = with(again(9, GOOD, "SUCCEED"));
    jobs.insert(0, job(10, BAD, "RUNNING", 4));
    let in_the_way = stop("10", Stopping::InTheWay);
    let failure = rebuild().threatened(&seen(jobs.clone(), 9), &in_the_way).expect("it is told");
    assert_eq!(
        failure.why,
        "Job 10 of 3c9d5e71 (“change 10”) has begun on main of shop and is RUNNING. When it succeeds, visitors get it and \
         not 2b7e4d60 any more; until then they get job 9 of 2b7e4d60."
    );
    assert_eq!(failure.finding, Finding::Inconclusive);
    assert!(failure.advice.starts_with("Retry stops job 10"), "{}", failure.advice);
    // Where something else is live already, or has to be built, it is no mere threat.
    assert_eq!(rebuild().threatened(&seen(jobs.clone(), 8), &in_the_way), None);
    assert_eq!(rebuild().threatened(&seen(jobs, 9), &retry(9)), None);
}

#[test]
fn what_is_wanted_and_live_already_needs_no_build() {
    let jobs = vec![job(8, BAD, "CANCELLED", -2), job(7, GOOD, "SUCCEED", -4_000)];
    assert!(matches!(judged(&seen(jobs, 7), &[], 0), Judgement::Done { .. }));
    // Somebody has the same built already: it is followed, and no second one is begun.
    assert!(waits(judged(&seen(with(again(9, GOOD, "RUNNING")), 8), &[], 0)).starts_with("job 9 of 2b7e4d60"));
    assert!(waits(judged(&seen(with(again(9, GOOD, "SUCCEED")), 8), &[], 4)).contains("become the active one"));
}

#[test]
fn a_lost_reply_is_looked_for_before_anything_is_done_again() {
    assert!(waits(judged(&seen(history(), 8), &lost(), 0)).contains("the reply was lost"));
    let found = seen(with(again(9, GOOD, "RUNNING")), 8);
    assert!(waits(judged(&found, &lost(), 1)).starts_with("job 9 of 2b7e4d60"));
    // Amplify takes no second job while one is open, so what is not there after a while was never begun.
    assert_eq!(judged(&seen(history(), 8), &lost(), 1), Judgement::Act(retry(8)));
    let wrong = seen(with(again(9, BAD, "RUNNING")), 8);
    let why = Stopping::BuildsSomethingElse { commit: BAD.to_owned() };
    assert_eq!(judged(&wrong, &lost(), 1), Judgement::Restore(stop("9", why)));
    // An older one of the same commit is not ours.
    let older = seen(vec![again(8, GOOD, "FAILED"), job(7, GOOD, "SUCCEED", -99)], 7);
    assert!(!matches!(judged(&older, &lost(), 0), Judgement::Failed(_)));
}

#[test]
fn what_an_earlier_attempt_began_is_followed_on() {
    let journal_of_two = |acts: &[Act], seen: &BranchSeen| {
        let journal = StepJournal { key: "k", attempt: 2, began_at: minutes(0), acts, remedy: None };
        judge(&rebuild(), seen, &journal, Now::real(minutes(5)))
    };
    let acts = accepted();
    assert!(waits(journal_of_two(&acts, &seen(with(again(9, GOOD, "RUNNING")), 8))).starts_with("job 9"));
    assert_eq!(journal_of_two(&acts, &seen(with(again(9, GOOD, "FAILED")), 8)), Judgement::Act(retry(9)));
}

#[test]
fn a_failed_job_names_its_step_and_its_log() {
    let seen = following(with(again(9, GOOD, "FAILED")), 8, &[("BUILD", "FAILED"), ("DEPLOY", "CANCELLED")]);
    let failure = fails(judged(&seen, &accepted(), 5));
    assert_eq!(failure.why, "Job 9 of 2b7e4d60 of main of shop failed in BUILD. Visitors get job 8 of 3c9d5e71.");
    assert_eq!(failure.details, ["BUILD: npm run build: exit 1", "Log of BUILD: https://example.com/BUILD.txt"]);
    let failure = fails(judged(&super::fixtures::seen(with(again(9, GOOD, "CANCELLED")), 8), &accepted(), 5));
    assert!(failure.why.contains("was stopped by somebody"), "{}", failure.why);
}

#[test]
fn files_are_deployed_from_their_place_and_proved_by_it() {
    let uploaded =
        |status: &str| Job { kind: "MANUAL".to_owned(), source: Some(PLACE.to_owned()), ..job(9, "", status, 0) };
    let Judgement::Act(order) = judged_of(&redeploy(), &seen(history(), 8), &[], 0) else { panic!("it acts") };
    assert_eq!(serde_json::to_value(&order).unwrap()["verb"], "StartDeployment");
    let acts = [act(&order, began("9", ""))];
    assert!(waits(judged_of(&redeploy(), &seen(with(uploaded("RUNNING")), 8), &acts, 1)).starts_with("job 9"));
    assert!(matches!(judged_of(&redeploy(), &seen(with(uploaded("SUCCEED")), 9), &acts, 5), Judgement::Done { .. }));
    let acts = [act(&order, ActOutcome::Unknown)];
    assert!(waits(judged_of(&redeploy(), &seen(with(uploaded("RUNNING")), 8), &acts, 1)).starts_with("job 9"));
}

#[test]
fn a_journal_that_cannot_be_read_is_left_to_a_person() {
    let acts = [act(&serde_json::json!({"verb": "Other"}), ActOutcome::Unknown)];
    assert_eq!(fails(judged(&seen(history(), 8), &acts, 1)).finding, Finding::Inconclusive);
}

#[rstest]
#[case("BadRequestException", "does not take the order")]
#[case("NotFoundException", "does not know the app")]
#[case("UnauthorizedException", "does not let Rollbot in")]
#[case("LimitExceededException", "another job open on this branch")]
#[case("DependentServiceFailureException", "a service that it needs failed")]
#[case("InternalFailureException", "failed on its own side")]
fn every_refusal_says_what_it_means(#[case] code: &str, #[case] words: &str) {
    let mut error = AwsError::local("amplify", "StartJob", ErrorClass::Invalid, "AWS's own words");
    error.code = Some(code.to_owned());
    let failure = explained(&error).expect("it is explained");
    assert!(failure.why.contains(words) && failure.details[0].contains("AWS's own words"), "{failure:?}");
    assert!(ErrorClass::of_code(code).is_some());
}
