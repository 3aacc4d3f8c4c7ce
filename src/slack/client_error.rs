//! What can become of a call to Slack.
//!
//! slack-morphism's own errors carry whole bodies in their `Display` and `Debug`, and bodies carry what people wrote.
//! So they are read here, once, and never shown or logged.

use std::time::Duration;

use serde_json::Value;
use slack_morphism::errors::SlackClientError;

/// Why a call to Slack did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SlackError {
    /// Slack asks to wait; nothing was done.
    #[error("Slack asks to wait {} s before {method} is called again", retry_after.as_secs())]
    RateLimited {
        /// Which method; everything of it waits.
        method: &'static str,
        /// For how long.
        retry_after: Duration,
    },
    /// Slack could not be reached or could not serve; nothing was done, and trying again may help.
    #[error("Slack did not serve {method}: {why}")]
    Transient {
        /// Which method.
        method: &'static str,
        /// What went wrong, without anything that was sent or received.
        why: String,
    },
    /// Slack said no; nothing was done, and the same call will be refused again.
    #[error("Slack refused {method}: {code}")]
    Refused {
        /// Which method.
        method: &'static str,
        /// Slack's code: `not_in_channel`.
        code: String,
        /// What Slack adds: which block is wrong, which scope is missing.
        messages: Vec<String>,
    },
    /// The call may have had its effect: the reply was lost, late or unreadable.
    #[error("it is not known whether Slack carried out {method}: {why}")]
    Unknown {
        /// Which method.
        method: &'static str,
        /// What went wrong, without anything that was sent or received.
        why: String,
    },
}

/// Whether a call changes something at Slack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// It only looks, so a lost reply leaves nothing unknown.
    Reads,
    /// It changes something.
    Writes,
}

/// How long to wait where Slack does not say.
const UNSAID_RETRY_AFTER: Duration = Duration::from_secs(5);

impl SlackError {
    /// Slack's code, where Slack refused.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => Some(code),
            Self::RateLimited { .. } | Self::Transient { .. } | Self::Unknown { .. } => None,
        }
    }

    /// An error of unknown effect, or a transient one where there is no effect.
    pub(super) fn lost(method: &'static str, effect: Effect, why: impl Into<String>) -> Self {
        let why = why.into();
        match effect {
            Effect::Reads => Self::Transient { method, why },
            Effect::Writes => Self::Unknown { method, why },
        }
    }

    /// A refusal of Rollbot's own, made before anything was sent.
    pub(super) fn refused(method: &'static str, code: &str) -> Self {
        Self::Refused { method, code: code.to_owned(), messages: Vec::new() }
    }

    /// Reads what slack-morphism says.
    pub(super) fn of(method: &'static str, effect: Effect, error: &SlackClientError) -> Self {
        match error {
            SlackClientError::RateLimitError(limited) => {
                Self::RateLimited { method, retry_after: limited.retry_after.unwrap_or(UNSAID_RETRY_AFTER) }
            }
            SlackClientError::ApiError(api) => {
                let messages = details(api.http_response_body.as_deref());
                Self::of_code(method, effect, &api.code, messages)
            }
            // 4xx other than 429 comes before any effect; 5xx says nothing about it.
            SlackClientError::HttpError(http) if http.status_code.is_client_error() => {
                Self::Refused { method, code: format!("http_{}", http.status_code.as_u16()), messages: Vec::new() }
            }
            SlackClientError::HttpError(http) if http.status_code.as_u16() == 503 => {
                Self::Transient { method, why: "HTTP 503".to_owned() }
            }
            SlackClientError::HttpError(http) => {
                Self::lost(method, effect, format!("HTTP {}", http.status_code.as_u16()))
            }
            SlackClientError::HttpProtocolError(protocol) => {
                let connect = protocol
                    .cause
                    .as_ref()
                    .and_then(|cause| cause.downcast_ref::<hyper_util::client::legacy::Error>())
                    .is_some_and(hyper_util::client::legacy::Error::is_connect);
                if connect {
                    Self::Transient { method, why: "no connection".to_owned() }
                } else {
                    Self::lost(method, effect, "the connection broke")
                }
            }
            SlackClientError::ProtocolError(_) => Self::lost(method, effect, "the reply could not be read"),
            SlackClientError::SystemError(_)
            | SlackClientError::EndOfStream(_)
            | SlackClientError::SocketModeProtocolError(_) => Self::lost(method, effect, "the connection broke"),
        }
    }

    /// Reads one of Slack's codes. `fatal_error` and `internal_error` say of themselves that "some aspect of the
    /// operation" may have succeeded.
    fn of_code(method: &'static str, effect: Effect, code: &str, messages: Vec<String>) -> Self {
        match code {
            "ratelimited" | "rate_limited" => Self::RateLimited { method, retry_after: UNSAID_RETRY_AFTER },
            "fatal_error" | "internal_error" => Self::lost(method, effect, code),
            "service_unavailable" | "request_timeout" | "team_added_to_org" => {
                Self::Transient { method, why: code.to_owned() }
            }
            _ => Self::Refused { method, code: code.to_owned(), messages },
        }
    }
}

/// What Slack adds to a refusal: `response_metadata.messages`, and the scope that is missing.
fn details(body: Option<&str>) -> Vec<String> {
    let Some(body) = body.and_then(|body| serde_json::from_str::<Value>(body).ok()) else {
        return Vec::new();
    };
    let messages = body.pointer("/response_metadata/messages").and_then(Value::as_array);
    let mut details: Vec<String> =
        messages.into_iter().flatten().filter_map(|message| message.as_str().map(str::to_owned)).collect();
    if let Some(needed) = body.get("needed").and_then(Value::as_str) {
        details.push(format!("needs the scope {needed}"));
    }
    details
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use slack_morphism::errors::{SlackClientApiError, SlackClientHttpError, SlackRateLimitError};

    use super::*;

    fn api(code: &str, body: &str) -> SlackClientError {
        SlackClientError::ApiError(SlackClientApiError::new(code.into()).with_http_response_body(body.into()))
    }

    #[rstest]
    #[case::refused(api("not_in_channel", "{}"), "Slack refused chat.update: not_in_channel")]
    #[case::half_done(api("fatal_error", "{}"), "it is not known whether Slack carried out chat.update: fatal_error")]
    #[case::away(api("service_unavailable", "{}"), "Slack did not serve chat.update: service_unavailable")]
    #[case::limited(api("ratelimited", "{}"), "Slack asks to wait 5 s before chat.update is called again")]
    fn codes_are_read_by_what_they_say_of_the_effect(#[case] error: SlackClientError, #[case] sentence: &str) {
        assert_eq!(SlackError::of("chat.update", Effect::Writes, &error).to_string(), sentence);
    }

    #[test]
    fn retry_after_is_taken_from_slack() {
        let error =
            SlackClientError::RateLimitError(SlackRateLimitError::new().with_retry_after(Duration::from_secs(31)));
        assert_eq!(
            SlackError::of("chat.update", Effect::Writes, &error),
            SlackError::RateLimited { method: "chat.update", retry_after: Duration::from_secs(31) }
        );
    }

    #[rstest]
    #[case::bad_gateway(502, Effect::Writes, "it is not known whether Slack carried out chat.postMessage: HTTP 502")]
    #[case::bad_gateway_of_a_look(502, Effect::Reads, "Slack did not serve chat.postMessage: HTTP 502")]
    #[case::gone(404, Effect::Writes, "Slack refused chat.postMessage: http_404")]
    fn http_errors_are_read_by_their_status(#[case] status: u16, #[case] effect: Effect, #[case] sentence: &str) {
        let status = axum::http::StatusCode::from_u16(status).unwrap();
        let error = SlackClientError::HttpError(
            SlackClientHttpError::new(status).with_http_response_body("what somebody wrote".into()),
        );
        assert_eq!(SlackError::of("chat.postMessage", effect, &error).to_string(), sentence);
    }

    #[test]
    fn what_slack_adds_to_a_refusal_is_kept_and_the_body_is_not() {
        let body = r#"{"ok":false,"error":"invalid_blocks","secret":"xoxb-1","response_metadata":{"messages":["[ERROR] no more than 3000"]}}"#;
        let error = SlackError::of("chat.update", Effect::Writes, &api("invalid_blocks", body));
        assert_eq!(
            error,
            SlackError::Refused {
                method: "chat.update",
                code: "invalid_blocks".into(),
                messages: vec!["[ERROR] no more than 3000".into()],
            }
        );
        assert!(!format!("{error:?}").contains("xoxb"));
    }
}
