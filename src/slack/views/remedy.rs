//! The form of a remedy with choices: what it does, each choice with its reason, and checkboxes.

use serde_json::{Value, json};

use super::blocks::section;
use super::confirm::Confirming;
use super::target::title;
use super::words::place;
use crate::incident::due::blocking;
use crate::incident::incident::Incident;
use crate::incident::remedy::{Choice, Preselected, Remedy};
use crate::incident::step::StepState;
use crate::slack::buttons::{Action, Button};
use crate::slack::mrkdwn::{capital, code, foreign, plain, stopped};

/// The form's name in what Slack sends when it is submitted.
pub const CALLBACK: &str = "remedy";
/// What the ids of the blocks with checkboxes begin with; a number follows.
pub const CHOICES_BLOCK: &str = "choices-";
/// The checkboxes of a block: `state.values[block][CHOICES_INPUT].selected_options`.
pub const CHOICES_INPUT: &str = "chosen";

/// How many checkboxes Slack takes in one block.
const BOXES: usize = 10;
/// How many choices are offered: what fits into a form with their reasons.
pub const CHOICES: usize = 40;

/// The form for `button` of `incident`; `None` where there is nothing to choose.
pub fn remedy(incident: &Incident, button: &Button) -> Option<Value> {
    let Action::Remedy { step, .. } = &button.action else { return None };
    let offered = offered(incident, &button.action).filter(|offered| !offered.choices.is_empty())?;
    let (_, step) = incident.proposal()?.plan.step(step)?;
    let carried = Confirming { incident: incident.id.clone(), button: button.id.clone() };
    let says = stopped(&capital(&foreign(&offered.says, 600)));
    let mut blocks = vec![section(&format!("*{}*: {}\n{says}", foreign(&place(incident), 120), title(step)))];
    let shown = offered.choices.get(..CHOICES).unwrap_or(&offered.choices);
    for (number, choices) in shown.chunks(BOXES).enumerate() {
        let reasons: Vec<String> = choices
            .iter()
            .map(|choice| format!("{}: {}", code(&choice.label, 90), foreign(&choice.detail, 150)))
            .collect();
        blocks.push(section(&reasons.join("\n")));
        blocks.push(boxes(number, choices));
    }
    Some(json!({
        "type": "modal",
        "callback_id": CALLBACK,
        "private_metadata": serde_json::to_string(&carried).unwrap_or_default(),
        "title": { "type": "plain_text", "text": plain(&offered.label, 24), "emoji": false },
        "submit": { "type": "plain_text", "text": "Go on", "emoji": false },
        "close": { "type": "plain_text", "text": "Cancel", "emoji": false },
        "blocks": blocks,
    }))
}

/// The remedy that a button stands for.
pub fn offered<'a>(incident: &'a Incident, action: &Action) -> Option<&'a Remedy> {
    let Action::Remedy { step, remedy, .. } = action else { return None };
    let (_, record) = blocking(incident.run()?).find(|(blocked, _)| blocked.id == *step)?;
    match &record.state {
        StepState::Failed(failure) => failure.remedies.iter().find(|offered| offered.id == *remedy),
        StepState::Pending
        | StepState::Active
        | StepState::Waiting
        | StepState::Done
        | StepState::SkippedAfter { .. } => None,
    }
}

/// The ids of the choices whose numbers a form brought back.
pub fn chosen(offered: &Remedy, numbers: &[String]) -> Vec<String> {
    let chosen = numbers.iter().filter_map(|number| offered.choices.get(number.parse::<usize>().ok()?));
    chosen.map(|choice| choice.id.clone()).collect()
}

/// Checkboxes whose values are the choices' numbers: the form is bound to this failure, and ids may be longer than Slack
/// takes.
fn boxes(block: usize, choices: &[Choice]) -> Value {
    let option = |(place, choice): (usize, &Choice)| {
        json!({
            "text": { "type": "plain_text", "text": plain(&choice.label, 75), "emoji": false },
            "value": (block * BOXES + place).to_string(),
        })
    };
    let options: Vec<Value> = choices.iter().enumerate().map(option).collect();
    let preselected: Vec<Value> =
        choices.iter().enumerate().filter(|(_, choice)| choice.preselected == Preselected::Yes).map(option).collect();
    let mut element = json!({ "type": "checkboxes", "action_id": CHOICES_INPUT, "options": options });
    if let Some(element) = element.as_object_mut()
        && !preselected.is_empty()
    {
        element.insert("initial_options".to_owned(), Value::Array(preselected));
    }
    json!({
        "type": "input",
        "block_id": format!("{CHOICES_BLOCK}{block}"),
        // What is missing is said by Rollbot, over all blocks together.
        "optional": true,
        "label": { "type": "plain_text", "text": "Choose", "emoji": false },
        "element": element,
    })
}
