//! What deploying something would change, as change sets tell it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::json::present;
use super::beginning::changed_properties;
use super::replacing::{Recreation, recreation};
use super::resource::Resource;
use super::stack::{Deployed, Stack};
use super::template::{Definition, references};

impl Stack {
    /// `Changes` of a change set that deploys `new`.
    pub(super) fn changes(&self, new: &Deployed) -> Vec<Value> {
        let wanted = new.template.definitions(&new.parameters);
        let plain = new.template.unresolved_definitions();
        let changed: BTreeSet<&String> = new
            .parameters
            .iter()
            .filter(|(key, value)| self.is.parameters.get(*key) != Some(value))
            .map(|(key, _)| key)
            .collect();
        let retagged = self.is.tags != new.tags;
        let mut replaced = BTreeSet::new();
        let mut changes = Vec::new();
        for definition in &wanted {
            match self.resource(&definition.logical) {
                None => changes.push(added(definition)),
                Some(live) if live.is.body != definition.body || retagged => {
                    let written = plain.iter().find(|one| one.logical == definition.logical);
                    let (change, replaces) = modified(live, definition, written, &changed);
                    if replaces {
                        replaced.insert(definition.logical.clone());
                    }
                    changes.push(change);
                }
                Some(_) => {}
            }
        }
        for definition in &wanted {
            let known = changes
                .iter()
                .any(|one| one.pointer("/ResourceChange/LogicalResourceId") == Some(&json!(definition.logical)));
            let mut refers = BTreeSet::new();
            references(definition.body.get("Properties").unwrap_or(&Value::Null), &mut refers);
            if let (false, Some(cause), Some(live)) =
                (known, refers.intersection(&replaced).next(), self.resource(&definition.logical))
            {
                changes.push(followed(live, definition, cause));
            }
        }
        let stays = |one: &&Resource| wanted.iter().any(|definition| definition.logical == one.logical);
        changes.extend(self.resources.iter().filter(|one| !stays(one)).map(removed));
        changes
    }
}

fn change(resource: &Value) -> Value {
    present(json!({"Type": "Resource", "ResourceChange": resource}))
}

fn added(definition: &Definition) -> Value {
    change(&json!({
        "Action": "Add",
        "LogicalResourceId": definition.logical,
        "ResourceType": definition.kind,
        "Scope": [],
        "Details": [],
    }))
}

fn removed(one: &Resource) -> Value {
    let policy = match one.is.body.get("DeletionPolicy").and_then(Value::as_str) {
        Some("Retain") => "Retain",
        Some("Snapshot") => "Snapshot",
        Some(_) | None => "Delete",
    };
    change(&json!({
        "PolicyAction": policy,
        "Action": "Remove",
        "LogicalResourceId": one.logical,
        "PhysicalResourceId": one.physical,
        "ResourceType": one.kind,
        "Scope": [],
        "Details": [],
    }))
}

/// A change of a resource, and whether it replaces it.
fn modified(
    live: &Resource,
    definition: &Definition,
    written: Option<&Definition>,
    parameters: &BTreeSet<&String>,
) -> (Value, bool) {
    let names = changed_properties(&live.is, definition);
    let recreations = names.iter().map(|name| recreation(&definition.kind, name));
    let worst = if live.kind == definition.kind {
        recreations.fold(Recreation::Never, |worst, one| match (worst, one) {
            (Recreation::Always, _) | (_, Recreation::Always) => Recreation::Always,
            (Recreation::Conditionally, _) | (_, Recreation::Conditionally) => Recreation::Conditionally,
            (Recreation::Never, Recreation::Never) => Recreation::Never,
        })
    } else {
        Recreation::Always
    };
    let replacement = match worst {
        Recreation::Always => "True",
        Recreation::Conditionally => "Conditional",
        Recreation::Never => "False",
    };
    let details: Vec<Value> = names
        .iter()
        .map(|name| {
            let mut refers = BTreeSet::new();
            let value = written.and_then(|one| one.body.get("Properties")).and_then(|all| all.get(name));
            references(value.unwrap_or(&Value::Null), &mut refers);
            let cause = refers.iter().find(|name| parameters.contains(name));
            present(json!({
                "Target": {
                    "Attribute": "Properties",
                    "Name": name,
                    "RequiresRecreation": recreation(&definition.kind, name).word(),
                },
                "Evaluation": "Static",
                "ChangeSource": if cause.is_some() { "ParameterReference" } else { "DirectModification" },
                "CausingEntity": cause,
            }))
        })
        .collect();
    let attributes = ["Metadata", "CreationPolicy", "UpdatePolicy", "DeletionPolicy", "UpdateReplacePolicy"];
    let mut scope: Vec<&str> =
        attributes.into_iter().filter(|name| live.is.body.get(*name) != definition.body.get(*name)).collect();
    if !names.is_empty() {
        scope.push("Properties");
    }
    if scope.is_empty() {
        scope.push("Tags");
    }
    let replaces = worst == Recreation::Always;
    let told = change(&json!({
        "PolicyAction": replaces.then_some("ReplaceAndDelete"),
        "Action": "Modify",
        "LogicalResourceId": definition.logical,
        "PhysicalResourceId": live.physical,
        "ResourceType": definition.kind,
        "Replacement": replacement,
        "Scope": scope,
        "Details": details,
    }));
    (told, replaces)
}

/// A resource that has to follow one that is replaced.
fn followed(live: &Resource, definition: &Definition, cause: &str) -> Value {
    change(&json!({
        "Action": "Modify",
        "LogicalResourceId": definition.logical,
        "PhysicalResourceId": live.physical,
        "ResourceType": definition.kind,
        "Replacement": "Conditional",
        "Scope": ["Properties"],
        "Details": [{
            "Target": {"Attribute": "Properties", "RequiresRecreation": "Conditionally"},
            "Evaluation": "Dynamic",
            "ChangeSource": "ResourceReference",
            "CausingEntity": cause,
        }],
    }))
}
