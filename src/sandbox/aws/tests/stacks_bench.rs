//! A stand-in with seeded stacks, and an SDK client of them.

use std::time::Duration;

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::config::{BehaviorVersion, Region};
use aws_sdk_cloudformation::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cloudformation::types::{Stack, StackEvent};

use super::bench::{Bench, REGION, keys};
use crate::incident::time::Pace;
use crate::sandbox::aws::Seed;

/// The template of the tests' stack, as JSON.
pub(super) fn template() -> serde_json::Value {
    serde_json::json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "The shop's API",
        "Parameters": {
            "Version": {"Type": "String"},
            "Stage": {"Type": "String", "Default": "prod"},
            "Secret": {"Type": "String", "NoEcho": true, "Default": "hunter2"},
        },
        "Resources": {
            "Role": {"Type": "AWS::IAM::Role", "Properties": {"Description": {"Ref": "Stage"}}},
            "Function": {"Type": "AWS::Lambda::Function", "Properties": {
                "Code": {"S3Bucket": "artifacts", "S3Key": {"Fn::Sub": "api/${Version}.zip"}},
                "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                "Environment": {"Variables": {"SECRET": {"Ref": "Secret"}}},
            }},
            "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"Tag": {"Ref": "Version"}}},
            "Orders": {"Type": "AWS::DynamoDB::Table", "Properties": {"TableName": "orders"}},
        },
        "Outputs": {"FunctionName": {"Value": {"Ref": "Function"}}},
    })
}

/// An account with the stack `api`: v1 was created, v2 is live. What `more` says is merged over the stack's seed.
pub(super) fn seed(more: serde_json::Value) -> Seed {
    let mut stack = serde_json::json!({
        "name": "api",
        "history": [
            {"age": "48h", "template": template(), "parameters": {"Version": "v1"}, "capabilities": ["CAPABILITY_IAM"],
             "tags": {"team": "shop"}},
            {"age": "2h", "parameters": {"Version": "v2"}},
        ],
        "site": {"resource": "Function", "property": "Code.S3Key", "versions": {
            "api/v1.zip": {"name": "v1"},
            "api/v2.zip": {"name": "v2", "paths": {"/health": {"status": 500, "body": "no such column"}}},
        }},
    });
    merge(&mut stack, more);
    serde_json::from_value(serde_json::json!({
        "account": "123456789012",
        "region": REGION,
        "alarms": [{"arn": ALARM}],
        "stacks": [stack],
    }))
    .unwrap()
}

pub(super) const ALARM: &str = "arn:aws:cloudwatch:eu-north-1:123456789012:alarm:errors";

/// An update to v3 that was begun `age` ago, whose function behaves as `function` says.
pub(super) fn deploying(age: &str, function: &serde_json::Value) -> serde_json::Value {
    serde_json::json!({
        "deploying": {"age": age, "parameters": {"Version": "v3"}, "token": "deploy-3"},
        "resources": {"Function": function},
    })
}

fn merge(target: &mut serde_json::Value, patch: serde_json::Value) {
    if let (Some(target), serde_json::Value::Object(patch)) = (target.as_object_mut(), patch) {
        target.extend(patch);
    }
}

/// The stand-in and a client.
pub(super) struct Stacks {
    pub(super) bench: Bench,
    pub(super) cfn: Client,
}

impl Stacks {
    pub(super) async fn of(seed: Seed) -> Self {
        Self::paced(seed, Pace::new(500)).await
    }

    pub(super) async fn paced(seed: Seed, pace: Pace) -> Self {
        let bench = Bench::paced(seed, pace).await;
        let config = aws_sdk_cloudformation::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(keys())
            .retry_config(aws_sdk_cloudformation::config::retry::RetryConfig::disabled())
            .endpoint_url(bench.aws.endpoint());
        Self { bench, cfn: Client::from_conf(config.build()) }
    }

    pub(super) async fn stack(&self, name: &str) -> Stack {
        self.cfn.describe_stacks().stack_name(name).send().await.unwrap().stacks()[0].clone()
    }

    pub(super) async fn status(&self, name: &str) -> String {
        self.stack(name).await.stack_status().unwrap().as_str().to_owned()
    }

    /// Waits until the stack has the status, and fails with its events if it never has.
    pub(super) async fn until(&self, name: &str, status: &str) -> Stack {
        let begun = self.bench.clock.now();
        loop {
            let stack = self.stack(name).await;
            if stack.stack_status().unwrap().as_str() == status {
                return stack;
            }
            let waited = self.bench.clock.now().elapsed(begun.at);
            assert!(waited < Duration::from_hours(1), "waited for {status}:\n{}", self.story(name).await.join("\n"));
            self.bench.clock.sleep(Duration::from_secs(2)).await;
        }
    }

    /// Oldest first.
    pub(super) async fn events(&self, name: &str) -> Vec<StackEvent> {
        let reply = self.cfn.describe_stack_events().stack_name(name).send().await.unwrap();
        reply.stack_events().iter().rev().cloned().collect()
    }

    /// `Function UPDATE_FAILED why`, oldest first.
    pub(super) async fn story(&self, name: &str) -> Vec<String> {
        let line = |event: StackEvent| {
            let (logical, status) = (event.logical_resource_id().unwrap(), event.resource_status().unwrap().as_str());
            format!("{logical} {status} {}", event.resource_status_reason().unwrap_or_default()).trim().to_owned()
        };
        self.events(name).await.into_iter().map(line).collect()
    }

    pub(super) async fn resource(&self, stack: &str, logical: &str) -> String {
        let reply = self.cfn.describe_stack_resources().stack_name(stack).send().await.unwrap();
        let found = reply.stack_resources().iter().find(|one| one.logical_resource_id() == Some(logical)).cloned();
        found.map_or_else(|| "gone".to_owned(), |one| one.resource_status().unwrap().as_str().to_owned())
    }

    pub(super) async fn health(&self, stack: &str) -> (u16, String) {
        let reply = reqwest::get(format!("{}/health", self.bench.aws.site(stack).unwrap())).await.unwrap();
        (reply.status().as_u16(), reply.headers()["x-app-version"].to_str().unwrap().to_owned())
    }

    pub(super) async fn end(self) {
        drop(self.cfn);
        self.bench.end().await;
    }
}

/// `Code: message` of a refusal; `fine` for a reply.
pub(super) fn said<T, E: ProvideErrorMetadata, R>(outcome: Result<T, SdkError<E, R>>) -> String {
    match outcome {
        Ok(_) => "fine".to_owned(),
        Err(error) => {
            let meta = error.meta();
            format!("{}: {}", meta.code().unwrap_or("-"), meta.message().unwrap_or_default())
        }
    }
}
