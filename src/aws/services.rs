//! One ECS service, as `DescribeServices` tells it.

use aws_sdk_ecs::types::{Service, ServiceField};

use super::clients::Aws;
use super::error::{AwsError, ErrorClass};

/// Whether the service's tags are asked for: they say whether a stack owns it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tags {
    /// They are.
    Asked,
    /// They are not.
    Left,
}

/// A service by name or ARN.
///
/// # Errors
/// When AWS does not answer or refuses, or there is no such service: AWS answers that with 200 and a failure of reason
/// `MISSING`.
pub async fn describe(aws: &Aws, cluster: &str, service: &str, tags: Tags) -> Result<Service, AwsError> {
    let call = aws.reads().ecs.describe_services().cluster(cluster).services(service);
    let call = match tags {
        Tags::Asked => call.include(ServiceField::Tags),
        Tags::Left => call,
    };
    let answer = call.send().await.map_err(|error| AwsError::of("ecs", "DescribeServices", &error))?;
    answer.services.unwrap_or_default().into_iter().next().ok_or_else(|| {
        let message =
            format!("there is no service {service} in cluster {cluster}. Correct the target's cluster or service");
        AwsError::local("ecs", "DescribeServices", ErrorClass::NotFound, message)
    })
}
