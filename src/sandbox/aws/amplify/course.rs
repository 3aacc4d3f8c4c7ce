//! What time does: jobs go through their phases, and updates of domains take effect.

use jiff::Timestamp;

use super::app::{App, Apps};
use super::job::{Job, JobStatus, PROVISIONING};
use crate::incident::time::Now;

impl Apps {
    /// When something happens next by itself.
    pub(in super::super) fn due(&self) -> Option<Timestamp> {
        let jobs = self.all.iter().flat_map(|app| &app.branches).flat_map(|branch| &branch.jobs);
        let domains = self.all.iter().flat_map(|app| &app.domains);
        let updates = domains.filter_map(|domain| domain.update.as_ref().map(|update| update.due));
        jobs.filter_map(|job| job.due).chain(updates).min()
    }

    /// Does what is due.
    pub(in super::super) fn step(&mut self, now: Now) {
        for app in &mut self.all {
            app.step(now);
        }
    }
}

impl App {
    fn step(&mut self, now: Now) {
        let mut branches = std::mem::take(&mut self.branches);
        for branch in &mut branches {
            let due = |job: &&mut Job| job.due.is_some_and(|due| due <= now.at);
            let mut published = None;
            for job in branch.jobs.iter_mut().filter(due) {
                self.step_job(job, now);
                if job.status == JobStatus::Succeed {
                    published = Some(job.number);
                }
            }
            if published.is_some() {
                branch.active = published;
            }
            branch.begin_next(now);
        }
        self.branches = branches;
        for domain in &mut self.domains {
            domain.step(now);
        }
    }

    fn step_job(&self, job: &mut Job, now: Now) {
        match job.status {
            JobStatus::Pending => {
                job.status = JobStatus::Provisioning;
                job.due = Some(now.after(PROVISIONING));
            }
            JobStatus::Provisioning => {
                job.status = JobStatus::Running;
                self.begin_next_step(job, now);
            }
            JobStatus::Running => {
                let step = job.steps.last().map_or("", |step| step.name);
                if let Some(failure) = self.failure(&job.content, step) {
                    job.end_step(now.at, JobStatus::Failed, Some(failure.reason));
                    job.end(now.at, JobStatus::Failed);
                    return;
                }
                job.end_step(now.at, JobStatus::Succeed, None);
                self.begin_next_step(job, now);
            }
            JobStatus::Cancelling => {
                job.end_step(now.at, JobStatus::Cancelled, None);
                job.end(now.at, JobStatus::Cancelled);
            }
            JobStatus::Created | JobStatus::Failed | JobStatus::Succeed | JobStatus::Cancelled => job.due = None,
        }
    }

    fn begin_next_step(&self, job: &mut Job, now: Now) {
        match job.course().get(job.steps.len()).copied() {
            Some(next) => {
                job.begin_step(next, now.at);
                job.due = Some(now.after(self.takes(next)));
            }
            None => job.end(now.at, JobStatus::Succeed),
        }
    }
}
