//! Aliases, and what is kept warm for them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::super::ids::Ids;
use super::super::json::{iso, present, text};
use super::super::refusal::Refusal;
use super::function::{Alias, Function, Functions, LATEST, Provisioned};
use super::named::parts;
use super::perform::{invalid, must_be_revision};
use super::seed::SeedProvisioned;
use crate::incident::time::Now;

impl Functions {
    pub(super) fn update_alias(&mut self, request: &Value, now: Now, ids: &mut Ids) -> Result<Value, Refusal> {
        let (name, _) = parts(request)?;
        let function = self.find_mut(&name)?;
        let named = text(request, "Name").unwrap_or_default();
        let alias = function.alias(named)?.clone();
        must_be_revision(request, &alias.revision)?;
        let version = text(request, "FunctionVersion").unwrap_or(&alias.version).to_owned();
        function.must_have(&version)?;
        // Left out, the routing stays as it is.
        let weights = match request.get("RoutingConfig") {
            None | Some(Value::Null) => alias.weights.clone(),
            Some(routing) => weights(routing),
        };
        function.may_route(&version, &weights)?;
        let moved = version != alias.version;
        let provisioned = alias.provisioned.clone().map(|provisioned| {
            let warm_at = now.after(Duration::from_secs(provisioned.rules.seconds));
            if moved { Provisioned { warm_at, modified: now.at, ..provisioned } } else { provisioned }
        });
        let updated = Alias {
            version,
            weights,
            provisioned,
            description: text(request, "Description").map(str::to_owned).or(alias.description),
            revision: ids.uuid(),
            shifted_by: alias.shifted_by,
            name: alias.name,
        };
        let told = function.described_alias(&updated);
        if let Some(place) = function.aliases.iter_mut().find(|alias| alias.name == named) {
            *place = updated;
        }
        Ok(told)
    }

    pub(super) fn create_alias(&mut self, request: &Value, ids: &mut Ids) -> Result<Value, Refusal> {
        let (name, _) = parts(request)?;
        let function = self.find_mut(&name)?;
        let named = text(request, "Name").unwrap_or_default().to_owned();
        if function.alias(&named).is_ok() {
            let message = format!("Alias already exists: {}:{named}", function.arn);
            return Err(Refusal::new("ResourceConflictException", message));
        }
        let version = text(request, "FunctionVersion").unwrap_or_default().to_owned();
        function.must_have(&version)?;
        let weights = request.get("RoutingConfig").map(weights).unwrap_or_default();
        function.may_route(&version, &weights)?;
        let description = text(request, "Description").map(str::to_owned);
        let alias = Alias {
            name: named,
            version,
            description,
            weights,
            revision: ids.uuid(),
            shifted_by: None,
            provisioned: None,
        };
        let told = function.described_alias(&alias);
        function.aliases.push(alias);
        Ok(told)
    }

    pub(super) fn provisioned(&self, request: &Value, now: Now) -> Result<Value, Refusal> {
        let (name, qualifier) = parts(request)?;
        let function = self.find(&name)?;
        let alias = function.alias(qualifier.as_deref().unwrap_or_default())?;
        let provisioned = alias.provisioned.as_ref().ok_or_else(|| {
            let message = "No Provisioned Concurrency Config found for this function";
            Refusal::new("ProvisionedConcurrencyConfigNotFoundException", message)
        })?;
        Ok(told(provisioned, now))
    }

    pub(super) fn provision(&mut self, request: &Value, now: Now) -> Result<Value, Refusal> {
        let (name, qualifier) = parts(request)?;
        let function = self.find_mut(&name)?;
        let named = qualifier.unwrap_or_default();
        let missing = function.no_alias(&named);
        let alias = function.aliases.iter_mut().find(|alias| alias.name == named).ok_or(missing)?;
        let instances = request.get("ProvisionedConcurrentExecutions").and_then(Value::as_i64).unwrap_or_default();
        let rules = SeedProvisioned { instances, seconds: 60, fails: None };
        let warm_at = now.after(Duration::from_secs(rules.seconds));
        let provisioned = Provisioned { rules, warm_at, modified: now.at };
        let answer = told(&provisioned, now);
        alias.provisioned = Some(provisioned);
        Ok(answer)
    }
}

fn told(provisioned: &Provisioned, now: Now) -> Value {
    let rules = &provisioned.rules;
    let warm = now.at >= provisioned.warm_at;
    let (status, available) = match (warm, &rules.fails) {
        (false, _) => ("IN_PROGRESS", 0),
        // What was warm at the beginning was so without a failure.
        (true, Some(_)) if provisioned.warm_at > jiff::Timestamp::MIN => ("FAILED", 0),
        (true, _) => ("READY", rules.instances),
    };
    present(json!({
        "RequestedProvisionedConcurrentExecutions": rules.instances,
        "AvailableProvisionedConcurrentExecutions": available,
        "AllocatedProvisionedConcurrentExecutions": available,
        "Status": status,
        "StatusReason": (status == "FAILED").then_some(rules.fails.as_ref()).flatten(),
        "LastModified": iso(provisioned.modified),
    }))
}

fn weights(routing: &Value) -> BTreeMap<String, f64> {
    let weights = routing.get("AdditionalVersionWeights").and_then(Value::as_object);
    let weights = weights.into_iter().flatten();
    weights.filter_map(|(version, share)| Some((version.clone(), share.as_f64()?))).collect()
}

impl Function {
    fn may_route(&self, version: &str, weights: &BTreeMap<String, f64>) -> Result<(), Refusal> {
        if weights.len() > 1 {
            return Err(invalid("Number of items in AdditionalVersionWeights cannot be greater than 1."));
        }
        for (other, share) in weights {
            if version == LATEST || other == LATEST {
                return Err(invalid("$LATEST is not supported for an alias pointing to more than 1 version"));
            }
            self.must_have(other)?;
            if other == version {
                return Err(invalid(
                    "Invalid function version. Function version should not be included in routing config.",
                ));
            }
            if !(0.0..=1.0).contains(share) {
                return Err(invalid("Weights must be between 0.0 and 1.0."));
            }
        }
        Ok(())
    }
}
