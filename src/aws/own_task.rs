//! The ECS task that this process runs in, so that Rollbot never rolls back the service that it runs as.
//!
//! ECS tells every container where to ask, in `ECS_CONTAINER_METADATA_URI_V4`; `/task` under it answers with the task's
//! cluster, family and, on newer agents and Fargate 1.4, the service's name.

use serde::Deserialize;
use tokio::sync::OnceCell;
use url::Url;

use super::error::{AwsError, ErrorClass};

/// The way to the metadata of the task that this process runs in. Asked once; it does not change.
#[derive(Debug)]
pub struct OwnTask {
    endpoint: Url,
    task: OnceCell<Task>,
}

/// What the metadata say of the task.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Task {
    /// The cluster's ARN or name.
    cluster: String,
    /// The task's ARN.
    #[serde(rename = "TaskARN")]
    arn: String,
    /// The family of its task definition.
    family: String,
    /// The service's name, where the agent says it.
    #[serde(default)]
    service_name: Option<String>,
}

impl OwnTask {
    /// The task whose metadata are under `endpoint`; nothing is asked yet.
    pub fn at(endpoint: Url) -> Self {
        Self { endpoint, task: OnceCell::new() }
    }

    /// What the metadata say.
    ///
    /// # Errors
    /// A transient one when the endpoint does not answer as ECS documents it.
    pub async fn task(&self, http: &reqwest::Client) -> Result<&Task, AwsError> {
        let asked = self.task.get_or_try_init(|| async {
            let url = format!("{}/task", self.endpoint.as_str().trim_end_matches('/'));
            http.get(url).send().await?.error_for_status()?.json().await
        });
        asked.await.map_err(|error: reqwest::Error| {
            let message = format!("the task that Rollbot runs in could not be found out: {}", error.without_url());
            AwsError::local("ecs", "the task metadata endpoint", ErrorClass::Transient, message)
        })
    }
}

impl Task {
    /// Whether this task belongs to the service with this ARN, whose present task definition is of this family. Where
    /// the agent does not name the service, the family stands for it.
    pub fn is_of(&self, service_arn: &str, family: &str) -> bool {
        let Some((place, name)) = service_arn.split_once(":service/") else { return false };
        let Some((own_place, _)) = self.arn.split_once(":task/") else { return false };
        // The older form of the ARN does not name the cluster.
        let (cluster, name) = match name.split_once('/') {
            Some((cluster, name)) => (Some(cluster), name),
            None => (None, name),
        };
        let own_cluster = self.cluster.rsplit('/').next();
        place == own_place
            && cluster.is_none_or(|cluster| Some(cluster) == own_cluster)
            && self.service_name.as_deref().map_or(family == self.family, |own| own == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(cluster: &str, service: Option<&str>) -> Task {
        let arn = "arn:aws:ecs:eu-north-1:123456789012:task/tools/0123456789abcdef0123456789abcdef";
        let mut metadata = serde_json::json!({
            "Cluster": cluster, "TaskARN": arn, "Family": "rollbot", "Revision": "7", "DesiredStatus": "RUNNING",
        });
        if let Some(service) = service {
            metadata["ServiceName"] = service.into();
        }
        serde_json::from_value(metadata).unwrap()
    }

    #[test]
    fn a_task_knows_the_service_that_it_belongs_to() {
        let long = "arn:aws:ecs:eu-north-1:123456789012:cluster/tools";
        for (cluster, service, arn, family, own) in [
            ("tools", Some("bot"), "eu-north-1:123456789012:service/tools/bot", "rollbot", true),
            (long, Some("bot"), "eu-north-1:123456789012:service/tools/bot", "other", true),
            ("tools", Some("bot"), "eu-north-1:123456789012:service/bot", "rollbot", true),
            ("tools", Some("bot"), "eu-north-1:123456789012:service/tools/api", "rollbot", false),
            ("tools", Some("bot"), "eu-north-1:123456789012:service/shop/bot", "rollbot", false),
            ("tools", Some("bot"), "eu-west-1:123456789012:service/tools/bot", "rollbot", false),
            ("tools", Some("bot"), "eu-north-1:210987654321:service/tools/bot", "rollbot", false),
            ("tools", None, "eu-north-1:123456789012:service/tools/bot", "rollbot", true),
            ("tools", None, "eu-north-1:123456789012:service/tools/bot", "api", false),
        ] {
            let is_own = task(cluster, service).is_of(&format!("arn:aws:ecs:{arn}"), family);
            assert_eq!(is_own, own, "{cluster} {service:?} {arn} {family}");
        }
    }
}
