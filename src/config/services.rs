//! One service, as it is in each of its environments.

use std::collections::BTreeMap;

use super::checks::{self, Check, Watch};
use super::freezes::{self, Freeze};
use super::names;
use super::problems::Report;
use super::scope::Scope;
use super::section::{Field, Part, Reader, Section};
use super::targets::{self, Stage};

/// What people name in a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// What people type.
    pub name: String,
    /// The service in each of its environments, by the environment's name; at least one.
    pub environments: BTreeMap<String, ServiceIn>,
}

/// A service in one environment, every `${…}` replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceIn {
    /// The environment.
    pub environment: String,
    /// The service.
    pub service: String,
    /// What is rolled back, stage after stage; at least one.
    pub targets: Vec<Stage>,
    /// Where deployments are held back while it is rolled back.
    pub freeze: Vec<Freeze>,
    /// What proves that it worked, beside the targets' own evidence.
    pub verify: Vec<Check>,
    /// How long the checks run on; `None`: the incident closes with its verdict.
    pub watch: Option<Watch>,
}

/// Reads one service: once for each of its environments, with what `${…}` stands for there.
pub(super) fn read(field: Field<'_>, scopes: &BTreeMap<String, Scope>, report: &mut Report) -> Option<Service> {
    let mut section = Section::open(field, Part::Service, report)?;
    let listed = section.optional("environments", report);
    let chosen: Vec<&Scope> = match listed {
        Some(list) => chosen(list, scopes, report),
        None => scopes.values().collect(),
    };
    let targets = section.required("targets", "[{ ecs: { … } }]", report);
    let freeze = section.optional("freeze", report);
    let verify = section.optional("verify", report);
    let watch = section.optional("watch", report);
    let place = section.place;
    section.close(report);
    if let Some(watch) = watch
        && verify.is_none()
    {
        watch.error(report, "`watch` repeats the checks under `verify`, and there are none; add one or remove `watch`");
    }
    let mut environments = BTreeMap::new();
    for scope in chosen {
        let mut reader = Reader { report: &mut *report, scope };
        let stages = targets.and_then(|field| targets::read(field, &mut reader));
        let service = ServiceIn {
            environment: scope.environment().to_owned(),
            service: field.key.to_owned(),
            freeze: freeze.map(|field| freezes::read(field, &mut reader)).unwrap_or_default(),
            verify: verify.map(|field| checks::read(field, stages.as_deref(), &mut reader)).unwrap_or_default(),
            watch: watch.and_then(|field| checks::read_watch(field, &mut reader)),
            targets: stages.unwrap_or_default(),
        };
        environments.insert(service.environment.clone(), service);
    }
    if targets.is_some() && verify.is_none() {
        report.warn(
            place,
            format!(
                "`{}` has no `verify`: a rollback is proved by what AWS says of its targets alone; add a check of what \
                 people use",
                field.key
            ),
        );
    }
    Some(Service { name: field.key.to_owned(), environments })
}

fn chosen<'s>(field: Field<'_>, scopes: &'s BTreeMap<String, Scope>, report: &mut Report) -> Vec<&'s Scope> {
    let mut chosen: Vec<&Scope> = Vec::new();
    for item in field.filled_list(report).unwrap_or_default() {
        let Some(name) = item.plain_text(report) else { continue };
        match scopes.get(name) {
            Some(_) if chosen.iter().any(|scope| scope.environment() == name) => {
                item.error(report, format!("`{name}` stands here a second time; remove one"));
            }
            Some(scope) => chosen.push(scope),
            None => {
                let instead = names::instead(name, scopes.keys().map(String::as_str), "there are");
                item.error(report, format!("`{name}` is not defined under `environments`; {instead}"));
            }
        }
    }
    chosen
}
