//! Something that a person does by hand, as a target.

use serde::{Deserialize, Serialize};

use crate::config::environments::principals;
use crate::config::section::{Reader, Section};
use crate::config::yaml::Value;
use crate::incident::policy::Principal;

/// What a card can show of an instruction beside everything else, in characters.
const LONGEST_TEXT: usize = 700;
/// What fits on one line of a card.
const LONGEST_TITLE: usize = 100;

/// Something that a person does by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManualTarget {
    /// What it is called, on one line.
    pub title: String,
    /// What is to be done.
    pub text: String,
    /// Who may say that it is done; empty: whoever may approve.
    pub by: Vec<Principal>,
}

impl ManualTarget {
    pub(super) fn identity(&self) -> String {
        format!("manual step {}", self.title)
    }
}

pub(super) fn read(section: &mut Section<'_>, reader: &mut Reader<'_>) -> Option<ManualTarget> {
    let title = section.required("title", "Tell the payment provider", reader.report).and_then(|field| {
        let title = field.text(reader)?;
        if title.contains('\n') || title.chars().count() > LONGEST_TITLE {
            let sentence =
                format!("`title` must be one line of at most {LONGEST_TITLE} characters; put the rest into `text`");
            field.error(reader.report, sentence);
        }
        Some(title)
    });
    let text = section.required("text", "\"Call 555-0100 and say which orders to hold.\"", reader.report);
    let text = text.and_then(|field| {
        let text = field.text(reader)?;
        if text.chars().count() > LONGEST_TEXT {
            let sentence =
                format!("`text` is longer than the {LONGEST_TEXT} characters that a card shows; put a link into it");
            field.error(reader.report, sentence);
        }
        Some(text)
    });
    let by_field = section.optional("by", reader.report);
    let by = by_field.map(|field| {
        let by = principals(field, reader.scope.people(), reader.report);
        if matches!(&field.node.value, Value::List(items) if items.is_empty()) {
            field.error(reader.report, "`by` is an empty list, so nobody could do this; name somebody, or remove it");
        }
        by
    });
    Some(ManualTarget { title: title?, text: text?, by: by.unwrap_or_default() })
}
