//! A build project and how its builds go through their phases.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::account::Account;
use super::json::text;
use super::seed::Answer;
use super::seed_pipelines::{BuildFailure, Deploys, SeedBuild, SeedCommit, SeedProject};
use super::seeding::ago;
use super::service::Rollout;
use super::stacks::StackDeployment;

/// The phases in order, with the seconds that each takes; BUILD takes what the project says.
const PHASES: [(&str, u64); 10] = [
    ("SUBMITTED", 1),
    ("QUEUED", 1),
    ("PROVISIONING", 8),
    ("DOWNLOAD_SOURCE", 4),
    ("INSTALL", 5),
    ("PRE_BUILD", 3),
    ("BUILD", 0),
    ("POST_BUILD", 3),
    ("UPLOAD_ARTIFACTS", 2),
    ("FINALIZING", 2),
];
/// How often BUILD asks what it deploys whether it is through.
const ASKS_AGAIN: Duration = Duration::from_secs(5);
/// How long a past build took.
const LASTED: SignedDuration = SignedDuration::from_mins(2);

/// A build project of `CodeBuild`.
#[derive(Debug, Clone)]
pub(super) struct Project {
    pub(super) name: String,
    pub(super) arn: String,
    pub(super) role_arn: String,
    pub(super) repository: String,
    pub(super) commits: Vec<SeedCommit>,
    pub(super) seconds: u64,
    pub(super) deploys: Option<Deploys>,
    pub(super) fails: BTreeMap<String, BuildFailure>,
    pub(super) created_at: Timestamp,
    /// Oldest first.
    pub(super) builds: Vec<Build>,
    pub(super) deployed: Option<String>,
    pub(super) site: BTreeMap<String, BTreeMap<String, Answer>>,
}

/// `StatusType`, of builds and phases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BuildStatus {
    InProgress,
    Succeeded,
    Failed,
    Stopped,
}

impl BuildStatus {
    /// The word on the wire.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::InProgress => "IN_PROGRESS",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Stopped => "STOPPED",
        }
    }
}

/// A phase that has begun.
#[derive(Debug, Clone)]
pub(super) struct Phase {
    pub(super) kind: &'static str,
    pub(super) began_at: Timestamp,
    pub(super) ended_at: Option<Timestamp>,
    pub(super) status: BuildStatus,
    pub(super) error: Option<BuildFailure>,
}

/// One build.
#[derive(Debug, Clone)]
pub(super) struct Build {
    pub(super) id: String,
    pub(super) number: usize,
    pub(super) status: BuildStatus,
    /// As it was asked for.
    pub(super) source_version: Option<String>,
    /// The commit that it builds; known to others once the source is there.
    pub(super) commit: String,
    pub(super) token: Option<String>,
    pub(super) initiator: String,
    pub(super) started_at: Timestamp,
    pub(super) ended_at: Option<Timestamp>,
    pub(super) phases: Vec<Phase>,
    /// When its present phase ends.
    pub(super) due: Option<Timestamp>,
    /// The deployment that it waits for.
    pub(super) deployment: Option<String>,
}

impl Build {
    /// Whether its source has been downloaded.
    pub(super) fn has_its_source(&self) -> bool {
        self.phases.iter().any(|phase| phase.kind == "DOWNLOAD_SOURCE" && phase.status == BuildStatus::Succeeded)
    }

    /// Ends the build.
    pub(super) fn end(&mut self, at: Timestamp, status: BuildStatus) {
        self.status = status;
        self.ended_at = Some(at);
        self.due = None;
        if let Some(phase) = self.phases.last_mut().filter(|phase| phase.ended_at.is_none()) {
            phase.ended_at = Some(at);
            phase.status = status;
        }
        self.phases.push(Phase { kind: "COMPLETED", began_at: at, ended_at: None, status, error: None });
    }
}

impl Project {
    /// When something happens next by itself.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.builds.iter().filter_map(|build| build.due).min()
    }

    fn seconds_of(&self, phase: &str) -> u64 {
        let usual = PHASES.iter().find(|(kind, _)| *kind == phase).map_or(1, |(_, seconds)| *seconds);
        if phase == "BUILD" { self.seconds } else { usual }
    }

    /// A build that begins now.
    pub(super) fn new_build(&self, commit: String, source_version: Option<String>, account: &mut Account) -> Build {
        let now = account.now();
        Build {
            id: format!("{}:{}", self.name, account.ids.uuid()),
            number: self.builds.len() + 1,
            status: BuildStatus::InProgress,
            source_version,
            commit,
            token: None,
            initiator: "operator".to_owned(),
            started_at: now.at,
            ended_at: None,
            phases: vec![Phase {
                kind: "SUBMITTED",
                began_at: now.at,
                ended_at: None,
                status: BuildStatus::InProgress,
                error: None,
            }],
            due: Some(now.after(Duration::from_secs(self.seconds_of("SUBMITTED")))),
            deployment: None,
        }
    }

    /// Ends the phases that are due, and begins the next ones.
    pub(super) fn step(&mut self, account: &mut Account) {
        let now = account.now();
        let mut builds = std::mem::take(&mut self.builds);
        for build in builds.iter_mut().filter(|build| build.due.is_some_and(|due| due <= now.at)) {
            self.step_build(build, account);
        }
        self.builds = builds;
    }

    fn step_build(&mut self, build: &mut Build, account: &mut Account) {
        let now = account.now();
        let Some(kind) = build.phases.last().map(|phase| phase.kind) else {
            return;
        };
        if let Some(failure) = self.failure(build, kind) {
            if let Some(phase) = build.phases.last_mut() {
                phase.error = Some(failure);
            }
            build.end(now.at, BuildStatus::Failed);
            return;
        }
        let deployed = if kind == "BUILD" { self.deploy(build, account) } else { Deployed::Yes };
        match deployed {
            Deployed::Yes => {}
            Deployed::NotYet => {
                build.due = Some(now.after(ASKS_AGAIN));
                return;
            }
            Deployed::No(message) => {
                let (phase, code) = (kind.to_owned(), "COMMAND_EXECUTION_ERROR".to_owned());
                if let Some(ended) = build.phases.last_mut() {
                    ended.error = Some(BuildFailure { phase, code, message });
                }
                build.end(now.at, BuildStatus::Failed);
                return;
            }
        }
        if let Some(phase) = build.phases.last_mut() {
            phase.ended_at = Some(now.at);
            phase.status = BuildStatus::Succeeded;
        }
        let next = PHASES.iter().position(|(known, _)| *known == kind).and_then(|at| PHASES.get(at + 1));
        match next {
            Some((next, _)) => {
                build.phases.push(Phase {
                    kind: next,
                    began_at: now.at,
                    ended_at: None,
                    status: BuildStatus::InProgress,
                    error: None,
                });
                build.due = Some(now.after(Duration::from_secs(self.seconds_of(next))));
            }
            None => build.end(now.at, BuildStatus::Succeeded),
        }
    }

    fn failure(&self, build: &Build, phase: &str) -> Option<BuildFailure> {
        if phase == "DOWNLOAD_SOURCE" && !self.commits.iter().any(|commit| commit.id == build.commit) {
            let message = format!(
                "reference not found for primary source and source version {}",
                build.source_version.as_deref().unwrap_or_default()
            );
            let (phase, code) = (phase.to_owned(), "CLIENT_ERROR".to_owned());
            return Some(BuildFailure { phase, code, message });
        }
        self.fails.get(&build.commit).filter(|failure| failure.phase == phase).cloned()
    }

    /// What BUILD changes in the account.
    fn deploy(&mut self, build: &mut Build, account: &mut Account) -> Deployed {
        match &self.deploys {
            None => Deployed::Yes,
            Some(Deploys::Site) => {
                self.deployed = Some(build.commit.clone());
                Deployed::Yes
            }
            Some(Deploys::Pipeline(name)) => {
                if let Some(pipeline) = account.pipelines.iter_mut().find(|pipeline| pipeline.name == *name) {
                    pipeline.deployed = Some(build.commit.clone());
                }
                Deployed::Yes
            }
            Some(Deploys::Stack { name, parameter }) => {
                let Some(begun) = &build.deployment else {
                    let token = account.ids.uuid();
                    let begun = account.deploy_into_stack(name, parameter, &build.commit, &token);
                    build.deployment = Some(token);
                    return begun.map_or_else(|refusal| Deployed::No(refusal.to_string()), |_| Deployed::NotYet);
                };
                match account.deployment_into_stack(name, begun) {
                    StackDeployment::UnderWay => Deployed::NotYet,
                    StackDeployment::Done => Deployed::Yes,
                    StackDeployment::Failed(why) => Deployed::No(why),
                }
            }
            Some(Deploys::Ecs { cluster, service, task_definitions }) => {
                let Some(begun) = &build.deployment else {
                    let definition = task_definitions.get(&build.commit).cloned().unwrap_or_default();
                    let request = json!({"cluster": cluster, "service": service, "taskDefinition": definition});
                    let reply = account.update_service(&request).ok();
                    let id = reply.as_ref().and_then(|reply| reply.pointer("/service/deployments/0"));
                    build.deployment = Some(id.and_then(|id| text(id, "id")).unwrap_or_default().to_owned());
                    return Deployed::NotYet;
                };
                let primary = account.service(cluster, service).and_then(|service| service.primary());
                match primary.filter(|primary| primary.id == *begun).map(|primary| primary.rollout) {
                    Some(Rollout::InProgress) => Deployed::NotYet,
                    Some(Rollout::Completed | Rollout::Failed) | None => Deployed::Yes,
                }
            }
        }
    }

    /// What a path of its site answers, and which commit does.
    pub(super) fn answer(&self, path: &str) -> Option<(String, Answer)> {
        let commit = self.deployed.clone()?;
        let answer = self.site.get(&commit).and_then(|paths| paths.get(path)).cloned();
        Some((commit, answer.unwrap_or(Answer { status: 200, body: "ok".to_owned() })))
    }
}

/// Whether BUILD is through with what it changes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Deployed {
    Yes,
    NotYet,
    No(String),
}

impl Account {
    /// Adds the project that a seed describes, with its past builds.
    pub(super) fn add_project(&mut self, seed: &SeedProject) {
        let created_at = ago(self.now(), seed.history.first().map_or(Duration::from_hours(24), |oldest| oldest.age));
        let mut project = Project {
            name: seed.name.clone(),
            arn: format!("arn:aws:codebuild:{}:{}:project/{}", self.region, self.id, seed.name),
            role_arn: format!("arn:aws:iam::{}:role/{}-build", self.id, seed.name),
            repository: seed.repository.clone(),
            commits: seed.commits.clone(),
            seconds: seed.seconds,
            deploys: seed.deploys.clone(),
            fails: seed.fails.clone(),
            created_at,
            builds: Vec::new(),
            deployed: None,
            site: seed.site.clone(),
        };
        for past in &seed.history {
            self.relive_build(&mut project, past);
        }
        self.projects.push(project);
    }

    fn relive_build(&mut self, project: &mut Project, past: &SeedBuild) {
        let began_at = ago(self.now(), past.age);
        let ended_at = began_at.checked_add(LASTED).unwrap_or(began_at).min(self.at);
        let failure = project.fails.get(&past.commit).cloned();
        let mut build = project.new_build(past.commit.clone(), Some(past.commit.clone()), self);
        build.started_at = began_at;
        build.phases = PHASES
            .iter()
            .map(|(kind, _)| Phase {
                kind,
                began_at,
                ended_at: Some(ended_at),
                status: BuildStatus::Succeeded,
                error: None,
            })
            .collect();
        if let Some(failure) = failure {
            build.phases.retain(|phase| phase.kind == "DOWNLOAD_SOURCE" || phase.kind == failure.phase);
            if let Some(phase) = build.phases.last_mut() {
                phase.status = BuildStatus::Failed;
                phase.error = Some(failure);
            }
            build.end(ended_at, BuildStatus::Failed);
        } else {
            build.end(ended_at, BuildStatus::Succeeded);
            project.deployed = Some(past.commit.clone());
        }
        project.builds.push(build);
    }

    /// When a build has something to do next.
    pub(super) fn projects_due(&self) -> Option<Timestamp> {
        self.projects.iter().filter_map(Project::due).min()
    }

    /// Lets the builds do what is due.
    pub(super) fn step_projects(&mut self) {
        let (mut projects, at) = (std::mem::take(&mut self.projects), self.at);
        for project in projects.iter_mut().filter(|project| project.due().is_some_and(|due| due <= at)) {
            project.step(self);
        }
        self.projects = projects;
    }
}
