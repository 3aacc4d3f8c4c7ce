//! CloudFormation stacks are taken back: the engine with a store and the stand-in for AWS in one process, no Slack.

#![cfg(feature = "sandbox")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    reason = "a test fails by them; clippy knows test functions only by their attribute"
)]

#[path = "engine/house.rs"]
#[expect(dead_code, reason = "the house has rooms that this suite does not enter")]
mod house;

use std::time::Duration;

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_cloudformation::types::{Capability, Parameter, Tag};
use house::{House, configuration, request};
use rollbot::config::Config;
use rollbot::incident::command::Command;
use rollbot::incident::event::What;
use rollbot::incident::ids::{IncidentId, Resource, StepId};
use rollbot::incident::incident::Incident;
use rollbot::incident::plan::{Plan, Purpose};
use rollbot::incident::preparation::Fate;
use rollbot::incident::step::StepState;
use rollbot::incident::whereabouts::left_out;
use rollbot::incident::work::Work;
use rollbot::sandbox::aws::Seed;
use rollbot::sandbox::wire::{Fault, Moment};
use rstest::rstest;
use serde_json::{Value, json};

/// One service whose one target is the stack `api`.
const STACK: &str = "  api: { targets: [{ cloudformation: { name: stack, stack: api } }] }\n";

fn template() -> Value {
    json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Parameters": {
            "Version": {"Type": "String"},
            "Secret": {"Type": "String", "NoEcho": true, "Default": "hunter2"},
        },
        "Resources": {
            "Function": {"Type": "AWS::Lambda::Function", "Properties": {
                "Code": {"S3Bucket": "artifacts", "S3Key": {"Fn::Sub": "api/${Version}.zip"}},
                "Environment": {"Variables": {"SECRET": {"Ref": "Secret"}}},
            }},
            "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"Tag": {"Ref": "Version"}}},
        },
    })
}

/// The template with a table, whose name is a parameter: another name makes it anew.
fn with_table(name: &str) -> Value {
    let mut template = template();
    template["Resources"]["Orders"] = json!({"Type": "AWS::DynamoDB::Table", "Properties": {"TableName": name}});
    template
}

fn stack(name: &str, more: Value) -> Value {
    let mut stack = json!({
        "name": name,
        "history": [{"age": "48h", "template": template(), "parameters": {"Version": "v1"},
            "capabilities": ["CAPABILITY_IAM"], "tags": {"team": "shop"}},
            {"age": "24h", "parameters": {"Version": "v2"}}],
        "site": {"resource": "Function", "property": "Code.S3Key", "versions": {
            "api/v1.zip": {"name": "v1"}, "api/v2.zip": {"name": "v2"}, "api/v3.zip": {"name": "v3"},
        }},
    });
    if let (Some(stack), Value::Object(more)) = (stack.as_object_mut(), more) {
        stack.extend(more);
    }
    stack
}

fn world(stacks: Vec<Value>) -> Seed {
    world_with(stacks, json!({}))
}

fn world_with(stacks: Vec<Value>, buckets: Value) -> Seed {
    let seed = json!({"account": "123456789012", "region": "eu-north-1", "stacks": stacks, "buckets": buckets});
    serde_json::from_value(seed).unwrap()
}

/// An update to v3 that was begun `age` ago, whose function behaves as `function` says.
fn deploying(age: &str, function: Value) -> Value {
    json!({
        "deploying": {"age": age, "parameters": {"Version": "v3"}, "token": "deploy-3"},
        "resources": {"Function": function},
    })
}

fn fails(on: &str, when: &str) -> Value {
    json!({"on": on, "when": when, "reason": "Function code is corrupt"})
}

fn slow() -> Value {
    json!({"takes": {"update": 300}})
}

async fn house(stacks: Vec<Value>, services: &str) -> House {
    House::with(world(stacks), configuration(services, "24h")).await
}

fn client(house: &House) -> Client {
    let config = aws_sdk_cloudformation::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-north-1"))
        .credentials_provider(Credentials::for_tests())
        .endpoint_url(house.aws.endpoint());
    Client::from_conf(config.build())
}

async fn status(house: &House, stack: &str) -> String {
    let answer = client(house).describe_stacks().stack_name(stack).send().await.unwrap();
    answer.stacks()[0].stack_status().unwrap().as_str().to_owned()
}

async fn runs(house: &House, stack: &str) -> String {
    let reply = reqwest::get(format!("{}/health", house.aws.site(stack).unwrap())).await.unwrap();
    reply.headers()["x-app-version"].to_str().unwrap().to_owned()
}

/// Waits until the stack has this status.
async fn until(house: &House, stack: &str, wanted: &str) {
    let since = house.engine.clock.reading();
    while status(house, stack).await != wanted {
        assert!(since.elapsed() < Duration::from_secs(30), "{stack} is {}", status(house, stack).await);
        house.engine.clock.sleep_really(Duration::from_millis(20)).await;
    }
}

/// Rollbot sees what is live, as it does every five minutes.
async fn seen(house: &House, stack: &str) {
    let answer = client(house).describe_stacks().stack_name(stack).send().await.unwrap();
    let described = &answer.stacks()[0];
    let resource = Resource::new(described.stack_id().unwrap());
    let version = described.parameters().iter().find(|one| one.parameter_key() == Some("Version"));
    let version = version.and_then(Parameter::parameter_value).map(str::to_owned);
    let kept = async {
        let since = house.engine.clock.reading();
        let newest = async || house.engine.store.kept(&resource).await.unwrap().into_iter().next();
        while newest().await.and_then(|kept| kept.release.version) != version {
            assert!(since.elapsed() < Duration::from_secs(30), "{stack} is not kept");
            house.engine.clock.sleep_really(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        () = house.engine.clone().keep_versions_of_stacks() => panic!("it looks on for as long as the process lives"),
        () = kept => {}
    }
}

/// Rollbot sees what is live, and then somebody deploys `version` with this template.
async fn seen_then_deployed(house: &House, stack: &str, version: &str, template: Option<Value>) {
    seen(house, stack).await;
    let call = client(house)
        .update_stack()
        .stack_name(stack)
        .capabilities(Capability::CapabilityIam)
        .parameters(Parameter::builder().parameter_key("Version").parameter_value(version).build());
    let call = match template {
        Some(template) => call.template_body(template.to_string()),
        None => call.use_previous_template(true),
    };
    call.send().await.unwrap();
    until(house, stack, "UPDATE_COMPLETE").await;
}

fn step_of(plan: &Plan) -> &rollbot::incident::plan::Step {
    plan.targets().next().unwrap()
}

async fn events(house: &House, id: &IncidentId) -> Vec<What> {
    house.engine.store.events(id, 0).await.unwrap().into_iter().map(|(_, event)| event.what).collect()
}

/// The change sets of a stack that nobody has executed.
async fn change_sets(house: &House, stack: &str) -> Vec<String> {
    let answer = client(house).list_change_sets().stack_name(stack).send().await.unwrap();
    let open = answer
        .summaries()
        .iter()
        .filter(|set| !set.execution_status().is_some_and(|status| status.as_str().starts_with("EXECUTE_")));
    open.map(|set| set.change_set_name().unwrap().to_owned()).collect()
}

/// Waits until nothing that was made ahead of a plan is left.
async fn nothing_is_left(house: &House, id: &IncidentId) {
    let gone = |incident: &Incident| incident.prepared.iter().all(|made| made.fate == Fate::Gone).then_some(());
    house.until("its change sets are gone", id, gone).await;
    assert_eq!(change_sets(house, "api").await, Vec::<String>::new());
}

#[rstest]
#[case::cancelled(deploying("1m", slow()), "CancelUpdateStack")]
#[case::rolled_back({
    let mut more = deploying("30m", json!({"fails": [fails("update", "v3")]}));
    more["deploying"]["disable_rollback"] = json!(true);
    more
}, "RollbackStack")]
#[case::continued(deploying("30m", json!({"fails": [
    fails("update", "v3"),
    {"on": "rollback", "when": "v2", "reason": "Function code is corrupt", "times": 1},
]})), "ContinueUpdateRollback")]
#[tokio::test(flavor = "multi_thread")]
async fn c03_b02_p04_b05_the_action_follows_from_the_status(#[case] past: Value, #[case] verb: &str) {
    let house = house(vec![stack("api", past)], STACK).await;
    let id = house.open("api").await;
    let plan = house.proposal(&id, 1).await.plan;
    assert_eq!(step_of(&plan).verbs, ["CancelUpdateStack", "RollbackStack", "ContinueUpdateRollback"]);
    house.approve(&id).await;
    assert_eq!(house.end_of(&id).await.0, "rolled_back");
    assert_eq!(status(&house, "api").await, "UPDATE_ROLLBACK_COMPLETE");
    assert_eq!(runs(&house, "api").await, "v2");
    for other in ["CancelUpdateStack", "RollbackStack", "ContinueUpdateRollback", "DeleteStack", "UpdateStack"] {
        assert_eq!(house.told(other), usize::from(other == verb), "{other}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_that_is_under_way_is_adopted_and_waited_out() {
    let past = deploying("2m", json!({"fails": [fails("update", "v3")], "takes": {"rollback": 600}}));
    let house = house(vec![stack("api", past)], STACK).await;
    assert_eq!(status(&house, "api").await, "UPDATE_ROLLBACK_IN_PROGRESS");
    let id = house.open("api").await;
    house.approve(&id).await;
    assert_eq!(house.end_of(&id).await.0, "rolled_back");
    assert!(house.wire.calls().iter().all(|call| !call.writes), "nothing was to be done");
}

#[tokio::test(flavor = "multi_thread")]
async fn c08_a08_events_are_told_in_portions_and_the_first_failure_is_singled_out() {
    let past = deploying("30m", json!({"fails": [fails("update", "v3"), fails("rollback", "v2")]}));
    let house = house(vec![stack("api", past)], STACK).await;
    let id = house.open("api").await;
    let plan = house.proposal(&id, 1).await.plan;
    assert_eq!(plan.warnings[0], "What failed first: Function UPDATE_FAILED: Function code is corrupt.");
    house.approve(&id).await;
    let failure = house.failure(&id, "stack", 1).await;
    assert_eq!(failure.details[0], "What failed first: Function UPDATE_FAILED: Function code is corrupt");
    let reports: Vec<Vec<String>> = events(&house, &id)
        .await
        .into_iter()
        .filter_map(|what| if let What::Reported { lines, .. } = what { Some(lines) } else { None })
        .collect();
    let lines: Vec<&String> = reports.iter().flatten().collect();
    assert!(lines.iter().any(|line| line.contains("UPDATE_ROLLBACK_IN_PROGRESS")), "{reports:?}");
    assert_eq!(lines.last().map(|line| line.starts_with("stack api UPDATE_ROLLBACK_FAILED")), Some(true), "{lines:?}");
    assert!(reports.len() <= 4, "one post for what came in half a minute: {reports:?}");
    let mut once = lines.clone();
    once.dedup();
    assert_eq!(once, lines, "no line twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn c16_b05_a_stuck_rollback_goes_on_without_what_a_person_chose() {
    let past = deploying("30m", json!({"fails": [fails("update", "v3"), fails("rollback", "v2")]}));
    let house = house(vec![stack("api", past)], STACK).await;
    let id = house.open("api").await;
    house.approve(&id).await;
    let failure = house.failure(&id, "stack", 1).await;
    let remedy = &failure.remedies[0];
    let offered: Vec<(&str, &str)> =
        remedy.choices.iter().map(|choice| (choice.id.as_str(), choice.detail.as_str())).collect();
    assert_eq!(offered, [("Function", "Function code is corrupt")]);
    let skip = |chosen: &[&str]| Command::Remedy {
        step: StepId::new("stack"),
        attempt: 1,
        remedy: "skip".to_owned(),
        chosen: chosen.iter().map(|name| (*name).to_owned()).collect(),
    };
    assert!(house.say(&id, skip(&[])).await.is_err(), "nothing chosen is refused");
    assert!(house.say(&id, skip(&["Queue"])).await.is_err(), "what was not offered is refused");
    house.say(&id, skip(&["Function"])).await.unwrap();
    assert_eq!(house.end_of(&id).await.0, "partly_rolled_back");
    let calls = house.wire.calls();
    let continued: Vec<&Value> = calls
        .iter()
        .filter(|call| call.operation == "ContinueUpdateRollback")
        .map(|call| &call.request["ResourcesToSkip"])
        .collect();
    assert_eq!(continued, [&Value::Null, &json!(["Function"])]);
    let incident = house.incident(&id).await;
    let run = incident.run().unwrap();
    let (step, record) = run.of(Purpose::RollBack).next().unwrap();
    assert!(
        record.evidence.iter().any(|seen| seen.text.starts_with("left out and not as the template says: Function"))
    );
    assert_eq!(left_out(step, record), ["Function"]);
    assert_eq!(house.engine.store.last_good(&step.resource).await.unwrap(), [], "it proves no release");
}

/// The earlier version had no tags: those that came since go with it.
#[tokio::test(flavor = "multi_thread")]
async fn p05_tags_that_the_earlier_version_did_not_have_are_removed() {
    let history = json!({"history": [
        {"age": "24h", "template": template(), "parameters": {"Version": "v2"}, "capabilities": ["CAPABILITY_IAM"]},
    ]});
    let house = house(vec![stack("api", history)], STACK).await;
    seen(&house, "api").await;
    let tag = Tag::builder().key("team").value("shop").build();
    let version = Parameter::builder().parameter_key("Version").parameter_value("v3").build();
    let update = client(&house).update_stack().stack_name("api").use_previous_template(true).parameters(version);
    update.tags(tag).capabilities(Capability::CapabilityIam).send().await.unwrap();
    until(&house, "api", "UPDATE_COMPLETE").await;
    let id = house.open("api").await;
    house.approve(&id).await;
    assert_eq!(house.end_of(&id).await.0, "rolled_back");
    let made = house.wire.calls().into_iter().find(|call| call.operation == "CreateChangeSet").unwrap().request;
    assert_eq!(made["Tags"], json!([]), "left out, CloudFormation would keep them");
    let answer = client(&house).describe_stacks().stack_name("api").send().await.unwrap();
    assert!(answer.stacks()[0].tags().is_empty(), "{:?}", answer.stacks()[0].tags());
}

/// Rollbot has not seen the version that ran before the update. CloudFormation goes back to that one, and not to the
/// one that the card named.
#[tokio::test(flavor = "multi_thread")]
async fn p04_c03_an_undo_that_ends_at_another_version_than_the_card_named_is_not_called_rolled_back() {
    let house = house(vec![stack("api", json!({"resources": {"Function": slow()}}))], STACK).await;
    seen_then_deployed(&house, "api", "v3", None).await;
    let version = Parameter::builder().parameter_key("Version").parameter_value("v1").build();
    let update = client(&house).update_stack().stack_name("api").use_previous_template(true).parameters(version);
    update.capabilities(Capability::CapabilityIam).send().await.unwrap();
    let id = house.open("api").await;
    let plan = house.proposal(&id, 1).await.plan;
    assert_eq!(step_of(&plan).to.as_ref().unwrap().version.as_deref(), Some("v2"));
    house.approve(&id).await;
    let failure = house.failure(&id, "stack", 1).await;
    assert!(failure.why.contains("api now has v3 (template "), "{failure:?}");
    assert!(failure.why.contains("not the version that this plan names"), "{failure:?}");
    assert_eq!((runs(&house, "api").await.as_str(), house.told("CancelUpdateStack")), ("v3", 1));
    assert_eq!(house.incident(&id).await.run().unwrap().verdict, None);
}

/// Its creation is being taken back already: nothing is ordered, and its end is waited for.
#[tokio::test(flavor = "multi_thread")]
async fn peer_10_a_creation_that_is_being_taken_back_is_adopted_and_waited_out() {
    let mut past = deploying("2m", json!({"fails": [fails("create", "v3")]}));
    past["deploying"]["template"] = template();
    past["resources"]["Queue"] = json!({"takes": {"delete": 900}});
    past["history"] = json!([]);
    let house = house(vec![stack("api", past)], STACK).await;
    assert_eq!(status(&house, "api").await, "ROLLBACK_IN_PROGRESS");
    let id = house.open("api").await;
    let plan = house.proposal(&id, 1).await.plan;
    let step = step_of(&plan);
    let label = |release: Option<&rollbot::incident::release::Release>| release.unwrap().label.clone();
    let ends = (label(step.from.as_ref()), label(step.to.as_ref()));
    assert_eq!(ends, ("creation (ROLLBACK_IN_PROGRESS)".to_owned(), "nothing".to_owned()));
    assert_eq!((step.verbs.as_slice(), step.loses.as_slice()), (&[][..], &[][..]));
    assert!(plan.warnings.iter().any(|said| said.contains("what stays is an empty stack")), "{:?}", plan.warnings);
    house.approve(&id).await;
    assert_eq!(house.end_of(&id).await.0, "rolled_back");
    assert_eq!(status(&house, "api").await, "ROLLBACK_COMPLETE");
    assert!(house.wire.calls().iter().all(|call| !call.writes), "nothing was to be done");
}

#[tokio::test(flavor = "multi_thread")]
async fn p05_b06_the_version_before_comes_back_by_the_change_set_that_was_approved() {
    let house = house(vec![stack("api", json!({}))], STACK).await;
    seen_then_deployed(&house, "api", "v3", None).await;
    assert_eq!(runs(&house, "api").await, "v3");
    let id = house.open("api").await;
    let plan = house.proposal(&id, 1).await.plan;
    let step = step_of(&plan);
    let version = |release: Option<&rollbot::incident::release::Release>| release.unwrap().version.clone().unwrap();
    assert_eq!((version(step.from.as_ref()), version(step.to.as_ref())), ("v3".to_owned(), "v2".to_owned()));
    let Work::Stack(work) = &step.work else { panic!("{step:?}") };
    let changes: Vec<String> = work.changes().iter().map(rollbot::incident::stack::StackChange::words).collect();
    assert!(changes.contains(&"Modify Function (Lambda::Function)".to_owned()), "{changes:?}");
    let name = format!("rollbot-{id}-1");
    assert!(plan.warnings[0].contains(&name) && plan.warnings[0].contains("deleted if"), "{:?}", plan.warnings);
    let made = house.wire.calls().into_iter().find(|call| call.operation == "CreateChangeSet").unwrap().request;
    assert_eq!((&made["ChangeSetName"], &made["IncludeNestedStacks"]), (&json!(name), &json!(true)));
    assert_eq!(made["Tags"], json!([{"Key": "team", "Value": "shop"}]));
    assert_eq!(
        made["Parameters"],
        json!([
            {"ParameterKey": "Secret", "UsePreviousValue": true},
            {"ParameterKey": "Version", "ParameterValue": "v2"},
        ])
    );
    house.approve(&id).await;
    assert_eq!(house.end_of(&id).await.0, "rolled_back");
    assert_eq!((runs(&house, "api").await.as_str(), status(&house, "api").await.as_str()), ("v2", "UPDATE_COMPLETE"));
    let executed = house.wire.calls().into_iter().find(|call| call.operation == "ExecuteChangeSet").unwrap().request;
    assert_eq!(executed["DisableRollback"], json!(false));
    assert_eq!(executed["ClientRequestToken"], json!(format!("{id}-stack-1")));
    assert_eq!((house.told("CreateChangeSet"), house.told("DeleteChangeSet")), (1, 0));
    let events = events(&house, &id).await;
    let told = |find: fn(&What) -> bool| events.iter().position(find).unwrap();
    let (prepared, proposed) =
        (told(|what| matches!(what, What::Preparing { .. })), told(|what| matches!(what, What::Proposed { .. })));
    assert!(prepared < proposed, "what is made is on disk before it is made");
}

#[tokio::test(flavor = "multi_thread")]
async fn b07_going_back_twice_does_not_lead_into_the_bad_version() {
    let house = house(vec![stack("api", json!({}))], STACK).await;
    seen_then_deployed(&house, "api", "v3", None).await;
    let id = house.open("api").await;
    house.approve(&id).await;
    assert_eq!(house.end_of(&id).await.0, "rolled_back");
    let again = house.open("api").await;
    let (end, why) = house.end_of(&again).await;
    assert_eq!(end, "aborted", "v3 was deployed after v2, and is not what was before it");
    assert!(why.starts_with("Rollbot has kept no earlier version of api"), "{why}");
    let named = house.open_as(request("api", &json!({"to": "v3"}))).await;
    let plan = house.proposal(&named, 1).await.plan;
    assert_eq!(step_of(&plan).to.as_ref().unwrap().version.as_deref(), Some("v3"));
    house.say(&named, Command::Stop).await.unwrap();
    let nothing = house.open_as(request("api", &json!({"to": "v2"}))).await;
    assert_eq!(house.end_of(&nothing).await.0, "nothing_to_do");
}

#[rstest]
#[case::stopped(false)]
#[case::after_a_crash(true)]
#[tokio::test(flavor = "multi_thread")]
async fn a_change_set_is_deleted_when_its_plan_ends_without_it(#[case] crash: bool) {
    let mut house = house(vec![stack("api", json!({}))], STACK).await;
    seen_then_deployed(&house, "api", "v3", None).await;
    if crash {
        // The reply to CreateChangeSet is lost, and the process ends before it can ask again.
        house.fault("CreateChangeSet", Moment::After, Fault::Drop, 1);
    }
    let id = house.open("api").await;
    let prepared = |incident: &Incident| (!incident.prepared.is_empty()).then_some(());
    house.until("it is recorded what is made", &id, prepared).await;
    if crash {
        house = house.restart(configuration(STACK, "24h")).await;
    }
    let proposal = house.proposal(&id, 1).await;
    assert_eq!(change_sets(&house, "api").await, [format!("rollbot-{id}-1")]);
    assert_eq!(house.told("CreateChangeSet"), 1, "it was found again by its name");
    let reject = Command::Reject { digest: proposal.digest, reason: None };
    // AWS is away when the plan ends: the deletion is made up for.
    house.away.store(true, std::sync::atomic::Ordering::SeqCst);
    house.say(&id, reject).await.unwrap();
    assert_eq!(house.end_of(&id).await.0, "rejected");
    let house = house.restart(configuration(STACK, "24h")).await;
    house.away.store(false, std::sync::atomic::Ordering::SeqCst);
    nothing_is_left(&house, &id).await;
    assert_eq!((runs(&house, "api").await.as_str(), house.told("ExecuteChangeSet")), ("v3", 0));
    assert_eq!(house.engine.open_incidents().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_deployed_while_people_voted_makes_a_new_change_set_and_the_old_one_goes() {
    let house = house(vec![stack("api", json!({}))], STACK).await;
    seen_then_deployed(&house, "api", "v3", None).await;
    let id = house.open("api").await;
    let first = house.proposal(&id, 1).await;
    seen_then_deployed(&house, "api", "v4", None).await;
    house.say(&id, Command::Approve { digest: first.digest.clone(), phrase: None }).await.unwrap();
    let second = house.proposal(&id, 2).await;
    assert_ne!(second.digest, first.digest);
    assert!(second.drift.iter().any(|drift| drift.contains("change set was made anew")), "{:?}", second.drift);
    let one = |incident: &Incident| {
        (incident.prepared.iter().filter(|made| made.fate == Fate::Made).count() == 1).then_some(())
    };
    house.until("the old one is gone", &id, one).await;
    assert_eq!(change_sets(&house, "api").await, [format!("rollbot-{id}-2")]);
    house.say(&id, Command::Stop).await.unwrap();
    nothing_is_left(&house, &id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_compares_templates_and_makes_nothing() {
    let house = house(vec![stack("api", json!({}))], STACK).await;
    seen_then_deployed(&house, "api", "v3", Some(with_table("orders"))).await;
    seen(&house, "api").await;
    let Err(refused) = house.engine.rehearse(&request("api", &json!({}))).await else { panic!("a table would go") };
    assert!(refused.to_string().contains("Remove Orders (DynamoDB::Table)"), "{refused}");
    assert_eq!(house.told("CreateChangeSet"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_holds_data_is_not_removed_unless_policy_and_a_person_say_so() {
    let house_of = async |services: &str| {
        let house = house(vec![stack("api", json!({}))], services).await;
        seen_then_deployed(&house, "api", "v3", Some(with_table("orders"))).await;
        house
    };
    let house = house_of(STACK).await;
    let id = house.open("api").await;
    let (end, why) = house.end_of(&id).await;
    assert_eq!(end, "aborted");
    assert!(why.contains("Remove Orders (DynamoDB::Table)") && why.contains("may_replace"), "{why}");
    nothing_is_left(&house, &id).await;

    let allowed = "  api: { targets: [{ cloudformation: { name: stack, stack: api, may_replace: \
                   [\"AWS::DynamoDB::Table\"] } }] }\n";
    let house = house_of(allowed).await;
    let id = house.open("api").await;
    let plan = house.proposal(&id, 1).await.plan;
    assert_eq!(step_of(&plan).loses, ["Orders (DynamoDB::Table) is removed with what it holds."]);
    house.approve(&id).await;
    let waits = |incident: &Incident| {
        let run = incident.run()?;
        (run.record(&StepId::new("stack/gate")).state == StepState::Waiting).then_some(())
    };
    house.until("the gate waits", &id, waits).await;
    let pass = |phrase: &str| Command::Pass {
        step: StepId::new("stack/gate"),
        attempt: 1,
        phrase: Some(phrase.to_owned()),
        note: None,
    };
    assert!(house.say(&id, pass("yes")).await.is_err());
    assert_eq!(house.told("ExecuteChangeSet"), 0);
    house.say(&id, pass("api")).await.unwrap();
    assert_eq!(house.end_of(&id).await.0, "rolled_back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a05_the_earlier_template_comes_from_s3() {
    let parameters = json!([
        {"ParameterKey": "Version", "ParameterValue": "v1"},
        {"ParameterKey": "Secret", "UsePreviousValue": true},
    ]);
    let object = |key: &str, body: String| json!({"key": key, "body": body, "age": "72h"});
    let buckets = json!({"artifacts": {"versioning": "never", "objects": [
        object("prod/previous.json", template().to_string()),
        object("prod/previous.parameters.json", parameters.to_string()),
    ]}});
    let services = "  api: { targets: [{ cloudformation: { name: stack, stack: api, previous: { s3: { bucket: artifacts, \
                    key: prod/previous.json } } } }] }\n";
    let seed = world_with(vec![stack("api", json!({}))], buckets);
    let house = House::with(seed, configuration(services, "24h")).await;
    let id = house.open("api").await;
    let plan = house.proposal(&id, 1).await.plan;
    let chosen = step_of(&plan).chosen.clone().unwrap();
    assert!(chosen.starts_with("the template at s3://artifacts/prod/previous.json with the parameters"), "{chosen}");
    let made = house.wire.calls().into_iter().find(|call| call.operation == "CreateChangeSet").unwrap().request;
    assert_eq!(made["TemplateURL"], "https://artifacts.s3.eu-north-1.amazonaws.com/prod/previous.json");
    house.approve(&id).await;
    assert_eq!(house.end_of(&id).await.0, "rolled_back");
    assert_eq!(runs(&house, "api").await, "v1");
}

#[tokio::test(flavor = "multi_thread")]
async fn c04_a_stack_is_deleted_only_where_configured_asked_for_and_typed() {
    let deleted = json!({"to": "deleted"});
    let house_one = house(vec![stack("api", json!({}))], STACK).await;
    let id = house_one.open_as(request("api", &deleted)).await;
    let (end, why) = house_one.end_of(&id).await;
    assert_eq!(end, "aborted");
    assert!(why.contains("`delete: true`"), "{why}");

    let services = "  api: { targets: [{ cloudformation: { name: stack, stack: api, delete: true } }] }\n";
    let protected = house(vec![stack("api", json!({"termination_protection": true}))], services).await;
    let id = protected.open_as(request("api", &deleted)).await;
    let (_, why) = protected.end_of(&id).await;
    assert!(why.contains("Termination protection is on"), "{why}");

    let history = json!([{"age": "48h", "template": with_table("orders"), "parameters": {"Version": "v1"}}]);
    let house = house(vec![stack("api", json!({"history": history}))], services).await;
    let id = house.open_as(request("api", &deleted)).await;
    let plan = house.proposal(&id, 1).await.plan;
    let loses = &step_of(&plan).loses;
    assert_eq!(loses[0], "Orders (DynamoDB::Table) with what it holds.", "what holds data is named first");
    assert!(loses[1].contains("Function (Lambda::Function)"), "{loses:?}");
    house.approve(&id).await;
    let waits = |incident: &Incident| {
        (incident.run()?.record(&StepId::new("stack/gate")).state == StepState::Waiting).then_some(())
    };
    house.until("the gate waits", &id, waits).await;
    let step = StepId::new("stack/gate");
    let pass =
        |phrase: &str| Command::Pass { step: step.clone(), attempt: 1, phrase: Some(phrase.to_owned()), note: None };
    assert!(house.say(&id, pass("delete")).await.is_err(), "the word is typed as it is");
    assert_eq!(house.told("DeleteStack"), 0);
    house.say(&id, pass("DELETE")).await.unwrap();
    assert_eq!(house.end_of(&id).await.0, "rolled_back");
    assert_eq!(house.told("DeleteStack"), 1);
}

/// The stacks of a whole environment in their order: monitoring, workflow, api, and the database only on request.
const SHOP: &str = "  shop:\n    targets:\n      - cloudformation: { name: monitoring-stack, stack: monitoring, optional: \
                    true }\n      - parallel:\n          - cloudformation: { name: workflow-stack, stack: workflow }\n          \
                    - cloudformation: { name: api-stack, stack: api }\n      - cloudformation: { name: database-stack, \
                    stack: database, on_request: true }\n";

fn shop() -> Vec<Value> {
    // What comes later is still under way when its turn comes.
    let longer = || deploying("1m", json!({"takes": {"update": 1200}}));
    vec![
        stack("monitoring", deploying("1m", slow())),
        stack("workflow", longer()),
        stack("api", longer()),
        stack("database", deploying("1m", json!({"takes": {"update": 7200}}))),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn c02_c07_stacks_go_back_in_their_order_and_side_by_side_where_configured() {
    let house = house(shop(), SHOP).await;
    let id = house.open("shop").await;
    let plan = house.proposal(&id, 1).await.plan;
    let order: Vec<Vec<String>> = plan
        .stages
        .iter()
        .filter(|stage| stage.purpose == Purpose::RollBack)
        .map(|stage| stage.lanes.iter().map(|lane| lane.steps[0].id.to_string()).collect())
        .collect();
    assert_eq!(order, [vec!["monitoring-stack"], vec!["workflow-stack", "api-stack"]], "the database is not touched");
    house.approve(&id).await;
    assert_eq!(house.end_of(&id).await.0, "rolled_back");
    let cancelled: Vec<String> = house
        .wire
        .calls()
        .iter()
        .filter(|call| call.operation == "CancelUpdateStack")
        .map(|call| call.request["StackName"].as_str().unwrap().split('/').nth(1).unwrap().to_owned())
        .collect();
    assert_eq!(cancelled[0], "monitoring");
    assert_eq!(cancelled.len(), 3);
    let incident = house.incident(&id).await;
    let record = |step: &str| incident.run().unwrap().record(&StepId::new(step));
    let (workflow, api) = (record("workflow-stack"), record("api-stack"));
    assert!(workflow.began_at < api.ended_at && api.began_at < workflow.ended_at, "side by side");
    assert!(record("monitoring-stack").ended_at <= workflow.began_at, "one stage after the other");
    assert_eq!(status(&house, "database").await, "UPDATE_IN_PROGRESS");
}

#[tokio::test(flavor = "multi_thread")]
async fn c19_the_api_stack_alone_and_the_database_only_on_request() {
    let house = house(shop(), SHOP).await;
    let plan = house.engine.rehearse(&request("shop", &json!({"only": ["api-stack"]}))).await.unwrap();
    assert_eq!(plan.targets().map(|step| step.id.to_string()).collect::<Vec<_>>(), ["api-stack"]);
    let plan = house.engine.rehearse(&request("shop", &json!({"with": ["database-stack"]}))).await.unwrap();
    let last = plan.targets().last().unwrap();
    assert_eq!(last.id.to_string(), "database-stack", "the database goes last");
}

#[tokio::test(flavor = "multi_thread")]
async fn c05_production_wants_its_phrase_typed() {
    let text = format!(
        "slack: {{ operations: C0OPS00001 }}\npeople: {{ sre: S0SRE00001 }}\nstore: {{ sled: {{ path: ./unused }} }}\n\
         environments:\n  prod:\n    aws: {{ region: eu-north-1 }}\n    channels: [C0INC00001]\n    may: {{ approve: \
         [sre] }}\n    approval: {{ required: 1, confirm_phrase: rollback-production }}\nservices:\n{STACK}"
    );
    let config = Config::parse("rollbot.yml", &text).unwrap_or_else(|errors| panic!("{errors}"));
    let house = House::with(world(vec![stack("api", deploying("1m", slow()))]), config).await;
    let id = house.open("api").await;
    let digest = house.proposal(&id, 1).await.digest;
    let approve = |phrase: Option<&str>| Command::Approve { digest: digest.clone(), phrase: phrase.map(str::to_owned) };
    assert!(house.say(&id, approve(None)).await.is_err());
    assert!(house.say(&id, approve(Some("yes"))).await.is_err());
    house.say(&id, approve(Some("rollback-production"))).await.unwrap();
    assert_eq!(house.end_of(&id).await.0, "rolled_back");
}

#[tokio::test(flavor = "multi_thread")]
async fn c06_b08_status_and_releases_say_what_is_deployed_and_what_was() {
    let house = house(vec![stack("api", json!({}))], STACK).await;
    seen_then_deployed(&house, "api", "v3", None).await;
    let stands = house.engine.status(Some("prod"), Some("api")).await.unwrap()[0].targets[0].stands.clone().unwrap();
    assert!(stands.starts_with("UPDATE_COMPLETE: runs v3 (template ") && stands.contains("UTC"), "{stands}");
    let releases = house.engine.releases("prod", "api").await.unwrap()[0].releases.clone().unwrap();
    let versions: Vec<(Option<String>, &str)> =
        releases.iter().map(|line| (line.release.version.clone(), line.status.words())).collect();
    assert_eq!(versions, [(Some("v3".to_owned()), "runs now"), (Some("v2".to_owned()), "good")]);
}

#[rstest]
#[case::cancel("CancelUpdateStack", deploying("1m", slow()), json!({}))]
#[case::roll_back("RollbackStack", {
    let mut more = deploying("30m", json!({"fails": [fails("update", "v3")]}));
    more["deploying"]["disable_rollback"] = json!(true);
    more
}, json!({}))]
#[case::go_on("ContinueUpdateRollback", deploying("30m", json!({"fails": [
    fails("update", "v3"),
    {"on": "rollback", "when": "v2", "reason": "Function code is corrupt", "times": 1},
]})), json!({}))]
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_reply_is_made_up_for_and_nothing_is_done_twice(
    #[case] verb: &'static str,
    #[case] past: Value,
    #[case] more: Value,
) {
    let house = house(vec![stack("api", past)], STACK).await;
    house.fault(verb, Moment::After, Fault::Drop, 1);
    let id = house.open_as(request("api", &more)).await;
    house.approve(&id).await;
    assert_eq!(house.end_of(&id).await.0, "rolled_back");
    assert_eq!(house.told(verb), 1, "its token was found on the events");
}

#[rstest]
#[case(Moment::After, 1)]
#[case(Moment::Before, 2)]
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_execution_is_found_by_its_token_and_one_that_never_came_is_made_with_the_same(
    #[case] moment: Moment,
    #[case] calls: usize,
) {
    let house = house(vec![stack("api", json!({}))], STACK).await;
    seen_then_deployed(&house, "api", "v3", None).await;
    let id = house.open("api").await;
    house.proposal(&id, 1).await;
    house.fault("ExecuteChangeSet", moment, Fault::Drop, 1);
    house.approve(&id).await;
    assert_eq!(house.end_of(&id).await.0, "rolled_back");
    let tokens: Vec<Value> = house
        .wire
        .calls()
        .into_iter()
        .filter(|call| call.operation == "ExecuteChangeSet")
        .map(|call| call.request["ClientRequestToken"].clone())
        .collect();
    assert_eq!(tokens, vec![json!(format!("{id}-stack-1")); calls]);
}

#[tokio::test(flavor = "multi_thread")]
async fn peer_10_a_failed_creation_is_taken_back_only_through_a_gate() {
    let mut past = deploying("30m", json!({"fails": [fails("create", "v3")]}));
    past["deploying"]["disable_rollback"] = json!(true);
    past["deploying"]["template"] = template();
    past["history"] = json!([]);
    let house = house(vec![stack("api", past)], STACK).await;
    assert_eq!(status(&house, "api").await, "CREATE_FAILED");
    let id = house.open("api").await;
    let plan = house.proposal(&id, 1).await.plan;
    assert_eq!(step_of(&plan).verbs, ["RollbackStack"]);
    let steps: Vec<String> = plan.steps().map(|(_, step)| step.id.to_string()).collect();
    assert_eq!(steps, ["stack/gate", "stack"]);
    house.approve(&id).await;
    let waits = |incident: &Incident| {
        (incident.run()?.record(&StepId::new("stack/gate")).state == StepState::Waiting).then_some(())
    };
    house.until("the gate waits", &id, waits).await;
    assert_eq!(house.told("RollbackStack"), 0);
    let phrase = Some("api".to_owned());
    house.say(&id, Command::Pass { step: StepId::new("stack/gate"), attempt: 1, phrase, note: None }).await.unwrap();
    assert_eq!(house.end_of(&id).await.0, "rolled_back");
    assert_eq!(status(&house, "api").await, "ROLLBACK_COMPLETE");
}

#[rstest]
#[case::created("CREATE_COMPLETE", "was created and never updated")]
#[case::reviewed("REVIEW_IN_PROGRESS", "nothing was ever deployed")]
#[case::import_stuck("IMPORT_ROLLBACK_FAILED", "ask AWS Support")]
#[case::being_created("CREATE_IN_PROGRESS", "nothing to go back to")]
#[case::being_deleted("DELETE_IN_PROGRESS", "somebody has it deleted")]
#[case::only_created("ROLLBACK_COMPLETE", "lets it only be deleted")]
#[case::creation_stuck("ROLLBACK_FAILED", "lets it only be deleted")]
#[case::deletion_stuck("DELETE_FAILED", "lets it only be deleted")]
#[tokio::test(flavor = "multi_thread")]
async fn peer_10_b07_the_rest_is_refused_with_what_to_do(#[case] end: &str, #[case] said: &str) {
    let created = json!({"history": [{"age": "48h", "template": template(), "parameters": {"Version": "v1"}}]});
    let past = if end == "CREATE_COMPLETE" { created } else { json!({"status": end}) };
    let house = house(vec![stack("api", past)], STACK).await;
    let id = house.open("api").await;
    let (word, why) = house.end_of(&id).await;
    assert_eq!(word, "aborted");
    assert!(why.contains(said) && why.contains(end), "{why}");
    assert!(house.wire.calls().iter().all(|call| !call.writes));
}

/// After an update CloudFormation removes what it replaced, and takes no other order meanwhile: that is waited out.
#[tokio::test(flavor = "multi_thread")]
async fn peer_10_a_clean_up_is_waited_out_before_the_change_set_is_made() {
    let slow = json!({"resources": {"Queue": {"takes": {"delete": 400}}}});
    let house = house(vec![stack("api", slow)], STACK).await;
    seen(&house, "api").await;
    let mut without_queue = template();
    without_queue["Resources"].as_object_mut().unwrap().remove("Queue");
    let call = client(&house).update_stack().stack_name("api").template_body(without_queue.to_string());
    let version = Parameter::builder().parameter_key("Version").parameter_value("v3").build();
    call.capabilities(Capability::CapabilityIam).parameters(version).send().await.unwrap();
    until(&house, "api", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS").await;
    let id = house.open("api").await;
    let plan = house.proposal(&id, 1).await.plan;
    assert_eq!(step_of(&plan).to.as_ref().unwrap().version.as_deref(), Some("v2"));
    assert_eq!(status(&house, "api").await, "UPDATE_COMPLETE", "it was waited for");
    house.approve(&id).await;
    assert_eq!(house.end_of(&id).await.0, "rolled_back");
    assert_eq!((runs(&house, "api").await.as_str(), status(&house, "api").await.as_str()), ("v2", "UPDATE_COMPLETE"));
    assert!(house.wire.calls().iter().all(|call| call.operation != "CancelUpdateStack"));
}

/// An update that CloudFormation took back by itself: what runs is from before it, and further back goes a change set.
#[tokio::test(flavor = "multi_thread")]
async fn peer_10_from_a_rollback_that_is_over_a_change_set_goes_further_back() {
    let body = |text: String| json!({"key": "prod/previous.json", "body": text, "age": "72h"});
    let beside = json!([{"ParameterKey": "Version", "ParameterValue": "v1"}]).to_string();
    let parameters = json!({"key": "prod/previous.parameters.json", "body": beside, "age": "72h"});
    let buckets = json!({"artifacts": {"versioning": "never", "objects": [body(template().to_string()), parameters]}});
    let services = "  api: { targets: [{ cloudformation: { name: stack, stack: api, previous: { s3: { bucket: artifacts, \
                    key: prod/previous.json } } } }] }\n";
    let past = deploying("60m", json!({"fails": [fails("update", "v3")]}));
    let house = House::with(world_with(vec![stack("api", past)], buckets), configuration(services, "24h")).await;
    until(&house, "api", "UPDATE_ROLLBACK_COMPLETE").await;
    let id = house.open("api").await;
    let plan = house.proposal(&id, 1).await.plan;
    assert!(plan.warnings.iter().any(|said| said.contains("CloudFormation took it back by itself")), "{plan:?}");
    house.approve(&id).await;
    assert_eq!(house.end_of(&id).await.0, "rolled_back");
    assert_eq!((runs(&house, "api").await.as_str(), status(&house, "api").await.as_str()), ("v1", "UPDATE_COMPLETE"));
}

/// Without parameters beside the template every one of them keeps its value, and that is proved in the end.
#[tokio::test(flavor = "multi_thread")]
async fn a05_without_parameters_beside_it_every_parameter_keeps_its_value() {
    let mut earlier = template();
    earlier["Resources"]["Queue"]["Properties"]["Label"] = json!("earlier");
    let object = json!({"key": "prod/previous.json", "body": earlier.to_string(), "age": "72h"});
    let buckets = json!({"artifacts": {"versioning": "never", "objects": [object]}});
    let services = "  api: { targets: [{ cloudformation: { name: stack, stack: api, previous: { s3: { bucket: artifacts, \
                    key: prod/previous.json } } } }] }\n";
    let house = House::with(world_with(vec![stack("api", json!({}))], buckets), configuration(services, "24h")).await;
    let id = house.open("api").await;
    house.approve(&id).await;
    assert_eq!(house.end_of(&id).await.0, "rolled_back");
    assert_eq!(runs(&house, "api").await, "v2", "the version is a parameter");
}

#[tokio::test(flavor = "multi_thread")]
async fn peer_06_a_service_that_a_stack_owns_names_the_target_that_lasts() {
    let mut seed = house::world();
    seed.services[0].tags.insert("aws:cloudformation:stack-name".to_owned(), "shop-api".to_owned());
    let services = "  api:\n    targets:\n      - ecs: { name: backend, cluster: shop-prod, service: api }\n      - \
                    cloudformation: { name: api-stack, stack: shop-api, on_request: true }\n";
    let house = House::with(seed, configuration(services, "24h")).await;
    let plan = house.engine.rehearse(&request("api", &json!({}))).await.unwrap();
    let warned: Vec<&String> = plan.warnings.iter().filter(|warning| warning.contains("stack")).collect();
    assert!(warned[0].starts_with("The CloudFormation stack shop-api owns it"), "{warned:?}");
    assert_eq!(warned[1], "The target api-stack of api takes that stack back, and that lasts.");
}
