//! Which changes of which properties replace a resource: a part of what the resource reference says, with the types that
//! scenarios and tests use.

/// `RequiresRecreation`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recreation {
    Never,
    Conditionally,
    Always,
}

impl Recreation {
    /// The word on the wire.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Never => "Never",
            Self::Conditionally => "Conditionally",
            Self::Always => "Always",
        }
    }
}

/// Whether a change of `property` replaces a resource of type `kind`.
pub(super) fn recreation(kind: &str, property: &str) -> Recreation {
    let always: &[&str] = match kind {
        "AWS::RDS::DBInstance" => &["DBInstanceIdentifier", "DBName", "MasterUsername", "StorageEncrypted", "KmsKeyId"],
        "AWS::DynamoDB::Table" => &["TableName", "KeySchema"],
        "AWS::S3::Bucket" => &["BucketName"],
        "AWS::SNS::Topic" => &["TopicName", "FifoTopic"],
        "AWS::SQS::Queue" => &["QueueName", "FifoQueue"],
        "AWS::SSM::Parameter" => &["Name"],
        "AWS::Lambda::Function" => &["FunctionName", "PackageType"],
        "AWS::Lambda::Version" => &["FunctionName", "Description", "CodeSha256"],
        "AWS::IAM::Role" => &["RoleName", "Path"],
        "AWS::Logs::LogGroup" => &["LogGroupName"],
        "AWS::StepFunctions::StateMachine" => &["StateMachineName", "StateMachineType"],
        "AWS::ECS::TaskDefinition" => {
            &["ContainerDefinitions", "Family", "Cpu", "Memory", "TaskRoleArn", "NetworkMode"]
        }
        "AWS::ECS::Service" => &["ServiceName", "Cluster", "LaunchType"],
        _ => &[],
    };
    let conditionally: &[&str] = match kind {
        "AWS::RDS::DBInstance" => &["Engine", "AvailabilityZone", "DBSnapshotIdentifier"],
        "AWS::DynamoDB::Table" => &["AttributeDefinitions"],
        _ => &[],
    };
    if always.contains(&property) {
        Recreation::Always
    } else if conditionally.contains(&property) {
        Recreation::Conditionally
    } else {
        Recreation::Never
    }
}
