//! Makes apps out of a seed: their past as if it had happened, and what is under way about to go on.

use std::io;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::super::seeding::{ago, refused};
use super::app::{App, Apps, Branch};
use super::described::escaped;
use super::domain::Domain;
use super::job::{HEAD, Job, JobStatus, Order};
use super::seed::{SeedApp, SeedBranch, SeedJob, SeedJobEnding, SeedJobKind, SeedRunningJob};
use crate::incident::time::Now;

/// How long a past job took.
const LASTED: SignedDuration = SignedDuration::from_mins(3);
/// From the request of a past job to its first step.
const BEGINNING: SignedDuration = SignedDuration::from_secs(25);

impl Apps {
    /// The apps of a seed, at `now`. Names that point nowhere are refused with a sentence.
    pub(in super::super) fn seeded(
        seeds: &[SeedApp],
        account: &str,
        region: &str,
        now: Now,
        opened_at: Timestamp,
    ) -> io::Result<Self> {
        let mut all: Vec<App> = Vec::new();
        for seed in seeds {
            let arn = format!("arn:aws:amplify:{region}:{account}:apps/{}", seed.id);
            let mut app = App {
                id: seed.id.clone(),
                arn,
                name: seed.name.clone(),
                repository: seed.repository.clone(),
                auto_build: seed.auto_build && seed.repository.is_some(),
                commits: seed.commits.clone(),
                build_seconds: seed.build_seconds,
                fails: seed.fails.clone(),
                branches: Vec::new(),
                domains: Vec::new(),
                site: seed.site.clone(),
                created_at: opened_at,
            };
            for branch in &seed.branches {
                let made = app.seeded_branch(branch, now, opened_at)?;
                app.branches.push(made);
            }
            for domain in &seed.domains {
                for one in &domain.sub_domains {
                    if app.branch(&one.branch).is_err() {
                        let (name, branch) = (&domain.name, &one.branch);
                        return Err(refused(format!("The seed has no branch {branch} for the domain {name}.")));
                    }
                }
                app.domains.push(Domain {
                    arn: format!("{}/domains/{}", app.arn, domain.name),
                    rules: domain.clone(),
                    update: None,
                    failed: None,
                    has_been_updated: false,
                });
            }
            all.push(app);
        }
        Ok(Self { all })
    }
}

impl App {
    fn seeded_branch(&self, seed: &SeedBranch, now: Now, opened_at: Timestamp) -> io::Result<Branch> {
        let mut settings: Map<String, Value> = Map::new();
        settings.insert("stage".to_owned(), json!(seed.stage));
        if seed.performance_mode {
            settings.insert("enablePerformanceMode".to_owned(), json!(true));
        }
        let mut branch = Branch {
            name: seed.name.clone(),
            arn: format!("{}/branches/{}", self.arn, escaped(&seed.name)),
            auto_build: seed.auto_build,
            settings,
            backend_stack: seed.backend_stack.clone(),
            jobs: Vec::new(),
            next_job: seed.first_job,
            active: None,
            created_at: opened_at,
            updated_at: opened_at,
        };
        for job in &seed.jobs {
            self.add_past(&mut branch, job, now)?;
        }
        if let Some(running) = &seed.running {
            self.add_running(&mut branch, running, now);
        }
        Ok(branch)
    }

    fn add_past(&self, branch: &mut Branch, seed: &SeedJob, now: Now) -> io::Result<()> {
        let content = seed.commit.clone().or_else(|| seed.files.as_ref().map(|files| files.url.clone()));
        let content = content.ok_or_else(|| {
            refused(format!("A past job of {} in {} has neither a commit nor files.", branch.name, self.name))
        })?;
        let is_hook = seed.kind == SeedJobKind::WebHook;
        let names_commit = seed.names_commit.unwrap_or(!is_hook && seed.kind != SeedJobKind::Manual);
        let order = Order {
            kind: seed.kind,
            commit: if names_commit { content.clone() } else { HEAD.to_owned() },
            message: self.summary_of(&content),
            content,
            loses_commit: seed.loses_commit || is_hook,
            files: seed.files.clone(),
        };
        let began = ago(now, seed.age);
        let number = branch.add(order, began, JobStatus::Running);
        let Some(job) = branch.job_mut(number) else {
            return Ok(());
        };
        match &seed.ended {
            SeedJobEnding::Succeeded => {
                pass(job, began, None);
                branch.active = Some(number);
            }
            SeedJobEnding::Failed(failure) => {
                pass(job, began, Some((&failure.step, JobStatus::Failed, Some(&failure.reason))));
            }
            SeedJobEnding::Cancelled => pass(job, began, Some(("BUILD", JobStatus::Cancelled, None))),
        }
        Ok(())
    }

    fn add_running(&self, branch: &mut Branch, seed: &SeedRunningJob, now: Now) {
        let order = Order {
            kind: seed.kind,
            commit: if seed.kind == SeedJobKind::WebHook { HEAD.to_owned() } else { seed.commit.clone() },
            message: self.summary_of(&seed.commit),
            content: seed.commit.clone(),
            loses_commit: seed.kind == SeedJobKind::WebHook,
            files: None,
        };
        let number = branch.add(order, ago(now, seed.age), JobStatus::Running);
        if let Some(job) = branch.job_mut(number) {
            job.begin_step("BUILD", now.at);
            job.due = Some(now.after(self.takes("BUILD")));
        }
    }
}

/// Lets a past job go through its steps, up to the one at which it ended.
fn pass(job: &mut Job, began: Timestamp, ended: Option<(&str, JobStatus, Option<&str>)>) {
    let at = |passed: SignedDuration| began.checked_add(passed).unwrap_or(began);
    let over = at(LASTED);
    for name in job.course() {
        job.begin_step(name, at(BEGINNING));
        match ended {
            Some((step, status, reason)) if step == *name => {
                job.end_step(over, status, reason.map(str::to_owned));
                return job.end(over, status);
            }
            Some(_) | None => job.end_step(over, JobStatus::Succeed, None),
        }
    }
    job.end(over, JobStatus::Succeed);
}
