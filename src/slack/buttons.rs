//! Which buttons an incident has now, and what a click on one means. Pure: meaning lives in the record.
//!
//! A button carries an opaque id that is stable for (incident, action, plan digest, attempt). A click is looked up
//! among the buttons that are legal *now*; an id that is not among them is a stale button, whoever sends it. The
//! `action_id` is `<verb>:<incident>`, so that a click finds its incident and two buttons of a block differ.

use crate::incident::due::{Phase, awaited, blocking, phase, proves_nothing};
use crate::incident::ids::{Digest, IncidentId, StepId};
use crate::incident::incident::{Incident, Proposal, Run};
use crate::incident::plan::{Purpose, Step};
use crate::incident::remedy::RemedyRight;
use crate::incident::step::{StepRecord, StepState};
use crate::incident::work::Asks;

/// What a button does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Approves the plan.
    Approve,
    /// Says no to the plan.
    Reject,
    /// Holds deployments back ahead of the approval.
    FreezeNow,
    /// Begins nothing new, finishes what is in flight, ends.
    Stop,
    /// Tries a failed step again.
    Retry {
        /// Which.
        step: StepId,
        /// The attempt that failed.
        attempt: u32,
    },
    /// Goes on without a failed step.
    Skip {
        /// Which.
        step: StepId,
        /// The attempt that failed.
        attempt: u32,
        /// What that means.
        as_what: GoOn,
    },
    /// Tries a failed step again, with a remedy that it offers.
    Remedy {
        /// Which.
        step: StepId,
        /// The attempt that failed.
        attempt: u32,
        /// The remedy's id.
        remedy: String,
    },
    /// Does what a gate or a manual step waits for.
    Pass {
        /// Which.
        step: StepId,
        /// The attempt that waits.
        attempt: u32,
        /// What is asked.
        asked: Asked,
    },
}

/// What a step asks of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// To type a phrase.
    Phrase,
    /// To say that it is done.
    Done,
}

/// What going on after a failed step means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GoOn {
    /// The step is left out, and the rollback is partial.
    Without,
    /// Nothing was seen to be wrong, and somebody accepts that nothing is proved.
    Unproved,
}

/// A button that is legal now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Button {
    /// Opaque; what Slack carries as the button's value. Twenty hexadecimal characters.
    pub id: String,
    /// What it does.
    pub action: Action,
}

/// How many characters of the digest make an id: 80 bits.
const ID_LENGTH: usize = 20;
/// How many remedies of one failure are offered: more than anybody weighs against each other at night.
const REMEDIES: usize = 5;
/// How many things that wait for a person are offered at once; a card with failures beside them holds no more.
pub(super) const ASKS: usize = 2;

impl Action {
    /// The first part of the `action_id`.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::FreezeNow => "freeze",
            Self::Stop => "stop",
            Self::Retry { .. } => "retry",
            Self::Skip { as_what: GoOn::Without, .. } => "skip",
            Self::Skip { as_what: GoOn::Unproved, .. } => "accept",
            Self::Remedy { .. } => "remedy",
            Self::Pass { asked: Asked::Phrase, .. } => "gate",
            Self::Pass { asked: Asked::Done, .. } => "done",
        }
    }

    /// The failed step that it is a way on from.
    pub fn helps(&self) -> Option<&StepId> {
        match self {
            Self::Retry { step, .. } | Self::Skip { step, .. } | Self::Remedy { step, .. } => Some(step),
            Self::Approve | Self::Reject | Self::FreezeNow | Self::Stop | Self::Pass { .. } => None,
        }
    }

    /// The step that waits for it.
    pub fn passes(&self) -> Option<&StepId> {
        match self {
            Self::Pass { step, .. } => Some(step),
            Self::Approve
            | Self::Reject
            | Self::FreezeNow
            | Self::Stop
            | Self::Retry { .. }
            | Self::Skip { .. }
            | Self::Remedy { .. } => None,
        }
    }
}

impl Button {
    fn new(incident: &Incident, action: Action) -> Self {
        let plan = incident.proposal().map(|proposal| proposal.digest.as_str());
        let attempt = match &action {
            Action::Retry { step, attempt }
            | Action::Skip { step, attempt, .. }
            | Action::Remedy { step, attempt, .. }
            | Action::Pass { step, attempt, .. } => Some((step.as_str(), *attempt)),
            Action::FreezeNow => incident.freeze_now.as_ref().map(|_| ("freeze", 2)),
            Action::Approve | Action::Reject | Action::Stop => None,
        };
        let parts = match &action {
            Action::Remedy { remedy, .. } => serde_json::json!([incident.id, action.verb(), plan, attempt, remedy]),
            Action::Approve
            | Action::Reject
            | Action::FreezeNow
            | Action::Stop
            | Action::Retry { .. }
            | Action::Skip { .. }
            | Action::Pass { .. } => serde_json::json!([incident.id, action.verb(), plan, attempt]),
        };
        let mut id = Digest::of(parts.to_string().as_bytes()).as_str().to_owned();
        id.truncate(ID_LENGTH);
        Self { id, action }
    }

    /// What Slack carries as the button's `action_id`.
    pub fn action_id(&self, incident: &IncidentId) -> String {
        match &self.action {
            // A step may offer several of them side by side.
            Action::Remedy { remedy, .. } => format!("remedy-{remedy}:{incident}"),
            Action::Approve
            | Action::Reject
            | Action::FreezeNow
            | Action::Stop
            | Action::Retry { .. }
            | Action::Skip { .. }
            | Action::Pass { .. } => format!("{}:{incident}", self.action.verb()),
        }
    }
}

/// The buttons of `incident` that are legal now, in the order in which they are shown.
pub fn buttons(incident: &Incident) -> Vec<Button> {
    let actions = match phase(incident) {
        Phase::Waiting(proposal) if can_freeze(incident, proposal) => {
            vec![Action::Approve, Action::FreezeNow, Action::Reject]
        }
        Phase::Waiting(_) => vec![Action::Approve, Action::Reject],
        Phase::Planning | Phase::Starting(_) | Phase::Running(_) => vec![Action::Stop],
        Phase::Blocked(run) => {
            let ways = blocking(run).flat_map(|(step, record)| ways_on(run, step, record));
            ways.chain(passes(run)).chain([Action::Stop]).collect()
        }
        Phase::Awaiting(run) => passes(run).chain([Action::Stop]).collect(),
        Phase::Watching(run, _) if run.stopped.is_none() => vec![Action::Stop],
        Phase::Watching(..) | Phase::Draining(_) | Phase::Over(_) => Vec::new(),
    };
    actions.into_iter().map(|action| Button::new(incident, action)).collect()
}

/// Whether deployments can be held back ahead of the approval: they are not yet, and the plan says where.
fn can_freeze(incident: &Incident, proposal: &Proposal) -> bool {
    let to_do = match &incident.freeze_now {
        None => true,
        Some(freeze) => freeze.came_to.as_ref().is_some_and(|froze| !froze.failed.is_empty()),
    };
    to_do && proposal.plan.steps().any(|(purpose, _)| purpose == Purpose::Freeze)
}

/// What can be done about a failed step. Going on without it is offered only where somebody may.
fn ways_on(run: &Run, step: &Step, record: &StepRecord) -> Vec<Action> {
    let (id, attempt) = (&step.id, record.attempt);
    let mut ways = vec![Action::Retry { step: id.clone(), attempt }];
    let remedies = match &record.state {
        StepState::Failed(failure) => failure.remedies.as_slice(),
        StepState::Pending
        | StepState::Active
        | StepState::Waiting
        | StepState::Done
        | StepState::SkippedAfter { .. } => &[],
    };
    let may_skip = !run.proposal.terms.skippers.is_empty();
    let offered = remedies.iter().filter(|remedy| may_skip || remedy.right == RemedyRight::Approve).take(REMEDIES);
    ways.extend(offered.map(|remedy| Action::Remedy { step: id.clone(), attempt, remedy: remedy.id.clone() }));
    if let (StepState::Failed(failure), Some((purpose, _))) = (&record.state, run.proposal.plan.step(id))
        && may_skip
        && step.work.gate().is_none()
    {
        let as_what = if proves_nothing(purpose, failure) { GoOn::Unproved } else { GoOn::Without };
        ways.push(Action::Skip { step: id.clone(), attempt, as_what });
    }
    ways
}

/// What the steps that wait for a person wait for; as many as a card shows.
fn passes(run: &Run) -> impl Iterator<Item = Action> + '_ {
    awaited(run).take(ASKS).filter_map(|(step, record)| {
        let asked = match step.work.asks()? {
            Asks::Gate(_) => Asked::Phrase,
            Asks::Manual(_) => Asked::Done,
        };
        Some(Action::Pass { step: step.id.clone(), attempt: record.attempt, asked })
    })
}

/// What a click on the button `id` means now; `None` for a button that is not there any more.
pub fn meaning(incident: &Incident, id: &str) -> Option<Action> {
    buttons(incident).into_iter().find(|button| button.id == id).map(|button| button.action)
}

/// The incident that an `action_id` names; `None` for an `action_id` that is not Rollbot's.
pub fn incident_of(action_id: &str) -> Option<IncidentId> {
    let (_verb, incident) = action_id.rsplit_once(':')?;
    IncidentId::is_one(incident).then(|| IncidentId::new(incident))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::incident::event::What;
    use crate::incident::policy::Actor;
    use crate::slack::views::fixtures::{Told, person, terms};
    use crate::slack::views::states::states;

    fn verbs(told: &Told) -> Vec<&'static str> {
        buttons(&told.incident).iter().map(|button| button.action.verb()).collect()
    }

    #[rstest]
    #[case("planning", &["stop"])]
    #[case("waiting", &["approve", "reject"])]
    #[case("waiting-one-of-two", &["approve", "reject"])]
    #[case("starting", &["stop"])]
    #[case("running", &["stop"])]
    #[case("blocked", &["retry", "skip", "stop"])]
    #[case("blocked-check", &["retry", "skip", "stop"])]
    #[case("blocked-blind", &["retry", "accept", "stop"])]
    #[case("blocked-no-skipper", &["retry", "stop"])]
    #[case("awaiting", &["gate", "done", "stop"])]
    #[case("awaiting-in-vain", &["retry", "done", "stop"])]
    #[case("awaited", &["stop"])]
    #[case("blocked-remedies", &["retry", "remedy", "remedy", "skip", "stop"])]
    #[case("draining", &[])]
    #[case("watching", &["stop"])]
    #[case("closed-rolled-back", &[])]
    #[case("closed-expired", &[])]
    fn each_state_has_its_buttons(#[case] state: &str, #[case] expected: &[&str]) {
        let told = states().into_iter().find(|(name, _)| *name == state).unwrap().1;
        assert_eq!(verbs(&told), expected);
    }

    #[test]
    fn a_click_means_what_the_button_said_and_a_stale_one_means_nothing() {
        let blocked = Told::blocked();
        let retry = buttons(&blocked.incident).remove(0);
        assert_eq!(
            meaning(&blocked.incident, &retry.id),
            Some(Action::Retry { step: StepId::new("backend"), attempt: 1 })
        );
        let again = blocked.then(1, person("U0LEAD0001"), What::Retried { step: StepId::new("backend") });
        assert_eq!(meaning(&again.incident, &retry.id), None);
    }

    #[test]
    fn a_second_failure_has_another_retry_button() {
        let first = Told::blocked();
        let failure = first.incident.run().unwrap().steps[&StepId::new("backend")].state.clone();
        let crate::incident::step::StepState::Failed(failure) = failure else { panic!("{failure:?}") };
        let second = first
            .clone()
            .then(1, person("U0LEAD0001"), What::Retried { step: StepId::new("backend") })
            .began("backend", 2)
            .then(1, Actor::Rollbot, What::Failed { step: StepId::new("backend"), failure });
        assert_ne!(buttons(&first.incident)[0].id, buttons(&second.incident)[0].id);
    }

    #[test]
    fn a_new_plan_has_new_buttons_and_a_new_vote_has_not() {
        let find = |state: &str| states().into_iter().find(|(name, _)| *name == state).unwrap().1;
        let approve = |told: &Told| buttons(&told.incident).remove(0).id;
        let (first, after_drift) = (Told::requested().proposed(terms(2)), find("waiting-after-drift"));
        assert_ne!(approve(&first), approve(&after_drift));
        assert_eq!(approve(&first), approve(&first.clone().approved("U0LEAD0001")));
    }

    #[test]
    fn ids_are_opaque_and_action_ids_find_the_incident() {
        let told = Told::blocked();
        for button in buttons(&told.incident) {
            assert!(button.id.len() >= 16 && button.id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{button:?}");
            assert_eq!(incident_of(&button.action_id(&told.incident.id)), Some(told.incident.id.clone()));
        }
        assert_eq!(incident_of("approve"), None);
        assert_eq!(incident_of("approve:somebody-else"), None);
    }
}
