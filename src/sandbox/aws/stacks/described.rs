//! Stacks, their resources and their events as replies describe them.

use serde_json::{Value, json};

use super::super::json::{iso, present};
use super::resource::Resource;
use super::stack::{Event, Stack};
use super::status::Stage;
use super::template::{Parameters, Template};
use super::work::{Operation, OperationStatus};

/// How many of the latest operations a stack shows.
const LAST_OPERATIONS: usize = 4;

/// Parameters as replies list them: what is secret is not shown.
pub(super) fn parameters(template: &Template, parameters: &Parameters) -> Value {
    parameters
        .iter()
        .map(|(key, value)| {
            let shown = if template.is_secret(key) { "****" } else { value.as_str() };
            json!({"ParameterKey": key, "ParameterValue": shown})
        })
        .collect()
}

/// Tags as a list of `{Key, Value}`.
pub(super) fn tags(tags: &super::super::json::Tags) -> Value {
    tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect()
}

/// `RollbackConfiguration`.
pub(super) fn rollback_configuration(triggers: &[String], minutes: u32) -> Value {
    if triggers.is_empty() && minutes == 0 {
        return json!({});
    }
    let triggers: Value = triggers.iter().map(|arn| json!({"Arn": arn, "Type": "AWS::CloudWatch::Alarm"})).collect();
    json!({"RollbackTriggers": triggers, "MonitoringTimeInMinutes": minutes})
}

impl Stack {
    /// An entry of `Stacks`.
    pub(super) fn described(&self) -> Value {
        let there = |logical: &str| Some(self.resource(logical)?.physical.clone());
        let has_outputs = self.updated_at.is_some() || self.status.is_stable();
        let outputs = has_outputs.then(|| self.is.template.outputs(&self.is.parameters, there));
        present(json!({
            "StackId": self.id,
            "StackName": self.name,
            "ChangeSetId": self.change_set,
            "Description": self.is.template.description(),
            "Parameters": parameters(&self.is.template, &self.is.parameters),
            "CreationTime": iso(self.created_at),
            "DeletionTime": self.deleted_at.map(iso),
            "LastUpdatedTime": self.updated_at.map(iso),
            "RollbackConfiguration": rollback_configuration(&self.is.triggers, self.is.monitoring_minutes),
            "StackStatus": self.status.word(),
            "StackStatusReason": self.reason,
            "DisableRollback": self.disable_rollback,
            "NotificationARNs": self.is.notification_arns,
            "Capabilities": self.is.capabilities,
            "Outputs": outputs,
            "RoleARN": self.is.role,
            "Tags": tags(&self.is.tags),
            "EnableTerminationProtection": self.protected,
            "ParentId": self.parent,
            "RootId": self.root,
            "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
            "LastOperations": self.last_operations(),
        }))
    }

    /// An entry of `StackSummaries`.
    pub(super) fn summary(&self) -> Value {
        present(json!({
            "StackId": self.id,
            "StackName": self.name,
            "TemplateDescription": self.is.template.description(),
            "CreationTime": iso(self.created_at),
            "LastUpdatedTime": self.updated_at.map(iso),
            "DeletionTime": self.deleted_at.map(iso),
            "StackStatus": self.status.word(),
            "StackStatusReason": self.reason,
            "ParentId": self.parent,
            "RootId": self.root,
            "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
            "LastOperations": self.last_operations(),
        }))
    }

    fn last_operations(&self) -> Value {
        let newest = self.operations.iter().rev().take(LAST_OPERATIONS);
        newest.map(|one| json!({"OperationType": one.kind.word(), "OperationId": one.id})).collect()
    }

    /// An entry of `StackResources`.
    pub(super) fn described_resource(&self, one: &Resource) -> Value {
        present(json!({
            "StackName": self.name,
            "StackId": self.id,
            "LogicalResourceId": one.logical,
            "PhysicalResourceId": one.physical,
            "ResourceType": one.kind,
            "Timestamp": iso(one.at),
            "ResourceStatus": one.status.word(),
            "ResourceStatusReason": one.reason,
            "DriftInformation": {"StackResourceDriftStatus": "NOT_CHECKED"},
        }))
    }

    /// An entry of `StackEvents`.
    pub(super) fn described_event(&self, event: &Event) -> Value {
        present(json!({
            "StackId": self.id,
            "EventId": event.id,
            "StackName": self.name,
            "OperationId": event.operation,
            "LogicalResourceId": event.logical,
            "PhysicalResourceId": event.physical,
            "ResourceType": event.kind,
            "Timestamp": iso(event.at),
            "ResourceStatus": event.status,
            "ResourceStatusReason": event.reason,
            "ResourceProperties": event.properties,
            "ClientRequestToken": event.token,
        }))
    }

    /// An entry of `OperationEvents`.
    pub(super) fn operation_event(&self, event: &Event) -> Value {
        let operation = self.operations.iter().find(|one| one.id == event.operation);
        let kind = match (event.physical == self.id, has_failed(event)) {
            (true, _) => "STACK_EVENT",
            (false, true) => "PROVISIONING_ERROR",
            (false, false) => "PROGRESS_EVENT",
        };
        present(json!({
            "EventId": event.id,
            "StackId": self.id,
            "OperationId": event.operation,
            "OperationType": operation.map(|one| one.kind.word()),
            "OperationStatus": operation.map(|one| one.status.word()),
            "EventType": kind,
            "LogicalResourceId": event.logical,
            "PhysicalResourceId": event.physical,
            "ResourceType": event.kind,
            "Timestamp": iso(event.at),
            "StartTime": operation.map(|one| iso(one.started_at)),
            "EndTime": operation.and_then(ended).map(iso),
            "ResourceStatus": event.status,
            "ResourceStatusReason": event.reason,
            "ResourceProperties": event.properties,
            "ClientRequestToken": event.token,
        }))
    }

    /// An entry of `StackResourceSummaries`.
    pub(super) fn resource_summary(one: &Resource) -> Value {
        present(json!({
            "LogicalResourceId": one.logical,
            "PhysicalResourceId": one.physical,
            "ResourceType": one.kind,
            "LastUpdatedTimestamp": iso(one.at),
            "ResourceStatus": one.status.word(),
            "ResourceStatusReason": one.reason,
            "DriftInformation": {"StackResourceDriftStatus": "NOT_CHECKED"},
        }))
    }

    /// Resources of the stack that a rollback could not take back.
    pub(super) fn is_failed(&self, logical: &str) -> bool {
        self.resource(logical).is_some_and(|one| one.status.1 == Stage::Failed)
    }
}

fn ended(operation: &Operation) -> Option<jiff::Timestamp> {
    operation.ended_at.filter(|_| operation.status != OperationStatus::InProgress)
}

/// Whether an event tells of a failure.
pub(super) fn has_failed(event: &Event) -> bool {
    event.status.ends_with("_FAILED")
}
