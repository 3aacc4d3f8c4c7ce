//! Several lanes, stages and tracks: who waits for whom, and where everything is.

use rstest::rstest;
use serde_json::json;

use super::then::then;
use crate::incident::command::{Command, Facts};
use crate::incident::decide::decide;
use crate::incident::due::{Due, due};
use crate::incident::evolve::evolve;
use crate::incident::ids::{Digest, StepId};
use crate::incident::incident::{Incident, State};
use crate::incident::plan::{Plan, Purpose, Stage, Step};
use crate::incident::policy::Actor;
use crate::incident::sample::{
    BEN, at, checks, failure, person, plan, policy, replay, rolls_back, stage, story, terms,
};
use crate::incident::site::{Counts, ObjectCopies, SiteWay, SiteWork};
use crate::incident::step::Finding;
use crate::incident::time::Now;
use crate::incident::work::Work;

fn on(track: &str, lanes: &[&str]) -> Stage {
    let lanes = lanes.iter().map(|name| vec![rolls_back(name)]).collect();
    Stage { track: Some(track.to_owned()), ..stage(Purpose::RollBack, lanes) }
}

/// Two services side by side, the first in two stages; then a check.
fn side_by_side() -> Plan {
    plan(vec![
        stage(Purpose::Freeze, vec![vec![rolls_back("freeze")]]),
        on("api", &["api/backend", "api/worker"]),
        on("api", &["api/site"]),
        on("web", &["web/site"]),
        stage(Purpose::Verify, vec![vec![checks("verify/api/http")]]),
    ])
}

/// The incident while `plan` runs, after what `story` says: `+step` is done, `!step` fails, `-step` is skipped.
fn after(plan: Plan, told: &str) -> Incident {
    let mut incident = replay(&story("rb-23456", "api")[..1]);
    let digest = plan.digest();
    let mut go = |actor: Actor, command: Command| incident = then(&incident, actor, 10, command).unwrap();
    go(Actor::Rollbot, Command::Propose { plan, terms: terms(1) });
    go(person(BEN), Command::Approve { digest: digest.clone(), phrase: None });
    go(Actor::Rollbot, Command::Start { digest, voters: Vec::new() });
    for word in told.split_whitespace() {
        let (sign, name) = word.split_at(1);
        let step = StepId::new(name);
        if sign == "-" {
            let reason = "it is not needed".to_owned();
            go(person(BEN), Command::Skip { step, attempt: 1, reason });
            continue;
        }
        go(Actor::Rollbot, Command::Begin { step: step.clone() });
        go(Actor::Rollbot, Command::Act { step: step.clone(), what: json!({}) });
        go(
            Actor::Rollbot,
            if sign == "+" {
                Command::Finish { step, evidence: Vec::new(), output: json!(null) }
            } else {
                Command::Fail { step, failure: failure(Finding::Wrong) }
            },
        );
    }
    incident
}

fn is_due(incident: &Incident) -> String {
    let due = due(incident)
        .into_iter()
        .map(|due| if let Due::Run(step) = &due { step.to_string() } else { format!("{due:?}") });
    due.collect::<Vec<_>>().join(" ")
}

#[rstest]
#[case::the_freeze_comes_first("", "freeze")]
#[case::then_both_services("+freeze", "api/backend api/worker web/site")]
#[case::a_stage_waits_for_its_whole_own_stage("+freeze +api/backend", "api/worker web/site")]
#[case::and_for_no_other_service("+freeze +api/backend +api/worker", "api/site web/site")]
#[case::the_other_service_does_not_wait("+freeze +web/site", "api/backend api/worker")]
#[case::a_failure_holds_up_its_own_service("+freeze !api/worker +api/backend", "web/site")]
#[case::and_not_the_other("+freeze !api/worker +api/backend +web/site", "")]
#[case::a_skip_lets_it_go_on("+freeze !api/worker +api/backend -api/worker", "api/site web/site")]
#[case::two_failures_one_skipped("+freeze !api/worker !web/site +api/backend -web/site", "")]
#[case::checks_wait_for_all("+freeze +web/site +api/backend +api/worker", "api/site")]
#[case::then_they_run("+freeze +web/site +api/backend +api/worker +api/site", "verify/api/http")]
#[case::and_the_verdict("+freeze +web/site +api/backend +api/worker +api/site +verify/api/http", "Settle")]
fn services_side_by_side_wait_for_themselves_alone(#[case] told: &str, #[case] expected: &str) {
    assert_eq!(is_due(&after(side_by_side(), told)), expected);
}

#[test]
fn side_by_side_takes_as_long_as_the_longest_service() {
    let four_minutes = |plan: &Plan| plan.estimate().as_secs() / 240;
    assert_eq!(four_minutes(&side_by_side()), 3);
    let mut one_after_the_other = side_by_side();
    one_after_the_other.stages.iter_mut().for_each(|stage| stage.track = None);
    assert_eq!(four_minutes(&one_after_the_other), 4);
}

#[test]
fn a_stop_lets_every_lane_in_flight_end_and_says_what_is_where() {
    let mut incident = after(side_by_side(), "+freeze +api/backend !api/worker");
    let mut go = |actor: Actor, command: Command| incident = then(&incident, actor, 20, command).unwrap();
    go(Actor::Rollbot, Command::Begin { step: StepId::new("web/site") });
    go(Actor::Rollbot, Command::Act { step: StepId::new("web/site"), what: json!({}) });
    go(person(BEN), Command::Stop);
    assert_eq!(is_due(&incident), "web/site", "what is in flight is finished, and nothing new begins");
    let act = Command::Act { step: StepId::new("web/site"), what: json!({}) };
    assert!(then(&incident, Actor::Rollbot, 21, act).is_err());
    let restore = Command::Restore { step: StepId::new("web/site"), what: json!({}) };
    assert!(then(&incident, Actor::Rollbot, 21, restore).is_ok(), "what it changed in passing is put back");
    let done = Command::Finish { step: StepId::new("web/site"), evidence: Vec::new(), output: json!(null) };
    incident = then(&incident, Actor::Rollbot, 30, done).unwrap();
    assert_eq!(is_due(&incident), "Settle");
    assert!(!incident.holds().is_empty());
    incident = then(&incident, Actor::Rollbot, 31, Command::Settle).unwrap();
    assert_eq!(incident.holds(), Vec::new());
    let State::Closed(closed) = &incident.state else { panic!("{incident:?}") };
    let end = serde_json::to_value(&closed.end).unwrap();
    assert_eq!(
        end["why"],
        "it was stopped with something changed and not proved: api/backend runs v41 (api:41); api/worker may run v42 \
         (api:42) or v41 (api:41); api/site runs v42 (api:42) as before; web/site runs v41 (api:41)"
    );
}

/// A static site whose objects are copied, so that it may be left with parts of both builds.
fn copied_site() -> Step {
    let copies = ObjectCopies { live: "live/".to_owned(), manifest: Digest::new("b6"), counts: Counts::default() };
    let (bucket, distribution) = ("shop-web".to_owned(), "E1".to_owned());
    let way = SiteWay::Objects(copies);
    let work = Work::Site(SiteWork { bucket, distribution, invalidate: Vec::new(), outlives: None, way });
    Step { work, ..rolls_back("site") }
}

#[test]
fn what_a_stop_leaves_half_done_is_never_on_its_way_and_never_not_begun() {
    let plan = plan(vec![
        stage(Purpose::RollBack, vec![vec![copied_site()], vec![rolls_back("api")]]),
        stage(Purpose::Verify, vec![vec![checks("verify/http")]]),
    ]);
    let mut incident = after(plan, "+api");
    let step = || StepId::new("site");
    let mut events = Vec::new();
    let mut go = |actor: Actor, command: Command| {
        let policy = policy(1);
        let facts = Facts { now: Now::real(at(20)), actor, policy: &policy };
        for event in decide(&incident, command, &facts).unwrap() {
            incident = evolve(incident.clone(), &event);
            events.push(event);
        }
    };
    let act = |verb: &str| Command::Act { step: step(), what: json!({"verb": verb}) };
    let accept =
        |number, done| Command::Accept { step: step(), number, receipt: json!({"done": done}), request_id: None };
    go(Actor::Rollbot, Command::Begin { step: step() });
    go(Actor::Rollbot, act("CopyObject"));
    go(Actor::Rollbot, accept(1, 2_500));
    go(Actor::Rollbot, act("CopyObject"));
    go(Actor::Rollbot, accept(2, 11));
    go(Actor::Rollbot, act("CreateInvalidation"));
    go(Actor::Rollbot, Command::Fail { step: step(), failure: failure(Finding::Inconclusive) });
    go(person(BEN), Command::Retry { step: step(), attempt: 1 });
    go(Actor::Rollbot, Command::Begin { step: step() });
    go(person(BEN), Command::Stop);
    // The second attempt has done nothing: it is not begun.
    go(Actor::Rollbot, Command::Withdraw { step: step() });
    go(Actor::Rollbot, Command::Settle);
    let State::Closed(closed) = &incident.state else { panic!("{incident:?}") };
    assert_eq!(
        serde_json::to_value(&closed.end).unwrap()["why"],
        "it was stopped with something changed and not proved: site may have parts of v42 (api:42) and parts of v41 \
         (api:41); api runs v41 (api:41)"
    );
    let told = crate::incident::report::story(&incident, &events, Now::real(at(30))).join("\n");
    let left =
        "left after this: AWS accepted CopyObject (2,511 objects); nobody knows whether CreateInvalidation was taken";
    assert!(told.contains(left), "{told}");
    assert!(told.contains("site not gone on with, because of the stop"), "{told}");
    assert!(!told.contains("not begun") && !told.contains("on its way"), "{told}");
}

#[test]
fn a_stop_of_a_single_target_says_where_it_is_too() {
    let one = plan(vec![
        stage(Purpose::RollBack, vec![vec![rolls_back("api")]]),
        stage(Purpose::Verify, vec![vec![checks("verify/http")]]),
    ]);
    let mut incident = after(one, "!api");
    let mut go = |actor: Actor, command: Command| incident = then(&incident, actor, 20, command).unwrap();
    go(person(BEN), Command::Stop);
    go(Actor::Rollbot, Command::Settle);
    let State::Closed(closed) = &incident.state else { panic!("{incident:?}") };
    assert_eq!(
        serde_json::to_value(&closed.end).unwrap()["why"],
        "it was stopped with something changed and not proved: api may run v42 (api:42) or v41 (api:41)"
    );
}
