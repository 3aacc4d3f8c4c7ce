//! What pipelines and builds do with stacks.

use serde_json::{Value, json};

use super::super::account::Account;
use super::super::refusal::Refusal;
use super::status::StackStatus;
use super::work::OperationStatus;

/// How a deployment into a stack stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum StackDeployment {
    /// It goes on.
    UnderWay,
    /// The stack is what it was told to be.
    Done,
    /// It is not, and why.
    Failed(String),
}

impl Account {
    /// Deploys `commit` into a stack, by the parameter that names it; `token` finds the deployment again. Returns the
    /// stack's id. A stack that has the commit already is no failure, as in a pipeline.
    pub(in super::super) fn deploy_into_stack(
        &mut self,
        name: &str,
        parameter: &str,
        commit: &str,
        token: &str,
    ) -> Result<String, Refusal> {
        let stack = self.stacks.find(name);
        let missing = || Refusal::new("ValidationError", format!("Stack [{name}] does not exist"));
        let stack = stack.ok_or_else(missing)?;
        let parameters: Vec<Value> = stack
            .is
            .template
            .declared()
            .map(|(key, _)| {
                if key == parameter {
                    json!({"ParameterKey": key, "ParameterValue": commit})
                } else {
                    json!({"ParameterKey": key, "UsePreviousValue": true})
                }
            })
            .collect();
        let id = stack.id.clone();
        let request = json!({
            "StackName": id, "UsePreviousTemplate": true, "Parameters": parameters,
            "Capabilities": stack.is.capabilities, "ClientRequestToken": token,
        });
        match self.perform_cloudformation("UpdateStack", &request) {
            Ok(_) => Ok(id),
            Err(refusal) if refusal.message == "No updates are to be performed." => Ok(id),
            Err(refusal) => Err(refusal),
        }
    }

    /// How the deployment with this token stands; one that changed nothing has left no trace.
    pub(in super::super) fn deployment_into_stack(&self, name: &str, token: &str) -> StackDeployment {
        let Some(stack) = self.stacks.find(name) else {
            return StackDeployment::Failed(format!("Stack [{name}] does not exist"));
        };
        let mut ours = stack.operations.iter().rev().filter(|operation| operation.token.as_deref() == Some(token));
        // An update that is taken back bears its token on, as its rollback does.
        match ours.next().map(|operation| operation.status) {
            Some(OperationStatus::InProgress) => StackDeployment::UnderWay,
            None => StackDeployment::Done,
            Some(OperationStatus::Succeeded) if stack.status == StackStatus::UpdateComplete => StackDeployment::Done,
            Some(OperationStatus::Succeeded | OperationStatus::Failed) => StackDeployment::Failed(format!(
                "Stack {name} is {}: {}",
                stack.status.word(),
                stack.reason.as_deref().unwrap_or("the update was taken back")
            )),
        }
    }
}
