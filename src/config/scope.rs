//! What `${…}` stands for.

use std::collections::BTreeMap;

use super::later;
use super::names;
use super::section::Part;
use crate::incident::policy::Principal;

/// The names that every environment defines itself.
pub(super) const BUILT_IN: [&str; 3] = ["env", "region", "account"];

/// The names that one environment gives values to.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    /// `None` outside environments and services, where nothing has a value.
    environment: Option<String>,
    values: BTreeMap<String, String>,
    /// Whom names stand for.
    people: BTreeMap<String, Principal>,
}

impl Scope {
    /// A scope in which no name has a value.
    pub(super) fn outside() -> Self {
        Self::default()
    }

    /// The scope of an environment, with what it defines itself.
    pub(super) fn of(environment: &str, region: Option<&str>, account: Option<&str>) -> Self {
        let own = [("env", Some(environment)), ("region", region), ("account", account)];
        let values = own.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))).collect();
        Self { environment: Some(environment.to_owned()), values, people: BTreeMap::new() }
    }

    /// The same scope, in which these people have names.
    pub(super) fn with_people(self, people: &BTreeMap<String, Principal>) -> Self {
        Self { people: people.clone(), ..self }
    }

    /// Whom names stand for.
    pub(super) fn people(&self) -> &BTreeMap<String, Principal> {
        &self.people
    }

    /// Gives `name` a value.
    pub(super) fn define(&mut self, name: String, value: String) {
        self.values.insert(name, value);
    }

    /// The environment's name; empty outside of one.
    pub(super) fn environment(&self) -> &str {
        self.environment.as_deref().unwrap_or_default()
    }

    /// A value that has been defined.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// `text` with every `${…}` replaced, else a sentence that says which could not be.
    pub(super) fn resolve(&self, text: &str) -> Result<String, String> {
        let mut resolved = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let Some((name, tail)) = after.split_once('}') else {
                return Err(format!("`{text}` has a `${{` without its `}}`; close it"));
            };
            let value = self.values.get(name).ok_or_else(|| self.undefined(name))?;
            resolved.push_str(before);
            resolved.push_str(value);
            rest = tail;
        }
        resolved.push_str(rest);
        Ok(resolved)
    }

    fn undefined(&self, name: &str) -> String {
        let Some(environment) = &self.environment else {
            return format!(
                "`${{{name}}}` has no value here; it can stand in the strings of environments and services only"
            );
        };
        if let Some(refusal) = later::refusal(Part::Variable, name) {
            return refusal.replace(&format!("`{name}`"), &format!("`${{{name}}}`"));
        }
        if name == "account" {
            return format!(
                "`${{account}}` has no value in the environment `{environment}`; give `account` under its `aws`"
            );
        }
        let known = names::instead(name, self.values.keys().map(String::as_str), "defined are");
        format!("`${{{name}}}` has no value in the environment `{environment}`; {known}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prod() -> Scope {
        let mut scope = Scope::of("prod", Some("eu-north-1"), None);
        scope.define("app".to_owned(), "d1a2".to_owned());
        scope
    }

    #[test]
    fn every_name_is_replaced_by_its_value() {
        assert_eq!(prod().resolve("${app}/shop-${env}.${region}"), Ok("d1a2/shop-prod.eu-north-1".to_owned()));
        assert_eq!(prod().resolve("a $ b } {c}"), Ok("a $ b } {c}".to_owned()));
    }

    #[test]
    fn a_value_is_not_searched_for_names_again() {
        let mut scope = prod();
        scope.define("odd".to_owned(), "${env}".to_owned());
        assert_eq!(scope.resolve("${odd}"), Ok("${env}".to_owned()));
    }
}
