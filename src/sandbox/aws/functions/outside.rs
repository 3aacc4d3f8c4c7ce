//! What others do to functions while the bot is at work, and what is seen of them from outside.

use std::collections::BTreeMap;

use serde_json::json;

use super::super::refusal::Refusal;
use super::super::stand_in::AwsStandIn;
use super::named::parts;

impl AwsStandIn {
    /// Somebody outside points an alias at a version, with all its calls.
    ///
    /// # Errors
    ///
    /// Whatever `UpdateAlias` would answer.
    pub fn point_alias(&self, function: &str, alias: &str, version: &str) -> Result<(), Refusal> {
        let mut account = self.account();
        let account = &mut *account;
        let now = account.now();
        let request = json!({
            "FunctionName": function, "Name": alias, "FunctionVersion": version,
            "RoutingConfig": {"AdditionalVersionWeights": {}},
        });
        account.functions.update_alias(&request, now, &mut account.ids).map(drop)
    }

    /// A deployment of `CodeDeploy` drives an alias from now on.
    ///
    /// # Errors
    ///
    /// When there is no such function.
    pub fn drive_alias(&self, function: &str, alias: &str, deployment: &str) -> Result<(), Refusal> {
        let mut account = self.account();
        let function = account.functions.find_mut(function)?;
        for driven in function.aliases.iter_mut().filter(|known| known.name == alias) {
            driven.shifted_by = Some(deployment.to_owned());
        }
        Ok(())
    }

    /// Somebody outside changes settings of `$LATEST`, as `UpdateFunctionConfiguration` takes them.
    ///
    /// # Errors
    ///
    /// Whatever `UpdateFunctionConfiguration` would answer.
    pub fn configure_function(&self, function: &str, settings: &serde_json::Value) -> Result<(), Refusal> {
        let mut account = self.account();
        let account = &mut *account;
        let now = account.now();
        let mut request = settings.clone();
        if let Some(request) = request.as_object_mut() {
            request.insert("FunctionName".to_owned(), json!(function));
        }
        account.functions.update_settings(&request, now, &mut account.ids).map(drop)
    }

    /// Where an alias points, with the versions that get a part of its calls.
    pub fn alias_of(&self, function: &str, alias: &str) -> Option<(String, BTreeMap<String, f64>)> {
        let account = self.account();
        let alias = account.functions.find(function).ok()?.alias(alias).ok()?;
        Some((alias.version.clone(), alias.weights.clone()))
    }

    /// The name of the code of `$LATEST`, and its settings.
    pub fn latest_of(&self, function: &str) -> Option<(String, serde_json::Value)> {
        let account = self.account();
        let (name, _) = parts(&json!({"FunctionName": function})).ok()?;
        let function = account.functions.find(&name).ok()?;
        let content = &function.latest.content;
        let code = function.codes.get(&content.sha256)?.name.clone();
        Some((code, serde_json::Value::Object(content.settings.clone())))
    }
}
