//! What a person may choose where a rollback is stuck.

use super::inventory::StackResource;
use crate::incident::remedy::{Choice, Preselected, Remedy, RemedyRight};
use crate::incident::step::Failure;

/// What the remedy is called in the record: [`super::judge`] acts on it.
pub const SKIP: &str = "skip";

/// The failure, with the choice of what to go on without. What failed first is chosen in advance, and nothing else: what
/// depends on it often goes on by itself then.
pub fn with_skips(failure: Failure, stuck: &[StackResource]) -> Failure {
    if stuck.is_empty() {
        return failure;
    }
    let choices = stuck.iter().enumerate().map(|(number, resource)| Choice {
        id: resource.name.clone(),
        label: resource.name.clone(),
        detail: resource.reason.clone().unwrap_or_else(|| format!("{}, {}", resource.kind, resource.status)),
        preselected: if number == 0 { Preselected::Yes } else { Preselected::No },
    });
    let skip = Remedy {
        id: SKIP.to_owned(),
        label: "Go on without …".to_owned(),
        says:
            "CloudFormation goes on with the rollback and leaves these resources as they are now. They no longer fit \
               the template: choose as few as possible, and repair them before the next update."
                .to_owned(),
        right: RemedyRight::Skip,
        choices: choices.collect(),
    };
    Failure { remedies: vec![skip], ..failure }
}
