//! Deployments of `CodeDeploy` that drive an alias: what it tells of them.

use serde_json::{Value, json};

use super::super::json::{text, texts};
use super::super::refusal::Refusal;
use super::function::{Alias, Function, Functions};

impl Functions {
    /// Every alias whose traffic is being shifted, with its function and the deployment.
    fn shifted(&self) -> impl Iterator<Item = (&Function, &Alias, &str)> {
        let aliases = self.all.iter().flat_map(|function| function.aliases.iter().map(move |alias| (function, alias)));
        aliases.filter_map(|(function, alias)| Some((function, alias, alias.shifted_by.as_deref()?)))
    }

    /// The ids of such deployments, as far as a request asks for their status.
    pub(in super::super) fn deployments(&self, request: &Value) -> Vec<String> {
        let statuses = texts(request, "includeOnlyStatuses");
        let asked = statuses.is_empty() || statuses.contains(&"InProgress");
        if asked { self.shifted().map(|(_, _, id)| id.to_owned()).collect() } else { Vec::new() }
    }

    /// What `CodeDeploy` tells of such a deployment; `None` where the request is about another.
    pub(in super::super) fn told_by_code_deploy(
        &self,
        operation: &str,
        request: &Value,
    ) -> Option<Result<Value, Refusal>> {
        let asked = text(request, "deploymentId")?;
        let (function, alias, id) = self.shifted().find(|(_, _, id)| *id == asked)?;
        let target = format!("{}:{}", function.name, alias.name);
        match operation {
            "ListDeploymentTargets" => Some(Ok(json!({"targetIds": [target]}))),
            "BatchGetDeploymentTargets" => {
                // Before its first shift, and where it moves everything at once, the alias has no weights.
                let other = alias.weights.keys().next().or(function.versions.last().map(|newest| &newest.version))?;
                let weight = alias.weights.get(other).copied().unwrap_or_default();
                Some(Ok(json!({"deploymentTargets": [{
                    "deploymentTargetType": "LambdaTarget",
                    "lambdaTarget": {
                        "deploymentId": id,
                        "targetId": target,
                        "targetArn": format!("{}:{}", function.arn, alias.name),
                        "status": "InProgress",
                        "lambdaFunctionInfo": {
                            "functionName": function.name,
                            "functionAlias": alias.name,
                            "currentVersion": alias.version,
                            "targetVersion": other,
                            "targetVersionWeight": weight,
                        },
                    },
                }]})))
            }
            _ => None,
        }
    }
}
