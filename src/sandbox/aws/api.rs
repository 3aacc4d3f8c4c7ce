//! The services that the stand-in speaks: their names and protocols, their published models, and the codes that each has for
//! the same complaint.

use super::refusal::Refusal;
use super::shapes::Protocol;

/// A service of AWS that the stand-in speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Api {
    Ecs,
    Ecr,
    ElasticLoadBalancing,
    Sts,
    CodePipeline,
    CodeBuild,
    CloudFormation,
    S3,
    CodeDeploy,
    SecretsManager,
    SystemsManager,
    Logs,
    Amplify,
    Lambda,
    CloudWatch,
    CloudFront,
}

impl Api {
    pub(super) const ALL: [Self; 16] = [
        Self::Ecs,
        Self::Ecr,
        Self::ElasticLoadBalancing,
        Self::Sts,
        Self::CodeDeploy,
        Self::SecretsManager,
        Self::SystemsManager,
        Self::Logs,
        Self::CodePipeline,
        Self::CodeBuild,
        Self::CloudFormation,
        Self::S3,
        Self::Amplify,
        Self::Lambda,
        Self::CloudWatch,
        Self::CloudFront,
    ];

    /// The name in credential scopes and in the journal.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ecs => "ecs",
            Self::Ecr => "ecr",
            Self::ElasticLoadBalancing => "elasticloadbalancing",
            Self::Sts => "sts",
            Self::CodePipeline => "codepipeline",
            Self::CodeBuild => "codebuild",
            Self::CloudFormation => "cloudformation",
            Self::S3 => "s3",
            Self::CodeDeploy => "codedeploy",
            Self::SecretsManager => "secretsmanager",
            Self::SystemsManager => "ssm",
            Self::Logs => "logs",
            Self::Amplify => "amplify",
            Self::Lambda => "lambda",
            Self::CloudWatch => "monitoring",
            Self::CloudFront => "cloudfront",
        }
    }

    pub(super) fn protocol(self) -> Protocol {
        match self {
            Self::Ecs
            | Self::Ecr
            | Self::CodeDeploy
            | Self::CodePipeline
            | Self::SecretsManager
            | Self::SystemsManager
            | Self::Logs
            | Self::CodeBuild => Protocol::Json,
            Self::ElasticLoadBalancing | Self::Sts | Self::CloudFormation => Protocol::Query,
            Self::S3 | Self::CloudFront => Protocol::RestXml,
            Self::Amplify | Self::Lambda => Protocol::RestJson,
            Self::CloudWatch => Protocol::Cbor,
        }
    }

    /// The prefix of `X-Amz-Target`, the service in the path, or the XML namespace.
    pub(super) fn address(self) -> &'static str {
        match self {
            Self::Ecs => "AmazonEC2ContainerServiceV20141113",
            Self::Ecr => "AmazonEC2ContainerRegistry_V20150921",
            Self::ElasticLoadBalancing => "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/",
            Self::Sts => "https://sts.amazonaws.com/doc/2011-06-15/",
            Self::CodePipeline => "CodePipeline_20150709",
            Self::CodeBuild => "CodeBuild_20161006",
            Self::CloudFormation => "http://cloudformation.amazonaws.com/doc/2010-05-15/",
            Self::S3 => "http://s3.amazonaws.com/doc/2006-03-01/",
            Self::CodeDeploy => "CodeDeploy_20141006",
            Self::SecretsManager => "secretsmanager",
            Self::SystemsManager => "AmazonSSM",
            Self::Logs => "Logs_20140328",
            // Its paths say it all.
            Self::Amplify | Self::Lambda => "",
            Self::CloudWatch => "GraniteServiceVersion20100801",
            Self::CloudFront => "http://cloudfront.amazonaws.com/doc/2020-05-31/",
        }
    }

    pub(super) fn published(self) -> &'static str {
        match self {
            Self::Ecs => include_str!("model/ecs.json"),
            Self::Ecr => include_str!("model/ecr.json"),
            Self::ElasticLoadBalancing => include_str!("model/elasticloadbalancing.json"),
            Self::Sts => include_str!("model/sts.json"),
            Self::CodePipeline => include_str!("model/codepipeline.json"),
            Self::CodeBuild => include_str!("model/codebuild.json"),
            Self::CloudFormation => include_str!("model/cloudformation.json"),
            Self::S3 => include_str!("model/s3.json"),
            Self::CodeDeploy => include_str!("model/codedeploy.json"),
            Self::SecretsManager => include_str!("model/secretsmanager.json"),
            Self::SystemsManager => include_str!("model/ssm.json"),
            Self::Logs => include_str!("model/logs.json"),
            Self::Amplify => include_str!("model/amplify.json"),
            Self::Lambda => include_str!("model/lambda.json"),
            Self::CloudWatch => include_str!("model/cloudwatch.json"),
            Self::CloudFront => include_str!("model/cloudfront.json"),
        }
    }

    /// How the services that have paths instead of names for their operations say that there is none.
    pub(super) fn no_such_operation(self) -> Refusal {
        match self.protocol() {
            Protocol::RestXml => {
                let message = "The specified method is not allowed against this resource.";
                Refusal::new("MethodNotAllowed", message).with_status(405)
            }
            Protocol::RestJson | Protocol::Json | Protocol::Query | Protocol::Cbor => {
                Refusal::new("UnknownOperationException", "There is no operation at this method and path.")
                    .with_status(404)
            }
        }
    }

    /// The codes of a service that has JSON bodies and paths; each service has its own.
    fn codes(self) -> Codes {
        match self {
            // The model has no error for too many calls: the front door's own.
            Self::Amplify => Codes {
                invalid: "BadRequestException",
                throttled: "ThrottlingException",
                failed: "InternalFailureException",
            },
            Self::Lambda => Codes {
                invalid: "InvalidParameterValueException",
                throttled: "TooManyRequestsException",
                failed: "ServiceException",
            },
            Self::Ecs
            | Self::Ecr
            | Self::ElasticLoadBalancing
            | Self::Sts
            | Self::CodePipeline
            | Self::CodeBuild
            | Self::CloudFormation
            | Self::S3
            | Self::CloudFront
            | Self::CodeDeploy
            | Self::SecretsManager
            | Self::SystemsManager
            | Self::CloudWatch
            | Self::Logs => Codes {
                invalid: "InvalidParameterException",
                throttled: "ThrottlingException",
                failed: "InternalFailure",
            },
        }
    }
}

/// What a service calls a request that does not fit its model, one too many, and a failure of its own.
struct Codes {
    invalid: &'static str,
    throttled: &'static str,
    failed: &'static str,
}

/// The query services have other codes for the same complaints.
pub(super) fn spoken_by(api: Api, refusal: Refusal) -> Refusal {
    let code = match (api.protocol(), refusal.code) {
        (Protocol::Query, "MissingAuthenticationTokenException") => "MissingAuthenticationToken",
        (Protocol::Query, "UnrecognizedClientException") => "InvalidClientTokenId",
        (Protocol::Query | Protocol::RestXml, "ExpiredTokenException") => "ExpiredToken",
        (Protocol::Query | Protocol::Cbor, "InvalidParameterException" | "SerializationException") => "ValidationError",
        (Protocol::RestXml, "MissingAuthenticationTokenException") if api == Api::CloudFront => {
            "MissingAuthenticationToken"
        }
        (Protocol::RestXml, "UnrecognizedClientException") if api == Api::CloudFront => "InvalidClientTokenId",
        (Protocol::RestXml, "MissingAuthenticationTokenException") => "AccessDenied",
        (Protocol::RestXml, "UnrecognizedClientException") => "InvalidAccessKeyId",
        (Protocol::RestXml, "InvalidParameterException" | "SerializationException") => "InvalidArgument",
        (Protocol::Json, "InvalidParameterException") if api == Api::CodePipeline => "ValidationException",
        (Protocol::Json, "InvalidParameterException") if api == Api::CodeBuild => "InvalidInputException",
        (Protocol::RestJson, "InvalidParameterException") => api.codes().invalid,
        (Protocol::Json | Protocol::RestJson, "SignatureDoesNotMatch") => "InvalidSignatureException",
        (_, code) => code,
    };
    Refusal { code, ..refusal }
}

pub(super) fn throttled(api: Api) -> Refusal {
    match api.protocol() {
        Protocol::Json | Protocol::Cbor => Refusal::new("ThrottlingException", "Rate exceeded"),
        Protocol::Query => Refusal::new("Throttling", "Rate exceeded"),
        Protocol::RestXml if api == Api::CloudFront => Refusal::new("Throttling", "Rate exceeded"),
        Protocol::RestXml => Refusal::new("SlowDown", "Please reduce your request rate.").with_status(503),
        Protocol::RestJson => Refusal::new(api.codes().throttled, "Rate exceeded").with_status(429),
    }
}

pub(super) fn failed(api: Api) -> Refusal {
    let code = match api.protocol() {
        Protocol::Json if matches!(api, Api::Ecs | Api::Ecr) => "ServerException",
        Protocol::Json | Protocol::Cbor | Protocol::Query => "InternalFailure",
        Protocol::RestXml if api == Api::CloudFront => "InternalFailure",
        Protocol::RestXml => "InternalError",
        Protocol::RestJson => api.codes().failed,
    };
    Refusal::new(code, "Service Unavailable. Please try again later.").with_status(500)
}

/// Whether an operation changes something.
pub(super) fn writes(operation: &str) -> bool {
    let verbs = [
        "Update",
        "Stop",
        "Continue",
        "Register",
        "Deregister",
        "Start",
        "Disable",
        "Enable",
        "Rollback",
        "Retry",
        "Put",
        "Cancel",
        "Create",
        "Execute",
        "Delete",
        "Publish",
        "Copy",
    ];
    verbs.iter().any(|verb| operation.starts_with(verb))
}
