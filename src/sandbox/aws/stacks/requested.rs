//! The operations that begin something.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::buckets::Buckets;
use super::super::json::{text, texts};
use super::super::refusal::Refusal;
use super::all::Stacks;
use super::perform::{on_failure, token, validation};
use super::stack::{Deployed, Scene, Stack};
use super::status::StackStatus;
use super::template::Template;
use super::work::OnFailure;

/// The longest `TemplateBody`, in bytes.
const LONGEST_BODY: usize = 51_200;

/// The template that a request brings with it, if it brings one.
pub(super) fn sent_template(request: &Value, buckets: &Buckets) -> Result<Option<Template>, Refusal> {
    if let Some(body) = text(request, "TemplateBody") {
        if body.len() > LONGEST_BODY {
            let message = format!(
                "1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to {LONGEST_BODY}"
            );
            return Err(validation(message));
        }
        return Template::read(body).map(Some);
    }
    let Some(url) = text(request, "TemplateURL") else {
        return Ok(None);
    };
    let body = buckets.template(url).map_err(validation)?;
    Template::read(&body).map(Some)
}

impl Stack {
    /// What a request to update the stack, or to make a change set for it, wants it to be.
    pub(super) fn wanted(&self, request: &Value, buckets: &Buckets) -> Result<Deployed, Refusal> {
        let previous = request.get("UsePreviousTemplate").and_then(Value::as_bool) == Some(true);
        let template = match (sent_template(request, buckets)?, previous) {
            (Some(_), true) => {
                return Err(validation("You cannot specify both usePreviousTemplate and Template Body/Template URL."));
            }
            (Some(template), false) => template,
            (None, true) => self.is.template.clone(),
            (None, false) => {
                return Err(validation("Either Template URL or Template Body must be specified."));
            }
        };
        let acknowledged = texts(request, "Capabilities");
        let needed = template.capabilities().into_iter().find(|needed| {
            let by_more = *needed == "CAPABILITY_IAM" && acknowledged.contains(&"CAPABILITY_NAMED_IAM");
            !acknowledged.contains(needed) && !by_more
        });
        if let Some(needed) = needed {
            let message = format!("Requires capabilities : [{needed}]");
            return Err(Refusal::new("InsufficientCapabilitiesException", message));
        }
        let given = request.get("Parameters").and_then(Value::as_array).cloned().unwrap_or_default();
        let parameters = template.parameters(&given, &self.is.parameters)?;
        let tags = request.get("Tags").and_then(Value::as_array).map(|tags| {
            let pairs = tags.iter().filter_map(|tag| {
                Some((text(tag, "Key")?.to_owned(), text(tag, "Value").unwrap_or_default().to_owned()))
            });
            pairs.collect::<BTreeMap<_, _>>()
        });
        let triggers = request.pointer("/RollbackConfiguration/RollbackTriggers").and_then(Value::as_array);
        let triggers = triggers.map(|all| all.iter().filter_map(|one| text(one, "Arn").map(str::to_owned)).collect());
        let minutes = request.pointer("/RollbackConfiguration/MonitoringTimeInMinutes").and_then(Value::as_u64);
        let topics = request.get("NotificationARNs").map(|_| texts(request, "NotificationARNs"));
        let topics = topics.map(|topics| topics.into_iter().map(str::to_owned).collect());
        let old = &self.is;
        Ok(Deployed {
            template,
            parameters,
            tags: tags.unwrap_or_else(|| old.tags.clone()),
            capabilities: acknowledged.into_iter().map(str::to_owned).collect(),
            notification_arns: topics.unwrap_or_else(|| old.notification_arns.clone()),
            role: text(request, "RoleARN").map(str::to_owned).or_else(|| old.role.clone()),
            triggers: triggers.unwrap_or_else(|| old.triggers.clone()),
            monitoring_minutes: minutes
                .map_or(old.monitoring_minutes, |minutes| u32::try_from(minutes).unwrap_or(u32::MAX)),
        })
    }

    /// Whether deploying `new` would change anything.
    pub(super) fn is_changed_by(&self, new: &Deployed) -> bool {
        let old = &self.is;
        let now = old.template.definitions(&old.parameters);
        let then = new.template.definitions(&new.parameters);
        now != then
            || old.tags != new.tags
            || old.template.outputs(&old.parameters, |_| None) != new.template.outputs(&new.parameters, |_| None)
            || old.notification_arns != new.notification_arns
    }

    /// Refuses an update of a stack whose status does not allow one.
    pub(super) fn must_be_updatable(&self, on_failure: OnFailure) -> Result<(), Refusal> {
        let word = self.status.word();
        let has_failed = self.status == StackStatus::CreateFailed || self.status == StackStatus::UpdateFailed;
        if has_failed && on_failure == OnFailure::RollBack {
            return Err(validation(format!(
                "This stack is currently in a non-terminal [{word}] state. To update the stack from this state, please use the disable-rollback parameter with update-stack API. To rollback to the last known good state, use the rollback-stack API"
            )));
        }
        if self.status == StackStatus::UpdateFailed || self.status.is_stable() {
            return Ok(());
        }
        Err(validation(format!("Stack:{} is in {word} state and can not be updated.", self.id)))
    }

    /// Refuses a token that this stack has seen.
    pub(super) fn must_be_new(&self, token: Option<&String>) -> Result<(), Refusal> {
        match token.filter(|token| self.tokens.contains(*token)) {
            Some(token) => {
                let message = format!("ClientRequestToken {token} was already used for stack {}", self.id);
                Err(Refusal::new("TokenAlreadyExistsException", message))
            }
            None => Ok(()),
        }
    }

    /// The reply of the operations that name the stack and the operation that they began.
    fn begun(&self) -> Value {
        json!({"StackId": self.id, "OperationId": self.operations.last().map(|operation| operation.id.clone())})
    }
}

impl Stacks {
    pub(super) fn create_stack(
        &mut self,
        scene: &mut Scene<'_>,
        request: &Value,
        buckets: &Buckets,
    ) -> Result<Value, Refusal> {
        let token = token(request)?;
        let name = text(request, "StackName").unwrap_or_default();
        if self.find(name).is_some() {
            return Err(Refusal::new("AlreadyExistsException", format!("Stack [{name}] already exists")));
        }
        let template = sent_template(request, buckets)?
            .ok_or_else(|| validation("Either Template URL or Template Body must be specified."))?;
        let nothing = Deployed {
            template,
            parameters: BTreeMap::new(),
            tags: BTreeMap::new(),
            capabilities: Vec::new(),
            notification_arns: Vec::new(),
            role: None,
            triggers: Vec::new(),
            monitoring_minutes: 0,
        };
        let mut stack = Stack::new(name, self.stack_id(name, scene.ids), scene.now.at, nothing);
        stack.is = stack.wanted(request, buckets)?;
        let keeps = text(request, "OnFailure") == Some("DO_NOTHING");
        stack.create(scene, if keeps { OnFailure::DoNothing } else { on_failure(request) }, token);
        let reply = stack.begun();
        self.all.push(stack);
        Ok(reply)
    }

    pub(super) fn update_stack(
        &mut self,
        scene: &mut Scene<'_>,
        request: &Value,
        buckets: &Buckets,
    ) -> Result<Value, Refusal> {
        let token = token(request)?;
        let stack = self.named(request)?;
        stack.must_be_new(token.as_ref())?;
        stack.must_be_updatable(on_failure(request))?;
        let new = stack.wanted(request, buckets)?;
        let retried = stack.status == StackStatus::UpdateFailed;
        if !stack.is_changed_by(&new) && !retried {
            return Err(validation("No updates are to be performed."));
        }
        let policy = |member: &str| -> Result<Option<Value>, Refusal> {
            let body = text(request, member).map(serde_json::from_str::<Value>).transpose();
            body.ok().ok_or_else(|| validation("Error validating stack policy: Invalid stack policy"))
        };
        let (lasting, passing) = (policy("StackPolicyBody")?, policy("StackPolicyDuringUpdateBody")?);
        stack.policy = lasting.or_else(|| stack.policy.take());
        stack.policy_during_update = passing;
        stack.update(scene, new, on_failure(request), token);
        let (reply, id) = (stack.begun(), stack.id.clone());
        self.make_obsolete(&id);
        Ok(reply)
    }

    pub(super) fn cancel_update(
        &mut self,
        scene: &mut Scene<'_>,
        request: &Value,
        buckets: &Buckets,
    ) -> Result<Value, Refusal> {
        let token = token(request)?;
        let stack = self.named(request)?;
        stack.must_be_new(token.as_ref())?;
        if stack.parent.is_some() {
            return Err(validation("CancelUpdateStack cannot be invoked on child stacks"));
        }
        let orders = stack.cancel(scene, token)?;
        self.carry_out(scene, orders, buckets);
        Ok(json!({}))
    }

    pub(super) fn rollback_stack(&mut self, scene: &mut Scene<'_>, request: &Value) -> Result<Value, Refusal> {
        let token = token(request)?;
        let stack = self.named(request)?;
        stack.must_be_new(token.as_ref())?;
        stack.roll_back_failed(scene, token)?;
        Ok(stack.begun())
    }

    pub(super) fn continue_update_rollback(
        &mut self,
        scene: &mut Scene<'_>,
        request: &Value,
    ) -> Result<Value, Refusal> {
        let token = token(request)?;
        let mut skip: Vec<String> = texts(request, "ResourcesToSkip").into_iter().map(str::to_owned).collect();
        let force = request.get("ForceRollback").and_then(Value::as_bool) == Some(true);
        if force && !skip.is_empty() {
            return Err(validation("ForceRollback and ResourcesToSkip are mutually exclusive."));
        }
        let stack = self.named(request)?;
        stack.must_be_new(token.as_ref())?;
        if stack.parent.is_some() {
            return Err(validation("RollbackUpdatedStack cannot be invoked on child stacks"));
        }
        let id = stack.id.clone();
        if force {
            skip = self.stuck(&id);
        }
        let wrong = skip.iter().find_map(|one| self.cannot_be_skipped(&id, one));
        self.named(request)?.continue_rollback(scene, skip, wrong, token)?;
        Ok(json!({}))
    }

    /// Everything in a stack and what is nested in it whose rollback failed, as `ResourcesToSkip` names it.
    fn stuck(&self, root: &str) -> Vec<String> {
        let mut stuck = Vec::new();
        for stack in self.family(root) {
            for one in stack.resources.iter().filter(|one| one.failed_rollback && !one.is_nested()) {
                let nested = stack.parent.is_some();
                stuck.push(if nested { format!("{}.{}", stack.name, one.logical) } else { one.logical.clone() });
            }
        }
        stuck
    }

    /// Why an entry of `ResourcesToSkip` is wrong, in the words of the stack's next status reason.
    fn cannot_be_skipped(&self, root: &str, entry: &str) -> Option<String> {
        let root = self.find(root)?;
        let (stack, logical) = match entry.split_once('.') {
            None => (root, entry),
            Some((name, logical)) => {
                let nested = self.family(&root.id).find(|one| one.name == name && one.parent.is_some());
                let Some(nested) = nested else {
                    return Some(format!("Stack [{name}] does not exist"));
                };
                (nested, logical)
            }
        };
        match stack.resource(logical) {
            None => Some(format!("Resources with logicalIds [{logical}] do not belong to stack {}", stack.name)),
            Some(one) if one.is_nested() => Some("Nested stacks could not be skipped".to_owned()),
            Some(_) if !stack.is_failed(logical) => {
                Some("Only the resources in UPDATE_FAILED state are allowed to be skipped".to_owned())
            }
            Some(one) if !one.failed_rollback => {
                Some("Only the resources failed during UpdateRollback are allowed to be skipped".to_owned())
            }
            Some(_) => None,
        }
    }

    pub(super) fn delete_stack(&mut self, scene: &mut Scene<'_>, request: &Value) -> Result<Value, Refusal> {
        let token = token(request)?;
        let retain = texts(request, "RetainResources");
        // Deleting what is not there succeeds.
        let Ok(stack) = self.named(request) else {
            return Ok(json!({}));
        };
        stack.must_be_new(token.as_ref())?;
        if stack.protected {
            let message = format!("Stack [{}] cannot be deleted while TerminationProtection is enabled", stack.id);
            return Err(validation(message));
        }
        let failed = stack.status == StackStatus::DeleteFailed;
        if !retain.is_empty() && !failed {
            let message = format!(
                "Invalid operation on stack [{}]. Resources can only be retained when the stack is in the DELETE_FAILED state.",
                stack.id
            );
            return Err(validation(message));
        }
        let mut retain: Vec<String> = retain.into_iter().map(str::to_owned).collect();
        if text(request, "DeletionMode") == Some("FORCE_DELETE_STACK") {
            if !failed {
                let message = format!(
                    "Invalid operation on stack [{}]. You can activate DeletionMode FORCE_DELETE_STACK in a delete stack operation only when the stack is in the DELETE_FAILED state.",
                    stack.id
                );
                return Err(validation(message));
            }
            retain.extend(stack.undeletable());
        }
        if stack.status == StackStatus::DeleteInProgress {
            return Ok(json!({}));
        }
        if stack.work.is_some() {
            let message = format!("Stack [{}] cannot be deleted while in status {}", stack.id, stack.status.word());
            return Err(validation(message));
        }
        let retain: Vec<&str> = retain.iter().map(String::as_str).collect();
        stack.delete(scene, &retain, token);
        let id = stack.id.clone();
        self.change_sets.retain(|one| one.stack_id != id);
        Ok(json!({}))
    }

    pub(super) fn update_protection(&mut self, request: &Value) -> Result<Value, Refusal> {
        let stack = self.named(request)?;
        if stack.parent.is_some() {
            return Err(validation(
                "Termination protection cannot be changed on a nested stack; change it on the root stack",
            ));
        }
        stack.protected = request.get("EnableTerminationProtection").and_then(Value::as_bool) == Some(true);
        Ok(json!({"StackId": stack.id}))
    }
}
