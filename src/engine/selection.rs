//! Which targets a request is about, and where each is to go. Pure.

use crate::config::{Inclusion, ServiceIn, Target, TargetKind};
use crate::incident::request::Request;

use super::subject::{Meant, Subject};

/// A service as far as a request is about it.
#[derive(Debug)]
pub(super) struct Chosen<'a> {
    /// The service.
    pub(super) service: &'a ServiceIn,
    /// The chosen targets in the stages that the configuration gives them; at least one.
    pub(super) stages: Vec<Vec<Wanted<'a>>>,
}

/// A chosen target.
#[derive(Debug, Clone)]
pub(super) struct Wanted<'a> {
    /// The name of its step.
    pub(super) step: String,
    /// The environment that it is in.
    pub(super) environment: &'a str,
    /// The service that it belongs to.
    pub(super) service: &'a str,
    /// The target.
    pub(super) target: &'a Target,
    /// Where it is to go.
    pub(super) goal: Goal<'a>,
}

/// Where a target is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goal<'a> {
    /// To what ran together with the others before.
    Together,
    /// To what ran there before, whatever ran elsewhere.
    Previous,
    /// To this release.
    Release(&'a str),
}

impl<'a> Goal<'a> {
    fn named(release: &'a str) -> Self {
        let release = release.trim();
        let is_previous = ["", "previous", "prev"].iter().any(|word| release.eq_ignore_ascii_case(word));
        if is_previous { Self::Previous } else { Self::Release(release) }
    }

    /// The release that was named.
    pub(super) fn release(self) -> Option<&'a str> {
        match self {
            Self::Together | Self::Previous => None,
            Self::Release(release) => Some(release),
        }
    }
}

/// The chosen targets of each service that has any.
///
/// # Errors
/// A sentence when names mean nothing, when releases are named for some targets only, or when nothing is left.
pub(super) fn select<'a>(subject: &'a Subject, request: &'a Request) -> Result<Vec<Chosen<'a>>, String> {
    let only = meanings(subject, &request.only)?;
    let with = meanings(subject, &request.with)?;
    let apart: Vec<(Meant, &str)> = request
        .apart
        .iter()
        .map(|(name, release)| Ok((subject.meaning(name)?, release.as_str())))
        .collect::<Result<_, String>>()?;
    let is_wanted = |service: &ServiceIn, target: &Target, step: &str| {
        let (target_itself, whole) = (Meant::Target(step.to_owned()), Meant::Service(service.service.clone()));
        if with.contains(&target_itself) || with.contains(&whole) || only.contains(&target_itself) {
            return true;
        }
        (only.is_empty() || only.contains(&whole)) && target.on_request == Inclusion::Always
    };
    let mut chosen = Vec::new();
    for service in subject.services() {
        let mut stages = Vec::new();
        for stage in &service.targets {
            let mut wanted = Vec::new();
            for target in &stage.targets {
                let step = subject.step(service, &target.name);
                if is_wanted(service, target, &step) {
                    let goal = goal(request, &apart, service, &step);
                    wanted.push((step, target, goal));
                }
            }
            if !wanted.is_empty() {
                stages.push(wanted);
            }
        }
        if !stages.is_empty() {
            chosen.push((service, stages));
        }
    }
    let steps: Vec<(&ServiceIn, &str, bool)> = chosen
        .iter()
        .flat_map(|(service, stages)| {
            // What people do by hand has no releases.
            let with_releases =
                stages.iter().flatten().filter(|(_, target, _)| !matches!(target.kind, TargetKind::Manual(_)));
            with_releases.map(|(step, _, goal)| (*service, &**step, goal.is_some()))
        })
        .collect();
    if chosen.is_empty() {
        let names: Vec<String> = subject.targets().map(|(_, _, step)| step).collect();
        return Err(format!(
            "All targets of {} are taken back on request only; name them: `with {}`.",
            subject.name(),
            names.join("`, `with ")
        ));
    }
    refuse_releases_for_some(&apart, &steps)?;
    let chosen = chosen.into_iter().map(|(service, stages)| {
        let wanted = |(step, target, goal): (String, &'a Target, Option<Goal<'a>>)| Wanted {
            step,
            environment: &request.environment,
            service: &service.service,
            target,
            goal: goal.unwrap_or(Goal::Together),
        };
        Chosen { service, stages: stages.into_iter().map(|stage| stage.into_iter().map(wanted).collect()).collect() }
    });
    Ok(chosen.collect())
}

fn meanings(subject: &Subject, words: &[String]) -> Result<Vec<Meant>, String> {
    words.iter().map(|word| subject.meaning(word)).collect()
}

/// Where a target is to go: what was named for it alone counts before what was named for its service. `None`: releases
/// are named apart, and none for this one.
fn goal<'a>(request: &'a Request, apart: &[(Meant, &'a str)], service: &ServiceIn, step: &str) -> Option<Goal<'a>> {
    if apart.is_empty() {
        return Some(match request.to.as_deref().map(Goal::named) {
            Some(Goal::Release(release)) => Goal::Release(release),
            Some(Goal::Together | Goal::Previous) | None => Goal::Together,
        });
    }
    let named = |meant: &Meant| apart.iter().find(|(of, _)| of == meant).map(|(_, release)| Goal::named(release));
    named(&Meant::Target(step.to_owned())).or_else(|| named(&Meant::Service(service.service.clone())))
}

/// Where releases are named apart, each target has one, and each name a target.
fn refuse_releases_for_some(apart: &[(Meant, &str)], steps: &[(&ServiceIn, &str, bool)]) -> Result<(), String> {
    for (meant, release) in apart {
        let (name, is_chosen) = match meant {
            Meant::Target(name) => (name, steps.iter().any(|(_, step, _)| step == name)),
            Meant::Service(name) => (name, steps.iter().any(|(service, _, _)| service.service == *name)),
        };
        if !is_chosen {
            return Err(format!(
                "`{name}={release}` names a release for something that is not taken back; add `{name}` with `only` or \
                 `with`, or leave it out."
            ));
        }
    }
    let missing: Vec<&str> = steps.iter().filter(|(_, _, has_one)| !has_one).map(|(_, step, _)| *step).collect();
    if missing.is_empty() || apart.is_empty() {
        return Ok(());
    }
    let there: Vec<&str> = steps.iter().filter(|(_, _, has_one)| *has_one).map(|(_, step, _)| *step).collect();
    Err(format!(
        "`to` names no release for {}; say one for each (`{}=previous`), or take back `only {}`.",
        list(&missing),
        missing.first().copied().unwrap_or_default(),
        there.join(", ")
    ))
}

/// Names in backquotes.
pub(super) fn list(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
