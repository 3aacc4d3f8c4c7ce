//! What follows from what is seen of an alias.

use rstest::rstest;

use super::act::{Do, Receipt};
use super::alias::{AliasSeen, judge};
use super::fixtures::{act, alias, code, minutes, standing, taken};
use super::inventory::{Alias, Provisioned};
use super::judge::Past;
use super::shifting::Shifting;
use crate::incident::lambda::AliasFlip;
use crate::incident::step::Failure;
use crate::incident::time::Now;
use crate::systems::step_kind::{Judgement, Outcome};

fn flip() -> AliasFlip {
    AliasFlip { function: "jobs".to_owned(), alias: "live".to_owned(), from: "3".to_owned(), to: "2".to_owned() }
}

fn order(revision: &str) -> Do {
    Do::UpdateAlias { alias: "live".to_owned(), version: "2".to_owned(), revision: revision.to_owned() }
}

fn seen(alias: Alias) -> AliasSeen {
    AliasSeen { alias, target: code("2", "sha-two", 3, -4_000), provisioned: None, shifting: Shifting::No }
}

fn judged(seen: &AliasSeen, own: &[Past], at: i64) -> Judgement<Do> {
    judge(&flip(), seen, &own.iter().collect::<Vec<_>>(), Now::real(minutes(at)))
}

fn fails(judgement: Judgement<Do>) -> Failure {
    let Judgement::Failed(failure) = judgement else { panic!("it does not fail: {judgement:?}") };
    failure
}

fn waits(judgement: Judgement<Do>) -> String {
    let Judgement::Wait(progress) = judgement else { panic!("it does not wait: {judgement:?}") };
    progress
}

fn refused(code: &str) -> Outcome<Receipt> {
    Outcome::Refused(format!("AWS refused UpdateAlias: no ({code})"))
}

#[rstest]
#[case::as_planned(alias("3", &[]))]
#[case::with_a_canary(alias("3", &[("4", 0.1)]))]
#[case::only_a_weight_is_left(alias("2", &[("3", 0.1)]))]
fn c18_the_alias_is_pointed_at_the_version_for_the_revision_that_was_seen(#[case] alias: Alias) {
    assert_eq!(judged(&seen(alias), &[], 0), Judgement::Act(order("alias-1")));
}

#[test]
fn c18_done_is_only_an_alias_with_all_its_calls_at_the_version() {
    let Judgement::Done { evidence, output } = judged(&seen(alias("2", &[])), &[act(order("alias-1"), 0, taken())], 1)
    else {
        panic!("it is done")
    };
    assert!(evidence[0].text.contains("points at version 2 (code sha-two), and no other version"), "{evidence:?}");
    assert_eq!(output["version"], "2");
}

#[test]
fn c18_an_order_that_is_not_seen_yet_is_waited_for_and_not_given_again() {
    let own = [act(order("alias-1"), 0, taken())];
    assert!(waits(judged(&seen(alias("3", &[])), &own, 0)).contains("does not show it yet"));
    // Long after, nobody's read is that late: somebody has moved it back.
    assert!(fails(judged(&seen(alias("3", &[])), &own, 5)).why.contains("Somebody else has moved the alias live"));
}

#[test]
fn c18_an_alias_that_somebody_has_moved_is_left_alone() {
    let failure = fails(judged(&seen(alias("4", &[("5", 0.5)])), &[], 0));
    assert_eq!(
        failure.why,
        "Somebody else has moved the alias live: it points at version 4, with 50 % of its calls on version 5, and was to go \
         from 3 to 2."
    );
    let mut newer = alias("3", &[]);
    "alias-2".clone_into(&mut newer.revision);
    assert!(fails(judged(&seen(newer), &[act(order("alias-1"), 0, taken())], 0)).why.contains("Somebody else"));
}

#[test]
fn c18_an_alias_that_codedeploy_drives_by_now_is_left_to_it() {
    let mut driven = seen(alias("3", &[]));
    driven.shifting = Shifting::By { deployment: "d-ABC".to_owned() };
    let failure = fails(judged(&driven, &[], 0));
    assert!(failure.why.contains("(deployment d-ABC), and would go on"), "{}", failure.why);
    assert!(failure.advice.contains("--deployment-id d-ABC --auto-rollback-enabled"), "{}", failure.advice);
    driven.shifting = Shifting::Unseen("too many".to_owned());
    assert_eq!(judged(&driven, &[], 0), Judgement::Act(order("alias-1")), "the card says so, and it was approved");
}

#[test]
fn c18_a_revision_that_was_outrun_is_tried_once_more_and_then_left_to_a_person() {
    let outrun = |at| act(order("alias-0"), at, refused("PreconditionFailedException"));
    assert_eq!(judged(&seen(alias("3", &[])), &[outrun(0)], 1), Judgement::Act(order("alias-1")));
    let failure = fails(judged(&seen(alias("3", &[])), &[outrun(0), outrun(1)], 2));
    assert!(failure.why.contains("again and again"), "{failure:?}");
    // Where what it points at has changed as well, not even once.
    assert!(fails(judged(&seen(alias("4", &[])), &[outrun(0)], 1)).why.contains("version 4"));
}

#[test]
fn c18_a_busy_function_is_tried_again() {
    let busy = act(order("alias-1"), 0, refused("ResourceConflictException"));
    assert_eq!(judged(&seen(alias("3", &[])), &[busy.clone(), busy], 1), Judgement::Act(order("alias-1")));
}

#[test]
fn c18_a_lost_reply_is_looked_for_before_the_order_is_given_again() {
    let lost = [act(order("alias-1"), 0, Outcome::Unknown)];
    assert!(matches!(judged(&seen(alias("2", &[])), &lost, 0), Judgement::Done { .. }), "it has happened");
    assert_eq!(
        judged(&seen(alias("3", &[])), &lost, 0),
        Judgement::Act(order("alias-1")),
        "for the same revision it can happen only once"
    );
}

#[rstest]
#[case::before("3")]
#[case::after("2")]
fn c18_a_version_that_gets_ready_is_waited_for(#[case] points_at: &str) {
    let mut seen = seen(alias(points_at, &[]));
    seen.target.standing = standing("Pending");
    assert!(waits(judged(&seen, &[], 0)).contains("version 2 is getting ready"));
    seen.target.standing = standing("Failed");
    seen.target.standing.code = Some("ImageDeleted".to_owned());
    assert!(fails(judged(&seen, &[], 0)).why.contains("Version 2 of jobs cannot be called: ImageDeleted"));
}

#[test]
fn c18_an_idle_version_is_pointed_at_and_said() {
    let mut idle = seen(alias("3", &[]));
    idle.target.standing = standing("Inactive");
    assert_eq!(judged(&idle, &[], 0), Judgement::Act(order("alias-1")), "a call wakes it, and nothing else does");
    idle.alias = alias("2", &[]);
    let Judgement::Done { evidence, .. } = judged(&idle, &[], 0) else { panic!("it is done") };
    assert!(evidence[1].text.contains("the first call wakes it"), "{evidence:?}");
}

#[rstest]
#[case::warming("IN_PROGRESS", None, "3 of 5 instances of version 2 are warm")]
#[case::warm("READY", None, "3 instances are kept warm")]
#[case::cold("FAILED", Some("No room."), "could not be set up, so calls start cold: No room.")]
fn c18_provisioned_concurrency_is_waited_for_and_said(
    #[case] status: &str,
    #[case] reason: Option<&str>,
    #[case] words: &str,
) {
    let mut seen = seen(alias("2", &[]));
    seen.provisioned =
        Some(Provisioned { requested: 5, available: 3, status: status.to_owned(), reason: reason.map(str::to_owned) });
    let said = match judged(&seen, &[], 0) {
        Judgement::Wait(progress) => progress,
        Judgement::Done { evidence, .. } => evidence[1].text.clone(),
        Judgement::Holding { .. } | Judgement::Act(_) | Judgement::Restore(_) | Judgement::Failed(_) => {
            panic!("it waits or is done")
        }
    };
    assert!(said.contains(words), "{said}");
    assert_eq!(status == "IN_PROGRESS", said.contains(" of 5 "), "only warming up is waited for");
}
