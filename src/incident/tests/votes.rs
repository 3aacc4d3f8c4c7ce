//! Votes and their ends: how many, whose, for what, until when.

use rstest::rstest;

use super::then::{facts, then};
use crate::incident::command::{Command, Facts};
use crate::incident::decide::{decide, request as ask};
use crate::incident::due::{Due, due};
use crate::incident::event::Event;
use crate::incident::evolve::{evolve, open};
use crate::incident::ids::{IncidentId, UserId};
use crate::incident::incident::{Incident, Terms};
use crate::incident::policy::{Actor, Known, Member, Policy, Principal, Right, SelfApproval, Standing};
use crate::incident::rejection::Rejection;
use crate::incident::request::{Manner, Request};
use crate::incident::sample::{
    ANNA, BEN, CLEO, DORA, at, member, person, policy, replay, request, small_plan, sre, story, terms,
};
use crate::incident::time::{Now, Pace};

fn proposed(required: u8, phrase: Option<&str>) -> Incident {
    let policy = policy(required);
    let facts = facts(&policy, person(ANNA), 0);
    let asked = ask(IncidentId::new("rb-23456"), request(), &facts).unwrap();
    let mut terms = terms(required);
    terms.confirm_phrase = phrase.map(str::to_owned);
    let plan = small_plan("api");
    then(&open(&asked).unwrap(), Actor::Rollbot, 2, Command::Propose { plan, terms }).unwrap()
}

fn approve(incident: &Incident, actor: Actor, second: i64, phrase: Option<&str>) -> Result<Incident, Rejection> {
    let digest = incident.proposal().unwrap().digest.clone();
    let phrase = phrase.map(str::to_owned);
    then(incident, actor, second, Command::Approve { digest, phrase })
}

#[rstest]
//     needed  votes                 approved
#[case(0,      &[ANNA],              true)]
#[case(0,      &[BEN],               true)]
#[case(1,      &[],                  false)]
#[case(1,      &[BEN],               true)]
#[case(2,      &[BEN],               false)]
#[case(2,      &[BEN, CLEO],         true)]
fn a_plan_is_approved_by_as_many_as_it_needs(#[case] needed: u8, #[case] votes: &[&str], #[case] approved: bool) {
    let mut incident = proposed(needed, None);
    for who in votes {
        incident = approve(&incident, person(who), 10, None).unwrap();
    }
    assert_eq!(incident.proposal().unwrap().is_approved(), approved);
    assert_eq!(due(&incident) == [Due::Start], approved);
}

#[test]
fn one_person_approves_once() {
    let once = approve(&proposed(2, None), person(BEN), 10, None).unwrap();
    assert_eq!(approve(&once, person(BEN), 11, None), Err(Rejection::AlreadyApproved));
}

#[test]
fn a_requester_who_may_approve_does_not_approve_their_own() {
    let mut incident = proposed(1, None);
    incident.request.by = UserId::new(BEN);
    assert_eq!(approve(&incident, person(BEN), 10, None), Err(Rejection::OwnRequest));
    let mut policy = policy(1);
    policy.approval.self_approval = SelfApproval::Allowed;
    let digest = incident.proposal().unwrap().digest.clone();
    let own = decide(&incident, Command::Approve { digest, phrase: None }, &facts(&policy, person(BEN), 10));
    assert!(own.is_ok(), "{own:?}");
}

#[rstest]
#[case::none(None, false)]
#[case::another(Some("yes"), false)]
#[case::other_letters(Some("Rollback-Production"), false)]
#[case::the_phrase(Some("rollback-production"), true)]
#[case::with_blanks(Some("  rollback-production "), true)]
fn the_phrase_has_to_be_typed(#[case] typed: Option<&str>, #[case] accepted: bool) {
    let phrase = "rollback-production";
    let outcome = approve(&proposed(1, Some(phrase)), person(BEN), 10, typed);
    if accepted {
        assert!(outcome.is_ok(), "{outcome:?}");
    } else {
        let phrase = phrase.to_owned();
        assert_eq!(outcome, Err(Rejection::WrongPhrase { phrase }));
    }
}

#[test]
fn a_button_of_a_replaced_plan_does_nothing() {
    let old = proposed(1, None);
    let replaced = Command::Propose { plan: small_plan("web"), terms: terms(1) };
    let new = then(&old, Actor::Rollbot, 5, replaced).unwrap();
    let digest = old.proposal().unwrap().digest.clone();
    let stale = then(&new, person(BEN), 10, Command::Approve { digest, phrase: None });
    assert_eq!(stale, Err(Rejection::StalePlan));
}

#[test]
fn votes_fall_with_the_plan_that_they_were_for() {
    let approved = approve(&proposed(2, None), person(BEN), 10, None).unwrap();
    let replaced = Command::Propose { plan: small_plan("web"), terms: terms(2) };
    let new = then(&approved, Actor::Rollbot, 11, replaced).unwrap();
    let proposal = new.proposal().unwrap();
    assert_eq!((proposal.number, proposal.votes.len()), (2, 0));
    assert!(!proposal.drift.is_empty());
}

#[rstest]
// The plan was proposed in second 2 and waits for 900 seconds.
#[case(901, true, false)]
#[case(902, false, true)]
#[case(5_000, false, true)]
fn a_plan_takes_votes_until_it_expires(#[case] second: i64, #[case] votes: bool, #[case] expires: bool) {
    let incident = proposed(1, None);
    assert_eq!(due(&incident), [Due::Expire { at: at(902) }]);
    let vote = approve(&incident, person(BEN), second, None);
    assert_eq!(vote.is_ok(), votes, "{vote:?}");
    let expiry = then(&incident, Actor::Rollbot, second, Command::Expire);
    assert_eq!(expiry.is_ok(), expires, "{expiry:?}");
}

/// What is known of `user` at the fresh look: whether they are in the group that approves.
fn now(user: &str, in_group: Known) -> Member {
    let mut member = member(user);
    member.groups.values_mut().for_each(|known| *known = in_group);
    member
}

fn start(incident: &Incident, voters: Vec<Member>) -> Result<Incident, Rejection> {
    let digest = incident.proposal().unwrap().digest.clone();
    then(incident, Actor::Rollbot, 20, Command::Start { digest, voters })
}

#[rstest]
//                       what is known of the voters now                            whose votes fall
#[case::as_before(vec![now(BEN, Known::Yes), now(CLEO, Known::Yes)], &[])]
#[case::one_left(vec![now(BEN, Known::No), now(CLEO, Known::Yes)], &[BEN])]
#[case::both_left(vec![now(BEN, Known::No), now(CLEO, Known::No)], &[BEN, CLEO])]
#[case::a_guest_now(vec![Member { standing: Standing::Guest, ..now(BEN, Known::Yes) }], &[BEN])]
#[case::slack_does_not_say(vec![now(BEN, Known::Unknown), now(CLEO, Known::Unknown)], &[])]
#[case::slack_does_not_answer(vec![Member { standing: Standing::Unknown, ..now(BEN, Known::Unknown) }], &[])]
#[case::nobody_knows_people(vec![], &[])]
#[case::a_stranger(vec![now(DORA, Known::No)], &[])]
fn votes_are_looked_at_again_before_the_start(#[case] voters: Vec<Member>, #[case] fallen: &[&str]) {
    let mut approved = proposed(2, None);
    for who in [BEN, CLEO] {
        approved = approve(&approved, person(who), 10, None).unwrap();
    }
    let after = start(&approved, voters).unwrap();
    let proposal = after.proposal().unwrap();
    let gone: Vec<&str> = proposal.fallen.iter().map(|vote| vote.by.user().unwrap().as_str()).collect();
    assert_eq!(gone, fallen);
    assert_eq!(proposal.votes.len(), 2 - fallen.len());
    assert_eq!(after.run().is_some(), fallen.is_empty(), "it starts if no vote has fallen");
    if !fallen.is_empty() {
        assert_eq!(due(&after), [Due::Expire { at: at(902) }], "it waits again");
    }
}

#[test]
fn whoever_comes_back_votes_again() {
    let approved = approve(&proposed(1, None), person(BEN), 10, None).unwrap();
    let fallen = start(&approved, vec![now(BEN, Known::No)]).unwrap();
    let again = approve(&fallen, person(BEN), 30, None).unwrap();
    let proposal = again.proposal().unwrap();
    assert_eq!((proposal.votes.len(), proposal.fallen.len()), (1, 0));
    assert!(start(&again, vec![now(BEN, Known::Yes)]).unwrap().run().is_some());
}

#[test]
fn a_vote_from_the_command_line_does_not_fall() {
    let machine = Actor::Machine { user: "dev".to_owned() };
    let approved = approve(&proposed(1, None), machine, 10, None).unwrap();
    assert!(start(&approved, vec![now(BEN, Known::No)]).unwrap().run().is_some());
}

/// Anna asks, with and without a reason, where `from` may do without a second person.
fn emergency(from: Vec<Principal>, reason: Option<&str>) -> (Policy, Result<Event, Rejection>) {
    let mut policy = policy(2);
    policy.emergency = from;
    let request = Request { manner: Manner::Emergency, reason: reason.map(str::to_owned), ..request() };
    let asked = ask(IncidentId::new("rb-23456"), request, &facts(&policy, person(ANNA), 0));
    (policy, asked)
}

fn anna() -> Principal {
    Principal::Person { id: UserId::new(ANNA), name: "anna".to_owned() }
}

#[rstest]
#[case::named(vec![anna()], Some("p99 tripled"), None)]
#[case::nobody_is(vec![], Some("p99 tripled"), Some(Rejection::NotAllowed { right: Right::Emergency, holders: vec![] }))]
#[case::others_are(vec![sre()], Some("p99 tripled"), Some(Rejection::NotAllowed { right: Right::Emergency, holders: vec![sre()] }))]
#[case::no_reason(vec![anna()], None, Some(Rejection::NoReason))]
#[case::a_blank_reason(vec![anna()], Some(" \t"), Some(Rejection::NoReason))]
fn an_emergency_takes_the_right_and_a_reason(
    #[case] from: Vec<Principal>,
    #[case] reason: Option<&str>,
    #[case] refused: Option<Rejection>,
) {
    let (_, asked) = emergency(from, reason);
    assert_eq!(asked.err(), refused);
}

#[test]
fn in_an_emergency_the_requester_confirms_alone_and_the_plan_is_bound_as_ever() {
    let (policy, asked) = emergency(vec![anna()], Some("p99 tripled"));
    let opened = open(&asked.unwrap()).unwrap();
    let terms = Terms::of(&policy, opened.request.manner);
    assert_eq!(terms.required, 0);
    let step = |incident: &Incident, actor: Actor, command: Command| {
        let events = decide(incident, command, &facts(&policy, actor, 10))?;
        Ok::<_, Rejection>(events.iter().fold(incident.clone(), evolve))
    };
    let propose = |plan| Command::Propose { plan, terms: terms.clone() };
    let first = step(&opened, Actor::Rollbot, propose(small_plan("api"))).unwrap();
    let digest = first.proposal().unwrap().digest.clone();
    let confirmed = step(&first, person(ANNA), Command::Approve { digest: digest.clone(), phrase: None }).unwrap();
    assert_eq!(due(&confirmed), [Due::Start]);
    let drifted = step(&confirmed, Actor::Rollbot, propose(small_plan("web"))).unwrap();
    assert!(!drifted.proposal().unwrap().is_approved(), "a drifted plan is confirmed anew");
    let stale = step(&drifted, person(ANNA), Command::Approve { digest, phrase: None });
    assert_eq!(stale, Err(Rejection::StalePlan));
}

#[test]
fn whoever_lost_the_right_meanwhile_does_not_confirm_an_emergency() {
    let (mut policy, asked) = emergency(vec![anna()], Some("p99 tripled"));
    let opened = open(&asked.unwrap()).unwrap();
    let propose = Command::Propose { plan: small_plan("api"), terms: Terms::of(&policy, Manner::Emergency) };
    let waiting = then(&opened, Actor::Rollbot, 2, propose).unwrap();
    policy.emergency.clear();
    let digest = waiting.proposal().unwrap().digest.clone();
    let own = decide(&waiting, Command::Approve { digest, phrase: None }, &facts(&policy, person(ANNA), 10));
    assert!(matches!(own, Err(Rejection::NotAllowed { right: Right::Emergency, .. })), "{own:?}");
}

#[test]
fn an_approved_plan_does_not_expire() {
    let approved = approve(&proposed(1, None), person(BEN), 10, None).unwrap();
    assert_eq!(due(&approved), [Due::Start]);
    assert!(then(&approved, Actor::Rollbot, 9_999, Command::Expire).is_err());
}

#[test]
fn expiry_runs_at_the_pace_of_the_clock() {
    let policy = policy(1);
    let now = Now { at: at(0), pace: Pace::new(30) };
    let facts = Facts { now, actor: Actor::Rollbot, policy: &policy };
    let incident = replay(&story("rb-23456", "api")[..1]);
    let propose = Command::Propose { plan: small_plan("api"), terms: terms(1) };
    let events = decide(&incident, propose, &facts).unwrap();
    assert_eq!(due(&evolve(incident, &events[0])), [Due::Expire { at: at(30) }]);
}
