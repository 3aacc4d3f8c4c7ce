//! What CloudFormation's refusals mean, and what to do: one table.
//!
//! CloudFormation answers nearly everything with `ValidationError`, so the text has to be read. Texts are those of AWS's
//! documentation and of public issues.

use crate::aws::AwsError;
use crate::aws::error::{Effect, ErrorClass};
use crate::incident::step::{Failure, Finding};

/// What a refusal is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The stack's status does not allow the call any more.
    WrongState,
    /// A call with this token was accepted before.
    Accepted,
    /// There is no such stack.
    NoStack,
    /// There is no such change set.
    NoChangeSet,
    /// The change set cannot be executed any more.
    ChangeSetSpent,
    /// There is a change set of this name.
    ChangeSetExists,
    /// Nothing differs.
    NoChanges,
    /// The stack is protected.
    Protected,
    /// The template needs a capability that was not given.
    Capabilities,
    /// It is a nested stack.
    Nested,
    /// A resource to skip may not be skipped.
    NotSkippable,
    /// The template is longer than a request takes.
    TooLong,
    /// A parameter of the template has no value.
    ParameterMissing,
    /// The stack policy forbids a change.
    StackPolicy,
    /// Too many change sets or stacks.
    Limit,
    /// A rollback trigger names an alarm that is gone.
    TriggerMissing,
    /// The role that CloudFormation acts as cannot be used.
    Role,
}

/// What marks each: AWS's code where it says enough, else words of its text in lower case.
const MARKS: &[(&str, Refusal)] = &[
    ("tokenalreadyexists", Refusal::Accepted),
    ("changesetnotfound", Refusal::NoChangeSet),
    ("invalidchangesetstatus", Refusal::ChangeSetSpent),
    ("alreadyexistsexception", Refusal::ChangeSetExists),
    ("insufficientcapabilities", Refusal::Capabilities),
    ("requires capabilities", Refusal::Capabilities),
    ("limitexceeded", Refusal::Limit),
    ("didn't contain changes", Refusal::NoChanges),
    ("no updates are to be performed", Refusal::NoChanges),
    ("cannot be called from current stack status", Refusal::WrongState),
    ("state and can not be updated", Refusal::WrongState),
    ("state and cannot be updated", Refusal::WrongState),
    ("cannot be deleted while terminationprotection is enabled", Refusal::Protected),
    ("changeset [", Refusal::NoChangeSet),
    ("does not exist", Refusal::NoStack),
    ("on child stacks", Refusal::Nested),
    ("non-terminal [", Refusal::WrongState),
    ("cannot be skipped", Refusal::NotSkippable),
    ("allowed to be skipped", Refusal::NotSkippable),
    ("could not be skipped", Refusal::NotSkippable),
    ("only the resources failed during", Refusal::NotSkippable),
    ("nested stack", Refusal::Nested),
    ("do not belong to stack", Refusal::NotSkippable),
    ("that must be skipped", Refusal::NotSkippable),
    ("templatebody' failed to satisfy constraint", Refusal::TooLong),
    ("must have values", Refusal::ParameterMissing),
    ("denied by stack policy", Refusal::StackPolicy),
    ("rollback trigger", Refusal::TriggerMissing),
    ("is invalid or cannot be assumed", Refusal::Role),
];

impl Refusal {
    /// What `text`, AWS's code and message, is about.
    pub fn of_text(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        MARKS.iter().find(|(mark, _)| text.contains(mark)).map(|(_, refusal)| *refusal)
    }

    /// What `error` is about.
    pub fn of(error: &AwsError) -> Option<Self> {
        Self::of_text(&format!("{} {}", error.code.as_deref().unwrap_or_default(), error.message))
    }

    /// What happened, as a sentence for people.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::WrongState => "The stack's status has changed, and CloudFormation does not take this call any more.",
            Self::Accepted => "CloudFormation had accepted this call before.",
            Self::NoStack => "There is no such stack.",
            Self::NoChangeSet => "The change set is gone: somebody deleted it, or updated the stack.",
            Self::ChangeSetSpent => "The change set cannot be executed any more: the stack was updated meanwhile.",
            Self::ChangeSetExists => "There is a change set of this name already.",
            Self::NoChanges => "Nothing differs: the stack has this template and these parameters already.",
            Self::Protected => "Termination protection is on, so CloudFormation does not delete the stack.",
            Self::Capabilities => "The template needs a capability that the stack was not deployed with.",
            Self::Nested => "It is a nested stack, and CloudFormation takes back only whole trees, from their root.",
            Self::NotSkippable => "CloudFormation does not let one of these resources be skipped.",
            Self::TooLong => "The template is longer than the 51,200 bytes that a call takes.",
            Self::ParameterMissing => "A parameter of the earlier template has no value.",
            Self::StackPolicy => "The stack policy forbids a change.",
            Self::Limit => "The account has as many change sets or stacks as it may have.",
            Self::TriggerMissing => "A rollback trigger of the stack names an alarm that does not exist.",
            Self::Role => "CloudFormation cannot use the role that the stack was deployed with.",
        }
    }

    /// What to do, as a sentence.
    pub fn advice(self) -> &'static str {
        match self {
            Self::WrongState => "Retry looks again and does what fits the status that it has then.",
            Self::Accepted => "Nothing has to be done: Rollbot waits for its end.",
            Self::NoStack => "Correct the target's `stack` in rollbot.yml, or deploy the stack again.",
            Self::NoChangeSet | Self::ChangeSetSpent => {
                "Stop this rollback and ask again: a new change set is made from how the stack is then."
            }
            Self::ChangeSetExists => "Delete the change set of this name in the CloudFormation console, then retry.",
            Self::NoChanges => "Nothing has to be done. Name another release to go further back.",
            Self::Protected => {
                "Turn termination protection off in the CloudFormation console if the stack really shall go, then retry."
            }
            Self::Capabilities => {
                "Deploy it once by hand with the capability that the message names, such as CAPABILITY_NAMED_IAM."
            }
            Self::Nested => "Name the root stack in rollbot.yml.",
            Self::NotSkippable => {
                "Choose only resources whose rollback failed; of a nested stack name the resource and not the stack."
            }
            Self::TooLong => {
                "Keep the template in S3 and configure `previous: { s3: … }`, so that its address is sent."
            }
            Self::ParameterMissing => {
                "Add its value to the parameters beside the template in S3, or go back to another release."
            }
            Self::StackPolicy => {
                "A change set cannot override a stack policy. Change the policy in the CloudFormation console, then retry."
            }
            Self::Limit => "Delete change sets that nobody needs in the CloudFormation console, then ask again.",
            Self::TriggerMissing => "Create the alarm again, or remove the trigger from the stack, then retry.",
            Self::Role => "Give the role back its trust in cloudformation.amazonaws.com, then retry.",
        }
    }

    /// Whether the next look may find another way.
    pub fn may_look_again(self) -> bool {
        self == Self::WrongState
    }
}

/// The failure of a step whose call CloudFormation refused, where the refusal is known.
pub fn explained(error: &AwsError) -> Option<Failure> {
    let refusal = Refusal::of(error)?;
    let mut details = vec![error.to_string()];
    details.extend(error.request_id.iter().map(|id| format!("AWS request id {id}")));
    Some(Failure {
        why: refusal.sentence().to_owned(),
        details,
        finding: Finding::Wrong,
        advice: refusal.advice().to_owned(),
        remedies: Vec::new(),
    })
}

/// `error` as one that the next look resolves, where the stack's status has moved on.
#[must_use]
pub fn reclassed(error: AwsError) -> AwsError {
    let moved = error.effect() == Effect::None && Refusal::of(&error).is_some_and(Refusal::may_look_again);
    if moved { error.as_class(ErrorClass::Conflict) } else { error }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// Every text of AWS's documentation and issues that a rollback meets.
    #[rstest]
    #[case("ValidationError CancelUpdateStack cannot be called from current stack status", Refusal::WrongState)]
    #[case(
        "ValidationError Stack:arn:aws:cloudformation:eu-north-1:1:stack/a/b is in UPDATE_IN_PROGRESS state and can not be updated.",
        Refusal::WrongState
    )]
    #[case("TokenAlreadyExistsException ", Refusal::Accepted)]
    #[case("ValidationError Stack with id shop-api does not exist", Refusal::NoStack)]
    #[case("ValidationError Stack [shop-api] does not exist", Refusal::NoStack)]
    #[case("ChangeSetNotFound ChangeSet [rollbot-1] does not exist", Refusal::NoChangeSet)]
    #[case(
        "InvalidChangeSetStatus ChangeSet [arn] cannot be executed in its current execution status of [OBSOLETE]",
        Refusal::ChangeSetSpent
    )]
    #[case("AlreadyExistsException ChangeSet rollbot-1 cannot be created due to a mismatch", Refusal::ChangeSetExists)]
    #[case(
        "The submitted information didn't contain changes. Submit different information to create a change set.",
        Refusal::NoChanges
    )]
    #[case("ValidationError No updates are to be performed.", Refusal::NoChanges)]
    #[case(
        "ValidationError Stack [shop-api] cannot be deleted while TerminationProtection is enabled",
        Refusal::Protected
    )]
    #[case("InsufficientCapabilitiesException Requires capabilities : [CAPABILITY_IAM]", Refusal::Capabilities)]
    #[case("ValidationError RollbackUpdatedStack cannot be invoked on child stacks", Refusal::Nested)]
    #[case("ValidationError RollbackUpdatedStack cannot be called from current stack status", Refusal::WrongState)]
    #[case("Only the resources in UPDATE_FAILED state are allowed to be skipped", Refusal::NotSkippable)]
    #[case("Resources with logicalIds [Queue] do not belong to stack shop-api", Refusal::NotSkippable)]
    #[case("Nested stacks could not be skipped", Refusal::NotSkippable)]
    #[case(
        "ValidationError 1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must \
            have length less than or equal to 51200",
        Refusal::TooLong
    )]
    #[case("ValidationError Parameters: [DbPassword] must have values", Refusal::ParameterMissing)]
    #[case("Action denied by stack policy: Statement [#1] does not allow [Update:*]", Refusal::StackPolicy)]
    #[case("LimitExceededException Maximum number of change sets", Refusal::Limit)]
    #[case("ValidationError Rollback trigger arn:aws:cloudwatch:alarm is missing", Refusal::TriggerMissing)]
    #[case("ValidationError Role arn:aws:iam::1:role/deploy is invalid or cannot be assumed", Refusal::Role)]
    fn each_refusal_has_a_sentence_and_a_remedy(#[case] text: &str, #[case] refusal: Refusal) {
        assert_eq!(Refusal::of_text(text), Some(refusal));
        for said in [refusal.sentence(), refusal.advice()] {
            assert!(said.ends_with('.') && said.len() > 20, "{said}");
        }
    }

    #[test]
    fn what_is_not_known_is_left_in_aws_s_words() {
        assert_eq!(Refusal::of_text("ValidationError something new"), None);
    }
}
