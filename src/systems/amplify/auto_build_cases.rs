//! What follows from a branch whose automatic builds are to be held or let go.

use super::auto_build::{AutoBuildOrder, BuildsSeen};
use super::auto_build_act::{BuildsDo, BuildsReceipt, Switch};
use super::auto_build_judge::judge;
use super::fixtures::{BAD, act, job, minutes};
use super::inventory::Pushes;
use crate::incident::freeze::{Direction, HoldOutput, Then, Transition};
use crate::incident::step::{Act, ActOutcome};
use crate::incident::time::Now;
use crate::systems::step_kind::{Judgement, StepJournal};

const LIFT: Direction = Direction::Lift { then: Then::Nothing };

fn order(direction: Direction) -> AutoBuildOrder {
    AutoBuildOrder { app: "d1a2b3c4".to_owned(), name: "shop".to_owned(), branch: "main".to_owned(), direction }
}

fn turn(builds: Switch) -> BuildsDo {
    BuildsDo::Turn { app: "d1a2b3c4".to_owned(), branch: "main".to_owned(), builds }
}

fn accepted(builds: Switch) -> Act {
    let receipt = serde_json::to_value(BuildsReceipt { builds }).unwrap();
    act(&turn(builds), ActOutcome::Accepted { receipt, request_id: None })
}

fn unknown(builds: Switch) -> Act {
    act(&turn(builds), ActOutcome::Unknown)
}

fn judged(direction: Direction, pushes: Pushes, acts: &[Act], at: i64) -> Judgement<BuildsDo> {
    let journal = StepJournal { key: "fz-1", attempt: 1, began_at: minutes(0), acts, remedy: None };
    let seen = BuildsSeen { pushes, under_way: vec![job(9, BAD, "RUNNING", 0)] };
    judge(&order(direction), &seen, &journal, Now::real(minutes(at)))
}

fn done(judgement: Judgement<BuildsDo>) -> (String, Option<Transition>) {
    let Judgement::Done { evidence, output } = judgement else { panic!("it is not done: {judgement:?}") };
    let held = serde_json::from_value::<HoldOutput>(output).ok().map(|output| output.transition);
    (evidence.iter().map(|one| one.text.as_str()).collect::<Vec<_>>().join(" "), held)
}

#[test]
fn what_is_on_is_turned_off_and_remembered_as_ours() {
    assert_eq!(judged(Direction::Hold, Pushes::Deploy, &[], 0), Judgement::Act(turn(Switch::Off)));
    assert!(matches!(judged(Direction::Hold, Pushes::Deploy, &[accepted(Switch::Off)], 0), Judgement::Wait(_)));
    let (said, held) = done(judged(Direction::Hold, Pushes::Nothing, &[accepted(Switch::Off)], 1));
    assert_eq!(held, Some(Transition::ByRollbot));
    assert!(said.contains("Pushes to main of shop are not deployed any more"), "{said}");
    assert!(said.contains("Job 9 of 3c9d5e71 is under way (RUNNING) and goes on: this freeze stops no job"), "{said}");
    assert!(matches!(judged(Direction::Hold, Pushes::Deploy, &[accepted(Switch::Off)], 1), Judgement::Failed(_)));
}

#[test]
fn what_somebody_else_turned_off_is_left_alone() {
    let (said, held) = done(judged(Direction::Hold, Pushes::Nothing, &[], 0));
    assert_eq!(held, Some(Transition::Before { reason: None, by: None }));
    assert!(said.contains("were off before. They stay off when this freeze is lifted"), "{said}");
    let (said, _) = done(judged(LIFT, Pushes::Nothing, &[], 9));
    assert!(said.contains("stay off, because somebody else turned them off before"), "{said}");
}

#[test]
fn only_what_rollbot_turned_off_is_turned_on_again() {
    let off = accepted(Switch::Off);
    assert_eq!(judged(LIFT, Pushes::Nothing, std::slice::from_ref(&off), 9), Judgement::Act(turn(Switch::On)));
    let (said, _) = done(judged(LIFT, Pushes::Deploy, &[off.clone(), accepted(Switch::On)], 9));
    assert!(said.contains("are deployed again: automatic builds are on, as before"), "{said}");
    let (said, _) = done(judged(LIFT, Pushes::Deploy, std::slice::from_ref(&off), 9));
    assert!(said.contains("were on already; Rollbot changed nothing"), "{said}");
    let (said, _) = done(judged(LIFT, Pushes::Nothing, &[off, accepted(Switch::On)], 9));
    assert!(said.contains("somebody else turned them off since"), "{said}");
}

#[test]
fn a_lost_reply_is_given_time_and_then_said_again() {
    let (off, on) = (unknown(Switch::Off), unknown(Switch::On));
    assert!(matches!(judged(Direction::Hold, Pushes::Deploy, std::slice::from_ref(&off), 0), Judgement::Wait(_)));
    assert_eq!(
        judged(Direction::Hold, Pushes::Deploy, std::slice::from_ref(&off), 1),
        Judgement::Act(turn(Switch::Off))
    );
    let (_, held) = done(judged(Direction::Hold, Pushes::Nothing, std::slice::from_ref(&off), 0));
    assert_eq!(held, Some(Transition::ByRollbot), "it was on when the order was given");
    assert!(matches!(judged(LIFT, Pushes::Deploy, std::slice::from_ref(&off), 0), Judgement::Wait(_)));
    assert_eq!(judged(LIFT, Pushes::Nothing, &[off, on], 1), Judgement::Act(turn(Switch::On)));
}
