//! `CodeBuild` operations.

use serde_json::{Value, json};

use super::account::Account;
use super::build::{Build, BuildStatus, Phase, Project};
use super::json::{present, seconds, text, texts};
use super::refusal::Refusal;

/// For how long a token names the build that it started, in simulated time (`CodeBuild`: five minutes).
const TOKEN_LASTS: std::time::Duration = std::time::Duration::from_mins(5);
/// Names and ids per batch call.
const AT_ONCE: usize = 100;

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("InvalidInputException", message)
}

fn no_such_project(name: &str) -> Refusal {
    Refusal::new("ResourceNotFoundException", format!("Project cannot be found: {name}"))
}

impl Account {
    /// Performs a `CodeBuild` operation whose request fits the model.
    pub(super) fn perform_codebuild(
        &mut self,
        operation: &str,
        request: &Value,
        caller: &str,
    ) -> Result<Value, Refusal> {
        match operation {
            "StartBuild" => self.start_build(request, caller),
            "StopBuild" => self.stop_build(request),
            "BatchGetBuilds" => self.batch_get_builds(request),
            "BatchGetProjects" => self.batch_get_projects(request),
            "ListBuildsForProject" => self.list_builds(request),
            _ => Err(Refusal::new("UnknownOperationException", "")),
        }
    }

    fn start_build(&mut self, request: &Value, caller: &str) -> Result<Value, Refusal> {
        let name = text(request, "projectName").unwrap_or_default();
        let (mut projects, now) = (std::mem::take(&mut self.projects), self.now());
        let done = match projects.iter_mut().find(|project| project.name == name) {
            None => Err(no_such_project(name)),
            Some(project) => {
                let version = text(request, "sourceVersion").map(str::to_owned);
                let token = text(request, "idempotencyToken").map(str::to_owned);
                let known = project.builds.iter().find(|build| {
                    token.is_some() && build.token == token && now.elapsed(build.started_at) < TOKEN_LASTS
                });
                match known {
                    Some(known) if known.source_version != version => Err(invalid(
                        "The parameters do not match those of the request with the same idempotency token.",
                    )),
                    Some(known) => Ok(self.described_build(project, known)),
                    None => {
                        let head = project.commits.last().map(|head| head.id.clone()).unwrap_or_default();
                        let commit = version.as_deref().map_or(head, |version| full(project, version));
                        let mut build = project.new_build(commit, version, self);
                        build.token = token;
                        caller.clone_into(&mut build.initiator);
                        let told = self.described_build(project, &build);
                        project.builds.push(build);
                        Ok(told)
                    }
                }
            }
        };
        self.projects = projects;
        done.map(|build| json!({"build": build}))
    }

    fn stop_build(&mut self, request: &Value) -> Result<Value, Refusal> {
        let (id, at) = (text(request, "id").unwrap_or_default().to_owned(), self.at);
        let builds = self.projects.iter_mut().flat_map(|project| &mut project.builds);
        let found = builds.into_iter().find(|build| build.id == id);
        let build =
            found.ok_or_else(|| Refusal::new("ResourceNotFoundException", format!("Build cannot be found: {id}")))?;
        if build.status == BuildStatus::InProgress {
            build.end(at, BuildStatus::Stopped);
        }
        self.build_told(&id).map(|build| json!({"build": build})).ok_or_else(|| no_such_project(&id))
    }

    fn build_told(&self, id: &str) -> Option<Value> {
        self.projects.iter().find_map(|project| {
            let build = project.builds.iter().find(|build| build.id == id || self.arn_of(build) == id)?;
            Some(self.described_build(project, build))
        })
    }

    fn arn_of(&self, build: &Build) -> String {
        format!("arn:aws:codebuild:{}:{}:build/{}", self.region, self.id, build.id)
    }

    fn batch_get_builds(&self, request: &Value) -> Result<Value, Refusal> {
        let ids = texts(request, "ids");
        if ids.is_empty() || ids.len() > AT_ONCE {
            return Err(invalid("ids must have 1 to 100 items."));
        }
        let builds: Vec<Value> = ids.iter().filter_map(|id| self.build_told(id)).collect();
        let missing: Vec<&&str> = ids.iter().filter(|id| self.build_told(id).is_none()).collect();
        Ok(present(json!({"builds": some(builds), "buildsNotFound": some(missing)})))
    }

    fn list_builds(&self, request: &Value) -> Result<Value, Refusal> {
        let name = text(request, "projectName").unwrap_or_default();
        let project = self.projects.iter().find(|project| project.name == name);
        let project = project.ok_or_else(|| no_such_project(name))?;
        let mut ids: Vec<&str> = project.builds.iter().map(|build| build.id.as_str()).collect();
        if text(request, "sortOrder") != Some("ASCENDING") {
            ids.reverse();
        }
        let from = match text(request, "nextToken") {
            None => 0,
            Some(token) => token.parse::<usize>().ok().ok_or_else(|| invalid("Invalid next token."))?,
        };
        let shown: Vec<&str> = ids.iter().skip(from).take(AT_ONCE).copied().collect();
        let next = (from + shown.len() < ids.len()).then(|| (from + shown.len()).to_string());
        Ok(present(json!({"ids": some(shown), "nextToken": next})))
    }

    fn batch_get_projects(&self, request: &Value) -> Result<Value, Refusal> {
        let names = texts(request, "names");
        if names.is_empty() || names.len() > AT_ONCE {
            return Err(invalid("names must have 1 to 100 items."));
        }
        let found = |name: &str| self.projects.iter().find(|project| project.name == name || project.arn == name);
        let projects: Vec<Value> = names.iter().filter_map(|name| found(name)).map(described).collect();
        let missing: Vec<&&str> = names.iter().filter(|name| found(name).is_none()).collect();
        Ok(present(json!({"projects": some(projects), "projectsNotFound": some(missing)})))
    }

    fn described_build(&self, project: &Project, build: &Build) -> Value {
        let (region, stream) = (&self.region, build.id.split_once(':').map_or("", |(_, id)| id));
        let group = format!("/aws/codebuild/{}", project.name);
        let link = format!(
            "https://console.aws.amazon.com/cloudwatch/home?region={region}#logsV2:log-groups/log-group/$252Faws$252Fcodebuild$252F{}/log-events/{stream}",
            project.name
        );
        present(json!({
            "id": build.id,
            "arn": self.arn_of(build),
            "buildNumber": build.number,
            "startTime": seconds(build.started_at),
            "endTime": build.ended_at.map(seconds),
            "currentPhase": build.phases.last().map(|phase| phase.kind),
            "buildStatus": build.status.word(),
            "sourceVersion": build.source_version,
            "resolvedSourceVersion": build.has_its_source().then_some(&build.commit),
            "projectName": project.name,
            "phases": build.phases.iter().map(phase).collect::<Vec<_>>(),
            "source": source(project),
            "artifacts": {"location": ""},
            "environment": environment(),
            "serviceRole": project.role_arn,
            "logs": {
                "groupName": group,
                "streamName": stream,
                "deepLink": link,
                "cloudWatchLogsArn": format!("arn:aws:logs:{region}:{}:log-group:{group}:log-stream:{stream}", self.id),
            },
            "timeoutInMinutes": 60,
            "queuedTimeoutInMinutes": 480,
            "buildComplete": build.status != BuildStatus::InProgress,
            "initiator": build.initiator.rsplit('/').next(),
            "encryptionKey": format!("arn:aws:kms:{region}:{}:alias/aws/s3", self.id),
        }))
    }
}

fn phase(phase: &Phase) -> Value {
    let took = phase.ended_at.map(|ended| ended.duration_since(phase.began_at).as_secs());
    let contexts = phase.error.as_ref().map(|error| json!([{"statusCode": error.code, "message": error.message}]));
    json!({
        "phaseType": phase.kind,
        "phaseStatus": (phase.kind != "COMPLETED").then(|| phase.status.word()),
        "startTime": seconds(phase.began_at),
        "endTime": phase.ended_at.map(seconds),
        "durationInSeconds": took,
        "contexts": contexts,
    })
}

fn source(project: &Project) -> Value {
    json!({
        "type": "GITHUB",
        "location": format!("https://github.com/{}.git", project.repository),
        "buildspec": "buildspec.yml",
        "reportBuildStatus": false,
        "insecureSsl": false,
    })
}

fn environment() -> Value {
    json!({
        "type": "LINUX_CONTAINER",
        "image": "aws/codebuild/standard:7.0",
        "computeType": "BUILD_GENERAL1_SMALL",
        "environmentVariables": [],
        "privilegedMode": true,
    })
}

fn described(project: &Project) -> Value {
    json!({
        "name": project.name,
        "arn": project.arn,
        "source": source(project),
        "artifacts": {"type": "NO_ARTIFACTS"},
        "environment": environment(),
        "serviceRole": project.role_arn,
        "timeoutInMinutes": 60,
        "queuedTimeoutInMinutes": 480,
        "created": seconds(project.created_at),
        "lastModified": seconds(project.created_at),
    })
}

/// The commit that a version names: a whole sha, or the beginning of one.
fn full(project: &Project, version: &str) -> String {
    let named = project.commits.iter().find(|commit| version.len() >= 7 && commit.id.starts_with(version));
    named.map_or_else(|| version.to_owned(), |commit| commit.id.clone())
}

/// A list as CodeBuild tells it: an empty one is left out.
fn some<T>(items: Vec<T>) -> Option<Vec<T>> {
    (!items.is_empty()).then_some(items)
}
