//! Looks at a build project and its builds. Reads only.

use super::inventory::{Build, BuildInventory, BuildSpec};
use super::target;
use crate::aws::error::ErrorClass;
use crate::aws::time::timestamp;
use crate::aws::{Aws, AwsError};
use crate::systems::commit_image;

/// How many builds are looked at: as many as `BatchGetBuilds` takes at once.
const BUILDS: usize = 100;

/// A fresh look, for planning; the image of the commit that `to` leads to is looked for too.
///
/// # Errors
/// When AWS does not answer or refuses, or there is no such project.
pub async fn look(aws: &Aws, spec: &BuildSpec, to: Option<&str>) -> Result<BuildInventory, AwsError> {
    let call = aws.reads().codebuild.batch_get_projects().names(&spec.project);
    let answer = call.send().await.map_err(|error| AwsError::of("codebuild", "BatchGetProjects", &error))?;
    let Some(project) = answer.projects.unwrap_or_default().into_iter().next() else {
        let message = format!("there is no build project {}. Correct `project` in rollbot.yml", spec.project);
        return Err(AwsError::local("codebuild", "BatchGetProjects", ErrorClass::NotFound, message));
    };
    let arn = project.arn.unwrap_or_default();
    let builds = builds(aws, &spec.project, BUILDS).await?;
    let mut inventory = BuildInventory { spec: spec.clone(), arn, builds, image: None };
    let commit = target::choose(&inventory, to).ok().map(|choice| choice.commit);
    if let (Some(repository), Some(commit)) = (&spec.image, commit) {
        inventory.image = Some(commit_image::confirm(aws, repository, &commit).await?);
    }
    Ok(inventory)
}

/// A project's newest builds, newest first.
///
/// # Errors
/// When AWS does not answer or refuses.
pub async fn builds(aws: &Aws, project: &str, most: usize) -> Result<Vec<Build>, AwsError> {
    let call = aws.reads().codebuild.list_builds_for_project().project_name(project);
    let answer = call.send().await.map_err(|error| AwsError::of("codebuild", "ListBuildsForProject", &error))?;
    let ids: Vec<String> = answer.ids.unwrap_or_default().into_iter().take(most).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let call = aws.reads().codebuild.batch_get_builds().set_ids(Some(ids));
    let answer = call.send().await.map_err(|error| AwsError::of("codebuild", "BatchGetBuilds", &error))?;
    let mut builds: Vec<Build> = answer.builds.unwrap_or_default().into_iter().map(build).collect();
    builds.sort_by_key(|build| std::cmp::Reverse((build.started_at, build.number)));
    Ok(builds)
}

fn build(told: aws_sdk_codebuild::types::Build) -> Build {
    let phases = told.phases.unwrap_or_default();
    let errors = phases.into_iter().flat_map(|phase| {
        let kind = phase.phase_type.map(|kind| kind.as_str().to_owned()).unwrap_or_default();
        let contexts = phase.contexts.unwrap_or_default().into_iter();
        contexts.filter_map(move |context| {
            let message = context.message.filter(|message| !message.is_empty())?;
            let code = context.status_code.map(|code| format!("{code}: ")).unwrap_or_default();
            Some(format!("{kind}: {code}{message}"))
        })
    });
    Build {
        errors: errors.collect(),
        id: told.id.unwrap_or_default(),
        number: told.build_number.unwrap_or_default(),
        status: told.build_status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
        asked: told.source_version,
        resolved: told.resolved_source_version,
        phase: told.current_phase,
        log: told.logs.and_then(|logs| logs.deep_link),
        started_at: told.start_time.and_then(timestamp),
    }
}
