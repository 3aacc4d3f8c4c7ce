//! How apps, branches, jobs and domains look from outside.
//!
//! AWS leaves members out that its model calls required, such as the repository of an app that has none. Clients then
//! read an empty text, and that is what stands here, since a reply has to fit the model.

use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::super::json::{present, seconds};
use super::app::{App, Branch};
use super::domain::Domain;
use super::job::{Job, JobStatus, Step};

/// A name as one part of a path.
pub(super) fn escaped(name: &str) -> String {
    form_urlencoded::byte_serialize(name.as_bytes()).collect::<String>().replace('+', "%20")
}

impl App {
    pub(super) fn described(&self) -> Value {
        let production = self.branches.iter().find(|branch| branch.settings.get("stage") == Some(&json!("PRODUCTION")));
        let production = production.map(|branch| {
            let newest = branch.jobs.last();
            present(json!({
                "branchName": branch.name,
                "lastDeployTime": newest.map(|job| seconds(job.ended_at.unwrap_or(job.started_at))),
                "status": newest.map(|job| job.status.word()),
            }))
        });
        present(json!({
            "appId": self.id,
            "appArn": self.arn,
            "name": self.name,
            "description": "",
            "repository": self.repository.as_deref().unwrap_or_default(),
            "platform": "WEB",
            "createTime": seconds(self.created_at),
            "updateTime": seconds(self.created_at),
            "environmentVariables": {},
            "defaultDomain": self.default_domain(),
            "enableBranchAutoBuild": self.auto_build,
            "enableBranchAutoDeletion": false,
            "enableBasicAuth": false,
            "customRules": [],
            "productionBranch": production,
            "enableAutoBranchCreation": false,
            "repositoryCloneMethod": self.repository.as_ref().map(|_| "TOKEN"),
        }))
    }

    /// The domain that every app has.
    pub(super) fn default_domain(&self) -> String {
        format!("{}.amplifyapp.com", self.id)
    }
}

impl Branch {
    pub(super) fn described(&self, app: &App) -> Value {
        let domains = app.domains.iter().flat_map(|domain| {
            let shown = domain.rules.sub_domains.iter().filter(|one| one.branch == self.name);
            shown.map(|one| match one.prefix.as_str() {
                "" => domain.rules.name.clone(),
                prefix => format!("{prefix}.{}", domain.rules.name),
            })
        });
        let domains: Vec<String> = domains.collect();
        let mut told: Map<String, Value> = Map::new();
        let mut tell = |member: &str, value: Value| told.insert(member.to_owned(), value);
        tell("description", json!(""));
        tell("displayName", json!(self.name.replace('/', "-")));
        tell("enableNotification", json!(false));
        tell("environmentVariables", json!({}));
        tell("framework", json!(""));
        tell("enableBasicAuth", json!(false));
        tell("ttl", json!("5"));
        tell("enablePullRequestPreview", json!(false));
        told.extend(self.settings.clone());
        let mut tell = |member: &str, value: Value| told.insert(member.to_owned(), value);
        tell("branchArn", json!(self.arn));
        tell("branchName", json!(self.name));
        tell("createTime", seconds(self.created_at));
        tell("updateTime", seconds(self.updated_at));
        tell("enableAutoBuild", json!(self.auto_build));
        tell("customDomains", json!(domains));
        tell("activeJobId", json!(self.active.map(padded).unwrap_or_default()));
        // Whatever the branch has had: the service does not count.
        tell("totalNumberOfJobs", json!("0"));
        if let Some(stack) = &self.backend_stack {
            tell("backend", json!({"stackArn": stack}));
        }
        Value::Object(told)
    }
}

/// A job's number where the service writes it with ten digits.
fn padded(number: u32) -> String {
    format!("{number:010}")
}

impl Job {
    pub(super) fn summary(&self, branch: &Branch) -> Value {
        present(json!({
            "jobArn": format!("{}/jobs/{}", branch.arn, padded(self.number)),
            "jobId": self.number.to_string(),
            "commitId": self.commit,
            "commitMessage": self.message,
            "commitTime": seconds(self.started_at),
            "startTime": seconds(self.started_at),
            "status": self.status.word(),
            "endTime": self.ended_at.map(seconds),
            "jobType": self.kind.word(),
            "sourceUrl": self.files.as_ref().map(|files| &files.url),
            "sourceUrlType": self.files.as_ref().map(|files| files.kind.word()),
        }))
    }

    pub(super) fn described_steps(&self, app: &App, branch: &Branch, host: &str) -> Vec<Value> {
        let address = format!("http://{host}/amplify-artifacts/{}/{}/{}", app.id, escaped(&branch.name), self.number);
        self.steps.iter().map(|step| self.described_step(step, &address)).collect()
    }

    fn described_step(&self, step: &Step, address: &str) -> Value {
        // Files are kept of what was built, or handed over as a zip.
        let has_files =
            step.status == JobStatus::Succeed && self.files.is_none() && self.course().first() == Some(&step.name);
        present(json!({
            "stepName": step.name,
            "startTime": seconds(step.began_at),
            "status": step.status.word(),
            // The model has it always; while a step runs it says nothing.
            "endTime": seconds(step.ended_at.unwrap_or(step.began_at)),
            "logUrl": format!("{address}/{}.log", step.name),
            "artifactsUrl": has_files.then(|| format!("{address}/artifacts.zip")),
            "statusReason": step.reason,
        }))
    }
}

impl Domain {
    pub(super) fn described(&self, app: &App) -> Value {
        let (domain_status, update_status) = self.statuses();
        let rules = self.update.as_ref().map_or(&self.rules, |update| &update.wanted);
        let sub_domains: Vec<Value> = self
            .sub_domains()
            .iter()
            .map(|one| {
                json!({
                    "subDomainSetting": {"prefix": one.prefix, "branchName": one.branch},
                    "verified": self.verified(one),
                    "dnsRecord": format!("{} CNAME {}.cloudfront.net", one.prefix, app.id),
                })
            })
            .collect();
        let certificate = match &rules.custom_certificate {
            Some(arn) => json!({"type": "CUSTOM", "customCertificateArn": arn}),
            None => json!({"type": "AMPLIFY_MANAGED"}),
        };
        present(json!({
            "domainAssociationArn": self.arn,
            "domainName": rules.name,
            "enableAutoSubDomain": rules.auto_sub_domain,
            "autoSubDomainCreationPatterns": (!rules.auto_patterns.is_empty()).then_some(&rules.auto_patterns),
            "autoSubDomainIAMRole": rules.auto_role,
            "domainStatus": domain_status,
            "updateStatus": update_status,
            "statusReason": self.failed.as_deref().unwrap_or_default(),
            "subDomains": sub_domains,
            "certificate": certificate,
        }))
    }
}
