//! Pipelines: stages that hold one execution, transitions, approvals, stops, retries, and the rules of `RollbackStage`.

use std::time::Duration;

use aws_sdk_codepipeline::Client;
use aws_sdk_codepipeline::config::{BehaviorVersion, Region};
use aws_sdk_codepipeline::error::ProvideErrorMetadata;
use aws_sdk_codepipeline::types::{
    ApprovalResult, ApprovalStatus, ExecutionType, PipelineExecutionFilter, PipelineExecutionStatus,
    SourceRevisionOverride, SourceRevisionType, StageExecutionStatus, StageRetryMode, StageTransitionType,
    SucceededInStageFilter,
};
use serde_json::{Value, json};

use super::bench::*;
use crate::sandbox::aws::{Seed, SeedCommit};

const GOOD: &str = "1111111111111111111111111111111111111111";
const BETTER: &str = "2222222222222222222222222222222222222222";
const BAD: &str = "3333333333333333333333333333333333333333";
const FIRST: &str = "00000000-0000-4000-8000-000000000001";
const SECOND: &str = "00000000-0000-4000-8000-000000000002";
const THIRD: &str = "00000000-0000-4000-8000-000000000003";

fn world(change: impl FnOnce(&mut Value)) -> Seed {
    let mut pipeline = json!({
        "name": "Apgms",
        "version": 2,
        "repository": "example/apgms",
        "commits": [
            {"id": GOOD, "summary": "Add the ledger"},
            {"id": BETTER, "summary": "Show the balance"},
            {"id": BAD, "summary": "Cache the balance"},
        ],
        "stages": [
            {"name": "Source", "actions": [{"name": "GitHub", "category": "Source", "provider": "CodeStarSourceConnection"}]},
            {"name": "Build", "actions": [{"name": "Image", "category": "Build", "provider": "CodeBuild", "seconds": 30}]},
            {"name": "Deploy", "actions": [
                {"name": "Site", "category": "Deploy", "provider": "CloudFormation", "seconds": 60, "deploys": "site"},
            ]},
        ],
        "history": [
            {"commit": GOOD, "age": "72h", "id": FIRST},
            {"commit": BETTER, "age": "48h", "id": SECOND},
            {"commit": BAD, "age": "1h", "id": THIRD},
        ],
        "site": {BAD: {"/healthz": {"status": 500, "body": "no"}}},
    });
    change(&mut pipeline);
    let pipelines: Vec<crate::sandbox::aws::SeedPipeline> = serde_json::from_value(json!([pipeline])).unwrap();
    Seed { pipelines, ..seed() }
}

struct Pipes {
    bench: Bench,
    client: Client,
}

impl Pipes {
    async fn of(change: impl FnOnce(&mut Value)) -> Self {
        let bench = Bench::of(world(change)).await;
        let config = aws_sdk_codepipeline::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(keys())
            .retry_config(aws_sdk_codepipeline::config::retry::RetryConfig::disabled())
            .endpoint_url(bench.aws.endpoint());
        Self { client: Client::from_conf(config.build()), bench }
    }

    async fn health(&self) -> u16 {
        let site = self.bench.aws.site("Apgms").unwrap();
        reqwest::get(format!("{site}/healthz")).await.unwrap().status().as_u16()
    }

    async fn status(&self, id: &str) -> PipelineExecutionStatus {
        let told = self.client.get_pipeline_execution().pipeline_name("Apgms").pipeline_execution_id(id).send().await;
        told.unwrap().pipeline_execution().unwrap().status().unwrap().clone()
    }

    async fn until(&self, id: &str, wanted: PipelineExecutionStatus) {
        let begun = self.bench.clock.now();
        loop {
            let status = self.status(id).await;
            if status == wanted {
                return;
            }
            let waited = self.bench.clock.now().elapsed(begun.at);
            assert!(waited < Duration::from_mins(15), "waited for {wanted:?}, saw {status:?}");
            self.bench.clock.sleep(Duration::from_secs(2)).await;
        }
    }

    async fn stage(&self, name: &str) -> aws_sdk_codepipeline::types::StageState {
        let state = self.client.get_pipeline_state().name("Apgms").send().await.unwrap();
        state.stage_states().iter().find(|stage| stage.stage_name() == Some(name)).unwrap().clone()
    }

    async fn succeeded_in(&self, stage: &str) -> Vec<String> {
        let filter = SucceededInStageFilter::builder().stage_name(stage).build();
        let filter = PipelineExecutionFilter::builder().succeeded_in_stage(filter).build();
        let list = self.client.list_pipeline_executions().pipeline_name("Apgms").filter(filter).send().await.unwrap();
        list.pipeline_execution_summaries().iter().map(|one| one.pipeline_execution_id().unwrap().to_owned()).collect()
    }

    async fn roll_back(&self, target: &str) -> Result<String, (String, String)> {
        let call = self.client.rollback_stage().pipeline_name("Apgms").stage_name("Deploy");
        let reply = call.target_pipeline_execution_id(target).send().await;
        reply.map(|reply| reply.pipeline_execution_id().to_owned()).map_err(refusal)
    }

    async fn start(&self, commit: &str, token: &str) -> String {
        let revision = SourceRevisionOverride::builder()
            .action_name("GitHub")
            .revision_type(SourceRevisionType::CommitId)
            .revision_value(commit)
            .build()
            .unwrap();
        let call = self.client.start_pipeline_execution().name("Apgms").source_revisions(revision);
        call.client_request_token(token).send().await.unwrap().pipeline_execution_id().unwrap().to_owned()
    }

    async fn end(self) {
        drop(self.client);
        self.bench.end().await;
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it stands behind `map_err` and `unwrap_err`")]
fn refusal<E: ProvideErrorMetadata, R>(error: aws_sdk_codepipeline::error::SdkError<E, R>) -> (String, String) {
    (error.code().unwrap_or_default().to_owned(), error.message().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_rollback_is_a_new_execution_of_that_stage_alone() {
    let pipes = Pipes::of(|_| {}).await;
    assert_eq!(pipes.health().await, 500);
    assert_eq!(pipes.succeeded_in("Deploy").await, [THIRD, SECOND, FIRST]);
    let id = pipes.roll_back(SECOND).await.unwrap();
    pipes.until(&id, PipelineExecutionStatus::Succeeded).await;
    assert_eq!(pipes.health().await, 200);
    let list = pipes.client.list_pipeline_executions().pipeline_name("Apgms").send().await.unwrap();
    let newest = &list.pipeline_execution_summaries()[0];
    assert_eq!(newest.execution_type(), Some(&ExecutionType::Rollback));
    assert_eq!(newest.rollback_metadata().unwrap().rollback_target_pipeline_execution_id(), Some(SECOND));
    assert_eq!(newest.source_revisions()[0].revision_id(), Some(BETTER));
    assert_eq!(pipes.stage("Deploy").await.latest_execution().unwrap().pipeline_execution_id(), id);
    assert_eq!(pipes.stage("Build").await.latest_execution().unwrap().pipeline_execution_id(), THIRD);
    pipes.end().await;
}

#[tokio::test]
async fn a_rollback_is_refused_by_the_rules_of_the_service() {
    let pipes = Pipes::of(|pipeline| {
        pipeline["history"][0]["version"] = json!(1);
        pipeline["history"][1]["ended"] = json!({"failed": {"stage": "Deploy", "code": "JobFailed", "message": "no"}});
    })
    .await;
    let code = |refused: Result<String, (String, String)>| refused.unwrap_err();
    let (outdated, message) = code(pipes.roll_back(FIRST).await);
    assert_eq!(outdated, "UnableToRollbackStageException");
    assert!(message.contains("has changed"), "{message}");
    let (failed, message) = code(pipes.roll_back(SECOND).await);
    assert_eq!(failed, "UnableToRollbackStageException");
    assert!(message.contains("did not succeed"), "{message}");
    let (unknown, _) = code(pipes.roll_back("00000000-0000-4000-8000-00000000000f").await);
    assert_eq!(unknown, "PipelineExecutionNotFoundException");
    assert_eq!(code(pipes.roll_back("seven").await).0, "ValidationException");
    assert_eq!(pipes.succeeded_in("Deploy").await, [THIRD], "only what ran in the present structure");
    let first = pipes.roll_back(THIRD).await.unwrap();
    let (running, message) = code(pipes.roll_back(THIRD).await);
    assert_eq!((running.as_str(), message.contains("running")), ("UnableToRollbackStageException", true));
    pipes.until(&first, PipelineExecutionStatus::Succeeded).await;
    assert_eq!(code(pipes.roll_back(&first).await).0, "UnableToRollbackStageException", "a rollback is no target");
    let stage = pipes.client.rollback_stage().pipeline_name("Apgms").stage_name("Deployment");
    let (stage, _) = refusal(stage.target_pipeline_execution_id(THIRD).send().await.unwrap_err());
    assert_eq!(stage, "StageNotFoundException");
    pipes.end().await;
}

#[tokio::test]
async fn a_closed_transition_holds_the_newest_execution_and_says_who_closed_it() {
    let pipes = Pipes::of(|_| {}).await;
    let close = pipes.client.disable_stage_transition().pipeline_name("Apgms").stage_name("Deploy");
    let close = close.transition_type(StageTransitionType::Inbound);
    let colon = close.clone().reason("held: rb-1").send().await.unwrap_err();
    assert_eq!(refusal(colon).0, "ValidationException");
    close.reason("held by rb-1").send().await.unwrap();
    let first = pipes.start(GOOD, "t-1").await;
    assert_eq!(pipes.start(GOOD, "t-1").await, first, "the token names the execution");
    let second = pipes.start(BETTER, "t-2").await;
    pipes.until(&first, PipelineExecutionStatus::Superseded).await;
    let stage = pipes.stage("Deploy").await;
    let transition = stage.inbound_transition_state().unwrap();
    assert!(!transition.enabled() && transition.last_changed_by().unwrap().ends_with(":user/operator"));
    assert_eq!(transition.disabled_reason(), Some("held by rb-1"));
    pipes.bench.clock.sleep(Duration::from_mins(2)).await;
    assert_eq!(pipes.stage("Deploy").await.inbound_execution().unwrap().pipeline_execution_id(), second);
    assert_eq!(pipes.health().await, 500);
    let open = pipes.client.enable_stage_transition().pipeline_name("Apgms").stage_name("Deploy");
    open.transition_type(StageTransitionType::Inbound).send().await.unwrap();
    pipes.until(&second, PipelineExecutionStatus::Succeeded).await;
    assert_eq!(pipes.health().await, 200);
    pipes.end().await;
}

#[tokio::test]
async fn a_stop_waits_for_the_action_unless_it_is_abandoned() {
    let pipes = Pipes::of(|pipeline| {
        pipeline["stages"][1]["actions"][0]["seconds"] = json!(3_600);
        pipeline["in_flight"] =
            json!({"commit": BETTER, "age": "1m", "id": "00000000-0000-4000-8000-000000000004", "entering": "Build"});
    })
    .await;
    let id = "00000000-0000-4000-8000-000000000004";
    let stop = || pipes.client.stop_pipeline_execution().pipeline_name("Apgms").pipeline_execution_id(id);
    stop().reason("it is bad").send().await.unwrap();
    assert_eq!(pipes.status(id).await, PipelineExecutionStatus::Stopping);
    assert_eq!(refusal(stop().send().await.unwrap_err()).0, "DuplicatedStopRequestException");
    stop().abandon(true).send().await.unwrap();
    assert_eq!(pipes.status(id).await, PipelineExecutionStatus::Stopped);
    assert_eq!(refusal(stop().send().await.unwrap_err()).0, "PipelineExecutionNotStoppableException");
    let stage = pipes.stage("Build").await;
    assert_eq!(stage.latest_execution().unwrap().status(), &StageExecutionStatus::Stopped);
    pipes.end().await;
}

#[tokio::test]
async fn a_failed_stage_tells_why_and_can_be_retried_while_nothing_changed() {
    let pipes = Pipes::of(|pipeline| {
        pipeline["stages"][1]["actions"][0]["fails"] =
            json!({BETTER: {"code": "JobFailed", "message": "npm ci: exit 1"}});
    })
    .await;
    let id = pipes.start(BETTER, "t-1").await;
    pipes.until(&id, PipelineExecutionStatus::Failed).await;
    let actions = pipes.client.list_action_executions().pipeline_name("Apgms").send().await.unwrap();
    let newest = &actions.action_execution_details()[0];
    let result = newest.output().unwrap().execution_result().unwrap();
    assert_eq!(result.error_details().unwrap().message(), Some("npm ci: exit 1"));
    assert!(result.external_execution_url().unwrap().contains("codebuild"));
    let retry = || {
        let call = pipes.client.retry_stage_execution().pipeline_name("Apgms").stage_name("Build");
        call.pipeline_execution_id(&id).retry_mode(StageRetryMode::FailedActions)
    };
    retry().send().await.unwrap();
    assert_eq!(pipes.status(&id).await, PipelineExecutionStatus::InProgress);
    pipes.until(&id, PipelineExecutionStatus::Failed).await;
    pipes.bench.aws.change_pipeline("Apgms").unwrap();
    assert_eq!(refusal(retry().send().await.unwrap_err()).0, "StageNotRetryableException");
    assert_eq!(pipes.succeeded_in("Deploy").await, Vec::<String>::new());
    pipes.end().await;
}

#[tokio::test]
async fn an_approval_waits_for_its_token() {
    let pipes = Pipes::of(|pipeline| {
        let approval = json!({"name": "Approve", "category": "Approval", "provider": "Manual"});
        let mut deploy = pipeline["stages"][2]["actions"][0].clone();
        deploy["run_order"] = json!(2);
        pipeline["stages"][2]["actions"] = json!([approval, deploy]);
    })
    .await;
    let id = pipes.roll_back(SECOND).await.unwrap();
    pipes.bench.clock.sleep(Duration::from_mins(3)).await;
    assert_eq!(pipes.status(&id).await, PipelineExecutionStatus::InProgress);
    let stage = pipes.stage("Deploy").await;
    let token = stage.action_states()[0].latest_execution().unwrap().token().unwrap().to_owned();
    let answer = |token: &str| {
        let result = ApprovalResult::builder().summary("fine").status(ApprovalStatus::Approved).build().unwrap();
        let call =
            pipes.client.put_approval_result().pipeline_name("Apgms").stage_name("Deploy").action_name("Approve");
        call.result(result).token(token)
    };
    let wrong = answer("00000000-0000-4000-8000-00000000000f").send().await.unwrap_err();
    assert_eq!(refusal(wrong).0, "InvalidApprovalTokenException");
    answer(&token).send().await.unwrap();
    assert_eq!(refusal(answer(&token).send().await.unwrap_err()).0, "ApprovalAlreadyCompletedException");
    pipes.until(&id, PipelineExecutionStatus::Succeeded).await;
    pipes.end().await;
}

#[tokio::test]
async fn a_stage_that_fails_can_roll_itself_back() {
    let pipes = Pipes::of(|pipeline| {
        pipeline["stages"][2]["on_failure"] = json!("roll_back");
        pipeline["stages"][2]["actions"][0]["fails"] =
            json!({"4444444444444444444444444444444444444444": {"code": "JobFailed", "message": "no"}});
    })
    .await;
    let commit = SeedCommit { id: "4444444444444444444444444444444444444444".to_owned(), summary: "Worse".to_owned() };
    let id = pipes.bench.aws.push("Apgms", commit).unwrap();
    pipes.until(&id, PipelineExecutionStatus::Failed).await;
    let list = pipes.client.list_pipeline_executions().pipeline_name("Apgms").send().await.unwrap();
    let newest = &list.pipeline_execution_summaries()[0];
    assert_eq!(newest.trigger().unwrap().trigger_type().unwrap().as_str(), "AutomatedRollback");
    pipes.until(newest.pipeline_execution_id().unwrap(), PipelineExecutionStatus::Succeeded).await;
    assert_eq!(pipes.bench.aws.deployed_commit("Apgms").as_deref(), Some(BAD), "the newest that had succeeded");
    pipes.end().await;
}

#[tokio::test]
async fn an_action_that_deploys_a_stack_ends_as_the_stack_does() {
    let template = json!({
        "Parameters": {"Commit": {"Type": "String"}},
        "Resources": {"Function": {"Type": "AWS::Lambda::Function", "Properties": {"Tags": {"Ref": "Commit"}}}},
    });
    let stack = json!({
        "name": "site",
        "history": [{"age": "48h", "template": template, "parameters": {"Commit": BETTER}}, {"age": "1h", "parameters": {"Commit": BAD}}],
        "site": {"resource": "Function", "property": "Tags", "versions": {}},
        "resources": {"Function": {"takes": {"update": 120}, "fails": [{"on": "update", "when": GOOD, "reason": "too old"}]}},
    });
    let mut seed = world(|pipeline| {
        pipeline["stages"][2]["actions"][0]["deploys"] = json!({"stack": {"name": "site", "parameter": "Commit"}});
    });
    seed.stacks = vec![serde_json::from_value(stack).unwrap()];
    let bench = Bench::of(seed).await;
    let config = aws_sdk_codepipeline::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(keys())
        .retry_config(aws_sdk_codepipeline::config::retry::RetryConfig::disabled())
        .endpoint_url(bench.aws.endpoint());
    let pipes = Pipes { client: Client::from_conf(config.build()), bench };
    let serves = async || {
        let reply = reqwest::get(format!("{}/healthz", pipes.bench.aws.site("site").unwrap())).await.unwrap();
        reply.headers()["x-app-version"].to_str().unwrap().to_owned()
    };
    assert_eq!(serves().await, BAD);
    let back = pipes.roll_back(SECOND).await.unwrap();
    let begun = pipes.bench.clock.now();
    pipes.until(&back, PipelineExecutionStatus::Succeeded).await;
    assert!(pipes.bench.clock.now().elapsed(begun.at) >= Duration::from_mins(2), "it waits for the stack");
    assert_eq!(serves().await, BETTER);
    let failed = pipes.roll_back(FIRST).await.unwrap();
    pipes.until(&failed, PipelineExecutionStatus::Failed).await;
    assert_eq!(serves().await, BETTER, "the stack took its update back");
    let state = pipes.stage("Deploy").await;
    let action = state.action_states()[0].latest_execution().unwrap();
    let error = action.error_details().unwrap().message().unwrap();
    assert!(error.contains("UPDATE_ROLLBACK"), "{error}");
    assert!(action.external_execution_url().unwrap().contains("cloudformation"), "{action:?}");
    pipes.bench.end().await;
}
