//! Puts the steps of all targets, the checks and the watch into the stages of one plan. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::{Check as ConfiguredCheck, Necessity, Order, ServiceIn, TargetGroup, TargetKind, Watch};
use crate::incident::amplify::{AmplifyCheck, AmplifyWork, BranchJob};
use crate::incident::ids::{Resource, StepId};
use crate::incident::plan::{Lane, Need, Plan, Purpose, Stage, Step};
use crate::incident::work::{AlarmsCheck, Check, CheckWork, HttpCheck, Span, TargetGroupCheck, Work};
use crate::systems::planned::Planned;

use super::planning::Outcome;
use super::selection::{Chosen, Wanted, list};
use super::subject::Subject;

/// How often a branch has to be seen well in a row: it was proved a moment ago, so one look will do.
const AMPLIFY_PASSES: u32 = 1;
/// From one look at a branch to the next: each takes three calls.
const AMPLIFY_EVERY: Duration = Duration::from_secs(10);
/// After this without success it has failed.
const AMPLIFY_WITHIN: Duration = Duration::from_mins(2);
/// How often a target group has to be seen healthy in a row, and how often one looks.
const GROUP_PASSES: u32 = 3;
const GROUP_EVERY: Duration = Duration::from_secs(5);
const GROUP_WITHIN: Duration = Duration::from_mins(5);
/// How many unhealthy looks in a row are a regression: one may be a blink.
const REGRESSION: u32 = 3;
/// How long one may spend on a check, beyond the time that it gives itself, before the step is late.
const GRACE: Duration = Duration::from_mins(2);

/// What a look at one target came to: what is to be done, or why nothing can be.
pub(super) type Looked = Result<Planned, String>;

/// Whether what is said of a target has to name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Company {
    /// It is the only one.
    #[default]
    Alone,
    /// There are others.
    Others,
}

/// What is said beside the steps.
#[derive(Default)]
struct Said {
    company: Company,
    warnings: Vec<String>,
    refusals: Vec<(String, String)>,
    left_out: Vec<String>,
    nothing: Vec<String>,
}

/// The plan of what was found. `looked` has one entry for each target of `chosen`, in their order; `matched` says how
/// their releases were found to belong together, and `doubts` what is not certain of that.
pub(super) fn assemble(
    subject: &Subject,
    chosen: &[Chosen<'_>],
    looked: Vec<Looked>,
    matched: Option<String>,
    doubts: Vec<String>,
) -> Outcome {
    let company = if looked.len() > 1 { Company::Others } else { Company::Alone };
    let side_by_side = subject.order() == Order::SideBySide && chosen.len() > 1;
    let mut said = Said { company, warnings: doubts, ..Said::default() };
    let mut stages = Vec::new();
    let mut resolved: Vec<String> = Vec::new();
    let mut looked = looked.into_iter();
    for Chosen { service, stages: wanted } in chosen {
        for stage in wanted {
            let mut lanes = Vec::new();
            for (wanted, looked) in stage.iter().zip(looked.by_ref()) {
                if looked.is_ok() {
                    resolved.push(wanted.step.clone());
                }
                lanes.extend(lane_of(wanted, looked, &mut said));
            }
            if !lanes.is_empty() {
                let track = side_by_side.then(|| service.service.clone());
                stages.push(Stage { purpose: Purpose::RollBack, track, lanes });
            }
        }
    }
    let Said { mut warnings, refusals, left_out, nothing, .. } = said;
    if !refusals.is_empty() {
        return Outcome::Refused(refused(chosen, &refusals, &resolved));
    }
    if stages.is_empty() && nothing.is_empty() {
        return Outcome::Refused(left_out.join(" "));
    }
    // What people do by hand belongs to a rollback; where nothing goes back, nobody is asked for it.
    let mut steps = stages.iter().flat_map(|stage: &Stage| &stage.lanes).flat_map(|lane| &lane.steps);
    if steps.all(|step| step.work.is_by_a_person()) && !nothing.is_empty() {
        return Outcome::NothingToDo(nothing.join(" "));
    }
    warnings.extend(nothing);
    warnings.extend(left_out);
    let services: Vec<&ServiceIn> = chosen.iter().map(|chosen| chosen.service).collect();
    warnings.extend(unchecked(&services));
    let checks = checks(subject, &services, &stages);
    stages.extend(checks);
    Outcome::Plan(Plan { stages, warnings, matched })
}

/// The lane of one target; what is to be said of it goes to `said`, with its name where there are several.
fn lane_of(wanted: &Wanted<'_>, looked: Looked, said: &mut Said) -> Option<Lane> {
    let target = wanted.target;
    let company = said.company;
    let name = |text: String| match company {
        Company::Alone => text,
        Company::Others => format!("{}: {text}", wanted.step),
    };
    match looked {
        Ok(Planned::Steps { mut steps, warnings }) => {
            for step in &mut steps {
                step.need = match target.optional {
                    Necessity::Required => Need::Required,
                    Necessity::Optional => Need::Optional,
                };
            }
            if let Some(last) = steps.last_mut() {
                last.deadline = target.deadline.unwrap_or(last.deadline);
            }
            said.warnings.extend(warnings.into_iter().map(name));
            return Some(Lane { steps });
        }
        Ok(Planned::NothingToDo { why, .. }) => said.nothing.push(name(why)),
        Err(why) => match (target.optional, wanted.goal.release()) {
            // A release that somebody names has to be there for everything that goes back.
            (Necessity::Required, _) | (Necessity::Optional, Some(_)) => said.refusals.push((wanted.step.clone(), why)),
            (Necessity::Optional, None) => said.left_out.push(name(format!("left out: {why}"))),
        },
    }
    None
}

/// What did not go where. Where one release was named for several targets, it is said for which of them it is one.
fn refused(chosen: &[Chosen<'_>], refusals: &[(String, String)], resolved: &[String]) -> String {
    let all: Vec<&Wanted<'_>> = chosen.iter().flat_map(|chosen| chosen.stages.iter().flatten()).collect();
    if let ([_], [(_, why)]) = (all.as_slice(), refusals) {
        return why.clone();
    }
    let whys: Vec<String> = refusals.iter().map(|(step, why)| format!("{step}: {why}")).collect();
    let named = all
        .first()
        .and_then(|first| first.goal.release())
        .filter(|release| all.iter().all(|wanted| wanted.goal.release() == Some(release)));
    let resolved: Vec<&str> = resolved.iter().map(String::as_str).collect();
    match named {
        Some(release) if !resolved.is_empty() => format!(
            "{release} cannot be gone back to everywhere; it can for {}. {} Take back `only {}`, or name releases apart: \
             `to {}`.",
            list(&resolved),
            whys.join(" "),
            resolved.join(", "),
            all.iter().map(|wanted| format!("{}=…", wanted.step)).collect::<Vec<_>>().join(" "),
        ),
        Some(_) | None => whys.join(" "),
    }
}

/// Services without checks: their health is judged by less.
fn unchecked(services: &[&ServiceIn]) -> Option<String> {
    let unchecked: Vec<&str> =
        services.iter().filter(|service| service.verify.is_empty()).map(|service| service.service.as_str()).collect();
    if unchecked.is_empty() {
        return None;
    }
    let of = if services.len() == 1 { String::new() } else { format!(" for {}", list(&unchecked)) };
    Some(format!(
        "No checks are configured under `verify`{of}, so health is judged by what AWS says of the targets alone."
    ))
}

/// Verify and Watch: the checks of all services, and those that are watched for as long as the longest watch.
fn checks(subject: &Subject, services: &[&ServiceIn], back: &[Stage]) -> Vec<Stage> {
    let lanes = |service: &ServiceIn, watch: Option<&Watch>| -> Vec<Lane> {
        service.verify.iter().map(|check| lane(subject, service, check, watch, back)).collect()
    };
    let verify: Vec<Lane> = services.iter().flat_map(|service| lanes(service, None)).collect();
    let longest = services.iter().filter_map(|service| service.watch).map(|watch| watch.lasts).max();
    let watch: Vec<Lane> = services
        .iter()
        .filter_map(|service| Some((service, Watch { lasts: longest?, ..service.watch? })))
        .flat_map(|(service, watch)| lanes(service, Some(&watch)))
        .collect();
    [(Purpose::Verify, verify), (Purpose::Watch, watch)]
        .into_iter()
        .filter(|(_, lanes)| !lanes.is_empty())
        .map(|(purpose, lanes)| Stage { purpose, track: None, lanes })
        .collect()
}

/// What the plan does to the Amplify branch of the step `id`, if it takes it back.
fn branch_job(back: &[Stage], id: &str) -> Option<BranchJob> {
    let mut steps = back.iter().flat_map(|stage| &stage.lanes).flat_map(|lane| &lane.steps);
    steps.find(|step| step.id.as_str() == id).and_then(|step| match &step.work {
        Work::Amplify(AmplifyWork::Branch(work)) => Some(work.clone()),
        Work::Amplify(AmplifyWork::Domain(_))
        | Work::EcsService(_)
        | Work::EcsCodeDeploy(_)
        | Work::Stack(_)
        | Work::Freeze(_)
        | Work::PipelineStage(_)
        | Work::CommitBuild(_)
        | Work::Site(_)
        | Work::Lambda(_)
        | Work::Check(_)
        | Work::Gate(_)
        | Work::Manual(_) => None,
    })
}

fn lane(
    subject: &Subject,
    service: &ServiceIn,
    configured: &ConfiguredCheck,
    watch: Option<&Watch>,
    back: &[Stage],
) -> Lane {
    let (check, title, resource, passes, every, within) = match configured {
        ConfiguredCheck::Http(http) => {
            let headers: BTreeMap<String, String> =
                http.header.iter().map(|header| (header.name.clone(), header.value.clone())).collect();
            let check = HttpCheck {
                url: http.url.clone(),
                status: http.status,
                body: http.body_contains.clone(),
                headers,
                timeout: http.timeout,
            };
            let title = format!("{} answers {}", http.url, http.status);
            (Check::Http(check), title, http.url.clone(), http.passes, http.every, http.within)
        }
        ConfiguredCheck::TargetGroup(group) => {
            let (check, what) = match &group.target_group {
                TargetGroup::Arn(arn) => (TargetGroupCheck::Group { arn: arn.clone() }, arn.clone()),
                TargetGroup::Of(name) => service
                    .targets
                    .iter()
                    .flat_map(|stage| &stage.targets)
                    .find(|target| target.name == *name)
                    .and_then(|target| match &target.kind {
                        TargetKind::Ecs(ecs) => Some(ecs),
                        TargetKind::CodePipeline(_)
                        | TargetKind::CodeBuild(_)
                        | TargetKind::Site(_)
                        | TargetKind::Amplify(_)
                        | TargetKind::AmplifyDomain(_)
                        | TargetKind::Lambda(_)
                        | TargetKind::LambdaSettings(_)
                        | TargetKind::Manual(_)
                        | TargetKind::Stack(_) => None,
                    })
                    .map_or_else(
                        || (TargetGroupCheck::Group { arn: name.clone() }, name.clone()),
                        |ecs| {
                            let check = TargetGroupCheck::Service {
                                cluster: ecs.cluster.clone(),
                                service: ecs.service.clone(),
                            };
                            (check, format!("{}/{}", ecs.cluster, ecs.service))
                        },
                    ),
            };
            let title = format!("load balancer targets of {what} are healthy");
            (Check::TargetGroup(check), title, what, GROUP_PASSES, GROUP_EVERY, GROUP_WITHIN)
        }
        ConfiguredCheck::Amplify(branch) => {
            let back = branch_job(back, &subject.step(service, &branch.of)).map(Box::new);
            let (app, branch) = (branch.target.app.clone(), branch.target.branch.clone());
            let what = format!("{branch} of {app}");
            let title = match &back {
                Some(_) => format!("{what} on Amplify shows what it was taken back to"),
                None => format!("{what} on Amplify shows a job that succeeded"),
            };
            let check = AmplifyCheck { app, branch, back };
            (Check::Amplify(check), title, what, AMPLIFY_PASSES, AMPLIFY_EVERY, AMPLIFY_WITHIN)
        }
        ConfiguredCheck::Alarms(alarms) => {
            let check = AlarmsCheck { names: alarms.names.clone() };
            let what = alarms.names.join(", ");
            let title = match alarms.names.len() {
                1 => format!("the alarm {what} is OK"),
                _ => format!("the alarms {what} are OK"),
            };
            (Check::Alarms(check), title, what, alarms.passes, alarms.every, alarms.within)
        }
    };
    let (prefix, span, estimate, deadline) = match watch {
        None => ("verify", Span::Passes { passes, every, within }, every * passes.saturating_sub(1), within),
        Some(watch) => (
            "watch",
            Span::Elapsed { span: watch.lasts, every: watch.every, failures: REGRESSION },
            watch.lasts,
            watch.lasts,
        ),
    };
    let step = Step {
        id: StepId::new(format!("{prefix}/{}", subject.step(service, configured.name()))),
        title,
        resource: Resource::new(resource),
        from: None,
        to: None,
        chosen: None,
        verbs: Vec::new(),
        loses: Vec::new(),
        need: Need::Required,
        deadline: deadline + GRACE,
        estimate,
        work: Work::Check(CheckWork { check, span }),
    };
    Lane { steps: vec![step] }
}
