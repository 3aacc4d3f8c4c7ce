//! Begins deployments: what has to be done to make a stack what a template says.

use std::collections::BTreeSet;

use super::policy::denial;
use super::replacing::{Recreation, recreation};
use super::resource::Resource;
use super::stack::{Before, Deployed, Scene, Stack};
use super::status::StackStatus;
use super::template::{Definition, references};
use super::work::{BREATH, Deed, OnFailure, OperationType, Phase, Todo, Work};

impl Stack {
    /// Begins to create what the stack was told to be.
    pub(super) fn create(&mut self, scene: &mut Scene<'_>, on_failure: OnFailure, token: Option<String>) {
        self.begin(scene, OperationType::CreateStack, token);
        self.disable_rollback = on_failure == OnFailure::DoNothing;
        self.become_status(scene, StackStatus::CreateInProgress, Some("User Initiated".to_owned()));
        let definitions = self.is.template.definitions(&self.is.parameters);
        let todo = definitions.into_iter().map(|definition| Todo {
            logical: definition.logical.clone(),
            needs: definition.needs.clone(),
            deed: Deed::Create(definition),
        });
        let mut work = Work::new(Phase::Creating, todo.collect(), scene.now.after(BREATH));
        work.on_failure = on_failure;
        self.work = Some(work);
    }

    /// Begins to update the stack to `new`.
    pub(super) fn update(
        &mut self,
        scene: &mut Scene<'_>,
        new: Deployed,
        on_failure: OnFailure,
        token: Option<String>,
    ) {
        self.begin(scene, OperationType::UpdateStack, token);
        let old = std::mem::replace(&mut self.is, new);
        // From UPDATE_FAILED, the last stable state is still the one before the update that failed.
        if self.before.is_none() {
            self.before = Some(Before { is: old, resources: self.resources.clone() });
            self.touched.clear();
        }
        self.disable_rollback = on_failure == OnFailure::DoNothing;
        self.updated_at = Some(scene.now.at);
        self.become_status(scene, StackStatus::UpdateInProgress, Some("User Initiated".to_owned()));
        let todo = self.difference();
        let mut work = Work::new(Phase::Updating, todo, scene.now.after(BREATH));
        work.on_failure = on_failure;
        self.work = Some(work);
    }

    /// What has to be done to make the resources what the template says; removals come later, in the clean-up.
    fn difference(&self) -> Vec<Todo> {
        let definitions = self.is.template.definitions(&self.is.parameters);
        let mut replaced = BTreeSet::new();
        let mut todo = Vec::new();
        for definition in &definitions {
            let deed = match self.resource(&definition.logical) {
                None => Deed::Create(definition.clone()),
                Some(live) if live.is.body == definition.body => continue,
                Some(live) if replaces(live, definition) => {
                    replaced.insert(definition.logical.clone());
                    Deed::Replace(definition.clone())
                }
                Some(_) => Deed::Update(definition.clone()),
            };
            todo.push((definition, deed));
        }
        // What refers to something that is replaced has to learn its new name.
        for definition in &definitions {
            let mut refers = BTreeSet::new();
            references(definition.body.get("Properties").unwrap_or(&serde_json::Value::Null), &mut refers);
            let known = todo.iter().any(|(one, _)| one.logical == definition.logical);
            if !known && !refers.is_disjoint(&replaced) {
                todo.push((definition, Deed::Update(definition.clone())));
            }
        }
        let todo = todo.into_iter().map(|(definition, deed)| Todo {
            logical: definition.logical.clone(),
            deed,
            needs: definition.needs.clone(),
        });
        todo.collect()
    }

    /// The resources that the template does not have any more.
    pub(super) fn removed(&self) -> Vec<Resource> {
        let definitions = self.is.template.definitions(&self.is.parameters);
        let stays = |one: &Resource| definitions.iter().any(|definition| definition.logical == one.logical);
        self.resources.iter().filter(|one| !stays(one)).cloned().collect()
    }

    /// Why the stack policy denies something; nothing is denied while a rollback is under way.
    pub(super) fn denied(&self, deed: &Deed) -> Option<String> {
        let (action, logical, kind) = match deed {
            Deed::Update(definition) => ("Update:Modify", &definition.logical, &definition.kind),
            Deed::Replace(definition) => ("Update:Replace", &definition.logical, &definition.kind),
            Deed::Remove(resource) => ("Update:Delete", &resource.logical, &resource.kind),
            Deed::Create(_) | Deed::Revert(_) => return None,
        };
        denial(self.policy_during_update.as_ref().or(self.policy.as_ref()), action, logical, kind)
    }
}

/// Whether going from what a resource is to a definition makes a new one.
pub(super) fn replaces(live: &Resource, definition: &Definition) -> bool {
    live.kind != definition.kind
        || changed_properties(&live.is, definition)
            .iter()
            .any(|name| recreation(&definition.kind, name) == Recreation::Always)
}

/// Names of the properties in which two definitions differ.
pub(super) fn changed_properties(one: &Definition, other: &Definition) -> Vec<String> {
    let names = |definition: &Definition| {
        let properties = definition.body.get("Properties").and_then(serde_json::Value::as_object);
        properties.into_iter().flat_map(serde_json::Map::keys).cloned().collect::<BTreeSet<_>>()
    };
    let value =
        |definition: &Definition, name: &str| definition.body.get("Properties").and_then(|all| all.get(name)).cloned();
    let all: BTreeSet<String> = names(one).union(&names(other)).cloned().collect();
    all.into_iter().filter(|name| value(one, name) != value(other, name)).collect()
}
