//! What a look at a running step finds: the pipeline, its newest executions, and what the step's own one does.

use aws_sdk_codepipeline::types::{ActionExecutionDetail, ActionExecutionFilter};
use jiff::Timestamp;

use super::act::{Do, Receipt};
use super::inventory::{Execution, Pipeline};
use super::look;
use crate::aws::time::timestamp;
use crate::aws::{Aws, AwsError};
use crate::incident::pipeline::PipelineStage;
use crate::systems::step_kind::{Entry, Outcome, StepJournal};

/// How many executions are looked at: the step's own one is among the newest.
const EXECUTIONS: i32 = 50;
/// How far AWS's clock may be behind ours, in seconds.
const SKEW: i64 = 5;

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seen {
    /// The pipeline and its state.
    pub pipeline: Pipeline,
    /// The newest executions, newest first.
    pub executions: Vec<Execution>,
    /// What the step's own execution did by its actions, newest first.
    pub actions: Vec<Action>,
}

/// What an execution did by an action.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Action {
    /// The stage.
    pub stage: String,
    /// The action.
    pub name: String,
    /// `InProgress`, `Abandoned`, `Succeeded` or `Failed`.
    pub status: String,
    /// Whether it is a manual approval.
    pub is_approval: bool,
    /// What went wrong, in AWS's words.
    pub error: Option<String>,
    /// Where one can look at what it does.
    pub url: Option<String>,
    /// When it began.
    pub started_at: Option<Timestamp>,
}

/// Looks.
///
/// # Errors
/// When AWS does not answer or refuses, or there is no such pipeline any more.
pub async fn observe(aws: &Aws, work: &PipelineStage, journal: &StepJournal<'_>) -> Result<Seen, AwsError> {
    // One after the other: an execution that the state names must be among those that are listed after it.
    let pipeline = look::pipeline(aws, &work.pipeline).await?;
    let executions = look::executions(aws, &work.pipeline, EXECUTIONS).await?;
    let actions = match own(&executions, journal) {
        Some(execution) => actions(aws, &work.pipeline, &execution.id).await?,
        None => Vec::new(),
    };
    Ok(Seen { pipeline, executions, actions })
}

/// The execution that this step began, as far as it can be told: by the receipt, else by what the lost act would have
/// made. Pure.
pub fn own<'a>(executions: &'a [Execution], journal: &StepJournal<'_>) -> Option<&'a Execution> {
    let entries: Vec<Entry<Do, Receipt>> = journal.entries().unwrap_or_default();
    let is_known = |id: &str| {
        entries
            .iter()
            .any(|entry| matches!(&entry.outcome, Outcome::Accepted(Receipt::Began { execution }) if execution == id))
    };
    let mut relevant =
        entries.iter().rev().filter(|entry| entry.attempt == journal.attempt || is_open(entry, executions));
    relevant.find_map(|entry| match (&entry.outcome, &entry.what) {
        (Outcome::Accepted(Receipt::Began { execution }), _) => executions.iter().find(|known| known.id == *execution),
        (Outcome::Unknown, Do::RollbackStage { target, .. }) => {
            executions.iter().rev().find(|known| !is_known(&known.id) && made_by(known, target, entry.at))
        }
        (Outcome::Unknown | Outcome::Refused(_) | Outcome::Accepted(Receipt::Changed), _) => None,
    })
}

/// Whether an entry of an earlier attempt began an execution that still goes on.
fn is_open(entry: &Entry<Do, Receipt>, executions: &[Execution]) -> bool {
    match &entry.outcome {
        Outcome::Accepted(Receipt::Began { execution }) => {
            executions.iter().any(|known| known.id == *execution && !known.is_over())
        }
        Outcome::Accepted(Receipt::Changed) | Outcome::Unknown | Outcome::Refused(_) => false,
    }
}

/// Whether an execution is what a `RollbackStage` to `target` at this time made.
fn made_by(execution: &Execution, target: &str, at: Timestamp) -> bool {
    let earliest = at.checked_sub(jiff::SignedDuration::from_secs(SKEW)).unwrap_or(at);
    execution.is_rollback
        && execution.rollback_of.as_deref() == Some(target)
        && execution.started_at.is_some_and(|started| started >= earliest)
}

async fn actions(aws: &Aws, pipeline: &str, execution: &str) -> Result<Vec<Action>, AwsError> {
    let filter = ActionExecutionFilter::builder().pipeline_execution_id(execution).build();
    let call = aws.reads().codepipeline.list_action_executions().pipeline_name(pipeline).filter(filter);
    let answer = call.send().await.map_err(|error| AwsError::of("codepipeline", "ListActionExecutions", &error))?;
    Ok(answer.action_execution_details.unwrap_or_default().into_iter().map(action).collect())
}

fn action(told: ActionExecutionDetail) -> Action {
    let result = told.output.and_then(|output| output.execution_result);
    let error = result.as_ref().and_then(|result| result.error_details.as_ref()).map(|error| {
        let (code, message) = (error.code.as_deref(), error.message.as_deref().unwrap_or_default());
        code.map_or_else(|| message.to_owned(), |code| format!("{code}: {message}"))
    });
    Action {
        stage: told.stage_name.unwrap_or_default(),
        name: told.action_name.unwrap_or_default(),
        status: told.status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
        is_approval: told
            .input
            .and_then(|input| input.action_type_id)
            .is_some_and(|kind| kind.category.as_str() == "Approval"),
        error,
        url: result.and_then(|result| result.external_execution_url),
        started_at: told.start_time.and_then(timestamp),
    }
}
