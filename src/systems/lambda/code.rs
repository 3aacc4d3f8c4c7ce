//! What follows from what was seen of a function without an alias, and from what was done so far. Pure but for the look.
//!
//! | what was seen of `$LATEST` | what follows |
//! |---|---|
//! | it is being updated | wait |
//! | other code than the version's: that of the plan | `UpdateFunctionCode`, for the `RevisionId` that was seen |
//! | other code: neither the plan's nor the version's | fail: somebody else has deployed |
//! | the version's code, other settings | `UpdateFunctionConfiguration`, for the `RevisionId` of now |
//! | the version's code and settings | done |
//!
//! An act whose reply was lost is done again: with the same `RevisionId` it can only happen once.

use serde_json::json;

use super::act::Do;
use super::inventory::{Code, LATEST, short};
use super::judge::{Past, failure, is_outrun, is_unseen, not_ready, outrun};
use super::look;
use crate::aws::{Aws, AwsError};
use crate::incident::lambda::VersionBack;
use crate::incident::step::{Evidence, Finding};
use crate::incident::time::Now;
use crate::systems::step_kind::{Judgement, Outcome};

/// What was seen of a function without an alias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeSeen {
    /// `$LATEST`.
    pub latest: Code,
    /// The version that it shall be like.
    pub version: Code,
}

/// Looks at `$LATEST` and the version.
///
/// # Errors
/// When AWS does not answer or refuses.
pub(super) async fn observe(aws: &Aws, back: &VersionBack) -> Result<CodeSeen, AwsError> {
    let (latest, version) = futures::future::try_join(
        look::code(aws, &back.function, LATEST),
        look::code(aws, &back.function, &back.version),
    )
    .await?;
    Ok(CodeSeen { latest, version })
}

/// What follows; `own` are the acts of this attempt.
pub fn judge(back: &VersionBack, seen: &CodeSeen, own: &[&Past], now: Now) -> Judgement<Do> {
    let VersionBack { function, version, .. } = back;
    let CodeSeen { latest, version: wanted } = seen;
    if let Some(waiting) = not_ready(function, latest, own) {
        return waiting;
    }
    let changes = latest.settings.changes_to(&wanted.settings);
    if latest.sha256 == back.to && changes.is_empty() {
        return Judgement::Done {
            evidence: vec![
                Evidence::new(format!(
                    "{function} has the code of version {version} (CodeSha256 {}).",
                    short(&latest.sha256)
                )),
                Evidence::new(format!("Its settings are those of version {version}, environment variables included.")),
            ],
            output: json!({"version": version, "code": latest.sha256}),
        };
    }
    if own.iter().any(|entry| is_accepted(entry) && is_unseen(entry, &latest.revision, now)) {
        return Judgement::Wait(format!("AWS accepted the order for {function}, and does not show it yet"));
    }
    if latest.sha256 != back.to && (latest.sha256 != back.from || own_code_was_accepted(own)) {
        return Judgement::Failed(failure(
            format!(
                "Somebody else has deployed {function}: its code is {} now, and was to go from {} to {} (version \
                 {version}).",
                short(&latest.sha256),
                short(&back.from),
                short(&back.to)
            ),
            Finding::Wrong,
            "Hold deployments back. If this is what shall run, Stop; else Stop and ask for the rollback again, from what \
             runs now.",
        ));
    }
    if is_outrun(own) {
        return Judgement::Failed(outrun(function));
    }
    if let Some(why) = latest.settings.unreadable.as_ref().or(wanted.settings.unreadable.as_ref()) {
        return Judgement::Failed(failure(
            format!("The environment variables of {function} cannot be read: {}.", why.trim_end_matches('.')),
            Finding::Wrong,
            "Let Rollbot's role decrypt them (kms:Decrypt on the function's key), then Retry.",
        ));
    }
    let revision = latest.revision.clone();
    Judgement::Act(if latest.sha256 == back.to {
        Do::UpdateFunctionConfiguration { like: Some(version.clone()), sets: changes, revision }
    } else {
        Do::UpdateFunctionCode { version: version.clone(), sha256: back.to.clone(), revision }
    })
}

fn own_code_was_accepted(own: &[&Past]) -> bool {
    own.iter().any(|entry| is_accepted(entry) && matches!(entry.what, Do::UpdateFunctionCode { .. }))
}

fn is_accepted(entry: &Past) -> bool {
    matches!(entry.outcome, Outcome::Accepted(_))
}
