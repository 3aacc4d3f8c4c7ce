//! What is asked of people while a rollback runs: a gate, and what has to be done by hand.

use serde_json::Value;

use super::blocks::{actions, section};
use super::target::title;
use crate::incident::due::awaited;
use crate::incident::ids::StepId;
use crate::incident::incident::{Incident, Proposal, Run};
use crate::incident::plan::Step;
use crate::incident::policy::Principal;
use crate::incident::work::{Asks, Gate, Manual};
use crate::slack::buttons::{ASKS, Button};
use crate::slack::mrkdwn::{capital, code, foreign, principals, stopped};

/// How many characters of an instruction are shown; the configuration takes no longer ones.
const INSTRUCTION: usize = 800;

/// What one step asks of whom.
pub(super) struct Ask<'a> {
    /// What is to be done, in a few words after "to": "to type `DELETE`".
    pub(super) act: String,
    /// Why, or what exactly, as sentences.
    pub(super) what: String,
    /// Who may.
    pub(super) by: &'a [Principal],
}

/// What `step` asks of a person, if it does.
pub(super) fn ask<'a>(proposal: &'a Proposal, step: &'a Step) -> Option<Ask<'a>> {
    Some(match step.work.asks()? {
        Asks::Gate(Gate { phrase, what }) => Ask {
            act: format!("type {}", code(phrase, 80)),
            what: stopped(&capital(&foreign(what, 400))),
            by: &proposal.terms.approvers,
        },
        Asks::Manual(Manual { text, by }) => Ask {
            act: "do this by hand".to_owned(),
            what: instruction(text),
            by: if by.is_empty() { &proposal.terms.approvers } else { by },
        },
    })
}

/// Who is awaited and for what, in one sentence.
pub(super) fn sentence(run: &Run) -> String {
    let mut sentences: Vec<String> = awaited(run)
        .filter_map(|(step, _)| {
            let Ask { act, by, .. } = ask(&run.proposal, step)?;
            Some(format!("{} waits for {} to {act}.", title(step), principals(by)))
        })
        .collect();
    let more = sentences.len().saturating_sub(ASKS);
    sentences.truncate(ASKS);
    if more > 0 {
        sentences.push(format!("{more} more wait as well."));
    }
    sentences.join(" ")
}

/// Every step that waits for a person, with what is to be done and its button.
pub(super) fn asks(incident: &Incident, run: &Run, legal: &[Button]) -> Vec<Value> {
    let mut blocks = Vec::new();
    for (step, _) in awaited(run).take(ASKS) {
        let Some(Ask { act, what, by }) = ask(&run.proposal, step) else { continue };
        let lines =
            [format!("✋ {}", title(step)), quoted(&what), format!("👉 {} may {act}.", capital(&principals(by)))];
        blocks.push(section(&lines.join("\n")));
        let ways: Vec<&Button> = legal.iter().filter(|button| button.action.passes() == Some(&step.id)).collect();
        if !ways.is_empty() {
            blocks.push(actions(incident, &ways));
        }
    }
    blocks
}

/// The steps that [`asks`] shows.
pub(super) fn asked(run: &Run) -> Vec<&StepId> {
    awaited(run).take(ASKS).map(|(step, _)| &step.id).collect()
}

/// An instruction, line by line.
fn instruction(text: &str) -> String {
    let mut left = INSTRUCTION;
    let mut lines = Vec::new();
    for line in text.lines() {
        let line = foreign(line, left);
        left = left.saturating_sub(line.chars().count() + 1);
        lines.push(line);
        if left == 0 {
            break;
        }
    }
    lines.join("\n")
}

fn quoted(text: &str) -> String {
    text.lines().map(|line| format!("> {line}")).collect::<Vec<_>>().join("\n")
}
