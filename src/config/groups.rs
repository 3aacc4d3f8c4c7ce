//! Groups: several services under one name, taken back as one incident.

use std::collections::BTreeMap;

use super::names;
use super::problems::Report;
use super::section::{Field, Part, Section};
use super::services::{Service, ServiceIn};

/// Several services under one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// What people type in place of a service.
    pub name: String,
    /// The names of its services in their order; at least one.
    pub services: Vec<String>,
    /// Whether they wait for one another.
    pub order: Order,
}

/// Whether the services of a group wait for one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Each begins when the one before is through.
    OneAfterTheOther,
    /// All begin at once.
    SideBySide,
}

/// A group in one environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupIn {
    /// Its name.
    pub name: String,
    /// Those of its services that are there, in their order; at least one.
    pub services: Vec<ServiceIn>,
    /// Whether they wait for one another.
    pub order: Order,
}

impl Group {
    /// The group in `environment`; `None` where none of its services is.
    pub(super) fn within(&self, environment: &str, services: &BTreeMap<String, Service>) -> Option<GroupIn> {
        let there = self.services.iter().filter_map(|name| services.get(name)?.environments.get(environment).cloned());
        let there: Vec<ServiceIn> = there.collect();
        (!there.is_empty()).then(|| GroupIn { name: self.name.clone(), services: there, order: self.order })
    }
}

/// Reads one group. `names` are those of all groups, for a mistake that is easily made.
pub(super) fn read(
    field: Field<'_>,
    services: &BTreeMap<String, Service>,
    names: &[&str],
    report: &mut Report,
) -> Option<Group> {
    if services.contains_key(field.key) {
        field.error(
            report,
            format!("`{}` is the name of a service; nobody could tell the two apart, so choose another", field.key),
        );
    }
    let mut section = Section::open(field, Part::Group, report)?;
    let listed = section.required("services", "[api, web]", report);
    let parallel = section.optional("parallel", report).and_then(|field| field.flag(report));
    section.close(report);
    let order = if parallel == Some(true) { Order::SideBySide } else { Order::OneAfterTheOther };
    let group = Group { name: field.key.to_owned(), services: members(listed?, services, names, report)?, order };
    refuse_one_thing_twice(field, &group, services, report);
    Some(group)
}

fn members(
    field: Field<'_>,
    services: &BTreeMap<String, Service>,
    groups: &[&str],
    report: &mut Report,
) -> Option<Vec<String>> {
    let mut members: Vec<String> = Vec::new();
    for item in field.filled_list(report)? {
        let Some(name) = item.plain_text(report) else { continue };
        if members.iter().any(|member| member == name) {
            item.error(report, format!("`{name}` stands here a second time; remove one"));
        } else if services.contains_key(name) {
            members.push(name.to_owned());
        } else if groups.contains(&name) {
            item.error(report, format!("`{name}` is a group itself; name its services instead"));
        } else {
            let instead = names::instead(name, services.keys().map(String::as_str), "there are");
            item.error(report, format!("`{name}` is not defined under `services`; {instead}"));
        }
    }
    Some(members)
}

/// Two lanes of one plan must not work on the same thing.
fn refuse_one_thing_twice(field: Field<'_>, group: &Group, services: &BTreeMap<String, Service>, report: &mut Report) {
    let members: Vec<&Service> = group.services.iter().filter_map(|name| services.get(name)).collect();
    let mut told: Vec<String> = Vec::new();
    for environment in members.iter().flat_map(|service| service.environments.keys()) {
        let mut seen: BTreeMap<String, &str> = BTreeMap::new();
        for service in members.iter().filter_map(|service| service.environments.get(environment)) {
            for target in service.targets.iter().flat_map(|stage| &stage.targets) {
                let thing = target.kind.identity();
                let Some(other) = seen.insert(thing.clone(), &service.service) else { continue };
                let sentence = format!(
                    "`{other}` and `{}` both take back the {thing}; a group takes each thing back once, so leave one out",
                    service.service
                );
                if other != service.service && !told.contains(&sentence) {
                    field.error(report, sentence.clone());
                    told.push(sentence);
                }
            }
        }
    }
}
