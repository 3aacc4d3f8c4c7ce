//! Votes and their ends: how many, whose, for what, until when.

use rstest::rstest;

use super::then::{facts, then};
use crate::incident::command::{Command, Facts};
use crate::incident::decide::{decide, request as ask};
use crate::incident::due::{Due, due};
use crate::incident::evolve::{evolve, open};
use crate::incident::ids::{IncidentId, UserId};
use crate::incident::incident::Incident;
use crate::incident::policy::{Actor, SelfApproval};
use crate::incident::rejection::Rejection;
use crate::incident::sample::{ANNA, BEN, CLEO, at, person, policy, replay, request, small_plan, story, terms};
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
