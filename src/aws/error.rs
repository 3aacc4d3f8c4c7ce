//! What a failed call to AWS means: what kind of failure it is, and whether it may have had an effect.
//!
//! A call that was answered with a 4xx, throttled, or never sent certainly did nothing. After a time-out, a lost
//! connection or a 5xx nobody knows, and whoever acted has to look before acting again.

use std::error::Error;
use std::fmt;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// A failed call, in plain words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct AwsError {
    /// What kind of failure.
    pub class: ErrorClass,
    /// The service: `ecs`.
    pub service: &'static str,
    /// The operation: `UpdateService`.
    pub operation: &'static str,
    /// AWS's code, where it gave one: `AccessDeniedException`.
    pub code: Option<String>,
    /// What happened, in AWS's words where it said something.
    pub message: String,
    /// The id of the request, for support cases.
    pub request_id: Option<String>,
    effect: Effect,
}

/// What kind of failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// It may go away by itself: time-outs, lost connections, errors on AWS's side.
    Transient,
    /// Too many calls.
    Throttled,
    /// No credentials, or not allowed.
    Denied,
    /// What was asked for does not exist.
    NotFound,
    /// It does not fit the present state.
    Conflict,
    /// The request is wrong, or not possible.
    Invalid,
    /// Rollbot or its configuration is wrong.
    Bug,
}

/// Whether a failed call may have had an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It certainly changed nothing.
    None,
    /// Nobody knows: look.
    Unknown,
}

impl AwsError {
    /// What `error` of `operation` means.
    pub fn of<E>(service: &'static str, operation: &'static str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let code = error.code().map(str::to_owned);
        let request_id = error.meta().extra("aws_request_id").map(str::to_owned);
        let status = error.raw_response().map(|raw| raw.status().as_u16());
        let (class, effect, message) = match error {
            SdkError::ServiceError(_) => {
                let class = ErrorClass::of_answer(code.as_deref(), status);
                (class, effect_of_answer(class, status), said(error.message(), error))
            }
            SdkError::ConstructionFailure(_) => (ErrorClass::Bug, Effect::None, deepest(error)),
            SdkError::DispatchFailure(_) => of_dispatch(error),
            SdkError::TimeoutError(_) => {
                (ErrorClass::Transient, Effect::Unknown, "there was no answer in time".to_owned())
            }
            SdkError::ResponseError(_) | _ => (ErrorClass::Transient, Effect::Unknown, deepest(error)),
        };
        Self { class, service, operation, code, message, request_id, effect }
    }

    /// A failure that Rollbot found itself, before or after a call; nothing was changed.
    pub fn local(
        service: &'static str,
        operation: &'static str,
        class: ErrorClass,
        message: impl Into<String>,
    ) -> Self {
        Self { class, service, operation, code: None, message: message.into(), request_id: None, effect: Effect::None }
    }

    /// The failure of a read that an act needs first: the act was not begun.
    #[must_use]
    pub fn without_effect(self) -> Self {
        Self { effect: Effect::None, ..self }
    }

    /// The same failure as one of another kind: where a service says with a general code what its words make special.
    #[must_use]
    pub fn as_class(self, class: ErrorClass) -> Self {
        Self { class, ..self }
    }

    /// The same failure in other words: where AWS's do not say what is meant.
    #[must_use]
    pub fn saying(self, message: impl Into<String>) -> Self {
        Self { message: message.into(), ..self }
    }

    /// Whether the call may have had an effect.
    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// What kind of refusal a sentence made by this type reports, from the code at its end.
    ///
    /// The journal keeps a refusal as the sentence that people read; this gets the kind back for whoever judges.
    pub fn class_of_sentence(sentence: &str) -> Option<ErrorClass> {
        let (_, code) = sentence.strip_suffix(')')?.rsplit_once('(')?;
        ErrorClass::of_code(code)
    }
}

impl fmt::Display for AwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (operation, message) = (self.operation, self.message.trim_end_matches('.'));
        match (&self.code, self.class, self.effect) {
            (Some(_), ErrorClass::Throttled, _) => write!(f, "AWS throttled {operation}: {message}")?,
            (Some(_), ErrorClass::Transient, _) => write!(f, "{operation} failed on AWS's side: {message}")?,
            (Some(_), _, _) => write!(f, "AWS refused {operation}: {message}")?,
            (None, ErrorClass::Transient, Effect::None) => write!(f, "{operation} did not reach AWS: {message}")?,
            (None, ErrorClass::Transient, Effect::Unknown) => {
                write!(f, "AWS did not answer {operation}: {message}")?;
            }
            (None, _, _) => write!(f, "{operation} was not possible: {message}")?,
        }
        match &self.code {
            Some(code) => write!(f, " ({code})"),
            None => Ok(()),
        }
    }
}

impl ErrorClass {
    /// Whether it may go away by itself, so that it is worth asking again.
    pub fn may_pass(self) -> bool {
        matches!(self, Self::Transient | Self::Throttled)
    }

    /// The kind of failure that a code stands for, where the code alone says it.
    pub fn of_code(code: &str) -> Option<Self> {
        Some(match code {
            // One of them is CloudFront's: fifteen invalidations of `/*` at a time.
            "ThrottlingException"
            | "Throttling"
            | "TooManyInvalidationsInProgress"
            | "TooManyRequestsException"
            | "RequestLimitExceeded"
            | "SlowDown"
            | "ThrottledException"
            | "LimitExceededException" => Self::Throttled,
            "AccessDenied"
            | "AccessDeniedException"
            | "UnauthorizedOperation"
            | "UnrecognizedClientException"
            | "InvalidClientTokenId"
            | "ExpiredToken"
            | "ExpiredTokenException"
            | "InvalidSignatureException"
            | "SignatureDoesNotMatch"
            | "MissingAuthenticationTokenException"
            | "UnauthorizedException"
            | "OptInRequired" => Self::Denied,
            "ServerException"
            | "InternalFailure"
            | "InternalError"
            | "InternalFailureException"
            | "DependentServiceFailureException"
            | "ServiceUnavailable"
            | "ServiceUnavailableException" => Self::Transient,
            "NoSuchBucket" | "NoSuchKey" | "NoSuchVersion" | "NoSuchDistribution" | "NoSuchInvalidation" => {
                Self::NotFound
            }
            // What was seen has changed since (Lambda's and CloudFront's optimistic locks); one deployment at a time in
            // each deployment group; and one that is over cannot be stopped.
            "PreconditionFailedException"
            | "PreconditionFailed"
            | "InvalidIfMatchVersion"
            | "OperationAborted"
            | "DeploymentLimitExceededException"
            | "DeploymentAlreadyCompletedException" => Self::Conflict,
            code if code.contains("NotFound") || code.contains("DoesNotExist") => Self::NotFound,
            code if code.contains("Conflict") || code.ends_with("InUseException") => Self::Conflict,
            "ClientException"
            | "InvalidParameterException"
            | "ValidationException"
            | "ValidationError"
            | "UnsupportedFeatureException"
            | "BadRequestException"
            | "ServiceNotActiveException"
            | "InvalidAction" => Self::Invalid,
            _ => return None,
        })
    }

    fn of_answer(code: Option<&str>, status: Option<u16>) -> Self {
        if let Some(class) = code.and_then(Self::of_code) {
            return class;
        }
        match status {
            Some(429) => Self::Throttled,
            Some(401 | 403) => Self::Denied,
            Some(404) => Self::NotFound,
            Some(409) => Self::Conflict,
            Some(400..=499) => Self::Invalid,
            _ => Self::Transient,
        }
    }
}

fn effect_of_answer(class: ErrorClass, status: Option<u16>) -> Effect {
    match (class, status) {
        (ErrorClass::Throttled, _) => Effect::None,
        // 408 Request Timeout is a proxy's way of saying that the answer is lost.
        (_, Some(status)) if (400..500).contains(&status) && status != 408 => Effect::None,
        _ => Effect::Unknown,
    }
}

/// A failure on the way: without credentials or a connection nothing was sent; with one, nobody knows.
fn of_dispatch(error: &(dyn Error + 'static)) -> (ErrorClass, Effect, String) {
    let mut met_http = false;
    for cause in chain(error) {
        if cause.is::<CredentialsError>() {
            return (ErrorClass::Denied, Effect::None, format!("there are no credentials: {}", deepest(cause)));
        }
        if let Some(http) = cause.downcast_ref::<hyper_util::client::legacy::Error>() {
            if http.is_connect() {
                return (ErrorClass::Transient, Effect::None, format!("no connection: {}", deepest(cause)));
            }
            met_http = true;
        }
    }
    let effect = if met_http { Effect::Unknown } else { effect_without_http(error) };
    (ErrorClass::Transient, effect, format!("the connection was lost: {}", deepest(error)))
}

/// Where the HTTP client does not appear in the chain, only what the SDK calls a user error certainly was not sent.
fn effect_without_http(error: &(dyn Error + 'static)) -> Effect {
    let user = chain(error)
        .filter_map(|cause| cause.downcast_ref::<aws_smithy_runtime_api::client::result::ConnectorError>())
        .any(aws_smithy_runtime_api::client::result::ConnectorError::is_user);
    if user { Effect::None } else { Effect::Unknown }
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

fn deepest(error: &(dyn Error + 'static)) -> String {
    chain(error).last().map(ToString::to_string).unwrap_or_default()
}

fn said(message: Option<&str>, error: &(dyn Error + 'static)) -> String {
    match message {
        Some(message) if !message.is_empty() => message.to_owned(),
        _ => deepest(error),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::error::{ConnectorError, ErrorMetadata};
    use aws_sdk_ecs::operation::update_service::UpdateServiceError;
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;
    use rstest::rstest;

    use super::*;

    type Failed = SdkError<UpdateServiceError, HttpResponse>;

    fn answered(status: u16, code: &str, message: &str) -> Failed {
        let meta = ErrorMetadata::builder().code(code).message(message).build();
        let raw = HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::empty());
        SdkError::service_error(UpdateServiceError::generic(meta), raw)
    }

    #[rstest]
    #[case::denied(
        answered(400, "AccessDeniedException", "not authorized."),
        ErrorClass::Denied,
        Effect::None,
        "AWS refused UpdateService: not authorized (AccessDeniedException)"
    )]
    #[case::throttled(
        answered(400, "ThrottlingException", "Rate exceeded"),
        ErrorClass::Throttled,
        Effect::None,
        "AWS throttled UpdateService: Rate exceeded (ThrottlingException)"
    )]
    #[case::not_found(
        answered(400, "ServiceNotFoundException", "Service not found."),
        ErrorClass::NotFound,
        Effect::None,
        "AWS refused UpdateService: Service not found (ServiceNotFoundException)"
    )]
    #[case::conflict(
        answered(400, "ConflictException", "no"),
        ErrorClass::Conflict,
        Effect::None,
        "AWS refused UpdateService: no (ConflictException)"
    )]
    #[case::inactive(
        answered(400, "ClientException", "TaskDefinition is inactive"),
        ErrorClass::Invalid,
        Effect::None,
        "AWS refused UpdateService: TaskDefinition is inactive (ClientException)"
    )]
    #[case::unknown_code(
        answered(403, "Odd", "no"),
        ErrorClass::Denied,
        Effect::None,
        "AWS refused UpdateService: no (Odd)"
    )]
    #[case::their_side(
        answered(500, "ServerException", "sorry"),
        ErrorClass::Transient,
        Effect::Unknown,
        "UpdateService failed on AWS's side: sorry (ServerException)"
    )]
    #[case::timed_out(
        SdkError::timeout_error("10 s"),
        ErrorClass::Transient,
        Effect::Unknown,
        "AWS did not answer UpdateService: there was no answer in time"
    )]
    #[case::cut_off(
        SdkError::dispatch_failure(ConnectorError::io("reset by peer".into())), ErrorClass::Transient, Effect::Unknown,
        "AWS did not answer UpdateService: the connection was lost: reset by peer"
    )]
    #[case::without_credentials(
        SdkError::dispatch_failure(ConnectorError::other(CredentialsError::not_loaded("nothing configured").into(), None)),
        ErrorClass::Denied, Effect::None,
        "UpdateService was not possible: there are no credentials: nothing configured"
    )]
    #[case::not_made(
        SdkError::construction_failure("no region"),
        ErrorClass::Bug,
        Effect::None,
        "UpdateService was not possible: no region"
    )]
    fn a_failure_says_what_it_is_and_whether_it_may_have_happened(
        #[case] error: Failed,
        #[case] class: ErrorClass,
        #[case] effect: Effect,
        #[case] sentence: &str,
    ) {
        let error = AwsError::of("ecs", "UpdateService", &error);
        assert_eq!((error.class, error.effect(), error.to_string().as_str()), (class, effect, sentence));
    }

    #[rstest]
    #[case("AWS refused UpdateService: no (AccessDeniedException)", Some(ErrorClass::Denied))]
    #[case("AWS throttled UpdateService: no (ThrottlingException)", Some(ErrorClass::Throttled))]
    #[case("UpdateService did not reach AWS: no connection", None)]
    fn a_recorded_refusal_still_tells_its_kind(#[case] sentence: &str, #[case] class: Option<ErrorClass>) {
        assert_eq!(AwsError::class_of_sentence(sentence), class);
    }
}
