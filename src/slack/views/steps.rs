//! The live step list: one message in the incident's thread, edited in place.

use super::blocks::section;
use super::target::{Over, line};
use crate::incident::incident::Incident;
use crate::incident::step::StepState;
use crate::incident::time::Now;
use crate::slack::message::Message;

/// How many lines go into one section: below its 3,000 characters with the longest lines.
const LINES: usize = 4;
/// How many steps are listed; what is beyond is counted.
const STEPS: usize = 16;

/// The step list of `incident`; `None` before anything runs.
pub fn steps(incident: &Incident, now: Now) -> Option<Message> {
    let run = incident.run()?;
    let over = if incident.is_closed() || run.stopped.is_some() { Over::Stopped } else { Over::NotYet };
    let all: Vec<String> = run
        .proposal
        .plan
        .steps()
        .enumerate()
        .map(|(number, (purpose, step))| {
            let record = run.record(&step.id);
            format!("{}. {}", number + 1, line(purpose, step, &record, over.unless_left_out(run, step), now))
        })
        .collect();
    let done = run.steps.values().filter(|record| record.state == StepState::Done).count();
    let text = format!("*Steps*: {done} of {} done", all.len());
    let mut lines = vec![text.clone()];
    lines.extend(all.iter().take(STEPS).cloned());
    if all.len() > STEPS {
        lines.push(format!("and {} more", all.len() - STEPS));
    }
    let blocks = lines.chunks(LINES).map(|lines| section(&lines.join("\n"))).collect();
    Some(Message { text, blocks })
}
