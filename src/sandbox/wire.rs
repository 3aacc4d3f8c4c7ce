//! What both stand-ins do with every call at the wire: record it, and let the sandbox interfere with it.
//!
//! The stand-ins ask [`Wire::before`] ahead of a call's effect and [`Wire::after`] behind it. Whoever runs the sandbox
//! (a scenario, a crash test) answers with a [`Fault`]: throttle it, refuse it, perform it and lose the reply. A crash
//! test kills the bot from inside that answer, so the crash falls exactly there.
//!
//! Where `ROLLBOT_RECORD` names a folder, every journal is kept there, for the judges: when the last clone of the wire
//! goes, every call is in its file. That is late on purpose: a call whose caller was killed before the reply is in it too.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::record::{self, By};

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
#[derive(Clone)]
pub struct Wire(Arc<Journal>);

#[derive(Default)]
struct Journal {
    calls: Mutex<Vec<Call>>,
    interference: Mutex<Option<Interference>>,
    record: Mutex<Option<PathBuf>>,
}

impl Drop for Journal {
    fn drop(&mut self) {
        let record = self.record.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let calls = self.calls.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(record) = record
            && let Err(error) = write(&record, calls)
        {
            tracing::error!(%error, record = %record.display(), "the journal is not kept");
        }
    }
}

/// Writes calls as JSON, one a line.
fn write(record: &Path, calls: &[Call]) -> std::io::Result<()> {
    let mut file = std::io::BufWriter::new(std::fs::File::create(record)?);
    for call in calls {
        serde_json::to_writer(&mut file, call)?;
        file.write_all(b"\n")?;
    }
    file.flush()
}

impl Default for Wire {
    /// A wire on which a test makes the calls.
    fn default() -> Self {
        Self::of(By::Test)
    }
}

impl Wire {
    /// A wire on which `by` makes the calls.
    pub fn of(by: By) -> Self {
        let wire = Self(Arc::default());
        if let Some(file) = record::file(by) {
            wire.record(file);
        }
        wire
    }

    /// Keeps the journal in `file`, one call a line as JSON, when the last clone of this wire goes.
    pub fn record(&self, file: PathBuf) {
        *self.0.record.lock().unwrap_or_else(PoisonError::into_inner) = Some(file);
    }

    /// Installs (or with `None` removes) what decides on faults.
    pub fn interfere(&self, interference: Option<Interference>) {
        *self.0.interference.lock().unwrap_or_else(PoisonError::into_inner) = interference;
    }

    /// Every call so far, in the order of arrival.
    pub fn calls(&self) -> Vec<Call> {
        self.0.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
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
            let mut calls = self.0.calls.lock().unwrap_or_else(PoisonError::into_inner);
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
            let mut calls = self.0.calls.lock().unwrap_or_else(PoisonError::into_inner);
            let call = calls.get_mut(number)?;
            call.status = status;
            call.reply = reply;
            call.clone()
        };
        let fault = self.ask(&call, Moment::After).await;
        if fault == Some(Fault::Drop)
            && let Some(call) = self.0.calls.lock().unwrap_or_else(PoisonError::into_inner).get_mut(number)
        {
            call.status = 0;
        }
        fault
    }

    async fn ask(&self, call: &Call, moment: Moment) -> Option<Fault> {
        let interference = self.0.interference.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match interference {
            Some(decide) => decide(call, moment).await,
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn the_journal_is_kept_when_the_last_clone_goes() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("calls.jsonl");
        let wire = Wire::default();
        wire.record(file.clone());
        let (number, _) = wire.before("ecs", "ListServices", false, json!({"cluster": "shop"})).await;
        wire.after(number, 200, json!({"serviceArns": []})).await;
        wire.before("slack", "auth.test", false, json!({})).await;
        let calls = wire.calls();
        let clone = wire.clone();
        drop(wire);
        assert!(!file.exists(), "a clone is still in use");
        drop(clone);
        let kept = std::fs::read_to_string(&file).unwrap();
        let kept: Vec<Call> = kept.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(kept, calls);
    }
}
