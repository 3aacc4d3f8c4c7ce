//! Wherever the process ends, the next one goes on from the record.

use std::sync::atomic::Ordering;

use rollbot::engine::Refusal;
use rollbot::incident::command::Command;
use rollbot::incident::incident::{Incident, State};
use rollbot::incident::policy::{Actor, Known, Member, Standing};
use rollbot::incident::step::StepState;
use rollbot::sandbox::wire::{Fault, Moment};
use rstest::rstest;

use super::house::{House, configuration, record, world};

fn checked(house_site: &str) -> String {
    format!(
        "  api:\n    targets: [{{ ecs: {{ name: backend, cluster: shop-prod, service: api }} }}]\n    verify: [{{ http: \
         {{ url: \"{house_site}/health\", passes: 3, every: 5s, within: 5m }} }}]\n    watch: {{ for: 2m, \
         every: 15s }}\n"
    )
}

fn begun(incident: &Incident, step: &str) -> bool {
    let Some(run) = incident.run() else { return false };
    run.steps.iter().any(|(id, record)| id.as_str().starts_with(step) && record.state == StepState::Active)
}

fn acts(incident: &Incident) -> usize {
    record(incident, "backend").map_or(0, |(_, _, acts)| acts)
}

#[rstest]
#[case::while_the_plan_is_made(|incident: &Incident| matches!(incident.state, State::Requested))]
#[case::while_people_vote(|incident: &Incident| matches!(incident.state, State::Proposed(_)))]
#[case::when_the_step_has_begun(|incident: &Incident| begun(incident, "backend"))]
#[case::when_it_has_acted(|incident: &Incident| acts(incident) > 0)]
#[case::while_checks_run(|incident: &Incident| begun(incident, "verify/"))]
#[case::while_it_is_watched(|incident: &Incident| begun(incident, "watch/"))]
#[tokio::test(flavor = "multi_thread")]
async fn an_incident_goes_on_where_it_was(#[case] there: fn(&Incident) -> bool) {
    let house = House::of("  web: { targets: [{ ecs: { cluster: c, service: s } }] }\n").await;
    let config = configuration(&checked(&house.aws.site("api").unwrap()), "24h");
    let mut house = house.restart(config.clone()).await;
    let id = house.open("api").await;
    let mut ended = false;
    loop {
        let incident = house.incident(&id).await;
        if !ended && there(&incident) {
            house = house.restart(config.clone()).await;
            ended = true;
        }
        match &incident.state {
            State::Proposed(proposal) if !proposal.is_approved() && (ended || !there(&incident)) => {
                house.approve(&id).await;
            }
            State::Closed(_) => break,
            State::Requested | State::Proposed(_) | State::Running(_) => {}
        }
        house.engine.clock.sleep_really(std::time::Duration::from_millis(3)).await;
    }
    assert!(ended, "the moment was seen");
    assert_eq!(house.end_of(&id).await.0, "rolled_back");
    assert_eq!(house.told("UpdateService"), 1, "nothing is done twice");
    assert_eq!(house.runs("api"), ["v42"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_act_whose_reply_was_lost_is_not_repeated_after_a_restart() {
    let api = super::house::API;
    let house = House::of(api).await;
    house.fault("UpdateService", Moment::After, Fault::Drop, 1);
    let id = house.open("api").await;
    house.approve(&id).await;
    house.until("an act", &id, |incident| (acts(incident) > 0).then_some(())).await;
    let house = house.restart(configuration(api, "24h")).await;
    assert_eq!(house.end_of(&id).await.0, "rolled_back");
    assert_eq!(house.told("UpdateService"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_orderly_end_does_not_wait_for_aws_to_answer() {
    let api = super::house::API;
    let house = House::of(api).await;
    // Every look hangs until its time-out of ten seconds.
    house.wire.interfere(Some(std::sync::Arc::new(|_, _| Box::pin(std::future::pending()))));
    let id = house.open("api").await;
    house.engine.clock.sleep_really(std::time::Duration::from_millis(100)).await;
    let since = house.engine.clock.reading();
    let house = house.restart(configuration(api, "24h")).await;
    assert!(since.elapsed() < std::time::Duration::from_secs(5), "it took {:?}", since.elapsed());
    house.interfere(|_, _| None);
    house.proposal(&id, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_whose_environment_is_gone_can_be_brought_to_an_end() {
    let api = super::house::API;
    let house = House::with(world(), configuration(api, "24h")).await;
    let id = house.open("api").await;
    house.approve(&id).await;
    house.until("an act", &id, |incident| (acts(incident) > 0).then_some(())).await;
    house.away.store(true, Ordering::SeqCst);
    let mut without = configuration(api, "24h");
    without.environments.clear();
    let house = house.restart(without).await;
    let failure = house.failure(&id, "backend", 1).await;
    assert_eq!(failure.why, "The configuration has no environment `prod` any more.");

    let member = Member {
        user: rollbot::incident::ids::UserId::new("U0SRE00001"),
        standing: Standing::Full,
        in_channel: Known::Yes,
        groups: std::collections::BTreeMap::new(),
    };
    let refused = house.engine.command(&id, Command::Stop, Actor::Slack(member)).await;
    assert!(matches!(refused, Err(Refusal::Rejected(_))), "nobody in Slack may do anything: {refused:?}");
    house.say(&id, Command::Stop).await.unwrap();
    assert_eq!(house.end_of(&id).await.0, "failed");
}
