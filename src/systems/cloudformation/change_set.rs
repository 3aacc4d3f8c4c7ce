//! Change sets: made ahead of a plan, described, deleted.

use aws_sdk_cloudformation::types as sdk;

use super::content::ParameterValue;
use super::inventory::{Stack, Wanted};
use super::refusal::Refusal;
use crate::aws::error::{Effect, ErrorClass};
use crate::aws::{Aws, AwsError};
use crate::incident::stack::{Replacement, StackChange};

/// The longest template that a call takes, in bytes (`CreateChangeSet`, `TemplateBody`). A longer one has to lie in S3.
pub const LONGEST_TEMPLATE: usize = 51_200;

/// One change as the plan knows it, and the change set of the nested stack where it is one.
pub fn read(change: sdk::ResourceChange, prefix: Option<&str>) -> (StackChange, Option<String>) {
    let logical = change.logical_resource_id.unwrap_or_default();
    let read = StackChange {
        action: change.action.map(|action| action.as_str().to_owned()).unwrap_or_default(),
        resource: prefix.map_or_else(|| logical.clone(), |prefix| format!("{prefix}.{logical}")),
        kind: change.resource_type.unwrap_or_default(),
        replacement: match change.replacement {
            Some(sdk::Replacement::True) => Replacement::Yes,
            Some(sdk::Replacement::False) | None => Replacement::No,
            // What depends, and what this version does not know, may happen.
            Some(_) => Replacement::Perhaps,
        },
        policy: change.policy_action.map(|policy| policy.as_str().to_owned()),
    };
    (read, change.change_set_id)
}

/// Makes the change set called `name`, which brings `wanted` back. One of this name that is there already is no error.
///
/// # Errors
/// When AWS does not answer or refuses; [`AwsError::effect`] says whether it may have been made all the same.
pub async fn create(aws: &Aws, stack: &Stack, name: &str, wanted: &Wanted) -> Result<(), AwsError> {
    let content = &wanted.content;
    let call = aws
        .writes()
        .cloudformation
        .create_change_set()
        .stack_name(&stack.arn)
        .change_set_name(name)
        .client_token(name)
        .change_set_type(sdk::ChangeSetType::Update)
        .include_nested_stacks(true)
        .description(format!("Rollbot: back to {}", wanted.release.name()))
        .set_parameters(Some(parameters(wanted)))
        .set_capabilities(Some(capabilities(stack, wanted)))
        // A list that is left out stays as it is; an empty one removes every tag, where the earlier version had none.
        .set_tags(Some(
            content.tags.iter().map(|(key, value)| sdk::Tag::builder().key(key).value(value).build()).collect(),
        ));
    let call = match &wanted.url {
        Some(url) => call.template_url(url),
        None => call.template_body(&content.template),
    };
    // The role is left out: CloudFormation goes on with the one that the stack has.
    match call.send().await {
        Ok(_) => Ok(()),
        Err(error) => {
            let error = AwsError::of("cloudformation", "CreateChangeSet", &error);
            match Refusal::of(&error) {
                Some(Refusal::ChangeSetExists) => Ok(()),
                // By its code it could be throttling, and waiting does not help against it.
                Some(Refusal::Limit) => Err(error.as_class(ErrorClass::Invalid)),
                _ => Err(error),
            }
        }
    }
}

/// Every parameter of the earlier template by its value then; what is secret keeps the value that the stack has.
fn parameters(wanted: &Wanted) -> Vec<sdk::Parameter> {
    let parameters = wanted.content.parameters.iter().map(|(key, value)| {
        let parameter = sdk::Parameter::builder().parameter_key(key);
        match value {
            ParameterValue::Text(text) => parameter.parameter_value(text).build(),
            ParameterValue::AsItIs => parameter.use_previous_value(true).build(),
        }
    });
    parameters.collect()
}

/// What the stack may do now and what the earlier version might do: neither gives the template more than it has had.
fn capabilities(stack: &Stack, wanted: &Wanted) -> Vec<sdk::Capability> {
    let mut names: Vec<&str> =
        stack.settings.capabilities.iter().chain(&wanted.content.capabilities).map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(sdk::Capability::from).collect()
}

/// Deletes a change set. One that is gone, or was executed, is no error.
///
/// # Errors
/// When AWS does not answer or refuses.
pub async fn delete(aws: &Aws, stack: &str, name: &str) -> Result<(), AwsError> {
    let answer = aws
        .writes()
        .cloudformation
        .delete_change_set()
        .stack_name(super::look::name_of(stack))
        .change_set_name(name)
        .send()
        .await
        .map_err(|error| AwsError::of("cloudformation", "DeleteChangeSet", &error));
    match answer {
        Ok(_) => Ok(()),
        Err(error) => match Refusal::of(&error) {
            Some(Refusal::NoChangeSet | Refusal::ChangeSetSpent | Refusal::NoStack) => Ok(()),
            _ if error.class == ErrorClass::NotFound && error.effect() == Effect::None => Ok(()),
            _ => Err(error),
        },
    }
}
