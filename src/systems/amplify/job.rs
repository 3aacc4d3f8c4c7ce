//! A job: one build or deployment of a branch, as Amplify tells of it.

use jiff::Timestamp;

use crate::aws::time::timestamp;

/// The shortest piece of a sha that names a commit.
pub const SHORTEST: usize = 7;
/// The longest sha: that of git with SHA-256.
const LONGEST: usize = 64;
/// As much of a commit's message as stands beside its name.
const MESSAGE: usize = 40;

/// A job of a branch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Job {
    /// Its number within the branch, as text.
    pub id: String,
    /// `RELEASE`, `RETRY`, `MANUAL` or `WEB_HOOK`.
    pub kind: String,
    /// Its status, in AWS's word.
    pub status: String,
    /// What Amplify calls its commit: a sha, or `HEAD`, or nothing.
    pub commit_id: String,
    /// The commit's message.
    pub message: String,
    /// When it was started.
    pub started_at: Option<Timestamp>,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
    /// Where it was deployed from, if it was not built.
    pub source: Option<String>,
    /// `ZIP` or `BUCKET_PREFIX`.
    pub source_kind: Option<String>,
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stand {
    /// It waits or is under way.
    UnderWay,
    /// It is being stopped.
    BeingStopped,
    /// It was stopped.
    Stopped,
    /// It failed.
    Failed,
    /// It succeeded.
    Succeeded,
}

/// One step of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobStep {
    /// `BUILD`, `DEPLOY`, `VERIFY`.
    pub name: String,
    /// Its status, in AWS's word.
    pub status: String,
    /// Why, in AWS's words.
    pub reason: Option<String>,
    /// Where its log is; a link that expires.
    pub log: Option<String>,
    /// When it was started.
    pub started_at: Option<Timestamp>,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
}

impl Job {
    /// What Amplify tells of a job.
    pub fn of(told: &aws_sdk_amplify::types::JobSummary) -> Self {
        Self {
            id: bare(told.job_id()).to_owned(),
            kind: told.job_type().as_str().to_owned(),
            status: told.status().as_str().to_owned(),
            commit_id: told.commit_id().to_owned(),
            message: told.commit_message().to_owned(),
            started_at: when(Some(*told.start_time())),
            ended_at: when(told.end_time().copied()),
            source: told.source_url().filter(|url| !url.is_empty()).map(str::to_owned),
            source_kind: told.source_url_type().map(|kind| kind.as_str().to_owned()),
        }
    }

    /// Its number: later jobs have larger ones.
    pub fn number(&self) -> u64 {
        number(&self.id)
    }

    /// Where it stands. A status that is not known goes on: it is waited for until the deadline.
    pub fn stand(&self) -> Stand {
        match self.status.as_str() {
            "SUCCEED" => Stand::Succeeded,
            "FAILED" => Stand::Failed,
            "CANCELLED" => Stand::Stopped,
            "CANCELLING" => Stand::BeingStopped,
            _ => Stand::UnderWay,
        }
    }

    /// Whether it is not over. A deployment that was made and whose files nobody has sent yet holds nothing up.
    pub fn goes_on(&self) -> bool {
        let is_empty = self.kind == "MANUAL" && self.status == "CREATED";
        !is_empty && matches!(self.stand(), Stand::UnderWay | Stand::BeingStopped)
    }

    /// The commit that it was built from, in small letters; `None` where Amplify says `HEAD` or nothing.
    pub fn commit(&self) -> Option<String> {
        let is_sha = (SHORTEST..=LONGEST).contains(&self.commit_id.len())
            && self.commit_id.chars().all(|digit| digit.is_ascii_hexdigit());
        is_sha.then(|| self.commit_id.to_lowercase())
    }

    /// What it deployed, where that can be told: a place, or a commit.
    pub fn content(&self) -> Option<String> {
        self.source.clone().or_else(|| self.commit())
    }

    /// `job 7`, as people read it.
    pub fn name(&self) -> String {
        format!("job {}", self.id)
    }

    /// `job 7 of 2b7e4d60`, where its commit is known.
    pub fn whole(&self) -> String {
        match self.commit() {
            Some(commit) => format!("{} of {}", self.name(), short(&commit)),
            None => self.name(),
        }
    }

    /// The beginning of the commit's message, on one line.
    pub fn title(&self) -> Option<String> {
        let line = self.message.lines().next().unwrap_or_default().trim();
        if line.is_empty() {
            return None;
        }
        let cut: String = line.chars().take(MESSAGE).collect();
        Some(if cut.len() < line.len() { format!("{}…", cut.trim_end()) } else { cut })
    }
}

impl JobStep {
    /// What Amplify tells of a step.
    pub fn of(told: &aws_sdk_amplify::types::Step) -> Self {
        Self {
            name: told.step_name().to_owned(),
            status: told.status().as_str().to_owned(),
            reason: told.status_reason().filter(|reason| !reason.is_empty()).map(str::to_owned),
            log: told.log_url().filter(|url| !url.is_empty()).map(str::to_owned),
            started_at: when(Some(*told.start_time())),
            ended_at: when(Some(*told.end_time())),
        }
    }
}

/// The number in an id. `GetBranch` writes ids with leading zeros, the others without.
pub fn number(id: &str) -> u64 {
    id.parse().unwrap_or_default()
}

/// An id without its leading zeros.
pub fn bare(id: &str) -> &str {
    let bare = id.trim_start_matches('0');
    if bare.is_empty() { id } else { bare }
}

/// The first eight characters of a commit: what people call it by.
pub fn short(commit: &str) -> &str {
    commit.get(..8).unwrap_or(commit)
}

/// Whether two shas name one commit; either may be the beginning of the other.
pub fn is_same_commit(one: &str, other: &str) -> bool {
    let (one, other) = (one.to_lowercase(), other.to_lowercase());
    one.len().min(other.len()) >= SHORTEST && (one.starts_with(&other) || other.starts_with(&one))
}

/// A time of Amplify; where it has none yet, the SDK gives the year 1970.
fn when(time: Option<aws_smithy_types::DateTime>) -> Option<Timestamp> {
    time.filter(|time| time.secs() > 0).and_then(timestamp)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("2b7e4d60f1c3a5b7d9e1f3a5c7d9e0b2a4c6d8e0", Some("2b7e4d60f1c3a5b7d9e1f3a5c7d9e0b2a4c6d8e0"))]
    #[case("2B7E4D60", Some("2b7e4d60"))]
    #[case("HEAD", None)]
    #[case("", None)]
    #[case("deadbee", Some("deadbee"))]
    #[case("release", None)]
    fn a_commit_is_a_sha(#[case] told: &str, #[case] commit: Option<&str>) {
        assert_eq!(Job { commit_id: told.to_owned(), ..Job::default() }.commit().as_deref(), commit);
    }

    #[test]
    fn ids_are_compared_as_numbers() {
        assert_eq!((bare("0000000268"), bare("268"), bare("0")), ("268", "268", "0"));
        assert!(number("0000000268") == number("268"));
    }

    #[test]
    fn a_beginning_names_a_commit_from_seven_digits() {
        assert!(is_same_commit("2b7e4d6", "2B7E4D60F1"));
        assert!(!is_same_commit("2b7e4d", "2b7e4d60f1") && !is_same_commit("", "2b7e4d60f1"));
    }

    #[test]
    fn a_long_message_is_cut() {
        let job = Job { message: format!("{}\nmore", "faster cart ".repeat(9)), ..Job::default() };
        assert_eq!(job.title().unwrap(), "faster cart faster cart faster cart fast…");
    }
}
