//! A message as Slack takes it: blocks, and a text for notifications and screen readers.

use serde::Serialize;
use serde_json::Value;

/// What is said. Both parts say the same.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Message {
    /// mrkdwn for notifications, screen readers, and places without blocks; never empty.
    pub text: String,
    /// The blocks; empty where the text alone will do.
    pub blocks: Vec<Value>,
}

impl Message {
    /// A message of mrkdwn alone. Foreign text in it has to be escaped: see [`super::mrkdwn`].
    pub fn of_text(text: impl Into<String>) -> Self {
        Self { text: text.into(), blocks: Vec::new() }
    }
}
