//! What both stand-ins do with every call at the wire: record it, and let the sandbox interfere with it.
//!
//! The stand-ins ask [`Wire::before`] ahead of a call's effect and [`Wire::after`] behind it. Whoever runs the sandbox
//! (a scenario, a crash test) answers with a [`Fault`]: throttle it, refuse it, perform it and lose the reply. A crash
//! test kills the bot from inside that answer, so the crash falls exactly there.

use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

/// One call that reached a stand-in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// Position in the journal, from 0; counts the calls of both stand-ins together.
    pub number: usize,
    /// `slack`, `slack-response-url`, `ecs`, `ecr`, `elasticloadbalancing`, `sts`.
    pub service: String,
    /// `chat.postMessage`, `UpdateService`.
    pub operation: String,
    /// Whether the call changes something there.
    pub writes: bool,
    /// The request, decoded to JSON whatever the protocol was.
    pub request: serde_json::Value,
    /// The reply's HTTP status; 0 while the call is under way or when its reply was lost.
    pub status: u16,
    /// The reply, decoded to JSON whatever the protocol was; null while the call is under way.
    pub reply: serde_json::Value,
}

/// When, around a call's effect, the sandbox is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The request has arrived; nothing has happened yet.
    Before,
    /// The effect has happened; the reply has not left.
    After,
}

/// How a call is interfered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The service's own throttling answer (`ThrottlingException`; HTTP 429 with `Retry-After: 1` at Slack). No effect.
    Throttle,
    /// HTTP 500. No effect when answered `Before`.
    ServerError,
    /// The connection is closed without a reply. With [`Moment::After`] the effect has happened: a lost reply.
    Drop,
}

/// Decides, per call and moment, whether to interfere. May take its time, or kill the bot.
pub type Interference = Arc<dyn Fn(&Call, Moment) -> BoxFuture<'static, Option<Fault>> + Send + Sync>;

/// The journal of both stand-ins, and the place where the sandbox interferes. Cheap to clone; clones share.
#[derive(Clone, Default)]
pub struct Wire {
    calls: Arc<Mutex<Vec<Call>>>,
    interference: Arc<Mutex<Option<Interference>>>,
}

impl Wire {
    /// Installs (or with `None` removes) what decides on faults.
    pub fn interfere(&self, interference: Option<Interference>) {
        *self.interference.lock().unwrap_or_else(PoisonError::into_inner) = interference;
    }

    /// Every call so far, in the order of arrival.
    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Records an arriving call and asks whether to interfere before its effect.
    pub async fn before(
        &self,
        service: &str,
        operation: &str,
        writes: bool,
        request: serde_json::Value,
    ) -> (usize, Option<Fault>) {
        let call = {
            let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
            let call = Call {
                number: calls.len(),
                service: service.to_owned(),
                operation: operation.to_owned(),
                writes,
                request,
                status: 0,
                reply: serde_json::Value::Null,
            };
            calls.push(call.clone());
            call
        };
        let number = call.number;
        (number, self.ask(&call, Moment::Before).await)
    }

    /// Records the reply that is about to leave and asks whether to interfere after the effect.
    pub async fn after(&self, number: usize, status: u16, reply: serde_json::Value) -> Option<Fault> {
        let call = {
            let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
            let call = calls.get_mut(number)?;
            call.status = status;
            call.reply = reply;
            call.clone()
        };
        let fault = self.ask(&call, Moment::After).await;
        if fault == Some(Fault::Drop)
            && let Some(call) = self.calls.lock().unwrap_or_else(PoisonError::into_inner).get_mut(number)
        {
            call.status = 0;
        }
        fault
    }

    async fn ask(&self, call: &Call, moment: Moment) -> Option<Fault> {
        let interference = self.interference.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match interference {
            Some(decide) => decide(call, moment).await,
            None => None,
        }
    }
}
