//! What a job's steps came to, as lines for the thread. Pure.

use super::inventory::Followed;
use super::job::JobStep;
use crate::systems::step_kind::News;

/// One line for each step that is over, in their order.
pub(super) fn news(followed: &Followed) -> Vec<News> {
    let over =
        followed.steps.iter().take_while(|step| matches!(step.status.as_str(), "SUCCEED" | "FAILED" | "CANCELLED"));
    let line = |step: &JobStep| News {
        id: format!("{}/{}", followed.job.id, step.name),
        line: format!("{}: {} {}", followed.job.name(), step.name, words(&step.status)),
    };
    over.map(line).collect()
}

fn words(status: &str) -> &str {
    match status {
        "SUCCEED" => "succeeded",
        "FAILED" => "failed",
        "CANCELLED" => "was stopped",
        other => other,
    }
}
