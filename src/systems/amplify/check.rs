//! Whether visitors of a branch still get what they should: a check, for as long as the rollback is watched.

use super::app;
use super::inventory::{BranchSeen, Followed};
use super::job::Stand;
use super::look;
use super::wanted::{Builds, builds, wanted};
use crate::aws::{Aws, AwsError};
use crate::incident::amplify::AmplifyCheck;

/// What the active job says, as a sentence without a full stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Showing {
    /// It is what it should be.
    Wanted(String),
    /// It is something else, or nothing good.
    Other(String),
    /// Nobody can tell.
    Untold(String),
}

/// Looks once.
pub async fn look(check: &AmplifyCheck, aws: &Aws) -> Showing {
    match seen(check, aws).await {
        Ok(seen) => judge(check, &seen),
        Err(error) => Showing::Untold(error.to_string()),
    }
}

async fn seen(check: &AmplifyCheck, aws: &Aws) -> Result<BranchSeen, AwsError> {
    let app = match &check.back {
        Some(work) => work.app.clone(),
        None => app::find(aws, &check.app).await?.id,
    };
    look::seen(aws, &app, &check.branch, |branch, _| branch.active.clone()).await
}

/// What the active job says. Pure.
fn judge(check: &AmplifyCheck, seen: &BranchSeen) -> Showing {
    let Some(Followed { job, .. }) = &seen.followed else {
        return Showing::Other(format!("{} shows nothing: it has no active job", check.branch));
    };
    if job.stand() != Stand::Succeeded {
        return Showing::Other(format!("{} is active and did not succeed ({})", job.whole(), job.status));
    }
    match check.back.as_ref().map(|work| (builds(work, job), wanted(work))) {
        None | Some((Builds::Wanted, _)) => Showing::Wanted(format!("{} is active", job.whole())),
        Some((Builds::SomethingElse(_), wanted)) => {
            Showing::Other(format!("{} has been deployed over {wanted}", job.whole()))
        }
        Some((Builds::Unsaid, wanted)) => {
            Showing::Untold(format!("Amplify does not say whether {} is {wanted}", job.name()))
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::fixtures::{BAD, GOOD, following, job, rebuild, seen};
    use super::*;
    #[rstest]
    #[case::wanted(GOOD, "SUCCEED", Showing::Wanted("job 9 of 2b7e4d60 is active".to_owned()))]
    #[case::over(BAD, "SUCCEED", Showing::Other("job 9 of 3c9d5e71 has been deployed over 2b7e4d60".to_owned()))]
    #[case::unsaid("", "SUCCEED", Showing::Untold("Amplify does not say whether job 9 is 2b7e4d60".to_owned()))]
    #[case::failed(GOOD, "FAILED", Showing::Other("job 9 of 2b7e4d60 is active and did not succeed (FAILED)".to_owned()))]
    fn the_active_job_has_to_be_what_was_gone_back_to(
        #[case] commit: &str,
        #[case] status: &str,
        #[case] showing: Showing,
    ) {
        let work = rebuild();
        let check = AmplifyCheck { app: "shop".to_owned(), branch: "main".to_owned(), back: Some(Box::new(work)) };
        assert_eq!(judge(&check, &following(vec![job(9, commit, status, 0)], 9, &[])), showing);
    }

    #[test]
    fn a_branch_that_is_not_taken_back_has_to_show_something() {
        let check = AmplifyCheck { app: "shop".to_owned(), branch: "main".to_owned(), back: None };
        assert!(matches!(judge(&check, &seen(Vec::new(), 9)), Showing::Other(_)));
        let shows = following(vec![job(9, BAD, "SUCCEED", 0)], 9, &[]);
        assert!(matches!(judge(&check, &shows), Showing::Wanted(_)));
    }
}
