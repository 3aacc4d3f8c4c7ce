//! Whether somebody may do what a gate, a manual step or a remedy asks for. Pure.

use super::command::Facts;
use super::decide::{failed, may_vote, not_stopped};
use super::due::awaited;
use super::event::What;
use super::ids::StepId;
use super::incident::{Incident, Run};
use super::policy::{Known, Right, is_among};
use super::rejection::Rejection;
use super::remedy::{ChosenRemedy, RemedyRight};
use super::step::StepState;
use super::work::{Asks, Gate, Manual};

/// What somebody does about a step that waits for a person.
pub(super) struct Pass {
    pub(super) step: StepId,
    pub(super) attempt: u32,
    pub(super) phrase: Option<String>,
    pub(super) note: Option<String>,
}

/// What is wanted of a remedy.
pub(super) struct Wanted {
    pub(super) step: StepId,
    pub(super) attempt: u32,
    pub(super) remedy: String,
    pub(super) chosen: Vec<String>,
}

/// A gate takes who may approve, and the phrase; a manual step takes those it names, else who may approve.
pub(super) fn pass(incident: &Incident, run: &Run, pass: Pass, facts: &Facts<'_>) -> Result<Vec<What>, Rejection> {
    let Pass { step, attempt, phrase, note } = pass;
    let Some((waiting, _)) = awaited(run).find(|(of, record)| of.id == step && record.attempt == attempt) else {
        return Err(Rejection::NotNow { state: format!("{step} is not waiting for that any more.") });
    };
    not_stopped(run)?;
    match waiting.work.asks() {
        Some(Asks::Gate(Gate { phrase: expected, .. })) => {
            may_vote(incident, &run.proposal, &facts.actor, facts.policy)?;
            if phrase.as_deref().map(str::trim) != Some(expected.as_str()) {
                return Err(Rejection::WrongPhrase { phrase: expected.clone() });
            }
        }
        Some(Asks::Manual(Manual { by, .. })) => may_do(incident, run, by, facts)?,
        None => {
            return Err(Rejection::NotNow { state: format!("{step} waits for nobody.") });
        }
    }
    let note = note.map(|note| note.trim().to_owned()).filter(|note| !note.is_empty());
    Ok(vec![What::Passed { step, note }])
}

fn may_do(incident: &Incident, run: &Run, by: &[super::policy::Principal], facts: &Facts<'_>) -> Result<(), Rejection> {
    let requester = &incident.request.by;
    if by.is_empty() {
        return match may_vote(incident, &run.proposal, &facts.actor, facts.policy) {
            // Two pairs of eyes are asked for what is destroyed, not for what somebody does by hand.
            Ok(()) | Err(Rejection::OwnRequest) => Ok(()),
            Err(rejection) => Err(rejection),
        };
    }
    match is_among(by, &facts.actor, Some(requester))? {
        Known::Yes => Ok(()),
        Known::No => Err(Rejection::NotNamed { holders: by.to_vec() }),
        Known::Unknown => Err(Rejection::UnknownNamed { holders: by.to_vec() }),
    }
}

/// A remedy is one that the failure offers, with at least one choice where it has any.
pub(super) fn remedy(
    incident: &Incident,
    run: &Run,
    wanted: Wanted,
    facts: &Facts<'_>,
) -> Result<Vec<What>, Rejection> {
    let Wanted { step, attempt, remedy, chosen } = wanted;
    failed(run, &step, attempt)?;
    let record = run.record(&step);
    let StepState::Failed(failure) = &record.state else {
        return Err(Rejection::NotNow { state: format!("{step} has not failed.") });
    };
    let Some(offered) = failure.remedies.iter().find(|offered| offered.id == remedy) else {
        return Err(Rejection::NotNow { state: format!("{step} does not offer that any more.") });
    };
    let right = match offered.right {
        RemedyRight::Approve => Right::Approve,
        RemedyRight::Skip => Right::Skip,
    };
    facts.policy.may(right, &facts.actor, Some(&incident.request.by))?;
    not_stopped(run)?;
    if let Some(unknown) = chosen.iter().find(|id| !offered.choices.iter().any(|choice| choice.id == **id)) {
        return Err(Rejection::NotNow { state: format!("{unknown} is not among what can be chosen.") });
    }
    let (ids, names): (Vec<String>, Vec<String>) = offered
        .choices
        .iter()
        .filter(|choice| chosen.contains(&choice.id))
        .map(|choice| (choice.id.clone(), choice.label.clone()))
        .unzip();
    if ids.is_empty() && !offered.choices.is_empty() {
        return Err(Rejection::NothingChosen);
    }
    let remedy = ChosenRemedy {
        id: offered.id.clone(),
        label: offered.label.clone(),
        chosen: ids,
        names,
        by: facts.actor.clone(),
    };
    Ok(vec![What::Remedied { step, remedy }])
}
