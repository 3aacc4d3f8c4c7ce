//! The form in which one says why: a plan is rejected, a failed step is left out, or it is accepted that nothing is
//! proved. It carries which button it stands for, as the form for the phrase does.

use serde_json::{Value, json};

use super::blocks::section;
use super::confirm::Confirming;
use super::words::place;
use crate::incident::due::blocking;
use crate::incident::incident::Incident;
use crate::incident::step::StepState;
use crate::slack::buttons::{Action, Button, GoOn};
use crate::slack::mrkdwn::{capital, foreign, stopped};

/// The form's name in what Slack sends when it is submitted.
pub const CALLBACK: &str = "reason";
/// Where the reason is in a submitted form: `state.values[REASON_BLOCK][REASON_INPUT].value`.
pub const REASON_BLOCK: &str = "reason";
/// See [`REASON_BLOCK`].
pub const REASON_INPUT: &str = "typed";

/// The longest reason, in characters: what fits on a card beside everything else.
const LONGEST: usize = 600;

/// Whether a form may be sent empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    Optional,
    Compulsory,
}

/// What a form says.
struct Words {
    title: &'static str,
    submit: &'static str,
    what: String,
    need: Need,
}

/// The form for `button` of `incident`; `None` where nobody is asked why.
pub fn reason(incident: &Incident, button: &Button) -> Option<Value> {
    let Words { title, submit, what, need } = words(incident, &button.action)?;
    let carried = Confirming { incident: incident.id.clone(), button: button.id.clone() };
    Some(json!({
        "type": "modal",
        "callback_id": CALLBACK,
        "private_metadata": serde_json::to_string(&carried).unwrap_or_default(),
        "title": { "type": "plain_text", "text": title, "emoji": false },
        "submit": { "type": "plain_text", "text": submit, "emoji": false },
        "close": { "type": "plain_text", "text": "Cancel", "emoji": false },
        "blocks": [section(&what), {
            "type": "input",
            "block_id": REASON_BLOCK,
            "optional": need == Need::Optional,
            "label": { "type": "plain_text", "text": "Reason", "emoji": false },
            "element": {
                "type": "plain_text_input",
                "action_id": REASON_INPUT,
                "multiline": true,
                "max_length": LONGEST,
                "focus_on_load": true,
                "placeholder": { "type": "plain_text", "text": "Everybody in the channel reads it", "emoji": false },
            },
        }],
    }))
}

fn words(incident: &Incident, action: &Action) -> Option<Words> {
    let place = format!("*{}*", foreign(&place(incident), 120));
    match action {
        Action::Reject => Some(Words {
            title: "Reject rollback",
            submit: "Reject",
            what: if incident.has_frozen() {
                format!(
                    "You reject rolling {place} back. No target is changed, and the incident ends; deployments stay held \
                     back until somebody lifts the freeze."
                )
            } else {
                format!("You reject rolling {place} back. Nothing is changed, and the incident ends.")
            },
            need: Need::Optional,
        }),
        Action::Skip { step, as_what, .. } => {
            let (step, record) = blocking(incident.run()?).find(|(blocked, _)| blocked.id == *step)?;
            let why = match &record.state {
                StepState::Failed(failure) => stopped(&capital(&foreign(&failure.why, 300))),
                StepState::Pending
                | StepState::Active
                | StepState::Waiting
                | StepState::Done
                | StepState::SkippedAfter { .. } => String::new(),
            };
            let title = foreign(&step.title, 120);
            Some(match as_what {
                GoOn::Without => Words {
                    title: "Skip a step",
                    submit: "Skip",
                    what: format!(
                        "You go on without *{title}*. {why}\n{place} then counts as only partly back, and the card names \
                         you and your reason."
                    ),
                    need: Need::Compulsory,
                },
                GoOn::Unproved => Words {
                    title: "Accept unproved",
                    submit: "Accept",
                    what: format!(
                        "You accept that *{title}* proves nothing. {why}\n{place} then counts as back but not proved, and \
                         the card names you and your reason."
                    ),
                    need: Need::Compulsory,
                },
            })
        }
        Action::Approve
        | Action::Stop
        | Action::FreezeNow
        | Action::Retry { .. }
        | Action::Remedy { .. }
        | Action::Pass { .. } => None,
    }
}
