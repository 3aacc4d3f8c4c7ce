//! CloudFormation's operations: which is asked for, and with what it works.

use serde_json::{Value, json};

use super::super::account::Account;
use super::super::json::text;
use super::super::refusal::Refusal;
use super::stack::Scene;
use super::work::OnFailure;

pub(super) fn validation(message: impl Into<String>) -> Refusal {
    Refusal::new("ValidationError", message)
}

impl Account {
    /// Performs a `CloudFormation` operation whose request fits the model.
    pub(in super::super) fn perform_cloudformation(
        &mut self,
        operation: &str,
        request: &Value,
    ) -> Result<Value, Refusal> {
        let now = self.now();
        let alarms = self.stacks.alarms.clone();
        let mut scene = Scene { now, ids: &mut self.ids, alarms: &alarms };
        let (stacks, buckets) = (&mut self.stacks, &self.buckets);
        match operation {
            "DescribeStacks" => stacks.describe_stacks(request),
            "ListStacks" => stacks.list_stacks(request),
            "DescribeStackEvents" => stacks.describe_events_of_stack(request),
            "DescribeEvents" => stacks.describe_events(request),
            "DescribeStackResources" => stacks.describe_resources(request),
            "ListStackResources" => stacks.list_resources(request),
            "GetTemplate" => stacks.get_template(request),
            "GetTemplateSummary" => stacks.get_template_summary(request, buckets),
            "GetStackPolicy" => stacks.get_policy(request),
            "CreateStack" => stacks.create_stack(&mut scene, request, buckets),
            "UpdateStack" => stacks.update_stack(&mut scene, request, buckets),
            "CancelUpdateStack" => stacks.cancel_update(&mut scene, request, buckets),
            "ContinueUpdateRollback" => stacks.continue_update_rollback(&mut scene, request),
            "RollbackStack" => stacks.rollback_stack(&mut scene, request),
            "DeleteStack" => stacks.delete_stack(&mut scene, request),
            "UpdateTerminationProtection" => stacks.update_protection(request),
            "CreateChangeSet" => stacks.create_change_set(&mut scene, request, buckets),
            "DescribeChangeSet" => stacks.describe_change_set(request),
            "ListChangeSets" => stacks.list_change_sets(request),
            "ExecuteChangeSet" => stacks.execute_change_set(&mut scene, request),
            "DeleteChangeSet" => stacks.delete_change_set(request),
            _ => Err(Refusal::new("InvalidAction", format!("Could not find operation {operation}"))),
        }
    }
}

/// One page of `items` as `{member: […], NextToken}`.
pub(super) fn page(request: &Value, member: &str, items: &[Value], length: usize) -> Result<Value, Refusal> {
    let from = match text(request, "NextToken") {
        None => 0,
        Some(token) => token
            .strip_prefix("page-")
            .and_then(|offset| offset.parse::<usize>().ok())
            .filter(|offset| *offset <= items.len())
            .ok_or_else(|| validation("Invalid NextToken"))?,
    };
    let shown: Vec<&Value> = items.iter().skip(from).take(length).collect();
    let next = from + shown.len();
    let mut reply = json!({ member: shown });
    if let (true, Some(reply)) = (next < items.len(), reply.as_object_mut()) {
        reply.insert("NextToken".to_owned(), json!(format!("page-{next}")));
    }
    Ok(reply)
}

/// `ClientRequestToken`, held against the pattern that `CloudFormation` publishes.
pub(super) fn token(request: &Value) -> Result<Option<String>, Refusal> {
    let Some(token) = text(request, "ClientRequestToken") else {
        return Ok(None);
    };
    let fits = token.len() <= 128
        && token.starts_with(|first: char| first.is_ascii_alphanumeric())
        && token.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
    if !fits {
        let message = format!(
            "1 validation error detected: Value '{token}' at 'clientRequestToken' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9][-a-zA-Z0-9]*"
        );
        return Err(validation(message));
    }
    Ok(Some(token.to_owned()))
}

/// What a request says about failures.
pub(super) fn on_failure(request: &Value) -> OnFailure {
    match request.get("DisableRollback").and_then(Value::as_bool) {
        Some(true) => OnFailure::DoNothing,
        Some(false) | None => OnFailure::RollBack,
    }
}
