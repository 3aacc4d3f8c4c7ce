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
    /// rollbot.yml, with `@site@` where the load balancer's address goes.
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

/// No story is played faster than this.
const FASTEST: u32 = 1000;

const WORKSPACE: &str = include_str!("scenarios/workspace.yml");

const SCENARIOS: &[Files] = &[Files {
    name: "ecs-playbook",
    about: "an ECS service whose finished deployment answers 500",
    configuration: include_str!("scenarios/ecs-playbook/rollbot.yml"),
    world: include_str!("scenarios/ecs-playbook/world.yml"),
    site_of: "api",
    story: include_str!("scenarios/ecs-playbook/story.txt"),
    variants: &[
        Variant {
            name: "in-flight",
            about: "the bad deployment is still under way",
            patch: include_str!("scenarios/ecs-playbook/in-flight.yml"),
            story: include_str!("scenarios/ecs-playbook/in-flight.story.txt"),
            fastest: 30,
        },
        Variant {
            name: "previous-bad",
            about: "the release before the bad one failed too",
            patch: include_str!("scenarios/ecs-playbook/previous-bad.yml"),
            story: include_str!("scenarios/ecs-playbook/previous-bad.story.txt"),
            fastest: FASTEST,
        },
        Variant {
            name: "circuit-breaker",
            about: "ECS is rolling back by itself",
            patch: include_str!("scenarios/ecs-playbook/circuit-breaker.yml"),
            story: include_str!("scenarios/ecs-playbook/circuit-breaker.story.txt"),
            fastest: 15,
        },
        Variant {
            name: "fails-to-start",
            about: "the tasks of the target cannot start",
            patch: include_str!("scenarios/ecs-playbook/fails-to-start.yml"),
            story: include_str!("scenarios/ecs-playbook/fails-to-start.story.txt"),
            fastest: FASTEST,
        },
        Variant {
            name: "unhealthy-after",
            about: "the target runs and is not healthy either",
            patch: include_str!("scenarios/ecs-playbook/unhealthy-after.yml"),
            story: include_str!("scenarios/ecs-playbook/unhealthy-after.story.txt"),
            fastest: FASTEST,
        },
        Variant {
            name: "target-inactive",
            about: "the release to go back to was deregistered",
            patch: include_str!("scenarios/ecs-playbook/target-inactive.yml"),
            story: include_str!("scenarios/ecs-playbook/target-inactive.story.txt"),
            fastest: FASTEST,
        },
        Variant {
            name: "image-gone",
            about: "the image of the release to go back to was deleted",
            patch: include_str!("scenarios/ecs-playbook/image-gone.yml"),
            story: include_str!("scenarios/ecs-playbook/image-gone.story.txt"),
            fastest: FASTEST,
        },
        Variant {
            name: "image-archived",
            about: "the image of the release to go back to cannot be pulled",
            patch: include_str!("scenarios/ecs-playbook/image-archived.yml"),
            story: include_str!("scenarios/ecs-playbook/image-archived.story.txt"),
            fastest: FASTEST,
        },
        Variant {
            name: "pin-image",
            about: "a repaired image was pushed, and no task definition has it",
            patch: include_str!("scenarios/ecs-playbook/pin-image.yml"),
            story: include_str!("scenarios/ecs-playbook/pin-image.story.txt"),
            fastest: FASTEST,
        },
        Variant {
            name: "hook-paused",
            about: "the bad deployment waits at a lifecycle hook",
            patch: include_str!("scenarios/ecs-playbook/hook-paused.yml"),
            story: include_str!("scenarios/ecs-playbook/hook-paused.story.txt"),
            fastest: FASTEST,
        },
    ],
}];

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
    if let Some(variant) = variant {
        let patch: Value = serde_saphyr::from_str(variant.patch).map_err(|error| broken(variant.name, &error))?;
        merge(&mut world, patch);
    }
    Ok(Scenario {
        name: files.name,
        variant: variant.map(|variant| variant.name),
        configuration: files.configuration,
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
        assert_eq!(all.len(), 11);
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
