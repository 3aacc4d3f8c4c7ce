//! The conversation as it happens: only what is new since the last look.

use std::collections::BTreeMap;

use super::super::message::{Message, MessageRef};
use super::super::workspace::Workspace;
use super::card::message;

/// What has been printed so far.
#[derive(Debug, Default)]
pub struct Transcript {
    printed: BTreeMap<MessageRef, Vec<String>>,
}

impl Transcript {
    /// The lines of messages that are new or look different since the last call, in the order of posting, each
    /// followed by a blank line.
    pub fn news(&mut self, messages: &[Message], workspace: &Workspace) -> Vec<String> {
        let mut news = Vec::new();
        for each in messages {
            let lines = message(each, workspace);
            let before = self.printed.insert(each.reference(), lines.clone());
            if before.as_ref() != Some(&lines) {
                news.extend(lines);
                news.push(String::new());
            }
        }
        news
    }
}
