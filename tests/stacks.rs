//! Stacks taken back from Slack, through the whole bot: the runbook cira-invoice, and what people do by hand with
//! CloudFormation. Each test bears its procedure's id.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "what its tests share is a test too")]

mod support;

use std::time::Duration;

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_cloudformation::types::Parameter;
use rollbot::incident::incident::{Incident, Verdict};
use rollbot::sandbox::aws::{AlarmState, SeedStack, StackStatus};
use rollbot::sandbox::player::Player;
use rollbot::sandbox::scenario::{self, Scenario};
use rollbot::sandbox::script;
use rstest::rstest;
use serde_json::{Value, json};
use support::{Play, configure, verdict};

const API: &str = "CiraInvoice-Api-prod";

fn invoice(variant: Option<&str>) -> Scenario {
    scenario::find("cira-invoice", variant).expect("the scenario is shipped")
}

/// The seed of a stack, to be changed.
fn stack<'a>(scenario: &'a mut Scenario, name: &str) -> &'a mut SeedStack {
    scenario.seed.stacks.iter_mut().find(|one| one.name == name).expect("the stack is there")
}

/// Operation and stack of every write that took effect, in order; what makes plans and takes them away is left out.
fn orders(play: &Play) -> Vec<(String, String)> {
    let name = |request: &Value| {
        let named = request["StackName"].as_str().or_else(|| request["ChangeSetName"].as_str()).unwrap_or_default();
        let part = |at: usize| named.split('/').nth(at).unwrap_or(named).to_owned();
        if named.contains(":stack/") { part(1) } else { named.to_owned() }
    };
    let writes = play.aws_writes().into_iter().filter(|call| call.status == 200);
    let orders = writes.filter(|call| !["CreateChangeSet", "DeleteChangeSet"].contains(&call.operation.as_str()));
    orders.map(|call| (call.operation.clone(), name(&call.request))).collect()
}

/// Clicks until the button's form is open; returns the person's id. On a busy machine the trigger may be too old.
async fn form(play: &mut Play, who: &str, button: &str) -> String {
    let (user, since) = (play.user(who), play.stage.clock.reading());
    loop {
        play.click(who, button).await;
        let opened = play.stage.slack.wait_for(Duration::from_secs(3), |slack| slack.open_modal(&user)).await;
        if opened.is_some() {
            return user;
        }
        assert!(since.elapsed() < play.patience, "[ {button} ] opens no form\n{}", play.seen());
    }
}

async fn health(play: &Play) -> (u16, String) {
    play.get(API, "/health").await
}

/// Asks, approves, and waits for the verdict.
async fn taken_back(play: &mut Play, command: &str) -> Incident {
    play.propose("dev", command).await;
    play.approve("sre").await;
    play.until_recorded("a verdict", |incident| verdict(incident).is_some()).await
}

#[rstest]
#[case::finished(None)]
#[case::in_flight(Some("update-in-flight"))]
#[case::stuck(Some("update-rollback-failed"))]
#[case::creation(Some("create-failed"))]
#[tokio::test(flavor = "multi_thread")]
async fn a_story_of_the_stacks_ends_as_it_is_written(#[case] variant: Option<&str>) {
    let scenario = invoice(variant);
    let mut play = Play::of(&scenario).await;
    let mut printed = String::new();
    let mut print = |line: &str| {
        printed.push_str(line);
        printed.push('\n');
    };
    let mut player = Player::new(&mut play.stage, &mut print);
    let mut broken = None;
    for line in script::read(scenario.story).expect("the story can be read") {
        if let Err(why) = player.play(&line).await {
            broken = Some(why.to_string());
            break;
        }
    }
    assert!(broken.is_none(), "{}\n{printed}\n{}", broken.unwrap_or_default(), play.seen());
    assert_eq!(health(&play).await, (200, "2.13.0".to_owned()), "what runs is what was to run");
    play.end().await;
}

/// C2, C7: one command takes the application's stacks back in the runbook's order, the database not among them.
#[tokio::test(flavor = "multi_thread")]
async fn c02_c07_one_command_takes_all_stacks_back_in_their_order() {
    let mut play = Play::of(&invoice(None)).await;
    assert_eq!(health(&play).await, (502, "2.14.0".to_owned()));
    let proved = taken_back(&mut play, "/rollback prod invoice because the API answers 502").await;
    assert_eq!(verdict(&proved), Some(Verdict::RolledBack));
    let executed: Vec<Value> =
        play.calls_of("ExecuteChangeSet").into_iter().map(|call| call.request["ChangeSetName"].clone()).collect();
    let made: Vec<(Value, Value)> = play
        .calls_of("CreateChangeSet")
        .into_iter()
        .map(|call| (call.request["StackName"].clone(), call.reply["Id"].clone()))
        .collect();
    let order = executed
        .iter()
        .filter_map(|arn| made.iter().find(|(_, id)| id == arn))
        .map(|(stack, _)| stack.as_str().and_then(|arn| arn.split('/').nth(1)).unwrap_or_default().to_owned());
    assert_eq!(
        order.collect::<Vec<_>>(),
        ["CiraInvoice-Monitoring-prod", "CiraInvoice-Workflow-prod", "CiraInvoice-Api-prod"],
        "{executed:?} {made:?}"
    );
    assert!(play.calls_of("ExecuteChangeSet").iter().all(|call| call.request["DisableRollback"] == json!(false)));
    assert_eq!(health(&play).await, (200, "2.13.0".to_owned()));
    play.leave().await;
}

/// C7: the database is last and only on request; a stack that was only ever created has nothing to go back to.
#[tokio::test(flavor = "multi_thread")]
async fn c07_the_database_is_taken_back_on_request_only() {
    let mut play = Play::of(&invoice(None)).await;
    play.type_command("dev", "/rollback prod invoice only database-stack because of a migration").await;
    play.until("a refusal", |play| play.card_text().contains("ended")).await;
    let card = play.card_text();
    assert!(card.contains("CREATE_COMPLETE") || card.contains("was only ever created"), "{card}");
    assert_eq!(orders(&play), []);
    play.leave().await;
}

/// C3, B2: an update in progress is cancelled, once, and its end is waited for.
#[tokio::test(flavor = "multi_thread")]
async fn c03_b02_an_update_in_progress_is_cancelled_and_its_rollback_waited_for() {
    let mut play = Play::of(&invoice(Some("update-in-flight"))).await;
    assert_eq!(health(&play).await, (502, "2.14.0".to_owned()), "what the update has done is live");
    let proved = taken_back(&mut play, "/rollback prod invoice only api-stack because the API answers 502").await;
    assert_eq!(verdict(&proved), Some(Verdict::RolledBack));
    assert_eq!(orders(&play), [("CancelUpdateStack".to_owned(), API.to_owned())]);
    let cancel = &play.calls_of("CancelUpdateStack")[0].request;
    assert!(cancel["ClientRequestToken"].as_str().is_some_and(|token| token.contains("rb-")), "{cancel}");
    assert_eq!(health(&play).await, (200, "2.13.0".to_owned()));
    play.leave().await;
}

/// C5: production wants its phrase typed, and nothing else will do.
#[tokio::test(flavor = "multi_thread")]
async fn c05_production_wants_its_phrase() {
    let mut play = Play::of(&invoice(None)).await;
    play.propose("dev", "/rollback prod invoice because the API answers 502").await;
    let sre = form(&mut play, "sre", "Approve").await;
    let reply = play.stage.slack.submit(&sre, &[("Phrase", "rollback-staging")]).await;
    assert!(!reply.is_acknowledged(), "{reply:?}");
    assert!(play.card_text().contains("waiting for approval"), "{}", play.card_text());
    assert_eq!(orders(&play), []);
    play.leave().await;
}

/// C6: one question shows every stack of the service, with what it runs and how it stands.
#[tokio::test(flavor = "multi_thread")]
async fn c06_status_shows_every_stack() {
    let mut play = Play::of(&invoice(Some("update-rollback-failed"))).await;
    let told = play.ask("dev", "/rollback status prod invoice").await;
    for name in ["CiraInvoice-Monitoring-prod", "CiraInvoice-Workflow-prod", API, "CiraInvoice-Database-prod"] {
        assert!(told.contains(name), "{told}");
    }
    assert!(told.contains("UPDATE_ROLLBACK_FAILED") && told.contains("2.14.0"), "{told}");
    play.leave().await;
}

/// C8, A8: the stack's own events are in the thread, as lines, to their end.
#[tokio::test(flavor = "multi_thread")]
async fn c08_a08_the_events_of_a_stack_are_in_the_thread() {
    let mut play = Play::of(&invoice(None)).await;
    taken_back(&mut play, "/rollback prod invoice only api-stack because the API answers 502").await;
    for line in ["JobManagement UPDATE_COMPLETE", "stack CiraInvoice-Api-prod UPDATE_COMPLETE"] {
        play.until(line, |play| play.thread().iter().any(|post| post.contains(line))).await;
    }
    play.leave().await;
}

/// C16, B5: a rollback that is stuck is continued; what is stuck is shown with its reason, somebody who may chooses what
/// to go on without, and nothing else is skipped.
#[tokio::test(flavor = "multi_thread")]
async fn c16_b05_a_person_chooses_what_a_stuck_rollback_goes_on_without() {
    let mut play = Play::of(&invoice(Some("update-rollback-failed"))).await;
    play.propose("dev", "/rollback prod invoice only api-stack because the API answers 502").await;
    play.approve("sre").await;
    play.until("what is stuck", |play| play.with_button("Go on without …").is_some()).await;
    let card = play.card_text();
    assert!(card.contains("LogRetention") && card.contains("cannot be assumed by Lambda"), "{card}");
    let refused = play.click_in_vain("sre", "Go on without …").await;
    assert!(refused.contains("may not"), "{refused}");
    assert_eq!(orders(&play), [("ContinueUpdateRollback".to_owned(), API.to_owned())]);
    assert_eq!(play.calls_of("ContinueUpdateRollback")[0].request.get("ResourcesToSkip"), None);
    play.click_and_fill_in("lead", "Go on without …", &[]).await;
    only_partly(&mut play, "LogRetention").await;
    let continued = play.calls_of("ContinueUpdateRollback");
    assert_eq!(continued[1].request["ResourcesToSkip"], json!(["LogRetention"]));
    assert_eq!(continued.len(), 2);
    assert_eq!(health(&play).await, (200, "2.13.0".to_owned()));
    play.leave().await;
}

/// Until the verdict, which is not that it is rolled back: the card, the thread and the report name what was left out.
async fn only_partly(play: &mut Play, left_out: &str) {
    let proved = play.until_recorded("a verdict", |incident| verdict(incident).is_some()).await;
    assert_eq!(verdict(&proved), Some(Verdict::PartlyRolledBack));
    let partly = |play: &Play| {
        let card = play.card_text().split_whitespace().collect::<Vec<_>>().join(" ");
        card.contains("only partly back") && card.contains("Not wholly back is") && card.contains(left_out)
    };
    play.until("a card that says so", partly).await;
    play.until("a post that says so", |play| {
        play.thread().iter().any(|post| post.contains("only partly back") && post.contains(left_out))
    })
    .await;
    let (_, told, _) = play.command_line(&["show", proved.id.as_str()]).await;
    assert!(told.contains(&format!("left out and not as the template says: {left_out}")), "{told}");
    play.assert_never_called_rolled_back();
}

/// B5: what was in the way may be gone by itself; then nothing is skipped.
#[tokio::test(flavor = "multi_thread")]
async fn b05_a_stuck_rollback_goes_on_by_itself_when_nothing_is_in_its_way() {
    let mut scenario = invoice(Some("update-rollback-failed"));
    let retention = stack(&mut scenario, API).resources.get_mut("LogRetention").expect("it is seeded");
    retention.fails[0].times = Some(1);
    let mut play = Play::of(&scenario).await;
    let proved = taken_back(&mut play, "/rollback prod invoice only api-stack because the API answers 502").await;
    assert_eq!(verdict(&proved), Some(Verdict::RolledBack));
    assert_eq!(orders(&play), [("ContinueUpdateRollback".to_owned(), API.to_owned())]);
    play.leave().await;
}

/// C19: one stack alone, the others are left as they are.
#[tokio::test(flavor = "multi_thread")]
async fn c19_the_api_stack_goes_back_alone() {
    let mut play = Play::of(&invoice(None)).await;
    let proved = taken_back(&mut play, "/rollback prod invoice only api-stack because the API answers 502").await;
    assert_eq!(verdict(&proved), Some(Verdict::RolledBack));
    assert_eq!(play.calls_of("CreateChangeSet").len(), 1);
    assert_eq!(play.calls_of("ExecuteChangeSet").len(), 1);
    assert_eq!(health(&play).await, (200, "2.13.0".to_owned()));
    play.leave().await;
}

/// B6, P5, A5: the earlier template with its parameters, and the secret one keeps its value.
#[tokio::test(flavor = "multi_thread")]
async fn b06_p05_a05_a_stack_goes_back_to_its_earlier_template_and_parameters() {
    let mut play = Play::of(&invoice(None)).await;
    play.propose("dev", "/rollback prod invoice only api-stack because the API answers 502").await;
    let card = play.card_text();
    assert!(card.contains("JobManagement") && card.contains("change set"), "{card}");
    let asked = &play.calls_of("CreateChangeSet")[0].request;
    let parameters = asked["Parameters"].as_array().expect("parameters");
    assert!(parameters.contains(&json!({"ParameterKey": "Release", "ParameterValue": "2.13.0"})), "{asked}");
    assert!(parameters.contains(&json!({"ParameterKey": "WebhookSecret", "UsePreviousValue": true})), "{asked}");
    play.approve("sre").await;
    let proved = play.until_recorded("a verdict", |incident| verdict(incident).is_some()).await;
    assert_eq!(verdict(&proved), Some(Verdict::RolledBack));
    play.leave().await;
}

/// P4: an update that failed and stayed as it was is taken back by `RollbackStack`.
#[tokio::test(flavor = "multi_thread")]
async fn p04_an_update_that_failed_and_stayed_is_taken_back_by_rollback_stack() {
    let mut scenario = invoice(Some("update-rollback-failed"));
    let api = stack(&mut scenario, API);
    api.deploying.as_mut().expect("it is seeded").disable_rollback = true;
    api.resources.remove("LogRetention");
    let mut play = Play::of(&scenario).await;
    let proved = taken_back(&mut play, "/rollback prod invoice only api-stack because the API answers 502").await;
    assert_eq!(verdict(&proved), Some(Verdict::RolledBack));
    assert_eq!(orders(&play), [("RollbackStack".to_owned(), API.to_owned())]);
    assert_eq!(health(&play).await, (200, "2.13.0".to_owned()));
    play.leave().await;
}

/// P-10: stuck states have one right verb, deleting is never it, and where nothing helps it is said and nothing is done.
#[rstest]
#[case::create_rolled_back(StackStatus::RollbackComplete)]
#[case::creation_not_rolled_back(StackStatus::RollbackFailed)]
#[case::not_deleted(StackStatus::DeleteFailed)]
#[case::import(StackStatus::ImportRollbackFailed)]
#[case::nothing_deployed(StackStatus::ReviewInProgress)]
#[tokio::test(flavor = "multi_thread")]
async fn peer_10_what_no_verb_takes_back_is_refused_and_left_alone(#[case] status: StackStatus) {
    let mut scenario = invoice(None);
    stack(&mut scenario, API).status = Some(status);
    let mut play = Play::of(&scenario).await;
    play.type_command("dev", "/rollback prod invoice only api-stack because the API answers 502").await;
    play.until("a refusal", |play| play.card_text().contains("ended")).await;
    assert!(play.card_text().contains(API), "{}", play.card_text());
    assert_eq!(orders(&play), []);
    play.leave().await;
}

/// What runs decides, not what CloudFormation says: a stack that is back and does not answer is not called rolled back.
#[tokio::test(flavor = "multi_thread")]
async fn a_stack_that_is_back_and_does_not_answer_is_not_called_rolled_back() {
    let mut scenario = invoice(None);
    let site = stack(&mut scenario, API).site.as_mut().expect("it has one");
    let bad = site.versions["api/2.14.0.zip"].paths.clone();
    site.versions.get_mut("api/2.13.0.zip").expect("it is seeded").paths = bad;
    let mut play = Play::of(&scenario).await;
    play.propose("dev", "/rollback prod invoice only api-stack because the API answers 502").await;
    play.approve("sre").await;
    play.until("a question", |play| play.card_text().contains("a person has to decide")).await;
    play.assert_never_called_rolled_back();
    play.leave().await;
}

/// C4, C5: a stack is deleted only where that is configured and asked for, through the form in which `DELETE` is typed.
#[tokio::test(flavor = "multi_thread")]
async fn c04_a_stack_is_deleted_by_whoever_types_delete_into_the_form() {
    let mut scenario = invoice(None);
    let workflow = "stack: \"CiraInvoice-Workflow-${env}\"";
    configure(&mut scenario, workflow, &format!("{workflow}\n          delete: true"));
    let site = stack(&mut scenario, API).site.as_mut().expect("it has one");
    site.versions.get_mut("api/2.14.0.zip").expect("it is seeded").paths.clear();
    let mut play = Play::of(&scenario).await;
    play.propose("dev", "/rollback prod invoice to deleted only workflow-stack because of a teardown").await;
    let card = play.card_text();
    assert!(card.contains("InvoiceWorkflow (StepFunctions::StateMachine)"), "what dies is on the card: {card}");
    play.approve("sre").await;
    play.until("the gate", |play| play.with_button("Type the phrase").is_some()).await;
    let sre = form(&mut play, "sre", "Type the phrase").await;
    for typed in ["delete", "CiraInvoice-Workflow-prod"] {
        let reply = play.stage.slack.submit(&sre, &[("Phrase", typed)]).await;
        assert!(!reply.is_acknowledged(), "{typed}: {reply:?}");
        assert_eq!(orders(&play), [], "nothing is deleted by {typed}");
    }
    let reply = play.stage.slack.submit(&sre, &[("Phrase", "DELETE")]).await;
    assert!(reply.is_acknowledged(), "{reply:?}");
    let proved = play.until_recorded("a verdict", |incident| verdict(incident).is_some()).await;
    assert_eq!(verdict(&proved), Some(Verdict::RolledBack));
    assert_eq!(orders(&play), [("DeleteStack".to_owned(), "CiraInvoice-Workflow-prod".to_owned())]);
    play.leave().await;
}

/// C4: what is protected is not deleted, and where it is not configured nothing is.
#[rstest]
#[case::not_configured("workflow-stack", "delete: true")]
#[case::protected("database-stack", "Termination protection is on")]
#[tokio::test(flavor = "multi_thread")]
async fn c04_nothing_is_deleted_unasked_or_protected(#[case] target: &str, #[case] said: &str) {
    let mut scenario = invoice(None);
    let database = "stack: \"CiraInvoice-Database-${env}\"";
    configure(&mut scenario, database, &format!("{database}\n          delete: true"));
    let mut play = Play::of(&scenario).await;
    play.type_command("dev", &format!("/rollback prod invoice to deleted only {target} because of a teardown")).await;
    play.until("a refusal", |play| play.card_text().contains("ended")).await;
    let card = play.card_text().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(card.contains(said), "{card}");
    assert_eq!(orders(&play), []);
    play.leave().await;
}

/// The stack's own rollback triggers that fire already are said before anybody approves, and what they do to the rollback
/// is never called a success.
#[tokio::test(flavor = "multi_thread")]
async fn rollback_triggers_that_fire_already_are_on_the_card_and_take_the_rollback_back() {
    let mut scenario = invoice(None);
    scenario.seed.alarms[0].state = AlarmState::Alarm;
    let mut play = Play::of(&scenario).await;
    play.propose("dev", "/rollback prod invoice only api-stack because the API answers 502").await;
    let card = play.card_text().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(card.contains("rollback triggers fire already: CiraInvoice-Api5xx-prod."), "{card}");
    play.approve("sre").await;
    play.until("a question", |play| play.card_text().contains("a person has to decide")).await;
    play.assert_never_called_rolled_back();
    let card = play.card_text().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(card.contains("Rollback triggers in ALARM state"), "{card}");
    assert_eq!(health(&play).await, (502, "2.14.0".to_owned()));
    play.leave().await;
}

/// What the other states of a trigger look like on the card.
#[rstest]
#[case::ok(Some(AlarmState::Ok), "OK now: CiraInvoice-Api5xx-prod.")]
#[case::no_data(Some(AlarmState::InsufficientData), "no data now: CiraInvoice-Api5xx-prod.")]
#[case::gone(None, "do not exist: CiraInvoice-Api5xx-prod.")]
#[tokio::test(flavor = "multi_thread")]
async fn what_rollback_triggers_say_is_on_the_card(#[case] state: Option<AlarmState>, #[case] said: &str) {
    let mut scenario = invoice(None);
    match state {
        Some(state) => scenario.seed.alarms[0].state = state,
        None => scenario.seed.alarms.clear(),
    }
    let mut play = Play::of(&scenario).await;
    play.propose("dev", "/rollback prod invoice only api-stack because the API answers 502").await;
    let card = play.card_text().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(card.contains(said), "{card}");
    play.leave().await;
}

const WORKERS: &str = "CiraInvoice-Api-prod-Workers-1ABC";

/// The scenario with a stack `Workers` nested in that of the API; `table` names the table in it.
fn with_nested(mut scenario: Scenario, table: &str) -> Scenario {
    let nested = "Resources:\n  Workers:\n    Type: AWS::CloudFormation::Stack\n    DependsOn: JobManagement\n    Properties:\n      \
                  TemplateURL: https://cira-invoice-assets.s3.us-east-1.amazonaws.com/workers.yml\n      \
                  Parameters: { Release: { Ref: Release } }\n";
    let bucket = scenario.seed.buckets.get_mut("cira-invoice-deploys").expect("it is seeded");
    let template = bucket.objects.iter_mut().find(|one| one.key == "prod/previous/api.yml").expect("it is seeded");
    template.body = template.body.replace("Resources:\n", nested);
    let workers = json!({
        "Parameters": {"Release": {"Type": "String"}},
        "Resources": {
            "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"Tags": [{"Key": "release", "Value": {"Ref": "Release"}}]}},
            "Jobs": {"Type": "AWS::DynamoDB::Table", "Properties": {"TableName": {"Fn::Sub": table}}},
        },
    });
    let assets = json!({"versioning": "enabled", "objects": [
        {"key": "workers.yml", "age": "80h", "body": workers.to_string()},
    ]});
    scenario.seed.buckets.insert("cira-invoice-assets".to_owned(), serde_json::from_value(assets).expect("a bucket"));
    let in_flight = stack(&mut scenario, API).deploying.is_some();
    let mut history = vec![
        json!({"age": "74h", "template": "s3://cira-invoice-assets/workers.yml", "parameters": {"Release": "2.13.0"}}),
    ];
    if !in_flight {
        history.push(json!({"age": "18m", "parameters": {"Release": "2.14.0"}}));
    }
    let child = json!({"name": WORKERS, "parent": {"stack": API, "resource": "Workers"}, "history": history});
    scenario.seed.stacks.push(serde_json::from_value(child).expect("a stack"));
    scenario
}

/// What a change set would change within nested stacks is on the card too, and goes back with the root's.
#[tokio::test(flavor = "multi_thread")]
async fn p05_the_changes_of_nested_stacks_are_on_the_card_and_go_back_with_their_root() {
    let mut play = Play::of(&with_nested(invoice(None), "jobs")).await;
    play.propose("dev", "/rollback prod invoice only api-stack because the API answers 502").await;
    let card = play.card_text();
    assert!(card.contains("Workers.Queue"), "{card}");
    assert_eq!(play.calls_of("CreateChangeSet")[0].request["IncludeNestedStacks"], json!(true));
    let asked: Vec<Value> =
        play.calls_of("DescribeChangeSet").into_iter().map(|call| call.reply["RootChangeSetId"].clone()).collect();
    assert!(asked.iter().any(Value::is_string), "the nested one was looked at: {asked:?}");
    play.approve("sre").await;
    let proved = play.until_recorded("a verdict", |incident| verdict(incident).is_some()).await;
    assert_eq!(verdict(&proved), Some(Verdict::RolledBack));
    assert_eq!(play.calls_of("ExecuteChangeSet").len(), 1, "the root's alone");
    play.leave().await;
}

/// Data within a nested stack is as safe as that of its root.
#[tokio::test(flavor = "multi_thread")]
async fn p05_a_table_in_a_nested_stack_is_not_replaced_unless_policy_says_so() {
    let mut play = Play::of(&with_nested(invoice(None), "jobs-${Release}")).await;
    play.type_command("dev", "/rollback prod invoice only api-stack because the API answers 502").await;
    play.until("a refusal", |play| play.card_text().contains("ended")).await;
    let card = play.card_text().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(card.contains("Modify Workers.Jobs (DynamoDB::Table, replaced)"), "{card}");
    assert_eq!(orders(&play), []);
    play.until("nothing is left", |play| !play.calls_of("DeleteChangeSet").is_empty()).await;
    play.leave().await;
}

/// What a nested stack holds goes with it: without policy it is not removed.
#[tokio::test(flavor = "multi_thread")]
async fn p05_a_nested_stack_is_not_removed_unless_policy_says_so() {
    let mut scenario = invoice(None);
    let bucket = scenario.seed.buckets.get_mut("cira-invoice-deploys").expect("it is seeded");
    let earlier: Vec<_> =
        bucket.objects.iter().filter(|one| one.key.starts_with("prod/previous/api.")).cloned().collect();
    let mut scenario = with_nested(scenario, "jobs");
    let bucket = scenario.seed.buckets.get_mut("cira-invoice-deploys").expect("it is seeded");
    for mut object in earlier {
        object.key = object.key.replace("/previous/", "/earlier/");
        bucket.objects.push(object);
    }
    configure(&mut scenario, "${env}/previous/api.yml", "${env}/earlier/api.yml");
    let mut play = Play::of(&scenario).await;
    play.type_command("dev", "/rollback prod invoice only api-stack because the API answers 502").await;
    play.until("a refusal", |play| play.card_text().contains("ended")).await;
    let card = play.card_text().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(card.contains("Remove Workers (CloudFormation::Stack)"), "{card}");
    assert_eq!(orders(&play), []);
    play.leave().await;
}

/// C16: what is stuck within a nested stack is offered by the name that CloudFormation takes, and not the nested stack.
#[tokio::test(flavor = "multi_thread")]
async fn c16_b05_what_is_stuck_in_a_nested_stack_is_skipped_by_its_stacks_name() {
    let mut scenario = with_nested(invoice(Some("update-rollback-failed")), "jobs");
    stack(&mut scenario, API).resources.remove("LogRetention");
    let broken = json!({"fails": [{"on": "rollback", "reason": "The queue is gone"}]});
    let queue = serde_json::from_value(broken).expect("a behaviour");
    stack(&mut scenario, WORKERS).resources.insert("Queue".to_owned(), queue);
    let mut play = Play::of(&scenario).await;
    play.propose("dev", "/rollback prod invoice only api-stack because the API answers 502").await;
    play.approve("sre").await;
    play.until("what is stuck", |play| play.with_button("Go on without …").is_some()).await;
    let card = play.card_text().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(card.contains(&format!("{WORKERS}.Queue")) && card.contains("The queue is gone"), "{card}");
    play.click_and_fill_in("lead", "Go on without …", &[]).await;
    only_partly(&mut play, &format!("{WORKERS}.Queue")).await;
    let continued = play.calls_of("ContinueUpdateRollback");
    assert_eq!(continued[1].request["ResourcesToSkip"], json!([format!("{WORKERS}.Queue")]));
    assert!(continued.iter().all(|call| call.request["StackName"].as_str().is_some_and(|root| root.contains(API))));
    assert_eq!(health(&play).await, (200, "2.13.0".to_owned()));
    play.leave().await;
}

fn client(play: &Play) -> Client {
    let config = aws_sdk_cloudformation::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::for_tests())
        .endpoint_url(play.stage.aws.endpoint());
    Client::from_conf(config.build())
}

/// Somebody deploys this release of a stack, and it goes live.
async fn deployed(play: &Play, stack: &str, release: &str) {
    let client = client(play);
    let parameter = Parameter::builder().parameter_key("Release").parameter_value(release).build();
    let update = client.update_stack().stack_name(stack).use_previous_template(true).parameters(parameter);
    update.send().await.expect("it is taken");
    let since = play.stage.clock.reading();
    loop {
        let answer = client.describe_stacks().stack_name(stack).send().await.expect("it is there");
        if answer.stacks()[0].stack_status().is_some_and(|status| status.as_str() == "UPDATE_COMPLETE") {
            return;
        }
        assert!(since.elapsed() < play.patience, "{stack}: {answer:?}");
        play.stage.clock.sleep_really(Duration::from_millis(100)).await;
    }
}

/// How often the bot has read the template of a stack, which it does to keep its version.
fn kept(play: &Play, stack: &str) -> usize {
    let is_it = |request: &Value| request["StackName"].as_str().is_some_and(|name| name.contains(stack));
    play.calls_of("GetTemplate").iter().filter(|call| is_it(&call.request)).count()
}

/// B7: a pipeline tells of a deployment that succeeded, and its version is kept at once: CloudFormation forgets it with
/// the next one. The clock is so slow that Rollbot's own look, every five minutes, does not come in between.
#[tokio::test(flavor = "multi_thread")]
async fn b07_a_version_is_kept_when_a_pipeline_tells_of_it() {
    const MONITORING: &str = "CiraInvoice-Monitoring-prod";
    let mut scenario = Scenario { fastest: 2, ..invoice(None) };
    let from_s3 =
        "\n          previous: { s3: { bucket: cira-invoice-deploys, key: \"${env}/previous/monitoring.yml\" } }";
    configure(&mut scenario, from_s3, "");
    let quick = || serde_json::from_value(json!({"takes": {"update": 1}})).expect("a behaviour");
    for resource in ["Dashboard", "LambdaErrors"] {
        stack(&mut scenario, MONITORING).resources.insert(resource.to_owned(), quick());
    }
    let mut play = Play::of(&scenario).await;
    play.until("the first look", |play| kept(play, MONITORING) == 1).await;
    deployed(&play, MONITORING, "2.15.0").await;
    let body = json!({"id": "run-2150", "environment": "prod", "service": "invoice", "status": "succeeded"});
    play.pipeline_tells(&body.to_string()).await;
    play.until("the version is read", |play| kept(play, MONITORING) == 2).await;
    deployed(&play, MONITORING, "2.16.0").await;
    play.propose("dev", "/rollback prod invoice only monitoring-stack because the dashboard is empty").await;
    let card = play.card_text();
    assert!(card.contains("2.16.0") && card.contains("2.15.0"), "the version before, which nobody else has: {card}");
    play.leave().await;
}
