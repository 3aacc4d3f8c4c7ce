//! What a person may have done about a deployment to the target that fails: a new one is forced.
//!
//! Trying again only goes on with the deployment that is there, and ECS waits longer and longer between the tasks that it
//! starts for one that fails: up to 27 minutes (developer guide, "Amazon ECS service throttle logic"). Once the cause is
//! gone (the image was pushed, the secret is back), a forced deployment to the same target begins anew. The plan has its
//! verb.

use crate::incident::remedy::{Remedy, RemedyRight};
use crate::incident::step::Failure;
use crate::systems::step_kind::StepJournal;

/// The id of the remedy that forces a new deployment.
const FORCE: &str = "force-new-deployment";

/// The failure of a deployment to the target that is there and does not come up, with what can be done about it. `name`
/// is what people call the target.
pub(super) fn with_a_new_deployment(failure: Failure, name: &str) -> Failure {
    let remedy = Remedy {
        id: FORCE.to_owned(),
        label: "Force a new deployment".to_owned(),
        says: format!(
            "ECS begins a new deployment of {name} in place of the one that fails. Do this when the cause is gone; Retry \
             only goes on waiting for what is there."
        ),
        right: RemedyRight::Approve,
        choices: Vec::new(),
    };
    Failure { remedies: vec![remedy], ..failure }
}

/// Whether somebody wants a new deployment forced in the present attempt.
pub(super) fn is_forced(journal: &StepJournal<'_>) -> bool {
    journal.remedy.is_some_and(|remedy| remedy.id == FORCE)
}
