//! The fresh look at a stack that a plan is made from, and the reads that other looks share.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::types as sdk;

use super::content::{Content, ParameterValue};
use super::events;
use super::inventory::{
    Deletion, Previous, Protection, SeenChangeSet, Stack, StackInventory, StackResource, StackSpec,
};
use super::source;
use super::status::{Action, Status};
use crate::aws::alarms::{self, Alarm};
use crate::aws::error::ErrorClass;
use crate::aws::time::timestamp;
use crate::aws::{Aws, AwsError};

/// How deep nested stacks are followed: deeper trees are not built.
const DEPTH: usize = 4;
/// How many pages of a list are read at the most: fifty thousand entries of a stack that may have five hundred.
const PAGES: usize = 50;

/// A fresh look. `to` is what somebody asked for.
///
/// # Errors
/// When AWS does not answer or refuses, or there is no such stack.
pub async fn look(aws: &Aws, spec: &StackSpec, to: Option<&str>) -> Result<StackInventory, AwsError> {
    let stack = stack(aws, &spec.stack).await?;
    let events = events::back_to(aws, &stack.arn, None).await?;
    let present = if stack.status.is_good() { Some(content(aws, &stack).await?) } else { None };
    let is_deletion = StackInventory::is_deletion(to) && spec.deletion == Deletion::Allowed;
    let resources = if is_deletion { resources(aws, &stack.arn).await? } else { Vec::new() };
    let alarms = triggers(aws, &stack).await?;
    let source = match &spec.previous {
        Previous::History => None,
        Previous::S3 { bucket, key } => match source::read(aws, bucket, key, &stack.settings).await {
            Ok(wanted) => Some(Ok(wanted)),
            Err(error) if error.class.may_pass() => return Err(error),
            Err(error) => Some(Err(source::refusal(bucket, key, &error))),
        },
    };
    Ok(StackInventory {
        spec: spec.clone(),
        stack,
        events,
        present,
        alarms,
        resources,
        history: Vec::new(),
        source,
        wanted: None,
        change_set: None,
    })
}

/// What the stack's rollback triggers say, where an update would have to pass them. That they cannot be looked at keeps
/// nobody from going back; it is said.
async fn triggers(aws: &Aws, stack: &Stack) -> Result<Result<Vec<Alarm>, String>, AwsError> {
    if stack.triggers.is_empty() || stack.status.action() != Action::ChangeSet {
        return Ok(Ok(Vec::new()));
    }
    let names: Vec<String> = stack.triggers.iter().map(|arn| alarms::name_of(arn).to_owned()).collect();
    match alarms::by_name(aws, &names).await {
        Ok(alarms) => Ok(Ok(alarms)),
        Err(error) if error.class.may_pass() => Err(error),
        Err(error) => Ok(Err(error.to_string())),
    }
}

/// The stack of this name or ARN.
///
/// # Errors
/// When AWS does not answer or refuses, or there is no such stack.
pub async fn stack(aws: &Aws, name: &str) -> Result<Stack, AwsError> {
    let answer = aws
        .reads()
        .cloudformation
        .describe_stacks()
        .stack_name(name)
        .send()
        .await
        .map_err(|error| not_found(AwsError::of("cloudformation", "DescribeStacks", &error)))?;
    let stack = answer.stacks.unwrap_or_default().into_iter().next().ok_or_else(|| {
        AwsError::local(
            "cloudformation",
            "DescribeStacks",
            ErrorClass::NotFound,
            format!("there is no stack {name}; correct the target's `stack` in rollbot.yml"),
        )
    })?;
    Ok(described(stack))
}

/// CloudFormation says with `ValidationError` that there is no such stack.
fn not_found(error: AwsError) -> AwsError {
    let is_missing = error.message.contains("does not exist");
    if is_missing { error.as_class(ErrorClass::NotFound) } else { error }
}

fn described(stack: sdk::Stack) -> Stack {
    let mut parameters = BTreeMap::new();
    let mut resolved = BTreeMap::new();
    for parameter in stack.parameters.unwrap_or_default() {
        let Some(key) = parameter.parameter_key else { continue };
        if let Some(value) = parameter.resolved_value {
            resolved.insert(key.clone(), value);
        }
        parameters.insert(key, ParameterValue::shown(&parameter.parameter_value.unwrap_or_default()));
    }
    let tags = stack.tags.unwrap_or_default().into_iter().filter_map(|tag| Some((tag.key?, tag.value?))).collect();
    let capabilities = stack.capabilities.unwrap_or_default();
    let triggers = stack.rollback_configuration.and_then(|configuration| configuration.rollback_triggers);
    let status = stack.stack_status.as_ref().map_or("", sdk::StackStatus::as_str);
    Stack {
        arn: stack.stack_id.unwrap_or_default(),
        name: stack.stack_name.unwrap_or_default(),
        status: Status::of(status),
        reason: stack.stack_status_reason,
        updated_at: stack.last_updated_time.or(stack.creation_time).and_then(timestamp),
        root: stack.root_id.or(stack.parent_id),
        protection: match stack.enable_termination_protection {
            Some(true) => Protection::On,
            Some(false) | None => Protection::Off,
        },
        triggers: triggers.unwrap_or_default().into_iter().filter_map(|trigger| trigger.arn).collect(),
        resolved,
        settings: Content {
            template: String::new(),
            parameters,
            tags,
            capabilities: capabilities.iter().map(|capability| capability.as_str().to_owned()).collect(),
            role: stack.role_arn,
            notifications: stack.notification_arns.unwrap_or_default(),
            policy: None,
        },
    }
}

/// What `stack` is deployed with.
///
/// # Errors
/// When AWS does not answer or refuses.
pub async fn content(aws: &Aws, stack: &Stack) -> Result<Content, AwsError> {
    Ok(Content { template: template(aws, &stack.arn).await?, ..stack.settings.clone() })
}

/// The template of a stack as it was written.
///
/// # Errors
/// When AWS does not answer or refuses.
pub async fn template(aws: &Aws, stack: &str) -> Result<String, AwsError> {
    let answer = aws
        .reads()
        .cloudformation
        .get_template()
        .stack_name(stack)
        // What is left out is the processed one, in which transforms have been resolved.
        .template_stage(sdk::TemplateStage::Original)
        .send()
        .await
        .map_err(|error| AwsError::of("cloudformation", "GetTemplate", &error))?;
    Ok(answer.template_body.unwrap_or_default())
}

/// The stack's policy, if it has one.
///
/// # Errors
/// When AWS does not answer or refuses.
pub async fn policy(aws: &Aws, stack: &str) -> Result<Option<String>, AwsError> {
    let answer = aws
        .reads()
        .cloudformation
        .get_stack_policy()
        .stack_name(stack)
        .send()
        .await
        .map_err(|error| AwsError::of("cloudformation", "GetStackPolicy", &error))?;
    Ok(answer.stack_policy_body.filter(|policy| !policy.is_empty()))
}

/// Every resource of a stack and of those nested in it. What is nested bears its stack's own name, as
/// `ContinueUpdateRollback` wants it, and not the logical id that the parent gives it.
///
/// # Errors
/// When AWS does not answer or refuses.
pub async fn resources(aws: &Aws, stack: &str) -> Result<Vec<StackResource>, AwsError> {
    let mut found = Vec::new();
    let mut open = vec![(stack.to_owned(), None::<String>, 0)];
    while let Some((stack, prefix, depth)) = open.pop() {
        for resource in listed(aws, &stack, prefix.as_deref()).await? {
            if resource.kind == NESTED && depth < DEPTH && !resource.physical.is_empty() {
                open.push((resource.physical.clone(), Some(name_of(&resource.physical).to_owned()), depth + 1));
            }
            found.push(resource);
        }
    }
    Ok(found)
}

/// The type of a stack within a stack.
pub const NESTED: &str = "AWS::CloudFormation::Stack";

/// The name in a stack's ARN: `arn:…:stack/<name>/<id>`.
pub fn name_of(arn: &str) -> &str {
    arn.split('/').nth(1).unwrap_or(arn)
}

async fn listed(aws: &Aws, stack: &str, prefix: Option<&str>) -> Result<Vec<StackResource>, AwsError> {
    let mut resources = Vec::new();
    let mut next: Option<String> = None;
    for _ in 0..PAGES {
        let page = aws
            .reads()
            .cloudformation
            .list_stack_resources()
            .stack_name(stack)
            .set_next_token(next.take())
            .send()
            .await
            .map_err(|error| AwsError::of("cloudformation", "ListStackResources", &error))?;
        resources.extend(page.stack_resource_summaries.unwrap_or_default().into_iter().map(|summary| {
            let logical = summary.logical_resource_id.unwrap_or_default();
            StackResource {
                name: prefix.map_or_else(|| logical.clone(), |prefix| format!("{prefix}.{logical}")),
                kind: summary.resource_type.unwrap_or_default(),
                physical: summary.physical_resource_id.unwrap_or_default(),
                status: summary.resource_status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
                reason: summary.resource_status_reason,
            }
        }));
        next = page.next_token;
        if next.is_none() {
            break;
        }
    }
    Ok(resources)
}

/// The change set called `name`, or with this ARN, of `stack`, with the changes of nested stacks; `None` where there is
/// none.
///
/// # Errors
/// When AWS does not answer or refuses.
pub async fn change_set(aws: &Aws, stack: &str, name: &str) -> Result<Option<SeenChangeSet>, AwsError> {
    let Some(One { mut seen, nested }) = one_change_set(aws, stack, name, None).await? else { return Ok(None) };
    let mut open: Vec<(String, String, usize)> = nested.into_iter().map(|(logical, arn)| (logical, arn, 1)).collect();
    while let Some((prefix, arn, depth)) = open.pop() {
        let Some(nested) = one_change_set(aws, "", &arn, Some(&prefix)).await? else { continue };
        seen.changes.extend(nested.seen.changes);
        if depth < DEPTH {
            open.extend(nested.nested.into_iter().map(|(logical, arn)| (logical, arn, depth + 1)));
        }
    }
    Ok(Some(seen))
}

/// One change set, and those of the stacks nested in it by their place.
struct One {
    seen: SeenChangeSet,
    nested: Vec<(String, String)>,
}

async fn one_change_set(aws: &Aws, stack: &str, name: &str, prefix: Option<&str>) -> Result<Option<One>, AwsError> {
    let mut found: Option<One> = None;
    let mut next: Option<String> = None;
    for _ in 0..PAGES {
        let by_arn = name.starts_with("arn:");
        // A change set belongs to a stack's name, for CloudFormation as for others that stand in for it. Whether that is
        // still the same stack is looked at below.
        let page = aws
            .reads()
            .cloudformation
            .describe_change_set()
            .change_set_name(name)
            .set_stack_name((!by_arn).then(|| name_of(stack).to_owned()))
            .set_next_token(next.take())
            .send()
            .await;
        let page = match page {
            Ok(page) => page,
            Err(error) => {
                let error = AwsError::of("cloudformation", "DescribeChangeSet", &error);
                return if error.class == ErrorClass::NotFound { Ok(None) } else { Err(error) };
            }
        };
        let is_of_another = |of: &str| !by_arn && stack.starts_with("arn:") && of != stack;
        if page.stack_id.as_deref().is_some_and(is_of_another) {
            return Ok(None);
        }
        let one = found.get_or_insert_with(|| One {
            seen: SeenChangeSet {
                arn: page.change_set_id.clone().unwrap_or_default(),
                status: page.status.as_ref().map(|status| status.as_str().to_owned()).unwrap_or_default(),
                execution: page.execution_status.as_ref().map(|status| status.as_str().to_owned()).unwrap_or_default(),
                reason: page.status_reason.clone(),
                changes: Vec::new(),
            },
            nested: Vec::new(),
        });
        for change in page.changes.unwrap_or_default().into_iter().filter_map(|change| change.resource_change) {
            let (change, nested) = super::change_set::read(change, prefix);
            one.nested.extend(nested.map(|arn| (change.resource.clone(), arn)));
            one.seen.changes.push(change);
        }
        next = page.next_token;
        if next.is_none() {
            break;
        }
    }
    Ok(found)
}
