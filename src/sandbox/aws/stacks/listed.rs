//! The operations that look.

use serde_json::{Value, json};

use super::super::buckets::Buckets;
use super::super::json::{text, texts};
use super::super::refusal::Refusal;
use super::all::Stacks;
use super::described::has_failed;
use super::perform::{page, validation};
use super::requested::sent_template;
use super::stack::Stack;
use super::status::StackStatus;

/// Stacks on a page.
const STACKS: usize = 50;
/// Events and resources on a page.
const ENTRIES: usize = 100;

impl Stacks {
    /// The stack of a request, in the words of the operations that say `with id`.
    fn looked_up(&self, request: &Value) -> Result<&Stack, Refusal> {
        let named = text(request, "StackName").unwrap_or_default();
        self.find(named).ok_or_else(|| validation(format!("Stack with id {named} does not exist")))
    }

    pub(super) fn describe_stacks(&self, request: &Value) -> Result<Value, Refusal> {
        let shown: Vec<Value> = if text(request, "StackName").is_some() {
            vec![self.looked_up(request)?.described()]
        } else {
            let there = self.all.iter().filter(|one| one.status != StackStatus::DeleteComplete);
            there.map(Stack::described).collect()
        };
        page(request, "Stacks", &shown, STACKS)
    }

    pub(super) fn list_stacks(&self, request: &Value) -> Result<Value, Refusal> {
        let wanted = texts(request, "StackStatusFilter");
        let some = self.all.iter().filter(|one| wanted.is_empty() || wanted.contains(&one.status.word()));
        let shown: Vec<Value> = some.map(Stack::summary).collect();
        page(request, "StackSummaries", &shown, STACKS)
    }

    pub(super) fn describe_events_of_stack(&self, request: &Value) -> Result<Value, Refusal> {
        let named = text(request, "StackName").unwrap_or_default();
        let stack = self.find(named).ok_or_else(|| validation(format!("Stack [{named}] does not exist")))?;
        let shown: Vec<Value> = stack.events.iter().rev().map(|event| stack.described_event(event)).collect();
        page(request, "StackEvents", &shown, ENTRIES)
    }

    pub(super) fn describe_events(&self, request: &Value) -> Result<Value, Refusal> {
        let operation = text(request, "OperationId");
        let stacks: Vec<&Stack> = match (text(request, "StackName"), operation) {
            (Some(_), _) => vec![self.looked_up(request)?],
            (None, Some(id)) => {
                self.all.iter().filter(|one| one.operations.iter().any(|operation| operation.id == id)).collect()
            }
            (None, None) => {
                return Err(validation("One of ChangeSetName, OperationId or StackName must be specified as input."));
            }
        };
        if let (Some(id), true) = (operation, stacks.is_empty()) {
            return Err(validation(format!("Operation [{id}] does not exist")));
        }
        let failed_only = request.pointer("/Filters/FailedEvents") == Some(&json!(true));
        let mut shown = Vec::new();
        for stack in stacks {
            let some = stack.events.iter().rev().filter(|event| {
                operation.is_none_or(|id| event.operation == id) && (!failed_only || has_failed(event))
            });
            shown.extend(some.map(|event| stack.operation_event(event)));
        }
        page(request, "OperationEvents", &shown, ENTRIES)
    }

    pub(super) fn describe_resources(&self, request: &Value) -> Result<Value, Refusal> {
        let stack = match text(request, "PhysicalResourceId") {
            Some(id) if text(request, "StackName").is_none() => {
                let holder = self.all.iter().find(|one| one.resources.iter().any(|resource| resource.physical == id));
                holder.ok_or_else(|| validation(format!("Stack for {id} does not exist")))?
            }
            Some(_) | None => self.looked_up(request)?,
        };
        let wanted = text(request, "LogicalResourceId");
        if let Some(missing) = wanted.filter(|wanted| stack.resource(wanted).is_none()) {
            return Err(validation(format!("Resource {missing} does not exist for stack {}", stack.name)));
        }
        let some = stack.resources.iter().filter(|one| wanted.is_none_or(|wanted| one.logical == wanted));
        // DescribeStackResources has no pages: it shows a hundred and no more.
        let shown: Vec<Value> = some.take(ENTRIES).map(|one| stack.described_resource(one)).collect();
        Ok(json!({"StackResources": shown}))
    }

    pub(super) fn list_resources(&self, request: &Value) -> Result<Value, Refusal> {
        let shown: Vec<Value> = self.looked_up(request)?.resources.iter().map(Stack::resource_summary).collect();
        page(request, "StackResourceSummaries", &shown, ENTRIES)
    }

    pub(super) fn get_template(&self, request: &Value) -> Result<Value, Refusal> {
        let template = match text(request, "ChangeSetName") {
            Some(_) => &self.change_set(request)?.new.template,
            None => &self.looked_up(request)?.is.template,
        };
        let body = match text(request, "TemplateStage") {
            Some("Original") => template.body.clone(),
            Some(_) | None => template.processed(),
        };
        Ok(json!({"TemplateBody": body, "StagesAvailable": ["Original", "Processed"]}))
    }

    pub(super) fn get_template_summary(&self, request: &Value, buckets: &Buckets) -> Result<Value, Refusal> {
        let template = match sent_template(request, buckets)? {
            Some(template) => template,
            None => self.looked_up(request)?.is.template.clone(),
        };
        let parameters: Vec<Value> = template
            .declared()
            .map(|(key, one)| {
                super::super::json::present(json!({
                    "ParameterKey": key,
                    "DefaultValue": text(one, "Default"),
                    "ParameterType": text(one, "Type"),
                    "NoEcho": template.is_secret(key),
                    "Description": text(one, "Description"),
                }))
            })
            .collect();
        Ok(super::super::json::present(json!({
            "Parameters": parameters,
            "Description": template.description(),
            "Capabilities": template.capabilities(),
        })))
    }

    pub(super) fn get_policy(&self, request: &Value) -> Result<Value, Refusal> {
        let policy = self.looked_up(request)?.policy.as_ref();
        Ok(policy.map_or_else(|| json!({}), |policy| json!({"StackPolicyBody": policy.to_string()})))
    }
}
