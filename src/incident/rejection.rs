//! Why something is not done. A rejection is read by the person who tried, so each is one clear sentence.

use jiff::Timestamp;

use super::ids::UserId;
use super::policy::{Principal, Right};

/// Why a command is refused. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejection {
    /// A guest of the workspace tried.
    Guest,
    /// Somebody from another workspace tried.
    ForeignWorkspace,
    /// A bot or a deactivated account tried.
    NotAPerson,
    /// Slack did not say who this is.
    UnknownPerson,
    /// The person does not have the right.
    NotAllowed {
        /// What they tried.
        right: Right,
        /// Who may.
        holders: Vec<Principal>,
    },
    /// Whether the person has the right could not be found out.
    UnknownMembership {
        /// What they tried.
        right: Right,
        /// Who may.
        holders: Vec<Principal>,
    },
    /// The requester tried to approve where two people are needed.
    OwnRequest,
    /// The person has approved already.
    AlreadyApproved,
    /// The phrase that has to be typed was not.
    WrongPhrase {
        /// What has to be typed.
        phrase: String,
    },
    /// The button belongs to a plan that has been replaced.
    StalePlan,
    /// The plan waited too long.
    Expired {
        /// Since when.
        at: Timestamp,
    },
    /// Everything was said: the plan is approved and runs.
    AlreadyApprovedAndRunning {
        /// By whom.
        by: Vec<UserId>,
    },
    /// The incident is over.
    Over {
        /// How, in a few words.
        how: String,
    },
    /// It is being stopped.
    AlreadyStopping {
        /// By whom, if by a person in Slack.
        by: String,
    },
    /// The plan is still being made.
    NotPlannedYet,
    /// What was asked does not fit the present state; says what that is.
    NotNow {
        /// The present state, as a sentence.
        state: String,
    },
}
