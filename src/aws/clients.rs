//! The clients of one account and region for one incident.

use std::sync::Arc;
use std::time::Duration;

use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;

use super::flight::Flights;

/// How long a connection may take: AWS answers a handshake within milliseconds, so three seconds mean a broken path.
const CONNECT: Duration = Duration::from_secs(3);
/// How long one request may take: beyond it the answer is counted as lost.
const ATTEMPT: Duration = Duration::from_secs(10);
/// How long a call may take with all its attempts: a look that takes longer is stale when it arrives.
const OPERATION: Duration = Duration::from_secs(30);
/// How long a call may take that sends the code of a function.
const UPLOAD: Duration = Duration::from_mins(2);
/// How many bytes a second S3 copies at the least within itself; as a rule it is several times as many.
const COPIED: u64 = 10_000_000;
/// How often a read is tried; the SDK's standard, with exponential back-off and jitter.
const READ_ATTEMPTS: u32 = 3;

/// The clients of one account and region for one incident. Cheap to clone; clones share connections.
#[derive(Debug, Clone)]
pub struct Aws {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    reads: Clients,
    writes: Clients,
    flights: Arc<Flights>,
}

/// One client per service.
#[derive(Debug, Clone)]
pub struct Clients {
    /// Amplify Hosting.
    pub amplify: aws_sdk_amplify::Client,
    /// Elastic Container Service.
    pub ecs: aws_sdk_ecs::Client,
    /// Elastic Container Registry.
    pub ecr: aws_sdk_ecr::Client,
    /// Elastic Load Balancing.
    pub elbv2: aws_sdk_elasticloadbalancingv2::Client,
    /// Security Token Service.
    pub sts: aws_sdk_sts::Client,
    /// CloudFormation.
    pub cloudformation: aws_sdk_cloudformation::Client,
    /// `CloudFront`.
    pub cloudfront: aws_sdk_cloudfront::Client,
    /// CloudWatch.
    pub cloudwatch: aws_sdk_cloudwatch::Client,
    /// CloudWatch Logs.
    pub cloudwatchlogs: aws_sdk_cloudwatchlogs::Client,
    /// CodeBuild.
    pub codebuild: aws_sdk_codebuild::Client,
    /// CodeDeploy.
    pub codedeploy: aws_sdk_codedeploy::Client,
    /// CodePipeline.
    pub codepipeline: aws_sdk_codepipeline::Client,
    /// Lambda.
    pub lambda: aws_sdk_lambda::Client,
    /// Simple Storage Service.
    pub s3: aws_sdk_s3::Client,
    /// Secrets Manager.
    pub secretsmanager: aws_sdk_secretsmanager::Client,
    /// Systems Manager, for its parameters.
    pub ssm: aws_sdk_ssm::Client,
}

impl Aws {
    /// Clients over `config`, whose time-outs and retries are replaced; looks are shared in `flights`.
    pub fn new(config: &SdkConfig, flights: Arc<Flights>) -> Self {
        let reads = config
            .to_builder()
            .timeout_config(timeouts())
            .retry_config(RetryConfig::standard().with_max_attempts(READ_ATTEMPTS))
            .build();
        let writes = config.to_builder().timeout_config(timeouts()).retry_config(RetryConfig::disabled()).build();
        Self { inner: Arc::new(Inner { reads: Clients::new(&reads), writes: Clients::new(&writes), flights }) }
    }

    /// Clients for looking: transient errors and throttling are tried again.
    pub fn reads(&self) -> &Clients {
        &self.inner.reads
    }

    /// Clients for acting: one attempt. A silent second one after a lost reply would do it twice.
    pub fn writes(&self) -> &Clients {
        &self.inner.writes
    }

    /// The looks that are under way in this account and region, over all incidents.
    pub fn flights(&self) -> &Flights {
        &self.inner.flights
    }
}

impl Clients {
    fn new(config: &SdkConfig) -> Self {
        Self {
            amplify: aws_sdk_amplify::Client::new(config),
            ecs: aws_sdk_ecs::Client::new(config),
            ecr: aws_sdk_ecr::Client::new(config),
            elbv2: aws_sdk_elasticloadbalancingv2::Client::new(config),
            sts: aws_sdk_sts::Client::new(config),
            cloudformation: aws_sdk_cloudformation::Client::new(config),
            cloudfront: aws_sdk_cloudfront::Client::new(config),
            cloudwatch: aws_sdk_cloudwatch::Client::new(config),
            cloudwatchlogs: aws_sdk_cloudwatchlogs::Client::new(config),
            codebuild: aws_sdk_codebuild::Client::new(config),
            codedeploy: aws_sdk_codedeploy::Client::new(config),
            codepipeline: aws_sdk_codepipeline::Client::new(config),
            lambda: aws_sdk_lambda::Client::new(config),
            s3: aws_sdk_s3::Client::new(config),
            secretsmanager: aws_sdk_secretsmanager::Client::new(config),
            ssm: aws_sdk_ssm::Client::new(config),
        }
    }
}

/// The limits of a call that sends the code of a function, in real time: fifty megabytes at four megabits a second.
pub fn upload_timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(UPLOAD)
        .operation_timeout(UPLOAD)
        .build()
}

/// The limits of a call that copies an object of so many bytes within S3, in real time: S3 answers when it has copied it.
pub fn copy_timeouts(bytes: u64) -> TimeoutConfig {
    let limit = ATTEMPT.saturating_add(Duration::from_secs(bytes / COPIED));
    TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(limit)
        .operation_timeout(limit.max(OPERATION))
        .build()
}

/// The limits of one call, in real time.
pub(super) fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(OPERATION)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_time_by_its_size() {
        let attempt = |bytes| copy_timeouts(bytes).operation_attempt_timeout();
        assert_eq!(attempt(0), Some(ATTEMPT));
        assert_eq!(attempt(5_000_000_000), Some(Duration::from_secs(510)), "the largest that S3 copies at once");
        assert!(copy_timeouts(5_000_000_000).operation_timeout() >= attempt(5_000_000_000));
    }
}
