//! What is done to a stack: each call with one attempt and with a client token, which CloudFormation puts on every event
//! that the call leads to.

use aws_types::request_id::RequestId as _;
use serde::{Deserialize, Serialize};

use super::refusal::{Refusal, reclassed};
use crate::aws::{Aws, AwsError};
use crate::systems::step_kind::Acted;

/// What is to be done. In the journal it bears AWS's own verb.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb")]
pub enum Do {
    /// `CancelUpdateStack`: CloudFormation takes the update in progress back.
    #[serde(rename = "CancelUpdateStack")]
    Cancel(Order),
    /// `RollbackStack`: CloudFormation goes back to the last good state.
    #[serde(rename = "RollbackStack")]
    RollBack(Order),
    /// `ContinueUpdateRollback`: CloudFormation goes on with a rollback that got stuck.
    #[serde(rename = "ContinueUpdateRollback")]
    Continue {
        /// The order.
        #[serde(flatten)]
        order: Order,
        /// The resources that stay as they are. Chosen by a person.
        skip: Vec<String>,
    },
    /// `ExecuteChangeSet`.
    #[serde(rename = "ExecuteChangeSet")]
    Execute {
        /// The order.
        #[serde(flatten)]
        order: Order,
        /// The change set's ARN.
        change_set: String,
    },
    /// `DeleteStack`.
    #[serde(rename = "DeleteStack")]
    Delete(Order),
}

/// What every call has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The stack's ARN.
    pub stack: String,
    /// The client token. The same call done again has the same, so that CloudFormation does it once.
    pub token: String,
    /// The id of the newest event before the call: what is newer may be its effect.
    pub after: Option<String>,
}

/// What CloudFormation answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The operation's id, where CloudFormation gives one.
    pub operation: Option<String>,
    /// Which call it was that CloudFormation took.
    pub taken: Taken,
}

/// Which call it was that CloudFormation took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Taken {
    /// This one.
    Now,
    /// An earlier one with the same token, whose reply was lost.
    Before,
}

impl Do {
    /// The order in it.
    pub fn order(&self) -> &Order {
        match self {
            Self::Cancel(order)
            | Self::RollBack(order)
            | Self::Delete(order)
            | Self::Continue { order, .. }
            | Self::Execute { order, .. } => order,
        }
    }

    /// AWS's name of the call.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Cancel(_) => "CancelUpdateStack",
            Self::RollBack(_) => "RollbackStack",
            Self::Continue { .. } => "ContinueUpdateRollback",
            Self::Execute { .. } => "ExecuteChangeSet",
            Self::Delete(_) => "DeleteStack",
        }
    }
}

/// A client token made of a key: letters, digits and hyphens, at most 128, beginning with a letter or digit.
pub fn token(key: &str) -> String {
    /// CloudFormation's own limit.
    const LONGEST: usize = 128;
    let plain: String = key.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect();
    // What tells two keys apart is at the end.
    let start = plain.len().saturating_sub(LONGEST);
    plain.get(start..).unwrap_or(&plain).trim_start_matches('-').to_owned()
}

/// Does it, once.
///
/// # Errors
/// [`AwsError::effect`] says whether it may have happened all the same.
pub async fn act(aws: &Aws, what: &Do) -> Result<Acted<Receipt>, AwsError> {
    match call(aws, what).await {
        Ok((operation, request_id)) => Ok(Acted { receipt: Receipt { operation, taken: Taken::Now }, request_id }),
        Err(error) if Refusal::of(&error) == Some(Refusal::Accepted) => {
            Ok(Acted { receipt: Receipt { operation: None, taken: Taken::Before }, request_id: error.request_id })
        }
        Err(error) => Err(reclassed(error)),
    }
}

type Answered = (Option<String>, Option<String>);

async fn call(aws: &Aws, what: &Do) -> Result<Answered, AwsError> {
    let cloudformation = &aws.writes().cloudformation;
    let Order { stack, token, .. } = what.order();
    match what {
        Do::Cancel(_) => {
            let answer =
                cloudformation.cancel_update_stack().stack_name(stack).client_request_token(token).send().await;
            let answer = answer.map_err(|error| AwsError::of("cloudformation", "CancelUpdateStack", &error))?;
            Ok((None, answer.request_id().map(str::to_owned)))
        }
        Do::RollBack(_) => {
            let answer = cloudformation.rollback_stack().stack_name(stack).client_request_token(token).send().await;
            let answer = answer.map_err(|error| AwsError::of("cloudformation", "RollbackStack", &error))?;
            let request_id = answer.request_id().map(str::to_owned);
            Ok((answer.operation_id, request_id))
        }
        Do::Continue { skip, .. } => {
            let answer = cloudformation
                .continue_update_rollback()
                .stack_name(stack)
                .client_request_token(token)
                .set_resources_to_skip((!skip.is_empty()).then(|| skip.clone()))
                .send()
                .await;
            let answer = answer.map_err(|error| AwsError::of("cloudformation", "ContinueUpdateRollback", &error))?;
            Ok((None, answer.request_id().map(str::to_owned)))
        }
        Do::Execute { change_set, .. } => {
            let answer = cloudformation
                .execute_change_set()
                // By its ARN, beside which no stack is named.
                .change_set_name(change_set)
                .client_request_token(token)
                // The documentation gives true as the default: a failed update would stay where it failed.
                .disable_rollback(false)
                .send()
                .await;
            let answer = answer.map_err(|error| AwsError::of("cloudformation", "ExecuteChangeSet", &error))?;
            Ok((None, answer.request_id().map(str::to_owned)))
        }
        Do::Delete(_) => {
            let answer = cloudformation.delete_stack().stack_name(stack).client_request_token(token).send().await;
            let answer = answer.map_err(|error| AwsError::of("cloudformation", "DeleteStack", &error))?;
            Ok((None, answer.request_id().map(str::to_owned)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_what_cloudformation_takes_and_the_same_for_the_same_key() {
        assert_eq!(token("rb-7k3fq-api_stack/x-1"), "rb-7k3fq-api-stack-x-1");
        let long = token(&format!("rb-7k3fq-{}-12", "a".repeat(200)));
        assert!(long.len() <= 128 && long.ends_with("-12"), "{long}");
    }

    #[test]
    fn the_journal_bears_the_verb() {
        let order = Order { stack: "arn".to_owned(), token: "t".to_owned(), after: None };
        let what = Do::Continue { order, skip: vec!["Queue".to_owned()] };
        let json = serde_json::to_value(&what).unwrap();
        assert_eq!((json["verb"].as_str(), json["token"].as_str()), (Some("ContinueUpdateRollback"), Some("t")));
        assert_eq!(serde_json::from_value::<Do>(json).unwrap(), what);
    }
}
