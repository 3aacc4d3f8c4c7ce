//! Gates, manual steps and remedies: who may, when, and what comes of it.

use rstest::rstest;

use super::then::{facts, then};
use crate::incident::command::Command;
use crate::incident::decide::decide;
use crate::incident::due::{Due, Phase, due, is_left_out, phase};
use crate::incident::evolve::evolve;
use crate::incident::ids::StepId;
use crate::incident::incident::{End, Incident, State, Verdict};
use crate::incident::plan::{Plan, Purpose, Step};
use crate::incident::policy::{Actor, Known, Policy, Right, SelfApproval};
use crate::incident::rejection::Rejection;
use crate::incident::sample::{
    ANNA, BEN, CLEO, DORA, PHRASE, by_hand, failure, force, gate, member, optional, person, plan, policy, replay,
    rolls_back, sre, stage, story, terms,
};
use crate::incident::step::{Failure, Finding, StepState};
use crate::incident::work::{Manual, Work};

/// A plan of one stage, approved by Ben and started.
fn running(plan: Plan) -> Incident {
    let digest = plan.digest();
    let commands = [
        (Actor::Rollbot, Command::Propose { plan, terms: terms(1) }),
        (person(BEN), Command::Approve { digest: digest.clone(), phrase: None }),
        (Actor::Rollbot, Command::Start { digest, voters: Vec::new() }),
    ];
    let requested = replay(&story("rb-23456", "api")[..1]);
    commands.into_iter().fold(requested, |incident, (actor, command)| then(&incident, actor, 10, command).unwrap())
}

fn one_lane(steps: Vec<Step>) -> Plan {
    plan(vec![stage(Purpose::RollBack, vec![steps])])
}

/// A gate whose turn has come, with what is behind it.
fn before_the_gate() -> Incident {
    begun(&running(one_lane(vec![gate("api"), rolls_back("api")])), "api/gate")
}

fn begun(incident: &Incident, step: &str) -> Incident {
    then(incident, Actor::Rollbot, 11, Command::Begin { step: StepId::new(step) }).unwrap()
}

fn pass(step: &str, phrase: Option<&str>) -> Command {
    Command::Pass { step: StepId::new(step), attempt: 1, phrase: phrase.map(str::to_owned), note: None }
}

fn state(incident: &Incident, step: &str) -> StepState {
    incident.run().unwrap().record(&StepId::new(step)).state
}

fn late(step: &str) -> Command {
    Command::Fail { step: StepId::new(step), failure: failure(Finding::Inconclusive) }
}

#[test]
fn a_gate_waits_is_neither_under_way_nor_failed_and_opens_by_its_phrase() {
    let waiting = before_the_gate();
    assert_eq!(state(&waiting, "api/gate"), StepState::Waiting);
    assert!(matches!(phase(&waiting), Phase::Awaiting(_)), "{:?}", phase(&waiting));
    assert_eq!(due(&waiting), [Due::Await { step: StepId::new("api/gate"), attempt: 1 }]);
    let open = then(&waiting, person(CLEO), 20, pass("api/gate", Some("  DELETE api\n"))).unwrap();
    assert_eq!(state(&open, "api/gate"), StepState::Done);
    let record = open.run().unwrap().record(&StepId::new("api/gate"));
    assert_eq!(record.passed.unwrap().by, person(CLEO));
    assert_eq!(due(&open), [Due::Run(StepId::new("api"))]);
    assert!(then(&open, person(BEN), 21, pass("api/gate", Some(PHRASE))).is_err(), "it is open already");
}

#[rstest]
#[case::nothing(None)]
#[case::empty(Some(""))]
#[case::small_letters(Some("delete api"))]
#[case::a_part(Some("DELETE"))]
#[case::too_much(Some("DELETE api now"))]
#[case::inner_space(Some("DELETE  api"))]
fn a_wrong_phrase_opens_nothing(#[case] typed: Option<&str>) {
    let refused = then(&before_the_gate(), person(CLEO), 20, pass("api/gate", typed));
    assert_eq!(refused.unwrap_err(), Rejection::WrongPhrase { phrase: PHRASE.to_owned() });
}

fn not_approver() -> Rejection {
    Rejection::NotAllowed { right: Right::Approve, holders: vec![sre()] }
}

#[rstest]
#[case::an_approver(CLEO, None)]
#[case::somebody_else(DORA, Some(not_approver()))]
#[case::the_requester(ANNA, Some(not_approver()))]
fn a_gate_is_opened_by_who_may_approve(#[case] who: &str, #[case] refusal: Option<Rejection>) {
    let done = then(&before_the_gate(), person(who), 20, pass("api/gate", Some(PHRASE)));
    assert_eq!(done.err(), refusal);
}

#[rstest]
#[case::two_people(SelfApproval::Refused, Some(Rejection::OwnRequest))]
#[case::alone(SelfApproval::Allowed, None)]
fn a_requester_who_may_approve_opens_a_gate_only_where_they_may_approve_their_own(
    #[case] own: SelfApproval,
    #[case] refusal: Option<Rejection>,
) {
    let mut policy: Policy = policy(1);
    policy.approval.self_approval = own;
    policy.approve.push(crate::incident::policy::Principal::Requester);
    let done = decide(&before_the_gate(), pass("api/gate", Some(PHRASE)), &facts(&policy, person(ANNA), 20));
    assert_eq!(done.err(), refusal);
}

#[test]
fn where_nobody_else_is_waited_for_whoever_asked_opens_the_gate_with_its_phrase() {
    let plan = one_lane(vec![gate("api"), rolls_back("api")]);
    let digest = plan.digest();
    let commands = [
        (Actor::Rollbot, Command::Propose { plan, terms: terms(0) }),
        (person(ANNA), Command::Approve { digest: digest.clone(), phrase: None }),
        (Actor::Rollbot, Command::Start { digest, voters: Vec::new() }),
        (Actor::Rollbot, Command::Begin { step: StepId::new("api/gate") }),
    ];
    let requested = replay(&story("rb-23456", "api")[..1]);
    let waiting =
        commands.into_iter().fold(requested, |incident, (actor, command)| then(&incident, actor, 10, command).unwrap());
    let wrong = then(&waiting, person(ANNA), 20, pass("api/gate", Some("yes")));
    assert!(matches!(wrong, Err(Rejection::WrongPhrase { .. })), "{wrong:?}");
    let others = then(&waiting, person(DORA), 20, pass("api/gate", Some(PHRASE)));
    assert_eq!(others.unwrap_err(), not_approver());
    assert_eq!(
        state(&then(&waiting, person(ANNA), 20, pass("api/gate", Some(PHRASE))).unwrap(), "api/gate"),
        StepState::Done
    );
}

#[test]
fn a_gate_is_not_skipped_and_an_optional_target_does_not_run_past_it() {
    let started = running(one_lane(vec![optional(gate("api")), optional(rolls_back("api"))]));
    let failed = then(&begun(&started, "api/gate"), Actor::Rollbot, 4_000, late("api/gate")).unwrap();
    assert!(matches!(phase(&failed), Phase::Blocked(_)), "{:?}", phase(&failed));
    assert_eq!(due(&failed), [], "nothing behind the gate runs");
    let skip = Command::Skip { step: StepId::new("api/gate"), attempt: 1, reason: "hurry".to_owned() };
    assert_eq!(then(&failed, person(BEN), 4_001, skip).unwrap_err(), Rejection::GateNotSkipped);
    let retry = Command::Retry { step: StepId::new("api/gate"), attempt: 1 };
    let again = then(&failed, person(BEN), 4_002, retry).unwrap();
    assert_eq!(due(&again), [Due::Run(StepId::new("api/gate"))]);
    let again = begun(&again, "api/gate");
    let stale = then(&again, person(BEN), 4_003, pass("api/gate", Some(PHRASE)));
    assert!(matches!(stale, Err(Rejection::NotNow { .. })), "the first attempt's form is too late: {stale:?}");
}

#[test]
fn a_stop_before_a_gate_ends_it_with_nothing_changed() {
    let stopped = then(&before_the_gate(), person(ANNA), 20, Command::Stop).unwrap();
    assert_eq!(due(&stopped), [Due::Settle]);
    let refused = then(&stopped, person(BEN), 21, pass("api/gate", Some(PHRASE)));
    assert!(matches!(refused, Err(Rejection::AlreadyStopping { .. })), "{refused:?}");
    let over = then(&stopped, Actor::Rollbot, 22, Command::Settle).unwrap();
    let State::Closed(closed) = &over.state else { panic!("{over:?}") };
    assert!(matches!(closed.end, End::Aborted { .. }), "{:?}", closed.end);
}

#[test]
fn a_stop_after_something_was_done_by_hand_does_not_say_that_nothing_was_changed() {
    let done = begun(&running(one_lane(vec![by_hand("tell"), rolls_back("api")])), "tell");
    let done = then(&done, person(CLEO), 20, pass("tell", None)).unwrap();
    let stopped = then(&done, person(ANNA), 21, Command::Stop).unwrap();
    let over = then(&stopped, Actor::Rollbot, 22, Command::Settle).unwrap();
    let State::Closed(closed) = &over.state else { panic!("{over:?}") };
    assert!(matches!(closed.end, End::Failed { .. }), "{:?}", closed.end);
}

#[rstest]
#[case::named(CLEO, None)]
#[case::not_named(DORA, Some(Rejection::NotNamed { holders: vec![sre()] }))]
#[case::not_the_requester_either(ANNA, Some(Rejection::NotNamed { holders: vec![sre()] }))]
fn a_manual_step_is_done_by_those_it_names(#[case] who: &str, #[case] refusal: Option<Rejection>) {
    let waiting = begun(&running(one_lane(vec![by_hand("tell")])), "tell");
    assert_eq!(then(&waiting, person(who), 20, pass("tell", None)).err(), refusal);
}

#[test]
fn who_belongs_to_a_group_that_cannot_be_looked_up_is_not_named() {
    let waiting = begun(&running(one_lane(vec![by_hand("tell")])), "tell");
    let mut unknown = member(CLEO);
    unknown.groups.values_mut().for_each(|known| *known = Known::Unknown);
    let refused = then(&waiting, Actor::Slack(unknown), 20, pass("tell", None));
    assert_eq!(refused.unwrap_err(), Rejection::UnknownNamed { holders: vec![sre()] });
}

#[test]
fn a_manual_step_that_names_nobody_is_done_by_who_may_approve_and_keeps_the_note() {
    let mut step = by_hand("tell");
    step.work = Work::Manual(Manual { text: "Call them.".to_owned(), by: Vec::new() });
    let waiting = begun(&running(one_lane(vec![step])), "tell");
    let with_note =
        |note: &str| Command::Pass { step: StepId::new("tell"), attempt: 1, phrase: None, note: Some(note.to_owned()) };
    assert_eq!(then(&waiting, person(DORA), 20, with_note("done")).unwrap_err(), not_approver());
    let done = then(&waiting, person(CLEO), 20, with_note(" ticket 4711 ")).unwrap();
    let passed = done.run().unwrap().record(&StepId::new("tell")).passed.unwrap();
    assert_eq!(passed.note.as_deref(), Some("ticket 4711"));
    assert_eq!(
        then(&done, Actor::Rollbot, 21, Command::Settle).unwrap().run().unwrap().verdict.unwrap().verdict,
        Verdict::RolledBack
    );
}

#[test]
fn a_manual_step_that_nobody_did_may_be_skipped_and_then_it_is_only_partly_back() {
    let waiting = begun(&running(one_lane(vec![by_hand("tell")])), "tell");
    let failed = then(&waiting, Actor::Rollbot, 4_000, late("tell")).unwrap();
    let skip = Command::Skip { step: StepId::new("tell"), attempt: 1, reason: "they know".to_owned() };
    let skipped = then(&failed, person(BEN), 4_001, skip).unwrap();
    let settled = then(&skipped, Actor::Rollbot, 4_002, Command::Settle).unwrap();
    assert_eq!(settled.run().unwrap().verdict.unwrap().verdict, Verdict::PartlyRolledBack);
}

#[test]
fn approval_binds_what_is_asked_of_people() {
    let with = |phrase: &str, what: &str| {
        one_lane(vec![Step::gate(&StepId::new("api"), rolls_back("api").resource, phrase, what), rolls_back("api")])
    };
    let (old, new) = (with("DELETE api", "It is deleted."), with("DELETE api", "It and its data are deleted."));
    assert_ne!(old.digest(), new.digest());
    assert_ne!(old.digest(), with("yes", "It is deleted.").digest());
    assert_eq!(old.drift(&new), ["gate before api: what is asked of a person has changed"]);
    assert_ne!(one_lane(vec![rolls_back("api")]).digest(), old.digest());
}

#[test]
fn what_comes_after_an_optional_step_that_failed_is_left_out_with_it() {
    let started = running(one_lane(vec![optional(rolls_back("api")), optional(rolls_back("web"))]));
    let failed = then(&begun(&started, "api"), Actor::Rollbot, 12, late("api")).unwrap();
    assert!(is_left_out(failed.run().unwrap(), &StepId::new("web")));
    assert!(!is_left_out(failed.run().unwrap(), &StepId::new("api")));
    assert_eq!(due(&failed), [Due::Settle]);
    let settled = then(&failed, Actor::Rollbot, 13, Command::Settle).unwrap();
    assert_eq!(settled.run().unwrap().verdict.unwrap().verdict, Verdict::PartlyRolledBack);
}

/// The step `api` failed and offers to go on without something.
fn with_a_remedy() -> Incident {
    let begun = begun(&running(one_lane(vec![rolls_back("api")])), "api");
    let failure = Failure { remedies: vec![force()], ..failure(Finding::Wrong) };
    then(&begun, Actor::Rollbot, 12, Command::Fail { step: StepId::new("api"), failure }).unwrap()
}

fn choose(attempt: u32, remedy: &str, chosen: &[&str]) -> Command {
    let chosen = chosen.iter().map(|&id| id.to_owned()).collect();
    Command::Remedy { step: StepId::new("api"), attempt, remedy: remedy.to_owned(), chosen }
}

#[test]
fn a_chosen_remedy_begins_a_new_attempt_that_knows_it() {
    let chosen = then(&with_a_remedy(), person(BEN), 20, choose(1, "force", &["two", "one", "two"])).unwrap();
    assert_eq!(due(&chosen), [Due::Run(StepId::new("api"))]);
    let again = begun(&chosen, "api");
    let record = again.run().unwrap().record(&StepId::new("api"));
    let remedy = record.remedy.unwrap();
    assert_eq!((record.attempt, remedy.id.as_str(), remedy.by), (2, "force", person(BEN)));
    assert_eq!(
        (remedy.chosen, remedy.names),
        (vec!["one".to_owned(), "two".to_owned()], vec!["Resource one".to_owned(), "Resource two".to_owned()])
    );
}

#[test]
fn a_retry_after_a_remedy_carries_it_out_no_more() {
    let chosen = then(&with_a_remedy(), person(BEN), 20, choose(1, "force", &["one"])).unwrap();
    let failed = then(&begun(&chosen, "api"), Actor::Rollbot, 21, late("api")).unwrap();
    let retried = then(&failed, person(BEN), 22, Command::Retry { step: StepId::new("api"), attempt: 2 }).unwrap();
    assert_eq!(begun(&retried, "api").run().unwrap().record(&StepId::new("api")).remedy, None);
}

#[rstest]
#[case::nothing_chosen(BEN, choose(1, "force", &[]), Rejection::NothingChosen)]
#[case::no_such_choice(BEN, choose(1, "force", &["one", "nine"]), Rejection::NotNow { state: "nine is not among what can be chosen.".to_owned() })]
#[case::no_such_remedy(BEN, choose(1, "other", &["one"]), Rejection::NotNow { state: "api does not offer that any more.".to_owned() })]
#[case::too_late(BEN, choose(2, "force", &["one"]), Rejection::NotNow { state: "api is not waiting for that any more.".to_owned() })]
#[case::may_not(DORA, choose(1, "force", &["one"]), Rejection::NotAllowed { right: Right::Skip, holders: vec![sre()] })]
#[case::asked_for_it(ANNA, choose(1, "force", &["one"]), Rejection::NotAllowed { right: Right::Skip, holders: vec![sre()] })]
fn a_remedy_is_refused_with_its_reason(#[case] who: &str, #[case] command: Command, #[case] refusal: Rejection) {
    assert_eq!(then(&with_a_remedy(), person(who), 20, command).unwrap_err(), refusal);
}

#[test]
fn a_remedy_that_changes_nothing_of_what_was_approved_takes_who_may_approve() {
    let begun = begun(&running(one_lane(vec![rolls_back("api")])), "api");
    let mut anew = force();
    anew.right = crate::incident::remedy::RemedyRight::Approve;
    anew.choices.clear();
    let failure = Failure { remedies: vec![anew], ..failure(Finding::Wrong) };
    let failed = then(&begun, Actor::Rollbot, 12, Command::Fail { step: StepId::new("api"), failure }).unwrap();
    assert_eq!(then(&failed, person(DORA), 20, choose(1, "force", &[])).unwrap_err(), not_approver());
    let policy = Policy { skip: Vec::new(), ..policy(1) };
    let events = decide(&failed, choose(1, "force", &[]), &facts(&policy, person(BEN), 20)).unwrap();
    let again = events.iter().fold(failed, evolve);
    assert_eq!(due(&again), [Due::Run(StepId::new("api"))]);
}
