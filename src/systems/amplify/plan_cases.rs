//! What is planned for a branch.

use rstest::rstest;

use super::app::Origin;
use super::fixtures::{BAD, GOOD, OLD, PLACE, history, inventory, job, with};
use super::inventory::{BranchInventory, Pushes};
use super::job::Job;
use super::plan::{past, plan, releases};
use crate::incident::amplify::{AmplifyWork, JobWay};
use crate::incident::plan::Step;
use crate::incident::work::Work;
use crate::systems::planned::{Planned, ReleaseStatus, Usable};

fn connected(jobs: Vec<Job>, active: u64) -> BranchInventory {
    inventory(Origin::Repository, jobs, Some(active))
}

fn planned(inventory: &BranchInventory, to: Option<&str>) -> (Step, String) {
    match plan(inventory, to).unwrap() {
        Planned::Steps { mut steps, warnings } => (steps.remove(0), warnings.join("\n")),
        Planned::NothingToDo { why, .. } => panic!("nothing to do: {why}"),
    }
}

fn nothing(inventory: &BranchInventory, to: Option<&str>) -> String {
    match plan(inventory, to).unwrap() {
        Planned::Steps { steps, .. } => panic!("there is something to do: {steps:?}"),
        Planned::NothingToDo { why, .. } => why,
    }
}

fn refused(inventory: &BranchInventory, to: Option<&str>) -> String {
    plan(inventory, to).unwrap_err().to_string()
}

fn goal(inventory: &BranchInventory, to: Option<&str>) -> String {
    planned(inventory, to).0.to.unwrap().id
}

#[test]
fn b03_the_last_good_job_before_the_active_one_is_built_again() {
    let (step, warnings) = planned(&connected(history(), 8), None);
    assert_eq!(step.from.unwrap().name(), "3c9d5e71 (job 8: change 8)");
    assert_eq!(step.to.unwrap().name(), "2b7e4d60 (job 7: change 7)");
    assert_eq!(step.verbs, ["StartJob", "StopJob"]);
    assert_eq!(step.estimate.as_secs(), 240, "as long as it took");
    assert!(step.chosen.unwrap().contains("builds and deploys 2b7e4d60 again (StartJob RETRY)"));
    for said in ["no instant rollback", "whole build", "job 7 took 4 min", "environment variables", "deploys a backend"]
    {
        assert!(warnings.contains(said), "{said} is not in {warnings}");
    }
    let Work::Amplify(AmplifyWork::Branch(work)) = step.work else { panic!("it is a branch") };
    assert_eq!((work.job.as_str(), work.way), ("7", JobWay::Rebuild { commit: GOOD.to_owned() }));
}

#[test]
fn going_back_twice_leads_further_back_and_not_into_what_was_taken_away() {
    let mut again = job(9, GOOD, "SUCCEED", -1);
    again.kind = "RETRY".to_owned();
    assert_eq!(goal(&connected(with(again), 9), None), "6", "neither 8, which was bad, nor 7, which is the same");
}

#[test]
fn what_failed_or_was_stopped_is_no_release() {
    let mut jobs = history();
    jobs[1].status = "FAILED".to_owned();
    assert_eq!(goal(&connected(jobs.clone(), 8), None), "6");
    jobs[2].status = "CANCELLED".to_owned();
    let sentence = refused(&connected(jobs.clone(), 8), None);
    assert!(
        sentence.starts_with("No previous Amplify deployment found: no job of main of shop succeeded before job 8"),
        "{sentence}"
    );
    assert!(sentence.contains("Push a commit"), "{sentence}");
    assert!(refused(&connected(jobs, 8), Some("job-7")).contains("failed, so it was never live"));
}

#[rstest]
#[case::failed("FAILED")]
#[case::stopped("CANCELLED")]
fn a_first_try_of_the_live_commit_that_was_never_live_hides_no_good_job(#[case] status: &str) {
    let mut jobs = history();
    jobs.insert(2, job(5, BAD, status, -5_000));
    jobs[3].id = "4".to_owned();
    assert_eq!(goal(&connected(jobs, 8), None), "7", "it went live before job 8 and after nothing of that commit");
}

#[test]
fn b07_no_previous_deployment_is_answered_by_what_to_do() {
    let first = connected(vec![job(1, BAD, "SUCCEED", -9)], 1);
    assert!(refused(&first, None).contains("No previous Amplify deployment found"));
    let none = inventory(Origin::Repository, Vec::new(), None);
    let sentence = refused(&none, None);
    assert!(
        sentence.contains("no job of main of shop has succeeded. Push a commit that is known to be good"),
        "{sentence}"
    );
}

#[test]
fn peer_09_a_job_without_a_commit_is_passed_over_and_said() {
    let mut jobs = history();
    jobs[1].commit_id = "HEAD".to_owned();
    jobs[1].kind = "WEB_HOOK".to_owned();
    let (step, warnings) = planned(&connected(jobs.clone(), 8), None);
    assert_eq!(step.to.unwrap().id, "6");
    assert!(warnings.contains("Job 7 is passed over: Amplify does not say which commit it built"), "{warnings}");
    let sentence = refused(&connected(jobs.clone(), 8), Some("7"));
    assert!(sentence.contains("would build the newest one instead"), "{sentence}");
    jobs.truncate(2);
    assert!(refused(&connected(jobs, 8), None).contains("No previous Amplify deployment found that can be repeated"));
}

#[rstest]
#[case::number("7", "7")]
#[case::name("job-7", "7")]
#[case::spoken("Job 6", "6")]
#[case::sha("2b7e4d6", "7")]
#[case::previous("previous", "7")]
fn a_release_has_many_names(#[case] to: &str, #[case] id: &str) {
    assert_eq!(goal(&connected(history(), 8), Some(to)), id);
}

#[test]
fn what_names_nothing_says_what_would() {
    let sentence = refused(&connected(history(), 8), Some("v41"));
    assert!(sentence.contains("`v41` names no job of main of shop. Write a job (`job-7`)"), "{sentence}");
    let two = vec![job(8, "abcdef12", "SUCCEED", -9), job(7, "abcdef13", "SUCCEED", -99)];
    assert_eq!(refused(&connected(two, 8), Some("abcdef1")), "`abcdef1` names 2 commits. Write more of it.");
}

#[test]
fn a_job_under_way_is_stopped_first_and_the_active_one_counts() {
    let (step, warnings) = planned(&connected(with(job(9, OLD, "RUNNING", -1)), 8), None);
    assert_eq!((step.from.unwrap().id.as_str(), step.to.unwrap().id.as_str()), ("8", "7"));
    assert!(warnings.contains("Job 9 of 1a6f3c5d is under way (RUNNING) and is stopped first"), "{warnings}");
    // What somebody wants is live already, and something else is on its way: only that is stopped.
    let (step, warnings) = planned(&connected(with(job(9, OLD, "RUNNING", -1)), 8), Some("8"));
    assert!(step.chosen.unwrap().contains("Visitors get it already; what is under way is stopped"));
    assert!(!warnings.contains("whole build"), "{warnings}");
    assert!(nothing(&connected(history(), 8), Some("8")).contains("is what visitors of main of shop get now"));
}

#[test]
fn a_deployment_that_failed_was_never_live() {
    let failed = connected(with(job(9, OLD, "FAILED", -9)), 8);
    let why = nothing(&failed, None);
    assert!(
        why.starts_with("Job 9 of 1a6f3c5d of main of shop failed and was never live: visitors still get job 8"),
        "{why}"
    );
    assert_eq!(goal(&failed, Some("job-7")), "7", "whoever wants to leave that one as well says so");
}

#[test]
fn an_attempt_to_go_back_that_failed_is_said_and_may_be_tried_again() {
    let failed = Job { kind: "RETRY".to_owned(), ..job(9, GOOD, "FAILED", -9) };
    let (step, warnings) = planned(&connected(with(failed), 8), None);
    assert_eq!(step.to.unwrap().id, "7");
    assert!(warnings.contains("Job 9 was the same, and failed"), "{warnings}");
    let under_way = Job { kind: "RETRY".to_owned(), ..job(9, GOOD, "RUNNING", -9) };
    let (_, warnings) = planned(&connected(with(under_way), 8), None);
    assert!(warnings.contains("Job 9 of 2b7e4d60 brings the same already; it is followed"), "{warnings}");
}

#[test]
fn files_are_deployed_from_where_they_lie_or_not_at_all() {
    let mut jobs = history();
    for job in &mut jobs {
        job.kind = "MANUAL".to_owned();
        job.commit_id = String::new();
    }
    let by_hand = inventory(Origin::Uploads, jobs.clone(), Some(8));
    let sentence = refused(&by_hand, None);
    assert!(sentence.contains("The files of job 7 of main of shop were uploaded by hand"), "{sentence}");
    assert!(sentence.contains("Upload that build once more"), "{sentence}");
    assert_eq!(releases(&by_hand)[1].usable, Usable::NotRepeatable);
    jobs[1].source = Some(PLACE.to_owned());
    let (step, warnings) = planned(&inventory(Origin::Uploads, jobs, Some(8)), None);
    assert_eq!((step.verbs[0].as_str(), step.to.unwrap().id.as_str()), ("StartDeployment", "7"));
    assert_eq!(warnings, "", "nothing is built");
}

#[test]
fn what_comes_over_it_and_goes_with_it_is_said() {
    let mut inventory = connected(history(), 8);
    inventory.branch.pushes = Pushes::Deploy;
    inventory.branch.backend = Some("amplify-shop-main".to_owned());
    inventory.jobs[1].kind = "WEB_HOOK".to_owned();
    let (_, warnings) = planned(&inventory, None);
    for said in
        ["A push to main is deployed over this", "main has a backend (amplify-shop-main)", "started by a webhook"]
    {
        assert!(warnings.contains(said), "{said} is not in {warnings}");
    }
}

#[test]
fn b08_the_history_is_told_with_what_runs_now() {
    let lines = releases(&connected(with(job(9, OLD, "FAILED", -9)), 8));
    let told: Vec<_> = lines.iter().map(|line| (line.release.name(), line.status)).collect();
    assert_eq!(told[0], ("1a6f3c5d (job 9: change 9)".to_owned(), ReleaseStatus::Failed));
    assert_eq!(told[1], ("3c9d5e71 (job 8: change 8)".to_owned(), ReleaseStatus::RunsNow));
    assert_eq!(told[2], ("2b7e4d60 (job 7: change 7)".to_owned(), ReleaseStatus::Good));
    assert_eq!(past(&connected(history(), 8)).len(), 3);
}
