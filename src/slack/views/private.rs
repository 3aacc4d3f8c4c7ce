//! What one person alone reads, when something they tried is not done: one sentence that says why, and what to do.

use crate::incident::policy::{Principal, Right};
use crate::incident::rejection::Rejection;
use crate::slack::message::Message;
use crate::slack::mrkdwn::{all_of, capital, code, foreign, principals, stopped, time, user};

/// The sentence for whoever was refused.
pub fn rejection(rejection: &Rejection) -> Message {
    Message::of_text(sentence(rejection))
}

/// The sentence for whoever clicked a button that is not there any more.
pub fn stale_button() -> Message {
    Message::of_text(
        "That button no longer applies: things have moved on since you saw it. Nothing was done; the card shows where it stands.",
    )
}

/// The sentence for whoever clicked the same button again.
pub fn clicked_twice() -> Message {
    Message::of_text("Your first click was taken; this one changed nothing.")
}

fn sentence(rejection: &Rejection) -> String {
    match rejection {
        Rejection::Guest => "Guests of this workspace cannot do this. Ask a full member in this channel.".to_owned(),
        Rejection::ForeignWorkspace => {
            "Only members of the workspace that Rollbot is installed in can do this; you come from another one."
                .to_owned()
        }
        Rejection::NotAPerson => "Only people can do this, not bots or deactivated accounts.".to_owned(),
        Rejection::UnknownPerson => {
            "Slack did not say who you are, so this was not done. Try again in a moment.".to_owned()
        }
        Rejection::NotAllowed { right, holders } => not_allowed(*right, holders),
        Rejection::UnknownMembership { right, holders } => format!(
            "You may {} only as {}, and Slack did not say whether you belong there. Nothing was done; try again in a \
             moment.",
            right.verb(),
            principals(holders)
        ),
        Rejection::NotNamed { holders } => {
            format!("Only {} may say that this is done, so nothing was done.", principals(holders))
        }
        Rejection::UnknownNamed { holders } => format!(
            "Only {} may say that this is done, and Slack did not say whether you belong there. Nothing was done; try \
             again in a moment.",
            principals(holders)
        ),
        Rejection::NothingChosen => "Nothing was chosen, so nothing was done. Choose at least one.".to_owned(),
        Rejection::GateNotSkipped => {
            "A gate cannot be skipped: what is behind it destroys something. Retry asks for the phrase again, Stop ends \
             the rollback."
                .to_owned()
        }
        Rejection::OwnRequest => {
            "You asked for this rollback, so somebody else has to approve it. Two people are needed here.".to_owned()
        }
        Rejection::AlreadyApproved => "You have approved this plan already; it waits for somebody else.".to_owned(),
        Rejection::WrongPhrase { phrase } => {
            format!("That is not the phrase, so nothing was done. Type {} exactly.", code(phrase, 80))
        }
        Rejection::StalePlan => {
            "That plan was replaced by a newer one, so nothing was done. Read the plan on the card and decide on that."
                .to_owned()
        }
        Rejection::Expired { at } => {
            format!("That plan expired at {}, so nothing was done. The same command asks again.", time(*at))
        }
        Rejection::AlreadyApprovedAndRunning { by } => match by.as_slice() {
            [] => "That plan is approved already.".to_owned(),
            by => format!("That plan is approved already, by {}.", all_of(by.iter().map(user).collect())),
        },
        Rejection::Over { how } => format!("This rollback is over ({}), so nothing was done.", foreign(how, 60)),
        Rejection::AlreadyStopping { by } => format!("{} stopped this already; it is coming to its end.", somebody(by)),
        Rejection::NoReason => "A reason is compulsory here, so nothing was done. Say why in a few words.".to_owned(),
        Rejection::NotPlannedYet => "The plan is still being made. Wait for the card to show it.".to_owned(),
        Rejection::NotNow { state } => {
            format!("Nothing was done. {}", stopped(&capital(&foreign(state, 400))))
        }
    }
}

fn not_allowed(right: Right, holders: &[Principal]) -> String {
    match holders {
        [] => format!("Nobody may {} here: the configuration of this environment names no one.", right.verb()),
        holders => format!("You may not {} here; {} may.", right.verb(), principals(holders)),
    }
}

/// A name as the record has it: a Slack user's id, or words.
fn somebody(name: &str) -> String {
    let is_id = name.len() >= 6
        && name.starts_with(['U', 'W'])
        && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    if is_id { user(&crate::incident::ids::UserId::new(name)) } else { foreign(name, 80) }
}
