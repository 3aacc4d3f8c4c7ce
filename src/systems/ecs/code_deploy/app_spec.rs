//! An `AppSpec` of an ECS service: YAML or JSON that names the task definition to deploy, and the hooks to run. Pure.

use serde_json::Value;

/// The resource type of an ECS service in an `AppSpec`.
const ECS_SERVICE: &str = "AWS::ECS::Service";

/// An `AppSpec` as `CodeDeploy` keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppSpec {
    /// Its text, as it was given.
    pub content: String,
    /// The task definition that it names.
    pub task_definition: String,
    /// The lifecycle events for which it names a Lambda function.
    pub hooks: Vec<String>,
}

impl AppSpec {
    /// Reads an `AppSpec`; `None` for one that names no task definition of an ECS service.
    pub fn read(content: &str) -> Option<Self> {
        // JSON is YAML.
        let spec: Value = serde_saphyr::from_str(content).ok()?;
        let resources = member(&spec, "Resources")?.as_array()?;
        let mut services = resources.iter().filter_map(Value::as_object).flat_map(serde_json::Map::values);
        let service =
            services.find(|resource| member(resource, "Type").and_then(Value::as_str) == Some(ECS_SERVICE))?;
        let task_definition = member(member(service, "Properties")?, "TaskDefinition")?.as_str()?.to_owned();
        let hooks = member(&spec, "Hooks").and_then(Value::as_array).into_iter().flatten();
        let hooks = hooks.filter_map(Value::as_object).flat_map(serde_json::Map::keys).cloned().collect();
        Some(Self { content: content.to_owned(), task_definition, hooks })
    }

    /// The same `AppSpec` with another task definition; everything else stays as it is, comments included. `None` where
    /// that cannot be done without touching anything else.
    pub fn with(&self, task_definition: &str) -> Option<Self> {
        if self.task_definition == task_definition {
            return Some(self.clone());
        }
        let content = self.content.replace(&self.task_definition, task_definition);
        Self::read(&content).filter(|made| made.task_definition == task_definition)
    }

    /// The digest by which `CodeDeploy` knows it.
    pub fn sha256(&self) -> String {
        use sha2::Digest as _;
        hex::encode(sha2::Sha256::digest(self.content.as_bytes()))
    }
}

/// A member by its name; `CodeDeploy` takes `Resources` and `resources` alike.
fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let members = value.as_object()?;
    members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const YAML: &str = "\
version: 0.0
Resources:
  - TargetService:
      Type: AWS::ECS::Service
      Properties:
        TaskDefinition: \"arn:aws:ecs:eu-north-1:123456789012:task-definition/api:41\"  # the good one
        LoadBalancerInfo: { ContainerName: app, ContainerPort: 8080 }
Hooks:
  - BeforeAllowTraffic: smoke-test
";
    const JSON: &str = r#"{"version":1,"resources":[{"api":{"type":"AWS::ECS::Service","properties":{"taskDefinition":
        "arn:aws:ecs:eu-north-1:123456789012:task-definition/api:41"}}}]}"#;
    const API_41: &str = "arn:aws:ecs:eu-north-1:123456789012:task-definition/api:41";
    const API_7: &str = "arn:aws:ecs:eu-north-1:123456789012:task-definition/api:7";

    #[rstest]
    #[case::yaml(YAML, &["BeforeAllowTraffic"])]
    #[case::json(JSON, &[])]
    fn an_app_spec_names_its_task_definition_and_hooks(#[case] content: &str, #[case] hooks: &[&str]) {
        let spec = AppSpec::read(content).unwrap();
        assert_eq!(
            (spec.task_definition.as_str(), spec.hooks),
            (API_41, hooks.iter().map(|h| (*h).to_owned()).collect())
        );
    }

    #[rstest]
    #[case::lambda("{\"version\":0,\"Resources\":[{\"f\":{\"Type\":\"AWS::Lambda::Function\",\"Properties\":{}}}]}")]
    #[case::nothing("")]
    #[case::no_yaml("{")]
    fn what_names_no_ecs_task_definition_is_none(#[case] content: &str) {
        assert_eq!(AppSpec::read(content), None);
    }

    #[test]
    fn only_the_task_definition_is_replaced() {
        let spec = AppSpec::read(YAML).unwrap().with(API_7).unwrap();
        assert_eq!(spec.task_definition, API_7);
        assert_eq!(spec.content, YAML.replace("api:41", "api:7"));
        assert_eq!(spec.sha256().len(), 64);
    }

    #[test]
    fn a_task_definition_that_stands_for_something_else_too_is_not_replaced() {
        // The text `api` is the task definition and a part of the image's name: nothing may be guessed.
        let content = JSON.replace(API_41, "AWS");
        assert_eq!(AppSpec::read(&content).unwrap().with(API_7), None);
    }
}
