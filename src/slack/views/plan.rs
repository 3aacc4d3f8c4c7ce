//! A plan, before anything is done.

use serde_json::Value;

use super::blocks::{columns, context, header, section};
use super::evidence::bullets;
use super::words::{short, targets};
use crate::incident::ids::StepId;
use crate::incident::incident::Terms;
use crate::incident::plan::{Need, Plan, Purpose, Step};
use crate::incident::release::Release;
use crate::incident::request::Request;
use crate::incident::work::{Asks, Span, Work};
use crate::slack::message::Message;
use crate::slack::mrkdwn::{age, all_of, capital, code, duration, foreign, plural, principals, stopped};

/// How much of how a release was found is shown: a pipeline's names the commit, its summary and its link.
const CHOSEN: usize = 600;

/// Up to how many targets are shown in full; where there are more, each has one line.
const FULL: usize = 1;
/// How many targets, steps and images are shown one by one. Slack takes about 13,000 characters of blocks.
const TARGETS: usize = 12;
const STEPS: usize = 10;
const IMAGES: usize = 2;

/// From and to of every target, the steps, what may be lost and what to know.
pub(super) fn details(plan: &Plan, at: jiff::Timestamp) -> Vec<Value> {
    let mut blocks: Vec<Value> = if targets(plan).count() <= FULL {
        targets(plan).map(|step| target(step, at)).collect()
    } else {
        let lines: Vec<String> = targets(plan).take(TARGETS).map(|step| one_line(step, at)).collect();
        lines.chunks(TARGETS / 2).map(|lines| section(&lines.join("\n"))).collect()
    };
    if let Some(matched) = &plan.matched {
        blocks.push(context(&format!("🔗 {}", stopped(&capital(&foreign(matched, 300))))));
    }
    let more = targets(plan).count().saturating_sub(TARGETS);
    if more > 0 {
        blocks.push(context(&format!("and {}", plural(more as u64, "more target"))));
    }
    blocks.extend(targets(plan).filter_map(changes));
    let losses: Vec<&str> = plan.steps().flat_map(|(_, step)| &step.loses).map(String::as_str).collect();
    if !losses.is_empty() {
        blocks.push(section(&format!("🗑️ *May be lost*\n{}", bullets(losses.into_iter()))));
    }
    if !plan.warnings.is_empty() {
        let warnings = bullets(plan.warnings.iter().map(String::as_str));
        blocks.push(section(&format!("⚠️ *Before you approve*\n{warnings}")));
    }
    blocks.push(section(&outline(plan)));
    blocks
}

/// How many changes of a change set are shown; the console shows all.
const CHANGES: usize = 12;

/// What a change set would change, where the step executes one.
fn changes(step: &Step) -> Option<Value> {
    if let Work::Site(site) = &step.work {
        let title = foreign(&site.bucket, 80);
        return site.preview().map(|preview| section(&format!("🧾 *Changes of {title}*: {preview}")));
    }
    let Work::Stack(work) = &step.work else { return None };
    let changes = work.changes();
    let mut lines: Vec<String> = changes.iter().take(CHANGES).map(|change| foreign(&change.words(), 160)).collect();
    if changes.len() > CHANGES {
        lines.push(format!("and {}", plural((changes.len() - CHANGES) as u64, "more change")));
    }
    let title = foreign(&work.name, 80);
    (!lines.is_empty())
        .then(|| section(&format!("🧾 *Changes of {title}*\n{}", bullets(lines.iter().map(String::as_str)))))
}

/// A target on one line: from → to.
fn one_line(step: &Step, at: jiff::Timestamp) -> String {
    let optional = match step.need {
        Need::Required => "",
        Need::Optional => " (optional)",
    };
    // By the name that `only` and the buttons take, too.
    let title = format!("*{}*{optional}, {}", foreign(step.id.as_str(), 60), foreign(&step.title, 120));
    match (&step.from, &step.to) {
        (Some(from), Some(to)) => format!("• {title}: {} → {}{}", short(from), short(to), deployed(to, at)),
        (None, Some(to)) => format!("• {title}: to {}{}", short(to), deployed(to, at)),
        (Some(_) | None, None) => format!("• {title}"),
    }
}

fn target(step: &Step, at: jiff::Timestamp) -> Value {
    let optional = match step.need {
        Need::Required => "",
        Need::Optional => " (optional)",
    };
    let mut text = format!("*{}*{optional}", foreign(&step.title, 120));
    if let Some(chosen) = &step.chosen {
        text = format!("{text}\n{}", stopped(&capital(&foreign(chosen, CHOSEN))));
    }
    let fields: Vec<String> = [("Runs now", &step.from), ("Goes back to", &step.to)]
        .into_iter()
        .filter_map(|(title, release)| release.as_ref().map(|release| format!("{title}\n{}", described(release, at))))
        .collect();
    if fields.is_empty() { section(&text) } else { columns(&text, &fields) }
}

/// A release with its age, who deployed it and its images.
fn described(release: &Release, at: jiff::Timestamp) -> String {
    let mut lines = vec![match &release.version {
        Some(_) => format!("{} ({})", short(release), foreign(&release.label, 60)),
        None => short(release),
    }];
    lines.extend(deployment(release, at));
    for image in release.images.iter().take(IMAGES) {
        let digest = image.digest.as_deref().and_then(|digest| digest.strip_prefix("sha256:"));
        let digest = digest.and_then(|digest| digest.get(..12)).map(|digest| format!(" {}", code(digest, 20)));
        lines.push(format!("{}{}", code(without_registry(&image.image), 100), digest.unwrap_or_default()));
    }
    if release.images.len() > IMAGES {
        lines.push(format!("and {}", plural((release.images.len() - IMAGES) as u64, "more image")));
    }
    lines.join("\n")
}

/// `deployed 3 days ago by ci-deployer`, as far as it is known.
fn deployment(release: &Release, at: jiff::Timestamp) -> Option<String> {
    let by = release.deployed_by.as_ref().map(|by| format!(" by {}", foreign(by, 80)));
    match (release.deployed_at, by) {
        (Some(deployed), by) => Some(format!("deployed {} ago{}", age(deployed, at), by.unwrap_or_default())),
        (None, Some(by)) => Some(format!("deployed{by}")),
        (None, None) => None,
    }
}

fn deployed(release: &Release, at: jiff::Timestamp) -> String {
    deployment(release, at).map(|deployed| format!(" ({deployed})")).unwrap_or_default()
}

/// An image without its registry's host, which says nothing to the reader: `shop/api:v41`.
fn without_registry(image: &str) -> &str {
    match image.split_once('/') {
        Some((host, rest)) if host.contains('.') => rest,
        Some(_) | None => image,
    }
}

/// The steps in their order, numbered as in the step list, and how long they take.
fn outline(plan: &Plan) -> String {
    let beside = side_by_side(plan);
    let all: Vec<String> = plan
        .steps()
        .enumerate()
        .map(|(number, (purpose, step))| {
            let beside = if beside.contains(&&step.id) { " (side by side)" } else { "" };
            format!("{}. {}{beside}", number + 1, intention(purpose, step))
        })
        .collect();
    let mut lines = vec![format!("*Steps*, about {}", duration(plan.estimate()))];
    lines.extend(all.iter().take(STEPS).cloned());
    if all.len() > STEPS {
        lines.push(format!("and {}", plural((all.len() - STEPS) as u64, "more step")));
    }
    lines.join("\n")
}

/// The targets that do not wait for one another.
fn side_by_side(plan: &Plan) -> Vec<&StepId> {
    let stages = plan.stages.iter().filter(|stage| stage.purpose == Purpose::RollBack);
    let tracks: Vec<&str> = stages.clone().filter_map(|stage| stage.track.as_deref()).collect();
    let several_tracks = tracks.iter().any(|track| Some(track) != tracks.first());
    let beside = stages.filter(|stage| stage.lanes.len() > 1 || (several_tracks && stage.track.is_some()));
    let steps = beside.flat_map(|stage| stage.lanes.iter().flat_map(|lane| &lane.steps));
    // Gates and what people do by hand are not what is meant.
    let beside: Vec<&StepId> = steps.filter(|step| step.to.is_some()).map(|step| &step.id).collect();
    if beside.len() > 1 { beside } else { Vec::new() }
}

/// What a step is for, in a few words.
fn intention(purpose: Purpose, step: &Step) -> String {
    let title = foreign(&step.title, 120);
    match step.work.asks() {
        Some(Asks::Gate(gate)) => {
            let what = stopped(&capital(&foreign(&gate.what, 200)));
            return format!("🔒 Wait until somebody types {}. {what}", code(&gate.phrase, 80));
        }
        Some(Asks::Manual(manual)) if manual.by.is_empty() => return format!("By hand: {title}"),
        Some(Asks::Manual(manual)) => return format!("By hand: {title} ({})", principals(&manual.by)),
        None => {}
    }
    if step.work.is_of_settings() {
        return format!("Change: {title}");
    }
    match (purpose, &step.to) {
        (Purpose::Freeze, _) => format!("Hold back: {title}"),
        (Purpose::RollBack, Some(to)) => format!("Take {title} to {}", short(to)),
        (Purpose::RollBack, None) => format!("Take back: {title}"),
        (Purpose::Verify, _) => format!("Check: {title}"),
        (Purpose::Watch, _) => match step.work.check().map(|check| &check.span) {
            Some(Span::Elapsed { span, .. }) => format!("Watch for {}: {title}", duration(*span)),
            Some(Span::Passes { .. }) | None => format!("Watch: {title}"),
        },
    }
}

/// What a rollback would do; nothing is recorded and nothing can be approved.
pub fn dry_run(request: &Request, plan: &Plan, terms: &Terms, at: jiff::Timestamp) -> Message {
    let place = format!("{} {}", request.environment, request.service);
    let mut goals: Vec<String> = targets(plan).filter_map(|step| step.to.as_ref()).map(short).collect();
    goals.dedup();
    let to = if goals.is_empty() { String::new() } else { format!(" to {}", all_of(goals)) };
    let text = format!(
        "This is what rolling *{}* back{to} would do. Nothing is changed, and nothing waits for approval.",
        foreign(&place, 120),
    );
    let approvals = match terms.required {
        0 => "It would run on the requester's own confirmation.".to_owned(),
        required => {
            format!("It would need {} from {}.", plural(u64::from(required), "approval"), principals(&terms.approvers))
        }
    };
    let mut blocks = vec![header(&format!("📝 {place}: dry run")), section(&text)];
    blocks.extend(details(plan, at));
    blocks.push(context(&approvals));
    Message { text, blocks }
}
