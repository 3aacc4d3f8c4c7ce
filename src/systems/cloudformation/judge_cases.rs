//! The table of `judge`: what was seen, what was done, and what follows.

use jiff::Timestamp;
use rstest::rstest;
use serde_json::json;

use super::act::{Do, Order, Receipt, Taken};
use super::content::tests::content;
use super::events::StackEvent;
use super::events::tests::{STACK, event};
use super::inventory::{SeenChangeSet, StackResource};
use super::judge::judge;
use super::observe::Seen;
use super::status::Status;
use crate::incident::ids::Digest;
use crate::incident::release::Release;
use crate::incident::stack::{ChangeSet, StackWay, StackWork};
use crate::incident::step::{Act, ActOutcome, Failure, Finding};
use crate::incident::time::Now;
use crate::systems::step_kind::{Judgement, StepJournal, StepKind as _};

const KEY: &str = "rb-7k3fq-api";
const NOW: &str = "2026-11-21T12:01:00Z";
const SET: &str = "arn:aws:cloudformation:eu-north-1:123456789012:changeSet/rollbot-rb-7k3fq-1/1";

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

fn work(way: StackWay) -> StackWork {
    let content = (way != StackWay::Delete).then(|| Digest::new("v41"));
    StackWork { stack: STACK.to_owned(), name: "shop-api".to_owned(), way, content }
}

fn change_set() -> StackWay {
    StackWay::ChangeSet(ChangeSet { arn: Some(SET.to_owned()), changes: Vec::new() })
}

/// The release whose template and parameters are called `version`.
fn runs(version: &str) -> Release {
    Release { id: version.to_owned(), version: Some(version.to_owned()), ..content(version).release(None) }
}

/// The stack in `status`, before anything was done. Event 1 is the newest.
fn seen(status: &str) -> Seen {
    Seen {
        status: Status::of(status),
        reason: None,
        events: vec![event("1", "shop-api", status, "", "theirs")],
        deployed: Some(runs("v42")),
        stuck: Vec::new(),
        nested_cause: None,
        change_set: Some(SeenChangeSet {
            arn: SET.to_owned(),
            status: "CREATE_COMPLETE".to_owned(),
            execution: "AVAILABLE".to_owned(),
            reason: None,
            changes: Vec::new(),
        }),
    }
}

/// The stack in `status` with these events of the stack itself since event 1, oldest first: status and token.
fn moved(status: &str, since: &[(&str, &str)]) -> Seen {
    let mut seen = seen("UPDATE_IN_PROGRESS");
    seen.status = Status::of(status);
    for (number, (status, token)) in since.iter().enumerate() {
        seen.events.insert(0, event(&(number + 2).to_string(), "shop-api", status, "", token));
    }
    seen
}

fn order(number: u32) -> Order {
    Order { stack: STACK.to_owned(), token: format!("{KEY}-{number}"), after: Some("1".to_owned()) }
}

fn cancel() -> Do {
    Do::Cancel(order(1))
}

fn go_on(number: u32) -> Do {
    Do::Continue { order: order(number), skip: Vec::new() }
}

fn execute() -> Do {
    Do::Execute { order: order(1), change_set: SET.to_owned() }
}

fn accepted() -> ActOutcome {
    let receipt = serde_json::to_value(Receipt { operation: None, taken: Taken::Now }).unwrap();
    ActOutcome::Accepted { receipt, request_id: None }
}

fn act(number: u32, what: &Do, outcome: ActOutcome) -> Act {
    Act { number, attempt: 1, what: serde_json::to_value(what).unwrap(), at: at("2026-11-21T12:00:50Z"), outcome }
}

fn judged(way: StackWay, seen: &Seen, acts: &[Act]) -> Judgement<Do> {
    judged_at(NOW, way, seen, acts)
}

fn judged_at(now: &str, way: StackWay, seen: &Seen, acts: &[Act]) -> Judgement<Do> {
    let journal = StepJournal { key: KEY, attempt: 1, began_at: at("2026-11-21T12:00:40Z"), acts, remedy: None };
    judge(&work(way), seen, &journal, Now::real(at(now)))
}

fn failed(judgement: Judgement<Do>) -> Failure {
    let Judgement::Failed(failure) = judgement else { panic!("{judgement:?}") };
    failure
}

fn is_done(judgement: &Judgement<Do>) -> bool {
    matches!(judgement, Judgement::Done { .. })
}

#[rstest]
#[case("UPDATE_IN_PROGRESS", "CancelUpdateStack")]
#[case("UPDATE_FAILED", "RollbackStack")]
#[case("UPDATE_ROLLBACK_FAILED", "ContinueUpdateRollback")]
fn p04_the_verb_follows_from_the_status(#[case] status: &str, #[case] verb: &str) {
    let Judgement::Act(what) = judged(StackWay::Undo, &seen(status), &[]) else { panic!("{status}") };
    assert_eq!(what.verb(), verb);
    assert_eq!(what.order(), &order(1));
}

#[rstest]
#[case("UPDATE_ROLLBACK_IN_PROGRESS")]
#[case("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")]
#[case("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")]
fn what_is_under_way_is_waited_out(#[case] status: &str) {
    assert!(matches!(judged(StackWay::Undo, &seen(status), &[]), Judgement::Wait(_)));
}

#[test]
fn c03_b02_a_cancelled_update_is_done_when_it_is_back() {
    let acts = [act(1, &cancel(), accepted())];
    // Right after the call the status has not moved.
    let still = judged(StackWay::Undo, &moved("UPDATE_IN_PROGRESS", &[]), &acts);
    assert_eq!(still, Judgement::Wait("CloudFormation took CancelUpdateStack; nothing has moved yet".to_owned()));
    let ours = format!("{KEY}-1");
    let going = moved("UPDATE_ROLLBACK_IN_PROGRESS", &[("UPDATE_ROLLBACK_IN_PROGRESS", &ours)]);
    assert!(matches!(judged(StackWay::Undo, &going, &acts), Judgement::Wait(_)));
    let back = back(&ours);
    assert!(is_done(&judged(StackWay::Undo, &back, &acts)));
}

/// The update was taken back, and what ran before runs again.
fn back(token: &str) -> Seen {
    let events = [("UPDATE_ROLLBACK_IN_PROGRESS", token), ("UPDATE_ROLLBACK_COMPLETE", token)];
    Seen { deployed: Some(runs("v41")), ..moved("UPDATE_ROLLBACK_COMPLETE", &events) }
}

#[test]
fn p04_what_cloudformation_had_and_nobody_approved_is_not_called_rolled_back() {
    let acts = [act(1, &cancel(), accepted())];
    let other = Seen { deployed: Some(runs("v40")), ..back(&format!("{KEY}-1")) };
    let failure = failed(judged(StackWay::Undo, &other, &acts));
    assert!(failure.why.contains("shop-api now has v40 (template "), "{failure:?}");
    assert!(failure.why.contains("not the version that this plan names"), "{failure:?}");
    assert!(failure.advice.contains("go on without this step") && failure.advice.contains("ask again"), "{failure:?}");
    assert_eq!(failure.finding, Finding::Wrong);
    // A new attempt sees the same.
    assert!(failed(judged(StackWay::Undo, &other, &[])).why.contains("v40"));
}

#[test]
fn c16_b05_what_was_left_out_is_put_out_once_and_by_name() {
    let skipping = |number, skip: &[&str]| Do::Continue {
        order: order(number),
        skip: skip.iter().map(|name| (*name).to_owned()).collect(),
    };
    let refused = ActOutcome::Refused { why: "no".to_owned() };
    let acts = [
        act(1, &go_on(1), accepted()),
        act(2, &skipping(2, &["Queue"]), accepted()),
        act(3, &skipping(3, &["Queue", "Role"]), ActOutcome::Unknown),
        act(4, &skipping(4, &["Function"]), refused),
    ];
    let Judgement::Done { output, evidence } = judged(StackWay::Undo, &back(&format!("{KEY}-3")), &acts[..3]) else {
        panic!("it is back")
    };
    let work = crate::incident::work::Work::Stack(work(StackWay::Undo));
    assert_eq!(work.left_out(&output), ["Queue", "Role"]);
    assert!(evidence[2].text.starts_with("left out and not as the template says: Queue, Role"), "{evidence:?}");
    let Judgement::Done { output, .. } = judged(StackWay::Undo, &back(&format!("{KEY}-3")), &acts) else {
        panic!("it is back")
    };
    assert_eq!(work.left_out(&output), ["Queue", "Role"], "what was refused left nothing out");
}

#[test]
fn c03_an_update_that_was_through_first_is_not_called_rolled_back() {
    let acts = [act(1, &cancel(), accepted())];
    let through = moved("UPDATE_COMPLETE", &[("UPDATE_COMPLETE", "theirs")]);
    let failure = failed(judged(StackWay::Undo, &through, &acts));
    assert!(failure.why.contains("the newer version runs"), "{failure:?}");
}

#[test]
fn c16_b05_a_stuck_rollback_is_continued_plainly_once_and_then_a_person_chooses() {
    let stuck = seen("UPDATE_ROLLBACK_FAILED");
    assert_eq!(judged(StackWay::Undo, &stuck, &[]), Judgement::Act(go_on(1)));
    let acts = [act(1, &go_on(1), accepted())];
    // The status is still the one before the call: nothing is concluded from it.
    assert!(matches!(judged(StackWay::Undo, &moved("UPDATE_ROLLBACK_FAILED", &[]), &acts), Judgement::Wait(_)));
    let ours = format!("{KEY}-1");
    let mut again =
        moved("UPDATE_ROLLBACK_FAILED", &[("UPDATE_ROLLBACK_IN_PROGRESS", &ours), ("UPDATE_ROLLBACK_FAILED", &ours)]);
    again.stuck = vec![StackResource {
        name: "Queue".to_owned(),
        kind: "AWS::SQS::Queue".to_owned(),
        physical: "q".to_owned(),
        status: "UPDATE_FAILED".to_owned(),
        reason: Some("The queue does not exist".to_owned()),
    }];
    let failure = failed(judged(StackWay::Undo, &again, &acts));
    assert!(failure.why.contains("stuck"), "{failure:?}");
    assert!(failure.details.contains(&"Queue (AWS::SQS::Queue): The queue does not exist".to_owned()), "{failure:?}");
}

#[test]
fn a_cancelled_update_that_gets_stuck_is_continued() {
    let acts = [act(1, &cancel(), accepted())];
    let stuck = moved("UPDATE_ROLLBACK_FAILED", &[("UPDATE_ROLLBACK_FAILED", "theirs")]);
    let Judgement::Act(what) = judged(StackWay::Undo, &stuck, &acts) else { panic!("{stuck:?}") };
    assert_eq!((what.verb(), what.order().token.as_str()), ("ContinueUpdateRollback", "rb-7k3fq-api-2"));
}

#[test]
fn peer_10_a_failed_creation_is_taken_back_only_where_the_plan_says_so() {
    assert!(matches!(judged(StackWay::Undo, &seen("CREATE_FAILED"), &[]), Judgement::Failed(_)));
    let what = judged(StackWay::UndoCreation, &seen("CREATE_FAILED"), &[]);
    assert_eq!(what, Judgement::Act(Do::RollBack(order(1))));
    // And what is no failed creation is not touched by such a plan.
    assert!(matches!(judged(StackWay::UndoCreation, &seen("UPDATE_IN_PROGRESS"), &[]), Judgement::Failed(_)));
    let nothing = Seen { deployed: None, ..seen("ROLLBACK_COMPLETE") };
    assert!(is_done(&judged(StackWay::UndoCreation, &nothing, &[])));
}

#[test]
fn p05_b06_a_change_set_is_executed_and_done_when_its_content_runs() {
    assert_eq!(judged(change_set(), &seen("UPDATE_COMPLETE"), &[]), Judgement::Act(execute()));
    let acts = [act(1, &execute(), accepted())];
    let still = moved("UPDATE_COMPLETE", &[]);
    assert!(matches!(judged(change_set(), &still, &acts), Judgement::Wait(_)), "its own status of before is no proof");
    let ours = format!("{KEY}-1");
    let mut through = moved("UPDATE_COMPLETE", &[("UPDATE_IN_PROGRESS", &ours), ("UPDATE_COMPLETE", &ours)]);
    through.deployed = Some(runs("v41"));
    assert!(is_done(&judged(change_set(), &through, &acts)));
    through.deployed = Some(runs("v43"));
    let failure = failed(judged(change_set(), &through, &acts));
    assert!(failure.why.contains("another template"), "{failure:?}");
}

#[rstest]
#[case::obsolete(Some("OBSOLETE"), "it is OBSOLETE")]
#[case::gone(None, "is not there any more")]
fn a_change_set_that_cannot_be_executed_is_said(#[case] execution: Option<&str>, #[case] why: &str) {
    let mut stack = seen("UPDATE_COMPLETE");
    match (execution, stack.change_set.as_mut()) {
        (Some(execution), Some(set)) => set.execution = execution.to_owned(),
        _ => stack.change_set = None,
    }
    let failure = failed(judged(change_set(), &stack, &[]));
    assert!(failure.why.contains(why), "{failure:?}");
}

#[test]
fn c08_a_failed_update_names_what_failed_first() {
    let acts = [act(1, &execute(), accepted())];
    let ours = format!("{KEY}-1");
    let mut back = moved(
        "UPDATE_ROLLBACK_COMPLETE",
        &[("UPDATE_IN_PROGRESS", &ours), ("UPDATE_ROLLBACK_IN_PROGRESS", &ours), ("UPDATE_ROLLBACK_COMPLETE", &ours)],
    );
    back.events.insert(2, event("c", "Queue", "UPDATE_FAILED", "Resource update cancelled", &ours));
    back.events.insert(3, event("b", "Function", "UPDATE_FAILED", "Handler not found", &ours));
    let failure = failed(judged(change_set(), &back, &acts));
    assert_eq!(failure.details, ["What failed first: Function UPDATE_FAILED: Handler not found"]);
    assert!(failure.why.contains("the newer version runs still"), "{failure:?}");
    back.nested_cause = Some("Workers-1.Queue UPDATE_FAILED: No".to_owned());
    let failure = failed(judged(change_set(), &back, &acts));
    assert_eq!(failure.details, ["What failed first: Workers-1.Queue UPDATE_FAILED: No"]);
}

#[test]
fn somebody_else_s_update_after_ours_is_seen() {
    let acts = [act(1, &execute(), accepted())];
    let ours = format!("{KEY}-1");
    let after = moved(
        "UPDATE_IN_PROGRESS",
        &[("UPDATE_IN_PROGRESS", &ours), ("UPDATE_COMPLETE", &ours), ("UPDATE_IN_PROGRESS", "ci-7")],
    );
    let failure = failed(judged(change_set(), &after, &acts));
    assert!(failure.why.contains("Somebody else has begun"), "{failure:?}");
    let after = moved("UPDATE_IN_PROGRESS", &[("UPDATE_ROLLBACK_COMPLETE", &ours), ("UPDATE_IN_PROGRESS", "ci-7")]);
    let failure = failed(judged(StackWay::Undo, &after, &[act(1, &cancel(), accepted())]));
    assert!(failure.why.contains("Somebody else has begun"), "{failure:?}");
}

#[test]
fn a_lost_reply_is_looked_for_by_its_token_and_repeated_with_the_same() {
    let acts = [act(1, &cancel(), ActOutcome::Unknown)];
    let nothing = moved("UPDATE_IN_PROGRESS", &[]);
    assert!(matches!(judged(StackWay::Undo, &nothing, &acts), Judgement::Wait(_)), "too early to tell");
    let later = "2026-11-21T12:02:00Z";
    assert_eq!(judged_at(later, StackWay::Undo, &nothing, &acts), Judgement::Act(cancel()), "the same token");
    let ours = format!("{KEY}-1");
    let taken = moved("UPDATE_ROLLBACK_IN_PROGRESS", &[("UPDATE_ROLLBACK_IN_PROGRESS", &ours)]);
    assert!(matches!(judged(StackWay::Undo, &taken, &acts), Judgement::Wait(_)));
    assert!(is_done(&judged(StackWay::Undo, &back(&ours), &acts)));
}

#[rstest]
#[case("UPDATE_COMPLETE", "DeleteStack")]
#[case("ROLLBACK_COMPLETE", "DeleteStack")]
#[case("DELETE_FAILED", "DeleteStack")]
fn c04_a_stack_is_deleted(#[case] status: &str, #[case] verb: &str) {
    let Judgement::Act(what) = judged(StackWay::Delete, &seen(status), &[]) else { panic!("{status}") };
    assert_eq!(what.verb(), verb);
}

#[test]
fn c04_a_deletion_is_followed_to_its_end() {
    let acts = [act(1, &Do::Delete(order(1)), accepted())];
    let ours = format!("{KEY}-1");
    let going = moved("DELETE_IN_PROGRESS", &[("DELETE_IN_PROGRESS", &ours)]);
    assert!(matches!(judged(StackWay::Delete, &going, &acts), Judgement::Wait(_)));
    let gone = moved("DELETE_COMPLETE", &[("DELETE_IN_PROGRESS", &ours), ("DELETE_COMPLETE", &ours)]);
    assert!(is_done(&judged(StackWay::Delete, &gone, &acts)));
    let stuck = moved("DELETE_FAILED", &[("DELETE_IN_PROGRESS", &ours), ("DELETE_FAILED", &ours)]);
    assert!(failed(judged(StackWay::Delete, &stuck, &acts)).why.contains("could not delete everything"));
}

#[test]
fn an_act_of_another_version_is_left_to_a_person() {
    let odd = Act { what: json!({"verb": "MoveStack"}), ..act(1, &cancel(), ActOutcome::Unknown) };
    let failure = failed(judged(StackWay::Undo, &seen("UPDATE_IN_PROGRESS"), &[odd]));
    assert_eq!(failure.finding, Finding::Inconclusive);
}

#[test]
fn a_refusal_that_repeats_itself_ends_in_words() {
    let refused = |number| {
        let why = "AWS refused CancelUpdateStack: no (ValidationError)".to_owned();
        act(number, &Do::Cancel(order(number)), ActOutcome::Refused { why })
    };
    let acts = [refused(1), refused(2), refused(3)];
    let failure = failed(judged(StackWay::Undo, &seen("UPDATE_IN_PROGRESS"), &acts));
    assert!(failure.why.starts_with("AWS refused CancelUpdateStack"), "{failure:?}");
    // A moment later the update is through, and another answer fits.
    let moved: Seen = moved("UPDATE_ROLLBACK_FAILED", &[("UPDATE_ROLLBACK_FAILED", "theirs")]);
    assert!(matches!(judged(StackWay::Undo, &moved, &acts[..1]), Judgement::Act(Do::Continue { .. })));
}

#[test]
fn c08_what_ends_is_news_and_what_begins_is_not() {
    use crate::systems::step_kind::StepKind as _;
    let mut seen = moved("UPDATE_ROLLBACK_IN_PROGRESS", &[("UPDATE_ROLLBACK_IN_PROGRESS", "t")]);
    let more: [StackEvent; 2] =
        [event("4", "Function", "UPDATE_COMPLETE", "", "t"), event("3", "Function", "UPDATE_IN_PROGRESS", "", "t")];
    seen.events.splice(0..0, more);
    let acts = [act(1, &cancel(), accepted())];
    let journal = StepJournal { key: KEY, attempt: 1, began_at: at(NOW), acts: &acts, remedy: None };
    let lines: Vec<String> = work(StackWay::Undo).news(&seen, &journal).into_iter().map(|news| news.line).collect();
    assert_eq!(lines, ["stack shop-api UPDATE_ROLLBACK_IN_PROGRESS", "Function UPDATE_COMPLETE"]);
}

#[test]
fn a_stop_does_not_leave_a_stack_stuck_on_the_way_back_that_we_ordered() {
    let stuck = moved("UPDATE_ROLLBACK_FAILED", &[("UPDATE_ROLLBACK_IN_PROGRESS", ""), ("UPDATE_ROLLBACK_FAILED", "")]);
    let completes = |what: &Do, before: &Do, outcome: ActOutcome| {
        let acts = [Act { number: 1, attempt: 1, what: json!(before), at: at(NOW), outcome }];
        let journal = StepJournal { key: KEY, attempt: 1, began_at: at(NOW), acts: &acts, remedy: None };
        work(StackWay::Undo).completes(what, &stuck, &journal)
    };
    let taken = || ActOutcome::Accepted { receipt: json!(null), request_id: None };
    assert!(completes(&go_on(2), &cancel(), taken()));
    assert!(completes(&Do::RollBack(order(2)), &cancel(), taken()));
    assert!(!completes(&go_on(2), &go_on(1), taken()), "a second try is a new undertaking");
    assert!(!completes(&go_on(2), &cancel(), ActOutcome::Refused { why: "no".to_owned() }));
    assert!(!completes(&cancel(), &cancel(), ActOutcome::Unknown), "nothing is known to have begun");
}
