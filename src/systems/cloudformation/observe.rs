//! What a step sees of its stack.

use super::act::{Do, Receipt};
use super::events::{self, StackEvent};
use super::inventory::{SeenChangeSet, StackResource};
use super::look;
use super::status::Status;
use crate::aws::error::ErrorClass;
use crate::aws::{Aws, AwsError};
use crate::incident::release::Release;
use crate::incident::stack::{StackWay, StackWork};
use crate::systems::step_kind::{Entry, Outcome, StepJournal};

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The stack's status.
    pub status: Status,
    /// Why, where CloudFormation says so.
    pub reason: Option<String>,
    /// Its events, newest first, at least back to what was last asked for and to the first act.
    pub events: Vec<StackEvent>,
    /// The release that it is deployed with, where nothing is under way.
    pub deployed: Option<Release>,
    /// The resources that keep a rollback from its end, where it is stuck.
    pub stuck: Vec<StackResource>,
    /// What failed first within a nested stack, where the failure lies there.
    pub nested_cause: Option<String>,
    /// The change set, as long as it was not executed.
    pub change_set: Option<SeenChangeSet>,
}

/// Looks at the stack.
///
/// # Errors
/// When AWS does not answer or refuses.
pub async fn observe(aws: &Aws, work: &StackWork, journal: &StepJournal<'_>) -> Result<Seen, AwsError> {
    let entries: Vec<Entry<Do, Receipt>> = journal.entries().unwrap_or_default();
    let stack = match look::stack(aws, &work.stack).await {
        Ok(stack) => stack,
        // A deleted stack is described by its ARN for ninety days; after that it is not there.
        Err(error) if error.class == ErrorClass::NotFound && work.way == StackWay::Delete => {
            return Ok(Seen::gone());
        }
        Err(error) => return Err(error),
    };
    let mark = entries.first().and_then(|entry| entry.what.order().after.clone());
    let events = events::back_to(aws, &work.stack, mark.as_deref()).await?;
    let deployed =
        if stack.status.is_good() { Some(look::content(aws, &stack).await?.release(stack.updated_at)) } else { None };
    let stuck = if matches!(stack.status, Status::UpdateRollbackFailed | Status::DeleteFailed) {
        stuck(look::resources(aws, &work.stack).await?)
    } else {
        Vec::new()
    };
    let nested_cause = nested_cause(aws, &events).await?;
    let is_open = !entries.iter().any(|entry| matches!(entry.outcome, Outcome::Accepted(_)));
    let change_set = match &work.way {
        StackWay::ChangeSet(set) if is_open => match &set.arn {
            Some(arn) => look::change_set(aws, &work.stack, arn).await?,
            None => None,
        },
        StackWay::ChangeSet(_) | StackWay::Undo | StackWay::UndoCreation | StackWay::Delete => None,
    };
    Ok(Seen { status: stack.status, reason: stack.reason, events, deployed, stuck, nested_cause, change_set })
}

impl Seen {
    fn gone() -> Self {
        Self {
            status: Status::DeleteComplete,
            reason: None,
            events: Vec::new(),
            deployed: None,
            stuck: Vec::new(),
            nested_cause: None,
            change_set: None,
        }
    }
}

/// The resources that failed of themselves. A nested stack is no such thing: what failed within it is.
fn stuck(resources: Vec<StackResource>) -> Vec<StackResource> {
    let called_off = |reason: &str| reason.to_ascii_lowercase().contains("cancelled");
    let mut failed = resources;
    failed.retain(|resource| {
        resource.status.ends_with("_FAILED")
            && resource.kind != look::NESTED
            && !resource.reason.as_deref().is_some_and(called_off)
    });
    failed
}

/// What failed first within the nested stack whose failure is the first of this one.
async fn nested_cause(aws: &Aws, seen: &[StackEvent]) -> Result<Option<String>, AwsError> {
    let Some(cause) = events::root_cause(events::newest_operation(seen)) else { return Ok(None) };
    if cause.kind != look::NESTED || cause.physical.is_empty() {
        return Ok(None);
    }
    let within = events::back_to(aws, &cause.physical, None).await?;
    let first = events::root_cause(events::newest_operation(&within));
    Ok(first.map(|event| format!("{}.{}", look::name_of(&cause.physical), event.line())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(name: &str, kind: &str, status: &str, reason: &str) -> StackResource {
        StackResource {
            name: name.to_owned(),
            kind: kind.to_owned(),
            physical: String::new(),
            status: status.to_owned(),
            reason: Some(reason.to_owned()),
        }
    }

    #[test]
    fn c16_only_what_failed_of_itself_may_be_skipped() {
        let resources = vec![
            resource("Workers", look::NESTED, "UPDATE_FAILED", "Embedded stack failed"),
            resource("shop-api-Workers-1ABC.Queue", "AWS::SQS::Queue", "UPDATE_FAILED", "The queue is gone"),
            resource("Role", "AWS::IAM::Role", "UPDATE_FAILED", "Resource update cancelled"),
            resource("Function", "AWS::Lambda::Function", "UPDATE_COMPLETE", ""),
        ];
        let names: Vec<String> = stuck(resources).into_iter().map(|resource| resource.name).collect();
        assert_eq!(names, ["shop-api-Workers-1ABC.Queue"]);
    }
}
