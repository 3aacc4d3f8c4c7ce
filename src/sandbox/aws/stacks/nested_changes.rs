//! The change sets of nested stacks, which `IncludeNestedStacks` makes with that of their root.

use serde_json::{Value, json};

use super::super::buckets::Buckets;
use super::super::refusal::Refusal;
use super::all::{Stacks, nested};
use super::change_sets::{ChangeSet, Execution, MAKING, Making};
use super::stack::{Deployed, Scene};

/// The change set that nested ones belong to.
pub(super) struct Within<'a> {
    /// The name of the root's change set; nested ones bear it too, with their stack's name.
    pub(super) name: &'a str,
    pub(super) parent: &'a str,
    pub(super) root: &'a str,
}

impl Stacks {
    /// Makes the change sets of the stacks that are nested in `stack`, as far as `new` changes them, and puts their ids
    /// among `changes`.
    pub(super) fn include_nested(
        &mut self,
        scene: &mut Scene<'_>,
        stack: &str,
        new: &Deployed,
        changes: &mut [Value],
        within: &Within<'_>,
        buckets: &Buckets,
    ) -> Result<(), Refusal> {
        for definition in new.template.definitions(&new.parameters) {
            let parent = self.find(stack);
            let live = parent.and_then(|parent| parent.resource(&definition.logical)).filter(|live| live.is_nested());
            let Some(child) = live.and_then(|live| self.find(&live.physical)) else {
                continue;
            };
            let is_it = |change: &&mut Value| {
                change.pointer("/ResourceChange/LogicalResourceId") == Some(&json!(definition.logical))
            };
            let Some(told) = changes.iter_mut().find(is_it) else {
                continue;
            };
            let wanted = nested(child, &definition, buckets)?;
            let mut own = child.changes(&wanted);
            if own.is_empty() {
                continue;
            }
            let (child_id, child_name) = (child.id.clone(), child.name.clone());
            let name = format!("{}-{child_name}", within.name);
            let unique = scene.ids.uuid();
            let id = format!("arn:aws:cloudformation:{}:{}:changeSet/{name}/{unique}", self.region, self.account);
            let deeper = Within { name: within.name, parent: &id, root: within.root };
            self.include_nested(scene, &child_id, &wanted, &mut own, &deeper, buckets)?;
            if let Some(told) = told.pointer_mut("/ResourceChange").and_then(Value::as_object_mut) {
                told.insert("ChangeSetId".to_owned(), json!(id));
            }
            self.change_sets.push(ChangeSet {
                id,
                name,
                stack_id: child_id,
                stack_name: child_name,
                description: None,
                created_at: scene.now.at,
                made_at: scene.now.after(MAKING),
                status: Making::InProgress,
                execution: Execution::Available,
                new: wanted,
                changes: own,
                token: None,
                include_nested: true,
                parent: Some(within.parent.to_owned()),
                root: Some(within.root.to_owned()),
            });
        }
        Ok(())
    }
}
