//! Each state in a few words and in one sentence: the card's headline, the status, the history and every notification
//! say the same.

use super::asks;
use crate::incident::due::{Phase, blocking, is_left_out, phase};
use crate::incident::incident::{Closed, End, Incident, Proposal, Run, Verdict};
use crate::incident::plan::{Plan, Purpose, Step};
use crate::incident::release::Release;
use crate::incident::step::{Finding, StepState};
use crate::incident::time::Now;
use crate::incident::whereabouts::{is_wholly_done, left_out};
use crate::slack::mrkdwn::{actor, all_of, capital, duration, foreign, plural, stopped};

/// How an incident stands, in words.
pub(super) struct Words {
    /// A sign that is never alone: the headline says the same.
    pub(super) emoji: &'static str,
    /// A few words, ours alone.
    pub(super) headline: String,
    /// One sentence, mrkdwn.
    pub(super) sentence: String,
}

impl Words {
    fn new(emoji: &'static str, headline: impl Into<String>, sentence: impl Into<String>) -> Self {
        Self { emoji, headline: headline.into(), sentence: sentence.into() }
    }
}

/// `prod api`, for plain text; not escaped.
pub(super) fn place(incident: &Incident) -> String {
    format!("{} {}", incident.request.environment, incident.request.service)
}

/// `api`, in bold.
pub(super) fn service(incident: &Incident) -> String {
    format!("*{}*", foreign(&incident.request.service, 60))
}

/// A release by the name that people use most, in bold: `v41`, else `api:41`.
pub(super) fn short(release: &Release) -> String {
    format!("*{}*", foreign(release.version.as_ref().unwrap_or(&release.label), 60))
}

/// What is taken back.
pub(super) fn targets(plan: &Plan) -> impl Iterator<Item = &Step> {
    plan.targets()
}

/// How `incident` stands.
pub(super) fn words(incident: &Incident, now: Now) -> Words {
    match phase(incident) {
        Phase::Planning => Words::new(
            "🔎",
            "looking for the way back",
            format!("Rollbot is looking at what {} runs now and what it can go back to.", service(incident)),
        ),
        Phase::Waiting(proposal) => waiting(incident, proposal),
        Phase::Starting(proposal) => Words::new(
            "🔎",
            "approved, taking a last look",
            format!(
                "Approved by {}. It starts as soon as a fresh look finds everything as the plan has it.",
                voters(proposal)
            ),
        ),
        Phase::Running(run) => running(incident, run),
        Phase::Blocked(run) => blocked(run),
        Phase::Awaiting(run) => Words::new("✋", "waiting for a person", asks::sentence(run)),
        Phase::Draining(run) => {
            let by = run.stopped.as_ref().map_or_else(|| "Somebody".to_owned(), |stopped| actor(&stopped.by));
            Words::new(
                "🟠",
                "stopping",
                format!("{by} stopped it. What is in flight is being finished, and nothing new begins."),
            )
        }
        Phase::Watching(run, verdict) => watching(incident, run, verdict, now),
        Phase::Over(closed) => over(incident, closed, now),
    }
}

fn waiting(incident: &Incident, proposal: &Proposal) -> Words {
    let missing = missing(proposal);
    let headline = match (proposal.terms.required, missing) {
        (0, _) => "waiting for confirmation".to_owned(),
        (_, 1) if proposal.votes.is_empty() => "waiting for approval".to_owned(),
        (_, missing) => format!("waiting for {}", more_approvals(missing)),
    };
    let by = crate::slack::mrkdwn::user(&incident.request.by);
    Words::new("✋", headline, format!("{by} asks to roll {} back{}.", service(incident), goal(&proposal.plan)))
}

/// How many approvals are missing.
pub(super) fn missing(proposal: &Proposal) -> u64 {
    u64::try_from(proposal.needed().saturating_sub(proposal.votes.len())).unwrap_or(u64::MAX)
}

/// `1 more approval`.
pub(super) fn more_approvals(missing: u64) -> String {
    plural(missing, "more approval")
}

/// ` to *v41*`, and how many targets where there are several.
fn goal(plan: &Plan) -> String {
    match (one_goal(plan), returning(plan).count()) {
        (_, 0) => String::new(),
        (Some(to), 1) => format!(" to {to}"),
        (Some(to), many) => format!(" to {to} ({many} targets)"),
        (None, many) => format!(" ({})", plural(many as u64, "target")),
    }
}

/// How many targets are taken back.
fn goings(plan: &Plan) -> usize {
    targets(plan).count()
}

/// How many of them go back to a release: settings that are changed alone are none.
fn returning(plan: &Plan) -> impl Iterator<Item = &Step> {
    targets(plan).filter(|step| !step.work.is_of_settings())
}

/// The release to go back to by the name that people use most, where it is the same for all targets.
fn one_goal(plan: &Plan) -> Option<String> {
    let mut goals = returning(plan).map(|step| step.to.as_ref().map(short));
    let first = goals.next()??;
    goals.all(|goal| goal.as_ref() == Some(&first)).then_some(first)
}

/// Who has approved.
pub(super) fn voters(proposal: &Proposal) -> String {
    all_of(proposal.votes.iter().map(|vote| actor(&vote.by)).collect())
}

/// The releases to go back to: `*v41*`, or what they are called together.
pub(super) fn goals(plan: &Plan) -> String {
    one_goal(plan).unwrap_or_else(|| "what it was to go back to".to_owned())
}

fn running(incident: &Incident, run: &Run) -> Words {
    let taken_back = run.of(Purpose::RollBack).all(|(step, record)| record.is_settled() || is_left_out(run, &step.id));
    let held = run.of(Purpose::Freeze).all(|(_, record)| record.is_settled());
    match (held, taken_back) {
        (false, _) => Words::new(
            "🔄",
            "holding deployments back",
            format!("Deployments of {} are being held back, so that nothing comes in between.", service(incident)),
        ),
        (true, false) => Words::new(
            "🔄",
            "rolling back",
            format!("{} is on its way back{}.", service(incident), goal(&run.proposal.plan)),
        ),
        (true, true) => Words::new(
            "🔄",
            "checking",
            if run.of(Purpose::RollBack).all(|(step, record)| is_wholly_done(step, record)) {
                let goals = goals(&run.proposal.plan);
                format!("{} runs {goals}. The checks have to pass before it counts as done.", service(incident))
            } else {
                // What was skipped or left out, or may fail, does not run what it was to.
                format!(
                    "Not everything of {} went back. The checks have to pass before what did counts as done.",
                    service(incident)
                )
            },
        ),
    }
}

fn blocked(run: &Run) -> Words {
    let steps: Vec<String> = blocking(run).map(|(step, _)| format!("*{}*", foreign(&step.title, 120))).collect();
    let (headline, verb) = if steps.len() == 1 { ("a step failed", "did") } else { ("steps failed", "did") };
    Words::new(
        "🔴",
        format!("{headline}, a person has to decide"),
        format!(
            "{} {verb} not succeed. What depends on it waits until somebody decides{}.",
            all_of(steps),
            meanwhile(run)
        ),
    )
}

/// That what does not depend on a failure goes on, where something does.
fn meanwhile(run: &Run) -> &'static str {
    let goes_on = run.steps.values().any(|record| record.state == StepState::Active);
    if goes_on { "; the rest goes on" } else { "" }
}

fn watching(incident: &Incident, run: &Run, verdict: Verdict, now: Now) -> Words {
    let span = watch_span(run);
    let mut words = of_verdict(incident, run, verdict, now);
    if watch(run) == Watch::Quiet {
        words.headline = format!("{}, being watched", words.headline);
        words.sentence =
            format!("{} Checks go on{}.", words.sentence, span.map(|s| format!(" for {s}")).unwrap_or_default());
    }
    words
}

/// How long the watch lasts, in words.
pub(super) fn watch_span(run: &Run) -> Option<String> {
    use crate::incident::work::Span;
    let spans = run.of(Purpose::Watch).filter_map(|(step, _)| match step.work.check()?.span {
        Span::Elapsed { span, .. } => Some(span),
        Span::Passes { .. } => None,
    });
    spans.max().map(duration)
}

fn over(incident: &Incident, closed: &Closed, now: Now) -> Words {
    match &closed.end {
        End::Verdict { verdict } => match incident.run() {
            Some(run) => of_verdict(incident, run, *verdict, now),
            None => Words::new("⚪", "over", "It is over."),
        },
        End::NothingToDo { why } => Words::new("⚪", "nothing to do", stopped(&capital(&foreign(why, 600)))),
        End::Rejected { reason } => Words::new(
            "⚪",
            format!("plan rejected, {}", left(incident)),
            match reason {
                Some(reason) => format!("The plan was rejected: “{}”. {}", foreign(reason, 600), unchanged(incident)),
                None => format!("The plan was rejected. {}", unchanged(incident)),
            },
        ),
        End::Expired => Words::new(
            "⚪",
            format!("expired, {}", left(incident)),
            format!("The plan was not approved in time. {} The same command asks again.", unchanged(incident)),
        ),
        End::Aborted { why } => {
            let why = stopped(&capital(&foreign(why, 1_200)));
            let said = why.contains("changed") && !incident.has_frozen();
            let unchanged = if said { String::new() } else { format!(" {}", unchanged(incident)) };
            Words::new("⚪", format!("ended, {}", left(incident)), format!("{why}{unchanged}"))
        }
        End::Failed { why } => Words::new(
            "🔴",
            "ended with something changed",
            format!("{} Look at each target before you go on.", stopped(&capital(&foreign(why, 1_200)))),
        ),
    }
}

/// What an incident that took nothing back has left, for a headline.
fn left(incident: &Incident) -> &'static str {
    if incident.has_frozen() { "deployments stay held back" } else { "nothing was changed" }
}

/// The same as a sentence.
pub(super) fn unchanged(incident: &Incident) -> &'static str {
    if incident.has_frozen() {
        "No target was changed. Deployments stay held back until somebody lifts the freeze."
    } else {
        "Nothing was changed."
    }
}

fn of_verdict(incident: &Incident, run: &Run, verdict: Verdict, now: Now) -> Words {
    let mut words = of_proof(incident, run, verdict, now);
    match watch(run) {
        Watch::Quiet => {}
        Watch::Worse => {
            words.emoji = "🔴";
            let headline = match verdict {
                Verdict::RolledBack => "rolled back, then worse again",
                Verdict::PartlyRolledBack | Verdict::Unproved => "worse again",
            };
            headline.clone_into(&mut words.headline);
            words.sentence =
                format!("{} got worse again while it was watched. It may have to go back further.", service(incident));
        }
        Watch::Blind => {
            words.emoji = "🟠";
            words.headline = format!("{}, then out of sight", words.headline);
            words.sentence = format!("{} While it was watched, its health could not be seen any more.", words.sentence);
        }
    }
    words
}

/// What the watch has found so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Watch {
    /// Nothing that got worse.
    Quiet,
    /// Something got worse again.
    Worse,
    /// Nothing could be seen any more, which is not the same as nothing got worse.
    Blind,
}

/// What the watch of `run` has found so far.
pub(super) fn watch(run: &Run) -> Watch {
    let findings = run.of(Purpose::Watch).filter_map(|(_, record)| match &record.state {
        StepState::Failed(failure) | StepState::SkippedAfter { failure, .. } => Some(failure.finding),
        StepState::Pending | StepState::Active | StepState::Waiting | StepState::Done => None,
    });
    findings.fold(Watch::Quiet, |so_far, finding| match (so_far, finding) {
        (Watch::Worse, _) | (_, Finding::Wrong) => Watch::Worse,
        (Watch::Quiet | Watch::Blind, Finding::Inconclusive) => Watch::Blind,
    })
}

fn of_proof(incident: &Incident, run: &Run, verdict: Verdict, now: Now) -> Words {
    let took = duration(run.took(now, now.at));
    let name = service(incident);
    match verdict {
        Verdict::RolledBack => {
            let plan = &run.proposal.plan;
            let sentence = match (one_goal(plan), returning(plan).count()) {
                (_, 0) if goings(plan) > 0 => {
                    format!("{name} has the settings that were asked for, proved after {took}.")
                }
                (_, 0) => format!("What had to be done for {name} by hand is done, after {took}."),
                (Some(to), 1) => format!("{name} runs {to} again, proved after {took}."),
                (Some(to), many) => format!("All {many} targets of {name} run {to} again, proved after {took}."),
                (None, many) => {
                    format!("All {many} targets of {name} run what they were to go back to, proved after {took}.")
                }
            };
            Words::new("✅", "rolled back", sentence)
        }
        Verdict::PartlyRolledBack => {
            Words::new("🟠", "only partly back", format!("{name} is only partly back. {}", not_back(run)))
        }
        Verdict::Unproved => Words::new(
            "🟠",
            "back, but not proved",
            format!(
                "{name} runs {}, but whether it is healthy could not be seen{}.",
                goals(&run.proposal.plan),
                accepted_by(run)
            ),
        ),
    }
}

/// What is not as it was to be, by name, and how much is.
pub(super) fn not_back(run: &Run) -> String {
    let of = |purpose: Purpose| -> Vec<String> {
        run.of(purpose)
            .filter(|(step, record)| !is_wholly_done(step, record))
            .map(|(step, record)| format!("*{}*{}", foreign(&step.title, 120), super::target::standing(step, record)))
            .collect()
    };
    let word = if run.of(Purpose::RollBack).any(|(step, record)| !left_out(step, record).is_empty()) {
        "wholly back"
    } else {
        "back"
    };
    let (targets, checks) = (of(Purpose::RollBack), [of(Purpose::Freeze), of(Purpose::Verify)].concat());
    let all = goings(&run.proposal.plan);
    let back = match (all, targets.len()) {
        (all, 0) => {
            format!("{} back", if all == 1 { "The target is".to_owned() } else { format!("All {all} targets are") })
        }
        (1, _) => format!("Not {word} is {}", all_of(targets)),
        (all, missing) => {
            let back = all.saturating_sub(missing);
            let verb = if back == 1 { "is" } else { "are" };
            format!("{back} of {all} targets {verb} {word}; not {word}: {}", all_of(targets))
        }
    };
    let checks = if checks.is_empty() { String::new() } else { format!("; not passed: {}", all_of(checks)) };
    format!("{back}{checks}.")
}

/// Who accepted what could not be proved.
pub(super) fn accepted_by(run: &Run) -> String {
    let who: Vec<String> = run
        .of(Purpose::Verify)
        .filter_map(|(_, record)| match &record.state {
            StepState::SkippedAfter { by, .. } => Some(actor(by)),
            StepState::Pending | StepState::Active | StepState::Waiting | StepState::Done | StepState::Failed(_) => {
                None
            }
        })
        .collect();
    if who.is_empty() { String::new() } else { format!("; {} accepted that", all_of(who)) }
}
