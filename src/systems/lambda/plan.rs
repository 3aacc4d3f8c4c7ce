//! Makes the step that takes a function back. Pure.

use std::time::Duration;

use super::act::LARGEST_ZIP;
use super::inventory::{AliasInventory, Code, LATEST, LambdaInventory, Package, Standing, short};
use super::releases::{present, release};
use super::shifting::{self, Shifting};
use super::target::{Choice, choose};
use crate::incident::ids::{Resource, StepId};
use crate::incident::lambda::{AliasFlip, LambdaWork, VersionBack};
use crate::incident::plan::{Need, Step};
use crate::incident::release::Release;
use crate::incident::work::Work;
use crate::systems::planned::{PlanRefusal, Planned, ProvedRelease};

/// Pointing an alias elsewhere takes a second; looking whether it holds takes some more.
const FLIP: Duration = Duration::from_secs(10);
/// How long an alias may take: a version that is getting ready takes a minute or two.
const FLIP_AT_MOST: Duration = Duration::from_mins(10);
/// How long warming up takes at the most: Lambda allocates up to 6,000 instances a minute.
const WARMING_AT_MOST: Duration = Duration::from_mins(30);
/// Code, then settings, each some seconds; functions in a VPC take longer.
const CODE: Duration = Duration::from_secs(40);
/// As long as AWS's own waiter waits for each of the two.
const CODE_AT_MOST: Duration = Duration::from_mins(10);

/// What is to be done to go back to `to`, or to the release before. `proved` is Rollbot's own record, newest first.
///
/// # Errors
/// Why that is not possible, in a sentence that says what to do.
pub fn plan(inventory: &LambdaInventory, to: Option<&str>, proved: &[ProvedRelease]) -> Result<Planned, PlanRefusal> {
    let choice = choose(inventory, to, proved)?;
    usable(inventory, choice.code)?;
    match &inventory.alias {
        Some(alias) => of_alias(inventory, alias, &choice),
        None => of_latest(inventory, &choice),
    }
}

/// Refuses a version that cannot be called.
fn usable(inventory: &LambdaInventory, code: &Code) -> Result<(), PlanRefusal> {
    let Some(standing) = inventory.states.get(&code.version).filter(|standing| standing.status == "Failed") else {
        return Ok(());
    };
    Err(PlanRefusal::new(format!(
        "Version {} of {} cannot be called: {}. Ask for another version with `to <version>`.",
        code.version,
        inventory.spec.function,
        why_failed(standing)
    )))
}

fn why_failed(standing: &Standing) -> String {
    let known = match standing.code.as_deref() {
        Some("InvalidRuntime") => "AWS does not run its runtime any more",
        Some("ImageDeleted") => "its container image was deleted from ECR",
        Some("ImageAccessDenied") => "Lambda may not read its container image in ECR any more",
        Some("KMSKeyNotFound" | "DisabledKMSKey" | "KMSKeyAccessDenied" | "InvalidStateKMSKey") => {
            "the KMS key of its environment variables cannot be used"
        }
        _ => return standing.why(),
    };
    format!("{known}; {}", standing.why())
}

fn of_alias(inventory: &LambdaInventory, found: &AliasInventory, choice: &Choice<'_>) -> Result<Planned, PlanRefusal> {
    let AliasInventory { alias, callers, provisioned, shifting } = found;
    let (function, code) = (&inventory.spec.function, choice.code);
    let target = release(code);
    if alias.version == code.version && alias.weights.is_empty() {
        let why = format!("The alias {} of {function} points at version {} already.", alias.name, code.version);
        return Ok(Planned::NothingToDo { release: target, why });
    }
    if let Shifting::By { deployment } = shifting {
        return Err(PlanRefusal::new(format!(
            "CodeDeploy is shifting the traffic of the alias {} right now (deployment {deployment}), and would go on. {} Then \
             ask again if the alias is not back by itself.",
            alias.name,
            shifting::way_out(deployment)
        )));
    }
    let now = inventory.present().unwrap_or(&inventory.latest);
    let mut warnings = choice.doubts.clone();
    if alias.version != code.version {
        warnings.extend(changes(now, code));
    }
    warnings.extend(alias.weights.iter().map(|(version, weight)| {
        format!("Version {version} gets {weight} of the calls to {} now; that is taken away.", alias.name)
    }));
    warnings.extend(callers.warning(function, &alias.name));
    if let Shifting::Unseen(why) = shifting {
        warnings.push(format!(
            "Whether CodeDeploy is shifting the traffic of {} right now could not be seen: {why}.",
            alias.name
        ));
    }
    if let Some(provisioned) = provisioned {
        warnings.push(format!(
            "{} instances are kept warm for {} (provisioned concurrency): Lambda warms up version {} anew, and calls start \
             cold until then. Rollbot waits for that.",
            provisioned.requested, alias.name, code.version
        ));
    }
    warnings.extend(idle(inventory, code));
    warnings.extend(owned(inventory.stack.as_deref(), function));
    let deadline = if provisioned.is_some() { WARMING_AT_MOST } else { FLIP_AT_MOST };
    let work = LambdaWork::Alias(AliasFlip {
        function: function.clone(),
        alias: alias.name.clone(),
        from: alias.version.clone(),
        to: code.version.clone(),
    });
    let step = Step {
        verbs: vec!["UpdateAlias".to_owned()],
        chosen: Some(choice.how.clone()),
        ..step(inventory, alias.arn.clone(), target, (FLIP, deadline), work)
    };
    Ok(Planned::Steps { steps: vec![step], warnings })
}

fn of_latest(inventory: &LambdaInventory, choice: &Choice<'_>) -> Result<Planned, PlanRefusal> {
    let (function, latest, code) = (&inventory.spec.function, &inventory.latest, choice.code);
    let target = release(code);
    let differing = latest.settings.changes_to(&code.settings);
    if latest.is_same_code(code) && differing.is_empty() {
        let why = format!("{function} has the code and the settings of version {} already.", code.version);
        return Ok(Planned::NothingToDo { release: target, why });
    }
    if code.package == Package::Zip && usize::try_from(code.size).is_ok_and(|size| size > LARGEST_ZIP) {
        return Err(PlanRefusal::new(format!(
            "The code of version {} of {function} is {} MB as a zip, and Lambda takes no more than 50 MB in a request. \
             Deploy it from S3, or give the function an alias: that needs no copy.",
            code.version,
            code.size / (1024 * 1024)
        )));
    }
    for side in [latest, code] {
        if let Some(why) = &side.settings.unreadable {
            return Err(PlanRefusal::new(format!(
                "The environment variables of {function} ({}) cannot be read: {}. Let Rollbot's role decrypt them \
                 (kms:Decrypt on the function's key), then ask again.",
                side.version,
                why.trim_end_matches('.')
            )));
        }
    }
    let mut chosen = vec![choice.how.clone()];
    if latest.is_same_code(code) {
        chosen.push("The code is the same; only the settings go back.".to_owned());
    } else {
        chosen.push(
            "No alias is configured, so $LATEST gets that code and those settings whole; what was set since goes."
                .to_owned(),
        );
    }
    let mut warnings = choice.doubts.clone();
    warnings.extend(changes(latest, code));
    let staying: Vec<String> = inventory
        .aliases
        .iter()
        .filter(|(_, version)| version != LATEST)
        .map(|(alias, version)| format!("{alias} (version {version})"))
        .collect();
    if !staying.is_empty() {
        warnings.push(format!(
            "Aliases do not follow: {} {}. Whoever calls by an alias notices nothing of this.",
            staying.join(", "),
            if staying.len() == 1 { "stays where it is" } else { "stay where they are" }
        ));
    }
    warnings.extend(owned(inventory.stack.as_deref(), function));
    let work = LambdaWork::Code(VersionBack {
        function: function.clone(),
        version: code.version.clone(),
        from: latest.sha256.clone(),
        to: code.sha256.clone(),
    });
    let step = Step {
        verbs: vec!["UpdateFunctionCode".to_owned(), "UpdateFunctionConfiguration".to_owned()],
        chosen: Some(chosen.join(" ")),
        loses: lost(inventory),
        ..step(inventory, latest.arn.clone(), target, (CODE, CODE_AT_MOST), work)
    };
    Ok(Planned::Steps { steps: vec![step], warnings })
}

/// What is kept nowhere once `$LATEST` is written over.
fn lost(inventory: &LambdaInventory) -> Vec<String> {
    let latest = &inventory.latest;
    let mut same = inventory.versions.iter().filter(|version| version.is_same_code(latest)).peekable();
    if same.peek().is_none() {
        return vec![format!(
            "The code that runs now ({}) was never published as a version: once it is replaced, Lambda cannot go back to it.",
            short(&latest.sha256)
        )];
    }
    let nearest = same.map(|version| version.settings.changes_to(&latest.settings)).min_by_key(Vec::len);
    nearest
        .filter(|changes| !changes.is_empty())
        .map(|changes| format!("Settings of $LATEST that no version with its code has: {}.", changes.join(", ")))
        .into_iter()
        .collect()
}

/// What changes beside the code. Settings go back with the code: a version is both.
fn changes(now: &Code, then: &Code) -> Option<String> {
    let changes = now.settings.changes_to(&then.settings);
    (!changes.is_empty()).then(|| format!("Its settings go back with the code: {}.", changes.join(", ")))
}

fn idle(inventory: &LambdaInventory, code: &Code) -> Option<String> {
    match inventory.states.get(&code.version).map(|standing| standing.status.as_str()) {
        Some("Inactive") => Some(format!(
            "Version {} has been idle for weeks: its first call wakes it, takes long, and may fail.",
            code.version
        )),
        Some("Pending") => {
            Some(format!("Version {} is getting ready to be called; Rollbot waits for that.", code.version))
        }
        Some(_) | None => None,
    }
}

/// That the stack which owns a function undoes this with its next update.
pub(super) fn owned(stack: Option<&str>, function: &str) -> Option<String> {
    stack.map(|stack| format!("{function} belongs to the stack {stack}: its next update undoes this."))
}

fn step(
    inventory: &LambdaInventory,
    arn: String,
    target: Release,
    (estimate, deadline): (Duration, Duration),
    work: LambdaWork,
) -> Step {
    Step {
        id: StepId::new(&inventory.spec.name),
        title: inventory.spec.title(),
        resource: Resource::new(arn),
        from: Some(present(inventory)),
        to: Some(target),
        chosen: None,
        verbs: Vec::new(),
        loses: Vec::new(),
        need: Need::Required,
        deadline,
        estimate,
        work: Work::Lambda(work),
    }
}
