//! The whole of rollbot.yml.

use std::collections::BTreeMap;

use crate::incident::policy::Principal;

use super::environments::{self, Environment};
use super::groups::{self, Group, GroupIn};
use super::names;
use super::problems::{ConfigErrors, Place, Report, Warning};
use super::scope::Scope;
use super::section::{Field, Part, Reader, Section};
use super::services::{self, Service, ServiceIn};
use super::slack::{self, SlackSection, StoreSection};
use super::yaml::{Entry, Node, Value};

/// A valid rollbot.yml.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// What concerns the whole workspace.
    pub slack: SlackSection,
    /// The people and groups that have names.
    pub people: BTreeMap<String, Principal>,
    /// Where incidents are kept.
    pub store: StoreSection,
    /// By name; at least one.
    pub environments: BTreeMap<String, Environment>,
    /// By name; at least one.
    pub services: BTreeMap<String, Service>,
    /// Several services under one name, by that name.
    pub groups: BTreeMap<String, Group>,
    /// What is allowed and probably not meant.
    pub warnings: Vec<Warning>,
}

impl Config {
    /// Reads `text`, which messages call `file_name`.
    ///
    /// # Errors
    /// Every problem that could be found, in the order of the lines; only the first where the text is not YAML.
    pub fn parse(file_name: &str, text: &str) -> Result<Self, ConfigErrors> {
        let root = Node::parse(text)
            .map_err(|problem| ConfigErrors { file: file_name.to_owned(), problems: vec![problem] })?;
        let mut report = Report::default();
        let mut config = read(&root, &mut report);
        config.warnings = report.finish(file_name)?;
        Ok(config)
    }

    /// A service in an environment, every `${…}` replaced; `None` where either is unknown or they do not meet.
    pub fn service(&self, environment: &str, service: &str) -> Option<ServiceIn> {
        self.services.get(service)?.environments.get(environment).cloned()
    }

    /// A group in an environment, every `${…}` replaced; `None` where there is no such group, or none of its services
    /// is there.
    pub fn group(&self, environment: &str, group: &str) -> Option<GroupIn> {
        self.groups.get(group)?.within(environment, &self.services)
    }
}

fn read(root: &Node, report: &mut Report) -> Config {
    let mut config = Config {
        slack: SlackSection::default(),
        people: BTreeMap::new(),
        store: StoreSection::default(),
        environments: BTreeMap::new(),
        services: BTreeMap::new(),
        groups: BTreeMap::new(),
        warnings: Vec::new(),
    };
    if matches!(root.value, Value::Nothing) {
        report.error(
            Place { line: 1, column: 1 },
            "this file is empty; deploy/rollbot.example.yml shows what belongs into it",
        );
        return config;
    }
    let Some(mut file) = Section::open(Field { key: "rollbot.yml", node: root }, Part::File, report) else {
        return config;
    };
    if let Some(slack) = file.optional("slack", report).and_then(|field| slack::read_slack(field, report)) {
        config.slack = slack;
    }
    if let Some(people) = file.optional("people", report) {
        config.people = slack::read_people(people, report);
    }
    if let Some(store) = file.optional("store", report) {
        let outside = Scope::outside();
        let store = slack::read_store(store, &mut Reader { report: &mut *report, scope: &outside });
        config.store = store.unwrap_or_default();
    }
    let mut scopes = BTreeMap::new();
    for entry in named_entries(file.required("environments", "{ prod: { … } }", report), report) {
        let field = Field { key: &entry.key, node: &entry.node };
        let (scope, environment) = environments::read(field, &config.people, report);
        scopes.insert(entry.key.clone(), scope);
        config.environments.extend(environment.map(|environment| (entry.key.clone(), environment)));
    }
    for entry in named_entries(file.required("services", "{ api: { … } }", report), report) {
        let field = Field { key: &entry.key, node: &entry.node };
        let service = services::read(field, &scopes, report);
        config.services.extend(service.map(|service| (entry.key.clone(), service)));
    }
    let groups = file.optional("groups", report).map(|field| named_entries(Some(field), report)).unwrap_or_default();
    let names: Vec<&str> = groups.iter().map(|entry| entry.key.as_str()).collect();
    for entry in groups {
        let field = Field { key: &entry.key, node: &entry.node };
        let group = groups::read(field, &config.services, &names, report);
        config.groups.extend(group.map(|group| (entry.key.clone(), group)));
    }
    file.close(report);
    config
}

/// The entries of a mapping whose keys are names that people type.
fn named_entries<'n>(field: Option<Field<'n>>, report: &mut Report) -> &'n [Entry] {
    let entries = field.and_then(|field| field.filled_mapping(report)).unwrap_or_default();
    for entry in entries {
        if let Some(sentence) = names::unusable(&entry.key) {
            report.error(entry.place, sentence);
        }
    }
    entries
}
