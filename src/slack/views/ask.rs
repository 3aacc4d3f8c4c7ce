//! The form in which one says what to roll back, for whoever types `/rollback` or `/rollback prod` and no more.
//!
//! What is filled in comes to the same words that one could have typed, and is read by the same grammar.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::blocks::section;
use super::words::words;
use crate::engine::ServiceStatus;
use crate::incident::ids::ChannelId;
use crate::incident::time::Now;
use crate::slack::mrkdwn::{foreign, plain};
use crate::slack::payload::Submission;

/// The form's name in what Slack sends when it is submitted.
pub const CALLBACK: &str = "ask";
/// Where the service or group is in a submitted form, as `prod api`.
pub const SUBJECT_BLOCK: &str = "subject";
/// Where the release is.
pub const RELEASE_BLOCK: &str = "release";
/// Where the targets are that it is limited to.
pub const ONLY_BLOCK: &str = "only";
/// Where the reason is.
pub const BECAUSE_BLOCK: &str = "because";
/// The `action_id` of every field.
const INPUT: &str = "typed";

/// How many options one group of a menu takes; Slack's limit.
const OPTIONS: usize = 100;
/// The longest text of an option; Slack's limit.
const OPTION: usize = 75;
/// How many lines say what runs: as many as are read in a form.
const LINES: usize = 24;
/// The longest reason, in characters, as in a command.
const LONGEST_REASON: usize = 1_000;

/// What the form carries: where it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asking {
    /// The channel.
    pub channel: ChannelId,
}

/// An environment and what can be rolled back in it, groups first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offered {
    /// The environment's name.
    pub environment: String,
    /// The names of its groups and services.
    pub subjects: Vec<String>,
}

impl Asking {
    /// Reads a form's `private_metadata`; `None` where it is not this form's.
    pub fn read(private_metadata: &str) -> Option<Self> {
        serde_json::from_str(private_metadata).ok()
    }
}

/// The words that a submitted form stands for, as they would follow `/rollback`.
pub fn typed(submission: &Submission) -> String {
    let field = |block: &str| submission.values.get(block).and_then(|block| block.get(INPUT)).map(|text| text.trim());
    let clause = |word: &str, block: &str| {
        field(block).filter(|text| !text.is_empty()).map(|text| format!(" {word} {text}")).unwrap_or_default()
    };
    format!(
        "{}{}{}{}",
        field(SUBJECT_BLOCK).unwrap_or_default(),
        clause("to", RELEASE_BLOCK),
        clause("only", ONLY_BLOCK),
        clause("because", BECAUSE_BLOCK)
    )
}

/// The form. `stands` is what runs, once it is known; `preselected` is what is chosen at first, as `prod api`.
pub fn ask(asking: &Asking, offered: &[Offered], preselected: Option<&str>, stands: Option<&str>) -> Value {
    let options = |of: &Offered| -> Vec<Value> {
        of.subjects.iter().take(OPTIONS).map(|subject| option(&format!("{} {subject}", of.environment))).collect()
    };
    let mut select = json!({
        "type": "static_select",
        "action_id": INPUT,
        "placeholder": text("A service or a group"),
    });
    if let Some(select) = select.as_object_mut() {
        match offered {
            [one] => select.insert("options".to_owned(), json!(options(one))),
            several => {
                let groups = several
                    .iter()
                    .take(OPTIONS)
                    .map(|of| json!({ "label": text(&plain(&of.environment, OPTION)), "options": options(of) }));
                select.insert("option_groups".to_owned(), json!(groups.collect::<Vec<_>>()))
            }
        };
        if let Some(preselected) = preselected {
            select.insert("initial_option".to_owned(), option(preselected));
        }
    }
    let mut blocks: Vec<Value> = stands.map(section).into_iter().collect();
    blocks.push(json!({ "type": "input", "block_id": SUBJECT_BLOCK, "label": text("What"), "element": select }));
    blocks.push(optional(RELEASE_BLOCK, "Release", "The one before; or v41, 42, a git sha, api=42 web=v7", None));
    blocks.push(optional(ONLY_BLOCK, "Only", "All targets; or their names", None));
    blocks.push(optional(BECAUSE_BLOCK, "Reason", "Everybody in the channel reads it", Some(LONGEST_REASON)));
    json!({
        "type": "modal",
        "callback_id": CALLBACK,
        "private_metadata": serde_json::to_string(asking).unwrap_or_default(),
        "title": text("Roll back"),
        "submit": text("Make a plan"),
        "close": text("Cancel"),
        "blocks": blocks,
    })
}

fn text(text: &str) -> Value {
    json!({ "type": "plain_text", "text": text, "emoji": false })
}

fn option(subject: &str) -> Value {
    json!({ "text": text(&plain(subject, OPTION)), "value": subject })
}

fn optional(block: &str, label: &str, placeholder: &str, longest: Option<usize>) -> Value {
    let mut element = json!({
        "type": "plain_text_input",
        "action_id": INPUT,
        "placeholder": text(placeholder),
    });
    if let (Some(element), Some(longest)) = (element.as_object_mut(), longest) {
        element.insert("multiline".to_owned(), json!(true));
        element.insert("max_length".to_owned(), json!(longest));
    }
    json!({ "type": "input", "block_id": block, "optional": true, "label": text(label), "element": element })
}

/// That what runs is being looked at.
pub fn looking() -> String {
    "Looking at what runs…".to_owned()
}

/// What runs, one line for each target, and what is in flight.
pub fn stands(services: &[ServiceStatus], now: Now) -> String {
    let mut lines = Vec::new();
    for service in services {
        let name = foreign(&service.service, 60);
        for target in &service.targets {
            let target_name =
                if service.targets.len() == 1 { String::new() } else { format!(" {}", foreign(&target.target, 60)) };
            lines.push(match &target.stands {
                Ok(stands) => format!("*{name}*{target_name} {}", foreign(stands, 160)),
                Err(why) => format!("*{name}*{target_name} could not be seen: {}", foreign(why, 160)),
            });
        }
        if let Some(incident) = &service.incident {
            let words = words(incident, now);
            lines.push(format!("{} *{name}* `{}`: {}", words.emoji, incident.id, words.headline));
        }
    }
    if lines.len() > LINES {
        let more = lines.len() - LINES;
        lines.truncate(LINES);
        lines.push(format!("and {more} more; `/rollback status` with the environment lists them"));
    }
    lines.join("\n")
}
