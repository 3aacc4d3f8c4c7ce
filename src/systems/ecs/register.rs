//! Registers a task definition that takes its content from another one, whole.
//!
//! What is passed on is the JSON as it came over the wire, without exactly the members that ECS sets itself: what this
//! build does not know is kept. `RegisterTaskDefinition` has no client token, so the new revision bears the act's key as
//! a tag, and a lost reply is found again by it.

use std::collections::BTreeMap;

use aws_sdk_ecs::types as sdk;
use aws_types::request_id::RequestId as _;
use serde_json::{Map, Value, json};

use super::act::Receipt;
use super::inventory::family_and_revision;
use crate::aws::error::ErrorClass;
use crate::aws::raw::{RawReply, RawRequest};
use crate::aws::{Aws, AwsError};
use crate::systems::step_kind::Acted;

/// The tag that bears the key of the act that registered a revision.
pub const ACT_TAG: &str = "rollbot:act";
/// The tag that names the task definition that was taken back by it.
pub const INSTEAD_OF_TAG: &str = "rollbot:instead-of";
/// The tag that names the task definition that its content is taken from.
pub const LIKE_TAG: &str = "rollbot:like";
/// What ECS sets itself, and `RegisterTaskDefinition` does not take.
const SET_BY_ECS: [&str; 9] = [
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "deregisteredAt",
    "deleteRequestedAt",
    "registeredBy",
];
/// How many of a family's newest revisions are looked at for a lost registration: nobody registers more in the seconds
/// that are meant.
const LOOKED_AT: i32 = 10;

/// What is registered.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The ARN of the task definition whose content is taken.
    pub like: &'a str,
    /// The images that are replaced, by container.
    pub images: &'a BTreeMap<String, String>,
    /// The ARN of the task definition that is taken back.
    pub instead_of: &'a str,
}

/// Registers it, once.
///
/// # Errors
/// [`AwsError::effect`] says whether it may have happened all the same.
pub async fn register(aws: &Aws, wanted: Wanted<'_>, key: &str) -> Result<Acted<Receipt>, AwsError> {
    let bug = |class: ErrorClass, why: String| AwsError::local("ecs", "RegisterTaskDefinition", class, why);
    let raw = RawReply::default();
    // Read now and not kept: what applications have in their environment does not belong into Rollbot's records.
    aws.reads()
        .ecs
        .describe_task_definition()
        .task_definition(wanted.like)
        .include(sdk::TaskDefinitionField::Tags)
        .customize()
        .interceptor(raw.clone())
        .send()
        .await
        .map_err(|error| AwsError::of("ecs", "DescribeTaskDefinition", &error).without_effect())?;
    let described = raw.json().ok_or_else(|| bug(ErrorClass::Bug, "the task definition is not JSON".to_owned()))?;
    let body = request(&described, wanted, key).map_err(|why| bug(ErrorClass::Invalid, why))?;
    let answer = aws
        .writes()
        .ecs
        .register_task_definition()
        .customize()
        .interceptor(RawRequest::new(&body))
        .send()
        .await
        .map_err(|error| AwsError::of("ecs", "RegisterTaskDefinition", &error))?;
    let request_id = answer.request_id().map(str::to_owned);
    let task_definition =
        answer.task_definition.and_then(|definition| definition.task_definition_arn).unwrap_or_default();
    Ok(Acted { receipt: Receipt::Registered { task_definition }, request_id })
}

/// The request that registers what `described`, the reply of `DescribeTaskDefinition`, describes, with other images.
/// Pure.
fn request(described: &Value, wanted: Wanted<'_>, key: &str) -> Result<Value, String> {
    let definition = described.get("taskDefinition").and_then(Value::as_object);
    let mut request: Map<String, Value> = definition.ok_or("ECS described no task definition")?.clone();
    request.retain(|member, _| !SET_BY_ECS.contains(&member.as_str()));
    let containers = request.get_mut("containerDefinitions").and_then(Value::as_array_mut);
    let mut containers: Vec<&mut Map<String, Value>> =
        containers.into_iter().flatten().filter_map(Value::as_object_mut).collect();
    for (name, image) in wanted.images {
        let container = containers.iter_mut().find(|container| container.get("name") == Some(&json!(name)));
        let container = container.ok_or_else(|| format!("the task definition has no container {name}"))?;
        container.insert("image".to_owned(), json!(image));
    }
    let key_of = |tag: &Value| tag.get("key").and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
    let theirs = described.get("tags").and_then(Value::as_array).into_iter().flatten();
    // AWS's own tags cannot be given, and ours speak of another registration.
    let theirs = theirs.filter(|tag| !key_of(tag).starts_with("aws:") && !key_of(tag).starts_with("rollbot:"));
    let ours = [(ACT_TAG, key), (INSTEAD_OF_TAG, wanted.instead_of), (LIKE_TAG, wanted.like)];
    let ours = ours.map(|(key, value)| json!({"key": key, "value": value}));
    request.insert("tags".to_owned(), theirs.cloned().chain(ours).collect());
    Ok(Value::Object(request))
}

/// The newest revision of the family of `like` that bears one of these keys.
///
/// # Errors
/// When AWS does not answer or refuses.
pub async fn find(aws: &Aws, like: &str, keys: &[String]) -> Result<Option<String>, AwsError> {
    let Some((family, _)) = family_and_revision(like) else { return Ok(None) };
    let answer = aws
        .reads()
        .ecs
        .list_task_definitions()
        .family_prefix(family)
        .status(sdk::TaskDefinitionStatus::Active)
        .sort(sdk::SortOrder::Desc)
        .max_results(LOOKED_AT)
        .send()
        .await
        .map_err(|error| AwsError::of("ecs", "ListTaskDefinitions", &error))?;
    for arn in answer.task_definition_arns.unwrap_or_default() {
        let tags = aws
            .reads()
            .ecs
            .list_tags_for_resource()
            .resource_arn(&arn)
            .send()
            .await
            .map_err(|error| AwsError::of("ecs", "ListTagsForResource", &error))?;
        let mut tags = tags.tags.unwrap_or_default().into_iter();
        let bears = |tag: &sdk::Tag| tag.key() == Some(ACT_TAG) && keys.iter().any(|key| tag.value() == Some(key));
        if tags.any(|tag| bears(&tag)) {
            return Ok(Some(arn));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(images: &BTreeMap<String, String>) -> Wanted<'_> {
        Wanted { like: "arn:api:41", images, instead_of: "arn:api:42" }
    }

    fn described() -> Value {
        json!({
            "taskDefinition": {
                "taskDefinitionArn": "arn:api:41", "revision": 41, "status": "INACTIVE", "requiresAttributes": [],
                "compatibilities": ["FARGATE"], "registeredAt": 1.5, "deregisteredAt": 2.5, "deleteRequestedAt": 3.5,
                "registeredBy": "arn:ci", "family": "api", "cpu": "256", "madeOfSomethingNewer": {"deep": [1, 2.5, null]},
                "containerDefinitions": [
                    {"name": "app", "image": "shop/api:v41", "secrets": [{"name": "KEY", "valueFrom": "arn:key"}], "new": 1},
                    {"name": "proxy", "image": "shop/proxy:v2"},
                ],
            },
            "tags": [{"key": "team", "value": "shop"}, {"key": "aws:cloudformation:stack-name", "value": "shop"},
                     {"key": "rollbot:act", "value": "an older one"}],
        })
    }

    #[test]
    fn peer_03_everything_is_kept_but_what_ecs_sets_itself() {
        let images = BTreeMap::from([("app".to_owned(), "shop/api@sha256:41".to_owned())]);
        assert_eq!(
            request(&described(), wanted(&images), "rb-7k3fq-backend-1").unwrap(),
            json!({
                "family": "api", "cpu": "256", "madeOfSomethingNewer": {"deep": [1, 2.5, null]},
                "containerDefinitions": [
                    {"name": "app", "image": "shop/api@sha256:41",
                     "secrets": [{"name": "KEY", "valueFrom": "arn:key"}], "new": 1},
                    {"name": "proxy", "image": "shop/proxy:v2"},
                ],
                "tags": [
                    {"key": "team", "value": "shop"},
                    {"key": "rollbot:act", "value": "rb-7k3fq-backend-1"},
                    {"key": "rollbot:instead-of", "value": "arn:api:42"},
                    {"key": "rollbot:like", "value": "arn:api:41"},
                ],
            })
        );
    }

    #[test]
    fn a_container_that_is_not_there_is_refused() {
        let images = BTreeMap::from([("worker".to_owned(), "shop/api@sha256:41".to_owned())]);
        let refusal = request(&described(), wanted(&images), "key").unwrap_err();
        assert_eq!(refusal, "the task definition has no container worker");
    }
}
