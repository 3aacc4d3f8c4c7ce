//! What a person sees at once after doing something.

use std::time::Duration;

use super::message::Message;

/// How Slack's client answers somebody's deed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The app acknowledged in time.
    Acknowledged,
    /// The form stays open: the label of each field, and what is wrong with it.
    FieldErrors(Vec<(String, String)>),
    /// The app did not answer in time or not properly; Slack's own words for it.
    Trouble(String),
    /// Slack's client offers no such thing, so nothing was sent; why.
    NotSent(String),
}

/// What came of somebody's deed.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// How it went.
    pub outcome: Outcome,
    /// The HTTP status of the app's acknowledgement; `None` when none came or nothing was sent.
    pub status: Option<u16>,
    /// How long the acknowledgement really took.
    pub took: Duration,
    /// The message that the acknowledgement itself carried.
    pub shown: Option<Message>,
}

impl Reply {
    /// Whether the app acknowledged in time and found nothing wrong.
    pub fn is_acknowledged(&self) -> bool {
        self.outcome == Outcome::Acknowledged
    }

    /// What the person reads at once, if anything.
    pub fn text(&self) -> Option<String> {
        match &self.outcome {
            Outcome::Acknowledged => self.shown.as_ref().map(|message| message.text.clone()),
            Outcome::Trouble(words) | Outcome::NotSent(words) => Some(words.clone()),
            Outcome::FieldErrors(errors) => {
                Some(errors.iter().map(|(label, error)| format!("{label}: {error}")).collect::<Vec<_>>().join("\n"))
            }
        }
    }

    pub(super) fn not_sent(why: impl Into<String>) -> Self {
        Self { outcome: Outcome::NotSent(why.into()), status: None, took: Duration::ZERO, shown: None }
    }

    pub(super) fn field_errors(errors: Vec<(String, String)>) -> Self {
        Self { outcome: Outcome::FieldErrors(errors), status: None, took: Duration::ZERO, shown: None }
    }
}
