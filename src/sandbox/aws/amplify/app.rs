//! Apps and branches.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::super::refusal::Refusal;
use super::super::seed::Answer;
use super::super::seed_pipelines::SeedCommit;
use super::domain::Domain;
use super::job::Job;
use super::seed::SeedJobFailure;

/// The Amplify apps of an account in one region.
#[derive(Debug, Default)]
pub(in super::super) struct Apps {
    pub(super) all: Vec<App>,
}

/// An app.
#[derive(Debug)]
pub(super) struct App {
    pub(super) id: String,
    pub(super) arn: String,
    pub(super) name: String,
    /// `None` for an app that is deployed by hand.
    pub(super) repository: Option<String>,
    pub(super) auto_build: bool,
    pub(super) commits: Vec<SeedCommit>,
    pub(super) build_seconds: u64,
    pub(super) fails: BTreeMap<String, SeedJobFailure>,
    pub(super) branches: Vec<Branch>,
    pub(super) domains: Vec<Domain>,
    pub(super) site: BTreeMap<String, BTreeMap<String, Answer>>,
    pub(super) created_at: Timestamp,
}

/// A branch.
#[derive(Debug)]
pub(super) struct Branch {
    pub(super) name: String,
    pub(super) arn: String,
    pub(super) auto_build: bool,
    /// Members of `Branch` as they were set: what `UpdateBranch` changes, other than `enableAutoBuild`.
    pub(super) settings: Map<String, Value>,
    pub(super) backend_stack: Option<String>,
    /// Oldest first.
    pub(super) jobs: Vec<Job>,
    /// What the next job is called.
    pub(super) next_job: u32,
    /// The job whose build is published.
    pub(super) active: Option<u32>,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}

impl Apps {
    /// An app by id.
    pub(super) fn app(&self, id: &str) -> Result<&App, Refusal> {
        must_be_an_id(id)?;
        self.all.iter().find(|app| app.id == id).ok_or_else(|| no_such_app(id))
    }

    /// An app by id, to be changed.
    pub(super) fn app_mut(&mut self, id: &str) -> Result<&mut App, Refusal> {
        must_be_an_id(id)?;
        self.all.iter_mut().find(|app| app.id == id).ok_or_else(|| no_such_app(id))
    }
}

impl App {
    /// A branch by name.
    pub(super) fn branch(&self, name: &str) -> Result<&Branch, Refusal> {
        self.branches.iter().find(|branch| branch.name == name).ok_or_else(|| no_such_branch(name))
    }

    /// A branch by name, to be changed.
    pub(super) fn branch_mut(&mut self, name: &str) -> Result<&mut Branch, Refusal> {
        self.branches.iter_mut().find(|branch| branch.name == name).ok_or_else(|| no_such_branch(name))
    }

    /// The commit that the branches point to.
    pub(super) fn head(&self) -> SeedCommit {
        let newest = self.commits.last().cloned();
        newest.unwrap_or_else(|| SeedCommit { id: "HEAD".to_owned(), summary: String::new() })
    }

    /// The first line of a commit's message; nothing where the repository does not have the commit.
    pub(super) fn summary_of(&self, commit: &str) -> String {
        self.commits.iter().find(|known| known.id == commit).map(|known| known.summary.clone()).unwrap_or_default()
    }
}

impl Branch {
    /// The job that is not over yet, if there is one: the oldest, which the others wait for.
    pub(super) fn open_job(&self) -> Option<&Job> {
        self.jobs.iter().find(|job| job.status.is_open())
    }

    /// A job by its number, which may have zeros in front.
    pub(super) fn job(&self, id: &str) -> Option<&Job> {
        let number = id.parse::<u32>().ok()?;
        self.jobs.iter().find(|job| job.number == number)
    }

    /// A job by its number, to be changed.
    pub(super) fn job_mut(&mut self, number: u32) -> Option<&mut Job> {
        self.jobs.iter_mut().find(|job| job.number == number)
    }
}

fn must_be_an_id(id: &str) -> Result<(), Refusal> {
    let fits = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    if id.starts_with('d') && (2..=20).contains(&id.len()) && id.chars().all(fits) {
        return Ok(());
    }
    let message = format!(
        "1 validation error detected: Value '{id}' at 'appId' failed to satisfy constraint: Member must satisfy regular expression pattern: d[a-z0-9]+"
    );
    Err(Refusal::new("BadRequestException", message))
}

fn no_such_app(id: &str) -> Refusal {
    Refusal::new("NotFoundException", format!("App {id} not found."))
}

fn no_such_branch(name: &str) -> Refusal {
    Refusal::new("NotFoundException", format!("Branch {name} not found."))
}
