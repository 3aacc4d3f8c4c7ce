//! The form in which one types the phrase that approves a plan.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::plan::details;
use super::words::{place, short, targets};
use crate::incident::ids::IncidentId;
use crate::incident::incident::Incident;
use crate::slack::buttons::Button;
use crate::slack::mrkdwn::{code, foreign, plain};

use super::blocks::section;

/// The form's name in what Slack sends when it is submitted.
pub const CALLBACK: &str = "confirm";
/// Where the typed phrase is in a submitted form: `state.values[PHRASE_BLOCK][PHRASE_INPUT].value`.
pub const PHRASE_BLOCK: &str = "phrase";
/// See [`PHRASE_BLOCK`].
pub const PHRASE_INPUT: &str = "typed";

/// What the form carries: which button it stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirming {
    /// The incident.
    pub incident: IncidentId,
    /// The id of the button that was clicked.
    pub button: String,
}

impl Confirming {
    /// Reads a form's `private_metadata`; `None` where it is not this form's.
    pub fn read(private_metadata: &str) -> Option<Self> {
        serde_json::from_str(private_metadata).ok()
    }
}

/// The form for the button `Approve` of `incident`; `None` where no phrase is asked for.
pub fn confirm(incident: &Incident, button: &Button) -> Option<Value> {
    let proposal = incident.proposal()?;
    let phrase = proposal.terms.confirm_phrase.as_ref()?;
    let carried = Confirming { incident: incident.id.clone(), button: button.id.clone() };
    let goals: Vec<String> = targets(&proposal.plan)
        .take(6)
        .map(|step| match (&step.from, &step.to) {
            (Some(from), Some(to)) => format!("*{}*: {} → {}", foreign(&step.title, 120), short(from), short(to)),
            _ => format!("*{}*", foreign(&step.title, 120)),
        })
        .collect();
    let what = format!("You approve rolling *{}* back.\n{}", foreign(&place(incident), 120), goals.join("\n"));
    let mut blocks = vec![section(&what)];
    let losses = targets(&proposal.plan).any(|step| !step.loses.is_empty());
    if losses {
        blocks.extend(details(&proposal.plan, proposal.at));
    }
    blocks.push(section(&format!("Type {} to approve.", code(phrase, 80))));
    blocks.push(json!({
        "type": "input",
        "block_id": PHRASE_BLOCK,
        "label": { "type": "plain_text", "text": "Phrase", "emoji": false },
        "element": {
            "type": "plain_text_input",
            "action_id": PHRASE_INPUT,
            "focus_on_load": true,
            "placeholder": { "type": "plain_text", "text": plain(phrase, 140), "emoji": false },
        },
    }));
    Some(json!({
        "type": "modal",
        "callback_id": CALLBACK,
        "private_metadata": serde_json::to_string(&carried).unwrap_or_default(),
        "title": { "type": "plain_text", "text": "Approve rollback", "emoji": false },
        "submit": { "type": "plain_text", "text": "Approve", "emoji": false },
        "close": { "type": "plain_text", "text": "Cancel", "emoji": false },
        "blocks": blocks,
    }))
}
