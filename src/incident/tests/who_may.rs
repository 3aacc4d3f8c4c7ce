//! Who may do what, as tables.

use rstest::rstest;

use crate::incident::ids::UserId;
use crate::incident::policy::{Actor, Known, Member, Principal, Right, Standing};
use crate::incident::rejection::Rejection;
use crate::incident::sample::{ANNA, BEN, DORA, member, person, policy, sre};

fn of(standing: Standing, in_channel: Known, in_group: Known) -> Member {
    let mut member = member(BEN);
    member.standing = standing;
    member.in_channel = in_channel;
    member.groups.values_mut().for_each(|known| *known = in_group);
    member
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Yes,
    Not,
    CannotTell,
    Guest,
    Foreign,
    NotAPerson,
    UnknownPerson,
}

fn answer(outcome: Result<(), Rejection>) -> Answer {
    match outcome {
        Ok(()) => Answer::Yes,
        Err(Rejection::NotAllowed { .. }) => Answer::Not,
        Err(Rejection::UnknownMembership { .. }) => Answer::CannotTell,
        Err(Rejection::Guest) => Answer::Guest,
        Err(Rejection::ForeignWorkspace) => Answer::Foreign,
        Err(Rejection::NotAPerson) => Answer::NotAPerson,
        Err(Rejection::UnknownPerson) => Answer::UnknownPerson,
        Err(other) => panic!("not an answer of the policy: {other:?}"),
    }
}

#[rstest]
//     standing              in channel      in group        asks                    approves
#[case(Standing::Full, Known::Yes, Known::Yes, Answer::Yes, Answer::Yes)]
#[case(Standing::Full, Known::Yes, Known::No, Answer::Yes, Answer::Not)]
#[case(Standing::Full, Known::Yes, Known::Unknown, Answer::Yes, Answer::CannotTell)]
#[case(Standing::Full, Known::No, Known::Yes, Answer::Not, Answer::Yes)]
#[case(Standing::Full, Known::No, Known::No, Answer::Not, Answer::Not)]
#[case(Standing::Full, Known::Unknown, Known::No, Answer::CannotTell, Answer::Not)]
#[case(Standing::Guest, Known::Yes, Known::Yes, Answer::Guest, Answer::Guest)]
#[case(Standing::Foreign, Known::Yes, Known::Yes, Answer::Foreign, Answer::Foreign)]
#[case(Standing::NotAPerson, Known::Yes, Known::Yes, Answer::NotAPerson, Answer::NotAPerson)]
#[case(Standing::Unknown, Known::Yes, Known::Yes, Answer::UnknownPerson, Answer::UnknownPerson)]
fn who_may_follows_from_what_is_known(
    #[case] standing: Standing,
    #[case] in_channel: Known,
    #[case] in_group: Known,
    #[case] asks: Answer,
    #[case] approves: Answer,
) {
    let policy = policy(1);
    let actor = Actor::Slack(of(standing, in_channel, in_group));
    assert_eq!(answer(policy.may(Right::Request, &actor, None)), asks);
    assert_eq!(answer(policy.may(Right::Approve, &actor, None)), approves);
}

#[test]
fn a_right_that_nobody_was_given_is_nobodys() {
    let mut policy = policy(1);
    policy.approve.clear();
    let holders = Vec::new();
    let right = Right::Approve;
    assert_eq!(policy.may(right, &person(BEN), None), Err(Rejection::NotAllowed { right, holders }));
}

#[test]
fn a_group_that_was_not_asked_about_gives_no_right() {
    let mut actor = member(BEN);
    actor.groups.clear();
    assert_eq!(answer(policy(1).may(Right::Approve, &Actor::Slack(actor), None)), Answer::CannotTell);
}

#[test]
fn a_refusal_names_who_may() {
    let refused = policy(1).may(Right::Skip, &person(DORA), None);
    let (right, holders) = (Right::Skip, vec![sre()]);
    assert_eq!(refused, Err(Rejection::NotAllowed { right, holders }));
}

#[rstest]
#[case::the_requester(ANNA, Some(ANNA), Answer::Yes)]
#[case::somebody_else(DORA, Some(ANNA), Answer::Not)]
#[case::without_a_requester(ANNA, None, Answer::Not)]
fn the_requester_may_stop_their_own(#[case] who: &str, #[case] requester: Option<&str>, #[case] expected: Answer) {
    let requester = requester.map(UserId::new);
    assert_eq!(answer(policy(1).may(Right::Stop, &person(who), requester.as_ref())), expected);
}

#[test]
fn a_person_is_meant_by_their_id_and_not_by_their_name() {
    let mut policy = policy(1);
    policy.approve = vec![Principal::Person { id: UserId::new(DORA), name: ANNA.to_owned() }];
    assert_eq!(answer(policy.may(Right::Approve, &person(DORA), None)), Answer::Yes);
    assert_eq!(answer(policy.may(Right::Approve, &person(ANNA), None)), Answer::Not);
}
