//! The form behind the button of a step that waits for a person: a gate asks for its phrase, a manual step for a note.

use serde_json::{Value, json};

use super::asks::{Ask, ask};
use super::blocks::section;
use super::confirm::{Confirming, PHRASE_BLOCK, PHRASE_INPUT};
use super::target::title;
use super::words::place;
use crate::incident::ids::StepId;
use crate::incident::incident::Incident;
use crate::slack::buttons::{Action, Asked, Button};
use crate::slack::mrkdwn::{foreign, plain};

/// The form's name in what Slack sends when it is submitted.
pub const CALLBACK: &str = "pass";
/// Where the note is in a submitted form: `state.values[NOTE_BLOCK][NOTE_INPUT].value`.
pub const NOTE_BLOCK: &str = "note";
/// See [`NOTE_BLOCK`].
pub const NOTE_INPUT: &str = "typed";

/// The longest note, in characters: what fits on a card beside everything else.
const LONGEST: usize = 600;

/// The form for `button` of `incident`; `None` where the button asks for nothing.
pub fn pass(incident: &Incident, button: &Button) -> Option<Value> {
    let Action::Pass { step, asked, .. } = &button.action else { return None };
    let proposal = incident.proposal()?;
    let (_, step) = proposal.plan.step(step)?;
    let Ask { what, .. } = ask(proposal, step)?;
    let carried = Confirming { incident: incident.id.clone(), button: button.id.clone() };
    let place = foreign(&place(incident), 120);
    let (form, submit, blocks) = match asked {
        Asked::Phrase => {
            let typed = phrase_of(incident, &step.id)?;
            let text = format!(
                "*{place}*: {}\n{what}\nThis cannot be undone. Type {} to go on.",
                title(step),
                crate::slack::mrkdwn::code(typed, 80)
            );
            ("Open the gate", "Go on", vec![section(&text), phrase(typed)])
        }
        Asked::Done => {
            let text = format!("*{place}*: {}\n{what}\nSay that it is done when it is.", title(step));
            ("Done by hand", "It is done", vec![section(&text), note()])
        }
    };
    Some(json!({
        "type": "modal",
        "callback_id": CALLBACK,
        "private_metadata": serde_json::to_string(&carried).unwrap_or_default(),
        "title": { "type": "plain_text", "text": form, "emoji": false },
        "submit": { "type": "plain_text", "text": submit, "emoji": false },
        "close": { "type": "plain_text", "text": "Cancel", "emoji": false },
        "blocks": blocks,
    }))
}

/// The phrase that opens the gate `step`; `None` where it is no gate.
pub fn phrase_of<'a>(incident: &'a Incident, step: &StepId) -> Option<&'a str> {
    let (_, step) = incident.proposal()?.plan.step(step)?;
    step.work.gate().map(|gate| gate.phrase.as_str())
}

fn phrase(expected: &str) -> Value {
    json!({
        "type": "input",
        "block_id": PHRASE_BLOCK,
        "label": { "type": "plain_text", "text": "Phrase", "emoji": false },
        "element": {
            "type": "plain_text_input",
            "action_id": PHRASE_INPUT,
            "focus_on_load": true,
            "placeholder": { "type": "plain_text", "text": plain(expected, 140), "emoji": false },
        },
    })
}

fn note() -> Value {
    json!({
        "type": "input",
        "block_id": NOTE_BLOCK,
        "optional": true,
        "label": { "type": "plain_text", "text": "Note", "emoji": false },
        "element": {
            "type": "plain_text_input",
            "action_id": NOTE_INPUT,
            "multiline": true,
            "max_length": LONGEST,
            "focus_on_load": true,
            "placeholder": { "type": "plain_text", "text": "What others should know of it", "emoji": false },
        },
    })
}
