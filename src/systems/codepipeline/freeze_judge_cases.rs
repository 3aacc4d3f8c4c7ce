//! The table of the judge: what is seen and was done, and what follows.

use jiff::{SignedDuration, Timestamp};
use rstest::rstest;
use serde_json::{Value, json};

use super::freeze::FreezeOrder;
use super::freeze_act::{Do, Receipt, Revision};
use super::freeze_judge::judge;
use super::freeze_look::{Entrance, Good, StageSeen};
use crate::incident::freeze::{Direction, Execution, HoldOutput, Then, Transition};
use crate::incident::ids::FreezeId;
use crate::incident::step::{Act, ActOutcome};
use crate::incident::time::Now;
use crate::incident::work::Stop;
use crate::systems::step_kind::{Judgement, StepJournal};

fn start() -> Timestamp {
    "2026-11-01T12:00:00Z".parse().unwrap()
}

fn order(direction: Direction, stop: Stop) -> FreezeOrder {
    FreezeOrder {
        id: FreezeId::new("fz-7k3fq"),
        pipeline: "shop-prod".into(),
        stage: "Deploy".into(),
        region: "eu-north-1".into(),
        direction,
        stop,
        reason: "Rollbot fz-7k3fq by anna".into(),
        failing: Some("e-42".into()),
    }
}

const HOLD: Direction = Direction::Hold;
const LIFT: Direction = Direction::Lift { then: Then::Nothing };
const RERUN: Direction = Direction::Lift { then: Then::Rerun };

fn execution(id: &str, status: &str) -> Execution {
    Execution { id: id.into(), status: status.into(), revision: Some("9a8b7c6d".into()), summary: None, url: None }
}

fn seen(entrance: Entrance, inside: Option<Execution>) -> StageSeen {
    StageSeen { entrance, inside, approvals: Vec::new(), in_front: None, again: None }
}

fn open() -> Entrance {
    Entrance::Open { by: Some("ci".into()) }
}

fn ours() -> Entrance {
    Entrance::Disabled { reason: Some("Rollbot fz-7k3fq by anna".into()), by: Some("rollbot".into()) }
}

fn theirs() -> Entrance {
    Entrance::Disabled { reason: Some("Christmas".into()), by: Some("dora".into()) }
}

fn disable() -> Do {
    Do::Disable { pipeline: "shop-prod".into(), stage: "Deploy".into(), reason: "Rollbot fz-7k3fq by anna".into() }
}

fn enable() -> Do {
    Do::Enable { pipeline: "shop-prod".into(), stage: "Deploy".into(), lets_in: None }
}

fn stop_it() -> Do {
    Do::Stop { pipeline: "shop-prod".into(), execution: "e-42".into(), reason: "Rollbot fz-7k3fq by anna".into() }
}

fn start_again() -> Do {
    with_token(Some("fz-7k3fq-1"))
}

fn with_token(token: Option<&str>) -> Do {
    let revisions = vec![Revision { action: "Source".into(), kind: "COMMIT_ID".into(), value: "41aa".into() }];
    let token = token.map(str::to_owned);
    Do::Start { pipeline: "shop-prod".into(), like: "e-41".into(), revisions, token }
}

/// What came of an act, and how many seconds before the look it was.
#[derive(Debug, Clone)]
enum Came {
    Lost(i64),
    Refused(i64),
    Taken(i64, Receipt),
}

fn acts(done: &[(Do, Came)]) -> Vec<Act> {
    (1..)
        .zip(done)
        .map(|(number, (what, came))| {
            let (ago, outcome) = match came {
                Came::Lost(ago) => (*ago, ActOutcome::Unknown),
                Came::Refused(ago) => (*ago, ActOutcome::Refused { why: "Rate exceeded".to_owned() }),
                Came::Taken(ago, receipt) => {
                    let receipt = serde_json::to_value(receipt).unwrap();
                    (*ago, ActOutcome::Accepted { receipt, request_id: None })
                }
            };
            let at = start() - SignedDuration::from_secs(ago);
            Act { number, attempt: 1, what: serde_json::to_value(what).unwrap(), at, outcome }
        })
        .collect()
}

fn judged(order: &FreezeOrder, seen: &StageSeen, done: &[(Do, Came)]) -> Judgement<Do> {
    let acts = acts(done);
    let journal = StepJournal { key: "fz-7k3fq", attempt: 1, began_at: start(), acts: &acts, remedy: None };
    judge(order, seen, &journal, Now::real(start()))
}

/// A judgement in one word and its sentence, for the table.
fn brief(judgement: Judgement<Do>) -> (String, String) {
    match judgement {
        Judgement::Act(what) | Judgement::Restore(what) => {
            let what = serde_json::to_value(what).unwrap();
            ("act".to_owned(), what["verb"].as_str().unwrap().to_owned())
        }
        Judgement::Wait(text) => ("wait".to_owned(), text),
        Judgement::Failed(failure) => ("failed".to_owned(), failure.why),
        Judgement::Done { evidence, .. } => {
            ("done".to_owned(), evidence.iter().map(|e| e.text.as_str()).collect::<Vec<_>>().join(" / "))
        }
        Judgement::Holding { progress, .. } => ("holding".to_owned(), progress),
    }
}

#[rstest]
#[case::open(HOLD, Stop::Leave, open(), None, &[], "act", "DisableStageTransition")]
#[case::just_disabled_and_not_shown(HOLD, Stop::Leave, open(), None, &[(disable(), Came::Taken(5, Receipt::Changed))], "wait", "show the transition")]
#[case::reply_lost_just_now(HOLD, Stop::Leave, open(), None, &[(disable(), Came::Lost(5))], "wait", "show the transition")]
#[case::reply_lost_and_without_effect(HOLD, Stop::Leave, open(), None, &[(disable(), Came::Lost(60))], "act", "DisableStageTransition")]
#[case::reply_lost_and_it_shows(HOLD, Stop::Leave, ours(), None, &[(disable(), Came::Lost(1))], "done", "Nothing enters Deploy of shop-prod")]
#[case::opened_by_somebody(HOLD, Stop::Leave, open(), None, &[(disable(), Came::Taken(60, Receipt::Changed))], "failed", "it is open again: ci changed it last")]
#[case::an_opening_may_still_arrive(HOLD, Stop::Leave, ours(), None, &[(disable(), Came::Taken(90, Receipt::Changed)), (enable(), Came::Lost(5))], "wait", "show the transition")]
#[case::somebody_elses(HOLD, Stop::Leave, theirs(), None, &[], "done", "was disabled before by dora (“Christmas”). It stays disabled")]
#[case::goes_on_inside(HOLD, Stop::Leave, ours(), Some(execution("e-42", "InProgress")), &[], "done", "e-42 (commit 9a8b7c6d) is in Deploy and goes on")]
#[case::failed_inside(HOLD, Stop::Stop, ours(), Some(execution("e-42", "Failed")), &[], "done", "The execution in Deploy was e-42 (commit 9a8b7c6d): Failed.")]
#[case::to_be_stopped(HOLD, Stop::Stop, ours(), Some(execution("e-42", "InProgress")), &[], "act", "StopPipelineExecution")]
#[case::stop_just_lost(HOLD, Stop::Stop, ours(), Some(execution("e-42", "InProgress")), &[(stop_it(), Came::Lost(5))], "wait", "is being stopped: InProgress")]
#[case::stop_lost_without_effect(HOLD, Stop::Stop, ours(), Some(execution("e-42", "InProgress")), &[(stop_it(), Came::Lost(60))], "act", "StopPipelineExecution")]
#[case::stopping(HOLD, Stop::Stop, ours(), Some(execution("e-42", "Stopping")), &[(stop_it(), Came::Taken(60, Receipt::Stopping))], "wait", "is being stopped: Stopping")]
#[case::stopped(HOLD, Stop::Stop, ours(), Some(execution("e-42", "Stopped")), &[(stop_it(), Came::Taken(60, Receipt::Stopping))], "done", "Rollbot stopped execution e-42")]
#[case::finished_before_it_was_stopped(HOLD, Stop::Stop, ours(), Some(execution("e-42", "Succeeded")), &[(stop_it(), Came::Taken(60, Receipt::Stopping))], "done", "stopped in Deploy, and what had begun there ended first: Succeeded.")]
#[case::over_when_it_was_stopped(HOLD, Stop::Stop, ours(), Some(execution("e-42", "Succeeded")), &[(stop_it(), Came::Taken(60, Receipt::AlreadyOver))], "done", "was e-42 (commit 9a8b7c6d): Succeeded")]
#[case::lift_ours(LIFT, Stop::Leave, ours(), None, &[(disable(), Came::Taken(90, Receipt::Changed))], "act", "EnableStageTransition")]
#[case::lift_theirs(LIFT, Stop::Leave, theirs(), None, &[], "done", "stays disabled, because somebody else did that: dora (“Christmas”)")]
#[case::lift_open(LIFT, Stop::Leave, open(), None, &[(disable(), Came::Taken(90, Receipt::Changed))], "done", "was open already, by ci; Rollbot changed nothing")]
#[case::lift_done(LIFT, Stop::Leave, open(), None, &[(enable(), Came::Taken(1, Receipt::Changed))], "done", "the transition is enabled")]
#[case::lift_lost_and_it_shows(LIFT, Stop::Leave, open(), None, &[(enable(), Came::Lost(1))], "done", "the transition is enabled")]
#[case::lift_lost_just_now(LIFT, Stop::Leave, ours(), None, &[(enable(), Came::Lost(1))], "wait", "show the transition")]
#[case::lift_lost_without_effect(LIFT, Stop::Leave, ours(), None, &[(enable(), Came::Lost(60))], "act", "EnableStageTransition")]
#[case::a_hold_may_still_arrive(LIFT, Stop::Leave, open(), None, &[(disable(), Came::Lost(1))], "wait", "show the transition")]
fn the_table(
    #[case] direction: Direction,
    #[case] stop: Stop,
    #[case] entrance: Entrance,
    #[case] inside: Option<Execution>,
    #[case] done: &[(Do, Came)],
    #[case] judgement: &str,
    #[case] says: &str,
) {
    let (found, text) = brief(judged(&order(direction, stop), &seen(entrance, inside), done));
    assert_eq!(found, judgement, "{text}");
    assert!(text.contains(says), "{text}");
}

#[test]
fn what_is_to_be_restored_is_put_out() {
    let output = |entrance, done: &[(Do, Came)]| {
        let seen = seen(entrance, Some(execution("e-42", "Stopped")));
        let Judgement::Done { output, .. } = judged(&order(HOLD, Stop::Stop), &seen, done) else { panic!("not done") };
        serde_json::from_value::<HoldOutput>(output).unwrap()
    };
    let own = output(ours(), &[(stop_it(), Came::Taken(60, Receipt::Stopping))]);
    assert_eq!((own.transition, own.stopped.as_deref()), (Transition::ByRollbot, Some("e-42")));
    let other = output(theirs(), &[]);
    let before = Transition::Before { reason: Some("Christmas".into()), by: Some("dora".into()) };
    assert_eq!((other.transition, other.stopped), (before, None));
}

#[test]
fn a_manual_approval_inside_is_reported_with_its_link_and_not_waited_for() {
    let mut inside = seen(ours(), Some(execution("e-42", "InProgress")));
    inside.approvals = vec!["GoLive".into()];
    let (found, text) = brief(judged(&order(HOLD, Stop::Leave), &inside, &[]));
    assert_eq!(found, "done");
    assert!(text.contains("waits for the manual approval GoLive"), "{text}");
    assert!(text.contains("https://eu-north-1.console.aws.amazon.com/codesuite/codepipeline/pipelines/shop-prod/view"));
    inside.inside = Some(execution("e-42", "Stopping"));
    let (found, text) = brief(judged(&order(HOLD, Stop::Stop), &inside, &[]));
    assert_eq!(found, "done", "{text}");
    assert!(text.contains("nothing begins after that"), "{text}");
}

fn with_good() -> StageSeen {
    let Do::Start { revisions, .. } = start_again() else { panic!("it is a start") };
    StageSeen { again: Some(Good { execution: execution("e-41", "Succeeded"), revisions }), ..seen(open(), None) }
}

#[rstest]
#[case::first(with_good(), &[], "act", "StartPipelineExecution")]
#[case::started(with_good(), &[(start_again(), Came::Taken(5, Receipt::Started { execution: "e-43".into() }))], "done", "e-41 runs again, as e-43")]
#[case::lost_just_now(with_good(), &[(start_again(), Came::Lost(5))], "act", "StartPipelineExecution")]
#[case::lost_for_long(with_good(), &[(start_again(), Came::Lost(60))], "act", "StartPipelineExecution")]
#[case::lost_and_sent_again(with_good(), &[(start_again(), Came::Lost(60)), (start_again(), Came::Taken(5, Receipt::Started { execution: "e-43".into() }))], "done", "e-41 runs again, as e-43")]
#[case::refused(with_good(), &[(start_again(), Came::Taken(5, Receipt::NotStarted { why: "too many".into() }))], "done", "could not be run again: too many")]
#[case::nothing_good(seen(open(), None), &[], "done", "no earlier execution that succeeded in Deploy")]
fn the_latest_good_execution_runs_again_once(
    #[case] seen: StageSeen,
    #[case] done: &[(Do, Came)],
    #[case] judgement: &str,
    #[case] says: &str,
) {
    let (found, text) = brief(judged(&order(RERUN, Stop::Leave), &seen, done));
    assert_eq!(found, judgement, "{text}");
    assert!(text.contains(says), "{text}");
}

/// However long ago its reply was lost, whatever came between, and whichever version recorded it: a start whose outcome
/// nobody knows is sent again as it was, and never as a new one.
#[rstest]
#[case::just_now(&[(start_again(), Came::Lost(5))], "fz-7k3fq-1")]
#[case::long_ago(&[(start_again(), Came::Lost(600))], "fz-7k3fq-1")]
#[case::twice(&[(start_again(), Came::Lost(600)), (start_again(), Came::Lost(60))], "fz-7k3fq-1")]
#[case::after_an_opening(&[(enable(), Came::Taken(90, Receipt::Changed)), (with_token(None), Came::Lost(60))], "fz-7k3fq-2")]
#[case::throttled_when_it_was_sent_again(&[(start_again(), Came::Lost(60)), (start_again(), Came::Refused(5))], "fz-7k3fq-1")]
fn a_start_whose_reply_was_lost_is_sent_again_with_its_own_token(#[case] done: &[(Do, Came)], #[case] token: &str) {
    let again = judged(&order(RERUN, Stop::Leave), &with_good(), done);
    assert_eq!(again, Judgement::Act(with_token(Some(token))));
}

#[test]
fn a_start_that_was_refused_is_another_one_next_time() {
    let again = judged(&order(RERUN, Stop::Leave), &with_good(), &[(start_again(), Came::Refused(5))]);
    assert_eq!(again, Judgement::Act(with_token(Some("fz-7k3fq-2"))));
}

#[test]
fn an_act_of_another_version_is_left_to_a_person() {
    let acts =
        [Act { number: 1, attempt: 1, what: json!({ "verb": "Dance" }), at: start(), outcome: ActOutcome::Unknown }];
    let journal = StepJournal { key: "fz-7k3fq", attempt: 1, began_at: start(), acts: &acts, remedy: None };
    let judgement = judge(&order(HOLD, Stop::Leave), &seen(open(), None), &journal, Now::real(start()));
    assert_eq!(brief(judgement).0, "failed");
    assert_eq!(serde_json::to_value(disable()).unwrap()["verb"], Value::from("DisableStageTransition"));
}
