//! Why something is not done. A rejection is read by the person who tried, so each is one clear sentence.

use std::fmt;

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
    /// The person is not one of those who may say that a manual step is done.
    NotNamed {
        /// Who may.
        holders: Vec<Principal>,
    },
    /// Whether the person is one of those who may say that a manual step is done could not be found out.
    UnknownNamed {
        /// Who may.
        holders: Vec<Principal>,
    },
    /// Nothing was chosen of a remedy in which something has to be.
    NothingChosen,
    /// Somebody tried to skip a gate.
    GateNotSkipped,
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
    /// A reason is compulsory here and was not given.
    NoReason,
    /// The plan is still being made.
    NotPlannedYet,
    /// What was asked does not fit the present state; says what that is.
    NotNow {
        /// The present state, as a sentence.
        state: String,
    },
}

/// In plain text, for the command line.
impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Guest => f.write_str("Guests of the workspace cannot do this."),
            Self::ForeignWorkspace => f.write_str("Members of other workspaces cannot do this."),
            Self::NotAPerson => f.write_str("Bots and deactivated accounts cannot do this."),
            Self::UnknownPerson => f.write_str("Slack did not say who this is."),
            Self::NotAllowed { right, .. } => write!(f, "This person may not {} here.", right.verb()),
            Self::UnknownMembership { right, .. } => {
                write!(f, "Whether this person may {} could not be found out.", right.verb())
            }
            Self::NotNamed { .. } => f.write_str("This person is not named for this step."),
            Self::UnknownNamed { .. } => {
                f.write_str("Whether this person is named for this step could not be found out.")
            }
            Self::NothingChosen => f.write_str("Nothing was chosen, so nothing was done. Choose at least one."),
            Self::GateNotSkipped => f.write_str(
                "A gate cannot be skipped: what is behind it destroys something. Retry asks for the phrase again; stop \
                 ends the rollback.",
            ),
            Self::OwnRequest => f.write_str("Whoever asked for a rollback does not approve it here."),
            Self::AlreadyApproved => f.write_str("You have approved this plan already; it waits for somebody else."),
            Self::WrongPhrase { phrase } => {
                write!(f, "The phrase is missing or wrong, so nothing was done. Give it: --phrase '{phrase}'")
            }
            Self::StalePlan => f.write_str("That plan was replaced by a newer one. Read it, and decide on it."),
            Self::Expired { at } => {
                write!(f, "The plan expired at {}.", at.strftime("%Y-%m-%d %H:%M:%SZ"))
            }
            Self::AlreadyApprovedAndRunning { .. } => f.write_str("That plan is approved already."),
            Self::Over { how } => write!(f, "This rollback is over ({how}), so nothing was done."),
            Self::AlreadyStopping { by } => write!(f, "{by} stopped this already; it is coming to its end."),
            Self::NoReason => f.write_str("A reason is compulsory here, so nothing was done."),
            Self::NotPlannedYet => f.write_str("The plan is still being made. Look again in a moment."),
            Self::NotNow { state } => write!(f, "Nothing was done. {state}"),
        }
    }
}
