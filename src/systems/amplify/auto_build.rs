//! A branch's automatic builds, held back or let go.
//!
//! Held is what `UpdateBranch` with `enableAutoBuild: false` does: pushes are not built any more; what is under way goes
//! on. Amplify does not say who turned builds off, so only the journal tells Rollbot's own work from that of others: an
//! order to turn them off is recorded before the call, and only after they were seen to be on.

use std::time::Duration;

use super::app;
use super::auto_build_act::{self, BuildsDo, BuildsReceipt};
use super::auto_build_judge;
use super::inventory::Pushes;
use super::job::Job;
use super::look;
use crate::aws::{Aws, AwsError};
use crate::incident::freeze::{Direction, Freeze};
use crate::incident::freeze_work::{AutoBuild, FreezeWork};
use crate::incident::ids::{Resource, StepId};
use crate::incident::plan::{Need, Step};
use crate::incident::time::Now;
use crate::incident::work::Work;
use crate::systems::step_kind::{Acted, Judgement, StepJournal, StepKind};

/// After how long it has failed: one call, and a look.
const DEADLINE: Duration = Duration::from_mins(5);
/// How long it usually takes.
const ESTIMATE: Duration = Duration::from_secs(5);

/// What is wanted of a branch's automatic builds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AutoBuildOrder {
    /// The app's id.
    pub app: String,
    /// What people call the app.
    pub name: String,
    /// The branch.
    pub branch: String,
    /// Held or let go.
    pub direction: Direction,
}

/// What was seen of a branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildsSeen {
    /// What a push does.
    pub pushes: Pushes,
    /// The jobs that are not over.
    pub under_way: Vec<Job>,
}

impl AutoBuildOrder {
    /// What the record of `freeze` wants.
    pub fn of(freeze: &Freeze, work: &AutoBuild) -> Self {
        Self {
            app: app_of(freeze.resource.as_str()).to_owned(),
            name: work.app.clone(),
            branch: work.branch.clone(),
            direction: freeze.direction.clone(),
        }
    }
}

/// The app's id in a branch's ARN: `arn:aws:amplify:…:apps/<id>/branches/<branch>`.
fn app_of(arn: &str) -> &str {
    let rest = arn.split_once("apps/").map_or("", |(_, rest)| rest);
    rest.split_once('/').map_or(rest, |(id, _)| id)
}

impl StepKind for AutoBuildOrder {
    type Seen = BuildsSeen;
    type Do = BuildsDo;
    type Receipt = BuildsReceipt;

    async fn observe(&self, aws: &Aws, _journal: &StepJournal<'_>) -> Result<BuildsSeen, AwsError> {
        let seen = look::seen(aws, &self.app, &self.branch, |_, _| None).await?;
        let under_way = seen.jobs.into_iter().filter(Job::goes_on).collect();
        Ok(BuildsSeen { pushes: seen.branch.pushes, under_way })
    }

    fn judge(&self, seen: &BuildsSeen, journal: &StepJournal<'_>, now: Now) -> Judgement<BuildsDo> {
        auto_build_judge::judge(self, seen, journal, now)
    }

    async fn act(&self, aws: &Aws, what: &BuildsDo, _key: &str) -> Result<Acted<BuildsReceipt>, AwsError> {
        auto_build_act::act(aws, what).await
    }
}

/// What is locked and recorded: the branch, by its ARN.
///
/// # Errors
/// When AWS does not answer, or there is no such app or branch.
pub async fn resource(aws: &Aws, work: &AutoBuild) -> Result<Resource, AwsError> {
    let app = app::find(aws, &work.app).await?;
    let branch = look::branch(aws, &app, &work.branch).await?;
    Ok(Resource::new(branch.arn))
}

/// The step that holds the automatic builds of `work`. Whether they are off already makes no difference: what is approved
/// is that they shall be.
pub fn step(work: &AutoBuild, resource: Resource) -> Step {
    let work = FreezeWork::AutoBuild(work.clone());
    Step {
        id: StepId::new(format!("freeze/{}", work.name().replace(" of ", "/"))),
        title: work.title(),
        resource,
        from: None,
        to: None,
        chosen: None,
        verbs: vec!["UpdateBranch".to_owned()],
        loses: Vec::new(),
        need: Need::Required,
        deadline: DEADLINE,
        estimate: ESTIMATE,
        work: Work::Freeze(work),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_app_is_in_the_arn() {
        assert_eq!(app_of("arn:aws:amplify:eu-north-1:123456789012:apps/d1a2b3/branches/release/1"), "d1a2b3");
    }
}
