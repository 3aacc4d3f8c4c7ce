//! Signed requests to the app: how they leave, and what comes back.

use std::time::{Duration, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;
use sha2::Sha256;

use super::stand_in::SlackStandIn;

/// Where a request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    Commands,
    Interactions,
    Events,
}

/// An acknowledgement of any status.
#[derive(Debug, Clone)]
pub(super) struct Ack {
    pub(super) status: u16,
    pub(super) content_type: String,
    pub(super) body: Vec<u8>,
    /// `X-Slack-No-Retry: 1`.
    pub(super) declines_retries: bool,
}

/// Why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoAck {
    /// Three seconds passed.
    TimedOut,
    /// The connection failed, or nobody listens.
    Unreachable,
}

/// A request that was sent, and how long the app took.
#[derive(Debug, Clone)]
pub(super) struct Delivered {
    pub(super) ack: Result<Ack, NoAck>,
    pub(super) took: Duration,
}

impl Ack {
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as JSON; `None` when it is blank or something else.
    pub(super) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The body as text, trimmed.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).trim().to_owned()
    }
}

/// Slack's `X-Slack-Signature` of a body sent at `timestamp` (Unix seconds).
pub(super) fn signature(secret: &str, timestamp: u64, body: &str) -> String {
    let signed = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map(|mut mac| {
        mac.update(format!("v0:{timestamp}:{body}").as_bytes());
        hex::encode(mac.finalize().into_bytes())
    });
    // An HMAC takes keys of any length, so there is always one.
    format!("v0={}", signed.unwrap_or_default())
}

impl SlackStandIn {
    /// Sends a body to the app, signed now.
    pub(super) async fn deliver(
        &self,
        endpoint: Endpoint,
        body: String,
        headers: &[(&'static str, String)],
    ) -> Delivered {
        let (app, secret) = self.read(|state| (state.app.clone(), state.workspace.signing_secret.clone()));
        let (path, content_type) = match endpoint {
            Endpoint::Commands => ("commands", "application/x-www-form-urlencoded"),
            Endpoint::Interactions => ("interactions", "application/x-www-form-urlencoded"),
            Endpoint::Events => ("events", "application/json"),
        };
        let Some(app) = app else {
            return Delivered { ack: Err(NoAck::Unreachable), took: Duration::ZERO };
        };
        let timestamp = crate::clock::wall().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut request = self
            .http()
            .post(format!("{app}/slack/{path}"))
            .header(CONTENT_TYPE, content_type)
            .header("X-Slack-Request-Timestamp", timestamp.to_string())
            .header("X-Slack-Signature", signature(&secret, timestamp, &body));
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let started = self.clock().reading();
        let ack = match request.body(body).send().await {
            Ok(response) => read(response).await,
            Err(error) => Err(failure(&error)),
        };
        Delivered { ack, took: self.clock().reading().saturating_duration_since(started) }
    }

    /// Sends an interaction payload.
    pub(super) async fn interact(&self, payload: &Value) -> Delivered {
        let body = serde_urlencoded::to_string([("payload", payload.to_string())]).unwrap_or_default();
        self.deliver(Endpoint::Interactions, body, &[]).await
    }

    /// Sends an event. A delivery that fails is repeated at once, as Slack does first; Slack's later repetitions
    /// (after one and five minutes) are left out.
    pub(super) async fn send_event(&self, event: &Value) -> Delivered {
        let first = self.deliver(Endpoint::Events, event.to_string(), &[]).await;
        let reason = match &first.ack {
            Ok(ack) if ack.is_success() || ack.declines_retries => return first,
            Ok(_) => "http_error",
            Err(NoAck::TimedOut) => "http_timeout",
            Err(NoAck::Unreachable) => "connection_failed",
        };
        let headers = [("X-Slack-Retry-Num", "1".to_owned()), ("X-Slack-Retry-Reason", reason.to_owned())];
        self.deliver(Endpoint::Events, event.to_string(), &headers).await
    }
}

async fn read(response: reqwest::Response) -> Result<Ack, NoAck> {
    let header =
        |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let (status, content_type) = (response.status().as_u16(), header("content-type"));
    let declines_retries = header("x-slack-no-retry") == "1";
    let body = response.bytes().await.map_err(|error| failure(&error))?.to_vec();
    Ok(Ack { status, content_type, body, declines_retries })
}

fn failure(error: &reqwest::Error) -> NoAck {
    if error.is_timeout() { NoAck::TimedOut } else { NoAck::Unreachable }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_one_in_slacks_documentation() {
        assert_eq!(
            signature("fa2c05deeef5a4077494e89f54394de0", 1_531_420_618, "test-body"),
            "v0=baa91ef62d346e56607bbdd278a8acd570b91226854f15a382f43d33be42f666"
        );
    }
}
