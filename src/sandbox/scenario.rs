//! Scenarios: a bad deployment is live. Data in files; a variant is a JSON merge patch over the world.

use serde_json::Value;

use super::aws::Seed;
use super::slack::Workspace;

/// A scenario, ready to be set up.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The runbook that it bears the name of.
    pub name: &'static str,
    /// The variant, if it is one.
    pub variant: Option<&'static str>,
    /// rollbot.yml, with `@site@` where the load balancer's address goes, and `@site:<service>@` where that of another
    /// service does.
    pub configuration: &'static str,
    /// AWS at the beginning.
    pub seed: Seed,
    /// Slack at the beginning.
    pub workspace: Workspace,
    /// The service whose load balancer stands for `@site@`.
    pub site_of: &'static str,
    /// The story that is played unless another is asked for.
    pub story: &'static str,
    /// The fastest that the story can be played: what people see in it would be over otherwise.
    pub fastest: u32,
}

struct Files {
    name: &'static str,
    about: &'static str,
    configuration: &'static str,
    world: &'static str,
    site_of: &'static str,
    story: &'static str,
    variants: &'static [Variant],
}

struct Variant {
    name: &'static str,
    about: &'static str,
    patch: &'static str,
    story: &'static str,
    fastest: u32,
}

/// In a variant's patch, what is merged into rollbot.yml and not into the world.
const CONFIGURATION: &str = "configuration";

/// No story is played faster than this.
const FASTEST: u32 = 1000;

const WORKSPACE: &str = include_str!("scenarios/workspace.yml");

/// A scenario by its folder's name, what it is about, and the service whose load balancer is `@site@`; then its
/// variants, each by the name of its files and what it is about, and how fast it may be played where that is slower
/// than others. The folder has `rollbot.yml`, `world.yml` and `story.txt`, and of each variant `NAME.yml` (the patch) and
/// `NAME.story.txt`.
macro_rules! files {
    ($name:literal, $about:literal, site_of: $site_of:literal, [
        $($variant:literal: $what:literal $(, fastest: $fastest:literal)?;)*
    ]) => {
        Files {
            name: $name,
            about: $about,
            configuration: include_str!(concat!("scenarios/", $name, "/rollbot.yml")),
            world: include_str!(concat!("scenarios/", $name, "/world.yml")),
            site_of: $site_of,
            story: include_str!(concat!("scenarios/", $name, "/story.txt")),
            variants: &[$(Variant {
                name: $variant,
                about: $what,
                patch: include_str!(concat!("scenarios/", $name, "/", $variant, ".yml")),
                story: include_str!(concat!("scenarios/", $name, "/", $variant, ".story.txt")),
                fastest: files!(@fastest $($fastest)?),
            }),*],
        }
    };
    (@fastest) => { FASTEST };
    (@fastest $fastest:literal) => { $fastest };
}

const ECS_PLAYBOOK: Files = files! {
    "ecs-playbook", "an ECS service whose finished deployment answers 500", site_of: "api", [
        "in-flight": "the bad deployment is still under way", fastest: 30;
        "previous-bad": "the release before the bad one failed too";
        "circuit-breaker": "ECS is rolling back by itself", fastest: 15;
        "fails-to-start": "the tasks of the target cannot start";
        "unhealthy-after": "the target runs and is not healthy either";
        "target-inactive": "the release to go back to was deregistered";
        "image-gone": "the image of the release to go back to was deleted";
        "secret-gone": "a secret that the release to go back to needs was deleted";
        "membership-changed": "a voter leaves the group while people vote";
        "drifted": "somebody deploys while people vote";
        "image-archived": "the image of the release to go back to cannot be pulled";
        "pin-image": "a repaired image was pushed, and no task definition has it";
        "hook-paused": "the bad deployment waits at a lifecycle hook";
        "manual-step": "somebody has to be told by hand before anything is changed";
        "several": "one bad change went out to two targets of a service";
        "several-fails": "one of two targets cannot go back";
        "group": "several services go back as one";
        "codedeploy": "CodeDeploy deploys the service, and its bad deployment is over";
        "codedeploy-in-flight": "CodeDeploy still keeps the old tasks", fastest: 30;
        "frontend": "a static site and the ECS service behind it are bad together";
        "frontend-only": "the static site alone is bad, and an invalidation takes its time", fastest: 40;
        "frontend-origin-path": "the origin path says which build is live, and somebody else changes it too";
        "frontend-versions": "only the bucket's versions know what was live before";
    ]
};

const CIRA_INVOICE: Files = files! {
    "cira-invoice", "stacks of an application whose finished update answers 502", site_of: "CiraInvoice-Api-prod", [
        "update-in-flight": "the update of the API stack is still under way", fastest: 50;
        "update-rollback-failed": "taking the update of the API stack back got stuck";
        "create-failed": "the creation of the monitoring stack failed";
        "lambda-timeout": "a function times out: more time at once, then the code before";
        "lambda-canary": "a tenth of the calls of an alias goes to a bad version";
        "alias-unused": "an alias that nobody calls is moved, and that helps nobody";
    ]
};

/// Variants whose bot is configured otherwise than the scenario's: scenario, variant, rollbot.yml.
const CONFIGURED: &[(&str, &str, &str)] = &[
    ("ecs-playbook", "several", SEVERAL_TARGETS),
    ("ecs-playbook", "several-fails", SEVERAL_TARGETS),
    ("ecs-playbook", "group", SEVERAL_TARGETS),
    ("ecs-playbook", "frontend", BOTH_HALVES),
    ("ecs-playbook", "frontend-only", BOTH_HALVES),
    ("ecs-playbook", "frontend-origin-path", BOTH_HALVES),
    ("ecs-playbook", "frontend-versions", BOTH_HALVES),
];

/// An ECS service and a static site.
const BOTH_HALVES: &str = include_str!("scenarios/ecs-playbook/frontend.rollbot.yml");

const SEVERAL_TARGETS: &str = include_str!("scenarios/ecs-playbook/several.rollbot.yml");

const APGMS: Files = files! {
    "apgms", "a pipeline's last deployment to staging answers 500", site_of: "apgms-staging", [
        "in-flight": "the bad commit is still being deployed", fastest: 40;
        "structure-changed": "the pipeline was changed since, so it is run again for the commit";
        "approval-inside": "the stage has a manual approval of its own";
        "cdk-deploy": "a build of the earlier commit deploys it";
        "previous-template": "the earlier template is deployed from S3";
    ]
};

const BAYON_COAGENT: Files = files! {
    "bayon-coagent", "a stack and its Amplify frontend whose deployment fails its smoke tests",
    site_of: "bayon-coagent-development", [
        "not-updating": "CloudFormation has taken the update of the stack back by itself";
        "job-running": "the frontend is still being built", fastest: 40;
        "manual-app": "the frontend's app has no repository";
        "lost-commit": "Amplify builds the newest commit instead of the one that it is asked for", fastest: 50;
        "webhook": "the builds were started by a webhook and do not name their commits";
        "no-earlier": "the frontend was never deployed well before";
    ]
};

const PROP_IE: Files = files! {
    "prop-ie", "a stack and an Amplify branch whose release answers 500", site_of: "prop-ie-production-appsync-stack", [
        "blue-green": "traffic was shifted to a branch that answers 500";
        "domain-fails": "Amplify cannot shift the traffic back";
        "update-failed": "the update of the stack failed half-way";
    ]
};

/// Every scenario that is shipped.
const SCENARIOS: &[Files] = &[ECS_PLAYBOOK, APGMS, CIRA_INVOICE, BAYON_COAGENT, PROP_IE];

/// Every scenario and variant with what it is about.
pub fn list() -> Vec<(String, &'static str)> {
    SCENARIOS
        .iter()
        .flat_map(|files| {
            let variants =
                files.variants.iter().map(|variant| (format!("{} {}", files.name, variant.name), variant.about));
            std::iter::once((files.name.to_owned(), files.about)).chain(variants)
        })
        .collect()
}

/// The scenario called `name`, or a variant of it.
///
/// # Errors
/// A sentence that lists what there is.
pub fn find(name: &str, variant: Option<&str>) -> Result<Scenario, String> {
    let there_is = || list().into_iter().map(|(name, _)| name).collect::<Vec<_>>().join(", ");
    let files = SCENARIOS
        .iter()
        .find(|files| files.name == name)
        .ok_or_else(|| format!("there is no scenario `{name}`; there is {}", there_is()))?;
    let variant = match variant {
        None => None,
        Some(wanted) => Some(
            files
                .variants
                .iter()
                .find(|variant| variant.name == wanted)
                .ok_or_else(|| format!("{name} has no variant `{wanted}`; there is {}", there_is()))?,
        ),
    };
    let broken = |what: &str, error: &dyn std::fmt::Display| format!("{what} of {name} cannot be read: {error}");
    let mut world: Value = serde_saphyr::from_str(files.world).map_err(|error| broken("the world", &error))?;
    let own =
        |(name, of, _): &&(&str, &str, &str)| *name == files.name && Some(*of) == variant.map(|variant| variant.name);
    let mut configuration =
        CONFIGURED.iter().find(own).map_or(files.configuration, |(_, _, configuration)| configuration);
    if let Some(variant) = variant {
        let mut patch: Value = serde_saphyr::from_str(variant.patch).map_err(|error| broken(variant.name, &error))?;
        if let Some(rules) = patch.as_object_mut().and_then(|patch| patch.remove(CONFIGURATION)) {
            let mut whole: Value =
                serde_saphyr::from_str(configuration).map_err(|error| broken("rollbot.yml", &error))?;
            merge(&mut whole, rules);
            // JSON is YAML. Leaked like the other files, which are there for ever too; a process sets few scenarios up.
            configuration = format!("{whole:#}").leak();
        }
        merge(&mut world, patch);
    }
    Ok(Scenario {
        name: files.name,
        variant: variant.map(|variant| variant.name),
        configuration,
        seed: serde_json::from_value(world).map_err(|error| broken("the world", &error))?,
        workspace: serde_saphyr::from_str(WORKSPACE).map_err(|error| broken("the workspace", &error))?,
        site_of: files.site_of,
        story: variant.map_or(files.story, |variant| variant.story),
        fastest: variant.map_or(FASTEST, |variant| variant.fastest),
    })
}

/// JSON merge patch, RFC 7396.
fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    if let Value::Object(target) = target {
        for (key, value) in patch {
            if value.is_null() {
                target.remove(&key);
            } else {
                merge(target.entry(key).or_insert(Value::Null), value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::script;

    #[test]
    fn every_scenario_and_variant_can_be_read_with_its_story() {
        let all = list();
        assert!(all.len() > 10, "{all:?}");
        for (name, _) in all {
            let mut words = name.split(' ');
            let scenario = find(words.next().unwrap(), words.next()).unwrap_or_else(|error| panic!("{error}"));
            script::read(scenario.story).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }

    #[test]
    fn an_unknown_scenario_is_answered_with_what_there_is() {
        assert!(find("nowhere", None).unwrap_err().contains("ecs-playbook in-flight"));
        assert!(find("ecs-playbook", Some("nothing")).unwrap_err().contains("no variant `nothing`"));
    }
}
