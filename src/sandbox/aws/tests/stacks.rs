//! Stacks and their ways back, at many times the real pace.

use rstest::rstest;
use serde_json::{Value, json};

use super::stacks_bench::*;
use crate::sandbox::aws::Seed;

/// A stack that ended in `status`.
fn ended_in(status: &str) -> Seed {
    let fails = |on: &str, when: &str| json!({"on": on, "when": when, "reason": "Function code is corrupt"});
    let slow = json!({"takes": {"update": 36000, "rollback": 60}});
    match status {
        "UPDATE_IN_PROGRESS" => seed(deploying("1m", &slow)),
        "UPDATE_COMPLETE" => seed(json!({})),
        "UPDATE_FAILED" => {
            let mut more = deploying("30m", &json!({"fails": [fails("update", "v3")]}));
            more["deploying"]["disable_rollback"] = json!(true);
            seed(more)
        }
        "UPDATE_ROLLBACK_IN_PROGRESS" => {
            seed(deploying("2m", &json!({"fails": [fails("update", "v3")], "takes": {"rollback": 3600}})))
        }
        "UPDATE_ROLLBACK_FAILED" => {
            seed(deploying("30m", &json!({"fails": [fails("update", "v3"), fails("rollback", "v2")]})))
        }
        "UPDATE_ROLLBACK_COMPLETE" => seed(deploying("30m", &json!({"fails": [fails("update", "v3")]}))),
        "CREATE_FAILED" => {
            let mut more = deploying("30m", &json!({"fails": [fails("create", "v3")]}));
            more["deploying"]["disable_rollback"] = json!(true);
            more["deploying"]["template"] = template();
            more["history"] = json!([]);
            seed(more)
        }
        "ROLLBACK_COMPLETE" => {
            let mut more = deploying("30m", &json!({"fails": [fails("create", "v3")]}));
            more["deploying"]["template"] = template();
            more["history"] = json!([]);
            seed(more)
        }
        "CREATE_COMPLETE" => {
            seed(json!({"history": [{"age": "48h", "template": template(), "parameters": {"Version": "v2"}}]}))
        }
        other => seed(json!({"status": other})),
    }
}

/// What the operations say that go back, and where the stack ends.
#[rstest]
#[case::update_in_progress("UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE", "-", "-", "in progress")]
#[case::update_complete("UPDATE_COMPLETE", "-", "-", "-", "UPDATE_COMPLETE")]
#[case::update_failed("UPDATE_FAILED", "-", "UPDATE_ROLLBACK_COMPLETE", "-", "non-terminal")]
#[case::rolling_back("UPDATE_ROLLBACK_IN_PROGRESS", "-", "-", "-", "in progress")]
#[case::rollback_failed("UPDATE_ROLLBACK_FAILED", "-", "-", "UPDATE_ROLLBACK_FAILED", "in progress")]
#[case::rolled_back("UPDATE_ROLLBACK_COMPLETE", "-", "-", "-", "UPDATE_COMPLETE")]
#[case::create_failed("CREATE_FAILED", "-", "ROLLBACK_COMPLETE", "-", "non-terminal")]
#[case::create_complete("CREATE_COMPLETE", "-", "-", "-", "UPDATE_COMPLETE")]
#[case::creation_rolled_back("ROLLBACK_COMPLETE", "-", "-", "-", "in progress")]
#[case::being_reviewed("REVIEW_IN_PROGRESS", "-", "-", "-", "in progress")]
#[case::import_failed("IMPORT_ROLLBACK_FAILED", "-", "-", "-", "in progress")]
#[case::imported("IMPORT_COMPLETE", "-", "-", "-", "UPDATE_COMPLETE")]
#[tokio::test]
async fn each_status_answers_each_operation(
    #[case] status: &str,
    #[case] cancelled: &str,
    #[case] rolled_back: &str,
    #[case] continued: &str,
    #[case] updated: &str,
) {
    async fn ends(stacks: &Stacks, wanted: &str, wrong: &str, outcome: String) {
        match wanted {
            "-" => assert_eq!(outcome, format!("ValidationError: {wrong} cannot be called from current stack status")),
            end => {
                assert_eq!(outcome, "fine");
                stacks.until("api", end).await;
            }
        }
    }
    let fresh = || async {
        let stacks = Stacks::of(ended_in(status)).await;
        let story = stacks.story("api").await;
        assert_eq!(stacks.status("api").await, status, "{}", story.join("\n"));
        stacks
    };
    let stacks = fresh().await;
    ends(
        &stacks,
        cancelled,
        "CancelUpdateStack",
        said(stacks.cfn.cancel_update_stack().stack_name("api").send().await),
    )
    .await;
    stacks.end().await;
    let stacks = fresh().await;
    ends(&stacks, rolled_back, "RollbackStack", said(stacks.cfn.rollback_stack().stack_name("api").send().await)).await;
    stacks.end().await;
    let stacks = fresh().await;
    let outcome = said(stacks.cfn.continue_update_rollback().stack_name("api").send().await);
    ends(&stacks, continued, "RollbackUpdatedStack", outcome).await;
    stacks.end().await;
    let stacks = fresh().await;
    let outcome = said(update(&stacks, "v1").await);
    match updated {
        "non-terminal" => assert!(outcome.contains(&format!("non-terminal [{status}] state")), "{outcome}"),
        "in progress" => {
            let id = stacks.stack("api").await.stack_id().unwrap().to_owned();
            assert_eq!(outcome, format!("ValidationError: Stack:{id} is in {status} state and can not be updated."));
        }
        end => {
            assert_eq!(outcome, "fine");
            stacks.until("api", end).await;
            assert_eq!(stacks.health("api").await, (200, "v1".to_owned()));
        }
    }
    stacks.end().await;
}

async fn update(
    stacks: &Stacks,
    version: &str,
) -> Result<
    aws_sdk_cloudformation::operation::update_stack::UpdateStackOutput,
    aws_sdk_cloudformation::error::SdkError<aws_sdk_cloudformation::operation::update_stack::UpdateStackError>,
> {
    let call = stacks.cfn.update_stack().stack_name("api").use_previous_template(true);
    let call = call.capabilities(aws_sdk_cloudformation::types::Capability::CapabilityIam);
    call.parameters(parameter("Version", version)).client_request_token(format!("to-{version}")).send().await
}

pub(super) fn parameter(key: &str, value: &str) -> aws_sdk_cloudformation::types::Parameter {
    aws_sdk_cloudformation::types::Parameter::builder().parameter_key(key).parameter_value(value).build()
}

#[tokio::test]
async fn a_cancelled_update_is_taken_back_and_bears_the_token_of_the_cancel() {
    let stacks = Stacks::of(ended_in("UPDATE_IN_PROGRESS")).await;
    assert_eq!(stacks.health("api").await, (500, "v2".to_owned()), "what is not through is not live");
    let cancel = || stacks.cfn.cancel_update_stack().stack_name("api").client_request_token("stop-1");
    cancel().send().await.unwrap();
    assert!(said(cancel().send().await).starts_with("TokenAlreadyExistsException: "));
    stacks.until("api", "UPDATE_ROLLBACK_COMPLETE").await;
    let story = stacks.story("api").await;
    assert!(story.contains(&"Function UPDATE_FAILED Resource update cancelled".to_owned()), "{story:#?}");
    assert!(story.contains(&"api UPDATE_ROLLBACK_IN_PROGRESS User Initiated".to_owned()), "{story:#?}");
    let tokens: Vec<Option<String>> =
        stacks.events("api").await.iter().map(|event| event.client_request_token().map(str::to_owned)).collect();
    assert_eq!(tokens.last().unwrap().as_deref(), Some("stop-1"));
    assert!(tokens.contains(&Some("deploy-3".to_owned())));
    let operations = stacks.stack("api").await.last_operations().to_vec();
    assert_eq!(operations[0].operation_type().unwrap().as_str(), "ROLLBACK");
    assert_eq!(stacks.health("api").await, (500, "v2".to_owned()));
    stacks.end().await;
}

#[tokio::test]
async fn a_rollback_that_failed_goes_on_when_the_right_resources_are_skipped() {
    let stacks = Stacks::of(ended_in("UPDATE_ROLLBACK_FAILED")).await;
    let stack = stacks.stack("api").await;
    assert_eq!(stack.stack_status_reason(), Some("The following resource(s) failed to update: [Function]. "));
    let skip = |names: &[&str]| {
        let call = stacks.cfn.continue_update_rollback().stack_name("api");
        call.set_resources_to_skip(Some(names.iter().map(|name| (*name).to_owned()).collect())).send()
    };
    for (names, why) in [
        (["Nothing"], "Resources with logicalIds [Nothing] do not belong to stack api"),
        (["Orders"], "Only the resources in UPDATE_FAILED state are allowed to be skipped"),
        (["Nested.Function"], "Stack [Nested] does not exist"),
    ] {
        skip(&names).await.unwrap();
        let stack = stacks.until("api", "UPDATE_ROLLBACK_FAILED").await;
        assert_eq!(stack.stack_status_reason(), Some(why));
    }
    skip(&["Function"]).await.unwrap();
    stacks.until("api", "UPDATE_ROLLBACK_COMPLETE").await;
    assert_eq!(stacks.resource("api", "Function").await, "UPDATE_COMPLETE");
    stacks.end().await;
}

#[tokio::test]
async fn an_update_says_what_it_did_and_nothing_to_do_is_refused() {
    let stacks = Stacks::of(seed(json!({}))).await;
    assert_eq!(said(update(&stacks, "v2").await), "ValidationError: No updates are to be performed.");
    let begun = update(&stacks, "v1").await.unwrap();
    stacks.until("api", "UPDATE_COMPLETE").await;
    let story = stacks.story("api").await;
    let own: Vec<&str> =
        story.iter().skip_while(|line| !line.contains("UPDATE_IN_PROGRESS User")).map(String::as_str).collect();
    insta::assert_snapshot!(own[own.len() - 7..].join("\n"));
    let events = stacks.cfn.describe_events().operation_id(begun.operation_id().unwrap()).send().await.unwrap();
    assert_eq!(events.operation_events().len(), 7);
    assert_eq!(stacks.health("api").await, (200, "v1".to_owned()));
    let shown = stacks.stack("api").await;
    let secret = shown.parameters().iter().find(|one| one.parameter_key() == Some("Secret")).unwrap();
    assert_eq!(secret.parameter_value(), Some("****"));
    stacks.end().await;
}

#[tokio::test]
async fn an_alarm_that_fires_takes_an_update_back() {
    let stacks = Stacks::of(seed(json!({"rollback_triggers": [ALARM], "monitoring_minutes": 10}))).await;
    update(&stacks, "v1").await.unwrap();
    stacks.bench.clock.sleep(std::time::Duration::from_mins(2)).await;
    assert_eq!(stacks.health("api").await, (200, "v1".to_owned()));
    assert_eq!(stacks.status("api").await, "UPDATE_IN_PROGRESS", "it is still being looked at");
    stacks.bench.aws.set_alarm(ALARM, super::super::AlarmState::Alarm);
    let stack = stacks.until("api", "UPDATE_ROLLBACK_COMPLETE").await;
    let story = stacks.story("api").await;
    assert!(story.iter().any(|line| line.contains("Rollback triggers in ALARM state")), "{story:#?} {stack:?}");
    assert_eq!(stacks.health("api").await, (500, "v2".to_owned()));
    stacks.end().await;
}

#[tokio::test]
async fn a_stack_policy_denies_an_update() {
    let policy = json!({"Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "Update:*", "Resource": "*"},
        {"Effect": "Deny", "Principal": "*", "Action": "Update:*", "Resource": "LogicalResourceId/Function"},
    ]});
    let stacks = Stacks::of(seed(json!({"policy": policy}))).await;
    update(&stacks, "v1").await.unwrap();
    stacks.until("api", "UPDATE_ROLLBACK_COMPLETE").await;
    let story = stacks.story("api").await;
    let denied = "Function UPDATE_FAILED Action denied by stack policy: Statement [#2] does not allow [Update:Modify]";
    assert!(story.iter().any(|line| line.starts_with(denied)), "{story:#?}");
    stacks.end().await;
}

#[tokio::test]
async fn a_protected_stack_is_not_deleted_and_one_that_cannot_be_deleted_is_forced() {
    let fails = json!({"resources": {"Orders": {"fails": [{"on": "delete", "reason": "The table is not empty."}]}}});
    let mut more = fails.clone();
    more["termination_protection"] = json!(true);
    let stacks = Stacks::of(seed(more)).await;
    let id = stacks.stack("api").await.stack_id().unwrap().to_owned();
    let delete = || stacks.cfn.delete_stack().stack_name("api");
    let protected = format!("ValidationError: Stack [{id}] cannot be deleted while TerminationProtection is enabled");
    assert_eq!(said(delete().send().await), protected);
    let unprotect = stacks.cfn.update_termination_protection().stack_name("api").enable_termination_protection(false);
    unprotect.send().await.unwrap();
    let forced = || delete().deletion_mode(aws_sdk_cloudformation::types::DeletionMode::ForceDeleteStack).send();
    assert!(said(forced().await).contains("only when the stack is in the DELETE_FAILED state."));
    delete().send().await.unwrap();
    let stack = stacks.until("api", "DELETE_FAILED").await;
    assert_eq!(stack.stack_status_reason(), Some("The following resource(s) failed to delete: [Orders]. "));
    forced().await.unwrap();
    stacks.until(&id, "DELETE_COMPLETE").await;
    let gone = said(stacks.cfn.describe_stacks().stack_name("api").send().await);
    assert_eq!(gone, "ValidationError: Stack with id api does not exist");
    stacks.end().await;
}

/// A root with a nested stack, both with parameters that follow each other.
fn nested(behaves: &Value) -> Seed {
    let child = json!({
        "Parameters": {"Version": {"Type": "String"}},
        "Resources": {"Worker": {"Type": "AWS::Lambda::Function", "Properties": {"Code": {"S3Key": {"Ref": "Version"}}}}},
    });
    let root = json!({
        "Parameters": {"Version": {"Type": "String"}},
        "Resources": {
            "Jobs": {"Type": "AWS::CloudFormation::Stack", "Properties": {
                "TemplateURL": "https://artifacts.s3.eu-north-1.amazonaws.com/jobs.json",
                "Parameters": {"Version": {"Ref": "Version"}},
            }},
            "Topic": {"Type": "AWS::SNS::Topic", "DependsOn": "Jobs", "Properties": {"DisplayName": {"Ref": "Version"}}},
        },
    });
    let history = |template: &Value| json!([{"age": "48h", "template": template, "parameters": {"Version": "v1"}}]);
    serde_json::from_value(json!({
        "account": "123456789012",
        "region": super::bench::REGION,
        "buckets": {"artifacts": {"objects": [{"key": "jobs.json", "body": child.to_string(), "age": "48h"}]}},
        "stacks": [
            {"name": "root", "history": history(&root), "deploying": {"age": "20m", "parameters": {"Version": "v2"}},
             "resources": {"Topic": {"fails": [{"on": "update", "reason": "Access denied"}]}}},
            {"name": "root-Jobs-1ABC", "parent": {"stack": "root", "resource": "Jobs"}, "history": history(&child),
             "resources": {"Worker": behaves}},
        ],
    }))
    .unwrap()
}

#[tokio::test]
async fn a_nested_stack_goes_with_its_root() {
    let stacks = Stacks::of(nested(&json!({}))).await;
    assert_eq!(stacks.status("root").await, "UPDATE_ROLLBACK_COMPLETE", "{:#?}", stacks.story("root").await);
    assert_eq!(stacks.status("root-Jobs-1ABC").await, "UPDATE_ROLLBACK_COMPLETE");
    let child = stacks.stack("root-Jobs-1ABC").await;
    assert_eq!(child.parent_id(), stacks.stack("root").await.stack_id());
    stacks.end().await;
}

#[tokio::test]
async fn what_is_stuck_in_a_nested_stack_is_skipped_by_the_stacks_name() {
    let stuck = json!({"fails": [{"on": "rollback", "reason": "The layer was deleted"}]});
    let stacks = Stacks::of(nested(&stuck)).await;
    let stack = stacks.stack("root").await;
    assert_eq!(stack.stack_status().unwrap().as_str(), "UPDATE_ROLLBACK_FAILED", "{:#?}", stacks.story("root").await);
    assert_eq!(stacks.status("root-Jobs-1ABC").await, "UPDATE_ROLLBACK_FAILED");
    let go_on = |stack: &str, skip: &str| {
        stacks.cfn.continue_update_rollback().stack_name(stack).resources_to_skip(skip).send()
    };
    let child = said(go_on("root-Jobs-1ABC", "Worker").await);
    assert_eq!(child, "ValidationError: RollbackUpdatedStack cannot be invoked on child stacks");
    for (skip, why) in [
        ("Worker", "Resources with logicalIds [Worker] do not belong to stack root"),
        ("Jobs", "Nested stacks could not be skipped"),
        ("Jobs.Worker", "Stack [Jobs] does not exist"),
    ] {
        go_on("root", skip).await.unwrap();
        assert_eq!(stacks.until("root", "UPDATE_ROLLBACK_FAILED").await.stack_status_reason(), Some(why));
    }
    go_on("root", "root-Jobs-1ABC.Worker").await.unwrap();
    stacks.until("root", "UPDATE_ROLLBACK_COMPLETE").await;
    assert_eq!(stacks.status("root-Jobs-1ABC").await, "UPDATE_ROLLBACK_COMPLETE");
    stacks.end().await;
}
