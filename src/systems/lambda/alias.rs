//! What follows from what was seen of an alias, and from what was done so far. Pure but for the look.
//!
//! | what was seen | what follows |
//! |---|---|
//! | it points at the version, and no other gets calls | prove it: the version can be called, its provisioned concurrency is there |
//! | it points where the plan says, or has a weight left | `UpdateAlias`, emptying the weights, for the `RevisionId` that was seen |
//! | the same, and a deployment of `CodeDeploy` drives it | fail: that deployment would move it again |
//! | the same, and the version cannot be called | fail |
//! | it points elsewhere | fail: somebody else has moved it |
//! | a `RevisionId` was outrun, and it points where the plan says | once more |
//!
//! An act whose reply was lost is done again: with the same `RevisionId` it can only happen once.

use serde_json::json;

use super::act::Do;
use super::inventory::{Alias, Code, Provisioned, short};
use super::judge::{Past, accepted, failure, is_outrun, is_unseen, outrun};
use super::look;
use super::shifting::{self, Shifting};
use crate::aws::{Aws, AwsError};
use crate::incident::lambda::AliasFlip;
use crate::incident::step::{Evidence, Failure, Finding};
use crate::incident::time::Now;
use crate::systems::step_kind::Judgement;

/// What was seen of an alias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AliasSeen {
    /// The alias.
    pub alias: Alias,
    /// The version that it shall point at.
    pub target: Code,
    /// Its provisioned concurrency, if it has any.
    pub provisioned: Option<Provisioned>,
    /// Whether a deployment of `CodeDeploy` drives it; looked at only while it still has to be moved.
    pub shifting: Shifting,
}

/// Looks at the alias and the version that it shall point at.
///
/// # Errors
/// When AWS does not answer or refuses.
pub(super) async fn observe(aws: &Aws, flip: &AliasFlip) -> Result<AliasSeen, AwsError> {
    let (alias, target, provisioned) = futures::future::try_join3(
        look::alias(aws, &flip.function, &flip.alias),
        look::code(aws, &flip.function, &flip.to),
        look::provisioned(aws, &flip.function, &flip.alias),
    )
    .await?;
    let shifting =
        if is_there(flip, &alias) { Shifting::No } else { shifting::look(aws, &flip.function, &flip.alias).await? };
    Ok(AliasSeen { alias, target, provisioned, shifting })
}

/// Whether the alias points at the version, and no other gets calls.
fn is_there(flip: &AliasFlip, alias: &Alias) -> bool {
    alias.version == flip.to && alias.weights.is_empty()
}

/// What follows; `own` are the acts of this attempt.
pub fn judge(flip: &AliasFlip, seen: &AliasSeen, own: &[&Past], now: Now) -> Judgement<Do> {
    let AliasSeen { alias, target, shifting, .. } = seen;
    if is_there(flip, alias) {
        return proof(flip, seen);
    }
    if let Some(entry) = accepted(own) {
        if is_unseen(entry, &alias.revision, now) {
            return Judgement::Wait(format!("AWS accepted the order for {}, and does not show it yet", flip.alias));
        }
        return Judgement::Failed(moved(flip, alias));
    }
    if alias.version != flip.from && alias.version != flip.to {
        return Judgement::Failed(moved(flip, alias));
    }
    // What could not be looked at stands on the card, and was approved.
    if let Shifting::By { deployment } = shifting {
        return Judgement::Failed(driven(flip, deployment));
    }
    match target.standing.status.as_str() {
        "Failed" => return Judgement::Failed(unusable(flip, target)),
        "Pending" => return Judgement::Wait(format!("version {} is getting ready to be called", flip.to)),
        _ => {}
    }
    if is_outrun(own) {
        return Judgement::Failed(outrun(&format!("the alias {}", flip.alias)));
    }
    Judgement::Act(Do::UpdateAlias {
        alias: flip.alias.clone(),
        version: flip.to.clone(),
        revision: alias.revision.clone(),
    })
}

fn moved(flip: &AliasFlip, alias: &Alias) -> Failure {
    let weights: Vec<String> =
        alias.weights.iter().map(|(version, weight)| format!("{weight} of its calls on version {version}")).collect();
    let weights = if weights.is_empty() { String::new() } else { format!(", with {}", weights.join(" and ")) };
    failure(
        format!(
            "Somebody else has moved the alias {}: it points at version {}{weights}, and was to go from {} to {}.",
            flip.alias, alias.version, flip.from, flip.to
        ),
        Finding::Wrong,
        "Hold deployments back. If this is what shall run, Stop; else Stop and ask for the rollback again, from what runs \
         now.",
    )
}

fn driven(flip: &AliasFlip, deployment: &str) -> Failure {
    failure(
        format!(
            "CodeDeploy moves the traffic of the alias {} right now (deployment {deployment}), and would go on after Rollbot.",
            flip.alias
        ),
        Finding::Wrong,
        &format!("Nothing was changed. {} Then Retry.", shifting::way_out(deployment)),
    )
}

fn unusable(flip: &AliasFlip, target: &Code) -> Failure {
    failure(
        format!("Version {} of {} cannot be called: {}.", flip.to, flip.function, target.standing.why()),
        Finding::Wrong,
        "Correct what the reason names, then Retry; or Stop and ask for another version with `to <version>`.",
    )
}

fn proof(flip: &AliasFlip, seen: &AliasSeen) -> Judgement<Do> {
    let AliasSeen { target, provisioned, .. } = seen;
    let mut evidence = vec![Evidence::new(format!(
        "The alias {} points at version {} (code {}), and no other version gets a part of its calls.",
        flip.alias,
        flip.to,
        short(&target.sha256)
    ))];
    match target.standing.status.as_str() {
        "Failed" => return Judgement::Failed(unusable(flip, target)),
        "Pending" => return Judgement::Wait(format!("version {} is getting ready to be called", flip.to)),
        "Inactive" => evidence
            .push(Evidence::new(format!("Version {} had been idle: the first call wakes it, and may fail.", flip.to))),
        _ => {}
    }
    if let Some(provisioned) = provisioned {
        match provisioned.status.as_str() {
            "IN_PROGRESS" => {
                return Judgement::Wait(format!(
                    "{} of {} instances of version {} are warm (provisioned concurrency)",
                    provisioned.available, provisioned.requested, flip.to
                ));
            }
            "FAILED" => evidence.push(Evidence::new(format!(
                "Its provisioned concurrency could not be set up, so calls start cold: {}.",
                provisioned.reason.as_deref().unwrap_or("AWS does not say why").trim_end_matches('.')
            ))),
            _ => evidence.push(Evidence::new(format!("{} instances are kept warm.", provisioned.available))),
        }
    }
    Judgement::Done { evidence, output: json!({"alias": flip.alias, "version": flip.to, "code": target.sha256}) }
}
