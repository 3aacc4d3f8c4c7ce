//! The course of a rollback: phases, stops, regressions, verdicts.

use rstest::rstest;
use serde_json::{Value, json};

use super::then::then;
use crate::incident::command::Command;
use crate::incident::due::{Due, Phase, due, phase};
use crate::incident::event::{Event, What};
use crate::incident::ids::StepId;
use crate::incident::incident::Verdict;
use crate::incident::plan::{Purpose, Step};
use crate::incident::policy::Actor;
use crate::incident::sample::{
    ANNA, BEN, at, checks, failure, optional, person, plan, replay, rolls_back, stage, story, terms,
};
use crate::incident::stack::{StackWay, StackWork};
use crate::incident::step::{Finding, StepState};
use crate::incident::work::Work;

fn word(phase: &Phase<'_>) -> &'static str {
    match phase {
        Phase::Planning => "planning",
        Phase::Waiting(_) => "waiting",
        Phase::Starting(_) => "starting",
        Phase::Running(_) => "running",
        Phase::Blocked(_) => "blocked",
        Phase::Awaiting(_) => "awaiting",
        Phase::Draining(_) => "draining",
        Phase::Watching(..) => "watching",
        Phase::Over(_) => "over",
    }
}

#[test]
fn every_event_of_a_story_leads_to_its_phase() {
    let events = story("rb-23456", "api");
    let phases: Vec<(String, &str)> = (1..=events.len())
        .map(|told| {
            let incident = replay(&events[..told]);
            let event = serde_json::to_value(&events[told - 1].what).unwrap()["event"].as_str().unwrap().to_owned();
            (event, word(&phase(&incident)))
        })
        .collect();
    let expected = [
        ("requested", "planning"),
        ("proposed", "waiting"),
        ("approved", "starting"),
        ("started", "running"),
        ("began", "running"),
        ("acting", "running"),
        ("refused", "running"),
        ("failed", "blocked"),
        ("retried", "running"),
        ("began", "running"),
        ("acting", "running"),
        ("accepted", "running"),
        ("progressed", "running"),
        ("finished", "running"),
        ("began", "running"),
        ("finished", "running"),
        ("verdict_reached", "watching"),
        ("began", "watching"),
        ("failed", "watching"),
        ("closed", "over"),
    ];
    let expected = expected.map(|(event, phase)| (event.to_owned(), phase));
    assert_eq!(phases, expected);
}

#[test]
fn a_stopped_incident_drains_and_then_ends() {
    let running = replay(&story("rb-23456", "api")[..6]);
    let stopped = then(&running, person(ANNA), 20, Command::Stop).unwrap();
    assert_eq!(word(&phase(&stopped)), "draining");
    assert_eq!(due(&stopped), [Due::Run(StepId::new("api"))]);
    let failed = Command::Fail { step: StepId::new("api"), failure: failure(Finding::Wrong) };
    let drained = then(&stopped, Actor::Rollbot, 21, failed).unwrap();
    assert_eq!(due(&drained), [Due::Settle]);
    let over = then(&drained, Actor::Rollbot, 22, Command::Settle).unwrap();
    let Phase::Over(closed) = phase(&over) else { panic!("{over:?}") };
    // An act of unknown outcome may have changed something.
    assert_eq!(closed.end.word(), "failed");
}

#[test]
fn peer_01_a_target_that_is_gone_after_the_checks_blocks_and_has_the_checks_repeated() {
    let checked = replay(&story("rb-23456", "api")[..16]);
    assert_eq!(due(&checked), [Due::Settle]);
    let gone = Command::Fail { step: StepId::new("api"), failure: failure(Finding::Wrong) };
    let blocked = then(&checked, Actor::Rollbot, 20, gone.clone()).unwrap();
    assert_eq!((word(&phase(&blocked)), due(&blocked)), ("blocked", vec![]));
    let retried = Command::Retry { step: StepId::new("api"), attempt: 2 };
    let again = then(&blocked, person(BEN), 21, retried).unwrap();
    assert_eq!(due(&again), [Due::Run(StepId::new("api"))]);
    let states: Vec<StepState> =
        again.run().unwrap().of(Purpose::Verify).map(|(_, record)| record.state.clone()).collect();
    assert!(states.iter().all(|state| *state == StepState::Pending), "{states:?}");
    // The verdict stands for what was proved: what comes after it is for the watch to find.
    let settled = then(&checked, Actor::Rollbot, 20, Command::Settle).unwrap();
    assert!(then(&settled, Actor::Rollbot, 21, gone).is_err());
}

#[test]
fn a_regression_does_not_end_the_watch_of_what_comes_after() {
    let watch = stage(Purpose::Watch, vec![vec![checks("watch/1"), checks("watch/2")]]);
    let mut events = story("rb-23456", "api");
    events.truncate(17);
    let What::Proposed { proposal } = &mut events[1].what else { panic!() };
    proposal.plan.stages[2] = watch;
    let began = |name: &str| What::Began { step: StepId::new(name), attempt: 1 };
    let failed = What::Failed { step: StepId::new("watch/1"), failure: failure(Finding::Wrong) };
    for what in [began("watch/1"), failed] {
        events.push(Event { at: at(20), by: Actor::Rollbot, what });
    }
    let incident = replay(&events);
    assert_eq!(due(&incident), [Due::Run(StepId::new("watch/2"))]);
    assert_eq!(incident.run().unwrap().regressions, ["HTTP https://api.example.com/health: The tasks do not start."]);
}

#[derive(Debug, Clone, Copy)]
enum Fate {
    Done,
    FailedWrong,
    FailedInconclusive,
    SkippedWrong,
    SkippedInconclusive,
}

#[rstest]
//     required target   optional target      required check             verdict
#[case(Fate::Done, Fate::Done, Fate::Done, Verdict::RolledBack)]
#[case(Fate::Done, Fate::FailedWrong, Fate::Done, Verdict::PartlyRolledBack)]
#[case(Fate::SkippedWrong, Fate::Done, Fate::Done, Verdict::PartlyRolledBack)]
#[case(Fate::SkippedInconclusive, Fate::Done, Fate::Done, Verdict::PartlyRolledBack)]
#[case(Fate::Done, Fate::FailedInconclusive, Fate::Done, Verdict::PartlyRolledBack)]
#[case(Fate::Done, Fate::Done, Fate::SkippedWrong, Verdict::PartlyRolledBack)]
#[case(Fate::Done, Fate::Done, Fate::SkippedInconclusive, Verdict::Unproved)]
#[case(Fate::Done, Fate::FailedWrong, Fate::SkippedInconclusive, Verdict::PartlyRolledBack)]
#[case(Fate::SkippedWrong, Fate::Done, Fate::SkippedInconclusive, Verdict::PartlyRolledBack)]
fn the_verdict_says_what_was_proved(
    #[case] required: Fate,
    #[case] other: Fate,
    #[case] check: Fate,
    #[case] expected: Verdict,
) {
    let plan = plan(vec![
        stage(Purpose::RollBack, vec![vec![rolls_back("api")], vec![optional(rolls_back("web"))]]),
        stage(Purpose::Verify, vec![vec![checks("check")]]),
    ]);
    let mut incident = replay(&story("rb-23456", "api")[..1]);
    let digest = plan.digest();
    let mut go = |actor: Actor, command: Command| incident = then(&incident, actor, 10, command).unwrap();
    go(Actor::Rollbot, Command::Propose { plan, terms: terms(1) });
    go(person(BEN), Command::Approve { digest: digest.clone(), phrase: None });
    go(Actor::Rollbot, Command::Start { digest, voters: Vec::new() });
    for (step, fate) in [("api", required), ("web", other), ("check", check)] {
        let step = StepId::new(step);
        go(Actor::Rollbot, Command::Begin { step: step.clone() });
        let finding = match fate {
            Fate::Done => {
                let (evidence, output) = (Vec::new(), json!(null));
                go(Actor::Rollbot, Command::Finish { step, evidence, output });
                continue;
            }
            Fate::FailedWrong | Fate::SkippedWrong => Finding::Wrong,
            Fate::FailedInconclusive | Fate::SkippedInconclusive => Finding::Inconclusive,
        };
        go(Actor::Rollbot, Command::Fail { step: step.clone(), failure: failure(finding) });
        if matches!(fate, Fate::SkippedWrong | Fate::SkippedInconclusive) {
            let reason = "it is not needed".to_owned();
            go(person(BEN), Command::Skip { step, attempt: 1, reason });
        }
    }
    go(Actor::Rollbot, Command::Settle);
    assert_eq!(incident.run().unwrap().verdict.map(|record| record.verdict), Some(expected));
}

/// A stack whose rollback went on without resources is not wholly back, whatever the checks say.
#[rstest]
#[case::nothing(json!({"status": "UPDATE_ROLLBACK_COMPLETE", "skipped": []}), Fate::Done, Verdict::RolledBack)]
#[case::of_an_older_version(json!(null), Fate::Done, Verdict::RolledBack)]
#[case::one(json!({"status": "UPDATE_ROLLBACK_COMPLETE", "skipped": ["Queue"]}), Fate::Done, Verdict::PartlyRolledBack)]
#[case::and_nothing_was_seen(
    json!({"status": "UPDATE_ROLLBACK_COMPLETE", "skipped": ["Queue"]}),
    Fate::SkippedInconclusive,
    Verdict::PartlyRolledBack
)]
fn c16_what_was_left_out_of_a_stack_makes_it_only_partly_back(
    #[case] output: Value,
    #[case] check: Fate,
    #[case] expected: Verdict,
) {
    let way = StackWay::Undo;
    let work = StackWork { stack: "arn".to_owned(), name: "shop".to_owned(), way, content: None };
    let step = Step { work: Work::Stack(work), ..rolls_back("api") };
    let plan =
        plan(vec![stage(Purpose::RollBack, vec![vec![step]]), stage(Purpose::Verify, vec![vec![checks("check")]])]);
    let mut incident = replay(&story("rb-23456", "api")[..1]);
    let digest = plan.digest();
    let (api, checked) = (StepId::new("api"), StepId::new("check"));
    let is_seen = matches!(check, Fate::Done);
    let end = if is_seen {
        Command::Finish { step: checked.clone(), evidence: Vec::new(), output: json!(null) }
    } else {
        Command::Fail { step: checked.clone(), failure: failure(Finding::Inconclusive) }
    };
    let mut commands = vec![
        (Actor::Rollbot, Command::Propose { plan, terms: terms(1) }),
        (person(BEN), Command::Approve { digest: digest.clone(), phrase: None }),
        (Actor::Rollbot, Command::Start { digest, voters: Vec::new() }),
        (Actor::Rollbot, Command::Begin { step: api.clone() }),
        (Actor::Rollbot, Command::Finish { step: api, evidence: Vec::new(), output }),
        (Actor::Rollbot, Command::Begin { step: checked.clone() }),
        (Actor::Rollbot, end),
    ];
    if !is_seen {
        let reason = "nobody is awake".to_owned();
        commands.push((person(BEN), Command::Skip { step: checked, attempt: 1, reason }));
    }
    commands.push((Actor::Rollbot, Command::Settle));
    for (actor, command) in commands {
        incident = then(&incident, actor, 10, command).unwrap();
    }
    assert_eq!(incident.run().unwrap().verdict.map(|record| record.verdict), Some(expected));
}

#[test]
fn an_optional_step_that_failed_is_passed_and_not_retried() {
    let plan = plan(vec![
        stage(Purpose::RollBack, vec![vec![optional(rolls_back("web"))]]),
        stage(Purpose::RollBack, vec![vec![rolls_back("api")]]),
    ]);
    let mut incident = replay(&story("rb-23456", "api")[..1]);
    let digest = plan.digest();
    let step = StepId::new("web");
    let commands = [
        (Actor::Rollbot, Command::Propose { plan, terms: terms(1) }),
        (person(BEN), Command::Approve { digest: digest.clone(), phrase: None }),
        (Actor::Rollbot, Command::Start { digest, voters: Vec::new() }),
        (Actor::Rollbot, Command::Begin { step: step.clone() }),
        (Actor::Rollbot, Command::Fail { step: step.clone(), failure: failure(Finding::Wrong) }),
    ];
    for (actor, command) in commands {
        incident = then(&incident, actor, 10, command).unwrap();
    }
    assert_eq!(due(&incident), [Due::Run(StepId::new("api"))]);
    assert!(then(&incident, person(BEN), 11, Command::Retry { step, attempt: 1 }).is_err());
}
