//! What a request is about: one service, or a group of them. Pure.

use std::collections::BTreeSet;

use crate::config::{Config, GroupIn, Order, ServiceIn, Target, nearest};
use crate::incident::request::Request;

use super::selection;

/// What can be taken back under one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Subject {
    /// A service.
    Service(ServiceIn),
    /// Several services, as one incident.
    Group(GroupIn),
}

/// A word for targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meant {
    /// The target whose step has this name.
    Target(String),
    /// Every target of the service.
    Service(String),
}

impl Subject {
    /// What `name` stands for in `environment`.
    pub(super) fn of(config: &Config, environment: &str, name: &str) -> Option<Self> {
        let service = config.service(environment, name).map(Self::Service);
        service.or_else(|| config.group(environment, name).map(Self::Group))
    }

    /// What people typed.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Service(service) => &service.service,
            Self::Group(group) => &group.name,
        }
    }

    /// Its services, in their order.
    pub(super) fn services(&self) -> &[ServiceIn] {
        match self {
            Self::Service(service) => std::slice::from_ref(service),
            Self::Group(group) => &group.services,
        }
    }

    /// Whether its services wait for one another.
    pub(super) fn order(&self) -> Order {
        match self {
            Self::Service(_) => Order::OneAfterTheOther,
            Self::Group(group) => group.order,
        }
    }

    /// The name of something of `service` within a plan: in a group services may have targets of the same name.
    pub(super) fn step(&self, service: &ServiceIn, name: &str) -> String {
        match self {
            Self::Service(_) => name.to_owned(),
            Self::Group(_) => format!("{}/{name}", service.service),
        }
    }

    /// Every target with its service and the name of its step, in their order.
    pub(super) fn targets(&self) -> impl Iterator<Item = (&ServiceIn, &Target, String)> {
        self.services().iter().flat_map(|service| {
            let targets = service.targets.iter().flat_map(|stage| &stage.targets);
            targets.map(|target| (service, target, self.step(service, &target.name))).collect::<Vec<_>>()
        })
    }

    /// What `word` means: a step's name, in a group also a service's, or a target's that no other service has.
    ///
    /// # Errors
    /// A sentence with the nearest name.
    pub(super) fn meaning(&self, word: &str) -> Result<Meant, String> {
        if self.targets().any(|(_, _, step)| step == word) {
            return Ok(Meant::Target(word.to_owned()));
        }
        if let Self::Group(group) = self {
            if group.services.iter().any(|service| service.service == word) {
                return Ok(Meant::Service(word.to_owned()));
            }
            let called: Vec<String> =
                self.targets().filter(|(_, target, _)| target.name == word).map(|(_, _, step)| step).collect();
            match called.as_slice() {
                [] => {}
                [one] => return Ok(Meant::Target(one.clone())),
                several => {
                    return Err(format!(
                        "{} has several targets `{word}`; write {}.",
                        self.name(),
                        several.iter().map(|step| format!("`{step}`")).collect::<Vec<_>>().join(" or ")
                    ));
                }
            }
        }
        let steps: Vec<String> = self.targets().map(|(_, _, step)| step).collect();
        let names: Vec<&str> = steps.iter().map(String::as_str).collect();
        let hint = match nearest(word, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it has {}.", selection::list(&names)),
        };
        Err(format!("{} has no target `{word}`; {hint}", self.name()))
    }
}

/// The things that `request` would work on, by what the configuration calls them; `None` where that cannot be told
/// (any more).
pub(super) fn things(config: &Config, request: &Request) -> Option<BTreeSet<String>> {
    let subject = Subject::of(config, &request.environment, &request.service)?;
    let chosen = selection::select(&subject, request).ok()?;
    let wanted = chosen.iter().flat_map(|chosen| chosen.stages.iter().flatten());
    Some(wanted.map(|wanted| wanted.target.kind.identity()).collect())
}

/// Whether two requests of one environment would work on the same thing. What cannot be told counts as the same where
/// the name is.
pub(super) fn overlap(config: &Config, one: &Request, other: &Request) -> bool {
    if one.environment != other.environment {
        return false;
    }
    match (things(config, one), things(config, other)) {
        (Some(one), Some(other)) => !one.is_disjoint(&other),
        (Some(_) | None, _) => one.service == other.service,
    }
}
