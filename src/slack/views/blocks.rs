//! Slack's blocks, held to Slack's limits where they are made. Only those that every client draws.

use serde_json::{Value, json};

use crate::incident::ids::StepId;
use crate::incident::incident::Incident;
use crate::incident::remedy::Remedy;
use crate::incident::step::StepState;
use crate::slack::buttons::{Action, Asked, Button, GoOn};
use crate::slack::mrkdwn::{clamp, plain};

/// A section's text.
const SECTION: usize = 3_000;
/// A context element; Slack's limit is higher, but small print that long is not read.
const CONTEXT: usize = 1_000;
/// A field of a section.
const FIELD: usize = 2_000;
/// A header.
const HEADER: usize = 150;
/// What a button shows before it is cut on a phone; Slack's limit is 75.
const BUTTON: usize = 29;
/// An accessibility label.
const LABEL: usize = 75;

/// `verbatim`: Slack makes no links or mentions of its own out of the text; those written as `<…>` stay.
fn mrkdwn(text: &str, max: usize) -> Value {
    json!({ "type": "mrkdwn", "text": clamp(text, max), "verbatim": true })
}

fn plain_text(text: &str, max: usize) -> Value {
    json!({ "type": "plain_text", "text": plain(text, max), "emoji": true })
}

/// A headline.
pub(super) fn header(text: &str) -> Value {
    json!({ "type": "header", "text": plain_text(text, HEADER) })
}

/// A paragraph.
pub(super) fn section(text: &str) -> Value {
    json!({ "type": "section", "text": mrkdwn(text, SECTION) })
}

/// A paragraph with columns below it.
pub(super) fn columns(text: &str, fields: &[String]) -> Value {
    let fields: Vec<Value> = fields.iter().map(|field| mrkdwn(field, FIELD)).collect();
    json!({ "type": "section", "text": mrkdwn(text, SECTION), "fields": fields })
}

/// Small print.
pub(super) fn context(text: &str) -> Value {
    json!({ "type": "context", "elements": [mrkdwn(text, CONTEXT)] })
}

/// A line between parts.
pub(super) fn divider() -> Value {
    json!({ "type": "divider" })
}

/// A row of buttons.
pub(super) fn actions(incident: &Incident, buttons: &[&Button]) -> Value {
    let elements: Vec<Value> = buttons.iter().map(|of| button(incident, of)).collect();
    json!({ "type": "actions", "elements": elements })
}

/// What a button calls a step: targets have names that people gave them, checks have ids like `verify/http-1`.
fn called<'a>(incident: &Incident, step: &'a StepId) -> &'a str {
    match incident.proposal().and_then(|proposal| proposal.plan.step(step)).map(|(_, step)| &step.work) {
        Some(work) if work.check().is_some() => "the check",
        Some(work) if work.gate().is_some() => "the gate",
        Some(_) | None => step.as_str(),
    }
}

/// What a remedy of a failed step says of itself: its label, and what it does.
fn offered<'a>(incident: &'a Incident, step: &StepId, remedy: &str) -> Option<&'a Remedy> {
    match &incident.run()?.steps.get(step)?.state {
        StepState::Failed(failure) => failure.remedies.iter().find(|offered| offered.id == remedy),
        StepState::Pending
        | StepState::Active
        | StepState::Waiting
        | StepState::Done
        | StepState::SkippedAfter { .. } => None,
    }
}

fn button(incident: &Incident, button: &Button) -> Value {
    let service = &incident.request.service;
    let (text, label, style) = match &button.action {
        Action::Approve => ("Approve".to_owned(), format!("Approve rolling back {service}"), Some("primary")),
        Action::FreezeNow => ("Freeze now".to_owned(), format!("Hold deployments of {service} back at once"), None),
        Action::Reject => ("Reject".to_owned(), format!("Reject rolling back {service}"), None),
        Action::Stop if incident.run().is_some_and(|run| run.verdict.is_some()) => {
            ("End watch".to_owned(), format!("End the watch over {service}"), None)
        }
        Action::Stop => ("Stop".to_owned(), format!("Stop the rollback of {service}"), Some("danger")),
        Action::Retry { step, .. } => {
            (format!("Retry {}", called(incident, step)), format!("Try {step} again"), Some("primary"))
        }
        Action::Skip { step, as_what: GoOn::Without, .. } => {
            (format!("Skip {}", called(incident, step)), format!("Go on without {step}"), None)
        }
        Action::Skip { step, as_what: GoOn::Unproved, .. } => {
            ("Accept unproved".to_owned(), format!("Accept that {step} proves nothing"), None)
        }
        Action::Remedy { step, remedy, .. } => {
            let label = offered(incident, step, remedy).map_or(remedy, |offered| &offered.label);
            (label.clone(), format!("{label}, for {step}"), None)
        }
        Action::Pass { step, asked: Asked::Phrase, .. } => {
            ("Type the phrase".to_owned(), format!("Type what opens {step}"), Some("danger"))
        }
        Action::Pass { step, asked: Asked::Done, .. } => {
            (format!("Done: {step}"), format!("Say that {step} is done"), Some("primary"))
        }
    };
    let mut element = json!({
        "type": "button",
        "text": plain_text(&text, BUTTON),
        "accessibility_label": plain(&label, LABEL),
        "action_id": button.action_id(&incident.id),
        "value": button.id,
    });
    if let Some(element) = element.as_object_mut() {
        if let Some(style) = style {
            element.insert("style".to_owned(), json!(style));
        }
        if button.action == Action::Stop {
            element.insert("confirm".to_owned(), confirm_stop(incident));
        }
        if let Action::Remedy { step, remedy, .. } = &button.action
            && let Some(offered) = offered(incident, step, remedy).filter(|offered| offered.choices.is_empty())
        {
            element.insert("confirm".to_owned(), confirm_remedy(offered));
        }
    }
    element
}

fn confirm_remedy(remedy: &Remedy) -> Value {
    json!({
        "title": plain_text(&format!("{}?", remedy.label), 100),
        "text": plain_text(&remedy.says, 300),
        "confirm": plain_text(&remedy.label, 30),
        "deny": plain_text("Cancel", 30),
    })
}

fn confirm_stop(incident: &Incident) -> Value {
    let watching = incident.run().is_some_and(|run| run.verdict.is_some());
    let (title, verb) = if watching { ("End the watch", "End watch") } else { ("Stop the rollback", "Stop") };
    let text = match incident.run() {
        None => "Nothing has been changed yet, and nothing will be.",
        Some(_) if watching => "Nobody looks on after that. What runs now stays as it is.",
        Some(run) if !run.may_have_changed_something() => "Nothing has been changed yet. Nothing new begins.",
        Some(_) => {
            "What is in flight is finished, and nothing new begins. What has been changed stays as it is: the way back \
             is a new plan."
        }
    };
    json!({
        "title": plain_text(&format!("{title} of {}?", incident.id), 100),
        "text": plain_text(text, 300),
        "confirm": plain_text(verb, 30),
        "deny": plain_text("Go on", 30),
        "style": "danger",
    })
}
