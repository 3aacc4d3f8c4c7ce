//! Why the engine does not do what was asked.

use thiserror::Error;

use crate::incident::ids::IncidentId;
use crate::incident::rejection::Rejection;

/// Why something was not done; nothing has changed. Sentences for people; Slack words a [`Rejection`] with mentions.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The rules or the state of the incident do not allow it.
    #[error("{0}")]
    Rejected(Rejection),
    /// Another incident holds what this one needs.
    #[error("{0} is rolling this back already.")]
    InTheWay(IncidentId),
    /// No plan can be made; says why and what to do.
    #[error("{0}")]
    CannotPlan(String),
    /// What was asked for runs already.
    #[error("Nothing to do: {0}")]
    NothingToDo(String),
    /// There is no such incident.
    #[error("There is no incident {0}.")]
    NoSuchIncident(IncidentId),
    /// The store does not work; the server is about to stop.
    #[error("Nothing was done: {0}")]
    Storage(String),
}
