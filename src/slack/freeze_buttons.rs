//! Which buttons a freeze has now, and what a click on one means. Pure, and as with incidents meaning lives in the
//! record: a button carries an opaque id, and an id that is not among those that are legal now is stale.

use crate::incident::freeze::{Cause, Direction, Freeze, Then, Transition};
use crate::incident::freeze_work::FreezeWork;
use crate::incident::ids::{Digest, FreezeId};
use crate::incident::step::StepState;

/// How many services one can let go from one message: what fits into one row with the others.
const SERVICES: usize = 4;

/// How many characters of the digest make an id: 80 bits.
const ID_LENGTH: usize = 20;

/// What a button of a freeze does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FreezeAction {
    /// Lets the deployments of a service go.
    LetGo {
        /// The environment.
        environment: String,
        /// The service.
        service: String,
        /// What follows.
        then: Then,
    },
    /// Tries again what did not succeed.
    Retry,
}

/// A button that is legal now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreezeButton {
    /// Opaque; what Slack carries as the button's value.
    pub id: String,
    /// What it does.
    pub action: FreezeAction,
}

impl FreezeButton {
    fn new(freeze: &Freeze, action: FreezeAction) -> Self {
        let (verb, of) = match &action {
            FreezeAction::LetGo { environment, service, then } => (verb(*then), format!("{environment} {service}")),
            FreezeAction::Retry => ("retry", String::new()),
        };
        let parts = serde_json::json!([freeze.id, verb, of, freeze.record.attempt]);
        let mut id = Digest::of(parts.to_string().as_bytes()).as_str().to_owned();
        id.truncate(ID_LENGTH);
        Self { id, action }
    }

    /// What Slack carries as the button's `action_id`; two buttons of a message differ in it.
    pub fn action_id(&self, freeze: &FreezeId, place: usize) -> String {
        let verb = match &self.action {
            FreezeAction::LetGo { then, .. } => verb(*then),
            FreezeAction::Retry => "retry",
        };
        format!("{verb}{place}:{freeze}")
    }
}

fn verb(then: Then) -> &'static str {
    match then {
        Then::Nothing => "let_go",
        Then::Rerun => "let_go_and_rerun",
    }
}

/// The buttons of `freeze` that are legal now, in the order in which they are shown.
pub fn buttons(freeze: &Freeze) -> Vec<FreezeButton> {
    if freeze.is_over() || freeze.is_under_way() {
        return Vec::new();
    }
    let mut actions = Vec::new();
    if matches!(freeze.record.state, StepState::Failed(_)) {
        actions.push(FreezeAction::Retry);
    }
    let services = freeze.services();
    // A rollback that is under way needs its freeze.
    let is_free = |environment: &str, service: &str| {
        freeze.of(environment, service).all(|holder| holder.cause == Cause::Command || holder.outlived_at.is_some())
    };
    for (environment, service) in services.iter().filter(|(environment, service)| is_free(environment, service)) {
        let let_go =
            |then| FreezeAction::LetGo { environment: (*environment).to_owned(), service: (*service).to_owned(), then };
        if actions.len() < SERVICES {
            actions.push(let_go(Then::Nothing));
        }
        if services.len() == 1 && can_run_again(freeze) {
            actions.push(let_go(Then::Rerun));
        }
    }
    actions.into_iter().map(|action| FreezeButton::new(freeze, action)).collect()
}

/// After a rollback the last good execution can run again, so that the pipeline agrees with what runs. Only where
/// Rollbot opens the stage: else it would wait in front of it.
fn can_run_again(freeze: &Freeze) -> bool {
    freeze.direction == Direction::Hold
        && freeze.is_held()
        && matches!(freeze.work, FreezeWork::Pipeline(_))
        && freeze.holders.iter().any(|holder| matches!(holder.cause, Cause::Incident { .. }))
        && freeze.held.as_ref().is_some_and(|held| held.transition == Transition::ByRollbot)
}

/// What a click on the button `id` means now; `None` for a button that is not there any more.
pub fn meaning(freeze: &Freeze, id: &str) -> Option<FreezeAction> {
    buttons(freeze).into_iter().find(|button| button.id == id).map(|button| button.action)
}

/// The freeze that an `action_id` names.
pub fn freeze_of(action_id: &str) -> Option<FreezeId> {
    let (_verb, freeze) = action_id.split_once(':')?;
    FreezeId::is_one(freeze).then(|| FreezeId::new(freeze))
}
