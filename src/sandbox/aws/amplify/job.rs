//! A job: one build of a branch, or one hand-over of files.

use std::time::Duration;

use jiff::Timestamp;

use super::super::refusal::Refusal;
use super::app::{App, Branch};
use super::seed::{SeedFiles, SeedJobFailure, SeedJobKind};
use crate::incident::time::Now;

/// What a job names that does not know its commit.
pub(super) const HEAD: &str = "HEAD";

/// From the request until a machine is being made ready.
pub(super) const PENDING: Duration = Duration::from_secs(5);
/// Until the machine is ready.
pub(super) const PROVISIONING: Duration = Duration::from_secs(20);
/// How long DEPLOY takes.
pub(super) const DEPLOY: Duration = Duration::from_secs(10);
/// How long VERIFY takes.
pub(super) const VERIFY: Duration = Duration::from_secs(5);
/// From `StopJob` until the job is over.
pub(super) const CANCELLING: Duration = Duration::from_secs(5);

/// `JobStatus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JobStatus {
    /// `CreateDeployment` made it, and no files have come.
    Created,
    Pending,
    Provisioning,
    Running,
    Failed,
    Succeed,
    Cancelling,
    Cancelled,
}

impl JobStatus {
    /// The word on the wire.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Created => "CREATED",
            Self::Pending => "PENDING",
            Self::Provisioning => "PROVISIONING",
            Self::Running => "RUNNING",
            Self::Failed => "FAILED",
            Self::Succeed => "SUCCEED",
            Self::Cancelling => "CANCELLING",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// Whether it is under way, so that nothing else may be started.
    pub(super) fn is_open(self) -> bool {
        match self {
            Self::Pending | Self::Provisioning | Self::Running | Self::Cancelling => true,
            Self::Created | Self::Failed | Self::Succeed | Self::Cancelled => false,
        }
    }
}

/// A step of a job that has begun.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) name: &'static str,
    pub(super) began_at: Timestamp,
    pub(super) ended_at: Option<Timestamp>,
    pub(super) status: JobStatus,
    pub(super) reason: Option<String>,
}

/// A job.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) number: u32,
    pub(super) kind: SeedJobKind,
    pub(super) status: JobStatus,
    /// What it publishes: a commit, the address of files, or what the seed calls a zip.
    pub(super) content: String,
    /// What it names as its commit.
    pub(super) commit: String,
    pub(super) message: String,
    /// Whether `RETRY` builds the newest commit instead of this job's.
    pub(super) loses_commit: bool,
    pub(super) files: Option<SeedFiles>,
    pub(super) started_at: Timestamp,
    pub(super) ended_at: Option<Timestamp>,
    pub(super) steps: Vec<Step>,
    /// When something happens next by itself; `None` while another job is in front of it.
    pub(super) due: Option<Timestamp>,
}

/// What a new job is for.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) kind: SeedJobKind,
    pub(super) content: String,
    pub(super) commit: String,
    pub(super) message: String,
    pub(super) loses_commit: bool,
    pub(super) files: Option<SeedFiles>,
}

impl Job {
    /// The steps of a job: files that are handed over are not built.
    pub(super) fn course(&self) -> &'static [&'static str] {
        match self.kind {
            SeedJobKind::Manual => &["DEPLOY", "VERIFY"],
            SeedJobKind::Release | SeedJobKind::Retry | SeedJobKind::WebHook => &["BUILD", "DEPLOY", "VERIFY"],
        }
    }

    /// Begins a step.
    pub(super) fn begin_step(&mut self, name: &'static str, at: Timestamp) {
        self.steps.push(Step { name, began_at: at, ended_at: None, status: JobStatus::Running, reason: None });
    }

    /// Ends the step that runs, if one does.
    pub(super) fn end_step(&mut self, at: Timestamp, status: JobStatus, reason: Option<String>) {
        if let Some(step) = self.steps.last_mut().filter(|step| step.ended_at.is_none()) {
            step.ended_at = Some(at);
            step.status = status;
            step.reason = reason;
        }
    }

    /// Ends the job.
    pub(super) fn end(&mut self, at: Timestamp, status: JobStatus) {
        self.status = status;
        self.ended_at = Some(at);
        self.due = None;
    }
}

impl Branch {
    /// Adds a job that begins once no other is under way; returns its number.
    pub(super) fn enqueue(&mut self, order: Order, now: Now) -> u32 {
        let number = self.add(order, now.at, JobStatus::Pending);
        self.begin_next(now);
        number
    }

    /// Adds a job as it is.
    pub(super) fn add(&mut self, order: Order, at: Timestamp, status: JobStatus) -> u32 {
        let number = self.next_job;
        self.next_job += 1;
        self.jobs.push(Job {
            number,
            kind: order.kind,
            status,
            content: order.content,
            commit: order.commit,
            message: order.message,
            loses_commit: order.loses_commit,
            files: order.files,
            started_at: at,
            ended_at: None,
            steps: Vec::new(),
            due: None,
        });
        number
    }

    /// Lets the oldest job that waits begin, if none is under way.
    pub(super) fn begin_next(&mut self, now: Now) {
        let is_free = !self.jobs.iter().any(|job| job.status.is_open() && job.due.is_some());
        let next = self.jobs.iter_mut().find(|job| job.status == JobStatus::Pending);
        if let Some(next) = next.filter(|_| is_free) {
            next.due = Some(now.after(PENDING));
        }
    }

    /// Refuses to start a job while one is under way.
    pub(super) fn must_be_idle(&self) -> Result<(), Refusal> {
        if self.open_job().is_none() {
            return Ok(());
        }
        let message = format!("The branch {} already have pending or running jobs", self.name);
        Err(Refusal::new("LimitExceededException", message))
    }
}

impl App {
    /// Why what a job publishes fails at a step, if it does.
    pub(super) fn failure(&self, content: &str, step: &str) -> Option<SeedJobFailure> {
        self.fails.get(content).filter(|failure| failure.step == step).cloned()
    }

    /// How long a step takes.
    pub(super) fn takes(&self, step: &str) -> Duration {
        match step {
            "DEPLOY" => DEPLOY,
            "VERIFY" => VERIFY,
            _ => Duration::from_secs(self.build_seconds),
        }
    }
}
