//! Which task definition to go back to. Pure.
//!
//! Never "revision − 1": after a failed deployment that is a bad build. The release before is the newest that was
//! *deployed successfully* before the present one; where ECS remembers none, the newest that Rollbot itself proved; and
//! only then the next older task definition, of which nobody knows that it ran well, and then that is said.
//!
//! A target that was deregistered is registered again, and an image that no task definition has is put into a copy of the
//! present one; the choice says which.

use super::inventory::{
    Definition, DefinitionStatus, DeploymentStatus, EcsInventory, ImageState, family_and_revision, short,
};
use super::registry::{EcrImage, parts};
use super::releases::{naming, newest_of, release};
use crate::incident::release::Image;
use crate::systems::planned::{PlanRefusal, ProvedRelease};

/// The shortest piece of a git sha that names a commit.
const SHORTEST_SHA: usize = 7;
/// How alike a name has to be to be offered instead (Jaro-Winkler, 0 to 1).
const ALIKE: f64 = 0.75;

/// A chosen task definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Its ARN.
    pub definition: String,
    /// How it was found, as a sentence.
    pub how: String,
    /// Whether anything says that it ran well.
    pub record: Record,
    /// What has to be made of it first.
    pub making: Making,
}

/// What has to be made of a chosen task definition before it can be deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Making {
    /// Nothing.
    Nothing,
    /// It was deregistered: the same is registered again.
    Again,
    /// A copy of it with another image.
    With {
        /// The container whose image is replaced.
        container: String,
        /// The image, as `…/repository:tag` or `…/repository@digest`.
        image: String,
    },
}

/// Whether anything says that a release ran well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Record {
    /// A successful deployment, or Rollbot's own proof.
    Good,
    /// Its newest deployment did not succeed.
    Bad,
    /// Nothing is known.
    Unknown,
}

/// The task definition that `to` names; with `None` or `previous`, the release before. `proved` is Rollbot's own record,
/// newest first.
///
/// # Errors
/// Why none can be chosen, and what to do.
pub fn choose(inventory: &EcsInventory, to: Option<&str>, proved: &[ProvedRelease]) -> Result<Choice, PlanRefusal> {
    deployable(inventory, pick(inventory, to, proved)?, proved)
}

/// The same before anybody asks whether it can be deployed.
///
/// # Errors
/// Why none can be chosen, and what to do.
pub fn pick(inventory: &EcsInventory, to: Option<&str>, proved: &[ProvedRelease]) -> Result<Choice, PlanRefusal> {
    match to.map(str::trim) {
        None => previous(inventory, proved),
        Some(to) if to.eq_ignore_ascii_case("previous") || to.is_empty() => previous(inventory, proved),
        Some(to) => explicit(inventory, to, proved),
    }
}

fn previous(inventory: &EcsInventory, proved: &[ProvedRelease]) -> Result<Choice, PlanRefusal> {
    let now = inventory.asked_now();
    refuse_to_go_back_twice(inventory, now)?;
    let before = short(now);
    let successful = inventory
        .deployments
        .iter()
        .filter(|deployment| deployment.status == DeploymentStatus::Successful)
        .filter_map(|deployment| Some((deployment, inventory.definition_of(&deployment.target)?)))
        .find(|(_, definition)| *definition != now && record(inventory, definition, proved) == Record::Good);
    if let Some((deployment, definition)) = successful {
        let when =
            deployment.created_at.map(|at| format!(" ({})", at.strftime("%-d %b %H:%M UTC"))).unwrap_or_default();
        return Ok(Choice {
            definition: definition.to_owned(),
            how: format!("The newest release before {before} whose deployment succeeded{when}."),
            record: Record::Good,
            making: Making::Nothing,
        });
    }
    let own = proved.iter().find(|proved| {
        proved.id != now && record(inventory, &proved.id, &[]) != Record::Bad && is_of_family(&proved.id, now)
    });
    if let Some(proved) = own {
        return Ok(Choice {
            definition: proved.id.clone(),
            how: format!(
                "ECS remembers no successful deployment before {before}; this is the newest release that Rollbot itself \
                 proved ({}).",
                proved.at.strftime("%-d %b %H:%M UTC")
            ),
            record: Record::Good,
            making: Making::Nothing,
        });
    }
    let number = family_and_revision(now).map(|(_, number)| number);
    let older = inventory.definitions.iter().find(|definition| {
        definition.status == DefinitionStatus::Active
            && family_and_revision(&definition.arn).map(|(_, number)| number) < number
            && record(inventory, &definition.arn, proved) != Record::Bad
    });
    match older {
        Some(definition) => Ok(Choice {
            definition: definition.arn.clone(),
            how: format!(
                "Neither ECS nor Rollbot remembers a successful deployment before {before}; this is only the next older \
                 task definition, and nothing says that it ran well."
            ),
            record: Record::Unknown,
            making: Making::Nothing,
        }),
        None => Err(PlanRefusal::new(format!(
            "There is nothing to go back to: no deployment before {before} succeeded, and no older task definition of its \
             family is active. Deploy a known good release, or name one with `to <release>`."
        ))),
    }
}

/// Taking a rollback back would bring the bad release back.
fn refuse_to_go_back_twice(inventory: &EcsInventory, now: &str) -> Result<(), PlanRefusal> {
    let Some(newest) = inventory.deployments.first() else {
        return Ok(());
    };
    let name = short(now);
    let taken_back = |bad: &str| {
        Err(PlanRefusal::new(format!(
            "{name} is already the result of a rollback from {}. Say which release you want: `to <release>`.",
            short(bad)
        )))
    };
    if let Some(bad) = inventory.definition(now).and_then(|definition| definition.instead_of.as_deref()) {
        return taken_back(bad);
    }
    if newest.status == DeploymentStatus::RollbackSuccessful
        && let Some(bad) = inventory.definition_of(&newest.target)
        && bad != now
    {
        return taken_back(bad);
    }
    // What succeeded, newest first, without deployments of the same release one after the other: a return is A, B, A.
    let mut succeeded: Vec<&str> = inventory
        .deployments
        .iter()
        .filter(|deployment| deployment.status == DeploymentStatus::Successful)
        .filter_map(|deployment| inventory.definition_of(&deployment.target))
        .collect();
    succeeded.dedup();
    match succeeded.as_slice() {
        [first, between, rest @ ..] if *first == now && rest.contains(first) => taken_back(between),
        _ => Ok(()),
    }
}

fn explicit(inventory: &EcsInventory, to: &str, proved: &[ProvedRelease]) -> Result<Choice, PlanRefusal> {
    let mut found: Vec<&Definition> =
        inventory.definitions.iter().filter(|definition| is_named(inventory, definition, to)).collect();
    let images = if found.is_empty() { there(inventory, to) } else { Vec::new() };
    if let [(_, image)] = images.as_slice()
        && let Some(state) = inventory.images.get(image)
    {
        // The same image under another tag.
        let has = |definition: &&Definition| {
            let images = release(inventory, &definition.arn).images;
            naming(&inventory.spec, &images).any(|image| image.digest.as_deref().is_some_and(|digest| state.is(digest)))
        };
        found = inventory.definitions.iter().filter(has).collect();
    }
    if found.len() > 1 {
        // What was registered again stands for what it was registered from.
        let again: Vec<&str> = found.iter().filter_map(|definition| definition.like.as_deref()).collect();
        found.retain(|definition| !again.contains(&definition.arn.as_str()));
    }
    match found.as_slice() {
        [] => with_image(inventory, to, &images),
        [definition] => Ok(Choice {
            definition: definition.arn.clone(),
            how: format!("You asked for {to}."),
            record: record(inventory, &definition.arn, proved),
            making: Making::Nothing,
        }),
        several => {
            let names: Vec<String> =
                several.iter().map(|definition| release(inventory, &definition.arn).name()).collect();
            Err(PlanRefusal::new(format!(
                "{to} can mean {}. Name one by its number: `to {}`.",
                either(&names),
                several.first().map_or("", |definition| short(&definition.arn)),
            )))
        }
    }
}

/// The images that `to`, a tag or a digest, may mean in the present task definition, with their containers.
pub fn asked_images(inventory: &EcsInventory, to: &str) -> Vec<(String, String)> {
    let is_digest = to.strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64);
    let is_tag = to.len() <= 128
        && to.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '_')
        && to.chars().all(|letter| letter.is_ascii_alphanumeric() || "._-".contains(letter));
    let now = release(inventory, inventory.asked_now()).images;
    let image = |image: &Image| {
        let repository = parts(&image.image).0;
        let separator = if is_digest { '@' } else { ':' };
        (image.container.clone(), format!("{repository}{separator}{to}"))
    };
    if is_digest || is_tag { naming(&inventory.spec, &now).map(image).collect() } else { Vec::new() }
}

/// Those of them that ECR has.
fn there(inventory: &EcsInventory, to: &str) -> Vec<(String, String)> {
    let mut asked = asked_images(inventory, to);
    asked.retain(|(_, image)| matches!(inventory.images.get(image), Some(ImageState::There { .. })));
    asked
}

/// A copy of the present task definition with the one image that ECR has.
fn with_image(inventory: &EcsInventory, to: &str, images: &[(String, String)]) -> Result<Choice, PlanRefusal> {
    match images {
        [] => Err(unknown(inventory, to)),
        [(container, image)] => Ok(Choice {
            definition: inventory.asked_now().to_owned(),
            how: format!("You asked for {to}, which no task definition of {} has.", inventory.service.name),
            record: Record::Unknown,
            making: Making::With { container: container.clone(), image: image.clone() },
        }),
        several => {
            let names: Vec<String> =
                several.iter().map(|(container, image)| format!("{container} ({image})")).collect();
            Err(PlanRefusal::new(format!(
                "{to} can be meant for the container {}. Set `container` of the target {} in the configuration.",
                either(&names),
                inventory.spec.name
            )))
        }
    }
}

/// Whether `to` names this task definition: by number, family and number, ARN, deployment, image tag, digest, or a git
/// sha in a tag.
fn is_named(inventory: &EcsInventory, definition: &Definition, to: &str) -> bool {
    if definition.arn == to || short(&definition.arn) == to {
        return true;
    }
    let number = family_and_revision(&definition.arn).map(|(_, number)| number);
    if number.is_some() && to.parse().ok() == number {
        return true;
    }
    let deployed_as = |deployment: &&super::inventory::ServiceDeployment| {
        (deployment.arn == to || short(&deployment.arn) == to)
            && inventory.definition_of(&deployment.target) == Some(&definition.arn)
    };
    if inventory.deployments.iter().any(|deployment| deployed_as(&deployment)) {
        return true;
    }
    let images = release(inventory, &definition.arn).images;
    naming(&inventory.spec, &images).any(|image| {
        let tag = parts(&image.image).1;
        let digest = image.digest.as_deref();
        let others = digest.and_then(|digest| inventory.tags.get(digest)).into_iter().flatten().map(String::as_str);
        digest.is_some_and(|digest| is_digest(digest, to))
            || tag.into_iter().chain(others).any(|tag| tag == to || has_sha(tag, to))
    })
}

/// Whether `to` is a digest, in full or its beginning with `sha256:` before it.
fn is_digest(digest: &str, to: &str) -> bool {
    let long_enough = to.strip_prefix("sha256:").is_some_and(|hex| hex.len() >= SHORTEST_SHA);
    digest == to || (long_enough && digest.starts_with(to))
}

/// Whether a tag contains the git sha `to`, or its beginning: `prod-1a2b3c4` has `1a2b3c4d…`.
fn has_sha(tag: &str, to: &str) -> bool {
    let to = to.to_ascii_lowercase();
    let is_sha = |text: &str| text.len() >= SHORTEST_SHA && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_sha(&to)
        && tag
            .to_ascii_lowercase()
            .split(|c: char| !c.is_ascii_hexdigit())
            .any(|run| is_sha(run) && (run.starts_with(&to) || to.starts_with(run)))
}

fn unknown(inventory: &EcsInventory, to: &str) -> PlanRefusal {
    let mut names: Vec<(f64, String)> = inventory
        .definitions
        .iter()
        .filter(|definition| definition.status == DefinitionStatus::Active)
        .flat_map(|definition| {
            let release = release(inventory, &definition.arn);
            [Some(release.label), release.version].into_iter().flatten()
        })
        .map(|name| (strsim::jaro_winkler(&name, to), name))
        .filter(|(alike, _)| *alike >= ALIKE)
        .collect();
    names.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    names.dedup_by(|(_, a), (_, b)| a == b);
    let nearest: Vec<String> = names.into_iter().take(3).map(|(_, name)| name).collect();
    let nearest = if nearest.is_empty() { String::new() } else { format!(" Nearest: {}.", nearest.join(", ")) };
    let asked = asked_images(inventory, to).into_iter();
    let gone = asked.filter_map(|(_, image)| match inventory.images.get(&image)? {
        ImageState::Gone { why } => {
            let name = EcrImage::parse(&image).map_or_else(|| image.clone(), |parsed| parsed.name());
            Some(format!(" {name}: {}.", why.trim_end_matches('.')))
        }
        ImageState::There { .. } => None,
    });
    let gone: String = gone.chain(inventory.unseen.iter().map(|unseen| format!(" {unseen}"))).collect();
    PlanRefusal::new(format!(
        "No release of {} is called {to}.{nearest}{gone} `/rollback releases` lists what one can go back to.",
        inventory.service.name
    ))
}

/// Refuses a target that is going away, and says what could be had instead. One that was deregistered is registered
/// again.
fn deployable(inventory: &EcsInventory, choice: Choice, proved: &[ProvedRelease]) -> Result<Choice, PlanRefusal> {
    let name = short(&choice.definition);
    let why = match inventory.definition(&choice.definition).map(|definition| definition.status) {
        Some(DefinitionStatus::Active) => return Ok(choice),
        Some(DefinitionStatus::Inactive) => {
            let making = if choice.making == Making::Nothing { Making::Again } else { choice.making };
            return Ok(Choice { making, ..choice });
        }
        Some(DefinitionStatus::BeingDeleted) => "is being deleted, and ECS starts no tasks of it",
        None => "is not there any more",
    };
    let instead = inventory.deployments.iter().find_map(|deployment| {
        let definition = inventory.definition_of(&deployment.target)?;
        let usable = inventory.definition(definition)?.status == DefinitionStatus::Active
            && definition != inventory.asked_now()
            && record(inventory, definition, proved) == Record::Good;
        usable.then(|| short(definition))
    });
    let instead = instead.map_or_else(
        || "Register it again under a new number and name that one".to_owned(),
        |name| format!("The newest good release that can be deployed is {name}: `to {name}`; or register it again under a new number"),
    );
    Err(PlanRefusal::new(format!("{name} {why}. {instead}.")))
}

/// What is known of how a task definition ran: the newest deployment of it that has ended speaks.
fn record(inventory: &EcsInventory, definition: &str, proved: &[ProvedRelease]) -> Record {
    match newest_of(inventory, definition).map(|deployment| &deployment.status) {
        Some(DeploymentStatus::Successful) => Record::Good,
        Some(
            DeploymentStatus::Stopped
            | DeploymentStatus::StopRequested
            | DeploymentStatus::RollbackRequested
            | DeploymentStatus::RollbackInProgress
            | DeploymentStatus::RollbackSuccessful
            | DeploymentStatus::RollbackFailed,
        ) => Record::Bad,
        None | Some(DeploymentStatus::Pending | DeploymentStatus::InProgress | DeploymentStatus::Other(_)) => {
            if proved.iter().any(|proved| proved.id == definition) { Record::Good } else { Record::Unknown }
        }
    }
}

fn is_of_family(arn: &str, other: &str) -> bool {
    match (family_and_revision(arn), family_and_revision(other)) {
        (Some((family, _)), Some((other, _))) => family == other,
        _ => false,
    }
}

fn either(names: &[String]) -> String {
    match names {
        [rest @ .., last] if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::fixtures::{at, definition_arn, digest, inventory};
    use super::super::inventory::DeploymentStatus::{
        InProgress, RollbackInProgress, RollbackSuccessful, Stopped, Successful,
    };
    use super::*;

    type History<'a> = &'a [(u32, u32, DeploymentStatus)];

    #[rstest]
    #[case::finished(&[(39, 40, Successful), (40, 41, Successful), (41, 42, Successful)], 41)]
    #[case::in_flight(&[(40, 41, Successful), (41, 42, InProgress)], 41)]
    #[case::rolling_back(&[(40, 41, Successful), (41, 42, RollbackInProgress)], 41)]
    #[case::stopped(&[(40, 41, Successful), (41, 42, Stopped)], 41)]
    #[case::restarted(&[(40, 41, Successful), (41, 42, Successful), (42, 42, Successful)], 41)]
    #[case::a_number_was_left_out(&[(38, 39, Successful), (39, 42, Successful)], 39)]
    #[case::forward_again_after_a_rollback(&[(40, 41, Successful), (41, 42, Successful), (42, 41, Successful), (41, 43, Successful)], 41)]
    fn peer_02_previous_is_the_newest_that_succeeded(#[case] history: History<'_>, #[case] expected: u32) {
        let choice = choose(&inventory(history), None, &[]).unwrap();
        assert_eq!(choice.definition, definition_arn(expected));
        assert_eq!(choice.record, Record::Good);
    }

    #[rstest]
    #[case::rolled_back_by_ecs(&[(39, 40, Successful), (40, 41, RollbackSuccessful), (40, 42, Successful)])]
    #[case::stopped(&[(39, 40, Successful), (40, 41, Stopped), (40, 42, Successful)])]
    #[case::good_once_and_failed_later(
        &[(39, 41, Successful), (41, 40, Successful), (40, 41, RollbackSuccessful), (40, 42, Successful)]
    )]
    fn peer_02_a_release_that_failed_is_passed_over(#[case] history: History<'_>) {
        let choice = choose(&inventory(history), Some("previous"), &[]).unwrap();
        assert_eq!(choice.definition, definition_arn(40), "{}", choice.how);
    }

    #[rstest]
    #[case::by_deployment(&[(40, 41, Successful), (41, 42, Successful), (42, 41, Successful)])]
    #[case::by_circuit_breaker(&[(40, 41, Successful), (41, 42, RollbackSuccessful)])]
    fn peer_02_a_rollback_is_not_taken_back_unasked(#[case] history: History<'_>) {
        let refusal = choose(&inventory(history), None, &[]).unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "api:41 is already the result of a rollback from api:42. Say which release you want: `to <release>`."
        );
    }

    #[test]
    fn without_successful_deployments_the_own_record_counts_and_that_is_said() {
        let proved = [42, 39].map(|number| ProvedRelease { id: definition_arn(number), at: at("07:30:00") });
        let choice = choose(&inventory(&[(41, 42, Successful)]), None, &proved).unwrap();
        assert_eq!(choice.definition, definition_arn(39));
        assert!(choice.how.contains("Rollbot itself proved (12 Nov 07:30 UTC)"), "{}", choice.how);
    }

    #[test]
    fn without_any_record_the_next_older_task_definition_is_taken_and_that_is_said() {
        let choice = choose(&inventory(&[]), None, &[]).unwrap();
        assert_eq!((choice.definition, choice.record), (definition_arn(41), Record::Unknown));
        assert!(choice.how.contains("nothing says that it ran well"), "{}", choice.how);
    }

    #[test]
    fn the_next_older_task_definition_is_not_one_that_failed() {
        let choice = choose(&inventory(&[(40, 41, RollbackSuccessful), (40, 42, Successful)]), None, &[]).unwrap();
        assert_eq!(choice.definition, definition_arn(40));
    }

    #[test]
    fn nothing_older_is_refused() {
        let mut inventory = inventory(&[]);
        inventory.definitions.retain(|definition| definition.arn == definition_arn(42));
        let refusal = choose(&inventory, None, &[]).unwrap_err();
        assert!(refusal.to_string().starts_with("There is nothing to go back to"), "{refusal}");
    }

    #[rstest]
    #[case::number("39")]
    #[case::family_and_number("api:39")]
    #[case::arn("arn:aws:ecs:eu-north-1:123456789012:task-definition/api:39")]
    #[case::tag("v39-27c0ffee")]
    #[case::sha("27c0ffee")]
    #[case::longer_sha("27c0ffee00112233445566778899aabbccddeeff")]
    #[case::short_sha("27C0FFE")]
    #[case::deployment("sd-00")]
    fn peer_04_any_name_of_a_release_finds_it(#[case] to: &str) {
        let history = [(38, 39, Successful), (39, 40, Successful), (40, 42, Successful)];
        let choice = choose(&inventory(&history), Some(to), &[]).unwrap();
        assert_eq!(choice.definition, definition_arn(39));
        assert_eq!(choice.how, format!("You asked for {to}."));
    }

    #[test]
    fn peer_04_a_digest_finds_the_release_that_ran_it() {
        let history = [(38, 39, Successful), (39, 42, Successful)];
        let choice = choose(&inventory(&history), Some(&digest(39)), &[]).unwrap();
        assert_eq!(choice.definition, definition_arn(39));
    }

    #[rstest]
    #[case::tag("prod-20261110-1530")]
    #[case::sha("9f3c1ab")]
    fn peer_04_another_tag_of_the_same_image_finds_it(#[case] to: &str) {
        let mut inventory = inventory(&[(38, 39, Successful), (39, 42, Successful)]);
        let tags = ["v39-27c0ffee", "prod-20261110-1530", "git-9f3c1ab"].map(str::to_owned);
        assert!(choose(&inventory, Some(to), &[]).is_err());
        inventory.tags.insert(digest(39), tags.to_vec());
        assert_eq!(choose(&inventory, Some(to), &[]).unwrap().definition, definition_arn(39));
    }

    #[test]
    fn a_name_of_several_releases_is_refused_with_all_of_them() {
        let mut inventory = inventory(&[]);
        for definition in &mut inventory.definitions {
            definition.images[0].image = "shop/api:stable".to_owned();
        }
        inventory.definitions.truncate(2);
        let refusal = choose(&inventory, Some("stable"), &[]).unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "stable can mean stable (api:43) or stable (api:42). Name one by its number: `to api:43`."
        );
    }

    #[rstest]
    #[case::tag("v39-27c0ffe0", "v39-27c0ffee")]
    #[case::number("api:390", "api:39")]
    fn an_unknown_name_is_refused_with_the_nearest(#[case] to: &str, #[case] nearest: &str) {
        let refusal = choose(&inventory(&[]), Some(to), &[]).unwrap_err().to_string();
        assert!(refusal.starts_with(&format!("No release of api is called {to}.")), "{refusal}");
        assert!(refusal.contains(nearest) && refusal.contains("`/rollback releases`"), "{refusal}");
    }

    #[test]
    fn six_characters_are_no_sha() {
        assert!(choose(&inventory(&[]), Some("27c0ff"), &[]).is_err());
    }

    #[rstest]
    #[case::previous(None)]
    #[case::named(Some("41"))]
    fn peer_03_a_target_that_is_being_deleted_is_refused_with_what_could_be_had(#[case] to: Option<&str>) {
        let mut inventory = inventory(&[(39, 40, Successful), (40, 41, Successful), (41, 42, Successful)]);
        for definition in inventory.definitions.iter_mut().filter(|definition| definition.arn == definition_arn(41)) {
            definition.status = DefinitionStatus::BeingDeleted;
        }
        assert_eq!(
            choose(&inventory, to, &[]).unwrap_err().to_string(),
            "api:41 is being deleted, and ECS starts no tasks of it. The newest good release that can be \
             deployed is api:40: `to api:40`; or register it again under a new number."
        );
    }

    #[test]
    fn other_containers_do_not_name_versions() {
        let mut inventory = inventory(&[]);
        inventory.spec.container = Some("sidecar".to_owned());
        assert!(choose(&inventory, Some("v39-27c0ffee"), &[]).is_err());
    }
}
