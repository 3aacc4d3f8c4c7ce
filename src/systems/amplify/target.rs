//! Which job is deployed again. Pure.
//!
//! The release before is the newest job that succeeded before what visitors get first went live. So going back twice
//! leads further back, and not to what the first time took away. A job that failed or was stopped never went live, also
//! where it was of the same commit. A job of an app with a repository is a release only
//! where Amplify says which commit it built: a job that says `HEAD` would be built from whatever `HEAD` is now.

use super::app::Origin;
use super::inventory::BranchInventory;
use super::job::{Job, SHORTEST, Stand, is_same_commit, short};
use crate::systems::planned::PlanRefusal;

/// A job to go back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The job.
    pub job: Job,
    /// How it was found, as a sentence.
    pub how: String,
    /// Jobs that would have been nearer, and are none to go back to.
    pub passed: Vec<Job>,
}

/// The job that `to` names; with `None` or `previous`, the release before.
///
/// # Errors
/// Why none can be chosen, and what to do.
pub fn choose(inventory: &BranchInventory, to: Option<&str>) -> Result<Choice, PlanRefusal> {
    match to.map(str::trim) {
        None => previous(inventory),
        Some(to) if to.is_empty() || to.eq_ignore_ascii_case("previous") => previous(inventory),
        Some(to) => named(inventory, &to.to_lowercase()),
    }
}

/// Whether one can go back to a job that succeeded.
pub fn is_known(inventory: &BranchInventory, job: &Job) -> bool {
    match inventory.app.origin {
        Origin::Repository => job.commit().is_some(),
        Origin::Uploads => true,
    }
}

fn previous(inventory: &BranchInventory) -> Result<Choice, PlanRefusal> {
    let title = inventory.title();
    let active = inventory.active();
    // Without an active job everything that succeeded is earlier.
    let content = active.and_then(Job::content);
    let was_live = |job: &&Job| job.stand() == Stand::Succeeded && content.is_some() && job.content() == content;
    let same = inventory.jobs.iter().filter(was_live);
    let first = same.chain(active).map(Job::number).min().unwrap_or(u64::MAX);
    let mut passed = Vec::new();
    for job in inventory.jobs.iter().filter(|job| job.stand() == Stand::Succeeded && job.number() < first) {
        if is_known(inventory, job) {
            let than = active.map(|active| format!(" before {}", active.whole())).unwrap_or_default();
            let how = format!("The newest job of {title} that succeeded{than}{}.", when(job));
            return Ok(Choice { job: job.clone(), how, passed });
        }
        passed.push(job.clone());
    }
    Err(PlanRefusal::new(match (passed.first(), active) {
        (Some(job), _) => format!(
            "No previous Amplify deployment found that can be repeated: Amplify does not say which commit {} of {title} \
             built, and would build the newest one instead. Push a commit that takes the change back.",
            job.name()
        ),
        (None, Some(active)) => format!(
            "No previous Amplify deployment found: no job of {title} succeeded before {}. Push a commit that is known to be \
             good, or one that takes the change back.",
            active.whole()
        ),
        (None, None) => format!(
            "No previous Amplify deployment found: no job of {title} has succeeded. Push a commit that is known to be good."
        ),
    }))
}

fn named(inventory: &BranchInventory, to: &str) -> Result<Choice, PlanRefusal> {
    let title = inventory.title();
    let number = to.strip_prefix("job").map_or(to, |rest| rest.trim_start_matches(['-', ' ', '#']));
    let is_number = !number.is_empty() && number.chars().all(|digit| digit.is_ascii_digit());
    if is_number
        && let Ok(wanted) = number.parse::<u64>()
        && let Some(job) = inventory.jobs.iter().find(|job| job.number() == wanted)
    {
        return of_job(inventory, job);
    }
    let is_sha = to.len() >= SHORTEST && to.chars().all(|digit| digit.is_ascii_hexdigit());
    let is_it = |job: &&Job| is_sha && job.commit().is_some_and(|commit| is_same_commit(&commit, to));
    let found: Vec<&Job> = inventory.jobs.iter().filter(is_it).collect();
    let mut commits: Vec<String> = found.iter().filter_map(|job| job.commit()).collect();
    commits.sort_unstable();
    commits.dedup();
    if commits.len() > 1 {
        return Err(PlanRefusal::new(format!("`{to}` names {} commits. Write more of it.", commits.len())));
    }
    let good = found.iter().find(|job| job.stand() == Stand::Succeeded);
    match good.or(found.first()) {
        Some(job) => of_job(inventory, job),
        None => Err(PlanRefusal::new(format!(
            "`{to}` names no job of {title}. Write a job (`job-7`) or at least {SHORTEST} digits of a commit; `/rollback \
             releases` lists them."
        ))),
    }
}

fn of_job(inventory: &BranchInventory, job: &Job) -> Result<Choice, PlanRefusal> {
    let (title, name) = (inventory.title(), job.whole());
    let refused =
        |why: String| Err(PlanRefusal::new(format!("{why} Name one that succeeded; `/rollback releases` lists them.")));
    match job.stand() {
        Stand::Succeeded if is_known(inventory, job) => {
            let how = format!("{} of {title} succeeded{}.", capital(&name), when(job));
            Ok(Choice { job: job.clone(), how, passed: Vec::new() })
        }
        Stand::Succeeded => refused(format!(
            "Amplify does not say which commit {name} of {title} built, and would build the newest one instead."
        )),
        Stand::Failed => refused(format!("{} of {title} failed, so it was never live.", capital(&name))),
        Stand::Stopped | Stand::BeingStopped => {
            refused(format!("{} of {title} was stopped, so it was never live.", capital(&name)))
        }
        Stand::UnderWay => refused(format!("{} of {title} is still under way.", capital(&name))),
    }
}

/// The job as a sentence begins with it.
pub fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// ` (job 7 of 2b7e4d60, 20 Nov 14:02 UTC: “Faster cart”)`.
fn when(job: &Job) -> String {
    let commit = job.commit().map(|commit| format!(" of {}", short(&commit))).unwrap_or_default();
    let at = job.ended_at.or(job.started_at).map(|at| format!(", {}", at.strftime("%-d %b %H:%M UTC")));
    let title = job.title().map(|title| format!(": “{title}”")).unwrap_or_default();
    format!(" ({}{commit}{}{title})", job.name(), at.unwrap_or_default())
}
