//! How AWS says no.

use serde_json::Value;

/// An error reply of an AWS service, in the service's own words.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// The error's code on the wire, such as `ClientException`.
    pub code: &'static str,
    /// The message for people.
    pub message: String,
    /// One more member of the error's shape, such as `resourceIds` of `ConflictException`.
    pub extra: Option<(&'static str, Value)>,
}

impl Refusal {
    /// A refusal with HTTP status 400, as nearly all of them have.
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { status: 400, code, message: message.into(), extra: None }
    }

    /// `ClientException`.
    pub(super) fn client(message: impl Into<String>) -> Self {
        Self::new("ClientException", message)
    }

    /// `InvalidParameterException`.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterException", message)
    }

    /// The same refusal with another HTTP status.
    pub(super) fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// The same refusal with one more member.
    pub(super) fn with(self, member: &'static str, value: Value) -> Self {
        Self { extra: Some((member, value)), ..self }
    }
}
