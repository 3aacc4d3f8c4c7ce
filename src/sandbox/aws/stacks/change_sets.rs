//! Change sets: plans of updates, made, looked at, executed and thrown away.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::buckets::Buckets;
use super::super::json::{iso, present, text};
use super::super::refusal::Refusal;
use super::all::Stacks;
use super::described;
use super::nested_changes::Within;
use super::perform::{on_failure, page, token, validation};
use super::stack::{Deployed, Scene};
use super::status::StackStatus;
use super::work::OnFailure;
use crate::incident::time::Now;

/// How long a change set takes to be made.
pub(super) const MAKING: Duration = Duration::from_secs(3);
/// What a change set without changes says.
const NOTHING: &str =
    "The submitted information didn't contain changes. Submit different information to create a change set.";
/// Changes on a page.
const CHANGES: usize = 100;

/// `ChangeSetStatus`, as far as this stand-in has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Making {
    InProgress,
    Complete,
    Failed,
}

impl Making {
    fn word(self) -> &'static str {
        match self {
            Self::InProgress => "CREATE_IN_PROGRESS",
            Self::Complete => "CREATE_COMPLETE",
            Self::Failed => "FAILED",
        }
    }
}

/// `ExecutionStatus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Execution {
    Unavailable,
    Available,
    InProgress,
    Complete,
    Failed,
    Obsolete,
}

impl Execution {
    fn word(self) -> &'static str {
        match self {
            Self::Unavailable => "UNAVAILABLE",
            Self::Available => "AVAILABLE",
            Self::InProgress => "EXECUTE_IN_PROGRESS",
            Self::Complete => "EXECUTE_COMPLETE",
            Self::Failed => "EXECUTE_FAILED",
            Self::Obsolete => "OBSOLETE",
        }
    }
}

/// A change set.
#[derive(Debug, Clone)]
pub(super) struct ChangeSet {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) stack_id: String,
    pub(super) stack_name: String,
    pub(super) description: Option<String>,
    pub(super) created_at: Timestamp,
    pub(super) made_at: Timestamp,
    pub(super) status: Making,
    pub(super) execution: Execution,
    pub(super) new: Deployed,
    pub(super) changes: Vec<Value>,
    pub(super) token: Option<String>,
    pub(super) include_nested: bool,
    /// Ids of the change sets of the stack that this one's is nested in, and of the outermost one.
    pub(super) parent: Option<String>,
    pub(super) root: Option<String>,
}

impl ChangeSet {
    /// When it will have been made.
    pub(super) fn due(&self) -> Option<Timestamp> {
        (self.status == Making::InProgress).then_some(self.made_at)
    }

    fn is_called(&self, named: &str) -> bool {
        self.id == named || self.name == named
    }

    fn reason(&self) -> Option<&'static str> {
        (self.status == Making::Failed).then_some(NOTHING)
    }

    fn described(&self, changes: &Value) -> Value {
        present(json!({
            "ChangeSetName": self.name,
            "ChangeSetId": self.id,
            "StackId": self.stack_id,
            "StackName": self.stack_name,
            "Description": self.description,
            "Parameters": described::parameters(&self.new.template, &self.new.parameters),
            "CreationTime": iso(self.created_at),
            "ExecutionStatus": self.execution.word(),
            "Status": self.status.word(),
            "StatusReason": self.reason(),
            "NotificationARNs": self.new.notification_arns,
            "RollbackConfiguration":
                described::rollback_configuration(&self.new.triggers, self.new.monitoring_minutes),
            "Capabilities": self.new.capabilities,
            "Tags": described::tags(&self.new.tags),
            "Changes": changes,
            "IncludeNestedStacks": self.include_nested,
            "ParentChangeSetId": self.parent,
            "RootChangeSetId": self.root,
        }))
    }

    /// Whether it is this one, or belongs to it.
    fn is_of(&self, id: &str) -> bool {
        self.id == id || self.root.as_deref() == Some(id)
    }

    /// Refuses what is done only with the outermost one.
    fn must_be_root(&self, operation: &str) -> Result<(), Refusal> {
        match &self.root {
            None => Ok(()),
            Some(root) => Err(validation(format!(
                "{operation} cannot be invoked on the change set of a nested stack. Use the root change set {root}."
            ))),
        }
    }
}

impl Stacks {
    /// The change set that a request names.
    pub(super) fn change_set(&self, request: &Value) -> Result<&ChangeSet, Refusal> {
        let named = text(request, "ChangeSetName").unwrap_or_default();
        let by_id = named.starts_with("arn:");
        if !by_id && text(request, "StackName").is_none() {
            return Err(validation("StackName must be specified if ChangeSetName is not specified as an ARN."));
        }
        let stack = match text(request, "StackName").filter(|_| !by_id) {
            None => None,
            Some(name) => {
                let found = self.find(name).filter(|one| one.status != StackStatus::DeleteComplete);
                let found = found.ok_or_else(|| validation(format!("Stack [{name}] does not exist")))?;
                Some(found.id.as_str())
            }
        };
        let found =
            self.change_sets.iter().find(|one| one.is_called(named) && stack.is_none_or(|stack| one.stack_id == stack));
        found.ok_or_else(|| {
            Refusal::new("ChangeSetNotFound", format!("ChangeSet [{named}] does not exist")).with_status(404)
        })
    }

    pub(super) fn create_change_set(
        &mut self,
        scene: &mut Scene<'_>,
        request: &Value,
        buckets: &Buckets,
    ) -> Result<Value, Refusal> {
        let name = text(request, "ChangeSetName").unwrap_or_default().to_owned();
        let fits = name.len() <= 128
            && name.starts_with(|first: char| first.is_ascii_alphabetic())
            && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
        if !fits {
            let message = format!(
                "1 validation error detected: Value '{name}' at 'changeSetName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*"
            );
            return Err(validation(message));
        }
        if matches!(text(request, "ChangeSetType"), Some("CREATE" | "IMPORT")) {
            return Err(validation("This stand-in for CloudFormation makes change sets of type UPDATE only."));
        }
        let stack = self.named(request)?;
        stack.must_be_updatable(OnFailure::RollBack)?;
        let new = stack.wanted(request, buckets)?;
        let mut changes = stack.changes(&new);
        let nothing = changes.is_empty() && !stack.is_changed_by(&new);
        let (stack_id, stack_name) = (stack.id.clone(), stack.name.clone());
        let asked = text(request, "ClientToken").map(str::to_owned);
        if let Some(same) = self.change_sets.iter().find(|one| one.stack_id == stack_id && one.name == name) {
            if asked.is_some() && same.token == asked {
                return Ok(json!({"Id": same.id, "StackId": stack_id}));
            }
            let message = format!("ChangeSet {} already exists", same.id);
            return Err(Refusal::new("AlreadyExistsException", message));
        }
        let id =
            format!("arn:aws:cloudformation:{}:{}:changeSet/{name}/{}", self.region, self.account, scene.ids.uuid());
        let include_nested = request.get("IncludeNestedStacks").and_then(Value::as_bool) == Some(true);
        if include_nested {
            let within = Within { name: &name, parent: &id, root: &id };
            self.include_nested(scene, &stack_id, &new, &mut changes, &within, buckets)?;
        }
        self.change_sets.push(ChangeSet {
            id: id.clone(),
            name,
            stack_id: stack_id.clone(),
            stack_name,
            description: text(request, "Description").map(str::to_owned),
            created_at: scene.now.at,
            made_at: scene.now.after(MAKING),
            status: Making::InProgress,
            execution: if nothing { Execution::Unavailable } else { Execution::Available },
            new,
            changes,
            token: asked,
            include_nested,
            parent: None,
            root: None,
        });
        Ok(json!({"Id": id, "StackId": stack_id}))
    }

    pub(super) fn describe_change_set(&self, request: &Value) -> Result<Value, Refusal> {
        let found = self.change_set(request)?;
        let shown = if found.status == Making::InProgress { &[] } else { found.changes.as_slice() };
        let page = page(request, "Changes", shown, CHANGES)?;
        let mut reply = found.described(page.get("Changes").unwrap_or(&Value::Null));
        if let Some(reply) = reply.as_object_mut() {
            if found.status == Making::InProgress {
                reply.insert("ExecutionStatus".to_owned(), json!(Execution::Unavailable.word()));
            }
            reply.extend(page.get("NextToken").map(|token| ("NextToken".to_owned(), token.clone())));
        }
        Ok(reply)
    }

    pub(super) fn list_change_sets(&mut self, request: &Value) -> Result<Value, Refusal> {
        let stack = self.named(request)?.id.clone();
        let shown: Vec<Value> = self
            .change_sets
            .iter()
            .filter(|one| one.stack_id == stack)
            .map(|one| {
                present(json!({
                    "StackId": one.stack_id,
                    "StackName": one.stack_name,
                    "ChangeSetId": one.id,
                    "ChangeSetName": one.name,
                    "ExecutionStatus": one.execution.word(),
                    "Status": one.status.word(),
                    "StatusReason": one.reason(),
                    "CreationTime": iso(one.created_at),
                    "Description": one.description,
                    "IncludeNestedStacks": one.include_nested,
                    "ParentChangeSetId": one.parent,
                    "RootChangeSetId": one.root,
                }))
            })
            .collect();
        page(request, "Summaries", &shown, CHANGES)
    }

    pub(super) fn execute_change_set(&mut self, scene: &mut Scene<'_>, request: &Value) -> Result<Value, Refusal> {
        let token = token(request)?;
        let found = self.change_set(request)?;
        found.must_be_root("ExecuteChangeSet")?;
        let (id, stack_id, new) = (found.id.clone(), found.stack_id.clone(), found.new.clone());
        let (status, execution) = (found.status, found.execution);
        let by_stack = json!({"StackName": stack_id});
        self.named(&by_stack)?.must_be_new(token.as_ref())?;
        if status != Making::Complete {
            let message = format!("ChangeSet [{id}] cannot be executed in its current status of [{}]", status.word());
            return Err(Refusal::new("InvalidChangeSetStatus", message));
        }
        if execution != Execution::Available {
            let message = format!(
                "ChangeSet [{id}] cannot be executed in its current execution status of [{}]",
                execution.word()
            );
            return Err(Refusal::new("InvalidChangeSetStatus", message));
        }
        let stack = self.named(&by_stack)?;
        stack.must_be_updatable(OnFailure::RollBack)?;
        stack.update(scene, new, on_failure(request), token);
        stack.change_set = Some(id.clone());
        self.change_sets.retain(|one| one.stack_id != stack_id || one.id == id);
        for executed in self.change_sets.iter_mut().filter(|one| one.is_of(&id)) {
            executed.execution = Execution::InProgress;
        }
        Ok(json!({}))
    }

    pub(super) fn delete_change_set(&mut self, request: &Value) -> Result<Value, Refusal> {
        let found = match self.change_set(request) {
            Ok(found) => found,
            // Deleting what is not there succeeds.
            Err(refusal) if refusal.code == "ChangeSetNotFound" => return Ok(json!({})),
            Err(refusal) => return Err(refusal),
        };
        if found.execution == Execution::InProgress {
            let message = format!(
                "ChangeSet [{}] cannot be deleted in its current execution status of [{}]",
                found.id,
                found.execution.word()
            );
            return Err(Refusal::new("InvalidChangeSetStatus", message));
        }
        found.must_be_root("DeleteChangeSet")?;
        let id = found.id.clone();
        self.change_sets.retain(|one| !one.is_of(&id));
        Ok(json!({}))
    }

    /// An update makes the plans that were made before it worthless.
    pub(super) fn make_obsolete(&mut self, stack_id: &str) {
        let open = |one: &&mut ChangeSet| one.stack_id == stack_id && one.execution == Execution::Available;
        self.change_sets.iter_mut().filter(open).for_each(|one| one.execution = Execution::Obsolete);
    }

    /// Change sets that were being made are there, and executed ones know how it ended.
    pub(super) fn step_change_sets(&mut self, now: Now) {
        for one in &mut self.change_sets {
            if one.due().is_some_and(|due| due <= now.at) {
                one.status = if one.execution == Execution::Unavailable { Making::Failed } else { Making::Complete };
            }
            if one.execution != Execution::InProgress {
                continue;
            }
            let stack = self.all.iter().find(|stack| stack.id == one.stack_id);
            match stack.filter(|stack| stack.work.is_none()).map(|stack| stack.status) {
                Some(StackStatus::UpdateComplete) => one.execution = Execution::Complete,
                Some(_) => one.execution = Execution::Failed,
                None => {}
            }
        }
    }
}
