//! What can be asked without changing anything.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;

use crate::aws::{Aws, AwsError};
use crate::config::{Target, TargetKind};
use crate::incident::ids::IncidentId;
use crate::incident::incident::Incident;
use crate::incident::plan::Plan;
use crate::incident::release::Release;
use crate::incident::request::Request;
use crate::store::{HistoryFilter, Page, StoreError};
use crate::systems::kinds::{Inventory, TargetSpec};
use crate::systems::planned::{ReleaseLine, ReleaseStatus};

use super::engine::{Engine, storage};
use super::planning::{self, Failed, Occasion, Outcome};
use super::refusal::Refusal;
use super::stacks;
use super::subject::Subject;

/// How many releases an answer names at the most.
const LINES: usize = 20;
/// How old an answer may be that somebody only wants to read: several who ask at once share one look, and nobody who asks
/// after a rollback is told what ran before it.
const AGE: Duration = Duration::from_secs(1);

/// The releases of one target, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetReleases {
    /// The target's name.
    pub target: String,
    /// What it is: `ECS service shop-prod/api`.
    pub title: String,
    /// Its releases, or why they could not be read.
    pub releases: Result<Vec<ReleaseLine>, String>,
}

/// How a service stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceStatus {
    /// The environment's name.
    pub environment: String,
    /// The service's name.
    pub service: String,
    /// What runs, per target.
    pub targets: Vec<TargetStatus>,
    /// The incident that is under way, if there is one.
    pub incident: Option<Incident>,
}

/// How a target stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetStatus {
    /// The target's name.
    pub target: String,
    /// What it is.
    pub title: String,
    /// What runs and what is going on, as a sentence; or why that could not be seen.
    pub stands: Result<String, String>,
}

impl Engine {
    /// An incident as it is now.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn incident(&self, id: &IncidentId) -> Result<Option<Incident>, StoreError> {
        Ok(self.store.load(id).await?.map(|stored| stored.incident))
    }

    /// Every incident that is not closed.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn open_incidents(&self) -> Result<Vec<Incident>, StoreError> {
        let open = self.store.open().await?.into_iter().map(|stored| stored.incident);
        Ok(open.filter(|incident| !incident.is_closed()).collect())
    }

    /// Past and present incidents, newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn history(
        &self,
        environment: Option<&str>,
        service: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Incident>, StoreError> {
        let filter = match (environment, service) {
            (None, _) => HistoryFilter::All,
            (Some(environment), None) => HistoryFilter::Environment { environment: environment.to_owned() },
            (Some(environment), Some(service)) => {
                HistoryFilter::Service { environment: environment.to_owned(), service: service.to_owned() }
            }
        };
        let page = self.store.history(&filter, Page::first(limit)).await?;
        let mut incidents: Vec<Incident> = page.incidents.into_iter().map(|stored| stored.incident).collect();
        // What was taken back together with others is part of a service's past too.
        let (Some(environment), Some(service)) = (environment, service) else { return Ok(incidents) };
        for group in self.config.groups.values().filter(|group| group.services.iter().any(|member| member == service)) {
            let filter = HistoryFilter::Service { environment: environment.to_owned(), service: group.name.clone() };
            let page = self.store.history(&filter, Page::first(limit)).await?;
            let all = page.incidents.into_iter().map(|stored| stored.incident);
            incidents.extend(all.filter(|incident| was_about(incident, service)));
        }
        incidents.sort_by_key(|incident| std::cmp::Reverse(incident.opened_at));
        incidents.truncate(limit);
        Ok(incidents)
    }

    /// The plan that `request` would lead to; nothing is recorded or changed.
    ///
    /// # Errors
    /// A [`Refusal`] that says why there is none.
    pub async fn rehearse(&self, request: &Request) -> Result<Plan, Refusal> {
        match planning::plan(self, request, Occasion::Rehearsal).await {
            Ok(Outcome::Plan(plan)) => Ok(plan),
            Ok(Outcome::NothingToDo(why)) => Err(Refusal::NothingToDo(why)),
            Ok(Outcome::Refused(why)) => Err(Refusal::CannotPlan(why)),
            Err(Failed::Aws(error)) => Err(Refusal::CannotPlan(planning::cannot_look(&error))),
            Err(Failed::Store(refusal)) => Err(refusal),
        }
    }

    /// What each target of a service could go back to, and what runs now.
    ///
    /// # Errors
    /// A [`Refusal`] when there is no such service, or AWS is not accessible at all.
    pub async fn releases(&self, environment: &str, service: &str) -> Result<Vec<TargetReleases>, Refusal> {
        let Some(subject) = Subject::of(&self.config, environment, service) else {
            let why = format!("The configuration has no service or group `{service}` in {environment}.");
            return Err(Refusal::CannotPlan(why));
        };
        let aws = self.accounts.aws(environment, "releases").await.map_err(|e| Refusal::CannotPlan(e.to_string()))?;
        let aws = &aws;
        let looks = subject.targets().filter(|(_, target, _)| runs(target)).map(|(_, target, step)| async move {
            let spec = planning::spec(target);
            let releases = match look(self, aws, &spec).await {
                Ok(inventory) => Ok(inventory.releases().into_iter().take(LINES).collect()),
                Err(error) => Err(error.to_string()),
            };
            TargetReleases { target: step, title: spec.title(), releases }
        });
        Ok(join_all(looks.collect::<Vec<_>>()).await)
    }

    /// How services stand: what runs, and what is in flight. Services of one environment, or one service, or a group's.
    ///
    /// # Errors
    /// A [`Refusal`] when the store cannot be read or there is no such service.
    pub async fn status(
        &self,
        environment: Option<&str>,
        service: Option<&str>,
    ) -> Result<Vec<ServiceStatus>, Refusal> {
        let open = self.open_incidents().await.map_err(storage)?;
        let mut asked = Vec::new();
        for environment in self.config.environments.keys().filter(|name| environment.is_none_or(|only| only == *name)) {
            if let Some(service) = service {
                let subject = Subject::of(&self.config, environment, service);
                asked.extend(subject.iter().flat_map(Subject::services).cloned());
            } else {
                let names = self.config.services.keys();
                asked.extend(names.filter_map(|name| self.config.service(environment, name)));
            }
        }
        let mut answers = Vec::new();
        for configured in asked {
            let (environment, name) = (configured.environment.clone(), configured.service.clone());
            // The newest: an older one may still be watched while the next is under way.
            let incident = open
                .iter()
                .rfind(|open| open.request.environment == environment && self.is_about(open, &name))
                .cloned();
            let aws = self.accounts.aws(&environment, "status").await;
            let aws = &aws;
            let targets = configured.targets.iter().flat_map(|stage| &stage.targets).filter(|target| runs(target));
            let looks = targets.map(|target| async move {
                let spec = planning::spec(target);
                let stands = match aws {
                    Ok(aws) => match look(self, aws, &spec).await {
                        Ok(inventory) => Ok(inventory.stands().unwrap_or_else(|| stands(&inventory.releases()))),
                        Err(error) => Err(error.to_string()),
                    },
                    Err(error) => Err(error.to_string()),
                };
                TargetStatus { target: target.name.clone(), title: spec.title(), stands }
            });
            let targets = join_all(looks.collect::<Vec<_>>()).await;
            answers.push(ServiceStatus { environment, service: name, targets, incident });
        }
        if answers.is_empty() {
            return Err(Refusal::CannotPlan("The configuration has no such service.".to_owned()));
        }
        Ok(answers)
    }

    /// Whether an incident is about a service: by its name, or as one of a group's.
    fn is_about(&self, incident: &Incident, service: &str) -> bool {
        let group = self.config.groups.get(&incident.request.service);
        incident.request.service == service
            || (group.is_some_and(|group| group.services.iter().any(|member| member == service))
                && was_about(incident, service))
    }
}

/// Whether a group's incident had steps of `service`; before there is a plan, it may.
fn was_about(incident: &Incident, service: &str) -> bool {
    incident.proposal().is_none_or(|proposal| {
        let mut steps = proposal.plan.steps();
        steps.any(|(_, step)| step.id.as_str().split_once('/').is_some_and(|(of, _)| of == service))
    })
}

/// Whether a target is something that runs and has releases.
fn runs(target: &Target) -> bool {
    match &target.kind {
        TargetKind::Ecs(_)
        | TargetKind::CodePipeline(_)
        | TargetKind::CodeBuild(_)
        | TargetKind::Site(_)
        | TargetKind::Amplify(_)
        | TargetKind::AmplifyDomain(_)
        | TargetKind::Lambda(_)
        | TargetKind::Stack(_) => true,
        // Settings are no releases.
        TargetKind::LambdaSettings(_) | TargetKind::Manual(_) => false,
    }
}

/// A look for somebody who only wants to know. Such looks are shared, for they take some forty calls of the twenty a
/// second that an account has; a plan is never made from one.
async fn look(engine: &Engine, aws: &Aws, spec: &TargetSpec) -> Result<Arc<Inventory>, AwsError> {
    let resource = format!("releases of {}", spec.title());
    let looked = || async { Ok(stacks::remember(engine, spec.look(aws, None).await?).await) };
    aws.flights().share(&resource, AGE, looked).await
}

/// What runs and what is going on, as a sentence without a full stop. Pure.
fn stands(releases: &[ReleaseLine]) -> String {
    let line = |status: ReleaseStatus| releases.iter().find(|line| line.status == status).map(|line| &line.release);
    match (line(ReleaseStatus::RunsNow), line(ReleaseStatus::BeingDeployed)) {
        (Some(runs), Some(coming)) => format!("runs {}; {} is being deployed", whole(runs), coming.name()),
        (Some(runs), None) => format!("runs {}", whole(runs)),
        (None, Some(coming)) => format!("{} is being deployed", whole(coming)),
        (None, None) => "what runs is not known".to_owned(),
    }
}

/// A release with its digest, since when, and by whom.
fn whole(release: &Release) -> String {
    let digest = release.images.iter().find_map(|image| image.digest.as_deref());
    let digest = digest.map(|digest| digest.get(..19).unwrap_or(digest).to_owned());
    let since = release.deployed_at.map(|at| format!("since {}", at.strftime("%-d %b %H:%M UTC")));
    let by = release.deployed_by.as_ref().map(|by| format!("by {by}"));
    let parts: Vec<String> = std::iter::once(release.name()).chain(digest).chain(since).chain(by).collect();
    parts.join(", ")
}
